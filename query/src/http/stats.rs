//! `POST /api/v1/stats`: a query with pipes, as a table: `{"columns":[…],"rows":[[…],…],"approximate":{column: share},"truncated","complete","warnings","cost"}`.
//!
//! `approximate` names the columns that are not exact, with the relative error that they may have; `truncated` says that a bound was met, and a warning which.

use super::errors::{query_problem, search_problem};
use super::{App, body, complete, planned, private, record, setting, warnings};
use crate::lang::{Code, QueryError, Span};
use crate::pipes::{self, Asked, RunError, Table};
use crate::time::rfc3339;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use martlog_indexer::audit::{Action, Asker};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatsBody {
    query: String,
    from: Option<String>,
    to: Option<String>,
}

pub(super) async fn stats(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: StatsBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let _place = app.search_place()?;
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
    told.extend(table.notes.warnings.iter().map(|(code, message)| json!({"code": code, "message": message})));
    told.extend(approximate(&table));
    let answer = json!({
        "columns": table.columns,
        "rows": table.rows.iter().map(|row| row.iter().map(pipes::Cell::json).collect()).collect::<Vec<Value>>(),
        "approximate": table.notes.approximate,
        "truncated": table.notes.truncated,
        "from": rfc3339(plan.range.from_ns),
        "to": rfc3339(plan.range.to_ns),
        "complete": complete::complete(&completeness, plan.range.from_ns),
        "warnings": told,
        "cost": {"elapsed_ms": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), "rows_read": table.notes.rows_read},
    });
    let text = answer.to_string();
    record::answered(open, table.rows.len(), &text);
    Ok(private(text.into_response(), "application/json"))
}

/// What is not exact, as a sentence.
fn approximate(table: &Table) -> Option<Value> {
    let columns: Vec<String> =
        table.notes.approximate.iter().map(|(column, error)| format!("{column} (±{:.2} %)", error * 100.0)).collect();
    let message = format!("too many different values to count them exactly: {}", columns.join(", "));
    (!columns.is_empty()).then(|| json!({"code": "W214", "message": message}))
}

/// A query with pipes that did not come to its end.
pub(super) fn run_problem(error: &RunError) -> Problem {
    match error {
        RunError::Search(error) => search_problem(error),
        RunError::TooMuch(reason) => Problem::new(400, "too_much", "The answer is too large", reason.to_string()),
    }
}
