//! From the bytes of a batch to parts that can be decided on, and back to an answer.

use super::marks::Place;
use super::payload::{origin_of, rows_of};
use super::sequencer::Verdict;
use super::settled;
use crate::engine::Engine;
use crate::indexer::Unavailable;
use crate::live::Rows;
use crate::registry::Registry;
use crate::row::Owner;
use crate::stats::add;
use bytes::Bytes;
use martlog_formats::wire::{AppendAnswer, BatchHeader, DecodeError, FileId, Part, PartAnswer, Substream, decode_batch, decode_part_ref};
use std::sync::Arc;

/// Batches up to this size are read on the caller's thread: a hand-over would cost more, bytes.
const INLINE_BYTES: usize = 32 << 10;

/// A part, ready to be decided on.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What it says besides its records.
    pub(crate) part: Part<()>,
    /// Its records, not yet numbered.
    pub(crate) rows: Rows,
    /// As it was received.
    pub(crate) bytes: Bytes,
    pub(crate) places: Vec<Place>,
    pub(crate) owner: Arc<Owner>,
    pub(crate) cluster: Arc<str>,
    pub(crate) node: Arc<str>,
}

/// What an answer has to look up once its part is settled.
#[derive(Debug)]
struct Asked {
    files: Vec<FileId>,
    substream: Substream,
}

/// The append protocol for one batch of a collector of this cluster.
pub(crate) async fn append(engine: &Engine, cluster: &str, batch: &[u8]) -> Result<AppendAnswer, DecodeError> {
    if let Some(later) = engine.refuses_everybody(engine.store.live_bytes()) {
        // It comes again, perhaps several times: it is not read for that.
        let (_, parts) = decode_batch(batch)?;
        return Ok(AppendAnswer { epoch: engine.store.epoch(), parts: parts.iter().map(|_| engine.later(later.clone())).collect() });
    }
    let cluster: Arc<str> = cluster.into();
    let parts = read(engine.registry.clone(), cluster.clone(), Bytes::copy_from_slice(batch)).await?;
    let mut answers = Vec::with_capacity(parts.len());
    let mut asked = Vec::new();
    let mut sound = Vec::new();
    for part in parts {
        match part {
            Ok(part) => {
                asked.push(Asked { files: part.part.extents.iter().map(|extent| extent.file).collect(), substream: part.part.substream });
                sound.push(part);
                answers.push(None);
            }
            Err(reason) => answers.push(Some(PartAnswer::Refused { reason })),
        }
    }
    add(&engine.counters.refused, answers.iter().flatten().count() as u64);
    let live_bytes = engine.store.live_bytes();
    let verdicts = engine.sequencer.admit(sound, &engine.wal, |part| engine.refuses(live_bytes, &part.owner.key, !part.places.is_empty()));
    let mut told = Vec::with_capacity(verdicts.len());
    for (verdict, asked) in verdicts.into_iter().zip(asked) {
        told.push(answer(engine, &cluster, verdict, &asked).await);
    }
    let mut told = told.into_iter();
    let parts = answers.into_iter().filter_map(|answer| answer.or_else(|| told.next())).collect();
    Ok(AppendAnswer { epoch: engine.store.epoch(), parts })
}

/// Waits for what a verdict waits for, and tells the durable marks.
async fn answer(engine: &Engine, cluster: &Arc<str>, verdict: Verdict, asked: &Asked) -> PartAnswer {
    let (waits, counter, conflict) = match verdict {
        Verdict::Later(later) => return engine.later(later),
        Verdict::Taken { answer, duplicate: false } => (answer, &engine.counters.parts, false),
        Verdict::Taken { answer, duplicate: true } => (answer, &engine.counters.duplicates, false),
        Verdict::Conflict { answer } => (answer, &engine.counters.conflicts, true),
    };
    if let Some(waits) = waits
        && let Err(later) = settled(waits).await
    {
        return engine.later(later);
    }
    add(counter, 1);
    let marks = engine.sequencer.told(cluster, &asked.files, asked.substream);
    if conflict { PartAnswer::Conflict { marks } } else { PartAnswer::Durable { marks } }
}

/// Decodes a batch, off the reactor when it is a large one.
async fn read(registry: Registry, cluster: Arc<str>, batch: Bytes) -> Result<Vec<Result<Prepared, String>>, DecodeError> {
    if batch.len() <= INLINE_BYTES {
        return prepare(&registry, &cluster, &batch);
    }
    match tokio::task::spawn_blocking(move || prepare(&registry, &cluster, &batch)).await {
        Ok(parts) => parts,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and this future with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Each part, or why it is refused.
fn prepare(registry: &Registry, cluster: &Arc<str>, batch: &Bytes) -> Result<Vec<Result<Prepared, String>>, DecodeError> {
    let (header, parts) = decode_batch(batch)?;
    let node: Arc<str> = header.node.as_str().into();
    let one = |bytes: &[u8]| {
        check_cluster(&header, cluster)?;
        let part = decode_part_ref(bytes).map_err(|error| error.to_string())?;
        let owner = registry.owner_of(&part.stream, &part.labels);
        let places = part.records.iter().map(|record| (record.offset, record.end)).collect();
        let origin = Arc::new(origin_of(&part, cluster, &node));
        let rows = rows_of(&part, owner.clone(), origin);
        let (bytes, cluster, node) = (batch.slice_ref(bytes), cluster.clone(), node.clone());
        Ok(Prepared { part: part.without_records(), rows, bytes, places, owner, cluster, node })
    };
    Ok(parts.into_iter().map(one).collect())
}

fn check_cluster(header: &BatchHeader, cluster: &str) -> Result<(), String> {
    if header.cluster == cluster {
        return Ok(());
    }
    Err(format!("the batch is of cluster {:?} and the token of {cluster:?}: start the collector with --cluster {cluster}", header.cluster))
}

impl Engine {
    fn later(&self, later: Unavailable) -> PartAnswer {
        add(&self.counters.later, 1);
        let after_ms = u64::try_from(later.after.as_millis()).unwrap_or(u64::MAX);
        PartAnswer::Later { code: later.code, after_ms, reason: later.reason }
    }
}
