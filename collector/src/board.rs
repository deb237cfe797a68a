//! How far all files are: written by the lanes, read by the heartbeat and the position file.

use crate::Report;
use crate::parts::Gain;
use crate::pulse::Backlog;
use martlog_formats::wire::{FileId, Stream};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Shared by the tasks of one collector.
#[derive(Debug, Default)]
pub(crate) struct Board {
    inner: Mutex<Inner>,
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Whose it is.
    pub(crate) stream: Arc<Stream>,
    /// Which file.
    pub(crate) file: FileId,
    /// Its name.
    pub(crate) name: String,
    /// Its size, bytes.
    pub(crate) size: u64,
    /// The acknowledged positions, `[stdout, stderr]`, bytes; as last remembered, or 0, until the server was asked.
    pub(crate) acknowledged: [u64; 2],
    /// Whether the server was asked in this life.
    pub(crate) asked: bool,
    /// The runtime's time of the oldest line not yet acknowledged, ns since the epoch; absent when none is waiting.
    pub(crate) oldest_unacknowledged_ns: Option<i64>,
    /// It is gone from the node and read to its end.
    pub(crate) gone: bool,
    /// Read to the end and acknowledged, with nothing to come.
    pub(crate) settled: bool,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<FileId, Standing>,
    report: Report,
    epoch: u64,
    version: u64,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every write leaves the board whole, so a poisoned lock guards nothing that is broken.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how far files are.
    pub(crate) fn note(&self, standings: impl IntoIterator<Item = Standing>) {
        let mut inner = self.lock();
        for mut standing in standings {
            let known = inner.files.get(&standing.file);
            if let (false, Some(known)) = (standing.asked, known) {
                standing.acknowledged = known.acknowledged;
            }
            if known == Some(&standing) {
                continue;
            }
            if standing.asked && known.is_none_or(|known| !known.asked) {
                inner.report.files += 1;
            }
            inner.version += 1;
            inner.files.insert(standing.file, standing);
        }
    }

    /// Forgets files that are gone, once the server has heard it.
    pub(crate) fn forget(&self, files: &[FileId]) {
        let mut inner = self.lock();
        for file in files {
            inner.files.remove(file);
        }
        inner.version += 1;
    }

    /// Counts what was acknowledged.
    pub(crate) fn count(&self, gain: Gain) {
        let report = &mut self.lock().report;
        report.records += gain.records;
        report.bytes += gain.bytes;
        report.gaps += gain.gaps;
        report.below_level += gain.below_level;
    }

    /// Notes the store's epoch.
    pub(crate) fn set_epoch(&self, epoch: u64) {
        self.lock().epoch = epoch;
    }

    /// The store's epoch, as last heard by anybody; 0 before that.
    pub(crate) fn epoch(&self) -> u64 {
        self.lock().epoch
    }

    /// What was done so far.
    pub(crate) fn report(&self) -> Report {
        self.lock().report.clone()
    }

    /// What the server does not have yet.
    pub(crate) fn backlog(&self, now_ns: i64) -> Backlog {
        let inner = self.lock();
        let mut backlog = Backlog::default();
        let mut oldest_ns = now_ns;
        for file in inner.files.values() {
            let waits = file.size.saturating_sub(file.acknowledged[0].min(file.acknowledged[1]));
            backlog.files += u64::from(waits > 0);
            backlog.bytes += waits;
            oldest_ns = oldest_ns.min(file.oldest_unacknowledged_ns.unwrap_or(now_ns));
        }
        backlog.oldest = Duration::from_nanos(now_ns.saturating_sub(oldest_ns).unsigned_abs());
        backlog
    }

    /// Shows what is on it, with the store's epoch as last heard and the number of changes so far. Nobody can change it meanwhile: to be done off the reactor.
    pub(crate) fn show<T>(&self, look: impl FnOnce(u64, &mut dyn Iterator<Item = &Standing>, u64) -> T) -> T {
        let inner = self.lock();
        look(inner.epoch, &mut inner.files.values(), inner.version)
    }

    /// The number of changes so far.
    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }
}
