//! `GET /api/v1/nodes` (staff): the nodes that collectors speak for, and how each is.
//!
//! `{"nodes":[{"cluster","node","state","heard","silent_seconds","files","unacknowledged_bytes"}]}`; `state` is `ok`, `silent` (for 30 s) or `lost`. What a lost node had not sent
//! is named in answers as gaps `node_lost` without an end. A node goes from the list when nothing is kept any more of the time when it was heard.

use super::auth::Staff;
use crate::Indexer;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// All nodes.
#[derive(Serialize, JsonSchema)]
pub(super) struct Nodes {
    /// By cluster and name.
    nodes: Vec<crate::nodes::Listed>,
}

pub(super) async fn list(State(indexer): State<Indexer>, _: Staff) -> Json<Nodes> {
    Json(Nodes { nodes: indexer.nodes() })
}
