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
            "build_snapshot": false,
            "lucene_version": "10.2.2",
            "minimum_wire_compatibility_version": "8.19.0",
            "minimum_index_compatibility_version": "8.0.0",
        },
        "tagline": "You Know, for Search",
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
    let license = json!({"license": {"status": "active", "uid": "martlog", "type": "basic", "issued_to": "martlog", "issuer": "martlog"}});
    told(&doors, &headers, &license)
}

pub(in super::super) async fn xpack(State(doors): State<Doors>, headers: HeaderMap) -> Response {
    let features = json!({"features": {"ilm": {"available": false, "enabled": false}}, "license": {"uid": "martlog", "type": "basic", "mode": "basic", "status": "active"}});
    told(&doors, &headers, &features)
}

pub(in super::super) async fn health(State(doors): State<Doors>, headers: HeaderMap) -> Response {
    told(
        &doors,
        &headers,
        &json!({"cluster_name": "martlog", "status": "green", "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1}),
    )
}

/// No other nodes: a client that looks for them stays with the address that it has.
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
