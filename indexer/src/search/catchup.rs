//! Rows in the order of arrival, from what a view holds: what a tail reads before it goes on with what comes.
//!
//! Blocks and chunks are looked at by their first arrival, and no further than the rows that are wanted; so a long absence is read in
//! pages of bounded memory.

use super::gate::{Answer, Gate, of_module};
use super::lent::Lent;
use super::matches::Matcher;
use super::needs::needs;
use super::predicate::Predicate;
use super::request::TailCursor;
use super::source::{Seeker, SplitReader};
use super::ticker::{Halt, Ticker};
use crate::filter::Words;
use crate::live::Chunk;
use crate::registry::Scope;
use crate::row::{Row, RowRef};
use crate::split::block::Decoder;
use crate::store::{ModuleView, View};
use std::collections::BinaryHeap;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

/// How long a page may take.
const PAGE_TIME_MAX: Duration = Duration::from_secs(60);

/// The next rows.
#[derive(Debug)]
pub(super) struct Page {
    /// In the order of arrival.
    pub(super) rows: Vec<Row>,
    /// Behind everything that was looked at: the last row, or the end of the view.
    pub(super) cursor: TailCursor,
    /// Whether the view has no more.
    pub(super) complete: bool,
}

/// Chunk or block with rows behind the cursor.
struct Piece {
    arrived_min_ns: i64,
    at: At,
}

#[derive(Debug, Clone, Copy)]
enum At {
    Chunk(usize),
    /// Reader, block.
    Block(usize, usize),
}

/// A matching row: its place in the order of arrival, its piece, its place in the piece.
type Found = (TailCursor, usize, usize);

/// When the first kept row of a module arrived, where rows before it are gone and may have arrived behind the cursor; the latest of all modules. Of a module
/// of which nothing is kept, nothing is known.
pub(super) fn kept_from(view: &View, predicate: &Predicate, after: TailCursor) -> Option<i64> {
    let asked = view.modules.iter().filter(|module| {
        let is_asked = of_module(predicate, &module.key, 0..u64::MAX) != Answer::No;
        is_asked && !module.key.is_quarantine() && module.visible_from_seq == 0
    });
    let kept = asked.filter_map(|module| {
        let splits = module.splits.iter().map(|split| (split.meta.seq_from, split.meta.arrived_min_ns));
        let live = module.chunks().filter_map(|chunk| chunk.rows.first()).map(|row| (row.seq, row.arrived_ns));
        splits.chain(live).reduce(|a, b| (a.0.min(b.0), a.1.min(b.1)))
    });
    kept.filter(|(seq, arrived_ns)| *seq > 0 && *arrived_ns > after.arrived_ns).map(|(_, arrived_ns)| arrived_ns).max()
}

/// The first `limit` rows behind `after` that match.
pub(super) fn page(
    view: &View,
    scope: &Scope,
    predicate: &Predicate,
    after: TailCursor,
    limit: usize,
    cancelled: &dyn Fn() -> bool,
) -> Result<Page, Halt> {
    let cancelled = |_: &Ticker<'_>| cancelled();
    let ticker = Ticker::new(Instant::now() + PAGE_TIME_MAX, &cancelled);
    let decoder = Decoder::new()?;
    let (held, matcher) = (AtomicUsize::new(0), Matcher::new(predicate));
    let modules = Lent::of(view, &held);
    let mut reading = Reading {
        seeker: Seeker { predicate, matcher: &matcher, decoder: &decoder, ticker: &ticker },
        after,
        chunks: Vec::new(),
        readers: Vec::new(),
        pieces: Vec::new(),
    };
    reading.list(&modules, view.as_of_ns, scope)?;
    reading.pieces.sort_by_key(|piece| piece.arrived_min_ns);
    let found = reading.search(limit)?;
    let rows = found.iter().map(|found| reading.row(found)).collect::<Result<Vec<_>, _>>()?;
    let end = TailCursor { arrived_ns: view.as_of_ns, seq: u64::MAX }.max(after);
    let complete = rows.len() < limit;
    let last = found.last().map_or(end, |(cursor, ..)| *cursor);
    Ok(Page { rows, cursor: if complete { end } else { last }, complete })
}

struct Reading<'a> {
    seeker: Seeker<'a, 'a>,
    after: TailCursor,
    chunks: Vec<(&'a Chunk, Gate<'a>)>,
    readers: Vec<SplitReader<'a>>,
    pieces: Vec<Piece>,
}

impl<'a> Reading<'a> {
    /// Lists the pieces with rows behind the cursor.
    fn list(&mut self, modules: &'a [(&'a ModuleView, Vec<Lent<'a>>)], as_of_ns: i64, scope: &'a Scope) -> Result<(), Halt> {
        let needs = needs(self.seeker.predicate, Words::Telling);
        for (module, splits) in modules {
            if of_module(self.seeker.predicate, &module.key, 0..u64::MAX) == Answer::No {
                continue;
            }
            let visible_from_seq = module.visible_from_seq;
            let gate = Gate { scope, from_ns: i64::MIN, to_ns: i64::MAX, as_of_ns, visible_from_seq };
            for chunk in module.chunks() {
                let arrived_min_ns = chunk.arrived_ns();
                if arrived_min_ns >= self.after.arrived_ns {
                    self.pieces.push(Piece { arrived_min_ns, at: At::Chunk(self.chunks.len()) });
                    self.chunks.push((chunk, gate));
                }
            }
            let is_behind = |split: &&Lent<'_>| split.meta().arrived_max_ns >= self.after.arrived_ns;
            for split in splits.iter().filter(is_behind).filter(|split| split.may_have(&needs)) {
                let Some(reader) = split
                    .reader(self.seeker.predicate, gate, None, self.seeker.decoder, self.seeker.ticker)?
                    .filter(|reader| !reader.is_void())
                else {
                    continue;
                };
                for (block, meta) in reader.split.head()?.blocks.iter().enumerate() {
                    if meta.arrived_max_ns >= self.after.arrived_ns && reader.may_match(block) {
                        let at = At::Block(self.readers.len(), block);
                        self.pieces.push(Piece { arrived_min_ns: meta.arrived_min_ns, at });
                    }
                }
                self.readers.push(reader);
            }
        }
        Ok(())
    }

    /// The first matching rows, in order.
    fn search(&self, limit: usize) -> Result<Vec<Found>, Halt> {
        let mut first: BinaryHeap<Found> = BinaryHeap::new();
        for (number, piece) in self.pieces.iter().enumerate() {
            let worst = first.peek().filter(|_| first.len() >= limit).map(|(cursor, ..)| *cursor);
            if worst.is_some_and(|worst| piece.arrived_min_ns > worst.arrived_ns) {
                break;
            }
            self.seeker.ticker.look()?;
            for (cursor, at) in self.matches(piece.at)? {
                if cursor > self.after {
                    first.push((cursor, number, at));
                    if first.len() > limit {
                        first.pop();
                    }
                }
            }
        }
        Ok(first.into_sorted_vec())
    }

    fn matches(&self, at: At) -> Result<Vec<(TailCursor, usize)>, Halt> {
        let mut found = Vec::new();
        match at {
            At::Chunk(at) => {
                let Some((chunk, gate)) = self.chunks.get(at) else { return Ok(found) };
                self.seeker.chunk(chunk, gate, |at, row| {
                    found.push((cursor_of(row), at));
                    Ok(())
                })?;
            }
            At::Block(reader, at) => {
                let Some(reader) = self.readers.get(reader) else { return Ok(found) };
                let Some(block) = self.seeker.block(reader.split, at)? else { return Ok(found) };
                for row in reader.matches(&block, &self.seeker)?.iter() {
                    let arrived_ns = block.whose(row)?.2;
                    found.push((TailCursor { arrived_ns, seq: block.seq(row)? }, row));
                }
            }
        }
        Ok(found)
    }

    fn row(&self, (_, piece, at): &Found) -> Result<Row, Halt> {
        let gone = || Halt::Store(std::io::Error::other("a row that was found is gone"));
        match self.pieces.get(*piece).ok_or_else(gone)?.at {
            At::Chunk(chunk) => self.chunks.get(chunk).and_then(|(chunk, _)| chunk.rows.get(*at)).map(RowRef::to_row).ok_or_else(gone),
            At::Block(reader, block) => {
                let reader = self.readers.get(reader).ok_or_else(gone)?;
                Ok(self.seeker.block(reader.split, block)?.ok_or_else(gone)?.row(*at)?)
            }
        }
    }
}

/// The place of a row in the order of arrival.
pub(super) fn cursor_of(row: RowRef<'_>) -> TailCursor {
    TailCursor { arrived_ns: row.arrived_ns, seq: row.seq }
}
