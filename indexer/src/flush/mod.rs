//! From live buffers to splits, and from small splits to large ones: what is flushed and merged when, and what is let go of afterwards.
//!
//! Order of a flush, which a crash may cut anywhere: the splits are built and synced; the catalog publishes them with the module's next seq in one
//! transaction; memory swaps chunks for the splits; the marks are snapshotted; the WAL lets go of segments that neither rows nor marks need. A
//! split that was built and not published is an orphan and removed at the next start, when the WAL still has its rows. What a merge leaves is told in
//! [`publisher`], what small modules do instead of being flushed in [`carry`].
//!
//! All of it is one task: what is due first, then retention, then merges while nothing is due.

mod built;
mod carry;
mod days;
mod erase;
mod merge;
mod merging;
mod overdue;
mod policy;
mod publisher;
mod retention;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use built::Built;
pub(crate) use overdue::Looked;
pub(crate) use policy::{Limits, Step, WalPressure, choose};
use policy::{TOGETHER_MAX, is_small};
pub(crate) use publisher::Publisher;
pub(crate) use retention::Retention;

use crate::append::now_ns;
use crate::engine::Engine;
use crate::registry::Keeps;
use crate::replay::is_full;
use crate::row::ModuleKey;
use crate::store::Pressure;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often buffers are looked at when nothing wakes the flush.
const TICK: Duration = Duration::from_secs(1);
/// How often splits are looked at for a merge when nothing was flushed.
const MERGE_TICK: Duration = Duration::from_secs(10);
/// Where rows are kept for ever: how long the positions of a file that is gone from its node are, and what a lost node said. A file that comes back later than this is read anew.
const POSITIONS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long it waits after a failure.
const RETRY: Duration = Duration::from_secs(5);

/// Flushes until it is stopped or the store is gone.
pub(crate) async fn run(engine: Weak<Engine>, wake: Arc<Notify>, stop: CancellationToken) {
    let mut pause = TICK;
    let mut looked = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = wake.notified(), if pause == TICK => {}
            () = tokio::time::sleep(pause) => {}
        }
        let Some(engine) = engine.upgrade() else { return };
        pause = match engine.maintain(&stop).await {
            Ok(flushed) => {
                engine.watermark.fits(true);
                if flushed || looked.elapsed() > MERGE_TICK {
                    engine.merge(&stop).await;
                    looked = Instant::now();
                }
                TICK
            }
            // There is room now, and no reason to wait.
            Err(error) if engine.reserve.give_up_when_full() => {
                tracing::warn!(%error, "could not flush; tried again with the room of the reserve");
                TICK
            }
            Err(error) => {
                engine.watermark.fits(!is_full(&error));
                tracing::error!(%error, "could not flush; the rows stay in the write-ahead log and are tried again");
                RETRY
            }
        };
    }
}

impl Engine {
    /// Who keeps rows for how long; asked of the registry when that has changed.
    pub(crate) fn keeps(&self) -> Arc<Keeps> {
        let version = *self.registry.changes().borrow();
        let mut kept = self.keeps.lock();
        match &*kept {
            Some((of, keeps)) if *of == version => Arc::clone(keeps),
            _ => {
                let keeps = Arc::new(self.registry.keeps(self.retention.age_max));
                *kept = Some((version, Arc::clone(&keeps)));
                keeps
            }
        }
    }

    /// What has to be done to the live buffers now, if anything.
    fn next_step(&self) -> Option<Step> {
        let pressure = self.store.pressure();
        let wal = WalPressure { bytes: self.wal.bytes_used(), oldest_ends: self.wal.oldest_ends() };
        choose(&pressure, self.store.live_bytes(), wal, &self.limits, Instant::now())
    }

    /// Flushes what has to be, and lets go of what is not needed or not kept any more; whether something was flushed. What frees space comes first: on a full disk
    /// the rest may fail.
    async fn maintain(&self, stop: &CancellationToken) -> io::Result<bool> {
        self.reserve.take();
        // What long searches have mapped since.
        self.folder.shelf().trim();
        let keeps = self.keeps();
        self.publisher.expire(self.retention, &keeps, now_ns()).await?;
        self.expire_rows(&keeps, now_ns()).await;
        self.save_nodes(false).await;
        self.forget_positions(&keeps).await;
        let mut flushed = false;
        while !stop.is_cancelled()
            && let Some(step) = self.next_step()
        {
            let keys = match step {
                Step::Flush(keys) => keys,
                // When none could be carried the log is full or failing, and one has to give way.
                Step::Carry(mut keys) if self.carry(&keys).await == 0 => {
                    keys.truncate(1);
                    keys
                }
                Step::Carry(_) => Vec::new(),
            };
            if !keys.is_empty() {
                self.publish(&keys).await?;
                flushed = true;
            }
            self.checkpoint_when_it_frees().await?;
        }
        self.checkpoint_when_it_frees().await?;
        if self.watermark.room().low {
            // A spare segment would take from the reserve.
            return Ok(flushed);
        }
        let wal = self.wal.clone();
        match tokio::task::spawn_blocking(move || wal.prepare_when_half_full()).await {
            Ok(prepared) => prepared.map(|()| flushed),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Once in a while: positions of files that are gone, nodes and gaps of which nothing is kept any more, and pushed keys that are over age.
    async fn forget_positions(&self, keeps: &Keeps) {
        if !self.nodes.may_forget(Instant::now()) {
            return;
        }
        let before = |keep: Duration| now_ns().saturating_sub(i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX));
        let longest = keeps.longest_of_all();
        if let Err(error) = self.forget_before(before(longest.unwrap_or(POSITIONS_KEPT)), longest.map(before)).await {
            tracing::warn!(%error, "positions of files that are gone could not be forgotten; it is tried again");
        }
        if let Err(error) = self.expire_pushes().await {
            tracing::warn!(%error, "pushed keys could not be forgotten; it is tried again");
        }
    }

    async fn publish(&self, keys: &[ModuleKey]) -> io::Result<()> {
        self.publisher.flush_together(keys).await?;
        for key in keys {
            self.publisher.settle(key).await?;
        }
        Ok(())
    }

    /// Publishes every live buffer as it is now.
    pub(crate) async fn flush(&self) -> io::Result<()> {
        let (small, large): (Vec<Pressure>, Vec<Pressure>) = self.store.pressure().into_iter().partition(is_small);
        for module in large {
            self.publisher.flush_all(&module.key).await?;
            self.publisher.settle(&module.key).await?;
        }
        let small: Vec<ModuleKey> = small.into_iter().map(|module| module.key).collect();
        for keys in small.chunks(TOGETHER_MAX) {
            self.publish(keys).await?;
        }
        self.checkpoint().await
    }

    async fn checkpoint_when_it_frees(&self) -> io::Result<()> {
        let frees = self.wal.oldest_ends().is_some_and(|end| self.store.needed_from_lsn() >= end);
        if frees || self.sequencer.has_many_keys() { self.checkpoint().await } else { Ok(()) }
    }

    /// Snapshots the marks and lets go of the WAL below what is needed.
    pub(crate) async fn checkpoint(&self) -> io::Result<()> {
        let _one = self.checkpointing.lock().await;
        let marks_lsn = self.marks_lsn.load(Relaxed);
        if let Some(snapshot) = self.sequencer.snapshot(marks_lsn) {
            if let Err(error) = self.catalog.snapshot_marks(snapshot.lsn, &snapshot.files, &snapshot.gaps, &snapshot.pushes).await {
                self.sequencer.not_saved(snapshot);
                return Err(io::Error::other(error));
            }
            self.sequencer.saved(&snapshot);
            self.marks_lsn.store(snapshot.lsn, Relaxed);
        }
        let keep_from = self.store.needed_from_lsn().min(self.marks_lsn.load(Relaxed) + 1);
        let wal = self.wal.clone();
        match tokio::task::spawn_blocking(move || wal.release(keep_from)).await {
            Ok(released) => released.map(|_| ()),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}
