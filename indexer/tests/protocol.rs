//! The table of the append protocol, through the front door.

use crate::harness::*;
use martlog_formats::wire::{
    BatchEncoder, BatchHeader, Extent, FileId, FileProgress, Gap, GapReason, Heartbeat, PartAnswer, PositionsRequest, Substream,
};
use martlog_indexer::{Options, Unavailable};
use std::time::Duration;

#[tokio::test]
async fn an_acknowledged_line_is_searchable_and_tailed() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    let mut tail = indexer.store().subscribe();
    let answer = send(&indexer, part("web", 1, (0, 20), &[(0, 10, "a"), (10, 20, "b")])).await;
    assert_eq!(answer, durable(&[20]));
    for scope in [staff(&indexer).await, acme(&indexer).await] {
        let rows = rows(&indexer, &scope, false);
        assert_eq!(texts(&rows), ["a", "b"]);
        assert_numbered(&rows);
        assert_eq!((&*rows[1].owner.instance, &*rows[1].origin.cluster, rows[1].offset), ("sms-web", CLUSTER, 10));
    }
    assert_eq!(tail.recv().await.unwrap().rows.len(), 2);
    indexer.close().await;
    assert!(tail.recv().await.is_err(), "closing ends the tails");
}

#[tokio::test]
async fn parts_meet_the_marks_as_the_table_says() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    let lines = [(0, 10, "a"), (10, 20, "b"), (20, 30, "c")];
    assert_eq!(send(&indexer, part("web", 1, (10, 20), &lines[1..2])).await, conflict(&[0]), "a hole");
    assert_eq!(send(&indexer, part("web", 1, (0, 20), &lines[..2])).await, durable(&[20]));
    assert_eq!(send(&indexer, part("web", 1, (0, 10), &lines[..1])).await, durable(&[20]), "a duplicate");
    assert_eq!(send(&indexer, part("web", 1, (0, 30), &lines)).await, durable(&[30]), "two thirds are known");
    assert_eq!(send(&indexer, part("web", 1, (25, 35), &[(25, 35, "x")])).await, conflict(&[30]), "it straddles");
    assert_eq!(send(&indexer, part("web", 1, (30, 50), &[])).await, durable(&[50]), "only the mark moves");
    assert_eq!(send(&indexer, part("web", 1, (50, 60), &[(50, 60, "d")])).await, durable(&[60]));
    let scope = staff(&indexer).await;
    assert_eq!(texts(&rows(&indexer, &scope, false)), ["a", "b", "c", "d"]);
    let stats = indexer.stats();
    assert_eq!((stats.rows, stats.duplicates, stats.conflicts), (4, 1, 2));
    let request = PositionsRequest { node: NODE.into(), files: vec![FileId(1), FileId(2)] };
    assert_eq!(indexer.positions(CLUSTER, &request).await.marks, [[60, 0], [0, 0]]);
    assert_eq!(indexer.positions("south", &request).await.marks, [[0, 0], [0, 0]], "marks are per cluster");
}

#[tokio::test]
async fn substreams_have_marks_of_their_own_and_two_extents_move_together() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    let stderr = |mut part: martlog_formats::wire::Part| {
        part.substream = Substream::Stderr;
        part
    };
    assert_eq!(send(&indexer, part("web", 1, (0, 90), &[(0, 90, "out")])).await, durable(&[90]));
    assert_eq!(send(&indexer, stderr(part("web", 1, (0, 40), &[(0, 40, "err")]))).await, durable(&[40]));
    let mut crossing = part("web", 1, (90, 100), &[(90, 10, "over the rotation")]);
    crossing.extents.push(Extent { file: FileId(2), name: "0.log".into(), from: 0, to: 10 });
    assert_eq!(send(&indexer, stderr(crossing.clone())).await, conflict(&[40, 0]));
    assert_eq!(send(&indexer, crossing.clone()).await, durable(&[100, 10]));
    assert_eq!(send(&indexer, crossing).await, durable(&[100, 10]));
    let request = PositionsRequest { node: NODE.into(), files: vec![FileId(1), FileId(2)] };
    assert_eq!(indexer.positions(CLUSTER, &request).await.marks, [[100, 40], [10, 0]]);
    let scope = staff(&indexer).await;
    assert_eq!(texts(&rows(&indexer, &scope, true)), ["out", "err", "over the rotation"], "no instance: the quarantine");
    assert!(rows(&indexer, &scope, false).is_empty());
    assert!(rows(&indexer, &acme_of(&indexer).await, true).is_empty(), "the quarantine is the staff's");
}

async fn acme_of(indexer: &martlog_indexer::Indexer) -> martlog_indexer::registry::Scope {
    register(indexer, "other").await;
    acme(indexer).await
}

#[tokio::test]
async fn what_breaks_the_form_is_refused_part_by_part() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    let broken = part("web", 2, (5, 10), &[(0, 3, "outside its extent")]);
    let answer = send_all(&indexer, &[part("web", 1, (0, 5), &[(0, 5, "fine")]), broken, part("web", 3, (0, 5), &[(0, 5, "fine")])]).await;
    assert_eq!(answer.parts[0], durable(&[5]));
    assert!(matches!(answer.parts[1], PartAnswer::Refused { .. }));
    assert_eq!(answer.parts[2], durable(&[5]));

    let mut foreign = BatchEncoder::new(&BatchHeader { cluster: "south".into(), node: NODE.into() });
    foreign.push(&part("web", 4, (0, 5), &[(0, 5, "foreign")]));
    let answer = indexer.append(CLUSTER, &foreign.finish()).await.unwrap();
    assert!(matches!(&answer.parts[..], [PartAnswer::Refused { reason }] if reason.contains("south")), "{answer:?}");
    assert!(indexer.append(CLUSTER, b"no batch").await.is_err());
    let scope = staff(&indexer).await;
    assert_eq!(rows(&indexer, &scope, true).len(), 2);
}

#[tokio::test]
async fn a_gap_moves_the_mark_and_is_told_to_whom_it_concerns() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    let gap = Gap { reason: GapReason::RotatedAway, time_ns: 7 };
    assert_eq!(send(&indexer, part("web", 1, (0, 10), &[(0, 10, "a")])).await, durable(&[10]));
    // A resent gap that overlaps what has come meanwhile names only what is missing.
    assert_eq!(send(&indexer, gap_part("web", 1, (5, 100), gap.clone())).await, durable(&[100]));
    assert_eq!(send(&indexer, gap_part("web", 1, (5, 100), gap.clone())).await, durable(&[100]));
    assert_eq!(send(&indexer, gap_part("stranger", 9, (0, 5), gap)).await, durable(&[5]));
    for (scope, count) in [(acme(&indexer).await, 1), (staff(&indexer).await, 2)] {
        let gaps = indexer.completeness(&scope).await.gaps;
        assert_eq!(gaps.len(), count);
        assert_eq!((gaps[0].from, gaps[0].to, gaps[0].reason, gaps[0].time_ns), (10, 100, GapReason::RotatedAway, 7));
        assert_eq!(&*gaps[0].owner.instance, "sms-web");
    }
}

#[tokio::test]
async fn a_scope_is_complete_up_to_its_oldest_waiting_line() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    let scope = acme(&indexer).await;
    assert_eq!(indexer.completeness(&scope).await.until_ns, None);
    send(&indexer, part("web", 1, (0, 10), &[(0, 10, "a")])).await;
    let progress = |file, pod: &str, oldest| FileProgress {
        stream: stream(pod),
        file: FileId(file),
        size: 100,
        acknowledged: [10, 0],
        oldest_unacknowledged_ns: oldest,
        gone: false,
    };
    let beat = |files| Heartbeat { node: NODE.into(), time_ns: 5_000, files };
    indexer.heartbeat(CLUSTER, beat(vec![progress(1, "web", None), progress(2, "stranger", Some(1))])).await;
    let complete = indexer.completeness(&scope).await;
    assert_eq!(complete.until_ns, Some(5_000), "the stranger's line is none of its business");
    assert!(complete.behind_seconds.abs() < f64::EPSILON);
    indexer.heartbeat(CLUSTER, beat(vec![progress(1, "web", Some(4_000))])).await;
    let complete = indexer.completeness(&scope).await;
    assert_eq!(complete.until_ns, Some(4_000));
    assert!(complete.behind_seconds > 1.0);
}

/// What a node had not sent when it was last heard is named, without an end, also by a server that was started since; and it is as if nothing had been when it speaks again.
#[tokio::test]
async fn a_node_that_never_comes_back_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let lost_at_once = || Options { node_lost_after: Duration::ZERO, ..options() };
    let indexer = open_with(dir.path(), lost_at_once()).await;
    register(&indexer, "web").await;
    send(&indexer, part("web", 1, (0, 10), &[(0, 10, "a")])).await;
    let progress = |file, pod: &str, gone| FileProgress {
        stream: stream(pod),
        file: FileId(file),
        size: 100,
        acknowledged: [10, 20],
        oldest_unacknowledged_ns: Some(4_000),
        gone,
    };
    let files = vec![progress(1, "web", false), progress(2, "stranger", false), progress(3, "web", true)];
    let beat = Heartbeat { node: NODE.into(), time_ns: 5_000, files };
    indexer.heartbeat(CLUSTER, beat.clone()).await;
    indexer.close().await;
    drop(indexer);
    let indexer = open_with(dir.path(), lost_at_once()).await;
    let complete = indexer.completeness(&acme(&indexer).await).await;
    assert_eq!((complete.until_ns, complete.lost.len()), (None, 1), "it holds nothing up, and its own file is named: {complete:?}");
    let lost = &complete.lost[0];
    assert_eq!((lost.from, lost.seen, lost.since_ns, &*lost.node), (10, 100, 4_000, NODE));
    assert_eq!(&*lost.owner.instance, "sms-web");
    assert_eq!(indexer.completeness(&staff(&indexer).await).await.lost.len(), 2);
    let stats = indexer.stats();
    assert_eq!(stats.nodes, [0, 0, 1]);
    let told: Vec<_> = stats.instances.iter().map(|lag| (lag.instance.as_str(), lag.behind_seconds > 0.0, lag.gaps.as_slice())).collect();
    assert_eq!(told, [("sms-web", false, &[("node_lost", 1, 90)][..])], "the stranger's has no instance");
    indexer.close().await;
    drop(indexer);
    let indexer = open(dir.path()).await;
    let complete = indexer.completeness(&acme(&indexer).await).await;
    assert_eq!((complete.until_ns, complete.lost.len()), (Some(4_000), 0), "it is behind and not lost");
    assert!(indexer.stats().instances[0].behind_seconds > 1.0);
    indexer.heartbeat(CLUSTER, Heartbeat { files: Vec::new(), ..beat }).await;
    assert_eq!(indexer.completeness(&acme(&indexer).await).await.until_ns, None);
}

/// Marks of a file that is gone stay for as long as its rows may, so that a file that comes back is not stored twice; then they go, from memory and from the disk.
#[tokio::test]
async fn marks_of_files_that_are_gone_are_forgotten_with_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let keeping = |age| Options { retention_age_max: Some(Duration::from_millis(age)), ..options() };
    let asked = |files: &[u128]| PositionsRequest { node: NODE.into(), files: files.iter().map(|file| FileId(*file)).collect() };
    let gone = |file| FileProgress {
        stream: stream("web"),
        file: FileId(file),
        size: 10,
        acknowledged: [10, 10],
        oldest_unacknowledged_ns: None,
        gone: true,
    };
    let indexer = open_with(dir.path(), keeping(3_600_000)).await;
    register(&indexer, "web").await;
    for file in [1, 2, 3] {
        send(&indexer, part("web", file, (0, 10), &[(0, 10, "a")])).await;
    }
    send(&indexer, gap_part("web", 3, (10, 20), Gap { reason: GapReason::RotatedAway, time_ns: 7 })).await;
    indexer.heartbeat(CLUSTER, Heartbeat { node: NODE.into(), time_ns: 5, files: vec![gone(1), gone(2)] }).await;
    // It came back.
    send(&indexer, part("web", 2, (10, 20), &[(10, 20, "b")])).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(indexer.positions(CLUSTER, &asked(&[1, 2])).await.marks, [[10, 0], [20, 0]], "kept for an hour");
    indexer.close().await;
    drop(indexer);
    let indexer = open_with(dir.path(), keeping(1)).await;
    for _ in 0..100 {
        if indexer.positions(CLUSTER, &asked(&[1])).await.marks == [[0, 0]] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let expected = [[0, 0], [20, 0], [20, 0]];
    assert_eq!(indexer.positions(CLUSTER, &asked(&[1, 2, 3])).await.marks, expected);
    assert!(indexer.completeness(&staff(&indexer).await).await.gaps.is_empty(), "so is what was missing of that time");
    indexer.close().await;
    drop(indexer);
    let indexer = open(dir.path()).await;
    assert_eq!(indexer.positions(CLUSTER, &asked(&[1, 2, 3])).await.marks, expected, "nothing brings it back");
}

#[tokio::test]
async fn pushed_lines_are_there_when_it_returns_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    let owner = indexer.registry().instance("sms-web").unwrap();
    indexer.push(owner.clone(), vec![record("one"), record("two")]).await.unwrap();
    let scope = staff(&indexer).await;
    let before = rows(&indexer, &scope, false);
    assert_eq!(texts(&before), ["one", "two"]);
    assert_eq!(&*before[0].origin.cluster, "ingest");
    indexer.close().await;
    let refused = indexer.push(owner, vec![record("three")]).await.unwrap_err();
    assert!(matches!(refused, Unavailable { code: 503, .. }));
    drop(indexer);
    let indexer = open(dir.path()).await;
    assert_eq!(rows(&indexer, &scope, false), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_collectors_at_once_share_syncs_and_numbers_stay_dense() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    let collector = |file: u128| {
        let indexer = indexer.clone();
        async move {
            for step in 0..20 {
                let range = (step * 10, step * 10 + 10);
                let text = format!("{file} {step}");
                assert_eq!(send(&indexer, part("web", file, range, &[(range.0, range.1, &text)])).await, durable(&[range.1]));
            }
        }
    };
    let tasks: Vec<_> = (1..=16).map(|file| tokio::spawn(collector(file))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rows = rows(&indexer, &staff(&indexer).await, false);
    assert_eq!(rows.len(), 320);
    assert_numbered(&rows);
    let stats = indexer.stats();
    assert_eq!(stats.rows, 320);
    assert!(stats.wal_sync.count() < 320, "{} syncs for 320 parts", stats.wal_sync.count());
}
