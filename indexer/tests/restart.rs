//! Restarts: after a close, after a kill, with splits and without, with a log larger than memory, with a damaged folder.

use crate::harness::*;
use martlog_formats::wire::{FileId, Gap, GapReason, PartAnswer, PositionsRequest};
use martlog_indexer::{Indexer, Options};
use std::path::Path;

/// Sends `count` lines of 10 bytes, `per_part` a part, from a mark on.
async fn fill(indexer: &Indexer, pod: &str, file: u128, from: u64, count: u64, per_part: u64) {
    let mut at = from;
    while at < from + count * 10 {
        let texts: Vec<String> = (0..per_part).map(|line| format!("{pod} {}", at / 10 + line)).collect();
        let records: Vec<_> = texts.iter().zip(0..).map(|(text, line)| (at + line * 10, at + line * 10 + 10, text.as_str())).collect();
        let to = at + per_part * 10;
        loop {
            match send(indexer, part(pod, file, (at, to), &records)).await {
                PartAnswer::Later { code: 429, .. } => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                answer => break assert_eq!(answer, durable(&[to])),
            }
        }
        at = to;
    }
}

async fn assert_all(indexer: &Indexer, pod: &str, count: u64) {
    let rows = rows(indexer, &staff(indexer).await, false);
    assert_numbered(&rows);
    let got: Vec<_> = rows.iter().filter(|row| &*row.origin.pod == pod).map(|row| row.record.message.clone()).collect();
    let want: Vec<_> = (0..count).map(|line| format!("{pod} {line}")).collect();
    assert_eq!(got, want);
}

fn split_files(dir: &Path) -> usize {
    let files = |path: &Path| {
        std::fs::read_dir(path).map(|entries| entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()).unwrap_or_default()
    };
    files(&dir.join("splits")).iter().flat_map(|partner| files(partner)).map(|module| files(&module).len()).sum()
}

#[tokio::test]
async fn everything_comes_back_from_the_log_the_splits_and_both() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    let gap = Gap { reason: GapReason::SpoolFull, time_ns: 3 };
    assert_eq!(send(&indexer, gap_part("web", 9, (0, 77), gap)).await, durable(&[77]));
    fill(&indexer, "web", 1, 0, 300, 10).await;
    let mut sent = 300;
    let mut expected_splits = 0;
    let mut indexer = Some(indexer);
    for round in 0..6 {
        let store = indexer.take().unwrap();
        if round % 3 != 0 {
            store.flush().await.unwrap();
            expected_splits += 1;
        }
        if round % 2 == 0 {
            fill(&store, "web", 1, sent * 10, 50, 5).await;
            sent += 50;
        }
        let (rows_before, epoch) = (rows(&store, &staff(&store).await, false), store.store().epoch());
        if round % 2 == 0 {
            store.close().await;
        }
        drop(store);
        let store = open(dir.path()).await;
        assert_eq!(rows(&store, &staff(&store).await, false), rows_before);
        assert_eq!(store.store().epoch(), epoch);
        assert_all(&store, "web", sent).await;
        let request = PositionsRequest { node: NODE.into(), files: vec![FileId(1), FileId(9)] };
        assert_eq!(store.positions(CLUSTER, &request).await.marks, [[sent * 10, 0], [77, 0]]);
        assert_eq!(store.completeness(&staff(&store).await).await.gaps.len(), 1);
        assert!(split_files(dir.path()) <= expected_splits);
        fill(&store, "web", 1, sent * 10, 10, 5).await;
        sent += 10;
        indexer = Some(store);
    }
    let indexer = indexer.unwrap();
    assert_all(&indexer, "web", sent).await;
    assert!(indexer.stats().splits >= 2);
}

#[tokio::test]
async fn flushing_lets_go_of_the_log_and_of_memory() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    fill(&indexer, "web", 1, 0, 2_000, 20).await;
    let before = indexer.stats();
    assert!(before.wal_segments > 3 && before.live_rows == 2_000);
    indexer.flush().await.unwrap();
    let after = indexer.stats();
    assert_eq!((after.live_rows, after.live_bytes, after.splits, after.split_rows), (0, 0, 1, 2_000));
    assert_eq!(after.wal_segments, 1);
    assert_eq!(after.marks_lsn, after.durable_lsn);
    assert_all(&indexer, "web", 2_000).await;
    drop(indexer);
    let indexer = open(dir.path()).await;
    assert_all(&indexer, "web", 2_000).await;
    fill(&indexer, "web", 1, 20_000, 10, 10).await;
    assert_all(&indexer, "web", 2_010).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_and_log_stay_within_their_bounds_by_flushing() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { live_bytes_max: 512 << 10, wal_bytes_max: 128 << 10, ..options() };
    let indexer = open_with(dir.path(), options).await;
    register(&indexer, "web").await;
    fill(&indexer, "web", 1, 0, 10_000, 50).await;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let stats = indexer.stats();
        assert!(stats.live_bytes <= 2 * (512 << 10) + (64 << 10), "{stats:?}");
        if stats.live_bytes <= 512 << 10 && stats.wal_bytes <= (128 + 32) << 10 && stats.splits > 0 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{stats:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_all(&indexer, "web", 10_000).await;
}

#[tokio::test]
async fn a_log_larger_than_memory_replays_within_it() {
    let dir = tempfile::tempdir().unwrap();
    let roomy = Options { live_bytes_max: 64 << 20, ..options() };
    let indexer = open_with(dir.path(), roomy).await;
    register(&indexer, "web").await;
    fill(&indexer, "web", 1, 0, 24_000, 100).await;
    assert_eq!(indexer.stats().splits, 0);
    let before = indexer.stats().live_bytes;
    drop(indexer);
    let tight = Options { live_bytes_max: 256 << 10, ..options() };
    let indexer = open_with(dir.path(), tight.clone()).await;
    let stats = indexer.stats();
    assert!(stats.live_bytes <= 256 << 10 && stats.splits >= 1, "{stats:?}");
    // The log is many times as large as what was live at any moment.
    assert!(stats.live_bytes_peak <= 2 * (256 << 10) && before >= 8 * (256 << 10), "{before} live before; {stats:?}");
    assert_all(&indexer, "web", 24_000).await;
    drop(indexer);
    let indexer = open_with(dir.path(), tight).await;
    assert_all(&indexer, "web", 24_000).await;
}

#[tokio::test]
async fn a_split_that_was_built_and_not_published_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    fill(&indexer, "web", 1, 0, 100, 10).await;
    indexer.flush().await.unwrap();
    drop(indexer);
    let module = dir.path().join("splits/acme/sms");
    std::fs::write(module.join("00000000000000000000000000000000.split"), b"half").unwrap();
    std::fs::write(module.join("unfinished.tmp"), b"half").unwrap();
    assert_eq!(split_files(dir.path()), 3);
    let indexer = open(dir.path()).await;
    assert_eq!(split_files(dir.path()), 1);
    assert_all(&indexer, "web", 100).await;
}

#[tokio::test]
async fn a_flush_that_fails_loses_nothing_and_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    fill(&indexer, "web", 1, 0, 100, 10).await;
    let in_the_way = dir.path().join("splits");
    std::fs::write(&in_the_way, b"no folder").unwrap();
    indexer.flush().await.unwrap_err();
    assert_eq!((indexer.stats().flush_failures, indexer.stats().live_rows), (1, 100));
    assert_all(&indexer, "web", 100).await;
    std::fs::remove_file(&in_the_way).unwrap();
    indexer.flush().await.unwrap();
    assert_eq!((indexer.stats().splits, indexer.stats().live_rows), (1, 0));
    assert_all(&indexer, "web", 100).await;
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    let error = Indexer::open(dir.path(), options()).await.unwrap_err().to_string();
    assert!(error.contains(&format!("in use by process {}", std::process::id())), "{error}");
    fill(&indexer, "web", 1, 0, 50, 5).await;
    indexer.flush().await.unwrap();
    fill(&indexer, "web", 1, 500, 50, 5).await;
    indexer.close().await;
    drop(indexer);

    let gone = tempfile::tempdir().unwrap();
    copy(dir.path(), gone.path());
    std::fs::remove_dir_all(gone.path().join("wal")).unwrap();
    let error = Indexer::open(gone.path(), options()).await.unwrap_err().to_string();
    assert!(error.contains("lacks the records"), "{error}");

    let flipped = tempfile::tempdir().unwrap();
    copy(dir.path(), flipped.path());
    let mut segments: Vec<_> = std::fs::read_dir(flipped.path().join("wal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| !path.to_str().unwrap().contains("spare"));
    segments.sort();
    let mut image = std::fs::read(&segments[0]).unwrap();
    image[100] ^= 4;
    std::fs::write(&segments[0], image).unwrap();
    let error = Indexer::open(flipped.path(), options()).await.unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains(segments[0].to_str().unwrap()) && error.contains("at byte 64"), "{error}");

    let no_split = tempfile::tempdir().unwrap();
    copy(dir.path(), no_split.path());
    let split = std::fs::read_dir(no_split.path().join("splits/acme/sms")).unwrap().next().unwrap().unwrap().path();
    let image = std::fs::read(&split).unwrap();
    std::fs::write(&split, &image[..image.len() - 1]).unwrap();
    let error = Indexer::open(no_split.path(), options()).await.unwrap_err().to_string();
    assert!(error.contains("cannot be opened") && error.contains(split.to_str().unwrap()) && error.contains("damaged"), "{error}");
    std::fs::remove_dir_all(no_split.path().join("splits")).unwrap();
    let error = Indexer::open(no_split.path(), options()).await.unwrap_err().to_string();
    assert!(error.contains("cannot be opened") && error.contains("No such file"), "{error}");

    let file = dir.path().join("a file");
    std::fs::write(&file, b"").unwrap();
    let error = Indexer::open(&file, options()).await.unwrap_err().to_string();
    assert!(error.contains("cannot make the data folder"), "{error}");
}
