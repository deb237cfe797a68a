//! Live buffers: the rows since the last split, per module, searchable as soon as they are durable.
//!
//! Invariants of a buffer: chunks ascend in seq, and in the LSN of the WAL record that each needs. A chunk needs the record that it came with, until a later record
//! carries its rows: then it needs that one. Packs have the same chunks in the same order.

mod filter;
mod pack;
mod rows;

pub use pack::Pack;
pub use rows::Rows;

use crate::row::RowRef;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// The rows of one part, applied together; immutable. Never empty.
#[derive(Debug)]
pub struct Chunk {
    /// The rows.
    pub rows: Rows,
    /// The WAL record that they came with.
    pub lsn: u64,
    /// Their size in memory, bytes.
    pub bytes: usize,
    /// Of the oldest and the newest row.
    times: (i64, i64),
    /// Kept here, where who looks at the chunk is already: rows are far away.
    seqs: Range<u64>,
}

impl Chunk {
    /// Rows that came with this record of the log.
    #[must_use]
    pub fn new(rows: Rows, lsn: u64) -> Self {
        let times = rows.iter().map(|row| row.time_ns);
        let times = times.fold((i64::MAX, i64::MIN), |(oldest, newest), time| (oldest.min(time), newest.max(time)));
        let seqs = rows.first().map_or(0, |row| row.seq)..rows.last().map_or(0, |row| row.seq + 1);
        Self { bytes: rows.bytes(), rows, lsn, times, seqs }
    }

    /// The chunks of rows that came with one record: one for each run of one owner, origin and arrival.
    pub fn of<'r>(rows: impl IntoIterator<Item = RowRef<'r>>, lsn: u64) -> Vec<Arc<Self>> {
        Rows::of_rows(rows).into_iter().map(|rows| Arc::new(Self::new(rows, lsn))).collect()
    }

    /// The times of the oldest and the newest row, ns.
    pub(crate) fn times(&self) -> (i64, i64) {
        self.times
    }

    /// The first row's seq.
    #[must_use]
    pub fn seq_from(&self) -> u64 {
        self.seqs.start
    }

    /// One past the last row's seq.
    #[must_use]
    pub fn seq_to(&self) -> u64 {
        self.seqs.end
    }

    /// When its rows arrived, ns.
    #[must_use]
    pub fn arrived_ns(&self) -> i64 {
        self.rows.arrived_ns()
    }
}

/// A module's live buffer.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    held: VecDeque<Held>,
    packs: VecDeque<Arc<Pack>>,
    bytes: usize,
    rows: u64,
    since: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    chunk: Arc<Chunk>,
    /// The WAL record that has its rows: the one that they came with, or the newest that carries them.
    lsn: u64,
}

impl Buffer {
    pub(crate) fn push(&mut self, chunk: Arc<Chunk>) {
        self.bytes += chunk.bytes;
        self.rows += chunk.rows.len() as u64;
        self.since.get_or_insert_with(Instant::now);
        pack::push(&mut self.packs, chunk.clone());
        self.held.push_back(Held { lsn: chunk.lsn, chunk });
    }

    /// A record has all rows of the module from `from_seq` on up to its own end once more: what is here needs that record and no older one; what is not here, because a
    /// replay began behind the older ones, comes in. Each row is here once. The bytes that came in.
    pub(crate) fn carry(&mut self, carried: &[Arc<Chunk>], from_seq: u64, lsn: u64) -> usize {
        let end = carried.last().map_or(0, |chunk| chunk.seq_to());
        for held in self.held.iter_mut().filter(|held| held.chunk.seq_to() <= end) {
            held.lsn = lsn;
        }
        let missing = |row: &RowRef<'_>| row.seq >= from_seq && !self.has(row.seq);
        let missing: Vec<_> = carried.iter().flat_map(|chunk| Chunk::of(chunk.rows.iter().filter(missing), lsn)).collect();
        let before = self.bytes;
        missing.into_iter().for_each(|chunk| self.push(chunk));
        if self.bytes != before {
            self.held.make_contiguous().sort_by_key(|held| held.chunk.seq_from());
            self.packs.clear();
            self.held.iter().for_each(|held| pack::push(&mut self.packs, held.chunk.clone()));
        }
        self.bytes - before
    }

    /// Whether the row with this seq is here.
    fn has(&self, seq: u64) -> bool {
        let behind = self.held.partition_point(|held| held.chunk.seq_from() <= seq);
        behind.checked_sub(1).and_then(|at| self.held.get(at)).is_some_and(|held| seq < held.chunk.seq_to())
    }

    /// Takes out the chunks that lie wholly below a seq; the bytes that this frees.
    pub(crate) fn drop_below(&mut self, seq: u64) -> usize {
        let before = self.bytes;
        while let Some(held) = self.held.pop_front_if(|held| held.chunk.seq_to() <= seq) {
            self.bytes -= held.chunk.bytes;
            self.rows -= held.chunk.rows.len() as u64;
            // The rest is younger than that; its true age is not kept.
            self.since = Some(Instant::now());
        }
        pack::drop_below(&mut self.packs, seq);
        if self.held.is_empty() {
            self.since = None;
        }
        before - self.bytes
    }

    pub(crate) fn packs(&self) -> Vec<Arc<Pack>> {
        self.packs.iter().cloned().collect()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// When the oldest row came, or a little later.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// The oldest row's seq.
    pub(crate) fn seq_from(&self) -> Option<u64> {
        self.held.front().map(|held| held.chunk.seq_from())
    }

    /// The LSN of the oldest record that is needed.
    pub(crate) fn oldest_lsn(&self) -> Option<u64> {
        self.held.front().map(|held| held.lsn)
    }
}

#[cfg(test)]
mod tests;
