//! `GET /api/v1/policy` (collector): a [`martlog_formats::policy::PolicySet`], which is what is said of the instances and which pods are theirs. With `If-None-Match` of
//! the `ETag` that the collector knows, 304 where nothing has changed.
//!
//! It holds keys, so nobody on the way may keep it.

use super::auth::Collector;
use super::problem::Problem;
use crate::Indexer;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

pub(super) async fn policy(State(indexer): State<Indexer>, _: Collector, headers: HeaderMap) -> Result<Response, Problem> {
    let document = indexer.registry().policy_document().map_err(|error| {
        tracing::error!(%error, "the policies cannot be written");
        Problem::new(500, "internal", "The server failed", "the policies cannot be written: tell the server's operator")
    })?;
    let head = [(ETAG, document.tag.clone()), (CACHE_CONTROL, "no-store".to_owned())];
    let known = headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if known.map(str::trim).any(|tag| tag == document.tag || tag == "*") {
        return Ok((StatusCode::NOT_MODIFIED, head).into_response());
    }
    Ok((head, [(CONTENT_TYPE, "application/json")], document.body.clone()).into_response())
}
