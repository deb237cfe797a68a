//! A split that is built and open, and not published yet.

use crate::catalog::Listing;
use crate::catalog::hours::Hours;
use crate::folder::Folder;
use crate::row::{ModuleKey, Row};
use crate::split::{self, Split, SplitMeta};
use crate::store::Published;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// See the module. Dropped without being published, its file is an orphan: who drops it removes it, or the next start does.
#[derive(Debug)]
pub(crate) struct Built {
    split: Split,
    hours: Arc<[u8]>,
}

impl Built {
    /// Builds a split of a module's rows (ascending seq, not empty) where its splits lie; synced when this returns. Takes CPU and waits for the disk.
    pub(crate) fn of(folder: &Folder, key: &ModuleKey, rows: &[&Row]) -> io::Result<Self> {
        let hours = Hours::of(rows.iter().copied());
        Self::with(folder, key, &hours, |id, path| split::build(key, id, rows, path))
    }

    /// Lets `build` make the file at the path of a new id; `hours` are the counts of its rows.
    pub(super) fn with(
        folder: &Folder,
        key: &ModuleKey,
        hours: &Hours,
        build: impl FnOnce(&str, &Path) -> io::Result<SplitMeta>,
    ) -> io::Result<Self> {
        folder.make_module(key)?;
        let id = format!("{:032x}", rand::random::<u128>());
        let path = folder.split(key, &id);
        let meta = build(&id, &path)?;
        Ok(Self { split: folder.open_split(meta)?, hours: hours.encode()?.into() })
    }

    /// What the catalog is told of it.
    pub(crate) fn listing(&self) -> Listing {
        Listing { meta: self.split.meta.clone(), hours: Some(self.hours.clone()) }
    }

    pub(super) fn into_parts(self) -> Published {
        (self.split, Some(self.hours))
    }
}
