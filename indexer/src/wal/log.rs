//! The end of the log: the segment that is written, and the three things that are done to it: append a group and seal it, sync the seal, go on in
//! the next one.

use super::Failure;
use super::record;
use super::segment::{self, Segment, Segments};
use super::writer::{GROUP_BYTES, Payload};
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Bytes of a seal.
const SEAL: usize = record::size(0);

/// See the module.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) segments: Arc<Segments>,
    segment: Segment,
    file: File,
    pub(super) at: u64,
    /// The newest LSN written.
    written: u64,
    /// The newest LSN synced.
    pub(super) durable: u64,
    /// Whether a seal, or nothing at all, is behind the newest payload.
    sealed: bool,
    /// Bytes behind `at` that a failed write may have left there.
    debris: usize,
    buffer: Vec<u8>,
}

impl Log {
    /// The end of a log that was just read, and synced when it was opened.
    pub(super) fn new(segments: Arc<Segments>, segment: Segment, file: File, at: u64, last_lsn: u64, sealed: bool) -> Self {
        Self { segments, segment, file, at, written: last_lsn, durable: last_lsn, sealed, debris: 0, buffer: Vec::new() }
    }

    pub(super) fn next_lsn(&self) -> u64 {
        self.written + 1
    }

    /// Whether its segment holds no record yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.at == segment::HEADER as u64 && self.debris == 0
    }

    /// Whether something was written that no sync has covered: only a seal can be, between two groups.
    pub(super) fn unsynced(&self) -> bool {
        self.durable < self.written
    }

    /// Bytes of records that still fit, with a seal behind them.
    pub(super) fn room(&self) -> usize {
        usize::try_from(self.segment.bytes.saturating_sub(self.at)).unwrap_or(usize::MAX).saturating_sub(SEAL)
    }

    /// Begins the next segment. Everything in this one is synced first: see the module's invariants.
    pub(super) fn roll(&mut self, needed: usize) -> Result<(), Failure> {
        self.clear_debris()?;
        self.sync().map_err(|error| Failure::Broken(error.to_string()))?;
        let (segment, file) = self.segments.begin(self.next_lsn(), needed + SEAL).map_err(|error| failure(&error))?;
        (self.segment, self.file, self.at) = (segment, file, segment::HEADER as u64);
        Ok(())
    }

    /// Writes, syncs and seals these records; the bytes that they took, `None` when there was nothing to write.
    pub(super) fn append<'a>(&mut self, payloads: impl Iterator<Item = &'a Payload>) -> Result<Option<u64>, Failure> {
        self.buffer.clear();
        let mut lsn = self.written;
        for payload in payloads {
            lsn += 1;
            record::encode(&mut self.buffer, self.segment.salt, lsn, self.durable, payload);
        }
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.write()?;
        self.written = lsn;
        self.sealed = false;
        self.sync().map_err(|error| Failure::Broken(error.to_string()))?;
        let bytes = self.buffer.len() as u64;
        self.seal();
        self.buffer.shrink_to(GROUP_BYTES);
        Ok(Some(bytes))
    }

    /// Writes the buffer. When that fails, zeros go over what may be there before anything else does, so that it never passes as part of a later group.
    fn write(&mut self) -> Result<(), Failure> {
        self.clear_debris()?;
        if let Err(error) = self.segments.disk.write(&self.file, &self.buffer, self.at) {
            self.debris = self.buffer.len();
            return Err(failure(&error));
        }
        self.at += self.buffer.len() as u64;
        Ok(())
    }

    fn clear_debris(&mut self) -> Result<(), Failure> {
        if self.debris > 0 {
            let disk = &self.segments.disk;
            disk.write(&self.file, &vec![0; self.debris], self.at).map_err(|error| failure(&error))?;
            disk.sync(&self.file).map_err(|error| Failure::Broken(error.to_string()))?;
            self.debris = 0;
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.unsynced() {
            self.segments.disk.sync(&self.file)?;
            self.durable = self.written;
        }
        Ok(())
    }

    /// Writes a seal behind what is synced, when there is something to seal. It is not synced with that: the next group or the next pause does it.
    pub(super) fn seal(&mut self) {
        // In a segment of before, there may be no room; then the header of the next one tells.
        if self.sealed || self.segment.bytes.saturating_sub(self.at) < SEAL as u64 {
            return;
        }
        let lsn = self.next_lsn();
        self.buffer.clear();
        record::encode(&mut self.buffer, self.segment.salt, lsn, self.durable, &Payload::default());
        match self.write() {
            Ok(()) => {
                self.written += 1;
                self.sealed = true;
            }
            // Not worth a failure: the records before it are durable without it, and a disk that is broken says so at the next group.
            Err(error) => tracing::debug!(%error, "no seal"),
        }
    }
}

/// What an error of the disk means for the log.
fn failure(error: &io::Error) -> Failure {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    let out_of_files =
        [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
    if out_of_files || matches!(error.kind(), StorageFull | QuotaExceeded) {
        Failure::Full(error.to_string())
    } else {
        Failure::Broken(error.to_string())
    }
}
