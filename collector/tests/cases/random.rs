//! Random days on a node: lines, rotations, compressions, deletions, a faulty network, a collector that is stopped and killed, against a ledger.

use crate::support::pods::{Container, Stderr, Stdout, gzip};
use crate::support::server::Faults;
use crate::support::{Running, World};
use std::path::PathBuf;
use std::time::Duration;

/// A small generator: the seed tells the day.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

async fn day(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut world = World::new().await;
    world.server.with(|inner| {
        inner.faults = Faults {
            drop_request: 10,
            drop_answer: 10,
            unavailable: 8,
            too_many: 5,
            part_later: 5,
            part_conflict: 5,
            delay_ms: 2,
            batch_bytes_max: if seed % 2 == 0 { 0 } else { 200_000 },
        };
    });
    let mut containers: Vec<Container> = (0..4).map(|pod| world.pods.container(&format!("u{pod}"), 0)).collect();
    let mut rotated: Vec<Vec<PathBuf>> = vec![Vec::new(); containers.len()];
    let mut running: Option<Running> = None;
    let mut number = 0_u64;
    for _ in 0..60 {
        let at = random.below(4) as usize;
        match random.below(12) {
            0..=5 => {
                for _ in 0..random.below(120) {
                    number += 1;
                    print(&mut world, &mut containers[at], &mut random, number);
                }
            }
            // At most five files, as the kubelet keeps: what is removed was given time to be read only when it runs; so nothing is removed here.
            6 | 7 => rotated[at].push(containers[at].rotate()),
            8 => {
                if let Some(path) = rotated[at].pop() {
                    gzip(&path);
                }
            }
            9 => {
                if running.is_none() {
                    running = Some(world.start());
                }
            }
            10 => match running.take() {
                Some(collector) if random.below(2) == 0 => drop(collector.stop().await),
                Some(collector) => collector.kill().await,
                None => drop(std::fs::remove_file(world.state.path().join("positions.0"))),
            },
            _ => tokio::time::sleep(Duration::from_millis(random.below(300))).await,
        }
    }
    if let Some(collector) = running {
        collector.kill().await;
    }
    let struck = world.server.with(|inner| inner.struck);
    world.server.with(|inner| inner.faults = Faults::default());
    world.collect_once().await;
    world.check_ledger();
    assert!(world.server.with(|inner| inner.log.holes.is_empty()));
    println!("day {seed}: {number} lines, {struck} faults");
}

fn print(world: &mut World, container: &mut Container, random: &mut Random, number: u64) {
    let substream = if random.below(3) == 0 { Stderr } else { Stdout };
    let length = if random.below(150) == 0 { 40_000 } else { random.below(200) as usize };
    world.pods.print(container, substream, &format!("{number} {}.", "y".repeat(length)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_a_random_day_arrives_once_and_in_order() {
    for seed in 1..=6 {
        day(seed).await;
    }
}
