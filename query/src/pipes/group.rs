//! `stats`, `timechart` and `top`: groups and their figures, over rows that come one by one or over groups that the store counted.
//!
//! Exact while the memory suffices: beyond [`EXACT_MAX`] different values over all groups, percentiles and numbers of different values come from the sketches of
//! the store, and [`Notes::approximate`] says by how much they may be off.

use super::cell::{key, numbers, texts, value};
use super::{Cell, Flow, Item, Notes, Operator, Out, Taken, TooMuch};
use crate::lang::{Arithmetic, Function};
use crate::plan::steps::{Computed, Grouping, Key, Kind};
use martlog_indexer::search::aggregate::Measured;
use martlog_indexer::search::{Field, Group};
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Groups at most.
const GROUPS_MAX: usize = 20_000;
/// Different values that all groups together keep.
const EXACT_MAX: usize = 1 << 17;
/// What each group may keep whatever the others do.
const EXACT_EACH: usize = 64;

/// See the module.
pub(super) struct Groups {
    grouping: Arc<Grouping>,
    epoch: u64,
    places: HashMap<Vec<Option<String>>, usize>,
    groups: Vec<Group>,
}

impl Groups {
    pub(super) fn new(grouping: Arc<Grouping>, epoch: u64) -> Self {
        Self { grouping, epoch, places: HashMap::new(), groups: Vec::new() }
    }

    fn key_of(&self, item: &Item, by: &Key) -> Option<String> {
        match by {
            Key::Of(column) => key(item, column, self.epoch),
            Key::Time(column, interval) => match value(item, column, self.epoch) {
                Cell::Time(ns) => Some(start_of(ns, *interval).to_string()),
                _ => None,
            },
        }
    }

    fn place(&mut self, key: Vec<Option<String>>) -> Result<usize, TooMuch> {
        if let Some(place) = self.places.get(&key) {
            return Ok(*place);
        }
        if self.groups.len() >= GROUPS_MAX {
            return Err(TooMuch(format!(
                "the answer has over {GROUPS_MAX} groups: group by something with fewer values, or narrow the query"
            )));
        }
        let of = vec![Measured::default(); self.grouping.measures.len()];
        self.groups.push(Group { key: key.clone(), rows: 0, of });
        self.places.insert(key, self.groups.len() - 1);
        Ok(self.groups.len() - 1)
    }
}

impl Operator for Groups {
    fn take(&mut self, item: Item, _: &mut Out<'_>) -> Taken {
        let grouping = self.grouping.clone();
        let place = self.place(grouping.keys.iter().map(|by| self.key_of(&item, by)).collect())?;
        let exact_max = (EXACT_MAX / self.groups.len().max(1) / grouping.measures.len().max(1)).max(EXACT_EACH);
        let Some(group) = self.groups.get_mut(place) else { return Ok(Flow::More) };
        group.rows += 1;
        for (wanted, measured) in grouping.measures.iter().zip(&mut group.of) {
            if wanted.numbers || wanted.quantiles {
                numbers(&item, &wanted.of, |number| {
                    measured.count += 1;
                    measured.sum += number;
                    measured.min = Some(measured.min.map_or(number, |min| min.min(number)));
                    measured.max = Some(measured.max.map_or(number, |max| max.max(number)));
                    if wanted.quantiles {
                        measured.quantiles.insert(number, 1, exact_max);
                    }
                });
            }
            if wanted.distinct {
                texts(&item, &wanted.of, self.epoch, |text| measured.distinct.insert(xxh3_128(text.as_bytes()), exact_max));
            }
        }
        Ok(Flow::More)
    }

    fn end(&mut self, out: &mut Out<'_>) -> Taken {
        let groups = std::mem::take(&mut self.groups);
        let units = vec![1.0; self.grouping.measures.len()];
        for row in rows(&self.grouping, groups, &units, out.notes) {
            if out.push(row)? == Flow::Enough {
                break;
            }
        }
        Ok(Flow::More)
    }
}

/// The table of some groups; numbers of each measure are divided by its unit.
pub(super) fn rows(grouping: &Grouping, mut groups: Vec<Group>, units: &[f64], notes: &mut Notes) -> Vec<Item> {
    // Figures of no rows at all are a row, too.
    if groups.is_empty() && grouping.keys.is_empty() {
        groups.push(empty(grouping, Vec::new()));
    }
    let mut total = 0;
    if grouping.kind == Kind::Top {
        let all: u64 = groups.iter().map(|group| group.rows).sum();
        groups.retain(|group| group.key.iter().all(Option::is_some));
        total = groups.iter().map(|group| group.rows).sum();
        if total < all {
            notes.warn("W217", format!("{} of {all} rows do not have the field of top", all - total));
        }
    }
    if let (Kind::Chart { from_ns, to_ns }, [Key::Time(_, interval)]) = (grouping.kind, grouping.keys.as_slice()) {
        fill(grouping, &mut groups, *interval, from_ns, to_ns);
    }
    groups.sort_by(|a, b| by_key(&grouping.keys, a, b));
    let mut items = Vec::with_capacity(groups.len());
    for group in groups {
        let mut cells: Vec<Cell> = grouping.keys.iter().zip(&group.key).map(|(by, key)| key_cell(by, key.as_deref())).collect();
        for figure in &grouping.figures {
            let mut error = 0.0;
            let computed = compute(&figure.of, &group, units, &mut error);
            if error > 0.0 {
                let known = notes.approximate.entry(figure.name.clone()).or_default();
                *known = known.max(error);
            }
            cells.push(computed.map_or(Cell::Null, Cell::number));
        }
        if grouping.kind == Kind::Top {
            cells.push(share(group.rows, total));
        }
        items.push(Item::Cells(cells));
    }
    items
}

/// A part of a whole in percent, with two decimals.
#[allow(clippy::cast_precision_loss)] // A share of counts far below 2^52.
pub(super) fn share(part: u64, whole: u64) -> Cell {
    if whole == 0 { Cell::Null } else { Cell::number((part as f64 / whole as f64 * 10_000.0).round() / 100.0) }
}

fn empty(grouping: &Grouping, key: Vec<Option<String>>) -> Group {
    Group { key, rows: 0, of: vec![Measured::default(); grouping.measures.len()] }
}

/// Buckets without rows are groups of none.
fn fill(grouping: &Grouping, groups: &mut Vec<Group>, interval: i64, from_ns: i64, to_ns: i64) {
    let there: BTreeSet<Option<String>> = groups.iter().map(|group| group.key.first().cloned().flatten()).collect();
    let mut start = start_of(from_ns, interval);
    while start < to_ns {
        let key = Some(start.to_string());
        if !there.contains(&key) {
            groups.push(empty(grouping, vec![key]));
        }
        start = start.saturating_add(interval.max(1));
    }
}

fn start_of(ns: i64, interval: i64) -> i64 {
    ns.saturating_sub(ns.rem_euclid(interval.max(1)))
}

fn by_key(keys: &[Key], a: &Group, b: &Group) -> Ordering {
    let cells = |group: &Group| keys.iter().zip(&group.key).map(|(by, key)| key_cell(by, key.as_deref())).collect::<Vec<_>>();
    let (a, b) = (cells(a), cells(b));
    a.iter().zip(&b).map(|(a, b)| a.compare(b, false)).fold(Ordering::Equal, Ordering::then)
}

fn key_cell(by: &Key, key: Option<&str>) -> Cell {
    match (by, key) {
        (_, None) => Cell::Null,
        (Key::Time(..), Some(ns)) => ns.parse().map_or(Cell::Null, Cell::Time),
        (Key::Of(_), Some(text)) => Cell::Text(text.to_owned()),
    }
}

/// A figure; `error` becomes the largest relative error of what it is made of.
#[allow(clippy::cast_precision_loss)] // A figure is as exact as floating point is.
fn compute(of: &Computed, group: &Group, units: &[f64], error: &mut f64) -> Option<f64> {
    match of {
        Computed::Rows => Some(group.rows as f64),
        Computed::Number(number) => Some(*number),
        Computed::Of(function, at) => {
            let measured = group.of.get(*at)?;
            let unit = units.get(*at).copied().unwrap_or(1.0);
            let number = match function {
                Function::Count => group.rows as f64,
                Function::Sum => measured.sum / unit,
                Function::Min => measured.min? / unit,
                Function::Max => measured.max? / unit,
                Function::Avg if measured.count > 0 => measured.sum / measured.count as f64 / unit,
                Function::Avg => return None,
                Function::Uniq => {
                    let estimate = measured.distinct.count();
                    *error = error.max(estimate.error);
                    estimate.value
                }
                Function::Percentile(_) => {
                    let estimate = measured.quantiles.quantile(function.share()?)?;
                    *error = error.max(estimate.error);
                    estimate.value / unit
                }
            };
            Some(number)
        }
        Computed::Binary(op, left, right) => {
            let (left, right) = (compute(left, group, units, error)?, compute(right, group, units, error)?);
            let number = match op {
                Arithmetic::Plus => left + right,
                Arithmetic::Minus => left - right,
                Arithmetic::Times => left * right,
                Arithmetic::Over => left / right,
            };
            number.is_finite().then_some(number)
        }
    }
}

/// The units of measures as the store computes them.
pub(super) fn units(grouping: &Grouping) -> Vec<f64> {
    let unit = |measured: &crate::plan::steps::Measured| match &measured.of {
        crate::plan::steps::Column::Stored(Field::Attribute(path)) => super::cell::unit(path),
        _ => 1.0,
    };
    grouping.measures.iter().map(unit).collect()
}
