//! Errors as Problem Details (RFC 9457): what the client reads.
//!
//! `{"type","title","status","code","detail","request_id",…}` as `application/problem+json`. The request id is in the header `X-Request-Id` too, and
//! in the log beside what happened inside, which the client is not told.

use crate::backup::SnapshotError;
use crate::catalog::CatalogError;
use crate::indexer::Unavailable;
use crate::registry::RegistryError;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde_json::{Map, Value};
use std::time::Duration;

/// The header with the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long a client waits when the catalog failed: a full disk takes a while.
const CATALOG_RETRY_S: u64 = 5;

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
    pub more: Map<String, Value>,
    /// `Retry-After`, seconds.
    pub retry_after_s: Option<u64>,
}

/// A problem as it is sent; for the API's document.
#[derive(JsonSchema)]
#[schemars(rename = "Problem")]
#[allow(dead_code, reason = "the document alone reads it")]
pub struct ProblemBody {
    /// `urn:martlog:problem:` and the code.
    #[schemars(rename = "type")]
    kind: String,
    /// The same for every problem of the code.
    title: String,
    /// The HTTP status.
    status: u16,
    /// Stable, such as `unauthenticated` or `E102`.
    code: String,
    /// What happened, and what to do.
    detail: String,
    /// To find it in the server's log; absent where the answer had begun.
    #[schemars(default)]
    request_id: Option<String>,
    /// Where in the query it is: `[from, to)`.
    #[schemars(default)]
    span: Option<Spans>,
    /// What is meant.
    #[schemars(default)]
    hint: Option<String>,
    /// The whole query, put right.
    #[schemars(default)]
    fix: Option<String>,
    /// The member of the request that is wrong.
    #[schemars(default)]
    field: Option<String>,
}

/// A piece of a query, `[from, to)`, counted in two ways.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "the document alone reads it")]
#[schemars(rename = "ProblemSpan")]
struct Spans {
    /// In UTF-16 units, as browsers count.
    utf16: [usize; 2],
    /// In bytes of UTF-8.
    bytes: [usize; 2],
}

impl Problem {
    /// A problem without further members.
    #[must_use]
    pub fn new(status: u16, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, title, detail: detail.into(), more: Map::new(), retry_after_s: None }
    }

    /// The same with a further member; the members that every problem has cannot be replaced.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.more.insert(member.to_owned(), value.into());
        self
    }

    /// The same with `Retry-After`, rounded up to a second.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after_s = Some(seconds(after));
        self
    }

    /// 400: a member of the request cannot be taken.
    #[must_use]
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::new(400, "invalid", "The request is invalid", detail).with("field", field)
    }

    /// 404: absent, or not the caller's.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "not_found", "There is no such thing", detail)
    }

    /// 403: the token is of a kind that may not do this.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, "forbidden", "The token may not do this", detail)
    }

    fn body(self, request_id: &str) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("type".to_owned(), format!("urn:martlog:problem:{}", self.code).into());
        body.insert("title".to_owned(), self.title.into());
        body.insert("status".to_owned(), self.status.into());
        body.insert("code".to_owned(), self.code.into());
        body.insert("detail".to_owned(), self.detail.into());
        body.insert("request_id".to_owned(), request_id.into());
        for (member, value) in self.more {
            body.entry(member).or_insert(value);
        }
        body
    }
}

impl Problem {
    /// An answer whose body is a text, as protocols have it whose errors are no JSON.
    #[must_use]
    pub fn as_text(&self, text: String) -> Response {
        let (status, headers, _) = headers_of(self);
        (status, headers, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, mut headers, request_id) = headers_of(&self);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        (status, headers, Value::Object(self.body(&request_id)).to_string()).into_response()
    }
}

/// What an answer has of a problem, whatever its body looks like: the status, the headers, and the request's id. What is the server's fault goes into its log.
pub(super) fn headers_of(problem: &Problem) -> (StatusCode, HeaderMap, String) {
    let request_id = format!("{:016x}", rand::random::<u64>());
    if problem.status >= 500 {
        tracing::warn!(request_id, status = problem.status, code = problem.code, detail = %problem.detail, "a request could not be served");
    }
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = HeaderMap::new();
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(after_s) = problem.retry_after_s {
        headers.insert(RETRY_AFTER, after_s.into());
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"martlog\""));
    }
    (status, headers, request_id)
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let detail = error.to_string();
        match error {
            RegistryError::Invalid { field, .. } => Self::invalid(&field, detail),
            RegistryError::Absent { .. } => Self::not_found(detail),
            RegistryError::Conflict { code, .. } => Self::new(409, code, "It contradicts what is there", detail),
            RegistryError::Catalog(error) => error.into(),
        }
    }
}

/// The client is told that it failed, not where the file is.
impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        tracing::error!(%error, "the catalog failed");
        let detail = match error {
            CatalogError::Full(_) => "the server's disk is full: its operator must free some space",
            _ => "the server's catalog cannot be used now: its operator finds the cause in the server's log",
        };
        let problem = Self::new(503, "catalog_unavailable", "The server cannot keep this now", detail);
        problem.retry_after(Duration::from_secs(CATALOG_RETRY_S))
    }
}

impl From<SnapshotError> for Problem {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Busy => Self::new(409, "backup_running", "A backup is being made", error.to_string()),
            SnapshotError::Catalog(error) => error.into(),
            SnapshotError::Io(_) => Self::new(503, "no_snapshot", "The store cannot be copied now", error.to_string()),
        }
    }
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        let after = error.after;
        let problem = match error.code {
            413 => return Self::new(413, "too_large", "The body is too large", format!("{}: send it in smaller pieces", error.reason)),
            429 => Self::new(429, "over_share", "Too much at once", error.reason),
            _ => Self::new(503, "unavailable", "The store cannot take this now", error.reason),
        };
        problem.retry_after(after)
    }
}

/// Whole seconds, rounded up, at least one: `Retry-After: 0` would be a busy loop.
pub(super) fn seconds(after: Duration) -> u64 {
    let up = u64::from(after.subsec_nanos() > 0);
    (after.as_secs() + up).max(1)
}

/// The answer to a method that a path does not have.
pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(
        405,
        "method_not_allowed",
        "The path has no such method",
        "this path exists, but not for this method; see /api/v1/openapi.json",
    )
}
