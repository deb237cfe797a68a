//! `Idempotency-Key`: a push that is sent again is answered as the first time, and not stored again.
//!
//! Thin: the answers are in memory, so this holds within one process, for 24 hours and 8 MiB of answers. A later form keeps the key with the rows.
//!
//! Invariants: a key is one token's; while its first push runs, the second is told to wait; a push that failed leaves no trace.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an answer is kept.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// All kept answers with their keys, bytes.
const BYTES_MAX: usize = 8 << 20;
/// What an entry takes beside its key and answer, bytes, estimated.
const ENTRY_BYTES: usize = 200;

/// A token's key.
pub(super) type Key = (Arc<str>, Arc<str>);

/// The pushes that are known.
#[derive(Debug, Default)]
pub(super) struct Idempotency {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<Key, Entry>,
    /// The finished ones, oldest first.
    finished: VecDeque<(Instant, Key)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    /// What was pushed: another body under the same key is a mistake.
    fingerprint: u128,
    /// Absent while the push runs.
    answer: Option<Arc<str>>,
}

/// What a key means now.
#[derive(Debug)]
pub(super) enum Begun {
    /// It is new: push, then finish.
    First(Turn),
    /// Its push runs.
    Running,
    /// Its push was answered so.
    Answered(Arc<str>),
    /// It was used for something else.
    Reused,
}

/// The right to push under a key. Dropped without an answer, the key is as if never used.
#[derive(Debug)]
pub(super) struct Turn {
    all: Arc<Idempotency>,
    key: Key,
    finished: bool,
}

impl Idempotency {
    /// Begins a push of what has this fingerprint.
    pub(super) fn begin(self: &Arc<Self>, key: Key, fingerprint: u128, now: Instant) -> Begun {
        let mut known = self.known.lock();
        known.expire(now);
        match known.entries.get(&key) {
            Some(entry) if entry.fingerprint != fingerprint => Begun::Reused,
            Some(Entry { answer: Some(answer), .. }) => Begun::Answered(Arc::clone(answer)),
            Some(_) => Begun::Running,
            None => {
                known.entries.insert(key.clone(), Entry { fingerprint, answer: None });
                Begun::First(Turn { all: Arc::clone(self), key, finished: false })
            }
        }
    }
}

impl Turn {
    /// Keeps the answer.
    pub(super) fn finish(mut self, answer: &str, now: Instant) {
        self.finished = true;
        let mut known = self.all.known.lock();
        if let Some(entry) = known.entries.get_mut(&self.key) {
            entry.answer = Some(answer.into());
            known.finished.push_back((now, self.key.clone()));
            known.bytes += size(&self.key, answer);
            known.expire(now);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.finished {
            self.all.known.lock().entries.remove(&self.key);
        }
    }
}

impl Known {
    /// Forgets what is over age, and the oldest while there is too much.
    fn expire(&mut self, now: Instant) {
        while let Some((since, key)) = self.finished.front() {
            if self.bytes <= BYTES_MAX && now.duration_since(*since) < AGE_MAX {
                return;
            }
            if let Some(Entry { answer: Some(answer), .. }) = self.entries.remove(key) {
                self.bytes -= size(key, &answer);
            }
            self.finished.pop_front();
        }
    }
}

fn size(key: &Key, answer: &str) -> usize {
    ENTRY_BYTES + key.0.len() + 2 * key.1.len() + answer.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        ("token".into(), text.into())
    }

    fn first(all: &Arc<Idempotency>, name: &str, now: Instant) -> Turn {
        match all.begin(key(name), 1, now) {
            Begun::First(turn) => turn,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_second_push_waits_and_then_gets_the_first_answer() {
        let (all, now) = (Arc::new(Idempotency::default()), Instant::now());
        let turn = first(&all, "k", now);
        assert!(matches!(all.begin(key("k"), 1, now), Begun::Running));
        assert!(matches!(all.begin(key("k"), 2, now), Begun::Reused));
        assert!(matches!(all.begin(("other".into(), "k".into()), 2, now), Begun::First(_)));
        turn.finish("answer", now);
        assert!(matches!(all.begin(key("k"), 1, now), Begun::Answered(answer) if &*answer == "answer"));
    }

    #[test]
    fn a_push_that_failed_leaves_no_trace() {
        let (all, now) = (Arc::new(Idempotency::default()), Instant::now());
        drop(first(&all, "k", now));
        drop(first(&all, "k", now));
        assert!(all.known.lock().entries.is_empty());
    }

    #[test]
    fn answers_end_by_age_and_by_bytes() {
        let (all, now) = (Arc::new(Idempotency::default()), Instant::now());
        first(&all, "old", now).finish("answer", now);
        let later = now + AGE_MAX;
        first(&all, "old", later).finish("answer", later);
        let big = "x".repeat(BYTES_MAX / 4);
        (0..6).for_each(|n| first(&all, &format!("big{n}"), later).finish(&big, later));
        assert!(all.known.lock().bytes <= BYTES_MAX);
        drop(first(&all, "big0", later));
        assert!(matches!(all.begin(key("big5"), 1, later), Begun::Answered(_)));
        let known = all.known.lock();
        assert_eq!(known.entries.len(), known.finished.len());
    }
}
