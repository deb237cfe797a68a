//! `POST /api/v1/context`: the lines around one, in the same stream, by position: `{"rows":[…],"at"}`, `at` being the place of the one among them.
//!
//! A line that is not there and one of somebody else are the same answer: 404.

use super::stats::run_problem;
use super::{App, body, now_ns, planned, private, record, row};
use crate::pipes::{self, Asked, Flow, Line};
use crate::plan::Setting;
use crate::plan::pipes::AROUND_MAX;
use crate::time::{DAY, TimeRange};
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use martlog_indexer::audit::{Action, Asker, Ended};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::row::Row;
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Instant;

/// Lines on either side where nobody says how many.
const AROUND: usize = 10;

/// The body of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ContextQuestion")]
pub(super) struct ContextBody {
    /// The line.
    id: String,
    /// Lines before it, 100 at most.
    #[serde(default = "around")]
    before: usize,
    /// Lines behind it, 100 at most.
    #[serde(default = "around")]
    after: usize,
    /// Look into the quarantine; for staff.
    #[serde(default)]
    quarantine: bool,
}

/// Lines around one.
#[derive(JsonSchema)]
#[schemars(rename = "Context")]
#[allow(dead_code, reason = "the document alone reads it; rows are written as they are")]
pub(super) struct ContextTold {
    /// In the order of the stream.
    rows: Vec<row::RowTold>,
    /// The place of the one among them.
    at: usize,
}

const fn around() -> usize {
    AROUND
}

pub(super) async fn context(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: ContextBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    if body.before.max(body.after) as u64 > AROUND_MAX {
        let detail = format!("\"before\" and \"after\" are {AROUND_MAX} lines at most; for more, search for the pod and a range of time");
        return Err(Problem::new(400, "bad_limit", "Too many lines are asked for", detail));
    }
    let absent = || Problem::not_found(format!("there is no line with the id {}", body.id.chars().take(200).collect::<String>()));
    if body.id.contains(['"', '\\']) {
        return Err(absent());
    }
    let _place = app.search_place(&scope)?;
    let query = format!("{}id:\"{}\"", if body.quarantine { "in:quarantine " } else { "" }, body.id);
    // Whenever it was: an id says which line it is.
    let range = TimeRange { from_ns: i64::MIN + DAY, to_ns: i64::MAX - DAY, open: false };
    let epoch = app.indexer.store().epoch();
    let plan = planned(&query, Setting { now_ns: now_ns(), range, range_given: false, staff: scope.is_staff(), epoch }).await?;
    let asked = Asked::new(&app.indexer, &scope, &plan, Instant::now() + app.limits.deadline);
    let mut open = record::begin(&app, &scope, &asker, Action::Context, &query, &plan);
    let row = record::noted(&mut open, one(&asked).await.and_then(|row| row.ok_or_else(absent)))?;
    let seq = row.seq;
    let lines = pipes::around(&asked, Line { row, found: true }, body.before, body.after).await.map_err(|error| run_problem(&error));
    let lines = record::noted(&mut open, lines)?;
    let at = lines.iter().position(|line| line.row.seq == seq).unwrap_or(0);
    let mut answer = b"{\"rows\":[".to_vec();
    for (place, line) in lines.iter().enumerate() {
        if place > 0 {
            answer.push(b',');
        }
        let before = answer.len();
        row::write(&mut answer, &line.row, epoch);
        open.row(&line.row.owner, answer.len() - before);
    }
    open.end(Ended::Complete);
    answer.extend(format!("],\"at\":{at}}}").as_bytes());
    Ok(private(answer.into_response(), "application/json"))
}

/// The row that the plan finds.
async fn one(asked: &Asked<'_>) -> Result<Option<Row>, Problem> {
    let request = asked.newest(1);
    let take = |found: &mut Option<Row>, row: Row| {
        *found = Some(row);
        Ok(Flow::Enough)
    };
    let (row, _) = pipes::each(asked, request, None, take).await.map_err(|error| run_problem(&error))?;
    Ok(row)
}
