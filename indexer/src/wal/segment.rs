//! Segments: their files, their names, and the list of those that are needed.

use super::disk::{Disk, sync_folder};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Bytes before the first record.
pub(super) const HEADER: usize = 64;
/// Spares beyond this many are removed.
const SPARES_MAX: usize = 2;
const MAGIC: [u8; 8] = *b"MLWAL\0\0\x01";

/// A segment that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// Bytes of the file.
    pub(super) bytes: u64,
    pub(super) number: u64,
    pub(super) base: u64,
    pub(super) salt: u64,
}

/// The segments of a log, oldest first, and its spares.
#[derive(Debug)]
pub(super) struct Segments {
    dir: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    /// Bytes of an ordinary segment.
    pub(super) bytes: u64,
    list: Mutex<VecDeque<Segment>>,
    spares: Mutex<Vec<PathBuf>>,
    /// One at a time makes or retires files.
    work: Mutex<()>,
    /// Whether what is let go of is overwritten.
    wiping: AtomicBool,
}

impl Segment {
    /// The first bytes of the file.
    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..16].copy_from_slice(&self.number.to_le_bytes());
        header[16..24].copy_from_slice(&self.base.to_le_bytes());
        header[24..32].copy_from_slice(&self.salt.to_le_bytes());
        header[32..40].copy_from_slice(&self.bytes.to_le_bytes());
        let crc = crc32fast::hash(&header[..40]);
        header[40..44].copy_from_slice(&crc.to_le_bytes());
        header
    }

    /// What the first bytes of a file say, when they are a header.
    pub(super) fn parse(path: &Path, bytes: u64, header: &[u8]) -> Option<Self> {
        let number = |from: usize| header.get(from..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        let crc = u32::from_le_bytes(*header.get(40..)?.first_chunk::<4>()?);
        let sound = header[..8] == MAGIC && crc == crc32fast::hash(&header[..40]) && number(32)? == bytes;
        sound.then_some(Self { path: path.to_path_buf(), bytes, number: number(8)?, base: number(16)?, salt: number(24)? })
    }
}

impl Segments {
    pub(super) fn new(dir: PathBuf, disk: Arc<dyn Disk>, bytes: u64, list: VecDeque<Segment>, spares: Vec<PathBuf>) -> Self {
        Self { dir, disk, bytes, list: Mutex::new(list), spares: Mutex::new(spares), work: Mutex::new(()), wiping: AtomicBool::new(false) }
    }

    /// Begins the segment whose first record has this LSN, with room for `needed` bytes of records at least.
    pub(super) fn begin(&self, base: u64, needed: usize) -> io::Result<(Segment, File)> {
        let _work = self.work.lock();
        let needed = (HEADER + needed) as u64;
        let number = self.list.lock().back().map_or(1, |last| last.number + 1);
        let (spare, file) = if needed <= self.bytes { self.take_spare()? } else { self.make(needed)? };
        let bytes = file.metadata()?.len();
        let path = self.dir.join(format!("{number:016x}.wal"));
        let segment = Segment { path, bytes, number, base, salt: rand::random() };
        self.disk.write(&file, &segment.header(), 0)?;
        self.disk.sync(&file)?;
        fs::rename(&spare, &segment.path)?;
        // From here on it may be found at the next start, so writing on in the one before it is no way out: whatever the reason, this is final.
        sync_folder(&self.dir).map_err(io::Error::other)?;
        self.list.lock().push_back(segment.clone());
        Ok((segment, file))
    }

    /// Makes a spare when there is none, so that the next segment begins without waiting for zeros.
    pub(super) fn prepare(&self) -> io::Result<()> {
        let _work = self.work.lock();
        if self.spares.lock().is_empty() {
            let (path, _) = self.make(self.bytes)?;
            self.spares.lock().push(path);
        }
        Ok(())
    }

    /// Lets go of the segments that hold only records below this LSN; never of the last one.
    pub(super) fn release(&self, keep_from: u64) -> io::Result<usize> {
        let _work = self.work.lock();
        let mut released = 0;
        loop {
            let Some(oldest) = ({
                let list = self.list.lock();
                let free = list.get(1).is_some_and(|second| second.base <= keep_from);
                list.front().filter(|_| free).cloned()
            }) else {
                return Ok(released);
            };
            let spare = self.spare_path();
            fs::rename(&oldest.path, &spare)?;
            // One by one and each synced: a crash never leaves a hole in the middle of the list.
            self.list.lock().pop_front();
            sync_folder(&self.dir)?;
            let keep = oldest.bytes == self.bytes && self.spares.lock().len() < SPARES_MAX;
            if keep {
                self.spares.lock().push(spare.clone());
            }
            // Nobody takes a spare meanwhile: that is work, too. One whose overwriting failed stays among them, and is overwritten when it is tried again.
            let wiped = if self.wiping.load(SeqCst) { self.wipe(&spare) } else { Ok(()) };
            if !keep {
                fs::remove_file(&spare)?;
            }
            wiped?;
            released += 1;
        }
    }

    /// Whether what is let go of is overwritten from now on.
    pub(super) fn wipe_released(&self, wiping: bool) {
        self.wiping.store(wiping, SeqCst);
    }

    /// Overwrites the spares.
    pub(super) fn wipe_spares(&self) -> io::Result<()> {
        let _work = self.work.lock();
        let spares = self.spares.lock().clone();
        spares.iter().try_for_each(|spare| self.wipe(spare))
    }

    /// The segments that are needed, oldest first.
    pub(super) fn needed(&self) -> Vec<Segment> {
        self.list.lock().iter().cloned().collect()
    }

    /// Bytes of the needed segments' files.
    pub(super) fn bytes_used(&self) -> u64 {
        self.list.lock().iter().map(|segment| segment.bytes).sum()
    }

    /// How many are needed.
    pub(super) fn count(&self) -> usize {
        self.list.lock().len()
    }

    /// The first LSN that is not in the oldest segment, when there is a second one: flushing below it frees the oldest.
    pub(super) fn oldest_ends(&self) -> Option<u64> {
        self.list.lock().get(1).map(|second| second.base)
    }

    fn spare_path(&self) -> PathBuf {
        self.dir.join(format!("spare-{:016x}.wal", rand::random::<u64>()))
    }

    fn take_spare(&self) -> io::Result<(PathBuf, File)> {
        let spare = self.spares.lock().pop();
        match spare {
            Some(path) => OpenOptions::new().read(true).write(true).open(&path).map(|file| (path, file)),
            None => self.make(self.bytes),
        }
    }

    fn make(&self, bytes: u64) -> io::Result<(PathBuf, File)> {
        let path = self.spare_path();
        match self.disk.allocate(&path, bytes) {
            Ok(file) => Ok((path, file)),
            Err(error) => {
                // Half a file only takes space that is missing elsewhere.
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }
}
