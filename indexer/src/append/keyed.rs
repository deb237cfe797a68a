//! Pushes under an `Idempotency-Key`: exactly once for a day, over restarts.
//!
//! What was told of a push goes into the WAL in the record of its rows, so either both are durable or neither. From there the catalog's snapshot of the marks
//! takes it over in its own transaction, before the log lets go of the record. In between it is here. So at each moment a durable push is known here,
//! in the catalog, or in the log that the next start replays.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// SHA-256 of a token's id and a key.
pub(crate) type PushId = [u8; 32];

/// How long a push is known.
pub(crate) const KEPT: Duration = Duration::from_secs(24 * 3600);
/// All that is kept of one token's pushes, bytes: 300,000 answers a day, three a second.
pub(crate) const TOKEN_BYTES_MAX: u64 = 64 << 20;
/// All that is kept of all pushes, bytes.
pub(crate) const BYTES_MAX: u64 = 1 << 30;
/// What may wait in memory for the catalog, bytes.
const PENDING_BYTES_MAX: u64 = 4 << 20;

/// A push that is stored, and what was told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyedPush {
    pub(crate) id: PushId,
    /// The token's id.
    pub(crate) token: Arc<str>,
    /// Of what was pushed, and for whom.
    pub(crate) fingerprint: [u8; 16],
    /// What was told, as the door encodes it.
    pub(crate) answer: Arc<[u8]>,
    /// When it was stored, ns since the epoch.
    pub(crate) at_ns: i64,
}

/// The pushes that are durable and not in the catalog yet, and how much is kept in both.
#[derive(Debug, Default)]
pub(crate) struct KeyedPushes {
    pending: HashMap<PushId, Arc<KeyedPush>>,
    pending_bytes: u64,
    /// By token, in memory and in the catalog.
    bytes: HashMap<Arc<str>, u64>,
}

impl KeyedPush {
    /// What one takes beside its answer, bytes, estimated.
    pub(crate) const OVERHEAD_BYTES: u64 = 160;

    fn bytes(&self) -> u64 {
        self.answer.len() as u64 + Self::OVERHEAD_BYTES
    }

    /// Whether it counts now.
    pub(crate) fn is_known(&self, now_ns: i64) -> bool {
        self.at_ns > known_since(now_ns)
    }
}

/// Pushes from before this are forgotten.
pub(crate) fn known_since(now_ns: i64) -> i64 {
    now_ns.saturating_sub(i64::try_from(KEPT.as_nanos()).unwrap_or(i64::MAX))
}

impl KeyedPushes {
    /// It is on disk.
    pub(crate) fn durable(&mut self, push: Arc<KeyedPush>) {
        let bytes = push.bytes();
        self.pending_bytes += bytes;
        *self.bytes.entry(Arc::clone(&push.token)).or_default() += bytes;
        if let Some(older) = self.pending.insert(push.id, push) {
            self.pending_bytes = self.pending_bytes.saturating_sub(older.bytes());
        }
    }

    pub(crate) fn get(&self, id: &PushId) -> Option<Arc<KeyedPush>> {
        self.pending.get(id).cloned()
    }

    /// What the catalog has to be told.
    pub(crate) fn pending(&self) -> Vec<Arc<KeyedPush>> {
        self.pending.values().cloned().collect()
    }

    /// So much waits that the catalog should be told now.
    pub(crate) fn is_full(&self) -> bool {
        self.pending_bytes > PENDING_BYTES_MAX
    }

    /// The catalog has these.
    pub(crate) fn saved(&mut self, pushes: &[Arc<KeyedPush>]) {
        for push in pushes {
            if self.pending.get(&push.id).is_some_and(|pending| Arc::ptr_eq(pending, push)) {
                self.pending.remove(&push.id);
                self.pending_bytes = self.pending_bytes.saturating_sub(push.bytes());
            }
        }
    }

    /// The catalog has so many bytes by token; nobody may take a snapshot meanwhile.
    pub(crate) fn recount(&mut self, mut of_catalog: HashMap<Arc<str>, u64>) {
        for push in self.pending.values() {
            *of_catalog.entry(Arc::clone(&push.token)).or_default() += push.bytes();
        }
        self.bytes = of_catalog;
    }

    /// Whether another push of this token can be kept.
    pub(crate) fn has_room(&self, token: &str) -> bool {
        self.bytes.get(token).is_none_or(|bytes| *bytes < TOKEN_BYTES_MAX) && self.bytes.values().sum::<u64>() < BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(id: u8, token: &str, answer: usize) -> Arc<KeyedPush> {
        Arc::new(KeyedPush { id: [id; 32], token: token.into(), fingerprint: [0; 16], answer: vec![0; answer].into(), at_ns: 1 })
    }

    #[test]
    fn what_the_catalog_has_waits_no_longer_and_still_counts() {
        let mut all = KeyedPushes::default();
        all.durable(push(1, "a", 10));
        all.durable(push(2, "a", 10));
        let told = all.pending();
        all.durable(push(3, "b", 10));
        all.saved(&told);
        assert!(all.get(&[1; 32]).is_none() && all.get(&[3; 32]).is_some());
        assert_eq!(all.pending_bytes, 10 + KeyedPush::OVERHEAD_BYTES);
        assert_eq!(all.bytes[&Arc::from("a")], 2 * (10 + KeyedPush::OVERHEAD_BYTES));
        all.recount(HashMap::new());
        assert!(!all.bytes.contains_key("a"), "expired");
        assert_eq!(all.bytes[&Arc::from("b")], 10 + KeyedPush::OVERHEAD_BYTES);
    }

    #[test]
    fn a_token_over_its_share_leaves_room_for_others() {
        let mut all = KeyedPushes::default();
        let large = usize::try_from(TOKEN_BYTES_MAX).unwrap();
        all.durable(push(1, "loud", large));
        assert!(all.is_full() && !all.has_room("loud") && all.has_room("other"));
        for token in 0..16 {
            all.durable(push(token, &format!("t{token}"), large));
        }
        assert!(!all.has_room("other"), "all together are bounded too");
    }

    #[test]
    fn a_push_is_known_for_a_day() {
        let day = i64::try_from(KEPT.as_nanos()).unwrap();
        let push = push(1, "a", 1);
        assert!(push.is_known(day) && !push.is_known(day + 1));
    }
}
