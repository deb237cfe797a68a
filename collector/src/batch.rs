//! A batch: the parts of one round, encoded and compressed, ready to be sent as often as it takes.
//!
//! Invariants: what is kept while it is on its way is the compressed body and a [`Note`] of each part, at most some [`crate::limits::BATCH_BYTES`] in
//! all; sending it again sends the same bytes.

use crate::identity::Site;
use crate::limits::{BATCH_BYTES, WORKBENCHES};
use crate::parts::Note;
use bytes::Bytes;
use martlog_formats::wire::{BatchEncoder, BatchHeader, Part};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Level 1 leaves 22 % of the bytes; -1 leaves 26 % and -4 28 %, for so little less CPU that the benchmark does not show it.
const ZSTD_LEVEL: i32 = 1;

/// A batch on its way.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// The compressed body.
    pub(crate) body: Bytes,
    /// Its parts, in order.
    pub(crate) notes: Vec<Note>,
    /// The size before compression, bytes.
    pub(crate) raw_bytes: usize,
}

/// What making a batch needs besides the lines: some MiB, which are shared out and used again instead of being one lane's each.
#[derive(Default)]
pub(crate) struct Workbench {
    /// What is read from a file.
    pub(crate) read: Vec<u8>,
    raw: Vec<u8>,
    compressed: Vec<u8>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

/// The workbenches of a collector: who has none waits for one, so that no more than [`WORKBENCHES`] lanes work at once.
#[derive(Debug)]
pub(crate) struct Workbenches {
    free: Mutex<Vec<Workbench>>,
    permits: Arc<Semaphore>,
}

/// A workbench in use; it goes back when this is dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    bench: Workbench,
    home: Arc<Workbenches>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl std::fmt::Debug for Workbench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workbench").field("raw", &self.raw.capacity()).finish_non_exhaustive()
    }
}

impl Default for Workbenches {
    fn default() -> Self {
        Self { free: Mutex::default(), permits: Arc::new(Semaphore::new(WORKBENCHES)) }
    }
}

impl Workbenches {
    /// Waits for one.
    pub(crate) async fn take(self: Arc<Self>) -> Taken {
        // Nobody closes the semaphore; were it closed, nobody would be kept waiting.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let bench = self.shelf().pop().unwrap_or_default();
        Taken { bench, home: self, _permit: permit }
    }

    fn shelf(&self) -> MutexGuard<'_, Vec<Workbench>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.home.shelf().push(std::mem::take(&mut self.bench));
    }
}

impl std::ops::Deref for Taken {
    type Target = Workbench;

    fn deref(&self) -> &Workbench {
        &self.bench
    }
}

impl std::ops::DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Workbench {
        &mut self.bench
    }
}

impl Workbench {
    /// Encodes and compresses the parts.
    pub(crate) fn pack(&mut self, site: &Site, parts: &[Part]) -> std::io::Result<Batch> {
        let header = BatchHeader { cluster: site.cluster.clone(), node: site.node.clone() };
        let mut encoder = BatchEncoder::reusing(std::mem::take(&mut self.raw), &header);
        for part in parts {
            encoder.push(part);
        }
        self.raw = encoder.finish();
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
        };
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(self.raw.len()));
        compressor.compress_to_buffer(&self.raw, &mut self.compressed)?;
        let batch = Batch {
            body: Bytes::copy_from_slice(&self.compressed),
            notes: parts.iter().map(Note::of).collect(),
            raw_bytes: self.raw.len(),
        };
        self.shrink();
        Ok(batch)
    }

    /// One batch of the greatest records must not be remembered for ever.
    fn shrink(&mut self) {
        for buffer in [&mut self.read, &mut self.raw, &mut self.compressed] {
            buffer.truncate(2 * BATCH_BYTES);
            buffer.shrink_to(2 * BATCH_BYTES);
        }
    }
}

impl Batch {
    /// Records in it.
    pub(crate) fn records(&self) -> usize {
        self.notes.iter().map(|note| note.records).sum()
    }
}
