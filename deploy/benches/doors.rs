//! Every door, measured: what a line costs the server by each protocol that it may come in, beside the collector's own.
//!
//! ```text
//! cargo bench --bench doors -- --lines 200000
//! ```
//!
//! The same generated lines go to a server of their own each time, a real process on a disk: by a real collector that reads them from files, and by clients that send bodies of a thousand lines on
//! four connections. CPU is that of the server's process, from the first request until the last answer, which says that the lines are durable and searchable; of syslog, which has no answers, until
//! a search finds them all. What a client spends is not counted, but for the collector, since it parses, cleans and packs what a server has to do for the others. Every run's
//! lines are counted by a search. Nothing is a pass mark. A Markdown table goes to standard output.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "what it shares with tests fails as loudly as they do")]

#[path = "doors/bodies.rs"]
mod bodies;
#[path = "../../tests/generator/mod.rs"]
mod generator;
#[path = "../../tests/harness/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod harness;

use bodies::Door;
use clap::Parser;
use generator::{GeneratedLine, Generator, write_pods};
use harness::{Scene, Server};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;

/// Lines of a request.
const LINES: usize = 1_000;
/// Requests that are under way at once.
const CONNECTIONS: usize = 4;
/// The instance that everything is said to be of, where a token says it.
const INSTANCE: &str = "sms-434";

#[derive(Debug, Parser)]
struct Args {
    /// How many lines go through each door.
    #[arg(long, default_value_t = 200_000)]
    lines: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a way took.
struct Taken {
    name: &'static str,
    bytes: usize,
    wall: Duration,
    server_s: f64,
    /// Of whoever sends, where that is the product's.
    sender_s: f64,
    stored: u64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let args = Args::parse();
    let mut generator = Generator::over_a_day(args.seed, args.lines as u64);
    let lines: Vec<GeneratedLine> = generator.by_ref().take(args.lines).collect();
    let mut all = vec![collected(&generator, &lines).await];
    for door in bodies::DOORS {
        eprintln!("{}", door.name);
        all.push(pushed(door, &lines).await);
    }
    println!("{}", table(args.lines, &all));
}

/// By a collector, from files.
async fn collected(generator: &Generator, lines: &[GeneratedLine]) -> Taken {
    eprintln!("the collector");
    let scene = Scene::new();
    let written = write_pods(&scene.pods(), lines.iter().cloned()).expect("the files of the containers");
    let server = scene.serve().await;
    for partner in generator.fleet().partners() {
        server.api.create("partners", json!({"id": partner})).await;
    }
    for (module, partner) in generator.fleet().modules() {
        server.api.create("modules", json!({"id": module, "partner": partner})).await;
    }
    for one in &generator.fleet().instances {
        server.api.create("instances", harness::instance(&one.id, &one.module, &one.csp, &one.id)).await;
    }
    let token = server.collector_token().await;
    let (before, began) = (cpu_s(server.process.id()), Instant::now());
    let mut collector = scene.collect(&server.address, &token, &["--once"]);
    let sender_s = cpu_at_end(collector.id()).await;
    assert_eq!(collector.wait().await, Some(0), "{}", collector.stderr());
    let (wall, server_s) = (began.elapsed(), cpu_s(server.process.id()) - before);
    let bytes = usize::try_from(written.bytes).unwrap_or(0);
    Taken { name: "collector's protocol", bytes, wall, server_s, sender_s, stored: stored(&server).await }
}

/// By a client of a protocol.
async fn pushed(door: &Door, lines: &[GeneratedLine]) -> Taken {
    let (scene, port) = (Scene::new(), free_port());
    let token = furnish(&scene).await;
    let config = scene.root.join("martlog.toml");
    std::fs::write(scene.root.join("ingest.token"), &token).expect("a token's file");
    let listener = "transport = \"tcp\"\ntoken-file = \"ingest.token\"";
    std::fs::write(&config, format!("[[serve.syslog]]\nlisten = \"127.0.0.1:{port}\"\n{listener}\n")).expect("the config");
    let server = scene.serve_with(&["--config", harness::path(&config)]).await;
    let made: Vec<Vec<u8>> = lines.chunks(LINES).map(door.body).collect();
    let bytes = made.iter().map(Vec::len).sum();
    let (before, began) = (cpu_s(server.process.id()), Instant::now());
    match door.path {
        Some(path) => send(door, &format!("{}{path}", server.address), &token, made).await,
        None => {
            stream(port, made).await;
            while stored(&server).await < lines.len() as u64 && began.elapsed() < harness::PATIENCE * 5 {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
    let (wall, server_s) = (began.elapsed(), cpu_s(server.process.id()) - before);
    Taken { name: door.name, bytes, wall, server_s, sender_s: 0.0, stored: stored(&server).await }
}

/// A partner with an instance, in a store that is closed again: the listener's token has to be there before the listener.
async fn furnish(scene: &Scene) -> String {
    let mut server = scene.serve().await;
    server.partner("acme", "sms", "434", "ns").await;
    let token = server.token(json!({"kind": "ingest", "partner": "acme", "instances": [INSTANCE]})).await;
    server.process.signal(rustix::process::Signal::TERM);
    server.process.wait().await;
    token
}

/// Sends bodies on several connections; what is not taken now is sent again.
async fn send(door: &Door, url: &str, token: &str, bodies: Vec<Vec<u8>>) {
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (bodies, next, client) = (bodies.clone(), next.clone(), harness::api::client(None));
        let (url, token, content, encoding) = (url.to_owned(), token.to_owned(), door.content, door.encoding);
        senders.spawn(async move {
            while let Some(body) = bodies.get(next.fetch_add(1, Relaxed)) {
                loop {
                    let mut request = client.post(&url).bearer_auth(&token).header("content-type", content).body(body.clone());
                    if let Some(encoding) = encoding {
                        request = request.header("content-encoding", encoding);
                    }
                    let answer = request.send().await.expect("an answer");
                    let status = answer.status();
                    let text = answer.text().await.expect("a body");
                    if status.is_success() {
                        break;
                    }
                    assert!(status == 503 || status == 429, "{status} {text}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent.expect("a sender");
    }
}

/// Writes bodies into connections.
async fn stream(port: u16, bodies: Vec<Vec<u8>>) {
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        streams.push(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("the listener"));
    }
    for (number, body) in bodies.iter().enumerate() {
        streams[number % CONNECTIONS].write_all(body).await.expect("the listener takes it");
    }
    for stream in &mut streams {
        stream.shutdown().await.expect("the end is told");
    }
}

/// How many lines a search finds.
async fn stored(server: &Server) -> u64 {
    let body = json!({"query": "", "from": "2026-01-01", "limit": 1, "count": true});
    server.api.search_with(body).await.summary["matched"].as_u64().unwrap_or(0)
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// CPU seconds of a process, user and system together.
#[allow(clippy::cast_precision_loss, reason = "ticks of a benchmark")]
fn cpu_s(process: u32) -> f64 {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = rest.split_ascii_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// Those that a process has used when it has ended, and nobody has waited for it yet.
async fn cpu_at_end(process: u32) -> f64 {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process");
    let ended = tokio::task::spawn_blocking(move || {
        // The runtime hears of the end as well, and may be the first.
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        cpu_s(process)
    });
    ended.await.expect("the end of the process")
}

#[allow(clippy::cast_precision_loss, reason = "figures for a reader")]
fn table(lines: usize, all: &[Taken]) -> String {
    let mut text = format!("{lines} lines each, {LINES} a request\n\n");
    text.push_str("| way | MB sent | wall s | CPU s of the server | lines per CPU s of the server | to the collector's | with the sender's CPU | stored |\n");
    text.push_str("|---|---:|---:|---:|---:|---:|---:|---:|\n");
    let per = |taken: &Taken| lines as f64 / taken.server_s.max(0.01);
    let with_sender = |taken: &Taken| lines as f64 / (taken.server_s + taken.sender_s).max(0.01);
    let first = all.first().map_or(1.0, per);
    for taken in all {
        let right = if taken.stored == lines as u64 { "all".to_owned() } else { format!("**{}**", taken.stored) };
        let whole = if taken.sender_s > 0.0 { format!("{:.0}", with_sender(taken)) } else { String::new() };
        text.push_str(&format!(
            "| {} | {:.1} | {:.1} | {:.2} | {:.0} | {:.2} | {whole} | {right} |\n",
            taken.name,
            taken.bytes as f64 / 1e6,
            taken.wall.as_secs_f64(),
            taken.server_s,
            per(taken),
            per(taken) / first,
        ));
    }
    text
}
