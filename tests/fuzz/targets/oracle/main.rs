//! Queries against a naive oracle: a real store, half of its lines in splits and half live, is asked as the server asks it, and so is [`naive`]. Ids and their order,
//! counts, histograms and figures must be the same, for staff, for partners, and for a token of one instance.
//!
//! The first byte of an input says what the others are: a query's text as it is, or what [`ask`] makes queries of. A disagreement is printed with the query and the lines, and is a defect of the
//! product, of the oracle, or of what `docs/query.md` says.

#![no_main]

mod ask;
mod figures;
mod json;
mod lines;
mod naive;
mod world;

use ask::Asking;
use axum::body::Body;
use axum::http::Request;
use figures::Figures;
use http_body_util::BodyExt as _;
use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use lines::Dice;
use martlog_indexer::search::request::GroupBy;
use martlog_indexer::search::{Event, HistogramRequest, Order, SearchRequest};
use martlog_query::lang::parse;
use martlog_query::plan::{Plan, Setting, plan};
use martlog_query::time::{DAY, TimeRange, rfc3339};
use naive::{Oracle, asks_quarantine};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tower::ServiceExt as _;
use world::{Line, Reader, World};

/// Longer than any question over a few hundred lines takes, on a busy machine too.
const DEADLINE: Duration = Duration::from_secs(60);
/// What making a query takes of an input, bytes, nearly always.
const QUERY_BYTES: usize = 256;
const HOUR: i64 = 3_600_000_000_000;

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fuzz_target!(|input: &[u8]| {
    let world = &*WORLD;
    let Some((kind, rest)) = input.split_first() else { return };
    if kind % 4 == 0 {
        if let Ok(text) = std::str::from_utf8(rest) {
            check(world, text, None, usize::from(*kind / 4) % world.readers.len());
        }
        return;
    }
    let bytes = lengthened(rest);
    let mut from = Unstructured::new(&bytes);
    let asked = Asking { world, from: &mut from }.query();
    let Ok(text) = asked else { return };
    let figures = if kind % 4 == 3 { Figures::new(world, &mut from).ok() } else { None };
    check(world, &text, figures.as_ref(), usize::from(*kind / 4) % world.readers.len());
});

/// The bytes and, behind them, as many others as a query takes: a short input makes a whole query, too.
fn lengthened(bytes: &[u8]) -> Vec<u8> {
    let seed = bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3));
    let mut dice = Dice(seed);
    let more = std::iter::repeat_with(|| u8::try_from(dice.below(256)).expect("a byte")).take(QUERY_BYTES);
    bytes.iter().copied().chain(more).collect()
}

/// Asks one query as a reader.
fn check(world: &World, text: &str, figures: Option<&Figures>, reader: usize) {
    let reader = &world.readers[reader];
    let Ok(query) = parse(text) else { return };
    if !query.pipes.is_empty() {
        return;
    }
    let range = TimeRange::since(world.now_ns - DAY, world.now_ns);
    let epoch = world.indexer.store().epoch();
    let setting = Setting { now_ns: world.now_ns, range, range_given: false, staff: reader.scope.is_staff(), epoch };
    let Ok(plan) = plan(text, &setting) else { return };
    let oracle = Oracle::default();
    let quarantine = asks_quarantine(&query);
    let is_in = |line: &&Line| (plan.range.from_ns..plan.range.to_ns).contains(&line.record.time_ns);
    let seen = world.lines.iter().filter(|line| reader.sees(line, quarantine)).filter(is_in);
    let mut expected: Vec<&Line> = seen.filter(|line| oracle.finds(&query, line)).collect();
    expected.sort_by(|a, b| b.place.cmp(&a.place));
    let found = world.runtime.block_on(search(world, reader, &plan));
    let wanted: Vec<&str> = expected.iter().map(|line| line.id.as_str()).collect();
    if found != wanted {
        disagree(world, text, &plan, &found, &wanted);
    }
    world.runtime.block_on(histogram(world, reader, &plan, &expected, text));
    if let Some(figures) = figures
        && !plan.quarantine
    {
        let asked = format!("{text} {}", figures.text());
        if parse(&asked).is_ok() {
            world.runtime.block_on(stats(world, reader, &asked, figures, &expected));
        }
    }
}

/// The ids of what is found, in their order.
async fn search(world: &World, reader: &Reader, plan: &Plan) -> Vec<String> {
    let request = SearchRequest {
        predicate: plan.predicate.clone(),
        from_ns: plan.range.from_ns,
        to_ns: plan.range.to_ns,
        order: Order::NewestFirst,
        limit: 10_000,
        after: None,
        as_of_ns: None,
        count: true,
        quarantine: plan.quarantine,
        deadline: Instant::now() + DEADLINE,
    };
    let epoch = world.indexer.store().epoch();
    let mut events = world.indexer.search(&reader.scope, request);
    let mut found = Vec::new();
    loop {
        match events.recv().await.expect("a summary ends it") {
            Event::Row(row) => found.push(format!("{}/{epoch:x}/{}", row.owner.key.module, row.seq)),
            Event::Progress { .. } => {}
            Event::Summary(summary) => {
                assert_eq!((summary.matched, summary.exact, summary.more), (found.len() as u64, true, false), "{}", plan.canonical);
                return found;
            }
            Event::Error(error) => panic!("{}: {error}", plan.canonical),
        }
    }
}

/// Counts by hour and level.
async fn histogram(world: &World, reader: &Reader, plan: &Plan, expected: &[&Line], text: &str) {
    let request = HistogramRequest {
        predicate: plan.predicate.clone(),
        from_ns: plan.range.from_ns,
        to_ns: plan.range.to_ns,
        interval_ns: HOUR,
        by: Some(GroupBy::Level),
        quarantine: plan.quarantine,
        deadline: Instant::now() + DEADLINE,
    };
    let counted = world.indexer.histogram(&reader.scope, request).await.expect("a histogram");
    let told = counted.buckets.iter().flat_map(|bucket| bucket.by.iter().map(|(level, rows)| ((bucket.start_ns, level.clone()), *rows)));
    let told: BTreeMap<(i64, String), u64> = told.collect();
    let mut wanted = BTreeMap::new();
    for line in expected {
        let level = line.record.severity.map_or("none", |severity| severity.level()).to_owned();
        *wanted.entry((line.record.time_ns.div_euclid(HOUR) * HOUR, level)).or_insert(0) += 1;
    }
    assert_eq!(told, wanted, "the histogram of {text:?}");
    assert_eq!(counted.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), expected.len() as u64, "the histogram of {text:?}");
}

/// Figures over HTTP, as a reader asks for them.
async fn stats(world: &World, reader: &Reader, query: &str, figures: &Figures, expected: &[&Line]) {
    let body = serde_json::json!({ "query": query, "from": rfc3339(world.now_ns - DAY) });
    let request = Request::post("/api/v1/stats").header("authorization", format!("Bearer {}", reader.token));
    let request = request.header("content-type", "application/json").body(Body::from(body.to_string())).expect("a request");
    let response = world.router.clone().oneshot(request).await.expect("an answer");
    let status = response.status();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    let answer: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    // What no pipe can do is refused; a server that fails is a defect.
    assert!(!status.is_server_error(), "{query:?}: {answer}");
    // The clock goes on, so a range that is told from now is another one here.
    let moves = query.contains('@') || query.contains("time:");
    if status.is_success()
        && !moves
        && let Some(wrong) = figures.differ(&answer, expected)
    {
        panic!("{query:?}: {wrong}");
    }
}

/// Prints what the store and the oracle do not agree on, and ends the run.
fn disagree(world: &World, text: &str, plan: &Plan, found: &[String], wanted: &[&str]) {
    eprintln!("query:     {text:?}\ncanonical: {:?}\npredicate: {:?}", plan.canonical, plan.predicate);
    for line in &world.lines {
        let (is_found, is_wanted) = (found.contains(&line.id), wanted.contains(&line.id.as_str()));
        if is_found != is_wanted {
            let who = if is_found { "the store alone finds" } else { "the oracle alone finds" };
            eprintln!(
                "{who} {} {:?} {:?} {:?}",
                line.id,
                line.record,
                line.stamps,
                line.values.iter().map(|(name, _)| name).collect::<Vec<_>>()
            );
        }
    }
    panic!("{} rows found, {} wanted, or in another order", found.len(), wanted.len());
}
