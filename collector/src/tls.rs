//! Whom a client trusts: TLS towards the server, with rustls.
//!
//! Invariants: no certificate goes unchecked, whatever the options; files are read again when they change, so that an authority can be replaced while everything runs.

use crate::fresh::Fresh;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage, RootCertStore, SignatureScheme};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whose certificate a server must have.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The certificates of authorities (PEM); without it, those of the system.
    pub ca_cert: Option<PathBuf>,
    /// The name that the certificate must have, where it is not the host of the URL.
    pub server_name: Option<String>,
}

/// What decides of a server's certificate, as the files say now.
#[derive(Debug, Clone)]
pub struct Trust(Arc<Fresh<Arc<ClientConfig>>>);

impl Trust {
    /// What a client of this URL needs: one that speaks in clear trusts nobody.
    ///
    /// # Errors
    /// A sentence: the options make no sense for this URL, or the authorities cannot be read.
    pub fn of(url: &str, options: &Options) -> Result<Self, String> {
        if url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:")) {
            return Self::authorities(options);
        }
        if options.ca_cert.is_some() || options.server_name.is_some() {
            return Err(format!("{url} speaks in clear, and yet it is said whose certificate it must have: write https://HOST:PORT"));
        }
        let nobody = settings()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        Ok(Self(Arc::new(Fresh::fixed(Arc::new(nobody)))))
    }

    fn authorities(options: &Options) -> Result<Self, String> {
        let name = options.server_name.as_deref().map(|name| {
            ServerName::try_from(name.to_owned())
                .map_err(|_| format!("\"{name}\" is no name that a certificate can have: write a host's name or an IP address"))
        });
        let name = name.transpose()?;
        let Some(path) = options.ca_cert.clone() else {
            return Ok(Self(Arc::new(Fresh::fixed(config(system()?, name)?))));
        };
        let shown = path.display().to_string();
        let make = move |contents: &[Vec<u8>]| config(roots(&certificates(contents, &shown)?, &shown)?, name.clone());
        Ok(Self(Arc::new(Fresh::read(vec![path], make)?)))
    }

    /// Trusts the one server whose certificate this is (DER), under whatever name: for a file that the server itself wrote where only its user may.
    ///
    /// # Errors
    /// A sentence that names the file, when it cannot be read.
    pub fn pinned(path: &Path) -> Result<Self, String> {
        let own = |contents: &[Vec<u8>]| CertificateDer::from(contents.first().cloned().unwrap_or_default());
        let fresh = Fresh::read(vec![path.to_owned()], move |contents| verified_by(Pinned(own(contents))))?;
        Ok(Self(Arc::new(fresh)))
    }

    /// As the files say now; the same one until they change.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        self.0.get()
    }
}

/// The certificates of the PEM file that `shown` names.
///
/// # Errors
/// A sentence, when it holds none or something broken.
pub fn certificates(contents: &[Vec<u8>], shown: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = contents.first().map_or(&[][..], Vec::as_slice);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found
        .map_err(|error| format!("{shown} holds a broken certificate ({error}): it must be PEM, as in -----BEGIN CERTIFICATE-----"))?;
    if found.is_empty() {
        Err(format!("{shown} holds no certificate: it must be PEM, as in -----BEGIN CERTIFICATE-----"))
    } else {
        Ok(found)
    }
}

fn roots(certificates: &[CertificateDer<'static>], shown: &str) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store.add(certificate.clone()).map_err(|error| format!("a certificate in {shown} cannot be an authority's: {error}"))?;
    }
    Ok(store)
}

/// The system's authorities; what is broken among them is left out.
fn system() -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let why = found.errors.first().map_or_else(|| "it has none".to_owned(), ToString::to_string);
        return Err(format!(
            "this system's certificate authorities cannot be read ({why}): install them (Debian's package ca-certificates), or name a file with --ca-cert"
        ));
    }
    Ok(store)
}

fn config(roots: RootCertStore, name: Option<ServerName<'static>>) -> Result<Arc<ClientConfig>, String> {
    let Some(name) = name else { return Ok(Arc::new(settings()?.with_root_certificates(roots).with_no_client_auth())) };
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    let inner = inner.map_err(|error| format!("the certificate authorities cannot be used: {error}"))?;
    verified_by(Named { inner, name })
}

fn settings() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    let settings = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    settings.map_err(|error| format!("TLS cannot be set up: {error}"))
}

fn verified_by(verifier: impl ServerCertVerifier + 'static) -> Result<Arc<ClientConfig>, String> {
    Ok(Arc::new(settings()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()))
}

/// The cryptography of all TLS here.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Checks a certificate for another name than the one that was dialled.
#[derive(Debug)]
struct Named {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dialled: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Takes one certificate and no other. That the server has its key is checked as ever.
#[derive(Debug)]
struct Pinned(CertificateDer<'static>);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _dialled: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.0 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &ring::default_provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &ring::default_provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// What went wrong with TLS and what to do, when the error or one of its causes is of TLS.
#[must_use]
pub fn explain(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let advice = match cause(error)? {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate is of an authority that is not trusted here; name the authority's certificate with --ca-cert".to_owned()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "its certificate has expired; renew it on the server, which reads the new one without a restart, or set this machine's clock".to_owned()
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "its certificate is not valid yet; look at the clocks of both machines".to_owned()
        }
        Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "its certificate is of another name; write the URL with a name that the certificate has, or say that name with --tls-server-name".to_owned()
        }
        Error::InvalidCertificate(why) => format!("its certificate is not accepted: {why}"),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "what it speaks is no TLS; write http:// if it is meant to speak in clear".to_owned(),
        other => format!("TLS failed: {other}"),
    };
    Some(advice)
}

/// The TLS error among an error and its causes. An `io::Error` hides what it wraps from its `source`.
fn cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    None
}
