//! `dedup`: the first row of each combination of values, by their hashes of 128 bits.

use super::cell::value;
use super::{Flow, Item, Operator, Out, Taken};
use crate::plan::steps::Column;
use std::collections::HashSet;
use xxhash_rust::xxh3::xxh3_128;

/// Combinations that are remembered, 16 bytes each and some more.
const SEEN_MAX: usize = 200_000;

/// See the module.
pub(super) struct Dedup {
    columns: Vec<Column>,
    epoch: u64,
    seen: HashSet<u128>,
}

impl Dedup {
    pub(super) fn new(columns: Vec<Column>, epoch: u64) -> Self {
        Self { columns, epoch, seen: HashSet::new() }
    }
}

impl Operator for Dedup {
    fn take(&mut self, item: Item, out: &mut Out<'_>) -> Taken {
        let mut key = Vec::new();
        for column in &self.columns {
            let cell = value(&item, column, self.epoch);
            let text = cell.text();
            // Nothing and a text differ, and so do two ways to part the same letters.
            key.push(u8::from(text.is_some()));
            let text = text.unwrap_or_default();
            key.extend(text.len().to_le_bytes());
            key.extend(text.as_bytes());
        }
        let hash = xxh3_128(&key);
        if self.seen.contains(&hash) {
            return Ok(Flow::More);
        }
        if self.seen.len() >= SEEN_MAX {
            out.notes.truncate(format!("dedup looked at the first {SEEN_MAX} different rows, and there are more: narrow the query"));
            return Ok(Flow::Enough);
        }
        self.seen.insert(hash);
        out.push(item)
    }
}
