//! The store under faults that only a process of its own can have: killed at a system call, and opened over flipped bytes.
//!
//! ```text
//! cargo test -p martlog-indexer --test faults -- [crash] [flips] [--points N] [--seed N] [--only FAMILY:SYSCALL:K] [--flips N] [--log FILE]
//! ```
//!
//! Without a harness: the program runs itself as the child that is killed. Which points are tried rotates with the day, so that in time all of
//! them are; the seed is printed, and the same seed tries the same ones.

// Helpers of tests may fail as loudly as tests, and this one says what it measured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, clippy::exit)]

mod child;
mod crash;
mod flips;
#[path = "../harness.rs"]
#[allow(dead_code, reason = "shared with the tests of the other binary")]
mod harness;
mod ledger;
mod points;
mod script;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What to do.
struct Plan {
    crash: bool,
    flips: bool,
    /// Places to be killed at.
    points: usize,
    /// Bytes to flip.
    flipped: usize,
    seed: u64,
    only: Option<points::Point>,
    /// Where a report is written.
    log: Option<PathBuf>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, dir, from] = args.as_slice()
        && first == "child"
    {
        return child::main(Path::new(dir), from.parse().expect("the number of a step"));
    }
    let Some(plan) = plan(&args) else { return };
    let mut report = String::new();
    if plan.crash {
        report.push_str(&crash::run(plan.points, plan.seed, plan.only.as_ref()));
    }
    if plan.flips {
        report.push_str(&flips::run(plan.flipped, plan.seed));
    }
    print!("{report}");
    if let Some(log) = plan.log {
        let asked = format!(
            "cargo test -p martlog-indexer --test faults -- --points {} --flips {} --seed {}",
            plan.points, plan.flipped, plan.seed
        );
        std::fs::write(log, format!("{asked}\n\n{report}")).expect("the log is written");
    }
}

/// `None` when the arguments are a filter for other tests.
fn plan(args: &[String]) -> Option<Plan> {
    let days = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
    let mut plan = Plan { crash: true, flips: true, points: 24, flipped: 3_000, seed: days, only: None, log: None };
    let named: Vec<&str> = args.iter().map(String::as_str).filter(|arg| ["crash", "flips"].contains(arg)).collect();
    if !named.is_empty() {
        (plan.crash, plan.flips) = (named.contains(&"crash"), named.contains(&"flips"));
    }
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
        match arg.as_str() {
            "crash" | "flips" => {}
            "--points" => plan.points = value().parse().expect("how many points"),
            "--flips" => plan.flipped = value().parse().expect("how many bytes"),
            "--seed" => plan.seed = value().parse().expect("a number"),
            "--only" => plan.only = Some(points::Point::parse(value()).expect("FAMILY:SYSCALL:K")),
            "--log" => plan.log = Some(value().into()),
            // What `cargo test` hands to every test binary: switches are passed over, and a filter is for tests with names.
            other if other.starts_with('-') => {}
            _ => return None,
        }
    }
    Some(plan)
}

/// As a report says it.
fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
