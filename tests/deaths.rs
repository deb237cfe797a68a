//! Queries of death: each of a corpus ends by its deadline, with an answer or a problem that says what to do, within the server's memory, while lines come in.
//!
//! The corpus is in `tests/deaths`: one query a line, by what it tries. Each is asked over a year at its most expensive endpoint: pipes as a table; filters as a search that counts
//! every match. How long acknowledgements took meanwhile is printed, not judged.

use crate::harness::Scene;
use crate::harness::api::Api;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The server's deadline of 30 s, five in which it may tell that it met it, and what a busy machine takes.
const DEADLINE: Duration = Duration::from_secs(45);
/// What a server may hold while it is asked: the bound of docs/performance.md.
const MEMORY_BYTES_MAX: u64 = 512 << 20;
const LINES: u32 = 30_000;
const LINES_A_PUSH: u32 = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn each_query_of_death_ends_in_time_with_an_answer_or_advice_while_lines_come_in() {
    let scene = Scene::new();
    let mut server = scene.serve().await;
    let reader = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let token = server.token(json!({"kind": "ingest", "partner": "acme", "instances": ["sms-csp-434"]})).await;
    let door = Api::new(&server.address, &token);
    for first in (0..LINES).step_by(LINES_A_PUSH as usize) {
        assert_eq!(door.ingest(&lines(first, LINES_A_PUSH)).await.status, 200);
    }
    let quiet = acknowledgements(&door, Arc::new(AtomicBool::new(false)), 40).await;

    let asking = Arc::new(AtomicBool::new(true));
    let coming = tokio::spawn({
        let (door, asking) = (door.clone(), asking.clone());
        async move { acknowledgements(&door, asking, 0).await }
    });
    let corpus = corpus();
    assert!(corpus.len() >= 100, "{} queries", corpus.len());
    let (mut slowest, mut advised) = (Vec::new(), 0);
    for (kind, query) in &corpus {
        let began = Instant::now();
        let is_answer = tokio::time::timeout(DEADLINE, ask(&reader, query)).await;
        let shown: String = query.chars().take(80).collect();
        let is_answer = is_answer.unwrap_or_else(|_| panic!("{kind}: no end within {DEADLINE:?}: {shown}"));
        advised += usize::from(!is_answer);
        slowest.push((began.elapsed(), format!("{kind}: {shown}")));
    }
    asking.store(false, Relaxed);
    let busy = coming.await.expect("lines came in to the end");
    slowest.sort_by_key(|(took, _)| std::cmp::Reverse(*took));
    println!("{} queries, {advised} answered with advice; the slowest:", corpus.len());
    slowest.iter().take(5).for_each(|(took, query)| println!("  {} ms  {query}", took.as_millis()));
    println!(
        "acknowledgement p99: {} ms alone, {} ms beside them ({} pushes)",
        p99(&quiet).as_millis(),
        p99(&busy).as_millis(),
        busy.len()
    );
    let peak = server.process.peak_memory_bytes();
    println!("peak memory: {} MiB", peak >> 20);
    assert!(peak <= MEMORY_BYTES_MAX, "the server held {} MiB", peak >> 20);
    // It is as well as before.
    assert_eq!(reader.search_with(json!({"query": "\"call 7 took\"", "from": "-1d", "limit": 1})).await.rows.len(), 1);
    assert_eq!(server.process.stderr().lines().filter(|line| line.contains("panicked")).count(), 0, "{}", server.process.stderr());
    server.process.kill().await;
}

/// Asks; whether rows or a table came, and not advice. Anything else than these fails.
async fn ask(reader: &Api, query: &str) -> bool {
    let (endpoint, body) = match query.starts_with('|') || query.contains(" | ") {
        true => ("stats", json!({"query": query, "from": "-365d"})),
        false => ("search", json!({"query": query, "from": "-365d", "limit": 1_000, "count": true})),
    };
    let answer = reader.post(endpoint, &body).await;
    match answer.status {
        200 if endpoint == "stats" => answer.json()["rows"].is_array(),
        200 => {
            let last: Value = serde_json::from_str(answer.text.lines().last().expect("a line")).expect("JSON");
            if last["error"].is_object() {
                return advice(query, &last["error"]);
            }
            assert!(last["summary"].is_object(), "{query}: {last}");
            true
        }
        400 | 413 | 429 | 503 => advice(query, &answer.json()),
        status => panic!("{query}: {status} {}", answer.text),
    }
}

/// A problem that names what is wrong, and says what to do in its sentence, hint or correction.
fn advice(query: &str, problem: &Value) -> bool {
    let text = |member: &str| problem[member].as_str().unwrap_or_default();
    assert!(!text("code").is_empty() && !text("detail").is_empty(), "{query}: {problem}");
    let does = ["narrow", "at most", "write", "shorter", "fewer", "less", "search", "leave", "ask", "can be", "send"];
    let says = format!("{} {}", text("detail"), text("hint"));
    assert!(
        problem["fix"].is_string() || problem["hint"].is_string() || does.iter().any(|word| says.contains(word)),
        "no advice for {query}: {problem}"
    );
    false
}

/// Pushes one line after the other, `count` of them or for as long as the others ask; how long each took to be durable.
async fn acknowledgements(door: &Api, asking: Arc<AtomicBool>, count: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    while asking.load(Relaxed) || took.len() < count {
        let began = Instant::now();
        let answer = door.ingest(&lines(1_000_000, 1)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        took.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    took
}

fn p99(took: &[Duration]) -> Duration {
    let mut sorted = took.to_vec();
    sorted.sort();
    sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default()
}

fn lines(first: u32, count: u32) -> String {
    let now = chrono::Utc::now();
    let one = |number: u32| {
        let time = (now - chrono::TimeDelta::seconds(i64::from(number % 80_000))).to_rfc3339();
        let (level, session) = (["info", "warn", "error", "debug"][number as usize % 4], number / 10);
        format!(
            r#"{{"timestamp":"{time}","level":"{level}","message":"call {number} took {} ms абонент 連接 refused by 10.0.0.{}","duration_ms":{},"session_id":"s-{session}","call_id":"{number:032x}","account_id":"79{number:09}","nested":{{"a":[{number},null,"x{}"]}},"path":"/v1/sms/{number}"}}"#,
            number * 7,
            number % 256,
            number * 7,
            number % 97
        )
    };
    (first..first + count).map(|number| one(number) + "\n").collect()
}

/// Every query, with the name of its file.
fn corpus() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deaths");
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let mut corpus = Vec::new();
    for file in files {
        let kind = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("UTF-8");
        corpus.extend(
            text.split('\n').filter(|line| !line.is_empty() && !line.starts_with("# ")).map(|line| (kind.clone(), line.to_owned())),
        );
    }
    corpus
}
