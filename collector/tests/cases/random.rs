//! Random days on a node: lines, rotations, compressions, deletions, a faulty network, a collector that is stopped and killed, against a ledger.

use crate::support::World;
use crate::support::pods::{Container, Stderr, Stdout, gzip};
use crate::support::server::Faults;
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

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }
}

/// What a day was like.
#[derive(Debug, Default)]
struct Day {
    lines: u64,
    faults: u64,
    kills: u64,
    rotations: u64,
}

async fn day(seed: u64) -> Day {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut day = Day::default();
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
            batch_bytes_max: if seed.is_multiple_of(2) { 0 } else { 200_000 },
        };
    });
    let mut containers: Vec<Container> = (0..4).map(|pod| world.pods.container(&format!("u{pod}"), 0)).collect();
    let mut rotated: Vec<Vec<PathBuf>> = vec![Vec::new(); containers.len()];
    let mut running = Some(world.start());
    for _ in 0..80 {
        let at = random.index(4);
        match random.below(16) {
            0..=5 => {
                for _ in 0..random.below(120) {
                    day.lines += 1;
                    print(&mut world, &mut containers[at], &mut random, day.lines);
                }
            }
            // Nothing is removed: what was removed unread would rightly be a gap.
            6 | 7 => {
                day.rotations += 1;
                rotated[at].push(containers[at].rotate());
            }
            8 => drop(rotated[at].pop().map(|path| gzip(&path))),
            9 => {
                if let Some(collector) = running.take() {
                    day.kills += 1;
                    if random.below(3) == 0 {
                        collector.stop().await;
                    } else {
                        collector.kill().await;
                    }
                }
                if random.below(4) == 0 {
                    let _ = std::fs::remove_file(world.state.path().join("positions.0"));
                }
            }
            10..=12 if running.is_none() => running = Some(world.start()),
            _ => tokio::time::sleep(Duration::from_millis(random.below(250))).await,
        }
    }
    if let Some(collector) = running {
        collector.kill().await;
    }
    day.faults = world.server.with(|inner| inner.struck);
    world.server.with(|inner| inner.faults = Faults::default());
    world.collect_once().await;
    world.check_ledger();
    assert!(world.server.with(|inner| inner.log.holes.is_empty()));
    day
}

fn print(world: &mut World, container: &mut Container, random: &mut Random, number: u64) {
    let substream = if random.below(3) == 0 { Stderr } else { Stdout };
    let length = if random.below(150) == 0 { 40_000 } else { random.index(200) };
    world.pods.print(container, substream, &format!("{number} {}.", "y".repeat(length)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_a_random_day_arrives_once_and_in_order() {
    let days: Vec<_> = (1..=8).map(|seed| (seed, tokio::spawn(day(seed)))).collect();
    for (seed, day) in days {
        let day = day.await.unwrap();
        println!("seed {seed}: {day:?}");
        assert!(day.lines > 0 && day.faults > 0 && day.rotations > 0, "seed {seed} tests nothing: {day:?}");
    }
}
