//! `POST /api/v1/heartbeat` (collector): how far a node is, for *complete until* and *behind by*. The answer tells the store's epoch, so that a node at rest
//! hears of a restore too.

use super::Doors;
use super::auth::Collector;
use super::problem::Problem;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use martlog_formats::wire::{EPOCH_HEADER, Heartbeat};

/// A body, bytes: some 20,000 files.
const BYTES_MAX: usize = 8 << 20;

pub(super) async fn heartbeat(
    State(doors): State<Doors>,
    collector: Collector,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let beat: Heartbeat = doors.bodies.json(&headers, body, BYTES_MAX).await?;
    doors.indexer.heartbeat(&collector.cluster, beat).await;
    let epoch = doors.indexer.store().epoch().to_string();
    Ok((StatusCode::NO_CONTENT, [(EPOCH_HEADER, epoch)]).into_response())
}
