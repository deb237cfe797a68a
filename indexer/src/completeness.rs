//! How far a scope is complete: the gaps that have names, and how far the collectors say they are.

use crate::append::now_ns;
use crate::engine::Engine;
use crate::nodes::{Followed, Key, Node, State};
use crate::registry::Scope;
use crate::row::Owner;
use crate::stats::{INSTANCES_MAX, InstanceLag};
use crate::store::{Completeness, LostFile};
use martlog_formats::wire::GapReason;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The gaps within a scope, and the oldest moment that a collector still has something from. A lost node holds nothing up: what it had not sent has a name.
pub(crate) fn completeness(engine: &Engine, scope: &Scope) -> Completeness {
    let (mut until_ns, mut waits, mut lost) = (None::<i64>, false, Vec::new());
    let now = Instant::now();
    engine.nodes.each(|key, node| {
        let state = node.state(engine.node_lost_after, now);
        for file in &node.files {
            let owner = owner_now(engine, file);
            if !scope.allows(&owner) {
                continue;
            }
            if state == State::Lost {
                lost.push(lost_file(key, node, file, owner));
                continue;
            }
            let file_until = file.progress.oldest_unacknowledged_ns.unwrap_or(node.time_ns);
            until_ns = Some(until_ns.map_or(file_until, |until| until.min(file_until)));
            waits |= file.progress.oldest_unacknowledged_ns.is_some() || state == State::Silent;
        }
    });
    let behind = until_ns.filter(|_| waits).map_or(0, |until| now_ns().saturating_sub(until).max(0));
    Completeness {
        until_ns,
        behind_seconds: Duration::from_nanos(behind.unsigned_abs()).as_secs_f64(),
        gaps: engine.sequencer.gaps(|owner| scope.allows(owner)),
        lost,
        erased: engine.erasures.tombstones.lock().iter().filter(|erased| scope.allows(&erased.owner)).cloned().collect(),
    }
}

/// Whose a file is: what had no owner when it was last heard of may have one by now.
fn owner_now(engine: &Engine, file: &Followed) -> Arc<Owner> {
    if file.owner.key.is_quarantine() { engine.registry.owner_of(&file.progress.stream, &[]) } else { Arc::clone(&file.owner) }
}

fn lost_file((cluster, node): &Key, said: &Node, file: &Followed, owner: Arc<Owner>) -> LostFile {
    LostFile {
        owner,
        cluster: Arc::clone(cluster),
        node: Arc::clone(node),
        stream: file.progress.stream.clone(),
        from: file.progress.acknowledged[0].min(file.progress.acknowledged[1]),
        seen: file.progress.size,
        since_ns: file.progress.oldest_unacknowledged_ns.unwrap_or(said.time_ns),
    }
}

/// What is late or missing, by instance, for whoever watches the store: of each what its own answers say.
pub(crate) fn by_instance(engine: &Engine) -> Vec<InstanceLag> {
    let (now, clock_ns) = (Instant::now(), now_ns());
    let mut all: BTreeMap<Name, Late> = BTreeMap::new();
    let key = |owner: &Owner| (Arc::clone(&owner.key.partner), Arc::clone(&owner.key.module), Arc::clone(&owner.instance));
    engine.nodes.each(|_, node| {
        let state = node.state(engine.node_lost_after, now);
        for file in &node.files {
            let progress = &file.progress;
            let owner = owner_now(engine, file);
            if owner.key.is_quarantine() || (state == State::Ok && progress.oldest_unacknowledged_ns.is_none()) {
                continue;
            }
            let late = all.entry(key(&owner)).or_default();
            if state == State::Lost {
                let waits = progress.size.saturating_sub(progress.acknowledged[0].min(progress.acknowledged[1]));
                late.gap(GapReason::NodeLost, waits);
            } else {
                let since_ns = progress.oldest_unacknowledged_ns.unwrap_or(node.time_ns);
                late.behind_ns = late.behind_ns.max(clock_ns.saturating_sub(since_ns));
            }
        }
    });
    for gap in engine.sequencer.gaps(|owner| !owner.key.is_quarantine()) {
        all.entry(key(&gap.owner)).or_default().gap(gap.reason, gap.to.saturating_sub(gap.from));
    }
    let mut all: Vec<InstanceLag> = all.into_iter().map(|(key, late)| late.told(key)).collect();
    all.sort_by(|a, b| b.behind_seconds.total_cmp(&a.behind_seconds));
    all.truncate(INSTANCES_MAX);
    all
}

/// Partner, module, instance.
type Name = (Arc<str>, Arc<str>, Arc<str>);

#[derive(Debug, Default)]
struct Late {
    behind_ns: i64,
    gaps: BTreeMap<&'static str, (u64, u64)>,
}

impl Late {
    fn gap(&mut self, reason: GapReason, bytes: u64) {
        let known = self.gaps.entry(reason.as_str()).or_default();
        (known.0, known.1) = (known.0 + 1, known.1 + bytes);
    }

    fn told(self, (partner, module, instance): Name) -> InstanceLag {
        InstanceLag {
            partner: partner.to_string(),
            module: module.to_string(),
            instance: instance.to_string(),
            behind_seconds: Duration::from_nanos(self.behind_ns.max(0).unsigned_abs()).as_secs_f64(),
            gaps: self.gaps.into_iter().map(|(reason, (count, bytes))| (reason, count, bytes)).collect(),
        }
    }
}
