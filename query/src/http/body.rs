//! Bodies of requests: JSON, bounded, and told what is wrong with them.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use martlog_indexer::doors::problem::Problem;
use serde::de::DeserializeOwned;

/// Reads a JSON body of at most `bytes_max` bytes.
///
/// The type is asked for because a foreign page can send a form in a browser's name, but no JSON.
pub(super) async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<T, Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let detail = "send the request as JSON, with the header Content-Type: application/json";
        return Err(Problem::new(415, "not_json", "The body is not marked as JSON", detail));
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|bytes| bytes > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let bytes = axum::body::to_bytes(body, bytes_max).await.map_err(|error| {
        // A body over the limit and a connection that broke come as one type; the second has nobody to read the answer.
        tracing::debug!(%error, "a request's body could not be read");
        too_large(bytes_max)
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new(400, "bad_body", "The body cannot be read", format!("the body is not as it should be: {error}")))
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(413, "body_too_large", "The body is too large", format!("a request has at most {bytes_max} bytes; send less at once"))
}
