//! Functions of the lines of a range, moment by moment: `count_over_time({…}[5m])` every minute.
//!
//! The lines of a moment are those in `(moment - range, moment]`. The store counts pieces of time of which both the range and the step are multiples, and begin where ranges begin; the pieces of each range
//! are put together here. So a line counts exactly where Loki counts it, and a range of five minutes each minute reads every line once.
//!
//! Where the store cannot count by itself (fields that are read out of texts, and bytes) lines are read, of which there is a bound that is told.

use super::answer::Cost;
use super::ask::Asked;
use super::entry::{Labels, stream};
use super::series::Series;
use super::{Ask, Refusal, bad};
use crate::http::errors::search_problem;
use crate::http::stats::run_problem;
use crate::logql::ast::{Range, RangeFunction, Unit};
use crate::logql::labels::Label;
use crate::logql::translate::Shown;
use crate::pipes::{self, Flow, READ_MAX, Through, TooMuch};
use martlog_formats::fields;
use martlog_indexer::row::Row;
use martlog_indexer::search::aggregate::Measured;
use martlog_indexer::search::predicate::Stamp;
use martlog_indexer::search::request::SearchError;
use martlog_indexer::search::{AggregateRequest, Field, Key, Measure};
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

/// Pieces of time at most.
const PIECES_MAX: i64 = 50_000;
/// Pieces of series that lines are put into, where they are read.
const GROUPS_MAX: usize = 100_000;
/// Pieces that are put together for one answer: for figures that are added, and for quantiles.
const WORK_MAX: usize = 20_000_000;
const WORK_OF_QUANTILES_MAX: usize = 200_000;
/// Different numbers that a piece keeps exactly.
const EXACT_MAX: usize = 1 << 16;
/// Readings of labels at most.
const KEYS_MAX: usize = 100;

/// What the lines of a piece of time come to.
#[derive(Debug, Clone, Default)]
struct Piece {
    rows: u64,
    bytes: u64,
    measured: Measured,
}

impl Piece {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.measured.add(other.measured.clone(), EXACT_MAX);
    }
}

/// The pieces of each series, by their beginning.
type Pieces = HashMap<Labels, BTreeMap<i64, Piece>>;

/// The moments of an evaluation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    pub(super) first_ns: i64,
    pub(super) step_ns: i64,
    pub(super) count: usize,
}

/// What is told beside the series.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) warnings: Vec<String>,
    pub(super) cost: Cost,
}

impl Moments {
    /// All of them, ascending.
    pub(super) fn all(self) -> Vec<i64> {
        (0..self.count).map(|nth| self.at(nth)).collect()
    }

    fn at(self, nth: usize) -> i64 {
        self.first_ns.saturating_add(self.step_ns.saturating_mul(i64::try_from(nth).unwrap_or(i64::MAX)))
    }
}

/// The times of the lines of a range at all moments, `[from, to)`, ns, and how wide the pieces are.
pub(super) fn extent(range: &Range, moments: Moments) -> Result<(i64, i64, i64), Refusal> {
    let first = moments.first_ns.saturating_sub(range.offset_ns);
    let last = moments.at(moments.count.saturating_sub(1)).saturating_sub(range.offset_ns);
    let (from_ns, to_ns) = (first.saturating_sub(range.range_ns).saturating_add(1), last.saturating_add(1));
    let every_ns = if moments.count == 1 { range.range_ns } else { gcd(moments.step_ns, range.range_ns) };
    if to_ns.saturating_sub(from_ns) / every_ns > PIECES_MAX {
        let message = format!(
            "the range and the step have so little in common that over {PIECES_MAX} pieces of time would be counted: choose a range that is a multiple of the step, or a larger step"
        );
        return Err(bad(message));
    }
    Ok((from_ns, to_ns, every_ns))
}

const fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// How a label of a series is found in lines.
#[derive(Debug, Clone)]
struct Wanted {
    label: String,
    of: Label,
}

/// The series of a function, with these labels.
pub(super) async fn series(
    ask: &Ask,
    range: &Range,
    asked: &Asked,
    labels: &[String],
    moments: Moments,
    began: Instant,
    beside: &mut Beside,
) -> Result<Vec<Series>, Refusal> {
    let (from_ns, _, every_ns) = extent(range, moments)?;
    let shown = labels.iter().filter(|label| asked.translated.shown.has(label));
    let wanted: Vec<Wanted> = shown.map(|label| Wanted { label: label.clone(), of: asked.translated.names.label(label) }).collect();
    let numbers = numbers(range, asked)?;
    let through = Through::new(&asked.plan.steps);
    let grid = Grid { from_ns, every_ns };
    let in_store = through.is_nothing() && !matches!(range.function, RangeFunction::Bytes | RangeFunction::BytesRate);
    let pieces = match in_store {
        true => counted(ask, asked, &wanted, &numbers, range.function == RangeFunction::Quantile, grid, began).await?,
        false => read(ask, asked, wanted, numbers.clone(), through, range.function == RangeFunction::Quantile, grid, began, beside).await?,
    };
    beside.cost.lines += pieces.values().flat_map(BTreeMap::values).map(|piece| piece.rows).sum::<u64>();
    beside.cost.bytes += pieces.values().flat_map(BTreeMap::values).map(|piece| piece.bytes).sum::<u64>();
    let put = Putting {
        function: range.function,
        share: range.share,
        seconds: seconds(range.range_ns),
        unit: unit(range, &numbers),
        numbers: range.unwrap.is_some(),
    };
    let (range_ns, offset_ns) = (range.range_ns, range.offset_ns);
    put.check(&pieces, moments, range_ns / every_ns)?;
    let work = tokio::task::spawn_blocking(move || put.together(pieces, moments, range_ns, offset_ns)).await;
    let (series, estimated) =
        work.map_err(|_| Refusal::from(search_problem(&SearchError::Store("the figures could not be computed".to_owned()))))?;
    if estimated {
        beside.warnings.push("quantiles of very many different numbers are estimated, within 1 %".to_owned());
    }
    Ok(series)
}

/// Where pieces of time begin.
#[derive(Debug, Clone, Copy)]
struct Grid {
    from_ns: i64,
    every_ns: i64,
}

impl Grid {
    fn start_of(self, time_ns: i64) -> i64 {
        time_ns.saturating_sub(time_ns.saturating_sub(self.from_ns).rem_euclid(self.every_ns.max(1)))
    }
}

/// The paths whose numbers are taken.
fn numbers(range: &Range, asked: &Asked) -> Result<Vec<String>, Refusal> {
    let Some(unwrap) = &range.unwrap else { return Ok(Vec::new()) };
    match asked.translated.names.label(&unwrap.name) {
        Label::Field(paths) => Ok(paths),
        _ => Err(bad(format!("parse error : the values of {} are no numbers: unwrap a field of the lines", unwrap.name))),
    }
}

/// What one of the numbers that the store has is divided by: the store has milliseconds and bytes.
fn unit(range: &Range, numbers: &[String]) -> f64 {
    match range.unwrap.as_ref().map(|unwrap| unwrap.unit) {
        Some(Unit::Seconds) => 1_000.0,
        Some(Unit::Plain) => numbers.first().and_then(|path| fields::field_number(path, "1")).unwrap_or(1.0),
        Some(Unit::Bytes) | None => 1.0,
    }
}

#[allow(clippy::cast_precision_loss)] // A figure is as exact as floating point is.
fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

/// The keys of a label.
fn keys(of: &Label) -> Result<Vec<Key>, Refusal> {
    let stamp = |name: &str| match crate::plan::pipes::line_column(name) {
        Some(crate::plan::steps::Column::Stored(field @ Field::Stamp(_))) => vec![Key::Field(field)],
        _ => vec![Key::Field(Field::Stamp(Stamp::Module))],
    };
    Ok(match of {
        Label::Level => vec![Key::Level],
        Label::Verdict => vec![Key::Verdict],
        Label::Stamp(name) => stamp(name),
        Label::Field(paths) => paths.iter().map(|path| Key::Field(Field::Attribute(path.clone()))).collect(),
        Label::Nothing => Vec::new(),
        Label::Problem => {
            return Err(bad(
                "parse error : a line can have several problems, so none makes a series of its own: the own language counts them with | top problem",
            ));
        }
    })
}

/// Pieces that the store counts.
async fn counted(
    ask: &Ask,
    asked: &Asked,
    wanted: &[Wanted],
    numbers: &[String],
    quantiles: bool,
    grid: Grid,
    began: Instant,
) -> Result<Pieces, Refusal> {
    let of_labels = wanted.iter().map(|wanted| keys(&wanted.of)).collect::<Result<Vec<_>, _>>()?;
    let by: Vec<Key> = std::iter::once(Key::Time(grid.every_ns, grid.from_ns.rem_euclid(grid.every_ns)))
        .chain(of_labels.iter().flatten().cloned())
        .collect();
    if by.len() > KEYS_MAX {
        return Err(bad(
            "parse error : the labels that series are grouped by can be read in too many ways: group by fewer, or name fields with | json label=\"the.field\"",
        ));
    }
    let measure = |path: &String| Measure { field: Field::Attribute(path.clone()), numbers: true, quantiles, distinct: false };
    let deadline = began + ask.app.limits.deadline;
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

/// Pieces of lines that are read.
struct Reading {
    wanted: Vec<Wanted>,
    numbers: Vec<String>,
    quantiles: bool,
    through: Through,
    grid: Grid,
    pieces: Pieces,
    many: usize,
}

impl Reading {
    fn take(&mut self, row: Row) -> Result<Flow, TooMuch> {
        let Some(row) = self.through.line(row) else { return Ok(Flow::More) };
        let labels = self.labels(&row);
        let start_ns = self.grid.start_of(row.record.time_ns);
        let pieces = self.pieces.entry(labels).or_default();
        let piece = match pieces.entry(start_ns) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
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
        for path in &self.numbers {
            fields::visit(&row.record.attributes, path, |scalar| {
                if let Some(number) = scalar.number(path) {
                    let measured = &mut piece.measured;
                    measured.count += 1;
                    measured.sum += number;
                    measured.min = Some(measured.min.map_or(number, |min| min.min(number)));
                    measured.max = Some(measured.max.map_or(number, |max| max.max(number)));
                    if self.quantiles {
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
        for Wanted { label, of } in &self.wanted {
            let value = match of {
                Label::Stamp(name) => stamped.get(*name).cloned(),
                Label::Level => stamped.get("level").cloned(),
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

#[allow(clippy::too_many_arguments)] // Of one place.
async fn read(
    ask: &Ask,
    asked: &Asked,
    wanted: Vec<Wanted>,
    numbers: Vec<String>,
    through: Through,
    quantiles: bool,
    grid: Grid,
    began: Instant,
    beside: &mut Beside,
) -> Result<Pieces, Refusal> {
    wanted.iter().try_for_each(|wanted| keys(&wanted.of).map(drop))?;
    let store = pipes::Asked { indexer: &ask.app.indexer, scope: &ask.scope, plan: &asked.plan, deadline: began + ask.app.limits.deadline };
    let reading = Reading { wanted, numbers, quantiles, through, grid, pieces: Pieces::new(), many: 0 };
    let read = pipes::each(&store, store.newest(READ_MAX), reading, Reading::take).await;
    let (reading, more) = read.map_err(|error| run_problem(&error))?;
    if more {
        beside.warnings.push(format!(
            "the newest {READ_MAX} lines were read, and there are more, which are in no figure: narrow the query or the time"
        ));
    }
    Ok(reading.pieces)
}

/// How pieces become figures.
#[derive(Debug, Clone, Copy)]
struct Putting {
    function: RangeFunction,
    share: Option<f64>,
    /// Of the range.
    seconds: f64,
    unit: f64,
    /// Whether numbers are taken.
    numbers: bool,
}

impl Putting {
    /// Whether the work is bearable, for ranges of so many pieces.
    fn check(&self, pieces: &Pieces, moments: Moments, of_range: i64) -> Result<(), Refusal> {
        let each =
            |pieces: &BTreeMap<i64, Piece>| pieces.len().min(usize::try_from(of_range).unwrap_or(usize::MAX)).saturating_mul(moments.count);
        let work: usize = pieces.values().map(each).fold(0, usize::saturating_add);
        let most = if self.function == RangeFunction::Quantile { WORK_OF_QUANTILES_MAX } else { WORK_MAX };
        if work <= most {
            return Ok(());
        }
        Err(bad("the ranges overlap so much that the figures would take too long: choose a larger step, a shorter range, or fewer series"))
    }

    /// The series, and whether a figure of them is estimated.
    fn together(self, pieces: Pieces, moments: Moments, range_ns: i64, offset_ns: i64) -> (Vec<Series>, bool) {
        let mut estimated = false;
        let mut series = Vec::with_capacity(pieces.len());
        for (labels, pieces) in pieces {
            let pieces: Vec<(i64, Piece)> = pieces.into_iter().collect();
            let (mut from, mut to) = (0, 0);
            let mut values = Vec::with_capacity(moments.count);
            for moment in moments.all() {
                let end_ns = moment.saturating_sub(offset_ns).saturating_add(1);
                let begin_ns = end_ns.saturating_sub(range_ns);
                while pieces.get(to).is_some_and(|(start, _)| *start < end_ns) {
                    to += 1;
                }
                while pieces.get(from).is_some_and(|(start, _)| *start < begin_ns) {
                    from += 1;
                }
                values.push(self.figure(pieces.get(from..to).unwrap_or_default(), &mut estimated));
            }
            if values.iter().any(Option::is_some) {
                series.push(Series { labels, values });
            }
        }
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        (series, estimated)
    }

    fn figure(&self, pieces: &[(i64, Piece)], estimated: &mut bool) -> Option<f64> {
        let mut all = Piece::default();
        match self.function {
            // What is added needs no copies.
            RangeFunction::Quantile => pieces.iter().for_each(|(_, piece)| all.add(piece)),
            _ => {
                for (_, piece) in pieces {
                    all.rows += piece.rows;
                    all.bytes += piece.bytes;
                    all.measured.count += piece.measured.count;
                    all.measured.sum += piece.measured.sum;
                    all.measured.min = all.measured.min.into_iter().chain(piece.measured.min).reduce(f64::min);
                    all.measured.max = all.measured.max.into_iter().chain(piece.measured.max).reduce(f64::max);
                }
            }
        }
        self.value(&all, estimated)
    }

    #[allow(clippy::cast_precision_loss)] // A figure is as exact as floating point is.
    fn value(&self, all: &Piece, estimated: &mut bool) -> Option<f64> {
        let measured = &all.measured;
        if all.rows == 0 || (self.numbers && measured.count == 0) {
            return None;
        }
        Some(match self.function {
            RangeFunction::Count => all.rows as f64,
            RangeFunction::Rate if self.numbers => measured.sum / self.unit / self.seconds,
            RangeFunction::Rate => all.rows as f64 / self.seconds,
            RangeFunction::Bytes => all.bytes as f64,
            RangeFunction::BytesRate => all.bytes as f64 / self.seconds,
            RangeFunction::Sum => measured.sum / self.unit,
            RangeFunction::Avg => measured.sum / measured.count as f64 / self.unit,
            RangeFunction::Min => measured.min? / self.unit,
            RangeFunction::Max => measured.max? / self.unit,
            RangeFunction::Quantile => {
                let quantile = measured.quantiles.interpolated(self.share?)?;
                *estimated |= quantile.error > 0.0;
                quantile.value / self.unit
            }
        })
    }
}
