//! A pack of live rows or a split as an ordered run of matching rows, read piece by piece: a pack at once, a split block by block.

use super::gate::Gate;
use super::lent::Lent;
use super::request::Order;
use super::source::{Seeker, SplitReader};
use super::ticker::Halt;
use crate::live::Pack;
use crate::row::{Position, Row};
use crate::split::Split;
use crate::split::block::{Block, BlockMeta};
use std::cmp::Ordering;
use std::io;
use std::ops::Range;

/// A place in the order asked for: greater comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    time: i64,
    module: usize,
    seq: u64,
    /// No row is here, and no row of the source comes before; at the same place that has to be looked at first.
    pub(super) bound: bool,
}

/// The order, and where reading begins in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course<'a> {
    pub(super) order: Order,
    pub(super) after: Option<&'a Position>,
}

/// A pack or split, and how far it was read.
pub(super) struct Source<'a> {
    pieces: Pieces<'a>,
    gate: Gate<'a>,
    course: Course<'a>,
    /// The module's number when all are sorted by name.
    module: usize,
    /// How the module's name compares with that of `after`.
    beside_after: Ordering,
    /// Matching rows of what was read last, as (rank, (block of a split or chunk of a pack, place in it)); the next one is at the end.
    ready: Vec<(Rank, (usize, usize))>,
    /// Matching rows of all pieces that were read, on either side of `after`.
    pub(super) matched: u64,
    /// Rows down to this one were read before their split was opened.
    first_to: Option<Rank>,
}

enum Pieces<'a> {
    /// `all` says that every row of it matches.
    Pack {
        pack: &'a Pack,
        all: bool,
        read: bool,
    },
    Split(Box<Blocks<'a>>),
}

struct Blocks<'a> {
    split: &'a Lent<'a>,
    looked: Looked<'a>,
    /// Blocks that are still to be read in order.
    left: Range<usize>,
    /// Which blocks were read.
    read: Vec<bool>,
}

/// What is known of a split.
enum Looked<'a> {
    /// Nothing yet.
    No,
    /// No row of it matches; it is not held.
    Void,
    Open(SplitReader<'a>),
}

impl Rank {
    pub(super) fn new(order: Order, time: i64, module: usize, seq: u64) -> Self {
        match order {
            Order::NewestFirst => Self { time, module, seq, bound: false },
            Order::OldestFirst => Self { time: !time, module: !module, seq: !seq, bound: false },
        }
    }

    fn bound(order: Order, time: i64, module: usize) -> Self {
        Self { seq: u64::MAX, bound: true, ..Self::new(order, time, module, 0) }
    }

    /// The bound of what comes behind this row.
    fn behind(self) -> Self {
        Self { bound: true, ..self }
    }
}

impl<'a> Source<'a> {
    pub(super) fn pack(pack: &'a Pack, all: bool, gate: Gate<'a>, course: Course<'a>, module: usize, name: &str) -> Self {
        Self::new(Pieces::Pack { pack, all, read: false }, gate, course, module, name)
    }

    pub(super) fn split(split: &'a Lent<'a>, gate: Gate<'a>, course: Course<'a>, module: usize, name: &str) -> Self {
        let blocks = Blocks { split, looked: Looked::No, left: 0..0, read: Vec::new() };
        Self::new(Pieces::Split(Box::new(blocks)), gate, course, module, name)
    }

    fn new(pieces: Pieces<'a>, gate: Gate<'a>, course: Course<'a>, module: usize, name: &str) -> Self {
        let beside_after = course.after.map_or(Ordering::Equal, |after| name.cmp(&after.module));
        Self { pieces, gate, course, module, beside_after, ready: Vec::new(), matched: 0, first_to: None }
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> u64 {
        match &self.pieces {
            Pieces::Pack { pack, .. } => pack.rows_len() as u64,
            Pieces::Split(blocks) => blocks.split.meta().rows,
        }
    }

    /// Whether it is a split.
    pub(super) fn is_split(&self) -> bool {
        matches!(&self.pieces, Pieces::Split(_))
    }

    /// Whether it is a split that was opened.
    pub(super) fn is_open_split(&self) -> bool {
        matches!(&self.pieces, Pieces::Split(blocks) if !matches!(blocks.looked, Looked::No))
    }

    /// Its next row, or the bound of what has to be read to know it; `None` at its end.
    pub(super) fn next(&self) -> Option<Rank> {
        self.ready.last().map(|(rank, _)| *rank).or_else(|| self.unread())
    }

    /// Matching rows that were read, each with its place; the next one is at the end.
    pub(super) fn ready(&self) -> &[(Rank, (usize, usize))] {
        &self.ready
    }

    /// The bound of what was not read; `None` when all was.
    pub(super) fn unread(&self) -> Option<Rank> {
        let (oldest, newest) = match &self.pieces {
            Pieces::Pack { read: true, .. } => return None,
            Pieces::Pack { pack, .. } => pack.times(),
            Pieces::Split(blocks) => match &blocks.looked {
                Looked::No => (blocks.split.meta().time_min_ns, blocks.split.meta().time_max_ns),
                Looked::Void => return None,
                Looked::Open(reader) if reader.first().is_some() => return self.first_to.map(Rank::behind),
                Looked::Open(reader) => {
                    let next = blocks.next(self.course.order)?;
                    let meta = reader.split.head().ok()?.blocks.get(next)?;
                    (meta.time_min_ns, meta.time_max_ns)
                }
            },
        };
        let order = self.course.order;
        let bound = Rank::bound(order, if order == Order::NewestFirst { newest } else { oldest }, self.module);
        Some(self.first_to.map_or(bound, |to| bound.min(to.behind())))
    }

    /// Reads on where [`Self::unread`] is: opens it, or reads a piece of it; the block that was read comes back.
    pub(super) fn read<'w>(&mut self, seeker: &Seeker<'a, 'w>) -> Result<Option<Block<'w>>, Halt>
    where
        'a: 'w,
    {
        let (order, module) = (self.course.order, self.module);
        let (mut found, mut read) = (Vec::new(), None);
        match &mut self.pieces {
            Pieces::Pack { pack, all, read } => {
                *read = true;
                seeker.pack(pack, *all, &self.gate, |at, row| {
                    found.push((Rank::new(order, row.time_ns, module, row.seq), at));
                    Ok(())
                })?;
            }
            Pieces::Split(blocks) => match &blocks.looked {
                Looked::No => {
                    let reader = blocks.open(Some(self.course), self.gate, seeker)?;
                    let first = reader.as_ref().and_then(|reader| Some((reader.first()?, reader)));
                    let first = first.map(|(first, reader)| first.read(reader, self.course, module, seeker)).transpose()?;
                    blocks.begin(reader, self.gate, self.course)?;
                    if let Some(first) = first {
                        // Nothing else is known of their block, so that it will be read again, and they are counted then.
                        self.add(first.found);
                        self.first_to = Some(first.to);
                    }
                    return Ok(None);
                }
                Looked::Void => {}
                Looked::Open(reader) if reader.first().is_some() => {
                    blocks.begin(blocks.open(None, self.gate, seeker)?, self.gate, self.course)?;
                }
                Looked::Open(reader) => {
                    let Some(at) = blocks.next(order) else { return Ok(None) };
                    let block = Block::new(reader.split, at, seeker.decoder)?;
                    for row in reader.matches(&block, seeker)?.iter() {
                        found.push((Rank::new(order, block.time(row)?, module, block.seq(row)?), (at, row)));
                    }
                    read = Some(block);
                    blocks.done(at, order);
                }
            },
        }
        self.matched += found.len() as u64;
        self.add(found);
        Ok(read)
    }

    /// Those that are behind `after`, the next one at the end. Those that were read first are there already, or were taken.
    fn add(&mut self, mut found: Vec<(Rank, (usize, usize))>) {
        for limit in [self.limit(), self.first_to].into_iter().flatten() {
            found.retain(|(rank, _)| *rank < limit);
        }
        self.ready.append(&mut found);
        self.ready.sort_unstable();
    }

    /// The rank that rows have to be behind of.
    fn limit(&self) -> Option<Rank> {
        let after = self.course.after?;
        let (order, module) = (self.course.order, self.module);
        // Rows of a module beside that of `after` are behind it at the same time or not at all.
        let seq = match (self.beside_after, order) {
            (Ordering::Equal, _) => after.seq,
            (Ordering::Less, _) => u64::MAX,
            (Ordering::Greater, _) => 0,
        };
        let rank = Rank::new(order, after.time_ns, module, seq);
        // At the ends of the range the row at the limit itself counts as well.
        Some(Rank { bound: self.beside_after == if order == Order::NewestFirst { Ordering::Less } else { Ordering::Greater }, ..rank })
    }

    /// Takes the row that [`Self::next`] is.
    pub(super) fn take(&mut self) -> Option<Taken<'a>> {
        let (_, (number, at)) = self.ready.pop()?;
        match &self.pieces {
            Pieces::Pack { pack, .. } => pack.chunks().get(number)?.rows.get(at).map(|row| Taken::Row(row.to_row())),
            Pieces::Split(blocks) => match &blocks.looked {
                Looked::Open(reader) => Some(Taken::Of { split: reader.split, block: number, row: at }),
                Looked::No | Looked::Void => None,
            },
        }
    }

    /// What was not read; see [`Self::matched`] for the others.
    pub(super) fn rest(&self) -> Rest<'_> {
        let gate = self.gate;
        match &self.pieces {
            Pieces::Pack { read: true, .. } => Rest::Nothing,
            Pieces::Pack { pack, all, .. } => Rest::Pack(pack, *all, gate),
            Pieces::Split(blocks) => match &blocks.looked {
                Looked::No => Rest::Split(blocks.split, gate),
                Looked::Void => Rest::Nothing,
                Looked::Open(reader) if reader.first().is_some() => Rest::Split(blocks.split, gate),
                Looked::Open(reader) if reader.is_void() || blocks.read.iter().all(|read| *read) => Rest::Nothing,
                Looked::Open(reader) => Rest::Open { split: blocks.split, reader, read: &blocks.read },
            },
        }
    }
}

/// A row that is the next one: itself, or where it is.
pub(super) enum Taken<'a> {
    Row(Row),
    Of { split: &'a Split, block: usize, row: usize },
}

/// What of a source was not read.
pub(super) enum Rest<'s> {
    Nothing,
    Pack(&'s Pack, bool, Gate<'s>),
    /// All of it: it was not opened, but for its first rows.
    Split(&'s Lent<'s>, Gate<'s>),
    Open {
        split: &'s Lent<'s>,
        reader: &'s SplitReader<'s>,
        /// The blocks that were read.
        read: &'s [bool],
    },
}

impl Rest<'_> {
    /// Counts the matching rows.
    pub(super) fn count<'s>(&'s self, seeker: &Seeker<'s, '_>) -> Result<u64, Halt> {
        match self {
            Self::Nothing => Ok(0),
            Self::Pack(pack, all, gate) => {
                let mut count = 0;
                seeker.pack(pack, *all, gate, |_, _| {
                    count += 1;
                    Ok(())
                })?;
                Ok(count)
            }
            Self::Split(split, gate) => {
                let split = split.borrow()?;
                // That it is opened.
                seeker.ticker.done(usize::try_from(split.meta.rows).unwrap_or(usize::MAX));
                count(&seeker.open(&split, *gate)?, &[], seeker)
            }
            Self::Open { split, reader, read } => {
                split.trim();
                count(reader, read, seeker)
            }
        }
    }
}

/// Counts the matching rows of a split in the blocks that were not read.
fn count(reader: &SplitReader<'_>, read: &[bool], seeker: &Seeker<'_, '_>) -> Result<u64, Halt> {
    let mut count = 0;
    for (at, meta) in reader.split.head()?.blocks.iter().enumerate().filter(|(at, _)| read.get(*at) != Some(&true)) {
        match reader.may_match(at).then(|| seeker.block(reader.split, at)).transpose()?.flatten() {
            Some(block) => count += reader.matches(&block, seeker)?.count(),
            None => seeker.ticker.done(meta.rows),
        }
    }
    seeker.ticker.look()?;
    Ok(count)
}

/// The blocks of a split that rows are wanted of.
pub(super) fn wanted_blocks(split: &Split, gate: Gate<'_>, course: Course<'_>) -> io::Result<Range<usize>> {
    let blocks = &split.head()?.blocks;
    let wanted = |meta: &BlockMeta| {
        let behind = course.after.is_none_or(|after| match course.order {
            Order::NewestFirst => meta.time_min_ns <= after.time_ns,
            Order::OldestFirst => meta.time_max_ns >= after.time_ns,
        });
        behind && gate.may_admit_block(meta)
    };
    let first = blocks.iter().position(wanted).unwrap_or(blocks.len());
    let last = blocks.iter().rposition(wanted).map_or(first, |last| last + 1);
    Ok(first..last)
}

impl<'a> Blocks<'a> {
    /// What the split's index says: with an order, it may be of the rows that come first alone.
    fn open(&self, course: Option<Course<'_>>, gate: Gate<'a>, seeker: &Seeker<'a, '_>) -> Result<Option<SplitReader<'a>>, Halt> {
        let reader = self.split.reader(seeker.predicate, gate, course, seeker.decoder, seeker.ticker)?;
        // A split is done twice: opened, and read.
        let times = reader.as_ref().map_or(2, |reader| usize::from(reader.first().is_none()) + usize::from(reader.is_void()));
        seeker.ticker.done(usize::try_from(self.split.meta().rows).unwrap_or(usize::MAX).saturating_mul(times));
        Ok(reader)
    }

    /// Begins to read; there is nothing to read without a reader.
    fn begin(&mut self, reader: Option<SplitReader<'a>>, gate: Gate<'a>, course: Course<'a>) -> Result<(), Halt> {
        let Some(reader) = reader else {
            self.looked = Looked::Void;
            return Ok(());
        };
        if !reader.is_void() {
            self.left = wanted_blocks(reader.split, gate, course)?;
            self.read = vec![false; reader.split.head()?.blocks.len()];
        }
        self.looked = Looked::Open(reader);
        self.skip(course.order);
        Ok(())
    }

    /// Passes over blocks that cannot match.
    fn skip(&mut self, order: Order) {
        let Looked::Open(reader) = &self.looked else { return };
        while !self.left.is_empty() {
            match order {
                Order::NewestFirst if !reader.may_match(self.left.end - 1) => self.left.end -= 1,
                Order::OldestFirst if !reader.may_match(self.left.start) => self.left.start += 1,
                _ => break,
            }
        }
    }

    /// The block that comes next.
    fn next(&self, order: Order) -> Option<usize> {
        match order {
            _ if self.left.is_empty() => None,
            Order::NewestFirst => Some(self.left.end - 1),
            Order::OldestFirst => Some(self.left.start),
        }
    }

    /// The next block was read.
    fn done(&mut self, block: usize, order: Order) {
        self.read.iter_mut().skip(block).take(1).for_each(|read| *read = true);
        match order {
            Order::NewestFirst => self.left.end = self.left.end.min(block),
            Order::OldestFirst => self.left.start = self.left.start.max(block + 1),
        }
        self.skip(order);
    }
}
