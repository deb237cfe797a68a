//! `POST /api/v1/append` (collector): a batch, compressed with zstd or gzip; the answer is an [`AppendAnswer`] in JSON.
//!
//! | status | when | what the collector does |
//! |---|---|---|
//! | 200 | every part is durable | moves its checkpoints |
//! | 409 | a part does not begin at its mark, or was refused | reads the parts: rewinds, or names the gap |
//! | 429, 503 | a part must wait (`Retry-After`) | sends it again |
//! | 400, 413 | no batch, or too large; a Problem instead of an answer | sends smaller ones, or reports it |
//!
//! A pod without an owner is put on the quarantine's list before its lines are appended; and after it the owners are asked
//! again, so that lines that crossed the registration of their instance are not left behind.

use super::Doors;
use super::auth::Collector;
use super::problem::{Problem, seconds};
use crate::Indexer;
use crate::registry::PodHead;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use martlog_formats::wire::{self, AppendAnswer, BATCH_BYTES_MAX, DecodeError, PartAnswer, Stream};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

pub(super) async fn append(State(doors): State<Doors>, collector: Collector, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let batch = doors.bodies.read(&headers, body, BATCH_BYTES_MAX).await?;
    let (node, heads) = heads(&batch.bytes, &collector.cluster)?;
    let registry = doors.indexer.registry();
    let watched = registry.note_quarantine(&collector.cluster, &node, &heads).await?;
    let answer = doors.indexer.append(&collector.cluster, &batch.bytes).await.map_err(no_batch)?;
    for head in watched {
        release_if_owned(&doors.indexer, head).await;
    }
    Ok(respond(answer))
}

/// The node, and whose the parts say they are; each once. Only the first two members of a part are decoded; a part that has not even these is refused by
/// the append.
fn heads(batch: &[u8], cluster: &str) -> Result<(String, Vec<PodHead>), Problem> {
    let (header, parts) = wire::decode_batch(batch).map_err(no_batch)?;
    if header.cluster != cluster {
        let detail = format!(
            "the token is of the cluster `{cluster}`, and the batch of another one: give the collector the token of its own cluster"
        );
        return Err(Problem::new(403, "wrong_cluster", "The token may not do this", detail));
    }
    let mut heads = BTreeSet::new();
    for part in parts {
        if let Ok(((stream, labels), _)) = postcard::take_from_bytes::<(Stream, Vec<(String, String)>)>(part) {
            heads.insert(PodHead { stream, labels });
        }
    }
    Ok((header.node, heads.into_iter().collect()))
}

/// Releases a listed pod that has an owner. The batch is durable whatever comes of it: what fails here is found again with the next batch.
async fn release_if_owned(indexer: &Indexer, head: &PodHead) {
    let registry = indexer.registry();
    let owner = registry.owner_of(&head.stream, &head.labels);
    if owner.key.is_quarantine() {
        return;
    }
    let id = PodHead::quarantine_id(&head.stream);
    let released = match indexer.release(&id, owner).await {
        Ok(rows) => registry.forget_pods(&[Arc::clone(&id)]).await.map(|()| rows).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match released {
        Ok(rows) => tracing::info!(pod_uid = %id, rows, "a quarantined pod was released to its owner"),
        Err(error) => tracing::warn!(pod_uid = %id, error, "a quarantined pod waits for its release"),
    }
}

fn respond(answer: AppendAnswer) -> Response {
    let (status, after) = status(&answer.parts);
    let mut response = (status, Json(answer)).into_response();
    if let Some(after) = after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds(after)));
    }
    response
}

/// The status of the answer, and how long to wait: as long as the part that waits longest.
fn status(parts: &[PartAnswer]) -> (StatusCode, Option<Duration>) {
    let (mut acts, mut later, mut wait_ms) = (false, None::<u16>, 0);
    for part in parts {
        match part {
            PartAnswer::Durable { .. } => {}
            PartAnswer::Conflict { .. } | PartAnswer::Refused { .. } => acts = true,
            PartAnswer::Later { code, after_ms, .. } => {
                // 503 is about the store, 429 about a share of it.
                later = later.max(Some(*code));
                wait_ms = wait_ms.max(*after_ms);
            }
        }
    }
    let after = later.map(|_| Duration::from_millis(wait_ms));
    match later {
        _ if acts => (StatusCode::CONFLICT, after),
        Some(429) => (StatusCode::TOO_MANY_REQUESTS, after),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, after),
        None => (StatusCode::OK, None),
    }
}

fn no_batch(error: DecodeError) -> Problem {
    match error {
        DecodeError::TooLarge { .. } => Problem::new(413, "too_large", "The body is too large", format!("{error}: send smaller batches")),
        DecodeError::Magic | DecodeError::Malformed(_) => Problem::new(
            400,
            "bad_batch",
            "The body is no batch",
            format!("{error}: the collector and the server may be of different versions"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn durable() -> PartAnswer {
        PartAnswer::Durable { marks: vec![1] }
    }

    fn later(code: u16, after_ms: u64) -> PartAnswer {
        PartAnswer::Later { code, after_ms, reason: String::new() }
    }

    #[test]
    fn the_status_is_what_the_wire_says() {
        let conflict = PartAnswer::Conflict { marks: vec![0] };
        let refused = PartAnswer::Refused { reason: String::new() };
        let code = |parts: &[PartAnswer]| (status(parts).0.as_u16(), status(parts).1.map(seconds));
        assert_eq!(code(&[]), (200, None));
        assert_eq!(code(&[durable(), durable()]), (200, None));
        assert_eq!(code(&[durable(), conflict.clone()]), (409, None));
        assert_eq!(code(&[refused]), (409, None));
        assert_eq!(code(&[durable(), later(429, 10)]), (429, Some(1)));
        assert_eq!(code(&[later(429, 100), later(503, 2_001), later(429, 50)]), (503, Some(3)));
        assert_eq!(code(&[later(503, 1_000), conflict]), (409, Some(1)));
    }
}
