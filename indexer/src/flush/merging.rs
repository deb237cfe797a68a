//! Which splits of a module are merged next, if any: a pure function of what the catalog knows of them.
//!
//! Searches want few, large splits: each costs an opening and a look into its words. Merging costs CPU: a row that is merged twice costs 1.7 µs more than one that is merged
//! once (beside 3.3 µs for its flush), so a row is merged about once. Sizes to have in mind: 128 MiB of live rows over 60 modules become splits of 5,000 to
//! 40,000 rows; a module's day at 5 million lines a day is 83,000 rows; a small module has a split a day.
//!
//! A split belongs to the *period* in which its newest row lies:
//!
//! * **Days.** While a day goes on, [`FAN_IN`] *young* splits of it are merged: a module with 144 flushes a day (one every ten minutes) has at most 15 young splits and nine merged
//!   ones. When it is over (an hour has passed, and an hour without arrivals) what is left is merged into as few splits as [`ROWS_MAX`] and [`BYTES_MAX`] allow: one, mostly.
//!   So a row of a busy module is merged once, of others once or twice.
//! * **Weeks, then months** (7 and 28 days) that are over, when all of it has fewer than [`SMALL_PERIOD_ROWS`] rows. Such a row is merged up to twice more; few modules' rows are that few.
//! * **Retention** removes whole splits, so a split may not span more than a tenth of the age that is kept: longer periods are left out, and when even a day is too long,
//!   6 hours or an hour take its place.
//! * **Strays**, whose rows are of several such periods (late lines), are merged with others that arrived in the same one.
//!
//! A split is not taken in by a merge of which the others are less than an eighth: lines that trickle into a day that is long over make small splits, which are merged with each
//! other, and with the day when they are worth reading it again.
//!
//! A quarantine is released by seq, split after split; there, neighbours in seq are merged, whatever their days.

use super::days::DAY_NS;
use crate::split::SplitMeta;
use std::collections::BTreeMap;
use std::time::Duration;

/// A merged split has at most this many rows: its build takes seconds and its index some tens of MB.
pub(super) const ROWS_MAX: u64 = 1 << 20;
/// And its sources together at most this many bytes.
pub(super) const BYTES_MAX: u64 = 256 << 20;
/// So many young splits of a day in progress are merged.
const FAN_IN: usize = 16;
/// A split with fewer rows is young: a flush made it, or a merge of tiny ones.
const YOUNG_ROWS: u64 = 1 << 16;
/// Weeks and months are merged up to this many rows: about what a day of an ordinary module has.
const SMALL_PERIOD_ROWS: u64 = 100_000;
/// A source may have so many times the rows of all others.
const UNEVEN_MAX: u64 = 8;
/// While the day goes on, a source may have so many times the rows of one of the smallest (a quarter are smaller): so what was merged that day is merged again before
/// it is over only with its like.
const YOUNG_UNEVEN_MAX: u64 = 4;
/// Of the age that is kept, a split may span one part in so many.
const RETENTION_PARTS: u32 = 10;
/// A period is over so long after its end, and after the newest arrival in it.
const OVER_AFTER_NS: i64 = HOUR_NS;
const HOUR_NS: i64 = 3_600_000_000_000;
/// The lengths of periods. At most one of those up to a day is used.
const PERIODS_NS: [i64; 5] = [HOUR_NS, 6 * HOUR_NS, DAY_NS, 7 * DAY_NS, 28 * DAY_NS];

/// What bounds a merge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Rows of the sources together.
    pub(super) rows_max: u64,
    /// Bytes of the sources' files together.
    pub(super) bytes_max: u64,
    /// How long splits are kept.
    pub(super) age_max: Option<Duration>,
    /// Now, ns; `None` takes every period as over.
    pub(super) now_ns: Option<i64>,
}

/// The splits of one module to merge next: the places in `splits` of at least two, or none.
pub(super) fn choose(splits: &[&SplitMeta], bounds: &Bounds) -> Vec<usize> {
    if splits.first().is_some_and(|split| split.key.is_quarantine()) {
        return choose_neighbours(splits, bounds);
    }
    let periods = bounds.periods();
    for (level, length) in periods.iter().enumerate() {
        let mut groups: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (at, split) in splits.iter().enumerate().filter(|(_, split)| span(split) <= *length) {
            groups.entry(split.time_max_ns.div_euclid(*length)).or_default().push(at);
        }
        for (period, group) in groups {
            let end_ns = period.saturating_add(1).saturating_mul(*length);
            let chosen = choose_of_period(splits, group, end_ns, level > 0, bounds);
            if !chosen.is_empty() {
                return chosen;
            }
        }
    }
    let longest = periods.last().copied().unwrap_or(DAY_NS);
    let mut strays: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (at, split) in splits.iter().enumerate().filter(|(_, split)| span(split) > longest) {
        strays.entry(split.arrived_max_ns.div_euclid(longest)).or_default().push(at);
    }
    let of = |(period, group): (i64, Vec<usize>)| {
        choose_of_period(splits, group, period.saturating_add(1).saturating_mul(longest), false, bounds)
    };
    strays.into_iter().map(of).find(|chosen| !chosen.is_empty()).unwrap_or_default()
}

/// Of the splits of one period.
fn choose_of_period(splits: &[&SplitMeta], mut group: Vec<usize>, end_ns: i64, is_long: bool, bounds: &Bounds) -> Vec<usize> {
    let rows = |at: &usize| splits.get(*at).map_or(0, |split| split.rows);
    let newest_ns = group.iter().filter_map(|at| splits.get(*at)).map(|split| split.arrived_max_ns).max().unwrap_or(end_ns);
    let over = bounds.is_over(end_ns.max(newest_ns));
    if is_long && (!over || group.iter().map(rows).sum::<u64>() > SMALL_PERIOD_ROWS) {
        return Vec::new();
    }
    if !over {
        group.retain(|at| rows(at) < YOUNG_ROWS);
    }
    group.retain(|at| splits.get(*at).is_some_and(|split| !bounds.is_full(split)));
    group.sort_by_key(rows);
    let mut taken = Taken::default();
    group.retain(|at| splits.get(*at).is_some_and(|split| taken.take(split, bounds)));
    // The largest, at the end, stay out when reading them again costs more than the others are worth.
    let common = group.get(group.len() / 4).map_or(0, rows);
    let too_large = |largest: u64, others: u64| {
        if over { largest > others.saturating_mul(UNEVEN_MAX) } else { largest > common.saturating_mul(YOUNG_UNEVEN_MAX) }
    };
    while let Some(largest) = group.last().map(rows)
        && too_large(largest, taken.rows.saturating_sub(largest))
    {
        taken.rows -= largest;
        group.pop();
    }
    if group.len() < if over { 2 } else { FAN_IN } { Vec::new() } else { group }
}

/// Of a quarantine: the first run of neighbours in seq that is worth it.
fn choose_neighbours(splits: &[&SplitMeta], bounds: &Bounds) -> Vec<usize> {
    let mut order: Vec<usize> = (0..splits.len()).collect();
    order.sort_by_key(|at| splits.get(*at).map(|split| split.seq_from));
    let newest_ns = splits.iter().map(|split| split.arrived_max_ns).max().unwrap_or_default();
    let least = if bounds.is_over(newest_ns) { 2 } else { FAN_IN };
    let worth = |mut run: Vec<usize>| {
        let rows = |at: &usize| splits.get(*at).map_or(0, |split| split.rows);
        let mut all: u64 = run.iter().map(rows).sum();
        // The oldest, at the beginning, have been merged before: they stay out as long as one outweighs the others.
        while run.iter().map(rows).max().is_some_and(|largest| largest > (all - largest).saturating_mul(UNEVEN_MAX)) {
            all -= rows(&run.remove(0));
        }
        (run.len() >= least).then_some(run)
    };
    let (mut run, mut taken) = (Vec::new(), Taken::default());
    for at in order {
        let Some(split) = splits.get(at) else { continue };
        if bounds.is_full(split) || !taken.take(split, bounds) {
            if let Some(run) = worth(std::mem::take(&mut run)) {
                return run;
            }
            taken = Taken::default();
            if bounds.is_full(split) || !taken.take(split, bounds) {
                continue;
            }
        }
        run.push(at);
    }
    worth(run).unwrap_or_default()
}

impl Bounds {
    /// The periods, ascending: one of up to a day, then longer ones.
    fn periods(&self) -> &'static [i64] {
        let span_max = self.span_max_ns();
        let allowed = PERIODS_NS.iter().filter(|length| **length <= span_max).count().max(1);
        let base = PERIODS_NS.iter().take(allowed).rposition(|length| *length <= DAY_NS).unwrap_or(0);
        PERIODS_NS.get(base..allowed).unwrap_or_default()
    }

    fn span_max_ns(&self) -> i64 {
        self.age_max.map_or(i64::MAX, |age| i64::try_from((age / RETENTION_PARTS).as_nanos()).unwrap_or(i64::MAX))
    }

    /// Half full: such a split gains little from being merged again.
    fn is_full(&self, split: &SplitMeta) -> bool {
        split.rows > self.rows_max / 2 || split.bytes > self.bytes_max / 2
    }

    fn is_over(&self, end_ns: i64) -> bool {
        self.now_ns.is_none_or(|now| now >= end_ns.saturating_add(OVER_AFTER_NS))
    }
}

/// What a merge has taken in.
#[derive(Debug, Default)]
struct Taken {
    rows: u64,
    bytes: u64,
    /// Oldest and newest row, ns.
    times: Option<(i64, i64)>,
    /// First and last *last moment*, the later of newest row and newest arrival, which is what retention goes by, ns.
    moments: Option<(i64, i64)>,
}

impl Taken {
    /// Takes a split in, when it fits.
    fn take(&mut self, split: &SplitMeta, bounds: &Bounds) -> bool {
        let (rows, bytes) = (self.rows.saturating_add(split.rows), self.bytes.saturating_add(split.bytes));
        let moment = split.time_max_ns.max(split.arrived_max_ns);
        let times = widened(self.times, split.time_min_ns, split.time_max_ns);
        let moments = widened(self.moments, moment, moment);
        let span_max = bounds.span_max_ns();
        // A stray is wider than that by itself; it must not become wider still by others.
        let fits_in_time = times.1.saturating_sub(times.0) <= span_max.max(span(split));
        let fits = rows <= bounds.rows_max && bytes <= bounds.bytes_max && fits_in_time && moments.1.saturating_sub(moments.0) <= span_max;
        if fits {
            (self.rows, self.bytes, self.times, self.moments) = (rows, bytes, Some(times), Some(moments));
        }
        fits
    }
}

fn widened(range: Option<(i64, i64)>, low: i64, high: i64) -> (i64, i64) {
    range.map_or((low, high), |range| (range.0.min(low), range.1.max(high)))
}

fn span(split: &SplitMeta) -> i64 {
    split.time_max_ns.saturating_sub(split.time_min_ns)
}

#[cfg(test)]
mod tests;
