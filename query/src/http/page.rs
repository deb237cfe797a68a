//! The web page: the committed files of `query/ui`, served as they are.
//!
//! Invariants: log text is hostile, so the page runs no script and no style but its own files, sends nothing anywhere else, and is framed by nobody. Files
//! are checked for changes on every visit (ETag), so that a new binary is a new page at once.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use tower_http::compression::CompressionLayer;
use xxhash_rust::xxh3::xxh3_128;

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(super) const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The files: name, type, bytes. `index.html` is `/`, the others are below `/assets/`.
const FILES: &[(&str, &str, &[u8])] = &[
    ("index.html", HTML, include_bytes!("../../ui/index.html")),
    ("app.js", SCRIPT, include_bytes!("../../ui/app.js")),
    ("api.js", SCRIPT, include_bytes!("../../ui/api.js")),
    ("detail.js", SCRIPT, include_bytes!("../../ui/detail.js")),
    ("dom.js", SCRIPT, include_bytes!("../../ui/dom.js")),
    ("follow.js", SCRIPT, include_bytes!("../../ui/follow.js")),
    ("help.js", SCRIPT, include_bytes!("../../ui/help.js")),
    ("histogram.js", SCRIPT, include_bytes!("../../ui/histogram.js")),
    ("icon.svg", SVG, include_bytes!("../../ui/icon.svg")),
    ("messages.js", SCRIPT, include_bytes!("../../ui/messages.js")),
    ("query.js", SCRIPT, include_bytes!("../../ui/query.js")),
    ("rows.js", SCRIPT, include_bytes!("../../ui/rows.js")),
    ("state.js", SCRIPT, include_bytes!("../../ui/state.js")),
    ("style.css", STYLE, include_bytes!("../../ui/style.css")),
    ("time.js", SCRIPT, include_bytes!("../../ui/time.js")),
];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// A file with its entity tag.
#[derive(Debug, Clone)]
pub(super) struct File {
    content_type: &'static str,
    bytes: &'static [u8],
    etag: HeaderValue,
}

/// `/` and `/assets/*`.
pub(super) fn router() -> Router {
    let files: Arc<[(&str, File)]> = FILES.iter().map(|(name, content_type, bytes)| (*name, File::new(content_type, bytes))).collect();
    let assets = Arc::clone(&files);
    Router::new()
        .route("/", get(move |headers: HeaderMap| async move { serve(&files, "index.html", &headers) }))
        .route("/assets/{*name}", get(move |Path(name): Path<String>, headers: HeaderMap| async move { serve(&assets, &name, &headers) }))
        .layer(CompressionLayer::new())
}

impl File {
    pub(super) fn new(content_type: &'static str, bytes: &'static [u8]) -> Self {
        // Weak: the answer may be compressed on its way.
        let etag = HeaderValue::from_str(&format!("W/\"{:032x}\"", xxh3_128(bytes))).unwrap_or(HeaderValue::from_static("W/\"0\""));
        Self { content_type, bytes, etag }
    }
}

pub(super) fn serve(files: &[(&str, File)], name: &str, headers: &HeaderMap) -> Response {
    let Some((_, file)) = files.iter().find(|(known, _)| *known == name) else {
        return secured((StatusCode::NOT_FOUND, "there is no such file\n").into_response());
    };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let etag = file.etag.to_str().unwrap_or_default();
    let unchanged = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == etag || tag.trim() == "*"));
    let mut response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { file.bytes.into_response() };
    let own = response.headers_mut();
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    own.insert(header::ETAG, file.etag.clone());
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    secured(response)
}

/// What every answer of the page carries.
fn secured(mut response: Response) -> Response {
    const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(OPENER, HeaderValue::from_static("same-origin"));
    response
}
