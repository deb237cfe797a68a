//! Writing a split: rows without their texts, then one field after the other, all into one file.
//!
//! A field is *direct*, its blocks hold its values; or, where values repeat and that is smaller, it has a *dictionary*: its distinct values once, in blocks of their own, and
//! its blocks hold ordinals. Only one field's values need to be in memory at a time.

use super::block::{BlockMeta, EntryBlock, FieldMeta, Piece, PiecesOf, ROWS_MAX, TEXT_BYTES_MAX};
use super::column::{Column, Distinct};
use super::field::put_chunk;
use super::keys::Keys;
use super::packed::{put_coded, put_packed, put_set};
use super::pattern;
use super::rows::{self, Head};
use super::shapes::{MESSAGE, Shapes, WHOLE};
use super::values::Encoder;
use super::{FORMAT, SplitMeta, codec, file, filter, postings};
use crate::row::{ModuleKey, Origin, Owner};
use serde::Serialize;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// zstd level: higher ones cost more CPU than they save bytes.
const ZSTD_LEVEL: i32 = 1;
/// Patterns are compressed in chunks of about this size, bytes: a row needs one chunk for each of its texts.
const CHUNK_BYTES: usize = 16 << 10;
/// More keys than this are sorted out while they come, so that they stay within memory.
const KEYS_BEFORE_DEDUP: usize = 1 << 14;

/// What a split is made of, but for the values.
pub(super) struct Content {
    /// Ascending (time, seq); not empty.
    pub(super) rows: Vec<Head>,
    pub(super) owners: Vec<Arc<Owner>>,
    pub(super) origins: Vec<Arc<Origin>>,
    /// The shapes of attributes and the fields of their values.
    pub(super) shapes: Shapes,
}

/// The pattern of a value that is kept as it is written.
const OPAQUE: &str = "o2";
/// Writes a split; `column` gives the values of a field, in the order of rows.
pub(super) fn write(
    key: &ModuleKey,
    id: &str,
    content: &Content,
    mut column: impl FnMut(u32) -> io::Result<Column>,
    path: &Path,
) -> io::Result<SplitMeta> {
    let meta = meta_of(key, id, &content.rows);
    let mut writer = Writer::new(content, path)?;
    writer.file.begin("rows");
    writer.rows(&content.rows)?;
    writer.file.begin("columns");
    let exact = content.shapes.exact_names();
    for (number, exact) in (0..).zip(&exact) {
        let values = column(number)?;
        let name = content.shapes.names.get(number);
        writer.field(number, name, values, exact)?;
    }
    let bytes = writer.finish(content, &meta, path)?;
    Ok(SplitMeta { bytes, ..meta })
}

fn meta_of(key: &ModuleKey, id: &str, rows: &[Head]) -> SplitMeta {
    let (times, arrivals, seqs) = (bounds(rows, |row| row.time_ns), bounds(rows, |row| row.place.arrived_ns), bounds(rows, |row| row.seq));
    SplitMeta {
        id: id.to_owned(),
        key: key.clone(),
        format: FORMAT,
        rows: rows.len() as u64,
        bytes: 0,
        seq_from: seqs.0,
        seq_to: seqs.1.saturating_add(1),
        time_min_ns: times.0,
        time_max_ns: times.1,
        arrived_min_ns: arrivals.0,
        arrived_max_ns: arrivals.1,
    }
}

fn bounds<T: Ord + Copy + Default>(rows: &[Head], value: impl Fn(&Head) -> T) -> (T, T) {
    let mut values = rows.iter().map(value);
    let first = values.next().unwrap_or_default();
    values.fold((first, first), |(low, high), value| (low.min(value), high.max(value)))
}

struct Writer {
    file: file::Writer,
    index: postings::Writer,
    docs: u32,
    blocks: Vec<BlockMeta>,
    /// How many values of each field each block has.
    counts: Vec<Vec<u32>>,
    /// Filter keys of each block.
    keys: Vec<Vec<u64>>,
    fields: Vec<FieldMeta>,
    /// Bytes written to the section that is open.
    at: u64,
    patterns: Vec<u8>,
    filters: Vec<u8>,
    encoder: Encoder,
    zstd: zstd::bulk::Compressor<'static>,
    raw: Vec<u8>,
    distinct: Vec<u32>,
}

impl Writer {
    fn new(content: &Content, path: &Path) -> io::Result<Self> {
        let text_bytes: u64 = content.rows.iter().map(|row| u64::from(row.text_bytes)).sum();
        let ranges = ranges(&content.rows);
        let counts = ranges.iter().map(|range| counts_of(content, content.rows.get(range.clone()).unwrap_or_default())).collect();
        Ok(Self {
            file: file::Writer::create(path)?,
            index: postings::Writer::new(usize::try_from(text_bytes / 8).unwrap_or(usize::MAX))?,
            docs: 0,
            blocks: ranges.iter().map(|range| BlockMeta::of_rows(range.clone())).collect(),
            keys: vec![Vec::new(); ranges.len()],
            counts,
            fields: Vec::new(),
            at: 0,
            patterns: Vec::new(),
            filters: Vec::new(),
            encoder: Encoder::default(),
            zstd: zstd::bulk::Compressor::new(ZSTD_LEVEL)?,
            raw: Vec::new(),
            distinct: Vec::new(),
        })
    }

    fn rows(&mut self, rows: &[Head]) -> io::Result<()> {
        for at in 0..self.blocks.len() {
            let Some(range) = self.blocks.get(at).map(|block| block.row_from..block.row_from + block.rows) else { break };
            let rows = rows.get(range).unwrap_or_default();
            self.raw.clear();
            rows::encode_hot(rows, &mut self.raw, &mut self.distinct);
            let hot = self.piece()?;
            self.raw.clear();
            rows::encode_cold(rows, &mut self.raw);
            let raw = codec::length(self.raw.len())?;
            self.raw = self.zstd.compress(&self.raw)?;
            let cold = Piece { raw, ..self.piece()? };
            if let Some(block) = self.blocks.get_mut(at) {
                (block.hot, block.cold) = (hot, cold);
                (block.time_min_ns, block.time_max_ns) = bounds(rows, |row| row.time_ns);
                (block.arrived_min_ns, block.arrived_max_ns) = bounds(rows, |row| row.place.arrived_ns);
                (block.seq_min, block.seq_max) = bounds(rows, |row| row.seq);
                block.text_bytes = rows.iter().map(|row| u64::from(row.text_bytes)).sum();
            }
        }
        self.at = 0;
        Ok(())
    }

    /// Writes what is in the buffer.
    fn piece(&mut self) -> io::Result<Piece> {
        self.file.write(&self.raw)?;
        let stored = codec::length(self.raw.len())?;
        let piece = Piece { from: self.at, stored, raw: stored, crc: crc32fast::hash(&self.raw) };
        self.at += u64::from(stored);
        Ok(piece)
    }

    fn field(&mut self, number: u32, name: &str, mut column: Column, exact: &[String]) -> io::Result<()> {
        let mut keys = Keys::new(number == WHOLE, exact);
        let mut meta = FieldMeta { name: name.to_owned(), docs_from: self.docs, ..FieldMeta::default() };
        let counts: Vec<usize> = self.counts.iter().map(|counts| counts.get(number as usize).map_or(0, |count| *count as usize)).collect();
        if counts.iter().sum::<usize>() != column.len() {
            return Err(io::Error::other("a field has more or fewer values than its rows say"));
        }
        column.sort_patterns();
        // Which block of values each pattern is in, first and last.
        let spans = if column.is_dictionary() {
            let spans = self.entries(&column, &mut keys, &mut meta)?;
            self.ordinals(column.values(), &counts, &mut meta)?;
            spans
        } else {
            self.direct(&column, &counts, &mut keys, &mut meta)?
        };
        self.patterns(&column, &spans, &mut meta)?;
        self.fields.push(meta);
        Ok(())
    }

    /// Blocks of values.
    fn direct(&mut self, column: &Column, counts: &[usize], keys: &mut Keys, meta: &mut FieldMeta) -> io::Result<Spans> {
        let mut spans = Spans::new(column.patterns.len());
        let mut pieces = Vec::with_capacity(counts.len());
        let mut from = 0;
        for (block, count) in counts.iter().enumerate() {
            let values = column.values().get(from..from + count).unwrap_or_default();
            from += count;
            if values.is_empty() {
                pieces.push(Piece::default());
                continue;
            }
            self.raw.clear();
            self.encoder.values(column, values, &mut self.zstd, &mut self.raw)?;
            pieces.push(self.piece()?);
            spans.add(block, column, values);
            if let Some(into) = self.keys.get_mut(block) {
                values.iter().for_each(|entry| keys.of_entry(column, *entry as usize, into));
                if into.len() > KEYS_BEFORE_DEDUP {
                    into.sort_unstable();
                    into.dedup();
                }
            }
        }
        meta.blocks = PiecesOf::new(counts, pieces)?;
        Ok(spans)
    }

    /// The distinct values of a field, in blocks of their own, each with a filter.
    fn entries(&mut self, column: &Column, keys: &mut Keys, meta: &mut FieldMeta) -> io::Result<Spans> {
        let mut spans = Spans::new(column.patterns.len());
        let mut blocks = Vec::new();
        let mut of_block = Vec::new();
        let entries: Vec<u32> = (0..codec::length(column.entries())?).collect();
        for (block, entries) in entries.chunks(ROWS_MAX).enumerate() {
            self.raw.clear();
            self.encoder.values(column, entries, &mut self.zstd, &mut self.raw)?;
            let piece = self.piece()?;
            of_block.clear();
            spans.add(block, column, entries);
            entries.iter().for_each(|entry| keys.of_entry(column, *entry as usize, &mut of_block));
            blocks.push(EntryBlock { entries: codec::length(entries.len())?, piece, filter: self.filter(&mut of_block)? });
        }
        meta.entries = codec::length(entries.len())?;
        meta.dictionary = Some(blocks);
        Ok(spans)
    }

    /// Blocks of ordinals of a dictionary.
    fn ordinals(&mut self, of: &[u32], counts: &[usize], meta: &mut FieldMeta) -> io::Result<()> {
        let mut pieces = Vec::with_capacity(counts.len());
        let mut from = 0;
        for count in counts {
            let ordinals = of.get(from..from + count).unwrap_or_default();
            from += count;
            meta.spans.push(ordinals.iter().fold((u32::MAX, 0), |(low, high), ordinal| (low.min(*ordinal), high.max(*ordinal))));
            self.raw.clear();
            if ordinals.is_empty() {
                pieces.push(Piece::default());
                continue;
            }
            put_coded(&mut self.raw, ordinals, &mut self.distinct);
            pieces.push(self.piece()?);
        }
        meta.blocks = PiecesOf::new(counts, pieces)?;
        Ok(())
    }

    fn filter(&mut self, keys: &mut Vec<u64>) -> io::Result<Piece> {
        let filter = filter::build(keys);
        let stored = codec::length(filter.len())?;
        let piece = Piece { from: self.filters.len() as u64, stored, raw: stored, crc: 0 };
        self.filters.extend_from_slice(&filter);
        Ok(piece)
    }

    /// The patterns of a field: their texts in chunks, what is known of each, a document of the index for each.
    fn patterns(&mut self, column: &Column, spans: &Spans, meta: &mut FieldMeta) -> io::Result<()> {
        let mut layouts = Distinct::default();
        let mut layout_of = Vec::with_capacity(column.patterns.len());
        let (mut from, mut bytes) = (0, 0);
        let mut layout = String::new();
        for (number, text) in (0..).zip(column.patterns.iter()) {
            self.index.add(text.get(1..).unwrap_or_default())?;
            layout.clear();
            pattern::push_slots(text, &mut layout);
            layout_of.push(layouts.number_of(&layout));
            if text == OPAQUE {
                meta.opaque = Some(number);
            }
            bytes += text.len();
            if bytes >= CHUNK_BYTES {
                self.chunk(column, from..number + 1, meta)?;
                (from, bytes) = (number + 1, 0);
            }
        }
        meta.patterns = codec::length(column.patterns.len())?;
        self.chunk(column, from..meta.patterns, meta)?;
        meta.layouts = layouts.iter().map(ToOwned::to_owned).collect();
        self.docs += meta.patterns;
        self.raw.clear();
        put_packed(&mut self.raw, layout_of.iter().map(|number| u64::from(*number)));
        put_packed(&mut self.raw, spans.0.iter().map(|(first, _)| u64::from(*first)));
        let several: Vec<(u32, u32)> =
            (0..).zip(&spans.0).filter(|(_, (first, last))| first < last).map(|(at, (first, last))| (at, last - first)).collect();
        let mut set = Vec::new();
        put_set(&mut set, &several.iter().map(|(pattern, _)| *pattern).collect::<Vec<_>>());
        codec::put(&mut self.raw, set.len() as u64);
        self.raw.extend_from_slice(&set);
        put_packed(&mut self.raw, several.iter().map(|(_, further)| u64::from(*further)));
        meta.infos = self.piece()?;
        Ok(())
    }

    /// Writes a chunk of patterns.
    fn chunk(&mut self, column: &Column, patterns: Range<u32>, meta: &mut FieldMeta) -> io::Result<()> {
        if patterns.is_empty() {
            return Ok(());
        }
        self.raw.clear();
        put_chunk(patterns.clone().map(|number| column.patterns.get(number)), &mut self.raw);
        let raw = codec::length(self.raw.len())?;
        let stored = self.zstd.compress(&self.raw)?;
        meta.chunks.push((
            codec::length(patterns.len())?,
            Piece { from: self.patterns.len() as u64, stored: codec::length(stored.len())?, raw, crc: crc32fast::hash(&stored) },
        ));
        self.patterns.extend_from_slice(&stored);
        Ok(())
    }

    fn finish(mut self, content: &Content, meta: &SplitMeta, path: &Path) -> io::Result<u64> {
        for at in 0..self.keys.len() {
            let mut keys = self.keys.get_mut(at).map(std::mem::take).unwrap_or_default();
            let filter = self.filter(&mut keys)?;
            if let Some(block) = self.blocks.get_mut(at) {
                block.filter = filter;
            }
        }
        self.file.begin("patterns");
        self.file.write(&self.patterns)?;
        self.file.begin("filters");
        self.file.write(&self.filters)?;
        let shapes: Vec<(&str, &Vec<u32>)> = content.shapes.texts.iter().zip(&content.shapes.fields).collect();
        let (blocks, fields) = (std::mem::take(&mut self.blocks), std::mem::take(&mut self.fields));
        self.part("blocks", &blocks)?;
        self.part("fields", &fields)?;
        self.part("shapes", &shapes)?;
        self.part("owners", &content.owners)?;
        self.part("origins", &content.origins)?;
        for (name, bytes) in self.index.finish()? {
            self.file.begin(&format!("index/{name}"));
            self.file.write(&bytes)?;
        }
        self.file.finish(meta, path)
    }
}

impl Writer {
    /// A section that is read as a whole.
    fn part(&mut self, name: &str, content: &impl Serialize) -> io::Result<()> {
        let bytes = postcard::to_stdvec(content).map_err(io::Error::other)?;
        self.file.begin(name);
        self.file.write(&codec::length(bytes.len())?.to_le_bytes())?;
        self.file.write(&zstd::bulk::compress(&bytes, ZSTD_LEVEL)?)
    }
}

/// The rows of each block.
fn ranges(rows: &[Head]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut from, mut bytes) = (0, 0_usize);
    for (at, row) in rows.iter().enumerate() {
        if at - from == ROWS_MAX || (at > from && bytes > TEXT_BYTES_MAX) {
            ranges.push(from..at);
            (from, bytes) = (at, 0);
        }
        bytes = bytes.saturating_add(row.text_bytes as usize);
    }
    ranges.push(from..rows.len());
    ranges
}

/// How many values of each field some rows have.
fn counts_of(content: &Content, rows: &[Head]) -> Vec<u32> {
    let mut counts = vec![0; content.shapes.names.len()];
    let mut add = |field: u32, count: u32| counts.iter_mut().skip(field as usize).take(1).for_each(|sum| *sum += count);
    add(MESSAGE, u32::try_from(rows.len()).unwrap_or(u32::MAX));
    for row in rows {
        content.shapes.fields_of(row.shape).iter().for_each(|field| add(*field, 1));
    }
    counts
}

/// The first and the last block of values that each pattern is in.
struct Spans(Vec<(u32, u32)>);

impl Spans {
    fn new(patterns: usize) -> Self {
        Self(vec![(u32::MAX, 0); patterns])
    }

    fn add(&mut self, block: usize, column: &Column, entries: &[u32]) {
        let block = u32::try_from(block).unwrap_or(u32::MAX);
        for entry in entries {
            if let Some((first, last)) = self.0.get_mut(column.pattern_of(*entry as usize) as usize) {
                (*first, *last) = ((*first).min(block), (*last).max(block));
            }
        }
    }
}
