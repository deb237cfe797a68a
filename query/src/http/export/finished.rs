//! `GET /api/v1/exports/{id}`: the manifest of an export that has ended well: `{"manifest":{…}}`.
//!
//! It is there before the last piece of the export is, for an hour, for the token that exported. A format whose file has no room for it needs no more than that; what was
//! exported, when and how much is in the audit for long. Anything else is one answer: 404.

use super::super::{App, answered};
use super::{Manifest, ManifestTold};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a manifest is kept.
const KEPT: Duration = Duration::from_secs(3_600);
/// Manifests that are kept, each some kilobytes: a client asks for its own at once.
const MANIFESTS_MAX: usize = 256;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Finished(Arc<Mutex<VecDeque<Kept>>>);

#[derive(Debug)]
struct Kept {
    token: String,
    at: Instant,
    manifest: Manifest,
}

impl Finished {
    pub(super) fn keep(&self, token: String, manifest: Manifest) {
        let mut kept = self.0.lock();
        while kept.len() >= MANIFESTS_MAX || kept.front().is_some_and(|first| first.at.elapsed() > KEPT) {
            kept.pop_front();
        }
        kept.push_back(Kept { token, at: Instant::now(), manifest });
    }

    fn get(&self, id: &str, token: &str) -> Option<Manifest> {
        let kept = self.0.lock();
        let one = kept.iter().find(|one| one.manifest.id == id && one.token == token && one.at.elapsed() <= KEPT);
        one.map(|one| one.manifest.clone())
    }
}

pub(in super::super) async fn show(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let manifest = app.exports.finished.get(&id, scope.token_id());
    let absent = || Problem::not_found("there is no export of this token with this id that ended well within the last hour");
    answered(&ManifestTold { manifest: manifest.ok_or_else(absent)? })
}
