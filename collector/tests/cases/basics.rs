//! Lines arrive, once, over stops and starts.

use crate::support::World;
use crate::support::pods::{Stderr, Stdout};
use martlog_collector::CollectError;
use martlog_formats::wire::GapReason;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn what_is_there_is_collected_once() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    for number in 0..100 {
        world.pods.print(&mut app, Stdout, &format!("out {number}"));
        world.pods.print(&mut app, Stderr, &format!("err {number}"));
    }
    let size = std::fs::metadata(app.current()).unwrap().len();
    let report = world.collect_once().await;
    world.check_ledger();
    assert_eq!((report.files, report.records, report.bytes, report.gaps), (1, 200, size, 0));
    let header = world.server.with(|inner| inner.headers[0].clone());
    assert_eq!((header.cluster.as_str(), header.node.as_str()), ("eu-1", "node-1"));
    // A second time there is nothing to do: both marks are at the end of the file.
    let appends = world.server.with(|inner| inner.appends);
    assert_eq!(world.collect_once().await.records, 0);
    assert_eq!(world.server.with(|inner| inner.appends), appends);
}

#[tokio::test]
async fn a_silent_stderr_is_at_the_end_of_the_file_too() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "only stdout");
    world.collect_once().await;
    let size = std::fs::metadata(app.current()).unwrap().len();
    world.server.with(|inner| {
        assert_eq!(inner.log.marks.len(), 2);
        assert!(inner.log.marks.values().all(|mark| *mark == size));
    });
}

#[tokio::test]
async fn a_printed_line_is_on_the_server_soon() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, r#"{"message":"first"}"#);
    world.pods.ledger.clear();
    let running = world.start();
    world.until_records(1).await;
    let mut worst = std::time::Duration::ZERO;
    for number in 2..=10 {
        let began = std::time::Instant::now();
        world.pods.print(&mut app, Stdout, &format!(r#"{{"message":"m{number}"}}"#));
        world.until_records(number).await;
        worst = worst.max(began.elapsed());
    }
    println!("printed to appended: {worst:?} at worst");
    assert!(worst < std::time::Duration::from_millis(500), "{worst:?}");
    running.stop().await;
}

#[tokio::test]
async fn it_goes_on_where_it_stopped_and_new_pods_are_found() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "one");
    let running = world.start();
    world.until_records(1).await;
    let mut other = world.pods.container("u2", 0);
    world.pods.print(&mut other, Stderr, "two");
    world.until_records(2).await;
    running.stop().await;
    world.pods.print(&mut app, Stdout, "three");
    let running = world.start();
    world.until_records(3).await;
    let report = running.stop().await;
    assert_eq!((report.records, report.files), (1, 2));
    world.check_ledger();
}

#[tokio::test]
async fn a_lost_or_broken_state_folder_changes_nothing() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    for round in 0..4 {
        for number in 0..50 {
            world.pods.print(&mut app, Stdout, &format!("{round}/{number}"));
        }
        world.collect_once().await;
        world.check_ledger();
        for slot in ["positions.0", "positions.1"] {
            let path = world.state.path().join(slot);
            match round {
                0 => drop(std::fs::remove_file(path)),
                1 => std::fs::write(path, b"").unwrap(),
                _ => {
                    if let Ok(bytes) = std::fs::read(&path) {
                        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_hole_that_only_the_position_file_remembers_is_named() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "kept");
    let running = world.start();
    world.until_records(1).await;
    // The server takes no more of it, the collector sees the file grow, stops, and the pod is deleted meanwhile.
    world.server.with(|inner| inner.faults.part_later = 100);
    world.pods.print(&mut app, Stdout, "lost");
    tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    running.stop().await;
    let size = std::fs::metadata(app.current()).unwrap().len();
    std::fs::remove_dir_all(app.folder.parent().unwrap()).unwrap();
    world.server.with(|inner| inner.faults.part_later = 0);
    let report = world.collect_once().await;
    world.server.with(|inner| {
        let stdout = inner.log.holes.iter().find(|hole| hole.substream == Stdout).expect("a hole of stdout");
        assert_eq!((stdout.reason, stdout.extent.to), (GapReason::RotatedAway, size));
        assert_eq!(stdout.extent.from, inner.log.rows[0].record.end);
    });
    assert!(report.gaps >= 1);
    assert_eq!(world.collect_once().await.gaps, 0);
}

#[tokio::test]
async fn what_cannot_work_is_said_at_the_start() {
    let world = World::new().await;
    let fails = async |change: &dyn Fn(&mut martlog_collector::Config)| {
        let mut config = world.config(true);
        change(&mut config);
        match martlog_collector::run(config, CancellationToken::new()).await {
            Err(CollectError::Setup(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    assert!(fails(&|config| config.root = "/nowhere/pods".into()).await.contains("--root"));
    let file = world.state.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    assert!(fails(&|config| config.state = file.join("state")).await.contains("--state"));
    assert!(fails(&|config| config.server = "ftp://x".to_owned()).await.contains("http://HOST:PORT"));
    world.server.with(|inner| inner.token = Some("another".to_owned()));
    let text = fails(&|_| {}).await;
    assert!(text.contains("--token-file") && !text.contains("mart_collector_secret"), "{text}");
}

#[tokio::test]
async fn heartbeats_say_how_far_it_is_and_what_is_gone() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "line");
    let size = std::fs::metadata(app.current()).unwrap().len();
    let running = world.start();
    world
        .until("a heartbeat with the file", |inner| {
            inner
                .heartbeats
                .iter()
                .any(|beat| beat.files.iter().any(|file| file.acknowledged == [size, size] && file.size == size && !file.gone))
        })
        .await;
    std::fs::remove_dir_all(app.folder.parent().unwrap()).unwrap();
    world.until("the word that it is gone", |inner| inner.heartbeats.iter().any(|beat| beat.files.iter().any(|file| file.gone))).await;
    // Said once; then the file is forgotten.
    let gone = world.server.with(|inner| inner.heartbeats.len());
    world.until("two more heartbeats", |inner| inner.heartbeats.len() > gone + 1).await;
    assert!(world.server.with(|inner| inner.heartbeats.last().unwrap().files.is_empty()));
    running.stop().await;
}

#[tokio::test]
async fn labels_are_passed_on() {
    let mut world = World::new().await;
    let path = world.state.path().join("labels.json");
    std::fs::write(&path, r#"{"u1": {"vendor_id": "acme", "app.kubernetes.io/name": "sms"}}"#).unwrap();
    world.pod_labels = Some(path);
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "labelled");
    let mut other = world.pods.container("u2", 0);
    world.pods.print(&mut other, Stdout, "not labelled");
    world.collect_once().await;
    world.server.with(|inner| {
        let labels = |uid: &str| inner.log.rows.iter().find(|row| row.stream.pod_uid == uid).unwrap().labels.clone();
        assert_eq!(labels("u1"), [("app.kubernetes.io/name".to_owned(), "sms".to_owned()), ("vendor_id".to_owned(), "acme".to_owned())]);
        assert!(labels("u2").is_empty());
    });
}

#[tokio::test]
async fn a_new_pod_is_seen_within_a_second_whatever_came_before_its_first_line() {
    let mut world = World::new().await;
    let running = world.start();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    for number in 0..8 {
        let mut app = world.pods.container(&format!("u{number}"), 0);
        // The folders and an empty file are there for a while, or for no time at all.
        tokio::time::sleep(std::time::Duration::from_millis(number * 60)).await;
        let began = std::time::Instant::now();
        world.pods.print(&mut app, Stdout, "hello");
        world.until_records(usize::try_from(number).unwrap() + 1).await;
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "pod {number}: {:?}", began.elapsed());
    }
    // One that has been still for longer than it is looked at all the time.
    let mut old = world.pods.container("u0", 1);
    world.pods.print(&mut old, Stdout, "again");
    world.until_records(9).await;
    tokio::time::sleep(std::time::Duration::from_secs(21)).await;
    let began = std::time::Instant::now();
    world.pods.print(&mut old, Stdout, "after a rest");
    world.until_records(10).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    running.stop().await;
    world.check_ledger();
}
