//! The routes of foreign protocols. They are described by those who made them, not in the API's document, and answer in their own forms.

use super::Doors;
use super::elastic::{bulk, handshake};
use super::{loki, otlp};
use axum::Router;
use axum::routing::{any, get, post};

/// All of them; `/` of Elasticsearch is [`super::elastic_front`]'s.
pub(super) fn routes() -> Router<Doors> {
    Router::new()
        .route("/v1/logs", post(otlp::logs))
        .route("/loki/api/v1/push", post(loki::push))
        .route("/_bulk", post(bulk::bulk).put(bulk::bulk))
        .route("/{index}/_bulk", post(bulk::bulk_into).put(bulk::bulk_into))
        .route("/_license", get(handshake::license))
        .route("/_xpack", get(handshake::xpack))
        .route("/_cluster/health", get(handshake::health))
        .route("/_nodes/http", get(handshake::nodes))
        .route("/_ilm/policy/{name}", any(handshake::acknowledged))
        .route("/_index_template/{name}", any(handshake::acknowledged))
        .route("/_component_template/{name}", any(handshake::acknowledged))
        .route("/_template/{name}", any(handshake::acknowledged))
        .route("/_data_stream/{name}", any(handshake::acknowledged))
        .route("/_ingest/pipeline/{name}", any(handshake::acknowledged))
        .route("/_alias/{name}", any(handshake::acknowledged))
}
