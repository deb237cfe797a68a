//! Rows as they arrive, resumed from a cursor without a hole and without a repeat.
//!
//! The tail listens to the chunks that are applied *before* it looks at what is there, and skips what its cursor already covers. When it
//! falls behind, the channel forgets chunks rather than wait, and the tail reads what it missed from a view. So a reader that does not
//! read stops nothing but itself. A row is passed on in the order (arrival, seq), which is the same from either source.

use super::catchup::{self, cursor_of};
use super::gate::{Answer, Gate, of_module};
use super::matches::{Matcher, RowView};
use super::request::{TailCursor, TailEvent, TailRequest};
use super::ticker::Halt;
use crate::live::Chunk;
use crate::registry::Scope;
use crate::row::{Row, RowRef};
use crate::store::View;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, broadcast, mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How often the tail says where it is when nothing matches, and looks whether it may go on.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// Half of the second within which a revoked tail ends, for tokens that expire without anybody saying so.
const VALID_EVERY: Duration = Duration::from_millis(500);
/// How long the last event waits for a reader that does not read.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// Rows that are read at once while catching up.
const PAGE_ROWS: usize = 1_000;
/// A chunk of more bytes is evaluated off the reactor.
const INLINE_BYTES_MAX: usize = 32 << 10;

/// What a tail needs of the store and the registry.
pub(super) trait Feed: Send + Sync + 'static {
    /// What the scope sees now.
    fn view(&self, scope: &Scope, quarantine: bool) -> View;
    /// Every chunk from now on.
    fn subscribe(&self) -> broadcast::Receiver<Arc<Chunk>>;
    /// Told when a scope may have ended.
    fn changes(&self) -> watch::Receiver<u64>;
    /// Whether the scope still holds.
    fn still_valid(&self, scope: &Scope) -> bool;
    /// The threads that searches share.
    fn threads(&self) -> Arc<Semaphore>;
}

/// Why a tail ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    ReaderGone,
    Revoked,
    Closing,
    Failed,
}

/// Sets a flag when it is dropped, so that work on another thread stops.
#[derive(Debug, Default)]
pub(super) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Whether it was dropped, for the other thread.
    pub(super) fn flag(&self) -> impl Fn() -> bool + Send + 'static {
        let flag = self.0.clone();
        move || flag.load(Ordering::Relaxed)
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends events until the reader goes, the scope ends, or the store closes.
pub(super) async fn follow<F: Feed>(feed: Arc<F>, scope: Scope, request: TailRequest, sender: mpsc::Sender<TailEvent>) {
    let guard = Guard { changes: feed.changes(), feed, scope: Arc::new(scope), sender };
    let chunks = guard.feed.subscribe();
    let begin = TailCursor { arrived_ns: i64::MIN, seq: 0 };
    let mut tail =
        Tail { guard, request: Arc::new(request), chunks, cursor: begin, status_at: Instant::now() + STATUS_EVERY, gone_ns: i64::MIN };
    let reason = match tail.run().await {
        End::ReaderGone => return,
        End::Revoked => "the token was revoked or has expired: sign in again",
        End::Closing => "the store is closing: resume from the last cursor in a moment",
        End::Failed => "the store could not be read: resume from the last cursor",
    };
    let _ = timeout(LAST_WAIT, tail.guard.sender.send(TailEvent::End(reason))).await;
}

/// What ends a tail from outside.
struct Guard<F> {
    feed: Arc<F>,
    scope: Arc<Scope>,
    changes: watch::Receiver<u64>,
    sender: mpsc::Sender<TailEvent>,
}

struct Tail<F> {
    guard: Guard<F>,
    request: Arc<TailRequest>,
    chunks: broadcast::Receiver<Arc<Chunk>>,
    /// Everything up to here was passed on or does not match.
    cursor: TailCursor,
    /// When to say where it is.
    status_at: Instant,
    /// Up to here it was told that rows may be gone.
    gone_ns: i64,
}

impl<F: Feed> Guard<F> {
    /// Waits for the work, but no longer than the tail may go on.
    async fn until<T>(&mut self, work: impl Future<Output = T>) -> Result<T, End> {
        let ended = async {
            loop {
                if !self.feed.still_valid(&self.scope) {
                    return End::Revoked;
                }
                tokio::select! {
                    changed = self.changes.changed() => if changed.is_err() { return End::Closing },
                    () = sleep(VALID_EVERY) => {}
                    () = self.sender.closed() => return End::ReaderGone,
                }
            }
        };
        tokio::select! {
            biased;
            end = ended => Err(end),
            done = work => Ok(done),
        }
    }

    async fn send(&mut self, event: TailEvent) -> Result<(), End> {
        let sender = self.sender.clone();
        self.until(sender.send(event)).await?.map_err(|_| End::ReaderGone)
    }
}

impl<F: Feed> Tail<F> {
    async fn run(&mut self) -> End {
        let begin = match self.request.after {
            Some(cursor) => {
                self.cursor = cursor;
                self.catch_up().await
            }
            None => {
                let view = self.guard.feed.view(&self.guard.scope, self.request.quarantine);
                self.cursor = TailCursor { arrived_ns: view.as_of_ns, seq: u64::MAX };
                Ok(())
            }
        };
        if let Err(end) = begin {
            return end;
        }
        loop {
            if let Err(end) = self.step().await {
                return end;
            }
        }
    }

    /// Takes the next chunk, or says where it is.
    async fn step(&mut self) -> Result<(), End> {
        match self.guard.until(timeout_at(self.status_at, self.chunks.recv())).await? {
            Ok(Ok(chunk)) => self.chunk(chunk).await,
            Ok(Err(broadcast::error::RecvError::Lagged(_))) => self.catch_up().await,
            Ok(Err(broadcast::error::RecvError::Closed)) => Err(End::Closing),
            Err(_elapsed) => {
                self.status_at = Instant::now() + STATUS_EVERY;
                self.guard.send(TailEvent::Status(self.cursor)).await
            }
        }
    }

    async fn chunk(&mut self, chunk: Arc<Chunk>) -> Result<(), End> {
        let Some(last) = chunk.rows.last().map(cursor_of).filter(|last| *last > self.cursor) else { return Ok(()) };
        let (scope, request, after) = (self.guard.scope.clone(), self.request.clone(), self.cursor);
        let rows = if !concerns(&chunk, &request) {
            Vec::new()
        } else if chunk.bytes <= INLINE_BYTES_MAX {
            matching(&chunk, &scope, &request, after)
        } else {
            let work = tokio::task::spawn_blocking(move || matching(&chunk, &scope, &request, after));
            self.guard.until(work).await?.map_err(|_| End::Failed)?
        };
        self.pass_on(rows).await?;
        self.cursor = last;
        Ok(())
    }

    async fn pass_on(&mut self, rows: Vec<Row>) -> Result<(), End> {
        for row in rows {
            let cursor = cursor_of(RowRef::from(&row));
            self.guard.send(TailEvent::Row(Box::new(row), cursor)).await?;
            self.cursor = cursor;
            self.status_at = Instant::now() + STATUS_EVERY;
        }
        Ok(())
    }

    /// Passes on what is there behind the cursor, page by page; each from a new view, so that a slow reader holds no old one.
    async fn catch_up(&mut self) -> Result<(), End> {
        loop {
            let threads = self.guard.feed.threads();
            let permit = self.guard.until(threads.acquire_owned()).await?.map_err(|_| End::Closing)?;
            let view = self.guard.feed.view(&self.guard.scope, self.request.quarantine);
            if let Some(to_ns) = catchup::kept_from(&view, &self.request.predicate, self.cursor).filter(|to_ns| *to_ns > self.gone_ns) {
                self.gone_ns = to_ns;
                self.guard.send(TailEvent::Gone { from_ns: self.cursor.arrived_ns, to_ns }).await?;
            }
            let (scope, request, after) = (self.guard.scope.clone(), self.request.clone(), self.cursor);
            let cancel = Cancel::default();
            let cancelled = cancel.flag();
            let work = tokio::task::spawn_blocking(move || {
                let page = catchup::page(&view, &scope, &request.predicate, after, PAGE_ROWS, &cancelled);
                drop(permit);
                page
            });
            let page = match self.guard.until(work).await? {
                Ok(Ok(page)) => page,
                // A page that took too long is not tried again: the next reader has a narrower query or a later cursor.
                Ok(Err(Halt::Cancelled | Halt::Deadline | Halt::TooMuch(_))) | Err(_) => return Err(End::Failed),
                Ok(Err(Halt::Store(error))) => {
                    tracing::error!(%error, "a tail could not read what it missed");
                    return Err(End::Failed);
                }
            };
            self.pass_on(page.rows).await?;
            self.cursor = page.cursor;
            if page.complete {
                return Ok(());
            }
        }
    }
}

/// Whether the chunk can have rows for this request.
fn concerns(chunk: &Chunk, request: &TailRequest) -> bool {
    chunk.rows.first().is_some_and(|row| {
        let key = &row.owner.key;
        key.is_quarantine() == request.quarantine && of_module(&request.predicate, key, 0..u64::MAX) != Answer::No
    })
}

/// The rows of a chunk behind the cursor that match.
fn matching(chunk: &Chunk, scope: &Scope, request: &TailRequest, after: TailCursor) -> Vec<Row> {
    let gate = Gate { scope, from_ns: i64::MIN, to_ns: i64::MAX, as_of_ns: i64::MAX, visible_from_seq: 0 };
    let rows = gate.chunk(chunk).filter_map(|at| chunk.rows.get(at));
    let matcher = Matcher::of_few(&request.predicate);
    rows.filter(|row| cursor_of(*row) > after && matcher.matches(RowView::from(*row))).map(RowRef::to_row).collect()
}
