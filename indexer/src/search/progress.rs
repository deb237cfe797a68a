//! How far a search is, told to its reader by whichever of its threads looks next: splits are opened ahead and counted on several of them, and none of these is told to be silent.
//!
//! Invariant: what is done only grows; so does the share, once everything that is to be done was said.

use super::events::Sender;
use super::request::Event;
use super::ticker::Ticker;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How often progress is told.
const EVERY: Duration = Duration::from_millis(250);

/// See the module. The numbers of rows have nothing to do with one another beyond being told together.
pub(super) struct Progress<'a> {
    sender: &'a Sender,
    started: Instant,
    /// How long after the start it was told, ms.
    told_ms: AtomicU64,
    /// Rows that are to be done; those of a split that is opened ahead once more for that.
    expected: AtomicU64,
    /// Rows that are done, whether they were evaluated or the index decided.
    done: AtomicU64,
    /// Rows that the predicate was evaluated on.
    scanned: AtomicU64,
}

impl<'a> Progress<'a> {
    pub(super) fn new(sender: &'a Sender) -> Self {
        let zero = AtomicU64::default;
        Self { sender, started: Instant::now(), told_ms: zero(), expected: zero(), done: zero(), scanned: zero() }
    }

    /// So many rows more are to be done.
    pub(super) fn expect(&self, rows: u64) {
        self.expected.fetch_add(rows, Relaxed);
    }

    /// What a thread's ticker asks at each look: adds what the thread did since its look before, and tells how far the search is when it is time to. Whether nobody listens any more.
    pub(super) fn watch(&self) -> impl Fn(&Ticker<'_>) -> bool + '_ {
        let before = Cell::new((0, 0));
        move |ticker| {
            let now = (ticker.rows_done.get(), ticker.rows_scanned.get());
            let (done, scanned) = before.replace(now);
            self.done.fetch_add(now.0 - done, Relaxed);
            self.scanned.fetch_add(now.1 - scanned, Relaxed);
            if self.is_time() {
                self.tell();
            }
            self.sender.is_closed()
        }
    }

    /// Whether this thread is the one to tell.
    fn is_time(&self) -> bool {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (told, now) = (self.told_ms.load(Relaxed), ms(self.started.elapsed()));
        now >= told + ms(EVERY) && self.told_ms.compare_exchange(told, now, Relaxed, Relaxed).is_ok()
    }

    fn tell(&self) {
        #[allow(clippy::cast_precision_loss)] // A share for a progress bar.
        let share = self.done.load(Relaxed) as f64 / self.expected.load(Relaxed).max(1) as f64;
        // A full channel has news enough, and a closed one is noticed by whoever asked.
        let _ = self.sender.try_send(vec![Event::Progress { scanned: self.scanned.load(Relaxed), share: share.min(1.0) }]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::events::{Events, channel};
    use super::*;

    /// The next thing that was told: rows evaluated and the share.
    fn told(receiver: &mut Events) -> Option<(u64, f64)> {
        match receiver.try_recv() {
            Some(Event::Progress { scanned, share }) => Some((scanned, share)),
            _ => None,
        }
    }

    #[test]
    fn each_thread_tells_what_all_have_done_once_it_is_time() {
        let (sender, mut receiver) = channel(8);
        let mut progress = Progress::new(&sender);
        progress.expect(60);
        progress.expect(40);
        let soon = Instant::now() + Duration::from_secs(60);
        let look = |progress: &Progress<'_>, done: usize| {
            let watch = progress.watch();
            let ticker = Ticker::new(soon, &watch);
            ticker.done(done);
            ticker.row().unwrap();
            ticker.look().unwrap();
            // What was added once is not added again.
            ticker.look().unwrap();
        };
        look(&progress, 30);
        assert_eq!(told(&mut receiver), None, "not yet");
        progress.started = Instant::now().checked_sub(EVERY).unwrap();
        look(&progress, 20);
        assert_eq!(told(&mut receiver), Some((2, 0.5)));
        assert_eq!(told(&mut receiver), None, "once");
        progress.started = Instant::now().checked_sub(3 * EVERY).unwrap();
        look(&progress, 70);
        assert_eq!(told(&mut receiver), Some((3, 1.0)), "no more than all");
    }

    #[test]
    fn a_reader_that_is_gone_is_noticed_by_each_thread() {
        let (sender, receiver) = channel(1);
        let progress = Progress::new(&sender);
        let watch = progress.watch();
        let ticker = Ticker::new(Instant::now() + Duration::from_secs(60), &watch);
        assert!(ticker.look().is_ok());
        drop(receiver);
        assert!(ticker.look().is_err());
    }
}
