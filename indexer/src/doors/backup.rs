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
use schemars::JsonSchema;
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;

/// How often the client is told that the snapshot is held; a client that is gone is noticed by it.
const HELD_EVERY: Duration = Duration::from_secs(5);

/// A line of the answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "BackupLine")]
pub(super) enum Line {
    /// The first one: what is to be copied.
    Snapshot(Copy),
    /// The snapshot is still there.
    Held(bool),
}

/// A snapshot to be copied.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BackupSnapshot")]
pub(super) struct Copy {
    /// Where it is on the server's machine.
    folder: String,
    /// The store's epoch.
    epoch: u64,
    /// The newest record of its log.
    lsn: u64,
    /// What belongs to it.
    files: Vec<CopyFile>,
}

/// A file of a snapshot.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BackupFile")]
struct CopyFile {
    /// Below the folder.
    path: String,
    /// Its length.
    bytes: u64,
}

pub(super) async fn backup(State(indexer): State<Indexer>, Staff(scope): Staff) -> Result<Response, Problem> {
    let snapshot = indexer.snapshot().await?;
    tracing::info!(files = snapshot.files.len(), lsn = snapshot.lsn, token = scope.token_id(), "a snapshot for a backup was made");
    let first = line(&Line::Snapshot(described(&snapshot)));
    let pieces = stream::unfold((Some(first), snapshot), |(first, snapshot)| async move {
        let piece = match first {
            Some(first) => first,
            None => {
                tokio::time::sleep(HELD_EVERY).await;
                line(&Line::Held(true))
            }
        };
        Some((Ok::<_, Infallible>(piece), (None, snapshot)))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")], Body::from_stream(pieces)).into_response())
}

fn described(snapshot: &Snapshot) -> Copy {
    let files = snapshot.files.iter().map(|file| CopyFile { path: file.path.clone(), bytes: file.bytes }).collect();
    Copy { folder: snapshot.dir().to_string_lossy().into_owned(), epoch: snapshot.epoch, lsn: snapshot.lsn, files }
}

fn line(line: &Line) -> Bytes {
    // These types always have a JSON form.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
