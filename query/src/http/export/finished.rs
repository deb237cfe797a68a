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
/// Manifests that are kept of one token: a client asks for its own at once. What others export takes nobody's away, as long as not very many do.
const OF_TOKEN_MAX: usize = 16;
/// Manifests that are kept of all, each some kilobytes.
const MANIFESTS_MAX: usize = 1_024;

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
        if kept.iter().filter(|one| one.token == token).count() >= OF_TOKEN_MAX {
            let oldest = kept.iter().position(|one| one.token == token);
            oldest.and_then(|at| kept.remove(at));
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

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    fn manifest(id: usize) -> Manifest {
        Manifest {
            id: id.to_string(),
            query: "*".into(),
            format: Format::Csv,
            order: "newest",
            limit: None,
            from: String::new(),
            to: String::new(),
            complete: Default::default(),
            warnings: Vec::new(),
            rows: 0,
            bytes: 0,
            sha256: String::new(),
            first: None,
            last: None,
            as_of: None,
            truncated: false,
        }
    }

    #[test]
    fn a_token_that_exports_much_takes_away_its_own_manifests_alone() {
        let finished = Finished::default();
        finished.keep("quiet".into(), manifest(0));
        (1..=MANIFESTS_MAX).for_each(|id| finished.keep("busy".into(), manifest(id)));
        assert!(finished.get("0", "quiet").is_some());
        let kept: Vec<usize> = (1..=MANIFESTS_MAX).filter(|id| finished.get(&id.to_string(), "busy").is_some()).collect();
        assert_eq!(kept, (MANIFESTS_MAX - OF_TOKEN_MAX + 1..=MANIFESTS_MAX).collect::<Vec<_>>());
        assert!(finished.get(&MANIFESTS_MAX.to_string(), "quiet").is_none());
        (0..MANIFESTS_MAX).for_each(|token| finished.keep(token.to_string(), manifest(token)));
        assert_eq!(finished.0.lock().len(), MANIFESTS_MAX, "the bound of all");
    }
}
