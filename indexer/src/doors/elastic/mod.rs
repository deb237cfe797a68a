//! Elasticsearch's bulk API as shippers use it (ingest token): `/_bulk`, and what they ask before they send.
//!
//! | path | answer |
//! |---|---|
//! | `POST`, `PUT` `/_bulk`, `/{index}/_bulk`, `/_bulk/{…}` | `{"took","errors","items"}`, compact and in this order, an item for each action in its order; durable |
//! | `GET`, `HEAD` `/` | who this is and a version; with credentials alone, for this is the page's address too ([`front`]) |
//! | `GET` `/_license`, `/_xpack`, `/_cluster/health`, `/_nodes/http` | what lets a client go on |
//! | templates, policies, pipelines, aliases, data streams, indices | `GET` and `HEAD` find them, `PUT` and `POST` are acknowledged; nothing is kept of them, for there is no mapping here |
//!
//! What a document comes to says [`martlog_formats::push::bulk`]. A document that is no JSON is stored as a line, with success. `update` and `delete` fail, item by item: nobody changes a line. An
//! error of the request is `{"error":{…},"status"}`.

pub(super) mod bulk;
pub(super) mod handshake;

pub use handshake::front;

use super::problem::{Problem, headers_of};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

/// Without it, clients take this for something else and send nothing.
const PRODUCT: (HeaderName, HeaderValue) = (HeaderName::from_static("x-elastic-product"), HeaderValue::from_static("Elasticsearch"));

/// An answer as clients want it: in the kind of JSON that they accept, with the version that they ask for, and with the product.
fn answer(asked: &HeaderMap, status: StatusCode, body: String) -> Response {
    let vendor = asked.get(ACCEPT).filter(|accept| accept.as_bytes().starts_with(b"application/vnd.elasticsearch+json"));
    let kind = vendor.cloned().unwrap_or(HeaderValue::from_static("application/json"));
    (status, [(CONTENT_TYPE, kind), PRODUCT], body).into_response()
}

/// An error of a request.
fn error(asked: &HeaderMap, problem: &Problem) -> Response {
    let (status, headers, _) = headers_of(problem);
    let kind = match problem.status {
        401 | 403 => "security_exception",
        404 => "resource_not_found_exception",
        413 => "content_too_long_exception",
        429 => "es_rejected_execution_exception",
        500.. => "unavailable_exception",
        _ => "illegal_argument_exception",
    };
    let cause = json!({"type": kind, "reason": format!("{}: {}", problem.code, problem.detail)});
    let body =
        json!({"error": {"root_cause": [cause.clone()], "type": cause["type"], "reason": cause["reason"]}, "status": problem.status});
    let mut response = answer(asked, status, body.to_string());
    response.headers_mut().extend(headers);
    response
}
