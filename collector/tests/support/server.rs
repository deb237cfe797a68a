//! A server that keeps the append protocol exactly, and everything else badly, as told.

use super::protocol::Log;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use martlog_formats::policy::PolicySet;
use martlog_formats::wire::{
    AppendAnswer, BatchHeader, EPOCH_HEADER, Heartbeat, Part, PartAnswer, PositionsAnswer, PositionsRequest, Substream, decode_batch,
    decode_part,
};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

/// What goes wrong, in percent of the requests or parts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) drop_request: u64,
    pub(crate) drop_answer: u64,
    pub(crate) unavailable: u64,
    pub(crate) too_many: u64,
    pub(crate) part_later: u64,
    pub(crate) part_conflict: u64,
    pub(crate) delay_ms: u64,
    pub(crate) batch_bytes_max: usize,
}

/// What it has and what it saw.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) log: Log,
    pub(crate) epoch: u64,
    pub(crate) faults: Faults,
    pub(crate) heartbeats: Vec<Heartbeat>,
    pub(crate) appends: u64,
    pub(crate) struck: u64,
    pub(crate) headers: Vec<BatchHeader>,
    /// Statuses to answer with, before anything else.
    pub(crate) script: Vec<(u16, &'static str)>,
    /// Messages whose part is refused for ever.
    pub(crate) poison: Option<String>,
    pub(crate) token: Option<String>,
    /// What it says of instances; a status where it says nothing.
    pub(crate) policy: Result<PolicySet, u16>,
    /// How often it was asked, and how often nothing had changed.
    pub(crate) asked: (u64, u64),
    random: u64,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) inner: Arc<Mutex<Inner>>,
    pub(crate) url: String,
}

impl Inner {
    fn new() -> Self {
        Self {
            log: Log::default(),
            epoch: 1,
            faults: Faults::default(),
            heartbeats: Vec::new(),
            appends: 0,
            struck: 0,
            headers: Vec::new(),
            script: Vec::new(),
            poison: None,
            token: None,
            policy: Ok(PolicySet::none()),
            asked: (0, 0),
            random: 7,
        }
    }

    /// True in so many percent of the cases.
    fn strikes(&mut self, percent: u64) -> bool {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let strikes = (self.random >> 33) % 100 < percent;
        self.struck += u64::from(strikes);
        strikes
    }

    fn append_part(&mut self, part: &Part) -> PartAnswer {
        let faults = self.faults;
        if let Some(poison) = &self.poison
            && part.records.iter().any(|record| record.record.message.contains(poison.as_str()))
        {
            return PartAnswer::Refused { reason: "it breaks the form".to_owned() };
        }
        if self.strikes(faults.part_later) {
            return PartAnswer::Later { code: 429, after_ms: 20, reason: "over its share".to_owned() };
        }
        if self.strikes(faults.part_conflict) {
            let marks = part.extents.iter().map(|extent| self.log.mark(extent.file, part.substream)).collect();
            return PartAnswer::Conflict { marks };
        }
        self.log.append(part)
    }
}

impl Server {
    /// Starts it on a free port, in the runtime of the test.
    pub(crate) async fn start() -> Self {
        let inner = Arc::new(Mutex::new(Inner::new()));
        let app = Router::new()
            .route("/api/v1/append", post(append))
            .route("/api/v1/positions", post(positions))
            .route("/api/v1/heartbeat", post(heartbeat))
            .route("/api/v1/policy", get(policy))
            .layer(DefaultBodyLimit::max(64 << 20))
            .with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { inner, url }
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Inner) -> T) -> T {
        look(&mut self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

type Shared = Arc<Mutex<Inner>>;

fn problem(status: u16, title: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let body = format!(r#"{{"type":"about:blank","title":{title:?},"status":{}}}"#, status.as_u16());
    let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
    if matches!(status.as_u16(), 429 | 503) {
        response.headers_mut().insert(header::RETRY_AFTER, "0".parse().unwrap());
    }
    response
}

/// An answer that breaks off: the connection is gone, and nobody knows what was done.
fn hang_up() -> Response {
    Response::new(Body::new(Broken))
}

struct Broken;

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;
    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}

fn denied(inner: &Inner, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    inner.token.as_ref().is_some_and(|token| given != Some(format!("Bearer {token}").as_str()))
}

async fn append(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let delay = shared.lock().unwrap().faults.delay_ms;
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let mut inner = shared.lock().unwrap();
    inner.appends += 1;
    if let Some((status, title)) = inner.script.pop() {
        return problem(status, title);
    }
    if denied(&inner, &headers) {
        return problem(401, "Unauthorized");
    }
    assert_eq!(headers.get(header::CONTENT_ENCODING).unwrap(), "zstd");
    let faults = inner.faults;
    if inner.strikes(faults.drop_request) {
        return hang_up();
    }
    if inner.strikes(faults.unavailable) {
        return problem(503, "Service unavailable");
    }
    if inner.strikes(faults.too_many) {
        return problem(429, "Too many requests");
    }
    let raw = zstd::stream::decode_all(&body[..]).unwrap();
    if faults.batch_bytes_max > 0 && raw.len() > faults.batch_bytes_max {
        return problem(413, "Content too large");
    }
    let (head, parts) = decode_batch(&raw).unwrap();
    inner.headers.push(head);
    let parts: Vec<PartAnswer> = parts.into_iter().map(|part| decode_part(part).unwrap()).map(|part| inner.append_part(&part)).collect();
    if inner.strikes(faults.drop_answer) {
        return hang_up();
    }
    let status = parts.iter().fold(200, |status, part| match part {
        PartAnswer::Conflict { .. } => 409,
        PartAnswer::Later { code, .. } if status == 200 => *code,
        _ => status,
    });
    json(status, &AppendAnswer { epoch: inner.epoch, parts })
}

async fn positions(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = shared.lock().unwrap();
    if denied(&inner, &headers) {
        return problem(401, "Unauthorized");
    }
    let faults = inner.faults;
    if inner.strikes(faults.unavailable) {
        return problem(503, "Service unavailable");
    }
    let request: PositionsRequest = serde_json::from_slice(&body).unwrap();
    let marks = |file| [Substream::Stdout, Substream::Stderr].map(|substream| inner.log.mark(file, substream));
    let marks = request.files.iter().map(|file| marks(*file)).collect();
    json(200, &PositionsAnswer { epoch: inner.epoch, marks })
}

async fn heartbeat(State(shared): State<Shared>, body: Bytes) -> Response {
    let heartbeat = serde_json::from_slice(&zstd::stream::decode_all(&body[..]).unwrap()).unwrap();
    let mut inner = shared.lock().unwrap();
    inner.heartbeats.push(heartbeat);
    (StatusCode::NO_CONTENT, [(EPOCH_HEADER, inner.epoch.to_string())]).into_response()
}

async fn policy(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut inner = shared.lock().unwrap();
    inner.asked.0 += 1;
    let body = match &inner.policy {
        Ok(set) => serde_json::to_string(set).unwrap(),
        Err(status) => return problem(*status, "Not told"),
    };
    let tag = format!("\"{:x}\"", xxhash_rust::xxh3::xxh3_64(body.as_bytes()));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        inner.asked.1 += 1;
        return StatusCode::NOT_MODIFIED.into_response();
    }
    ([(header::ETAG, tag), (header::CONTENT_TYPE, "application/json".to_owned())], body).into_response()
}

fn json(status: u16, body: &impl serde::Serialize) -> Response {
    let body = serde_json::to_string(body).unwrap();
    (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
