//! What clients of Elasticsearch ask before they send.

use super::super::Doors;
use super::super::problem::Problem;
use super::super::push::ingest;
use super::{answer, error};
use crate::Indexer;
use crate::stats::Door;
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};

/// The version that clients are told: shippers refuse servers that are older than they are.
const VERSION: &str = "9.1.0";
/// What clients check without knowing it: it is there, and means nothing here.
const TAGLINE: &str = "You Know, for Search";
const BUILD: &str = "martlog";
const SINCE: &str = "1970-01-01T00:00:00.000Z";
/// What the product has that clients ask for. Here is none of it.
const FEATURES: [&str; 27] = [
    "aggregate_metric",
    "analytics",
    "archive",
    "ccr",
    "data_streams",
    "data_tiers",
    "enrich",
    "enterprise_search",
    "eql",
    "esql",
    "gpu_vector_indexing",
    "graph",
    "ilm",
    "logsdb",
    "logstash",
    "ml",
    "monitoring",
    "rollup",
    "searchable_snapshots",
    "security",
    "slm",
    "spatial",
    "sql",
    "transform",
    "universal_profiling",
    "voting_only",
    "watcher",
];

/// Answers `GET` and `HEAD` of `/` to clients with the credentials of an ingest token; everything else goes on, to the page.
pub async fn front(State(indexer): State<Indexer>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    // A browser behind a proxy that asks for a password has credentials as well.
    let page = headers.get(ACCEPT).is_some_and(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    if !reads || page || request.uri().path() != "/" || !headers.contains_key(AUTHORIZATION) {
        return next.run(request).await;
    }
    match ingest(&indexer, headers) {
        Ok(_) => answer(headers, StatusCode::OK, about(&indexer).to_string()),
        Err(problem) => error(headers, &problem),
    }
}

fn about(indexer: &Indexer) -> Value {
    json!({
        "name": "martlog",
        "cluster_name": "martlog",
        "cluster_uuid": format!("{:022x}", indexer.store().epoch()),
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "build_type": "tar",
            "build_hash": BUILD,
            "build_date": SINCE,
            "build_snapshot": false,
            "lucene_version": "10.2.2",
            "minimum_wire_compatibility_version": "8.19.0",
            "minimum_index_compatibility_version": "8.0.0",
        },
        "tagline": TAGLINE,
    })
}

/// The answer of a token that may push here, through an open door.
fn told(doors: &Doors, headers: &HeaderMap, body: &Value) -> Response {
    let on = doors.settings.of(Door::Elasticsearch).on;
    let allowed = if on { ingest(&doors.indexer, headers) } else { Err(Problem::not_found("this door is closed")) };
    match allowed {
        Ok(_) => answer(headers, StatusCode::OK, body.to_string()),
        Err(problem) => error(headers, &problem),
    }
}

pub(in super::super) async fn license(State(doors): State<Doors>, headers: HeaderMap) -> Response {
    let license = json!({"license": {
        "status": "active",
        "uid": "martlog",
        "type": "basic",
        "issue_date": SINCE,
        "issue_date_in_millis": 0,
        "start_date_in_millis": -1,
        "max_nodes": null,
        "issued_to": "martlog",
        "issuer": "martlog",
    }});
    told(&doors, &headers, &license)
}

pub(in super::super) async fn xpack(State(doors): State<Doors>, headers: HeaderMap) -> Response {
    let none = |name: &str| (name.to_owned(), json!({"available": false, "enabled": false}));
    let features = json!({
        "build": {"hash": BUILD, "date": SINCE},
        "license": {"uid": "martlog", "type": "basic", "mode": "basic", "status": "active", "expiry_date_in_millis": i64::MAX},
        "features": FEATURES.into_iter().map(none).collect::<serde_json::Map<_, _>>(),
        "tagline": TAGLINE,
    });
    told(&doors, &headers, &features)
}

pub(in super::super) async fn health(State(doors): State<Doors>, headers: HeaderMap) -> Response {
    let health = json!({
        "cluster_name": "martlog",
        "status": "green",
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": 0,
        "active_shards": 0,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "unassigned_primary_shards": 0,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0,
    });
    told(&doors, &headers, &health)
}

pub(in super::super) async fn nodes(State(doors): State<Doors>, headers: HeaderMap) -> Response {
    told(&doors, &headers, &json!({"_nodes": {"total": 0, "successful": 0, "failed": 0}, "cluster_name": "martlog", "nodes": {}}))
}

/// Templates and the like: there, whatever they are, and nothing to be made.
pub(in super::super) async fn acknowledged(
    State(doors): State<Doors>,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let body = match method {
        Method::GET | Method::HEAD => {
            let mut found = serde_json::Map::new();
            found.insert(name, json!({}));
            Value::Object(found)
        }
        _ => json!({"acknowledged": true}),
    };
    told(&doors, &headers, &body)
}
