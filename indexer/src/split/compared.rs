//! Whose checksum was right already: as that of whole sections, the checksum of a piece is compared when it is first read, once while its split is open. Comparing it each time
//! took a tenth of what searches with few matches take.

use super::block::{Piece, stored, unchecked};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// See the module.
#[derive(Debug)]
pub(super) struct Compared(Box<[AtomicBool]>);

impl Compared {
    /// None of so many pieces was read.
    pub(super) fn none(pieces: usize) -> Self {
        Self((0..pieces).map(|_| AtomicBool::new(false)).collect())
    }

    /// A piece as it lies in its section, if its checksum is or was right; `at` is its place among the pieces.
    pub(super) fn stored<'s>(&self, at: usize, section: &'s [u8], piece: Piece) -> io::Result<&'s [u8]> {
        let Some(compared) = self.0.get(at) else { return stored(section, piece) };
        if compared.load(Relaxed) {
            return unchecked(section, piece);
        }
        let bytes = stored(section, piece)?;
        compared.store(true, Relaxed);
        Ok(bytes)
    }
}
