//! The store's shape in memory: for each module its live buffer and its splits, and what a reader sees of them.
//!
//! Invariant: a row is in exactly one of both at any moment a reader looks: publication swaps chunks for a split under one lock.

use crate::live::Chunk;
use crate::registry::Scope;
use crate::row::ModuleKey;
use crate::split::Split;
use martlog_formats::wire::GapReason;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct Store {}

/// What a reader sees of one module.
#[derive(Debug, Clone)]
pub struct ModuleView {
    /// Whose.
    pub key: ModuleKey,
    /// The live buffer, ascending seq.
    pub live: Vec<Arc<Chunk>>,
    /// The splits, ascending first seq.
    pub splits: Vec<Arc<Split>>,
    /// Rows below this seq are not shown any more (a quarantine that is being released); 0 otherwise.
    pub visible_from_seq: u64,
}

/// What a reader sees: a snapshot, cheap to make, that holds what it needs open.
#[derive(Debug, Clone)]
pub struct View {
    /// The modules that the scope allows.
    pub modules: Vec<ModuleView>,
    /// The arrival of the newest applied part, ns: everything in the view arrived by then.
    pub as_of_ns: i64,
}

impl Store {
    /// What this scope sees now: the modules it allows, or the quarantines instead when `quarantine` is set (staff alone).
    #[must_use]
    pub fn view(&self, _scope: &Scope, _quarantine: bool) -> View {
        unimplemented!()
    }

    /// Every chunk from now on, as it is applied (in the order of arrival); a slow reader lags and catches up through [`Self::view`].
    #[must_use]
    pub fn subscribe(&self) -> tokio::sync::broadcast::Receiver<Arc<Chunk>> {
        unimplemented!()
    }

    /// The store's epoch: part of every row's id.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        unimplemented!()
    }
}

/// A gap as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredGap {
    /// Whose stream it is.
    pub owner: Arc<crate::row::Owner>,
    /// Where.
    pub origin: Arc<crate::row::Origin>,
    /// First missing byte.
    pub from: u64,
    /// One past the last missing byte.
    pub to: u64,
    /// Why.
    pub reason: GapReason,
    /// When it was noticed, ns.
    pub time_ns: i64,
}

/// How far a scope is complete.
#[derive(Debug, Clone, Default)]
pub struct Completeness {
    /// Everything that was printed before this has arrived, ns; `None` when no collector has reported on a stream of the scope.
    pub until_ns: Option<i64>,
    /// How far behind the clock that is, seconds; 0 when nothing waits.
    pub behind_seconds: f64,
    /// The holes.
    pub gaps: Vec<StoredGap>,
}
