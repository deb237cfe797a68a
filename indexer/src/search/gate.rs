//! What of a module may be looked at: the scope, the time range, what had arrived, and what of a quarantine was not released.
//!
//! Invariant: [`Gate::shows`] is the only place in which searching asks the scope about a row's owner, and no row reaches a predicate, a count or a
//! reader without having passed it. It is asked once per owner of a chunk or split.

use super::predicate::{Field, Predicate, Stamp};
use crate::live::Chunk;
use crate::registry::Scope;
use crate::row::{ModuleKey, Owner};
use crate::search::matches::{owner_stamp, parse_id, stamp_passes};
use crate::search::predicate::Test;
use crate::split::bits::Bits;
use crate::split::block::{Block, BlockMeta};
use crate::split::{Split, SplitMeta};
use std::io;
use std::ops::Range;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate<'a> {
    pub(super) scope: &'a Scope,
    /// First time, ns, included.
    pub(super) from_ns: i64,
    /// Last time, ns, excluded.
    pub(super) to_ns: i64,
    /// Last arrival, ns, included.
    pub(super) as_of_ns: i64,
    /// Rows below are not shown.
    pub(super) visible_from_seq: u64,
}

impl Gate<'_> {
    /// Whether rows of this owner may be shown.
    pub(super) fn shows(&self, owner: &Owner) -> bool {
        self.scope.allows(owner)
    }

    /// Which owners of a split may be shown.
    pub(super) fn shown_owners(&self, split: &Split) -> io::Result<Vec<bool>> {
        Ok(split.head()?.owners.iter().map(|owner| self.shows(owner)).collect())
    }

    /// Whether a row with this place in time and order is inside.
    fn admits(&self, time_ns: i64, arrived_ns: i64, seq: u64) -> bool {
        time_ns >= self.from_ns && time_ns < self.to_ns && arrived_ns <= self.as_of_ns && seq >= self.visible_from_seq
    }

    /// Whether a split can have a row inside.
    pub(super) fn may_admit(&self, meta: &SplitMeta) -> bool {
        meta.time_max_ns >= self.from_ns
            && meta.time_min_ns < self.to_ns
            && meta.arrived_min_ns <= self.as_of_ns
            && meta.seq_to > self.visible_from_seq
    }

    /// Whether a block can have a row inside.
    pub(super) fn may_admit_block(&self, meta: &BlockMeta) -> bool {
        meta.time_max_ns >= self.from_ns
            && meta.time_min_ns < self.to_ns
            && meta.arrived_min_ns <= self.as_of_ns
            && meta.seq_max >= self.visible_from_seq
    }

    /// The rows of a block that are inside; `shown` says it of the split's owners.
    pub(super) fn block(&self, block: &Block<'_>, shown: &[bool]) -> io::Result<Bits> {
        let meta = block.meta;
        if !self.may_admit_block(meta) {
            return Ok(Bits::none(meta.rows));
        }
        let mut rows = if self.admits(meta.time_min_ns, meta.arrived_max_ns, meta.seq_min) && meta.time_max_ns < self.to_ns {
            Bits::all(meta.rows)
        } else {
            self.rows_inside(block)?
        };
        if !shown.iter().all(|shown| *shown) {
            let shown = block.hot()?.owners.passes(|owner| shown.get(owner as usize).copied().unwrap_or(false));
            if !shown.all {
                rows.and(&shown.bits());
            }
        }
        Ok(rows)
    }

    fn rows_inside(&self, block: &Block<'_>) -> io::Result<Bits> {
        let (meta, times) = (block.meta, block.times()?);
        // Seqs and arrivals are read only where they can decide.
        if meta.arrived_max_ns <= self.as_of_ns && meta.seq_min >= self.visible_from_seq {
            let (from, to) = (times.partition_point(|time| *time < self.from_ns), times.partition_point(|time| *time < self.to_ns));
            return Ok(Bits::collect(meta.rows, |row| (from..to).contains(&row)));
        }
        let (seqs, places) = (&block.hot()?.seqs, block.places()?);
        Ok(Bits::collect(meta.rows, |row| match (times.get(row), places.get(row)) {
            (Some(time), Some(place)) => self.admits(*time, place.arrived_ns, seqs.get(row)),
            _ => false,
        }))
    }

    /// The rows of a chunk that are inside, by their place in it.
    pub(super) fn chunk<'c>(&'c self, chunk: &'c Chunk) -> impl Iterator<Item = usize> + 'c {
        let rows = if self.shows(chunk.rows.owner()) { chunk.rows.len() } else { 0 };
        let (oldest, newest) = chunk.times();
        let admits = |time_ns: i64| self.admits(time_ns, chunk.arrived_ns(), chunk.seq_from());
        let all = admits(oldest) && admits(newest);
        (0..rows).filter(move |at| all || chunk.rows.get(*at).is_some_and(|row| self.admits(row.time_ns, row.arrived_ns, row.seq)))
    }
}

/// What can be said without looking. In this order, AND is the least of its parts and OR the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    /// Of no row.
    No,
    /// It depends on the row.
    Maybe,
    /// Of every row.
    Yes,
}

impl Answer {
    pub(super) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

/// What is known of some rows of a module before they are looked at.
struct Known<'a> {
    key: &'a ModuleKey,
    /// The owner of all of them.
    owner: Option<&'a Owner>,
    seqs: Range<u64>,
    /// Whether the owner is as the registry has it now: which version a row is of is not known then.
    registered: bool,
}

/// What can be said of a predicate for all rows of a module whose seqs lie in this range.
pub(super) fn of_module(predicate: &Predicate, key: &ModuleKey, seqs: Range<u64>) -> Answer {
    Known { key, owner: None, seqs, registered: false }.answer(predicate)
}

/// The same for all rows of a chunk, which have one owner.
pub(super) fn of_chunk(predicate: &Predicate, chunk: &Chunk) -> Answer {
    let owner = chunk.rows.owner();
    Known { key: &owner.key, owner: Some(owner), seqs: chunk.seq_from()..chunk.seq_to(), registered: false }.answer(predicate)
}

/// Whether rows of a registered instance can match.
pub(crate) fn may_be_of(predicate: &Predicate, owner: &Owner) -> bool {
    Known { key: &owner.key, owner: Some(owner), seqs: 0..u64::MAX, registered: true }.answer(predicate) != Answer::No
}

/// Whether a predicate says anything of whose a row is.
pub(crate) fn asks_for_owners(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().any(asks_for_owners),
        Predicate::Not(inner) => asks_for_owners(inner),
        Predicate::None => true,
        Predicate::Field(Field::Stamp(stamp), _) => {
            matches!(stamp, Stamp::Id | Stamp::Partner | Stamp::Module | Stamp::Instance | Stamp::Csp | Stamp::Environment)
        }
        _ => false,
    }
}

impl Known<'_> {
    fn answer(&self, predicate: &Predicate) -> Answer {
        match predicate {
            Predicate::All => Answer::Yes,
            Predicate::None => Answer::No,
            Predicate::And(all) => all.iter().map(|part| self.answer(part)).min().unwrap_or(Answer::Yes),
            Predicate::Or(any) => any.iter().map(|part| self.answer(part)).max().unwrap_or(Answer::No),
            Predicate::Not(inner) => self.answer(inner).not(),
            Predicate::Field(Field::Stamp(stamp), test) => self.of_stamp(*stamp, test),
            _ => Answer::Maybe,
        }
    }

    fn of_stamp(&self, stamp: Stamp, test: &Test) -> Answer {
        let from_bool = |yes: bool| if yes { Answer::Yes } else { Answer::No };
        match (stamp, self.owner) {
            (Stamp::Id, _) => match test {
                Test::Equals(id) => match parse_id(id) {
                    Some((module, seq)) if module == &*self.key.module && self.seqs.contains(&seq) => Answer::Maybe,
                    _ => Answer::No,
                },
                _ => Answer::Maybe,
            },
            (Stamp::Version | Stamp::Environment, _) if self.registered => Answer::Maybe,
            (Stamp::Partner, _) => from_bool(stamp_passes(&self.key.partner, test)),
            (Stamp::Module, _) => from_bool(stamp_passes(&self.key.module, test)),
            (stamp, Some(owner)) => owner_stamp(stamp, owner).map_or(Answer::Maybe, |value| from_bool(stamp_passes(value, test))),
            (_, None) => Answer::Maybe,
        }
    }
}
