//! The labels and owners of this node's pods, from the Kubernetes API: a list, then a watch, of the pods' metadata alone.
//!
//! * Only pods with this node's name in `spec.nodeName` are asked for; they are matched to their folders by UID. A static pod's folder has the UID that the kubelet gave it, which
//!   its mirror in the API has as an annotation.
//! * What is kept of a pod is its labels and its owner, which is told as the label [`OWNER_LABEL`]: unlike the others, no author of a pod can write it.
//! * A pod that is deleted stays known while [`GONE_KEPT`] others are deleted, for its last lines are read after it.
//! * While the API is away, what is known counts; it is kept in the state folder (`pods.json`), so also over a restart.
//!
//! Bounds: [`PODS_MAX`], [`crate::limits::LABELS_PER_POD`].

use crate::labels::{self, Labels};
use crate::limits::LABELS_PER_POD;
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ObjectMeta, PartialObjectMeta};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, Config};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::sync::CancellationToken;

/// Where the Kubernetes API is, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kubernetes {
    /// This runs in a pod: the API at its usual name, with the pod's service account.
    InCluster,
    /// As this file says.
    Kubeconfig(PathBuf),
}

/// The label that tells who made the pod, such as `StatefulSet/sms`. A ReplicaSet of a Deployment counts as the Deployment.
pub const OWNER_LABEL: &str = "martlog/owner";

/// Pods at most; a kubelet runs 110 unless it is told otherwise.
const PODS_MAX: usize = 10_000;
/// Deleted pods that are still known.
const GONE_KEPT: usize = 1_000;
/// The file in the state folder, in the form of `--pod-labels`.
const FILE: &str = "pods.json";
/// It is written this long after a change, with those that come meanwhile.
const SAVE_PAUSE: Duration = Duration::from_secs(1);
/// A static pod's UID on the node.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// What is known at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) labels: Arc<Labels>,
    /// The API has told of every pod at least once.
    pub(crate) listed: bool,
}

/// A watch that has not begun.
pub(crate) struct Watcher {
    client: Client,
    node: String,
    file: PathBuf,
    known: Known,
    out: watch::Sender<Seen>,
}

impl Watcher {
    /// Reads the configuration and what was known before; asks nobody yet.
    pub(crate) async fn new(access: &Kubernetes, node: &str, state: &Path) -> Result<(Self, watch::Receiver<Seen>), String> {
        let client = client(access).await?;
        let file = state.join(FILE);
        let mut known = Known::default();
        match labels::read(&file) {
            Ok(labels) => known.pods = labels,
            Err(error) if file.exists() => {
                tracing::warn!(file = %file.display(), error, "what was known of pods cannot be read; the Kubernetes API is asked")
            }
            Err(_) => {}
        }
        let (out, seen) = watch::channel(Seen { labels: Arc::new(known.pods.clone()), listed: false });
        Ok((Self { client, node: node.to_owned(), file, known, out }, seen))
    }

    /// Watches until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), JoinError> {
        let pods: Api<PartialObjectMeta<Pod>> = Api::all(self.client.clone());
        let own = watcher::Config::default().fields(&format!("spec.nodeName={}", self.node));
        let mut events = std::pin::pin!(watcher(pods, own).default_backoff());
        let (mut away, mut unsaved) = (false, false);
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = tokio::time::sleep(SAVE_PAUSE), if unsaved => {
                    unsaved = false;
                    self.save().await?;
                    continue;
                }
                () = stop.cancelled() => break,
            };
            match event {
                Some(Ok(event)) => {
                    if std::mem::take(&mut away) {
                        tracing::info!("the Kubernetes API answers again");
                    }
                    unsaved |= self.take(event);
                }
                Some(Err(error)) => report(&error, &mut away),
                // It never ends by itself.
                None => break,
            }
        }
        if unsaved { self.save().await } else { Ok(()) }
    }

    /// Takes in an event; whether it changed what is known.
    fn take(&mut self, event: Event<PartialObjectMeta<Pod>>) -> bool {
        let done = matches!(event, Event::InitDone);
        let changed = self.known.take(event);
        // A list that is under way is told as a whole.
        if done || (changed && self.known.listing.is_none()) {
            let labels = Arc::new(self.known.pods.clone());
            self.out.send_modify(|seen| *seen = Seen { labels, listed: seen.listed || done });
        }
        changed
    }

    async fn save(&self) -> Result<(), JoinError> {
        let (labels, file) = (Arc::clone(&self.out.borrow().labels), self.file.clone());
        spawn_blocking(move || {
            if let Err(error) = write(&labels, &file) {
                tracing::warn!(file = %file.display(), %error, "what is known of pods cannot be kept for a restart");
            }
        })
        .await
    }
}

async fn client(access: &Kubernetes) -> Result<Client, String> {
    let config = match access {
        Kubernetes::InCluster => Config::incluster_dns().map_err(|error| {
            format!("the service account of this pod cannot be read ({error}): outside of a cluster, name a file with --kubeconfig")
        })?,
        Kubernetes::Kubeconfig(path) => {
            let cannot = |error: &dyn std::fmt::Display| format!("the kubeconfig {} cannot be used: {error}", path.display());
            let read = Kubeconfig::read_from(path).map_err(|error| cannot(&error))?;
            Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.map_err(|error| cannot(&error))?
        }
    };
    Client::try_from(config).map_err(|error| format!("the Kubernetes API cannot be talked to: {error}"))
}

/// Says once that the API is away, and what to do if it refuses.
fn report(error: &watcher::Error, away: &mut bool) {
    use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
    let status = match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status)) => Some(status.code),
        // 410 and its like: the history is too short, and everything is listed anew.
        WatchError(_) => return tracing::debug!(%error, "the watch of pods begins anew"),
        _ => None,
    };
    if std::mem::replace(away, true) {
        return tracing::debug!(%error, "the Kubernetes API is still away");
    }
    let why = crate::client::chain(error);
    match status {
        Some(401 | 403) => tracing::warn!(
            "the Kubernetes API refuses to tell the pods' labels: {why}; let the collector's service account get, list and watch pods (deploy/kubernetes/collector.yaml)"
        ),
        _ => tracing::warn!("the Kubernetes API does not tell the pods' labels: {why}; what is known counts until it is back"),
    }
}

fn write(labels: &Labels, file: &Path) -> io::Result<()> {
    let pods: HashMap<&str, HashMap<&str, &str>> = labels
        .iter()
        .map(|(uid, labels)| (uid.as_str(), labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()))
        .collect();
    let beside = file.with_extension("json.new");
    std::fs::write(&beside, serde_json::to_vec(&pods)?)?;
    std::fs::rename(beside, file)
}

/// The pods that there are and were.
#[derive(Debug, Default)]
struct Known {
    pods: Labels,
    /// Of [`Known::pods`], those that are deleted, oldest first.
    gone: VecDeque<String>,
    /// What the list that is under way has told of so far.
    listing: Option<BTreeSet<String>>,
    full: bool,
}

impl Known {
    /// Takes in an event; whether it changed what is known.
    fn take(&mut self, event: Event<PartialObjectMeta<Pod>>) -> bool {
        match event {
            Event::Init => {
                self.listing = Some(BTreeSet::new());
                false
            }
            Event::InitApply(pod) => {
                let (uid, labels) = claims(pod.metadata);
                if let Some(listing) = self.listing.as_mut().filter(|listing| listing.len() < PODS_MAX) {
                    listing.insert(uid.clone());
                }
                self.put(uid, labels)
            }
            Event::Apply(pod) => {
                let (uid, labels) = claims(pod.metadata);
                self.put(uid, labels)
            }
            Event::Delete(pod) => self.bury(claims(pod.metadata).0),
            Event::InitDone => {
                let listed = self.listing.take().unwrap_or_default();
                let gone: BTreeSet<String> = self.pods.keys().filter(|uid| !listed.contains(*uid)).cloned().collect();
                gone.into_iter().map(|uid| self.bury(uid)).filter(|changed| *changed).count() > 0
            }
        }
    }

    fn put(&mut self, uid: String, labels: Vec<(String, String)>) -> bool {
        self.gone.retain(|gone| *gone != uid);
        if self.pods.get(&uid) == Some(&labels) {
            return false;
        }
        if self.pods.len() >= PODS_MAX && !self.pods.contains_key(&uid) {
            if !std::mem::replace(&mut self.full, true) {
                tracing::warn!(
                    "the Kubernetes API tells of more than {PODS_MAX} pods on this node; the labels of further ones are not kept"
                );
            }
            return false;
        }
        self.pods.insert(uid, labels);
        true
    }

    /// The pod is gone; whether another one is forgotten for it.
    fn bury(&mut self, uid: String) -> bool {
        if !self.pods.contains_key(&uid) || self.gone.contains(&uid) {
            return false;
        }
        self.gone.push_back(uid);
        let forgotten = if self.gone.len() > GONE_KEPT { self.gone.pop_front() } else { None };
        forgotten.is_some_and(|uid| self.pods.remove(&uid).is_some())
    }
}

/// The UID by which the node knows a pod, and its labels with its owner, sorted by key.
fn claims(meta: ObjectMeta) -> (String, Vec<(String, String)>) {
    let mirrored = meta.annotations.and_then(|mut annotations| annotations.remove(MIRROR));
    let uid = mirrored.or(meta.uid).unwrap_or_default();
    let mut labels = meta.labels.unwrap_or_default();
    labels.remove(OWNER_LABEL);
    let owners = meta.owner_references.unwrap_or_default();
    let owner = owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| {
        let of_deployment = labels.get("pod-template-hash").and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
        match of_deployment {
            Some(name) if owner.kind == "ReplicaSet" => format!("Deployment/{name}"),
            _ => format!("{}/{}", owner.kind, owner.name),
        }
    });
    let mut labels: Vec<(String, String)> = labels.into_iter().take(LABELS_PER_POD - 1).collect();
    labels.extend(owner.map(|owner| (OWNER_LABEL.to_owned(), owner)));
    labels.sort_unstable();
    (uid, labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(uid: &str, labels: serde_json::Value, owner: Option<(&str, &str)>) -> PartialObjectMeta<Pod> {
        let owners: Vec<_> = owner
            .iter()
            .map(|(kind, name)| json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "o", "controller": true}))
            .collect();
        serde_json::from_value(json!({"metadata": {"name": "p", "uid": uid, "labels": labels, "ownerReferences": owners}})).unwrap()
    }

    fn pairs(labels: &[(&str, &str)]) -> Vec<(String, String)> {
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_owner_is_told_and_nobody_else_can_tell_it() {
        let told = |labels, owner| claims(pod("u", labels, owner).metadata).1;
        assert_eq!(told(json!({"b": "2", "a": "1"}), None), pairs(&[("a", "1"), ("b", "2")]));
        assert_eq!(told(json!({}), Some(("StatefulSet", "sms"))), pairs(&[(OWNER_LABEL, "StatefulSet/sms")]));
        assert_eq!(
            told(json!({"pod-template-hash": "7d9f"}), Some(("ReplicaSet", "sms-7d9f"))),
            pairs(&[(OWNER_LABEL, "Deployment/sms"), ("pod-template-hash", "7d9f")])
        );
        assert_eq!(told(json!({}), Some(("ReplicaSet", "sms-7d9f"))), pairs(&[(OWNER_LABEL, "ReplicaSet/sms-7d9f")]));
        assert_eq!(told(json!({"martlog/owner": "Deployment/other"}), None), pairs(&[]));
        let many: serde_json::Map<_, _> = (0..100).map(|at| (format!("k{at:03}"), json!("v"))).collect();
        let many = told(many.into(), Some(("Job", "j")));
        assert!(many.len() == LABELS_PER_POD && many.contains(&(OWNER_LABEL.to_owned(), "Job/j".to_owned())));
    }

    #[test]
    fn a_static_pod_is_known_by_the_uid_of_its_folder() {
        let mirror = json!({"metadata": {"uid": "u-api", "annotations": {"kubernetes.io/config.mirror": "u-node"}}});
        assert_eq!(claims(serde_json::from_value::<PartialObjectMeta<Pod>>(mirror).unwrap().metadata).0, "u-node");
    }

    #[test]
    fn deleted_pods_stay_known_for_a_while_and_memory_is_bounded() {
        let mut known = Known::default();
        for at in 0..2 * GONE_KEPT {
            assert!(known.take(Event::Apply(pod(&format!("u{at}"), json!({"a": "1"}), None))));
            assert!(!known.take(Event::Apply(pod(&format!("u{at}"), json!({"a": "1"}), None))), "nothing has changed");
            known.take(Event::Delete(pod(&format!("u{at}"), json!({}), None)));
        }
        assert_eq!((known.pods.len(), known.gone.len()), (GONE_KEPT, GONE_KEPT));
        assert!(known.pods.contains_key(&format!("u{}", 2 * GONE_KEPT - 1)) && !known.pods.contains_key("u0"));
        for at in 0..2 * PODS_MAX {
            known.take(Event::Apply(pod(&format!("v{at}"), json!({}), None)));
        }
        assert_eq!(known.pods.len(), PODS_MAX);
    }

    #[test]
    fn a_new_list_tells_who_is_gone_and_who_is_back() {
        let mut known = Known::default();
        for uid in ["a", "b"] {
            known.take(Event::Apply(pod(uid, json!({}), None)));
        }
        let list = |known: &mut Known, uids: &[&str]| {
            known.take(Event::Init);
            for uid in uids {
                known.take(Event::InitApply(pod(uid, json!({}), None)));
            }
            known.take(Event::InitDone);
        };
        list(&mut known, &["b", "c"]);
        assert_eq!((known.pods.len(), known.gone.iter().map(String::as_str).collect()), (3, vec!["a"]));
        list(&mut known, &["a", "b", "c"]);
        assert!(known.gone.is_empty());
    }
}
