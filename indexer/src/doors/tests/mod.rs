//! The doors over a real store: a data folder, SQLite, the WAL; requests go through the whole router.

mod access;
mod append;
mod bodies;
mod foreign;
mod ingest;
mod policy;
mod quarantine;
mod registry;
mod session;
mod syslog;

use super::router;
use crate::{Indexer, Options};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// A server on a folder of its own with the partners `acme` (modules `sms`, `voice`) and `zeta` (`chat`), one instance each for the CSP 434, in
/// the namespaces `ns-<module>`, and a token of each kind.
struct Server {
    indexer: Indexer,
    app: Router,
    staff: String,
    acme: String,
    /// Narrowed to `voice-434`.
    acme_voice: String,
    zeta: String,
    /// For `sms-434` and `voice-434`.
    ingest: String,
    /// For the cluster `eu`.
    collector: String,
    _dir: tempfile::TempDir,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The code of a Problem, checked to be a whole one.
    fn code(&self) -> String {
        let problem = self.json();
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["status"], self.status);
        assert_eq!(self.headers["x-request-id"], problem["request_id"].as_str().unwrap());
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("urn:martlog:problem:{code}"));
        assert!(!problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty());
        code.to_owned()
    }
}

impl Server {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let indexer = Indexer::open(dir.path(), Options { wal_segment_bytes: 4 << 20, ..Options::default() }).await.unwrap();
        let staff = indexer.registry().bootstrap_staff_token().await.unwrap().unwrap();
        let app = router(indexer.clone());
        let empty = String::new;
        let mut server =
            Self { indexer, app, staff, acme: empty(), acme_voice: empty(), zeta: empty(), ingest: empty(), collector: empty(), _dir: dir };
        for partner in ["acme", "zeta"] {
            server.make("partners", json!({ "id": partner })).await;
        }
        for (module, partner) in [("sms", "acme"), ("voice", "acme"), ("chat", "zeta")] {
            server.make("modules", json!({ "id": module, "partner": partner })).await;
            let selector = json!({ "namespace": format!("ns-{module}") });
            server.make("instances", json!({ "id": format!("{module}-434"), "module": module, "csp": "434", "selector": selector })).await;
        }
        server.acme = server.token(json!({ "kind": "partner", "partner": "acme" })).await;
        server.acme_voice = server.token(json!({ "kind": "partner", "instances": ["voice-434"] })).await;
        server.zeta = server.token(json!({ "kind": "partner", "partner": "zeta" })).await;
        server.ingest = server.token(json!({ "kind": "ingest", "partner": "acme", "instances": ["sms-434", "voice-434"] })).await;
        server.collector = server.token(json!({ "kind": "collector", "cluster": "eu" })).await;
        server
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// A request with a token (none where it is empty) and a JSON body (none where it is null).
    async fn ask(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1/{path}"));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_null() {
            return self.send(request.body(Body::empty()).unwrap()).await;
        }
        self.send(request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()).await
    }

    async fn get(&self, token: &str, path: &str) -> Answer {
        self.ask(token, "GET", path, Value::Null).await
    }

    async fn make(&self, collection: &str, body: Value) -> Value {
        let answer = self.ask(&self.staff, "POST", collection, body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()
    }

    async fn token(&self, body: Value) -> String {
        self.make("tokens", body).await["token"].as_str().unwrap().to_owned()
    }
}

/// The members `id` of a list.
fn ids(answer: &Answer, name: &str) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()[name].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}
