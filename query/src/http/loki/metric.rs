//! Metric queries: of one moment, or over time.
//!
//! A function over time makes a series for each stream (the labels of [`crate::logql::labels::STREAM`]), and for each value of the fields that the aggregation around it names; a sum by labels is counted by
//! these alone. What is computed of series is computed in [`super::series`].

use super::answer::{self, Told, failed, number, seconds, success};
use super::ask::Bounds;
use super::series::{self, Computed, Series};
use super::windows::{self, Beside, Moments, extent};
use super::{Answered, Ask, Refusal, bad, search_place};
use crate::http::record;
use crate::logql::ast::{Aggregation, Grouping, Metric, Range, RangeFunction};
use crate::logql::labels::STREAM;
use martlog_indexer::audit::{Action, Open};
use serde_json::{Value, json};
use std::time::Instant;

/// Functions over time of one query at most: each searches.
const RANGES_MAX: usize = 10;

/// A metric of one moment.
pub(super) async fn instant(ask: &Ask, of: &Metric) -> Answered {
    let at_ns = ask.time("time", ask.now_ns)?;
    let moments = Moments { first_ns: at_ns, step_ns: 1, count: 1 };
    answered(ask, of, moments, |computed| match computed {
        Computed::Scalar(scalar) => ("scalar", json!([seconds(at_ns), number(scalar)])),
        Computed::Series(series) => ("vector", series::vector(series, at_ns)),
    })
    .await
}

/// A metric at the moments of a range.
pub(super) async fn over_time(ask: &Ask, of: &Metric) -> Answered {
    let bounds = ask.bounds()?;
    let moments = moments(bounds, ask.step(bounds)?);
    let all = moments.all();
    answered(ask, of, moments, |computed| {
        let series = match computed {
            Computed::Scalar(scalar) => vec![Series { labels: Default::default(), values: vec![Some(scalar); all.len()] }],
            Computed::Series(series) => series,
        };
        ("matrix", series::matrix(series, &all))
    })
    .await
}

/// From the first to the last moment of a range.
pub(super) fn moments(bounds: Bounds, step_ns: i64) -> Moments {
    let count = usize::try_from(bounds.end_ns.saturating_sub(bounds.start_ns) / step_ns.max(1)).unwrap_or(0) + 1;
    Moments { first_ns: bounds.start_ns, step_ns, count }
}

async fn answered(ask: &Ask, of: &Metric, moments: Moments, form: impl FnOnce(Computed) -> (&'static str, Value)) -> Answered {
    let began = Instant::now();
    let mut ranges = Vec::new();
    each_range(of, &[], None, &mut ranges)?;
    let _place = search_place(ask)?;
    let mut beside = Beside::default();
    let mut opens: Vec<Open> = Vec::new();
    let mut found = Vec::new();
    for (range, labels) in ranges {
        let (from_ns, to_ns, _) = extent(range, moments)?;
        let asked = ask.planned(&range.of, range.unwrap.as_ref(), from_ns, to_ns).await?;
        for warning in answer::warnings(ask, from_ns, to_ns).await {
            if !beside.warnings.contains(&warning) {
                beside.warnings.push(warning);
            }
        }
        opens.push(record::begin(&ask.app, &ask.scope, &ask.asker, Action::Stats, &asked.translated.query, &asked.plan));
        let series = windows::series(ask, range, &asked, &labels, moments, began, &mut beside).await;
        found.push(series.map_err(|refusal| failed_all(&mut opens, refusal))?);
    }
    let mut found = found.into_iter();
    let computed = compute(of, moments.count, &mut found).and_then(|computed| {
        if let Computed::Series(series) = &computed {
            series::check(series)?;
        }
        Ok(computed)
    });
    let (kind, result) = form(computed.map_err(|refusal| failed_all(&mut opens, refusal))?);
    let figures = result.as_array().map_or(0, Vec::len);
    let told = Told { kind, result, warnings: beside.warnings, cost: beside.cost, began, categorized: false };
    let Some(first) = opens.pop() else { return success(&answer::envelope(told)) };
    opens.into_iter().for_each(|open| open.end(martlog_indexer::audit::Ended::Complete));
    answer::result(first, told, Some(figures))
}

fn failed_all(opens: &mut [Open], refusal: Refusal) -> Refusal {
    opens.iter_mut().fold(refusal, |refusal, open| failed(open, refusal))
}

/// The functions over time of a metric, in the order in which they are computed, each with the labels of its series; `also` are the labels that aggregations around it name, and `exactly` the grouping of one
/// that needs no others.
fn each_range<'m>(
    of: &'m Metric,
    also: &[String],
    exactly: Option<&Option<Grouping>>,
    ranges: &mut Vec<(&'m Range, Vec<String>)>,
) -> Result<(), Refusal> {
    match of {
        Metric::Number(_) | Metric::Vector(_) => {}
        Metric::Range(range) => {
            ranges.push((range, labels_of(range, also, exactly)));
            if ranges.len() > RANGES_MAX {
                return Err(bad(format!("the query has more than {RANGES_MAX} functions over time: ask for them one by one")));
            }
        }
        Metric::Aggregate { function, of, grouping, .. } => {
            let mut named = also.to_vec();
            named.extend(grouping.iter().flat_map(|grouping| &grouping.labels).cloned());
            let exactly = matches!(&**of, Metric::Range(range) if adds_up(*function, range)).then_some(grouping);
            each_range(of, &named, exactly, ranges)?;
        }
        Metric::Binary { left, right, .. } => {
            each_range(left, also, None, ranges)?;
            each_range(right, also, None, ranges)?;
        }
    }
    Ok(())
}

/// Whether an aggregation of the series of a function is the function of all their lines.
fn adds_up(function: Aggregation, range: &Range) -> bool {
    use RangeFunction::{Bytes, BytesRate, Count, Max, Min, Rate, Sum};
    let same = match function {
        Aggregation::Sum => matches!(range.function, Count | Rate | Bytes | BytesRate | Sum),
        Aggregation::Min => range.function == Min,
        Aggregation::Max => range.function == Max,
        _ => false,
    };
    same && range.grouping.is_none()
}

fn labels_of(range: &Range, also: &[String], exactly: Option<&Option<Grouping>>) -> Vec<String> {
    let stream = || STREAM.iter().map(|label| (*label).to_owned());
    let grouped = |grouping: &Grouping| match grouping.without {
        true => stream().filter(|label| !grouping.labels.contains(label)).collect(),
        false => grouping.labels.clone(),
    };
    match (&range.grouping, exactly) {
        (Some(grouping), _) | (None, Some(Some(grouping))) => grouped(grouping),
        (None, Some(None)) => Vec::new(),
        (None, None) => {
            let mut labels: Vec<String> = stream().collect();
            for label in also {
                if !labels.contains(label) {
                    labels.push(label.clone());
                }
            }
            labels
        }
    }
}

/// Computes a metric of the series of its functions over time.
fn compute(of: &Metric, moments: usize, found: &mut impl Iterator<Item = Vec<Series>>) -> Result<Computed, Refusal> {
    Ok(match of {
        Metric::Number(number) => Computed::Scalar(*number),
        Metric::Vector(number) => Computed::Series(vec![Series { labels: Default::default(), values: vec![Some(*number); moments] }]),
        Metric::Range(_) => Computed::Series(found.next().unwrap_or_default()),
        Metric::Aggregate { function, count, of, grouping } => match compute(of, moments, found)? {
            Computed::Series(series) => {
                let count = usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX);
                Computed::Series(series::aggregate(*function, count, grouping.as_ref(), series))
            }
            Computed::Scalar(_) => return Err(bad("parse error : an aggregation takes series, not a number")),
        },
        Metric::Binary { op, bool, left, right } => {
            let left = compute(left, moments, found)?;
            series::binary(*op, *bool, left, compute(right, moments, found)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logql::{Expr, parse};

    #[test]
    fn a_function_has_the_labels_that_its_answer_needs() {
        let all = STREAM.len();
        for (query, expected) in [
            ("count_over_time({}[1m])", all),
            ("sum(count_over_time({}[1m]))", 0),
            ("sum by (level, a) (rate({}[1m]))", 2),
            ("sum without (pod) (rate({}[1m]))", all - 1),
            ("avg by (csp, a) (rate({}[1m]))", all + 1),
            ("max by (a) (max_over_time({} | unwrap x [1m]))", 1),
            ("max by (a) (min_over_time({} | unwrap x [1m]))", all + 1),
            ("avg_over_time({} | unwrap x [1m]) by (a, b, c)", 3),
            ("topk(3, sum by (a) (count_over_time({}[1m])))", 1),
            ("topk by (a) (3, count_over_time({}[1m]))", all + 1),
        ] {
            let Ok(Expr::Metric(metric)) = parse(query) else { panic!("{query}") };
            let mut ranges = Vec::new();
            each_range(&metric, &[], None, &mut ranges).unwrap();
            assert_eq!(ranges[0].1.len(), expected, "{query}");
        }
        let Ok(Expr::Metric(metric)) = parse(&["rate({}[1m])"; 11].join(" + ")) else { panic!() };
        assert!(each_range(&metric, &[], None, &mut Vec::new()).is_err());
    }
}
