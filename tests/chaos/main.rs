//! Everything goes wrong at once, and nothing is lost: two collectors and a server as real processes in network namespaces of their own, containers that print, a
//! kubelet that rotates, and faults at random; then every line is read back and held against a ledger that was kept outside.
//!
//! ```text
//! cargo test --test chaos -- --seconds 300 [--seed N] [--rate LINES] [--log FILE] [--keep]
//! ```
//!
//! Without a harness and without `--seconds` it does nothing: it takes minutes, root, `ip` and libfaketime, and `tests/run chaos` has all of them. The program runs itself in
//! namespaces of its own, so that nothing is left of it whatever happens. It fails when a line is lost, doubled, reordered, altered or lost without a name, or when a
//! fault never came; then the logs, the ledger and the store are kept, and the seed makes the same faults again.

// Helpers of tests may fail as loudly as tests, and this one says what it measured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, clippy::exit)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates and times of a test are small")]

#[path = "../harness/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of the other binary")]
mod harness;
#[path = "../../collector/tests/support/kubelet.rs"]
mod kubelet;
mod ledger;
mod machine;
mod memory;
mod net;
mod node;
mod pods;
mod storm;
mod text;
mod verify;
mod world;
mod writer;

use harness::api::Api;
use ledger::Book;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};
use storm::Storm;
use verify::Outcome;
use world::World;

/// Set for the program that runs in its namespaces.
const INSIDE: &str = "MARTLOG_CHAOS_INSIDE";
/// How long the last lines may take once everything works again: pauses between attempts are at most 30 s, those that the server asks for longer.
const DRAIN_MAX: Duration = Duration::from_secs(150);
/// Nothing new for so long, and nobody says that something waits: drained.
const DRAIN_STILL: Duration = Duration::from_secs(12);
/// Clocks are stepped by up to hours; a collector's log that is so far ahead shows that it saw one, s.
const CLOCK_SEEN: i64 = 15;
/// From how long a run on that must have been seen, s: in a shorter one no collector may have had a reason to log anything while its clock was ahead.
const CLOCK_SEEN_FROM: u64 = 600;

/// What writers and kubelets have to have done at least once.
const DONE: [&str; 8] = [
    "containers restarted",
    "copies and cuts",
    "files compressed",
    "lines across files",
    "lines in pieces",
    "lines without an end",
    "pods deleted",
    "rotations",
];

/// What to do.
struct Plan {
    seconds: u64,
    seed: u64,
    /// Lines a second, of all nodes.
    rate: u32,
    log: Option<PathBuf>,
    /// Keep the folder also of a run that went well.
    keep: bool,
}

impl Plan {
    /// The server's disk: its lines are random, so they take all of their bytes.
    fn disk_mib(&self) -> u64 {
        const MIB_A_MILLION: u64 = 900;
        512 + self.seconds * u64::from(self.rate) * MIB_A_MILLION / 1_000_000
    }
}

fn main() {
    let Some(plan) = plan(std::env::args().skip(1)) else {
        return println!("chaos: takes minutes and root; run it with tests/run chaos");
    };
    if std::env::var_os(INSIDE).is_none() {
        let mut again = Command::new("unshare");
        again.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        again.arg(std::env::current_exe().expect("the program")).args(std::env::args().skip(1));
        // Only when there is no such program, or no permission, does this come back.
        let error = again.env(INSIDE, "1").arg("--seed").arg(plan.seed.to_string()).exec();
        panic!("unshare does not start: {error}; the chaos run needs root");
    }
    let folder = tempfile::Builder::new().prefix("martlog-chaos-").tempdir().expect("a folder for the evidence").keep();
    println!(
        "chaos: {} s, seed {} (the same again: --seconds {} --seed {}), evidence in {}",
        plan.seconds,
        plan.seed,
        plan.seconds,
        plan.seed,
        folder.display()
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let report = runtime.block_on(run(&plan, &folder));
    print!("{}", report.text);
    if let Some(log) = &plan.log {
        append(log, &format!("tests/run --long chaos: seed {}\n{}\n", plan.seed, report.text));
    }
    if !report.passed {
        println!("chaos: FAILED; seed {}; logs, ledger and store are kept in {}", plan.seed, folder.display());
        std::process::exit(101);
    }
    if !plan.keep {
        std::fs::remove_dir_all(&folder).expect("the evidence of a run that went well");
    }
}

/// `None` without `--seconds`.
fn plan(mut args: impl Iterator<Item = String>) -> Option<Plan> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut plan = Plan { seconds: 0, seed: now, rate: 3_000, log: None, keep: false };
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|value| value.parse::<u64>().ok()).unwrap_or_else(|| panic!("{arg} needs a number"));
        match arg.as_str() {
            "--seconds" => plan.seconds = number(),
            "--seed" => plan.seed = number(),
            "--rate" => plan.rate = u32::try_from(number()).expect("a rate"),
            "--log" => plan.log = Some(args.next().expect("--log needs a file").into()),
            "--keep" => plan.keep = true,
            // What `cargo test` hands to every test binary.
            _ => {}
        }
    }
    (plan.seconds > 0).then_some(plan)
}

struct Report {
    text: String,
    passed: bool,
}

async fn run(plan: &Plan, folder: &Path) -> Report {
    let (mut world, api) = World::build(folder, plan.seed, plan.disk_mib(), plan.rate).await;
    let until = Instant::now() + Duration::from_secs(plan.seconds);
    let (faults, memory) = tokio::task::block_in_place(|| Storm::new(&mut world, plan.seed).rage(until));
    let counts = tokio::task::block_in_place(|| world.silence());
    let drained = drain(&mut world, &api).await;
    let mut book = Book::read(&folder.join("ledger"));
    let outcome = verify::verify(&mut book, &api).await;
    let seen = clock_steps_seen(folder);
    let mut text = String::new();
    for (what, count) in
        faults.iter().map(|(what, count)| (*what, u64::from(*count))).chain(counts.iter().map(|(what, count)| (*what, *count)))
    {
        writeln!(text, "  {what}: {count}").unwrap();
    }
    let own_ends: Vec<u32> = std::iter::once(world.server.own_ends).chain(world.nodes.iter().map(|host| host.collector.own_ends)).collect();
    writeln!(text, "  ended by themselves and started again: server {}, collectors {:?}", own_ends[0], &own_ends[1..]).unwrap();
    writeln!(
        text,
        "  the size of what was removed unread was remembered {:.1} s after its last byte at most",
        memory.slowest.as_secs_f64()
    )
    .unwrap();
    writeln!(text, "  collectors that were seen to live by a stepped clock: {seen}").unwrap();
    for what in &memory.failures {
        writeln!(text, "  not remembered, however long it was waited: {what}").unwrap();
    }
    let mut passed = memory.failures.is_empty() && drained.is_some() && (seen > 0 || plan.seconds < CLOCK_SEEN_FROM);
    let never = faults.iter().filter(|(_, count)| *count == 0).map(|(what, _)| *what);
    for what in never.chain(DONE.into_iter().filter(|what| counts.get(what).is_none_or(|count| *count == 0))) {
        passed = false;
        writeln!(text, "  this never came: {what}").unwrap();
    }
    passed &= tell(&outcome, drained, &mut text);
    writeln!(text, "chaos: {} s, seed {}: {}", plan.seconds, plan.seed, if passed { "passed" } else { "failed" }).unwrap();
    if !passed {
        keep_store(&mut world);
    }
    Report { text, passed }
}

/// Waits until everything that is still to come has come; how long that took.
async fn drain(world: &mut World, api: &Api) -> Option<Duration> {
    let began = Instant::now();
    let (mut stored, mut since) = (Value::Null, Instant::now());
    while began.elapsed() < DRAIN_MAX {
        world.supervise();
        let body = json!({"query": "", "from": "-30d", "limit": 1, "count": true});
        let summary = api.search_with(body).await.summary;
        if summary["matched"] != stored {
            (stored, since) = (summary["matched"].clone(), Instant::now());
        }
        if since.elapsed() >= DRAIN_STILL && summary["complete"]["behind_seconds"].as_f64() == Some(0.0) {
            return Some(began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    None
}

/// Says what came out; whether it is as it must be.
fn tell(outcome: &Outcome, drained: Option<Duration>, text: &mut String) -> bool {
    match drained {
        Some(took) => writeln!(text, "  drained {:.1} s after the last fault", took.as_secs_f64()).unwrap(),
        None => writeln!(text, "  NOT drained within {} s", DRAIN_MAX.as_secs()).unwrap(),
    }
    let count = |kind: &str| outcome.differences.get(kind).map_or(0, |(count, _)| *count);
    let [lost, doubled, reordered, altered, unnamed] = ["lost", "doubled", "reordered", "altered", "unnamed"].map(count);
    let Outcome { lines, stored, named, gaps, named_though_there, .. } = outcome;
    writeln!(
        text,
        "  {lines} lines printed, {stored} stored, {named} lost with files that were removed on purpose and named; gaps {gaps:?}"
    )
    .unwrap();
    writeln!(text, "  pieces of lines that were torn by a removal: {}", outcome.torn).unwrap();
    writeln!(text, "  lines that a gap names though they are there: {named_though_there}").unwrap();
    writeln!(text, "  {lost} lost, {doubled} doubled, {reordered} reordered, {altered} altered, {unnamed} lost without a name").unwrap();
    for (kind, (_, shown)) in &outcome.differences {
        for one in shown {
            writeln!(text, "    {kind}: {}", one.chars().take(1_200).collect::<String>()).unwrap();
        }
    }
    if *named == 0 {
        writeln!(text, "  nothing was lost on purpose, so its names were not tested").unwrap();
    }
    outcome.differences.is_empty() && *named > 0
}

/// In how many collectors' logs there is a time that was not yet: they live by the clock that was stepped.
fn clock_steps_seen(folder: &Path) -> usize {
    let now = chrono::Utc::now().timestamp();
    let ahead = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap_or_default();
        let time = entry["timestamp"].as_str().and_then(|time| chrono::DateTime::parse_from_rfc3339(time).ok());
        time.is_some_and(|time| time.timestamp() > now + CLOCK_SEEN)
    };
    let logs = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    logs.filter(|path| path.to_string_lossy().contains("/node-") && std::fs::read_to_string(path).is_ok_and(|text| text.lines().any(ahead)))
        .count()
}

/// The store's disk goes with this process: what is on it is kept beside it.
fn keep_store(world: &mut World) {
    world.server.stop();
    let (from, to) = (world.root.join("data"), world.root.join("store"));
    let copied = Command::new("cp").arg("-a").arg(&from).arg(&to).status();
    if !copied.is_ok_and(|status| status.success()) {
        eprintln!("the store could not be kept");
    }
    for host in &mut world.nodes {
        host.collector.stop();
        let state = world.root.join(format!("node-{}", host.shared.number));
        let _ = Command::new("cp").arg("-a").arg(state.join("state")).arg(state.join("kept-state")).status();
    }
}

fn append(log: &Path, text: &str) {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("the log of long runs");
    std::io::Write::write_all(&mut file, text.as_bytes()).expect("the log of long runs");
}
