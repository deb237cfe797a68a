//! The words and ids of a chunk's rows, so that a full buffer is not scanned for a rare word.
//!
//! Made when a chunk is searched for the second time: most are flushed before anybody looks twice, and the first search does not wait for it. About 60 bytes a row.

use crate::row::Row;
use crate::search::scalars::each_scalar;
use crate::split::filter::{build, may_contain};
use crate::split::keys::{id_keys, word_key};
use martlog_formats::{fields, words};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Filter {
    asked: AtomicBool,
    bytes: OnceLock<Box<[u8]>>,
}

impl Filter {
    /// Whether one of these rows can have a key of each clause.
    pub(super) fn may_have(&self, rows: &[Row], clauses: &[Vec<u64>]) -> bool {
        if self.bytes.get().is_none() && !self.asked.swap(true, Relaxed) {
            return true;
        }
        let bytes = self.bytes.get_or_init(|| of(rows));
        clauses.iter().all(|keys| keys.iter().any(|key| may_contain(bytes, *key)))
    }
}

fn of(rows: &[Row]) -> Box<[u8]> {
    let mut keys = Vec::new();
    let mut add = |text: &str| keys.extend(words::words(text).map(|word| word_key(&word)));
    for row in rows {
        let attributes = &row.record.attributes;
        add(&row.record.message);
        // Keys and values as they are written; with escapes, values have other words besides.
        add(attributes);
        if attributes.contains('\\') {
            each_scalar(attributes, |_, text| add(text));
        }
    }
    for row in rows {
        each_scalar(&row.record.attributes, |path, text| {
            if fields::is_exact(path) {
                keys.push(id_keys(&fields::normalise_id(path, text)).0);
            }
        });
    }
    build(&mut keys).into()
}
