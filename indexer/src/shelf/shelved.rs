//! A published split: what is known of it without opening it, and the way into it.

use super::Shelf;
use crate::filter;
use crate::split::cache::Cache;
use crate::split::{Split, SplitMeta};
use parking_lot::Mutex;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the module. The last one that is dropped closes the file.
#[derive(Debug)]
pub struct Shelved {
    /// What the catalog knows of it.
    pub meta: SplitMeta,
    /// Its hourly counts as the catalog has them; `None` when it is older than they are.
    hours: Option<Arc<[u8]>>,
    /// The words and ids of its rows, in the form that is kept; `None` when there is none, or no room for it.
    filter: Option<Arc<[u8]>>,
    path: PathBuf,
    /// Its number on the shelf and in the cache.
    number: u64,
    shelf: Arc<Shelf>,
    /// Open for ever, since its file is gone or is about to be.
    kept: Mutex<Option<Arc<Split>>>,
}

impl Shelved {
    /// A split whose file lies at `path`, now or when it is first opened.
    pub(crate) fn new(shelf: &Arc<Shelf>, path: PathBuf, meta: SplitMeta, hours: Option<Arc<[u8]>>, filter: Option<Arc<[u8]>>) -> Self {
        let filter = filter.filter(|kept| shelf.take_filter_bytes(kept.len()));
        Self { meta, hours, filter, path, number: shelf.cache.number(), shelf: shelf.clone(), kept: Mutex::default() }
    }

    /// The split, opened if it is not open. Who has it can read it to the end, whatever becomes of the file.
    ///
    /// # Errors
    /// When its file is missing, or damaged, or has a form that this version does not know.
    pub fn open(&self) -> io::Result<Arc<Split>> {
        self.shelf.trim();
        if let Some(split) = self.shelf.get(self.number) {
            return Ok(split);
        }
        // Held while it is opened, so that the file is not removed in between, and is opened once.
        let kept = self.kept.lock();
        if let Some(split) = kept.clone().or_else(|| self.shelf.get(self.number)) {
            return Ok(split);
        }
        let split = self.read(&self.shelf.cache, self.number)?;
        self.shelf.put(self.number, &split);
        Ok(split)
    }

    /// The split for who reads all of it once, with a cache of his: what others read often stays in theirs, and the pages go when he lets go of the split.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn open_apart(&self, cache: &Arc<Cache>) -> io::Result<Arc<Split>> {
        let kept = self.kept.lock();
        kept.clone().map_or_else(|| self.read(cache, cache.number()), Ok)
    }

    /// Lets go of mapped pages when they are too many: for who reads on in splits that are open.
    pub(crate) fn trim(&self) {
        self.shelf.trim();
    }

    fn read(&self, cache: &Arc<Cache>, number: u64) -> io::Result<Arc<Split>> {
        match Split::open_with(&self.path, self.meta.clone(), cache, number) {
            Ok(split) => Ok(Arc::new(split)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = format!("the file of the split {} is missing: restore it from a backup", self.meta.id);
                Err(io::Error::new(error.kind(), text))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a row can have one of the keys of each clause.
    pub(crate) fn may_have(&self, clauses: &[Vec<u64>]) -> bool {
        clauses.is_empty() || self.filter.as_deref().and_then(filter::read).is_none_or(|bytes| filter::may_have(bytes, clauses))
    }

    /// Its hourly counts as the catalog has them.
    pub(crate) fn hours(&self) -> Option<&Arc<[u8]>> {
        self.hours.as_ref()
    }

    /// Where its file lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// To be called before its file is removed, when nobody can find it any more: whoever found it before, and may not have opened it yet, gets it open.
    pub(crate) fn keep_for_readers(self: &Arc<Self>) {
        if Arc::strong_count(self) == 1 {
            return;
        }
        let mut kept = self.kept.lock();
        if kept.is_none() {
            // One that cannot be opened is told of when somebody reads it.
            *kept = self.shelf.get(self.number).or_else(|| self.read(&self.shelf.cache, self.number).ok());
        }
        self.shelf.close(self.number);
    }
}

impl Drop for Shelved {
    fn drop(&mut self) {
        self.shelf.close(self.number);
        self.shelf.give_filter_bytes_back(self.filter.as_ref().map_or(0, |filter| filter.len()));
    }
}
