//! Patterns and rows that were read lately, shared by all splits of a store: a bound for all of them together instead of one for each. Who looks at the newest rows again and
//! again, or at the next page, finds them here.

use crate::row::Row;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What is kept without a bound that somebody sets, bytes: for a split that is read alone.
const BYTES_ALONE: u64 = 4 << 20;

/// See the module.
#[derive(Debug)]
pub(crate) struct Cache {
    chunks: quick_cache::sync::Cache<Key, Arc<Chunk>, ByBytes>,
    /// By the split's number and the row's.
    rows: quick_cache::sync::Cache<Key, Arc<Row>, ByBytes>,
    next: AtomicU64,
}

/// The split's number in the cache and the byte of its file.
type Key = (u64, u64);

/// Some texts.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) text: String,
    /// Where each ends.
    pub(crate) ends: Vec<u32>,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl quick_cache::Weighter<Key, Arc<Chunk>> for ByBytes {
    fn weight(&self, _: &Key, chunk: &Arc<Chunk>) -> u64 {
        (chunk.text.capacity() + chunk.ends.capacity() * size_of::<u32>() + 64) as u64
    }
}

impl quick_cache::Weighter<Key, Arc<Row>> for ByBytes {
    fn weight(&self, _: &Key, row: &Arc<Row>) -> u64 {
        (size_of::<Row>() + row.record.message.capacity() + row.record.attributes.capacity() + 64) as u64
    }
}

impl Cache {
    /// Keeps so many bytes: a third of it for rows.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let (of_rows, of_chunks) = (bytes_max / 3, bytes_max - bytes_max / 3);
        let count = |bytes: u64, each: u64| usize::try_from(bytes / each).unwrap_or(usize::MAX).max(16);
        Self {
            chunks: quick_cache::sync::Cache::with_weighter(count(of_chunks, 32_768), of_chunks, ByBytes),
            rows: quick_cache::sync::Cache::with_weighter(count(of_rows, 1_024), of_rows, ByBytes),
            next: AtomicU64::new(0),
        }
    }

    /// What is kept for this row of a split, or what `read` reads.
    pub(crate) fn row(&self, split: u64, row: usize, read: impl FnOnce() -> std::io::Result<Row>) -> std::io::Result<Row> {
        self.rows.get_or_insert_with(&(split, row as u64), || read().map(Arc::new)).map(|row| (*row).clone())
    }

    /// For a split that is read alone.
    pub(crate) fn alone() -> Arc<Self> {
        Arc::new(Self::new(BYTES_ALONE))
    }

    /// A number for a split.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    /// What is kept for this byte of a split's file, or what `read` reads.
    pub(crate) fn get_or_read(&self, key: Key, read: impl FnOnce() -> std::io::Result<Chunk>) -> std::io::Result<Arc<Chunk>> {
        self.chunks.get_or_insert_with(&key, || read().map(Arc::new))
    }
}

impl Chunk {
    /// The text at a place; empty where there is none.
    pub(crate) fn get(&self, at: usize) -> &str {
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        self.ends.get(at).and_then(|to| self.text.get(from..*to as usize)).unwrap_or_default()
    }
}
