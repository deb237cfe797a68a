//! A line as Loki has it: the labels of its stream, what stands beside the text, and a time of its own.
//!
//! **Times are unique.** Clients page by time, and tell lines of one stream apart by it. So the digits below a line's precision say which of the lines of that time it is: of a time in whole milliseconds the
//! six last ones are the line's number in its module, of any other time the three last ones. A line always has the same time, whatever was asked, and lines are ordered, cut off and paged by it. What is a
//! million lines apart within one millisecond, or a thousand within one microsecond, has the same time.

use crate::logql::labels::{LEVEL, STREAM, shown};
use crate::logql::translate::{Names, Shown};
use martlog_formats::fields;
use martlog_indexer::row::Row;
use std::collections::BTreeMap;

const MILLISECOND: i64 = 1_000_000;
const MICROSECOND: i64 = 1_000;

/// Labels by name.
pub(super) type Labels = BTreeMap<String, String>;

/// The time of a line, ns.
pub(super) fn time_of(time_ns: i64, seq: u64) -> i64 {
    let number = |most: i64| i64::try_from(seq % most.unsigned_abs()).unwrap_or(0);
    match time_ns.rem_euclid(MILLISECOND) {
        0 => time_ns.saturating_add(number(MILLISECOND)),
        _ => time_ns.saturating_sub(time_ns.rem_euclid(MICROSECOND)).saturating_add(number(MICROSECOND)),
    }
}

/// The times that lines in `[from, to)` by [`time_of`] can have in the store: a range that holds them all.
pub(super) fn stored(from_ns: i64, to_ns: i64) -> (i64, i64) {
    (from_ns.saturating_sub(from_ns.rem_euclid(MILLISECOND)), to_ns.saturating_add(MICROSECOND))
}

/// What lines of one [`millisecond`] have in common: their order by [`time_of`] is not that of the store.
pub(super) fn millisecond(time_ns: i64) -> i64 {
    time_ns.div_euclid(MILLISECOND)
}

/// The labels of a line's stream.
pub(super) fn stream(row: &Row, shown: &Shown) -> Labels {
    let mut labels = Labels::new();
    for name in STREAM.iter().filter(|name| shown.has(name)) {
        let value = stamp(row, name);
        if !value.is_empty() {
            labels.insert((*name).to_owned(), value.to_owned());
        }
    }
    labels
}

/// What is stamped on a line.
fn stamp<'r>(row: &'r Row, name: &str) -> &'r str {
    let (owner, origin) = (&row.owner, &row.origin);
    match name {
        "partner" => &owner.key.partner,
        "module" => &owner.key.module,
        "instance" => &owner.instance,
        "csp" => &owner.csp,
        "environment" => &owner.environment,
        "version" => &owner.version,
        "cluster" => &origin.cluster,
        "node" => &origin.node,
        "namespace" => &origin.namespace,
        "pod" => &origin.pod,
        "container" => &origin.container,
        "stream" => origin.substream.as_str(),
        _ => "",
    }
}

/// What stands beside the text of a line: its level and verdict, and its fields, of lists the first element.
pub(super) fn beside(row: &Row, names: &Names, show: &Shown) -> Labels {
    let mut labels = Labels::from([("verdict".to_owned(), row.record.verdict.as_str().to_owned())]);
    labels.extend(row.record.severity.map(|severity| (LEVEL.to_owned(), severity.level().to_owned())));
    fields::for_each(&row.record.attributes, |path, scalar| {
        if scalar.exists() {
            labels.entry(shown(path)).or_insert_with(|| scalar.text().to_owned());
        }
    });
    for (label, path) in names.given() {
        fields::visit(&row.record.attributes, path, |scalar| {
            if scalar.exists() {
                labels.entry(label.to_owned()).or_insert_with(|| scalar.text().to_owned());
            }
        });
    }
    labels.retain(|label, _| show.has(label));
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_one_time_have_times_of_their_own_within_their_precision() {
        let table = [
            (1_700_000_000_000_000_000, 42, 1_700_000_000_000_000_042),
            (1_700_000_000_000_000_000, 1_000_007, 1_700_000_000_000_000_007),
            (1_700_000_000_123_000_000, 999_999, 1_700_000_000_123_999_999),
            (1_700_000_000_123_456_000, 1_042, 1_700_000_000_123_456_042),
            (1_700_000_000_123_456_789, 5, 1_700_000_000_123_456_005),
            (-1, 0, -1_000),
            (i64::MIN, u64::MAX, i64::MIN + 615),
            (i64::MAX, 7, i64::MAX - 807 + 7),
        ];
        for (time_ns, seq, expected) in table {
            assert_eq!(time_of(time_ns, seq), expected);
        }
    }

    proptest! {
        #[test]
        fn a_range_of_times_is_found_within_that_of_the_store(ms in -5_i64..5, us in 0_i64..1_000, ns in 0_i64..1_000, seq in any::<u64>(), from in -5_000_000_i64..5_000_000, width in 1_i64..3_000_000) {
            for time_ns in [ms * MILLISECOND, ms * MILLISECOND + us * MICROSECOND, ms * MILLISECOND + us * MICROSECOND + ns] {
                let time = time_of(time_ns, seq);
                prop_assert_eq!(millisecond(time), millisecond(time_ns));
                let (first, last) = stored(from, from + width);
                if (from..from + width).contains(&time) {
                    prop_assert!((first..last).contains(&time_ns), "{} is {} in {}..{}", time_ns, time, from, from + width);
                }
            }
        }
    }
}
