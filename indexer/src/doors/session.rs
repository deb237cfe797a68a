//! `/api/v1/session`: a browser exchanges a token for a cookie, asks who it is, and signs out.
//!
//! The cookie is `HttpOnly`, `SameSite=Strict`, and `Secure` where the request came over TLS; it holds no token but the random name of a
//! session that ends with the token, with signing out, or after 12 hours.

use super::auth::{COOKIE, Caller, caller, cookie, unauthenticated};
use super::body::Json;
use super::problem::Problem;
use crate::Indexer;
use crate::registry::{Principal, RegistryError, SESSION_AGE_MAX, Scope, time_text};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

/// The body of a sign-in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    token: String,
}

pub(super) async fn sign_in(State(indexer): State<Indexer>, headers: HeaderMap, Json(body): Json<SignIn>) -> Result<Response, Problem> {
    let principal = indexer.registry().authenticate(body.token.trim()).ok_or_else(unauthenticated)?;
    let Principal::Reader(scope) = principal else {
        return Err(Problem::forbidden("this token can only write: sign in with a partner or staff token"));
    };
    let signed_in = indexer.registry().sign_in(&scope).await.map_err(|error| match error {
        RegistryError::Absent { .. } => unauthenticated(),
        other => other.into(),
    })?;
    let set = set_cookie(&signed_in.text, SESSION_AGE_MAX.as_secs(), &headers);
    let answer = reader(&scope, Some(signed_in.expires_ns));
    Ok(([(SET_COOKIE, set), (CACHE_CONTROL, "no-store".to_owned())], axum::Json(answer)).into_response())
}

pub(super) async fn show(State(indexer): State<Indexer>, headers: HeaderMap) -> Result<Response, Problem> {
    let Caller { principal, session_expires_ns } = caller(&indexer, &headers)?;
    let token_expires_ns = indexer.registry().own_token(principal.token_id()).and_then(|token| token.expires_ns);
    let expires_ns = session_expires_ns.or(token_expires_ns);
    let answer = match &principal {
        Principal::Reader(scope) => reader(scope, expires_ns),
        Principal::Ingest { partner, instances, .. } => {
            let instances: Vec<&str> = instances.iter().map(|id| &**id).collect();
            with_expiry(json!({ "kind": "ingest", "partner": &**partner, "instances": instances }), expires_ns)
        }
        Principal::Collector { cluster, .. } => with_expiry(json!({ "kind": "collector", "cluster": &**cluster }), expires_ns),
    };
    Ok(([(CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response())
}

pub(super) async fn sign_out(State(indexer): State<Indexer>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(text) = cookie(&headers) {
        indexer.registry().sign_out(text).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, set_cookie("", 0, &headers))]).into_response())
}

fn reader(scope: &Scope, expires_ns: Option<i64>) -> Value {
    let mut answer = json!({ "kind": if scope.is_staff() { "staff" } else { "partner" } });
    if let Some(partner) = scope.partner() {
        answer["partner"] = partner.into();
    }
    if let Some(instances) = scope.instances() {
        answer["instances"] = instances.iter().map(|id| &**id).collect();
    }
    with_expiry(answer, expires_ns)
}

fn with_expiry(mut answer: Value, expires_ns: Option<i64>) -> Value {
    if let Some(expires_ns) = expires_ns {
        answer["expires_at"] = time_text(expires_ns).into();
    }
    answer
}

fn set_cookie(text: &str, age_s: u64, headers: &HeaderMap) -> String {
    let secure = if came_over_tls(headers) { "; Secure" } else { "" };
    format!("{COOKIE}={text}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}")
}

/// What the browser or the proxy before us says. A liar only makes its own cookie stricter.
fn came_over_tls(headers: &HeaderMap) -> bool {
    let is = |name: &str, begins: &str| headers.get(name).is_some_and(|value| value.as_bytes().starts_with(begins.as_bytes()));
    is(ORIGIN.as_str(), "https://") || is("x-forwarded-proto", "https")
}
