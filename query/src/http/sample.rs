//! What the newest lines of a search have: fields, how often, and their values. Bounded in lines, fields and values, and it says whether it saw all.

use super::stats::run_problem;
use crate::pipes::{self, Asked, Cell, Flow, Item, Line};
use crate::plan::pipes::line_column;
use martlog_formats::fields;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::row::Row;
use std::collections::{HashMap, HashSet};

/// Fields that are told apart.
const FIELDS_MAX: usize = 500;
/// Values of a field that are told apart.
const VALUES_MAX: usize = 200;
/// A longer value is no value that somebody picks, bytes.
const VALUE_BYTES_MAX: usize = 128;

/// Fields of every line that are worth picking.
pub(super) const OF_PLATFORM: [&str; 14] = [
    "level",
    "partner",
    "module",
    "instance",
    "csp",
    "environment",
    "version",
    "cluster",
    "node",
    "namespace",
    "pod",
    "container",
    "stream",
    "verdict",
];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// Lines that were looked at.
    pub(super) lines: u64,
    /// Whether these are all that match.
    pub(super) is_all: bool,
    /// By name.
    pub(super) fields: HashMap<String, Seen>,
    /// Fields that were left out because there are so many.
    pub(super) more_fields: bool,
}

/// What was seen of a field.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Lines that have it.
    pub(super) lines: u64,
    /// Lines where it is a number.
    pub(super) numbers: u64,
    /// How often each value came.
    pub(super) values: HashMap<String, u64>,
    /// Values that were left out, because they are many or long.
    pub(super) more_values: bool,
}

impl Sample {
    /// Looks at the newest lines of a plan, without its pipes.
    pub(super) async fn newest(asked: &Asked<'_>, lines: usize) -> Result<Self, Problem> {
        let request = asked.newest(lines);
        let take = |sample: &mut Self, row: Row| {
            sample.take(row);
            Ok(Flow::More)
        };
        let (mut sample, more) = pipes::each(asked, request, Self::default(), take).await.map_err(|error| run_problem(&error))?;
        sample.is_all = !more;
        Ok(sample)
    }

    /// Looks at a line.
    pub(super) fn take(&mut self, row: Row) {
        self.lines += 1;
        let mut of_line: HashSet<String> = HashSet::new();
        fields::for_each(&row.record.attributes, |name, scalar| {
            if scalar.exists() && of_line.insert(name.to_owned()) {
                self.see(name, scalar.text(), scalar.number(name).is_some());
            }
        });
        let line = Item::Line(Box::new(Line { row, found: true }));
        for name in OF_PLATFORM {
            if let Some(column) = line_column(name)
                && let Cell::Text(text) = pipes::value(&line, &column, 0)
            {
                self.see(name, &text, false);
            }
        }
    }

    fn see(&mut self, name: &str, value: &str, is_number: bool) {
        if self.fields.len() >= FIELDS_MAX && !self.fields.contains_key(name) {
            self.more_fields = true;
            return;
        }
        let seen = match self.fields.get_mut(name) {
            Some(seen) => seen,
            None => self.fields.entry(name.to_owned()).or_default(),
        };
        seen.lines += 1;
        seen.numbers += u64::from(is_number);
        if let Some(count) = seen.values.get_mut(value) {
            *count += 1;
        } else if seen.values.len() < VALUES_MAX && value.len() <= VALUE_BYTES_MAX {
            seen.values.insert(value.to_owned(), 1);
        } else {
            seen.more_values = true;
        }
    }
}

impl Seen {
    /// The values by frequency, then by name.
    pub(super) fn by_frequency(&self) -> Vec<(&str, u64)> {
        let mut values: Vec<(&str, u64)> = self.values.iter().map(|(value, count)| (value.as_str(), *count)).collect();
        values.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
        values
    }
}
