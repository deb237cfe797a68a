//! A copy of the log while it is written: the records up to an LSN, in segments of the same names and lengths.
//!
//! Invariant: only what was durable before the copy began is in it. Behind that the segment that is written is changing under the reader, and half a group with a whole one
//! behind it would pass for corruption; so the copy ends with its last record and reads as zeros behind. It opens as a log that was stopped there.

use super::record;
use super::segment::{HEADER, Segment};
use super::writer::Wal;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

impl<T: Send + 'static> Wal<T> {
    /// Copies every record that is kept, up to and including this LSN, into a folder, which must be there. Nobody may release segments meanwhile, and the LSN must be durable.
    /// The files are not synced; behind their last record they are sparse.
    ///
    /// # Errors
    /// When a file cannot be read or written, or a record is not where it should be.
    pub(crate) fn copy_to(&self, dir: &Path, upto: u64) -> io::Result<Vec<PathBuf>> {
        // A segment that holds nothing yet says where the log goes on.
        let wanted = self.segments.needed().into_iter().filter(|segment| segment.base <= upto.saturating_add(1));
        let mut copied = Vec::new();
        let mut reached = None;
        for segment in wanted {
            let name = segment.path.file_name().ok_or_else(|| io::Error::other("a segment without a name"))?;
            let to = dir.join(name);
            reached = Some(copy(&segment, &to, upto)?);
            copied.push(to);
        }
        match reached {
            Some(last) if last < upto => Err(io::Error::other(format!("the write-ahead log ends at record {last}, and {upto} is durable"))),
            _ => Ok(copied),
        }
    }
}

/// Copies one segment; the LSN of its last record in the copy.
fn copy(segment: &Segment, to: &Path, upto: u64) -> io::Result<u64> {
    let image = fs::read(&segment.path)?;
    let (mut at, mut next) = (HEADER, segment.base);
    while next <= upto
        && let Some(found) = record::read(&image, at, segment.salt).filter(|found| found.lsn == next)
    {
        at = found.next.min(image.len());
        next += 1;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    file.write_all_at(&image[..at], 0)?;
    file.set_len(image.len() as u64)?;
    Ok(next - 1)
}
