//! How many rows match, as far as a bound allows: a number for a sentence, where an exact one may not take its time.
//!
//! Invariant: what is counted is never more than what matches. Where the deadline or the bound is met, `whole` is false and the number is a lower bound.

use super::predicate::Predicate;
use super::request::SearchError;
use super::scan::{Scan, Sink};
use super::ticker::Halt;
use crate::registry::Scope;
use crate::row::RowRef;
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::{Block, Decoder};
use crate::store::View;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// A number, please.
#[derive(Debug, Clone)]
pub struct CountRequest {
    /// Which rows.
    pub predicate: Arc<Predicate>,
    /// First time, ns, included.
    pub from_ns: i64,
    /// Last time, ns, excluded.
    pub to_ns: i64,
    /// So many are enough.
    pub rows_enough: u64,
    /// Ask the quarantine.
    pub quarantine: bool,
    /// When to say what was counted so far.
    pub deadline: Instant,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Rows that match.
    pub rows: u64,
    /// Whether these are all.
    pub whole: bool,
}

/// Counts what a view holds.
pub(super) fn count(
    view: &View,
    scope: &Scope,
    request: &CountRequest,
    cancelled: &(dyn Fn() -> bool + Sync),
    threads: usize,
) -> Result<Counted, SearchError> {
    let (from_ns, to_ns) = (request.from_ns, request.to_ns);
    let scan = Scan { view, scope, predicate: &request.predicate, from_ns, to_ns, deadline: request.deadline, cancelled, threads };
    let rows = AtomicU64::new(0);
    let counted = scan.run(|| Tally { rows: &rows, enough: request.rows_enough });
    let rows = rows.load(Relaxed);
    match counted {
        Ok(_) => Ok(Counted { rows, whole: true }),
        Err(SearchError::Deadline | SearchError::TooMuch(_)) => Ok(Counted { rows, whole: false }),
        Err(error) => Err(error),
    }
}

/// All threads count into one number: what one has found when another stops it is not lost.
struct Tally<'a> {
    rows: &'a AtomicU64,
    enough: u64,
}

impl Tally<'_> {
    fn count(&self, rows: u64) -> Result<(), Halt> {
        let before = self.rows.fetch_add(rows, Relaxed);
        if before.saturating_add(rows) > self.enough { Err(Halt::TooMuch("so many are enough")) } else { Ok(()) }
    }
}

impl Sink for Tally<'_> {
    fn live(&mut self, _: RowRef<'_>) -> Result<(), Halt> {
        self.count(1)
    }

    fn block(&mut self, _: &Split, _: &Block<'_>, found: &Bits) -> Result<(), Halt> {
        self.count(found.count())
    }

    fn end_of_split(&mut self, _: &Split, _: &Decoder) -> Result<(), Halt> {
        Ok(())
    }

    fn add(&mut self, _: Self) -> Result<(), Halt> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, parts, predicate, staff, view};
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_count_is_that_of_a_filter_or_says_that_it_is_not_all(
            parts in parts(),
            predicate in predicate(),
            (in_splits, per_split, threads) in (0_usize..8, 1_usize..5, 1_usize..4),
            enough in 0_u64..12,
        ) {
            let folder = folder();
            let view = view(folder.path(), &parts, in_splits, per_split);
            let all = parts.iter().flatten().filter(|row| predicate.matches(row)).count() as u64;
            let deadline = Instant::now() + Duration::from_secs(30);
            let mut request = CountRequest { predicate: Arc::new(predicate), from_ns: i64::MIN, to_ns: i64::MAX, rows_enough: u64::MAX, quarantine: false, deadline };
            prop_assert_eq!(count(&view, &staff(), &request, &|| false, threads).unwrap(), Counted { rows: all, whole: true });
            request.rows_enough = enough;
            let counted = count(&view, &staff(), &request, &|| false, threads).unwrap();
            prop_assert_eq!(counted.whole, all <= enough);
            let is_right = if counted.whole { counted.rows == all } else { counted.rows > enough && counted.rows <= all };
            prop_assert!(is_right, "{counted:?} of {all}");
        }
    }

    #[test]
    fn without_time_nothing_is_claimed() {
        let parts = vec![vec![super::super::testing::row(&super::super::testing::owner("p1", "m1", "i1"), 0, 1, 1, "x", "")]];
        let folder = folder();
        let view = view(folder.path(), &parts, 0, 1);
        let request = CountRequest {
            predicate: Arc::new(Predicate::All),
            from_ns: i64::MIN,
            to_ns: i64::MAX,
            rows_enough: u64::MAX,
            quarantine: false,
            deadline: Instant::now(),
        };
        assert_eq!(count(&view, &staff(), &request, &|| false, 1).unwrap(), Counted { rows: 0, whole: false });
    }
}
