//! `/_bulk`: the answer has an item for each action.

use super::super::Doors;
use super::super::problem::Problem;
use super::super::push;
use super::{answer, error};
use crate::stats::Door;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use martlog_formats::fields::push_string;
use martlog_formats::push::bulk::{Action, decode};
use martlog_formats::push::{Batch, DecodeError};
use std::fmt::Write as _;
use std::time::Instant;

/// The name of an index where the client names none.
const INDEX: &str = "logs";

pub(in super::super) async fn bulk(State(doors): State<Doors>, request: Request) -> Response {
    answered(&doors, request, None).await
}

pub(in super::super) async fn bulk_into(State(doors): State<Doors>, Path(index): Path<String>, request: Request) -> Response {
    answered(&doors, request, Some(index)).await
}

async fn answered(doors: &Doors, request: Request, index: Option<String>) -> Response {
    let (parts, body) = request.into_parts();
    let response = match take(doors, &parts, body, index).await {
        Ok(text) => answer(&parts.headers, StatusCode::OK, text),
        Err(problem) => refused(&parts.headers, problem),
    };
    doors.indexer.count_door(Door::Elasticsearch, |counters| counters.answered(response.status().as_u16()));
    response
}

/// Clients take 408 and 409 for their own mistake and drop what they have.
fn refused(headers: &HeaderMap, problem: Problem) -> Response {
    match problem.status {
        408 | 409 => error(headers, &Problem { status: 503, retry_after_s: problem.retry_after_s.or(Some(1)), ..problem }),
        _ => error(headers, &problem),
    }
}

async fn take(doors: &Doors, parts: &Parts, body: Body, index: Option<String>) -> Result<String, Problem> {
    let begun = Instant::now();
    let received = push::receive(doors, Door::Elasticsearch, parts, body, false).await?;
    let (_, items) = push::store(doors, received, move |body, batch| items(body, batch, index.as_deref())).await?;
    if items.text.is_empty() {
        return Err(Problem::new(400, "empty_body", "The body is empty", "request body is required"));
    }
    Ok(format!(r#"{{"took":{},"errors":{},"items":[{}]}}"#, begun.elapsed().as_millis(), items.errors, items.text))
}

/// The items of the answer.
#[derive(Debug, Default)]
struct Items {
    text: String,
    errors: bool,
}

fn items(body: &[u8], batch: &mut Batch<'_>, index: Option<&str>) -> Result<Items, DecodeError> {
    let (mut items, mut at) = (Items::default(), 0);
    decode(body, &mut |mut action, item| {
        at += 1;
        if let Some(item) = item {
            batch.item(at, &item)?;
        }
        if action.index.is_none() {
            action.index = Some(index.unwrap_or(INDEX).to_owned());
        }
        items.push(at, &action);
        Ok(())
    })?;
    Ok(items)
}

impl Items {
    /// The item of an action: written by hand, since clients look for `"errors":false` and the like in the text, and since there are many.
    fn push(&mut self, at: usize, action: &Action) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        let _ = write!(self.text, r#"{{"{}":{{"_index":"#, action.op.as_str());
        push_string(&mut self.text, action.index.as_deref().unwrap_or(INDEX));
        self.text.push_str(",\"_id\":");
        match &action.id {
            Some(id) => push_string(&mut self.text, id),
            // Nobody can ask for it: there are no documents to fetch.
            None => {
                let _ = write!(self.text, "\"{at}\"");
            }
        }
        if action.op.stores() {
            self.text.push_str(r#","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"status":201}}"#);
            return;
        }
        self.errors = true;
        self.text.push_str(
            r#","status":400,"error":{"type":"illegal_argument_exception","reason":"lines are never changed or removed: send index or create"}}}"#,
        );
    }
}
