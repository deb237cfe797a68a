//! Published splits, opened when they are first looked into, and a bound on what of them is open and in memory.
//!
//! A store may have many thousands of splits, most of them small and seldom asked. What is known of a split without opening it (its owner, its times, its hourly counts, for a
//! small one the filter of its words) is in the catalog and in a [`Shelved`]; that decides whether a search has to look inside. Opened, a split is mapped and
//! has its head and index in memory.
//!
//! Invariants:
//! * So many splits are open and no more, but for those that somebody is reading: of the others the least recently used are closed.
//! * Mapped pages are the system's, yet they count as this process's memory wherever that is bounded. Over [`MAPPED_BYTES_MAX`] those of the splits that were not used lately are let go
//!   of: they stay in the system's cache, and come back by a fault when they are read again.
//! * A file is removed only after [`Shelved::keep_for_readers`]: who saw the split before it was taken out can read it to the end.

mod resident;
mod shelved;

pub use shelved::Shelved;

use crate::split::Split;
use crate::split::cache::Cache;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Patterns and rows of all splits that are kept in memory, bytes: part of the queries' budget.
const CACHE_BYTES_MAX: u64 = 64 << 20;
/// Splits that are open at once.
const OPEN_MAX: usize = 1_024;
/// What open splits have in memory together, bytes, estimated.
const OPEN_BYTES_MAX: u64 = 48 << 20;
/// Pages of files that are mapped and in memory, the program's own included, bytes.
const MAPPED_BYTES_MAX: u64 = 128 << 20;
/// Filters of small splits that are kept in memory, bytes. A split whose filter has no room is opened instead.
const FILTER_BYTES_MAX: usize = 48 << 20;
/// How often mapped pages are counted.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// What splits read often.
    cache: Arc<Cache>,
    open: Mutex<Open>,
    limits: Limits,
    filter_bytes: AtomicUsize,
    born: Instant,
    /// When mapped pages were counted, in steps of [`LOOK_EVERY`] since `born`.
    looked: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    open: usize,
    open_bytes: u64,
    mapped_bytes: u64,
    filter_bytes: usize,
}

/// The splits that are open, by their numbers.
#[derive(Debug, Default)]
struct Open {
    splits: HashMap<u64, Used>,
    bytes: u64,
    /// Counts uses.
    clock: u64,
}

#[derive(Debug)]
struct Used {
    split: Arc<Split>,
    /// In memory, estimated.
    bytes: u64,
    /// The clock when it was last asked for.
    at: u64,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        Self::with(Limits { open: OPEN_MAX, open_bytes: OPEN_BYTES_MAX, mapped_bytes: MAPPED_BYTES_MAX, filter_bytes: FILTER_BYTES_MAX })
    }

    fn with(limits: Limits) -> Self {
        Self {
            cache: Arc::new(Cache::new(CACHE_BYTES_MAX)),
            open: Mutex::default(),
            limits,
            filter_bytes: AtomicUsize::new(0),
            born: Instant::now(),
            looked: AtomicU64::new(0),
        }
    }

    /// Splits that are open.
    #[cfg(test)]
    pub(crate) fn opened(&self) -> usize {
        self.open.lock().splits.len()
    }

    /// A split that is open.
    fn get(&self, number: u64) -> Option<Arc<Split>> {
        let mut open = self.open.lock();
        open.clock += 1;
        let now = open.clock;
        open.splits.get_mut(&number).map(|used| {
            used.at = now;
            used.split.clone()
        })
    }

    /// Keeps a split open, and closes others when they are too many.
    fn put(&self, number: u64, split: &Arc<Split>) {
        let bytes = split.bytes_in_memory();
        let closed = {
            let mut open = self.open.lock();
            open.clock += 1;
            let used = Used { split: split.clone(), bytes, at: open.clock };
            open.bytes += bytes;
            if let Some(before) = open.splits.insert(number, used) {
                open.bytes -= before.bytes;
            }
            open.close_oldest(&self.limits)
        };
        // Unmapping takes a while: not under the lock.
        drop(closed);
    }

    /// Closes a split, unless somebody reads it.
    fn close(&self, number: u64) {
        let closed = self.open.lock().take(number);
        drop(closed);
    }

    /// Lets go of mapped pages when they are too many. Called whenever a split is asked for, so that a search through many is bounded while it runs.
    pub(crate) fn trim(&self) {
        let now = u64::try_from(self.born.elapsed().as_nanos() / LOOK_EVERY.as_nanos()).unwrap_or(u64::MAX);
        if self.looked.swap(now, Relaxed) == now {
            return;
        }
        if resident::mapped_bytes().is_none_or(|bytes| bytes <= self.limits.mapped_bytes) {
            return;
        }
        let mut open: Vec<(u64, Arc<Split>)> = self.open.lock().splits.values().map(|used| (used.at, used.split.clone())).collect();
        open.sort_unstable_by_key(|(at, _)| *at);
        // Half of it, so that the next time is not soon.
        for (_, split) in open {
            split.let_go_of_pages();
            if resident::mapped_bytes().is_none_or(|bytes| bytes <= self.limits.mapped_bytes / 2) {
                break;
            }
        }
    }

    /// Whether there is room for a filter; then it is taken.
    fn take_filter_bytes(&self, bytes: usize) -> bool {
        let more = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= self.limits.filter_bytes);
        self.filter_bytes.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    fn give_filter_bytes_back(&self, bytes: usize) {
        self.filter_bytes.fetch_sub(bytes, Relaxed);
    }
}

impl Open {
    fn take(&mut self, number: u64) -> Option<Used> {
        let taken = self.splits.remove(&number);
        self.bytes -= taken.as_ref().map_or(0, |used| used.bytes);
        taken
    }

    /// Takes out the least recently used until an eighth of the room is free, so that it is not done for each; the newest one stays.
    fn close_oldest(&mut self, limits: &Limits) -> Vec<Used> {
        if self.splits.len() <= limits.open && self.bytes <= limits.open_bytes {
            return Vec::new();
        }
        let mut by_use: Vec<(u64, u64)> = self.splits.iter().map(|(number, used)| (used.at, *number)).collect();
        by_use.sort_unstable();
        by_use.pop();
        let mut closed = Vec::new();
        for (_, number) in by_use {
            if self.splits.len() <= limits.open - limits.open / 8 && self.bytes <= limits.open_bytes - limits.open_bytes / 8 {
                break;
            }
            closed.extend(self.take(number));
        }
        closed
    }
}

#[cfg(test)]
mod tests;
