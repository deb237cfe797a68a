//! Syslog over TCP, TLS and UDP: messages of a listener that the operator has bound to an ingest token. Whoever accepts connections hands them over here.
//!
//! Syslog has no acknowledgements, so nothing can be sent back. What can be done is done: a stream is read no further while what it brought is not durable, so its sender waits and keeps the
//! rest; while the store takes nothing, it is tried again and again. Datagrams cannot wait: beyond [`DATAGRAMS_BYTES_MAX`] they are lost, counted, and told in the server's log.
//!
//! Invariants: who may push is asked anew for each piece, so a revoked token ends its connections; a connection holds one message and [`PIECE_BYTES_MAX`] at most.

mod datagrams;
mod keep;

pub use datagrams::DATAGRAMS_BYTES_MAX;

use crate::Indexer;
use keep::{Keep, Kept};
use martlog_formats::push::syslog::Frames;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// Bytes that are stored at once at most; a message may stand out.
const PIECE_BYTES_MAX: usize = 256 << 10;
/// Messages that are stored at once at most, give or take one reading.
const PIECE_MESSAGES_MAX: usize = 10_000;
/// How long messages are gathered for a common sync.
const GATHER: Duration = Duration::from_millis(20);
/// How long nothing is read before it is looked around; nothing happens then.
const IDLE: Duration = Duration::from_secs(3600);
/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;

/// Where the token of a listener is told: anew each time, for it may be replaced.
pub type TokenSource = Arc<dyn Fn() -> Arc<str> + Send + Sync>;

/// A listener's other side.
#[derive(Clone)]
pub struct Syslog {
    keep: Keep,
    stop: CancellationToken,
}

impl fmt::Debug for Syslog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Syslog").finish_non_exhaustive()
    }
}

/// Messages that wait to be stored together.
#[derive(Debug, Default)]
struct Piece {
    messages: Vec<Vec<u8>>,
    bytes: usize,
    /// When it is stored, however small it is.
    due: Option<Instant>,
}

impl Piece {
    fn push(&mut self, message: &[u8]) {
        self.bytes += message.len();
        self.messages.push(message.to_vec());
        self.due.get_or_insert_with(|| Instant::now() + GATHER);
    }

    fn is_full(&self) -> bool {
        self.bytes >= PIECE_BYTES_MAX || self.messages.len() >= PIECE_MESSAGES_MAX
    }

    fn take(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(self).messages
    }
}

impl Syslog {
    /// For the messages of a listener: whose they are says the token, and the instance where it has several. `rate_bytes` is what may come, bytes a second. `stop` ends it, as soon as
    /// what was read is stored.
    #[must_use]
    pub fn new(indexer: Indexer, token: TokenSource, instance: Option<String>, rate_bytes: Option<u64>, stop: CancellationToken) -> Self {
        Self { keep: Keep::new(indexer, token, instance, rate_bytes, stop.clone()), stop }
    }

    /// Takes the messages of a connection until it ends.
    pub async fn stream(&self, mut stream: impl AsyncRead + Unpin, peer: SocketAddr) {
        let (mut frames, mut piece) = (Frames::default(), Piece::default());
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let due = piece.due.unwrap_or_else(|| Instant::now() + IDLE);
            let read = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                read = timeout_at(due, stream.read(&mut buffer)) => read,
            };
            match read {
                Ok(Ok(0)) => break,
                Ok(Ok(length)) => frames.feed(&buffer[..length], |message| piece.push(message)),
                Ok(Err(error)) => {
                    tracing::debug!(%peer, %error, "a syslog connection broke");
                    break;
                }
                Err(_) => {}
            }
            let due = piece.is_full() || piece.due.is_some_and(|due| due <= Instant::now());
            if due && self.keep.store(piece.take(), peer).await == Kept::Refused {
                return;
            }
        }
        frames.end(|message| piece.push(message));
        self.keep.store(piece.take(), peer).await;
    }
}
