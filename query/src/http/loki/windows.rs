//! Functions of the lines of a range, moment by moment: `count_over_time({…}[5m])` every minute.
//!
//! The lines of a moment are those in `(moment - range, moment]`. The store counts pieces of time of which both the range and the step are multiples, and begin where ranges begin; the pieces of each range
//! are put together here. So a line counts exactly where Loki counts it, and a range of five minutes each minute reads every line once.
//!
//! Where the store cannot count by itself (fields that are read out of texts, and bytes) lines are read, of which there is a bound that is told.

use super::answer::Cost;
use super::ask::Asked;
use super::pieces::{Counting, Grid, Piece, Pieces, Wanted};
use super::series::Series;
use super::{Ask, Refusal, bad};
use crate::http::errors::search_problem;
use crate::logql::ast::{Range, RangeFunction, Unit};
use crate::logql::labels::Label;
use crate::pipes::{READ_MAX, Through};
use martlog_formats::fields;
use martlog_indexer::search::request::SearchError;
use std::collections::BTreeMap;
use std::time::Instant;

/// Pieces of time at most.
const PIECES_MAX: i64 = 50_000;
/// Pieces that are put together for one answer: for figures that are added, and for quantiles.
const WORK_MAX: usize = 20_000_000;
const WORK_OF_QUANTILES_MAX: usize = 200_000;
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
    let unit = unit(range, &numbers);
    let through = Through::new(&asked.plan.steps);
    let in_store = through.is_nothing() && !matches!(range.function, RangeFunction::Bytes | RangeFunction::BytesRate);
    let quantiles = range.function == RangeFunction::Quantile;
    let counting = Counting { wanted, numbers, quantiles, grid: Grid { from_ns, every_ns } };
    let deadline = began + ask.app.limits.deadline;
    let pieces = if in_store {
        counting.in_store(ask, asked, deadline).await?
    } else {
        let (pieces, more) = counting.by_reading(ask, asked, through, deadline).await?;
        if more {
            beside.warnings.push(format!(
                "the newest {READ_MAX} lines were read, and there are more, which are in no figure: narrow the query or the time"
            ));
        }
        pieces
    };
    beside.cost.lines += pieces.values().flat_map(BTreeMap::values).map(|piece| piece.rows).sum::<u64>();
    beside.cost.bytes += pieces.values().flat_map(BTreeMap::values).map(|piece| piece.bytes).sum::<u64>();
    let put =
        Putting { function: range.function, share: range.share, seconds: seconds(range.range_ns), unit, numbers: range.unwrap.is_some() };
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
