//! Releasing a pod's quarantine to its owner: an append whose source is the quarantine and whose position is its seq.
//!
//! Each piece is one WAL record that holds the rows and says up to where the quarantine is released; applying it hides the rows here and shows them there in
//! one step. A crash between two pieces leaves the position, so nothing is moved twice. The rows arrive anew: they get seqs and an arrival of their
//! owner, so tails and cursors see them as what they are, new.

use crate::append::payload::{ReleasedRow, encode_rows};
use crate::append::{Release, settled};
use crate::engine::Engine;
use crate::indexer::Unavailable;
use crate::live::Chunk;
use crate::row::{ModuleKey, Owner, Row};
use crate::shelf::Shelved;
use crate::store::quarantine_of;
use std::io;
use std::sync::Arc;

/// Rows of one piece at most.
const PIECE_ROWS_MAX: usize = 1_000;
/// Bytes of one piece at most, in memory.
const PIECE_BYTES_MAX: usize = 4 << 20;

/// Where rows of a quarantine lie.
enum Source {
    Split(Arc<Shelved>),
    Chunk(Arc<Chunk>),
}

impl Source {
    fn seq_to(&self) -> u64 {
        match self {
            Self::Split(split) => split.meta.seq_to,
            Self::Chunk(chunk) => chunk.seq_to(),
        }
    }

    fn rows(&self) -> io::Result<Vec<Row>> {
        match self {
            Self::Split(split) => split.open()?.rows(),
            Self::Chunk(chunk) => Ok(chunk.rows.to_rows()),
        }
    }
}

/// Moves everything that the quarantine of a pod holds; how many rows.
pub(crate) async fn release(engine: &Engine, pod_uid: &str, owner: &Arc<Owner>) -> Result<u64, Unavailable> {
    let _one = engine.releasing.lock().await;
    let key = quarantine_of(pod_uid);
    if owner.key.is_quarantine() {
        return Ok(0);
    }
    let mut moved = 0;
    // Again until nothing is left: rows that were on their way may still come in.
    loop {
        let sources = sources(engine, &key);
        if sources.is_empty() {
            break;
        }
        for source in sources {
            moved += release_source(engine, &key, owner, source).await?;
        }
    }
    if let Err(error) = engine.publisher.settle(&key).await {
        tracing::warn!(%error, pod = pod_uid, "the release is durable; the catalog is told of it later");
    }
    Ok(moved)
}

/// What is not released yet, ascending.
fn sources(engine: &Engine, key: &ModuleKey) -> Vec<Source> {
    let Some(module) = engine.store.module(key) else { return Vec::new() };
    let from = engine.sequencer.released(key);
    let splits = module.splits.iter().cloned().map(Source::Split);
    splits.chain(module.chunks().cloned().map(Source::Chunk)).filter(|source| source.seq_to() > from).collect()
}

async fn release_source(engine: &Engine, key: &ModuleKey, owner: &Arc<Owner>, source: Source) -> Result<u64, Unavailable> {
    let read = tokio::task::spawn_blocking(move || source.rows()).await;
    let mut rows = read.map_err(io::Error::other).and_then(|rows| rows).map_err(|error| Unavailable::broken_split(&error))?;
    let from = engine.sequencer.released(key);
    rows.retain(|row| row.seq >= from);
    // Where the next piece begins. Its first row may lie behind that: what was erased in between is no reason to wait for.
    let mut begin = from;
    let mut moved = 0;
    while !rows.is_empty() {
        let rest = rows.split_off(piece(&rows));
        let end = rows.last().map_or(begin, |row| row.seq + 1);
        make_room(engine, owner).await?;
        moved += release_piece(engine, key, owner, begin, rows).await?;
        begin = end;
        rows = rest;
    }
    Ok(moved)
}

/// A release may be larger than memory: what has arrived at the owner is flushed on the way.
async fn make_room(engine: &Engine, owner: &Arc<Owner>) -> Result<(), Unavailable> {
    let refused = || engine.refuses(engine.store.live_bytes(), &owner.key, true);
    if refused().is_some_and(|later| later.code == 429) {
        engine.publisher.flush(&owner.key).await.map_err(|error| Unavailable::cannot_flush(&error))?;
    }
    refused().map_or(Ok(()), Err)
}

async fn release_piece(engine: &Engine, key: &ModuleKey, owner: &Arc<Owner>, first: u64, rows: Vec<Row>) -> Result<u64, Unavailable> {
    let Some(last) = rows.last().map(|row| row.seq) else { return Ok(0) };
    let count = rows.len() as u64;
    let rows: Vec<_> = rows.into_iter().map(|row| ReleasedRow { origin: row.origin, offset: row.offset, record: row.record }).collect();
    let body = encode_rows(&rows);
    let release = Release { from: key.clone(), first, upto: last + 1, owner: owner.clone(), rows, body };
    match engine.sequencer.release(release, &engine.wal) {
        Some(answer) => settled(answer?).await.map(|()| count),
        None => Ok(0),
    }
}

/// How many of the first rows make a piece.
fn piece(rows: &[Row]) -> usize {
    let mut bytes = 0;
    let within = |row: &&Row| {
        bytes += size_of::<Row>() + row.record.message.len() + row.record.attributes.len();
        bytes <= PIECE_BYTES_MAX
    };
    rows.iter().take(PIECE_ROWS_MAX).take_while(within).count().max(1)
}
