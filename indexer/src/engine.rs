//! The parts of a store put together, and its life: open, take, close.

use crate::append::{Applier, Sequencer, Ticket, now_ns};
use crate::audit::Audit;
use crate::catalog::Catalog;
use crate::erase::Erasures;
use crate::flush::{self, Limits, Looked, Publisher, Retention};
use crate::folder::Folder;
use crate::indexer::{OpenError, Options, Unavailable};
use crate::nodes::Nodes;
use crate::registry::{Keeps, Registry};
use crate::replay::{blocking, load_splits, replay};
use crate::reserve::Reserve;
use crate::row::ModuleKey;
use crate::stats::{Counters, Stats, get};
use crate::store::Store;
use crate::wal::{Recovery, Wal};
use crate::watermark::Watermark;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The parts. Dropped without [`Self::close`] it ends as a crash would, the folder unlocked last.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) wal: Arc<Wal<Ticket>>,
    pub(crate) sequencer: Arc<Sequencer>,
    pub(crate) store: Arc<Store>,
    pub(crate) publisher: Publisher,
    pub(crate) catalog: Catalog,
    pub(crate) registry: Registry,
    pub(crate) audit: Audit,
    pub(crate) counters: Arc<Counters>,
    pub(crate) nodes: Nodes,
    /// A node that has said nothing for so long is lost.
    pub(crate) node_lost_after: Duration,
    pub(crate) limits: Limits,
    pub(crate) retention: Retention,
    /// Who keeps rows for how long, and the version of the registry that says so.
    pub(crate) keeps: Mutex<Option<(u64, Arc<Keeps>)>>,
    /// When splits were looked at for expired rows.
    pub(crate) looked: Looked,
    pub(crate) watermark: Watermark,
    pub(crate) reserve: Reserve,
    /// The LSN of the catalog's snapshot of the marks.
    pub(crate) marks_lsn: AtomicU64,
    /// Held by who snapshots the marks.
    pub(crate) checkpointing: tokio::sync::Mutex<()>,
    /// Held by who makes an excerpt, together, and by who erases rows in them, alone.
    pub(crate) excerpts: Arc<tokio::sync::RwLock<()>>,
    /// Held by who counts excerpts to keep one more.
    pub(crate) excerpting: tokio::sync::Mutex<()>,
    /// Held by who releases a quarantine.
    pub(crate) releasing: tokio::sync::Mutex<()>,
    /// Nothing more is taken.
    pub(crate) closing: CancellationToken,
    /// Nothing more can be taken.
    pub(crate) failed: CancellationToken,
    failure: watch::Receiver<Option<String>>,
    flusher: Mutex<Option<JoinHandle<()>>>,
    pub(crate) erasures: Erasures,
    /// Held by who makes a backup.
    pub(crate) snapshotting: Arc<tokio::sync::Mutex<()>>,
    pub(crate) folder: Arc<Folder>,
}

impl Engine {
    pub(crate) async fn open(dir: &Path, options: &Options) -> Result<Arc<Self>, OpenError> {
        let folder = Arc::new(Folder::open(dir)?);
        // Before anything else is written.
        let reserve = Reserve::open(dir, options.wal_segment_bytes);
        folder.remove_leftovers().map_err(OpenError::Flush)?;
        let catalog = Catalog::open(dir).await?;
        let registry = Registry::open(catalog.clone()).await?;
        let mut contents = catalog.contents().await?;
        let orphans = folder.remove_orphans(&contents.splits).map_err(OpenError::Flush)?;
        if orphans > 0 {
            tracing::info!(orphans, "removed split files that were never published, or no longer are");
        }
        let counters = Arc::new(Counters::default());
        let store = Arc::new(Store::new(contents.epoch));
        load_splits(&folder, &store, &contents).await?;
        let sequencer = Arc::new(Sequencer::load(&mut contents));
        let nodes = Nodes::load(std::mem::take(&mut contents.nodes), now_ns());
        let publisher = Publisher::new(folder.clone(), catalog.clone(), store.clone(), counters.clone());
        let (wal_dir, disk, segment_bytes) = (folder.wal(), options.disk.clone(), options.wal_segment_bytes);
        let recovery = blocking(move || Ok(Recovery::open(&wal_dir, disk, segment_bytes)?)).await?;
        let recovery = replay(recovery, &contents, &sequencer, &store, &publisher, options.live_bytes_max).await?;

        let (failure, failure_seen) = watch::channel(None);
        let (wake, failed, closing) = (Arc::new(Notify::new()), CancellationToken::new(), CancellationToken::new());
        let applier = Applier {
            sequencer: sequencer.clone(),
            store: store.clone(),
            counters: counters.clone(),
            live_bytes_max: options.live_bytes_max,
            flush: wake.clone(),
            failed: failed.clone(),
            failure,
        };
        let wal = Arc::new(blocking(move || Ok(recovery.start(applier)?)).await?);
        let audit = Audit::open(catalog.clone(), registry.clone(), closing.clone()).await?;
        let engine = Arc::new(Self {
            wal,
            sequencer,
            store,
            publisher,
            catalog,
            registry,
            audit,
            counters,
            nodes,
            node_lost_after: options.node_lost_after,
            limits: options.limits(),
            retention: options.retention(),
            keeps: Mutex::default(),
            looked: Looked::default(),
            watermark: Watermark::new(dir, options.disk_reserve_bytes),
            reserve,
            marks_lsn: AtomicU64::new(contents.marks.lsn),
            checkpointing: tokio::sync::Mutex::default(),
            excerpts: Arc::default(),
            excerpting: tokio::sync::Mutex::default(),
            releasing: tokio::sync::Mutex::default(),
            closing: closing.clone(),
            failed,
            failure: failure_seen,
            flusher: Mutex::default(),
            erasures: Erasures::default(),
            snapshotting: Arc::default(),
            folder,
        });
        *engine.flusher.lock() = Some(tokio::spawn(flush::run(Arc::downgrade(&engine), wake, closing)));
        Ok(engine)
    }

    /// Why rows of a module (or a part without rows) cannot be taken now. On a disk that is nearly full nothing is. Over the bound of the live buffers, a module that has more than all of it
    /// waits; over a quarter more than the bound, everybody does.
    pub(crate) fn refuses(&self, live_bytes: usize, key: &ModuleKey, has_rows: bool) -> Option<Unavailable> {
        if self.closing.is_cancelled() {
            return Some(Unavailable::closing());
        }
        if let Some(full) = self.watermark.refuses() {
            return Some(full);
        }
        if self.is_leaving(&key.partner) {
            // Sent again, it meets a registry that does not know the partner any more.
            return Some(Unavailable::leaving());
        }
        if !self.reserve.is_held() {
            return Some(Unavailable::full());
        }
        let max = self.limits.live_bytes_max;
        if !has_rows || live_bytes <= max {
            return None;
        }
        if let Some(everybody) = self.refuses_everybody(live_bytes) {
            return Some(everybody);
        }
        (self.store.live_bytes_of(key) > max).then(|| Unavailable::over_share(Some(key)))
    }

    /// Why nobody's rows can be taken now, which is known before they are read.
    pub(crate) fn refuses_everybody(&self, live_bytes: usize) -> Option<Unavailable> {
        let max = self.limits.live_bytes_max;
        (live_bytes > max.saturating_add(max / 4)).then(|| Unavailable::over_share(None))
    }

    /// Takes nothing more, ends the tails, makes durable what was taken, snapshots the marks.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.store.end_tails();
        let flusher = self.flusher.lock().take();
        if let Some(flusher) = flusher
            && let Err(error) = flusher.await
        {
            tracing::error!(%error, "the flush ended badly");
        }
        let wal = self.wal.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || wal.close()).await {
            tracing::error!(%error, "the write-ahead log closed badly");
        }
        self.save_nodes(true).await;
        if let Err(error) = self.last_checkpoint().await {
            tracing::warn!(%error, "could not snapshot the marks; the next start replays them");
        }
        self.registry.close().await;
        self.audit.close().await;
        self.catalog.close().await;
    }

    /// On a full disk with the room of the reserve.
    async fn last_checkpoint(&self) -> std::io::Result<()> {
        match self.checkpoint().await {
            Err(_) if self.reserve.give_up_when_full() => self.checkpoint().await,
            done => done,
        }
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }

    pub(crate) fn stats(&self) -> Stats {
        let (totals, wal, counters) = (self.store.totals(), self.wal.counters(), &self.counters);
        let room = self.watermark.room();
        Stats {
            modules: totals.modules,
            live_rows: totals.live_rows,
            live_bytes: self.store.live_bytes() as u64,
            live_bytes_peak: self.store.live_bytes_peak() as u64,
            splits: totals.splits,
            split_rows: totals.split_rows,
            split_bytes: totals.split_bytes,
            wal_segments: self.wal.segments() as u64,
            wal_bytes: self.wal.bytes_used(),
            doors: self.counters.doors(),
            durable_lsn: get(&wal.durable_lsn),
            marks_lsn: self.marks_lsn.load(Relaxed),
            wal_records: get(&wal.records),
            wal_bytes_written: get(&wal.bytes),
            wal_sync: wal.sync.snapshot(),
            parts: get(&counters.parts),
            duplicates: get(&counters.duplicates),
            conflicts: get(&counters.conflicts),
            refused: get(&counters.refused),
            later: get(&counters.later),
            rows: get(&counters.rows),
            gaps: get(&counters.gaps),
            flushes: get(&counters.flushes),
            flush_failures: get(&counters.flush_failures),
            flushed_rows: get(&counters.flushed_rows),
            carried: get(&counters.carried),
            merges: get(&counters.merges),
            merge_failures: get(&counters.merge_failures),
            merged_rows: get(&counters.merged_rows),
            nodes: self.nodes.count(self.node_lost_after),
            instances: crate::lag::by_instance(self),
            quarantined: self.registry.quarantined_by_reason(),
            disk_free_bytes: room.free,
            disk_reserve_bytes: room.reserve,
            disk_low: room.low,
            failure: self.failure(),
        }
    }
}

impl Drop for Engine {
    /// Ends the flush, whose task holds no part of this while it sleeps.
    fn drop(&mut self) {
        self.closing.cancel();
    }
}
