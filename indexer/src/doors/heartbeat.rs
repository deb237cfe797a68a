//! `POST /api/v1/heartbeat` (collector): how far a node is, for *complete until* and *behind by*.

use super::Doors;
use super::auth::Collector;
use super::problem::Problem;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use martlog_formats::wire::Heartbeat;

/// A body, bytes: some 20,000 files.
const BYTES_MAX: usize = 8 << 20;

pub(super) async fn heartbeat(
    State(doors): State<Doors>,
    collector: Collector,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let beat: Heartbeat = doors.bodies.json(&headers, body, BYTES_MAX).await?;
    doors.indexer.heartbeat(&collector.cluster, beat).await;
    Ok(StatusCode::NO_CONTENT)
}
