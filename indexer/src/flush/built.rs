//! A split that is built, and not published yet.

use crate::catalog::Listing;
use crate::catalog::hours::Hours;
use crate::filter::{self, Words};
use crate::folder::Folder;
use crate::row::{ModuleKey, RowRef};
use crate::shelf::Shelved;
use crate::split::{self, Split, SplitMeta};
use std::io;
use std::path::{Path, PathBuf};

/// A split with more rows has no filter: it is opened sooner than its filter, about 16 bytes a row, is worth keeping in memory.
const FILTER_ROWS_MAX: u64 = 4_096;

/// See the module. Dropped without being published, its file is an orphan: who drops it removes it, or the next start does.
#[derive(Debug)]
pub(crate) struct Built {
    split: Shelved,
    listing: Listing,
}

impl Built {
    /// Builds a split of a module's rows (ascending seq, not empty) where its splits lie; synced when this returns. Takes CPU and waits for the disk.
    pub(crate) fn of(folder: &Folder, key: &ModuleKey, rows: &[RowRef<'_>]) -> io::Result<Self> {
        let hours = Hours::of(rows.iter().copied());
        let (meta, _) = file(folder, key, |id, path| split::build(key, id, rows, path))?;
        let filter = (meta.rows <= FILTER_ROWS_MAX).then(|| filter::of(rows.iter().copied(), Words::Telling));
        Self::listed(folder, meta, &hours, filter)
    }

    /// Lets `build` make the file at the path of a new id; `hours` are the counts of its rows.
    pub(super) fn with(
        folder: &Folder,
        key: &ModuleKey,
        hours: &Hours,
        build: impl FnOnce(&str, &Path) -> io::Result<SplitMeta>,
    ) -> io::Result<Self> {
        let (meta, path) = file(folder, key, build)?;
        let filter = match meta.rows {
            ..=FILTER_ROWS_MAX => Some(filter::of(Split::open(&path, meta.clone())?.rows()?.iter().map(RowRef::from), Words::Telling)),
            _ => None,
        };
        Self::listed(folder, meta, hours, filter)
    }

    fn listed(folder: &Folder, meta: SplitMeta, hours: &Hours, filter: Option<Box<[u8]>>) -> io::Result<Self> {
        let filter = filter.map(|filter| filter::kept(&filter).into());
        let listing = Listing { meta, hours: Some(hours.encode()?.into()), filter };
        Ok(Self { split: folder.shelve(listing.clone()), listing })
    }

    /// What the catalog is told of it.
    pub(crate) fn listing(&self) -> Listing {
        self.listing.clone()
    }

    pub(super) fn into_split(self) -> Shelved {
        self.split
    }
}

/// Lets `build` make a file where the module's splits lie, at the path of a new id.
fn file(folder: &Folder, key: &ModuleKey, build: impl FnOnce(&str, &Path) -> io::Result<SplitMeta>) -> io::Result<(SplitMeta, PathBuf)> {
    folder.make_module(key)?;
    let id = format!("{:032x}", rand::random::<u128>());
    let path = folder.split(key, &id);
    Ok((build(&id, &path)?, path))
}
