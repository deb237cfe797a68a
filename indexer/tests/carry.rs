//! Small modules: their rows stay live and go on through the log, so that they cost no split and pin no segment; each is there once, whenever the process ends.

use crate::harness::*;
use martlog_indexer::row::{ModuleKey, Owner};
use martlog_indexer::wal::{Disk, RealDisk};
use martlog_indexer::{Indexer, Options};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// A disk whose syncs cost nothing: a kill loses nothing of it, and thousands of lines are quick.
#[derive(Debug)]
struct Quick;

impl Disk for Quick {
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<File> {
        RealDisk.allocate(path, bytes)
    }

    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        RealDisk.write(file, bytes, at)
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

fn owner(module: &str) -> Arc<Owner> {
    Arc::new(Owner {
        key: ModuleKey { partner: "acme".into(), module: module.into() },
        instance: format!("{module}-1").into(),
        csp: "434".into(),
        environment: "".into(),
        version: "".into(),
    })
}

/// Pushes a line; a store that is short of room is asked again.
async fn say(indexer: &Indexer, module: &str, text: &str) {
    while let Err(later) = indexer.push(owner(module), vec![record(text)]).await {
        assert!(later.code == 429 || later.code == 503, "{later}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One line of each module, at once.
async fn round(indexer: &Indexer, modules: usize, number: usize) {
    let mut tasks = JoinSet::new();
    for module in 0..modules {
        let indexer = indexer.clone();
        tasks.spawn(async move { say(&indexer, &format!("small-{module}"), &format!("line {number}")).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// Lines of a large module: this many of 32 KiB.
async fn much(indexer: &Indexer, lines: usize) {
    for _ in 0..lines {
        say(indexer, "large", &"much ".repeat(6_500)).await;
    }
}

async fn settled(indexer: &Indexer, wal_bytes_max: u64) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while indexer.stats().wal_bytes > wal_bytes_max {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", indexer.stats());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The texts of each small module, in the order of their seqs.
async fn told(indexer: &Indexer) -> BTreeMap<String, Vec<String>> {
    let rows = rows(indexer, &staff(indexer).await, false);
    assert_numbered(&rows);
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.owner.key.module.starts_with("small")) {
        told.entry(row.owner.key.module.to_string()).or_default().push(row.record.message.clone());
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_thousand_modules_of_a_few_lines_cost_no_split() {
    const MODULES: usize = 3_000;
    const ROUNDS: usize = 2;
    // The log goes round more than twice: 1 MiB are 32 lines of the large module.
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        disk: Arc::new(Quick),
        wal_segment_bytes: 1 << 20,
        wal_bytes_max: 24 << 20,
        live_bytes_max: 64 << 20,
        ..Options::default()
    };
    let indexer = open_with(dir.path(), options.clone()).await;
    for number in 0..ROUNDS {
        round(&indexer, MODULES, number).await;
        much(&indexer, 800).await;
        settled(&indexer, 25 << 20).await;
    }
    let stats = indexer.stats();
    assert!(stats.wal_bytes_written > 2 * (24 << 20), "the log has gone round: {stats:?}");
    assert!(stats.carried >= MODULES as u64, "{stats:?}");
    assert!(stats.splits < 40 && stats.live_rows >= (MODULES * ROUNDS) as u64, "{stats:?}");
    let expected: Vec<String> = (0..ROUNDS).map(|number| format!("line {number}")).collect();
    let before = told(&indexer).await;
    assert!(before.len() == MODULES && before.values().all(|lines| *lines == expected));
    drop(indexer);

    let indexer = open_with(dir.path(), options.clone()).await;
    assert!(told(&indexer).await == before);
    assert!(indexer.stats().splits < 40, "{:?}", indexer.stats());
    round(&indexer, 10, ROUNDS).await;
    let before = told(&indexer).await;
    assert_eq!(before["small-3"].len(), ROUNDS + 1, "numbers go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_keeps_each_line_once() {
    const MODULES: usize = 40;
    let dir = tempfile::tempdir().unwrap();
    let options = |live_bytes_max| Options {
        disk: Arc::new(Quick),
        wal_segment_bytes: 128 << 10,
        wal_bytes_max: 2 << 20,
        live_bytes_max,
        ..Options::default()
    };
    let mut carried = 0;
    for life in 0..16_usize {
        // Now and then a replay has no memory.
        let indexer = open_with(dir.path(), options(if life % 5 == 4 { 1 } else { 8 << 20 })).await;
        let lines: Vec<String> = (0..life).map(|number| format!("line {number}")).collect();
        let told = told(&indexer).await;
        assert!(life == 0 || told.len() == MODULES, "{} modules in life {life}", told.len());
        for (module, got) in told {
            assert_eq!(got, lines, "{module} in life {life}");
        }
        round(&indexer, MODULES, life).await;
        // Killed while the log goes round, each time somewhere else.
        let flood = {
            let indexer = indexer.clone();
            tokio::spawn(async move { much(&indexer, usize::MAX).await })
        };
        let until = (2 << 20) + (life as u64 * 37 % 16) * (70 << 10);
        while indexer.stats().wal_bytes_written < until {
            tokio::task::yield_now().await;
        }
        carried += indexer.stats().carried;
        flood.abort();
        let _ = flood.await;
        drop(indexer);
    }
    assert!(carried > 0, "the log went round");
}

#[tokio::test]
async fn what_a_module_tells_while_it_is_carried_comes_behind() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { disk: Arc::new(Quick), wal_segment_bytes: 128 << 10, wal_bytes_max: 2 << 20, ..options() };
    let indexer = open_with(dir.path(), options.clone()).await;
    let told_meanwhile = async {
        for number in 0..400 {
            say(&indexer, "small-0", &format!("line {number}")).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(told_meanwhile, much(&indexer, 130));
    let mut feed = indexer.store().subscribe();
    much(&indexer, 70).await;
    settled(&indexer, (2 << 20) + (128 << 10)).await;
    assert!(indexer.stats().carried > 0);
    while let Ok(chunk) = feed.try_recv() {
        assert_eq!(&*chunk.rows.owner().key.module, "large", "no tail gets a carried line again");
    }
    let expected: Vec<String> = (0..400).map(|number| format!("line {number}")).collect();
    assert_eq!(told(&indexer).await["small-0"], expected);
    drop(indexer);
    let indexer = open_with(dir.path(), options).await;
    assert_eq!(told(&indexer).await["small-0"], expected);
}
