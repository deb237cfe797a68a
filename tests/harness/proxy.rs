//! A proxy between a collector and the server that keeps every byte that crossed, decompressed.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use std::sync::{Arc, Mutex};

#[derive(Clone)]
pub(crate) struct Proxy {
    target: String,
    client: reqwest::Client,
    seen: Arc<Mutex<Vec<u8>>>,
    pub(crate) address: String,
}

impl Proxy {
    /// Listens on a port of its own and passes everything on.
    pub(crate) async fn start(target: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let proxy = Self { target: target.to_owned(), client: super::api::client(None), seen: Arc::default(), address };
        let app = Router::new().fallback(pass).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        proxy
    }

    /// Every request body so far, decompressed, and every header.
    pub(crate) fn seen(&self) -> Vec<u8> {
        self.seen.lock().expect("the record").clone()
    }
}

async fn pass(State(proxy): State<Proxy>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let plain = match headers.get("content-encoding").map(|value| value.as_bytes()) {
        Some(b"zstd") => zstd::decode_all(body.as_ref()).expect("a zstd body"),
        _ => body.to_vec(),
    };
    proxy.seen.lock().expect("the record").extend_from_slice(&plain);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = proxy.client.request(method, format!("{}{path}", proxy.target)).body(body);
    for name in ["authorization", "content-type", "content-encoding"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    match request.send().await {
        Ok(response) => {
            let status = response.status();
            let kind = response.headers().get("content-type").cloned();
            let body = response.bytes().await.unwrap_or_default();
            let mut answer = (status, body).into_response();
            if let Some(kind) = kind {
                answer.headers_mut().insert("content-type", kind);
            }
            answer
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
