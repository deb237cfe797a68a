//! Lists: ordered by id, in pages.
//!
//! `?limit=` (default and at most 10,000) and `?after=<id>`; the answer is `{"<name>":[…]}`, with `"next":"<id>"` where there is more.

use super::problem::Problem;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Items of a page at most.
const PAGE_MAX: usize = 10_000;

/// Which page is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    limit: Option<usize>,
    after: Option<String>,
}

impl Page {
    /// The page of these items, which ascend by id.
    pub(super) fn of<T: Serialize>(&self, name: &'static str, items: Vec<T>, id: impl Fn(&T) -> &Arc<str>) -> Result<Json<Value>, Problem> {
        let limit = self.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let from = self.after.as_deref().map_or(0, |after| items.partition_point(|item| **id(item) <= *after));
        let page = &items[from..items.len().min(from + limit)];
        let mut answer = Map::new();
        answer.insert(name.to_owned(), json(page)?);
        if let (true, Some(last)) = (from + page.len() < items.len(), page.last()) {
            answer.insert("next".to_owned(), Value::from(&**id(last)));
        }
        Ok(Json(Value::Object(answer)))
    }
}

/// A value as JSON; the registry's types always have one.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value)
        .map_err(|error| Problem::new(500, "internal", "The server failed", format!("the answer cannot be written: {error}")))
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<Self>::try_from_uri(&parts.uri);
        query.map(|query| query.0).map_err(|error| Problem::new(400, "bad_query", "The parameters cannot be taken", error.body_text()))
    }
}
