//! The way of a line, measured: what do lines cost in CPU, memory and disk from the container's file to the published split, and how long do queries
//! over them take?
//!
//! ```text
//! cargo bench --bench way -- --lines 200000
//! ```
//!
//! Lines are generated (`tests/generator`), laid out as CRI files of 600 pods, and collected once by a real collector over HTTP into a real server of
//! the same process, with a catalog, a WAL on the disk and fsyncs. Then everything is published as splits and asked over HTTP: the needles, each operator and pipe of the language, and
//! suggestions; what a query finds is held against what was planted. Nothing is a pass mark; a wrong count is marked as such. A Markdown table goes to standard output.
//!
//! Collector and server have a runtime each, whose threads are told apart by name: so their CPU is reported apart.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

#[path = "../../tests/generator/mod.rs"]
mod generator;
#[path = "way/language.rs"]
mod language;
#[path = "way/machine.rs"]
mod machine;
#[path = "way/queries.rs"]
mod queries;
#[path = "way/report.rs"]
mod report;
#[path = "way/server.rs"]
mod server;

use clap::Parser;
use generator::{Generator, Written, write_pods};
use machine::Usage;
use report::{Report, Stage};
use server::Server;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// As the program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The name of the collector's threads.
const COLLECTOR: &str = "collector";
/// The name of the server's threads.
const SERVER: &str = "server";

#[derive(Debug, Parser)]
struct Args {
    /// How many lines are generated.
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the files are written; a new folder in it is made and removed.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let folder = tempfile::Builder::new().prefix("way").tempdir_in(&args.dir)?;
    let (pods, data, state) = (folder.path().join("pods"), folder.path().join("data"), folder.path().join("state"));
    for place in [&pods, &data, &state] {
        std::fs::create_dir_all(place)?;
    }
    eprintln!("writing {} lines", args.lines);
    let mut generator = Generator::over_a_day(args.seed, args.lines);
    let written = write_pods(&pods, generator.by_ref().take(usize::try_from(args.lines)?))?;

    let (server_runtime, collector_runtime) = (runtime(SERVER)?, runtime(COLLECTOR)?);
    let server = server_runtime.block_on(Server::start(&data))?;
    eprintln!("registering {} instances", generator.fleet().instances.len());
    let tokens = server_runtime.block_on(server.register(generator.fleet()))?;

    machine::reset_peak_memory();
    let mut stages = Vec::new();
    eprintln!("collecting");
    let collected =
        stage(&mut stages, "file → acknowledged", || collector_runtime.block_on(collect(&pods, &state, &server.url, &tokens.collector)))?;
    eprintln!("publishing");
    stage(&mut stages, "acknowledged → all in splits", || server_runtime.block_on(server.publish()))?;
    let peak_memory = machine::peak_memory();
    let disk = machine::disk(&data)?;

    eprintln!("asking");
    let truth = generator.truth();
    let asked = [
        ("query", queries::needles(truth)),
        ("operator", language::operators(truth)),
        ("pipe", language::pipes(truth)),
        ("suggestions while typing", language::suggestions()),
    ];
    let mut answers = Vec::new();
    for (kind, queries) in asked {
        answers.push((kind, server_runtime.block_on(queries::ask_all(&server.url, &tokens.staff, queries))?));
    }
    let report = Report { lines: args.lines, written, collected, stages, peak_memory, disk, answers };
    println!("{}", report.markdown());
    server_runtime.block_on(server.stop());
    Ok(())
}

fn runtime(name: &'static str) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(name)
        // A thread that ends takes its CPU figure with it.
        .thread_keep_alive(std::time::Duration::from_secs(3600))
        .enable_all()
        .build()
}

async fn collect(pods: &Path, state: &Path, url: &str, token: &str) -> Result<martlog_collector::Report, Box<dyn Error>> {
    let config = martlog_collector::Config {
        root: pods.to_owned(),
        server: url.to_owned(),
        tls: martlog_collector::tls::Options::default(),
        token: martlog_collector::token::Token::given(token),
        state: state.to_owned(),
        cluster: server::CLUSTER.to_owned(),
        node: "node-1".to_owned(),
        pod_labels: None,
        kubernetes: None,
        pulse: martlog_collector::pulse::Pulse::default(),
        spool_bytes: 0,
        rate_limit: None,
        policy_interval: martlog_collector::POLICY_INTERVAL,
        once: true,
    };
    // On a thread of its own runtime: what is polled in `block_on` would count as the main thread's.
    Ok(tokio::spawn(martlog_collector::run(config, CancellationToken::new())).await??)
}

fn stage<T>(stages: &mut Vec<Stage>, name: &'static str, work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<T, Box<dyn Error>> {
    let (before, begun) = (Usage::now(), Instant::now());
    let done = work()?;
    stages.push(Stage { name, wall: begun.elapsed(), cpu: Usage::now().since(&before) });
    Ok(done)
}
