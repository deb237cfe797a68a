//! What is computed of series: aggregations over labels, operators between them, and their forms in answers.
//!
//! Invariant: all series of one evaluation have a value, or none, at each of the same moments.

use super::answer::{number, seconds};
use super::entry::Labels;
use super::{Refusal, bad};
use crate::logql::ast::{Aggregation, BinaryOp, Compare, Grouping};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Series of an answer at most, as Loki has it.
pub(super) const SERIES_MAX: usize = 500;

/// Values over time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) labels: Labels,
    /// At each moment.
    pub(super) values: Vec<Option<f64>>,
}

/// What a metric comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Computed {
    /// The same number at every moment.
    Scalar(f64),
    /// Series with different labels.
    Series(Vec<Series>),
}

/// The labels of a group that a series belongs to.
pub(super) fn group_of(labels: &Labels, grouping: Option<&Grouping>) -> Labels {
    let Some(grouping) = grouping else { return Labels::new() };
    let in_it = |name: &String| grouping.labels.contains(name) != grouping.without;
    labels.iter().filter(|(name, _)| in_it(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Puts series into groups, or keeps the largest ones of each.
pub(super) fn aggregate(function: Aggregation, count: usize, grouping: Option<&Grouping>, series: Vec<Series>) -> Vec<Series> {
    let mut groups: BTreeMap<Labels, Vec<Series>> = BTreeMap::new();
    for one in series {
        groups.entry(group_of(&one.labels, grouping)).or_default().push(one);
    }
    if function.takes_count() {
        return groups.into_values().flat_map(|group| first(function, count, group)).collect();
    }
    groups.into_iter().map(|(labels, group)| Series { labels, values: merged(function, &group) }).collect()
}

#[allow(clippy::cast_precision_loss)] // A number of series.
fn merged(function: Aggregation, group: &[Series]) -> Vec<Option<f64>> {
    let moments = group.iter().map(|series| series.values.len()).max().unwrap_or(0);
    let at = |moment: usize| {
        let values: Vec<f64> = group.iter().filter_map(|series| series.values.get(moment).copied().flatten()).collect();
        let many = values.len() as f64;
        let sum = || values.iter().sum::<f64>();
        (!values.is_empty()).then(|| match function {
            Aggregation::Avg => sum() / many,
            Aggregation::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Aggregation::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Aggregation::Count => many,
            Aggregation::Sum | Aggregation::Top | Aggregation::Bottom => sum(),
        })
    };
    (0..moments).map(at).collect()
}

/// At each moment the `count` largest or smallest of a group; of equal ones the first by their labels.
fn first(function: Aggregation, count: usize, mut group: Vec<Series>) -> Vec<Series> {
    group.sort_by(|a, b| a.labels.cmp(&b.labels));
    let moments = group.iter().map(|series| series.values.len()).max().unwrap_or(0);
    for moment in 0..moments {
        let mut there: Vec<(usize, f64)> =
            group.iter().enumerate().filter_map(|(at, series)| Some((at, (*series.values.get(moment)?)?))).collect();
        there.sort_by(|a, b| if function == Aggregation::Top { b.1.total_cmp(&a.1) } else { a.1.total_cmp(&b.1) });
        for (at, _) in there.into_iter().skip(count) {
            if let Some(value) = group.get_mut(at).and_then(|series| series.values.get_mut(moment)) {
                *value = None;
            }
        }
    }
    group.retain(|series| series.values.iter().any(Option::is_some));
    // A single moment is told in its order.
    if moments == 1 {
        let value = |series: &Series| series.values.first().copied().flatten().unwrap_or(0.0);
        group.sort_by(|a, b| if function == Aggregation::Top { value(b).total_cmp(&value(a)) } else { value(a).total_cmp(&value(b)) });
    }
    group
}

/// An operator between two: series are matched by all of their labels, and a comparison leaves out what does not pass unless it is `bool`.
pub(super) fn binary(op: BinaryOp, is_bool: bool, left: Computed, right: Computed) -> Computed {
    match (left, right) {
        (Computed::Scalar(left), Computed::Scalar(right)) => Computed::Scalar(match compute(op, left, right) {
            Outcome::Number(number) => number,
            Outcome::Passes(passes) => f64::from(u8::from(passes)),
        }),
        (Computed::Series(series), Computed::Scalar(right)) => Computed::Series(each(series, |left| kept(op, is_bool, left, right, left))),
        (Computed::Scalar(left), Computed::Series(series)) => Computed::Series(each(series, |right| kept(op, is_bool, left, right, right))),
        (Computed::Series(left), Computed::Series(right)) => {
            let mut others: BTreeMap<Labels, Vec<Option<f64>>> = right.into_iter().map(|series| (series.labels, series.values)).collect();
            let matched = left.into_iter().filter_map(|series| Some((others.remove(&series.labels)?, series)));
            let computed = matched.map(|(other, series)| {
                let values = series.values.iter().zip(other).map(|(left, right)| kept(op, is_bool, (*left)?, right?, (*left)?)).collect();
                Series { labels: series.labels, values }
            });
            Computed::Series(there(computed.collect()))
        }
    }
}

fn each(series: Vec<Series>, with: impl Fn(f64) -> Option<f64>) -> Vec<Series> {
    let one = |series: Series| Series { values: series.values.into_iter().map(|value| value.and_then(&with)).collect(), ..series };
    there(series.into_iter().map(one).collect())
}

/// Those that have a value.
pub(super) fn there(mut series: Vec<Series>) -> Vec<Series> {
    series.retain(|series| series.values.iter().any(Option::is_some));
    series
}

enum Outcome {
    Number(f64),
    Passes(bool),
}

#[allow(clippy::float_cmp)] // As Prometheus compares.
fn compute(op: BinaryOp, left: f64, right: f64) -> Outcome {
    Outcome::Number(match op {
        BinaryOp::Plus => left + right,
        BinaryOp::Minus => left - right,
        BinaryOp::Times => left * right,
        // As Loki: no infinity, but no number.
        BinaryOp::Over if right == 0.0 => f64::NAN,
        BinaryOp::Over => left / right,
        BinaryOp::Modulo if right == 0.0 => f64::NAN,
        BinaryOp::Modulo => left % right,
        BinaryOp::Power => left.powf(right),
        BinaryOp::Compare(compare) => {
            return Outcome::Passes(match compare {
                Compare::Equal => left == right,
                Compare::NotEqual => left != right,
                Compare::More => left > right,
                Compare::AtLeast => left >= right,
                Compare::Less => left < right,
                Compare::AtMost => left <= right,
            });
        }
    })
}

fn kept(op: BinaryOp, is_bool: bool, left: f64, right: f64, value: f64) -> Option<f64> {
    match compute(op, left, right) {
        Outcome::Number(number) => Some(number),
        Outcome::Passes(passes) if is_bool => Some(f64::from(u8::from(passes))),
        Outcome::Passes(passes) => passes.then_some(value),
    }
}

/// Not too many for an answer.
pub(super) fn check(series: &[Series]) -> Result<(), Refusal> {
    if series.len() <= SERIES_MAX {
        return Ok(());
    }
    Err(bad(format!(
        "maximum number of series ({SERIES_MAX}) reached for a single query; consider reducing query cardinality by adding more specific stream selectors, reducing the time range, or aggregating results with functions like sum, count or topk"
    )))
}

/// Series with their values at these moments.
pub(super) fn matrix(series: Vec<Series>, moments: &[i64]) -> Value {
    let one = |series: Series| {
        let values: Vec<Value> =
            moments.iter().zip(series.values).filter_map(|(ns, value)| Some(json!([seconds(*ns), number(value?)]))).collect();
        json!({"metric": series.labels, "values": values})
    };
    Value::Array(series.into_iter().map(one).collect())
}

/// Series with their value at one moment.
pub(super) fn vector(series: Vec<Series>, at_ns: i64) -> Value {
    let one = |series: Series| {
        Some(json!({"metric": series.labels, "value": [seconds(at_ns), number(series.values.first().copied().flatten()?)]}))
    };
    Value::Array(series.into_iter().filter_map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(labels: &[(&str, &str)], values: &[Option<f64>]) -> Series {
        Series { labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(), values: values.to_vec() }
    }

    fn some() -> Vec<Series> {
        vec![
            series(&[("a", "1"), ("b", "x")], &[Some(1.0), None, Some(3.0)]),
            series(&[("a", "1"), ("b", "y")], &[Some(2.0), None, None]),
            series(&[("a", "2"), ("b", "x")], &[Some(5.0), Some(0.0), Some(1.0)]),
        ]
    }

    fn by(labels: &[&str], without: bool) -> Grouping {
        Grouping { without, labels: labels.iter().map(|label| (*label).to_owned()).collect() }
    }

    #[test]
    fn series_are_put_into_groups() {
        let of = |function, grouping: Option<&Grouping>| aggregate(function, 0, grouping, some());
        let one = [series(&[("a", "1")], &[Some(3.0), None, Some(3.0)]), series(&[("a", "2")], &[Some(5.0), Some(0.0), Some(1.0)])];
        assert_eq!(of(Aggregation::Sum, Some(&by(&["a"], false))), one);
        assert_eq!(of(Aggregation::Sum, Some(&by(&["b"], true))), one);
        assert_eq!(of(Aggregation::Avg, None), [series(&[], &[Some(8.0 / 3.0), Some(0.0), Some(2.0)])]);
        assert_eq!(of(Aggregation::Count, None), [series(&[], &[Some(3.0), Some(1.0), Some(2.0)])]);
        assert_eq!(of(Aggregation::Min, None), [series(&[], &[Some(1.0), Some(0.0), Some(1.0)])]);
        assert_eq!(of(Aggregation::Max, None), [series(&[], &[Some(5.0), Some(0.0), Some(3.0)])]);
    }

    #[test]
    fn the_largest_are_those_of_each_moment() {
        let top = aggregate(Aggregation::Top, 1, None, some());
        assert_eq!(
            top,
            [series(&[("a", "1"), ("b", "x")], &[None, None, Some(3.0)]), series(&[("a", "2"), ("b", "x")], &[Some(5.0), Some(0.0), None])]
        );
        let bottom = aggregate(Aggregation::Bottom, 1, Some(&by(&["b"], false)), some());
        assert_eq!(bottom.iter().map(|series| series.values[0]).collect::<Vec<_>>(), [Some(1.0), None, Some(2.0)]);
        let at = |value: f64, name: &str| series(&[("a", name)], &[Some(value)]);
        let sorted = aggregate(Aggregation::Top, 2, None, vec![at(1.0, "x"), at(3.0, "y"), at(2.0, "z")]);
        assert_eq!(sorted, [at(3.0, "y"), at(2.0, "z")]);
    }

    #[test]
    fn operators_match_series_by_their_labels() {
        let of = |op, is_bool, left, right| binary(op, is_bool, left, right);
        let all = || Computed::Series(some());
        let Computed::Series(sums) = of(BinaryOp::Plus, false, all(), all()) else { panic!() };
        assert_eq!(sums[2].values, [Some(10.0), Some(0.0), Some(2.0)]);
        let Computed::Series(passed) = of(BinaryOp::Compare(Compare::More), false, all(), Computed::Scalar(2.0)) else { panic!() };
        assert_eq!(passed.iter().map(|series| &*series.values).collect::<Vec<_>>(), [[None, None, Some(3.0)], [Some(5.0), None, None]]);
        let Computed::Series(told) = of(BinaryOp::Compare(Compare::Less), true, Computed::Scalar(2.0), all()) else { panic!() };
        assert_eq!(told[2].values, [Some(1.0), Some(0.0), Some(0.0)]);
        let Computed::Series(none) = of(BinaryOp::Over, false, all(), Computed::Scalar(0.0)) else { panic!() };
        assert!(none[0].values[0].unwrap().is_nan());
        assert_eq!(of(BinaryOp::Plus, false, Computed::Scalar(1.0), Computed::Scalar(1.0)), Computed::Scalar(2.0));
    }
}
