//! The reserve: a file of nothing in the data folder that holds room for what a full disk must not stop.
//!
//! On a disk without room a store could not even open: SQLite wants its shared memory, a replay larger than memory writes splits, a checkpoint
//! writes the catalog. So room for that is taken while there is some, and given up when there is none: at the start before anything is written, and later
//! when a flush fails. The log never gets it. Without the reserve nothing is taken (503) and everything else goes on: searches, flushes, checkpoints,
//! retention, all of which free more than they need. It is taken again as soon as the disk has twice its size free, so that taking it does not
//! fill the disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Its name in the data folder.
const FILE: &str = "reserve";
/// Enough for SQLite's files and a small split, bytes.
const BYTES_MIN: u64 = 1 << 20;
/// Enough for the splits of live buffers that are full, bytes.
const BYTES_MAX: u64 = 32 << 20;

/// See the module.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: AtomicBool,
}

impl Reserve {
    /// Takes the reserve, or gives it up when the disk has less than that free. It is as large as half a segment of the log, within bounds.
    pub(crate) fn open(dir: &Path, wal_segment_bytes: u64) -> Self {
        let bytes = (wal_segment_bytes / 2).clamp(BYTES_MIN, BYTES_MAX);
        let reserve = Self { path: dir.join(FILE), bytes, held: AtomicBool::new(false) };
        let there = fs::metadata(&reserve.path).is_ok_and(|meta| meta.len() == bytes);
        reserve.held.store(there, Relaxed);
        if there {
            reserve.give_up_when_full();
        } else {
            let _ = fs::remove_file(&reserve.path);
            reserve.take();
        }
        if !reserve.is_held() {
            tracing::warn!(dir = %dir.display(), "the disk of the data folder is full: nothing is taken until there is room");
        }
        reserve
    }

    /// Whether it is there; without it nothing is to be taken.
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Relaxed)
    }

    /// Gives it up when the disk has less than that free; whether there is more room now.
    pub(crate) fn give_up_when_full(&self) -> bool {
        if !self.is_held() || self.free_bytes().is_none_or(|free| free >= self.bytes) {
            return false;
        }
        self.held.store(false, Relaxed);
        match fs::remove_file(&self.path) {
            Ok(()) => {
                tracing::warn!(bytes = self.bytes, "the disk is full: gave up the reserve; nothing is taken until there is room");
                true
            }
            Err(error) => {
                tracing::error!(%error, path = %self.path.display(), "cannot remove the reserve");
                false
            }
        }
    }

    /// Takes it when it is missing and the disk has room for twice of it.
    pub(crate) fn take(&self) {
        if self.is_held() || self.free_bytes().is_none_or(|free| free < 2 * self.bytes) {
            return;
        }
        match allocate(&self.path, self.bytes) {
            Ok(()) => {
                self.held.store(true, Relaxed);
                tracing::info!(bytes = self.bytes, "took the reserve");
            }
            Err(error) => {
                tracing::debug!(%error, "no reserve");
                let _ = fs::remove_file(&self.path);
            }
        }
    }

    /// What this user may still write to the disk, bytes; `None` when it does not say.
    fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(self.path.parent()?).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// A file that takes room. Its bytes mean nothing, and that it survives a power cut is not needed.
fn allocate(path: &Path, bytes: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        Err(rustix::io::Errno::OPNOTSUPP) => write_zeros(&file, bytes),
        allocated => Ok(allocated?),
    }
}

/// For file systems that cannot allocate.
fn write_zeros(file: &File, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), bytes), &mut &*file).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_taken_where_there_is_room_and_kept_over_starts() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let reserve = Reserve::open(dir.path(), 16 << 10);
            assert!(reserve.is_held());
            assert_eq!(fs::metadata(dir.path().join(FILE)).unwrap().len(), BYTES_MIN);
            assert!(!reserve.give_up_when_full(), "the disk is not full");
        }
        assert!(Reserve::open(dir.path(), 1 << 30).is_held());
        assert_eq!(fs::metadata(dir.path().join(FILE)).unwrap().len(), BYTES_MAX, "another setting, another size");
    }

    #[test]
    fn without_room_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve { path: dir.path().join(FILE), bytes: u64::MAX / 2, held: AtomicBool::new(false) };
        reserve.take();
        assert!(!reserve.is_held() && !dir.path().join(FILE).exists());
        fs::write(dir.path().join(FILE), b"").unwrap();
        reserve.held.store(true, Relaxed);
        assert!(reserve.give_up_when_full(), "a disk without so much free is full");
        assert!(!reserve.is_held() && !dir.path().join(FILE).exists());
    }
}
