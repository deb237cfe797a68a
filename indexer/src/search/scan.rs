//! Every matching row of a view, given to accumulators: on several threads where there are some, each with an accumulator of its own, which are put together at the end.
//!
//! Packs and splits are taken by whoever is free, the largest first. A thread more is only used when no other search waits for it.

use super::clues::Clues;
use super::gate::{Answer, Gate, of_module};
use super::matches::Matcher;
use super::needs::needs;
use super::predicate::Predicate;
use super::request::SearchError;
use super::source::Seeker;
use super::ticker::{Halt, Ticker};
use crate::filter::Words;
use crate::live::Pack;
use crate::registry::Scope;
use crate::row::RowRef;
use crate::shelf::Shelved;
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::{Block, Decoder};
use crate::store::View;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// Packs that one thread takes at once.
const PACKS: usize = 32;

/// What is made of matching rows. The same rows in any order, put together in any way, give the same.
pub(super) trait Sink: Send {
    /// A row of a live buffer.
    fn live(&mut self, row: RowRef<'_>) -> Result<(), Halt>;
    /// Rows of a block; blocks of a split come one after the other.
    fn block(&mut self, split: &Split, block: &Block<'_>, found: &Bits) -> Result<(), Halt>;
    /// The last block of this split was given.
    fn end_of_split(&mut self, split: &Split, decoder: &Decoder) -> Result<(), Halt>;
    /// Takes what another one has.
    fn add(&mut self, other: Self) -> Result<(), Halt>;
}

/// What is scanned, and how.
pub(super) struct Scan<'a> {
    pub(super) view: &'a View,
    pub(super) scope: &'a Scope,
    pub(super) predicate: &'a Predicate,
    pub(super) from_ns: i64,
    pub(super) to_ns: i64,
    pub(super) deadline: Instant,
    pub(super) cancelled: &'a (dyn Fn() -> bool + Sync),
    /// At least one.
    pub(super) threads: usize,
}

enum Item<'a> {
    Packs(&'a [Arc<Pack>], Gate<'a>),
    Split(&'a Shelved, Gate<'a>),
}

impl Item<'_> {
    fn rows(&self) -> u64 {
        match self {
            Self::Packs(packs, _) => packs.iter().map(|pack| pack.rows_len() as u64).sum::<u64>() * 8,
            Self::Split(split, _) => split.meta.rows,
        }
    }
}

impl<'a> Scan<'a> {
    /// Gives every matching row to sinks that `new` makes.
    pub(super) fn run<S: Sink>(&self, new: impl Fn() -> S + Sync) -> Result<S, SearchError> {
        let (items, matcher) = (self.items(), Matcher::new(self.predicate));
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            let done = self.work(&items, &matcher, &next, &stop, new());
            // Who fails ends the others.
            done.inspect_err(|_| stop.store(true, Relaxed))
        };
        let others = self.threads.min(items.len()).saturating_sub(1);
        let scanned = super::threads::all(others, work, |mut all: S, other| all.add(other).map(|()| all));
        // Nobody sees the answer to a cancelled request.
        scanned.map_err(|halt| halt.into_error().unwrap_or(SearchError::Deadline))
    }

    fn items(&self) -> Vec<Item<'a>> {
        let (mut items, needs) = (Vec::new(), needs(self.predicate, Words::Telling));
        for module in &self.view.modules {
            let gate = Gate {
                scope: self.scope,
                from_ns: self.from_ns,
                to_ns: self.to_ns,
                as_of_ns: i64::MAX,
                visible_from_seq: module.visible_from_seq,
            };
            let may = |seqs| of_module(self.predicate, &module.key, seqs) != Answer::No;
            if !may(0..u64::MAX) {
                continue;
            }
            items.extend(module.live.chunks(PACKS).map(|packs| Item::Packs(packs, gate)));
            for split in &module.splits {
                if gate.may_admit(&split.meta) && may(split.meta.seq_from..split.meta.seq_to) && split.may_have(&needs) {
                    items.push(Item::Split(split, gate));
                }
            }
        }
        items.sort_by_key(|item| std::cmp::Reverse(item.rows()));
        items
    }

    fn work<S: Sink>(
        &self,
        items: &[Item<'a>],
        matcher: &Matcher<'_>,
        next: &AtomicUsize,
        stop: &AtomicBool,
        mut sink: S,
    ) -> Result<S, Halt> {
        let cancelled = |_: &Ticker<'_>| stop.load(Relaxed) || (self.cancelled)();
        let ticker = Ticker::new(self.deadline, &cancelled);
        let decoder = Decoder::new()?;
        let clues = Clues::of(self.predicate);
        let seeker = Seeker { predicate: self.predicate, matcher, decoder: &decoder, ticker: &ticker };
        while let Some(item) = items.get(next.fetch_add(1, Relaxed)) {
            ticker.look()?;
            match item {
                Item::Packs(packs, gate) => {
                    for pack in *packs {
                        match clues.answer(pack) {
                            Answer::No => {}
                            answer => seeker.pack(pack, answer == Answer::Yes, gate, |_, row| sink.live(row))?,
                        }
                    }
                }
                Item::Split(split, gate) => scan_split(&*split.open()?, *gate, &seeker, &mut sink)?,
            }
        }
        Ok(sink)
    }
}

fn scan_split<'s>(split: &'s Split, gate: Gate<'s>, seeker: &Seeker<'s, '_>, sink: &mut impl Sink) -> Result<(), Halt> {
    let reader = seeker.open(split, gate)?;
    if reader.is_void() {
        return Ok(());
    }
    for (number, meta) in split.head()?.blocks.iter().enumerate() {
        if gate.may_admit_block(meta) && reader.may_match(number) {
            let block = Block::new(split, number, seeker.decoder)?;
            let found = reader.matches(&block, seeker)?;
            if !found.is_empty() {
                sink.block(split, &block, &found)?;
            }
        }
    }
    sink.end_of_split(split, seeker.decoder)
}
