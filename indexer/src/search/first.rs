//! The rows of a split that come first. To know of all patterns and dictionaries of a split which of them match can take much longer than reading some rows, and these may be all that is
//! wanted before the reader sees something: then the question is asked of what they have of them.
//!
//! Invariant: what is compiled for these rows is right for them, and says nothing of others.

use super::gate::Gate;
use super::ordered::{Course, Rank, wanted_blocks};
use super::request::Order;
use super::source::{Seeker, SplitReader};
use super::ticker::Halt;
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::{Block, Decoder, ROWS_MAX, Stored};
use crate::split::field::Field;
use std::cell::OnceCell;
use std::io;
use std::ops::Range;

/// Rows that are asked alone.
pub(super) const ROWS: usize = 64;
/// They are asked alone where the whole split is more work than so many times theirs,
const TIMES: u64 = 4;
/// and so much: about half a millisecond.
const MORE: u64 = 2_048;

/// What has to be read, in patterns and entries.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Work {
    /// Of the whole split.
    pub(super) all: u64,
    /// For the first rows, about.
    pub(super) own: u64,
}

impl std::iter::Sum for Work {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self { all: sum.all + one.all, own: sum.own + one.own })
    }
}

/// Rows of a block.
type Rows<'a> = (Block<'a>, Range<usize>);

/// See the module.
pub(super) struct First<'a> {
    /// Looks for them: a block, and rows of it of which one is inside the gate.
    find: Box<dyn Fn() -> io::Result<Option<Rows<'a>>> + 'a>,
    /// Whether it is worth asking them alone.
    worth: fn(Work) -> bool,
    /// They, once they are asked alone.
    rows: OnceCell<Rows<'a>>,
}

impl<'a> First<'a> {
    /// The rows that are found so, which are looked for where it is worth asking them alone.
    pub(super) fn new(find: impl Fn() -> io::Result<Option<Rows<'a>>> + 'a, worth: fn(Work) -> bool) -> Self {
        Self { find: Box::new(find), worth, rows: OnceCell::new() }
    }

    /// The first rows of a split in their order.
    pub(super) fn of(split: &'a Split, gate: Gate<'a>, shown: &'a [bool], course: Course<'a>, decoder: &'a Decoder) -> Self {
        Self::new(move || first_rows(split, gate, shown, course, decoder), |work| work.all > MORE && work.all / TIMES > work.own)
    }

    /// Who they are, if they were asked alone.
    pub(super) fn alone(&self) -> Option<FirstRows> {
        self.rows.get().map(|(block, rows)| FirstRows { block: block.number(), rows: rows.clone() })
    }

    /// Itself, where so much would have to be done for the whole split.
    pub(super) fn alone_for(&self, work: Work) -> io::Result<Option<&Self>> {
        if !(self.worth)(work) {
            return Ok(None);
        }
        if self.rows.get().is_none() {
            let Some(rows) = (self.find)()? else { return Ok(None) };
            self.rows.get_or_init(|| rows);
        }
        Ok(Some(self))
    }

    /// What they have of a field; `None` when they have no value of it.
    pub(super) fn own(&self, field: &Field<'a>) -> io::Result<Option<Own>> {
        let Some((block, rows)) = self.rows.get() else { return Ok(None) };
        let column = block.column(field.number)?;
        if matches!(column.stored, Stored::None) {
            return Ok(None);
        }
        let values = block.start(&column, rows.start)?..block.start(&column, rows.end)?;
        let mut own = Own { patterns: Bits::none(field.patterns()), entries: Vec::new() };
        match &column.stored {
            Stored::None => {}
            Stored::Values(stored) => {
                for at in values.clone() {
                    own.patterns.set(stored.pattern(at)? as usize);
                }
            }
            Stored::Ordinals(ordinals) => {
                own.entries.extend(values.clone().filter_map(|at| ordinals.get(at)));
                own.entries.sort_unstable();
                own.entries.dedup();
                for entry in &own.entries {
                    let entry = *entry as usize;
                    own.patterns.set(column.entries(entry / ROWS_MAX)?.pattern(entry % ROWS_MAX)? as usize);
                }
            }
        }
        Ok((!values.is_empty()).then_some(own))
    }
}

/// The first rows of a split in their order, and their block; `None` when it has none.
fn first_rows<'a>(
    split: &'a Split,
    gate: Gate<'_>,
    shown: &[bool],
    course: Course<'_>,
    decoder: &'a Decoder,
) -> io::Result<Option<Rows<'a>>> {
    let mut blocks = wanted_blocks(split, gate, course)?;
    let newest_first = course.order == Order::NewestFirst;
    let Some(number) = (if newest_first { blocks.next_back() } else { blocks.next() }) else { return Ok(None) };
    let block = Block::new(split, number, decoder)?;
    let (times, inside) = (block.times()?, gate.block(&block, shown)?);
    let behind = |time: i64| course.after.is_none_or(|after| if newest_first { time <= after.time_ns } else { time >= after.time_ns });
    let mut wanted = inside.iter().filter(|row| times.get(*row).is_some_and(|time| behind(*time)));
    let rows =
        if newest_first { last_of(wanted) } else { wanted.next().map(|first| first..wanted.take(ROWS - 1).last().unwrap_or(first) + 1) };
    Ok(rows.map(|rows| (block, rows)))
}

/// From the first to the last of so many ascending rows at the end.
fn last_of(rows: impl Iterator<Item = usize>) -> Option<Range<usize>> {
    let rows: Vec<usize> = rows.collect();
    let own = rows.get(rows.len().saturating_sub(ROWS)..)?;
    Some(*own.first()?..own.last()? + 1)
}

/// What the first rows have of a field.
pub(super) struct Own {
    /// The patterns of its values.
    pub(super) patterns: Bits,
    /// The entries of its dictionary, ascending.
    pub(super) entries: Vec<u32>,
}

/// Which rows are the first ones.
#[derive(Debug, Clone)]
pub(super) struct FirstRows {
    pub(super) block: usize,
    pub(super) rows: Range<usize>,
}

/// First rows that were read.
pub(super) struct ReadFirst {
    /// Rows of the split that are not behind this one were read.
    pub(super) to: Rank,
    /// Their matches, each with its block and its row in it.
    pub(super) found: Vec<(Rank, (usize, usize))>,
}

impl FirstRows {
    /// Reads them with the reader that was made for them.
    pub(super) fn read(
        &self,
        reader: &SplitReader<'_>,
        course: Course<'_>,
        module: usize,
        seeker: &Seeker<'_, '_>,
    ) -> Result<ReadFirst, Halt> {
        let block = Block::new(reader.split, self.block, seeker.decoder)?;
        let rank = |row: usize| io::Result::Ok(Rank::new(course.order, block.time(row)?, module, block.seq(row)?));
        let mut found = Vec::new();
        for row in reader.matches_among(&block, &self.rows, seeker)?.iter() {
            found.push((rank(row)?, (self.block, row)));
        }
        let last = if course.order == Order::NewestFirst { self.rows.start } else { self.rows.end - 1 };
        Ok(ReadFirst { to: rank(last)?, found })
    }
}
