//! The catalog: what the store consists of, in SQLite (`synchronous=FULL`), changed by transactions only.
//!
//! It knows splits, the next seq and applied LSN of each module, a snapshot of the marks with its LSN, gaps, released quarantines, the epoch, and (through
//! the registry) partners, modules, instances and tokens.

use crate::row::ModuleKey;
use crate::split::SplitMeta;
use crate::store::StoredGap;
use martlog_formats::wire::{FileId, Stream};
use std::path::Path;

/// See the module.
#[derive(Debug, Clone)]
pub struct Catalog {}

/// Why the catalog failed; the text says what to do where something can be done.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// SQLite said no.
    #[error("the catalog {0}: {1}")]
    Sql(&'static str, #[source] sqlx::Error),
}

/// What the catalog holds when the store opens.
#[derive(Debug, Default)]
pub struct Contents {
    /// The epoch: random, made when the catalog was made, and anew after a restore.
    pub epoch: u64,
    /// The published splits.
    pub splits: Vec<SplitMeta>,
    /// Per module what is published.
    pub modules: Vec<ModuleState>,
    /// The snapshot of the marks.
    pub marks: Marks,
    /// The gaps.
    pub gaps: Vec<StoredGap>,
}

/// Per module: what is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleState {
    /// Whose.
    pub key: ModuleKey,
    /// One past the largest published seq.
    pub next_seq: u64,
    /// Rows of WAL records up to and including this LSN are in splits (all of the module's).
    pub applied_lsn: u64,
    /// Quarantine only: rows below this seq have been released to their owner.
    pub released_seq: u64,
}

/// A snapshot of the marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// WAL records up to and including this LSN are in it.
    pub lsn: u64,
    /// The marks.
    pub files: Vec<FileMarks>,
}

/// The marks of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMarks {
    /// The cluster whose collectors may move them.
    pub cluster: String,
    /// The node.
    pub node: String,
    /// The container's life.
    pub stream: Stream,
    /// The file.
    pub file: FileId,
    /// `[stdout, stderr]`, bytes.
    pub marks: [u64; 2],
}

impl Catalog {
    /// Opens or makes `catalog.sqlite` in the folder and brings it to the newest schema.
    ///
    /// # Errors
    /// When SQLite cannot open, read or migrate it.
    pub async fn open(_dir: &Path) -> Result<Self, CatalogError> {
        unimplemented!()
    }

    /// Everything that the store needs to start.
    ///
    /// # Errors
    /// When SQLite cannot read it.
    pub async fn contents(&self) -> Result<Contents, CatalogError> {
        unimplemented!()
    }

    /// One transaction: the split is there (if any), these others are not, the module's state is this.
    ///
    /// # Errors
    /// When it was not committed; then nothing of it holds.
    pub async fn publish(&self, _added: Option<&SplitMeta>, _removed: &[String], _state: &ModuleState) -> Result<(), CatalogError> {
        unimplemented!()
    }

    /// One transaction: the changed marks and new gaps since the last snapshot, and the LSN up to which marks and gaps are complete.
    ///
    /// # Errors
    /// When it was not committed; then nothing of it holds.
    pub async fn snapshot_marks(&self, _lsn: u64, _changed: &[FileMarks], _gaps: &[StoredGap]) -> Result<(), CatalogError> {
        unimplemented!()
    }

    /// The pool, for the registry's tables.
    #[must_use]
    pub fn pool(&self) -> &sqlx::SqlitePool {
        unimplemented!()
    }
}
