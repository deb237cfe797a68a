//! What the policy chooses, and what a module's life costs under it.

use super::*;
use crate::row::{ModuleKey, QUARANTINE};
use proptest::prelude::*;

const DAY: i64 = DAY_NS;

fn split(rows: u64, from_ns: i64, to_ns: i64) -> SplitMeta {
    SplitMeta {
        id: String::new(),
        key: ModuleKey { partner: "acme".into(), module: "sms".into() },
        format: 1,
        rows,
        bytes: rows * 100,
        seq_from: 0,
        seq_to: rows,
        time_min_ns: from_ns,
        time_max_ns: to_ns,
        arrived_min_ns: from_ns,
        arrived_max_ns: to_ns,
    }
}

/// A split of an hour of a day.
fn hour(rows: u64, day: i64, hour: i64) -> SplitMeta {
    let from = day * DAY + hour % 24 * HOUR_NS;
    split(rows, from, from + HOUR_NS - 1)
}

fn bounds(now_ns: i64) -> Bounds {
    Bounds { rows_max: ROWS_MAX, bytes_max: BYTES_MAX, age_max: None, now_ns: Some(now_ns) }
}

fn chosen(splits: &[SplitMeta], bounds: &Bounds) -> Vec<usize> {
    let mut chosen = choose(&splits.iter().collect::<Vec<_>>(), bounds);
    chosen.sort_unstable();
    chosen
}

/// Merges until there is nothing to merge; how many rows were written.
fn settle(splits: &mut Vec<SplitMeta>, bounds: &Bounds) -> u64 {
    let mut written = 0;
    loop {
        let places = chosen(splits, bounds);
        if places.is_empty() {
            return written;
        }
        assert!(places.len() > 1);
        let sources: Vec<SplitMeta> = places.iter().rev().map(|at| splits.remove(*at)).collect();
        let low = |of: fn(&SplitMeta) -> i64| sources.iter().map(of).min().unwrap();
        let high = |of: fn(&SplitMeta) -> i64| sources.iter().map(of).max().unwrap();
        let merged = SplitMeta {
            rows: sources.iter().map(|split| split.rows).sum(),
            bytes: sources.iter().map(|split| split.bytes).sum(),
            seq_from: sources.iter().map(|split| split.seq_from).min().unwrap(),
            seq_to: sources.iter().map(|split| split.seq_to).max().unwrap(),
            time_min_ns: low(|split| split.time_min_ns),
            time_max_ns: high(|split| split.time_max_ns),
            arrived_min_ns: low(|split| split.arrived_min_ns),
            arrived_max_ns: high(|split| split.arrived_max_ns),
            ..sources[0].clone()
        };
        assert!(merged.rows <= bounds.rows_max && merged.bytes <= bounds.bytes_max);
        written += merged.rows;
        splits.push(merged);
    }
}

#[test]
fn a_day_that_goes_on_is_merged_by_sixteens_and_one_that_is_over_whole() {
    let day: Vec<SplitMeta> = (0..15).map(|at| hour(5_000, 100, at)).collect();
    assert!(chosen(&day, &bounds(100 * DAY + 16 * HOUR_NS)).is_empty());
    assert_eq!(chosen(&day, &bounds(101 * DAY + HOUR_NS)).len(), 15);
    assert!(chosen(&day, &bounds(101 * DAY + HOUR_NS - 1)).is_empty(), "lines of the last hour are still on their way");
    let day: Vec<SplitMeta> = (0..16).map(|at| hour(5_000, 100, at)).collect();
    assert_eq!(chosen(&day, &bounds(100 * DAY + 16 * HOUR_NS)).len(), 16);
    let two_days: Vec<SplitMeta> = (0..20).map(|at| hour(5_000, 100 + at % 2, at)).collect();
    assert!(chosen(&two_days, &bounds(101 * DAY)).is_empty(), "each day by itself");
}

#[test]
fn rows_of_a_busy_module_are_merged_once_and_of_an_ordinary_one_once_or_twice() {
    for (flushes, rows, merges, left) in [(144, 40_000, 1, 9), (16, 5_200, 1, 1), (12, 7_000, 1, 1), (144, 1_000, 2, 1)] {
        let mut splits = Vec::new();
        let mut written = 0;
        for flush in 0..flushes {
            let from = 100 * DAY + flush * DAY / flushes;
            splits.push(split(rows, from, from + DAY / flushes - 1));
            written += settle(&mut splits, &bounds(from + DAY / flushes));
        }
        let most = splits.len();
        written += settle(&mut splits, &bounds(102 * DAY));
        let all = u64::try_from(flushes).unwrap() * rows;
        assert!(written <= merges * all, "{flushes} flushes of {rows}: {written} rows written");
        assert!(most < 2 * FAN_IN + 8 && splits.len() <= left, "{flushes} flushes of {rows}: {most}, then {} splits", splits.len());
    }
}

#[test]
fn small_modules_have_a_split_a_month() {
    let mut splits = Vec::new();
    let mut written = 0;
    for day in 0..84 {
        splits.push(split(500, day * DAY + HOUR_NS, day * DAY + 20 * HOUR_NS));
        written += settle(&mut splits, &bounds((day + 1) * DAY + 2 * HOUR_NS));
        assert!(splits.len() <= 2 + 3 + 6, "{} splits on day {day}", splits.len());
    }
    assert_eq!((splits.len(), written), (3, 2 * 84 * 500));
    let mut busy: Vec<SplitMeta> = (0..28).map(|day| split(80_000, day * DAY, day * DAY + DAY - 1)).collect();
    assert_eq!(settle(&mut busy, &bounds(40 * DAY)), 0, "days of an ordinary module stay days");
}

#[test]
fn no_split_spans_more_than_a_tenth_of_what_is_kept() {
    let days = |days: u64| Bounds { age_max: Some(Duration::from_secs(days * 86_400)), ..bounds(1_000 * DAY) };
    for (kept, periods) in [
        (1_000, &[DAY, 7 * DAY, 28 * DAY][..]),
        (279, &[DAY, 7 * DAY]),
        (69, &[DAY]),
        (10, &[DAY]),
        (9, &[6 * HOUR_NS]),
        (2, &[HOUR_NS]),
        (0, &[HOUR_NS]),
    ] {
        assert_eq!(days(kept).periods(), periods, "{kept} days");
    }
    // Late lines of one day, told days apart: each goes when its own time has come.
    let mut late = [hour(100, 5, 1), hour(100, 5, 2), hour(100, 5, 3)];
    late[1].arrived_max_ns += 2 * DAY;
    late[2].arrived_max_ns += 9 * DAY;
    assert_eq!(chosen(&late, &days(30)), [0, 1]);
    assert_eq!(chosen(&late, &days(3_000)), [0, 1, 2]);
}

#[test]
fn what_trickles_in_later_does_not_have_the_day_read_again_and_again() {
    let mut splits = vec![split(80_000, 100 * DAY, 101 * DAY - 1)];
    let mut written = 0;
    for day in 0..100 {
        splits.push(SplitMeta { arrived_max_ns: (110 + day) * DAY, ..hour(1_000, 100, 3) });
        written += settle(&mut splits, &bounds((110 + day) * DAY + HOUR_NS));
        assert!(splits.len() <= 3, "{}", splits.len());
    }
    assert!(written < 180_000 * 9, "{written} rows written for 100,000");
}

#[test]
fn strays_are_merged_with_what_came_when_they_came() {
    let stray = |arrived_day: i64| SplitMeta { arrived_max_ns: arrived_day * DAY, ..split(100, 0, arrived_day * DAY) };
    let splits = [stray(300), hour(100, 300, 4), stray(301), stray(400)];
    assert_eq!(chosen(&splits, &bounds(500 * DAY)), [0, 2]);
}

#[test]
fn a_full_split_is_left_alone() {
    let day = [hour(ROWS_MAX / 2 + 1, 1, 1), hour(ROWS_MAX / 2, 1, 2), hour(400_000, 1, 3), hour(400_000, 1, 4)];
    assert_eq!(chosen(&day, &bounds(9 * DAY)), [2, 3]);
    let heavy = |at: i64| SplitMeta { bytes: BYTES_MAX / 3, ..hour(100, 1, at) };
    assert_eq!(chosen(&[heavy(1), heavy(2), heavy(3), heavy(4)], &bounds(9 * DAY)).len(), 3);
}

#[test]
fn of_a_quarantine_only_neighbours_are_merged() {
    let held = |seq_from: u64, rows: u64| SplitMeta {
        key: ModuleKey { partner: QUARANTINE.into(), module: "uid".into() },
        seq_from,
        seq_to: seq_from + rows,
        ..hour(rows, 1, 1)
    };
    let splits = [held(100, 50), held(0, 100), held(150, ROWS_MAX - 100), held(ROWS_MAX + 50, 10), held(ROWS_MAX + 60, 20)];
    assert_eq!(chosen(&splits, &bounds(9 * DAY)), [0, 1]);
    assert_eq!(chosen(&splits[2..], &bounds(9 * DAY)), [1, 2], "the crumbs behind a full one");
    assert!(chosen(&splits, &bounds(DAY + 2 * HOUR_NS)).is_empty());
}

proptest! {
    #[test]
    fn it_comes_to_an_end_and_keeps_to_its_bounds(
        splits in prop::collection::vec((1..200_000_u64, 0..40 * 24_i64, 1..100_i64, 0..50 * 24_i64), 0..60),
        age_days in prop::option::of(0..400_u64),
        now in prop::option::of(0..100_i64),
    ) {
        let bounds = Bounds {
            rows_max: ROWS_MAX,
            bytes_max: BYTES_MAX,
            age_max: age_days.map(|days| Duration::from_secs(days * 86_400)),
            now_ns: now.map(|days| days * DAY),
        };
        let metas = splits.iter().map(|(rows, from, hours, late)| {
            let (from, to) = (from * HOUR_NS, (from + hours) * HOUR_NS - 1);
            SplitMeta { arrived_max_ns: to + late * HOUR_NS, ..split(*rows, from, to) }
        });
        let mut metas: Vec<SplitMeta> = metas.collect();
        let widest = metas.iter().map(span).max().unwrap_or(0);
        let rows: u64 = metas.iter().map(|split| split.rows).sum();
        settle(&mut metas, &bounds);
        prop_assert_eq!(metas.iter().map(|split| split.rows).sum::<u64>(), rows);
        for split in &metas {
            prop_assert!(span(split) <= bounds.span_max_ns().max(widest));
        }
    }
}
