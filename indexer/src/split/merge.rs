//! Merging splits of one module into one, without making texts of what they hold: rows are put in order, then field after field is carried over, a value as its pattern and
//! variables. A pattern's text is read once for each source.

use super::block::{Block, Column as BlockColumn, Decoder, ROWS_MAX, Stored};
use super::build::ContentBuilder;
use super::column::Column;
use super::rows::{Head, Place};
use super::shapes::{MESSAGE, WHOLE};
use super::write::{Content, write};
use super::{Split, SplitMeta, codec, shape};
use crate::row::ModuleKey;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Not known yet.
const UNKNOWN: u32 = u32::MAX;

/// See [`super::merge()`].
pub(super) fn merge(
    key: &ModuleKey,
    id: &str,
    sources: &[Arc<Split>],
    path: &Path,
    more: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<SplitMeta> {
    let decoder = Decoder::new()?;
    let (content, mut sources) = content(sources, &decoder, more)?;
    let column = |field: u32| {
        more()?;
        carry(field, &content, &mut sources, &decoder)
    };
    write(key, id, &content.content, column, path)
}

/// The rows of all sources, in order.
struct Merged {
    content: Content,
    /// The source and the number there of each row.
    of: Vec<(u32, u32)>,
}

/// A split that is read.
struct Source<'a> {
    split: &'a Split,
    /// For each of its shapes: the shape there, and its values.
    shapes: Vec<ShapeOf>,
}

struct ShapeOf {
    number: u32,
    values: Vec<ValueOf>,
}

/// Where a value of a shape comes from and goes to.
#[derive(Debug, Clone, Copy)]
struct ValueOf {
    to: u32,
    from: u32,
    /// Values of the same field before it in the shape.
    nth: usize,
}

fn content<'a>(
    splits: &'a [Arc<Split>],
    decoder: &'a Decoder,
    more: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<(Merged, Vec<Source<'a>>)> {
    let mut builder = ContentBuilder::new();
    let mut rows: Vec<(Head, u32, u32)> = Vec::new();
    let mut sources = Vec::new();
    for (number, split) in splits.iter().enumerate() {
        more()?;
        let (head, number) = (split.head()?, codec::length(number)?);
        let owners: Vec<u32> = head.owners.iter().map(|owner| builder.owners.of(owner)).collect();
        let origins: Vec<u32> = head.origins.iter().map(|origin| builder.origins.of(origin)).collect();
        let shapes: Vec<ShapeOf> = head.shapes.iter().enumerate().map(|(at, own)| shape_of(at, own, &mut builder)).collect();
        let find = |list: &[u32], at: u32| list.get(at as usize).copied().unwrap_or(0);
        for at in 0..head.blocks.len() {
            let block = Block::new(split, at, decoder)?;
            let (hot, cold) = (block.hot()?, block.cold()?);
            let times = hot.times();
            let text_bytes = block.meta.text_bytes / block.meta.rows.max(1) as u64;
            for row in 0..block.meta.rows {
                let place = cold.places.get(row).copied().unwrap_or(Place { arrived_ns: 0, origin: 0 });
                let shape = block.shape(row)?;
                let head = Head {
                    seq: hot.seqs.get(row),
                    time_ns: times.get(row).copied().unwrap_or_default(),
                    place: Place { origin: find(&origins, place.origin), ..place },
                    owner: find(&owners, hot.owners.get(row).unwrap_or(0)),
                    shape: shapes.get(shape as usize).map_or(shape::WHOLE, |shape| shape.number),
                    offset: cold.offsets.get(row).copied().unwrap_or_default(),
                    runtime_time_ns: hot.runtime_time(row).unwrap_or_default(),
                    kind: block.kind(row)?,
                    text_bytes: u32::try_from(text_bytes).unwrap_or(u32::MAX),
                    redactions: cold.redactions.get(&row).cloned().unwrap_or_default(),
                };
                rows.push((head, number, codec::length(block.meta.row_from + row)?));
            }
        }
        sources.push(Source { split, shapes });
    }
    if rows.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "splits without rows"));
    }
    rows.sort_by_key(|(head, ..)| (head.time_ns, head.seq));
    let of = rows.iter().map(|(_, source, row)| (*source, *row)).collect();
    builder.rows = rows.into_iter().map(|(head, ..)| head).collect();
    Ok((Merged { content: builder.finish(), of }, sources))
}

fn shape_of(at: usize, own: &shape::Shape, builder: &mut ContentBuilder) -> ShapeOf {
    let number = if at == shape::WHOLE as usize { shape::WHOLE } else { builder.shapes.number_of(&own.text) };
    let mut values: Vec<ValueOf> = Vec::new();
    for (from, to) in own.fields.iter().zip(builder.shapes.fields_of(number)) {
        let nth = values.iter().filter(|value| value.from == *from).count();
        values.push(ValueOf { to: *to, from: *from, nth });
    }
    if number == shape::WHOLE && at != shape::WHOLE as usize {
        // There are too many shapes by now: its rows' attributes are made whole.
        values.clear();
    }
    ShapeOf { number, values }
}

/// The values of a field, in the order of all rows.
fn carry<'a>(field: u32, merged: &Merged, sources: &mut [Source<'a>], decoder: &'a Decoder) -> io::Result<Column> {
    let mut column = Column::default();
    let mut readers: Vec<Reader<'a>> = sources.iter().map(|source| Reader::new(field, source)).collect();
    for (source, row) in &merged.of {
        if let Some(reader) = readers.get_mut(*source as usize) {
            reader.row(*row as usize, decoder, &mut column)?;
        }
    }
    Ok(column)
}

/// One source while a field is carried over. Its rows are asked for in their order.
struct Reader<'a> {
    split: &'a Split,
    /// For each shape, the field and place of each value that is wanted.
    wanted: Vec<Vec<(u32, usize)>>,
    /// Shapes whose attributes are made whole.
    whole: Vec<bool>,
    field: u32,
    none: bool,
    block: Option<Block<'a>>,
    number: usize,
    from: usize,
    to: usize,
    /// What this source's patterns and entries are in the column, by field.
    known: Vec<Known>,
    text: String,
}

/// What patterns of a field of a source, and entries of its dictionary, are there.
#[derive(Default)]
struct Known {
    field: u32,
    patterns: Vec<u32>,
    entries: Vec<u32>,
}

impl<'a> Reader<'a> {
    fn new(field: u32, source: &Source<'a>) -> Self {
        let of = |shape: &ShapeOf| shape.values.iter().filter(|value| value.to == field).map(|value| (value.from, value.nth)).collect();
        let wanted: Vec<Vec<(u32, usize)>> = source.shapes.iter().map(of).collect();
        let made_whole = |(at, shape): (usize, &ShapeOf)| field == WHOLE && at != shape::WHOLE as usize && shape.number == shape::WHOLE;
        let whole: Vec<bool> = source.shapes.iter().enumerate().map(made_whole).collect();
        let none = field != MESSAGE && wanted.iter().all(Vec::is_empty) && !whole.contains(&true);
        Self {
            split: source.split,
            wanted,
            whole,
            field,
            none,
            block: None,
            number: 0,
            from: 0,
            to: 0,
            known: Vec::new(),
            text: String::new(),
        }
    }

    fn row(&mut self, row: usize, decoder: &'a Decoder, column: &mut Column) -> io::Result<()> {
        if self.none {
            return Ok(());
        }
        while row >= self.to {
            let block = Block::new(self.split, self.number, decoder)?;
            (self.from, self.to) = (block.meta.row_from, block.meta.row_from + block.meta.rows);
            self.block = Some(block);
            self.number += 1;
        }
        let Some(block) = &self.block else { return Ok(()) };
        let row = row - self.from;
        if self.field == MESSAGE {
            return value(&mut self.known, &*block.column(MESSAGE)?, row, decoder, column);
        }
        let shape = block.shape(row)? as usize;
        if self.whole.get(shape) == Some(&true) {
            block.attributes(row, &mut self.text)?;
            column.push_text('o', &self.text);
            return Ok(());
        }
        for (from, nth) in self.wanted.get(shape).into_iter().flatten() {
            let stored = block.column(*from)?;
            let at = block.start(&stored, row)? + nth;
            value(&mut self.known, &stored, at, decoder, column)?;
        }
        Ok(())
    }
}

/// Carries one value over.
fn value(known: &mut Vec<Known>, stored: &BlockColumn<'_>, at: usize, decoder: &Decoder, column: &mut Column) -> io::Result<()> {
    let field = &stored.field;
    let at_known = known.iter().position(|known| known.field == field.number).unwrap_or_else(|| {
        known.push(Known { field: field.number, patterns: vec![UNKNOWN; field.patterns()], entries: vec![UNKNOWN; field.entries_len()] });
        known.len() - 1
    });
    let Some(known) = known.get_mut(at_known) else { return Ok(()) };
    let ordinals = match &stored.stored {
        Stored::Ordinals(ordinals) => ordinals,
        Stored::Values(values) => return copy(known, stored, values, at, decoder, column).map(drop),
        Stored::None => return Err(codec::damaged("no such value")),
    };
    let entry = ordinals.get(at).ok_or_else(|| codec::damaged("no such value"))? as usize;
    let there = known.entries.get(entry).copied().unwrap_or(UNKNOWN);
    if there != UNKNOWN {
        column.push_again(there);
        return Ok(());
    }
    let there = copy(known, stored, &*stored.entries(entry / ROWS_MAX)?, entry % ROWS_MAX, decoder, column)?;
    known.entries.iter_mut().skip(entry).take(1).for_each(|known| *known = there);
    Ok(())
}

/// Carries a value over that is not there yet; its entry comes back.
fn copy<'a>(
    known: &mut Known,
    stored: &BlockColumn<'a>,
    values: &super::values::Values<'a>,
    at: usize,
    decoder: &Decoder,
    column: &mut Column,
) -> io::Result<u32> {
    let pattern = values.pattern(at)?;
    let mut number = known.patterns.get(pattern as usize).copied().unwrap_or(UNKNOWN);
    if number == UNKNOWN {
        number = column.patterns.number_of(&stored.field.pattern(pattern, decoder)?);
        known.patterns.iter_mut().skip(pattern as usize).take(1).for_each(|known| *known = number);
    }
    values.copy(&stored.field, at, decoder, &mut column.variables)?;
    Ok(column.push_copied(number))
}
