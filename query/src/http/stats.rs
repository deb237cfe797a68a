//! `POST /api/v1/stats`: a query with pipes, as a table: `{"columns":[…],"rows":[[…],…],"approximate":{column: share},"truncated","complete","warnings","cost"}`.
//!
//! `approximate` names the columns that are not exact, with the relative error that they may have; `truncated` says that a bound was met, and a warning which.
//!
//! Who accepts `application/x-ndjson` is told how far it is meanwhile: lines `{"progress":{"rows_read":…}}`, and at the end `{"table":…}` or `{"error":…}`; without that last line there is
//! no answer. Then the status says only that it was begun.

use super::complete::{Complete, complete};
use super::errors::{members, query_problem, search_problem};
use super::told::Note;
use super::{App, Place, body, planned, private, record, setting, warnings};
use crate::lang::{Code, QueryError, Span};
use crate::pipes::{self, Asked, RunError, Table};
use crate::plan::Plan;
use crate::time::rfc3339;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, stream};
use martlog_indexer::audit::{Action, Asker, Open};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::{Problem, ProblemBody};
use martlog_indexer::registry::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;

/// How often it is told how far an answer is.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// The media type of an answer in lines.
const IN_LINES: &str = "application/x-ndjson";

/// The body of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StatsQuestion")]
pub(super) struct StatsBody {
    /// A query with pipes.
    query: String,
    /// The first time: RFC 3339, `-1h`, `now`, a date; 24 hours ago without it.
    from: Option<String>,
    /// The time behind the last one; without it up to now.
    to: Option<String>,
}

/// A table.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Table")]
pub(super) struct TableTold {
    /// Names, in the order of the cells.
    columns: Vec<String>,
    /// Rows of cells: texts, numbers, truth values, nulls.
    rows: Vec<Vec<Value>>,
    /// Columns that are estimated, and the share by which they may be off.
    approximate: BTreeMap<String, f64>,
    /// Whether a bound was met; a warning says which.
    truncated: bool,
    /// The range that was read.
    from: String,
    /// Its end.
    to: String,
    complete: Complete,
    warnings: Vec<Note>,
    cost: StatsCost,
}

/// What it took.
#[derive(Debug, Serialize, JsonSchema)]
struct StatsCost {
    /// Wall time.
    elapsed_ms: u64,
    /// Rows that were read; 0 where the store counted by itself.
    rows_read: u64,
}

/// A line of an answer that tells how far it is: one of these.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "the document alone reads it; lines are written as they come")]
pub(super) enum StatsLine {
    /// How far it is.
    Progress {
        /// Lines that were read so far; 0 while the store counts by itself.
        rows_read: u64,
    },
    /// The answer; the last line.
    Table(TableTold),
    /// There is none; the last line.
    Error(ProblemBody),
}

pub(super) async fn stats(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: StatsBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let place = app.search_place(&scope)?;
    let plan = planned(&body.query, setting).await?;
    if plan.query.pipes.is_empty() {
        let end = body.query.trim_end().len();
        let error = QueryError::new(Code::BadPipe, Span::new(end, end), "the query has no pipe, so there is nothing to compute")
            .hint("write what is to be counted behind the filter")
            .fix(format!("{} | stats count()", body.query.trim_end()).trim_start().to_owned());
        return Err(query_problem(&body.query, &error));
    }
    let open = record::begin(&app, &scope, &asker, Action::Stats, &body.query, &plan);
    let work = Work { app, scope, query: body.query, plan, open, _place: place };
    let in_lines = headers.get(ACCEPT).is_some_and(|accept| accept.to_str().is_ok_and(|accept| accept.contains(IN_LINES)));
    let read: Arc<AtomicU64> = Arc::default();
    if in_lines {
        let told = read.clone();
        let lines = lines(async move { work.table(&told).await }, read);
        return Ok(private(Response::new(Body::from_stream(lines)), IN_LINES));
    }
    Ok(private(work.table(&read).await?.into_response(), "application/json"))
}

/// A question that can be answered.
struct Work {
    app: App,
    scope: Scope,
    query: String,
    plan: Plan,
    open: Open,
    _place: Place,
}

impl Work {
    /// The table as it is written; how many lines were read so far is told meanwhile.
    async fn table(self, read: &Arc<AtomicU64>) -> Result<Vec<u8>, Problem> {
        let Self { app, scope, query, plan, mut open, .. } = self;
        let began = Instant::now();
        let completeness = app.indexer.completeness(&scope).await;
        let asked = Asked { indexer: &app.indexer, scope: &scope, plan: &plan, read: Some(read), deadline: began + app.limits.deadline };
        let table = record::noted(&mut open, pipes::run(asked).await.map_err(|error| run_problem(&error)))?;
        let mut told = warnings(&plan, &query);
        told.extend(table.notes.warnings.iter().map(|(code, message)| Note::new(code, message.clone())));
        told.extend(approximate(&table));
        let told = TableTold {
            rows: table.rows.iter().map(|row| row.iter().map(pipes::Cell::json).collect()).collect(),
            columns: table.columns,
            approximate: table.notes.approximate.into_iter().collect(),
            truncated: table.notes.truncated,
            from: rfc3339(plan.range.from_ns),
            to: rfc3339(plan.range.to_ns),
            complete: complete(&completeness, plan.range.from_ns),
            warnings: told,
            cost: StatsCost {
                elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                rows_read: table.notes.rows_read,
            },
        };
        record::figures(open, told.rows.len(), &told)
    }
}

/// The answer in lines, with how many lines were read for it so far.
fn lines(
    table: impl Future<Output = Result<Vec<u8>, Problem>> + Send + 'static,
    read: Arc<AtomicU64>,
) -> impl Stream<Item = Result<Vec<u8>, Infallible>> {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + PROGRESS_EVERY, PROGRESS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold(Some((Box::pin(table), ticks)), move |state| {
        let read = read.clone();
        async move {
            let (mut table, mut ticks) = state?;
            tokio::select! {
                biased;
                table = &mut table => Some((Ok(last(table)), None)),
                _ = ticks.tick() => {
                    let line = json!({"progress": {"rows_read": read.load(Relaxed)}});
                    Some((Ok(format!("{line}\n").into_bytes()), Some((table, ticks))))
                }
            }
        }
    })
}

/// The last line.
fn last(table: Result<Vec<u8>, Problem>) -> Vec<u8> {
    match table {
        Ok(table) => [b"{\"table\":".as_slice(), &table, b"}\n"].concat(),
        Err(problem) => format!("{}\n", json!({"error": members(&problem)})).into_bytes(),
    }
}

/// What is not exact, as a sentence.
fn approximate(table: &Table) -> Option<Note> {
    let columns: Vec<String> =
        table.notes.approximate.iter().map(|(column, error)| format!("{column} (±{:.2} %)", error * 100.0)).collect();
    let message = format!("too many different values to count them exactly: {}", columns.join(", "));
    (!columns.is_empty()).then(|| Note::new("W214", message))
}

/// A query with pipes that did not come to its end.
pub(super) fn run_problem(error: &RunError) -> Problem {
    match error {
        RunError::Search(error) => search_problem(error),
        RunError::TooMuch(reason) => Problem::new(400, "too_much", "The answer is too large", reason.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;

    async fn told(table: impl Future<Output = Result<Vec<u8>, Problem>> + Send + 'static, read: Arc<AtomicU64>) -> Vec<Value> {
        lines(table, read).map(|line| serde_json::from_slice(&line.unwrap()).unwrap()).collect().await
    }

    #[tokio::test]
    async fn progress_is_told_until_there_is_a_table() {
        let read: Arc<AtomicU64> = Arc::default();
        let reading = read.clone();
        let table = async move {
            for _ in 0..6 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                reading.fetch_add(10, Relaxed);
            }
            Ok(b"{\"rows\":[]}".to_vec())
        };
        let mut lines = told(table, read).await;
        assert_eq!(lines.pop(), Some(json!({"table": {"rows": []}})));
        let read: Vec<u64> = lines.iter().map(|line| line["progress"]["rows_read"].as_u64().unwrap()).collect();
        assert!(!read.is_empty() && read.is_sorted() && read.iter().all(|rows| (10..=60).contains(rows)), "{read:?}");
    }

    #[tokio::test]
    async fn what_fails_is_the_last_line() {
        let failed = async { Err(run_problem(&RunError::Search(martlog_indexer::search::request::SearchError::Deadline))) };
        let lines = told(failed, Arc::default()).await;
        assert_eq!((lines.len(), &lines[0]["error"]["code"], &lines[0]["error"]["status"]), (1, &json!("deadline"), &json!(503)));
    }
}
