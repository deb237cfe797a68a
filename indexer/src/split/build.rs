//! Building a split of rows that are in memory: their texts are cut into patterns, shapes and variables.

use super::SplitMeta;
use super::column::Column;
use super::rows::{Head, Kind, Place};
use super::shape;
use super::shapes::{MESSAGE, Shapes, WHOLE};
use super::write::{Content, write};
use crate::row::{ModuleKey, RowRef};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// See [`super::build()`].
pub(super) fn build(key: &ModuleKey, id: &str, rows: &[RowRef<'_>], path: &Path) -> io::Result<SplitMeta> {
    if rows.is_empty() {
        return Err(invalid("a split without rows"));
    }
    if rows.windows(2).any(|pair| pair[0].seq >= pair[1].seq) || u32::try_from(rows.len()).is_err() {
        return Err(invalid("the rows of a split ascend in seq and are fewer than 2^32"));
    }
    // Rows of a part share their owner.
    let mut last = None;
    let is_foreign = |row: &RowRef<'_>| last.replace(Arc::as_ptr(row.owner)) != Some(Arc::as_ptr(row.owner)) && row.owner.key != *key;
    if rows.iter().any(is_foreign) {
        return Err(invalid("the rows of a split are of one module"));
    }
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| (row.time_ns, row.seq));
    let mut builder = Builder::new();
    for row in sorted {
        builder.row(row);
    }
    let Builder { content, mut columns, .. } = builder;
    let content = content.finish();
    write(key, id, &content, |field| Ok(columns.get_mut(field as usize).map(|of| std::mem::take(of).column).unwrap_or_default()), path)
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

struct Builder<'a> {
    content: ContentBuilder,
    columns: Vec<Written<'a>>,
    shape: String,
    values: Vec<&'a str>,
}

/// A column, and how its entries were written.
#[derive(Default)]
struct Written<'a> {
    column: Column,
    entries: Vec<&'a str>,
}

impl<'a> Written<'a> {
    fn push(&mut self, written: &'a str, value: impl FnOnce() -> (char, Cow<'a, str>)) {
        self.column.push(written, &mut self.entries, value);
    }
}

/// Rows and what they share.
pub(super) struct ContentBuilder {
    pub(super) rows: Vec<Head>,
    pub(super) owners: Ordinals<crate::row::Owner>,
    pub(super) origins: Ordinals<crate::row::Origin>,
    pub(super) shapes: Shapes,
}

impl ContentBuilder {
    pub(super) fn new() -> Self {
        Self { rows: Vec::new(), owners: Ordinals::default(), origins: Ordinals::default(), shapes: Shapes::new() }
    }

    /// Adds a row with this shape.
    pub(super) fn row(&mut self, row: RowRef<'_>, shape: u32, text_bytes: usize) {
        self.rows.push(Head {
            seq: row.seq,
            time_ns: row.time_ns,
            place: Place { arrived_ns: row.arrived_ns, origin: self.origins.of(row.origin) },
            owner: self.owners.of(row.owner),
            shape,
            offset: row.offset,
            runtime_time_ns: row.runtime_time_ns,
            kind: Kind { severity: row.severity, verdict: row.verdict, problems: row.problems },
            text_bytes: u32::try_from(text_bytes).unwrap_or(u32::MAX),
            redactions: row.redactions.to_vec(),
        });
    }

    pub(super) fn finish(self) -> Content {
        Content { rows: self.rows, owners: self.owners.list, origins: self.origins.list, shapes: self.shapes }
    }
}

impl<'a> Builder<'a> {
    fn new() -> Self {
        Self { content: ContentBuilder::new(), columns: Vec::new(), shape: String::new(), values: Vec::new() }
    }

    fn row(&mut self, row: RowRef<'a>) {
        let (message, attributes) = (row.message(), row.attributes());
        let shape = self.shape_of(attributes);
        self.content.row(row, shape, message.len() + attributes.len());
        column(&mut self.columns, MESSAGE).push(message, || ('m', Cow::Borrowed(message)));
        if shape == shape::WHOLE {
            column(&mut self.columns, WHOLE).push(attributes, || ('o', Cow::Borrowed(attributes)));
            return;
        }
        for (field, raw) in self.content.shapes.fields_of(shape).iter().zip(&self.values) {
            column(&mut self.columns, *field).push(raw, || shape::value(raw));
        }
    }

    fn shape_of(&mut self, attributes: &'a str) -> u32 {
        if !shape::cut(attributes, &mut self.shape, &mut self.values) {
            return shape::WHOLE;
        }
        self.content.shapes.number_of(&self.shape)
    }
}

fn column<'c, 'a>(columns: &'c mut Vec<Written<'a>>, field: u32) -> &'c mut Written<'a> {
    let field = field as usize;
    if columns.len() <= field {
        columns.resize_with(field + 1, Written::default);
    }
    &mut columns[field]
}

/// Distinct values in the order in which they came.
pub(super) struct Ordinals<T> {
    pub(super) list: Vec<Arc<T>>,
    by_value: HashMap<Arc<T>, u32>,
    /// By address, since rows of a part share theirs. Those that are listed stay alive; others are only asked for while their rows live.
    by_address: HashMap<*const T, u32>,
}

impl<T> Default for Ordinals<T> {
    fn default() -> Self {
        Self { list: Vec::new(), by_value: HashMap::new(), by_address: HashMap::new() }
    }
}

impl<T: Eq + std::hash::Hash> Ordinals<T> {
    pub(super) fn of(&mut self, value: &Arc<T>) -> u32 {
        if let Some(ordinal) = self.by_address.get(&Arc::as_ptr(value)) {
            return *ordinal;
        }
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let ordinal = *self.by_value.entry(value.clone()).or_insert(next);
        if ordinal == next {
            self.list.push(value.clone());
        }
        self.by_address.insert(Arc::as_ptr(value), ordinal);
        ordinal
    }
}
