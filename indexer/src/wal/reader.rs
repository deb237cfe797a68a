//! Opening a log: every record that survived, in order, and then the place where writing goes on.

use super::disk::{Disk, RealDisk, sync_folder};
use super::log::Log;
use super::record;
use super::segment::{HEADER, Segment, Segments};
use super::writer::{Sink, Wal};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The disk or the rights.
    #[error("cannot {what} the write-ahead log at {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something that was acknowledged cannot be read.
    #[error(
        "the write-ahead log is damaged: {} at byte {offset}: {detail}; the store does not open over a hole. Restore the data folder from a backup (the collectors then send again what they still have)",
        segment.display()
    )]
    Corrupt {
        /// The file.
        segment: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        detail: String,
    },
}

/// A log while it is read: call [`Self::next_record`] until it is `None`, then [`Self::start`].
#[derive(Debug)]
pub struct Recovery {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
    segments: VecDeque<Segment>,
    spares: Vec<PathBuf>,
    /// The segment being read: which, its bytes, the place of the next record.
    reading: Option<Reading>,
    /// How many segments were begun.
    read: usize,
    last_lsn: u64,
    /// Whether the newest record is a seal, or there is none.
    sealed: bool,
}

#[derive(Debug)]
struct Reading {
    segment: Segment,
    image: Vec<u8>,
    at: usize,
}

impl Recovery {
    /// Finds the segments in a folder, which is made when it is not there, and syncs what survived in them, so that nothing is given out
    /// that a power cut could still take.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or a segment is missing or unreadable.
    pub fn open(dir: &Path, disk: Arc<dyn Disk>, segment_bytes: u64) -> Result<Self, WalError> {
        let failed = |what| move |source| WalError::Io { what, path: dir.to_path_buf(), source };
        fs::create_dir_all(dir).map_err(failed("make"))?;
        let (mut segments, mut spares) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(dir).map_err(failed("list"))? {
            let path = entry.map_err(failed("list"))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(stem) = name.strip_suffix(".wal") else { continue };
            if stem.starts_with("spare-") {
                spares.push(path);
            } else if let Ok(number) = u64::from_str_radix(stem, 16) {
                segments.push(inspect(&path, number)?);
            }
        }
        // A spare of another size (the setting changed, or it was never finished) is of no use.
        spares.retain(|path| {
            let fits = fs::metadata(path).is_ok_and(|meta| meta.len() == segment_bytes);
            fits || fs::remove_file(path).is_err()
        });
        spares.retain(|path| fs::metadata(path).is_ok_and(|meta| meta.len() == segment_bytes));
        sync_folder(dir).map_err(failed("sync"))?;
        segments.sort_by_key(|segment| segment.number);
        let last_lsn = segments.first().map_or(0, |first| first.base.saturating_sub(1));
        Ok(Self {
            dir: dir.to_path_buf(),
            disk,
            segment_bytes,
            segments: segments.into(),
            spares,
            reading: None,
            read: 0,
            last_lsn,
            sealed: true,
        })
    }

    /// Opens with the real disk.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_real(dir: &Path, segment_bytes: u64) -> Result<Self, WalError> {
        Self::open(dir, Arc::new(RealDisk), segment_bytes)
    }

    /// The LSN of the newest record read so far; before the first, the one below the oldest that is kept.
    #[must_use]
    pub fn last_lsn(&self) -> u64 {
        self.last_lsn
    }

    /// The LSN of the oldest record that is kept.
    #[must_use]
    pub fn first_lsn(&self) -> u64 {
        self.segments.front().map_or(1, |first| first.base)
    }

    /// The next record's LSN and payload; `None` at the end. Seals are passed over.
    ///
    /// # Errors
    /// When a segment cannot be read, or holds a hole.
    pub fn next_record(&mut self) -> Result<Option<(u64, Vec<u8>)>, WalError> {
        loop {
            let Some(reading) = &mut self.reading else {
                let Some(segment) = self.segments.get(self.read).cloned() else { return Ok(None) };
                self.follows(&segment)?;
                let image = fs::read(&segment.path).map_err(|source| WalError::Io { what: "read", path: segment.path.clone(), source })?;
                self.reading = Some(Reading { segment, image, at: HEADER });
                self.read += 1;
                continue;
            };
            let found = record::read(&reading.image, reading.at, reading.segment.salt);
            match found.filter(|found| found.lsn == self.last_lsn + 1) {
                Some(found) => {
                    reading.at = found.next;
                    self.last_lsn = found.lsn;
                    self.sealed = found.payload.is_empty();
                    if !found.payload.is_empty() {
                        return Ok(Some((found.lsn, found.payload.to_vec())));
                    }
                }
                None if self.read < self.segments.len() => self.reading = None,
                None => {
                    self.end_of_log()?;
                    return Ok(None);
                }
            }
        }
    }

    /// Whether a segment goes on where the one before it ended.
    fn follows(&self, segment: &Segment) -> Result<(), WalError> {
        let expected = self.last_lsn + 1;
        if segment.base == expected {
            return Ok(());
        }
        let (path, offset) = self.place();
        let detail =
            format!("record {expected} is unreadable or missing; the next segment {} begins at {}", segment.path.display(), segment.base);
        Err(WalError::Corrupt { segment: path.unwrap_or_else(|| segment.path.clone()), offset, detail })
    }

    /// Where reading stands: the segment that was read last, and the byte behind its last valid record.
    fn place(&self) -> (Option<PathBuf>, u64) {
        let Some(index) = self.read.checked_sub(1) else { return (None, 0) };
        let Some(segment) = self.segments.get(index) else { return (None, 0) };
        let end = fs::read(&segment.path).map(|image| end_of_records(&image, segment, self.last_lsn)).unwrap_or(HEADER);
        (Some(segment.path.clone()), end as u64)
    }

    /// Behind the last valid record of the last segment: torn, or corrupt? See the module's documentation.
    fn end_of_log(&mut self) -> Result<(), WalError> {
        let Some(reading) = &self.reading else { return Ok(()) };
        let (last, image, salt) = (self.last_lsn, &reading.image, reading.segment.salt);
        let mut remains = false;
        let mut at = reading.at;
        while at + record::HEADER <= image.len() {
            // LSNs behind the end are near it; old lives of the file and zeros are passed over without a checksum.
            let near = |lsn: u64| lsn > last && lsn - last <= image.len() as u64;
            let found = record::peek(image, at).filter(|found| near(found.lsn)).and_then(|_| record::read(image, at, salt));
            let Some(found) = found else {
                at += record::ALIGN;
                continue;
            };
            if found.durable > last {
                let detail =
                    format!("record {} is unreadable, and record {} at byte {at} says that it had been synced", last + 1, found.lsn);
                return Err(WalError::Corrupt { segment: reading.segment.path.clone(), offset: reading.at as u64, detail });
            }
            remains = true;
            at = found.next;
        }
        if remains { self.wipe_tail() } else { Ok(()) }
    }

    /// Writes zeros over a torn tail, whose records could otherwise line up behind new ones one day.
    fn wipe_tail(&self) -> Result<(), WalError> {
        let Some(reading) = &self.reading else { return Ok(()) };
        let path = &reading.segment.path;
        let wipe = || {
            let file = OpenOptions::new().write(true).open(path)?;
            self.disk.write(&file, &vec![0; reading.image.len() - reading.at], reading.at as u64)?;
            self.disk.sync(&file)
        };
        tracing::warn!(segment = %path.display(), offset = reading.at, "cut off a torn tail of the write-ahead log: nothing of it was acknowledged");
        wipe().map_err(|source| WalError::Io { what: "cut the torn tail of", path: path.clone(), source })
    }

    /// Begins to write behind what was read. To be called when [`Self::next_record`] has said `None`.
    ///
    /// # Errors
    /// When the first segment cannot be made or the last one not be opened.
    pub fn start<T: Send + 'static>(self, sink: impl Sink<T> + 'static) -> Result<Wal<T>, WalError> {
        let Self { dir, disk, segment_bytes, segments, spares, reading, last_lsn, sealed, .. } = self;
        let failed = |source| WalError::Io { what: "write", path: dir.clone(), source };
        let segments = Arc::new(Segments::new(dir.clone(), disk, segment_bytes, segments, spares));
        let (segment, file, at) = match reading {
            Some(reading) => {
                let file = OpenOptions::new().read(true).write(true).open(&reading.segment.path).map_err(failed)?;
                (reading.segment, file, reading.at as u64)
            }
            None => {
                let (segment, file) = segments.begin(last_lsn + 1, 0).map_err(failed)?;
                (segment, file, HEADER as u64)
            }
        };
        Wal::start(Log::new(segments, segment, file, at, last_lsn, sealed), sink).map_err(failed)
    }
}

/// Reads a segment's header and syncs its file.
fn inspect(path: &Path, number: u64) -> Result<Segment, WalError> {
    let failed = |source| WalError::Io { what: "read", path: path.to_path_buf(), source };
    let mut file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut header = [0; HEADER];
    let read = file.read_exact(&mut header);
    file.sync_data().map_err(failed)?;
    match Segment::parse(path, bytes, &header).filter(|segment| read.is_ok() && segment.number == number) {
        Some(segment) => Ok(segment),
        None => {
            let detail = "its header is damaged, of another version, or tells of another length".to_string();
            Err(WalError::Corrupt { segment: path.to_path_buf(), offset: 0, detail })
        }
    }
}

/// The byte behind the last valid record of a segment's chain.
fn end_of_records(image: &[u8], segment: &Segment, last_lsn: u64) -> usize {
    let mut at = HEADER;
    let mut lsn = segment.base;
    while let Some(found) = record::read(image, at, segment.salt).filter(|found| found.lsn == lsn && lsn <= last_lsn) {
        at = found.next;
        lsn += 1;
    }
    at
}
