//! Counts over time: exact, from the index and the columns; stored rows are read only where the index does not decide.

use super::request::{Bucket, GroupBy, Histogram, HistogramRequest, SearchError};
use super::scan::{Scan, Sink};
use super::ticker::Halt;
use crate::registry::Scope;
use crate::row::{Owner, RowRef};
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::{Block, Decoder};
use crate::store::View;
use martlog_formats::{Severity, Verdict};
use std::collections::BTreeMap;
use std::io;

/// Buckets of an answer at most: more than any chart shows or any reader reads.
const BUCKETS_MAX: usize = 100_000;
/// The group of rows without a level.
const NO_LEVEL: &str = "none";

/// Counts what a view holds.
pub(super) fn count(
    view: &View,
    scope: &Scope,
    request: &HistogramRequest,
    cancelled: &(dyn Fn() -> bool + Sync),
    threads: usize,
) -> Result<Histogram, SearchError> {
    let (from_ns, to_ns) = (request.from_ns, request.to_ns);
    let scan = Scan { view, scope, predicate: &request.predicate, from_ns, to_ns, deadline: request.deadline, cancelled, threads };
    let tally = scan.run(|| Tally { interval_ns: request.interval_ns.max(1), by: request.by, buckets: BTreeMap::new() })?;
    Ok(Histogram { buckets: tally.buckets.into_values().collect() })
}

struct Tally {
    interval_ns: i64,
    by: Option<GroupBy>,
    buckets: BTreeMap<i64, Bucket>,
}

impl Sink for Tally {
    fn live(&mut self, row: RowRef<'_>) -> Result<(), Halt> {
        let label = self.by.map(|by| label(by, row.severity, row.verdict, row.owner));
        self.count(self.start_of(row.time_ns), 1, label)
    }

    fn block(&mut self, _: &Split, block: &Block<'_>, found: &Bits) -> Result<(), Halt> {
        self.rows(block, found)
    }

    fn end_of_split(&mut self, _: &Split, _: &Decoder) -> Result<(), Halt> {
        Ok(())
    }

    fn add(&mut self, other: Self) -> Result<(), Halt> {
        for bucket in other.buckets.into_values() {
            let grouped: u64 = bucket.by.values().sum();
            self.count(bucket.start_ns, bucket.count - grouped, None)?;
            for (label, count) in &bucket.by {
                self.count(bucket.start_ns, *count, Some(label))?;
            }
        }
        Ok(())
    }
}

impl Tally {
    /// Counts rows of a block. They ascend in time, so that one bucket after the other gets all of its rows at once.
    fn rows(&mut self, block: &Block<'_>, found: &Bits) -> Result<(), Halt> {
        let (first, last) = (self.start_of(block.meta.time_min_ns), self.start_of(block.meta.time_max_ns));
        if first == last && self.by.is_none() {
            return self.count(first, found.count(), None);
        }
        let groups = groups_of(self.by, block)?;
        let mut counts = vec![0_u64; groups.labels.len()];
        let (mut start, mut end) = (first, first.saturating_add(self.interval_ns));
        let times = block.times()?;
        for row in found.iter() {
            let time = times.get(row).copied().unwrap_or(start);
            if time >= end {
                self.flush(start, &groups, &mut counts)?;
                start = self.start_of(time);
                end = start.saturating_add(self.interval_ns);
            }
            if let Some(count) = counts.get_mut((groups.of)(row)) {
                *count += 1;
            }
        }
        self.flush(start, &groups, &mut counts)
    }

    fn flush(&mut self, start: i64, groups: &Groups<'_>, counts: &mut [u64]) -> Result<(), Halt> {
        for (label, count) in groups.labels.iter().zip(counts) {
            self.count(start, std::mem::take(count), *label)?;
        }
        Ok(())
    }

    fn count(&mut self, start_ns: i64, count: u64, label: Option<&str>) -> Result<(), Halt> {
        if count == 0 {
            return Ok(());
        }
        if self.buckets.len() >= BUCKETS_MAX && !self.buckets.contains_key(&start_ns) {
            return Err(Halt::TooMuch("the histogram has over 100,000 buckets: ask for a longer interval"));
        }
        let bucket = self.buckets.entry(start_ns).or_insert_with(|| Bucket { start_ns, ..Bucket::default() });
        bucket.count += count;
        if let Some(label) = label {
            match bucket.by.get_mut(label) {
                Some(group) => *group += count,
                None => {
                    bucket.by.insert(label.to_owned(), count);
                }
            }
        }
        Ok(())
    }

    /// The first nanosecond of the bucket of this time.
    fn start_of(&self, time_ns: i64) -> i64 {
        time_ns.saturating_sub(time_ns.rem_euclid(self.interval_ns))
    }
}

/// The groups of a block's rows.
struct Groups<'b> {
    labels: Vec<Option<&'b str>>,
    /// The group of a row.
    of: Box<dyn Fn(usize) -> usize + 'b>,
}

fn groups_of<'b>(by: Option<GroupBy>, block: &'b Block<'_>) -> io::Result<Groups<'b>> {
    Ok(match by {
        None => Groups { labels: vec![None], of: Box::new(|_| 0) },
        Some(GroupBy::Level) => {
            let kinds = &block.hot()?.kinds;
            Groups {
                labels: kinds.entries.iter().map(|kind| Some(level_of(kind.severity))).collect(),
                of: Box::new(|row| kinds.number(row)),
            }
        }
        Some(GroupBy::Verdict) => {
            let kinds = &block.hot()?.kinds;
            Groups { labels: kinds.entries.iter().map(|kind| Some(kind.verdict.as_str())).collect(), of: Box::new(|row| kinds.number(row)) }
        }
        Some(by) => {
            let owners = &block.hot()?.owners;
            let owner = |owner: &u32| block.owner(*owner).map(|owner| Some(owner_label(by, owner)));
            let labels = owners.distinct.iter().map(owner).collect::<io::Result<_>>()?;
            Groups { labels, of: Box::new(|row| usize::try_from(owners.places.get(row)).unwrap_or(usize::MAX)) }
        }
    })
}

fn label(by: GroupBy, severity: Option<Severity>, verdict: Verdict, owner: &Owner) -> &str {
    match by {
        GroupBy::Level => level_of(severity),
        GroupBy::Verdict => verdict.as_str(),
        by => owner_label(by, owner),
    }
}

fn level_of(severity: Option<Severity>) -> &'static str {
    severity.map_or(NO_LEVEL, Severity::level)
}

fn owner_label(by: GroupBy, owner: &Owner) -> &str {
    match by {
        GroupBy::Partner => &owner.key.partner,
        GroupBy::Module => &owner.key.module,
        GroupBy::Instance => &owner.instance,
        GroupBy::Csp => &owner.csp,
        GroupBy::Level | GroupBy::Verdict => "",
    }
}
