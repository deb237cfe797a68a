//! `/api/v1/session`: a browser exchanges a token for a cookie, asks who it is, and signs out.
//!
//! The cookie is `HttpOnly`, `SameSite=Strict`, and `Secure` where the request came over TLS; it holds no token but the random name of a
//! session that ends with the token, with signing out, or after 12 hours. A sign-in through a provider is the reading side's; its session is shown and ended here as any other.

use super::auth::{Caller, caller, cookie, session_cookie, unauthenticated};
use super::body::Json;
use super::problem::Problem;
use super::tokens::{about, recorded};
use crate::Indexer;
use crate::audit::{Action, Asker, Ended, Open};
use crate::registry::{Kind, Person, Principal, RegistryError, SESSION_AGE_MAX, Scope, SignedIn, time_text};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The body of a sign-in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// Of a partner or the staff.
    token: String,
}

/// Who the caller is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Caller")]
pub(super) struct Who {
    kind: Kind,
    /// Whose lines it reaches; absent for staff and collectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<String>,
    /// The only instances that it reaches; absent where it is not narrowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    instances: Option<Vec<String>>,
    /// A collector's.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    /// When the session, or the token, ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
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
            let instances = instances.iter().map(|id| id.to_string()).collect();
            Who { partner: Some(partner.to_string()), instances: Some(instances), ..Who::of(Kind::Ingest, expires_ns) }
        }
        Principal::Collector { cluster, .. } => Who { cluster: Some(cluster.to_string()), ..Who::of(Kind::Collector, expires_ns) },
    };
    Ok(([(CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response())
}

pub(super) async fn sign_out(State(indexer): State<Indexer>, headers: HeaderMap, asker: Asker) -> Result<Response, Problem> {
    if let Some(text) = cookie(&headers) {
        // Begun before: what the token's note says is not known behind its end.
        let ending = ending(&indexer, text, &asker);
        indexer.registry().sign_out(text).await?;
        if let Some(record) = ending {
            record.end(Ended::Complete);
        }
    }
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, set_cookie("", 0, &headers))]).into_response())
}

/// Signs a browser in as somebody whom a provider knows, and records it.
///
/// # Errors
/// See [`Registry::sign_in_person`](crate::registry::Registry::sign_in_person).
pub async fn sign_in_person(indexer: &Indexer, asker: &Asker, person: Person) -> Result<SignedIn, RegistryError> {
    let (signed_in, scope) = indexer.registry().sign_in_person(person).await?;
    if let Some(token) = indexer.registry().own_token(scope.token_id()) {
        recorded(indexer, &scope, asker, Action::TokenMade, &token).await;
    }
    Ok(signed_in)
}

/// The record of the end of a token that goes with its session.
fn ending(indexer: &Indexer, text: &str, asker: &Asker) -> Option<Open> {
    let (Principal::Reader(scope), _) = indexer.registry().session(text)? else { return None };
    let token = indexer.registry().own_token(scope.token_id()).filter(|token| token.of_session)?;
    Some(indexer.audit().begin(&scope, asker, about(Action::TokenRevoked, &token)))
}

fn reader(scope: &Scope, expires_ns: Option<i64>) -> Who {
    let kind = if scope.is_staff() { Kind::Staff } else { Kind::Partner };
    let instances = scope.instances().map(|named| named.iter().map(|id| id.to_string()).collect());
    Who { partner: scope.partner().map(str::to_owned), instances, ..Who::of(kind, expires_ns) }
}

impl Who {
    fn of(kind: Kind, expires_ns: Option<i64>) -> Self {
        Self { kind, partner: None, instances: None, cluster: None, expires_at: expires_ns.map(time_text) }
    }
}

fn set_cookie(text: &str, age_s: u64, headers: &HeaderMap) -> String {
    session_cookie(text, age_s, came_over_tls(headers))
}

/// What the browser or the proxy before us says. A liar only makes its own cookie stricter.
fn came_over_tls(headers: &HeaderMap) -> bool {
    let is = |name: &str, begins: &str| headers.get(name).is_some_and(|value| value.as_bytes().starts_with(begins.as_bytes()));
    is(ORIGIN.as_str(), "https://") || is("x-forwarded-proto", "https")
}
