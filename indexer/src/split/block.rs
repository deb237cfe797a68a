//! A block: some rows of a split, stored by column and read column by column, each when it is first needed.

use super::codec::damaged;
use super::columns::{self, Coded, Kind, Place, Rest, Texts};
use super::{Split, filter};
use crate::row::{Origin, Owner, Row};
use martlog_formats::Record;
use serde::{Deserialize, Serialize};
use std::cell::{OnceCell, RefCell};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Rows of a block at most.
pub(super) const ROWS_MAX: usize = 1_024;
/// A block ends when its texts are longer than this, bytes.
pub(super) const TEXT_BYTES_MAX: usize = 4 << 20;
/// A column is never longer than this before compression, bytes; a longer one is damage.
const COLUMN_BYTES_MAX: usize = 1 << 30;

/// The columns of a block, in their order in the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    Times,
    Seqs,
    Places,
    Kinds,
    Messages,
    Attributes,
    Rest,
}

impl Column {
    pub(super) const ALL: [Self; 7] = [Self::Times, Self::Seqs, Self::Places, Self::Kinds, Self::Messages, Self::Attributes, Self::Rest];
}

impl Column {
    /// What it is called in reports.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Times => "times",
            Self::Seqs => "seqs",
            Self::Places => "places",
            Self::Kinds => "kinds",
            Self::Messages => "messages",
            Self::Attributes => "attributes",
            Self::Rest => "rest",
        }
    }
}

/// Where some bytes lie in their section.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) from: u64,
    pub(super) stored: u32,
    /// Bytes before compression.
    pub(super) raw: u32,
    pub(super) crc: u32,
}

/// What the directory knows of a block.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BlockMeta {
    /// The number of its first row in the split.
    pub(crate) row_from: usize,
    /// Rows in it.
    pub(crate) rows: usize,
    /// Oldest row, ns.
    pub(crate) time_min_ns: i64,
    /// Newest row, ns.
    pub(crate) time_max_ns: i64,
    /// First arrival, ns.
    pub(crate) arrived_min_ns: i64,
    /// Last arrival, ns.
    pub(crate) arrived_max_ns: i64,
    /// Smallest seq.
    pub(crate) seq_min: u64,
    /// Largest seq.
    pub(crate) seq_max: u64,
    pub(super) columns: [Piece; Column::ALL.len()],
    pub(super) filter: Piece,
}

impl BlockMeta {
    /// How long a column is in the file, bytes.
    pub(super) fn bytes_of(&self, column: Column) -> u64 {
        u64::from(self.columns[column as usize].stored)
    }
}

/// Decompresses; one for a thread, since a context is costly to make.
pub(crate) struct Decoder(RefCell<zstd::bulk::Decompressor<'static>>);

impl Decoder {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(RefCell::new(zstd::bulk::Decompressor::new()?)))
    }

    pub(super) fn piece(&self, section: &[u8], piece: Piece) -> io::Result<Vec<u8>> {
        let raw = piece.raw as usize;
        if raw > COLUMN_BYTES_MAX {
            return Err(damaged("a column is too long"));
        }
        let bytes = self.0.borrow_mut().decompress(&section[stored(section, piece)?], raw).map_err(|_| damaged("a column"))?;
        if bytes.len() == raw { Ok(bytes) } else { Err(damaged("a column's length")) }
    }
}

/// Where in its section a piece lies, if its checksum is right.
fn stored(section: &[u8], piece: Piece) -> io::Result<Range<usize>> {
    let from = usize::try_from(piece.from).map_err(|_| damaged("a piece"))?;
    let range = from..from.saturating_add(piece.stored as usize);
    match section.get(range.clone()) {
        Some(bytes) if crc32fast::hash(bytes) == piece.crc => Ok(range),
        _ => Err(damaged("a piece's checksum")),
    }
}

/// A block being read.
pub(crate) struct Block<'a> {
    split: &'a Split,
    decoder: &'a Decoder,
    pub(crate) meta: &'a BlockMeta,
    times: OnceCell<Vec<i64>>,
    seqs: OnceCell<Vec<u64>>,
    places: OnceCell<Coded<Place>>,
    kinds: OnceCell<Coded<Kind>>,
    messages: OnceCell<Texts>,
    attributes: OnceCell<Texts>,
    rest: OnceCell<Rest>,
}

fn no_row() -> io::Error {
    damaged("no such row")
}

/// What is there, or what `make` makes of it.
fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> io::Result<T>) -> io::Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}

impl<'a> Block<'a> {
    pub(crate) fn new(split: &'a Split, meta: &'a BlockMeta, decoder: &'a Decoder) -> Self {
        Self {
            split,
            decoder,
            meta,
            times: OnceCell::new(),
            seqs: OnceCell::new(),
            places: OnceCell::new(),
            kinds: OnceCell::new(),
            messages: OnceCell::new(),
            attributes: OnceCell::new(),
            rest: OnceCell::new(),
        }
    }

    fn column(&self, column: Column) -> io::Result<Vec<u8>> {
        self.decoder.piece(&self.split.sections.unchecked("blocks")?, self.meta.columns[column as usize])
    }

    /// Whether a row of it may have one of these filter keys.
    pub(crate) fn filter(&self) -> io::Result<impl Fn(u64) -> bool + use<>> {
        let section = self.split.sections.unchecked("filters")?;
        let bytes = section.slice(stored(&section, self.meta.filter)?);
        Ok(move |key| filter::may_contain(&bytes, key))
    }

    /// Times, ns, ascending.
    pub(crate) fn times(&self) -> io::Result<&[i64]> {
        once(&self.times, || columns::decode_times(&self.column(Column::Times)?, self.meta.rows)).map(Vec::as_slice)
    }

    /// Seqs.
    pub(crate) fn seqs(&self) -> io::Result<&[u64]> {
        once(&self.seqs, || columns::decode_seqs(&self.column(Column::Seqs)?, self.meta.rows)).map(Vec::as_slice)
    }

    /// Arrivals, owners and origins.
    pub(crate) fn places(&self) -> io::Result<&Coded<Place>> {
        once(&self.places, || {
            let head = self.split.head()?;
            columns::decode_places(&self.column(Column::Places)?, self.meta.rows, head.owners.len(), head.origins.len())
        })
    }

    /// Severities, verdicts and problems.
    pub(crate) fn kinds(&self) -> io::Result<&Coded<Kind>> {
        once(&self.kinds, || columns::decode_kinds(&self.column(Column::Kinds)?, self.meta.rows))
    }

    /// Messages.
    pub(crate) fn messages(&self) -> io::Result<&Texts> {
        once(&self.messages, || columns::decode_texts(&self.column(Column::Messages)?, self.meta.rows))
    }

    /// Attributes.
    pub(crate) fn attributes(&self) -> io::Result<&Texts> {
        once(&self.attributes, || columns::decode_texts(&self.column(Column::Attributes)?, self.meta.rows))
    }

    fn rest(&self) -> io::Result<&Rest> {
        once(&self.rest, || columns::decode_rest(&self.column(Column::Rest)?, self.times()?, self.places()?))
    }

    /// The owner with this ordinal.
    pub(crate) fn owner(&self, owner: usize) -> io::Result<&'a Arc<Owner>> {
        self.split.head()?.owners.get(owner).ok_or_else(|| damaged("no such owner"))
    }

    /// The owner and origin of a row.
    pub(crate) fn whose(&self, row: usize) -> io::Result<(&'a Arc<Owner>, &'a Arc<Origin>, Place)> {
        let head = self.split.head()?;
        let place = *self.places()?.get(row).ok_or_else(no_row)?;
        let owner = self.owner(place.owner)?;
        let origin = head.origins.get(place.origin).ok_or_else(|| damaged("no such origin"))?;
        Ok((owner, origin, place))
    }

    /// The time of a row, ns.
    pub(crate) fn time(&self, row: usize) -> io::Result<i64> {
        self.times()?.get(row).copied().ok_or_else(no_row)
    }

    /// The seq of a row.
    pub(crate) fn seq(&self, row: usize) -> io::Result<u64> {
        self.seqs()?.get(row).copied().ok_or_else(no_row)
    }

    /// The kind of a row.
    pub(crate) fn kind(&self, row: usize) -> io::Result<Kind> {
        self.kinds()?.get(row).copied().ok_or_else(no_row)
    }

    /// Lets go of the texts; they are read again when they are needed again.
    pub(crate) fn forget_texts(&mut self) {
        self.messages.take();
        self.attributes.take();
        self.rest.take();
    }

    /// A whole row.
    pub(crate) fn row(&self, row: usize) -> io::Result<Row> {
        let (owner, origin, place) = self.whose(row)?;
        let kind = self.kind(row)?;
        let rest = self.rest()?;
        Ok(Row {
            seq: self.seq(row)?,
            arrived_ns: place.arrived_ns,
            owner: owner.clone(),
            origin: origin.clone(),
            offset: *rest.offsets.get(row).ok_or_else(no_row)?,
            record: Record {
                time_ns: self.time(row)?,
                runtime_time_ns: *rest.runtime_times_ns.get(row).ok_or_else(no_row)?,
                severity: kind.severity,
                verdict: kind.verdict,
                problems: kind.problems,
                redactions: rest.redactions.get(&row).cloned().unwrap_or_default(),
                message: self.messages()?.get(row).to_owned(),
                attributes: self.attributes()?.get(row).to_owned(),
            },
        })
    }
}
