//! The doors: the HTTP edge through which batches and lines come in and the registry is written. Reading is the `query` crate's.
//!
//! | door | token | file |
//! |---|---|---|
//! | `POST /api/v1/append`, `/positions`, `/heartbeat`; `GET /policy` | collector | `append`, `positions`, `heartbeat`, `policy` |
//! | `POST /api/v1/ingest` | ingest | `ingest` |
//! | `/api/v1/partners`, `/modules`, `/instances`, `/tokens` | staff; a partner may `GET` its own | one each |
//! | `/api/v1/quarantine` | staff | `quarantine` |
//! | `GET /api/v1/nodes` | staff | `nodes` |
//! | `/api/v1/erasures` | staff | `erasures` |
//! | `POST /api/v1/backup` | staff | `backup` |
//! | `/api/v1/session` | any | `session` |
//!
//! Invariants: who asks is settled before the body is read; every body is bounded; every error is a [`problem::Problem`]; what is
//! absent and what is not the caller's get the same 404.

mod append;
pub mod asker;
pub mod auth;
mod backup;
mod body;
mod erasures;
mod heartbeat;
mod idempotency;
mod ingest;
mod instances;
mod listing;
mod modules;
mod nodes;
mod partners;
mod policy;
mod positions;
pub mod problem;
mod quarantine;
mod session;
mod tokens;

#[cfg(test)]
mod tests;

use crate::Indexer;
use axum::Router;
use axum::extract::{FromRef, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use body::Bodies;
use idempotency::Idempotency;
use problem::Problem;
use std::sync::Arc;
use std::time::Duration;

/// The longest that a request waits for the store, its body included.
const REQUEST_MAX: Duration = Duration::from_secs(90);

/// What the doors share.
#[derive(Debug, Clone)]
pub(crate) struct Doors {
    indexer: Indexer,
    bodies: Bodies,
    pushes: Arc<Idempotency>,
}

impl FromRef<Doors> for Indexer {
    fn from_ref(doors: &Doors) -> Self {
        doors.indexer.clone()
    }
}

/// The doors under `/api/v1`: append, positions, heartbeat, policy, ingest, partners, modules, instances, tokens, quarantine, session.
pub fn router(indexer: Indexer) -> Router {
    let doors = Doors { indexer, bodies: Bodies::new(), pushes: Arc::default() };
    Router::new()
        .route("/api/v1/append", post(append::append))
        .route("/api/v1/positions", post(positions::positions))
        .route("/api/v1/heartbeat", post(heartbeat::heartbeat))
        .route("/api/v1/policy", get(policy::policy))
        .route("/api/v1/ingest", post(ingest::ingest))
        .route("/api/v1/partners", get(partners::list).post(partners::create))
        .route("/api/v1/partners/{id}", get(partners::show).patch(partners::patch).delete(partners::remove))
        .route("/api/v1/modules", get(modules::list).post(modules::create))
        .route("/api/v1/modules/{id}", get(modules::show).patch(modules::patch).delete(modules::remove))
        .route("/api/v1/instances", get(instances::list).post(instances::create))
        .route("/api/v1/instances/{id}", get(instances::show).patch(instances::patch).delete(instances::remove))
        .route("/api/v1/tokens", get(tokens::list).post(tokens::create))
        .route("/api/v1/tokens/{id}", get(tokens::show).delete(tokens::revoke))
        .route("/api/v1/quarantine", get(quarantine::list))
        .route("/api/v1/quarantine/{pod_uid}/release", post(quarantine::release))
        .route("/api/v1/nodes", get(nodes::list))
        .route("/api/v1/erasures", get(erasures::list).post(erasures::create))
        .route("/api/v1/erasures/{id}", get(erasures::show))
        .route("/api/v1/backup", post(backup::backup))
        .route("/api/v1/session", get(session::show).post(session::sign_in).delete(session::sign_out))
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(from_fn(auth::own_page_only))
        .layer(from_fn(in_time))
        .with_state(doors)
}

/// Ends a request that waits too long.
async fn in_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(REQUEST_MAX, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("the store did not answer within {} s: send the request again", REQUEST_MAX.as_secs());
        Problem::new(503, "timeout", "The store did not answer in time", detail).retry_after(Duration::from_secs(1)).into_response()
    })
}
