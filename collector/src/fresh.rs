//! A value that is read from small files, and read again when they change: tokens, certificates, keys.
//!
//! Whoever needs the value asks for it each time; at most every [`LOOK_INTERVAL`] the files' inodes, sizes and times are looked at. What cannot be read then leaves the
//! last value that could in force, with a warning: a rotation that goes wrong, or is seen half done, ends nothing. It is tried again when the files change again.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A changed file is seen within this.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The greatest file, bytes: a list of all authorities of a system is some 200 KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What changes when a file is written, replaced, or is another one behind the same link.
type Stamp = Option<(u64, u64, u64, (i64, i64), (i64, i64))>;
/// Makes the value of the files' contents.
type Make<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<T, String> + Send + Sync>;

/// See the module. `T` is cheap to clone.
pub struct Fresh<T> {
    paths: Vec<PathBuf>,
    make: Make<T>,
    known: Mutex<Known<T>>,
}

struct Known<T> {
    value: T,
    stamps: Vec<Stamp>,
    looked: Instant,
}

impl<T: Clone> Fresh<T> {
    /// Reads the files and makes the first value of their contents, in their order.
    ///
    /// # Errors
    /// A sentence that names the file, or what `make` says.
    pub fn read(paths: Vec<PathBuf>, make: impl Fn(&[Vec<u8>]) -> Result<T, String> + Send + Sync + 'static) -> Result<Self, String> {
        let make: Make<T> = Box::new(make);
        // Before the contents: what changes in between is seen the next time.
        let stamps = stamps(&paths);
        let value = value(&paths, &make)?;
        Ok(Self { paths, make, known: Mutex::new(Known { value, stamps, looked: Instant::now() }) })
    }

    /// A value that never changes.
    pub fn fixed(value: T) -> Self {
        let make: Make<T> = Box::new(|_| Err("it is in no file".to_owned()));
        Self { paths: Vec::new(), make, known: Mutex::new(Known { value, stamps: Vec::new(), looked: Instant::now() }) }
    }

    /// The value as the files have it now.
    pub fn get(&self) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.paths.is_empty() && known.looked.elapsed() >= LOOK_INTERVAL {
            known.looked = Instant::now();
            let stamps = stamps(&self.paths);
            if stamps != known.stamps {
                known.stamps = stamps;
                match value(&self.paths, &self.make) {
                    Ok(value) => {
                        known.value = value;
                        tracing::info!(files = ?self.paths, "files have changed and were read again");
                    }
                    Err(why) => tracing::warn!("{why}; what was read before stays in force"),
                }
            }
        }
        known.value.clone()
    }
}

fn value<T>(paths: &[PathBuf], make: &Make<T>) -> Result<T, String> {
    let contents: Result<Vec<_>, _> = paths.iter().map(|path| contents(path)).collect();
    make(&contents?)
}

fn contents(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |why: &dyn std::fmt::Display| format!("cannot read the file {}: {why}", path.display());
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(cannot(&"it is larger than 4 MiB")) } else { Ok(bytes) }
}

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |found: Metadata| {
        (found.dev(), found.ino(), found.size(), (found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()))
    };
    paths.iter().map(|path| std::fs::metadata(path).ok().map(stamp)).collect()
}

impl<T> std::fmt::Debug for Fresh<T> {
    /// The files alone: the value may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fresh").field("paths", &self.paths).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn number(path: &Path) -> Result<Fresh<u32>, String> {
        Fresh::read(vec![path.to_owned()], |contents| {
            let text = String::from_utf8_lossy(&contents[0]).trim().to_owned();
            text.parse().map_err(|_| format!("{text:?} is no number"))
        })
    }

    /// As if the interval had passed.
    fn later(fresh: &Fresh<u32>) -> u32 {
        let mut known = fresh.known.lock().unwrap();
        known.looked = known.looked.checked_sub(LOOK_INTERVAL).unwrap();
        drop(known);
        fresh.get()
    }

    #[test]
    fn the_last_good_content_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        assert!(number(&path).unwrap_err().contains("cannot read the file"));
        fs::write(&path, "one").unwrap();
        assert_eq!(number(&path).unwrap_err(), "\"one\" is no number");
        fs::write(&path, "1").unwrap();
        let fresh = number(&path).unwrap();
        assert_eq!(later(&fresh), 1);
        fs::write(&path, "two").unwrap();
        assert_eq!(later(&fresh), 1);
        fs::remove_file(&path).unwrap();
        assert_eq!(later(&fresh), 1);
        fs::write(&path, "3").unwrap();
        assert_eq!(fresh.get(), 1, "not looked at yet");
        assert_eq!(later(&fresh), 3);
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two, link) = (folder.path().join("one"), folder.path().join("two"), folder.path().join("link"));
        fs::write(&one, "1").unwrap();
        fs::write(&two, "2").unwrap();
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let fresh = number(&link).unwrap();
        let beside = folder.path().join("beside");
        std::os::unix::fs::symlink(&two, &beside).unwrap();
        fs::rename(&beside, &link).unwrap();
        assert_eq!(later(&fresh), 2);
    }

    #[test]
    fn a_large_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        File::create(&path).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
        assert!(number(&path).unwrap_err().contains("larger than 4 MiB"));
    }
}
