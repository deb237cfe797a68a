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
use crate::catalog::{Contents, Listing};
use crate::flush::Publisher;
use crate::folder::Folder;
use crate::indexer::OpenError;
use crate::row::ModuleKey;
use crate::store::{Pressure, Store};
use crate::wal::{Recovery, WalError};
use std::sync::Arc;

/// Records are decoded in steps of about this many bytes of payload, or of what live buffers may have when that is less.
const STEP_BYTES: usize = 8 << 20;

/// Opens the published splits.
pub(crate) async fn load_splits(folder: &Arc<Folder>, store: &Arc<Store>, contents: &Contents) -> Result<(), OpenError> {
    for module in &contents.modules {
        store.load(module.key.clone(), module.next_seq, module.released_seq);
    }
    let (folder, store, splits) = (folder.clone(), store.clone(), contents.splits.clone());
    blocking(move || {
        splits.into_iter().try_for_each(|Listing { meta, hours }| {
            let path = folder.split(&meta.key, &meta.id);
            let split = folder.open_split(meta).map_err(|source| OpenError::Split { path, source })?;
            store.load_split(split, hours);
            Ok(())
        })
    })
    .await
}

/// Replays the log; what comes back is at its end.
pub(crate) async fn replay(
    mut recovery: Recovery,
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
    let mut interner = Interner::default();
    let step_bytes = STEP_BYTES.min(live_bytes_max.max(1));
    loop {
        let step = blocking(move || {
            let changes = read_step(&mut recovery, &mut interner, step_bytes);
            changes.map(|changes| (recovery, interner, changes))
        });
        let changes;
        (recovery, interner, changes) = step.await?;
        if changes.is_empty() {
            break;
        }
        for (lsn, mut change) in changes {
            sequencer.recover(lsn, &change, marks_lsn);
            if let Some(key) = change.rows.first().map(|row| row.owner.key.clone()) {
                let settled = store.settled_seq(&key);
                change.rows.retain(|row| row.seq >= settled);
            }
            store.apply(vec![(lsn, change)]);
        }
        while store.live_bytes() > live_bytes_max
            && let Some(largest) = largest(store)
        {
            publisher.flush(&largest).await.map_err(OpenError::Flush)?;
        }
    }
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
    while bytes < step_bytes
        && let Some((lsn, payload)) = recovery.next_record()?
    {
        bytes += payload.len();
        changes.push((lsn, decode(lsn, &payload, interner).map_err(|error| OpenError::Replay(error.to_string()))?));
    }
    Ok(changes)
}

fn largest(store: &Store) -> Option<ModuleKey> {
    let whole = |module: &Pressure| module.rows > 0 && !store.has_hole(&module.key);
    store.pressure().into_iter().filter(whole).max_by_key(|module| module.bytes).map(|module| module.key)
}

/// Runs on a thread that may wait for the disk.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, OpenError> + Send + 'static) -> Result<T, OpenError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}

impl From<WalError> for OpenError {
    fn from(error: WalError) -> Self {
        Self::Wal(error)
    }
}

#[cfg(test)]
mod tests;
