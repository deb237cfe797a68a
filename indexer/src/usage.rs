//! How much each instance said, day by day, and what that takes on the disk: from the catalog's hourly counts and the live rows, without opening a split.
//!
//! Days are UTC and whole. Lines are exact. Bytes are those of the splits' files, compressed, and a split of several instances or days is shared out by lines; rows that lie in
//! the log alone have no bytes yet. Rows of the quarantine are nobody's and not in it.

use crate::catalog::hours::{HOUR_NS, Hours};
use crate::overview::{Counted, hours_of};
use crate::registry::Scope;
use crate::row::ModuleKey;
use crate::store::Store;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// A day, ns.
const DAY_NS: i64 = 24 * HOUR_NS;

/// What one instance said on one day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayUse {
    /// The day's beginning, ns since the epoch, UTC.
    pub day_ns: i64,
    /// Whose.
    pub key: ModuleKey,
    /// The instance.
    pub instance: Arc<str>,
    /// Lines; never 0.
    pub lines: u64,
    /// Those of them at `error` or `fatal`.
    pub errors: u64,
    /// Those of them that are not in a split yet.
    pub unpublished: u64,
    /// Bytes that the others take in splits.
    pub bytes: u64,
}

/// What is counted of an instance's day.
#[derive(Default)]
struct Sum {
    lines: u64,
    errors: u64,
    unpublished: u64,
    bytes: u64,
}

/// The use of every day of which a part lies in `[from_ns, to_ns)`, by (day, module, instance).
pub(crate) fn usage(store: &Store, scope: &Scope, from_ns: i64, to_ns: i64) -> io::Result<Vec<DayUse>> {
    if from_ns >= to_ns {
        return Ok(Vec::new());
    }
    let days = from_ns.div_euclid(DAY_NS)..=to_ns.saturating_sub(1).div_euclid(DAY_NS);
    let mut found = Vec::new();
    for Counted { key, live, splits } in store.counted(scope) {
        let mut sums: BTreeMap<(i64, Arc<str>), Sum> = BTreeMap::new();
        let waiting = Hours::of(live.iter().flat_map(|pack| pack.rows()));
        add(&mut sums, &waiting, |sum, rows| sum.unpublished = sum.unpublished.saturating_add(rows));
        for split in &splits {
            let meta = &split.meta;
            if meta.time_min_ns.div_euclid(DAY_NS) > *days.end() || meta.time_max_ns.div_euclid(DAY_NS) < *days.start() {
                continue;
            }
            add(&mut sums, &hours_of(split)?, |sum, rows| sum.bytes = sum.bytes.saturating_add(share(meta.bytes, rows, meta.rows)));
        }
        let shown = |day: i64, instance: &str| days.contains(&day) && scope.instances().is_none_or(|named| named.contains(instance));
        found.extend(sums.into_iter().filter(|((day, instance), _)| shown(*day, instance)).map(|((day, instance), sum)| DayUse {
            day_ns: day.saturating_mul(DAY_NS),
            key: key.clone(),
            instance,
            lines: sum.lines,
            errors: sum.errors,
            unpublished: sum.unpublished,
            bytes: sum.bytes,
        }));
    }
    found.sort();
    Ok(found)
}

/// Adds counts by hour to their days; `more` takes the rows of each cell.
fn add(sums: &mut BTreeMap<(i64, Arc<str>), Sum>, hours: &Hours, more: impl Fn(&mut Sum, u64)) {
    for (instance, level, hour, rows) in hours.cells() {
        let day = hour.saturating_mul(HOUR_NS).div_euclid(DAY_NS);
        let sum = sums.entry((day, Arc::clone(instance))).or_default();
        sum.lines = sum.lines.saturating_add(rows);
        if matches!(level, Some("error" | "fatal")) {
            sum.errors = sum.errors.saturating_add(rows);
        }
        more(sum, rows);
    }
}

/// The part of so many bytes that `rows` of `all` rows have.
fn share(bytes: u64, rows: u64, all: u64) -> u64 {
    let part = u128::from(bytes) * u128::from(rows) / u128::from(all.max(1));
    u64::try_from(part).unwrap_or(u64::MAX).min(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_shared_out_without_more_than_there_is() {
        assert_eq!((share(1_000, 1, 4), share(1_000, 4, 4), share(10, 0, 4), share(10, 1, 0)), (250, 1_000, 0, 10));
        assert_eq!(share(u64::MAX, u64::MAX, u64::MAX), u64::MAX);
        let parts: u64 = [1, 2, 4].iter().map(|rows| share(1_001, *rows, 7)).sum();
        assert!((999..=1_001).contains(&parts), "{parts}");
    }
}
