//! A Kubernetes API that knows pods: list and watch over real HTTP, with bookmarks, a history that can be cut short, connections that can be cut, and an end.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// What happened, and what was asked.
#[derive(Default)]
pub(crate) struct Inner {
    pods: BTreeMap<String, Value>,
    /// Node, resource version, event.
    history: Vec<(String, u64, Value)>,
    version: u64,
    /// Versions up to this are forgotten.
    compacted: u64,
    away: bool,
    watchers: Vec<(String, mpsc::UnboundedSender<Bytes>)>,
    /// The field selectors of lists.
    pub(crate) lists: Vec<String>,
    /// The resource versions from which watches began.
    pub(crate) watches: Vec<u64>,
}

pub(crate) struct Api {
    inner: Arc<Mutex<Inner>>,
    url: String,
}

impl Api {
    /// One that is to be served at this address.
    pub(crate) fn new(url: &str) -> (Self, Router) {
        let inner = Arc::new(Mutex::new(Inner { version: 100, ..Inner::default() }));
        let app = Router::new().route("/api/v1/pods", get(pods)).with_state(Arc::clone(&inner));
        (Self { inner, url: url.to_owned() }, app)
    }

    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (api, app) = Self::new(&format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(async move { axum::serve(listener, app).await });
        api
    }

    /// A kubeconfig that leads here.
    pub(crate) fn kubeconfig(&self, path: &Path) {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {"token": "secret"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        });
        std::fs::write(path, config.to_string()).unwrap();
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Inner) -> T) -> T {
        look(&mut self.inner.lock().unwrap())
    }

    /// A pod is made or changed.
    pub(crate) fn apply(&self, node: &str, uid: &str, labels: Value, owner: Option<(&str, &str)>) {
        let owners: Vec<Value> = owner
            .iter()
            .map(|(kind, name)| json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "o", "controller": true}))
            .collect();
        self.with(|inner| {
            let kind = if inner.pods.contains_key(uid) { "MODIFIED" } else { "ADDED" };
            inner.version += 1;
            let pod = json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "node": node,
                "metadata": {"name": uid, "namespace": "ns", "uid": uid, "resourceVersion": inner.version.to_string(), "labels": labels, "ownerReferences": owners},
            });
            inner.pods.insert(uid.to_owned(), pod.clone());
            inner.tell(node, kind, pod);
        });
    }

    pub(crate) fn delete(&self, uid: &str) {
        self.with(|inner| {
            let mut pod = inner.pods.remove(uid).expect("the pod");
            inner.version += 1;
            pod["metadata"]["resourceVersion"] = inner.version.to_string().into();
            let node = pod["node"].as_str().unwrap().to_owned();
            inner.tell(&node, "DELETED", pod);
        });
    }

    /// Tells every watcher how far it is.
    pub(crate) fn bookmark(&self) -> u64 {
        self.with(|inner| {
            inner.version += 1;
            let bookmark = json!({"type": "BOOKMARK", "object": {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                "metadata": {"resourceVersion": inner.version.to_string(), "annotations": {}}}});
            inner.watchers.retain(|(_, watcher)| watcher.send(line(&bookmark)).is_ok());
            inner.version
        })
    }

    /// Cuts every watch.
    pub(crate) fn cut(&self) {
        self.with(|inner| inner.watchers.clear());
    }

    /// Forgets all history, cuts every watch: going on from anywhere is 410 Gone.
    pub(crate) fn compact(&self) {
        self.with(|inner| {
            inner.version += 1;
            inner.compacted = inner.version;
            inner.history.clear();
            inner.watchers.clear();
        });
    }

    /// Answers nobody, or again.
    pub(crate) fn away(&self, away: bool) {
        self.with(|inner| {
            inner.away = away;
            inner.watchers.clear();
        });
    }
}

impl Inner {
    fn tell(&mut self, node: &str, kind: &str, pod: Value) {
        let event = json!({"type": kind, "object": pod});
        self.watchers.retain(|(own, watcher)| own != node || watcher.send(line(&event)).is_ok());
        self.history.push((node.to_owned(), self.version, event));
    }
}

fn line(event: &Value) -> Bytes {
    format!("{event}\n").into()
}

async fn pods(State(inner): State<Arc<Mutex<Inner>>>, Query(query): Query<HashMap<String, String>>) -> Response {
    let mut inner = inner.lock().unwrap();
    if inner.away {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let selector = query.get("fieldSelector").cloned().unwrap_or_default();
    let node = selector.strip_prefix("spec.nodeName=").unwrap_or_default().to_owned();
    if query.get("watch").is_none_or(|watch| watch != "true") {
        inner.lists.push(selector);
        let items: Vec<&Value> = inner.pods.values().filter(|pod| pod["node"] == node).collect();
        let list = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
            "metadata": {"resourceVersion": inner.version.to_string()}, "items": items});
        return ([("content-type", "application/json")], list.to_string()).into_response();
    }
    let from: u64 = query.get("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
    inner.watches.push(from);
    let (sender, receiver) = mpsc::unbounded_channel();
    if from < inner.compacted {
        let status = json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "message": "too old resource version", "reason": "Expired", "code": 410});
        let _ = sender.send(line(&json!({"type": "ERROR", "object": status})));
    } else {
        for (_, _, event) in inner.history.iter().filter(|(own, version, _)| *own == node && *version > from) {
            let _ = sender.send(line(event));
        }
        inner.watchers.push((node, sender));
    }
    let stream =
        futures_util::stream::unfold(receiver, async |mut receiver| Some((Ok::<_, std::io::Error>(receiver.recv().await?), receiver)));
    ([("content-type", "application/json")], Body::from_stream(stream)).into_response()
}
