//! Files are renamed, compressed, cut and deleted under the collector.

use crate::support::World;
use crate::support::pods::{Stderr, Stdout, gzip};
use martlog_formats::Problem;
use martlog_formats::wire::GapReason;
use std::time::Duration;

#[tokio::test]
async fn rotation_while_running_loses_nothing() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    let running = world.start();
    for round in 0..5 {
        for number in 0..200 {
            world.pods.print(&mut app, if number % 3 == 0 { Stderr } else { Stdout }, &format!("{round}/{number}"));
        }
        app.rename();
        // The runtime writes into the renamed file until it is told to reopen.
        world.pods.print(&mut app, Stdout, &format!("late {round}"));
        tokio::time::sleep(Duration::from_millis(120)).await;
        world.pods.print(&mut app, Stdout, &format!("later {round}"));
        app.reopen();
        world.pods.print(&mut app, Stdout, &format!("fresh {round}"));
    }
    world.until_records(5 * 203).await;
    running.stop().await;
    world.check_ledger();
}

#[tokio::test]
async fn a_rotated_file_that_grows_after_it_was_left_is_read_too() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "one");
    let running = world.start();
    world.until_records(1).await;
    let rotated = app.rotate();
    world.pods.print(&mut app, Stdout, "two");
    world.until_records(2).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let mut old = std::fs::OpenOptions::new().append(true).open(&rotated).unwrap();
    std::io::Write::write_all(&mut old, b"2026-11-22T10:00:01Z stdout F straggler\n").unwrap();
    world.until_records(3).await;
    world.pods.print(&mut app, Stdout, "three");
    world.until_records(4).await;
    running.stop().await;
    assert_eq!(world.server.with(|inner| inner.log.messages("u1", 0, Stdout)), ["one", "two", "straggler", "three"]);
}

#[tokio::test]
async fn rotations_while_it_was_down_are_read_from_the_oldest_compressed_or_not() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    for number in 0..300 {
        world.pods.print(&mut app, Stdout, &format!("before {number}"));
    }
    world.collect_once().await;
    for number in 0..300 {
        world.pods.print(&mut app, Stdout, &format!("after {number}"));
    }
    // The first file is known by its first line, and goes on from its mark although it is compressed by now.
    let mut rotated = vec![app.rotate()];
    for round in 0..3 {
        for number in 0..300 {
            world.pods.print(&mut app, if number % 2 == 0 { Stdout } else { Stderr }, &format!("{round}/{number}"));
        }
        rotated.push(app.rotate());
    }
    world.pods.print(&mut app, Stdout, "current");
    rotated.iter().take(3).for_each(|path| drop(gzip(path)));
    let report = world.collect_once().await;
    world.check_ledger();
    assert_eq!((report.records, report.files, report.gaps), (300 + 900 + 1, 5, 0));
    // All but the last one are compressed now, and nothing comes again.
    gzip(&rotated[3]);
    assert_eq!(world.collect_once().await.records, 0);
}

#[tokio::test]
async fn compressing_under_a_running_collector_is_no_change() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    let running = world.start();
    for round in 0..4 {
        for number in 0..100 {
            world.pods.print(&mut app, Stdout, &format!("{round}/{number}"));
        }
        let rotated = app.rotate();
        if round % 2 == 0 {
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        gzip(&rotated);
    }
    world.pods.print(&mut app, Stdout, "last");
    world.until_records(401).await;
    running.stop().await;
    world.check_ledger();
}

#[tokio::test]
async fn a_file_cut_in_place_leaves_a_named_gap() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "taken");
    let running = world.start();
    world.until_records(1).await;
    let taken = world.server.with(|inner| inner.log.rows[0].record.end);
    world.server.with(|inner| inner.faults.part_later = 100);
    world.pods.print(&mut app, Stdout, "lost");
    world.pods.ledger.values_mut().for_each(|printed| printed.truncate(1));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let size = std::fs::metadata(app.current()).unwrap().len();
    // Cut, and filled again beyond its old size before anybody looks.
    std::fs::OpenOptions::new().write(true).open(app.current()).unwrap().set_len(0).unwrap();
    for number in 0..50 {
        world.pods.print(&mut app, Stdout, &format!("after {number}"));
    }
    world.server.with(|inner| inner.faults.part_later = 0);
    world.until_records(51).await;
    world.until("the gap", |inner| inner.log.holes.iter().any(|hole| hole.substream == Stdout)).await;
    running.stop().await;
    world.check_ledger();
    world.server.with(|inner| {
        let hole = inner.log.holes.iter().find(|hole| hole.substream == Stdout).unwrap();
        assert_eq!((hole.reason, hole.extent.from, hole.extent.to), (GapReason::Copytruncate, taken, size));
    });
}

#[tokio::test]
async fn a_copy_made_before_the_cut_is_read_instead_of_naming_a_gap() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "one");
    let running = world.start();
    world.until_records(1).await;
    world.server.with(|inner| inner.faults.part_later = 100);
    world.pods.print(&mut app, Stdout, "two");
    std::fs::copy(app.current(), app.folder.join("0.log.1")).unwrap();
    std::fs::OpenOptions::new().write(true).open(app.current()).unwrap().set_len(0).unwrap();
    world.pods.print(&mut app, Stdout, "three");
    tokio::time::sleep(Duration::from_millis(700)).await;
    world.server.with(|inner| inner.faults.part_later = 0);
    world.until_records(3).await;
    running.stop().await;
    world.check_ledger();
    assert!(world.server.with(|inner| inner.log.holes.is_empty()));
}

#[tokio::test]
async fn a_deleted_pod_is_read_to_its_last_words() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "first");
    let running = world.start();
    world.until_records(1).await;
    world.server.with(|inner| inner.faults.unavailable = 100);
    for number in 0..2_000 {
        world.pods.print(&mut app, Stdout, &format!("last words {number}"));
    }
    std::fs::remove_dir_all(app.folder.parent().unwrap()).unwrap();
    world.pods.piece(&mut app, Stderr, "P", b"no newline");
    world.pods.expect(&app, Stderr, "no newline");
    tokio::time::sleep(Duration::from_millis(700)).await;
    world.server.with(|inner| inner.faults.unavailable = 0);
    world.until_records(2_002).await;
    running.stop().await;
    world.check_ledger();
    world.server.with(|inner| {
        let torn = inner.log.rows.iter().find(|row| row.substream == Stderr).unwrap();
        assert!(torn.record.record.problems.contains(Problem::Incomplete));
    });
}

#[tokio::test]
async fn a_record_that_crosses_two_files_carries_both() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "before");
    world.pods.piece(&mut app, Stdout, "P", b"one ");
    world.pods.piece(&mut app, Stderr, "F", b"between");
    app.rotate();
    world.pods.piece(&mut app, Stderr, "F", b"between again");
    world.pods.piece(&mut app, Stdout, "P", b"two ");
    world.pods.piece(&mut app, Stdout, "F", b"three");
    world.pods.expect(&app, Stdout, "one two three");
    world.pods.expect(&app, Stderr, "between");
    world.pods.expect(&app, Stderr, "between again");
    world.pods.print(&mut app, Stdout, "after");
    world.collect_once().await;
    world.check_ledger();
    world.server.with(|inner| {
        let crossing = inner.log.rows.iter().find(|row| row.record.record.message == "one two three").unwrap();
        assert_eq!(crossing.extents.len(), 2);
        assert_eq!(crossing.extents[0].name, "0.log.20261122-101501");
        assert_eq!(crossing.extents[1].name, "0.log");
    });
}

#[tokio::test]
async fn a_piece_waits_for_its_end_over_restarts_of_the_collector() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "before");
    world.pods.piece(&mut app, Stdout, "P", b"begun, ");
    world.pods.print(&mut app, Stderr, "meanwhile");
    for _ in 0..2 {
        let running = world.start();
        world.until_records(2).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        running.stop().await;
    }
    app.rotate();
    world.pods.piece(&mut app, Stdout, "F", b"ended");
    world.pods.expect(&app, Stdout, "begun, ended");
    let running = world.start();
    world.until_records(3).await;
    running.stop().await;
    world.check_ledger();
}

#[tokio::test]
async fn a_new_life_of_the_container_ends_the_old_one() {
    let mut world = World::new().await;
    let mut first = world.pods.container("u1", 0);
    world.pods.piece(&mut first, Stdout, "P", b"last words");
    world.pods.expect(&first, Stdout, "last words");
    first.raw(b"2026-11-22T10:00:01Z stderr F torn by the en");
    world.pods.expect(&first, Stderr, "torn by the en");
    let running = world.start();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(world.server.with(|inner| inner.log.rows.len()), 0, "an end that may still come is waited for");
    let mut second = world.pods.container("u1", 1);
    world.pods.print(&mut second, Stdout, "born again");
    world.until_records(3).await;
    running.stop().await;
    world.check_ledger();
    world.server.with(|inner| {
        let incomplete = inner.log.rows.iter().filter(|row| row.record.record.problems.contains(Problem::Incomplete)).count();
        assert_eq!(incomplete, 2);
    });
}

#[tokio::test]
async fn too_many_unread_files_of_a_deleted_pod_are_given_up_by_name_and_nothing_else() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "first");
    let running = world.start();
    world.until_records(1).await;
    world.server.with(|inner| inner.faults.part_later = 100);
    for round in 0..22 {
        world.pods.print(&mut app, Stdout, &format!("round {round}"));
        app.rotate();
    }
    // Seen and held open, then removed.
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    std::fs::remove_dir_all(app.folder.parent().unwrap()).unwrap();
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    world.server.with(|inner| inner.faults.part_later = 0);
    world.until("the youngest", |inner| inner.log.messages("u1", 0, Stdout).last().is_some_and(|message| message == "round 21")).await;
    running.stop().await;
    world.server.with(|inner| {
        let messages = inner.log.messages("u1", 0, Stdout);
        let holes = inner.log.holes.iter().filter(|hole| hole.substream == Stdout && hole.reason == GapReason::RotatedAway).count();
        assert_eq!((messages.len(), holes), (1 + 16, 6), "{messages:?}");
    });
}

#[tokio::test]
async fn a_file_cut_to_a_shorter_one_with_the_same_first_line_is_noticed() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    for number in 0..20 {
        world.pods.print(&mut app, Stdout, &format!("line {number}"));
    }
    let running = world.start();
    world.until_records(20).await;
    let (taken, first) = world.server.with(|inner| (inner.log.rows[19].record.end, inner.log.rows[0].record.end));
    std::fs::OpenOptions::new().write(true).open(app.current()).unwrap().set_len(first).unwrap();
    // Seen to be shorter, then longer again than it was: what lies at the mark is the middle of another line.
    tokio::time::sleep(Duration::from_millis(700)).await;
    for number in 0..30 {
        world.pods.piece(&mut app, Stdout, "F", format!("after the cut {number}").as_bytes());
    }
    world.until("the last line", |inner| inner.log.messages("u1", 0, Stdout).last().is_some_and(|last| last == "after the cut 29")).await;
    running.stop().await;
    world.server.with(|inner| {
        let hole = inner.log.holes.iter().find(|hole| hole.substream == Stdout).unwrap();
        assert_eq!((hole.reason, hole.extent.from), (GapReason::Copytruncate, taken));
        let messages = inner.log.messages("u1", 0, Stdout);
        assert!(messages[20..].iter().all(|message| message.starts_with("after the cut ")), "{:?}", &messages[20..]);
    });
}

#[tokio::test]
async fn a_file_that_takes_the_inode_of_one_that_is_gone_is_another_file() {
    use std::os::unix::fs::MetadataExt;
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    let running = world.start();
    let mut inodes = std::collections::BTreeSet::new();
    let mut reused = 0;
    for number in 0..12 {
        world.pods.print(&mut app, Stdout, &format!("file {number}"));
        reused += usize::from(!inodes.insert(std::fs::metadata(app.current()).unwrap().ino()));
        world.until_records(number + 1).await;
        // Left, read to its end and closed; then its inode is free.
        let rotated = app.rotate();
        tokio::time::sleep(Duration::from_millis(600)).await;
        std::fs::remove_file(rotated).unwrap();
    }
    println!("{reused} of 12 files had the inode of an earlier one");
    running.stop().await;
    world.check_ledger();
    assert!(world.server.with(|inner| inner.log.holes.is_empty()));
}

#[tokio::test]
async fn a_file_that_is_gone_and_told_is_no_longer_remembered() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "line");
    let running = world.start();
    world.until_records(1).await;
    std::fs::remove_dir_all(app.folder.parent().unwrap()).unwrap();
    world.until("the word that it is gone", |inner| inner.heartbeats.iter().any(|beat| beat.files.iter().any(|file| file.gone))).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    running.stop().await;
    let slots = ["positions.0", "positions.1"].map(|slot| std::fs::read(world.state.path().join(slot)).unwrap_or_default());
    let newest = slots.iter().max_by_key(|slot| slot.get(8..16).map(|generation| u64::from_le_bytes(generation.try_into().unwrap())));
    assert!(newest.unwrap().ends_with(br#""files":[]}"#), "{}", String::from_utf8_lossy(newest.unwrap()));
}

#[tokio::test]
async fn a_chain_of_symlinks_may_lead_to_the_root_and_none_below_it() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "mine");
    let links = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(world.pods.root(), links.path().join("one")).unwrap();
    std::os::unix::fs::symlink(links.path().join("one"), links.path().join("two")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", app.folder.join("1.log")).unwrap();
    std::os::unix::fs::symlink(app.current(), app.folder.join("2.log")).unwrap();
    let mut config = world.config(true);
    config.root = links.path().join("two");
    let report = martlog_collector::run(config, tokio_util::sync::CancellationToken::new()).await.unwrap();
    assert_eq!((report.files, report.records), (1, 1));
    world.check_ledger();
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_hold_up_the_next_file() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "before");
    let rotated = app.rotate();
    // Written last in what is now the future.
    let file = std::fs::File::options().append(true).open(rotated).unwrap();
    file.set_modified(std::time::SystemTime::now() + Duration::from_secs(7_200)).unwrap();
    world.pods.print(&mut app, Stdout, "after");
    let running = world.start();
    world.until_records(2).await;
    running.stop().await;
    world.check_ledger();
}
