//! Splits that are opened before the first row is sent, on all threads that are free: when every match is counted, each of them is opened anyway. Of a split of which few
//! blocks can match, these are read at once.

use super::gate::Gate;
use super::lent::Lent;
use super::matches::Matcher;
use super::ordered::{Course, Rank};
use super::request::SearchRequest;
use super::source::{Seeker, SplitReader};
use super::ticker::{Halt, Ticker};
use crate::split::block::{Block, Decoder};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Splits that are kept open at most: each has some memory.
const SPLITS_MAX: usize = 1_024;
/// A split of which no more blocks can match is read at once.
const BLOCKS_MAX: usize = 16;
/// And if no more rows do: they are kept.
const ROWS_MAX: usize = 256;

/// What is to be opened.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) split: &'a Lent<'a>,
    pub(super) gate: Gate<'a>,
    pub(super) course: Course<'a>,
    /// The module's number in the order of names.
    pub(super) module: usize,
}

/// A split that was opened.
pub(super) struct Ahead<'a> {
    /// `None` when no row matches and it is not held.
    pub(super) reader: Option<SplitReader<'a>>,
    /// Where it was read as well: its matches, each with its block and its row in it.
    pub(super) read: Option<Vec<(Rank, (usize, usize))>>,
}

/// Opens them, with so many threads besides this one; what comes back are the first ones, in their order.
pub(super) fn open_ahead<'a>(
    wanted: &[Wanted<'a>],
    request: &'a SearchRequest,
    matcher: &Matcher<'_>,
    threads: usize,
    gone: &(dyn Fn() -> bool + Sync),
) -> Result<(Vec<Ahead<'a>>, u64), Halt> {
    let wanted = wanted.get(..SPLITS_MAX).unwrap_or(wanted);
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || -> Result<(Vec<(usize, Ahead<'a>)>, u64), Halt> {
        let cancelled = |_: &Ticker<'_>| stop.load(Relaxed) || gone();
        let ticker = Ticker::new(request.deadline, &cancelled);
        let decoder = Decoder::new()?;
        let mut opened = Vec::new();
        loop {
            let number = next.fetch_add(1, Relaxed);
            let Some(one) = wanted.get(number) else { return Ok((opened, ticker.rows_scanned.get())) };
            opened.push((number, one.open(request, matcher, &decoder, &ticker)?));
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
    fn open(&self, request: &'a SearchRequest, matcher: &Matcher<'_>, decoder: &Decoder, ticker: &Ticker<'_>) -> Result<Ahead<'a>, Halt> {
        let Self { split, gate, course, module } = *self;
        let Some(reader) = split.opened(&request.predicate, gate, decoder, ticker)? else { return Ok(Ahead { reader: None, read: None }) };
        if reader.blocks_left() > BLOCKS_MAX {
            return Ok(Ahead { reader: Some(reader), read: None });
        }
        let seeker = Seeker { predicate: &request.predicate, matcher, decoder, ticker };
        let mut read = Vec::new();
        for at in 0..reader.split.head()?.blocks.len() {
            if reader.may_match(at) {
                let block = Block::new(reader.split, at, decoder)?;
                for row in reader.matches(&block, &seeker)?.iter() {
                    read.push((Rank::new(course.order, block.time(row)?, module, block.seq(row)?), (at, row)));
                }
                if read.len() > ROWS_MAX {
                    return Ok(Ahead { reader: Some(reader), read: None });
                }
            }
        }
        Ok(Ahead { reader: Some(reader), read: Some(read) })
    }
}
