//! `POST /api/v1/backup` (staff): a snapshot of the store, for a program on the same machine that copies it.
//!
//! The answer is NDJSON: `{"snapshot":{"folder","epoch","lsn","files":[{"path","bytes"}]}}`, then `{"held":true}` every few seconds for as long as the client listens. The
//! snapshot lives as long as the answer: whoever goes away, or dies, leaves nothing behind. Nothing is written outside the data folder.

use super::auth::Staff;
use super::problem::Problem;
use crate::Indexer;
use crate::backup::Snapshot;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;

/// How often the client is told that the snapshot is held; a client that is gone is noticed by it.
const HELD_EVERY: Duration = Duration::from_secs(5);

pub(super) async fn backup(State(indexer): State<Indexer>, Staff(scope): Staff) -> Result<Response, Problem> {
    let snapshot = indexer.snapshot().await?;
    tracing::info!(files = snapshot.files.len(), lsn = snapshot.lsn, token = scope.token_id(), "a snapshot for a backup was made");
    let first = line(&described(&snapshot));
    let pieces = stream::unfold((Some(first), snapshot), |(first, snapshot)| async move {
        let piece = match first {
            Some(first) => first,
            None => {
                tokio::time::sleep(HELD_EVERY).await;
                line(&json!({ "held": true }))
            }
        };
        Some((Ok::<_, Infallible>(piece), (None, snapshot)))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")], Body::from_stream(pieces)).into_response())
}

fn described(snapshot: &Snapshot) -> Value {
    let files: Vec<Value> = snapshot.files.iter().map(|file| json!({ "path": file.path, "bytes": file.bytes })).collect();
    json!({ "snapshot": { "folder": snapshot.dir().to_string_lossy(), "epoch": snapshot.epoch, "lsn": snapshot.lsn, "files": files } })
}

fn line(value: &Value) -> Bytes {
    format!("{value}\n").into()
}
