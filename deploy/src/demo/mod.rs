//! `martlog demo`: everything in one process, to be looked at.
//!
//! ```text
//! feed (simulated modules) ──► DIR/pods, real CRI files ──► collector ──HTTP──► server on DIR/server ◄── the visitor's browser
//! ```
//!
//! The server is the one of `martlog serve`, the collector the one of `martlog collect`; they meet over HTTP alone. Simulated are only the
//! modules: what they print is decided by `--seed`, when it seems to happen by `--start`, and both together give the same bytes in the files.
//!
//! | file | tells |
//! |---|---|
//! | [`world`], [`calendar`] | who exists; what goes wrong when |
//! | [`stories`], [`modules`], [`scene`] | what happens between modules; what each prints |
//! | [`traffic`] | which stories begin in which second |
//! | [`node`], [`cri`] | the files, as the container runtime and the kubelet leave them |
//! | [`feed`] | time going by |
//! | [`people`], [`greeting`], [`examples`] | registry and tokens; what the visitor is told |

mod calendar;
mod cri;
mod dice;
mod examples;
mod feed;
mod greeting;
mod modules;
mod node;
mod people;
mod scene;
mod stories;
mod time;
mod traffic;
mod world;

use crate::outcome::{Failure, Outcome};
use crate::serve::{self, Server};
use crate::signals;
use feed::Simulation;
use greeting::Greeting;
use martlog_collector::token::Token;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;
use world::World;

/// The seed of a demo that was not given one.
const SEED: u64 = 434;

/// `martlog demo`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DemoArgs {
    /// The address of API and page, port 0 for any.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8434", value_parser = loopback)]
    pub(crate) listen: SocketAddr,
    /// The folder of the demo's files; a demo that was stopped goes on from it.
    #[arg(long, value_name = "DIR", default_value = "martlog-demo")]
    pub(crate) data: PathBuf,
    /// Decides everything the simulated modules print [default: 434].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The moment at which the simulated clock starts, RFC 3339 [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) start: Option<i64>,
    /// Lines a second, on average.
    #[arg(long, value_name = "N", default_value_t = 40.0, value_parser = rate)]
    pub(crate) rate: f64,
}

/// Runs the command until it is stopped.
pub(crate) async fn run(args: DemoArgs) -> Result<Outcome, Failure> {
    let stop = CancellationToken::new();
    signals::until_stopped(&stop, run_until(args, stop.clone(), &mut std::io::stdout())).await?;
    Ok(Outcome::Fine)
}

/// Runs until `stop`, and tells the visitor on `out`.
///
/// The parts stop against the stream, each stopping the next when it ends: feed, collector, server. A part that fails ends the others in the same way.
pub(crate) async fn run_until(args: DemoArgs, stop: CancellationToken, out: &mut impl Write) -> Result<(), Failure> {
    let places = Places::make(&args.data)?;
    let simulation = simulation(&places.dir, &args)?;
    let world = World::new(simulation.seed);
    people::write_labels(&places.labels, &world)?;
    let server = Server::start(server_options(&places, args.listen)).await?;
    let url = server.url();

    let (stop_feed, stop_server) = (stop.child_token(), CancellationToken::new());
    let serving = async {
        let served = server.run(stop_server.clone()).await;
        stop_feed.cancel();
        served
    };
    let showing = async {
        let shown = show(&places, &url, &world, simulation, args.rate, &stop_feed, out).await;
        stop_server.cancel();
        shown
    };
    let (served, shown) = tokio::join!(serving, showing);
    shown.and(served)
}

/// Everything that needs the server: registry, greeting, feed and collector, until `stop`.
async fn show(
    places: &Places,
    url: &str,
    world: &World,
    simulation: Simulation,
    rate: f64,
    stop: &CancellationToken,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let tokens = people::settle(&places.dir, &places.server, url, world).await?;
    greeting::greet(out, &Greeting { url, places, tokens: &tokens, simulation: &simulation, world, rate })?;

    let (caught_up, stop_collector) = (CancellationToken::new(), CancellationToken::new());
    let feeding = async {
        let (dir, root) = (places.dir.clone(), places.pods.clone());
        let (caught_up, stop) = (caught_up.clone(), stop.clone());
        let fed = tokio::task::spawn_blocking(move || feed::feed(&dir, &root, simulation, rate, &caught_up, &stop)).await;
        stop_collector.cancel();
        match fed {
            Ok(fed) => fed.map_err(|error| Failure::Server(format!("cannot write the simulated modules' files: {error}"))),
            Err(error) => Err(Failure::Server(format!("the simulation failed: {error}"))),
        }
    };
    let collecting = async {
        let collected = martlog_collector::run(collector_config(places, url, &tokens.collector), stop_collector.clone()).await;
        stop.cancel();
        collected.map_err(|error| Failure::Server(error.to_string()))
    };
    let telling = async {
        tokio::select! {
            () = caught_up.cancelled() => writeln!(out, "The history is written; the modules are live."),
            () = stop.cancelled() => Ok(()),
        }
    };
    let (fed, collected, told) = tokio::join!(feeding, collecting, telling);
    let (fed, collected) = (fed?, collected?);
    told?;
    writeln!(
        out,
        "Stopped. {} lines were printed, {} records collected. Start again with the same --data to go on.",
        fed.lines, collected.records
    )?;
    Ok(())
}

/// Where everything lies below the data folder.
struct Places {
    dir: PathBuf,
    /// The server's data folder.
    server: PathBuf,
    /// The collector's root.
    pods: PathBuf,
    /// The collector's state.
    state: PathBuf,
    labels: PathBuf,
}

impl Places {
    fn make(dir: &Path) -> Result<Self, Failure> {
        let places = Self {
            dir: dir.to_owned(),
            server: dir.join("server"),
            pods: dir.join("pods"),
            state: dir.join("collector"),
            labels: dir.join("pod-labels.json"),
        };
        for folder in [&places.dir, &places.server, &places.pods, &places.state] {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::Server(format!("cannot make the folder {}: {error}; choose another one with --data", folder.display()))
            })?;
        }
        Ok(places)
    }
}

/// The simulation of the data folder, or a new one.
fn simulation(dir: &Path, args: &DemoArgs) -> Result<Simulation, Failure> {
    let there = Simulation::load(dir).map_err(|error| {
        Failure::Server(format!("cannot read the demo in {}: {error}; remove the folder, or choose another one with --data", dir.display()))
    })?;
    let Some(there) = there else { return Ok(Simulation::new(args.seed.unwrap_or(SEED), args.start)) };
    let other_seed = args.seed.is_some_and(|seed| seed != there.seed);
    let other_start = args.start.is_some_and(|start| start != there.start_ns);
    if other_seed || other_start {
        return Err(Failure::Usage(format!(
            "{} holds a demo of seed {} that started at {}: leave out --seed and --start to go on with it, remove the folder, or choose another one with --data",
            dir.display(),
            there.seed,
            time::rfc3339_us(there.start_ns)
        )));
    }
    Ok(there)
}

fn server_options(places: &Places, listen: SocketAddr) -> serve::Options {
    let (store, doors) = (martlog_indexer::Options::default(), martlog_indexer::doors::Settings::default());
    serve::Options { dir: places.server.clone(), listen, probes: None, certificate: None, store, doors, syslog: Vec::new(), openid: None }
}

fn collector_config(places: &Places, url: &str, token: &str) -> martlog_collector::Config {
    martlog_collector::Config {
        root: places.pods.clone(),
        server: url.to_owned(),
        tls: martlog_collector::tls::Options::default(),
        token: Token::given(token),
        state: places.state.clone(),
        cluster: people::CLUSTER.to_owned(),
        node: "demo-node-1".to_owned(),
        pod_labels: Some(places.labels.clone()),
        kubernetes: None,
        pulse: martlog_collector::pulse::Pulse::default(),
        spool_bytes: 16 << 20,
        rate_limit: None,
        policy_interval: martlog_collector::POLICY_INTERVAL,
        once: false,
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "write it as ADDRESS:PORT, such as 127.0.0.1:8434".to_owned())?;
    if address.ip().is_loopback() { Ok(address) } else { Err("the demo has no TLS: it listens on a loopback address only".to_owned()) }
}

fn moment(text: &str) -> Result<i64, String> {
    let time = chrono::DateTime::parse_from_rfc3339(text).map_err(|_| "write it in RFC 3339, such as 2026-11-22T10:00:00Z".to_owned())?;
    time.timestamp_nanos_opt().ok_or_else(|| "it must lie between the years 1678 and 2262".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.1..=5000.0).contains(&rate) => Ok(rate),
        _ => Err("write a number between 0.1 and 5000".to_owned()),
    }
}

#[cfg(test)]
mod tests;
