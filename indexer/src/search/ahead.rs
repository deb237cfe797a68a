//! Sources read ahead on all threads that are free, until so many of the next rows are known: for a search that counts every match each of them is read anyway, and the reader waits for
//! the rows.
//!
//! A source is read step by step, and the next step is always one of the source of which the next row may be unread: so nothing is read that the rows which are looked for do not need, but
//! for the steps that other threads are in. Nothing is sent from here.

use super::ordered::{Rank, Source};
use super::progress::Progress;
use super::request::SearchRequest;
use super::source::Seeker;
use super::ticker::{Halt, Ticker};
use crate::split::block::Decoder;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is known this soon is known before others are awake.
const ALONE: Duration = Duration::from_micros(500);

/// What is left to do, and what is known.
struct State<'s, 'a> {
    /// Sources that nobody reads now, by what may come next of their unread rows.
    open: BinaryHeap<Open<'s, 'a>>,
    /// The next rows that are known, the last of them on top.
    next: BinaryHeap<Reverse<Rank>>,
    /// So many of them are looked for.
    wanted: usize,
}

struct Open<'s, 'a> {
    unread: Rank,
    source: &'s mut Source<'a>,
}

/// Reads on until so many of the next rows of all sources are known, with so many threads besides this one. How many rows these evaluated the predicate on comes back.
pub(super) fn read_ahead<'a>(
    sources: &mut [Source<'a>],
    wanted: usize,
    seeker: &Seeker<'a, '_>,
    request: &'a SearchRequest,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<u64, Halt> {
    let state = Mutex::new(State::new(sources, wanted));
    let began = Instant::now();
    while began.elapsed() < ALONE {
        if !step(&state, seeker)? {
            return Ok(0);
        }
    }
    let stop = AtomicBool::new(false);
    let work = || -> Result<u64, Halt> {
        let watch = progress.watch();
        let cancelled = |ticker: &Ticker<'_>| watch(ticker) || stop.load(Relaxed);
        let ticker = Ticker::new(request.deadline, &cancelled);
        let decoder = Decoder::new()?;
        let seeker = Seeker { predicate: &request.predicate, matcher: seeker.matcher, decoder: &decoder, ticker: &ticker };
        while step(&state, &seeker)? {}
        Ok(ticker.rows_scanned.get())
    };
    let work = || work().inspect_err(|_| stop.store(true, Relaxed));
    let others = threads.min(lock(&state).open.len().saturating_sub(1));
    super::threads::all(others, work, |all, other| Ok(all + other))
}

/// Reads on in the source of which the next row may be unread; `false` when enough rows are known.
fn step<'a>(state: &Mutex<State<'_, 'a>>, seeker: &Seeker<'a, '_>) -> Result<bool, Halt> {
    let Some(source) = lock(state).take() else { return Ok(false) };
    seeker.ticker.look()?;
    let known = source.ready().len();
    source.read(seeker)?;
    lock(state).put_back(source, known);
    Ok(true)
}

fn lock<'m, 's, 'a>(state: &'m Mutex<State<'s, 'a>>) -> MutexGuard<'m, State<'s, 'a>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'s, 'a> State<'s, 'a> {
    fn new(sources: &'s mut [Source<'a>], wanted: usize) -> Self {
        let mut state = Self { open: BinaryHeap::new(), next: BinaryHeap::new(), wanted };
        sources.iter_mut().for_each(|source| state.put_back(source, 0));
        state
    }

    /// The source of which the next row may be unread; `None` when enough rows are known.
    fn take(&mut self) -> Option<&'s mut Source<'a>> {
        let unread = self.open.peek()?.unread;
        let last = self.next.peek().filter(|_| self.next.len() >= self.wanted);
        if last.is_some_and(|Reverse(last)| *last > unread) { None } else { self.open.pop().map(|open| open.source) }
    }

    /// A source that was read on; so many of the rows that wait in it were known before.
    fn put_back(&mut self, source: &'s mut Source<'a>, known: usize) {
        let ready = source.ready();
        // What was read later lies behind what was read before, and the next row is the last.
        let new = ready.get(..ready.len().saturating_sub(known)).unwrap_or_default();
        for (rank, _) in new.iter().rev().take(self.wanted) {
            self.next.push(Reverse(*rank));
            if self.next.len() > self.wanted {
                self.next.pop();
            }
        }
        if let Some(unread) = source.unread() {
            self.open.push(Open { unread, source });
        }
    }
}

impl PartialEq for Open<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        self.unread == other.unread
    }
}

impl Eq for Open<'_, '_> {}

impl PartialOrd for Open<'_, '_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Open<'_, '_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.unread.cmp(&other.unread)
    }
}
