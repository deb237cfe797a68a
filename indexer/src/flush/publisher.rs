//! Builds a split of a module's oldest rows and publishes it.

use crate::catalog::{Catalog, ModuleState};
use crate::folder::Folder;
use crate::live::Chunk;
use crate::row::{ModuleKey, Row};
use crate::split::{self, Split, SplitMeta};
use crate::stats::{Counters, add};
use crate::store::Store;
use std::io;
use std::sync::Arc;
use tokio::sync::Mutex;

/// One split takes at most this many bytes of live buffer; the builder's memory grows with it.
const SPLIT_LIVE_BYTES_MAX: usize = 64 << 20;

/// See the module. One split is built at a time.
#[derive(Debug)]
pub(crate) struct Publisher {
    folder: Arc<Folder>,
    pub(super) catalog: Catalog,
    pub(super) store: Arc<Store>,
    counters: Arc<Counters>,
    pub(super) one: Mutex<()>,
}

impl Publisher {
    pub(crate) fn new(folder: Arc<Folder>, catalog: Catalog, store: Arc<Store>, counters: Arc<Counters>) -> Self {
        Self { folder, catalog, store, counters, one: Mutex::new(()) }
    }

    /// Publishes everything that a module's buffer holds now.
    pub(crate) async fn flush_all(&self, key: &ModuleKey) -> io::Result<()> {
        let end = self.store.module(key).and_then(|module| module.live.last().map(|chunk| chunk.seq_to())).unwrap_or(0);
        let begins =
            || self.store.module(key).and_then(|module| module.live.first().and_then(|chunk| chunk.rows.first().map(|row| row.seq)));
        while begins().is_some_and(|seq| seq < end) {
            self.flush(key).await?;
        }
        Ok(())
    }

    /// Publishes the oldest rows of a module's buffer as one split.
    pub(crate) async fn flush(&self, key: &ModuleKey) -> io::Result<()> {
        let _one = self.one.lock().await;
        let flushed = self.flush_one(key).await;
        match &flushed {
            Ok(rows) if *rows > 0 => {
                add(&self.counters.flushes, 1);
                add(&self.counters.flushed_rows, *rows);
            }
            Ok(_) => {}
            Err(_) => add(&self.counters.flush_failures, 1),
        }
        flushed.map(|_| ())
    }

    async fn flush_one(&self, key: &ModuleKey) -> io::Result<u64> {
        let Some(module) = self.store.module(key) else { return Ok(0) };
        let released_seq = module.visible_from_seq;
        let chunks = oldest(module.live);
        let Some(applied_lsn) = chunks.last().map(|chunk| chunk.lsn) else { return Ok(0) };
        let (folder, module) = (self.folder.clone(), key.clone());
        let built = tokio::task::spawn_blocking(move || build(&folder, &module, &chunks, released_seq)).await;
        let Some((meta, split)) = built.map_err(io::Error::other)?? else { return Ok(0) };
        let next_seq = meta.seq_to.max(released_seq);
        let state = ModuleState { key: key.clone(), next_seq, applied_lsn, released_seq };
        // When this fails the file stays: should SQLite have committed all the same, the next start needs it; if not, it removes it.
        self.catalog.publish(Some(&meta), &[], &state).await.map_err(io::Error::other)?;
        tracing::debug!(partner = %key.partner, module = %key.module, rows = meta.rows, bytes = meta.bytes, "published a split");
        self.store.publish(split);
        Ok(meta.rows)
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
        self.catalog.publish(None, &removed, &state).await.map_err(io::Error::other)?;
        self.store.settle(key, released_seq);
        for id in removed {
            self.remove_file(key, &id).await;
        }
        Ok(())
    }

    /// Removes the file of a split that is no longer published. Who still reads it has it open. What stays behind is an orphan for the next start.
    pub(super) async fn remove_file(&self, key: &ModuleKey, id: &str) {
        let path = self.folder.split(key, id);
        if let Err(error) = tokio::fs::remove_file(&path).await {
            tracing::warn!(%error, path = %path.display(), "could not remove a split");
        }
    }
}

/// The oldest chunks, as many as one split takes.
fn oldest(mut chunks: Vec<Arc<Chunk>>) -> Vec<Arc<Chunk>> {
    let mut bytes = 0;
    let within = |chunk: &&Arc<Chunk>| {
        let first = bytes == 0;
        bytes += chunk.bytes;
        first || bytes <= SPLIT_LIVE_BYTES_MAX
    };
    chunks.truncate(chunks.iter().take_while(within).count());
    chunks
}

/// Builds and opens; `None` when every row was released meanwhile.
fn build(folder: &Folder, key: &ModuleKey, chunks: &[Arc<Chunk>], released_seq: u64) -> io::Result<Option<(SplitMeta, Split)>> {
    let rows: Vec<&Row> = chunks.iter().flat_map(|chunk| &chunk.rows).filter(|row| row.seq >= released_seq).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    folder.make_module(key)?;
    let id = format!("{:032x}", rand::random::<u128>());
    let path = folder.split(key, &id);
    let meta = split::build(key, &id, &rows, &path)?;
    let split = Split::open(&path, meta.clone())?;
    Ok(Some((meta, split)))
}
