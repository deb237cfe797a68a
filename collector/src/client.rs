//! HTTP to the server: four requests, and what each answer asks for.
//!
//! Invariants: a request ends within [`REQUEST_TIMEOUT`]; at most [`ANSWER_BYTES`] of an answer are read, of policies [`POLICY_BYTES`]; the token is in no log and no error;
//! every answer is one of [`Reply`], and none of them means "forget it".

use crate::limits::{ANSWER_BYTES, POLICY_BYTES, REQUEST_TIMEOUT, RETRY_AFTER_MAX};
use crate::policies;
use crate::tls::{self, Trust};
use crate::token::Token;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, RETRY_AFTER};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use martlog_formats::policy::PolicySet;
use martlog_formats::wire::{AppendAnswer, EPOCH_HEADER, PositionsAnswer, PositionsRequest};
use rustls::ClientConfig;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a request came to.
#[derive(Debug)]
pub(crate) enum Reply<T> {
    /// The answer.
    Answer(T),
    /// 413: send less at once.
    TooLarge(String),
    /// 400 and 422: the server takes the request for broken.
    Broken(String),
    /// 401 and 403: the token does not open this door.
    Denied(String),
    /// 429, 503 and all else: the same again, after a while. The server may have said when.
    Later(Option<Duration>, String),
}

/// The server, and the token for it.
#[derive(Debug, Clone)]
pub(crate) struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    base: String,
    token: Token,
    trust: Trust,
    /// What the connections are made with, and for which trust: they end when that is another one.
    http: Mutex<(Arc<ClientConfig>, Http)>,
}

/// What came back.
type Answer = (StatusCode, HeaderMap, Bytes);

type Http = HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>;

impl Client {
    /// A client of `http://host:port` or `https://…`; an error says what is wrong with the address or the certificates.
    pub(crate) fn new(server: &str, token: Token, tls: &tls::Options) -> Result<Self, String> {
        let base = server.trim_end_matches('/').to_owned();
        let uri: Uri =
            base.parse().map_err(|error| format!("the server address {server:?} is no URL ({error}); write https://HOST:PORT"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(format!(
                "the server address {server:?} has no host or another scheme; write https://HOST:PORT or http://HOST:PORT"
            ));
        }
        let trust = Trust::of(&base, tls)?;
        let config = trust.config();
        let http = Mutex::new((Arc::clone(&config), connections(&config)));
        Ok(Self(Arc::new(Inner { base, token, trust, http })))
    }

    /// Sends a compressed batch.
    pub(crate) async fn append(&self, body: Bytes) -> Reply<AppendAnswer> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
        self.post("/api/v1/append", headers, body, read_json).await
    }

    /// Asks for the marks of files.
    pub(crate) async fn positions(&self, request: &PositionsRequest) -> Reply<PositionsAnswer> {
        self.post_json("/api/v1/positions", request, read_json).await
    }

    /// Says how far the collector is, in a compressed [`martlog_formats::wire::Heartbeat`]; the answer is the store's epoch, if the server tells it.
    pub(crate) async fn heartbeat(&self, body: Bytes) -> Reply<Option<u64>> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
        self.post("/api/v1/heartbeat", headers, body, |headers, _| Ok(epoch(headers))).await
    }

    /// Asks for the policies; nothing when they are still those with this tag.
    pub(crate) async fn policy(&self, tag: Option<&str>) -> Reply<Option<(String, PolicySet)>> {
        let mut headers = HeaderMap::new();
        if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
            headers.insert(IF_NONE_MATCH, tag);
        }
        match self.ask(Method::GET, "/api/v1/policy", headers, Bytes::new(), POLICY_BYTES).await {
            Ok((StatusCode::NOT_MODIFIED, ..)) if tag.is_some() => Reply::Answer(None),
            Ok((status, headers, body)) => reply(status, &headers, &body, read_policy),
            Err(why) => Reply::Later(None, why),
        }
    }

    async fn post_json<T>(&self, path: &str, body: &impl serde::Serialize, read: fn(&HeaderMap, &[u8]) -> Result<T, String>) -> Reply<T> {
        let body = match serde_json::to_vec(body) {
            Ok(body) => body,
            Err(error) => return Reply::Broken(format!("the request to {path} cannot be written: {error}")),
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.post(path, headers, body.into(), read).await
    }

    async fn post<T>(&self, path: &str, headers: HeaderMap, body: Bytes, read: fn(&HeaderMap, &[u8]) -> Result<T, String>) -> Reply<T> {
        match self.ask(Method::POST, path, headers, body, ANSWER_BYTES).await {
            Ok((status, headers, body)) => reply(status, &headers, &body, read),
            Err(why) => Reply::Later(None, why),
        }
    }

    /// One request within its time; an error says why there is no answer.
    async fn ask(&self, method: Method, path: &str, headers: HeaderMap, body: Bytes, bytes_max: usize) -> Result<Answer, String> {
        match tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(method, path, headers, body, bytes_max)).await {
            Ok(answer) => answer.map_err(|error| format!("the server at {} cannot be reached: {error}", self.0.base)),
            Err(_) => Err(format!("the server at {} did not answer within {} s", self.0.base, REQUEST_TIMEOUT.as_secs())),
        }
    }

    async fn exchange(&self, method: Method, path: &str, headers: HeaderMap, body: Bytes, bytes_max: usize) -> Result<Answer, String> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.0.base).parse().map_err(|error| format!("{error}"))?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(AUTHORIZATION, self.authorization()?);
        let response = self.http().request(request).await.map_err(|error| tls::explain(&error).unwrap_or_else(|| chain(&error)))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, bytes_max).collect().await.map_err(|error| chain(error.as_ref()))?;
        Ok((head.status, head.headers, body.to_bytes()))
    }

    fn authorization(&self) -> Result<HeaderValue, String> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0.token.get()))
            .map_err(|_| "the token has characters that no token has; copy it again, on one line".to_owned())?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The connections, made anew when another authority is trusted.
    fn http(&self) -> Http {
        let config = self.0.trust.config();
        let mut held = self.0.http.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&held.0, &config) {
            *held = (Arc::clone(&config), connections(&config));
        }
        held.1.clone()
    }
}

/// Connections that trust as `config` says.
fn connections(config: &Arc<ClientConfig>) -> Http {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(Duration::from_secs(5)));
    connector.set_nodelay(true);
    // Whether it is TLS the URL says.
    connector.enforce_http(false);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config((**config).clone()).https_or_http().enable_http1().wrap_connector(connector);
    HttpClient::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(60)).build(connector)
}

/// What a status and a body ask for. An append is answered in JSON with 200, 409, 429 and 503 alike; a problem document concerns the whole request.
fn reply<T>(status: StatusCode, headers: &HeaderMap, body: &[u8], read: fn(&HeaderMap, &[u8]) -> Result<T, String>) -> Reply<T> {
    let after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    let is_json = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let answers = status.is_success() || (is_json && matches!(status.as_u16(), 409 | 429 | 503));
    if answers {
        return match read(headers, body) {
            Ok(answer) => Reply::Answer(answer),
            Err(error) => Reply::Later(after, format!("the server answered {status} in a form that is not known: {error}")),
        };
    }
    let said = format!("the server answered {status}{}", detail(body));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Reply::Denied(said),
        StatusCode::PAYLOAD_TOO_LARGE => Reply::TooLarge(said),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Reply::Broken(said),
        _ => Reply::Later(after, said),
    }
}

fn read_json<T: DeserializeOwned>(_headers: &HeaderMap, body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Policies and the tag by which to ask for others.
fn read_policy(headers: &HeaderMap, body: &[u8]) -> Result<Option<(String, PolicySet)>, String> {
    let set: PolicySet = read_json(headers, body)?;
    policies::check(&set)?;
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    Ok(Some((tag.to_owned(), set)))
}

fn epoch(headers: &HeaderMap) -> Option<u64> {
    headers.get(EPOCH_HEADER)?.to_str().ok()?.parse().ok()
}

/// The title and detail of a problem document, cut to what a log line needs.
fn detail(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        title: Option<String>,
        detail: Option<String>,
    }
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else { return String::new() };
    let words: Vec<String> = [problem.title, problem.detail].into_iter().flatten().map(|text| text.chars().take(200).collect()).collect();
    if words.is_empty() { String::new() } else { format!(": {}", words.join(": ")) }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn an_append_is_answered_with_several_statuses() {
        let json = headers(&[("content-type", "application/json")]);
        let body = br#"{"epoch":7,"parts":[{"status":"conflict","marks":[12]}]}"#;
        for status in [200, 409, 429, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(matches!(reply::<AppendAnswer>(status, &json, body, read_json), Reply::Answer(AppendAnswer { epoch: 7, .. })));
        }
    }

    #[test]
    fn a_problem_concerns_the_whole_request() {
        let problem = headers(&[("content-type", "application/problem+json"), ("retry-after", "3")]);
        let body = br#"{"title":"Too many requests","detail":"slow down"}"#;
        let ask = |status| reply::<AppendAnswer>(StatusCode::from_u16(status).unwrap(), &problem, body, read_json);
        match ask(429) {
            Reply::Later(Some(after), said) => {
                assert_eq!(after, Duration::from_secs(3));
                assert_eq!(said, "the server answered 429 Too Many Requests: Too many requests: slow down");
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(ask(401), Reply::Denied(_)));
        assert!(matches!(ask(403), Reply::Denied(_)));
        assert!(matches!(ask(413), Reply::TooLarge(_)));
        assert!(matches!(ask(400), Reply::Broken(_)));
        assert!(matches!(ask(500), Reply::Later(_, _)));
        assert!(matches!(reply::<AppendAnswer>(StatusCode::OK, &problem, b"<html>", read_json), Reply::Later(_, _)));
    }

    #[test]
    fn addresses_that_cannot_work_say_so() {
        for (server, word) in
            [("", "URL"), ("127.0.0.1:8434", "HOST:PORT"), ("ftp://logs.example", "another scheme"), ("http://", "no host")]
        {
            let error = Client::new(server, Token::given("mart_collector_x"), &tls::Options::default()).unwrap_err();
            assert!(error.contains(word), "{server}: {error}");
        }
    }
}
