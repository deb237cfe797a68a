//! How far all files are: written by the lanes, read by the heartbeat and the position file.

use crate::Report;
use crate::parts::Gain;
use martlog_formats::wire::{FileId, FileProgress};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shared by the tasks of one collector.
#[derive(Debug, Default)]
pub(crate) struct Board {
    inner: Mutex<Inner>,
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How far it is.
    pub(crate) progress: FileProgress,
    /// Its name.
    pub(crate) name: String,
    /// Read to the end and acknowledged, with nothing to come.
    pub(crate) settled: bool,
}

/// A copy of the board.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// The store's epoch, as last heard.
    pub(crate) epoch: u64,
    /// The files.
    pub(crate) files: Vec<Standing>,
    /// Grows with every change.
    pub(crate) version: u64,
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
        for standing in standings {
            let known = inner.files.get(&standing.progress.file);
            if known == Some(&standing) {
                continue;
            }
            if known.is_none() {
                inner.report.files += 1;
            }
            inner.version += 1;
            inner.files.insert(standing.progress.file, standing);
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

    /// A copy of what is on it.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let inner = self.lock();
        Snapshot { epoch: inner.epoch, files: inner.files.values().cloned().collect(), version: inner.version }
    }

    /// The number of changes so far.
    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }
}
