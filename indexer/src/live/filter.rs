//! The words and ids of a pack's rows, so that a full buffer is not scanned for a rare word.
//!
//! Made when a pack is searched for the second time: most are flushed before anybody looks twice, and the first search does not wait for it. About 60 bytes a row.

use crate::filter::{Words, of};
use crate::row::RowRef;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Filter {
    asked: AtomicBool,
    bytes: OnceLock<Box<[u8]>>,
}

impl Filter {
    /// The filter of these rows; `None` the first time.
    pub(super) fn get<'r, I: Iterator<Item = RowRef<'r>> + Clone>(&self, rows: impl Fn() -> I) -> Option<&[u8]> {
        if self.bytes.get().is_none() && !self.asked.swap(true, Relaxed) {
            return None;
        }
        Some(self.bytes.get_or_init(|| of(rows(), Words::All)))
    }
}
