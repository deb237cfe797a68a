//! `GET /api/v1/policy` (collector): which profiles the cluster's instances have.
//!
//! Thin: there is one version with no profile, so every instance is read with the default one.

use super::auth::Collector;
use axum::Json;
use serde_json::{Value, json};

/// The version of the set of profiles; a collector that knows it asks for nothing more.
const VERSION: u32 = 1;

pub(super) async fn policy(_: Collector) -> Json<Value> {
    Json(json!({ "version": VERSION, "profiles": {} }))
}
