//! The wire form of a batch: what a collector sends to the append door, and what the WAL keeps of it.
//!
//! ```text
//! batch = "MLB1" | postcard(BatchHeader) | part* ;   part = u32 LE length | postcard(Part)
//! ```
//!
//! Units: offsets and positions are bytes of the *decompressed* file, counted per physical line; times are ns since the epoch.
//! The HTTP body is this, compressed with zstd (`Content-Encoding: zstd`). Answers are JSON ([`AppendAnswer`]).
//!
//! Invariants: a part covers one substream; its records lie inside its first extent in ascending order; a part has one extent, or
//! two when its only record begins at the end of one file and ends in the next one, and then both move or neither does.

use crate::record::{Record, RecordRef};
use postcard::ser_flavors::Flavor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The first four bytes of a batch; the digit is the version of the form.
pub const MAGIC: [u8; 4] = *b"MLB1";
/// The largest batch after decompression, bytes.
pub const BATCH_BYTES_MAX: usize = 16 << 20;
/// The largest part, bytes: a record of the greatest length with room for its attributes.
pub const PART_BYTES_MAX: usize = 4 << 20;

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchHeader {
    /// The cluster, as the collector's token is bound to it.
    pub cluster: String,
    /// The node.
    pub node: String,
}

/// The life of one container on one node: identity that needs no surviving local state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Stream {
    /// The Kubernetes namespace.
    pub namespace: String,
    /// The pod's name; names are reused, the UID is not.
    pub pod: String,
    /// The pod's UID.
    pub pod_uid: String,
    /// The container's name.
    pub container: String,
    /// The restart count: the number in `<n>.log`.
    pub restart: u32,
}

/// stdout or stderr of a stream: each has positions of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Substream {
    /// Standard output.
    Stdout = 0,
    /// Standard error.
    Stderr = 1,
}

impl Substream {
    /// The word in the CRI format and in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A file's identity: a 128-bit hash of cluster, node, stream and the file's first line (up to 1 KiB), the same after rename and gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema)]
pub struct FileId(#[schemars(with = "String", regex(pattern = r"^[0-9a-fA-F]{32}$"))] pub u128);

impl std::fmt::Display for FileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl std::str::FromStr for FileId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

impl Serialize for FileId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for FileId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            u128::deserialize(deserializer).map(Self)
        }
    }
}

/// A range of one file's substream, bytes of the decompressed file; `from <= to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// The file.
    pub file: FileId,
    /// Its name when it was read, for the reader: `0.log`.
    pub name: String,
    /// The first byte: must be the server's high-water mark.
    pub from: u64,
    /// One past the last byte: the next high-water mark.
    pub to: u64,
}

/// A batch's share of one substream; `R` is what a line has become, owned or borrowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part<R = Record> {
    /// The container's life that printed it.
    pub stream: Stream,
    /// The pod's labels as far as known: claims of the module's author, sorted by key.
    pub labels: Vec<(String, String)>,
    /// stdout or stderr.
    pub substream: Substream,
    /// Where it lies: one extent, or two for a record that crosses two files.
    pub extents: Vec<Extent>,
    /// The records in order; empty when only the mark moves (bytes of the other substream), or for a gap.
    pub records: Vec<PartRecord<R>>,
    /// Why the bytes of the extent are missing, when they are.
    pub gap: Option<Gap>,
}

/// A record and where it lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartRecord<R = Record> {
    /// The first byte of its first physical line, in the first extent's file.
    pub offset: u64,
    /// One past its last byte, in the last extent's file.
    pub end: u64,
    /// What the line has become.
    pub record: R,
}

/// A hole in the log, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// When the collector noticed, ns since the epoch.
    pub time_ns: i64,
}

/// Why bytes are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The file was rotated away before it was read.
    RotatedAway,
    /// The node never came back.
    NodeLost,
    /// The spool for files about to vanish was full.
    SpoolFull,
    /// The file was truncated in place.
    Copytruncate,
    /// The bytes are no CRI lines.
    Malformed,
    /// Over a rate or quota.
    OverQuota,
}

impl GapReason {
    /// The word in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RotatedAway => "rotated_away",
            Self::NodeLost => "node_lost",
            Self::SpoolFull => "spool_full",
            Self::Copytruncate => "copytruncate",
            Self::Malformed => "malformed",
            Self::OverQuota => "over_quota",
        }
    }
}

/// The answer to a batch, JSON. The HTTP status is 200 when every part is `durable`, 409 when one conflicts, else 429 or 503 with `Retry-After`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppendAnswer {
    /// The store's epoch: another one means it was restored, and marks may be lower than acknowledged.
    pub epoch: u64,
    /// One per part, in the order of the batch.
    pub parts: Vec<PartAnswer>,
}

/// What became of a part. None of these means "forget it".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum PartAnswer {
    /// Everything below the marks (one per extent) is on disk.
    Durable {
        /// The high-water marks, in the order of the extents.
        marks: Vec<u64>,
    },
    /// The part does not begin at a mark; nothing of it was stored. Go back to the marks, or name the gap.
    Conflict {
        /// The expected `from` of each extent.
        marks: Vec<u64>,
    },
    /// Nothing of it was stored; send it again after a while.
    Later {
        /// 429 (over a share) or 503 (the store cannot take it now).
        code: u16,
        /// How long to wait, ms.
        after_ms: u64,
        /// Why, for the log.
        reason: String,
    },
    /// This part breaks the form and will never be taken as it is: name it as a gap (`malformed`) and go on.
    Refused {
        /// Why, for the log.
        reason: String,
    },
}

/// `POST /api/v1/positions`, JSON: which marks does the server have?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PositionsRequest {
    /// The node that asks; its cluster is its token's.
    pub node: String,
    /// The files.
    pub files: Vec<FileId>,
}

/// The durable marks of the files asked for, in their order, `[stdout, stderr]`; 0 where nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PositionsAnswer {
    /// See [`AppendAnswer::epoch`].
    pub epoch: u64,
    /// In the order of the request.
    pub marks: Vec<[u64; 2]>,
}

/// `POST /api/v1/heartbeat`, JSON, every few seconds: how far the collector is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Heartbeat {
    /// The node.
    pub node: String,
    /// When this was true, ns since the epoch, by the node's clock.
    pub time_ns: i64,
    /// The files that are followed.
    pub files: Vec<FileProgress>,
}

/// The header of a heartbeat's answer that tells the store's epoch, decimal: another one than before means that the store was restored and its marks may be lower.
pub const EPOCH_HEADER: &str = "x-martlog-epoch";

/// How far one file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileProgress {
    /// The container's life.
    pub stream: Stream,
    /// The file.
    pub file: FileId,
    /// Its size, bytes.
    pub size: u64,
    /// Acknowledged positions, `[stdout, stderr]`, bytes.
    pub acknowledged: [u64; 2],
    /// The runtime's time of the oldest line not yet acknowledged, ns since the epoch; absent when none is waiting.
    pub oldest_unacknowledged_ns: Option<i64>,
    /// The file is gone from the node and read to its end.
    pub gone: bool,
}

impl FileProgress {
    /// Everything before this has arrived, of both substreams, bytes.
    #[must_use]
    pub fn arrived(&self) -> u64 {
        self.acknowledged[0].min(self.acknowledged[1])
    }

    /// What has not, of both substreams seen as one, bytes.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.size.saturating_sub(self.arrived())
    }
}

/// Why bytes are not a batch.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Another form or version.
    #[error("not a batch of version 1")]
    Magic,
    /// It ends in the middle, or holds something else.
    #[error("the batch is malformed at byte {0}")]
    Malformed(usize),
    /// Over a limit.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size, bytes.
        bytes: usize,
        /// The limit, bytes.
        limit: usize,
    },
}

/// Builds a batch part by part.
#[derive(Debug)]
pub struct BatchEncoder {
    bytes: Vec<u8>,
    parts: usize,
}

impl BatchEncoder {
    /// An empty batch of this sender.
    #[must_use]
    pub fn new(header: &BatchHeader) -> Self {
        Self::reusing(Vec::new(), header)
    }

    /// An empty batch of this sender, in a buffer that was used before; what is in it goes.
    #[must_use]
    pub fn reusing(mut bytes: Vec<u8>, header: &BatchHeader) -> Self {
        bytes.clear();
        bytes.extend_from_slice(&MAGIC);
        encode(header, &mut bytes);
        Self { bytes, parts: 0 }
    }

    /// Adds a part; the number of bytes that it took.
    pub fn push(&mut self, part: &Part) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        encode(part, &mut self.bytes);
        let length = u32::try_from(self.bytes.len() - start - 4).unwrap_or(u32::MAX);
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self.parts += 1;
        self.bytes.len() - start
    }

    /// Bytes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no part yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts == 0
    }

    /// The batch.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Splits a batch into its header and the encoded parts, each checked against [`PART_BYTES_MAX`]; [`decode_part`] reads one.
///
/// # Errors
/// When the bytes are not a batch.
pub fn decode_batch(bytes: &[u8]) -> Result<(BatchHeader, Vec<&[u8]>), DecodeError> {
    if bytes.len() > BATCH_BYTES_MAX {
        return Err(DecodeError::TooLarge { what: "a batch", bytes: bytes.len(), limit: BATCH_BYTES_MAX });
    }
    let body = bytes.strip_prefix(&MAGIC).ok_or(DecodeError::Magic)?;
    let (header, mut rest) = postcard::take_from_bytes::<BatchHeader>(body).map_err(|_| DecodeError::Malformed(MAGIC.len()))?;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let (length, tail) = rest.split_first_chunk::<4>().ok_or(DecodeError::Malformed(at))?;
        let length = u32::from_le_bytes(*length) as usize;
        if length > PART_BYTES_MAX {
            return Err(DecodeError::TooLarge { what: "a part", bytes: length, limit: PART_BYTES_MAX });
        }
        let part = tail.get(..length).ok_or(DecodeError::Malformed(at))?;
        parts.push(part);
        rest = &tail[length..];
    }
    Ok((header, parts))
}

/// Reads one part and checks its invariants.
///
/// # Errors
/// When the bytes are not a part, or break an invariant of the module.
pub fn decode_part(bytes: &[u8]) -> Result<Part, DecodeError> {
    sound(postcard::from_bytes(bytes))
}

/// The same, the texts staying where they are.
///
/// # Errors
/// As [`decode_part`].
pub fn decode_part_ref(bytes: &[u8]) -> Result<Part<RecordRef<'_>>, DecodeError> {
    sound(postcard::from_bytes(bytes))
}

fn sound<R>(part: postcard::Result<Part<R>>) -> Result<Part<R>, DecodeError> {
    part.ok().filter(Part::is_sound).ok_or(DecodeError::Malformed(0))
}

impl<R> Part<R> {
    /// Everything but the records.
    #[must_use]
    pub fn without_records(self) -> Part<()> {
        let Self { stream, labels, substream, extents, records: _, gap } = self;
        Part { stream, labels, substream, extents, records: Vec::new(), gap }
    }

    /// Whether the invariants of the module hold.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let ordered = self.extents.iter().all(|extent| extent.from <= extent.to);
        match self.extents.as_slice() {
            [only] => {
                let mut at = only.from;
                ordered
                    && self.records.iter().all(|record| {
                        let fits = record.offset >= at && record.end > record.offset && record.end <= only.to;
                        at = record.end;
                        fits
                    })
                    && (self.gap.is_none() || self.records.is_empty())
            }
            [first, second] => {
                ordered
                    && first.file != second.file
                    && self.gap.is_none()
                    && self.records.len() == 1
                    && self
                        .records
                        .iter()
                        .all(|r| r.offset >= first.from && r.offset < first.to && r.end <= second.to && r.end >= second.from)
            }
            _ => false,
        }
    }
}

impl Part {
    /// The part in its encoded form, as [`BatchEncoder::push`] writes it after the length.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(self, &mut bytes);
        bytes
    }
}

/// Appends to a buffer, without one of its own in between.
struct Appending<'b>(&'b mut Vec<u8>);

impl Flavor for Appending<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// postcard into a growing buffer cannot fail for these types: they have no unsized sequences and no maps.
fn encode<T: Serialize>(value: &T, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    if postcard::serialize_with_flavor(value, Appending(bytes)).is_err() {
        bytes.truncate(start);
    }
}
