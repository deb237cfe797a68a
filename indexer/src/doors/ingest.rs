//! `POST /api/v1/ingest` (ingest token): lines from elsewhere, one a line (NDJSON, or any text), plain, gzip or zstd.
//!
//! `?instance=` says whose they are; a token with one instance needs none. The instance's policy holds for them, but for its rate limit. Each line becomes a record as a collector would make it, its verdict and reasons are
//! in the answer: `{"accepted","verdicts":{…},"problems":[{"line","code","fix"}…]}`; a bad line never fails the others. Answered means durable
//! and searchable. At-least-once; exactly-once with an `Idempotency-Key`, as far as [`super::idempotency`] goes.

use super::Doors;
use super::auth::Ingest;
use super::idempotency::{Begun, Turn};
use super::problem::Problem;
use crate::Indexer;
use crate::row::Owner;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, Uri};
use axum::response::{IntoResponse as _, Response};
use martlog_formats::parse::Settings;
use martlog_formats::policy::Level;
use martlog_formats::wire::BATCH_BYTES_MAX;
use martlog_formats::{Profile, Record, Verdict, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lines of a request: records take more memory than their bytes, and empty objects are short.
const LINES_MAX: usize = 50_000;
/// Problems that are told one by one.
const PROBLEMS_MAX: usize = 100;
/// The reason of a line that is left out because the instance's policy keeps more serious ones alone.
const BELOW_LEVEL: &str = "below_level";
const BELOW_LEVEL_FIX: &str =
    "do not send lines below the level that the instance's policy keeps, or ask the platform's operator to keep them";
/// The longest `Idempotency-Key`, bytes.
const KEY_BYTES_MAX: usize = 255;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    instance: Option<String>,
}

/// The answer.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Ingested")]
pub(super) struct Answer {
    /// Lines that are stored.
    accepted: usize,
    verdicts: Verdicts,
    problems: Vec<LineProblem>,
    /// Problems beyond those that are told one by one.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(default)]
    problems_more: usize,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
struct Verdicts {
    ok: usize,
    repaired: usize,
    raw: usize,
    rejected: usize,
}

/// A reason for a line's verdict.
#[derive(Debug, Serialize, JsonSchema)]
struct LineProblem {
    /// From 1, empty lines counted.
    line: usize,
    code: &'static str,
    fix: &'static str,
}

pub(super) async fn ingest(
    State(doors): State<Doors>,
    caller: Ingest,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let owner = owner(&doors.indexer, &caller, &uri)?;
    let key = key(&headers)?;
    let body = doors.bodies.read(&headers, body, BATCH_BYTES_MAX).await?;
    let turn = match key {
        None => None,
        Some(key) => match begin(&doors, (caller.token, key), &owner, &body.bytes)? {
            Begun::First(turn) => Some(turn),
            Begun::Answered(answer) => return Ok(json(answer.to_string())),
            Begun::Running => return Err(running()),
            Begun::Reused => return Err(reused()),
        },
    };
    // On its own: when the client goes away meanwhile, its key must still know what became of the lines.
    let indexer = doors.indexer.clone();
    let work = doors.indexer.registry().work().spawn(async move { push(&indexer, owner, body, turn).await });
    work.await.map_err(|_| failed())?.map(json)
}

/// Parses, stores, and keeps the answer under the key.
async fn push(indexer: &Indexer, owner: Arc<Owner>, body: super::body::Held, turn: Option<Turn>) -> Result<String, Problem> {
    let arrived_ns = crate::catalog::numbers::now_ns();
    let (policy, key) = indexer.registry().policy_of(&owner.instance);
    let parsed = tokio::task::spawn_blocking(move || {
        let profile = Profile::with_redaction(Settings::default(), &policy.redaction, key.as_ref()).map_err(|_| failed())?;
        read(&body.bytes, arrived_ns, &profile, policy.level)
    })
    .await;
    let (records, answer) = parsed.map_err(|_| failed())??;
    if !records.is_empty() {
        indexer.push(owner, records).await?;
    }
    let answer = serde_json::to_string(&answer).map_err(|_| failed())?;
    if let Some(turn) = turn {
        turn.finish(&answer, Instant::now());
    }
    Ok(answer)
}

/// The lines as records, and what is told of them.
fn read(body: &[u8], arrived_ns: i64, profile: &Profile, level: Option<Level>) -> Result<(Vec<Record>, Answer), Problem> {
    let (mut records, mut answer) = (Vec::new(), Answer::default());
    for (at, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if records.len() == LINES_MAX {
            let detail = format!("the body has over {LINES_MAX} lines: send it in smaller pieces; nothing of it was stored");
            return Err(Problem::new(413, "too_many_lines", "The body is too large", detail).with("limit_lines", LINES_MAX));
        }
        let mut record = parse(line, arrived_ns, profile);
        if level.is_some_and(|level| level.leaves_out(record.severity)) {
            record.verdict = Verdict::Rejected;
            answer.tell(at + 1, BELOW_LEVEL, BELOW_LEVEL_FIX);
        }
        answer.count(at + 1, &record);
        if record.verdict != Verdict::Rejected {
            records.push(record);
        }
    }
    answer.accepted = records.len();
    Ok((records, answer))
}

impl Answer {
    fn count(&mut self, line: usize, record: &Record) {
        *match record.verdict {
            Verdict::Ok => &mut self.verdicts.ok,
            Verdict::Repaired => &mut self.verdicts.repaired,
            Verdict::Raw => &mut self.verdicts.raw,
            Verdict::Rejected => &mut self.verdicts.rejected,
        } += 1;
        for problem in record.problems.iter() {
            self.tell(line, problem.code(), problem.fix());
        }
    }

    fn tell(&mut self, line: usize, code: &'static str, fix: &'static str) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(LineProblem { line, code, fix });
        } else {
            self.problems_more += 1;
        }
    }
}

/// Whose the lines are: the instance asked for, if it is the token's, or the token's only one.
fn owner(indexer: &Indexer, caller: &Ingest, uri: &Uri) -> Result<Arc<Owner>, Problem> {
    let parameters = Query::<Parameters>::try_from_uri(uri);
    let parameters = parameters.map_err(|error| Problem::new(400, "bad_query", "The parameters cannot be taken", error.body_text()))?.0;
    let absent = || Problem::not_found("there is no such instance among those of the token");
    let id = match (&parameters.instance, caller.instances.as_slice()) {
        (Some(asked), own) => own.iter().find(|id| ***id == **asked).ok_or_else(absent)?,
        (None, [only]) => only,
        (None, []) => return Err(absent()),
        (None, _) => return Err(Problem::invalid("instance", "the token is for several instances: say which with `?instance=`")),
    };
    indexer.registry().instance(id).ok_or_else(absent)
}

fn key(headers: &HeaderMap) -> Result<Option<Arc<str>>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=KEY_BYTES_MAX).contains(&key.len()) => Ok(Some(key.into())),
        _ => Err(Problem::invalid("Idempotency-Key", format!("`Idempotency-Key` must be 1 to {KEY_BYTES_MAX} visible ASCII characters"))),
    }
}

fn begin(doors: &Doors, key: (Arc<str>, Arc<str>), owner: &Owner, body: &[u8]) -> Result<Begun, Problem> {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    hash.update(owner.instance.as_bytes());
    hash.update(&[0]);
    hash.update(body);
    Ok(doors.pushes.begin(key, hash.digest128(), Instant::now()))
}

fn json(answer: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], answer).into_response()
}

fn running() -> Problem {
    let detail = "a request with this key is being worked on: send this one again for its answer";
    Problem::new(409, "key_in_use", "The key is in use", detail).retry_after(Duration::from_secs(1))
}

fn reused() -> Problem {
    Problem::new(422, "key_reused", "The key was used for another body", "use a new `Idempotency-Key` for each body and instance")
}

fn failed() -> Problem {
    Problem::new(500, "internal", "The server failed", "the request could not be worked on: send it again, and tell the server's operator")
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}
