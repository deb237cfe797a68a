//! Chunks that follow one another in a buffer, searched as one. Parts are small when many streams say little each, ten rows or one; a search that looked at each of them by itself would
//! spend more time on chunks than on rows.
//!
//! Invariant: a pack has at least one chunk; its chunks ascend in seq. One that is not full has one chunk, or is what is left of a full one.

use super::filter::Filter;
use super::{Chunk, RowRef};
use std::collections::VecDeque;
use std::sync::Arc;

/// Chunks become one pack when they have so many rows together.
const ROWS: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct Pack {
    chunks: Box<[Arc<Chunk>]>,
    rows: usize,
    /// Of the oldest and the newest row.
    times: (i64, i64),
    filter: Filter,
}

impl Pack {
    pub(crate) fn new(chunks: Box<[Arc<Chunk>]>) -> Self {
        let rows = chunks.iter().map(|chunk| chunk.rows.len()).sum();
        let times = chunks.iter().map(|chunk| chunk.times());
        let times = times.fold((i64::MAX, i64::MIN), |(oldest, newest), (from, to)| (oldest.min(from), newest.max(to)));
        Self { chunks, rows, times, filter: Filter::default() }
    }

    /// Its chunks, in the order of seq.
    #[must_use]
    pub fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows_len(&self) -> usize {
        self.rows
    }

    /// The times of the oldest and the newest row, ns.
    pub(crate) fn times(&self) -> (i64, i64) {
        self.times
    }

    /// The words and ids of its rows; `None` when it is asked for the first time.
    pub(crate) fn filter(&self) -> Option<&[u8]> {
        self.filter.get(|| self.rows())
    }

    /// Its rows, in the order of seq.
    pub fn rows(&self) -> impl Iterator<Item = RowRef<'_>> + Clone {
        self.chunks.iter().flat_map(|chunk| chunk.rows.iter())
    }
}

/// Puts a chunk behind the packs, together with those before it when they are enough for a pack.
pub(super) fn push(packs: &mut VecDeque<Arc<Pack>>, chunk: Arc<Chunk>) {
    let (mut rows, mut from) = (chunk.rows.len(), packs.len());
    for pack in packs.iter().rev().take_while(|pack| pack.rows < ROWS) {
        rows += pack.rows;
        from -= 1;
    }
    let chunks = if rows < ROWS { vec![chunk] } else { packs.drain(from..).flat_map(|pack| pack.chunks.to_vec()).chain([chunk]).collect() };
    packs.push_back(Arc::new(Pack::new(chunks.into())));
}

/// Takes out the chunks that lie wholly below a seq.
pub(super) fn drop_below(packs: &mut VecDeque<Arc<Pack>>, seq: u64) {
    while let Some(pack) = packs.pop_front() {
        let gone = pack.chunks.iter().take_while(|chunk| chunk.seq_to() <= seq).count();
        if gone == pack.chunks.len() {
            continue;
        }
        let left = pack.chunks.get(gone..).unwrap_or_default();
        packs.push_front(if gone == 0 { pack } else { Arc::new(Pack::new(left.into())) });
        return;
    }
}
