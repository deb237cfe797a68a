//! A split: an immutable, time-ordered file of one module's rows with their index.
//!
//! ```text
//! blocks      of up to 1,024 rows in (time, seq) order, stored by column, compressed      block.rs, columns.rs
//! filters     one per block: the ids and numbers in it                                    filter.rs
//! directory   bounds and pieces of each block; owners, origins, names of attributes       mod.rs
//! index/…     a tantivy segment whose documents are the rows: terms to rows               postings.rs, terms.rs
//! ```
//!
//! Rows are numbered from 0 in (time, seq) order; documents of the index, bits of a set and rows of the blocks all have that number.
//! What is damaged is an error when it is read, never a panic and never another row.

pub(crate) mod bits;
pub(crate) mod block;
mod build;
mod codec;
pub(crate) mod columns;
mod file;
mod filter;
pub(crate) mod postings;
pub(crate) mod terms;
#[cfg(test)]
mod tests;

use crate::row::{ModuleKey, Origin, Owner, Row};
use block::{Block, BlockMeta, Decoder};
use codec::damaged;
use postings::Postings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The version of the file's form that this version writes and reads.
pub const FORMAT: u32 = 1;
/// The directory and its neighbours are never longer than this before compression, bytes.
const HEAD_BYTES_MAX: usize = 256 << 20;

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
    /// Largest seq plus one; seqs are dense in between.
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
    postings: OnceLock<Postings>,
}

/// What every search of a split needs, read when the first one comes.
#[derive(Debug)]
pub(crate) struct Head {
    /// The blocks, in the order of rows.
    pub(crate) blocks: Vec<BlockMeta>,
    /// Whose the rows are.
    pub(crate) owners: Vec<Arc<Owner>>,
    /// Where they came from.
    pub(crate) origins: Vec<Arc<Origin>>,
    /// Which attributes they have.
    pub(crate) names: terms::Names,
}

/// Builds a split of a module's rows (ascending seq, not empty) at `path`; the file and its folder are synced when this returns.
///
/// # Errors
/// When it cannot be written; a half-written file is removed.
pub fn build(key: &ModuleKey, id: &str, rows: &[&Row], path: &Path) -> io::Result<SplitMeta> {
    build::build(key, id, rows, path)
}

impl Split {
    /// Opens a split; cheap: its parts are read when they are needed.
    ///
    /// # Errors
    /// When the file is not there, is damaged, or has a form that this version does not know.
    pub fn open(path: &Path, meta: SplitMeta) -> io::Result<Self> {
        let sections = file::Sections::open(path, &meta)?;
        Ok(Self { meta, sections, head: OnceLock::new(), postings: OnceLock::new() })
    }

    /// Every row in ascending seq, for a release, a merge or a check.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn rows(&self) -> io::Result<Vec<Row>> {
        let decoder = Decoder::new()?;
        let mut rows = Vec::new();
        for meta in &self.head()?.blocks {
            let block = Block::new(self, meta, &decoder);
            for row in 0..meta.rows {
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

    /// The names and bytes of the columns of all blocks together, for reports.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn columns(&self) -> io::Result<Vec<(&'static str, u64)>> {
        let blocks = &self.head()?.blocks;
        Ok(block::Column::ALL.into_iter().map(|column| (column.name(), blocks.iter().map(|block| block.bytes_of(column)).sum())).collect())
    }

    /// What every search needs.
    pub(crate) fn head(&self) -> io::Result<&Head> {
        if let Some(head) = self.head.get() {
            return Ok(head);
        }
        let head = Head {
            blocks: self.part("directory")?,
            owners: self.part("owners")?,
            origins: self.part("origins")?,
            names: self.part("names")?,
        };
        let mut next = 0;
        for block in &head.blocks {
            if block.row_from != next || block.rows == 0 || block.rows > block::ROWS_MAX {
                return Err(damaged("the directory"));
            }
            next += block.rows;
        }
        if next as u64 != self.meta.rows {
            return Err(damaged("the number of rows"));
        }
        Ok(self.head.get_or_init(|| head))
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
