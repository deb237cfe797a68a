//! A row: a record with its place in the store: whose it is, where it came from, and its numbers.
//!
//! Invariants: `seq` is dense per module from 0, given at append; `arrived_ns` is strictly increasing from part to part over
//! the whole store and equal within a part: it orders the tail and says what a search could see; the order of
//! rows is (time, module, seq).

use martlog_formats::Record;
use martlog_formats::wire::{FileId, Substream};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The partner name under which records without an owner are kept; the module name is then the pod's UID.
/// It is no legal id, so no partner can be called that.
pub const QUARANTINE: &str = "_quarantine";

/// A module of a partner: the unit in which everything is stored apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModuleKey {
    /// The partner's id, or [`QUARANTINE`].
    pub partner: Arc<str>,
    /// The module's id, unique over all partners, or the pod's UID in the quarantine.
    pub module: Arc<str>,
}

impl ModuleKey {
    /// Whether this is a pod's quarantine.
    #[must_use]
    pub fn is_quarantine(&self) -> bool {
        &*self.partner == QUARANTINE
    }
}

/// Whose a record is, as the registry said when it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// Partner and module.
    pub key: ModuleKey,
    /// The instance; empty in the quarantine.
    pub instance: Arc<str>,
    /// The telco; empty in the quarantine.
    pub csp: Arc<str>,
    /// The environment; empty when none is registered.
    pub environment: Arc<str>,
    /// The module's version by the pod's label `app.kubernetes.io/version`; empty when unknown.
    pub version: Arc<str>,
}

/// Where a record came from, as the node said.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The cluster; `ingest` for pushed lines.
    pub cluster: Arc<str>,
    /// The node; empty for pushed lines, as are the pod's fields.
    pub node: Arc<str>,
    /// The Kubernetes namespace.
    pub namespace: Arc<str>,
    /// The pod's name.
    pub pod: Arc<str>,
    /// The pod's UID.
    pub pod_uid: Arc<str>,
    /// The container.
    pub container: Arc<str>,
    /// The restart count.
    pub restart: u32,
    /// stdout or stderr.
    pub substream: Substream,
    /// The file.
    pub file: FileId,
    /// Its name when it was read.
    pub file_name: Arc<str>,
}

/// A record with its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Dense per module.
    pub seq: u64,
    /// When its part was taken, ns since the epoch; see the module's invariants.
    pub arrived_ns: i64,
    /// Whose it is.
    pub owner: Arc<Owner>,
    /// Where it came from.
    pub origin: Arc<Origin>,
    /// The first byte of its line in the file.
    pub offset: u64,
    /// What the line has become.
    pub record: Record,
}

impl Row {
    /// The row's place in the order of rows.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { time_ns: self.record.time_ns, module: self.owner.key.module.clone(), seq: self.seq }
    }
}

/// A place in the order of rows: (time, module, seq).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// ns since the epoch.
    pub time_ns: i64,
    /// The module's id.
    pub module: Arc<str>,
    /// Dense per module.
    pub seq: u64,
}
