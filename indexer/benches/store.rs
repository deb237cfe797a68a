//! The store, measured: what does a line cost in CPU, memory and disk from the acknowledged batch to the merged split, and how long do queries take?
//!
//! ```text
//! cargo bench -p martlog-indexer --bench store -- --lines 5000000
//! cargo bench -p martlog-indexer --bench store -- --lines 1000000 --ten --light --only     not the loading, but the two others
//! ```
//!
//! A real store on disk, with its fsyncs and default budgets, driven in-process: batches as a collector sends them, decompressed; predicates as the query language makes them.
//! Lines are generated (`tests/generator`) and parsed before the clock starts. Each stage runs in a process of its own, so that memory is the store's alone. What a query finds is
//! held against what the generator knows; what is wrong stands in bold. Nothing is a pass mark. One Markdown report goes to standard output.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

#[path = "store/batches.rs"]
mod batches;
#[path = "store/disk.rs"]
mod disk;
#[path = "../../tests/generator/mod.rs"]
mod generator;
#[path = "store/light.rs"]
mod light;
#[path = "store/load.rs"]
mod load;
#[path = "../../deploy/benches/way/machine.rs"]
#[allow(dead_code, reason = "shared with a benchmark that tells threads apart")]
mod machine;
#[path = "../../deploy/src/memory.rs"]
#[allow(dead_code, reason = "what is for collectors")]
mod memory;
#[path = "store/queries.rs"]
mod queries;
#[path = "store/report.rs"]
mod report;
#[path = "store/server.rs"]
mod server;
#[path = "store/ten.rs"]
mod ten;

use clap::{Parser, ValueEnum};
use report::{Told, thousands};
use server::Failure;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// As the program's.
#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

/// Lines that fill the live buffers to most of their budget.
const LIVE_LINES: u64 = 270_000;

#[derive(Debug, Parser)]
struct Args {
    /// How many lines are loaded.
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also: the same queries of one instance in a store with ten times the modules, which has `--lines` lines.
    #[arg(long)]
    ten: bool,
    /// Also: many modules with light traffic over many days.
    #[arg(long)]
    light: bool,
    /// Leave out the loading and the queries.
    #[arg(long)]
    only: bool,
    /// Of the light traffic.
    #[arg(long, default_value_t = 3_000)]
    light_modules: usize,
    /// Of the light traffic.
    #[arg(long, default_value_t = 30)]
    light_days: u64,
    /// Lines of a module a day, of the light traffic.
    #[arg(long, default_value_t = 40)]
    light_lines: u64,
    /// Where the stores are written; a new folder in it is made and removed.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// Keeps the loaded store in this folder; where it has one already, asks the queries alone, once more, of that store as it is.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Of the queries those alone whose name has this in it.
    #[arg(long, default_value = "")]
    query: String,
    /// The stage that this process is for, with `--dir` as the folder of all stages.
    #[arg(long, hide = true)]
    stage: Option<Stage>,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What runs in a process of its own.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Stage {
    Load,
    Ask,
    Ten,
    LightLoad,
    LightOpen,
}

fn main() -> Result<(), Failure> {
    memory::give_back_soon();
    let args = Args::parse();
    let Some(stage) = args.stage else { return all(&args) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let told = runtime.block_on(async { tokio::spawn(run(stage, args)).await? })?;
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

/// A stage, in its process.
async fn run(stage: Stage, args: Args) -> Result<Told, Failure> {
    let traffic = light::Traffic { modules: args.light_modules, days: args.light_days, lines_a_day: args.light_lines };
    match stage {
        Stage::Load => load::run(&args.dir, &truths_in(&args.dir)?, args.keep.is_some(), &args.query).await,
        Stage::Ask => load::run_kept(&args.dir, &truths_in(&args.dir)?, &args.query).await,
        Stage::Ten => ten::run(&args.dir, args.seed, args.lines).await,
        Stage::LightLoad => light::load(&args.dir, args.seed, traffic).await,
        Stage::LightOpen => light::open(&args.dir, traffic).await,
    }
}

/// All stages, one after the other, and the report.
fn all(args: &Args) -> Result<(), Failure> {
    let temporary = tempfile::Builder::new().prefix("store").tempdir_in(&args.dir)?;
    let folder = args.keep.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder)?;
    let mut stages = Vec::new();
    let is_kept = truths_path(folder).exists();
    if !args.only && !is_kept {
        say(&format!("writing batches of {} lines", thousands(args.lines)));
        let truths = load::prepare(folder, args.seed, args.lines, LIVE_LINES.min(args.lines / 10))?;
        std::fs::write(truths_path(folder), serde_json::to_vec(&truths)?)?;
    }
    if !args.only {
        stages.push(if is_kept { Stage::Ask } else { Stage::Load });
    }
    if args.ten {
        stages.push(Stage::Ten);
    }
    if args.light {
        stages.extend([Stage::LightLoad, Stage::LightOpen]);
    }
    let mut told = Told::default();
    for stage in stages {
        told.add(run_apart(stage, args, folder)?);
    }
    let date = chrono::Utc::now().format("%Y-%m-%d");
    println!("### The store, {} lines; {date}, {}\n\n{}", thousands(args.lines), machine::processor(), told.markdown());
    Ok(())
}

fn truths_in(folder: &Path) -> Result<load::Truths, Failure> {
    Ok(serde_json::from_slice(&std::fs::read(truths_path(folder))?)?)
}

fn truths_path(folder: &Path) -> PathBuf {
    folder.join("truths.json")
}

/// Runs a stage in a process of its own.
fn run_apart(stage: Stage, args: &Args, folder: &Path) -> Result<Told, Failure> {
    let name = stage.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    say(&format!("stage {name}"));
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--stage", &name]).arg("--dir").arg(folder);
    let numbers = [
        ("--lines", args.lines),
        ("--seed", args.seed),
        ("--light-modules", args.light_modules as u64),
        ("--light-days", args.light_days),
        ("--light-lines", args.light_lines),
    ];
    for (name, number) in numbers {
        command.args([name, &number.to_string()]);
    }
    command.args(["--query", &args.query]);
    if let Some(keep) = &args.keep {
        command.arg("--keep").arg(keep);
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("stage {name} failed: {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Says how far it is.
fn say(text: &str) {
    eprintln!("{text}");
}
