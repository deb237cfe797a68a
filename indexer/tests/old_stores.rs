//! Stores that an earlier version of the program wrote open for ever. `indexer/tests/stores/<number>` is one for each layout that was ever released, never edited; when the layout of
//! splits, log or catalog changes, `cargo test -p martlog-indexer --test main -- --ignored make_a_store` makes the next one.
//!
//! A store has rows in a merged split, in a split of its own, and in the log alone; with a gap, marks, and texts of every kind that a split keeps apart.

use crate::harness::*;
use martlog_formats::wire::{FileId, Gap, GapReason, PartRecord, PositionsRequest};
use martlog_formats::{Problem, Problems, Record, RedactionKind, Severity, Verdict};
use martlog_indexer::row::Row;
use martlog_indexer::{Indexer, Options};
use std::path::{Path, PathBuf};

/// The newest layout.
const NEWEST: u32 = 1;
const LINES: u64 = 60;

fn folder(number: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/stores/{number}"))
}

fn small() -> Options {
    Options { wal_segment_bytes: 16 << 10, ..options() }
}

/// The line of this number: what it says is known without the store.
fn line(number: u64) -> Record {
    let time_ns = 1_795_478_400_000_000_000 + i64::try_from(number).unwrap() * 1_000_003;
    let message = match number % 6 {
        0 => format!("worker {number} took {}ms for 7d1f3a5{:x}", number * 37, number % 16),
        1 => format!("абонент 3805012345{number:02} не відповідає"),
        2 => format!("message f81d4fae-7dec-11d0-a765-00a0c91e6b{number:02x} delivered"),
        3 => format!("odd {number}x{number}y \u{1} \"quoted\" 0{number}"),
        4 => String::new(),
        _ => "the same as ever".to_owned(),
    };
    let attributes = match number % 5 {
        0 => String::new(),
        1 => format!(r#"{{"request_id":"{:032x}","duration_ms":{number}, "http":{{"status_code":{}}}}}"#, number / 3, 200 + number % 3),
        2 => format!(r#"{{"account_id":"79123456{number:03}@msisdn","note":"a\nb \u0430 {number}","list":[{number},null,"x{number}"]}}"#),
        3 => format!("no JSON {number}"),
        _ => format!(r#"{{"trace_id":"{number}","amount":{number}.50,"cached":{}}}"#, number.is_multiple_of(2)),
    };
    let odd = number.is_multiple_of(7);
    let mut problems = Problems::default();
    if odd {
        problems.insert(Problem::ALL[0]);
    }
    Record {
        time_ns,
        runtime_time_ns: time_ns + 1_234,
        severity: Severity::from_number(u8::try_from(number % 25).unwrap()),
        verdict: if odd { Verdict::Repaired } else { Verdict::Ok },
        problems,
        redactions: if odd { vec![(RedactionKind::Password, 2)] } else { Vec::new() },
        message,
        attributes,
    }
}

async fn append(indexer: &Indexer, lines: std::ops::Range<u64>) {
    let (from, to) = (lines.start * 100, lines.end * 100);
    let mut part = part("web", 1, (from, to), &[]);
    part.records = lines.map(|number| PartRecord { offset: number * 100, end: number * 100 + 100, record: line(number) }).collect();
    assert_eq!(send(indexer, part).await, durable(&[to]));
}

#[tokio::test]
#[ignore = "makes the store of a new layout; the others are never made anew"]
async fn make_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open_with(dir.path(), small()).await;
    register(&indexer, "web").await;
    for flushed in [0..20, 20..30] {
        append(&indexer, flushed).await;
        indexer.flush().await.unwrap();
    }
    indexer.merge_all().await.unwrap();
    append(&indexer, 30..45).await;
    indexer.flush().await.unwrap();
    append(&indexer, 45..LINES).await;
    let hole = Gap { reason: GapReason::RotatedAway, time_ns: 1_795_478_400_000_000_000 };
    send(&indexer, gap_part("web", 2, (0, 77), hole)).await;
    indexer.close().await;
    copy(dir.path(), &folder(NEWEST));
    ["lock", "reserve"].iter().for_each(|name| std::fs::remove_file(folder(NEWEST).join(name)).unwrap());
}

#[tokio::test]
async fn every_store_of_old_opens_and_has_all_its_rows() {
    for number in 1..=NEWEST {
        let dir = tempfile::tempdir().unwrap();
        copy(&folder(number), dir.path());
        let indexer = open_with(dir.path(), small()).await;
        let staff = staff(&indexer).await;
        let found: Vec<Record> = rows(&indexer, &staff, false).into_iter().map(|row: Row| row.record).collect();
        assert_eq!(found, (0..LINES).map(line).collect::<Vec<_>>());
        assert_eq!(indexer.stats().splits, 2);
        let gaps = indexer.completeness(&staff).await.gaps;
        assert_eq!(gaps.iter().map(|gap| (gap.from, gap.to, gap.reason)).collect::<Vec<_>>(), [(0, 77, GapReason::RotatedAway)]);
        let asked = PositionsRequest { node: NODE.into(), files: vec![FileId(1), FileId(2)] };
        assert_eq!(indexer.positions(CLUSTER, &asked).await.marks, [[LINES * 100, 0], [77, 0]]);
        // It goes on where it was, and what it writes has today's layout.
        append(&indexer, LINES..LINES + 10).await;
        indexer.flush().await.unwrap();
        indexer.merge_all().await.unwrap();
        let found: Vec<Record> = rows(&indexer, &staff, false).into_iter().map(|row| row.record).collect();
        assert_eq!(found, (0..LINES + 10).map(line).collect::<Vec<_>>());
        indexer.close().await;
    }
}
