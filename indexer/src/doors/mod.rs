//! The doors: the HTTP edge through which batches and lines come in and the registry is written. Reading is the `query` crate's.

pub mod auth;
pub mod problem;

use crate::Indexer;

/// The doors under `/api/v1`: append, positions, heartbeat, policy, ingest, partners, modules, instances, tokens, quarantine.
pub fn router(_indexer: Indexer) -> axum::Router {
    unimplemented!()
}
