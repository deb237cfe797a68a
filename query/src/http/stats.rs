//! `POST /api/v1/stats`: a query with pipes, as a table: `{"columns":[…],"rows":[[…],…],"approximate":{column: share},"truncated","complete","warnings","cost"}`.
//!
//! `approximate` names the columns that are not exact, with the relative error that they may have; `truncated` says that a bound was met, and a warning which.

use super::complete::{Complete, complete};
use super::errors::{query_problem, search_problem};
use super::told::Note;
use super::{App, body, planned, record, setting, warnings};
use crate::lang::{Code, QueryError, Span};
use crate::pipes::{self, Asked, RunError, Table};
use crate::time::rfc3339;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use martlog_indexer::audit::{Action, Asker};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Instant;

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

pub(super) async fn stats(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: StatsBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let _place = app.search_place(&scope)?;
    let began = Instant::now();
    let plan = planned(&body.query, setting).await?;
    if plan.query.pipes.is_empty() {
        let end = body.query.trim_end().len();
        let error = QueryError::new(Code::BadPipe, Span::new(end, end), "the query has no pipe, so there is nothing to compute")
            .hint("write what is to be counted behind the filter")
            .fix(format!("{} | stats count()", body.query.trim_end()).trim_start().to_owned());
        return Err(query_problem(&body.query, &error));
    }
    let completeness = app.indexer.completeness(&scope).await;
    let asked = Asked { indexer: &app.indexer, scope: &scope, plan: &plan, deadline: began + app.limits.deadline };
    let mut open = record::begin(&app, &scope, &asker, Action::Stats, &body.query, &plan);
    let table = record::noted(&mut open, pipes::run(asked).await.map_err(|error| run_problem(&error)))?;
    let mut told = warnings(&plan, &body.query);
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
        cost: StatsCost { elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), rows_read: table.notes.rows_read },
    };
    record::answered(open, told.rows.len(), &told)
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
