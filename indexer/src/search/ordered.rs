//! A pack of live rows or a split as an ordered run of matching rows, read piece by piece: a pack at once, a split block by block.

use super::ahead::{Ahead, Wanted};
use super::gate::Gate;
use super::lent::Lent;
use super::request::Order;
use super::source::{Seeker, SplitReader};
use super::ticker::Halt;
use crate::live::Pack;
use crate::row::{Position, Row, RowRef};
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
    current: Option<Block<'a>>,
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
}

impl<'a> Source<'a> {
    pub(super) fn pack(pack: &'a Pack, all: bool, gate: Gate<'a>, course: Course<'a>, module: usize, name: &str) -> Self {
        Self::new(Pieces::Pack { pack, all, read: false }, gate, course, module, name)
    }

    pub(super) fn split(split: &'a Lent<'a>, gate: Gate<'a>, course: Course<'a>, module: usize, name: &str) -> Self {
        let blocks = Blocks { split, looked: Looked::No, left: 0..0, read: Vec::new(), current: None };
        Self::new(Pieces::Split(Box::new(blocks)), gate, course, module, name)
    }

    fn new(pieces: Pieces<'a>, gate: Gate<'a>, course: Course<'a>, module: usize, name: &str) -> Self {
        let beside_after = course.after.map_or(Ordering::Equal, |after| name.cmp(&after.module));
        Self { pieces, gate, course, module, beside_after, ready: Vec::new(), matched: 0 }
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

    /// Whether rows of it wait for their turn.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Its next row, or the bound of what has to be read to know it; `None` at its end.
    pub(super) fn next(&self) -> Option<Rank> {
        if let Some((rank, _)) = self.ready.last() {
            return Some(*rank);
        }
        let (oldest, newest) = match &self.pieces {
            Pieces::Pack { read: true, .. } => return None,
            Pieces::Pack { pack, .. } => pack.times(),
            Pieces::Split(blocks) => match &blocks.looked {
                Looked::No => (blocks.split.meta().time_min_ns, blocks.split.meta().time_max_ns),
                Looked::Void => return None,
                Looked::Open(reader) => {
                    let next = blocks.next(self.course.order)?;
                    let meta = reader.split.head().ok()?.blocks.get(next)?;
                    (meta.time_min_ns, meta.time_max_ns)
                }
            },
        };
        let order = self.course.order;
        Some(Rank::bound(order, if order == Order::NewestFirst { newest } else { oldest }, self.module))
    }

    /// Reads on where [`Self::next`] was a bound.
    pub(super) fn read(&mut self, seeker: &Seeker<'a>) -> Result<(), Halt> {
        let (order, module) = (self.course.order, self.module);
        match &mut self.pieces {
            Pieces::Pack { pack, all, read } => {
                *read = true;
                let ready = &mut self.ready;
                seeker.pack(pack, *all, &self.gate, |at, row| {
                    ready.push((Rank::new(order, row.time_ns, module, row.seq), at));
                    Ok(())
                })?;
                self.matched += ready.len() as u64;
            }
            Pieces::Split(blocks) => match &blocks.looked {
                Looked::No => {
                    let first = |split: &Split| first_block(split, self.gate, self.course);
                    blocks.begin(blocks.reader(first, self.gate, seeker)?, self.gate, self.course)?;
                }
                Looked::Void => {}
                Looked::Open(reader) => {
                    let Some(at) = blocks.next(order) else { return Ok(()) };
                    if !reader.is_for(at) {
                        blocks.begin(blocks.reader(|_| Ok(None), self.gate, seeker)?, self.gate, self.course)?;
                        return Ok(());
                    }
                    let Some(block) = seeker.block(reader.split, at)? else { return Ok(()) };
                    let found = reader.matches(&block, seeker)?;
                    self.matched += found.count();
                    let ranks = found.iter().map(|row| Ok((Rank::new(order, block.time(row)?, module, block.seq(row)?), (at, row))));
                    self.ready = ranks.collect::<std::io::Result<_>>()?;
                    blocks.current = Some(block);
                    blocks.done(at..at + 1, order);
                }
            },
        }
        self.put_in_order();
        Ok(())
    }

    /// Those that are behind `after`, the next one at the end.
    fn put_in_order(&mut self) {
        if self.course.after.is_some() {
            let limit = self.limit();
            self.ready.retain(|(rank, _)| limit.is_none_or(|limit| *rank < limit));
        }
        self.ready.sort_unstable();
    }

    /// A split that was not opened yet, but for one block of it.
    pub(super) fn wanted(&self) -> Option<Wanted<'a>> {
        let Pieces::Split(blocks) = &self.pieces else { return None };
        let read = match &blocks.looked {
            Looked::No => None,
            Looked::Open(reader) if blocks.next(self.course.order).is_some_and(|next| !reader.is_for(next)) => reader.only(),
            Looked::Open(_) | Looked::Void => return None,
        };
        Some(Wanted { split: blocks.split, gate: self.gate, course: self.course, module: self.module, read })
    }

    /// It was opened.
    pub(super) fn opened(&mut self, ahead: Ahead<'a>) -> Result<(), Halt> {
        let Pieces::Split(blocks) = &mut self.pieces else { return Ok(()) };
        blocks.begin(ahead.reader, self.gate, self.course)?;
        if !ahead.blocks.is_empty() {
            blocks.done(ahead.blocks, self.course.order);
            self.matched += ahead.read.len() as u64;
            self.ready.extend(ahead.read);
            self.put_in_order();
        }
        Ok(())
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
    pub(super) fn take(&mut self, seeker: &Seeker<'a>) -> Result<Option<Row>, Halt> {
        let Some((_, (number, at))) = self.ready.pop() else { return Ok(None) };
        let blocks = match &mut self.pieces {
            Pieces::Pack { pack, .. } => return Ok(pack.chunks().get(number).and_then(|chunk| chunk.rows.get(at)).map(RowRef::to_row)),
            Pieces::Split(blocks) => blocks,
        };
        if blocks.current.as_ref().is_none_or(|block| block.number() != number)
            && let Looked::Open(reader) = &blocks.looked
        {
            blocks.current = seeker.block(reader.split, number)?;
        }
        Ok(blocks.current.as_ref().map(|block| block.row_for_reader(at)).transpose()?)
    }

    /// Lets go of the texts of the rows that wait; they are decoded again for their turn.
    pub(super) fn forget_texts(&mut self) {
        if let Pieces::Split(blocks) = &mut self.pieces
            && let Some(block) = &mut blocks.current
        {
            block.forget_texts();
        }
    }

    /// What was not read; see [`Self::matched`] for the others.
    pub(super) fn rest(&self) -> Rest<'_> {
        let gate = self.gate;
        match &self.pieces {
            Pieces::Pack { read: true, .. } => Rest::Nothing,
            Pieces::Pack { pack, all, .. } => Rest::Pack(pack, *all, gate),
            Pieces::Split(blocks) => match &blocks.looked {
                Looked::No => Rest::Split { split: blocks.split, gate, read: &[] },
                Looked::Void => Rest::Nothing,
                Looked::Open(reader) if reader.is_void() || blocks.read.iter().all(|read| *read) => Rest::Nothing,
                Looked::Open(reader) if reader.only().is_some() => Rest::Split { split: blocks.split, gate, read: &blocks.read },
                Looked::Open(reader) => Rest::Open { split: blocks.split, reader, read: &blocks.read },
            },
        }
    }
}

/// What of a source was not read.
pub(super) enum Rest<'s> {
    Nothing,
    Pack(&'s Pack, bool, Gate<'s>),
    /// It was not opened, but for one block.
    Split {
        split: &'s Lent<'s>,
        gate: Gate<'s>,
        /// The blocks that were read.
        read: &'s [bool],
    },
    Open {
        split: &'s Lent<'s>,
        reader: &'s SplitReader<'s>,
        /// The blocks that were read.
        read: &'s [bool],
    },
}

impl Rest<'_> {
    /// Counts the matching rows.
    pub(super) fn count<'s>(&'s self, seeker: &Seeker<'s>) -> Result<u64, Halt> {
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
            Self::Split { split, gate, read } => {
                let split = split.borrow()?;
                // That it is opened.
                seeker.ticker.done(usize::try_from(split.meta.rows).unwrap_or(usize::MAX));
                count(&seeker.open(&split, *gate)?, read, seeker)
            }
            Self::Open { split, reader, read } => {
                split.trim();
                count(reader, read, seeker)
            }
        }
    }
}

/// Counts the matching rows of a split in the blocks that were not read.
fn count<'s>(reader: &SplitReader<'s>, read: &[bool], seeker: &Seeker<'s>) -> Result<u64, Halt> {
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
fn wanted_blocks(split: &Split, gate: Gate<'_>, course: Course<'_>) -> io::Result<Range<usize>> {
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

/// The one that comes first.
pub(super) fn first_block(split: &Split, gate: Gate<'_>, course: Course<'_>) -> io::Result<Option<usize>> {
    let mut blocks = wanted_blocks(split, gate, course)?;
    Ok(if course.order == Order::NewestFirst { blocks.next_back() } else { blocks.next() })
}

impl<'a> Blocks<'a> {
    fn reader(
        &self,
        first: impl FnOnce(&Split) -> io::Result<Option<usize>>,
        gate: Gate<'a>,
        seeker: &Seeker<'a>,
    ) -> Result<Option<SplitReader<'a>>, Halt> {
        self.split.reader(seeker.predicate, gate, first, seeker.decoder, seeker.ticker)
    }

    /// Begins to read, or goes on behind the first block; there is nothing to read without a reader.
    fn begin(&mut self, reader: Option<SplitReader<'a>>, gate: Gate<'a>, course: Course<'a>) -> Result<(), Halt> {
        let Some(reader) = reader else {
            self.looked = Looked::Void;
            return Ok(());
        };
        if self.read.is_empty() && !reader.is_void() {
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

    /// The next blocks were read.
    fn done(&mut self, blocks: Range<usize>, order: Order) {
        let (start, end) = (blocks.start, blocks.end);
        self.read.get_mut(blocks).unwrap_or_default().fill(true);
        match order {
            Order::NewestFirst => self.left.end = self.left.end.min(start),
            Order::OldestFirst => self.left.start = self.left.start.max(end),
        }
        self.skip(order);
    }
}
