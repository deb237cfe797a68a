//! How long until a store that was killed takes lines again, and in how much memory?
//!
//! ```text
//! cargo bench -p martlog-indexer --bench replay -- --bytes 1GiB
//! ```
//!
//! Lines are generated (`tests/generator`), parsed and appended as collectors' parts by a process that ends as by kill -9; another one opens
//! the folder with the default budgets. Twice: with the live buffers just full, and with a log of the given size of which nothing was flushed. Opening is
//! done when lines are accepted, and then every line is searchable. Prints a Markdown table, no pass mark.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, clippy::exit, clippy::cast_precision_loss)]

#[path = "../../tests/generator/mod.rs"]
mod generator;

use generator::{GeneratedLine, Generator, Stream as Pipe};
use martlog_formats::wire::{BatchEncoder, BatchHeader, Extent, FileId, Part, PartAnswer, PartRecord, Stream, Substream};
use martlog_formats::{Profile, parse};
use martlog_indexer::registry::{NewInstance, NewModule, NewPartner, Selector};
use martlog_indexer::{Indexer, Options};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const CLUSTER: &str = "bench";
/// Lines that are on their way together: what a busy node's collector has in 100 ms.
const BATCH_LINES: usize = 2_000;
/// What no log reaches, so that nothing is flushed.
const NEVER: usize = 1 << 40;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["fill", dir, until, bytes] => runtime().block_on(fill(Path::new(dir), until, bytes.parse().unwrap())),
        ["open", dir] => runtime().block_on(open(Path::new(dir))),
        [] => table(1 << 30),
        ["--bytes", bytes] => table(size(bytes)),
        other => panic!("{other:?}: the one argument is --bytes SIZE, such as 1GiB"),
    }
}

fn size(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.find(|at: char| !at.is_ascii_digit()).unwrap_or(text.len()));
    let shift = ["", "KiB", "MiB", "GiB"].iter().position(|known| *known == unit).unwrap_or_else(|| panic!("a size such as 1GiB: {text}"));
    number.parse::<u64>().unwrap() << (10 * shift)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn table(bytes: u64) {
    println!("| killed with | log MB | lines replayed | open s | lines/s | CPU s | peak MB | left live MB | splits |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    let live = Options::default().live_bytes_max as u64;
    for (name, until, bytes) in [("the live buffers full", "live", live), ("a log that nothing was flushed of", "log", bytes)] {
        let folder = tempfile::Builder::new().prefix("replay").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let dir = folder.path().to_str().unwrap();
        this(&["fill", dir, until, &bytes.to_string()]);
        println!("| {name} | {}", this(&["open", dir]).trim());
    }
}

/// What a process of this program says.
fn this(args: &[&str]) -> String {
    let output = Command::new(std::env::current_exe().unwrap()).args(args).stderr(std::process::Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Appends until the live buffers or the log have so many bytes, and ends without a word.
async fn fill(dir: &Path, until: &str, bytes: u64) {
    let options = Options { live_bytes_max: NEVER, wal_bytes_max: NEVER as u64, live_age_max: Duration::MAX, ..Options::default() };
    let indexer = Indexer::open(dir, options).await.unwrap();
    let mut lines = Generator::new(1);
    register(&indexer, &lines).await;
    let mut offsets = BTreeMap::new();
    loop {
        let stats = indexer.stats();
        if (until == "live" && stats.live_bytes >= bytes) || (until == "log" && stats.wal_bytes_written >= bytes) {
            std::process::exit(0);
        }
        let batch = encode(lines.by_ref().take(BATCH_LINES), &mut offsets);
        let answer = indexer.append(CLUSTER, &batch).await.unwrap();
        assert!(answer.parts.iter().all(|part| matches!(part, PartAnswer::Durable { .. })), "{:?}", answer.parts);
    }
}

/// Opens with the default budgets and says what that took.
async fn open(dir: &Path) {
    let log: u64 = std::fs::read_dir(dir.join("wal")).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    let began = Instant::now();
    let indexer = Indexer::open(dir, Options { wal_bytes_max: NEVER as u64, ..Options::default() }).await.unwrap();
    let (open, cpu, peak) = (began.elapsed().as_secs_f64(), cpu(), peak_memory());
    let stats = indexer.stats();
    let rows = stats.live_rows + stats.split_rows;
    let (log, peak, live) = (log as f64 / 1e6, peak as f64 / 1e6, stats.live_bytes as f64 / 1e6);
    println!("{log:.0} | {rows} | {open:.2} | {:.0} | {cpu:.2} | {peak:.0} | {live:.0} | {} |", rows as f64 / open, stats.splits);
    std::process::exit(0);
}

/// A batch of these lines: a part for each instance and substream among them.
fn encode(lines: impl Iterator<Item = GeneratedLine>, offsets: &mut BTreeMap<(String, bool), u64>) -> Vec<u8> {
    let profile = Profile::default();
    let mut parts: BTreeMap<(String, bool), Part> = BTreeMap::new();
    for line in lines {
        let key = (line.instance.to_string(), line.stream == Pipe::Stderr);
        let offset = offsets.entry(key.clone()).or_default();
        let part = parts.entry(key).or_insert_with(|| part(&line, *offset));
        let record = parse(line.json.as_bytes(), line.time_ns, &profile);
        let end = *offset + line.json.len() as u64 + 46;
        part.records.push(PartRecord { offset: *offset, end, record });
        part.extents[0].to = end;
        *offset = end;
    }
    let mut encoder = BatchEncoder::new(&BatchHeader { cluster: CLUSTER.into(), node: "node-1".into() });
    for part in parts.values() {
        encoder.push(part);
    }
    encoder.finish()
}

/// Of the line's file, from this byte on.
fn part(line: &GeneratedLine, from: u64) -> Part {
    let file = line.instance.bytes().fold(0, |hash: u128, byte| hash.wrapping_mul(257) + u128::from(byte));
    let stream = Stream {
        namespace: line.namespace.to_string(),
        pod: format!("{}-0", line.instance),
        pod_uid: format!("uid-{}", line.instance),
        container: "main".into(),
        restart: 0,
    };
    let substream = if line.stream == Pipe::Stderr { Substream::Stderr } else { Substream::Stdout };
    let extents = vec![Extent { file: FileId(file), name: "0.log".into(), from, to: from }];
    Part { stream, labels: Vec::new(), substream, extents, records: Vec::new(), gap: None }
}

async fn register(indexer: &Indexer, lines: &Generator) {
    let registry = indexer.registry();
    for instance in &lines.fleet().instances {
        let (partner, module) = (instance.partner.to_string(), instance.module.to_string());
        registry.create_partner(NewPartner { id: partner.clone(), name: None }).await.unwrap();
        registry.create_module(NewModule { id: module.clone(), partner, name: None, retention: None, policy: None }).await.unwrap();
        let selector = Selector { namespace: instance.id.to_string(), labels: BTreeMap::new() };
        let new = NewInstance {
            id: instance.id.to_string(),
            module,
            csp: instance.csp.to_string(),
            environment: None,
            selector,
            retention: None,
            policy: None,
        };
        registry.create_instance(new).await.unwrap();
    }
}

/// CPU of this process, s.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// The largest resident set of this process, bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}
