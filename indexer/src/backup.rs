//! A snapshot of the store for a backup: one moment of catalog, splits and log, while everything goes on.
//!
//! ```text
//! DIR/snapshot/catalog.sqlite   the catalog, copied, marked as a copy (so that a store which opens it begins a new epoch)
//!              splits/…         the published splits, hard links: they are immutable, and stay though they expire meanwhile
//!              wal/…            the log's records up to the newest durable one at that moment
//! ```
//!
//! Invariants: publication and the log's release wait while it is made (some milliseconds and the time to copy the log), appends do not; what was acknowledged before
//! [`Indexer::snapshot`] was called is in it. There is one at a time; it goes when it is dropped, when an erasure begins (which must not leave its bytes there), or at the next
//! start. Nothing in it is synced: whoever copies it does that.

use crate::Indexer;
use crate::catalog::CatalogError;
use crate::engine::Engine;
use crate::folder::Folder;
use crate::split::SplitMeta;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// A snapshot on disk; dropping it removes it.
#[derive(Debug)]
pub struct Snapshot {
    dir: PathBuf,
    /// The epoch of the store; who restores it gets another one.
    pub epoch: u64,
    /// Records up to and including this LSN are in it.
    pub lsn: u64,
    /// Its files, ascending by path.
    pub files: Vec<SnapshotFile>,
    one: Option<OwnedMutexGuard<()>>,
}

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotFile {
    /// Below the snapshot's folder, with `/`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is another one.
    #[error("another backup of this store is being made: wait for it to end, or end it")]
    Busy,
    /// The catalog could not be copied.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The disk.
    #[error("cannot make a snapshot in the data folder: {0}; it needs some free space there, for the catalog and the write-ahead log")]
    Io(#[from] io::Error),
}

impl Snapshot {
    /// Where its files are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Snapshot {
    /// Thousands of names take a while to go: off the reactor, and the next snapshot waits for it.
    fn drop(&mut self) {
        let (dir, one) = (std::mem::take(&mut self.dir), self.one.take());
        let work = move || {
            if let Err(error) = remove(&dir) {
                tracing::warn!(%error, dir = %dir.display(), "cannot remove a snapshot; the next start does");
            }
            drop(one);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(work)),
            Err(_) => work(),
        }
    }
}

impl Indexer {
    /// Makes a snapshot.
    ///
    /// # Errors
    /// When there is one already, or the disk or the catalog fails; then nothing of it stays.
    pub async fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        snapshot(&self.engine).await
    }
}

async fn snapshot(engine: &Arc<Engine>) -> Result<Snapshot, SnapshotError> {
    let one = Arc::clone(&engine.snapshotting).try_lock_owned().map_err(|_| SnapshotError::Busy)?;
    let dir = engine.folder.snapshot();
    let making = dir.clone();
    let begun = tokio::task::spawn_blocking(move || {
        remove(&making)?;
        private_folder(&making)?;
        private_folder(&making.join("wal"))
    });
    begun.await.map_err(io::Error::other)??;
    // From here on it is removed when something fails.
    let mut snapshot = Snapshot { dir: dir.clone(), epoch: engine.store.epoch(), lsn: 0, files: Vec::new(), one: Some(one) };

    let published = engine.publisher.hold().await;
    let released = engine.checkpointing.lock().await;
    engine.catalog.copy_to(&dir).await?;
    // Read behind the catalog's copy: whatever that knows of is durable.
    let lsn = engine.wal.durable_lsn();
    let (linking, from) = (Arc::clone(engine), dir.clone());
    let linked = tokio::task::spawn_blocking(move || {
        let splits = linking.store.splits();
        splits.iter().try_for_each(|split| link(&linking.folder, &from, &split.meta))?;
        linking.wal.copy_to(&from.join("wal"), lsn)?;
        files(&from)
    });
    snapshot.files = linked.await.map_err(io::Error::other)??;
    drop((published, released));
    snapshot.lsn = lsn;
    Ok(snapshot)
}

/// A second name for a split's file; a copy where the file system has no second names.
fn link(folder: &Folder, snapshot: &Path, meta: &SplitMeta) -> io::Result<()> {
    let (from, to) = (folder.split(&meta.key, &meta.id), Folder::split_in(snapshot, &meta.key, &meta.id));
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::hard_link(&from, &to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => fs::copy(&from, &to).map(drop),
        linked => linked,
    }
}

/// Removes a snapshot that is there.
pub(crate) fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn private_folder(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(dir)
}

/// The files below a folder.
fn files(root: &Path) -> io::Result<Vec<SnapshotFile>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let (path, meta) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
            if meta.is_dir() {
                folders.push(path);
                continue;
            }
            let name =
                path.strip_prefix(root).ok().and_then(Path::to_str).ok_or_else(|| io::Error::other("a file whose name is no UTF-8"))?;
            found.push(SnapshotFile { path: name.to_owned(), bytes: meta.len() });
        }
    }
    found.sort();
    Ok(found)
}
