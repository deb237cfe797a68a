//! What does a line cost in a split, and how long do queries over it take?
//!
//! 200,000 generated lines of one module (10 instances, 8,000 sessions, telecom texts in two languages, 0 to 8 attributes), parsed as a
//! collector would. Prints µs of building and bytes by section per line, then ms for a handful of queries over one split, warm, the
//! median of seven runs.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::cast_precision_loss, clippy::cast_possible_truncation)]

use martlog_formats::{Profile, Record, parse};
use martlog_indexer::registry::{Kind, NewToken, Principal, Scope};
use martlog_indexer::row::{ModuleKey, Origin, Owner, Row};
use martlog_indexer::search::predicate::{Pattern, Stamp};
use martlog_indexer::search::request::GroupBy;
use martlog_indexer::search::{Event, Field, HistogramRequest, Order, Predicate, SearchRequest, Summary, Test};
use martlog_indexer::split::{Split, build};
use martlog_indexer::{Indexer, Options};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROWS: usize = 200_000;
const RUNS: usize = 7;
const START_NS: i64 = 1_795_000_000_000_000_000;

fn main() {
    let lines = lines();
    let bytes: usize = lines.iter().map(|(line, _)| line.len()).sum();
    println!("{ROWS} lines, {:.0} bytes a line", bytes as f64 / ROWS as f64);
    let profile = Profile::default();
    let records: Vec<Record> = lines.iter().map(|(line, time)| parse(line.as_bytes(), *time, &profile)).collect();
    let folder = tempfile::tempdir().unwrap();
    split_figures(&records, folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(queries(records, folder.path()));
}

fn split_figures(records: &[Record], folder: &std::path::Path) {
    let rows = rows(records);
    let rows: Vec<&Row> = rows.iter().collect();
    let path = folder.join("bench.split");
    let (before, cpu) = (Instant::now(), cpu());
    let meta = build(&rows[0].owner.key, "bench", &rows, &path).unwrap();
    let (wall, cpu) = (before.elapsed(), self::cpu() - cpu);
    let a_line = |value: f64| value / rows.len() as f64;
    println!("build: {:.2} µs CPU a line, {:.2} µs wall with syncs", a_line(cpu.as_micros() as f64), a_line(wall.as_micros() as f64));
    println!("bytes a line: {:.1}", a_line(meta.bytes as f64));
    let split = Split::open(&path, meta).unwrap();
    let mut parts: BTreeMap<String, u64> = BTreeMap::new();
    for (name, bytes) in split.sections() {
        let name = if name.starts_with("index/") { format!("index {}", name.rsplit('.').next().unwrap()) } else { name.to_owned() };
        *parts.entry(name).or_default() += bytes;
    }
    for (name, bytes) in split
        .fields()
        .unwrap()
        .into_iter()
        .map(|(name, bytes, dictionary)| (format!("field {name}{}", if dictionary { " (dictionary)" } else { "" }), bytes))
        .chain(parts)
    {
        println!("  {name:<20} {:7.2}", a_line(bytes as f64));
    }
    let before = Instant::now();
    assert_eq!(split.rows().unwrap().len(), rows.len());
    println!("read every row: {:.2} µs a line", a_line(before.elapsed().as_micros() as f64));
}

/// CPU time of this process.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 =
        text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

async fn queries(records: Vec<Record>, folder: &std::path::Path) {
    let options = Options { live_bytes_max: 1 << 30, ..Options::default() };
    let indexer = Indexer::open(&folder.join("data"), options).await.unwrap();
    let sample = records[ROWS / 2].clone();
    let owners = owners();
    for (number, batch) in records.chunks(1_000).enumerate() {
        indexer.push(owners[number % owners.len()].clone(), batch.to_vec()).await.unwrap();
    }
    let scope = staff(&indexer).await;
    let word = |word: &str| Predicate::Word(Pattern(word.to_owned()));
    let attribute = |name: &str, test| Predicate::Field(Field::Attribute(name.to_owned()), test);
    let request_id = sample.attributes.split("\"request_id\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let queries = [
        ("latest 100", Predicate::All, 100, false),
        ("a common word, count", word("session"), 0, true),
        ("a rare word, 100 rows", word("needle"), 100, true),
        ("Cyrillic word, count", word("абонент"), 0, true),
        ("prefix, count", Predicate::Word(Pattern("conn*".to_owned())), 0, true),
        ("word not debug, count", Predicate::And(vec![word("gateway"), Predicate::Not(Box::new(Predicate::Severity(1..=8)))]), 0, true),
        ("phrase, count", Predicate::Phrase(["connection", "refused", "by"].map(str::to_owned).to_vec()), 0, true),
        ("request id, rows", attribute("request_id", Test::Equals(request_id)), 100, true),
        ("an instance's last 100", Predicate::Field(Field::Stamp(Stamp::Instance), Test::Equals("sms-3".to_owned())), 100, false),
        ("number > 5000, count", attribute("duration_ms", Test::Number { low: Some((5_000.0, false)), high: None }), 0, true),
        ("substring, count", Predicate::Literal("on refu".to_owned()), 0, true),
        ("regular expression, count", Predicate::Regex(regex::Regex::new("gateway [a-z]+ answered 50[0-9]").unwrap()), 0, true),
    ];
    for flushed in [false, true] {
        if flushed {
            indexer.flush().await.unwrap();
        }
        println!("{}", if flushed { "ms over one split:" } else { "ms over live buffers:" });
        for (name, predicate, limit, count) in &queries {
            let mut times = Vec::new();
            let mut last = Summary::default();
            for _ in 0..RUNS {
                let before = Instant::now();
                last = search(&indexer, &scope, predicate.clone(), *limit, *count).await;
                times.push(before.elapsed());
            }
            println!("  {name:<28} {:8.2}   {} matched, {} evaluated", median(times), last.matched, last.rows_scanned);
        }
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let before = Instant::now();
            indexer.histogram(&scope, histogram()).await.unwrap();
            times.push(before.elapsed());
        }
        println!("  {:<28} {:8.2}", "histogram by level", median(times));
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

async fn search(indexer: &Indexer, scope: &Scope, predicate: Predicate, limit: usize, count: bool) -> Summary {
    let request = SearchRequest {
        predicate: Arc::new(predicate),
        from_ns: i64::MIN,
        to_ns: i64::MAX,
        order: Order::NewestFirst,
        limit,
        after: None,
        as_of_ns: None,
        count,
        quarantine: false,
        deadline: Instant::now() + Duration::from_secs(60),
    };
    let mut events = indexer.search(scope, request);
    while let Some(event) = events.recv().await {
        match event {
            Event::Summary(summary) => return summary,
            Event::Error(error) => panic!("{error}"),
            Event::Row(_) | Event::Progress { .. } => {}
        }
    }
    panic!("no summary");
}

fn histogram() -> HistogramRequest {
    HistogramRequest {
        predicate: Arc::new(Predicate::All),
        from_ns: i64::MIN,
        to_ns: i64::MAX,
        interval_ns: 60_000_000_000,
        by: Some(GroupBy::Level),
        quarantine: false,
        deadline: Instant::now() + Duration::from_secs(60),
    }
}

async fn staff(indexer: &Indexer) -> Scope {
    let new = NewToken { kind: Kind::Staff, partner: None, instances: None, cluster: None, expires_at: None, note: None };
    let minted = indexer.registry().mint_token(new).await.unwrap();
    match indexer.registry().authenticate(&minted.text) {
        Some(Principal::Reader(scope)) => scope,
        _ => panic!("a staff token reads"),
    }
}

fn owners() -> Vec<Arc<Owner>> {
    let key = ModuleKey { partner: "acme".into(), module: "sms".into() };
    let owner = |number: usize| Owner {
        key: key.clone(),
        instance: format!("sms-{number}").into(),
        csp: format!("{}", 430 + number).into(),
        environment: "prod".into(),
        version: "2.4.1".into(),
    };
    (0..10).map(|number| Arc::new(owner(number))).collect()
}

/// Rows in parts of about 20 lines of an instance.
fn rows(records: &[Record]) -> Vec<Row> {
    let owners = owners();
    let origin = |number: usize| Origin {
        cluster: "north".into(),
        node: format!("node-{}", number % 4).into(),
        namespace: "shop".into(),
        pod: format!("sms-{number}-7d9c").into(),
        pod_uid: format!("7d1f3a52-0000-4000-8000-00000000000{number}").into(),
        container: "main".into(),
        restart: 0,
        substream: martlog_formats::wire::Substream::Stdout,
        file: martlog_formats::wire::FileId(number as u128 * 0x1234_5678_9abc_def1),
        file_name: "0.log".into(),
    };
    let origins: Vec<Arc<Origin>> = (0..10).map(|number| Arc::new(origin(number))).collect();
    let mut offsets = vec![0_u64; owners.len()];
    let row = |(at, record): (usize, &Record)| {
        let (part, instance) = (at / 20, (at / 20 * 7) % owners.len());
        offsets[instance] += 100 + (record.message.len() + record.attributes.len()) as u64;
        Row {
            seq: at as u64,
            arrived_ns: START_NS + part as i64 * 20_123_457,
            owner: owners[instance].clone(),
            origin: origins[instance].clone(),
            offset: offsets[instance],
            record: record.clone(),
        }
    };
    records.iter().enumerate().map(row).collect()
}

/// Lines with the time at which the runtime took them, ns.
fn lines() -> Vec<(String, i64)> {
    let mut random = StdRng::seed_from_u64(434);
    let sessions: Vec<String> = (0..8_000).map(|_| hex(&mut random, 32)).collect();
    let mut time = START_NS;
    let mut line = |number: usize| {
        time += random.random_range(20_000..2_000_000);
        let session = &sessions[random.random_range(0..sessions.len())];
        let level = ["DEBUG", "INFO", "INFO", "INFO", "INFO", "WARN", "ERROR"][random.random_range(0..7)];
        let mut line = format!(
            "{{\"timestamp\":\"{}\",\"level\":\"{level}\",\"message\":\"{}\",\"request_id\":\"{}\",\"session_id\":\"{session}\",\"logger\":\"com.acme.sms.Gateway\"",
            chrono::DateTime::from_timestamp_nanos(time / 1_000_000 * 1_000_000).to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            message(&mut random, number, session),
            hex(&mut random, 32),
        );
        for _ in 0..random.random_range(0..6) {
            line.push_str(&attribute(&mut random));
        }
        line.push('}');
        (line, time + random.random_range(1_000..400_000))
    };
    (0..ROWS).map(&mut line).collect()
}

fn hex(random: &mut StdRng, digits: usize) -> String {
    (0..digits).map(|_| char::from(b"0123456789abcdef"[random.random_range(0..16)])).collect()
}

fn message(random: &mut StdRng, number: usize, session: &str) -> String {
    let small = random.random_range(0..1_000);
    let host = random.random_range(1..250);
    match random.random_range(0..9) {
        _ if number.is_multiple_of(20_011) => format!("found the needle in session {session}"),
        0 => format!("session {session} opened for subscriber 7912{:07} over SMPP bind {small}", random.random_range(0..10_000_000)),
        1 => format!("gateway north answered 50{} after {small} ms, will retry in {} s", small % 10, small % 60),
        2 => format!("connection refused by 10.0.{host}.{}:2775, attempt {} of 5", small % 250, small % 5 + 1),
        3 => format!("абонент 7{:010} не отвечает, повтор через {small} мс", random.random_range(0..1_000_000_000_u64)),
        4 => format!("delivered message {} to carrier with status DELIVRD in {small} ms", hex(random, 16)),
        5 => format!("GET /v1/sms/{} 200 {small}us", random.random_range(0..100_000)),
        6 => format!("rate limit of customer {} is at {} percent of {} per second", small % 40, small % 100, small),
        7 => format!(
            "billing record written: account {}@msisdn, {small} units, balance {}.{:02}",
            79_120_000_000_u64 + small,
            small * 3,
            small % 100
        ),
        _ => format!("worker {} is idle; queue depth {small}, oldest entry {} ms old", small % 16, small * 7),
    }
}

fn attribute(random: &mut StdRng) -> String {
    let number = random.random_range(0..10_000);
    match random.random_range(0..7) {
        0 => format!(",\"duration_ms\":{number}"),
        1 => format!(",\"http\":{{\"method\":\"POST\",\"path\":\"/v1/sms\",\"status_code\":{}}}", 200 + number % 5 * 100),
        2 => format!(",\"account_id\":\"{}@msisdn\"", 79_120_000_000_u64 + number),
        3 => format!(",\"event_id\":\"{}-{}-4{}-8{}-{}\"", hex(random, 8), hex(random, 4), hex(random, 3), hex(random, 3), hex(random, 12)),
        4 => ",\"error\":{\"type\":\"TimeoutException\",\"message\":\"read timed out\"}".to_owned(),
        5 => format!(",\"i_customer\":{}", number % 300),
        _ => format!(",\"retry\":{},\"route\":\"carrier-{}\"", number % 2 == 0, number % 20),
    }
}
