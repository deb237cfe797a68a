//! Lines on their way through `extract` and `where`, one by one: for who wants the lines that come out, and no table.

use super::extract::put;
use super::{Item, Line};
use crate::plan::steps::{Step, Steps};
use martlog_indexer::row::Row;

/// The steps that lines go through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Through(Vec<Step>);

impl Through {
    /// The steps that read fields and leave lines out; what stands behind them makes a table, and is left out.
    pub(crate) fn new(steps: &Steps) -> Self {
        let of_lines = |step: &&Step| matches!(step, Step::Extract(_) | Step::Lines(_));
        Self(steps.steps.iter().take_while(of_lines).cloned().collect())
    }

    /// Whether every line comes out as it went in.
    pub(crate) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// The line that comes out.
    pub(crate) fn line(&self, row: Row) -> Option<Row> {
        if self.is_nothing() {
            return Some(row);
        }
        let mut item = Item::Line(Box::new(Line { row, found: true }));
        for step in &self.0 {
            match (step, &item) {
                (Step::Extract(extract), _) => drop(put(extract, &mut item)),
                (Step::Lines(predicate), Item::Line(line)) if !predicate.matches(&line.row) => return None,
                _ => {}
            }
        }
        if let Item::Line(line) = item { Some(line.row) } else { None }
    }
}
