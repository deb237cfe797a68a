//! The web page: the committed files of `query/ui`, served as they are.
//!
//! Invariants: log text is hostile, so the page runs no script and no style but its own files, sends nothing anywhere else, and is framed by nobody. Files
//! are checked for changes on every visit (ETag), so that a new binary is a new page at once. What others wrote stands below `vendor/`, byte for byte as
//! they publish it; `vendor/manifest.json` says what it is.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tower_http::compression::CompressionLayer;
use xxhash_rust::xxh3::xxh3_128;

/// Files by their paths below a folder of this crate, in the binary.
macro_rules! files {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../", $folder, "/", $name)))),*]
    };
}
pub(super) use files;

/// `index.html` is `/`, the others are below `/assets/`.
#[rustfmt::skip]
const FILES: &[(&str, &[u8])] = files!["ui":
    "index.html",
    "access/audit.js",
    "access/confirm.js",
    "access/links.js",
    "access/make.js",
    "access/page.js",
    "access/registry.js",
    "access/tokens.js",
    "app/actions.js",
    "app/address.js",
    "app/app.js",
    "app/bar.js",
    "app/commands.js",
    "app/dialogs.js",
    "app/door.js",
    "app/help.js",
    "app/keys.js",
    "app/later.js",
    "app/load.js",
    "app/main.js",
    "app/notes.js",
    "app/session.js",
    "app/settings.js",
    "app/theme.js",
    "app/toast.js",
    "facets/facet.js",
    "facets/facets.js",
    "histogram/band.js",
    "histogram/bars.js",
    "histogram/histogram.js",
    "histogram/legend.js",
    "i18n/en.js",
    "i18n/es.js",
    "i18n/i18n.js",
    "i18n/later/en.js",
    "i18n/later/es.js",
    "i18n/later/ru.js",
    "i18n/later/uk.js",
    "i18n/ru.js",
    "i18n/uk.js",
    "icon.svg",
    "lib/api.js",
    "lib/html.js",
    "lib/prefs.js",
    "lib/query.js",
    "lib/text.js",
    "lib/time.js",
    "lib/when.js",
    "problems/check.js",
    "problems/fix.js",
    "problems/kind.js",
    "problems/loggers.js",
    "problems/marks.js",
    "problems/page.js",
    "problems/report.js",
    "row/context.js",
    "row/detail.js",
    "row/fields.js",
    "row/format.js",
    "row/narrow.js",
    "row/pinned.js",
    "row/top.js",
    "row/tree.js",
    "row/way.js",
    "rows/columns.js",
    "rows/cursor.js",
    "rows/layout.js",
    "rows/list.js",
    "rows/row.js",
    "rows/shape.js",
    "rows/store.js",
    "search/bar.js",
    "search/explorer.js",
    "search/follow.js",
    "search/following.js",
    "search/found.js",
    "search/missed.js",
    "search/mistake.js",
    "search/outcome.js",
    "search/run.js",
    "search/state.js",
    "search/suggestions.js",
    "search/when.js",
    "search/why.js",
    "share/bytes.js",
    "share/excerpt.js",
    "share/excerpts.js",
    "share/export.js",
    "share/share.js",
    "share/take.js",
    "start/detect.js",
    "start/health.js",
    "start/overview.js",
    "start/page.js",
    "styles/base.css",
    "styles/facets.css",
    "styles/frame.css",
    "styles/histogram.css",
    "styles/later.css",
    "styles/narrow.css",
    "styles/pages.css",
    "styles/row.css",
    "styles/rows.css",
    "styles/search.css",
    "table/chart.js",
    "table/table.js",
    "trace/causes.js",
    "trace/lanes.js",
    "trace/page.js",
    "trace/story.js",
    "usage/days.js",
    "usage/page.js",
    "usage/tally.js",
    "vendor/htm.mjs",
    "vendor/preact-hooks.mjs",
    "vendor/preact-signals.mjs",
    "vendor/preact.mjs",
    "vendor/signals-core.mjs",
];

/// The map of bare names to files is the only script in the markup: browsers take it from nowhere else, so the policy names its hash.
const MAP_BEGIN: &str = "<script type=\"importmap\">";
const MAP_END: &str = "</script>";

/// A file with its entity tag.
#[derive(Debug, Clone)]
struct File {
    content_type: &'static str,
    bytes: &'static [u8],
    etag: HeaderValue,
}

/// `/` and `/assets/*`.
pub(super) fn router() -> Router {
    let page = Arc::new(Page::new(FILES));
    let assets = Arc::clone(&page);
    Router::new()
        .route("/", get(move |headers: HeaderMap| async move { page.serve("index.html", &headers) }))
        .route("/assets/{*name}", get(move |Path(name): Path<String>, headers: HeaderMap| async move { assets.serve(&name, &headers) }))
        .layer(CompressionLayer::new())
}

/// What a page may do.
fn policy(files: &[(&str, &[u8])]) -> HeaderValue {
    let html = files.iter().find(|(name, _)| *name == "index.html").map(|(_, bytes)| String::from_utf8_lossy(bytes)).unwrap_or_default();
    let map = html.split_once(MAP_BEGIN).and_then(|(_, rest)| rest.split_once(MAP_END));
    let hash = map.map_or_else(String::new, |(map, _)| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(map.as_bytes()))));
    let policy = format!(
        "default-src 'none'; script-src 'self'{hash}; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// By the end of a file's name.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

impl File {
    fn new(name: &str, bytes: &'static [u8]) -> Self {
        // Weak: the answer may be compressed on its way.
        let etag = HeaderValue::from_str(&format!("W/\"{:032x}\"", xxh3_128(bytes))).unwrap_or(HeaderValue::from_static("W/\"0\""));
        Self { content_type: content_type(name), bytes, etag }
    }
}

/// The files and what every answer carries.
#[derive(Debug)]
pub(super) struct Page {
    files: Vec<(&'static str, File)>,
    policy: HeaderValue,
}

impl Page {
    /// Of these files, by their names.
    pub(super) fn new(files: &[(&'static str, &'static [u8])]) -> Self {
        Self { files: files.iter().map(|(name, bytes)| (*name, File::new(name, bytes))).collect(), policy: policy(files) }
    }

    /// One of them, or that there is none.
    pub(super) fn serve(&self, name: &str, headers: &HeaderMap) -> Response {
        let Some((_, file)) = self.files.iter().find(|(known, _)| *known == name) else {
            return self.secured((StatusCode::NOT_FOUND, "there is no such file\n").into_response());
        };
        let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        let etag = file.etag.to_str().unwrap_or_default();
        let unchanged = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == etag || tag.trim() == "*"));
        let mut response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { file.bytes.into_response() };
        let own = response.headers_mut();
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        own.insert(header::ETAG, file.etag.clone());
        own.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        self.secured(response)
    }

    /// What every answer of the page carries.
    fn secured(&self, mut response: Response) -> Response {
        const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(OPENER, HeaderValue::from_static("same-origin"));
        response
    }
}
