//! `POST /api/v1/parse`: how a query is read, without running it: the tree, the canonical form, the range of time, and the notes on its reading; with a `position`, also
//! what may be written there.
//!
//! Spans in the tree and the position are UTF-16 units, as an editor in a browser counts. A query that is being typed is mostly none yet: with a position the answer
//! is one all the same, the mistake standing in `error`.

use super::errors::members;
use super::suggest::suggestions;
use super::{App, body, planned, private, setting, warnings};
use crate::plan::Plan;
use crate::time::rfc3339;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use martlog_indexer::audit::{Action, Asker, Ended, Question, Reach};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParseBody {
    query: String,
    from: Option<String>,
    to: Option<String>,
    position: Option<usize>,
}

pub(super) async fn parse(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: ParseBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let _place = app.search_place()?;
    let mut answer = match (planned(&body.query, setting).await, body.position) {
        (Ok(plan), _) => read(plan, &body.query),
        (Err(problem), Some(_)) => Map::from_iter([("ast".to_owned(), Value::Null), ("error".to_owned(), members(&problem).into())]),
        (Err(problem), None) => return Err(problem),
    };
    if let Some(position) = body.position {
        // Each key that is pressed asks another: that there were some is told, and the text of the query when it is searched for.
        let question = Question { action: Action::Suggest, query: None, range: None, subject: None, reach: Reach::Everything };
        let open = app.indexer.audit().begin(&scope, &asker, question);
        let suggested = suggestions(&app, &scope, &body.query, byte_at(&body.query, position), setting).await;
        answer.insert("suggestions".to_owned(), suggested);
        open.end(Ended::Complete);
    }
    Ok(private(Value::Object(answer).to_string().into_response(), "application/json"))
}

fn read(plan: Plan, text: &str) -> Map<String, Value> {
    let warnings = warnings(&plan, text);
    let mut query = plan.query;
    query.map_spans(&mut |span| span.utf16(text));
    let mut answer = Map::new();
    answer.insert("ast".to_owned(), json!(query));
    answer.insert("canonical".to_owned(), plan.canonical.into());
    answer.insert("time".to_owned(), json!({"from": rfc3339(plan.range.from_ns), "to": rfc3339(plan.range.to_ns)}));
    answer.insert("warnings".to_owned(), warnings.into());
    answer
}

/// The byte at so many UTF-16 units; the end where there are fewer.
fn byte_at(text: &str, units: usize) -> usize {
    let mut seen = 0;
    for (at, c) in text.char_indices() {
        if seen >= units {
            return at;
        }
        seen += c.len_utf16();
    }
    text.len()
}
