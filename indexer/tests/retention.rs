//! Retention: what is too old or too much is removed whole, from answers, from the disk, and for good; what is newer stays.

use crate::harness::*;
use martlog_indexer::registry::{Keep, NewInstance, PatchInstance, Selector};
use martlog_indexer::{Indexer, Options};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

async fn fill(indexer: &Indexer, lines: std::ops::Range<u64>) {
    for line in lines {
        let text = format!("web {line}");
        let (from, to) = (line * 10, line * 10 + 10);
        assert_eq!(send(indexer, part("web", 1, (from, to), &[(from, to, &text)])).await, durable(&[to]));
    }
}

async fn shown(indexer: &Indexer) -> Vec<String> {
    rows(indexer, &staff(indexer).await, false).into_iter().map(|row| row.record.message).collect()
}

fn numbered(lines: std::ops::Range<u64>) -> Vec<String> {
    lines.map(|line| format!("web {line}")).collect()
}

fn files(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("splits/acme/sms")).map_or(0, Iterator::count)
}

async fn until_splits(indexer: &Indexer, dir: &Path, count: usize) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while indexer.stats().splits != count as u64 || files(dir) != count {
        assert!(tokio::time::Instant::now() < deadline, "{} splits, {} files", indexer.stats().splits, files(dir));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_too_old_is_gone_for_good_and_live_rows_stay() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    fill(&indexer, 0..10).await;
    indexer.flush().await.unwrap();
    fill(&indexer, 10..20).await;
    indexer.flush().await.unwrap();
    fill(&indexer, 20..30).await;
    assert_eq!((files(dir.path()), shown(&indexer).await), (2, numbered(0..30)));
    indexer.close().await;
    drop(indexer);

    // The rows say 2023 and arrived a moment ago: an hour keeps them by their arrival, no time at all does not.
    let kept = open_with(dir.path(), Options { retention_age_max: Some(Duration::from_secs(3600)), ..options() }).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(shown(&kept).await, numbered(0..30));
    kept.close().await;
    drop(kept);
    let expiring = open_with(dir.path(), Options { retention_age_max: Some(Duration::ZERO), ..options() }).await;
    until_splits(&expiring, dir.path(), 0).await;
    assert_eq!(shown(&expiring).await, numbered(20..30));
    drop(expiring);

    // After a kill nothing of it comes back from the log, and numbers go on where they were.
    let indexer = open(dir.path()).await;
    assert_eq!(shown(&indexer).await, numbered(20..30));
    fill(&indexer, 30..31).await;
    let rows = rows(&indexer, &staff(&indexer).await, false);
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), (20..31).collect::<Vec<_>>());
}

#[tokio::test]
async fn over_the_size_the_oldest_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    for piece in 0..4 {
        fill(&indexer, piece * 10..piece * 10 + 10).await;
        indexer.flush().await.unwrap();
    }
    let bytes = indexer.stats().split_bytes;
    indexer.close().await;
    drop(indexer);
    // Room for two of four splits of about the same size.
    let limit = bytes / 2 + bytes / 8;
    let indexer = open_with(dir.path(), Options { retention_bytes_max: Some(limit), ..options() }).await;
    until_splits(&indexer, dir.path(), 2).await;
    assert_eq!(shown(&indexer).await, numbered(20..40));
    assert!(indexer.stats().split_bytes <= limit);
}

/// A second instance of the module, which takes the pods `app=api`.
async fn register_api(indexer: &Indexer) {
    let selector = Selector { namespace: "shop".into(), labels: BTreeMap::from([("app".to_owned(), "api".to_owned())]) };
    let instance = NewInstance {
        id: "sms-api".into(),
        module: "sms".into(),
        csp: "435".into(),
        environment: None,
        selector,
        retention: None,
        policy: None,
    };
    indexer.registry().create_instance(instance).await.unwrap();
}

async fn keep(indexer: &Indexer, instance: &str, retention: Option<&str>) {
    let keep = retention.map(|text| Keep::try_from(text.to_owned()).unwrap());
    let patch = PatchInstance { retention: Some(keep), ..PatchInstance::default() };
    indexer.registry().patch_instance(instance, patch).await.unwrap();
}

/// Lines of both instances, by turns.
async fn fill_both(indexer: &Indexer, lines: std::ops::Range<u64>) {
    for line in lines {
        for (file, pod) in [(1, "web"), (2, "api")] {
            let (from, to) = (line * 10, line * 10 + 10);
            assert_eq!(send(indexer, part(pod, file, (from, to), &[(from, to, &format!("{pod} {line}"))])).await, durable(&[to]));
        }
    }
}

async fn until_shown(indexer: &Indexer, wanted: &[String]) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut shown = shown(indexer).await;
        shown.sort();
        if shown == wanted {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{shown:?} and not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn lines(pod: &str, lines: std::ops::Range<u64>) -> Vec<String> {
    lines.map(|line| format!("{pod} {line}")).collect()
}

#[tokio::test]
async fn an_instance_that_keeps_less_loses_its_rows_alone() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    register_api(&indexer).await;
    fill_both(&indexer, 0..5).await;
    indexer.flush().await.unwrap();
    let before: Vec<_> =
        rows(&indexer, &staff(&indexer).await, false).into_iter().filter(|row| &*row.owner.instance == "sms-api").collect();
    assert_eq!(before.len(), 5);
    keep(&indexer, "sms-web", Some("2s")).await;
    until_shown(&indexer, &lines("api", 0..5)).await;
    assert_eq!(rows(&indexer, &staff(&indexer).await, false), before, "the others are what they were, numbers included");
    // What comes later is kept its time, too, and a kill brings nothing back.
    fill_both(&indexer, 5..6).await;
    assert_eq!(shown(&indexer).await.len(), 7);
    drop(indexer);
    let indexer = open(dir.path()).await;
    assert_eq!(shown(&indexer).await.len(), 7);
    indexer.flush().await.unwrap();
    until_shown(&indexer, &lines("api", 0..6)).await;
    // Nobody keeps anything any more: the splits go whole.
    keep(&indexer, "sms-api", Some("1s")).await;
    until_splits(&indexer, dir.path(), 0).await;
    fill_both(&indexer, 6..7).await;
    let seqs: Vec<u64> = rows(&indexer, &staff(&indexer).await, false).iter().map(|row| row.seq).collect();
    assert_eq!(seqs, [12, 13], "nothing is numbered anew");
}

#[tokio::test]
async fn an_instance_can_keep_more_than_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    register_api(&indexer).await;
    keep(&indexer, "sms-api", Some("1h")).await;
    fill_both(&indexer, 0..3).await;
    indexer.flush().await.unwrap();
    indexer.close().await;
    drop(indexer);
    let indexer = open_with(dir.path(), Options { retention_age_max: Some(Duration::from_millis(10)), ..options() }).await;
    until_shown(&indexer, &lines("api", 0..3)).await;
    keep(&indexer, "sms-api", None).await;
    until_splits(&indexer, dir.path(), 0).await;
}
