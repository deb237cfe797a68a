//! The position file: a cache of the server's marks, and the memory of which files there were.
//!
//! The server's marks are the truth and are asked for at every start, so nothing is lost when this is lost. What only it can tell: that a file with
//! unacknowledged bytes was there when the collector stopped and is not there any more, a hole that must get a name.
//!
//! ```text
//! slot = "MLPF" | version u32 | generation u64 | length u64 | crc32 u32 | body      integers LE; the CRC is of generation, length and body
//! ```
//!
//! Two slots, `positions.0` and `positions.1`, are written in turn and synced; the valid one with the higher generation counts. A write that was
//! interrupted leaves the other slot whole.

use crate::board::Snapshot;
use crate::limits::POSITION_FILE_BYTES;
use martlog_formats::wire::{FileId, Stream};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 4] = *b"MLPF";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 28;

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// The store's epoch.
    pub(crate) epoch: u64,
    /// The files.
    pub(crate) files: Vec<Remembered>,
}

/// A file as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Whose it is.
    pub(crate) stream: Stream,
    /// Which file.
    pub(crate) file: FileId,
    /// Its name.
    pub(crate) name: String,
    /// Its size, bytes.
    pub(crate) size: u64,
    /// The acknowledged positions, `[stdout, stderr]`.
    pub(crate) marks: [u64; 2],
}

/// The two slots.
#[derive(Debug)]
pub(crate) struct PositionFile {
    folder: PathBuf,
    generation: u64,
}

impl From<Snapshot> for Checkpoint {
    fn from(snapshot: Snapshot) -> Self {
        let files = snapshot.files.into_iter().map(|standing| Remembered {
            stream: standing.progress.stream,
            file: standing.progress.file,
            name: standing.name,
            size: standing.progress.size,
            marks: standing.progress.acknowledged,
        });
        Self { epoch: snapshot.epoch, files: files.collect() }
    }
}

impl PositionFile {
    /// Opens the folder, makes it when it is not there, and reads what was kept; nothing when no slot is whole.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, Checkpoint)> {
        std::fs::create_dir_all(folder)?;
        let newest = [0, 1].into_iter().filter_map(|slot| read(&slot_path(folder, slot))).max_by_key(|(generation, _)| *generation);
        let (generation, checkpoint) = newest.unwrap_or_default();
        let file = Self { folder: folder.to_owned(), generation };
        // A folder that cannot be written is said at the start, not hours later.
        OpenOptions::new().create(true).append(true).open(slot_path(&file.folder, file.next_slot()))?;
        Ok((file, checkpoint))
    }

    fn next_slot(&self) -> u64 {
        (self.generation + 1) % 2
    }

    /// Writes the slot that does not count, and makes it count.
    pub(crate) fn save(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        let body = serde_json::to_vec(checkpoint)?;
        let generation = self.generation + 1;
        let mut file = File::create(slot_path(&self.folder, self.next_slot()))?;
        file.write_all(&header(generation, &body))?;
        file.write_all(&body)?;
        file.sync_data()?;
        self.generation = generation;
        Ok(())
    }
}

fn slot_path(folder: &Path, slot: u64) -> PathBuf {
    folder.join(format!("positions.{slot}"))
}

fn header(generation: u64, body: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&generation.to_le_bytes());
    header.extend_from_slice(&(body.len() as u64).to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header[8..]);
    crc.update(body);
    header.extend_from_slice(&crc.finalize().to_le_bytes());
    header
}

/// A slot, when it is whole.
fn read(path: &Path) -> Option<(u64, Checkpoint)> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(POSITION_FILE_BYTES).read_to_end(&mut bytes).ok()?;
    let (head, body) = bytes.split_at_checked(HEADER_BYTES)?;
    let generation = u64::from_le_bytes(head.get(8..16)?.try_into().ok()?);
    if header(generation, body) != head {
        return None;
    }
    Some((generation, serde_json::from_slice(body).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::stream;
    use proptest::prelude::*;

    fn checkpoint(epoch: u64) -> Checkpoint {
        let remembered = Remembered { stream: stream(0), file: FileId(1 << 100), name: "0.log".to_owned(), size: 10, marks: [3, 10] };
        Checkpoint { epoch, files: vec![remembered] }
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, empty) = PositionFile::open(folder.path()).unwrap();
        assert_eq!(empty, Checkpoint::default());
        for epoch in 1..=5 {
            file.save(&checkpoint(epoch)).unwrap();
            assert_eq!(PositionFile::open(folder.path()).unwrap().1, checkpoint(epoch));
        }
    }

    #[test]
    fn version_1_is_read_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let body = br#"{"epoch":9,"files":[{"stream":{"namespace":"ns","pod":"pod","pod_uid":"uid","container":"app","restart":0},"file":"00000010000000000000000000000000","name":"0.log","size":10,"marks":[3,10]}]}"#;
        let mut slot = b"MLPF\x01\0\0\0\x07\0\0\0\0\0\0\0".to_vec();
        slot.extend_from_slice(&(body.len() as u64).to_le_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(&slot[8..]);
        crc.update(body);
        slot.extend_from_slice(&crc.finalize().to_le_bytes());
        slot.extend_from_slice(body);
        std::fs::write(folder.path().join("positions.1"), slot).unwrap();
        let (file, read) = PositionFile::open(folder.path()).unwrap();
        assert_eq!((read, file.generation), (checkpoint(9), 7));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_slot_that_is_cut_or_flipped_leaves_the_other(cut in 0_usize..200, flip in proptest::option::of(0_usize..200)) {
            let folder = tempfile::tempdir().unwrap();
            let (mut file, _) = PositionFile::open(folder.path()).unwrap();
            file.save(&checkpoint(1)).unwrap();
            file.save(&checkpoint(2)).unwrap();
            let path = slot_path(folder.path(), file.generation % 2);
            let mut bytes = std::fs::read(&path).unwrap();
            match flip {
                Some(at) => { let at = at % bytes.len(); bytes[at] ^= 1; }
                None => bytes.truncate(cut % bytes.len()),
            }
            std::fs::write(&path, bytes).unwrap();
            prop_assert_eq!(PositionFile::open(folder.path()).unwrap().1, checkpoint(1));
        }
    }
}
