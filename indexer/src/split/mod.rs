//! A split: an immutable, time-ordered file of one module's rows with their index.
//!
//! ```text
//! rows        in blocks of up to 1,024 in (time, seq) order: times, kinds, owners, shapes, places       block.rs, rows.rs
//! columns     field by field, a field's values block by block: which pattern, and the variables         field.rs, values.rs, packed.rs
//! patterns    the distinct texts of each field, with their variables cut out                            pattern.rs, column.rs
//! filters     one per block: the ids and longer numbers in it                                           filter.rs, keys.rs
//! shapes      the distinct attributes with their values cut out                                         shape.rs
//! index/…     a tantivy segment whose documents are the patterns: words to patterns                     postings.rs
//! ```
//!
//! A row is a message and attributes. The message is a value of the first field; attributes are a shape and one value for each scalar, of the field that the scalar's name says.
//! A value is a *pattern* (its text with every word that has a digit cut out) and variables. What programs print has few patterns, so a word is looked for in them, in the index, and what is found are
//! rows whose block says that pattern.
//!
//! Rows are numbered from 0 in (time, seq) order; patterns in each field in the order of their texts, so that alike ones lie side by side; documents are all patterns, field after field.
//! Where values come again often, a field has a dictionary: its distinct values once, and an ordinal for each value.
//! What is damaged is an error when it is read, never a panic and never another row.

pub(crate) mod bits;
pub(crate) mod block;
mod build;
pub(crate) mod cache;
mod codec;
mod column;
mod compared;
pub(crate) mod field;
mod file;
pub(crate) mod filter;
pub(crate) mod keys;
mod merge;
pub(crate) mod packed;
pub(crate) mod pattern;
pub(crate) mod postings;
pub(crate) mod rows;
pub(crate) mod shape;
pub(crate) mod shapes;
#[cfg(test)]
mod tests;
pub(crate) mod values;
mod write;

use crate::row::{ModuleKey, Origin, Owner, Row, RowRef};
use block::{Block, BlockMeta, Decoder, FieldMeta};
use cache::{Cache, Chunk};
use codec::damaged;
use compared::Compared;
use field::{Field, FieldHead};
use parking_lot::Mutex;
use postings::Postings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shape::Shape;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tantivy::directory::OwnedBytes;

/// The version of the file's form that this version writes and reads.
pub const FORMAT: u32 = 3;
/// The sections that are read as a whole are never longer than this before compression, bytes.
const HEAD_BYTES_MAX: usize = 256 << 20;

/// Those sections that stay in memory, decoded.
const HEADS: [&str; 5] = ["blocks", "fields", "shapes", "owners", "origins"];
/// How much larger they are then, about.
const HEAD_EXPANDS: u64 = 5;
/// What an open split has in memory besides, bytes, about: its directory of sections and its index.
const BYTES_OPEN: u64 = 16 << 10;

/// What the catalog knows of a split without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitMeta {
    /// 32 hex digits; the file is `splits/<partner>/<module>/<id>.split`.
    pub id: String,
    /// Whose.
    pub key: ModuleKey,
    /// The version of the file's form.
    pub format: u32,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Smallest seq.
    pub seq_from: u64,
    /// Largest seq plus one. In between there may be seqs that are in other splits, or nowhere any more.
    pub seq_to: u64,
    /// Oldest row, ns.
    pub time_min_ns: i64,
    /// Newest row, ns.
    pub time_max_ns: i64,
    /// First arrival, ns.
    pub arrived_min_ns: i64,
    /// Last arrival, ns.
    pub arrived_max_ns: i64,
}

/// An open split; its file stays readable while this lives, also after it was removed.
#[derive(Debug)]
pub struct Split {
    /// What the catalog knows of it.
    pub meta: SplitMeta,
    sections: file::Sections,
    head: OnceLock<Head>,
    filters: OnceLock<OwnedBytes>,
    postings: OnceLock<Postings>,
    cache: Arc<Cache>,
    /// Its number in the cache.
    number: u64,
}

/// What every search of a split needs, read when the first one comes.
#[derive(Debug)]
pub(crate) struct Head {
    /// The blocks, in the order of rows.
    pub(crate) blocks: Vec<BlockMeta>,
    /// The fields; the first two are [`shapes::MESSAGE`] and [`shapes::WHOLE`].
    pub(crate) fields: Vec<FieldHead>,
    /// The shapes of attributes.
    pub(crate) shapes: Vec<Shape>,
    /// Whose the rows are.
    pub(crate) owners: Vec<Arc<Owner>>,
    /// Where they came from.
    pub(crate) origins: Vec<Arc<Origin>>,
    /// Patterns of all fields together.
    pub(crate) docs: usize,
    /// Where the values of names that were asked for are; see [`Head::values_of`].
    known: Mutex<HashMap<Box<str>, Arc<ValuesOfShapes>>>,
    rows: OwnedBytes,
    /// Of the hot pieces.
    hot: Compared,
    columns: OwnedBytes,
    patterns: OwnedBytes,
}

/// For each shape the values that a name stands for: (field, how many values of that field come before in the shape).
pub(crate) type ValuesOfShapes = Vec<Vec<(u32, u32)>>;

/// Names that a split keeps the places of.
const KNOWN_MAX: usize = 64;

impl Head {
    /// Where the values of a field are, by its name as a query has it.
    pub(crate) fn values_of(&self, path: &str) -> Arc<ValuesOfShapes> {
        if let Some(known) = self.known.lock().get(path) {
            return known.clone();
        }
        let found: Arc<ValuesOfShapes> = Arc::new(self.shapes.iter().map(|shape| shape.places_of(&shape.slots_of(path))).collect());
        let mut known = self.known.lock();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(path.into(), found.clone());
        found
    }
}

/// Builds a split of a module's rows (ascending seq, not empty) at `path`; the file and its folder are synced when this returns.
///
/// # Errors
/// When it cannot be written; a half-written file is removed.
pub fn build(key: &ModuleKey, id: &str, rows: &[RowRef<'_>], path: &Path) -> io::Result<SplitMeta> {
    build::build(key, id, rows, path)
}

/// Merges splits of one module, which have no row in common, into one at `path`, as [`build()`] does. `more` is asked now and then and may end it with an error.
///
/// # Errors
/// When a source is damaged, when it cannot be written, or what `more` says; a half-written file is removed.
pub fn merge(
    key: &ModuleKey,
    id: &str,
    sources: &[Arc<Split>],
    path: &Path,
    more: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<SplitMeta> {
    merge::merge(key, id, sources, path, more)
}

impl Split {
    /// Opens a split; cheap: its parts are read when they are needed.
    ///
    /// # Errors
    /// When the file is not there, is damaged, or has a form that this version does not know.
    pub fn open(path: &Path, meta: SplitMeta) -> io::Result<Self> {
        let cache = Cache::alone();
        Self::open_with(path, meta, &cache, cache.number())
    }

    /// The same, keeping what it reads often in a cache that splits share, where it has this number.
    pub(crate) fn open_with(path: &Path, meta: SplitMeta, cache: &Arc<Cache>, number: u64) -> io::Result<Self> {
        let sections = file::Sections::open(path, &meta)?;
        let (head, filters, postings) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Ok(Self { meta, sections, head, filters, postings, number, cache: cache.clone() })
    }

    /// What it has in memory besides mapped pages once it was searched, bytes, estimated.
    pub(crate) fn bytes_in_memory(&self) -> u64 {
        let heads = self.sections.list().filter(|(name, _)| HEADS.contains(name));
        BYTES_OPEN + heads.map(|(_, bytes)| bytes).sum::<u64>() * HEAD_EXPANDS
    }

    /// Lets go of the pages of its file that are in memory; they come back when they are read.
    pub(crate) fn let_go_of_pages(&self) {
        self.sections.let_go_of_pages();
    }

    /// Every row in ascending seq, for a release or a check.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn rows(&self) -> io::Result<Vec<Row>> {
        let decoder = Decoder::new()?;
        let mut rows = Vec::new();
        for number in 0..self.head()?.blocks.len() {
            let block = Block::new(self, number, &decoder)?;
            for row in 0..block.meta.rows {
                rows.push(block.row(row)?);
            }
        }
        rows.sort_by_key(|row| row.seq);
        Ok(rows)
    }

    /// The names and bytes of the file's sections, for reports.
    pub fn sections(&self) -> impl Iterator<Item = (&str, u64)> {
        self.sections.list()
    }

    /// The names of the fields, bytes of their values, whether they have a dictionary: for reports.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn fields(&self) -> io::Result<Vec<(&str, u64, bool)>> {
        let fields = self.head()?.fields.iter();
        Ok(fields
            .map(|field| (field.meta.name.trim_start_matches('\u{1}'), block::bytes_of(field), field.meta.dictionary.is_some()))
            .collect())
    }

    /// How many patterns all fields have together, for reports.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn patterns(&self) -> io::Result<usize> {
        Ok(self.head()?.docs)
    }

    /// What every search needs.
    pub(crate) fn head(&self) -> io::Result<&Head> {
        if let Some(head) = self.head.get() {
            return Ok(head);
        }
        let head = self.read_head()?;
        Ok(self.head.get_or_init(|| head))
    }

    fn read_head(&self) -> io::Result<Head> {
        let fields: Vec<FieldMeta> = self.part("fields")?;
        let shapes: Vec<(String, Vec<u32>)> = self.part("shapes")?;
        let blocks: Vec<BlockMeta> = self.part("blocks")?;
        let head = Head {
            hot: Compared::none(blocks.len()),
            blocks,
            docs: fields.iter().map(|field| field.patterns as usize).sum(),
            known: Mutex::default(),
            fields: fields.into_iter().map(FieldHead::new).collect::<io::Result<_>>()?,
            shapes: shapes.into_iter().map(|(text, fields)| Shape::new(text, fields)).collect::<io::Result<_>>()?,
            owners: self.part("owners")?,
            origins: self.part("origins")?,
            rows: self.sections.unchecked("rows")?,
            columns: self.sections.unchecked("columns")?,
            patterns: self.sections.unchecked("patterns")?,
        };
        let mut next = 0;
        for block in &head.blocks {
            if block.row_from != next || block.rows == 0 || block.rows > block::ROWS_MAX {
                return Err(damaged("the blocks"));
            }
            next += block.rows;
        }
        let mut docs = 0;
        for field in &head.fields {
            if field.meta.docs_from as usize != docs {
                return Err(damaged("the fields"));
            }
            docs += field.meta.patterns as usize;
        }
        let whole = head.shapes.first().is_some_and(|shape| shape.fields == [shapes::WHOLE]);
        if next as u64 != self.meta.rows || head.fields.len() < 2 || !whole {
            return Err(damaged("the number of rows or fields"));
        }
        Ok(head)
    }

    /// A field by its number.
    pub(crate) fn field(&self, number: u32) -> io::Result<Field<'_>> {
        Field::new(self, number)
    }

    /// The filters. Their checksum is verified when they are first asked for.
    fn filters(&self) -> io::Result<&[u8]> {
        if let Some(filters) = self.filters.get() {
            return Ok(filters);
        }
        let filters = self.sections.checked("filters")?;
        Ok(self.filters.get_or_init(|| filters))
    }

    /// A row from the cache.
    fn cached_row(&self, row: usize, read: impl FnOnce() -> io::Result<Row>) -> io::Result<Row> {
        self.cache.row(self.number, row, read)
    }

    /// A chunk of patterns from the cache.
    fn cached(&self, from: u64, read: impl FnOnce() -> io::Result<Chunk>) -> io::Result<Arc<Chunk>> {
        self.cache.get_or_read((self.number, from), read)
    }

    fn part<T: DeserializeOwned>(&self, name: &str) -> io::Result<T> {
        let section = self.sections.checked(name)?;
        let (length, stored) = section.split_first_chunk().ok_or_else(|| damaged(name))?;
        let length = u32::from_le_bytes(*length) as usize;
        if length > HEAD_BYTES_MAX {
            return Err(damaged(name));
        }
        let bytes = zstd::bulk::decompress(stored, length).map_err(|_| damaged(name))?;
        postcard::from_bytes(&bytes).map_err(|_| damaged(name))
    }

    /// The index of terms. Its checksum is verified when it is first asked for.
    pub(crate) fn postings(&self) -> io::Result<&Postings> {
        if let Some(postings) = self.postings.get() {
            return Ok(postings);
        }
        let names: Vec<&str> = self.sections.list().filter_map(|(name, _)| name.strip_prefix("index/")).collect();
        let files = names.into_iter().map(|name| Ok((name.to_owned(), self.sections.checked(&format!("index/{name}"))?)));
        let postings = Postings::open(files.collect::<io::Result<Vec<_>>>()?)?;
        Ok(self.postings.get_or_init(|| postings))
    }
}
