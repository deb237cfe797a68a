//! The pieces of time of which ranges are made, and what the lines of each come to: counted by the store, or of lines that are read.

use super::ask::Asked;
use super::entry::{Labels, stream};
use super::{Ask, Refusal, bad};
use crate::http::errors::search_problem;
use crate::http::stats::run_problem;
use crate::logql::labels::Label;
use crate::logql::translate::Shown;
use crate::pipes::{self, Flow, READ_MAX, Through, TooMuch};
use crate::plan::pipes::line_column;
use crate::plan::steps::Column;
use martlog_formats::fields;
use martlog_indexer::row::Row;
use martlog_indexer::search::aggregate::Measured;
use martlog_indexer::search::request::SearchError;
use martlog_indexer::search::{AggregateRequest, Field, Key, Measure};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

/// Pieces of series that lines are put into, where they are read.
const GROUPS_MAX: usize = 100_000;
/// Different numbers that a piece keeps exactly.
const EXACT_MAX: usize = 1 << 16;
/// Readings of labels at most.
const KEYS_MAX: usize = 100;

/// What the lines of a piece of time come to.
#[derive(Debug, Clone, Default)]
pub(super) struct Piece {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) measured: Measured,
}

impl Piece {
    /// With what is known of other lines.
    pub(super) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.measured.add(other.measured.clone(), EXACT_MAX);
    }
}

/// The pieces of each series, by their beginning.
pub(super) type Pieces = HashMap<Labels, BTreeMap<i64, Piece>>;

/// How a label of a series is found in lines.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) label: String,
    pub(super) of: Label,
}

/// Where pieces of time begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) from_ns: i64,
    pub(super) every_ns: i64,
}

impl Grid {
    fn start_of(self, time_ns: i64) -> i64 {
        time_ns.saturating_sub(time_ns.saturating_sub(self.from_ns).rem_euclid(self.every_ns.max(1)))
    }
}

/// What is counted.
#[derive(Debug)]
pub(super) struct Counting {
    /// The labels of series.
    pub(super) wanted: Vec<Wanted>,
    /// The paths whose numbers are taken.
    pub(super) numbers: Vec<String>,
    /// Whether their quantiles are asked for.
    pub(super) quantiles: bool,
    pub(super) grid: Grid,
}

/// The keys of a label.
fn keys(of: &Label) -> Result<Vec<Key>, Refusal> {
    Ok(match of {
        Label::Level => vec![Key::Level],
        Label::Verdict => vec![Key::Verdict],
        Label::Stamp(name) => match line_column(name) {
            Some(Column::Stored(field)) => vec![Key::Field(field)],
            _ => Vec::new(),
        },
        Label::Field(paths) => paths.iter().map(|path| Key::Field(Field::Attribute(path.clone()))).collect(),
        Label::Nothing => Vec::new(),
        Label::Problem => {
            return Err(bad(
                "parse error : a line can have several problems, so none makes a series of its own: the own language counts them with | top problem",
            ));
        }
    })
}

impl Counting {
    /// Pieces that the store counts.
    pub(super) async fn in_store(&self, ask: &Ask, asked: &Asked, deadline: Instant) -> Result<Pieces, Refusal> {
        let Self { wanted, numbers, quantiles, grid } = self;
        let of_labels = wanted.iter().map(|wanted| keys(&wanted.of)).collect::<Result<Vec<_>, _>>()?;
        let time = Key::Time(grid.every_ns, grid.from_ns.rem_euclid(grid.every_ns.max(1)));
        let by: Vec<Key> = std::iter::once(time).chain(of_labels.iter().flatten().cloned()).collect();
        if by.len() > KEYS_MAX {
            return Err(bad(
                "parse error : the labels that series are grouped by can be read in too many ways: group by fewer, or name fields with | json label=\"the.field\"",
            ));
        }
        let measure =
            |path: &String| Measure { field: Field::Attribute(path.clone()), numbers: true, quantiles: *quantiles, distinct: false };
        let request = AggregateRequest {
            predicate: asked.plan.predicate.clone(),
            from_ns: asked.plan.range.from_ns,
            to_ns: asked.plan.range.to_ns,
            by,
            of: numbers.iter().map(measure).collect(),
            quarantine: asked.plan.quarantine,
            deadline,
        };
        let groups = tokio::time::timeout_at(deadline.into(), ask.app.indexer.aggregate(&ask.scope, request)).await;
        let groups = groups.unwrap_or(Err(SearchError::Deadline)).map_err(|error| search_problem(&error))?;
        let mut pieces = Pieces::new();
        for group in groups {
            let mut values = group.key.into_iter();
            let Some(start_ns) = values.next().flatten().and_then(|text| text.parse::<i64>().ok()) else { continue };
            let mut labels = Labels::new();
            for (wanted, keys) in wanted.iter().zip(&of_labels) {
                // All readings of a label are passed; the first that the line has counts.
                if let Some(value) = values.by_ref().take(keys.len()).fold(None, |first: Option<String>, value| first.or(value)) {
                    labels.insert(wanted.label.clone(), value);
                }
            }
            let piece = pieces.entry(labels).or_default().entry(start_ns).or_default();
            piece.rows += group.rows;
            group.of.into_iter().for_each(|measured| piece.measured.add(measured, EXACT_MAX));
        }
        Ok(pieces)
    }

    /// Pieces of the newest lines, which are read, and whether there are more.
    pub(super) async fn by_reading(self, ask: &Ask, asked: &Asked, through: Through, deadline: Instant) -> Result<(Pieces, bool), Refusal> {
        self.wanted.iter().try_for_each(|wanted| keys(&wanted.of).map(drop))?;
        let store = pipes::Asked::new(&ask.app.indexer, &ask.scope, &asked.plan, deadline);
        let reading = Reading { counting: self, through, pieces: Pieces::new(), many: 0 };
        let read = pipes::each(&store, store.newest(READ_MAX), reading, Reading::take).await;
        let (reading, more) = read.map_err(|error| run_problem(&error))?;
        Ok((reading.pieces, more))
    }
}

/// Pieces of lines that are read.
struct Reading {
    counting: Counting,
    through: Through,
    pieces: Pieces,
    many: usize,
}

impl Reading {
    fn take(&mut self, row: Row) -> Result<Flow, TooMuch> {
        let Some(row) = self.through.line(row) else { return Ok(Flow::More) };
        let labels = self.labels(&row);
        let start_ns = self.counting.grid.start_of(row.record.time_ns);
        let pieces = self.pieces.entry(labels).or_default();
        let piece = match pieces.entry(start_ns) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                self.many += 1;
                if self.many > GROUPS_MAX {
                    return Err(TooMuch(format!(
                        "the answer has over {GROUPS_MAX} values: group by something with fewer values, or choose a larger step"
                    )));
                }
                new.insert(Piece::default())
            }
        };
        piece.rows += 1;
        piece.bytes += row.record.message.len() as u64;
        for path in &self.counting.numbers {
            fields::visit(&row.record.attributes, path, |scalar| {
                if let Some(number) = scalar.number(path) {
                    let measured = &mut piece.measured;
                    measured.count += 1;
                    measured.sum += number;
                    measured.min = Some(measured.min.map_or(number, |min| min.min(number)));
                    measured.max = Some(measured.max.map_or(number, |max| max.max(number)));
                    if self.counting.quantiles {
                        measured.quantiles.insert(number, 1, EXACT_MAX);
                    }
                }
            });
        }
        Ok(Flow::More)
    }

    fn labels(&self, row: &Row) -> Labels {
        let stamped = stream(row, &Shown::default());
        let mut labels = Labels::new();
        for Wanted { label, of } in &self.counting.wanted {
            let value = match of {
                Label::Stamp(name) => stamped.get(*name).cloned(),
                Label::Level => row.record.severity.map(|severity| severity.level().to_owned()),
                Label::Verdict => Some(row.record.verdict.as_str().to_owned()),
                Label::Nothing | Label::Problem => None,
                Label::Field(paths) => paths.iter().find_map(|path| {
                    let mut first = None;
                    fields::visit(&row.record.attributes, path, |scalar| {
                        if first.is_none() && scalar.exists() {
                            first = Some(scalar.text().to_owned());
                        }
                    });
                    first
                }),
            };
            labels.extend(value.map(|value| (label.clone(), value)));
        }
        labels
    }
}
