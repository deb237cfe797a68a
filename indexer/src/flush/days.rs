//! Which rows of a buffer become one split: those of a day.
//!
//! A line may come days late, or from a clock that is wrong by years. In one split with the others it would stretch the split's time range, and every search between would
//! have to look into it. So a flush parts its rows by UTC day, where that is worth a file:
//!
//! * A day with [`DAY_ROWS`] rows or more has a split of its own.
//! * Fewer rows go with such a day next to theirs (or with the fullest day, when no day has as many): around midnight that stretches a split by minutes.
//! * Rows that are further from any such day are *strays*. [`STRAY_ROWS`] or more of a flush have a split together, whatever their days; fewer go with the nearest day.
//!   A split costs about 5 ms and 10 KB however small it is, which a merge takes back; a time range that means nothing costs each search about as much, for as long as
//!   the lines are kept. A module with a broken clock sends strays all the time and soon has enough; a single late line is not worth it.

use crate::row::RowRef;
use std::collections::BTreeMap;

const DAY_ROWS: usize = 1_000;
const STRAY_ROWS: usize = 64;
pub(super) const DAY_NS: i64 = 86_400_000_000_000;

/// The rows of each split, ascending seq as they came.
pub(super) fn by_day(rows: Vec<RowRef<'_>>) -> Vec<Vec<RowRef<'_>>> {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for row in &rows {
        *counts.entry(day(*row)).or_default() += 1;
    }
    let fullest = counts.iter().max_by_key(|(_, count)| **count).map(|(day, _)| *day);
    let own: Vec<i64> = counts.iter().filter(|(day, count)| **count >= DAY_ROWS || Some(**day) == fullest).map(|(day, _)| *day).collect();
    let nearest = |day: i64| own.iter().copied().min_by_key(|own| own.abs_diff(day)).unwrap_or(day);
    let is_stray = |day: i64| nearest(day).abs_diff(day) > 1;
    let strays: usize = counts.iter().filter(|(day, _)| is_stray(**day)).map(|(_, count)| count).sum();
    let apart = strays >= STRAY_ROWS;
    // The strays' place is `None`.
    let place: BTreeMap<i64, Option<i64>> = counts.keys().map(|day| (*day, (!(apart && is_stray(*day))).then(|| nearest(*day)))).collect();
    let mut parts: BTreeMap<Option<i64>, Vec<RowRef<'_>>> = BTreeMap::new();
    for row in rows {
        parts.entry(place.get(&day(row)).copied().flatten()).or_default().push(row);
    }
    parts.into_values().collect()
}

fn day(row: RowRef<'_>) -> i64 {
    row.time_ns.div_euclid(DAY_NS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flush::testing::row;
    use crate::row::Row;

    /// Parts rows of these (day, count), mixed; what each part has.
    fn parted(days: &[(i64, usize)]) -> Vec<BTreeMap<i64, usize>> {
        let mut rows: Vec<Row> = Vec::new();
        for (day, count) in days {
            rows.extend((0..*count).map(|at| row(u64::try_from(at).unwrap(), day * DAY_NS + 5)));
        }
        rows.sort_by_key(|row| row.seq);
        (0..).zip(&mut rows).for_each(|(seq, row)| row.seq = seq);
        let parts = by_day(rows.iter().map(RowRef::from).collect());
        assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), rows.len());
        let counts = parts.iter().map(|part| {
            assert!(part.windows(2).all(|pair| pair[0].seq < pair[1].seq));
            let mut counts = BTreeMap::new();
            part.iter().for_each(|row| *counts.entry(day(*row)).or_default() += 1);
            counts
        });
        counts.collect()
    }

    #[test]
    fn a_day_with_enough_rows_has_a_split() {
        assert_eq!(parted(&[(10, 3_000), (11, 1_000)]), [[(10, 3_000)].into(), [(11, 1_000)].into()]);
        assert_eq!(parted(&[(10, 3_000), (11, 999)]), [[(10, 3_000), (11, 999)].into()]);
        assert_eq!(parted(&[(10, 10), (11, 20)]), [[(10, 10), (11, 20)].into()]);
        assert!(parted(&[]).is_empty());
    }

    #[test]
    fn strays_go_together_when_they_are_enough() {
        assert_eq!(parted(&[(0, 30), (5, 34), (10, 3_000)]), [[(0, 30), (5, 34)].into(), [(10, 3_000)].into()]);
        assert_eq!(parted(&[(0, 30), (5, 33), (10, 3_000)]), [[(0, 30), (5, 33), (10, 3_000)].into()]);
        assert_eq!(
            parted(&[(-900, 1), (10, 2_000), (20, 1_500), (19, 4)]),
            [[(-900, 1), (10, 2_000)].into(), [(19, 4), (20, 1_500)].into()]
        );
    }
}
