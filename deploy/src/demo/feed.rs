//! The feed: lets the traffic happen as time goes on. History is written at once, in slices, so that a reader can follow; then each moment when it comes.
//!
//! What was written last is kept in `simulation.json`, so that a demo goes on where it stopped.

use super::calendar::{Calendar, HISTORY_MINUTES};
use super::node::{Limits, Node};
use super::time::{MINUTE, SECOND};
use super::traffic::{Traffic, lines_of};
use super::world::World;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// History is written in slices of so much simulated time.
const SLICE_NS: i64 = 20 * SECOND;
/// And not faster than this, lines a second, so that rotation does not remove what the collector could not read yet.
const HISTORY_LINES_PER_S: u32 = 30_000;
/// How often live lines are written.
const TICK: Duration = Duration::from_millis(50);
/// How often the state is saved.
const SAVE_EVERY_NS: i64 = 2 * SECOND;
const VERSION: u32 = 1;

/// What the simulation is and how far it has come: `simulation.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Simulation {
    version: u32,
    pub(super) seed: u64,
    /// The calendar's start, ns since the epoch.
    pub(super) start_ns: i64,
    /// How far the simulated clock is behind the machine's, ns; 0 unless a start in another time was asked for.
    behind_ns: i64,
    /// Everything before this is in the files, ns since the epoch.
    pub(super) written_ns: i64,
}

impl Simulation {
    /// A new one that begins now, or whose clock begins at `start_ns` now.
    pub(super) fn new(seed: u64, start_ns: Option<i64>) -> Self {
        let now = machine_ns();
        let start_ns = start_ns.unwrap_or(now);
        let calendar = Calendar { start_ns };
        Self { version: VERSION, seed, start_ns, behind_ns: now - start_ns, written_ns: calendar.history_ns() }
    }

    /// The one of this data folder; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or is of another version.
    pub(super) fn load(dir: &Path) -> io::Result<Option<Self>> {
        let bytes = match std::fs::read(path(dir)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let simulation: Self = serde_json::from_slice(&bytes)?;
        if simulation.version != VERSION {
            return Err(io::Error::other(format!("simulation.json has version {}, this program knows {VERSION}", simulation.version)));
        }
        Ok(Some(simulation))
    }

    /// Writes it beside and renames.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn save(&self, dir: &Path) -> io::Result<()> {
        let beside = dir.join("simulation.json.tmp");
        std::fs::write(&beside, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(beside, path(dir))
    }

    /// How far the simulated clock is behind the machine's, ns.
    pub(super) fn behind_ns(&self) -> i64 {
        self.behind_ns
    }

    /// The simulated moment that is now.
    pub(super) fn now_ns(&self) -> i64 {
        machine_ns() - self.behind_ns
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("simulation.json")
}

fn machine_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// What was fed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fed {
    /// Physical lines.
    pub(super) lines: u64,
}

/// Feeds until `stop`; blocks its thread, so give it one. `caught_up` is cancelled as soon as history is written.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn feed(
    dir: &Path,
    root: &Path,
    mut simulation: Simulation,
    rate: f64,
    caught_up: &CancellationToken,
    stop: &CancellationToken,
) -> io::Result<Fed> {
    let world = World::new(simulation.seed);
    let calendar = Calendar { start_ns: simulation.start_ns };
    let mut node = Node::new(root, &world, Limits::default())?;
    // What a stopped demo has missed is told, but not more than the history of a new one.
    let from = simulation.written_ns.max(simulation.now_ns() - HISTORY_MINUTES * MINUTE);
    let mut traffic = Traffic::new(&world, calendar, simulation.seed, rate, from);
    simulation.written_ns = from;
    let (mut fed, mut saved_ns) = (Fed::default(), 0);
    while !stop.is_cancelled() {
        let now = simulation.now_ns();
        let until = now.min(simulation.written_ns + SLICE_NS);
        let (lines, result) = slice(&mut traffic, &mut node, until);
        result?;
        fed.lines += lines;
        simulation.written_ns = until;
        if (until - saved_ns).abs() >= SAVE_EVERY_NS {
            simulation.save(dir)?;
            saved_ns = until;
        }
        if until < now {
            std::thread::sleep(
                Duration::from_secs(1) / HISTORY_LINES_PER_S * u32::try_from(lines).unwrap_or(u32::MAX).min(HISTORY_LINES_PER_S),
            );
        } else {
            caught_up.cancel();
            std::thread::sleep(TICK);
        }
    }
    simulation.save(dir)?;
    Ok(fed)
}

fn slice(traffic: &mut Traffic<'_>, node: &mut Node, until_ns: i64) -> (u64, io::Result<()>) {
    let (mut lines, mut result) = (0, Ok(()));
    traffic.until(until_ns, |event| {
        lines += lines_of(&event.act) as u64;
        if result.is_ok() {
            result = node.play(&event);
        }
    });
    (lines, result.and_then(|()| node.flush()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds into the folder until history is there, then stops.
    fn fed(dir: &Path, simulation: Simulation) -> Fed {
        let root = dir.join("pods");
        let (caught_up, stop) = (CancellationToken::new(), CancellationToken::new());
        std::thread::scope(|scope| {
            let feeding = scope.spawn(|| feed(dir, &root, simulation, 2.0, &caught_up, &stop));
            while !caught_up.is_cancelled() && !feeding.is_finished() {
                std::thread::sleep(Duration::from_millis(5));
            }
            stop.cancel();
            feeding.join().unwrap().unwrap()
        })
    }

    #[test]
    fn a_demo_goes_on_where_it_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let begun = Simulation::new(5, None);
        assert_eq!(Simulation::load(dir.path()).unwrap(), None);
        let first = fed(dir.path(), begun.clone());
        assert!(first.lines > 8000, "{} lines of two hours at 2 a second", first.lines);
        let stopped = Simulation::load(dir.path()).unwrap().unwrap();
        assert_eq!((stopped.seed, stopped.start_ns), (5, begun.start_ns));
        assert!(stopped.written_ns >= begun.start_ns);
        let second = fed(dir.path(), stopped.clone());
        assert!(second.lines < 100, "history is not written again: {} lines", second.lines);
        assert!(Simulation::load(dir.path()).unwrap().unwrap().written_ns >= stopped.written_ns);
    }

    #[test]
    fn a_start_in_another_time_moves_the_clock() {
        let simulation = Simulation::new(1, Some(1_795_342_370 * SECOND));
        let since_start = simulation.now_ns() - simulation.start_ns;
        assert!((0..10 * SECOND).contains(&since_start));
    }
}
