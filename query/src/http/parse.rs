//! `POST /api/v1/parse`: how a query is read, without running it: the tree, the canonical form, the range of time, and the notes on its reading; with a `position`, also
//! what may be written there.
//!
//! Spans in the tree and the position are UTF-16 units, as an editor in a browser counts. A query that is being typed is mostly none yet: with a position the answer
//! is one all the same, the mistake standing in `error`.

use super::errors::members;
use super::suggest::{Suggestions, suggestions};
use super::told::Note;
use super::{App, answered, body, planned, setting, warnings};
use crate::plan::Plan;
use crate::time::rfc3339;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use martlog_indexer::audit::{Action, Asker, Ended, Question, Reach};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::{Problem, ProblemBody};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The body of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ParseQuestion")]
pub(super) struct ParseBody {
    /// The query, as far as it is written.
    query: String,
    /// The first time: RFC 3339, `-1h`, `now`, a date; 24 hours ago without it.
    from: Option<String>,
    /// The time behind the last one; without it up to now.
    to: Option<String>,
    /// Where the cursor is, UTF-16 units: then suggestions come.
    position: Option<usize>,
}

/// How a query is read.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Parsed")]
pub(super) struct ParseTold {
    /// The tree: each node has a `span` in UTF-16 units; null where the text is no query.
    ast: Value,
    /// The query in its one canonical form.
    #[serde(skip_serializing_if = "Option::is_none")]
    canonical: Option<String>,
    /// The range of time that it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<RangeTold>,
    /// Notes on the reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<Note>>,
    /// Why the text is no query; only with a position.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ProblemBody>")]
    error: Option<Map<String, Value>>,
    /// What may be written at the position.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestions: Option<Suggestions>,
}

/// A range of time.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TimeRange")]
struct RangeTold {
    /// Included.
    from: String,
    /// Excluded.
    to: String,
}

pub(super) async fn parse(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: ParseBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let _place = app.search_place(&scope)?;
    let mut answer = match (planned(&body.query, setting).await, body.position) {
        (Ok(plan), _) => read(plan, &body.query),
        (Err(problem), Some(_)) => ParseTold { error: Some(members(&problem)), ..ParseTold::default() },
        (Err(problem), None) => return Err(problem),
    };
    if let Some(position) = body.position {
        // Each key that is pressed asks another: that there were some is told, and the text of the query when it is searched for.
        let question = Question { action: Action::Suggest, query: None, range: None, subject: None, reach: Reach::Everything };
        let open = app.indexer.audit().begin(&scope, &asker, question);
        answer.suggestions = Some(suggestions(&app, &scope, &body.query, byte_at(&body.query, position), setting).await);
        open.end(Ended::Complete);
    }
    answered(&answer)
}

fn read(plan: Plan, text: &str) -> ParseTold {
    let warnings = warnings(&plan, text);
    let mut query = plan.query;
    query.map_spans(&mut |span| span.utf16(text));
    ParseTold {
        ast: json!(query),
        canonical: Some(plan.canonical),
        time: Some(RangeTold { from: rfc3339(plan.range.from_ns), to: rfc3339(plan.range.to_ns) }),
        warnings: Some(warnings),
        ..ParseTold::default()
    }
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
