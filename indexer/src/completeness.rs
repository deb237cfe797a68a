//! How far a scope is complete: the gaps that have names, and how far the collectors say they are.

use crate::append::now_ns;
use crate::engine::Engine;
use crate::registry::Scope;
use crate::store::Completeness;
use martlog_formats::wire::Heartbeat;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Nodes that are remembered; beyond that the one that has been silent for longest is forgotten.
const NODES_MAX: usize = 10_000;
/// A node that has said nothing for this long is behind, whatever it said last.
const SILENT_AFTER: Duration = Duration::from_secs(30);

/// The newest heartbeat of each node, in memory: after a restart they come again within seconds.
#[derive(Debug, Default)]
pub(crate) struct Heartbeats {
    nodes: Mutex<HashMap<(Arc<str>, String), Beat>>,
}

#[derive(Debug, Clone)]
struct Beat {
    heard: Instant,
    beat: Arc<Heartbeat>,
}

impl Heartbeats {
    /// Keeps a node's newest heartbeat.
    pub(crate) fn put(&self, cluster: &str, beat: Heartbeat) {
        let key = (Arc::from(cluster), beat.node.clone());
        let mut nodes = self.nodes.lock();
        if nodes.len() >= NODES_MAX
            && !nodes.contains_key(&key)
            && let Some(silent) = nodes.iter().min_by_key(|(_, beat)| beat.heard).map(|(key, _)| key.clone())
        {
            nodes.remove(&silent);
        }
        nodes.insert(key, Beat { heard: Instant::now(), beat: Arc::new(beat) });
    }

    fn all(&self) -> Vec<(Arc<str>, Beat)> {
        self.nodes.lock().iter().map(|((cluster, _), beat)| (cluster.clone(), beat.clone())).collect()
    }
}

/// The gaps within a scope, and the oldest moment that a collector still has something from.
pub(crate) fn completeness(engine: &Engine, scope: &Scope) -> Completeness {
    let mut until_ns: Option<i64> = None;
    let mut waits = false;
    for (cluster, Beat { heard, beat }) in engine.heartbeats.all() {
        for file in &beat.files {
            // A heartbeat tells no labels: whose the newest lines were is known from when they came.
            let owner = engine.sequencer.owner_of(&cluster, file.file).unwrap_or_else(|| engine.registry.owner_of(&file.stream, &[]));
            if scope.allows(&owner) {
                let file_until = file.oldest_unacknowledged_ns.unwrap_or(beat.time_ns);
                until_ns = Some(until_ns.map_or(file_until, |until| until.min(file_until)));
                waits |= file.oldest_unacknowledged_ns.is_some() || heard.elapsed() > SILENT_AFTER;
            }
        }
    }
    let behind = until_ns.filter(|_| waits).map_or(0, |until| now_ns().saturating_sub(until).max(0));
    Completeness {
        until_ns,
        behind_seconds: Duration::from_nanos(behind.unsigned_abs()).as_secs_f64(),
        gaps: engine.sequencer.gaps(|owner| scope.allows(owner)),
        erased: engine.erasures.tombstones.lock().iter().filter(|erased| scope.allows(&erased.owner)).cloned().collect(),
    }
}
