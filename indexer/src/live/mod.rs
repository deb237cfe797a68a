//! Live buffers: the rows since the last split, per module, searchable as soon as they are durable.

use crate::row::Row;

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
