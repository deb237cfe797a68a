//! Pushes under an `Idempotency-Key`: the first stores, the same again gets the same answer and stores nothing, for a day.
//!
//! What a push came to is durable with its lines (see `append/keyed`), so neither a restart nor a crash at any moment makes the same push count twice or not at all. Here is only what cannot
//! outlive the process: the pushes that are running. One that fails leaves no trace.

use super::super::Doors;
use super::super::problem::Problem;
use super::{Received, WORKED_ON, told};
use crate::append::{KeyedPush, PushId, has_room, now_ns, pushed};
use axum::http::{HeaderMap, HeaderName};
use martlog_formats::push::Told;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The longest `Idempotency-Key`, bytes.
const KEY_BYTES_MAX: usize = 255;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How long a token waits whose keys take too much: they end one by one.
const FULL_RETRY: Duration = Duration::from_secs(60);

/// Of instance, door and body: another one under the same key is a mistake.
type Fingerprint = [u8; 16];

/// The pushes that are running.
#[derive(Debug, Default)]
pub(in super::super) struct Idempotency {
    running: Mutex<HashMap<PushId, Fingerprint>>,
}

/// What a key means now.
#[derive(Debug)]
pub(super) enum Begun {
    /// It is new: push.
    First(Turn),
    /// Its push runs.
    Running,
    /// Its push was answered so.
    Answered(Told),
    /// It was used for something else.
    Reused,
    /// No more keys of this token can be kept.
    Full,
}

/// The right to push under a key, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    all: Arc<Idempotency>,
    token: Arc<str>,
    id: PushId,
    fingerprint: Fingerprint,
}

/// The key of a request.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<Arc<str>>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=KEY_BYTES_MAX).contains(&key.len()) => Ok(Some(key.into())),
        _ => Err(Problem::invalid("Idempotency-Key", format!("`Idempotency-Key` must be 1 to {KEY_BYTES_MAX} visible ASCII characters"))),
    }
}

/// Begins a push under a key.
pub(super) async fn begin(doors: &Doors, received: &Received, key: &str) -> Result<Begun, Problem> {
    let fingerprint = fingerprint(received);
    let id = id(&received.token, key);
    let turn = match doors.pushes.take(&received.token, id, fingerprint) {
        Ok(turn) => turn,
        Err(same) => return Ok(if same { Begun::Running } else { Begun::Reused }),
    };
    // The right to push is held already: what is not known now does not become so meanwhile.
    let engine = &doors.indexer.engine;
    if let Some(known) = pushed(engine, &id).await? {
        return Ok(match told::decode(&known.answer) {
            _ if known.fingerprint != fingerprint => Begun::Reused,
            Some(told) => Begun::Answered(told),
            None => return Err(super::failed()),
        });
    }
    if !has_room(engine, &received.token) {
        return Ok(Begun::Full);
    }
    Ok(Begun::First(turn))
}

impl Idempotency {
    /// The right to push; an error when a push of this key is running, and whether it is the same.
    fn take(self: &Arc<Self>, token: &Arc<str>, id: PushId, fingerprint: Fingerprint) -> Result<Turn, bool> {
        let mut running = self.running.lock();
        if let Some(other) = running.get(&id) {
            return Err(*other == fingerprint);
        }
        running.insert(id, fingerprint);
        Ok(Turn { all: Arc::clone(self), token: Arc::clone(token), id, fingerprint })
    }
}

impl Turn {
    /// What is to be kept with the lines.
    pub(super) fn keyed(&self, told: &Told) -> KeyedPush {
        let (token, answer) = (Arc::clone(&self.token), told::encode(told).into());
        KeyedPush { id: self.id, token, fingerprint: self.fingerprint, answer, at_ns: now_ns() }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.running.lock().remove(&self.id);
    }
}

fn id(token: &str, key: &str) -> PushId {
    Sha256::new().chain_update(token).chain_update([0]).chain_update(key).finalize().into()
}

fn fingerprint(received: &Received) -> Fingerprint {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for part in [received.owner.instance.as_bytes(), &[0], received.door.as_str().as_bytes(), &[0], &received.body.bytes] {
        hash.update(part);
    }
    hash.digest128().to_be_bytes()
}

pub(super) fn running() -> Problem {
    let detail = "a request with this key is being worked on: send this one again for its answer";
    Problem::new(409, "key_in_use", "The key is in use", detail).retry_after(WORKED_ON)
}

pub(super) fn reused() -> Problem {
    Problem::new(422, "key_reused", "The key was used for another body", "use a new `Idempotency-Key` for each body and instance")
}

pub(super) fn full() -> Problem {
    let detail = "the keys of the last 24 hours take all the room there is for them: send more lines under one key, or some without";
    Problem::new(429, "too_many_keys", "Too many keys", detail).retry_after(FULL_RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_push_of_a_key_runs_at_a_time_and_ends_without_a_trace() {
        let (all, token) = (Arc::new(Idempotency::default()), Arc::from("t"));
        let turn = all.take(&token, [1; 32], [1; 16]).unwrap();
        assert_eq!(all.take(&token, [1; 32], [1; 16]).map(drop), Err(true));
        assert_eq!(all.take(&token, [1; 32], [2; 16]).map(drop), Err(false));
        assert!(all.take(&token, [2; 32], [2; 16]).is_ok());
        drop(turn);
        assert!(all.take(&token, [1; 32], [2; 16]).is_ok());
        assert!(all.running.lock().is_empty());
    }

    #[test]
    fn a_key_is_its_tokens() {
        assert_ne!(id("a", "bc"), id("ab", "c"));
        assert_eq!(id("a", "b"), id("a", "b"));
    }
}
