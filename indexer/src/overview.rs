//! How much was said when, by whom, how seriously: from the catalog's hourly counts and the live rows, without opening a split.
//!
//! Exact for whole hours: a split's counts say no more. Rows of the quarantine are nobody's and not in it.

use crate::catalog::hours::{HOUR_NS, Hours};
use crate::live::Pack;
use crate::registry::Scope;
use crate::row::{ModuleKey, RowRef};
use crate::shelf::Shelved;
use crate::split::SplitMeta;
use crate::store::Store;
use std::io;
use std::sync::Arc;

/// Rows of one instance at one level in one hour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HourCount {
    /// The hour's beginning, ns since the epoch.
    pub hour_ns: i64,
    /// Whose.
    pub key: ModuleKey,
    /// The instance.
    pub instance: Arc<str>,
    /// `trace` to `fatal`; `None` for rows without a level.
    pub level: Option<&'static str>,
    /// How many; never 0.
    pub rows: u64,
}

/// What of one module an overview counts, as of one moment.
pub(crate) struct Counted {
    pub(crate) key: ModuleKey,
    pub(crate) live: Vec<Arc<Pack>>,
    pub(crate) splits: Vec<Arc<Shelved>>,
}

/// The counts of every hour of which a part lies in `[from_ns, to_ns)`, by (hour, module, instance, level). Takes CPU: about 10 µs a split.
pub(crate) fn overview(store: &Store, scope: &Scope, from_ns: i64, to_ns: i64) -> io::Result<Vec<HourCount>> {
    if from_ns >= to_ns {
        return Ok(Vec::new());
    }
    let hours = from_ns.div_euclid(HOUR_NS)..=to_ns.saturating_sub(1).div_euclid(HOUR_NS);
    let overlaps =
        |meta: &SplitMeta| meta.time_min_ns.div_euclid(HOUR_NS) <= *hours.end() && meta.time_max_ns.div_euclid(HOUR_NS) >= *hours.start();
    let mut counts = Vec::new();
    for Counted { key, live, splits } in store.counted(scope) {
        let mut all = Hours::of(live.iter().flat_map(|pack| pack.rows()));
        for split in splits.iter().filter(|split| overlaps(&split.meta)) {
            all.add_all(&hours_of(split)?);
        }
        let shown = all
            .cells()
            .filter(|(instance, _, hour, _)| hours.contains(hour) && scope.instances().is_none_or(|named| named.contains(*instance)));
        counts.extend(shown.map(|(instance, level, hour, rows)| HourCount {
            hour_ns: hour.saturating_mul(HOUR_NS),
            key: key.clone(),
            instance: instance.clone(),
            level,
            rows,
        }));
    }
    counts.sort();
    Ok(counts)
}

/// The counts of a split; one that is older than the counts is read.
pub(crate) fn hours_of(split: &Shelved) -> io::Result<Hours> {
    split.hours().map_or_else(|| Ok(Hours::of(split.open()?.rows()?.iter().map(RowRef::from))), |kept| Hours::decode(kept))
}
