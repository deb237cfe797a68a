//! Syslog over UDP: each datagram is a message (RFC 5426). One task receives, another stores, so that the kernel's buffer is emptied while a sync is waited for.

use super::keep::Keep;
use super::{Piece, Syslog};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// Datagrams that wait to be stored, bytes; further ones are lost.
pub const DATAGRAMS_BYTES_MAX: usize = 8 << 20;
/// Their greatest number.
const DATAGRAMS_MAX: usize = 32 << 10;
/// The largest datagram.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;
/// How often it is told that some are lost.
const TELL: Duration = Duration::from_secs(10);

/// What waits between the two.
#[derive(Debug, Default)]
struct Waiting {
    bytes: AtomicUsize,
    lost: AtomicU64,
}

impl Syslog {
    /// Takes the datagrams of a socket until it is stopped.
    pub async fn datagrams(&self, socket: UdpSocket) {
        let (sender, receiver) = mpsc::channel(DATAGRAMS_MAX);
        let waiting = Arc::new(Waiting::default());
        tokio::join!(self.receive(socket, sender, &waiting), store(&self.keep, receiver, &waiting));
    }

    /// Ends when it is stopped, and with it the sender.
    async fn receive(&self, socket: UdpSocket, sender: mpsc::Sender<(Vec<u8>, SocketAddr)>, waiting: &Waiting) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let received = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                received = socket.recv_from(&mut buffer) => received,
            };
            let (length, peer) = match received {
                Ok(received) => received,
                Err(error) => {
                    // An answer of the network to something that was never sent; it must not become a busy loop.
                    tracing::debug!(%error, "a syslog datagram could not be received");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            };
            let message = buffer[..length].trim_ascii_end();
            if message.is_empty() {
                continue;
            }
            let fits = waiting.bytes.load(Relaxed) + length <= DATAGRAMS_BYTES_MAX;
            if fits && sender.try_send((message.to_vec(), peer)).is_ok() {
                waiting.bytes.fetch_add(message.len(), Relaxed);
            } else {
                waiting.lost.fetch_add(1, Relaxed);
                self.keep.lost(1);
            }
        }
    }
}

/// Stores what is there, in pieces; ends with the receiving side, when everything is stored.
async fn store(keep: &Keep, mut receiver: mpsc::Receiver<(Vec<u8>, SocketAddr)>, waiting: &Waiting) {
    let mut told = Instant::now();
    while let Some((first, peer)) = receiver.recv().await {
        let mut piece = Piece::default();
        piece.push(&first);
        while !piece.is_full()
            && let Ok((message, _)) = receiver.try_recv()
        {
            piece.push(&message);
        }
        let bytes = piece.bytes;
        keep.store(piece.take(), peer).await;
        waiting.bytes.fetch_sub(bytes, Relaxed);
        if told.elapsed() > TELL {
            told = Instant::now();
            let lost = waiting.lost.swap(0, Relaxed);
            if lost > 0 {
                tracing::warn!(
                    lost,
                    "syslog datagrams came faster than they could be stored, and are lost: use TCP or TLS where that matters"
                );
            }
        }
    }
}
