//! Asking over HTTP: what must come out, and how long it takes: warm, the median of [`TIMES`] from the request sent to the last byte read; of a search also to the first row, and the
//! longest silence on the way. Searches count every match unless they ask for the newest lines.
//!
//! The needles stand here; each operator and pipe of the language by itself stands in `language`.

use super::generator::{COMMON_WORD, DAY_NS, ID, LITERAL, NUMBERS, PHRASE, PREFIX, RARE_WORD, Truth};
use chrono::{DateTime, SecondsFormat, TimeDelta};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::error::Error;
use std::time::{Duration, Instant};

/// How often each is asked after once to warm up.
const TIMES: usize = 5;

#[derive(Clone, Copy)]
pub(crate) enum Ask {
    /// So many rows, newest first; and, when asked for, every match counted.
    Search { limit: u64, count: bool },
    /// Counts by minute.
    Histogram,
    /// A table.
    Pipes,
    /// What may be written at the end.
    Suggestions,
}

pub(crate) struct Query {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    pub(crate) ask: Ask,
    /// Lines that match, or that the first row counts; `None` where nothing outside the store knows.
    pub(crate) truth: Option<u64>,
}

/// What came out.
pub(crate) struct Answer {
    pub(crate) query: Query,
    pub(crate) found: Found,
    pub(crate) median: Duration,
    pub(crate) slowest: Duration,
    /// From the request to the first row, the median; of a search that has one.
    pub(crate) first_row: Option<Duration>,
    /// The longest time without a byte.
    pub(crate) silence: Duration,
}

/// Of one asking.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    /// Lines that match, as far as they were counted; of a table, the lines that were read for it.
    pub(crate) matched: u64,
    /// Rows, buckets or suggestions that came.
    pub(crate) returned: u64,
    /// Whether `matched` claims to be all of them.
    pub(crate) exact: bool,
    /// Codes of warnings.
    pub(crate) warnings: Vec<String>,
}

/// An answer as it came.
struct Came {
    bytes: Vec<u8>,
    whole: Duration,
    first_row: Option<Duration>,
    silence: Duration,
}

/// What the needles are for.
pub(crate) fn needles(truth: &Truth) -> Vec<Query> {
    let search = |name, text: String, limit, truth| Query { name, text, ask: Ask::Search { limit, count: true }, truth: Some(truth) };
    let newest = |name, text: String, truth| Query { name, text, ask: Ask::Search { limit: 100, count: false }, truth: Some(truth) };
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
        Query { name: "histogram of the day by minute", text: String::new(), ask: Ask::Histogram, truth: Some(truth.lines) },
    ]
}

/// Asks them one after the other.
pub(crate) async fn ask_all(url: &str, token: &str, queries: Vec<Query>) -> Result<Vec<Answer>, Box<dyn Error>> {
    let client = super::server::client()?;
    let mut answers = Vec::new();
    for query in queries {
        let mut found = Found::default();
        let (mut times, mut first_rows, mut silence) = (Vec::new(), Vec::new(), Duration::ZERO);
        for time in 0..=TIMES {
            let came = send(&client, url, token, &query).await?;
            found = read(&query, &came.bytes)?;
            if time > 0 {
                times.push(came.whole);
                first_rows.extend(came.first_row);
                silence = silence.max(came.silence);
            }
        }
        times.sort_unstable();
        first_rows.sort_unstable();
        let (median, slowest) = (times[TIMES / 2], times[TIMES - 1]);
        answers.push(Answer { query, found, median, slowest, first_row: first_rows.get(TIMES / 2).copied(), silence });
    }
    Ok(answers)
}

async fn send(client: &reqwest::Client, url: &str, token: &str, query: &Query) -> Result<Came, Box<dyn Error>> {
    let day = DateTime::from_timestamp_nanos(DAY_NS);
    let moment = |time: DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    // The steps between lines are random: the last ones fall a little behind midnight.
    let mut body = json!({"query": query.text, "from": moment(day), "to": moment(day + TimeDelta::hours(25))});
    let path = match query.ask {
        Ask::Search { limit, count } => {
            (body["limit"], body["order"], body["count"]) = (json!(limit), json!("newest"), json!(count));
            "search"
        }
        Ask::Histogram => {
            body["interval"] = json!("1m");
            "histogram"
        }
        Ask::Pipes => "stats",
        Ask::Suggestions => {
            body["position"] = json!(query.text.encode_utf16().count());
            "parse"
        }
    };
    let begun = Instant::now();
    let request = client.post(format!("{url}/api/v1/{path}")).bearer_auth(token).json(&body);
    // A table is told its progress in lines.
    let answer = if path == "stats" { request.header("accept", "application/x-ndjson") } else { request }.send().await?;
    let status = answer.status();
    let mut came = Came { bytes: Vec::new(), whole: Duration::ZERO, first_row: None, silence: begun.elapsed() };
    let (mut last, mut pieces) = (Instant::now(), answer.bytes_stream());
    while let Some(piece) = pieces.next().await {
        came.silence = came.silence.max(last.elapsed());
        last = Instant::now();
        came.bytes.extend_from_slice(&piece?);
        if came.first_row.is_none() && path == "search" && has_row(&came.bytes) {
            came.first_row = Some(begun.elapsed());
        }
    }
    came.whole = begun.elapsed();
    if !status.is_success() {
        return Err(format!("{path} {body}: {status} {}", String::from_utf8_lossy(&came.bytes)).into());
    }
    Ok(came)
}

fn has_row(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"{\"row\""))
}

fn read(query: &Query, bytes: &[u8]) -> Result<Found, Box<dyn Error>> {
    match query.ask {
        Ask::Search { .. } => return read_search(query, bytes),
        Ask::Histogram | Ask::Pipes | Ask::Suggestions => {}
    }
    let mut answer: Value = match query.ask {
        Ask::Pipes => serde_json::from_slice(bytes.trim_ascii().rsplit(|byte| *byte == b'\n').next().unwrap_or_default())?,
        _ => serde_json::from_slice(bytes)?,
    };
    if let Ask::Pipes = query.ask {
        answer = answer.get_mut("table").map(Value::take).ok_or_else(|| format!("{}: {answer}", query.text))?;
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    Ok(match query.ask {
        Ask::Histogram => {
            let counts: Vec<u64> = list(&answer["buckets"]).iter().filter_map(|bucket| bucket["count"].as_u64()).collect();
            let returned = counts.iter().filter(|count| **count > 0).count() as u64;
            Found { matched: counts.iter().sum(), returned, exact: true, warnings: Vec::new() }
        }
        Ask::Suggestions => {
            let items = list(&answer["suggestions"]["items"]).len() as u64;
            Found { matched: answer["suggestions"]["sampled"].as_u64().unwrap_or(0), returned: items, exact: true, warnings: Vec::new() }
        }
        _ => {
            let rows = list(&answer["rows"]);
            let counted = rows.first().and_then(|row| row.as_array()?.first()?.as_u64());
            let warnings = list(&answer["warnings"]).iter().filter_map(|warning| warning["code"].as_str().map(str::to_owned)).collect();
            let matched = if query.truth.is_some() { counted } else { answer["cost"]["rows_read"].as_u64() };
            Found { matched: matched.unwrap_or(0), returned: rows.len() as u64, exact: answer["truncated"] == false, warnings }
        }
    })
}

fn read_search(query: &Query, bytes: &[u8]) -> Result<Found, Box<dyn Error>> {
    let mut found = None;
    let mut rows = 0;
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_slice(line)?;
        rows += u64::from(line.get("row").is_some());
        if let Some(error) = line.get("error") {
            return Err(format!("{}: {error}", query.text).into());
        }
        if let Some(summary) = line.get("summary") {
            let exact = summary["exact"].as_bool().unwrap_or(true);
            found = Some(Found { matched: summary["matched"].as_u64().unwrap_or(0), exact, ..Found::default() });
        }
    }
    let found = found.ok_or_else(|| format!("{}: the answer has no summary", query.text))?;
    Ok(Found { returned: rows, ..found })
}
