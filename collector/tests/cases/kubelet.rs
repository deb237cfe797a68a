//! The kubelet rotates, compresses and removes while containers print: `support::kubelet` is a port of what it does.

use crate::support::World;
use crate::support::kubelet::Kubelet;
use crate::support::pods::{Container, Stderr, Stdout};
use std::time::Duration;

/// Scaled down from 10 MiB.
const KUBELET: Kubelet = Kubelet { max_bytes: 20_000, max_files: 5 };

/// Prints until the current file is over the limit, rotates, and meanwhile prints into the renamed file.
fn fill_and_rotate(world: &mut World, app: &mut Container, round: usize) {
    let mut number = 0;
    while std::fs::metadata(app.current()).unwrap().len() < KUBELET.max_bytes {
        let substream = if number % 4 == 0 { Stderr } else { Stdout };
        world.pods.print(app, substream, &format!("{round}/{number} {}.", "x".repeat(300 + number % 7 * 100)));
        number += 1;
    }
    // A line in three pieces: into the file before, during and after its renaming.
    world.pods.piece(app, Stdout, "P", b"before, ");
    let rotated = KUBELET.look(app, |app| {
        world.pods.piece(app, Stdout, "P", b"during, ");
        world.pods.print(app, Stderr, &format!("{round} late"));
    });
    assert!(rotated);
    world.pods.piece(app, Stdout, "F", b"after");
    world.pods.expect(app, Stdout, "before, during, after");
}

fn printed(world: &World) -> usize {
    world.pods.ledger.values().map(Vec::len).sum()
}

#[tokio::test]
async fn a_running_collector_loses_nothing_also_of_several_rotations_at_once() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    let running = world.start();
    let mut round = 0;
    for burst in [1, 1, 3, 1, 4, 2, 4] {
        for _ in 0..burst {
            fill_and_rotate(&mut world, &mut app, round);
            round += 1;
        }
        // More than four, and the kubelet removes what nobody has read.
        world.until_records(printed(&world)).await;
    }
    assert!(!app.folder.join("0.log.20261122-101501.gz").exists(), "the oldest were removed");
    world.until("marks at the end of all files", |inner| inner.log.holes.is_empty()).await;
    running.stop().await;
    world.check_ledger();
}

#[tokio::test]
async fn what_the_kubelet_rotated_while_it_was_down_is_read() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    for life in 0..3 {
        let running = world.start();
        // A fifth rotation would remove what nobody has read.
        world.until_records(printed(&world)).await;
        fill_and_rotate(&mut world, &mut app, life * 10);
        world.until_records(printed(&world)).await;
        if life == 1 {
            running.kill().await;
        } else {
            running.stop().await;
        }
        for round in 1..=4 {
            fill_and_rotate(&mut world, &mut app, life * 10 + round);
        }
    }
    world.collect_once().await;
    world.check_ledger();
    assert!(world.server.with(|inner| inner.log.holes.is_empty()));
}

#[tokio::test]
async fn what_a_killed_kubelet_left_behind_is_no_second_copy() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    fill_and_rotate(&mut world, &mut app, 0);
    // Killed between the renaming of the compressed file and the removal of the plain one, and once more in the middle of a compression.
    let plain = app.folder.join("0.log.20261122-101501");
    let bytes = std::fs::read(&plain).unwrap();
    crate::support::pods::gzip(&plain);
    std::fs::write(&plain, &bytes).unwrap();
    std::fs::write(app.folder.join("0.log.20261122-101501.tmp"), &bytes[..1_000]).unwrap();
    let running = world.start();
    world.until_records(printed(&world)).await;
    fill_and_rotate(&mut world, &mut app, 1);
    world.until_records(printed(&world)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    running.stop().await;
    world.check_ledger();
}
