//! Many small modules: flushed together, and searched without opening what has nothing of it.

use crate::harness::*;
use martlog_formats::Record;
use martlog_indexer::row::{ModuleKey, Owner};
use martlog_indexer::search::{Event, Field, Order, Predicate, SearchRequest, Summary, Test};
use martlog_indexer::{Indexer, Options};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const MODULES: usize = 150;

fn owner(module: usize) -> Arc<Owner> {
    Arc::new(Owner {
        key: ModuleKey { partner: format!("p{}", module % 7).into(), module: format!("m{module}").into() },
        instance: format!("m{module}-1").into(),
        csp: "434".into(),
        environment: "".into(),
        version: "".into(),
    })
}

fn id(module: usize, round: usize) -> String {
    format!("{:032x}", 0x1234_5678_9abc_u128 * (module * 31 + round + 1) as u128)
}

/// Each module gets three lines in each of two flushes, of which one has an id of its own.
async fn filled(dir: &Path) -> Indexer {
    let indexer = open(dir).await;
    for round in 0..2 {
        for module in 0..MODULES {
            let line = |at: usize| record(&format!("line {at} of module {module}"));
            let with_id = Record { attributes: format!(r#"{{"request_id":"{}"}}"#, id(module, round)), ..line(1) };
            indexer.push(owner(module), vec![line(0), with_id, line(2)]).await.unwrap();
        }
        indexer.flush().await.unwrap();
    }
    indexer
}

async fn search(indexer: &Indexer, predicate: Predicate) -> (Vec<String>, Summary) {
    let request = SearchRequest {
        predicate: Arc::new(predicate),
        from_ns: i64::MIN,
        to_ns: i64::MAX,
        order: Order::NewestFirst,
        limit: 1_000,
        after: None,
        as_of_ns: None,
        count: true,
        deadline: Instant::now() + Duration::from_secs(30),
        quarantine: false,
    };
    let mut events = indexer.search(&staff(indexer).await, request);
    let mut modules = Vec::new();
    loop {
        match events.recv().await.unwrap() {
            Event::Row(row) => modules.push(row.owner.key.module.to_string()),
            Event::Summary(summary) => return (modules, summary),
            Event::Progress { .. } => {}
            Event::Error(error) => panic!("{error}"),
        }
    }
}

fn is(id: String) -> Predicate {
    Predicate::Field(Field::Attribute("request_id".into()), Test::Equals(id))
}

/// One line has the id, and hardly another split than its own was opened; nothing is found of an id that nobody had.
async fn assert_finds(indexer: &Indexer, module: usize, round: usize) {
    let (modules, summary) = search(indexer, is(id(module, round))).await;
    assert_eq!((modules, summary.matched), (vec![format!("m{module}")], 1));
    assert!((1..=5).contains(&summary.splits) && summary.splits_pruned + 5 >= indexer.stats().splits, "{summary:?}");
    let (modules, summary) = search(indexer, is(id(MODULES + module, round))).await;
    assert!(modules.is_empty() && summary.splits <= 5, "{summary:?}");
}

#[tokio::test]
async fn an_id_is_found_without_opening_other_small_splits_also_after_a_start_and_a_merge() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = filled(dir.path()).await;
    let stats = indexer.stats();
    assert_eq!((stats.splits, stats.flushes, stats.flushed_rows, stats.live_rows), (300, 300, 900, 0));
    assert_finds(&indexer, 17, 0).await;
    drop(indexer);
    let indexer = open(dir.path()).await;
    assert_finds(&indexer, 149, 1).await;
    let before = rows(&indexer, &staff(&indexer).await, false);
    assert_eq!(before.len(), 900);
    assert_eq!(indexer.merge_all().await.unwrap(), 150);
    assert_eq!(indexer.stats().splits, 150);
    assert_finds(&indexer, 0, 1).await;
    assert_eq!(rows(&indexer, &staff(&indexer).await, false), before);
    drop(indexer);
    let indexer = open(dir.path()).await;
    assert_finds(&indexer, 77, 0).await;
    // More than a search holds without looking: what has no words is in none.
    let (modules, summary) = search(&indexer, Predicate::Literal("of modul".to_owned())).await;
    assert_eq!((modules.len(), summary.matched, summary.splits), (900, 900, 150));
}

#[tokio::test]
async fn what_is_due_of_small_modules_is_published_whole_or_stays_live() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { live_age_max: Duration::from_millis(1), ..options() };
    let indexer = open_with(dir.path(), options).await;
    for module in 0..MODULES {
        indexer.push(owner(module), vec![record("one"), record("two")]).await.unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while indexer.stats().live_rows > 0 {
        assert!(Instant::now() < deadline, "{:?}", indexer.stats());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let stats = indexer.stats();
    assert_eq!((stats.flushed_rows, stats.flush_failures), (300, 0));
    drop(indexer);
    let indexer = open(dir.path()).await;
    assert_eq!(rows(&indexer, &staff(&indexer).await, false).len(), 300);
    assert_eq!(indexer.stats().live_rows, 0);
}
