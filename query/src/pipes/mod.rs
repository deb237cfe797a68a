//! Pipes: rows of a search in, a table out.
//!
//! ```text
//! fast      figures that the store computes itself: its groups are the first rows
//! run       else rows are read from a search, as they come, through a chain of operators
//! extract, filter, select, dedup, sort, limit     one operator each, a row at a time
//! group, gaps, patterns                           operators that answer at the end
//! through   lines alone, read and left out one by one, for who makes no table of them
//! expand    context and session: what is asked of the store for the lines that came so far
//! cell      values of lines and of tables alike
//! ```
//!
//! Invariants: what an operator keeps is bounded in rows, groups and bytes; a bound that is met is told in [`Notes`], or ends the query with a
//! sentence, and never silently changes the answer. An operator that has enough ends the search behind it. Every search is asked within the scope of the reader.

mod cell;
mod dedup;
mod expand;
mod extract;
mod fast;
mod filter;
mod gaps;
mod group;
mod limit;
mod patterns;
mod run;
mod select;
mod sort;
#[cfg(test)]
mod tests;
mod through;

pub(crate) use cell::{Cell, id, value};
pub(crate) use expand::around;
pub(crate) use patterns::pattern;
pub(crate) use run::{Asked, RunError, Table, each, run};
pub(crate) use through::Through;

use crate::plan::steps::Step;
use martlog_indexer::row::Row;
use std::collections::BTreeMap;

/// Lines that one query reads at most, where the store cannot count them itself.
pub(crate) const READ_MAX: usize = 1_000_000;
/// Rows of an answer, and lines that pass on to `context` or `session`.
const ROWS_MAX: usize = 10_000;
/// What the rows of an answer may take, bytes; what an operator may keep.
pub(crate) const BYTES_MAX: usize = 8 << 20;

/// A row on its way.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// A line.
    Line(Box<Line>),
    /// A row of a table.
    Cells(Vec<Cell>),
}

/// A line on its way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// The row of the store, with what `extract` added to its attributes.
    pub(crate) row: Row,
    /// Whether the query found it, or it came along.
    pub(crate) found: bool,
}

/// Whether an operator wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// More, please.
    More,
    /// Nothing that may come changes the answer.
    Enough,
}

/// More than a bound allows, and no part of it would be an answer. The sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TooMuch(pub(crate) String);

pub(crate) type Taken = Result<Flow, TooMuch>;

/// A step at work.
trait Operator: Send {
    /// Takes a row; what comes of it goes to `out`.
    fn take(&mut self, item: Item, out: &mut Out<'_>) -> Taken;

    /// Nothing more comes.
    fn end(&mut self, _out: &mut Out<'_>) -> Taken {
        Ok(Flow::More)
    }
}

/// What the reader should know about an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Notes {
    /// Codes and sentences.
    pub(crate) warnings: Vec<(&'static str, String)>,
    /// Columns that are not exact, and by how much they may be off, relatively.
    pub(crate) approximate: BTreeMap<String, f64>,
    /// Whether something is missing because a bound was met.
    pub(crate) truncated: bool,
    /// Lines that were read.
    pub(crate) rows_read: u64,
}

impl Notes {
    /// A bound was met: what is missing.
    fn truncate(&mut self, sentence: String) {
        self.truncated = true;
        self.warn("W215", sentence);
    }

    fn warn(&mut self, code: &'static str, sentence: String) {
        if !self.warnings.iter().any(|(_, known)| *known == sentence) {
            self.warnings.push((code, sentence));
        }
    }
}

/// The operators behind one, and the end of all.
struct Out<'a> {
    rest: &'a mut [Box<dyn Operator>],
    end: &'a mut Collected,
    notes: &'a mut Notes,
}

impl Out<'_> {
    /// Passes a row on.
    fn push(&mut self, item: Item) -> Taken {
        match self.rest.split_first_mut() {
            Some((first, rest)) => first.take(item, &mut Out { rest, end: self.end, notes: self.notes }),
            None => Ok(self.end.take(item, self.notes)),
        }
    }
}

/// The rows at the end of a chain.
#[derive(Debug, Default)]
struct Collected {
    items: Vec<Item>,
    bytes: usize,
}

impl Collected {
    fn take(&mut self, item: Item, notes: &mut Notes) -> Flow {
        let bytes = item.bytes();
        if self.items.len() >= ROWS_MAX || (self.bytes + bytes > BYTES_MAX && !self.items.is_empty()) {
            notes.truncate(format!(
                "the answer holds the first {} rows, and there are more: add | limit, or narrow the query",
                self.items.len()
            ));
            return Flow::Enough;
        }
        self.bytes += bytes;
        self.items.push(item);
        Flow::More
    }
}

/// Operators in a row.
struct Chain {
    operators: Vec<Box<dyn Operator>>,
    end: Collected,
    notes: Notes,
}

impl Chain {
    /// The operators of these steps, none of which asks the store; `epoch` is the store's, for ids.
    fn new(steps: &[Step], epoch: u64) -> Self {
        let operators = steps.iter().filter_map(|step| operator(step, epoch)).collect();
        Self { operators, end: Collected::default(), notes: Notes::default() }
    }

    /// Lets no more rows through to its end.
    fn at_most(&mut self, rows: usize) {
        self.operators.push(Box::new(limit::Limit(rows)));
    }

    fn push(&mut self, item: Item) -> Taken {
        Out { rest: &mut self.operators, end: &mut self.end, notes: &mut self.notes }.push(item)
    }

    fn finish(mut self) -> Result<(Vec<Item>, Notes), TooMuch> {
        for at in 1..=self.operators.len() {
            let (done, rest) = self.operators.split_at_mut(at);
            if let Some(last) = done.last_mut() {
                last.end(&mut Out { rest, end: &mut self.end, notes: &mut self.notes })?;
            }
        }
        Ok((self.end.items, self.notes))
    }
}

fn operator(step: &Step, epoch: u64) -> Option<Box<dyn Operator>> {
    Some(match step {
        Step::Lines(predicate) => Box::new(filter::Lines(predicate.clone())),
        Step::Rows(predicate, columns) => Box::new(filter::Rows::new(predicate.clone(), columns.clone())),
        Step::Extract(extract) => Box::new(extract::Reads::new(extract.clone())),
        Step::Group(grouping) => Box::new(group::Groups::new(grouping.clone(), epoch)),
        Step::Fields(columns) => Box::new(select::Select { columns: columns.clone(), epoch }),
        Step::Sort { by, keep } => Box::new(sort::Sort::new(by.clone(), *keep, epoch)),
        Step::Limit(rows) => Box::new(limit::Limit(*rows)),
        Step::Dedup(columns) => Box::new(dedup::Dedup::new(columns.clone(), epoch)),
        Step::Gaps(over_ns) => Box::new(gaps::Gaps::new(*over_ns, epoch)),
        Step::Patterns => Box::new(patterns::Patterns::new(epoch)),
        Step::Context { .. } | Step::Session => return None,
    })
}

impl Item {
    /// What it takes in memory, about.
    fn bytes(&self) -> usize {
        match self {
            Self::Line(line) => 256 + line.row.record.message.len() + line.row.record.attributes.len(),
            Self::Cells(cells) => 32 + cells.iter().map(Cell::bytes).sum::<usize>(),
        }
    }
}
