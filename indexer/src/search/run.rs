//! Rows in their order, over live buffers and splits together, with an early stop.
//!
//! Each pack of live rows and each split is a *source*. A heap holds for each source either its next matching row or, while that is not known, a bound
//! that no row of it can be before. The top of the heap is looked at: a bound makes its source read on; a row is the next of all rows and is sent.
//! So only as many blocks are read as the wanted rows need, and live rows that overlap splits in time come in their place.

use super::ahead::read_ahead;
use super::clues::Clues;
use super::entry::more;
use super::events::{Reader, Sender};
use super::gate::{Answer, Gate, of_module};
use super::lent::Lent;
use super::matches::Matcher;
use super::needs::needs;
use super::ordered::{Course, Rank, Rest, Source, Taken};
use super::progress::Progress;
use super::request::{Event, SearchRequest, Summary};
use super::source::Seeker;
use super::ticker::{Halt, Ticker};
use super::turn::Turn;
use crate::filter::Words;
use crate::registry::Scope;
use crate::row::Row;
use crate::split::block::{Block, Decoder};
use crate::store::{ModuleView, View};
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long a summary waits for a reader that does not read.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// Blocks that are kept as far as they were decoded while their rows wait, some tens of KB each; others are decoded again, so that a search over thousands of modules stays within its
/// memory.
const BLOCKS_KEPT_MAX: usize = 256;
/// Rows that are looked for at once: where each of them is is kept.
const AHEAD_MAX: usize = 256;

/// Answers a request from what a view holds. The last event is a summary or an error, unless nobody listens any more.
pub(super) fn execute(view: &View, scope: &Scope, request: &SearchRequest, sender: &Sender, turn: &Turn) {
    let progress = Progress::new(sender);
    let watch = progress.watch();
    let ticker = Ticker::new(request.deadline, &watch);
    let reader = Reader::new(sender, turn);
    let (held, matcher) = (AtomicUsize::new(0), Matcher::new(&request.predicate));
    let mut modules = Lent::of(view, &held);
    modules.sort_by(|(a, _), (b, _)| a.key.module.cmp(&b.key.module));
    let done = Decoder::new().map_err(Halt::from).and_then(|decoder| {
        let seeker = Seeker { predicate: &request.predicate, matcher: &matcher, decoder: &decoder, ticker: &ticker };
        Search::new(&modules, view.as_of_ns, scope, request, seeker, &progress, &reader).run()
    });
    let last = match done {
        Ok(summary) => Some(Event::Summary(summary)),
        Err(halt) => halt.into_error().map(Event::Error),
    };
    // Who asks again at once finds all threads free.
    turn.end();
    // What was found before it failed comes before the failure.
    let _ = reader.flush(Instant::now() + LAST_WAIT);
    if let Some(last) = last {
        // A reader that is gone, or does not read, sees the channel end without a summary: the answer is incomplete.
        let _ = reader.send(vec![last], Instant::now() + LAST_WAIT);
    }
}

struct Search<'a> {
    request: &'a SearchRequest,
    seeker: Seeker<'a, 'a>,
    progress: &'a Progress<'a>,
    reader: &'a Reader<'a>,
    sources: Vec<Source<'a>>,
    /// What comes next of each source, by its number.
    heads: BinaryHeap<(Rank, usize)>,
    clues: Clues,
    /// What a row that matches surely has, for splits.
    split_needs: Vec<Vec<u64>>,
    summary: Summary,
    /// Rows that the predicate was evaluated on by other threads.
    scanned_elsewhere: u64,
    started: Instant,
    blocks: Blocks<'a>,
}

impl<'a> Search<'a> {
    /// `modules` are sorted by name.
    fn new(
        modules: &'a [(&'a ModuleView, Vec<Lent<'a>>)],
        as_of_ns: i64,
        scope: &'a Scope,
        request: &'a SearchRequest,
        seeker: Seeker<'a, 'a>,
        progress: &'a Progress<'a>,
        reader: &'a Reader<'a>,
    ) -> Self {
        let as_of_ns = request.as_of_ns.unwrap_or(as_of_ns);
        let mut search = Self {
            request,
            seeker,
            progress,
            reader,
            sources: Vec::new(),
            heads: BinaryHeap::new(),
            clues: Clues::of(&request.predicate),
            split_needs: needs(&request.predicate, Words::Telling),
            summary: Summary { as_of_ns, ..Summary::default() },
            scanned_elsewhere: 0,
            started: Instant::now(),
            blocks: Blocks::default(),
        };
        for (number, (module, splits)) in modules.iter().enumerate() {
            let gate = Gate { scope, from_ns: request.from_ns, to_ns: request.to_ns, as_of_ns, visible_from_seq: module.visible_from_seq };
            search.add(module, splits, gate, number);
        }
        // Splits are opened, and then read.
        let times = |source: &Source<'_>| if source.is_split() { 2 } else { 1 };
        progress.expect(search.sources.iter().map(|source| source.rows() * times(source)).sum());
        search.heads = search.sources.iter().enumerate().filter_map(|(at, source)| Some((source.next()?, at))).collect();
        search
    }

    /// Adds the sources of a module that the statistics do not rule out.
    fn add(&mut self, module: &'a ModuleView, splits: &'a [Lent<'a>], gate: Gate<'a>, number: usize) {
        let course = Course { order: self.request.order, after: self.request.after.as_ref() };
        let name = &*module.key.module;
        let predicate = &self.request.predicate;
        for split in splits {
            let seqs = split.meta().seq_from..split.meta().seq_to;
            let may = gate.may_admit(split.meta()) && of_module(predicate, &module.key, seqs) != Answer::No;
            if may && split.may_have(&self.split_needs) {
                self.sources.push(Source::split(split, gate, course, number, name));
            } else {
                self.summary.splits_pruned += 1;
            }
        }
        for pack in &module.live {
            match self.clues.answer(pack) {
                Answer::No => {}
                answer => self.sources.push(Source::pack(pack, answer == Answer::Yes, gate, course, number, name)),
            }
        }
    }

    fn run(mut self) -> Result<Summary, Halt> {
        let ended = self.rows()?;
        self.reader.flush(self.request.deadline)?;
        let read: u64 = self.sources.iter().map(|source| source.matched).sum();
        if self.request.count {
            let (matched, scanned) = self.count_rest()?;
            self.summary.matched = read + matched;
            self.scanned_elsewhere += scanned;
            self.summary.exact = true;
        } else {
            self.summary.matched = self.summary.returned + u64::from(self.summary.more);
            self.summary.exact = ended && self.request.after.is_none();
        }
        self.summary.splits =
            self.sources.iter().filter(|source| self.request.count && source.is_split() || source.is_open_split()).count() as u64;
        self.summary.rows_scanned = self.seeker.ticker.rows_scanned.get() + self.scanned_elsewhere;
        self.summary.elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(self.summary)
    }

    /// Counts the matching rows of what was not read for the rows that were sent, on all threads that are free; and the texts that were read for it.
    fn count_rest(&self) -> Result<(u64, u64), Halt> {
        let more = more(self.reader.threads());
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (request, matcher, progress) = (self.request, self.seeker.matcher, self.progress);
        let rests: Vec<_> = self.sources.iter().map(Source::rest).filter(|rest| !matches!(rest, Rest::Nothing)).collect();
        if rests.is_empty() {
            return Ok((0, 0));
        }
        let work = || -> Result<(u64, u64), Halt> {
            let watch = progress.watch();
            let cancelled = |ticker: &Ticker<'_>| watch(ticker) || stop.load(Relaxed);
            let ticker = Ticker::new(request.deadline, &cancelled);
            let decoder = Decoder::new()?;
            let seeker = Seeker { predicate: &request.predicate, matcher, decoder: &decoder, ticker: &ticker };
            let mut count = 0;
            while let Some(rest) = rests.get(next.fetch_add(1, Relaxed)) {
                count += rest.count(&seeker)?;
            }
            Ok((count, ticker.rows_scanned.get()))
        };
        let work = || work().inspect_err(|_| stop.store(true, Relaxed));
        let others = more.len().min(rests.len().saturating_sub(1));
        super::threads::all(others, work, |all, other| Ok((all.0 + other.0, all.1 + other.1)))
    }

    /// Reads on, on all threads that are free, to the first row, and then to a page of them.
    fn read_ahead(&mut self) -> Result<(), Halt> {
        let left = self.request.limit.saturating_sub(usize::try_from(self.summary.returned).unwrap_or(usize::MAX));
        let wanted = if self.summary.returned == 0 { 1 } else { left.saturating_add(1).min(AHEAD_MAX) };
        let more = more(self.reader.threads());
        self.scanned_elsewhere += read_ahead(&mut self.sources, wanted, &self.seeker, self.request, more.len(), self.progress)?;
        self.heads = self.sources.iter().enumerate().filter_map(|(at, source)| Some((source.next()?, at))).collect();
        Ok(())
    }

    /// Sends the rows; whether there was no further one.
    fn rows(&mut self) -> Result<bool, Halt> {
        while let Some((rank, at)) = self.heads.pop() {
            self.seeker.ticker.look()?;
            let Some(source) = self.sources.get_mut(at) else { continue };
            if rank.bound {
                // Nobody waits for a row that was found while others are looked for.
                self.reader.flush(self.request.deadline)?;
                if self.request.count {
                    self.read_ahead()?;
                    continue;
                }
                if let Some(block) = source.read(&self.seeker)? {
                    self.blocks.keep(at, block);
                }
            } else {
                if self.summary.returned >= self.request.limit as u64 {
                    self.summary.more = true;
                    return Ok(false);
                }
                if let Some(taken) = source.take() {
                    let is_last = source.ready().is_empty();
                    let row = self.blocks.row(at, taken, self.seeker.decoder)?;
                    if is_last {
                        self.blocks.let_go(at);
                    }
                    self.reader.row(row, self.request.deadline)?;
                    self.summary.returned += 1;
                }
            }
            if let Some(rank) = self.sources.get(at).and_then(Source::next) {
                self.heads.push((rank, at));
            }
        }
        Ok(true)
    }
}

/// The blocks that the rows which are sent are of, by the number of their source.
#[derive(Default)]
struct Blocks<'a>(HashMap<usize, Block<'a>>);

impl<'a> Blocks<'a> {
    fn keep(&mut self, source: usize, block: Block<'a>) {
        if self.0.len() >= BLOCKS_KEPT_MAX && !self.0.contains_key(&source) {
            // Any one: the rows of many sources come in turn, so that none is better than another.
            let other = self.0.keys().next().copied();
            other.and_then(|other| self.0.remove(&other));
        }
        self.0.insert(source, block);
    }

    /// No row of the source waits.
    fn let_go(&mut self, source: usize) {
        self.0.remove(&source);
    }

    /// The whole row.
    fn row(&mut self, source: usize, taken: Taken<'a>, decoder: &'a Decoder) -> Result<Row, Halt> {
        let (split, number, row) = match taken {
            Taken::Row(row) => return Ok(row),
            Taken::Of { split, block, row } => (split, block, row),
        };
        if let Some(block) = self.0.get(&source).filter(|block| block.number() == number) {
            return Ok(block.row_for_reader(row)?);
        }
        let block = Block::new(split, number, decoder)?;
        let whole = block.row_for_reader(row)?;
        self.keep(source, block);
        Ok(whole)
    }
}
