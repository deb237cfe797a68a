//! The main stage: a store takes the batches, flushes and merges; then it is asked, without live rows and once more with full live buffers.

use super::batches::{self, LANES};
use super::disk::Disk;
use super::generator::{Fleet, Generator, Truth};
use super::machine::{self, Usage};
use super::queries::{self, DAY, Query, Taken};
use super::report::{Bound, Figure, Told, mib, number, ratio, thousands};
use super::server::{self, Failure, Fed};
use martlog_indexer::registry::Scope;
use martlog_indexer::{Indexer, Options};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// The batches that are measured.
const LOAD: &str = "load";
/// The batches behind them, that stay in the live buffers.
const LIVE: &str = "live";
/// The store.
const DATA: &str = "data";
/// A copy of it, as it was when it was loaded.
const KEPT: &str = "kept";

const LINES_PER_CPU_SECOND: Bound = Bound::at_least(90_000.0, 130_000.0, "");
const BYTES_A_LINE: Bound = Bound::at_most(60.0, 48.0, "bytes");
pub(crate) const MEMORY: Bound = Bound::at_most(512.0, 384.0, "MiB");

/// What the generator knows, for the process that measures.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Truths {
    /// Of the lines that are measured.
    loaded: Truth,
    /// And of those behind them too.
    with_live: Truth,
    /// Of the measured lines as they were printed.
    text_bytes: u64,
}

struct Phase {
    name: &'static str,
    wall: Duration,
    cpu_seconds: f64,
}

/// Loading, in numbers.
struct Loaded {
    phases: Vec<Phase>,
    fed: Fed,
    /// Before the merges.
    splits: u64,
    merges: u64,
    peak_memory: u64,
}

/// Writes the batches: so many lines that are measured, and so many behind them.
pub(crate) fn prepare(folder: &Path, seed: u64, lines: u64, live: u64) -> Result<Truths, Failure> {
    let mut generator = Generator::over_a_day(seed, lines + live);
    let mut shipper = batches::Shipper::new(generator.fleet(), folder, LOAD)?;
    let mut text_bytes = 0;
    for line in generator.by_ref().take(usize::try_from(lines)?) {
        text_bytes += line.json.len() as u64;
        shipper.take(&line)?;
    }
    let loaded = generator.truth().clone();
    shipper.turn_to(folder, LIVE)?;
    for line in generator.by_ref().take(usize::try_from(live)?) {
        shipper.take(&line)?;
    }
    shipper.finish()?;
    Ok(Truths { loaded, with_live: generator.truth().clone(), text_bytes })
}

/// Loads the store; `folder` has the batches and takes the data.
pub(crate) async fn run(folder: &Path, truths: &Truths, keep: bool, wanted: &str) -> Result<Told, Failure> {
    let data = folder.join(DATA);
    let indexer = Indexer::open(&data, Options::default()).await?;
    server::register(&indexer, &Fleet::new()).await?;
    let mut told = Told::default();
    let lines = truths.loaded.lines;

    let loaded = load(&indexer, folder).await?;
    tell_loading(&mut told, &loaded, truths, &indexer);
    let disk = Disk::of(&data)?;
    told.figures.push(Figure::new("bytes on disk per line", BYTES_A_LINE, ratio(disk.splits + disk.catalog, lines), disk.told(lines)));
    told.details.push(phases_told(&loaded.phases, lines));
    if keep {
        // Nobody writes now.
        copy(&data, &folder.join(KEPT))?;
    }
    told.add(ask_all(&indexer, folder, truths, wanted, loaded.peak_memory).await?);
    indexer.close().await;
    Ok(told)
}

/// Asks a store that was loaded and kept.
pub(crate) async fn run_kept(folder: &Path, truths: &Truths, wanted: &str) -> Result<Told, Failure> {
    let data = folder.join(DATA);
    std::fs::remove_dir_all(&data)?;
    copy(&folder.join(KEPT), &data)?;
    let indexer = Indexer::open(&data, Options::default()).await?;
    let told = ask_all(&indexer, folder, truths, wanted, 0).await?;
    indexer.close().await;
    Ok(told)
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let done = std::process::Command::new("cp").arg("-a").args([from, to]).status()?;
    done.success().then_some(()).ok_or_else(|| format!("{} could not be copied", from.display()).into())
}

async fn ask_all(indexer: &Indexer, folder: &Path, truths: &Truths, wanted: &str, peak_loading: u64) -> Result<Told, Failure> {
    let scope = server::staff(indexer).await?;
    let mut told = Told::default();
    machine::reset_peak_memory();
    let of = |truth| -> Result<Vec<Query>, Failure> {
        Ok(queries::all(truth)?.into_iter().filter(|query| query.name.contains(wanted)).collect())
    };
    let queries = of(&truths.loaded)?;
    let merged = ask(indexer, &scope, &queries).await?;
    server::feed(indexer, folder, LIVE).await?;
    let live = indexer.stats();
    let queries_live = of(&truths.with_live)?;
    let with_live = ask(indexer, &scope, &queries_live).await?;
    let memory = machine::peak_memory();
    let more = format!("while loading {:.0} MiB, while asking {:.0} MiB; now {}", mib(peak_loading), mib(memory), resident());
    told.figures.push(Figure::new("memory, peak of loading and queries", MEMORY, mib(memory.max(peak_loading)), more));
    for (merged, with_live) in queries.iter().zip(&merged).zip(queries_live.iter().zip(&with_live)) {
        told.figures.push(merged.0.figure(merged.1, Some(with_live)));
    }
    told.details.push(format!(
        "With full live buffers: {} rows in {:.0} of {:.0} MiB, behind {} lines in {} splits.",
        thousands(live.live_rows),
        mib(live.live_bytes),
        mib(Options::default().live_bytes_max as u64),
        thousands(live.split_rows),
        thousands(live.splits),
    ));
    told.details.push(super::disk::sections(indexer, &scope)?);
    Ok(told)
}

async fn load(indexer: &Indexer, folder: &Path) -> Result<Loaded, Failure> {
    machine::reset_peak_memory();
    let mut phases = Vec::new();
    let fed = phase(&mut phases, "append, and what is flushed and merged meanwhile", server::feed(indexer, folder, LOAD)).await?;
    phase(&mut phases, "flush of the rest", async { Ok(indexer.flush().await?) }).await?;
    let splits = indexer.stats().splits;
    let merges = phase(&mut phases, "merge of the rest", server::merge_all(indexer)).await?;
    Ok(Loaded { phases, fed, splits, merges, peak_memory: machine::peak_memory() })
}

async fn phase<T>(phases: &mut Vec<Phase>, name: &'static str, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let (before, begun) = (Usage::now(), Instant::now());
    let done = work.await?;
    phases.push(Phase { name, wall: begun.elapsed(), cpu_seconds: Usage::now().since(&before).process });
    super::say(&format!("{name}: {:.1} s", begun.elapsed().as_secs_f64()));
    Ok(done)
}

async fn ask(indexer: &Indexer, scope: &Scope, queries: &[Query]) -> Result<Vec<Taken>, Failure> {
    let begun = Instant::now();
    let mut taken = Vec::with_capacity(queries.len());
    for query in queries {
        taken.push(query.take(indexer, scope, &DAY).await.map_err(|error| format!("{}: {error}", query.name))?);
    }
    super::say(&format!("queries: {:.1} s", begun.elapsed().as_secs_f64()));
    Ok(taken)
}

fn tell_loading(told: &mut Told, loaded: &Loaded, truths: &Truths, indexer: &Indexer) {
    let (lines, stats) = (truths.loaded.lines, indexer.stats());
    let cpu: f64 = loaded.phases.iter().map(|phase| phase.cpu_seconds).sum();
    let wall: Duration = loaded.phases.iter().map(|phase| phase.wall).sum();
    let a_second = |seconds: f64| ratio(lines, 1) / seconds.max(0.01);
    let more = format!("{cpu:.2} CPU s; {} lines per second of wall time", number(a_second(wall.as_secs_f64())));
    told.figures.push(Figure::new("lines per CPU second, acknowledged batch → merged splits", LINES_PER_CPU_SECOND, a_second(cpu), more));
    told.details.push(format!(
        "{} lines of {:.0} bytes in {} batches on {LANES} connections; {} parts were sent again because the store could not take them yet; \
         {} splits at the end of the flush became {} by {} merges.",
        thousands(lines),
        ratio(truths.text_bytes, lines),
        thousands(loaded.fed.batches),
        thousands(loaded.fed.later),
        thousands(loaded.splits),
        thousands(stats.splits),
        thousands(loaded.merges),
    ));
    if stats.split_rows != lines {
        told.details.push(format!("**{} rows are in splits, not {}.**", thousands(stats.split_rows), thousands(lines)));
    }
}

fn phases_told(phases: &[Phase], lines: u64) -> String {
    let mut text = String::from("| phase | wall s | CPU s | CPU µs a line | lines per wall s |\n|---|---:|---:|---:|---:|\n");
    let lines = ratio(lines, 1);
    for Phase { name, wall, cpu_seconds } in phases {
        let wall = wall.as_secs_f64();
        let (cost, speed) = (cpu_seconds * 1e6 / lines, number(lines / wall.max(0.001)));
        let _ = writeln!(text, "| {name} | {wall:.2} | {cpu_seconds:.2} | {cost:.2} | {speed} |");
    }
    text
}

/// What is resident now, apart by whether it is the process's own or a mapped file's.
pub(crate) fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        mib(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024)
    };
    format!("{:.0} MiB of its own and {:.0} MiB of mapped files", field("RssAnon:"), field("RssFile:"))
}
