//! Sends one request until it has a definite answer.
//!
//! Invariants: the same bytes are sent again and again, with a pause that doubles up to [`BACKOFF_MAX`], with jitter, or as long as the server asks; a
//! refused token is said clearly and tried again, for it may be renewed; nothing is given up but when the caller's token says so.

use crate::batch::Batch;
use crate::client::{Client, Reply};
use crate::limits::{BACKOFF_FIRST, BACKOFF_MAX};
use martlog_formats::wire::{AppendAnswer, PositionsAnswer, PositionsRequest};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Shipped {
    /// The server answered part by part.
    Answered(AppendAnswer),
    /// The server wants less at once, or takes all of it for broken: the reason.
    Smaller(String),
    /// There was no answer before the stop.
    Stopped,
}

/// Growing pauses.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: BACKOFF_FIRST }
    }
}

impl Backoff {
    /// The next pause: what the server asked for, or half to all of a doubling one.
    pub(crate) fn pause(&mut self, asked: Option<Duration>) -> Duration {
        let grown = self.next;
        self.next = (grown * 2).min(BACKOFF_MAX);
        // Nodes that lost the server together do not come back together.
        asked.unwrap_or_else(|| grown / 2 + (grown / 2).mul_f64(random()))
    }
}

/// The pause, or up to a fifth more or less: nodes that began together do not ask together for ever.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.8 + 0.4 * random())
}

/// From 0 to 1.
fn random() -> f64 {
    // A fresh hasher is seeded at random.
    let random = RandomState::new().build_hasher().finish() % 1_000;
    f64::from(u32::try_from(random).unwrap_or(0)) / 1_000.0
}

/// Sends a batch until it is answered, or given up.
pub(crate) async fn append(client: &Client, batch: &Batch, give_up: &CancellationToken) -> Shipped {
    let sending = async {
        let mut backoff = Backoff::default();
        loop {
            let (asked, why) = match client.append(batch.body.clone()).await {
                Reply::Answer(answer) if answer.parts.len() == batch.notes.len() => return Shipped::Answered(answer),
                Reply::Answer(answer) => (None, format!("the server answered for {} of {} parts", answer.parts.len(), batch.notes.len())),
                Reply::TooLarge(why) | Reply::Broken(why) => return Shipped::Smaller(why),
                Reply::Denied(why) => (Some(BACKOFF_MAX / 6), format!("{why}; check the collector's token: it is tried again")),
                Reply::Later(asked, why) => (asked, why),
            };
            let pause = backoff.pause(asked);
            tracing::warn!(pause_ms = pause.as_millis(), records = batch.records(), bytes = batch.raw_bytes, "a batch waits: {why}");
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        biased;
        shipped = sending => shipped,
        () = give_up.cancelled() => Shipped::Stopped,
    }
}

/// Asks for positions until there is an answer; `None` when it is time to stop.
pub(crate) async fn positions(client: &Client, request: &PositionsRequest, stop: &CancellationToken) -> Option<PositionsAnswer> {
    let asking = async {
        let mut backoff = Backoff::default();
        loop {
            let (asked, why) = match client.positions(request).await {
                Reply::Answer(answer) if answer.marks.len() == request.files.len() => return answer,
                Reply::Answer(_) => (None, "the server answered for other files than were asked for".to_owned()),
                Reply::Denied(why) => (Some(BACKOFF_MAX / 6), format!("{why}; check the collector's token: it is tried again")),
                Reply::TooLarge(why) | Reply::Broken(why) => (None, why),
                Reply::Later(asked, why) => (asked, why),
            };
            let pause = backoff.pause(asked);
            tracing::warn!(pause_ms = pause.as_millis(), files = request.files.len(), "the positions are not known: {why}");
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        biased;
        answer = asking => Some(answer),
        () = stop.cancelled() => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_the_server_is_obeyed() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..12).map(|_| backoff.pause(None)).collect();
        assert!(pauses[0] >= BACKOFF_FIRST / 2 && pauses[0] <= BACKOFF_FIRST);
        assert!(pauses[11] >= BACKOFF_MAX / 2 && pauses[11] <= BACKOFF_MAX);
        assert_eq!(backoff.pause(Some(Duration::from_secs(7))), Duration::from_secs(7));
    }
}
