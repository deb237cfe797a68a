//! Writing: one thread takes what is queued, writes it as one group, syncs it, and hands it to the sink in the order of the LSNs.

use super::log::Log;
use super::record;
use super::segment::Segments;
use super::{Failure, WalCounters};
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What may wait for the writer, bytes. One group is at most as large.
const QUEUE_BYTES_MAX: usize = 64 << 20;
/// A group is closed when it has this many bytes, so that the first of a long queue does not wait for the last.
pub(super) const GROUP_BYTES: usize = 4 << 20;
/// The largest payload: a pushed body of 16 MiB, each of whose bytes may have become a replacement character of three, and what was resolved, bytes.
pub(super) const PAYLOAD_BYTES_MAX: usize = 56 << 20;
/// A seal that no group has synced for this long is synced by itself: long enough that a busy log never does, short beside the seconds that the
/// kernel would wait.
const SYNC_SEAL_AFTER: Duration = Duration::from_millis(20);

/// What a record carries, in two pieces so that the long one need not be copied to be queued. Together never empty.
#[derive(Debug, Clone, Default)]
pub struct Payload {
    /// First.
    pub head: Vec<u8>,
    /// Then.
    pub body: Bytes,
}

/// Where records go when they are durable, on the writer's thread.
pub trait Sink<T>: Send {
    /// These are on disk, in ascending LSN; a submission without a payload has the LSN of the last one before it.
    fn durable(&mut self, done: Vec<(u64, T)>);

    /// These are not, nor is anything behind them; the queue is empty and takes nothing until `reopen` is called (which has no effect when the log is
    /// broken), so that what was derived from them can be taken back first.
    fn failed(&mut self, tickets: Vec<T>, failure: &Failure, reopen: &dyn Fn());
}

/// Why a payload was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// As much as may wait does.
    #[error("the write-ahead log has {QUEUE_BYTES_MAX} bytes waiting")]
    Busy,
    /// A group has just failed and what follows from that is being settled.
    #[error("the write-ahead log has no space")]
    Stalled,
    /// The disk failed.
    #[error("the write-ahead log has failed: {0}")]
    Broken(Arc<str>),
    /// It is closed.
    #[error("the write-ahead log is closed")]
    Closed,
    /// Over the limit of one record.
    #[error("{0} bytes are over the limit of {PAYLOAD_BYTES_MAX} for one record of the write-ahead log")]
    TooLarge(usize),
}

/// A running log. `T` is what comes back to the sink when its payload is durable.
#[derive(Debug)]
pub struct Wal<T> {
    shared: Arc<Shared<T>>,
    pub(super) segments: Arc<Segments>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared<T> {
    queue: Mutex<Queue<T>>,
    wake: Condvar,
    counters: WalCounters,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<Item<T>>,
    bytes: usize,
    /// The segment that is written is to be ended before what is queued.
    roll: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    Stalled,
    Broken(Arc<str>),
    /// Write what is queued, seal, and end.
    Closing,
    /// End at once.
    Abandoned,
}

#[derive(Debug)]
struct Item<T> {
    payload: Option<Payload>,
    ticket: T,
}

impl Payload {
    /// Bytes of both pieces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Send + 'static> Wal<T> {
    pub(super) fn start(log: Log, sink: impl Sink<T> + 'static) -> io::Result<Self> {
        let counters = WalCounters::default();
        counters.durable_lsn.store(log.durable, Relaxed);
        let queue = Mutex::new(Queue { items: VecDeque::new(), bytes: 0, roll: false, state: State::Open });
        let shared = Arc::new(Shared { queue, wake: Condvar::new(), counters });
        let segments = log.segments.clone();
        let writer = Writer { shared: shared.clone(), log, sink };
        let thread = std::thread::Builder::new().name("wal".into()).spawn(move || writer.run())?;
        Ok(Self { shared, segments, thread: Mutex::new(Some(thread)) })
    }

    /// Queues a payload; the sink gets the ticket when it is durable, or failed. Without a payload the ticket comes back when everything queued before is
    /// durable. Never waits.
    ///
    /// # Errors
    /// When it was not taken; then the ticket is dropped.
    pub fn submit(&self, payload: Option<Payload>, ticket: T) -> Result<(), SubmitError> {
        self.enqueue(payload, ticket, false)
    }

    /// A submission without a payload, before which the segment is ended.
    pub(super) fn submit_rolling(&self, ticket: T) -> Result<(), SubmitError> {
        self.enqueue(None, ticket, true)
    }

    fn enqueue(&self, payload: Option<Payload>, ticket: T, roll: bool) -> Result<(), SubmitError> {
        let bytes = payload.as_ref().map_or(0, Payload::len);
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(SubmitError::TooLarge(bytes));
        }
        let mut queue = self.shared.queue.lock();
        match &queue.state {
            State::Open if queue.bytes + bytes > QUEUE_BYTES_MAX => Err(SubmitError::Busy),
            State::Open => {
                queue.bytes += bytes;
                queue.roll |= roll;
                queue.items.push_back(Item { payload, ticket });
                self.shared.wake.notify_one();
                Ok(())
            }
            State::Stalled => Err(SubmitError::Stalled),
            State::Broken(reason) => Err(SubmitError::Broken(reason.clone())),
            State::Closing | State::Abandoned => Err(SubmitError::Closed),
        }
    }

    /// Lets go of the segments that hold only records below this LSN.
    ///
    /// # Errors
    /// When a file cannot be renamed or removed; the rest is kept.
    pub fn release(&self, keep_from: u64) -> io::Result<usize> {
        self.segments.release(keep_from)
    }

    /// Makes a spare segment when there is none and the one that is written is half full.
    ///
    /// # Errors
    /// When there is no room; nothing is lost by that.
    pub fn prepare_when_half_full(&self) -> io::Result<()> {
        let half = self.segments.bytes / 2;
        if self.shared.counters.segment_used.load(Relaxed) > half { self.segments.prepare() } else { Ok(()) }
    }

    /// Bytes of the segments that are needed.
    #[must_use]
    pub fn bytes_used(&self) -> u64 {
        self.segments.bytes_used()
    }

    /// The segments that are needed.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments.count()
    }

    /// The first LSN behind the oldest segment, when it is not the only one.
    #[must_use]
    pub fn oldest_ends(&self) -> Option<u64> {
        self.segments.oldest_ends()
    }

    /// The newest LSN on disk.
    #[must_use]
    pub fn durable_lsn(&self) -> u64 {
        self.shared.counters.durable_lsn.load(Relaxed)
    }

    /// What it counts.
    #[must_use]
    pub fn counters(&self) -> &WalCounters {
        &self.shared.counters
    }

    /// Takes nothing more, makes what is queued durable, seals, and ends the thread. Waits for all that.
    pub fn close(&self) {
        self.end(State::Closing);
    }

    fn end(&self, state: State) {
        {
            let mut queue = self.shared.queue.lock();
            if !matches!(queue.state, State::Broken(_)) {
                queue.state = state;
            }
            self.shared.wake.notify_one();
        }
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the write-ahead log's thread panicked");
        }
    }
}

impl<T> Drop for Wal<T> {
    /// Ends the thread; what is queued and not written is dropped, as a crash would.
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        if !matches!(queue.state, State::Broken(_)) {
            queue.state = State::Abandoned;
        }
        self.shared.wake.notify_one();
        drop(queue);
        if let Some(thread) = self.thread.get_mut().take() {
            let _ = thread.join();
        }
    }
}

/// The thread's own.
struct Writer<T, S> {
    shared: Arc<Shared<T>>,
    log: Log,
    sink: S,
}

impl<T, S: Sink<T>> Writer<T, S> {
    fn run(mut self) {
        // What survived the last life was synced when the log was opened, and is told only from here on.
        self.log.seal();
        while let Some(group) = self.next_group() {
            if !self.commit(group) {
                return;
            }
        }
    }

    /// Waits for work; syncs the seal when there is none for a while. `None` when the thread has to end.
    fn next_group(&mut self) -> Option<VecDeque<Item<T>>> {
        let shared = self.shared.clone();
        let mut queue = shared.queue.lock();
        loop {
            match queue.state {
                State::Abandoned | State::Broken(_) => return None,
                State::Closing if queue.items.is_empty() => {
                    drop(queue);
                    if let Err(error) = self.log.sync() {
                        tracing::error!(%error, "could not sync the end of the write-ahead log");
                    }
                    return None;
                }
                _ => {}
            }
            if !queue.items.is_empty() {
                return Some(take_group(&mut queue));
            }
            if !self.log.unsynced() {
                shared.wake.wait(&mut queue);
            } else if shared.wake.wait_for(&mut queue, SYNC_SEAL_AFTER).timed_out() && queue.items.is_empty() {
                drop(queue);
                if let Err(error) = self.log.sync() {
                    // A failed sync is final, whatever it was for: the next one could succeed without having kept anything.
                    self.fail(VecDeque::new(), &Failure::Broken(error.to_string()));
                    return None;
                }
                queue = shared.queue.lock();
            }
        }
    }

    /// Makes a group durable, segment by segment. False when the log is broken.
    fn commit(&mut self, mut items: VecDeque<Item<T>>) -> bool {
        let roll = std::mem::take(&mut self.shared.queue.lock().roll);
        if roll
            && !self.log.is_fresh()
            && let Err(failure) = self.log.roll(0)
        {
            return self.fail(items, &failure);
        }
        while !items.is_empty() {
            match self.commit_run(&mut items) {
                Ok(done) => self.sink.durable(done),
                Err(failure) => return self.fail(items, &failure),
            }
        }
        true
    }

    /// Makes as many durable as fit into the current segment; begins another one when none does.
    fn commit_run(&mut self, items: &mut VecDeque<Item<T>>) -> Result<Vec<(u64, T)>, Failure> {
        let mut room = self.log.room();
        let fits = |item: &&Item<T>| {
            let size = item.payload.as_ref().map_or(0, |payload| record::size(payload.len()));
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        };
        let count = items.iter().take_while(fits).count();
        if count == 0 {
            let size = items.front().and_then(|item| item.payload.as_ref()).map_or(0, |payload| record::size(payload.len()));
            self.log.roll(size)?;
            return self.commit_run(items);
        }
        let first = self.log.next_lsn();
        let began = Instant::now();
        let payloads = || items.iter().take(count).filter_map(|item| item.payload.as_ref());
        if let Some(bytes) = self.log.append(payloads())? {
            let counters = &self.shared.counters;
            counters.sync.record(began.elapsed());
            counters.bytes.fetch_add(bytes, Relaxed);
            counters.records.fetch_add(payloads().count() as u64, Relaxed);
            counters.durable_lsn.store(self.log.durable, Relaxed);
            counters.segment_used.store(self.log.at, Relaxed);
        }
        let mut lsn = first - 1;
        let number = |item: Item<T>| {
            lsn += u64::from(item.payload.is_some());
            (lsn, item.ticket)
        };
        Ok(items.drain(..count).map(number).collect())
    }

    /// Fails the rest of a group and everything queued behind it. False when the log is broken.
    fn fail(&mut self, rest: VecDeque<Item<T>>, failure: &Failure) -> bool {
        let full = matches!(failure, Failure::Full(_));
        let queued = {
            let mut queue = self.shared.queue.lock();
            match (&queue.state, failure) {
                (_, Failure::Broken(reason)) => queue.state = State::Broken(reason.as_str().into()),
                (State::Open, Failure::Full(_)) => queue.state = State::Stalled,
                _ => {}
            }
            queue.bytes = 0;
            std::mem::take(&mut queue.items)
        };
        let tickets = rest.into_iter().chain(queued).map(|item| item.ticket).collect();
        let shared = &self.shared;
        let reopen = || {
            let mut queue = shared.queue.lock();
            if matches!(queue.state, State::Stalled) {
                queue.state = State::Open;
            }
        };
        self.sink.failed(tickets, failure, &reopen);
        reopen();
        full
    }
}

fn take_group<T>(queue: &mut Queue<T>) -> VecDeque<Item<T>> {
    let mut bytes = 0;
    let within = |item: &&Item<T>| {
        let first = bytes == 0;
        bytes += item.payload.as_ref().map_or(0, Payload::len);
        first || bytes <= GROUP_BYTES
    };
    let count = queue.items.iter().take_while(within).count();
    let group: VecDeque<_> = queue.items.drain(..count).collect();
    queue.bytes -= group.iter().filter_map(|item| item.payload.as_ref()).map(Payload::len).sum::<usize>();
    group
}
