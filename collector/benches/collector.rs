//! The collector, measured: what do a node's lines cost in CPU and memory from the container's file to the acknowledged batch, and how late are they?
//!
//! ```text
//! cargo bench -p martlog-collector -- --lines 1000000
//! cargo bench -p martlog-collector -- --only speed          # or memory, birth, noise
//! cargo bench -p martlog-collector -- --only outage --minutes 60
//! ```
//!
//! Collector and server are processes of their own (this program, started again), so that CPU and memory are the collector's alone. The server
//! acknowledges at once and keeps nothing. Lines are generated (`tests/generator`); all of them go through validation and redaction. Nothing is a pass mark.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

#[path = "../../tests/generator/mod.rs"]
mod generator;
#[path = "collector/live.rs"]
mod live;
#[path = "../../deploy/src/memory.rs"]
mod memory;
#[path = "collector/process.rs"]
mod process;
#[path = "collector/server.rs"]
mod server;

use clap::Parser;
use generator::{Fleet, Generator, Written, write_pods};
use process::{Child, Usage};
use std::error::Error;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// As the program's.
#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

/// What anything here may end with.
type Outcome<T> = Result<T, Box<dyn Error>>;

#[derive(Debug, Parser)]
struct Args {
    /// How many lines are generated for the speed.
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,
    /// Files that they lie in.
    #[arg(long, default_value_t = 50)]
    files: usize,
    /// Only this part: speed, memory, birth, noise, or outage, which is not among what runs by itself.
    #[arg(long)]
    only: Option<String>,
    /// How long the server is away in the outage.
    #[arg(long, default_value_t = 60)]
    minutes: u32,
    /// Memory of this number of files only: 50, 1000 or 10000.
    #[arg(long)]
    memory_files: Option<usize>,
    /// Every so many lines one with a password in its message; 0 for none.
    #[arg(long, default_value_t = 50)]
    secrets: u64,
    /// How long the noisy pod writes, seconds.
    #[arg(long, default_value_t = 8)]
    noise_seconds: u64,
    /// Where the files are written; a new folder in it is made and removed.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// What this process is: the benchmark itself, or one that it has started.
    #[arg(long, hide = true, num_args = 1..)]
    role: Vec<String>,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Outcome<()> {
    memory::give_back_soon();
    let args = Args::parse();
    let role: Vec<&str> = args.role.iter().map(String::as_str).collect();
    match role.as_slice() {
        ["server"] => server::run(),
        ["collector", root, state, url, how] => {
            memory::be_small();
            collect(root, state, url, *how == "once")
        }
        _ => {
            let wanted = |part: &str| args.only.as_deref().is_none_or(|only| only == part);
            if wanted("speed") {
                speed(&args)?;
            }
            if wanted("memory") {
                memory(&args)?;
            }
            if wanted("birth") {
                live::birth(&args.dir)?;
            }
            if wanted("noise") {
                live::noise(&args.dir, args.noise_seconds)?;
            }
            if args.only.as_deref() == Some("outage") {
                live::outage(&args.dir, args.memory_files.unwrap_or(10_000), args.minutes)?;
            }
            Ok(())
        }
    }
}

/// The collector as `martlog collect` runs it. Its own usage is the last thing that it says.
fn collect(root: &str, state: &str, url: &str, once: bool) -> Outcome<()> {
    martlog_collector::prepare_process();
    let config = martlog_collector::Config {
        root: root.into(),
        server: url.to_owned(),
        tls: martlog_collector::tls::Options::default(),
        token: martlog_collector::token::Token::given("mart_collector_bench"),
        state: state.into(),
        cluster: "bench".to_owned(),
        node: "node-1".to_owned(),
        pod_labels: None,
        kubernetes: None,
        pulse: martlog_collector::pulse::Pulse::default(),
        spool_bytes: 256 << 20,
        rate_limit: None,
        policy_interval: martlog_collector::POLICY_INTERVAL,
        once,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stop = CancellationToken::new();
    if !once {
        let stop = stop.clone();
        std::thread::spawn(move || {
            // The end of standard input is the word to stop.
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            stop.cancel();
        });
    }
    let report = runtime.block_on(martlog_collector::run(config, stop))?;
    let usage = Usage::of("self");
    println!("{} {} {} {}", report.records, report.bytes, report.gaps, usage.line());
    Ok(())
}

/// A folder of pods of generated lines.
fn pods(root: &Path, lines: u64, files: usize, secrets: u64) -> Outcome<Written> {
    let generator = Generator::of_fleet(1, lines, Fleet::even(files, 1), generator::DAY_NS);
    let lines = generator.take(usize::try_from(lines)?).zip(1_u64..).map(|(mut line, number)| {
        if secrets > 0 && number.is_multiple_of(secrets) {
            line.json = line.json.replacen("\"message\":\"", "\"message\":\"password=hunter2 ", 1);
        }
        line
    });
    Ok(write_pods(root, lines)?)
}

/// Everything that lies there, once. Three rounds: what else the machine does only adds.
fn speed(args: &Args) -> Outcome<()> {
    let folder = tempfile::Builder::new().prefix("collector").tempdir_in(&args.dir)?;
    let root = folder.path().join("pods");
    eprintln!("writing {} lines", args.lines);
    let written = pods(&root, args.lines, args.files, args.secrets)?;
    println!(
        "### Speed: {} lines, {} files, {:.1} MB as CRI, one line in {} with a secret\n",
        written.lines,
        written.files,
        mb(written.bytes),
        args.secrets
    );
    println!("| wall s | MB/s | CPU s | CPU s per GB | MB per CPU s | peak RSS MiB | sent MB | server CPU s |");
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    for round in 0..3 {
        let server = Child::server()?;
        let state = folder.path().join(format!("state{round}"));
        let begun = std::time::Instant::now();
        let ended = Child::collector(&root, &state, &server.said, "once")?.end()?;
        let wall = begun.elapsed().as_secs_f64();
        let [records, bytes, gaps, usage @ ..] = ended.as_slice() else { return Err("the collector said something else".into()) };
        if (records.parse::<u64>()?, bytes.parse::<u64>()?, gaps.as_str()) != (written.lines, written.bytes, "0") {
            return Err(format!("it has {records} records and {bytes} bytes and {gaps} gaps, not {written:?}").into());
        }
        let usage = Usage::parse(usage)?;
        let sent: u64 = server.ask("records")?.get(2).ok_or("the server said something else")?.parse()?;
        let server_usage = server.usage();
        let (size, cpu) = (mb(written.bytes), usage.cpu_s);
        println!(
            "| {wall:.2} | {:.0} | {cpu:.2} | **{:.2}** | {:.0} | {:.1} | {:.1} | {:.2} |",
            size / wall,
            cpu / size * 1000.0,
            size / cpu,
            mib(usage.peak),
            mb(sent),
            server_usage.cpu_s
        );
    }
    println!();
    Ok(())
}

/// Many files: what catching up takes, and what it costs to have them lie there.
fn memory(args: &Args) -> Outcome<()> {
    println!("### Memory by files: 400,000 lines, then 10 s in which nothing is written, then 10 s in which one file in a hundred grows\n");
    println!("| files | peak RSS MiB | at rest MiB | catching up CPU s per GB | at rest % of a core | with 1 % growing % of a core |");
    println!("|---:|---:|---:|---:|---:|---:|");
    for files in [50, 1_000, 10_000].into_iter().filter(|files| args.memory_files.is_none_or(|only| only == *files)) {
        let folder = tempfile::Builder::new().prefix("collector").tempdir_in(&args.dir)?;
        let root = folder.path().join("pods");
        let written = pods(&root, 400_000, files, args.secrets)?;
        let server = Child::server()?;
        let collector = Child::collector(&root, &folder.path().join("state"), &server.said, "live")?;
        server.until_records(written.lines)?;
        let caught_up = collector.usage();
        // Files that grew lately are looked at more often.
        std::thread::sleep(std::time::Duration::from_secs(12));
        let rest = live::share_of_core(&collector, |_| Ok(()))?;
        let at_rest = collector.usage();
        let some = live::logs(&root)?.into_iter().step_by(100).collect::<Vec<_>>();
        let growing = live::share_of_core(&collector, |_| live::grow(&some))?;
        println!(
            "| {} | **{:.1}** | {:.1} | {:.1} | {:.1} | {:.1} |",
            written.files,
            mib(collector.usage().peak),
            mib(at_rest.resident),
            caught_up.cpu_s / mb(written.bytes) * 1000.0,
            rest * 100.0,
            growing * 100.0
        );
        collector.end()?;
    }
    println!();
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "figures for a reader")]
fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[allow(clippy::cast_precision_loss, reason = "figures for a reader")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
