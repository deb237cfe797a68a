//! Leaving no byte of a record behind: segments that are let go of are overwritten before they are used again or removed.
//!
//! A recycled segment keeps the records of its former life behind the new ones; ordinarily that costs nothing and helps nobody. After an erasure nothing of what was
//! erased may be there. So an erasure overwrites the spares, ends the segment that is written ([`Wal::roll`]), and has everything that is let go of until it ends
//! overwritten with zeros. A crash in between leaves a spare with old bytes, and the erasure begins again.

use super::segment::Segments;
use super::writer::{SubmitError, Wal};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Zeros are written in pieces of this size, bytes.
const PIECE: usize = 1 << 20;

/// As long as it lives, segments are overwritten when they are let go of. There is one at a time.
#[derive(Debug)]
pub(crate) struct Wiping {
    segments: Arc<Segments>,
}

impl Drop for Wiping {
    fn drop(&mut self) {
        self.segments.wipe_released(false);
    }
}

impl<T: Send + 'static> Wal<T> {
    /// Begins to overwrite what is let go of, the spares that are there first. Nobody may release segments meanwhile.
    ///
    /// # Errors
    /// When a spare cannot be overwritten.
    pub(crate) fn begin_wiping(&self) -> io::Result<Wiping> {
        self.segments.wipe_released(true);
        let wiping = Wiping { segments: self.segments.clone() };
        self.segments.wipe_spares()?;
        Ok(wiping)
    }

    /// Ends the segment that is written, unless it is empty, and begins the next one. The sink gets the ticket, as of a submission without a payload, when that is done: everything
    /// durable before lies in older segments then.
    ///
    /// # Errors
    /// As [`Wal::submit`].
    pub(crate) fn roll(&self, ticket: T) -> Result<(), SubmitError> {
        self.submit_rolling(ticket)
    }

    /// The LSN of the first record that is kept.
    pub(crate) fn first_lsn(&self) -> u64 {
        self.segments.needed().first().map_or(1, |first| first.base)
    }

    /// The LSN of the first record of the segment that is written.
    pub(crate) fn segment_base(&self) -> u64 {
        self.segments.needed().last().map_or(1, |last| last.base)
    }
}

impl Segments {
    /// Zeros over a file that no reader has; synced when this returns.
    pub(super) fn wipe(&self, path: &Path) -> io::Result<()> {
        let file = std::fs::OpenOptions::new().write(true).open(path)?;
        let (bytes, zeros) = (file.metadata()?.len(), vec![0; PIECE]);
        let mut at = 0;
        while at < bytes {
            let piece = usize::try_from(bytes - at).unwrap_or(PIECE).min(PIECE);
            self.disk.write(&file, &zeros[..piece], at)?;
            at += piece as u64;
        }
        self.disk.sync(&file)
    }
}
