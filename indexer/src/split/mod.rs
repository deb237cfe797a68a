//! A split: an immutable, time-ordered file of one module's rows with their index.

use crate::row::{ModuleKey, Row};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What the catalog knows of a split without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitMeta {
    /// 32 hex digits; the file is `splits/<partner>/<module>/<id>.split`.
    pub id: String,
    /// Whose.
    pub key: ModuleKey,
    /// The version of the file's form.
    pub format: u32,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Smallest seq.
    pub seq_from: u64,
    /// Largest seq plus one; seqs are dense in between.
    pub seq_to: u64,
    /// Oldest row, ns.
    pub time_min_ns: i64,
    /// Newest row, ns.
    pub time_max_ns: i64,
    /// First arrival, ns.
    pub arrived_min_ns: i64,
    /// Last arrival, ns.
    pub arrived_max_ns: i64,
}

/// An open split; its file stays readable while this lives, also after it was removed.
#[derive(Debug)]
pub struct Split {
    /// What the catalog knows of it.
    pub meta: SplitMeta,
}

/// Builds a split of a module's rows (ascending seq, not empty) at `path`; the file and its folder are synced when this returns.
///
/// # Errors
/// When it cannot be written; a half-written file is removed.
pub fn build(_key: &ModuleKey, _id: &str, _rows: &[&Row], _path: &Path) -> std::io::Result<SplitMeta> {
    unimplemented!()
}

impl Split {
    /// Opens a split; cheap: its parts are read when they are needed.
    ///
    /// # Errors
    /// When the file is not there, is damaged, or has a form that this version does not know.
    pub fn open(_path: &Path, _meta: SplitMeta) -> std::io::Result<Self> {
        unimplemented!()
    }

    /// Every row in ascending seq, for a release, a merge or a check.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn rows(&self) -> std::io::Result<Vec<Row>> {
        unimplemented!()
    }
}
