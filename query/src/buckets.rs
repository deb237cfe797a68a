//! Pieces of time: how wide they are where nobody says it, and how many there may be.
//!
//! Pieces begin at multiples of their width, so they stay where they are when the range moves.

use crate::time::{DAY, TimeRange, print_duration};

/// Buckets of an interval that was chosen here: as many as a chart shows well.
const BUCKETS: i64 = 120;
/// Buckets of an interval that the client chose.
const BUCKETS_MAX: i64 = 2_000;

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The widths that are chosen from: parts of the clock and the calendar, ns.
const STEPS: [i64; 34] = [
    MILLISECOND,
    2 * MILLISECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    20 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    200 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    91 * DAY,
    182 * DAY,
    364 * DAY,
];

/// The range that is drawn: up to the clock where the end is "until now".
#[must_use]
pub fn shown(range: TimeRange, now_ns: i64) -> TimeRange {
    let to_ns = if range.open { now_ns.clamp(range.from_ns + 1, range.to_ns) } else { range.to_ns };
    TimeRange { to_ns, ..range }
}

/// The width that fits a range, ns.
#[must_use]
pub fn choose(shown: TimeRange) -> i64 {
    let width = shown.to_ns.saturating_sub(shown.from_ns);
    // One bucket more than the width has may be touched.
    let fits = |step: &&i64| width / **step + 2 <= BUCKETS;
    STEPS.iter().find(fits).copied().unwrap_or(10 * 364 * DAY)
}

/// Whether a width that somebody chose makes no more than [`BUCKETS_MAX`] buckets.
///
/// # Errors
/// The sentence, when it makes more.
pub fn check(interval: i64, shown: TimeRange) -> Result<(), String> {
    if shown.to_ns.saturating_sub(shown.from_ns) / interval.max(1) >= BUCKETS_MAX {
        let text = print_duration(interval);
        return Err(format!("an interval of {text} makes more than {BUCKETS_MAX} buckets; take a wider one or a shorter range"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_342_370 * SECOND;

    fn back(width: i64) -> TimeRange {
        TimeRange { from_ns: NOW - width, to_ns: NOW, open: false }
    }

    #[test]
    fn intervals_are_parts_of_the_clock_and_give_at_most_120_buckets() {
        for (width, expected) in
            [(5 * MINUTE, "5s"), (15 * MINUTE, "10s"), (HOUR, "1m"), (DAY, "15m"), (7 * DAY, "2h"), (30 * DAY, "12h"), (1, "1ms")]
        {
            assert_eq!(print_duration(choose(back(width))), expected, "{width}");
        }
        assert!(STEPS.is_sorted());
        for width in (0..62).map(|bit| 1_i64 << bit) {
            let (range, interval) = (back(width), choose(back(width)));
            let touched = range.to_ns.div_euclid(interval) - range.from_ns.div_euclid(interval) + 1;
            assert!(touched <= BUCKETS, "{width}");
        }
    }
}
