//! The server is slow, away, full, restored, or of another opinion.

use crate::support::World;
use crate::support::pods::{Stderr, Stdout};
use martlog_formats::wire::GapReason;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_server_that_comes_later_gets_everything() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "early");
    let url = std::mem::replace(&mut world.server.url, "http://127.0.0.1:9".to_owned());
    let running = world.start();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let began = Instant::now();
    running.stop().await;
    assert!(began.elapsed() < Duration::from_secs(6));
    world.server.url = url;
    world.collect_once().await;
    world.check_ledger();
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "line");
    world.server.with(|inner| inner.script = vec![(503, "busy"), (429, "slow down"), (500, "oops"), (401, "who?")]);
    let began = Instant::now();
    // A token that is refused later on is tried again: it may have been renewed.
    world.collect_once().await;
    assert!(began.elapsed() >= Duration::from_secs(5), "a refused token is not hammered");
    world.check_ledger();
}

#[tokio::test]
async fn a_part_that_must_wait_does_not_hold_up_the_others() {
    let mut world = World::new().await;
    let mut noisy = world.pods.container("noisy", 0);
    let mut quiet = world.pods.container("quiet", 0);
    for number in 0..500 {
        world.pods.print(&mut noisy, Stdout, &format!("noise {number}"));
        world.pods.print(&mut quiet, Stdout, &format!("word {number}"));
    }
    world.server.with(|inner| inner.faults.part_later = 60);
    let running = world.start();
    world.until("everything of the quiet one", |inner| inner.log.messages("quiet", 0, Stdout).len() == 500).await;
    world.server.with(|inner| inner.faults.part_later = 0);
    world.until_records(1_000).await;
    running.stop().await;
    world.check_ledger();
}

#[tokio::test]
async fn a_restored_store_gets_what_it_lost() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    for number in 0..100 {
        world.pods.print(&mut app, Stdout, &format!("old {number}"));
    }
    app.rotate();
    let running = world.start();
    world.until_records(100).await;
    let backup = world.server.with(|inner| inner.log.clone());
    for number in 0..100 {
        world.pods.print(&mut app, Stderr, &format!("new {number}"));
    }
    world.until_records(200).await;
    // Back to before anything, then to the backup: another epoch each time.
    for (epoch, log) in [(2, Default::default()), (3, backup)] {
        world.server.with(|inner| {
            inner.epoch = epoch;
            inner.log = log;
        });
        world.pods.print(&mut app, Stdout, &format!("epoch {epoch}"));
        let all = world.pods.ledger.values().map(Vec::len).sum();
        world.until_records(all).await;
        world.check_ledger();
    }
    running.stop().await;
}

#[tokio::test]
async fn a_node_at_rest_hears_of_a_restore_too() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    (0..50).for_each(|number| world.pods.print(&mut app, Stdout, &format!("line {number}")));
    let running = world.start();
    world.until_records(50).await;
    world.server.with(|inner| (inner.epoch, inner.log) = (9, Default::default()));
    // Nothing is printed any more.
    world.until_records(50).await;
    world.check_ledger();
    running.stop().await;
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_halved() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    for number in 0..2_000 {
        world.pods.print(&mut app, if number % 2 == 0 { Stdout } else { Stderr }, &format!("{number} {}", "x".repeat(200)));
    }
    world.server.with(|inner| inner.faults.batch_bytes_max = 20_000);
    world.collect_once().await;
    world.check_ledger();
    assert!(world.server.with(|inner| inner.log.holes.is_empty()));
}

#[tokio::test]
async fn one_record_that_is_never_taken_is_named_and_the_others_arrive() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    for number in 0..300 {
        world.pods.print(&mut app, Stdout, &format!("line {number}"));
        if number == 150 {
            world.pods.piece(&mut app, Stdout, "F", b"poison");
        }
    }
    world.server.with(|inner| inner.poison = Some("poison".to_owned()));
    let report = world.collect_once().await;
    world.check_ledger();
    assert_eq!(report.gaps, 1);
    world.server.with(|inner| assert_eq!(inner.log.holes[0].reason, GapReason::Malformed));
}

#[tokio::test]
async fn what_is_over_a_streams_limit_is_named_and_others_are_not_touched() {
    let mut world = World::new().await;
    // The harness's clock goes on by a nanosecond a line and by a second every thousand.
    world.rate_limit = Some(martlog_collector::RateLimit { bytes_per_second: 5_000, burst_bytes: 50_000 });
    let mut loud = world.pods.container("loud", 0);
    let mut quiet = world.pods.container("quiet", 0);
    for number in 0..5_000 {
        let text = format!("{{\"message\":\"{number:05}\"}}");
        world.pods.piece(&mut loud, if number % 5 == 0 { Stderr } else { Stdout }, "F", text.as_bytes());
        if number % 100 == 0 {
            world.pods.piece(&mut quiet, Stdout, "F", text.as_bytes());
        }
    }
    // A printed line in pieces passes or not, and leaves no half behind.
    world.pods.piece(&mut loud, Stdout, "P", b"{\"message\":");
    world.pods.piece(&mut loud, Stdout, "F", b"\"in pieces\"}");
    let size = std::fs::metadata(loud.current()).unwrap().len();
    let report = world.collect_once().await;
    let quiet_size = std::fs::metadata(quiet.current()).unwrap().len();
    assert_eq!(report.bytes, size + quiet_size);
    world.server.with(|inner| {
        assert_eq!(inner.log.messages("quiet", 0, Stdout).len(), 50);
        let (mut rows, mut holes) = (0, 0);
        for substream in [Stdout, Stderr] {
            let messages = inner.log.messages("loud", 0, substream);
            assert!(messages.is_sorted() && messages.iter().all(|message| message.len() == 5 || message == "in pieces"));
            rows += messages.len();
            // Each byte of the file is in a record's part or in a hole, and none in both.
            let of: Vec<_> = inner.log.holes.iter().filter(|hole| hole.stream.pod_uid == "loud" && hole.substream == substream).collect();
            assert!(of.iter().all(|hole| hole.reason == GapReason::OverQuota));
            for row in inner.log.rows.iter().filter(|row| row.stream.pod_uid == "loud" && row.substream == substream) {
                assert!(of.iter().all(|hole| row.record.end <= hole.extent.from || hole.extent.to <= row.record.offset));
            }
            holes += of.len();
        }
        // 50,000 bytes at once, then 5,000 in each of five seconds, and a sample in each; a line has 60 or so.
        assert!((900..1_500).contains(&rows), "{rows} rows");
        assert!(holes > 0 && holes < 400, "{holes} holes");
    });
}

#[tokio::test]
async fn what_was_seen_during_an_outage_and_is_gone_after_a_crash_is_named_to_its_last_byte() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "sent");
    let running = world.start();
    world.until_records(1).await;
    world.server.with(|inner| inner.faults.unavailable = 100);
    // The first batch hangs; what follows is in files that nobody reads meanwhile: the end of this one, and all of the next one.
    world.pods.print(&mut app, Stdout, "hangs");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut gone = Vec::new();
    for name in ["first", "second"] {
        for number in 0..100 {
            world.pods.print(&mut app, Stdout, &format!("{name} {number}"));
        }
        gone.push(app.rotate());
    }
    // Seen, and remembered.
    tokio::time::sleep(Duration::from_secs(5)).await;
    running.kill().await;
    let sizes: Vec<u64> = gone.iter().map(|path| std::fs::metadata(path).unwrap().len()).collect();
    gone.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    world.pods.ledger.values_mut().for_each(|printed| printed.truncate(1));
    world.pods.print(&mut app, Stdout, "after");
    world.server.with(|inner| inner.faults.unavailable = 0);
    world.collect_once().await;
    world.check_ledger();
    world.server.with(|inner| {
        let taken = inner.log.rows[0].record.end;
        let mut holes: Vec<_> =
            inner.log.holes.iter().filter(|hole| hole.substream == Stdout).map(|hole| (hole.extent.from, hole.extent.to)).collect();
        holes.sort_unstable();
        assert_eq!(holes, [(0, sizes[1]), (taken, sizes[0])]);
    });
}

#[tokio::test]
async fn files_are_looked_at_although_the_server_says_nothing() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "never sent");
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = std::mem::replace(&mut world.server.url, format!("http://{}", silent.local_addr().unwrap()));
    let running = world.start();
    let began = Instant::now();
    let remembered = || {
        let slots = ["positions.0", "positions.1"].map(|slot| std::fs::read(world.state.path().join(slot)).unwrap_or_default());
        slots.iter().any(|slot| String::from_utf8_lossy(slot).contains("\"0.log\""))
    };
    while !remembered() {
        assert!(began.elapsed() < Duration::from_secs(10), "the file was not looked at");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.kill().await;
    let rotated = app.rotate();
    let size = std::fs::metadata(&rotated).unwrap().len();
    std::fs::remove_file(rotated).unwrap();
    world.pods.ledger.clear();
    world.pods.print(&mut app, Stdout, "after");
    world.server.url = url;
    world.collect_once().await;
    world.check_ledger();
    world.server.with(|inner| {
        let hole = inner.log.holes.iter().find(|hole| hole.substream == Stdout).unwrap();
        assert_eq!((hole.reason, hole.extent.from, hole.extent.to), (GapReason::RotatedAway, 0, size));
    });
}
