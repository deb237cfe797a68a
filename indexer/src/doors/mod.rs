//! The doors: the HTTP edge through which batches and lines come in and the registry is written. Reading is the `query` crate's.
//!
//! | door | token | file |
//! |---|---|---|
//! | `POST /api/v1/append`, `/positions`, `/heartbeat`; `GET /policy` | collector | `append`, `positions`, `heartbeat`, `policy` |
//! | `POST /api/v1/ingest` | ingest | `ingest` |
//! | `POST /v1/logs`, `/loki/api/v1/push`, `/_bulk` and what goes with it | ingest | `otlp`, `loki`, `elastic` |
//! | syslog, on listeners of its own | ingest | `syslog` |
//! | `/api/v1/partners`, `/modules`, `/instances`, `/tokens` | staff; a partner may `GET` its own | one each |
//! | `/api/v1/quarantine` | staff | `quarantine` |
//! | `GET /api/v1/nodes` | staff | `nodes` |
//! | `/api/v1/erasures` | staff | `erasures` |
//! | `POST /api/v1/backup` | staff | `backup` |
//! | `/api/v1/session` | any | `session` |
//!
//! Invariants: who asks is settled before the body is read; every body is bounded; every error is a [`problem::Problem`], written in its own form by each foreign protocol; what is
//! absent and what is not the caller's get the same 404. What all doors for lines share is in `push`.

mod append;
pub mod asker;
pub mod auth;
mod backup;
mod body;
pub mod describe;
mod elastic;
mod erasures;
mod foreign;
mod heartbeat;
mod ingest;
mod instances;
mod listing;
mod loki;
mod modules;
mod nodes;
mod operations;
mod otlp;
mod partners;
mod policy;
mod positions;
pub mod problem;
mod push;
mod quarantine;
mod session;
pub mod syslog;
mod tokens;

#[cfg(test)]
mod tests;

use crate::Indexer;
use axum::Router;
use axum::extract::{FromRef, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use body::Bodies;
use describe::{Api, Operation};
pub use elastic::front as elastic_front;
use problem::Problem;
pub use push::{DoorSettings, Settings, client_scope};
use push::{Idempotency, Rates, Unfolding};
pub use session::sign_in_person;
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
    settings: Arc<Settings>,
    rates: Arc<Rates>,
    unfolding: Unfolding,
}

impl FromRef<Doors> for Indexer {
    fn from_ref(doors: &Doors) -> Self {
        doors.indexer.clone()
    }
}

/// The doors under `/api/v1`: append, positions, heartbeat, policy, ingest, partners, modules, instances, tokens, quarantine, nodes, erasures, backup, session.
pub fn router(indexer: Indexer) -> Router {
    router_with(indexer, Settings::default())
}

/// The same, and those of foreign protocols, with what the operator says of each.
pub fn router_with(indexer: Indexer, settings: Settings) -> Router {
    let (bodies, settings) = (Bodies::new(), Arc::new(settings));
    let doors = Doors { indexer, bodies, pushes: Arc::default(), settings, rates: Arc::default(), unfolding: Unfolding::default() };
    let router = api().router.merge(foreign::routes()).method_not_allowed_fallback(problem::method_not_allowed);
    router.layer(from_fn(auth::own_page_only)).layer(from_fn(in_time)).with_state(doors)
}

/// What is said of the doors in the API's document.
#[must_use]
pub fn operations() -> Vec<Operation> {
    api().operations
}

/// Each door with what is said of it.
fn api() -> Api<Doors> {
    let [list_partners, create_partner, show_partner, patch_partner, remove_partner] = operations::partners();
    let [list_modules, create_module, show_module, patch_module, remove_module] = operations::modules();
    let [list_instances, create_instance, show_instance, patch_instance, remove_instance] = operations::instances();
    let [list_tokens, create_token, show_token, revoke_token] = operations::tokens();
    let [list_quarantine, release] = operations::quarantine();
    let [list_erasures, erase, show_erasure] = operations::erasures();
    let [show_session, sign_in, sign_out] = operations::session();
    Api::default()
        .at(operations::append(), append::append)
        .at(operations::positions(), positions::positions)
        .at(operations::heartbeat(), heartbeat::heartbeat)
        .at(operations::policy(), policy::policy)
        .at(operations::ingest(), ingest::ingest)
        .at(list_partners, partners::list)
        .at(create_partner, partners::create)
        .at(show_partner, partners::show)
        .at(patch_partner, partners::patch)
        .at(remove_partner, partners::remove)
        .at(list_modules, modules::list)
        .at(create_module, modules::create)
        .at(show_module, modules::show)
        .at(patch_module, modules::patch)
        .at(remove_module, modules::remove)
        .at(list_instances, instances::list)
        .at(create_instance, instances::create)
        .at(show_instance, instances::show)
        .at(patch_instance, instances::patch)
        .at(remove_instance, instances::remove)
        .at(list_tokens, tokens::list)
        .at(create_token, tokens::create)
        .at(show_token, tokens::show)
        .at(revoke_token, tokens::revoke)
        .at(list_quarantine, quarantine::list)
        .at(release, quarantine::release)
        .at(operations::nodes(), nodes::list)
        .at(list_erasures, erasures::list)
        .at(erase, erasures::create)
        .at(show_erasure, erasures::show)
        .at(operations::backup(), backup::backup)
        .at(show_session, session::show)
        .at(sign_in, session::sign_in)
        .at(sign_out, session::sign_out)
}

/// Ends a request that waits too long.
async fn in_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(REQUEST_MAX, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("the store did not answer within {} s: send the request again", REQUEST_MAX.as_secs());
        Problem::new(503, "timeout", "The store did not answer in time", detail).retry_after(Duration::from_secs(1)).into_response()
    })
}
