//! `/api/v1/session/openid`: sign-in through a provider, for browsers. See [`crate::openid`].
//!
//! `GET` tells whether there is one: `{"name"}`, or `{}`. `GET …/begin?to=?q=…` sends the browser to it; it comes back to `GET …/callback`, which sets the session's cookie and sends it to the
//! page with the view `to`. Whatever goes wrong on the way, the browser ends at the page as well, with `#signin=CODE`, for which the page has a sentence; what happened is in the log.
//!
//! All addresses in answers are relative: a proxy may have put the page below a path. The cookie of a sign-in under way is bound to the path of these three.

use super::{App, answered};
use crate::openid::{AWAY_MAX, Back, Finished, OpenId, Trouble};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use martlog_indexer::audit::Asker;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::doors::{auth, sign_in_person};
use martlog_indexer::registry::SESSION_AGE_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The cookie of a browser that is at the provider: `SameSite=Lax`, since it comes back from another site.
const COOKIE: &str = "martlog_openid";
/// The page, from `begin` and `callback`.
const PAGE: &str = "../../../../";

/// Whether one can sign in through a provider.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignInProvider")]
pub(super) struct About {
    /// What people call it; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct BeginParameters {
    #[serde(default)]
    to: String,
}

/// What the provider adds to the address; there may be more.
#[derive(Debug, Deserialize)]
pub(super) struct CallbackParameters {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

pub(super) async fn about(State(app): State<App>) -> Result<Response, Problem> {
    answered(&About { name: app.openid.as_ref().map(|openid| openid.settings().name.clone()) })
}

pub(super) async fn begin(
    State(app): State<App>,
    headers: HeaderMap,
    parameters: Result<Query<BeginParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let openid = configured(&app)?;
    // A view that cannot be read is none.
    let parameters = parameters.map(|Query(parameters)| parameters).unwrap_or_default();
    let begun = openid.begin(auth::cookie_named(&headers, COOKIE), &parameters.to).await;
    Ok(match begun {
        Ok(begun) => {
            let secure = if is_secure(openid) { "; Secure" } else { "" };
            let cookie = format!("{COOKIE}={}; Max-Age={}; HttpOnly; SameSite=Lax{secure}", begun.browser, AWAY_MAX.as_secs());
            go(begun.at.as_str(), Some(&cookie))
        }
        Err(trouble) => failed(openid, &trouble, ""),
    })
}

pub(super) async fn callback(
    State(app): State<App>,
    headers: HeaderMap,
    asker: Asker,
    parameters: Result<Query<CallbackParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let openid = configured(&app)?;
    let Query(parameters) = match parameters {
        Ok(parameters) => parameters,
        Err(error) => return Ok(failed(openid, &Trouble::Stale(format!("the address cannot be read: {}", error.body_text())), "")),
    };
    let CallbackParameters { state, code, error, iss } = &parameters;
    let back = Back {
        browser: auth::cookie_named(&headers, COOKIE),
        state: state.as_deref(),
        code: code.as_deref(),
        error: error.as_deref(),
        issuer: iss.as_deref(),
    };
    let registry = app.indexer.registry();
    let Finished { who, to } = openid.finish(&back, &|id| registry.has_partner(id)).await;
    let person = match who {
        Ok(person) => person,
        Err(trouble) => return Ok(failed(openid, &trouble, &to)),
    };
    let name = person.name.clone();
    Ok(match sign_in_person(&app.indexer, &asker, person).await {
        Ok(signed_in) => {
            tracing::info!(who = name, "signed in through the provider");
            let cookie = auth::session_cookie(&signed_in.text, SESSION_AGE_MAX.as_secs(), is_secure(openid));
            go(&format!("{PAGE}{to}"), Some(&cookie))
        }
        Err(error) => failed(openid, &Trouble::Unkept(format!("{name}: {error}")), &to),
    })
}

fn configured(app: &App) -> Result<&OpenId, Problem> {
    let absent = || {
        Problem::not_found(
            "this server has no provider to sign in through: sign in with a token; its operator can name one with openid-issuer",
        )
    };
    app.openid.as_ref().ok_or_else(absent)
}

/// Whether browsers come over TLS; the page's address says it, whatever proxies are between.
fn is_secure(openid: &OpenId) -> bool {
    openid.settings().page.scheme() == "https"
}

/// To the page, with the code of what went wrong.
fn failed(openid: &OpenId, trouble: &Trouble, to: &str) -> Response {
    let (code, issuer) = (trouble.code(), &openid.settings().issuer);
    if trouble.concerns_operator() {
        tracing::warn!(code, issuer, why = %trouble, "nobody was signed in through the provider");
    } else {
        tracing::info!(code, issuer, why = %trouble, "nobody was signed in through the provider");
    }
    go(&format!("{PAGE}{to}#signin={code}"), None)
}

/// Sends a browser on. What it came with stands in its address, which the next one need not learn.
fn go(to: &str, cookie: Option<&str>) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else {
        return Problem::new(
            500,
            "internal",
            "The server failed",
            "the provider's address cannot be sent: tell the operator of this server",
        )
        .into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, to);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
        headers.insert(SET_COOKIE, cookie);
    }
    response
}
