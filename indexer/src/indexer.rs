//! The indexer as one thing: opened on a data folder, shared by clones, closed once. A thin front of the parts.

use crate::append::{KeyedPush, Pushed};
use crate::audit::Audit;
use crate::catalog::{Catalog, CatalogError};
use crate::engine::Engine;
use crate::flush::{Limits, Retention};
use crate::folder::FolderError;
use crate::overview::{HourCount, overview};
use crate::registry::{Registry, Scope};
use crate::row::{ModuleKey, Owner};
use crate::stats::{Door, DoorCounters, Stats};
use crate::store::Store;
use crate::usage::{DayUse, usage};
use crate::wal::{Disk, Failure, RealDisk, SubmitError, WalError};
use crate::watermark::Room;
use martlog_formats::Record;
use martlog_formats::wire::{AppendAnswer, DecodeError, Heartbeat, PositionsAnswer, PositionsRequest};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The store's budgets.
#[derive(Debug, Clone)]
pub struct Options {
    /// Live buffers over all modules together, bytes. Over it the largest is flushed; over a quarter more nothing is taken.
    pub live_bytes_max: usize,
    /// A buffer whose oldest row waits longer than this is flushed; one of fewer than 1,000 rows and 256 KiB, 144 times as long (a day, by default), but no longer than a tenth of the retention.
    pub live_age_max: Duration,
    /// A WAL segment, bytes.
    pub wal_segment_bytes: u64,
    /// Segments of the WAL together, bytes. Over it, what pins the oldest one is flushed, or, where it is little, written to the end.
    pub wal_bytes_max: u64,
    /// Splits whose newest row and newest arrival are older are removed; `None` keeps them for ever.
    pub retention_age_max: Option<Duration>,
    /// Splits together, bytes: over it the oldest are removed; `None` keeps them all.
    pub retention_bytes_max: Option<u64>,
    /// Bytes of the disk that are kept free: below it nothing new is taken. `None` goes by the disk's size; 0 is off.
    pub disk_reserve_bytes: Option<u64>,
    /// A node whose collector has said nothing for so long is taken for lost.
    pub node_lost_after: Duration,
    /// Searches at once; each takes one thread.
    pub search_threads: usize,
    /// The disk under the WAL: tests put in a full or a broken one.
    pub disk: Arc<dyn Disk>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            live_bytes_max: 128 << 20,
            live_age_max: Duration::from_secs(600),
            wal_segment_bytes: 64 << 20,
            wal_bytes_max: 512 << 20,
            retention_age_max: None,
            retention_bytes_max: None,
            disk_reserve_bytes: None,
            node_lost_after: Duration::from_secs(3600),
            search_threads: 2,
            disk: Arc::new(RealDisk),
        }
    }
}

impl Options {
    pub(crate) fn retention(&self) -> Retention {
        Retention { age_max: self.retention_age_max, bytes_max: self.retention_bytes_max }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits::new(self.live_bytes_max, self.live_age_max, self.wal_bytes_max, self.retention_age_max)
    }
}

/// The store cannot take rows now; ask again after a while.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unavailable {
    /// 429 or 503; 413 for what is larger than a record of the log may be.
    pub code: u16,
    /// How long to wait.
    pub after: Duration,
    /// Why, for the reader.
    pub reason: String,
}

impl Unavailable {
    fn later(after: Duration, reason: impl std::fmt::Display) -> Self {
        Self { code: 503, after, reason: reason.to_string() }
    }

    pub(crate) fn closing() -> Self {
        Self::later(Duration::from_secs(2), "the store is closing")
    }

    pub(crate) fn leaving() -> Self {
        Self::later(Duration::from_secs(2), "the partner of these lines is being removed")
    }

    pub(crate) fn full() -> Self {
        Self::later(
            Duration::from_secs(5),
            "the disk of the data folder is full: free some space on it; what was taken is kept and can be searched, and the store goes on by itself",
        )
    }

    /// A module has too many rows, or, with none named, the store.
    pub(crate) fn over_share(key: Option<&ModuleKey>) -> Self {
        let whose = key.map_or_else(|| "the store".to_owned(), |key| format!("module {}", key.module));
        let reason = format!("{whose} has more rows in memory than it may: they are being written out");
        Self { code: 429, after: Duration::from_secs(1), reason }
    }

    pub(crate) fn broken_split(error: &io::Error) -> Self {
        Self::later(Duration::from_secs(60), format!("a split of the quarantine cannot be read: {error}"))
    }

    pub(crate) fn cannot_flush(error: &io::Error) -> Self {
        Self::later(Duration::from_secs(5), format!("the rows cannot be written out: {error}"))
    }
}

impl From<SubmitError> for Unavailable {
    fn from(error: SubmitError) -> Self {
        let after = match error {
            SubmitError::Busy => Duration::from_millis(200),
            SubmitError::Stalled => Duration::from_secs(1),
            SubmitError::Closed => return Self::closing(),
            // It would be as large the next time.
            SubmitError::TooLarge(_) => return Self { code: 413, ..Self::later(Duration::from_secs(5), error) },
            SubmitError::Broken(_) => Duration::from_secs(5),
        };
        Self::later(after, error)
    }
}

impl From<&Failure> for Unavailable {
    fn from(failure: &Failure) -> Self {
        let seconds = if matches!(failure, Failure::Full(_)) { 2 } else { 5 };
        Self::later(Duration::from_secs(seconds), failure)
    }
}

/// Why a data folder cannot be opened: each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder itself.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The write-ahead log.
    #[error(transparent)]
    Wal(WalError),
    /// A record of the write-ahead log.
    #[error("{0}")]
    Replay(String),
    /// The log and the catalog are not of one time.
    #[error(
        "the write-ahead log lacks the records from {from} to before {to}, which the catalog knows of: restore `wal` and `catalog.sqlite` together from one backup"
    )]
    WalMissing {
        /// The first missing LSN.
        from: u64,
        /// The first one behind them.
        to: u64,
    },
    /// A published split.
    #[error("the split {} cannot be opened: {source}{}", path.display(), if source.kind() == io::ErrorKind::NotFound { ": restore it from a backup" } else { "" })]
    Split {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Splits could not be written or tidied up.
    #[error("cannot write splits while the store opens: {0}")]
    Flush(io::Error),
}

/// The store. Clones share it.
#[derive(Debug, Clone)]
pub struct Indexer {
    pub(crate) store: Arc<Store>,
    /// The threads that searches share.
    pub(crate) searches: Arc<Semaphore>,
    pub(crate) engine: Arc<Engine>,
}

impl Indexer {
    /// Opens a data folder, makes it when it is not there, replays the WAL.
    ///
    /// # Errors
    /// When another process holds it, when it cannot be read or written, when the WAL is corrupt.
    pub async fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let engine = Engine::open(dir, &options).await?;
        let searches = Arc::new(Semaphore::new(options.search_threads.max(1)));
        let indexer = Self { store: engine.store.clone(), searches, engine };
        indexer.resume_erasures().await?;
        Ok(indexer)
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.engine.registry
    }

    /// Who asked what.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.engine.audit
    }

    /// The catalog.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.engine.catalog
    }

    /// What readers look at.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The append protocol: a decompressed batch of a collector of this cluster. Returns when every part is durable or refused.
    ///
    /// # Errors
    /// When the bytes are not a batch.
    pub async fn append(&self, cluster: &str, batch: &[u8]) -> Result<AppendAnswer, DecodeError> {
        crate::append::append(&self.engine, cluster, batch).await
    }

    /// The durable marks of files.
    // Async as the other doors are: a log beyond this machine has to ask.
    #[allow(clippy::unused_async)]
    pub async fn positions(&self, cluster: &str, request: &PositionsRequest) -> PositionsAnswer {
        PositionsAnswer { epoch: self.store.epoch(), marks: self.engine.sequencer.positions(cluster, &request.files) }
    }

    /// Takes note of how far a collector is.
    #[allow(clippy::unused_async)]
    pub async fn heartbeat(&self, cluster: &str, beat: Heartbeat) {
        self.engine.heard(cluster, beat, crate::append::now_ns());
    }

    /// Rows that came through another door: durable and searchable when this returns.
    ///
    /// # Errors
    /// When the store cannot take them now: nothing of them was stored.
    pub async fn push(&self, owner: Arc<Owner>, records: Vec<Record>) -> Result<(), Unavailable> {
        crate::append::push(&self.engine, Pushed { owner, records, keyed: None }).await
    }

    /// The same under a key of a token: stored once within a day, over restarts; whether it was stored now. No other push of this key may run meanwhile: the doors see to that. For tests of crashes.
    ///
    /// # Errors
    /// When the store cannot take them now, or the catalog cannot say whether it has: nothing of them was stored.
    pub async fn push_once(&self, owner: Arc<Owner>, records: Vec<Record>, token: &str, id: [u8; 32]) -> io::Result<bool> {
        if crate::append::pushed(&self.engine, &id).await.map_err(io::Error::other)?.is_some() {
            return Ok(false);
        }
        let at_ns = crate::append::now_ns();
        let keyed = KeyedPush { id, token: token.into(), fingerprint: [0; 16], answer: Arc::default(), at_ns };
        crate::append::push(&self.engine, Pushed { owner, records, keyed: Some(keyed) }).await.map_err(io::Error::other)?;
        Ok(true)
    }

    /// Counts at a door.
    pub(crate) fn count_door(&self, door: Door, count: impl FnOnce(&DoorCounters)) {
        count(self.engine.counters.door(door));
    }

    /// Counts how a request at a door of another crate was answered.
    pub fn answered_at(&self, door: Door, status: u16) {
        self.count_door(door, |counters| counters.answered(status));
    }

    /// Moves the quarantine of a pod to its owner, once an instance is registered for it. Idempotent; returns the rows moved now.
    ///
    /// # Errors
    /// When the store cannot take them now; what was moved stays moved.
    pub async fn release(&self, pod_uid: &str, owner: Arc<Owner>) -> Result<u64, Unavailable> {
        crate::release::release(&self.engine, pod_uid, &owner).await
    }

    /// Publishes every live buffer as splits now.
    ///
    /// # Errors
    /// When a split cannot be written.
    pub async fn flush(&self) -> io::Result<()> {
        self.engine.flush().await
    }

    /// Merges splits until there is nothing to merge, as if every day, week and month were over; how many merges. For benchmarks and tests: the store merges by itself.
    ///
    /// # Errors
    /// When a split cannot be read or written; what was merged before stays merged.
    pub async fn merge_all(&self) -> io::Result<u64> {
        self.engine.merge_all().await
    }

    /// How many rows each instance has at each level in each hour of which a part lies in `[from_ns, to_ns)`, within the scope: exact, by (hour, module,
    /// instance, level), without opening splits. The quarantine is not in it.
    ///
    /// # Errors
    /// When the catalog's counts are damaged.
    pub async fn overview(&self, scope: &Scope, from_ns: i64, to_ns: i64) -> io::Result<Vec<HourCount>> {
        let (store, scope) = (self.store.clone(), scope.clone());
        let counted = tokio::task::spawn_blocking(move || overview(&store, &scope, from_ns, to_ns));
        counted.await.map_err(io::Error::other)?
    }

    /// What each instance said on each day of which a part lies in `[from_ns, to_ns)`, within the scope, by (day, module, instance). The quarantine is not in it.
    ///
    /// # Errors
    /// When the catalog's counts are damaged.
    pub async fn usage(&self, scope: &Scope, from_ns: i64, to_ns: i64) -> io::Result<Vec<DayUse>> {
        let (store, scope) = (self.store.clone(), scope.clone());
        let counted = tokio::task::spawn_blocking(move || usage(&store, &scope, from_ns, to_ns));
        counted.await.map_err(io::Error::other)?
    }

    /// Takes nothing more, ends the tails, syncs and closes.
    pub async fn close(&self) {
        self.engine.close().await;
    }

    /// The gaps that lie within a scope and time range, and how far the scope is complete.
    #[allow(clippy::unused_async)]
    pub async fn completeness(&self, scope: &Scope) -> crate::store::Completeness {
        crate::completeness::completeness(&self.engine, scope)
    }

    /// The nodes that collectors speak for.
    pub(crate) fn nodes(&self) -> Vec<crate::nodes::Listed> {
        self.engine.nodes.list(self.engine.node_lost_after)
    }

    /// The store in numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// The disk of the data folder, now. While it is low, new lines are refused.
    #[must_use]
    pub fn room(&self) -> Room {
        self.engine.watermark.room()
    }

    /// Cancelled when a sync has failed: the store takes nothing more and the process has to end. [`Stats::failure`] says why.
    #[must_use]
    pub fn failed(&self) -> CancellationToken {
        self.engine.failed.clone()
    }
}
