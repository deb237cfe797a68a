//! Live buffers: the rows since the last split, per module, searchable as soon as they are durable.

use crate::row::Row;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// The rows of one part, applied together; immutable. Never empty; ascending `seq`; one owner, one origin, one arrival.
#[derive(Debug)]
pub struct Chunk {
    /// The rows.
    pub rows: Vec<Row>,
    /// The WAL record that they came with.
    pub lsn: u64,
    /// Their size in memory, bytes, estimated.
    pub bytes: usize,
}

impl Chunk {
    /// The chunks of a record's rows: one, or one for each run of rows of one origin when they were released from a quarantine.
    #[must_use]
    pub fn of(mut rows: Vec<Row>, lsn: u64) -> Vec<Arc<Self>> {
        let mut chunks = Vec::new();
        while let Some(first) = rows.first() {
            let run = rows.iter().take_while(|row| Arc::ptr_eq(&row.origin, &first.origin) || row.origin == first.origin).count();
            let rest = rows.split_off(run);
            let bytes = rows_bytes(&rows);
            chunks.push(Arc::new(Self { rows, lsn, bytes }));
            rows = rest;
        }
        chunks
    }

    /// One past the last row's seq.
    #[must_use]
    pub fn seq_to(&self) -> u64 {
        self.rows.last().map_or(0, |row| row.seq + 1)
    }

    /// When its rows arrived, ns.
    #[must_use]
    pub fn arrived_ns(&self) -> i64 {
        self.rows.last().map_or(0, |row| row.arrived_ns)
    }
}

/// The size of rows in memory, bytes, estimated: the shared owners and origins are left out.
#[must_use]
pub(crate) fn rows_bytes(rows: &[Row]) -> usize {
    let text = |row: &Row| row.record.message.capacity() + row.record.attributes.capacity() + 4 * row.record.redactions.capacity();
    size_of_val(rows) + rows.iter().map(text).sum::<usize>()
}

/// A module's live buffer.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    chunks: VecDeque<Arc<Chunk>>,
    bytes: usize,
    rows: u64,
    since: Option<Instant>,
}

impl Buffer {
    pub(crate) fn push(&mut self, chunk: Arc<Chunk>) {
        self.bytes += chunk.bytes;
        self.rows += chunk.rows.len() as u64;
        self.since.get_or_insert_with(Instant::now);
        self.chunks.push_back(chunk);
    }

    /// Takes out the chunks that lie wholly below a seq; the bytes that this frees.
    pub(crate) fn drop_below(&mut self, seq: u64) -> usize {
        let before = self.bytes;
        while let Some(chunk) = self.chunks.pop_front_if(|chunk| chunk.seq_to() <= seq) {
            self.bytes -= chunk.bytes;
            self.rows -= chunk.rows.len() as u64;
            // The rest is younger than that; its true age is not kept.
            self.since = Some(Instant::now());
        }
        if self.chunks.is_empty() {
            self.since = None;
        }
        before - self.bytes
    }

    pub(crate) fn chunks(&self) -> Vec<Arc<Chunk>> {
        self.chunks.iter().cloned().collect()
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

    /// The LSN of the oldest row's record.
    pub(crate) fn oldest_lsn(&self) -> Option<u64> {
        self.chunks.front().map(|chunk| chunk.lsn)
    }
}
