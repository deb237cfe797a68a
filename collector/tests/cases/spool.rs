//! Files vanish while the server is away, and the collector ends meanwhile.

use crate::support::World;
use crate::support::pods::{Container, Stderr, Stdout};
use martlog_formats::wire::GapReason;
use std::time::{Duration, Instant};

/// A server that is not there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Files in the spool.
fn copies(world: &World) -> usize {
    let entries = std::fs::read_dir(world.state.path().join("spool")).into_iter().flatten();
    entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "copy")).count()
}

/// Waits for a survey, and the moment that a file has to be gone.
async fn until_copies(world: &World, count: usize) {
    let began = Instant::now();
    while copies(world) != count {
        assert!(began.elapsed() < Duration::from_secs(40), "waited in vain for {count} copies; there are {}", copies(world));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Prints some lines, and takes the file away as soon as it was seen.
async fn vanishing(world: &mut World, app: &mut Container, round: usize) {
    for number in 0..20 {
        world.pods.print(app, if number % 3 == 0 { Stderr } else { Stdout }, &format!("{round}/{number}"));
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    std::fs::remove_file(app.rotate()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanished_while_the_server_was_away_outlives_the_collector() {
    let mut world = World::new().await;
    let url = std::mem::replace(&mut world.server.url, NOWHERE.to_owned());
    let mut app = world.pods.container("u1", 0);
    let mut gone = world.pods.container("u2", 0);
    world.pods.print(&mut gone, Stdout, "the last words of a pod");
    let running = world.start();
    for round in 0..3 {
        vanishing(&mut world, &mut app, round).await;
    }
    std::fs::remove_dir_all(gone.folder.parent().unwrap()).unwrap();
    world.pods.print(&mut app, Stdout, "what is there");
    until_copies(&world, 4).await;
    running.kill().await;
    world.server.url = url;
    let running = world.start();
    world.until_records(3 * 20 + 2).await;
    until_copies(&world, 0).await;
    running.stop().await;
    world.check_ledger();
    assert_eq!(world.server.with(|inner| inner.log.holes.len()), 0, "nothing is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_files_than_are_held_open_are_read_from_their_copies() {
    let mut world = World::new().await;
    world.server.with(|inner| inner.script = vec![(503, "away"); 100_000]);
    let mut app = world.pods.container("u1", 0);
    let running = world.start();
    for batch in 0..2 {
        for round in 0..11 {
            vanishing(&mut world, &mut app, batch * 11 + round).await;
        }
        until_copies(&world, (batch + 1) * 11).await;
    }
    world.server.with(|inner| inner.script.clear());
    world.until_records(22 * 20).await;
    until_copies(&world, 0).await;
    running.stop().await;
    world.check_ledger();
    assert_eq!(world.server.with(|inner| inner.log.holes.len()), 0, "nothing is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_room_and_is_not_held_any_more_is_named() {
    let mut world = World::new().await;
    world.spool_bytes = 10;
    world.server.with(|inner| inner.script = vec![(503, "away"); 100_000]);
    let mut app = world.pods.container("u1", 0);
    let running = world.start();
    for round in 0..10 {
        vanishing(&mut world, &mut app, round).await;
    }
    // A survey later there was no room for them.
    tokio::time::sleep(Duration::from_secs(13)).await;
    for round in 10..20 {
        vanishing(&mut world, &mut app, round).await;
    }
    world.pods.print(&mut app, Stdout, "the end");
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.server.with(|inner| inner.script.clear());
    world.until("the end", |inner| inner.log.messages("u1", 0, Stdout).last().is_some_and(|last| last == "the end")).await;
    running.stop().await;
    assert_eq!(copies(&world), 0);
    world.server.with(|inner| {
        assert!(
            !inner.log.holes.is_empty() && inner.log.holes.iter().all(|hole| hole.reason == GapReason::SpoolFull),
            "{:?}",
            inner.log.holes
        );
        // Of the oldest files alone something is missing: all but what was on its way.
        for substream in [Stdout, Stderr] {
            let (printed, stored) = (&world.pods.ledger[&("u1".to_owned(), 0, substream)], inner.log.messages("u1", 0, substream));
            let (there, missing): (Vec<&String>, Vec<&String>) = printed.iter().partition(|line| stored.contains(line));
            assert_eq!(stored.iter().collect::<Vec<_>>(), there, "once, in order");
            let of_the_oldest =
                |line: &&String| line.split('/').next().and_then(|round| round.parse().ok()).is_some_and(|round: u32| round < 10);
            assert!(!missing.is_empty() && missing.iter().all(of_the_oldest), "{missing:?}");
        }
    });
}
