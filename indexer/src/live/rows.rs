//! Rows in memory: what they share once, their texts one behind the other in one piece.
//!
//! There is one piece to be had and given back instead of two for each row, so that what an allocator keeps beside small pieces is saved: a seventh of the peak memory of a full server. Searching them takes as long
//! either way (`docs/performance.md`).
//!
//! Invariant: rows ascend in seq.

use crate::row::{Origin, Owner, Piece, Row, RowRef};
use martlog_formats::{Problems, RecordRef, RedactionKind, Severity, Verdict};
use std::sync::Arc;

/// Rows of one owner, one origin and one arrival.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    owner: Arc<Owner>,
    origin: Arc<Origin>,
    arrived_ns: i64,
    heads: Vec<Head>,
    texts: String,
}

/// A row without its texts.
#[derive(Debug, Clone, PartialEq)]
struct Head {
    seq: u64,
    offset: u64,
    time_ns: i64,
    runtime_time_ns: i64,
    problems: Problems,
    redactions: Box<[(RedactionKind, u16)]>,
    /// Where the message begins among the texts, bytes; the attributes are right behind it.
    text: usize,
    message_bytes: u32,
    attributes_bytes: u32,
    severity: Option<Severity>,
    verdict: Verdict,
}

impl Rows {
    /// Records with their offsets, numbered from 0, with room for texts of so many bytes.
    pub(crate) fn of_records<'r>(
        owner: Arc<Owner>,
        origin: Arc<Origin>,
        text_bytes: usize,
        records: impl ExactSizeIterator<Item = (u64, RecordRef<'r>)>,
    ) -> Self {
        let mut rows = Self::new(owner, origin, 0, records.len(), text_bytes);
        for (seq, (offset, record)) in (0..).zip(records) {
            rows.push(seq, offset, record);
        }
        rows
    }

    /// Rows in their order: one piece for each run of one owner, origin and arrival.
    pub(crate) fn of_rows<'r>(rows: impl IntoIterator<Item = RowRef<'r>>) -> Vec<Self> {
        let mut pieces: Vec<Self> = Vec::new();
        for row in rows {
            if pieces.last().is_none_or(|piece| !piece.shares(row)) {
                pieces.push(Self::new(row.owner.clone(), row.origin.clone(), row.arrived_ns, 0, 0));
            }
            if let Some(piece) = pieces.last_mut() {
                piece.push(row.seq, row.offset, row.record());
            }
        }
        pieces.iter_mut().for_each(Self::shrink);
        pieces
    }

    fn new(owner: Arc<Owner>, origin: Arc<Origin>, arrived_ns: i64, rows: usize, text_bytes: usize) -> Self {
        Self { owner, origin, arrived_ns, heads: Vec::with_capacity(rows), texts: String::with_capacity(text_bytes) }
    }

    fn shares(&self, row: RowRef<'_>) -> bool {
        let same_origin = Arc::ptr_eq(&self.origin, row.origin) || self.origin == *row.origin;
        let same_owner = Arc::ptr_eq(&self.owner, row.owner) || self.owner == *row.owner;
        same_origin && same_owner && self.arrived_ns == row.arrived_ns
    }

    fn push(&mut self, seq: u64, offset: u64, record: RecordRef<'_>) {
        // A text of 4 GiB is over every limit of every door.
        let length = |text: &str| u32::try_from(text.len()).unwrap_or_default();
        let RecordRef { time_ns, runtime_time_ns, severity, verdict, problems, redactions, message, attributes } = record;
        self.heads.push(Head {
            seq,
            offset,
            time_ns,
            runtime_time_ns,
            problems,
            redactions: redactions.into(),
            text: self.texts.len(),
            message_bytes: length(message),
            attributes_bytes: length(attributes),
            severity,
            verdict,
        });
        self.texts.push_str(message);
        self.texts.push_str(attributes);
    }

    fn shrink(&mut self) {
        self.heads.shrink_to_fit();
        self.texts.shrink_to_fit();
    }

    /// Leaves out the first so many, and numbers the others.
    pub(crate) fn number(&mut self, skip: usize, first_seq: u64, arrived_ns: i64) {
        if skip > 0 {
            self.heads.drain(..skip.min(self.heads.len()));
        }
        self.arrived_ns = arrived_ns;
        (first_seq..).zip(&mut self.heads).for_each(|(seq, head)| head.seq = seq);
    }

    /// The same, by another name for the same place.
    pub(crate) fn set_origin(&mut self, origin: Arc<Origin>) {
        self.origin = origin;
    }

    /// Leaves out the rows below a seq.
    pub(crate) fn drop_below(&mut self, seq: u64) {
        self.heads.retain(|head| head.seq >= seq);
    }

    /// Whose they are.
    #[must_use]
    pub fn owner(&self) -> &Arc<Owner> {
        &self.owner
    }

    /// Where they came from.
    #[must_use]
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// When they arrived, ns.
    #[must_use]
    pub fn arrived_ns(&self) -> i64 {
        self.arrived_ns
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The row at this place.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<RowRef<'_>> {
        self.heads.get(at).map(|head| self.row(head))
    }

    /// The first row.
    #[must_use]
    pub fn first(&self) -> Option<RowRef<'_>> {
        self.heads.first().map(|head| self.row(head))
    }

    /// The last row.
    #[must_use]
    pub fn last(&self) -> Option<RowRef<'_>> {
        self.heads.last().map(|head| self.row(head))
    }

    /// Each of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = RowRef<'_>> + ExactSizeIterator + Clone {
        self.heads.iter().map(|head| self.row(head))
    }

    /// As rows of their own.
    #[must_use]
    pub fn to_rows(&self) -> Vec<Row> {
        self.iter().map(RowRef::to_row).collect()
    }

    /// Their size in memory, bytes: owner and origin, which are shared with others, are left out.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let redactions: usize = self.heads.iter().map(|head| size_of_val(&*head.redactions)).sum();
        size_of::<Self>() + self.heads.capacity() * size_of::<Head>() + self.texts.capacity() + redactions
    }

    fn row<'a>(&'a self, head: &'a Head) -> RowRef<'a> {
        let middle = head.text + head.message_bytes as usize;
        let text = |from: usize, to: usize| Piece::new(&self.texts, from, to);
        RowRef {
            seq: head.seq,
            arrived_ns: self.arrived_ns,
            owner: &self.owner,
            origin: &self.origin,
            offset: head.offset,
            time_ns: head.time_ns,
            runtime_time_ns: head.runtime_time_ns,
            severity: head.severity,
            verdict: head.verdict,
            problems: head.problems,
            redactions: &head.redactions,
            message: text(head.text, middle),
            attributes: text(middle, middle + head.attributes_bytes as usize),
        }
    }
}
