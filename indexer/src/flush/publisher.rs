//! Publishes splits: of a module's oldest rows, or in the place of others.
//!
//! **Replacing** (a merge, an erasure) has the order that a crash may cut anywhere: the new files are built and synced; the catalog swaps the old splits for the new ones in one
//! transaction; memory swaps them under one lock; the old files are removed. Before the transaction the new files are orphans, after it the old ones are: the next start removes
//! either. The log plays no part in it: what a module has published is told by its next seq, which a replacement leaves alone.
//!
//! Splits of one module may overlap in seq, and have holes in it: a flush parts its rows by day, a merge joins splits that are no neighbours, an erasure takes rows out. What
//! holds is that the splits together have every row below the module's next seq that was not removed, each once.

use super::built::Built;
use super::days::by_day;
use crate::catalog::{Catalog, Listing, ModuleState};
use crate::folder::Folder;
use crate::live::Chunk;
use crate::row::ModuleKey;
use crate::shelf::Shelved;
use crate::stats::{Counters, add};
use crate::store::{ModuleView, Store};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;
use tokio::sync::Mutex;

/// One flush takes at most this many bytes of live buffer; the builder's memory grows with it.
const FLUSH_LIVE_BYTES_MAX: usize = 32 << 20;

/// Threads that build small splits side by side.
const TOGETHER_THREADS: usize = 8;

/// The oldest rows of a buffer, and what its module's state is once they are published.
struct Piece {
    chunks: Vec<Arc<Chunk>>,
    /// One past the last seq of the chunks.
    end: u64,
    state: ModuleState,
}

/// See the module. What is published changes one change at a time, and one split is built at a time.
#[derive(Debug)]
pub(crate) struct Publisher {
    folder: Arc<Folder>,
    pub(super) catalog: Catalog,
    pub(super) store: Arc<Store>,
    pub(super) counters: Arc<Counters>,
    /// Held by who changes what is published.
    pub(super) one: Mutex<()>,
    /// Held by who builds, so that one builder's memory is used; never while waiting for `one`.
    building: Mutex<()>,
    /// Held by who reads published splits in order to put others in their place, from before it looks whether they are published until it has replaced them or not: whoever
    /// takes rows out and then waits for this knows that nobody brings them back, and that no file that was built of them is left. Taken before the other two.
    pub(super) rewriting: Mutex<()>,
    /// Modules whose merge failed, and when.
    pub(super) failed_merges: parking_lot::Mutex<HashMap<ModuleKey, Instant>>,
}

impl Publisher {
    pub(crate) fn new(folder: Arc<Folder>, catalog: Catalog, store: Arc<Store>, counters: Arc<Counters>) -> Self {
        Self {
            folder,
            catalog,
            store,
            counters,
            one: Mutex::new(()),
            building: Mutex::new(()),
            rewriting: Mutex::new(()),
            failed_merges: parking_lot::Mutex::default(),
        }
    }

    /// Publishes everything that a module's buffer holds now.
    pub(crate) async fn flush_all(&self, key: &ModuleKey) -> io::Result<()> {
        let end = self.store.module(key).and_then(|module| module.chunks().last().map(|chunk| chunk.seq_to())).unwrap_or(0);
        let begins = || self.store.module(key).and_then(|module| module.chunks().next().map(|chunk| chunk.seq_from()));
        while begins().is_some_and(|seq| seq < end) {
            self.flush(key).await?;
        }
        Ok(())
    }

    /// Publishes the oldest rows of a module's buffer.
    pub(crate) async fn flush(&self, key: &ModuleKey) -> io::Result<()> {
        self.flush_together(std::slice::from_ref(key)).await
    }

    /// Publishes the oldest rows of several buffers, small ones, in one transaction.
    pub(crate) async fn flush_together(&self, keys: &[ModuleKey]) -> io::Result<()> {
        let _one = self.one.lock().await;
        let flushed = self.flush_now(keys).await;
        match &flushed {
            Ok((buffers, rows)) => {
                add(&self.counters.flushes, *buffers);
                add(&self.counters.flushed_rows, *rows);
            }
            Err(_) => add(&self.counters.flush_failures, 1),
        }
        flushed.map(drop)
    }

    /// How many buffers it published something of, and how many rows.
    async fn flush_now(&self, keys: &[ModuleKey]) -> io::Result<(u64, u64)> {
        let pieces: Vec<Piece> = keys.iter().filter_map(|key| self.oldest_of(key)).collect();
        let built = self.build(move |folder| side_by_side(&pieces, |piece| build(folder, piece)).map(|built| (pieces, built))).await?;
        let published: Vec<(Piece, Vec<Built>)> = std::iter::zip(built.0, built.1).filter(|(_, built)| !built.is_empty()).collect();
        if published.is_empty() {
            return Ok((0, 0));
        }
        let listings: Vec<Listing> = published.iter().flat_map(|(_, built)| built).map(Built::listing).collect();
        let states: Vec<ModuleState> = published.iter().map(|(piece, _)| piece.state.clone()).collect();
        // When this fails the files stay: should SQLite have committed all the same, the next start needs them; if not, it removes them.
        self.catalog.publish_all(&listings, &[], &states).await.map_err(io::Error::other)?;
        let (rows, bytes) = listings.iter().fold((0, 0), |(rows, bytes), Listing { meta, .. }| (rows + meta.rows, bytes + meta.bytes));
        for (Piece { state, end, .. }, built) in published {
            self.store.publish(&state.key, built.into_iter().map(Built::into_split).collect(), end);
        }
        tracing::debug!(modules = states.len(), splits = listings.len(), rows, bytes, "published buffers");
        Ok((states.len() as u64, rows))
    }

    fn oldest_of(&self, key: &ModuleKey) -> Option<Piece> {
        let module = self.store.module(key)?;
        let released_seq = module.visible_from_seq;
        let chunks = oldest(&module);
        let (applied_lsn, end) = chunks.last().map(|chunk| (chunk.lsn, chunk.seq_to()))?;
        let state = ModuleState { key: key.clone(), next_seq: end.max(released_seq), applied_lsn, released_seq };
        Some(Piece { chunks, end, state })
    }

    /// Builds splits on a thread that may wait for the disk, one builder at a time.
    pub(crate) async fn build<T: Send + 'static>(&self, work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let _building = self.building.lock().await;
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || work(&folder)).await.map_err(io::Error::other)?
    }

    /// Puts splits in the place of others of the same module; false when one of these is published no longer (it has expired, or was replaced): then nothing
    /// has changed, and the new files are gone. The new splits have the rows of the old ones, or fewer; there may be none.
    ///
    /// # Errors
    /// When the catalog did not commit; then the old splits are in place.
    pub(crate) async fn replace(&self, key: &ModuleKey, added: Vec<Built>, removed: &[String]) -> io::Result<bool> {
        let _one = self.one.lock().await;
        let listings: Vec<Listing> = added.iter().map(Built::listing).collect();
        if !self.publishes(key, removed) {
            self.remove_built(added).await;
            return Ok(false);
        }
        self.catalog.replace(&listings, removed).await.map_err(io::Error::other)?;
        let gone = self.store.replace(key, added.into_iter().map(Built::into_split).collect(), removed);
        self.remove_files(gone).await;
        Ok(true)
    }

    /// Whether all these splits are published.
    pub(super) fn publishes(&self, key: &ModuleKey, ids: &[String]) -> bool {
        let splits = self.store.module(key).map(|module| module.splits).unwrap_or_default();
        ids.iter().all(|id| splits.iter().any(|split| split.meta.id == *id))
    }

    /// Tells the catalog how far a quarantine is released, and removes its splits that are wholly so.
    pub(crate) async fn settle(&self, key: &ModuleKey) -> io::Result<()> {
        let _one = self.one.lock().await;
        let Some(release_lsn) = self.store.unsettled(key) else { return Ok(()) };
        // Never back, though the newest splits may have expired.
        let settled_seq = self.store.settled_seq(key);
        let Some(module) = self.store.module(key) else { return Ok(()) };
        let released_seq = module.visible_from_seq;
        let removed: Vec<String> =
            module.splits.iter().filter(|split| split.meta.seq_to <= released_seq).map(|split| split.meta.id.clone()).collect();
        let next_seq = settled_seq.max(released_seq);
        let state = ModuleState { key: key.clone(), next_seq, applied_lsn: release_lsn, released_seq };
        self.catalog.publish(&[], &removed, &state).await.map_err(io::Error::other)?;
        let gone = self.store.settle(key, released_seq);
        self.remove_files(gone).await;
        Ok(())
    }

    /// Removes the files of splits that are published no longer. Who may still read them gets them open. What stays behind is an orphan for the next start.
    pub(super) async fn remove_files(&self, gone: Vec<Arc<Shelved>>) {
        let removed = tokio::task::spawn_blocking(move || {
            for split in gone {
                split.keep_for_readers();
                if let Err(error) = std::fs::remove_file(split.path()) {
                    tracing::warn!(%error, path = %split.path().display(), "could not remove a split");
                }
            }
        });
        if let Err(error) = removed.await {
            tracing::error!(%error, "removing splits broke off; the next start goes on");
        }
    }

    /// Removes the files of splits that are not to be published.
    pub(super) async fn remove_built(&self, built: Vec<Built>) {
        self.remove_files(built.into_iter().map(|built| Arc::new(built.into_split())).collect()).await;
    }
}

/// The oldest chunks, as many as one flush takes.
fn oldest(module: &ModuleView) -> Vec<Arc<Chunk>> {
    let mut bytes = 0;
    let within = |chunk: &&Arc<Chunk>| {
        let first = bytes == 0;
        bytes += chunk.bytes;
        first || bytes <= FLUSH_LIVE_BYTES_MAX
    };
    module.chunks().take_while(within).cloned().collect()
}

/// Builds a split for each day; nothing when every row was released meanwhile.
fn build(folder: &Folder, piece: &Piece) -> io::Result<Vec<Built>> {
    let ModuleState { key, released_seq, .. } = &piece.state;
    let rows = piece.chunks.iter().flat_map(|chunk| chunk.rows.iter());
    let rows = rows.filter(|row| row.seq >= *released_seq).collect();
    // A quarantine is released by seq, split after split: these may not overlap.
    let parts = if key.is_quarantine() { vec![rows] } else { by_day(rows) };
    parts.iter().filter(|rows| !rows.is_empty()).map(|rows| Built::of(folder, key, rows)).collect()
}

/// Does the work for each item, on several threads when there are several: building a small split is mostly waiting for the disk, and syncs that wait together are done together. What each gives,
/// in order, or the first error.
fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> io::Result<R> + Sync) -> io::Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        while let Some((at, item)) = Some(next.fetch_add(1, Relaxed)).and_then(|at| Some((at, items.get(at)?))) {
            done.push((at, work(item)));
        }
        done
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..items.len().min(TOGETHER_THREADS)).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        for other in others {
            done.extend(other.join().map_err(|_| io::Error::other("building a split broke off: please report it"))?);
        }
        Ok::<_, io::Error>(done)
    })?;
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, done)| done).collect()
}
