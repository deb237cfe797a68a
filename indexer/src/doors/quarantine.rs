//! `/api/v1/quarantine` (staff): the pods whose lines have no owner, and their release.
//!
//! `GET` answers `{"pods":[{"pod_uid","cluster","node","namespace","pod","container","labels","first_seen","last_seen","reason",…,"rows"}]}`; a pod that the
//! store holds rows of and the list does not name has `"reason":"unlisted"`. `POST …/{pod_uid}/release` takes `{"instance"?}` and answers
//! `{"pod_uid","instance","rows"}`; without an instance the pod's selector and claims decide.

use super::Doors;
use super::auth::Staff;
use super::body::{Id, parse_json};
use super::problem::Problem;
use crate::Indexer;
use crate::registry::{Pod, Reason, RegistryError, Scope};
use crate::row::Owner;
use crate::store::ModuleView;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The body of a release, bytes.
const RELEASE_BYTES_MAX: usize = 4 << 10;

/// What was released.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Released {
    /// Pods whose lines are their owner's now.
    pods: u64,
    /// Rows that moved.
    rows: u64,
    /// Pods that the store could not take now.
    waiting: u64,
}

/// The quarantine's pods.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QuarantinedPods")]
pub(super) struct Pods {
    /// Those of the list, then those that the store alone knows.
    pods: Vec<Listed>,
}

/// A pod as it is listed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "QuarantinedPod")]
enum Listed {
    /// One of the list.
    Known {
        #[serde(flatten)]
        pod: Arc<Pod>,
        #[serde(flatten)]
        reason: Reason,
        /// Rows that wait.
        rows: u64,
    },
    /// The store has rows of it, and it has left the list.
    Unlisted {
        /// The pod's UID.
        pod_uid: Arc<str>,
        /// `unlisted`.
        reason: &'static str,
        /// Rows that wait.
        rows: u64,
    },
}

/// A pod whose rows are their owner's now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PodReleased {
    /// The pod's UID.
    pod_uid: String,
    /// Who has its rows.
    instance: Arc<str>,
    /// Rows that moved.
    rows: u64,
}

/// What a release asks for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    /// The instance that gets the lines, whatever the pod claims.
    instance: Option<String>,
}

pub(super) async fn list(State(indexer): State<Indexer>, Staff(scope): Staff) -> Result<axum::Json<Pods>, Problem> {
    let mut rows = rows_held(&indexer, &scope);
    let mut pods = Vec::new();
    for (pod, reason) in indexer.registry().quarantined() {
        let rows = rows.remove(&pod.id).unwrap_or(0);
        pods.push(Listed::Known { pod, reason, rows });
    }
    pods.extend(rows.into_iter().map(|(pod_uid, rows)| Listed::Unlisted { pod_uid, reason: "unlisted", rows }));
    Ok(axum::Json(Pods { pods }))
}

pub(super) async fn release(
    State(doors): State<Doors>,
    Staff(scope): Staff,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<axum::Json<PodReleased>, Problem> {
    let held = doors.bodies.read(&headers, body, RELEASE_BYTES_MAX).await?;
    let wanted = if held.bytes.is_empty() { Release::default() } else { parse_json::<Release>(&held.bytes)? };
    let indexer = &doors.indexer;
    let listed = indexer.registry().quarantined_pod(&id);
    if listed.is_none() && !rows_held(indexer, &scope).contains_key(id.as_str()) {
        return Err(Problem::not_found(format!("there is no quarantined pod `{}`", id.chars().take(63).collect::<String>())));
    }
    let owner = match &wanted.instance {
        Some(instance) => {
            indexer.registry().instance(instance).ok_or_else(|| Problem::invalid("instance", "`instance` names none that is registered"))?
        }
        None => owner_of(indexer, &id, listed.map(|(_, reason)| reason))?,
    };
    let instance = Arc::clone(&owner.instance);
    let rows = indexer.release(&id, owner).await?;
    indexer.registry().forget_pods(&[Arc::from(id.as_str())]).await?;
    tracing::info!(pod_uid = id, %instance, rows, token = scope.token_id(), "a quarantined pod was released");
    Ok(axum::Json(PodReleased { pod_uid: id, instance, rows }))
}

/// Releases every quarantined pod that has an owner now. Idempotent: what fails or is cut short is found again.
///
/// # Errors
/// When the catalog fails. A store that cannot take the rows now is no error: the pods wait.
pub(super) async fn release_matching(indexer: &Indexer) -> Result<Released, RegistryError> {
    let pods = indexer.registry().releasable();
    let (mut released, mut done) = (Released::default(), Vec::new());
    for (at, (id, owner)) in pods.iter().enumerate() {
        match indexer.release(id, Arc::clone(owner)).await {
            Ok(rows) => {
                released.pods += 1;
                released.rows += rows;
                done.push(Arc::clone(id));
            }
            Err(error) => {
                released.waiting = (pods.len() - at) as u64;
                tracing::warn!(%error, waiting = released.waiting, "quarantined pods wait for their release");
                break;
            }
        }
    }
    indexer.registry().forget_pods(&done).await?;
    Ok(released)
}

/// The owner that the registry names, or why there is none.
fn owner_of(indexer: &Indexer, id: &str, reason: Option<Reason>) -> Result<Arc<Owner>, Problem> {
    let owner = indexer.registry().releasable().into_iter().find(|(pod, _)| **pod == *id).map(|(_, owner)| owner);
    owner.ok_or_else(|| {
        let detail = match reason {
            Some(Reason::ClaimContradicts { instance, registered }) => format!(
                "the pod is selected by the instance `{instance}` of the partner `{registered}`, and its label `vendor_id` names another one: \
                 name the instance that shall have its lines in the body"
            ),
            _ => "no instance takes this pod: register one whose selector does, or name an instance in the body".to_owned(),
        };
        Problem::new(409, "no_owner", "It contradicts what is there", detail)
    })
}

/// The rows that each quarantine holds and has not released; those that hold none are left out.
fn rows_held(indexer: &Indexer, scope: &Scope) -> BTreeMap<Arc<str>, u64> {
    let view = indexer.store.view(scope, true);
    view.modules.iter().map(|module| (Arc::clone(&module.key.module), rows(module))).filter(|(_, rows)| *rows > 0).collect()
}

/// Seqs are dense but for what was erased, so what is above the released ones can be counted, or nearly so, without opening a split.
fn rows(module: &ModuleView) -> u64 {
    let above = |from: u64, to: u64| to.saturating_sub(from.max(module.visible_from_seq));
    let splits = module.splits.iter().map(|split| above(split.meta.seq_from, split.meta.seq_to).min(split.meta.rows));
    let live = module.chunks().map(|chunk| above(chunk.seq_from(), chunk.seq_to()));
    splits.chain(live).sum()
}
