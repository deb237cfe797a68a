//! The HTTP edge for readers.

use martlog_indexer::Indexer;

/// Search, tail, histogram, session and the page.
pub fn router(_indexer: Indexer) -> axum::Router {
    unimplemented!()
}
