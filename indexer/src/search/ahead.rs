//! Splits that are opened before the rows that they may have are sent, on all threads that are free: when every match is counted, each of them is opened anyway. Of a split of which few
//! blocks can match, the first of these are read at once; one that takes long to open is read in its first block alone, and opened when rows behind it are wanted.

use super::gate::Gate;
use super::lent::Lent;
use super::matches::Matcher;
use super::ordered::{Course, Rank, first_block};
use super::progress::Progress;
use super::request::{Order, SearchRequest};
use super::source::{Seeker, SplitReader};
use super::ticker::{Halt, Ticker};
use crate::split::Split;
use crate::split::block::{Block, Decoder};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Splits that are kept open at most: each has some memory.
const SPLITS_MAX: usize = 1_024;
/// A split of which no more blocks can match is read at once,
const BLOCKS_MAX: usize = 32;
/// or no more than these where texts are read for it: the first row waits for it.
const BLOCKS_OF_TEXTS_MAX: usize = 16;
/// Until so many rows match: they are kept.
const ROWS_MAX: usize = 256;

/// What is to be opened.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) split: &'a Lent<'a>,
    pub(super) gate: Gate<'a>,
    pub(super) course: Course<'a>,
    /// The module's number in the order of names.
    pub(super) module: usize,
    /// The block that was read already.
    pub(super) read: Option<usize>,
}

/// A split that was opened.
pub(super) struct Ahead<'a> {
    /// `None` when no row matches and it is not held.
    pub(super) reader: Option<SplitReader<'a>>,
    /// The blocks that were read, the first ones in the order asked for; those that cannot match are passed over.
    pub(super) blocks: Range<usize>,
    /// Their matches, each with its block and its row in it.
    pub(super) read: Vec<(Rank, (usize, usize))>,
}

/// Opens them, with so many threads besides this one; what comes back are the first ones, in their order.
pub(super) fn open_ahead<'a>(
    wanted: &[Wanted<'a>],
    request: &'a SearchRequest,
    matcher: &Matcher<'_>,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<(Vec<Ahead<'a>>, u64), Halt> {
    let wanted = wanted.get(..SPLITS_MAX).unwrap_or(wanted);
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || -> Result<(Vec<(usize, Ahead<'a>)>, u64), Halt> {
        let watch = progress.watch();
        let cancelled = |ticker: &Ticker<'_>| watch(ticker) || stop.load(Relaxed);
        let ticker = Ticker::new(request.deadline, &cancelled);
        let decoder = Decoder::new()?;
        let mut opened = Vec::new();
        loop {
            let number = next.fetch_add(1, Relaxed);
            let Some(one) = wanted.get(number) else { return Ok((opened, ticker.rows_scanned.get())) };
            let ahead = one.open(request, matcher, &decoder, &ticker)?;
            // One without a match is done twice: opened and read.
            let times = ahead.reader.as_ref().map_or(2, |reader| usize::from(reader.only().is_none()));
            ticker.done(usize::try_from(one.split.meta().rows).unwrap_or(usize::MAX) * times);
            ticker.look()?;
            opened.push((number, ahead));
        }
    };
    let work = || work().inspect_err(|_| stop.store(true, Relaxed));
    let (mut opened, scanned) = super::threads::all(threads.min(wanted.len().saturating_sub(1)), work, |mut all, other| {
        all.0.extend(other.0);
        Ok((all.0, all.1 + other.1))
    })?;
    opened.sort_unstable_by_key(|(number, _)| *number);
    Ok((opened.into_iter().map(|(_, ahead)| ahead).collect(), scanned))
}

impl<'a> Wanted<'a> {
    /// Whether rows of this one can come before the last row of the other.
    pub(super) fn is_beside(&self, other: Self) -> bool {
        let (own, other) = (self.split.meta(), other.split.meta());
        match self.course.order {
            Order::NewestFirst => own.time_max_ns >= other.time_min_ns,
            Order::OldestFirst => own.time_min_ns <= other.time_max_ns,
        }
    }

    fn open(&self, request: &'a SearchRequest, matcher: &Matcher<'_>, decoder: &Decoder, ticker: &Ticker<'_>) -> Result<Ahead<'a>, Halt> {
        let mut ahead = Ahead { reader: None, blocks: 0..0, read: Vec::new() };
        let first = |split: &Split| if self.read.is_none() { first_block(split, self.gate, self.course) } else { Ok(None) };
        let Some(reader) = self.split.reader(&request.predicate, self.gate, first, decoder, ticker)? else { return Ok(ahead) };
        let seeker = Seeker { predicate: &request.predicate, matcher, decoder, ticker };
        // What nobody will see is counted only, which is less work.
        let rows_max = request.limit.min(ROWS_MAX);
        let blocks = reader.split.head()?.blocks.len();
        let left = match (reader.only(), self.read, self.course.order) {
            (Some(only), ..) => only..only + 1,
            _ if reader.blocks_left() > if reader.reads_texts() { BLOCKS_OF_TEXTS_MAX } else { BLOCKS_MAX } => 0..0,
            (None, read, Order::NewestFirst) => 0..read.unwrap_or(blocks),
            (None, read, Order::OldestFirst) => read.map_or(0, |read| read + 1)..blocks,
        };
        ahead.blocks = self.read(&reader, left, rows_max, &seeker, &mut ahead.read)?;
        ahead.reader = Some(reader);
        Ok(ahead)
    }

    /// Reads blocks in the order asked for until so many rows match; those that were read come back.
    fn read(
        &self,
        reader: &SplitReader<'a>,
        mut left: Range<usize>,
        rows_max: usize,
        seeker: &Seeker<'_>,
        found: &mut Vec<(Rank, (usize, usize))>,
    ) -> Result<Range<usize>, Halt> {
        let all = left.clone();
        let newest_first = self.course.order == Order::NewestFirst;
        while found.len() <= rows_max
            && let Some(at) = if newest_first { left.next_back() } else { left.next() }
        {
            let block = Block::new(reader.split, at, seeker.decoder)?;
            if reader.may_match(at) {
                for row in reader.matches(&block, seeker)?.iter() {
                    found.push((Rank::new(self.course.order, block.time(row)?, self.module, block.seq(row)?), (at, row)));
                }
            } else {
                seeker.ticker.done(block.meta.rows);
            }
        }
        Ok(if newest_first { left.end..all.end } else { all.start..left.start })
    }
}
