//! Sign-in through a provider (OpenID Connect): a browser is sent to the provider and comes back with a code, for which the provider tells who sits before it.
//!
//! ```text
//! begin ─► state, nonce and PKCE verifier wait here, bound to the browser by a cookie ─► the provider, where somebody signs in
//! callback (code, state, cookie) ─► what waited is taken, once ─► code and verifier for an ID token ─► signature, issuer, audience, time, nonce ─► a claim ─► staff, or a partner
//! ```
//!
//! Invariants: nothing is believed but an ID token that the provider's own key has signed for this server, this browser and this sign-in. What waits is taken before the provider is
//! asked, so a state is good for one try. Where a browser goes afterwards is a view of the own page, never an address. A provider that is down, slow or broken takes nothing away from
//! sign-in by token: the server starts without it, and asks it when somebody wants to sign in.
//!
//! Bounds: [`WHOLE_MAX`] for all that a sign-in asks of the provider; of each answer what the [`Fetch`] reads; what waits, see [`waiting`].
//! Sources: OpenID Connect Core 1.0 and Discovery 1.0; RFC 6749, 7636 (PKCE), 9207 (`iss`).

mod person;
mod provider;
mod trouble;
mod waiting;

pub use openidconnect::url::Url;
pub use openidconnect::{HttpRequest as Request, HttpResponse as Response};
pub use provider::{Fetch, NoFetch};
pub use trouble::Trouble;

use futures_util::future::BoxFuture;
use martlog_indexer::registry::Person;
use openidconnect::core::{CoreAuthenticationFlow, CoreErrorResponseType, CoreIdToken, CoreTokenResponse};
use openidconnect::{
    AuthorizationCode, CsrfToken, Nonce, PkceCodeChallenge, RequestTokenError, Scope, StandardErrorResponse, TokenResponse as _,
};
use provider::Provider;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use waiting::{Waiting, WaitingSignIn};

/// How long a sign-in may ask the provider, in one step.
const WHOLE_MAX: Duration = Duration::from_secs(20);
/// How long a browser may be at the provider.
pub const AWAY_MAX: Duration = waiting::AGE_MAX;

/// What the operator says of the provider.
#[derive(Clone)]
pub struct Settings {
    /// What people call it.
    pub name: String,
    /// Its issuer identifier, character by character as it says it itself.
    pub issuer: String,
    /// Who this server is to the provider.
    pub client_id: String,
    /// What proves that, as it is now; a client without one proves nothing, and PKCE alone protects the code.
    pub client_secret: Option<Arc<dyn Fn() -> Arc<str> + Send + Sync>>,
    /// Where the page is for browsers; its path ends with `/`.
    pub page: Url,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that says who somebody is: its name, or a JSON pointer (`/realm_access/roles`).
    pub claim: String,
    /// Values of the claim that are staff.
    pub staff: Vec<String>,
    /// Asks the provider.
    pub fetch: Fetch,
}

/// Without the secret.
impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = formatter.debug_struct("Settings");
        told.field("name", &self.name).field("issuer", &self.issuer).field("client_id", &self.client_id);
        told.field("page", &self.page.as_str()).field("scopes", &self.scopes).field("claim", &self.claim).field("staff", &self.staff);
        told.finish_non_exhaustive()
    }
}

/// Sign-in through one provider. Clones share what waits.
#[derive(Debug, Clone)]
pub struct OpenId {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    provider: Provider,
    waiting: parking_lot::Mutex<Waiting>,
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub at: Url,
    /// What its cookie holds until it is back.
    pub browser: String,
}

/// What a browser brings back.
#[derive(Debug, Default)]
pub struct Back<'a> {
    /// Its cookie.
    pub browser: Option<&'a str>,
    /// `state`.
    pub state: Option<&'a str>,
    /// `code`.
    pub code: Option<&'a str>,
    /// `error`, where the provider signed nobody in.
    pub error: Option<&'a str>,
    /// `iss`, where the provider says it.
    pub issuer: Option<&'a str>,
}

/// How a sign-in ended, and the view of the page that its reader wanted.
#[derive(Debug)]
pub struct Finished {
    /// Who it is, or why nobody is signed in.
    pub who: Result<Person, Trouble>,
    /// Behind the page's address: empty, or `?…`.
    pub to: String,
}

impl OpenId {
    /// Asks nobody yet.
    ///
    /// # Errors
    /// A sentence, when the settings make no provider.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let (provider, waiting) = (Provider::new(settings)?, parking_lot::Mutex::default());
        Ok(Self { shared: Arc::new(Shared { provider, waiting }) })
    }

    /// What the operator has said.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.shared.provider.settings
    }

    /// Begins a sign-in of a browser that may have a cookie of an earlier one; `to` is the view of the page that it shall see then.
    ///
    /// # Errors
    /// When the provider cannot be asked where people sign in.
    pub async fn begin(&self, browser: Option<&str>, to: &str) -> Result<Begun, Trouble> {
        let client = in_time(self.shared.provider.client()).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random).set_pkce_challenge(challenge);
        let request = request.add_scopes(self.settings().scopes.iter().cloned().map(Scope::new));
        let (at, state, nonce) = request.url();
        let browser = browser.filter(|text| waiting::is_browser(text)).map_or_else(waiting::new_browser, str::to_owned);
        let to = if is_view(to) { to.to_owned() } else { String::new() };
        let sign_in = WaitingSignIn { nonce, verifier, to };
        self.shared.waiting.lock().put(state.secret(), &browser, sign_in, Instant::now());
        Ok(Begun { at, browser })
    }

    /// Ends a sign-in. `is_partner` says whether the registry knows one of this id.
    pub async fn finish(&self, back: &Back<'_>, is_partner: &(dyn Fn(&str) -> bool + Sync)) -> Finished {
        let waited = back.state.zip(back.browser);
        let waited = waited.and_then(|(state, browser)| self.shared.waiting.lock().take(state, browser, Instant::now()));
        let Some(WaitingSignIn { nonce, verifier, to }) = waited else {
            return Finished { who: Err(Trouble::Stale("no sign-in of this browser waits for it".to_owned())), to: String::new() };
        };
        let work: BoxFuture<'_, Result<Person, Trouble>> = Box::pin(async {
            let code = self.code(back)?;
            let answer = self.exchange(code, verifier.into_secret()).await?;
            let payload = self.verified(&answer, &nonce).await?;
            person::of(&payload, self.settings(), is_partner)
        });
        Finished { who: in_time(work).await, to }
    }

    /// The code that the provider gave, or why it gave none.
    fn code(&self, back: &Back<'_>) -> Result<AuthorizationCode, Trouble> {
        let issuer = &self.settings().issuer;
        if let Some(other) = back.issuer.filter(|other| other != issuer) {
            return Err(Trouble::Untrusted(format!("the browser came back from `{}`, and was sent to `{issuer}`", shown(other))));
        }
        if let Some(error) = back.error {
            let told = format!("it said `{}`", shown(error));
            return Err(match error {
                "access_denied" | "login_required" | "consent_required" | "interaction_required" | "account_selection_required" => {
                    Trouble::Denied(told)
                }
                "server_error" | "temporarily_unavailable" => Trouble::Unreachable(told),
                _ => Trouble::Misconfigured(told),
            });
        }
        let code = back.code.filter(|code| !code.is_empty());
        code.map(|code| AuthorizationCode::new(code.to_owned()))
            .ok_or_else(|| Trouble::Untrusted("the browser came back with neither a code nor an error".to_owned()))
    }

    /// Exchanges the code for what the provider says of the one before the browser.
    async fn exchange(&self, code: AuthorizationCode, verifier: String) -> Result<CoreTokenResponse, Trouble> {
        let client = self.shared.provider.client().await?;
        let request = client.exchange_code(code).map_err(|error| Trouble::Misconfigured(format!("it has no token endpoint: {error}")))?;
        let request = request.set_pkce_verifier(openidconnect::PkceCodeVerifier::new(verifier));
        let answer = request.request_async(&self.shared.provider.fetch()).await;
        answer.map_err(|error| match error {
            RequestTokenError::ServerResponse(told) => refused(&told),
            RequestTokenError::Request(error) => error.into(),
            RequestTokenError::Parse(error, _) => {
                Trouble::Untrusted(format!("what it answered for the code cannot be read: {}", shown(&error.to_string())))
            }
            RequestTokenError::Other(told) => Trouble::Untrusted(format!("what it answered for the code is no answer: {}", shown(&told))),
        })
    }

    /// What a verified ID token says, as JSON.
    async fn verified(&self, answer: &CoreTokenResponse, nonce: &Nonce) -> Result<serde_json::Value, Trouble> {
        let token: &CoreIdToken = answer.id_token().ok_or_else(|| Trouble::Untrusted("it answered without an ID token".to_owned()))?;
        let claims = self.shared.provider.verified(token, nonce).await?;
        if claims.authorized_party().is_some_and(|party| **party != *self.settings().client_id) {
            return Err(Trouble::Untrusted("the ID token was made for another client (`azp`)".to_owned()));
        }
        provider::payload(token)
    }
}

/// Why the provider gave nothing for a code.
fn refused(told: &StandardErrorResponse<CoreErrorResponseType>) -> Trouble {
    let text = shown(&told.to_string());
    match told.error() {
        CoreErrorResponseType::InvalidGrant => Trouble::Stale(format!("it does not take the code (again): {text}")),
        _ => Trouble::Misconfigured(format!("it refused the code: {text}")),
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let late = || Trouble::Unreachable(format!("it did not answer within {} s", WHOLE_MAX.as_secs()));
    tokio::time::timeout(WHOLE_MAX, work).await.unwrap_or_else(|_| Err(late()))
}

/// The longest view, bytes: a long query, escaped.
const VIEW_BYTES_MAX: usize = 8 << 10;

/// Whether this names a view of the own page: what stands behind `?` in its address, and nothing that could be another address.
fn is_view(to: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\';
    to.starts_with('?') && to.len() <= VIEW_BYTES_MAX && to.bytes().all(plain)
}

/// The beginning of a foreign text, on one line, for the log.
fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    text.chars().take(CHARS_MAX).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_view_of_the_page_is_gone_to() {
        for good in ["?", "?q=level%3Aerror+csp%3A434&from=-1h", "?request=abc", "?q=https%3A%2F%2Fevil.example%2F", "?q=//evil.example"] {
            assert!(is_view(good), "{good}");
        }
        let long = format!("?q={}", "x".repeat(VIEW_BYTES_MAX));
        for bad in [
            "",
            "/",
            "//evil.example",
            "https://evil.example/?q=a",
            "\\\\evil.example",
            "q=a",
            "?q=a b",
            "?q=a#b",
            "?q=\r\nSet-Cookie:a",
            "?q=\\a",
            "?q=é",
            &long,
        ] {
            assert!(!is_view(bad), "{bad}");
        }
    }
}
