//! A provider of our own: it describes itself, signs whoever comes in at once, gives a code for PKCE, and an ID token for the code, signed with ECDSA. It can be told to be down, slow, or to lie.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the server is to it, and what proves it.
pub(crate) const CLIENT: &str = "martlog";
pub(crate) const SECRET: &str = "a+secret/of:the=client";

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wrong {
    #[default]
    Nothing,
    /// It answers with 503.
    Down,
    /// It answers so late that nobody waits.
    Slow,
    /// Its answers are pages for people, redirects, or far too big.
    Html,
    Redirects,
    Endless,
    /// It describes itself as somebody else.
    DocumentIssuer,
    /// It asks people to go to an address that is none.
    ScriptDoor,
    /// What the ID token says.
    Issuer,
    OtherAudience,
    MoreAudiences,
    OtherParty,
    Expired,
    Nonce,
    NoNonce,
    /// How it is signed.
    Unsigned,
    BySecret,
    ByUnknownKey,
    Changed,
    Critical,
    /// There is none.
    NoIdToken,
    /// Nobody is signed in, and why.
    Denies,
    Fails,
    Refuses,
}

/// What it knows of a code until it is used.
struct Code {
    nonce: String,
    challenge: String,
    redirect: String,
}

/// A key with its name.
struct Key {
    id: String,
    pair: EcdsaKeyPair,
}

struct Inner {
    wrong: Wrong,
    /// The claims of whoever signs in.
    person: Value,
    codes: HashMap<String, Code>,
    codes_given: usize,
    key: Key,
    /// Requests by endpoint.
    asked: HashMap<&'static str, usize>,
}

/// See the module. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) address: String,
    inner: Arc<Mutex<Inner>>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let inner = Inner {
            wrong: Wrong::Nothing,
            person: json!({"sub": "1"}),
            codes: HashMap::new(),
            codes_given: 0,
            key: new_key("first"),
            asked: HashMap::new(),
        };
        let provider = Self { address, inner: Arc::new(Mutex::new(inner)) };
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        provider
    }

    pub(crate) fn is(&self, wrong: Wrong) {
        self.inner().wrong = wrong;
    }

    /// Who signs in from now on.
    pub(crate) fn person(&self, claims: Value) {
        self.inner().person = claims;
    }

    /// Another key from now on, with this name.
    pub(crate) fn rotate(&self, id: &str) {
        self.inner().key = new_key(id);
    }

    /// How often an endpoint was asked.
    pub(crate) fn asked(&self, endpoint: &'static str) -> usize {
        self.inner().asked.get(endpoint).copied().unwrap_or_default()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("the provider's state")
    }

    /// Notes a request; an answer that is none, where it gives none.
    async fn note(&self, endpoint: &'static str) -> Option<Response> {
        let wrong = {
            let mut inner = self.inner();
            *inner.asked.entry(endpoint).or_default() += 1;
            inner.wrong
        };
        Some(match wrong {
            Wrong::Down => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Wrong::Slow => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                StatusCode::OK.into_response()
            }
            Wrong::Html => ([(header::CONTENT_TYPE, "text/html")], "<p>Maintenance until noon</p>").into_response(),
            Wrong::Redirects => Redirect::temporary(&format!("{}/elsewhere", self.address)).into_response(),
            Wrong::Endless => ([(header::CONTENT_TYPE, "application/json")], "[".repeat(4 << 20)).into_response(),
            _ => return None,
        })
    }
}

fn new_key(id: &str) -> Key {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    Key { id: id.to_owned(), pair: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).expect("a key") }
}

async fn document(State(provider): State<Provider>) -> Response {
    if let Some(answer) = provider.note("document").await {
        return answer;
    }
    let (at, wrong) = (&provider.address, provider.inner().wrong);
    let issuer = if wrong == Wrong::DocumentIssuer { "https://evil.example" } else { at };
    let door = if wrong == Wrong::ScriptDoor { "javascript:alert(1)".to_owned() } else { format!("{at}/authorize") };
    let told = json!({
        "issuer": issuer,
        "authorization_endpoint": door,
        "token_endpoint": format!("{at}/token"),
        "jwks_uri": format!("{at}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
    });
    Json(told).into_response()
}

async fn keys(State(provider): State<Provider>) -> Response {
    if let Some(answer) = provider.note("keys").await {
        return answer;
    }
    let inner = provider.inner();
    let point = inner.key.pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let key = json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": inner.key.id, "x": x, "y": y});
    Json(json!({"keys": [key]})).into_response()
}

/// Whoever comes is signed in.
async fn authorize(State(provider): State<Provider>, Query(asked): Query<HashMap<String, String>>) -> Response {
    if let Some(answer) = provider.note("authorize").await {
        return answer;
    }
    assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
    assert_eq!(asked["code_challenge_method"], "S256");
    assert!(asked["scope"].split(' ').any(|scope| scope == "openid"), "{}", asked["scope"]);
    let mut inner = provider.inner();
    let mut back: reqwest::Url = asked["redirect_uri"].parse().expect("an address to come back to");
    back.query_pairs_mut().append_pair("state", &asked["state"]).append_pair("session_state", "unknown to us");
    let error = match inner.wrong {
        Wrong::Denies => Some("access_denied"),
        Wrong::Fails => Some("temporarily_unavailable"),
        Wrong::Refuses => Some("unauthorized_client"),
        _ => None,
    };
    if let Some(error) = error {
        back.query_pairs_mut().append_pair("error", error).append_pair("error_description", "<script>alert(1)</script>");
        return Redirect::to(back.as_str()).into_response();
    }
    inner.codes_given += 1;
    let code = format!("code-{}", inner.codes_given);
    back.query_pairs_mut().append_pair("code", &code).append_pair("iss", &provider.address);
    let (nonce, challenge, redirect) = (asked["nonce"].clone(), asked["code_challenge"].clone(), asked["redirect_uri"].clone());
    inner.codes.insert(code, Code { nonce, challenge, redirect });
    Redirect::to(back.as_str()).into_response()
}

async fn token(State(provider): State<Provider>, headers: HeaderMap, body: String) -> Response {
    if let Some(answer) = provider.note("token").await {
        return answer;
    }
    // A form is written as a query is.
    let form: reqwest::Url = format!("http://form/?{body}").parse().expect("a form");
    let asked: HashMap<String, String> = form.query_pairs().into_owned().collect();
    let escaped = |text: &str| text.replace('+', "%2B").replace('/', "%2F").replace(':', "%3A").replace('=', "%3D");
    let credentials = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{}", escaped(SECRET))));
    let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if said != Some(credentials.as_str()) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_client"}))).into_response();
    }
    let mut inner = provider.inner();
    let code = inner.codes.remove(&asked["code"]);
    let verifier = URL_SAFE_NO_PAD.encode(Sha256::digest(asked["code_verifier"].as_bytes()));
    let Some(code) = code.filter(|code| code.challenge == verifier && code.redirect == asked["redirect_uri"]) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    };
    let mut answer = json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 60});
    if inner.wrong != Wrong::NoIdToken {
        answer["id_token"] = signed(&inner, &claims(&inner, &provider.address, &code.nonce)).into();
    }
    Json(answer).into_response()
}

/// What it says of whoever signed in.
fn claims(inner: &Inner, issuer: &str, nonce: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let mut claims = json!({"iss": issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce});
    for (name, value) in inner.person.as_object().expect("claims") {
        claims[name] = value.clone();
    }
    match inner.wrong {
        Wrong::Issuer => claims["iss"] = "https://evil.example".into(),
        Wrong::OtherAudience => claims["aud"] = "shop".into(),
        Wrong::MoreAudiences => claims["aud"] = json!([CLIENT, "shop"]),
        Wrong::OtherParty => claims["azp"] = "shop".into(),
        Wrong::Expired => (claims["iat"], claims["exp"]) = ((now - 600).into(), (now - 300).into()),
        Wrong::Nonce => claims["nonce"] = "another".into(),
        Wrong::NoNonce => drop(claims.as_object_mut().and_then(|claims| claims.remove("nonce"))),
        _ => {}
    }
    claims
}

fn signed(inner: &Inner, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut header = json!({"alg": "ES256", "kid": inner.key.id, "typ": "JWT"});
    let by_pair =
        |pair: &EcdsaKeyPair, text: &str| pair.sign(&SystemRandom::new(), text.as_bytes()).expect("a signature").as_ref().to_vec();
    match inner.wrong {
        Wrong::Unsigned => header = json!({"alg": "none"}),
        Wrong::BySecret => header = json!({"alg": "HS256"}),
        Wrong::Critical => header["crit"] = json!(["exp"]),
        Wrong::ByUnknownKey => header["kid"] = "nobody's".into(),
        _ => {}
    }
    let text = format!("{}.{}", part(&header), part(claims));
    let signature = match inner.wrong {
        Wrong::Unsigned => vec![],
        Wrong::BySecret => {
            ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes()), text.as_bytes()).as_ref().to_vec()
        }
        Wrong::ByUnknownKey => by_pair(&new_key("nobody's").pair, &text),
        Wrong::Changed => by_pair(&new_key("another").pair, &text),
        _ => by_pair(&inner.key.pair, &text),
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}
