//! A split that is built and open, and not published yet.

use crate::folder::Folder;
use crate::row::{ModuleKey, Row};
use crate::split::{self, Split, SplitMeta};
use std::io;

/// See the module. Dropped without being published, its file is an orphan: who drops it removes it, or the next start does.
#[derive(Debug)]
pub(crate) struct Built {
    split: Split,
}

impl Built {
    /// Builds a split of a module's rows (ascending seq, not empty) where its splits lie; synced when this returns. Takes CPU and waits for the disk.
    pub(crate) fn of(folder: &Folder, key: &ModuleKey, rows: &[&Row]) -> io::Result<Self> {
        folder.make_module(key)?;
        let id = format!("{:032x}", rand::random::<u128>());
        let path = folder.split(key, &id);
        let meta = split::build(key, &id, rows, &path)?;
        Ok(Self { split: Split::open(&path, meta)? })
    }

    /// What the catalog is told of it.
    pub(crate) fn meta(&self) -> &SplitMeta {
        &self.split.meta
    }

    pub(super) fn into_split(self) -> Split {
        self.split
    }
}
