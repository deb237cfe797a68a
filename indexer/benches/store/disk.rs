//! What a store takes on disk, in whole and by the sections of its splits.

use super::machine;
use super::report::{mib, ratio, thousands};
use super::server::Failure;
use martlog_indexer::Indexer;
use martlog_indexer::registry::Scope;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Fields that are told apart, the largest first.
const FIELDS_TOLD: usize = 12;

/// Bytes of a data folder.
pub(crate) struct Disk {
    /// The lengths of the splits' files.
    pub(crate) splits: u64,
    /// With SQLite's own log.
    pub(crate) catalog: u64,
    /// Preallocated and used again: of the same size however many lines there are, and so told apart.
    pub(crate) wal: u64,
    /// What the file system takes for the splits.
    pub(crate) splits_allocated: u64,
}

impl Disk {
    pub(crate) fn of(data: &Path) -> io::Result<Self> {
        let mut parts = machine::disk(data)?;
        let mut part = |name: &str| parts.remove(name).unwrap_or(0);
        // The log and the reserve are of the same size however many lines there are.
        let (splits, wal) = (part("splits"), part("wal") + part("reserve"));
        // Whatever else there is counts as the catalog.
        Ok(Self { splits, wal, catalog: parts.values().sum(), splits_allocated: allocated(&data.join("splits"))? })
    }

    pub(crate) fn told(&self, lines: u64) -> String {
        format!(
            "splits {:.1} (in whole blocks of the file system {:.1}) and catalog {:.1}; the WAL and the reserve, which do not grow with the lines, {:.0} MiB",
            ratio(self.splits, lines),
            ratio(self.splits_allocated, lines),
            ratio(self.catalog, lines),
            mib(self.wal)
        )
    }
}

fn allocated(path: &Path) -> io::Result<u64> {
    let about = std::fs::symlink_metadata(path)?;
    let mut bytes = about.blocks() * 512;
    if about.is_dir() {
        for entry in std::fs::read_dir(path)? {
            bytes += allocated(&entry?.path())?;
        }
    }
    Ok(bytes)
}

/// All splits together by section, and the columns of the largest fields.
pub(crate) fn sections(indexer: &Indexer, scope: &Scope) -> Result<String, Failure> {
    let view = indexer.store().view(scope, false);
    let splits: Vec<_> = view.modules.iter().flat_map(|module| &module.splits).collect();
    let rows: u64 = splits.iter().map(|split| split.meta.rows).sum();
    let (mut sections, mut fields) = (BTreeMap::<String, u64>::new(), BTreeMap::<String, u64>::new());
    for split in &splits {
        let split = split.open()?;
        for (name, bytes) in split.sections() {
            // The files of the index have a name that is new in each split, and an ending that says what they are.
            let ending = name.starts_with("index/").then(|| name.rsplit_once('.')).flatten();
            let name = ending.map_or_else(|| name.to_owned(), |(_, ending)| format!("index .{ending}"));
            *sections.entry(name).or_default() += bytes;
        }
        for (name, bytes, _) in split.fields()? {
            *fields.entry(name.to_owned()).or_default() += bytes;
        }
    }
    let known: u64 = sections.values().sum();
    let all: u64 = splits.iter().map(|split| split.meta.bytes).sum();
    sections.insert("footers".to_owned(), all.saturating_sub(known));
    let mut text = format!("| section of {} splits | bytes a line |\n|---|---:|\n", thousands(splits.len() as u64));
    table(&mut text, sections, rows, usize::MAX);
    text.push_str("\n| columns of a field | bytes a line |\n|---|---:|\n");
    table(&mut text, fields, rows, FIELDS_TOLD);
    Ok(text)
}

fn table(text: &mut String, parts: BTreeMap<String, u64>, rows: u64, most: usize) {
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    for (name, bytes) in parts.into_iter().take(most) {
        let name = if name.is_empty() { "(no name)" } else { &name };
        let _ = writeln!(text, "| {name} | {:.2} |", ratio(bytes, rows));
    }
}
