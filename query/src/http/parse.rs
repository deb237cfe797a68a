//! `POST /api/v1/parse`: how a query is read, without running it: the tree, the canonical form, the range of time, and the notes on its reading.
//! Spans in the tree are UTF-16 units, as an editor in a browser counts.

use super::{App, body, planned, private, setting, warnings};
use crate::time::rfc3339;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use serde::Deserialize;
use serde_json::json;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParseBody {
    query: String,
    from: Option<String>,
    to: Option<String>,
}

pub(super) async fn parse(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: ParseBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let _place = app.search_place()?;
    let plan = planned(&body.query, setting).await?;
    let warnings = warnings(&plan, &body.query);
    let mut query = plan.query;
    query.map_spans(&mut |span| span.utf16(&body.query));
    let answer = json!({
        "ast": query,
        "canonical": plan.canonical,
        "time": {"from": rfc3339(plan.range.from_ns), "to": rfc3339(plan.range.to_ns)},
        "warnings": warnings,
    });
    Ok(private(answer.to_string().into_response(), "application/json"))
}
