//! Errors as Problem Details (RFC 9457): what the client reads.

use axum::response::{IntoResponse, Response};

/// An error answer. `code` is stable and documented; `detail` says what happened and what to do.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code, such as `token_unknown`.
    pub code: &'static str,
    /// The same for every problem of the code.
    pub title: &'static str,
    /// This time.
    pub detail: String,
    /// Further members, such as `span`, `hint`, `fix`.
    pub more: serde_json::Map<String, serde_json::Value>,
    /// `Retry-After`, seconds.
    pub retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem without further members.
    #[must_use]
    pub fn new(status: u16, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, title, detail: detail.into(), more: serde_json::Map::new(), retry_after_s: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        unimplemented!()
    }
}
