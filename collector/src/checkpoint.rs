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

use crate::board::{Board, Standing};
use crate::limits::POSITION_FILE_BYTES;
use martlog_formats::wire::{FileId, Stream};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// A file of the board, in the form of [`Remembered`].
#[derive(Serialize)]
struct Remembering<'a> {
    stream: &'a Stream,
    file: FileId,
    name: &'a str,
    size: u64,
    marks: [u64; 2],
}

/// Writes what is on the board in the form of a [`Checkpoint`], file by file; the number of changes so far.
pub(crate) fn write_board(board: &Board, out: &mut dyn Write) -> io::Result<u64> {
    board.show(|epoch, files, version| {
        write!(out, "{{\"epoch\":{epoch},\"files\":[")?;
        for (at, known) in files.enumerate() {
            out.write_all(if at == 0 { b"" } else { b"," })?;
            let Standing { stream, file, name, size, acknowledged, .. } = known;
            let remembering = Remembering { stream, file: *file, name, size: *size, marks: *acknowledged };
            serde_json::to_writer(&mut *out, &remembering)?;
        }
        out.write_all(b"]}")?;
        Ok(version)
    })
}

impl From<&Remembered> for Standing {
    fn from(old: &Remembered) -> Self {
        Self {
            stream: Arc::new(old.stream.clone()),
            file: old.file,
            name: old.name.clone(),
            size: old.size,
            acknowledged: old.marks,
            asked: false,
            oldest_unacknowledged_ns: None,
            gone: false,
            settled: false,
        }
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

    /// Writes the slot that does not count, and makes it count; `write` writes the body, and its result is returned.
    pub(crate) fn save<T>(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
        let generation = self.generation + 1;
        let file = File::create(slot_path(&self.folder, self.next_slot()))?;
        let mut body = Body { file: BufWriter::new(file), length: 0, crc: crc32fast::Hasher::new() };
        // The header's place; until it is written the slot is none.
        body.file.write_all(&[0; HEADER_BYTES])?;
        let result = write(&mut body)?;
        let header = header(generation, body.length, &body.crc);
        let mut file = body.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header)?;
        file.sync_data()?;
        self.generation = generation;
        Ok(result)
    }
}

/// The body of a slot while it is being written.
struct Body {
    file: BufWriter<File>,
    length: u64,
    crc: crc32fast::Hasher,
}

impl Write for Body {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.crc.update(&bytes[..count]);
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// What a folder's position file says, without touching it.
pub(crate) fn peek(folder: &Path) -> Option<Checkpoint> {
    let slots = [0, 1].into_iter().filter_map(|slot| read(&slot_path(folder, slot)));
    slots.max_by_key(|(generation, _)| *generation).map(|(_, checkpoint)| checkpoint)
}

fn slot_path(folder: &Path, slot: u64) -> PathBuf {
    folder.join(format!("positions.{slot}"))
}

fn header(generation: u64, length: u64, body: &crc32fast::Hasher) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&generation.to_le_bytes());
    header.extend_from_slice(&length.to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header[8..]);
    crc.combine(body);
    header.extend_from_slice(&crc.finalize().to_le_bytes());
    header
}

/// A slot, when it is whole.
fn read(path: &Path) -> Option<(u64, Checkpoint)> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(POSITION_FILE_BYTES).read_to_end(&mut bytes).ok()?;
    let (head, body) = bytes.split_at_checked(HEADER_BYTES)?;
    let generation = u64::from_le_bytes(head.get(8..16)?.try_into().ok()?);
    let mut crc = crc32fast::Hasher::new();
    crc.update(body);
    if header(generation, body.len() as u64, &crc) != head {
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
            file.save(|out| Ok(serde_json::to_writer(out, &checkpoint(epoch))?)).unwrap();
            assert_eq!(PositionFile::open(folder.path()).unwrap().1, checkpoint(epoch));
        }
    }

    #[test]
    fn what_is_on_the_board_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let board = Board::default();
        let standing = |number| Standing {
            stream: stream(number).into(),
            file: FileId(u128::from(number)),
            name: format!("{number}.log"),
            size: 10,
            acknowledged: [3, 10],
            asked: true,
            oldest_unacknowledged_ns: None,
            gone: false,
            settled: true,
        };
        board.note([standing(0), standing(1)]);
        board.set_epoch(5);
        let (mut file, _) = PositionFile::open(folder.path()).unwrap();
        assert_eq!(file.save(|out| write_board(&board, out)).unwrap(), board.version());
        let read = PositionFile::open(folder.path()).unwrap().1;
        assert_eq!((read.epoch, read.files.len(), read.files[1].stream.restart, read.files[1].marks), (5, 2, 1, [3, 10]));
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
            file.save(|out| Ok(serde_json::to_writer(out, &checkpoint(1))?)).unwrap();
            file.save(|out| Ok(serde_json::to_writer(out, &checkpoint(2))?)).unwrap();
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
