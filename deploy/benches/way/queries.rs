//! The queries, which count every match unless they ask for the newest lines: what is asked, what must come out, and how long it takes: warm, the median of [`TIMES`] over HTTP from the request sent to the last byte read.

use super::generator::{COMMON_WORD, DAY_NS, ID, LITERAL, NUMBERS, PHRASE, PREFIX, RARE_WORD, Truth};
use chrono::{DateTime, SecondsFormat, TimeDelta};
use serde_json::{Value, json};
use std::error::Error;
use std::time::{Duration, Instant};

/// How often each is asked after once to warm up.
const TIMES: usize = 5;

enum Ask {
    /// So many rows, newest first; and, when asked for, every match counted.
    Search { limit: u64, count: bool },
    /// Counts by minute.
    Histogram,
}

struct Query {
    name: &'static str,
    text: String,
    ask: Ask,
    /// Lines that match.
    truth: u64,
}

/// What came out.
pub(crate) struct Answer {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    pub(crate) truth: u64,
    pub(crate) found: Found,
    pub(crate) median: Duration,
    pub(crate) slowest: Duration,
}

/// Of one asking.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    /// Lines that match, as far as they were counted.
    pub(crate) matched: u64,
    /// Rows or buckets that came.
    pub(crate) returned: u64,
    /// Whether `matched` claims to be all of them.
    pub(crate) exact: bool,
}

fn queries(truth: &Truth) -> Vec<Query> {
    let search = |name, text: String, limit, truth| Query { name, text, ask: Ask::Search { limit, count: true }, truth };
    let newest = |name, text: String, truth| Query { name, text, ask: Ask::Search { limit: 100, count: false }, truth };
    let (busiest, lines) = truth.busiest.clone().unwrap_or_default();
    let (low, high) = (NUMBERS.start(), NUMBERS.end());
    vec![
        search("rare word", RARE_WORD.to_owned(), 100, truth.rare_word),
        search("id", format!("request_id:{ID}"), 100, truth.id),
        search("phrase of five words", format!("\"{PHRASE}\""), 100, truth.phrase),
        newest("one instance's last 100", format!("instance:{busiest}"), lines),
        newest("all last 100", String::new(), truth.lines),
        search("common word, count", COMMON_WORD.to_owned(), 1, truth.common_word),
        search("prefix", format!("{PREFIX}*"), 100, truth.prefix),
        search("error and not a word", format!("level:error -{COMMON_WORD}"), 100, truth.error_without_common_word),
        search("number range", format!("duration_ms:{low}..{high}"), 100, truth.numbers),
        search("substring", format!("`{LITERAL}`"), 100, truth.literal),
        Query { name: "histogram of the day by minute", text: String::new(), ask: Ask::Histogram, truth: truth.lines },
    ]
}

/// Asks every query.
pub(crate) async fn ask_all(url: &str, token: &str, truth: &Truth) -> Result<Vec<Answer>, Box<dyn Error>> {
    let client = super::server::client()?;
    let mut answers = Vec::new();
    for query in queries(truth) {
        let mut found = Found::default();
        let mut times = Vec::new();
        for time in 0..=TIMES {
            let begun = Instant::now();
            let bytes = send(&client, url, token, &query).await?;
            if time > 0 {
                times.push(begun.elapsed());
            }
            found = read(&query, &bytes)?;
        }
        times.sort_unstable();
        let (median, slowest) = (times[TIMES / 2], times[TIMES - 1]);
        answers.push(Answer { name: query.name, text: query.text, truth: query.truth, found, median, slowest });
    }
    Ok(answers)
}

async fn send(client: &reqwest::Client, url: &str, token: &str, query: &Query) -> Result<Vec<u8>, Box<dyn Error>> {
    let day = DateTime::from_timestamp_nanos(DAY_NS);
    let moment = |time: DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    // The steps between lines are random: the last ones fall a little behind midnight.
    let (from, to) = (moment(day), moment(day + TimeDelta::hours(25)));
    let (path, body) = match query.ask {
        Ask::Search { limit, count } => {
            ("search", json!({"query": query.text, "from": from, "to": to, "limit": limit, "order": "newest", "count": count}))
        }
        Ask::Histogram => ("histogram", json!({"query": query.text, "from": from, "to": to, "interval": "1m"})),
    };
    let answer = client.post(format!("{url}/api/v1/{path}")).bearer_auth(token).json(&body).send().await?;
    let (status, bytes) = (answer.status(), answer.bytes().await?);
    if !status.is_success() {
        return Err(format!("{path} {body}: {status} {}", String::from_utf8_lossy(&bytes)).into());
    }
    Ok(bytes.to_vec())
}

fn read(query: &Query, bytes: &[u8]) -> Result<Found, Box<dyn Error>> {
    if matches!(query.ask, Ask::Histogram) {
        let answer: Value = serde_json::from_slice(bytes)?;
        let counts: Vec<u64> = answer["buckets"].as_array().into_iter().flatten().filter_map(|bucket| bucket["count"].as_u64()).collect();
        return Ok(Found { matched: counts.iter().sum(), returned: counts.iter().filter(|count| **count > 0).count() as u64, exact: true });
    }
    let mut found = None;
    let mut rows = 0;
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_slice(line)?;
        rows += u64::from(line.get("row").is_some());
        if let Some(error) = line.get("error") {
            return Err(format!("{}: {error}", query.text).into());
        }
        if let Some(summary) = line.get("summary") {
            found = Some(Found {
                matched: summary["matched"].as_u64().unwrap_or(0),
                returned: 0,
                exact: summary["exact"].as_bool().unwrap_or(true),
            });
        }
    }
    let found = found.ok_or_else(|| format!("{}: the answer has no summary", query.text))?;
    Ok(Found { returned: rows, ..found })
}
