//! TLS on a listener: the server's certificate, and handshakes that hold nobody up.
//!
//! Invariants: at most [`HANDSHAKES_MAX`] handshakes are under way, each for at most [`HANDSHAKE_TIMEOUT`], beside the connections that are served; a certificate that is
//! replaced on disk is the one of the next handshake, connections that stand keep theirs.

use super::files;
use super::limit::{Held, Limited};
use axum::serve::Listener;
use martlog_collector::fresh::{Fresh, LOOK_INTERVAL};
use martlog_collector::tls;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// A handshake takes two round trips; who takes longer is not there.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Enough for every node of a large cluster to come back at once; further ones wait in the kernel's queue.
const HANDSHAKES_MAX: usize = 128;
/// What is read of a request in clear before it is told that this is the wrong door, bytes.
const CLEAR_BYTES_MAX: u64 = 64 << 10;
/// A handshake begins with this byte; no HTTP method does.
const HANDSHAKE_RECORD: u8 = 0x16;

/// The certificate and its key, as the files have them now.
#[derive(Debug, Clone)]
pub(crate) struct Certificate(Arc<Fresh<Arc<Loaded>>>);

/// One reading of the files.
struct Loaded {
    config: Arc<ServerConfig>,
    /// The server's own certificate, DER.
    own: Vec<u8>,
}

impl Certificate {
    /// Reads both files, which may be one.
    pub(crate) fn read(cert: &Path, key: &Path) -> Result<Self, String> {
        let shown = (cert.display().to_string(), key.display().to_string());
        let fresh = Fresh::read(vec![cert.to_owned(), key.to_owned()], move |contents| load(contents, &shown.0, &shown.1).map(Arc::new))?;
        Ok(Self(Arc::new(fresh)))
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.get().config))
    }

    /// Writes the certificate into the data folder, by which commands on this machine know the server.
    pub(crate) fn publish(&self, dir: &Path) -> Result<(), crate::outcome::Failure> {
        files::write(dir, files::CERTIFICATE, &self.0.get().own, files::Mode::Readable)
    }

    /// Does so whenever it changes, for ever.
    pub(crate) async fn keep_published(&self, dir: &Path) {
        let mut published = self.0.get();
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let now = self.0.get();
            if !Arc::ptr_eq(&published, &now) {
                published = now;
                if let Err(crate::outcome::Failure::Server(why)) = self.publish(dir) {
                    tracing::warn!("{why}; `martlog backup` will not know this server");
                }
            }
        }
    }
}

fn load(contents: &[Vec<u8>], cert: &str, key: &str) -> Result<Loaded, String> {
    let chain = tls::certificates(contents, cert)?;
    let own = chain.first().map(|first: &CertificateDer<'_>| first.to_vec()).unwrap_or_default();
    let pem = contents.get(1).map_or(&[][..], Vec::as_slice);
    let secret = PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| format!("{key} holds no private key: it must be PEM without a passphrase, as in -----BEGIN PRIVATE KEY-----"))?;
    let settings = ServerConfig::builder_with_provider(tls::provider()).with_safe_default_protocol_versions();
    let settings = settings.map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let config = settings.with_no_client_auth().with_single_cert(chain, secret);
    let mut config = config.map_err(|error| format!("the certificate in {cert} and the key in {key} cannot be used together: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Loaded { config: Arc::new(config), own })
}

/// A listener that speaks TLS where there is a certificate, and in clear where there is none.
pub(crate) struct Door {
    inner: Limited,
    certificate: Option<Certificate>,
    handshakes: JoinSet<Option<(TlsStream<Held>, SocketAddr)>>,
}

impl Door {
    pub(crate) fn new(inner: Limited, certificate: Option<Certificate>) -> Self {
        Self { inner, certificate, handshakes: JoinSet::new() }
    }
}

impl Listener for Door {
    type Io = Either<Held, TlsStream<Held>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let Some(certificate) = &self.certificate else {
            let (stream, peer) = self.inner.accept().await;
            return (Either::Left(stream), peer);
        };
        loop {
            let room = self.handshakes.len() < HANDSHAKES_MAX;
            tokio::select! {
                Some(ended) = self.handshakes.join_next() => if let Ok(Some((stream, peer))) = ended {
                    return (Either::Right(stream), peer);
                },
                (stream, peer) = self.inner.accept(), if room => {
                    self.handshakes.spawn(greet(certificate.acceptor(), stream, peer));
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// One connection up to its TLS; `None` when it does not come to that.
async fn greet(acceptor: TlsAcceptor, stream: Held, peer: SocketAddr) -> Option<(TlsStream<Held>, SocketAddr)> {
    let greeting = async {
        match stream.peek_byte().await? {
            Some(HANDSHAKE_RECORD) => acceptor.accept(stream).await.map(Some),
            Some(byte) if byte.is_ascii_alphabetic() => turn_away(stream).await.map(|()| None),
            _ => Ok(None),
        }
    };
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, greeting).await {
        Ok(Ok(stream)) => stream.map(|stream| (stream, peer)),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "a TLS handshake took too long");
            None
        }
    }
}

/// Tells a client that speaks in clear how to come in. Its request may already have carried a token, which helps nobody here; it is not looked at.
async fn turn_away(mut stream: Held) -> io::Result<()> {
    // Not 400: a collector takes that for a broken batch.
    const BODY: &str = r#"{"type":"about:blank","title":"This address speaks TLS","status":426,"code":"tls_required","detail":"this address speaks TLS: write https:// instead of http://, and name the authority's certificate if it is not one of the system's (--ca-cert)"}"#;
    let head = format!(
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2, HTTP/1.1\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\r\n",
        BODY.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(BODY.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing on unread bytes would reset the connection, and the answer with it.
    tokio::io::copy(&mut stream.take(CLEAR_BYTES_MAX), &mut tokio::io::sink()).await.map(drop)
}

#[cfg(test)]
mod tests;
