//! The quarantine's list: pods whose lines have no owner, with what their streams and labels said, so that they can be released.
//!
//! Invariant: a pod is on the list (durably) before a line of it is appended to its quarantine, as the append door calls
//! [`Registry::note_quarantine`] first. Beyond the bound of the list the pods that were silent longest leave it; their lines stay, and the store
//! still names them.

use super::changes::Change;
use super::instances::{LABEL_KEY_BYTES_MAX, LABEL_VALUE_BYTES_MAX, labels_from, labels_text};
use super::owners::{Claim, quarantine_id, quarantine_owner};
use super::state::State;
use super::{Registry, RegistryError};
use crate::catalog::numbers::now_ns;
use crate::row::Owner;
use martlog_formats::wire::Stream;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{Row as _, SqliteConnection};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Pods on the list at most.
const PODS_MAX: usize = 10_000;
/// Labels that are kept of a pod at most.
const LABELS_MAX: usize = 64;
/// Pods that one batch can put on the list; a node runs some hundred.
const PODS_A_BATCH: usize = 1_000;
/// `last_seen` is true to within this, so that a talking pod costs a write only now and then.
const SEEN_EVERY_NS: i64 = 15 * 60 * 1_000_000_000;

/// A pod in the quarantine.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Pod {
    /// The name of its quarantine: the pod's UID.
    #[serde(rename = "pod_uid")]
    pub id: Arc<str>,
    /// Where it runs.
    pub cluster: String,
    /// Where it runs.
    pub node: String,
    /// The Kubernetes namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// The container that was heard last.
    pub container: String,
    /// What it claims.
    pub labels: BTreeMap<String, String>,
    /// When its first line came, ns since the epoch; RFC 3339 in answers.
    #[serde(rename = "first_seen", serialize_with = "super::ids::rfc3339")]
    #[schemars(with = "String")]
    pub first_seen_ns: i64,
    /// When a line came last, to within 15 minutes, ns since the epoch; RFC 3339 in answers.
    #[serde(rename = "last_seen", serialize_with = "super::ids::rfc3339")]
    #[schemars(with = "String")]
    pub last_seen_ns: i64,
    #[serde(skip)]
    pub(super) owner: Arc<Owner>,
}

/// Whose a part of a batch says it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodHead {
    /// The container's life.
    pub stream: Stream,
    /// The pod's labels.
    pub labels: Vec<(String, String)>,
}

impl PodHead {
    /// The name of the pod's quarantine.
    pub(crate) fn quarantine_id(stream: &Stream) -> Arc<str> {
        quarantine_id(&stream.pod_uid)
    }
}

/// Why a pod is in the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// No instance's selector takes it.
    NoInstance,
    /// An instance's selector takes it, and its label `vendor_id` names another partner.
    ClaimContradicts {
        /// The instance.
        instance: Arc<str>,
        /// The partner of the instance.
        registered: Arc<str>,
    },
    /// An instance is registered for it, and its lines wait for their release.
    AwaitsRelease {
        /// The instance.
        instance: Arc<str>,
    },
}

impl Registry {
    /// Puts the pods that have no owner on the list, durably, and tells which of the heads are of listed pods: after the append these
    /// are looked at again, for an instance may have been registered meanwhile.
    ///
    /// # Errors
    /// When the catalog fails; the batch must not be appended then.
    pub async fn note_quarantine<'a>(&self, cluster: &str, node: &str, heads: &'a [PodHead]) -> Result<Vec<&'a PodHead>, RegistryError> {
        let now_ns = now_ns();
        let news = |state: &State| {
            // A pod's containers and substreams are one pod.
            let news = heads.iter().filter_map(|head| state.news_of(cluster, node, head, now_ns)).map(|pod| (Arc::clone(&pod.id), pod));
            news.collect::<BTreeMap<_, _>>().into_values().take(PODS_A_BATCH).collect::<Vec<_>>()
        };
        // Most batches bring none, and then nobody's turn is waited for.
        let quiet = news(&self.shared.state.read()).is_empty();
        if !quiet {
            self.change(|state| Ok((state.room_for(news(state)), ()))).await?;
        }
        let state = self.shared.state.read();
        Ok(heads.iter().filter(|head| state.pods.contains_key(&quarantine_id(&head.stream.pod_uid))).collect())
    }

    /// How many pods are in it: without an instance, with a claim that contradicts the registry, waiting for their release.
    #[must_use]
    pub fn quarantined_by_reason(&self) -> [u64; 3] {
        let state = self.shared.state.read();
        let mut counts = [0; 3];
        for pod in state.pods.values() {
            let at = match state.reason(pod) {
                Reason::NoInstance => 0,
                Reason::ClaimContradicts { .. } => 1,
                Reason::AwaitsRelease { .. } => 2,
            };
            counts[at] += 1;
        }
        counts
    }

    /// The list, with the reason for each, by UID.
    #[must_use]
    pub fn quarantined(&self) -> Vec<(Arc<Pod>, Reason)> {
        let state = self.shared.state.read();
        state.pods.values().map(|pod| (Arc::clone(pod), state.reason(pod))).collect()
    }

    /// A pod on the list with its reason.
    #[must_use]
    pub fn quarantined_pod(&self, id: &str) -> Option<(Arc<Pod>, Reason)> {
        let state = self.shared.state.read();
        state.pods.get(id).map(|pod| (Arc::clone(pod), state.reason(pod)))
    }

    /// The listed pods that have an owner now, with it: what is to be released.
    #[must_use]
    pub fn releasable(&self) -> Vec<(Arc<str>, Arc<Owner>)> {
        let state = self.shared.state.read();
        state.pods.values().filter_map(|pod| Some((Arc::clone(&pod.id), state.owner_of_pod(pod)?))).collect()
    }

    /// Takes pods off the list whose lines were released; when they log without an owner again, they come back.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn forget_pods(&self, ids: &[Arc<str>]) -> Result<(), RegistryError> {
        self.change(|state| {
            let there = ids.iter().filter(|id| state.pods.contains_key(*id));
            Ok((there.map(|id| Change::RemovePod(Arc::clone(id))).collect(), ()))
        })
        .await
    }
}

impl State {
    /// The pod as it is to be listed now; `None` where it has an owner or nothing is new.
    fn news_of(&self, cluster: &str, node: &str, head: &PodHead, now_ns: i64) -> Option<Arc<Pod>> {
        if matches!(self.claim(&head.stream.namespace, &head.labels), Claim::Owned(_)) {
            return None;
        }
        let id = quarantine_id(&head.stream.pod_uid);
        let there = self.pods.get(&id);
        let mut labels = kept(&head.labels);
        if let Some(there) = there {
            // A collector that has just started does not know the labels yet; what was known stays.
            if labels.is_empty() {
                labels.clone_from(&there.labels);
            }
            if labels == there.labels && now_ns - there.last_seen_ns < SEEN_EVERY_NS {
                return None;
            }
        }
        Some(Arc::new(Pod {
            owner: there.map_or_else(|| quarantine_owner(Arc::clone(&id)), |there| Arc::clone(&there.owner)),
            first_seen_ns: there.map_or(now_ns, |there| there.first_seen_ns),
            last_seen_ns: now_ns,
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            namespace: head.stream.namespace.clone(),
            pod: head.stream.pod.clone(),
            container: head.stream.container.clone(),
            labels,
            id,
        }))
    }

    /// These pods on the list, and off it as many of the longest silent as it needs.
    fn room_for(&self, pods: Vec<Arc<Pod>>) -> Vec<Change> {
        let added = pods.iter().filter(|pod| !self.pods.contains_key(&pod.id)).count();
        let over = (self.pods.len() + added).saturating_sub(PODS_MAX);
        let mut silent: Vec<&Arc<Pod>> = if over == 0 { vec![] } else { self.pods.values().collect() };
        silent.sort_by_key(|pod| pod.last_seen_ns);
        let off = silent.into_iter().filter(|old| pods.iter().all(|pod| pod.id != old.id)).take(over);
        let off: Vec<_> = off.map(|pod| Change::RemovePod(Arc::clone(&pod.id))).collect();
        if !off.is_empty() {
            tracing::warn!(
                pods = off.len(),
                limit = PODS_MAX,
                "the quarantine's list is full: pods that were silent longest leave it, their lines stay"
            );
        }
        pods.iter().filter(|pod| !self.pods.contains_key(&pod.id)).for_each(|pod| self.alarm(pod));
        off.into_iter().chain(pods.into_iter().map(Change::PutPod)).collect()
    }

    /// A pod that claims to be another partner's is a mistake of somebody's, or worse.
    fn alarm(&self, pod: &Pod) {
        if let Reason::ClaimContradicts { instance, registered } = self.reason(pod) {
            let claimed = pod.labels.get(super::owners::VENDOR_LABEL).map_or("", String::as_str);
            tracing::warn!(
                pod = pod.pod,
                namespace = pod.namespace,
                node = pod.node,
                %instance,
                %registered,
                claimed,
                "a pod claims to be of another partner than its instance; its lines are in the quarantine: correct its label vendor_id, or the registry"
            );
        }
    }

    fn reason(&self, pod: &Pod) -> Reason {
        match self.claim(&pod.namespace, &pod.label_pairs()) {
            Claim::Unclaimed => Reason::NoInstance,
            Claim::Contested(instance) => {
                Reason::ClaimContradicts { instance: Arc::clone(&instance.id), registered: Arc::clone(&instance.partner) }
            }
            Claim::Owned(instance) => Reason::AwaitsRelease { instance: Arc::clone(&instance.id) },
        }
    }

    /// Whether a pod is a partner's by what it claims, or would be by its selector.
    pub(super) fn is_of(&self, pod: &Pod, partner: &str) -> bool {
        pod.labels.get(super::owners::VENDOR_LABEL).is_some_and(|vendor| vendor == partner)
            || self.owner_of_pod(pod).is_some_and(|owner| *owner.key.partner == *partner)
    }

    fn owner_of_pod(&self, pod: &Pod) -> Option<Arc<Owner>> {
        let labels = pod.label_pairs();
        match self.claim(&pod.namespace, &labels) {
            Claim::Owned(instance) => Some(instance.owner(super::owners::version(&labels))),
            Claim::Contested(_) | Claim::Unclaimed => None,
        }
    }
}

impl Pod {
    fn label_pairs(&self) -> Vec<(String, String)> {
        self.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// The labels that are kept: as many and as long as Kubernetes allows and a selector may ask for.
fn kept(labels: &[(String, String)]) -> BTreeMap<String, String> {
    let fits = |(key, value): &&(String, String)| key.len() <= LABEL_KEY_BYTES_MAX && value.len() <= LABEL_VALUE_BYTES_MAX;
    labels.iter().filter(fits).take(LABELS_MAX).cloned().collect()
}

pub(super) async fn put(connection: &mut SqliteConnection, pod: &Pod) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO quarantined_pods (id, cluster, node, namespace, pod, container, labels, first_seen_ns, last_seen_ns) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET cluster = excluded.cluster, node = excluded.node, \
         namespace = excluded.namespace, pod = excluded.pod, container = excluded.container, labels = excluded.labels, \
         last_seen_ns = excluded.last_seen_ns",
    )
    .bind(&*pod.id)
    .bind(&pod.cluster)
    .bind(&pod.node)
    .bind(&pod.namespace)
    .bind(&pod.pod)
    .bind(&pod.container)
    .bind(labels_text(&pod.labels))
    .bind(pod.first_seen_ns)
    .bind(pod.last_seen_ns)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn load(connection: &mut SqliteConnection, state: &mut State) -> Result<(), sqlx::Error> {
    for row in sqlx::query("SELECT * FROM quarantined_pods").fetch_all(connection).await? {
        let id: Arc<str> = row.try_get::<&str, _>("id")?.into();
        let pod = Pod {
            cluster: row.try_get("cluster")?,
            node: row.try_get("node")?,
            namespace: row.try_get("namespace")?,
            pod: row.try_get("pod")?,
            container: row.try_get("container")?,
            labels: labels_from(row.try_get("labels")?)?,
            first_seen_ns: row.try_get("first_seen_ns")?,
            last_seen_ns: row.try_get("last_seen_ns")?,
            owner: quarantine_owner(Arc::clone(&id)),
            id,
        };
        state.apply(Change::PutPod(Arc::new(pod)));
    }
    Ok(())
}
