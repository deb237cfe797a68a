//! A batch: the parts of one round, encoded and compressed, ready to be sent as often as it takes.
//!
//! Invariants: what is kept while it is on its way is the compressed body and a [`Note`] of each part, at most some [`crate::limits::BATCH_BYTES`] in
//! all; sending it again sends the same bytes.

use crate::identity::Site;
use crate::parts::Note;
use bytes::Bytes;
use martlog_formats::wire::{BatchEncoder, BatchHeader, Part};

/// Level 1 halves the bytes that level 0 would send at a few ms a MiB; higher ones cost more CPU than a local network.
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

/// Encodes and compresses the parts.
pub(crate) fn pack(site: &Site, parts: &[Part]) -> std::io::Result<Batch> {
    let mut encoder = BatchEncoder::new(&BatchHeader { cluster: site.cluster.clone(), node: site.node.clone() });
    for part in parts {
        encoder.push(part);
    }
    let raw = encoder.finish();
    let body = zstd::bulk::compress(&raw, ZSTD_LEVEL)?;
    Ok(Batch { body: body.into(), notes: parts.iter().map(Note::of).collect(), raw_bytes: raw.len() })
}

impl Batch {
    /// Records in it.
    pub(crate) fn records(&self) -> usize {
        self.notes.iter().map(|note| note.records).sum()
    }
}
