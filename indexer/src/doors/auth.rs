//! Who asks: the token of a request, as a header or as the browser's cookie, becomes a [`Principal`].
//!
//! A cookie is sent by the browser whoever made it ask, so a request that is authenticated by it must come from the own page: what the
//! browser says of its origin (`Sec-Fetch-Site`, `Origin`) must not contradict that, and a request that changes something must prove it, by these or
//! by the header `X-Martlog-Request: 1`, which no foreign page can set. `SameSite=Strict` is the first fence, this the second.

use super::problem::Problem;
use crate::Indexer;
use crate::registry::{Principal, Scope};
use axum::extract::{FromRef, FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, COOKIE as COOKIE_HEADER, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The cookie that holds a browser's session.
pub const COOKIE: &str = "martlog_session";
/// The value of `Set-Cookie` that makes a browser's session; an age of 0 s ends it. `secure` where the page came over TLS.
#[must_use]
pub fn session_cookie(text: &str, age_s: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={text}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}")
}

/// The header by which a script of the own page proves that it is one.
pub const OWN_PAGE: HeaderName = HeaderName::from_static("x-martlog-request");

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who asks and by what.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) principal: Principal,
    /// When its session ends, ns since the epoch; `None` for a token.
    pub(super) session_expires_ns: Option<i64>,
}

/// A caller of kind staff.
#[derive(Debug)]
pub(super) struct Staff(pub(super) Scope);

/// A caller that reads: staff or a partner.
#[derive(Debug)]
pub(super) struct Reader(pub(super) Scope);

/// A cluster's collector.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) cluster: Arc<str>,
}

/// A caller that pushes lines.
#[derive(Debug)]
pub(super) struct Ingest {
    pub(super) token: Arc<str>,
    pub(super) instances: Vec<Arc<str>>,
}

/// The principal of a request's `Authorization: Bearer` header, or of its session cookie.
///
/// # Errors
/// 401 when there is no token, or it is unknown, revoked or expired: one answer for all of these. 403 when a cookie comes from another site's page.
pub async fn principal(indexer: &Indexer, headers: &HeaderMap) -> Result<Principal, Problem> {
    caller(indexer, headers).map(|caller| caller.principal)
}

/// The scope of a request that reads.
///
/// # Errors
/// 401 as [`principal`], 403 for ingest and collector tokens.
pub async fn scope(indexer: &Indexer, headers: &HeaderMap) -> Result<Scope, Problem> {
    reader(caller(indexer, headers)?.principal)
}

pub(super) fn caller(indexer: &Indexer, headers: &HeaderMap) -> Result<Caller, Problem> {
    if headers.contains_key(AUTHORIZATION) {
        let principal = bearer(headers).and_then(|token| indexer.registry().authenticate(token));
        return principal.map(|principal| Caller { principal, session_expires_ns: None }).ok_or_else(unauthenticated);
    }
    let (principal, expires_ns) = cookie(headers).and_then(|text| indexer.registry().session(text)).ok_or_else(unauthenticated)?;
    if is_foreign(headers) {
        return Err(cross_site());
    }
    Ok(Caller { principal, session_expires_ns: Some(expires_ns) })
}

/// The text of the session cookie.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_named(headers, COOKIE)
}

/// The value of a cookie.
#[must_use]
pub fn cookie_named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE_HEADER).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

pub(super) fn unauthenticated() -> Problem {
    Problem::new(
        401,
        "unauthenticated",
        "A valid token is needed",
        "the token is missing, mistyped, unknown, revoked or expired: send a valid one as `Authorization: Bearer mart_…`, or sign in again",
    )
}

/// Refuses requests that change something, carry no token of their own, and do not come from the own page.
pub(super) async fn own_page_only(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let by_browser = !request.method().is_safe() && !headers.contains_key(AUTHORIZATION);
    if by_browser && (is_foreign(headers) || (cookie(headers).is_some() && !is_own(headers))) {
        return cross_site().into_response();
    }
    next.run(request).await
}

/// The browser says that another site's page asks.
fn is_foreign(headers: &HeaderMap) -> bool {
    // `none` is the address bar.
    let foreign_fetch = text(headers, &FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none");
    foreign_fetch || origin_is_host(headers) == Some(false)
}

/// Something proves that the own page asks.
fn is_own(headers: &HeaderMap) -> bool {
    headers.contains_key(&OWN_PAGE) || text(headers, &FETCH_SITE) == Some("same-origin") || origin_is_host(headers) == Some(true)
}

/// Whether `Origin` names the host that was asked; `None` without one.
fn origin_is_host(headers: &HeaderMap) -> Option<bool> {
    let origin = headers.get(ORIGIN)?.to_str().unwrap_or("null");
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    Some(authority.is_some() && authority == text(headers, &HOST))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The text behind `Authorization: Bearer`.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cross_site() -> Problem {
    Problem::new(
        403,
        "cross_site",
        "The request comes from another site",
        "use the page of this server, or send a token instead of a cookie",
    )
}

pub(super) fn reader(principal: Principal) -> Result<Scope, Problem> {
    match principal {
        Principal::Reader(scope) => Ok(scope),
        Principal::Ingest { .. } | Principal::Collector { .. } => {
            Err(Problem::forbidden("this token can only write: use a partner or staff token"))
        }
    }
}

fn of_parts<S>(parts: &Parts, state: &S) -> Result<Principal, Problem>
where
    Indexer: FromRef<S>,
{
    caller(&Indexer::from_ref(state), &parts.headers).map(|caller| caller.principal)
}

impl<S: Send + Sync> FromRequestParts<S> for Staff
where
    Indexer: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match of_parts(parts, state)? {
            Principal::Reader(scope) if scope.is_staff() => Ok(Self(scope)),
            _ => Err(Problem::forbidden("only staff may do this: use a staff token")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Reader
where
    Indexer: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        reader(of_parts(parts, state)?).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Collector
where
    Indexer: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match of_parts(parts, state)? {
            Principal::Collector { cluster, .. } => Ok(Self { cluster }),
            _ => Err(Problem::forbidden("only collectors may do this: use a collector token")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ingest
where
    Indexer: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match of_parts(parts, state)? {
            Principal::Ingest { token, instances, .. } => Ok(Self { token, instances }),
            _ => Err(Problem::forbidden("only ingest tokens may push lines: use an ingest token")),
        }
    }
}
