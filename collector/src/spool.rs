//! Copies of files that vanished from the node before the server had all of them: an open descriptor keeps such a file readable, and a copy keeps it readable beyond a restart and beyond
//! the number of descriptors that are held.
//!
//! ```text
//! copy = "MLSP" | version u32 | header length u32 | crc32 u32 of the header | header, JSON | the file's bytes [from, to)      integers LE
//! ```
//!
//! Offsets are bytes of the decompressed file. Invariants: a copy is written under another name, synced and renamed, so what lies at a copy's name is whole; all together take no more than
//! the bound; a copy goes when the server has the file, so in ordinary times there is none.

use martlog_formats::wire::{FileId, Stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const MAGIC: [u8; 4] = *b"MLSP";
const VERSION: u32 = 2;
const PREFIX_BYTES: usize = 16;
/// The greatest header, bytes.
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Bytes that are copied at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Which file a copy is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Whose.
    pub(crate) stream: Stream,
    /// Which.
    pub(crate) file: FileId,
    /// Its last name.
    pub(crate) name: String,
    /// The bytes that the copy has.
    pub(crate) from: u64,
    /// One past the last of them.
    pub(crate) to: u64,
    /// Its place among the copies of its stream, from the oldest: times tell nothing, since clocks are stepped.
    pub(crate) place: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    bytes_max: u64,
    kept: Mutex<BTreeMap<FileId, Kept>>,
}

/// A copy that is read.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) file: File,
    /// Where the bytes begin in it.
    start: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// What came of keeping a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is there, synced.
    Kept,
    /// There is no room for it.
    Full,
}

impl Spool {
    /// Opens the folder `spool` in the state folder, made when it is first needed. A copy that cannot be read is said, and removed: it can be no more.
    pub(crate) fn open(state: &Path, bytes_max: u64) -> io::Result<Self> {
        let folder = state.join("spool");
        let mut kept = BTreeMap::new();
        match std::fs::read_dir(&folder) {
            Ok(entries) => {
                for entry in entries {
                    let path = entry?.path();
                    match path.extension().is_some_and(|ending| ending == "copy").then(|| read_header(&path)) {
                        Some(Ok((header, _))) => {
                            kept.insert(header.file, header);
                        }
                        Some(Err(error)) => {
                            tracing::warn!(path = %path.display(), %error, "a copy of a vanished log file is damaged and is removed; what the server does not have of it is named as a gap");
                            std::fs::remove_file(&path)?;
                        }
                        // Left by a write that was interrupted.
                        None => std::fs::remove_file(&path)?,
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Self { folder, bytes_max, kept: Mutex::new(kept) })
    }

    /// Every copy.
    pub(crate) fn all(&self) -> Vec<Kept> {
        self.lock().values().cloned().collect()
    }

    /// The copy of a file.
    pub(crate) fn get(&self, file: FileId) -> Option<Kept> {
        self.lock().get(&file).cloned()
    }

    /// What all copies take, bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().values().map(|kept| kept.to - kept.from).sum()
    }

    /// Keeps these bytes of a file, in the place of an older copy; `read` reads at an offset and gives fewer bytes at the end only.
    pub(crate) fn put(
        &self,
        stream: &Stream,
        file: FileId,
        name: &str,
        place: u64,
        range: Range<u64>,
        read: impl FnMut(u64, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<Put> {
        // Held all the time: lanes copy one after the other, and none takes another's room.
        let mut kept = self.lock();
        let others: u64 = kept.values().filter(|kept| kept.file != file).map(|kept| kept.to - kept.from).sum();
        if others.saturating_add(range.end.saturating_sub(range.start)) > self.bytes_max {
            return Ok(Put::Full);
        }
        std::fs::create_dir_all(&self.folder)?;
        let header = Kept { stream: stream.clone(), file, name: name.to_owned(), from: range.start, to: range.end, place };
        let temporary = self.folder.join(format!("{:032x}.new", file.0));
        let written = write(&temporary, &header, read).and_then(|()| {
            std::fs::rename(&temporary, self.path(file))?;
            File::open(&self.folder)?.sync_all()
        });
        if let Err(error) = written {
            let _ = std::fs::remove_file(&temporary);
            // A full disk is a full spool.
            return if error.kind() == io::ErrorKind::StorageFull { Ok(Put::Full) } else { Err(error) };
        }
        kept.insert(file, header);
        Ok(Put::Kept)
    }

    /// Opens the copy of a file.
    pub(crate) fn copy(&self, file: FileId) -> io::Result<Copy> {
        let path = self.path(file);
        let (header, start) = read_header(&path)?;
        Ok(Copy { file: File::open(path)?, start, from: header.from, to: header.to })
    }

    /// Lets go of the copy of a file, if there is one.
    pub(crate) fn remove(&self, file: FileId) {
        if self.lock().remove(&file).is_some()
            && let Err(error) = std::fs::remove_file(self.path(file))
        {
            tracing::warn!(%error, "a copy of a log file that the server has cannot be removed; it is removed at the next start");
        }
    }

    fn path(&self, file: FileId) -> PathBuf {
        self.folder.join(format!("{:032x}.copy", file.0))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<FileId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copy {
    /// Fills the buffer from an offset of the file; fewer bytes mean the end.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(skip) = offset.checked_sub(self.from) else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the copy of a vanished log file begins behind the position"));
        };
        let left = usize::try_from(self.to.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        self.file.read_exact_at(&mut buffer[..wanted], self.start + skip)?;
        Ok(wanted)
    }
}

fn write(path: &Path, header: &Kept, mut read: impl FnMut(u64, &mut [u8]) -> io::Result<usize>) -> io::Result<()> {
    let text = serde_json::to_vec(header).map_err(io::Error::other)?;
    let length = u32::try_from(text.len()).ok().filter(|length| *length as usize <= HEADER_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::other("the names of a pod are too long to be kept"))?;
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&[&MAGIC[..], &VERSION.to_le_bytes(), &length.to_le_bytes(), &crc32fast::hash(&text).to_le_bytes(), &text].concat())?;
    let (mut at, mut buffer) = (header.from, vec![0; CHUNK_BYTES]);
    while at < header.to {
        let wanted = usize::try_from(header.to - at).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let count = read(at, &mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than it was"));
        }
        file.write_all(&buffer[..count])?;
        at += count as u64;
    }
    file.sync_all()
}

/// The header of a copy, and where its bytes begin.
fn read_header(path: &Path) -> io::Result<(Kept, u64)> {
    let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut file = File::open(path)?;
    let mut prefix = [0; PREFIX_BYTES];
    file.read_exact(&mut prefix)?;
    let number = |at: usize| prefix.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    if prefix[..4] != MAGIC || number(4) != VERSION {
        return Err(damaged("it is no copy of a form that this version knows"));
    }
    let length = number(8) as usize;
    if length > HEADER_BYTES_MAX {
        return Err(damaged("its header is too long"));
    }
    let mut text = vec![0; length];
    file.read_exact(&mut text)?;
    if crc32fast::hash(&text) != number(12) {
        return Err(damaged("its header is damaged"));
    }
    let header: Kept = serde_json::from_slice(&text).map_err(io::Error::other)?;
    let start = (PREFIX_BYTES + length) as u64;
    if header.from > header.to || file.metadata()?.len() != start + (header.to - header.from) {
        return Err(damaged("its length is not what its header says"));
    }
    Ok((header, start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::stream;

    fn reader(data: &[u8]) -> impl FnMut(u64, &mut [u8]) -> io::Result<usize> + '_ {
        |offset, buffer| {
            let rest = data.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    #[test]
    fn a_copy_is_there_after_a_restart_until_it_is_let_go_of() {
        let state = tempfile::tempdir().unwrap();
        let data: Vec<u8> = (0..600_000).map(|at: u32| at.to_le_bytes()[0]).collect();
        let spool = Spool::open(state.path(), 1 << 20).unwrap();
        assert_eq!(spool.put(&stream(1), FileId(7), "0.log", 1, 1_000..600_000, reader(&data)).unwrap(), Put::Kept);
        assert_eq!(spool.bytes(), 599_000);
        let again = Spool::open(state.path(), 1 << 20).unwrap();
        assert_eq!(again.all(), spool.all());
        let copy = again.copy(FileId(7)).unwrap();
        let mut buffer = vec![0; 300_000];
        assert_eq!(copy.read_at(400_000, &mut buffer).unwrap(), 200_000);
        assert_eq!(buffer[..200_000], data[400_000..]);
        assert_eq!(copy.read_at(600_000, &mut buffer).unwrap(), 0);
        copy.read_at(999, &mut buffer).unwrap_err();
        again.remove(FileId(7));
        assert_eq!((again.bytes(), std::fs::read_dir(state.path().join("spool")).unwrap().count()), (0, 0));
    }

    #[test]
    fn all_copies_together_have_a_bound_and_a_newer_one_takes_the_place_of_the_older() {
        let state = tempfile::tempdir().unwrap();
        let data = vec![b'x'; 3_000];
        let spool = Spool::open(state.path(), 2_500).unwrap();
        let put = |file, range| spool.put(&stream(1), FileId(file), "0.log", 1, range, reader(&data)).unwrap();
        assert_eq!((put(1, 0..1_000), put(2, 0..1_500), put(3, 0..1)), (Put::Kept, Put::Kept, Put::Full));
        assert_eq!((put(2, 0..1_501), put(2, 500..2_000), spool.bytes()), (Put::Full, Put::Kept, 2_500));
        assert_eq!(Spool::open(state.path(), 0).unwrap().put(&stream(1), FileId(9), "0.log", 1, 0..1, reader(&data)).unwrap(), Put::Full);
    }

    #[test]
    fn what_is_damaged_or_was_interrupted_is_removed() {
        let state = tempfile::tempdir().unwrap();
        let spool = Spool::open(state.path(), 1 << 20).unwrap();
        for file in 1..=3 {
            spool.put(&stream(1), FileId(file), "0.log", 1, 0..100, reader(&[b'x'; 100])).unwrap();
        }
        let path = |file| spool.path(FileId(file));
        let whole = std::fs::read(path(1)).unwrap();
        for at in 0..whole.len() - 100 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(path(1), damaged).unwrap();
            // A flipped bit of a header is never taken for another header.
            assert!(read_header(&path(1)).is_err(), "byte {at}");
        }
        std::fs::write(path(2), &whole[..whole.len() - 1]).unwrap();
        std::fs::write(state.path().join("spool/x.new"), b"half").unwrap();
        let again = Spool::open(state.path(), 1 << 20).unwrap();
        assert_eq!(again.all().iter().map(|kept| kept.file).collect::<Vec<_>>(), [FileId(3)]);
        assert_eq!(std::fs::read_dir(state.path().join("spool")).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_shorter_than_said_leaves_no_copy() {
        let state = tempfile::tempdir().unwrap();
        let spool = Spool::open(state.path(), 1 << 20).unwrap();
        spool.put(&stream(1), FileId(1), "0.log", 1, 0..100, reader(&[b'x'; 50])).unwrap_err();
        assert_eq!((spool.all().len(), std::fs::read_dir(state.path().join("spool")).unwrap().count()), (0, 0));
    }
}
