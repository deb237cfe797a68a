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
