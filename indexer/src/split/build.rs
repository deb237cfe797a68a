//! Building a split: rows into blocks, words into the index, all into one file.

use super::block::{BlockMeta, Column, Piece, ROWS_MAX, TEXT_BYTES_MAX};
use super::columns::{self, Place};
use super::{FORMAT, SplitMeta, file, filter, postings, terms};
use crate::row::{ModuleKey, Origin, Owner, Row};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// zstd level of the texts and of the rest: higher ones cost more CPU than they save bytes.
const ZSTD_LEVEL: i32 = 3;

/// See [`super::build()`].
pub(super) fn build(key: &ModuleKey, id: &str, rows: &[&Row], path: &Path) -> io::Result<SplitMeta> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Err(invalid("a split without rows")) };
    if rows.windows(2).any(|pair| pair[0].seq >= pair[1].seq) || u32::try_from(rows.len()).is_err() {
        return Err(invalid("the rows of a split ascend in seq and are fewer than 2^32"));
    }
    if rows.iter().any(|row| row.owner.key != *key) {
        return Err(invalid("the rows of a split are of one module"));
    }
    let mut meta = SplitMeta {
        id: id.to_owned(),
        key: key.clone(),
        format: FORMAT,
        rows: rows.len() as u64,
        bytes: 0,
        seq_from: first.seq,
        seq_to: last.seq.saturating_add(1),
        time_min_ns: bounds(rows, |row| row.record.time_ns).0,
        time_max_ns: bounds(rows, |row| row.record.time_ns).1,
        arrived_min_ns: bounds(rows, |row| row.arrived_ns).0,
        arrived_max_ns: bounds(rows, |row| row.arrived_ns).1,
    };
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| (row.record.time_ns, row.seq));
    let mut builder = Builder::new(&sorted, path)?;
    builder.file.begin("blocks");
    let mut rest = sorted.as_slice();
    while !rest.is_empty() {
        let (block, behind) = rest.split_at(block_length(rest));
        builder.block(block, sorted.len() - rest.len())?;
        rest = behind;
    }
    meta.bytes = builder.finish(&meta, path)?;
    Ok(meta)
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn bounds<T: Ord + Copy + Default>(rows: &[&Row], value: impl Fn(&Row) -> T) -> (T, T) {
    let mut values = rows.iter().map(|row| value(row));
    let first = values.next().unwrap_or_default();
    values.fold((first, first), |(low, high), value| (low.min(value), high.max(value)))
}

fn block_length(rows: &[&Row]) -> usize {
    let mut bytes = 0;
    let fits = |row: &&&Row| {
        let before = bytes;
        bytes += row.record.message.len() + row.record.attributes.len();
        before <= TEXT_BYTES_MAX
    };
    rows.iter().take(ROWS_MAX).take_while(fits).count().max(1)
}

struct Builder {
    file: file::Writer,
    index: postings::Writer,
    terms: terms::Collector,
    owners: Ordinals<Owner>,
    origins: Ordinals<Origin>,
    directory: Vec<BlockMeta>,
    filters: Vec<u8>,
    /// Bytes of blocks written.
    at: u64,
    zstd: zstd::bulk::Compressor<'static>,
    raw: Vec<u8>,
}

impl Builder {
    fn new(rows: &[&Row], path: &Path) -> io::Result<Self> {
        let text_bytes = rows.iter().map(|row| row.record.message.len() + row.record.attributes.len()).sum();
        Ok(Self {
            file: file::Writer::create(path)?,
            index: postings::Writer::new(text_bytes)?,
            terms: terms::Collector::new(),
            owners: Ordinals::default(),
            origins: Ordinals::default(),
            directory: Vec::new(),
            filters: Vec::new(),
            at: 0,
            zstd: zstd::bulk::Compressor::new(ZSTD_LEVEL)?,
            raw: Vec::new(),
        })
    }

    fn block(&mut self, rows: &[&Row], row_from: usize) -> io::Result<()> {
        for row in rows {
            self.terms.row(&row.record.message, &row.record.attributes);
            self.index.add(&self.terms.terms, &self.terms.stems)?;
        }
        let places: Vec<Place> = rows
            .iter()
            .map(|row| Place { arrived_ns: row.arrived_ns, owner: self.owners.of(&row.owner), origin: self.origins.of(&row.origin) })
            .collect();
        let mut columns = [Piece::default(); Column::ALL.len()];
        for (column, piece) in Column::ALL.into_iter().zip(&mut columns) {
            *piece = self.column(column, rows, &places)?;
        }
        let filter = filter::build(&mut self.terms.filter_keys);
        self.terms.filter_keys.clear();
        let stored = u32::try_from(filter.len()).map_err(io::Error::other)?;
        let filter_piece = Piece { from: self.filters.len() as u64, stored, raw: stored, crc: crc32fast::hash(&filter) };
        self.filters.extend_from_slice(&filter);
        let (time, arrived, seq) =
            (bounds(rows, |row| row.record.time_ns), bounds(rows, |row| row.arrived_ns), bounds(rows, |row| row.seq));
        self.directory.push(BlockMeta {
            row_from,
            rows: rows.len(),
            time_min_ns: time.0,
            time_max_ns: time.1,
            arrived_min_ns: arrived.0,
            arrived_max_ns: arrived.1,
            seq_min: seq.0,
            seq_max: seq.1,
            columns,
            filter: filter_piece,
        });
        Ok(())
    }

    fn column(&mut self, column: Column, rows: &[&Row], places: &[Place]) -> io::Result<Piece> {
        let raw = &mut self.raw;
        raw.clear();
        match column {
            Column::Times => columns::encode_times(rows, raw),
            Column::Seqs => columns::encode_seqs(rows, raw),
            Column::Places => columns::encode_places(places, raw),
            Column::Kinds => columns::encode_kinds(rows, raw),
            Column::Messages => columns::encode_texts(rows.iter().map(|row| row.record.message.as_str()), raw),
            Column::Attributes => columns::encode_texts(rows.iter().map(|row| row.record.attributes.as_str()), raw),
            Column::Rest => columns::encode_rest(rows, places, raw),
        }
        let stored = self.zstd.compress(raw)?;
        self.file.write(&stored)?;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
        let piece = Piece { from: self.at, stored: length(&stored)?, raw: length(raw)?, crc: crc32fast::hash(&stored) };
        self.at += u64::from(piece.stored);
        Ok(piece)
    }

    fn finish(mut self, meta: &SplitMeta, path: &Path) -> io::Result<u64> {
        self.file.begin("filters");
        self.file.write(&self.filters)?;
        let names = self.terms.names();
        let parts = [
            ("directory", postcard::to_stdvec(&self.directory)),
            ("owners", postcard::to_stdvec(&self.owners.list)),
            ("origins", postcard::to_stdvec(&self.origins.list)),
            ("names", postcard::to_stdvec(&names)),
        ];
        for (name, bytes) in parts {
            let bytes = bytes.map_err(io::Error::other)?;
            self.file.begin(name);
            self.file.write(&u32::try_from(bytes.len()).map_err(io::Error::other)?.to_le_bytes())?;
            self.file.write(&self.zstd.compress(&bytes)?)?;
        }
        for (name, bytes) in self.index.finish()? {
            self.file.begin(&format!("index/{name}"));
            self.file.write(&bytes)?;
        }
        self.file.finish(meta, path)
    }
}

/// Distinct values in the order in which they came.
struct Ordinals<T> {
    list: Vec<Arc<T>>,
    by_value: HashMap<Arc<T>, usize>,
    /// By address, since rows of a part share theirs; what an address means holds as long as the rows do.
    by_address: HashMap<*const T, usize>,
}

impl<T> Default for Ordinals<T> {
    fn default() -> Self {
        Self { list: Vec::new(), by_value: HashMap::new(), by_address: HashMap::new() }
    }
}

impl<T: Eq + std::hash::Hash> Ordinals<T> {
    fn of(&mut self, value: &Arc<T>) -> usize {
        if let Some(ordinal) = self.by_address.get(&Arc::as_ptr(value)) {
            return *ordinal;
        }
        let next = self.list.len();
        let ordinal = *self.by_value.entry(value.clone()).or_insert(next);
        if ordinal == next {
            self.list.push(value.clone());
        }
        self.by_address.insert(Arc::as_ptr(value), ordinal);
        ordinal
    }
}
