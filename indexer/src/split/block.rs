//! A block: some rows of a split. Each of its pieces is read when it is first needed; a value can be read without the others.

use super::codec::damaged;
use super::field::{Field, FieldHead};
use super::packed::Coded;
use super::rows::{self, Cold, Hot, Kind, Places};
use super::shapes::MESSAGE;
use super::values::Values;
use super::{Head, Split, filter, shape};
use crate::row::{Origin, Owner, Row};
use martlog_formats::Record;
use serde::{Deserialize, Serialize};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// Rows of a block at most, and entries of a block of a dictionary.
pub(crate) const ROWS_MAX: usize = 1_024;
/// A block ends when its texts are longer than this, bytes.
pub(super) const TEXT_BYTES_MAX: usize = 4 << 20;
/// A piece is never longer than this before compression, bytes; a longer one is damage.
const PIECE_BYTES_MAX: usize = 1 << 30;

/// Where some bytes lie in their section.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) from: u64,
    pub(super) stored: u32,
    /// Bytes before compression.
    pub(super) raw: u32,
    pub(super) crc: u32,
}

/// What the split knows of a block.
#[derive(Debug, Default, Serialize, Deserialize)]
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
    /// Bytes of its texts.
    pub(super) text_bytes: u64,
    pub(super) hot: Piece,
    pub(super) cold: Piece,
    pub(super) filter: Piece,
}

impl BlockMeta {
    pub(super) fn of_rows(range: Range<usize>) -> Self {
        Self { row_from: range.start, rows: range.len(), ..Self::default() }
    }
}

/// What the split knows of a field.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct FieldMeta {
    pub(super) name: String,
    /// The document of its first pattern.
    pub(super) docs_from: u32,
    pub(super) patterns: u32,
    /// The pattern of values that are kept as they are written.
    pub(super) opaque: Option<u32>,
    /// The variables of patterns, each distinct list once.
    pub(super) layouts: Vec<String>,
    /// Texts of patterns: how many, and where.
    pub(super) chunks: Vec<(u32, Piece)>,
    /// packed layout and first block of values of each pattern; the set of those that are in several blocks, and packed how much further the last one is.
    pub(super) infos: Piece,
    /// Entries of the dictionary.
    pub(super) entries: u32,
    /// The blocks of values are those of the dictionary; without one, those of the rows.
    pub(super) dictionary: Option<Vec<EntryBlock>>,
    /// With a dictionary: the smallest and the largest entry of each block of rows.
    pub(super) spans: Vec<(u32, u32)>,
    pub(super) blocks: PiecesOf,
}

/// A block of a dictionary.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct EntryBlock {
    pub(super) entries: u32,
    pub(super) piece: Piece,
    pub(super) filter: Piece,
}

/// A piece for each block of rows, and how many values it has.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct PiecesOf(Vec<(u32, Piece)>);

impl PiecesOf {
    pub(super) fn new(counts: &[usize], pieces: Vec<Piece>) -> io::Result<Self> {
        counts.iter().zip(pieces).map(|(count, piece)| Ok((super::codec::length(*count)?, piece))).collect::<io::Result<_>>().map(Self)
    }

    pub(super) fn get(&self, block: usize) -> io::Result<(usize, Piece)> {
        self.0.get(block).map(|(count, piece)| (*count as usize, *piece)).ok_or_else(|| damaged("a block is missing"))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, piece)| u64::from(piece.stored)).sum()
    }
}

/// Decompresses; one for a thread, since a context is costly to make.
pub(crate) struct Decoder(RefCell<zstd::bulk::Decompressor<'static>>);

impl Decoder {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(RefCell::new(zstd::bulk::Decompressor::new()?)))
    }

    /// So many bytes.
    pub(super) fn decompress(&self, stored: &[u8], raw: usize) -> io::Result<Vec<u8>> {
        if raw > PIECE_BYTES_MAX {
            return Err(damaged("a piece is too long"));
        }
        if raw == 0 {
            return Ok(Vec::new());
        }
        let bytes = self.0.borrow_mut().decompress(stored, raw).map_err(|_| damaged("a piece"))?;
        if bytes.len() == raw { Ok(bytes) } else { Err(damaged("a piece's length")) }
    }

    pub(super) fn piece(&self, section: &[u8], piece: Piece) -> io::Result<Vec<u8>> {
        self.decompress(stored(section, piece)?, piece.raw as usize)
    }
}

/// A piece as it lies in its section, if its checksum is right.
pub(super) fn stored(section: &[u8], piece: Piece) -> io::Result<&[u8]> {
    let bytes = unchecked(section, piece)?;
    if crc32fast::hash(bytes) == piece.crc { Ok(bytes) } else { Err(damaged("a piece's checksum")) }
}

/// A piece whose checksum was compared before.
pub(super) fn unchecked(section: &[u8], piece: Piece) -> io::Result<&[u8]> {
    let from = usize::try_from(piece.from).map_err(|_| damaged("a piece"))?;
    section.get(from..from.saturating_add(piece.stored as usize)).ok_or_else(|| damaged("a piece"))
}

/// A block being read.
pub(crate) struct Block<'a> {
    split: &'a Split,
    head: &'a Head,
    decoder: &'a Decoder,
    number: usize,
    pub(crate) meta: &'a BlockMeta,
    hot: OnceCell<Hot<'a>>,
    cold: OnceCell<Cold>,
    columns: RefCell<HashMap<u32, Rc<Column<'a>>>>,
}

/// What a block has of a field.
pub(crate) struct Column<'a> {
    pub(crate) field: Field<'a>,
    pub(crate) stored: Stored<'a>,
    /// Values in the block.
    count: usize,
    /// Where each row's values begin; one more at the end.
    starts: OnceCell<Starts>,
    entries: RefCell<HashMap<usize, Rc<Values<'a>>>>,
}

/// Values, or ordinals of a dictionary.
pub(crate) enum Stored<'a> {
    None,
    Values(Box<Values<'a>>),
    Ordinals(Coded<'a>),
}

enum Starts {
    /// Each row has one.
    One,
    Each(Vec<u32>),
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
    /// A block of a split, by its number.
    pub(crate) fn new(split: &'a Split, number: usize, decoder: &'a Decoder) -> io::Result<Self> {
        let head = split.head()?;
        let meta = head.blocks.get(number).ok_or_else(|| damaged("no such block"))?;
        Ok(Self { split, head, decoder, number, meta, hot: OnceCell::new(), cold: OnceCell::new(), columns: RefCell::default() })
    }

    /// Whether a row of it may have one of these filter keys among the values of its direct fields.
    pub(crate) fn may_have(&self, keys: impl IntoIterator<Item = u64>) -> io::Result<bool> {
        let filter = unchecked(self.split.filters()?, self.meta.filter)?;
        Ok(keys.into_iter().any(|key| filter::may_contain(filter, key)))
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn decoder(&self) -> &'a Decoder {
        self.decoder
    }

    /// Times, kinds, owners and shapes.
    pub(crate) fn hot(&self) -> io::Result<&Hot<'a>> {
        once(&self.hot, || {
            let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
            let bytes = self.head.hot.stored(self.number, &self.head.rows, self.meta.hot)?;
            rows::decode_hot(bytes, self.meta.rows, count(self.head.owners.len()), count(self.head.shapes.len()))
        })
    }

    pub(super) fn cold(&self) -> io::Result<&Cold> {
        once(&self.cold, || {
            let origins = u32::try_from(self.head.origins.len()).unwrap_or(u32::MAX);
            rows::decode_cold(&self.decoder.piece(&self.head.rows, self.meta.cold)?, self.hot()?, origins)
        })
    }

    /// Times, ns, ascending.
    pub(crate) fn times(&self) -> io::Result<&[i64]> {
        Ok(self.hot()?.times())
    }

    /// Arrivals and origins.
    pub(crate) fn places(&self) -> io::Result<&Places> {
        Ok(&self.cold()?.places)
    }

    /// The time of a row, ns.
    pub(crate) fn time(&self, row: usize) -> io::Result<i64> {
        self.times()?.get(row).copied().ok_or_else(no_row)
    }

    /// The seq of a row.
    pub(crate) fn seq(&self, row: usize) -> io::Result<u64> {
        if row < self.meta.rows { Ok(self.hot()?.seqs.get(row)) } else { Err(no_row()) }
    }

    /// The kind of a row.
    pub(crate) fn kind(&self, row: usize) -> io::Result<Kind> {
        self.hot()?.kinds.get(row).copied().ok_or_else(no_row)
    }

    /// The owner with this ordinal.
    pub(crate) fn owner(&self, owner: u32) -> io::Result<&'a Arc<Owner>> {
        self.head.owners.get(owner as usize).ok_or_else(|| damaged("no such owner"))
    }

    /// The owner and origin of a row, and when it arrived.
    pub(crate) fn whose(&self, row: usize) -> io::Result<(&'a Arc<Owner>, &'a Arc<Origin>, i64)> {
        let place = *self.places()?.get(row).ok_or_else(no_row)?;
        let owner = self.owner(self.hot()?.owners.get(row).ok_or_else(no_row)?)?;
        let origin = self.head.origins.get(place.origin as usize).ok_or_else(|| damaged("no such origin"))?;
        Ok((owner, origin, place.arrived_ns))
    }

    /// The number of a row's shape.
    pub(crate) fn shape(&self, row: usize) -> io::Result<u32> {
        self.hot()?.shapes.get(row).ok_or_else(no_row)
    }

    /// What the block has of a field.
    pub(crate) fn column(&self, field: u32) -> io::Result<Rc<Column<'a>>> {
        if let Some(column) = self.columns.borrow().get(&field) {
            return Ok(column.clone());
        }
        let column = Rc::new(self.read_column(self.split.field(field)?)?);
        self.columns.borrow_mut().insert(field, column.clone());
        Ok(column)
    }

    fn read_column(&self, field: Field<'a>) -> io::Result<Column<'a>> {
        let (count, piece) = field.head.meta.blocks.get(self.number)?;
        let stored = if count == 0 {
            Stored::None
        } else {
            let bytes = field.head.values.stored(self.number, &self.head.columns, piece)?;
            if field.head.meta.dictionary.is_some() {
                Stored::Ordinals(Coded::read(&mut super::codec::Input(bytes), count, field.head.meta.entries)?)
            } else {
                Stored::Values(Box::new(Values::read(bytes, count, field.head.meta.patterns)?))
            }
        };
        Ok(Column { field, stored, count, starts: OnceCell::new(), entries: RefCell::default() })
    }

    fn starts<'c>(&self, column: &'c Column<'a>) -> io::Result<&'c Starts> {
        once(&column.starts, || {
            let starts = if column.field.number == MESSAGE { Starts::One } else { self.read_starts(column.field.number)? };
            let end = match &starts {
                Starts::One => self.meta.rows,
                Starts::Each(starts) => starts.last().map_or(0, |end| *end as usize),
            };
            if end == column.count { Ok(starts) } else { Err(damaged("the number of values")) }
        })
    }

    /// How many values of a field a row has, by the place of its shape among the block's.
    pub(crate) fn counts(&self, field: u32) -> io::Result<Vec<u32>> {
        let count = |shape: &u32| {
            let shape = self.head.shapes.get(*shape as usize);
            shape.map_or(0, |shape| u32::try_from(shape.fields.iter().filter(|own| **own == field).count()).unwrap_or(u32::MAX))
        };
        let distinct = &self.hot()?.shapes.distinct;
        Ok(if field == MESSAGE { vec![1; distinct.len()] } else { distinct.iter().map(count).collect() })
    }

    fn read_starts(&self, field: u32) -> io::Result<Starts> {
        let counts = self.counts(field)?;
        if counts.iter().all(|count| *count == 1) {
            return Ok(Starts::One);
        }
        let mut at = 0_u32;
        let mut starts = Vec::with_capacity(self.meta.rows + 1);
        self.hot()?.shapes.places.for_each(|place| {
            starts.push(at);
            at = at.saturating_add(usize::try_from(place).ok().and_then(|place| counts.get(place)).copied().unwrap_or(0));
        });
        starts.push(at);
        Ok(Starts::Each(starts))
    }

    /// Hands out, of each row in order, its number, the place of its shape among the distinct ones, and where its values begin in the column.
    pub(crate) fn each_row_of(&self, column: &Column<'a>, mut each: impl FnMut(usize, usize, usize)) -> io::Result<()> {
        let (counts, mut row, mut start) = (self.counts(column.field.number)?, 0, 0);
        self.hot()?.shapes.places.for_each(|place| {
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            each(row, place, start);
            row += 1;
            start += counts.get(place).map_or(0, |count| *count as usize);
        });
        if start == column.count { Ok(()) } else { Err(damaged("the number of values")) }
    }

    /// Where the values of a row begin in its column.
    pub(crate) fn start(&self, column: &Column<'a>, row: usize) -> io::Result<usize> {
        Ok(match self.starts(column)? {
            Starts::One => row,
            Starts::Each(starts) => starts.get(row).map_or(usize::MAX, |start| *start as usize),
        })
    }

    /// Replaces `out` by the message of a row.
    pub(crate) fn message(&self, row: usize, out: &mut String) -> io::Result<()> {
        self.column(MESSAGE)?.text(row, self.decoder, out).map(drop)
    }

    /// Replaces `out` by the attributes of a row.
    pub(crate) fn attributes(&self, row: usize, out: &mut String) -> io::Result<()> {
        out.clear();
        let number = self.shape(row)?;
        let shape = self.head.shapes.get(number as usize).ok_or_else(|| damaged("no such shape"))?;
        let mut text = String::new();
        // How many values of a field came before in this row.
        let mut before: Vec<u32> = Vec::with_capacity(shape.fields.len());
        for (slot, piece) in shape.text.split(shape::SLOT).enumerate() {
            if let Some(field) = slot.checked_sub(1).and_then(|slot| shape.fields.get(slot)) {
                let nth = before.iter().filter(|other| *other == field).count();
                before.push(*field);
                let column = self.column(*field)?;
                let kind = column.text(self.start(&column, row)? + nth, self.decoder, &mut text)?;
                shape::push_value(kind, &text, out);
            }
            out.push_str(piece);
        }
        Ok(())
    }

    /// A row without its texts; see [`Self::row`].
    pub(super) fn row_head(&self, row: usize) -> io::Result<(Row, u32)> {
        let (owner, origin, arrived_ns) = self.whose(row)?;
        let (kind, cold) = (self.kind(row)?, self.cold()?);
        let row_head = Row {
            seq: self.seq(row)?,
            arrived_ns,
            owner: owner.clone(),
            origin: origin.clone(),
            offset: *cold.offsets.get(row).ok_or_else(no_row)?,
            record: Record {
                time_ns: self.time(row)?,
                runtime_time_ns: self.hot()?.runtime_time(row).ok_or_else(no_row)?,
                severity: kind.severity,
                verdict: kind.verdict,
                problems: kind.problems,
                redactions: cold.redactions.get(&row).cloned().unwrap_or_default(),
                message: String::new(),
                attributes: String::new(),
            },
        };
        Ok((row_head, self.shape(row)?))
    }

    /// A whole row that may be asked for again.
    pub(crate) fn row_for_reader(&self, row: usize) -> io::Result<Row> {
        self.split.cached_row(self.meta.row_from + row, || self.row(row))
    }

    /// A whole row.
    pub(crate) fn row(&self, row: usize) -> io::Result<Row> {
        let (mut whole, _) = self.row_head(row)?;
        self.message(row, &mut whole.record.message)?;
        self.attributes(row, &mut whole.record.attributes)?;
        Ok(whole)
    }
}

impl<'a> Column<'a> {
    /// Whether each row of its block has one value.
    pub(crate) fn is_one(&self, block: &Block<'a>) -> io::Result<bool> {
        Ok(block.counts(self.field.number)?.iter().all(|count| *count == 1))
    }

    /// Values in the block.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Replaces `out` by the text of an entry of the dictionary; its kind letter comes back.
    pub(crate) fn entry(&self, entry: usize, decoder: &Decoder, out: &mut String) -> io::Result<char> {
        self.field.text(&*self.entries(entry / ROWS_MAX)?, entry % ROWS_MAX, decoder, out)
    }

    /// Replaces `out` by the text of a value; its kind letter comes back.
    pub(crate) fn text(&self, at: usize, decoder: &Decoder, out: &mut String) -> io::Result<char> {
        match &self.stored {
            Stored::None => Err(damaged("no such value")),
            Stored::Values(values) => self.field.text(values, at, decoder, out),
            Stored::Ordinals(ordinals) => self.entry(ordinals.get(at).ok_or_else(|| damaged("no such value"))? as usize, decoder, out),
        }
    }

    /// A block of the dictionary.
    pub(crate) fn entries(&self, block: usize) -> io::Result<Rc<Values<'a>>> {
        if let Some(values) = self.entries.borrow().get(&block) {
            return Ok(values.clone());
        }
        let values = Rc::new(self.field.entries(block)?);
        self.entries.borrow_mut().insert(block, values.clone());
        Ok(values)
    }
}

/// The bytes of a field's parts, for reports.
pub(super) fn bytes_of(field: &FieldHead) -> u64 {
    let dictionary = field.meta.dictionary.iter().flatten().map(|block| u64::from(block.piece.stored)).sum::<u64>();
    field.meta.blocks.bytes() + dictionary + u64::from(field.meta.infos.stored)
}
