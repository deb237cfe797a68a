//! The quarantine's release: every row moves once, whatever it lies in and whenever the store dies.

use crate::harness::*;
use martlog_indexer::Indexer;
use std::path::Path;

/// Lines of an unregistered pod, and then its registration.
async fn quarantined(dir: &Path, lines: u64, flush_at: &[u64]) -> Indexer {
    let indexer = open(dir).await;
    for line in 0..lines {
        let text = format!("line {line}");
        let range = (line * 10, line * 10 + 10);
        assert_eq!(send(&indexer, part("web", 1, range, &[(range.0, range.1, &text)])).await, durable(&[range.1]));
        if flush_at.contains(&line) {
            indexer.flush().await.unwrap();
        }
    }
    register(&indexer, "web").await;
    indexer
}

async fn assert_moved(indexer: &Indexer, lines: usize) {
    let scope = staff(indexer).await;
    let want: Vec<String> = (0..lines).map(|line| format!("line {line}")).collect();
    let own = rows(indexer, &acme(indexer).await, false);
    assert_numbered(&own);
    assert_eq!(texts(&own), want);
    assert!(own.iter().all(|row| &*row.owner.instance == "sms-web" && &*row.origin.pod == "web"));
    assert!(rows(indexer, &scope, true).iter().all(|row| &*row.origin.pod != "web"));
}

#[tokio::test]
async fn live_rows_and_splits_move_once() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = quarantined(dir.path(), 40, &[9, 24]).await;
    let owner = indexer.registry().instance("sms-web").unwrap();
    let mut tail = indexer.store().subscribe();
    assert!(rows(&indexer, &acme(&indexer).await, false).is_empty());
    assert_eq!(indexer.release("uid-web", owner.clone()).await.unwrap(), 40);
    assert_moved(&indexer, 40).await;
    assert_eq!(&*tail.recv().await.unwrap().rows.owner().instance, "sms-web");
    assert_eq!(indexer.release("uid-web", owner.clone()).await.unwrap(), 0, "idempotent");
    assert_eq!(indexer.stats().splits, 0, "the quarantine's splits are gone");
    // What comes later goes to its owner directly.
    send(&indexer, part("web", 1, (400, 410), &[(400, 410, "line 40")])).await;
    assert_moved(&indexer, 41).await;
    for _ in 0..2 {
        indexer.flush().await.unwrap();
        drop(indexer_reopened(&indexer, dir.path()).await);
    }
}

async fn indexer_reopened(indexer: &Indexer, dir: &Path) -> Indexer {
    let copied = tempfile::tempdir().unwrap();
    copy(dir, copied.path());
    let copy = open(copied.path()).await;
    assert_moved(&copy, 41).await;
    assert_eq!(copy.release("uid-web", indexer.registry().instance("sms-web").unwrap()).await.unwrap(), 0);
    copy
}

/// The folder as a crash left it after the first `kept` segments of the log, before the catalog knew of a release.
fn cut(before: &Path, after: &Path, kept: usize, to: &Path) {
    copy(before, to);
    std::fs::remove_dir_all(to.join("wal")).unwrap();
    std::fs::create_dir(to.join("wal")).unwrap();
    let mut segments: Vec<_> = std::fs::read_dir(after.join("wal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| !path.to_str().unwrap().contains("spare"));
    segments.sort();
    for segment in segments.iter().take(kept) {
        std::fs::copy(segment, to.join("wal").join(segment.file_name().unwrap())).unwrap();
    }
}

#[tokio::test]
async fn a_release_that_dies_anywhere_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let lines = 2_500;
    let indexer = open(dir.path()).await;
    // A live line of somebody else holds the whole log.
    assert_eq!(send(&indexer, part("pin", 2, (0, 5), &[(0, 5, "pin")])).await, durable(&[5]));
    let texts: Vec<String> = (0..lines).map(|line| format!("line {line}")).collect();
    let records: Vec<_> = texts.iter().zip(0..).map(|(text, line)| (line * 10, line * 10 + 10, text.as_str())).collect();
    for piece in records.chunks(500) {
        let range = (piece[0].0, piece[499].1);
        assert_eq!(send(&indexer, part("web", 1, range, piece)).await, durable(&[range.1]));
    }
    register(&indexer, "web").await;
    let owner = indexer.registry().instance("sms-web").unwrap();
    indexer.close().await;
    drop(indexer);
    let before = tempfile::tempdir().unwrap();
    copy(dir.path(), before.path());
    let indexer = open(dir.path()).await;
    let segments_before = usize::try_from(indexer.stats().wal_segments).unwrap();
    assert_eq!(indexer.release("uid-web", owner.clone()).await.unwrap(), lines);
    assert_moved(&indexer, 2_500).await;
    let segments_after = usize::try_from(indexer.stats().wal_segments).unwrap();
    indexer.close().await;
    drop(indexer);

    // Each piece of the release has a segment of its own: the crash comes before the first, between two, and behind the last.
    assert!(segments_after >= segments_before + 3, "{segments_before} {segments_after}");
    let mut moved_before = Vec::new();
    for kept in segments_before..=segments_after {
        let crashed = tempfile::tempdir().unwrap();
        cut(before.path(), dir.path(), kept, crashed.path());
        let copy = open(crashed.path()).await;
        let seen = rows(&copy, &acme(&copy).await, false).len();
        assert_eq!(seen + rows(&copy, &staff(&copy).await, true).len(), 2_501, "each row is in one place, and the pin");
        let moved = copy.release("uid-web", owner.clone()).await.unwrap();
        assert_eq!(moved + seen as u64, lines);
        moved_before.push(seen);
        assert_moved(&copy, 2_500).await;
        copy.flush().await.unwrap();
        drop(copy);
        let copy = open(crashed.path()).await;
        assert_moved(&copy, 2_500).await;
    }
    assert!(moved_before.contains(&0) && moved_before.contains(&2_500) && moved_before.len() >= 4, "{moved_before:?}");
}

#[tokio::test]
async fn a_quarantine_that_fills_again_after_its_release_keeps_its_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = quarantined(dir.path(), 10, &[]).await;
    let owner = indexer.registry().instance("sms-web").unwrap();
    indexer.release("uid-web", owner.clone()).await.unwrap();
    indexer.flush().await.unwrap();
    drop(indexer);
    let indexer = open(dir.path()).await;
    indexer.registry().remove_instance("sms-web").await.unwrap();
    assert_eq!(send(&indexer, part("web", 1, (100, 110), &[(100, 110, "line 10")])).await, durable(&[110]));
    let again = rows(&indexer, &staff(&indexer).await, true);
    assert_eq!((texts(&again), again[0].seq), (vec!["line 10"], 10));
    assert_eq!(indexer.release("uid-web", owner).await.unwrap(), 1);
    assert_eq!(rows(&indexer, &acme(&indexer).await, false).len(), 11);
}
