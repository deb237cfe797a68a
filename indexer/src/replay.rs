//! Opening: what the catalog knows, then what the WAL knows beyond it, in bounded memory.
//!
//! Marks and gaps come from records beyond the catalog's snapshot; rows from all that the catalog's splits do not have, by seq. When the rows exceed the
//! bound of the live buffers they are flushed in between, so that a log larger than memory replays in memory.
//!
//! A module's *next seq* in the catalog says what of it is published, whatever its splits are now: splits may have been merged or removed since. Rows of small modules may
//! be in the log twice, in the record that they came with and in one that carries them; the buffer takes each once. When the first record is gone already, what came
//! between waits with a hole before it, unpublished, until the other record comes.

use crate::append::payload::{Interner, decode};
use crate::append::{Change, Sequencer};
use crate::catalog::{CatalogError, Contents};
use crate::flush::Publisher;
use crate::folder::Folder;
use crate::indexer::OpenError;
use crate::row::ModuleKey;
use crate::store::{Pressure, Store};
use crate::wal::{Recovery, WalError};
use std::io;
use std::sync::Arc;

/// Records are decoded in steps of at most this many bytes of payload.
const STEP_BYTES_MAX: usize = 8 << 20;
/// A step is a smaller part than this of what may be live: decoded, records are two or three times as large.
const STEPS_LIVE_MIN: usize = 8;

/// Takes up the published splits, none of which may be missing. They are opened when they are looked into.
pub(crate) async fn load_splits(folder: &Arc<Folder>, store: &Arc<Store>, contents: &Contents) -> Result<(), OpenError> {
    for module in &contents.modules {
        store.load(module.key.clone(), module.next_seq, module.released_seq);
    }
    let (folder, store, splits) = (folder.clone(), store.clone(), contents.splits.clone());
    blocking(move || {
        splits.into_iter().try_for_each(|listing| {
            let missing = |source| OpenError::Split { path: folder.split(&listing.meta.key, &listing.meta.id), source };
            folder.check_split(&listing.meta).map_err(missing)?;
            store.load_split(folder.shelve(listing));
            Ok(())
        })
    })
    .await
}

/// Replays the log; what comes back is at its end.
pub(crate) async fn replay(
    recovery: Recovery,
    known: &Contents,
    sequencer: &Sequencer,
    store: &Store,
    publisher: &Publisher,
    live_bytes_max: usize,
) -> Result<Recovery, OpenError> {
    let marks_lsn = known.marks.lsn;
    if recovery.first_lsn() > marks_lsn + 1 {
        return Err(OpenError::WalMissing { from: marks_lsn + 1, to: recovery.first_lsn() });
    }
    let step_bytes = (live_bytes_max / STEPS_LIVE_MIN).min(STEP_BYTES_MAX);
    let read = |mut recovery, mut interner| {
        blocking(move || {
            let changes = read_step(&mut recovery, &mut interner, step_bytes)?;
            Ok((recovery, interner, changes))
        })
    };
    let mut ahead = read(recovery, Interner::default());
    let recovery = loop {
        let (recovery, interner, changes) = ahead.await?;
        if changes.is_empty() {
            break recovery;
        }
        // The next step is read while this one is applied and flushed.
        ahead = read(recovery, interner);
        for (lsn, mut change) in changes {
            sequencer.recover(lsn, &change, marks_lsn);
            if let Some(key) = change.first().map(|row| row.owner.key.clone()) {
                let settled = store.settled_seq(&key);
                change.rows.iter_mut().for_each(|rows| rows.drop_below(settled));
            }
            store.apply(vec![(lsn, change)]);
        }
        while store.live_bytes() > live_bytes_max
            && let Some(largest) = largest(store)
        {
            if let Err(error) = publisher.flush(&largest).await {
                if !is_full(&error) {
                    return Err(OpenError::Flush(error));
                }
                // A store that opens can be searched, and frees space by itself; its rows are bounded by the log.
                tracing::warn!(%error, "no room to flush while the log is replayed: more rows stay in memory than should");
                break;
            }
        }
    };
    let wanted = known.modules.iter().map(|module| module.applied_lsn).max().unwrap_or(0).max(marks_lsn);
    if recovery.last_lsn() < wanted {
        return Err(OpenError::WalMissing { from: recovery.last_lsn() + 1, to: wanted + 1 });
    }
    for module in store.pressure().iter().filter(|module| store.has_hole(&module.key)) {
        tracing::error!(partner = %module.key.partner, module = %module.key.module, "lines of this module are missing from the write-ahead log; restore the folder from a backup if you have one");
    }
    store.replayed(recovery.last_lsn());
    Ok(recovery)
}

/// Decodes some records; none at the end of the log.
fn read_step(recovery: &mut Recovery, interner: &mut Interner, step_bytes: usize) -> Result<Vec<(u64, Change)>, OpenError> {
    let mut changes = Vec::new();
    let mut bytes = 0;
    // One at least.
    while (changes.is_empty() || bytes < step_bytes)
        && let Some((lsn, payload)) = recovery.next_record()?
    {
        bytes += payload.len();
        changes.push((lsn, decode(lsn, &payload, interner).map_err(|error| OpenError::Replay(error.to_string()))?));
    }
    Ok(changes)
}

/// Whether a flush found no room, for its split or for the catalog.
pub(crate) fn is_full(error: &io::Error) -> bool {
    let catalog = error.get_ref().and_then(|error| error.downcast_ref::<CatalogError>());
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) || matches!(catalog, Some(CatalogError::Full(_)))
}

fn largest(store: &Store) -> Option<ModuleKey> {
    let whole = |module: &Pressure| module.rows > 0 && !store.has_hole(&module.key);
    store.pressure().into_iter().filter(whole).max_by_key(|module| module.bytes).map(|module| module.key)
}

/// Runs on a thread that may wait for the disk, from now on, whether it is awaited already or not.
pub(crate) fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> impl Future<Output = Result<T, OpenError>> {
    let running = tokio::task::spawn_blocking(work);
    async {
        match running.await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl From<WalError> for OpenError {
    fn from(error: WalError) -> Self {
        Self::Wal(error)
    }
}

#[cfg(test)]
mod tests;
