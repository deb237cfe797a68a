//! The tail has no hole and no repeat: over flushes, lags, resumes and pages, in the order of arrival; and it ends when it must.

use super::predicate::{Field, Pattern, Predicate, Stamp, Test};
use super::request::{TailCursor, TailEvent, TailRequest};
use super::tail::{Feed, follow};
use super::testing::{chunk, folder, owner, partner, row, split, staff};
use crate::live::{Chunk, Pack};
use crate::registry::Scope;
use crate::row::{Row, RowRef};
use crate::store::{ModuleView, View};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, broadcast, mpsc, watch};

/// A store of two modules that is as small as a store can be.
struct Fake {
    modules: Mutex<Vec<ModuleView>>,
    arrived_ns: Mutex<i64>,
    chunks: Mutex<Option<broadcast::Sender<Arc<Chunk>>>>,
    changes: watch::Sender<u64>,
    valid: AtomicBool,
    threads: Arc<Semaphore>,
    folder: tempfile::TempDir,
}

impl Fake {
    /// Whose channel holds this many chunks.
    fn new(chunks: usize) -> Arc<Self> {
        let module = |module: &str| ModuleView {
            key: owner("p1", module, "i1").key.clone(),
            live: Vec::new(),
            splits: Vec::new(),
            visible_from_seq: 0,
        };
        Arc::new(Self {
            modules: Mutex::new(vec![module("m1"), module("m2")]),
            arrived_ns: Mutex::new(1_000),
            chunks: Mutex::new(Some(broadcast::Sender::new(chunks))),
            changes: watch::Sender::new(0),
            valid: AtomicBool::new(true),
            threads: Arc::new(Semaphore::new(1)),
            folder: folder(),
        })
    }

    /// Applies a part of so many rows of a module's instance; their times run against their order.
    fn apply(&self, module: usize, instance: &str, rows: u64) {
        let mut modules = self.modules.lock();
        let view = &mut modules[module];
        let owner = owner("p1", &view.key.module, instance);
        let from = next_seq(view);
        let mut arrived = self.arrived_ns.lock();
        *arrived += 10;
        let message = |seq: u64| format!("{} {seq}", if seq.is_multiple_of(3) { "fizz" } else { "plain" });
        let part = chunk((from..from + rows).map(|seq| row(&owner, seq, *arrived, 10_000 - seq as i64, &message(seq), "")).collect());
        view.live.push(Arc::new(Pack::new([part.clone()].into())));
        if let Some(chunks) = &*self.chunks.lock() {
            let _ = chunks.send(part);
        }
    }

    /// Makes a split of what is live.
    fn flush(&self, module: usize) {
        let mut modules = self.modules.lock();
        let view = &mut modules[module];
        let rows: Vec<Row> = view.live.drain(..).flat_map(|pack| pack.rows().map(RowRef::to_row).collect::<Vec<_>>()).collect();
        if !rows.is_empty() {
            view.splits.push(split(self.folder.path(), &rows));
        }
    }

    fn tail(self: &Arc<Self>, scope: Scope, request: TailRequest) -> mpsc::Receiver<TailEvent> {
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(follow(self.clone(), scope, request, sender));
        receiver
    }

    /// Every row in the order of arrival.
    fn all(&self) -> Vec<(i64, String, u64)> {
        let mut rows = Vec::new();
        for view in &*self.modules.lock() {
            rows.extend(view.splits.iter().flat_map(|split| split.open().unwrap().rows().unwrap()));
            rows.extend(view.chunks().flat_map(|chunk| chunk.rows.to_rows()));
        }
        let mut names: Vec<_> = rows.iter().map(name).collect();
        names.sort();
        names
    }
}

impl Feed for Fake {
    fn view(&self, scope: &Scope, _quarantine: bool) -> View {
        let modules = self.modules.lock();
        let allowed = modules.iter().filter(|module| scope.allows_module(&module.key)).cloned().collect();
        View { modules: allowed, as_of_ns: *self.arrived_ns.lock() }
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Chunk>> {
        self.chunks.lock().as_ref().unwrap().subscribe()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn still_valid(&self, _scope: &Scope) -> bool {
        self.valid.load(Ordering::SeqCst)
    }

    fn threads(&self) -> Arc<Semaphore> {
        self.threads.clone()
    }
}

fn next_seq(view: &ModuleView) -> u64 {
    let live = view.chunks().last().and_then(|chunk| chunk.rows.last()).map(|row| row.seq + 1);
    live.or_else(|| view.splits.last().map(|split| split.meta.seq_to)).unwrap_or(0)
}

fn name(row: &Row) -> (i64, String, u64) {
    (row.arrived_ns, row.owner.key.module.to_string(), row.seq)
}

fn everything(after: Option<TailCursor>) -> TailRequest {
    TailRequest { predicate: Arc::new(Predicate::All), after, quarantine: false }
}

const BEGINNING: TailCursor = TailCursor { arrived_ns: 0, seq: 0 };

/// Rows until the tail says that there is no more for now, with the cursor behind.
async fn until_idle(receiver: &mut mpsc::Receiver<TailEvent>) -> (Vec<(i64, String, u64)>, TailCursor) {
    let mut rows = Vec::new();
    loop {
        match receiver.recv().await.expect("it goes on") {
            TailEvent::Row(row, cursor) => {
                assert_eq!(cursor, TailCursor { arrived_ns: row.arrived_ns, seq: row.seq });
                rows.push(name(&row));
            }
            TailEvent::Status(cursor) => return (rows, cursor),
            TailEvent::Gone { .. } => panic!("everything is kept"),
            TailEvent::End(reason) => panic!("{reason}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_misses_nothing_over_flushes_and_a_channel_that_forgets() {
    let fake = Fake::new(2);
    let mut tail = fake.tail(staff(), everything(Some(BEGINNING)));
    let writer = fake.clone();
    let writing = tokio::task::spawn_blocking(move || {
        for part in 0..60 {
            writer.apply(part % 2, "i1", 1 + part as u64 % 5);
            if part % 7 == 0 {
                writer.flush(part / 7 % 2);
            }
            std::thread::sleep(Duration::from_micros(part as u64 % 4 * 300));
        }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (rows, cursor) = until_idle(&mut tail).await;
    writing.await.unwrap();
    assert_eq!(rows, fake.all());
    assert_eq!(cursor.arrived_ns, *fake.arrived_ns.lock());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_tail_goes_on_behind_its_cursor_page_by_page() {
    let fake = Fake::new(16);
    for part in 0..40 {
        fake.apply(part % 2, "i1", 90);
        if part == 13 || part == 29 {
            fake.flush(0);
            fake.flush(1);
        }
    }
    let all = fake.all();
    let from = |after| {
        let mut tail = fake.tail(staff(), everything(Some(after)));
        async move { until_idle(&mut tail).await }
    };
    assert_eq!(from(BEGINNING).await.0, all);
    for at in [0, 1, 88, 89, 90, 1_500, 3_598, 3_599] {
        let (arrived_ns, _, seq) = all[at];
        let (rows, cursor) = from(TailCursor { arrived_ns, seq }).await;
        assert_eq!(rows, all[at + 1..], "behind {at}");
        assert!(from(cursor).await.0.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_comes_later_than_retention_is_told_so_once() {
    let fake = Fake::new(16);
    for part in 0..6 {
        fake.apply(part % 2, "i1", 700);
        fake.flush(part % 2);
    }
    // Module m2 has lost its first part, which arrived at 1,020; the next one did at 1,040.
    fake.modules.lock()[1].splits.remove(0);
    let mut tail = fake.tail(staff(), everything(Some(TailCursor { arrived_ns: 1_010, seq: 5 })));
    assert!(matches!(tail.recv().await, Some(TailEvent::Gone { from_ns: 1_010, to_ns: 1_040 })));
    let (rows, cursor) = until_idle(&mut tail).await;
    assert_eq!(rows, fake.all()[6..]);
    drop(tail);
    // Behind what is gone there is nothing to tell.
    for after in [TailCursor { arrived_ns: 1_040, seq: 0 }, cursor] {
        until_idle(&mut fake.tail(staff(), everything(Some(after)))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_tail_begins_now_and_shows_what_its_scope_and_query_allow() {
    let fake = Fake::new(16);
    fake.apply(0, "i1", 5);
    let fizz = Predicate::And(vec![
        Predicate::Word(Pattern("fizz".to_owned())),
        Predicate::Field(Field::Stamp(Stamp::Module), Test::Equals("m1".to_owned())),
    ]);
    let request = TailRequest { predicate: Arc::new(fizz), after: None, quarantine: false };
    let mut tail = fake.tail(partner("p1", Some(&["i1"])), request);
    let mut foreign = fake.tail(partner("p2", None), everything(None));
    tokio::time::sleep(Duration::from_millis(100)).await;
    fake.apply(0, "i1", 5);
    fake.apply(0, "i2", 5);
    fake.apply(1, "i1", 5);
    let (rows, cursor) = until_idle(&mut tail).await;
    assert_eq!(rows.iter().map(|(_, _, seq)| *seq).collect::<Vec<_>>(), [6, 9]);
    assert_eq!(cursor, TailCursor { arrived_ns: 1_040, seq: 4 });
    assert!(until_idle(&mut foreign).await.0.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_tail_ends_within_a_second_even_when_nobody_reads() {
    let fake = Fake::new(16);
    fake.apply(0, "i1", 50);
    let mut told = fake.tail(staff(), everything(Some(BEGINNING)));
    let mut untold = fake.tail(staff(), everything(None));
    tokio::time::sleep(Duration::from_millis(100)).await;
    fake.valid.store(false, Ordering::SeqCst);
    let revoked = Instant::now();
    assert!(matches!(untold.recv().await, Some(TailEvent::End(reason)) if reason.contains("revoked")));
    // On an idle machine a second is never reached; a busy one may not even give this a turn.
    assert!(revoked.elapsed() < Duration::from_secs(10), "{:?}", revoked.elapsed());
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut rows = 0;
    while let Some(event) = told.recv().await {
        match event {
            TailEvent::Row(..) => rows += 1,
            TailEvent::End(reason) => assert!(reason.contains("revoked")),
            TailEvent::Status(_) | TailEvent::Gone { .. } => {}
        }
    }
    assert_eq!(rows, 4, "what waited in the channel, and no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_closes_ends_its_tails() {
    let fake = Fake::new(16);
    let mut tail = fake.tail(staff(), everything(None));
    tokio::time::sleep(Duration::from_millis(50)).await;
    fake.chunks.lock().take();
    assert!(matches!(tail.recv().await, Some(TailEvent::End(reason)) if reason.contains("closing")));
    assert!(tail.recv().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_without_a_reader_ends() {
    let fake = Fake::new(16);
    let tail = fake.tail(staff(), everything(None));
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(tail);
    for _ in 0..100 {
        if Arc::strong_count(&fake) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the tail still holds the store");
}
