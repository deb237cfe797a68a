//! `POST /api/v1/positions` (collector): the durable marks of files, so that a collector needs no surviving state of its own.

use super::Doors;
use super::auth::Collector;
use super::problem::Problem;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use martlog_formats::wire::{PositionsAnswer, PositionsRequest};

/// A body, bytes: over 200,000 files.
const BYTES_MAX: usize = 8 << 20;

pub(super) async fn positions(
    State(doors): State<Doors>,
    collector: Collector,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PositionsAnswer>, Problem> {
    let request: PositionsRequest = doors.bodies.json(&headers, body, BYTES_MAX).await?;
    Ok(Json(doors.indexer.positions(&collector.cluster, &request).await))
}
