//! The nodes: how far each collector is, by its newest heartbeat, and which nodes are silent or lost.
//!
//! A node that has said nothing for [`SILENT_AFTER`] is *behind*, whatever it said last; after [`crate::Options::node_lost_after`] it is *lost*: what it had not sent of its
//! files is named as gaps whose ends nobody knows, and answers are complete without it. Should it come back, it is as if it had been away. What a node said last is in the
//! catalog, at most [`SAVE_INTERVAL`] old, so a server that was started since knows it too; it goes when nothing of that time is kept any more.
//!
//! Units: ns since the epoch, by the server's clock where it says `heard`, by the node's elsewhere.

mod saved;

use crate::catalog::{CatalogError, SavedNode};
use crate::engine::Engine;
use crate::row::Owner;
use martlog_formats::wire::{FileId, FileProgress, Heartbeat};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Nodes that are remembered; beyond that the one that has been silent for longest is forgotten.
const NODES_MAX: usize = 10_000;
/// A node that has said nothing for this long is behind.
pub(crate) const SILENT_AFTER: Duration = Duration::from_secs(30);
/// How old what the catalog knows of a node may be.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);

/// How often it is looked at what may be forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(600);

/// Cluster and node.
pub(crate) type Key = (Arc<str>, Arc<str>);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    known: Mutex<BTreeMap<Key, Node>>,
    forgot: Mutex<Option<Instant>>,
}

/// What is known of a node.
#[derive(Debug)]
pub(crate) struct Node {
    heard: Instant,
    /// How long it had been silent when this process began to wait for it.
    silent_before: Duration,
    pub(crate) heard_ns: i64,
    /// When what it said was true, by its own clock.
    pub(crate) time_ns: i64,
    /// The files that may still grow or are not acknowledged to their end.
    pub(crate) files: Vec<Followed>,
    saved: Option<Instant>,
    changed: bool,
}

/// A file that a node follows, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) progress: FileProgress,
    pub(crate) owner: Arc<Owner>,
}

/// How a node is, as staff see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "NodeState")]
pub(crate) enum State {
    /// It speaks.
    Ok,
    /// It has said nothing for some time.
    Silent,
    /// It is taken for lost.
    Lost,
}

/// A node as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[schemars(rename = "Node")]
pub(crate) struct Listed {
    pub(crate) cluster: Arc<str>,
    pub(crate) node: Arc<str>,
    pub(crate) state: State,
    /// When it was heard last, by the server's clock.
    #[serde(rename = "heard", serialize_with = "crate::registry::rfc3339")]
    #[schemars(with = "String")]
    pub(crate) heard_ns: i64,
    pub(crate) silent_seconds: u64,
    /// Files that may still grow or are not acknowledged to their end.
    pub(crate) files: usize,
    /// What was not acknowledged of them, both substreams' positions seen as one.
    pub(crate) unacknowledged_bytes: u64,
}

impl Node {
    fn new(heard_ns: i64, time_ns: i64, files: Vec<Followed>, now: Instant) -> Self {
        Self { heard: now, silent_before: Duration::ZERO, heard_ns, time_ns, files, saved: None, changed: true }
    }

    /// How long it has said nothing.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        self.silent_before + now.saturating_duration_since(self.heard)
    }

    /// How it is.
    pub(crate) fn state(&self, lost_after: Duration, now: Instant) -> State {
        match self.silence(now) {
            silence if silence > lost_after => State::Lost,
            silence if silence > SILENT_AFTER => State::Silent,
            _ => State::Ok,
        }
    }

    /// Whether the catalog is to hear of it: what it said last, once it is silent, at once.
    fn is_due(&self, now: Instant) -> bool {
        let rested = self.saved.is_none_or(|at| now.saturating_duration_since(at) >= SAVE_INTERVAL);
        self.changed && (rested || self.silence(now) > SILENT_AFTER)
    }
}

impl Nodes {
    /// What the catalog knows; a node that cannot be read is left out, and comes again when it speaks.
    pub(crate) fn load(saved: Vec<SavedNode>, now_ns: i64) -> Self {
        let now = Instant::now();
        let node = |saved: SavedNode| {
            let key: Key = (saved.cluster.into(), saved.node.into());
            let (time_ns, files) = saved::decode(&saved.said)
                .inspect_err(|error| tracing::warn!(cluster = %key.0, node = %key.1, %error, "what a node said last cannot be read"))
                .ok()?;
            let silent_before = Duration::from_nanos(now_ns.saturating_sub(saved.heard_ns).max(0).unsigned_abs());
            let node = Node { silent_before, changed: false, saved: Some(now), ..Node::new(saved.heard_ns, time_ns, files, now) };
            Some((key, node))
        };
        Self { known: Mutex::new(saved.into_iter().filter_map(node).collect()), forgot: Mutex::default() }
    }

    /// Takes in a heartbeat; `owners` are its files', in their order.
    fn put(&self, cluster: &Arc<str>, beat: Heartbeat, owners: Vec<Arc<Owner>>, heard_ns: i64) {
        let (key, now) = ((cluster.clone(), Arc::from(beat.node)), Instant::now());
        let files = beat.files.into_iter().zip(owners).filter(|(file, _)| !file.gone);
        let node = Node::new(heard_ns, beat.time_ns, files.map(|(progress, owner)| Followed { progress, owner }).collect(), now);
        let mut known = self.known.lock();
        let saved = known.get(&key).and_then(|node| node.saved);
        if known.len() >= NODES_MAX
            && !known.contains_key(&key)
            && let Some(silent) = known.iter().max_by_key(|(_, node)| node.silence(now)).map(|(key, _)| key.clone())
        {
            known.remove(&silent);
        }
        known.insert(key, Node { saved, ..node });
    }

    /// Shows every node.
    pub(crate) fn each(&self, mut look: impl FnMut(&Key, &Node)) {
        self.known.lock().iter().for_each(|(key, node)| look(key, node));
    }

    /// All of them, by cluster and name.
    pub(crate) fn list(&self, lost_after: Duration) -> Vec<Listed> {
        let (now, mut all) = (Instant::now(), Vec::new());
        self.each(|(cluster, name), node| {
            all.push(Listed {
                cluster: cluster.clone(),
                node: name.clone(),
                state: node.state(lost_after, now),
                heard_ns: node.heard_ns,
                silent_seconds: node.silence(now).as_secs(),
                files: node.files.len(),
                unacknowledged_bytes: node.files.iter().map(|file| file.progress.waits()).sum(),
            });
        });
        all
    }

    /// How many are in each state: they speak, are silent, are lost.
    pub(crate) fn count(&self, lost_after: Duration) -> [u64; 3] {
        let (now, mut counts) = (Instant::now(), [0; 3]);
        self.each(|_, node| counts[node.state(lost_after, now) as usize] += 1);
        counts
    }

    /// What the catalog is to be told now, `all` of it or what is due.
    fn unsaved(&self, all: bool) -> Vec<SavedNode> {
        let (now, mut saved) = (Instant::now(), Vec::new());
        for ((cluster, name), node) in self.known.lock().iter_mut() {
            if node.is_due(now) || (all && node.changed) {
                (node.saved, node.changed) = (Some(now), false);
                let said = saved::encode(node.time_ns, &node.files);
                saved.push(SavedNode { cluster: cluster.to_string(), node: name.to_string(), heard_ns: node.heard_ns, said });
            }
        }
        saved
    }

    /// These could not be saved.
    fn not_saved(&self, nodes: &[SavedNode]) {
        let mut known = self.known.lock();
        for node in nodes {
            if let Some(node) = known.get_mut(&(node.cluster.as_str().into(), node.node.as_str().into())) {
                node.changed = true;
            }
        }
    }

    /// Forgets files of these owners, until a node speaks of them again.
    pub(crate) fn forget(&self, leaves: impl Fn(&Owner) -> bool) {
        for node in self.known.lock().values_mut() {
            let before = node.files.len();
            node.files.retain(|file| !leaves(&file.owner));
            node.changed |= node.files.len() < before;
        }
    }

    /// Whether it is time to look at what may be forgotten; then it has been.
    pub(crate) fn may_forget(&self, now: Instant) -> bool {
        let mut forgot = self.forgot.lock();
        let due = forgot.is_none_or(|at| now.saturating_duration_since(at) >= FORGET_INTERVAL);
        if due {
            *forgot = Some(now);
        }
        due
    }

    /// Forgets the nodes that were heard last before this time; which.
    fn expire(&self, before_ns: i64) -> Vec<Key> {
        let mut known = self.known.lock();
        let old: Vec<Key> = known.iter().filter(|(_, node)| node.heard_ns < before_ns).map(|(key, _)| key.clone()).collect();
        old.iter().for_each(|key| drop(known.remove(key)));
        old
    }
}

impl Engine {
    /// Takes note of how far a collector is.
    pub(crate) fn heard(&self, cluster: &str, beat: Heartbeat, heard_ns: i64) {
        let cluster: Arc<str> = cluster.into();
        let files: Vec<FileId> = beat.files.iter().map(|file| file.file).collect();
        // A heartbeat tells no labels: whose the newest lines were is known from when they came.
        let known = self.sequencer.owners_of(&cluster, &files);
        let owners = beat.files.iter().zip(known).map(|(file, known)| known.unwrap_or_else(|| self.registry.owner_of(&file.stream, &[])));
        let owners = owners.collect();
        let gone: Vec<FileId> = beat.files.iter().filter(|file| file.gone).map(|file| file.file).collect();
        self.sequencer.gone(&cluster, &gone, heard_ns);
        self.nodes.put(&cluster, beat, owners, heard_ns);
    }

    /// Tells the catalog what nodes said. That it cannot be told now is no reason to do nothing else.
    pub(crate) async fn save_nodes(&self, all: bool) {
        let nodes = self.nodes.unsaved(all);
        if nodes.is_empty() {
            return;
        }
        if let Err(error) = self.catalog.save_nodes(&nodes).await {
            tracing::warn!(%error, "what the collectors said of their nodes cannot be kept; it is tried again");
            self.nodes.not_saved(&nodes);
        }
    }

    /// Forgets nodes, marks of files that are gone, and gaps, of which nothing is kept since before this time.
    pub(crate) async fn forget_before(&self, gone_ns: i64, gaps_ns: Option<i64>) -> Result<(), CatalogError> {
        let nodes = self.nodes.expire(gone_ns);
        self.sequencer.gone_with(&nodes, gone_ns);
        let files = self.sequencer.expired(gone_ns);
        let gaps = gaps_ns.filter(|before| self.sequencer.has_gaps_before(*before));
        if nodes.is_empty() && files.is_empty() && gaps.is_none() {
            return Ok(());
        }
        // No snapshot brings back what is forgotten here.
        let _one = self.checkpointing.lock().await;
        self.catalog.forget_before(&nodes, &files, gaps).await?;
        self.sequencer.forget_files(&files);
        if let Some(before) = gaps {
            self.sequencer.forget_gaps(before);
        }
        tracing::info!(nodes = nodes.len(), files = files.len(), "forgot positions of files that are gone and of which nothing is kept");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
