//! The disk under the log, as a seam: tests put in one that is full or broken.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Zeros are written in pieces of this size, bytes.
const ZEROS: usize = 1 << 20;

/// What the log asks of a disk.
pub trait Disk: std::fmt::Debug + Send + Sync {
    /// Makes a file of this many zero bytes, written and synced, so that later writes change no metadata.
    ///
    /// # Errors
    /// When there is no room or the disk fails; the caller removes what was made.
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<File>;

    /// Writes all bytes at an offset.
    ///
    /// # Errors
    /// When they were not all written; some may have been.
    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Returns when what was written is on disk.
    ///
    /// # Errors
    /// When it may not be; then what is there is unknown, and asking again proves nothing.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<File> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            // Not every file system can; the zeros below allocate as well.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
        let zeros = vec![0; ZEROS];
        let mut at = 0;
        while at < bytes {
            let piece = usize::try_from(bytes - at).unwrap_or(ZEROS).min(ZEROS);
            file.write_all_at(&zeros[..piece], at)?;
            at += piece as u64;
        }
        file.sync_all()?;
        Ok(file)
    }

    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Syncs a folder, so that the names in it are on disk.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
