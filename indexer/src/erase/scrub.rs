//! The log's part of an erasure: after it, nothing from before is in any of its files.

use super::EraseError;
use crate::append::{Ticket, settled};
use crate::engine::Engine;
use crate::wal::Wiping;
use std::io;

/// How often it is tried to have the log let go of what came before: rows that are carried on or come in between can pin a segment once, hardly ten times.
const TRIES: usize = 10;

/// What came before this lies in segments that will be overwritten.
#[derive(Debug)]
pub(super) struct Begun {
    /// The first LSN behind it.
    from_lsn: u64,
    _wiping: Wiping,
}

/// Begins to overwrite what the log lets go of, and ends the segment that is written.
pub(super) async fn begin(engine: &Engine) -> Result<Begun, EraseError> {
    // Nothing is released between overwriting the spares and taking one of them.
    let _released = engine.checkpointing.lock().await;
    let wal = engine.wal.clone();
    let wiping = tokio::task::spawn_blocking(move || wal.begin_wiping()).await.map_err(io::Error::other)??;
    let (ticket, answer) = Ticket::new(crate::append::Change::default());
    let failed = |error: String| io::Error::other(format!("the write-ahead log cannot begin another segment: {error}"));
    engine.wal.roll(ticket).map_err(|error| failed(error.to_string()))?;
    settled(answer).await.map_err(|error| failed(error.reason))?;
    Ok(Begun { from_lsn: engine.wal.segment_base(), _wiping: wiping })
}

/// Publishes what is live and lets go of the log from before, overwritten.
pub(super) async fn finish(engine: &Engine, begun: &Begun) -> Result<(), EraseError> {
    for _ in 0..TRIES {
        engine.flush().await?;
        if engine.wal.first_lsn() >= begun.from_lsn {
            return Ok(());
        }
    }
    Err(EraseError::Io(io::Error::other("the write-ahead log could not be let go of: rows are live that were not flushed")))
}

/// Removes the snapshot of a backup that is under way: whoever copies it is told that files are gone.
pub(super) async fn drop_snapshot(engine: &Engine) -> Result<(), EraseError> {
    let dir = engine.folder.snapshot();
    tokio::task::spawn_blocking(move || crate::backup::remove(&dir)).await.map_err(io::Error::other)??;
    Ok(())
}
