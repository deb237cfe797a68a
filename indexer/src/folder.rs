//! The data folder: its lock, and where things lie in it.

use crate::catalog::Listing;
use crate::row::ModuleKey;
use crate::shelf::{Shelf, Shelved};
use crate::split::{FORMAT, Split, SplitMeta};
use crate::wal::sync_folder;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file in which a backup says what is in it.
pub const MANIFEST: &str = "backup.json";
/// Names longer than this become a hash, bytes.
const NAME_BYTES_MAX: usize = 100;

/// Why a folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it.
    #[error("the data folder {} is in use by process {pid}: stop that one, or choose another folder", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// Which.
        pid: String,
    },
    /// The disk or the rights.
    #[error("cannot {what} the data folder at {}: {source}; the folder must exist or be creatable, and be writable by this user", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A locked data folder; the lock is held as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: PathBuf,
    /// Its published splits.
    shelf: Arc<Shelf>,
    _lock: File,
}

impl Folder {
    /// Makes the folder when it is not there, and locks it.
    pub(crate) fn open(dir: &Path) -> Result<Self, FolderError> {
        let failed = |what, path: &Path| {
            let path = path.to_path_buf();
            move |source| FolderError::Io { what, path, source }
        };
        fs::create_dir_all(dir).map_err(failed("make", dir))?;
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        let mut lock = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed("lock", &path))?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                let _ = lock.read_to_string(&mut pid);
                return Err(FolderError::Locked { dir: dir.to_path_buf(), pid: pid.trim().to_string() });
            }
            Err(error) => return Err(failed("lock", &path)(error.into())),
        }
        // Over what is there and of one length, so that it needs no room on a full disk.
        let write = |lock: &mut File| {
            lock.rewind()?;
            writeln!(lock, "{:<10}", std::process::id())
        };
        write(&mut lock).map_err(failed("write to", &path))?;
        Ok(Self { dir: dir.to_path_buf(), shelf: Arc::new(Shelf::new()), _lock: lock })
    }

    pub(crate) fn wal(&self) -> PathBuf {
        self.dir.join("wal")
    }

    /// Where a snapshot for a backup is, while there is one.
    pub(crate) fn snapshot(&self) -> PathBuf {
        self.dir.join("snapshot")
    }

    /// What a backup says of itself; a folder that was restored has it.
    pub(crate) fn manifest(&self) -> PathBuf {
        self.dir.join(MANIFEST)
    }

    /// Where a split lies.
    pub(crate) fn split(&self, key: &ModuleKey, id: &str) -> PathBuf {
        Self::split_in(&self.dir, key, id)
    }

    /// Where a split lies in a folder of the same shape.
    pub(crate) fn split_in(dir: &Path, key: &ModuleKey, id: &str) -> PathBuf {
        module_in(dir, key).join(format!("{id}.split"))
    }

    /// A split that lies here, to be opened when it is looked into.
    pub(crate) fn shelve(&self, listing: Listing) -> Shelved {
        let Listing { meta, hours, filter } = listing;
        Shelved::new(&self.shelf, self.split(&meta.key, &meta.id), meta, hours, filter)
    }

    /// Its published splits together: what of them is open.
    pub(crate) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Whether a split is there, in its whole length and of a form that can be read; what is in the file is checked when it is read.
    pub(crate) fn check_split(&self, meta: &SplitMeta) -> io::Result<()> {
        let path = self.split(&meta.key, &meta.id);
        // Opening says what is wrong with it.
        if meta.format == FORMAT && fs::metadata(&path)?.len() == meta.bytes { Ok(()) } else { Split::open(&path, meta.clone()).map(drop) }
    }

    /// Makes a module's folder, durably.
    pub(crate) fn make_module(&self, key: &ModuleKey) -> io::Result<()> {
        let module = self.module(key);
        if !module.is_dir() {
            fs::create_dir_all(&module)?;
            // The folder's own name, its partner's and `splits` itself.
            for parent in module.ancestors().skip(1).take(3) {
                sync_folder(parent)?;
            }
        }
        Ok(())
    }

    /// Removes a snapshot that a crash left behind, and what a backup that was copied back says of itself: it is true no longer.
    pub(crate) fn remove_leftovers(&self) -> io::Result<()> {
        crate::backup::remove(&self.snapshot())?;
        match fs::remove_file(self.manifest()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what was built and never published, and what was taken out and not yet removed; how many files.
    pub(crate) fn remove_orphans(&self, known: &[Listing]) -> io::Result<usize> {
        let known: HashSet<PathBuf> = known.iter().map(|Listing { meta, .. }| self.split(&meta.key, &meta.id)).collect();
        let mut removed = 0;
        for partner in folders(&self.dir.join("splits"))? {
            for module in folders(&partner)? {
                for entry in fs::read_dir(&module)? {
                    let path = entry?.path();
                    if path.is_file() && !known.contains(&path) {
                        fs::remove_file(&path)?;
                        removed += 1;
                    }
                }
            }
        }
        Ok(removed)
    }

    /// Removes everything of a partner.
    pub(crate) fn remove_partner(&self, partner: &str) -> io::Result<()> {
        remove_folder(&self.dir.join("splits").join(component(partner)))
    }

    /// Removes everything of a module.
    pub(crate) fn remove_module(&self, key: &ModuleKey) -> io::Result<()> {
        remove_folder(&self.module(key))
    }

    fn module(&self, key: &ModuleKey) -> PathBuf {
        module_in(&self.dir, key)
    }
}

/// Removes a folder that may not be there, durably.
fn remove_folder(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => dir.parent().map_or(Ok(()), sync_folder),
    }
}

fn module_in(dir: &Path, key: &ModuleKey) -> PathBuf {
    dir.join("splits").join(component(&key.partner)).join(component(&key.module))
}

/// A name as one component of a path. Ids are legal as they are; a pod's UID is what a node said, so anything else becomes a hash.
fn component(name: &str) -> String {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(legal) {
        name.to_string()
    } else {
        format!("~{:032x}", xxhash_rust::xxh3::xxh3_128(name.as_bytes()))
    }
}

fn folders(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Ok(entries) => {
            let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
            Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opening_is_refused_and_names_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::open(dir.path()).unwrap();
        let refused = Folder::open(dir.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(first);
        Folder::open(dir.path()).unwrap();
    }

    #[test]
    fn no_name_leaves_the_folder() {
        for name in ["..", ".", "", "a/b", "../../etc", "a\0b", "é", &"x".repeat(200)] {
            let name = component(name);
            assert!(name.starts_with('~') && name.len() == 33, "{name}");
        }
        assert_eq!(component("vonage-sms"), "vonage-sms");
        assert_eq!(component("_quarantine"), "_quarantine");
    }
}
