//! `/api/docs`: the API's document for people, from the committed files of `query/docs-ui`, under the same rules as the page: no script and no style but its own files, and
//! nothing from anywhere else.

use super::page::{Page, files};
use axum::Router;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::routing::get;
use std::sync::Arc;
use tower_http::compression::CompressionLayer;

/// `index.html` is `/api/docs`, the others are below it.
const FILES: &[(&str, &[u8])] = files!["docs-ui": "index.html", "docs.js", "docs.css"];

/// `/api/docs` and what is below it.
pub(super) fn router() -> Router {
    let page = Arc::new(Page::new(FILES));
    let assets = Arc::clone(&page);
    Router::new()
        .route("/api/docs", get(move |headers: HeaderMap| async move { page.serve("index.html", &headers) }))
        .route("/api/docs/{*name}", get(move |Path(name): Path<String>, headers: HeaderMap| async move { assets.serve(&name, &headers) }))
        .layer(CompressionLayer::new())
}
