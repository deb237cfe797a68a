//! Killed at a system call, started again, and compared with the ledger; then the script goes on to its end, and all of it is there.

use crate::ledger::Ledger;
use crate::points::{self, Point};
use crate::{child, harness, seconds};
use martlog_indexer::row::Row;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// Points at once: half of a run is waiting for the disk and the clock.
const WORKERS: usize = 4;
/// Every so many points the next life is killed as well, at a call of its own.
const TWICE_EVERY: usize = 3;
/// The order in which the points are taken is the same for every seed.
const ORDER_SEED: u64 = 434;

/// What came of a point.
#[derive(Debug, Default, Clone, Copy)]
struct Outcome {
    /// Lives that were killed.
    kills: u64,
    /// Lives that made fewer calls than the one that was counted.
    unreached: u64,
}

/// Tries points, `only` one or so many; a report. Panics when a store came back wrong.
pub(crate) fn run(count: usize, seed: u64, only: Option<&Point>) -> String {
    let began = Instant::now();
    let counted = tempfile::tempdir().unwrap();
    let all = points::all(counted.path(), &counted.path().join("trace"));
    let chosen = only.map_or_else(|| choose(&all, count, seed), |point| vec![point.clone()]);
    println!("crash: {} of {} points, seed {seed} (the same again: --seed {seed} --points {count})", chosen.len(), all.len());
    let (next, done) = (Mutex::new(chosen.iter().enumerate()), Mutex::new(BTreeMap::<String, Outcome>::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((number, point)) = { next.lock().unwrap().next() } {
                    let outcome = attempt(point, &all, seed.wrapping_add(number as u64), number % TWICE_EVERY == 0);
                    let mut done = done.lock().unwrap();
                    let entry = done.entry(format!("{:?} {}", point.family, point.syscall)).or_default();
                    (entry.kills, entry.unreached) = (entry.kills + outcome.kills, entry.unreached + outcome.unreached);
                }
            });
        }
    });
    let done = done.into_inner().unwrap();
    let (kills, unreached) = done.values().fold((0, 0), |sum, outcome| (sum.0 + outcome.kills, sum.1 + outcome.unreached));
    assert!(kills > 0 && unreached <= kills / 4, "{kills} kills, {unreached} not reached: the script is not what was counted");
    let mut report = String::new();
    for (name, outcome) in &done {
        writeln!(report, "  {name}: {} killed, {} not reached", outcome.kills, outcome.unreached).unwrap();
    }
    writeln!(
        report,
        "crash: {} of {} points, seed {seed}: {kills} kills, {unreached} not reached, in {}: 0 lost, 0 doubled, 0 reordered, 0 altered",
        chosen.len(),
        all.len(),
        seconds(began.elapsed())
    )
    .unwrap();
    report
}

/// A window of the points, all in one shuffled order; the next seed's follows on it. Beyond the last the first come again: threads never run twice alike.
fn choose(all: &[Point], count: usize, seed: u64) -> Vec<Point> {
    let mut shuffled = all.to_vec();
    shuffled.shuffle(&mut StdRng::seed_from_u64(ORDER_SEED));
    let start = usize::try_from(seed % shuffled.len() as u64).unwrap() * count % shuffled.len();
    shuffled.iter().cycle().skip(start).take(count).cloned().collect()
}

/// One point, in a folder of its own, which is kept when it fails.
fn attempt(point: &Point, all: &[Point], seed: u64, twice: bool) -> Outcome {
    let folder = tempfile::Builder::new().prefix("martlog-crash-").tempdir().unwrap();
    let root = folder.path().to_path_buf();
    let work = || {
        let mut ledger = Ledger::create(&root.join("ledger"));
        let mut outcome = Outcome::default();
        live(&root, &mut ledger, point, &mut outcome);
        if twice {
            let second = &all[StdRng::seed_from_u64(seed).random_range(0..all.len())];
            let sooner = Point { call: second.call.div_ceil(4), ..second.clone() };
            live(&root, &mut ledger, &sooner, &mut outcome);
        }
        let runtime = child::runtime();
        let rows = runtime.block_on(finish(&root.join("data"), &mut ledger));
        // Dropped without a word, as a kill would; and once more all of it is there.
        runtime.block_on(reopen(&root.join("data"), &ledger, &rows));
        outcome
    };
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(outcome) => outcome,
        Err(_) => {
            let kept = folder.keep();
            eprintln!("killed at {point} (again: crash --only {point}); the folder is kept: {}", kept.display());
            std::process::exit(101);
        }
    }
}

/// A life of the child that ends at a point.
fn live(root: &Path, ledger: &mut Ledger, point: &Point, outcome: &mut Outcome) {
    let run = points::run(&root.join("data"), ledger.resume(), point.family, Some(point), &root.join("trace"));
    for line in &run.lines {
        ledger.note(line);
    }
    match run.status.signal() {
        Some(9) => outcome.kills += 1,
        _ => {
            assert!(run.status.success() && ledger.complete(), "the child ended by itself: {}\n{}", run.status, run.stderr);
            outcome.unreached += 1;
        }
    }
}

/// What is there after the kill, and after the rest of the script.
async fn finish(dir: &Path, ledger: &mut Ledger) -> Vec<Row> {
    let indexer = harness::open_with(dir, child::options()).await;
    let survived = ledger.check(&indexer).await;
    let from = ledger.resume();
    let said = Mutex::new(Vec::new());
    let indexer = child::run(indexer, dir, from, |line| said.lock().unwrap().push(line)).await;
    for line in said.into_inner().unwrap() {
        ledger.note(&line);
    }
    assert!(ledger.complete());
    let rows = ledger.check(&indexer).await;
    ledger.check_kept(&survived, &rows);
    rows
}

async fn reopen(dir: &Path, ledger: &Ledger, rows: &[Row]) {
    let indexer = harness::open_with(dir, child::options()).await;
    assert_eq!(ledger.check(&indexer).await, rows);
    indexer.flush().await.unwrap();
    assert_eq!(ledger.check(&indexer).await, rows);
    // Nothing piles up: the needed segment, the spares, and a file for each split.
    let stats = indexer.stats();
    assert_eq!(files(&dir.join("splits")), stats.splits);
    assert!(files(&dir.join("wal")) <= stats.wal_segments + 2, "{} files of the log, {stats:?}", files(&dir.join("wal")));
    indexer.close().await;
}

fn files(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).map(|entries| entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()).unwrap_or_default();
    entries.iter().map(|path| if path.is_dir() { files(path) } else { 1 }).sum()
}
