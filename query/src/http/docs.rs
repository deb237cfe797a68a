//! `/api/docs`: the API's document for people, from the committed files of `query/docs-ui`, under the same rules as the page: no script and no style but its own files, and
//! nothing from anywhere else.

use super::page::{File, HTML, SCRIPT, STYLE, serve};
use axum::Router;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::routing::get;
use std::sync::Arc;
use tower_http::compression::CompressionLayer;

/// The files: name, type, bytes. `index.html` is `/api/docs`, the others are below it.
const FILES: &[(&str, &str, &[u8])] = &[
    ("index.html", HTML, include_bytes!("../../docs-ui/index.html")),
    ("docs.js", SCRIPT, include_bytes!("../../docs-ui/docs.js")),
    ("docs.css", STYLE, include_bytes!("../../docs-ui/docs.css")),
];

/// `/api/docs` and what is below it.
pub(super) fn router() -> Router {
    let files: Arc<[(&str, File)]> = FILES.iter().map(|(name, content_type, bytes)| (*name, File::new(content_type, bytes))).collect();
    let assets = Arc::clone(&files);
    Router::new()
        .route("/api/docs", get(move |headers: HeaderMap| async move { serve(&files, "index.html", &headers) }))
        .route("/api/docs/{*name}", get(move |Path(name): Path<String>, headers: HeaderMap| async move { serve(&assets, &name, &headers) }))
        .layer(CompressionLayer::new())
}
