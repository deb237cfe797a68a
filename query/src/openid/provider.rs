//! The provider as it describes itself: its endpoints and keys, read when somebody wants to sign in, kept for an hour, read anew when an ID token has a key that is not known.
//!
//! Invariants: one read at a time, however many wait for it; a key that nobody knows has them read anew every [`KEYS_EVERY`] at most, and a provider that fails is left alone for
//! [`FAILED_FOR`]. Where the issuer is reached over TLS nothing of it is asked in clear. Only signatures by keys that the provider alone has are taken: neither none nor one by the secret.

use super::{Request, Response, Settings, Trouble, shown};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use openidconnect::core::{
    CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenClaims, CoreJwsSigningAlgorithm as Alg, CoreProviderMetadata,
};
use openidconnect::{
    AuthType, ClaimsVerificationError, ClientId, ClientSecret, DiscoveryError, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl,
    Nonce, RedirectUrl, SignatureVerificationError,
};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long its description holds.
const AGE_MAX: Duration = Duration::from_secs(3_600);
/// How long an older one does, while it cannot be read anew.
const AGE_MAX_FAILING: Duration = Duration::from_secs(24 * 3_600);
/// How often an unknown key has it read anew.
const KEYS_EVERY: Duration = Duration::from_secs(30);
/// How long a failure is told without asking again.
const FAILED_FOR: Duration = Duration::from_secs(2);
/// Where a browser comes back to, beside the page.
const CALLBACK: &str = "api/v1/session/openid/callback";
/// By whom one can be signed: whoever has a public key can check it, and not make it.
const SIGNATURES: [Alg; 9] = [
    Alg::RsaSsaPkcs1V15Sha256,
    Alg::RsaSsaPkcs1V15Sha384,
    Alg::RsaSsaPkcs1V15Sha512,
    Alg::RsaSsaPssSha256,
    Alg::RsaSsaPssSha384,
    Alg::RsaSsaPssSha512,
    Alg::EcdsaP256Sha256,
    Alg::EcdsaP384Sha384,
    Alg::EdDsa,
];

/// Sends one request and reads its answer, within bounds of time and bytes, without following redirects.
pub type Fetch = Arc<dyn Fn(Request) -> BoxFuture<'static, Result<Response, NoFetch>> + Send + Sync>;

/// No answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoFetch {
    /// Nobody answered, or not to the end.
    #[error("{0}")]
    Lost(String),
    /// What came is none: too big, or from where nothing may come.
    #[error("{0}")]
    Unfit(String),
}

impl From<NoFetch> for Trouble {
    fn from(error: NoFetch) -> Self {
        match error {
            NoFetch::Lost(told) => Self::Unreachable(told),
            NoFetch::Unfit(told) => Self::Untrusted(told),
        }
    }
}

/// A client of it, with its endpoints.
type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// See the module.
pub(super) struct Provider {
    pub(super) settings: Settings,
    issuer: IssuerUrl,
    callback: RedirectUrl,
    known: tokio::sync::Mutex<Known>,
}

/// What it said last.
#[derive(Default)]
struct Known {
    told: Option<Told>,
    failed: Option<(Instant, Trouble)>,
}

/// Its description and keys, and when they were read.
#[derive(Clone)]
struct Told {
    metadata: Arc<CoreProviderMetadata>,
    at: Instant,
}

impl fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Provider").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Provider {
    pub(super) fn new(settings: Settings) -> Result<Self, String> {
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|error| format!("\"{}\" is no URL: {error}", settings.issuer))?;
        let callback = settings.page.join(CALLBACK).map_err(|error| format!("\"{}\" is no address of a page: {error}", settings.page))?;
        Ok(Self { settings, issuer, callback: RedirectUrl::from_url(callback), known: tokio::sync::Mutex::default() })
    }

    /// Asks it, and nobody else in clear.
    pub(super) fn fetch(&self) -> impl Fn(Request) -> BoxFuture<'static, Result<Response, NoFetch>> + use<> {
        let (fetch, in_clear) = (Arc::clone(&self.settings.fetch), is_in_clear(&self.settings.issuer));
        move |request| {
            let host = request.uri().host().unwrap_or_default().to_owned();
            if !in_clear && request.uri().scheme_str() != Some("https") {
                let told = format!("it names an address at {host} that is not https");
                return Box::pin(std::future::ready(Err(NoFetch::Unfit(told))));
            }
            let answer = fetch(request);
            Box::pin(async move {
                let answer = answer.await?;
                let status = answer.status();
                if status.is_server_error() || status.is_redirection() {
                    return Err(NoFetch::Lost(format!("{host} answered with status {status}")));
                }
                Ok(answer)
            })
        }
    }

    /// A client as it describes itself now, with the secret as it is now.
    pub(super) async fn client(&self) -> Result<Client, Trouble> {
        let metadata = self.told(None).await?.metadata;
        let by_body = metadata.token_endpoint_auth_methods_supported().is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost) && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        let secret = self.settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret().to_string()));
        let id = ClientId::new(self.settings.client_id.clone());
        let client = CoreClient::from_provider_metadata((*metadata).clone(), id, secret).set_redirect_uri(self.callback.clone());
        Ok(if by_body { client.set_auth_type(AuthType::RequestBody) } else { client })
    }

    /// What an ID token says, if it is one for this client and this nonce; with newer keys where its own is not known.
    pub(super) async fn verified<'t>(&self, token: &'t CoreIdToken, nonce: &Nonce) -> Result<&'t CoreIdTokenClaims, Trouble> {
        let told = self.told(None).await?;
        let first = self.claims(&told, token, nonce);
        let unknown_key = ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey);
        let claims = match first {
            Err(error) if error == unknown_key => {
                let newer = self.told(Some(told.at)).await?;
                self.claims(&newer, token, nonce)
            }
            other => other,
        };
        claims.map_err(|error| Trouble::Untrusted(format!("the ID token does not hold: {}", shown(&with_cause(&error)))))
    }

    fn claims<'t>(&self, told: &Told, token: &'t CoreIdToken, nonce: &Nonce) -> Result<&'t CoreIdTokenClaims, ClaimsVerificationError> {
        let id = ClientId::new(self.settings.client_id.clone());
        let keys = told.metadata.jwks().clone();
        // As a client without a secret, so that no signature can be made with it.
        let verifier = openidconnect::core::CoreIdTokenVerifier::new_public_client(id, self.issuer.clone(), keys);
        token.claims(&verifier.set_allowed_algs(SIGNATURES), nonce)
    }

    /// Its description and keys; newer ones than those of `seen`, if it is not too soon for that.
    async fn told(&self, seen: Option<Instant>) -> Result<Told, Trouble> {
        let mut known = self.known.lock().await;
        if let Some(told) = &known.told {
            let age = told.at.elapsed();
            let is_new = seen.is_none_or(|seen| told.at > seen);
            if (is_new && age < AGE_MAX) || (!is_new && age < KEYS_EVERY) {
                return Ok(told.clone());
            }
        }
        if let Some((_, trouble)) = known.failed.as_ref().filter(|(at, _)| at.elapsed() < FAILED_FOR) {
            return known.older().ok_or_else(|| trouble.clone());
        }
        match self.read().await {
            Ok(metadata) => {
                let told = Told { metadata: Arc::new(metadata), at: Instant::now() };
                *known = Known { told: Some(told.clone()), failed: None };
                Ok(told)
            }
            Err(trouble) => {
                known.failed = Some((Instant::now(), trouble.clone()));
                let older = known.older();
                if older.is_some() {
                    tracing::warn!(issuer = self.settings.issuer, why = %trouble, "the sign-in provider cannot be read anew; what it said before holds on");
                }
                older.ok_or(trouble)
            }
        }
    }

    async fn read(&self) -> Result<CoreProviderMetadata, Trouble> {
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.fetch()).await.map_err(|error| match error {
            DiscoveryError::Request(error) => error.into(),
            DiscoveryError::Response(status, _, told) if status.is_client_error() => Trouble::Misconfigured(told),
            DiscoveryError::Response(_, _, told) => Trouble::Untrusted(told),
            DiscoveryError::Parse(error) => Trouble::Untrusted(format!("its description cannot be read: {}", shown(&error.to_string()))),
            DiscoveryError::Validation(told) => Trouble::Untrusted(format!("its description is another one's: {}", shown(&told))),
            other => Trouble::Misconfigured(shown(&other.to_string())),
        })?;
        // A browser is sent there.
        let door = metadata.authorization_endpoint().url();
        if door.scheme() == "https" || (door.scheme() == "http" && is_in_clear(&self.settings.issuer)) {
            Ok(metadata)
        } else {
            Err(Trouble::Untrusted(format!("it wants people to sign in at a {} address", shown(door.scheme()))))
        }
    }
}

impl Known {
    /// What it said before, if that is not too long ago.
    fn older(&self) -> Option<Told> {
        self.told.clone().filter(|told| told.at.elapsed() < AGE_MAX_FAILING)
    }
}

/// What a verified ID token says, as it stands in it.
pub(super) fn payload(token: &CoreIdToken) -> Result<Value, Trouble> {
    let text = token.to_string();
    let bytes = text.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let value = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    value.ok_or_else(|| Trouble::Untrusted("the ID token cannot be read".to_owned()))
}

/// Whether an issuer is asked in clear, as one on the same machine.
fn is_in_clear(issuer: &str) -> bool {
    issuer.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"))
}

fn with_cause(error: &ClaimsVerificationError) -> String {
    match error {
        ClaimsVerificationError::SignatureVerification(cause) => format!("its signature: {cause}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openidconnect::http::StatusCode;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A provider with this issuer, all of whose addresses answer with this status; and how often they were asked.
    fn answering(issuer: &str, status: StatusCode) -> (Provider, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let fetch: Fetch = Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let mut answer = Response::new(b"{}".to_vec());
            *answer.status_mut() = status;
            Box::pin(std::future::ready(Ok(answer)))
        });
        let settings = Settings {
            name: "SSO".to_owned(),
            issuer: issuer.to_owned(),
            client_id: "martlog".to_owned(),
            client_secret: None,
            page: "https://logs.example/martlog/".parse().unwrap(),
            scopes: vec![],
            claim: "groups".to_owned(),
            staff: vec![],
            fetch,
        };
        (Provider::new(settings).unwrap(), asked)
    }

    fn get(url: &str) -> Request {
        openidconnect::http::Request::get(url).body(Vec::new()).unwrap()
    }

    #[tokio::test]
    async fn nothing_is_asked_in_clear_where_the_issuer_is_not() {
        let (provider, asked) = answering("https://sso.example", StatusCode::OK);
        for url in ["http://sso.example/token", "http://127.0.0.1/keys"] {
            assert!(matches!(provider.fetch()(get(url)).await, Err(NoFetch::Unfit(_))), "{url}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        assert!(provider.fetch()(get("https://other.example/keys")).await.is_ok());
        let (here, _) = answering("http://127.0.0.1:1", StatusCode::OK);
        assert!(here.fetch()(get("http://127.0.0.1:1/keys")).await.is_ok());
    }

    #[tokio::test]
    async fn an_answer_that_is_none_is_not_taken_for_one() {
        for status in [StatusCode::FOUND, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE] {
            let (provider, _) = answering("https://sso.example", status);
            assert!(matches!(provider.fetch()(get("https://sso.example/")).await, Err(NoFetch::Lost(_))), "{status}");
        }
    }

    #[tokio::test]
    async fn a_failure_is_told_again_without_asking_and_a_wrong_issuer_is_the_operators() {
        let (provider, asked) = answering("https://sso.example/realm", StatusCode::NOT_FOUND);
        for _ in 0..5 {
            let trouble = provider.client().await.err().map(|trouble| trouble.code());
            assert_eq!(trouble, Some("misconfigured"));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn browsers_come_back_beside_the_page() {
        let (provider, _) = answering("https://sso.example", StatusCode::OK);
        assert_eq!(provider.callback.as_str(), "https://logs.example/martlog/api/v1/session/openid/callback");
        assert!(is_in_clear("HTTP://sso.example") && !is_in_clear("https://sso.example") && !is_in_clear("é"));
    }
}
