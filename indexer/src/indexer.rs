//! The indexer as one thing: opened on a data folder, shared by clones, closed once.

use crate::registry::{Registry, Scope};
use crate::row::Owner;
use crate::store::Store;
use martlog_formats::Record;
use martlog_formats::wire::{AppendAnswer, DecodeError, PositionsAnswer, PositionsRequest};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The store's budgets.
#[derive(Debug, Clone)]
pub struct Options {
    /// Live buffers over all modules together, bytes.
    pub live_bytes_max: usize,
    /// A buffer whose oldest row waits longer than this is flushed.
    pub live_age_max: Duration,
    /// A WAL segment, bytes.
    pub wal_segment_bytes: u64,
    /// Searches at once; each takes one thread.
    pub search_threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { live_bytes_max: 128 << 20, live_age_max: Duration::from_secs(600), wal_segment_bytes: 64 << 20, search_threads: 2 }
    }
}

/// The store cannot take rows now; ask again after a while.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Unavailable {
    /// 429 or 503.
    pub code: u16,
    /// How long to wait.
    pub after: Duration,
    /// Why, for the reader.
    pub reason: String,
}

/// Why a data folder cannot be opened: each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// See the text.
    #[error("{0}")]
    Other(String),
}

/// The store. Clones share it.
#[derive(Debug, Clone)]
pub struct Indexer {
    #[allow(dead_code)]
    pub(crate) store: Arc<Store>,
}

impl Indexer {
    /// Opens a data folder, makes it when it is not there, replays the WAL.
    ///
    /// # Errors
    /// When another process holds it, when it cannot be read or written, when the WAL is corrupt.
    pub async fn open(_dir: &Path, _options: Options) -> Result<Self, OpenError> {
        unimplemented!()
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        unimplemented!()
    }

    /// The append protocol: a decompressed batch of a collector of this cluster. Returns when every part is durable or refused.
    ///
    /// # Errors
    /// When the bytes are not a batch.
    pub async fn append(&self, _cluster: &str, _batch: &[u8]) -> Result<AppendAnswer, DecodeError> {
        unimplemented!()
    }

    /// The durable marks of files.
    pub async fn positions(&self, _cluster: &str, _request: &PositionsRequest) -> PositionsAnswer {
        unimplemented!()
    }

    /// Rows that came through another door: durable and searchable when this returns.
    ///
    /// # Errors
    /// When the store cannot take them now: nothing of them was stored.
    pub async fn push(&self, _owner: Arc<Owner>, _records: Vec<Record>) -> Result<(), Unavailable> {
        unimplemented!()
    }

    /// Moves the quarantine of a pod to its owner, once an instance is registered for it. Idempotent; returns the rows moved now.
    ///
    /// # Errors
    /// When the store cannot take them now; what was moved stays moved.
    pub async fn release(&self, _pod_uid: &str, _owner: Arc<Owner>) -> Result<u64, Unavailable> {
        unimplemented!()
    }

    /// Publishes every live buffer as splits now.
    ///
    /// # Errors
    /// When a split cannot be written.
    pub async fn flush(&self) -> std::io::Result<()> {
        unimplemented!()
    }

    /// Takes nothing more, ends the tails, syncs and closes.
    pub async fn close(&self) {
        unimplemented!()
    }

    /// The gaps that lie within a scope and time range, and how far the scope is complete.
    pub async fn completeness(&self, _scope: &Scope) -> crate::store::Completeness {
        unimplemented!()
    }
}
