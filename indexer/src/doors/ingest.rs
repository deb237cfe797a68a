//! `POST /api/v1/ingest` (ingest token): lines from elsewhere, one a line (NDJSON, or any text), plain, gzip or zstd.
//!
//! `?instance=` says whose they are; a token with one instance needs none. The instance's policy holds for them, but for its rate limit. Each line becomes a record as a collector would make it, its verdict and reasons are
//! in the answer: `{"accepted","verdicts":{…},"problems":[{"line","code","fix"}…]}`; a bad line never fails the others. Answered means durable
//! and searchable. At-least-once; exactly-once with an `Idempotency-Key`, for a day ([`super::push`]).

use super::Doors;
use super::problem::Problem;
use super::push;
use crate::stats::Door;
use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use martlog_formats::push::{Batch, DecodeError, Told};
use schemars::JsonSchema;
use serde::Serialize;

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

pub(super) async fn ingest(State(doors): State<Doors>, request: Request) -> Result<Json<Answer>, Problem> {
    let answered = take(&doors, request).await;
    doors.indexer.count_door(Door::Ingest, |counters| counters.answered(answered.as_ref().map_or_else(|problem| problem.status, |_| 200)));
    answered.map(Json)
}

async fn take(doors: &Doors, request: Request) -> Result<Answer, Problem> {
    let (parts, body): (_, Body) = request.into_parts();
    let received = push::receive(doors, Door::Ingest, &parts, body, true).await?;
    let (told, ()) = push::store(doors, received, lines).await?;
    Ok(told.into())
}

/// Each line that is not empty.
fn lines(body: &[u8], batch: &mut Batch<'_>) -> Result<(), DecodeError> {
    let lines = body.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    (1..).zip(lines).filter(|(_, line)| !line.is_empty()).try_for_each(|(at, line)| batch.line(at, line))
}

impl From<Told> for Answer {
    fn from(told: Told) -> Self {
        let [ok, repaired, raw, rejected] = told.verdicts;
        let problem =
            |problem: martlog_formats::push::LineProblem| LineProblem { line: problem.line, code: problem.code(), fix: problem.fix() };
        Self {
            accepted: told.accepted,
            verdicts: Verdicts { ok, repaired, raw, rejected },
            problems: told.problems.into_iter().map(problem).collect(),
            problems_more: told.problems_more,
        }
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}
