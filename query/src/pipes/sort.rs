//! `sort`: rows in order. It keeps as many as the answer can show, the first ones.

use super::cell::value;
use super::{BYTES_MAX, Cell, Flow, Item, Operator, Out, ROWS_MAX, Taken};
use crate::plan::steps::Column;

/// See the module.
pub(super) struct Sort {
    by: Vec<(Column, bool)>,
    /// How many rows the next pipe takes, where it is a limit.
    keep: Option<usize>,
    epoch: u64,
    /// Rows with their keys.
    rows: Vec<(Vec<Cell>, Item)>,
    bytes: usize,
    /// Rows that were let go of.
    dropped: u64,
    /// How many rows the bytes allow.
    fits: usize,
}

impl Sort {
    pub(super) fn new(by: Vec<(Column, bool)>, keep: Option<usize>, epoch: u64) -> Self {
        Self { by, keep, epoch, rows: Vec::new(), bytes: 0, dropped: 0, fits: keep.unwrap_or(ROWS_MAX) }
    }

    fn order(&mut self) {
        let by = &self.by;
        self.rows.sort_by(|(a, _), (b, _)| {
            let each = a.iter().zip(b).zip(by).map(|((a, b), (_, descending))| a.compare(b, *descending));
            each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
    }

    /// Keeps the first rows, half of what may be kept by bytes.
    fn prune(&mut self) {
        self.order();
        if self.bytes > BYTES_MAX {
            let mut bytes = 0;
            let within = self.rows.iter().take_while(|(_, item)| {
                bytes += item.bytes();
                bytes <= BYTES_MAX / 2
            });
            self.fits = self.fits.min(within.count().max(1));
        }
        self.dropped += self.rows.len().saturating_sub(self.fits) as u64;
        self.rows.truncate(self.fits);
        self.bytes = self.rows.iter().map(|(_, item)| item.bytes()).sum();
    }
}

/// A text that is a number of its field, units included, is ordered as one.
fn measured(cell: Cell, column: &Column) -> Cell {
    match (&cell, cell.as_number(column.path())) {
        (Cell::Text(_), Some(number)) => Cell::Float(number),
        _ => cell,
    }
}

impl Operator for Sort {
    fn take(&mut self, item: Item, _: &mut Out<'_>) -> Taken {
        self.bytes += item.bytes();
        let key = self.by.iter().map(|(column, _)| measured(value(&item, column, self.epoch), column)).collect();
        self.rows.push((key, item));
        if self.rows.len() >= 2 * self.fits.max(100) || self.bytes > BYTES_MAX {
            self.prune();
        }
        Ok(Flow::More)
    }

    fn end(&mut self, out: &mut Out<'_>) -> Taken {
        self.prune();
        if self.dropped > 0 && self.keep.is_none_or(|keep| self.fits < keep) {
            out.notes.truncate(format!(
                "sort kept the first {} rows in this order and left out {}: put | limit behind it, or narrow the query",
                self.rows.len(),
                self.dropped
            ));
        }
        for (_, item) in self.rows.drain(..) {
            if out.push(item)? == Flow::Enough {
                break;
            }
        }
        Ok(Flow::More)
    }
}
