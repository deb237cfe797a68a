//! What a WAL record carries: what came, as it came, and what was resolved when it came. Replay asks nobody.
//!
//! ```text
//! payload = version 1 | postcard(Head) | body      body: a part as received, or postcard of the rows of a push, a release or a carry
//! ```

use super::{Change, FileKey, Holder, KeyedPush, Move, Released};
use crate::live::{Chunk, Rows};
use crate::row::{ModuleKey, Origin, Owner, Row, RowRef};
use crate::store::StoredGap;
use crate::wal::Payload;
use bytes::Bytes;
use martlog_formats::wire::{FileId, Part, Substream, decode_part_ref};
use martlog_formats::{Record, RecordRef};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

const VERSION: u8 = 1;

/// What was resolved. Variants are appended to, never reordered: their order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Head {
    /// A collector's part; the body is its bytes.
    Part(PartHead),
    /// Rows of another door; the body is the records.
    Push(PushHead),
    /// Rows of a quarantine, which are their owner's from here on; the body is the [`ReleasedRow`]s.
    Release(ReleaseHead),
    /// All rows that a module had live, which are needed no longer from the records that they came with; the body is [`CarriedRows`].
    Carry(ModuleKey),
    /// Rows of another door that came under a key, and what was told of them; the body is the records.
    Keyed(PushHead, KeyedPush),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartHead {
    pub(crate) cluster: Arc<str>,
    pub(crate) node: Arc<str>,
    pub(crate) owner: Arc<Owner>,
    /// Records of the part that had been stored before.
    pub(crate) skip: u32,
    /// Where the missing bytes of a gap begin.
    pub(crate) gap_from: u64,
    pub(crate) first_seq: u64,
    pub(crate) arrived_ns: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PushHead {
    pub(crate) owner: Arc<Owner>,
    pub(crate) first_seq: u64,
    pub(crate) arrived_ns: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReleaseHead {
    pub(crate) from: ModuleKey,
    /// Everything of the quarantine below this seq has been released.
    pub(crate) upto: u64,
    pub(crate) owner: Arc<Owner>,
    pub(crate) first_seq: u64,
    pub(crate) arrived_ns: i64,
}

/// A row on its way from a quarantine to its owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReleasedRow {
    pub(crate) origin: Arc<Origin>,
    pub(crate) offset: u64,
    pub(crate) record: Record,
}

/// Rows that keep their numbers.
#[derive(Debug, Serialize, Deserialize)]
struct CarriedRows<'a> {
    owners: Vec<Arc<Owner>>,
    origins: Vec<Arc<Origin>>,
    #[serde(borrow)]
    chunks: Vec<CarriedChunk<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct CarriedChunk<'a> {
    /// Among the owners.
    owner: usize,
    /// Among the origins.
    origin: usize,
    arrived_ns: i64,
    #[serde(borrow)]
    rows: Vec<CarriedRow<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct CarriedRow<'a> {
    seq: u64,
    offset: u64,
    #[serde(borrow)]
    record: RecordRef<'a>,
}

/// Why a payload cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("record {0} of the write-ahead log was written by another version of the program (form {1}): open the folder with that one")]
    Version(u64, u8),
    #[error("record {0} of the write-ahead log is whole and makes no sense: {1}")]
    Malformed(u64, String),
}

/// The first piece of a payload.
pub(crate) fn encode(head: &Head, body: Bytes) -> Payload {
    // These types have no unsized sequences and no maps: postcard into a growing buffer cannot fail.
    Payload { head: postcard::to_extend(head, vec![VERSION]).unwrap_or_default(), body }
}

/// The body of a push or a release.
pub(crate) fn encode_rows<T: Serialize>(rows: &[T]) -> Bytes {
    postcard::to_allocvec(rows).unwrap_or_default().into()
}

/// The payload that carries a module's live rows.
pub(crate) fn encode_carry(key: &ModuleKey, live: &[Arc<Chunk>]) -> Payload {
    let mut carried = CarriedRows { owners: Vec::new(), origins: Vec::new(), chunks: Vec::with_capacity(live.len()) };
    for chunk in live {
        let rows = chunk.rows.iter().map(|row| CarriedRow { seq: row.seq, offset: row.offset, record: row.record() });
        carried.chunks.push(CarriedChunk {
            owner: ordinal(&mut carried.owners, chunk.rows.owner()),
            origin: ordinal(&mut carried.origins, chunk.rows.origin()),
            arrived_ns: chunk.arrived_ns(),
            rows: rows.collect(),
        });
    }
    encode(&Head::Carry(key.clone()), postcard::to_allocvec(&carried).unwrap_or_default().into())
}

/// The place of a value in a list of few.
fn ordinal<T: PartialEq>(list: &mut Vec<Arc<T>>, value: &Arc<T>) -> usize {
    list.iter().position(|known| Arc::ptr_eq(known, value) || known == value).unwrap_or_else(|| {
        list.push(value.clone());
        list.len() - 1
    })
}

/// Keeps one of each owner and origin while a log is replayed.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    owners: HashSet<Arc<Owner>>,
    origins: HashSet<Arc<Origin>>,
    names: HashSet<Arc<str>>,
}

impl Interner {
    fn one<T: Hash + Eq + ?Sized>(set: &mut HashSet<Arc<T>>, value: Arc<T>) -> Arc<T> {
        set.get(&value).cloned().unwrap_or_else(|| {
            set.insert(value.clone());
            value
        })
    }
}

/// What a record of the log did.
pub(crate) fn decode(lsn: u64, payload: &[u8], interner: &mut Interner) -> Result<Change, PayloadError> {
    let malformed = |error: postcard::Error| PayloadError::Malformed(lsn, error.to_string());
    let (version, rest) = payload.split_first().ok_or_else(|| PayloadError::Malformed(lsn, "it is empty".into()))?;
    if *version != VERSION {
        return Err(PayloadError::Version(lsn, *version));
    }
    let (head, body) = postcard::take_from_bytes::<Head>(rest).map_err(malformed)?;
    match head {
        Head::Part(mut head) => {
            let part = decode_part_ref(body).map_err(|error| PayloadError::Malformed(lsn, error.to_string()))?;
            head.owner = Interner::one(&mut interner.owners, head.owner);
            head.cluster = Interner::one(&mut interner.names, head.cluster);
            head.node = Interner::one(&mut interner.names, head.node);
            let origin = Interner::one(&mut interner.origins, Arc::new(origin_of(&part, &head.cluster, &head.node)));
            let rows = rows_of(&part, head.owner.clone(), origin);
            Ok(part_change(&part, rows, &head))
        }
        Head::Push(head) => decode_push(lsn, head, body, interner),
        Head::Keyed(head, keyed) => Ok(Change { keyed: Some(Arc::new(keyed)), ..decode_push(lsn, head, body, interner)? }),
        Head::Release(mut head) => {
            let mut rows: Vec<ReleasedRow> = postcard::from_bytes(body).map_err(malformed)?;
            head.owner = Interner::one(&mut interner.owners, head.owner);
            for row in &mut rows {
                row.origin = Interner::one(&mut interner.origins, row.origin.clone());
            }
            Ok(release_change(rows, &head))
        }
        Head::Carry(key) => {
            let mut carried: CarriedRows<'_> = postcard::from_bytes(body).map_err(malformed)?;
            carried.owners.iter_mut().for_each(|owner| *owner = Interner::one(&mut interner.owners, owner.clone()));
            carried.origins.iter_mut().for_each(|origin| *origin = Interner::one(&mut interner.origins, origin.clone()));
            let chunks = carried_chunks(carried, lsn).filter(|chunks| chunks.iter().all(|chunk| chunk.rows.owner().key == key));
            let carried = chunks.ok_or_else(|| PayloadError::Malformed(lsn, "its rows have no owner".into()))?;
            Ok(Change { carried, ..Change::default() })
        }
    }
}

fn decode_push(lsn: u64, mut head: PushHead, body: &[u8], interner: &mut Interner) -> Result<Change, PayloadError> {
    let records: Vec<Record> = postcard::from_bytes(body).map_err(|error| PayloadError::Malformed(lsn, error.to_string()))?;
    head.owner = Interner::one(&mut interner.owners, head.owner);
    let origin = Interner::one(&mut interner.origins, Arc::new(push_origin()));
    Ok(push_change(&records, &head, origin))
}

/// The rows of a part, not yet numbered.
pub(crate) fn rows_of(part: &Part<RecordRef<'_>>, owner: Arc<Owner>, origin: Arc<Origin>) -> Rows {
    let bytes = part.records.iter().map(|placed| placed.record.message.len() + placed.record.attributes.len()).sum();
    Rows::of_records(owner, origin, bytes, part.records.iter().map(|placed| (placed.offset, placed.record.clone())))
}

/// What a part does, once it is numbered.
pub(crate) fn part_change<R>(part: &Part<R>, mut rows: Rows, head: &PartHead) -> Change {
    let gap = part.gap.as_ref().zip(part.extents.first()).map(|(gap, extent)| StoredGap {
        owner: head.owner.clone(),
        origin: rows.origin().clone(),
        from: head.gap_from,
        to: extent.to,
        reason: gap.reason,
        time_ns: gap.time_ns,
    });
    rows.number(head.skip as usize, head.first_seq, head.arrived_ns);
    let holder = Arc::new(Holder { node: head.node.clone(), stream: part.stream.clone(), owner: Some(head.owner.clone()) });
    let moved = |extent: &martlog_formats::wire::Extent| Move {
        key: FileKey { cluster: head.cluster.clone(), file: extent.file },
        substream: part.substream,
        to: extent.to,
        holder: holder.clone(),
    };
    Change { moves: part.extents.iter().map(moved).collect(), gap, rows: vec![rows], ..Change::default() }
}

/// What a push does.
pub(crate) fn push_change(records: &[Record], head: &PushHead, origin: Arc<Origin>) -> Change {
    let bytes = records.iter().map(|record| record.message.len() + record.attributes.len()).sum();
    let mut rows = Rows::of_records(head.owner.clone(), origin, bytes, records.iter().map(|record| (0, record.into())));
    rows.number(0, head.first_seq, head.arrived_ns);
    Change { rows: vec![rows], ..Change::default() }
}

/// What a release does.
pub(crate) fn release_change(rows: Vec<ReleasedRow>, head: &ReleaseHead) -> Change {
    let rows = (head.first_seq..).zip(rows).map(|(seq, row)| Row {
        seq,
        arrived_ns: head.arrived_ns,
        owner: head.owner.clone(),
        origin: row.origin,
        offset: row.offset,
        record: row.record,
    });
    let rows: Vec<Row> = rows.collect();
    let released = Released { from: head.from.clone(), upto: head.upto };
    Change { rows: Rows::of_rows(rows.iter().map(RowRef::from)), released: Some(released), ..Change::default() }
}

/// The rows of a carry; `None` when they name an owner or origin that is not there.
fn carried_chunks(carried: CarriedRows<'_>, lsn: u64) -> Option<Vec<Arc<Chunk>>> {
    let CarriedRows { owners, origins, chunks } = carried;
    let chunk = |chunk: CarriedChunk<'_>| {
        let (owner, origin) = (owners.get(chunk.owner)?, origins.get(chunk.origin)?);
        let rows = chunk.rows.iter().map(|row| RowRef::new(row.seq, chunk.arrived_ns, owner, origin, row.offset, &row.record));
        Some(Chunk::of(rows, lsn))
    };
    chunks.into_iter().map(chunk).collect::<Option<Vec<_>>>().map(|chunks| chunks.concat())
}

/// Where a part's records came from: the file that its first extent lies in.
pub(crate) fn origin_of<R>(part: &Part<R>, cluster: &Arc<str>, node: &Arc<str>) -> Origin {
    let stream = &part.stream;
    Origin {
        cluster: cluster.clone(),
        node: node.clone(),
        namespace: stream.namespace.as_str().into(),
        pod: stream.pod.as_str().into(),
        pod_uid: stream.pod_uid.as_str().into(),
        container: stream.container.as_str().into(),
        restart: stream.restart,
        substream: part.substream,
        file: part.extents.first().map_or(FileId(0), |extent| extent.file),
        file_name: part.extents.first().map_or("", |extent| &extent.name).into(),
    }
}

/// Where pushed records came from.
pub(crate) fn push_origin() -> Origin {
    let none: Arc<str> = "".into();
    Origin {
        cluster: "ingest".into(),
        node: none.clone(),
        namespace: none.clone(),
        pod: none.clone(),
        pod_uid: none.clone(),
        container: none.clone(),
        restart: 0,
        substream: Substream::Stdout,
        file: FileId(0),
        file_name: none,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flush::testing::row;

    fn decoded(payload: &Payload) -> Result<Change, PayloadError> {
        decode(70, &[payload.head.as_slice(), &payload.body].concat(), &mut Interner::default())
    }

    #[test]
    fn carried_rows_come_back_as_they_were() {
        let of = |seqs: std::ops::Range<u64>, csp: &str| {
            let owner = Arc::new(Owner { csp: csp.into(), ..(*row(0, 0).owner).clone() });
            let rows: Vec<Row> =
                seqs.map(|seq| Row { owner: owner.clone(), origin: row(0, 0).origin, offset: seq * 10, ..row(seq, 5) }).collect();
            Chunk::of(rows.iter().map(RowRef::from), 3).remove(0)
        };
        let live = [of(4..7, "434"), of(7..8, "435"), of(8..9, "434")];
        let key = live[0].rows.owner().key.clone();
        let payload = encode_carry(&key, &live);
        let change = decoded(&payload).unwrap();
        assert!(change.rows.is_empty() && change.moves.is_empty() && change.gap.is_none() && change.released.is_none());
        assert_eq!(change.carried.len(), 3);
        for (carried, chunk) in change.carried.iter().zip(&live) {
            assert_eq!((&carried.rows, carried.lsn), (&chunk.rows, 70));
        }
        assert!(Arc::ptr_eq(change.carried[0].rows.owner(), change.carried[2].rows.owner()), "one of each");

        // Of another module than it says, or without an owner, it is no record of ours.
        let other = ModuleKey { partner: "acme".into(), module: "crm".into() };
        assert!(matches!(decoded(&encode_carry(&other, &live)), Err(PayloadError::Malformed(70, _))));
        let chunks = vec![CarriedChunk { owner: 1, origin: 0, arrived_ns: 0, rows: Vec::new() }];
        let lost = CarriedRows { owners: vec![live[0].rows.owner().clone()], origins: vec![live[0].rows.origin().clone()], chunks };
        let payload = encode(&Head::Carry(key), postcard::to_allocvec(&lost).unwrap().into());
        assert!(matches!(decoded(&payload), Err(PayloadError::Malformed(70, _))));
    }
}
