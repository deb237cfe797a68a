//! Who asks: the token of a request, as a header or as the browser's cookie, becomes a [`Principal`].

use super::problem::Problem;
use crate::Indexer;
use crate::registry::{Principal, Scope};
use axum::http::HeaderMap;

/// The cookie that holds a browser's session token.
pub const COOKIE: &str = "martlog_session";

/// The principal of a request's `Authorization: Bearer` header, or of its session cookie.
///
/// # Errors
/// 401 when there is no token, or it is unknown, revoked or expired: one answer for all of these.
pub async fn principal(_indexer: &Indexer, _headers: &HeaderMap) -> Result<Principal, Problem> {
    unimplemented!()
}

/// The scope of a request that reads.
///
/// # Errors
/// 401 as [`principal`], 403 for ingest and collector tokens.
pub async fn scope(_indexer: &Indexer, _headers: &HeaderMap) -> Result<Scope, Problem> {
    unimplemented!()
}
