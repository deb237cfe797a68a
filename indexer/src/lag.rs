//! What is late or missing of each instance, for metrics: the same that its answers say of their completeness.
//!
//! Units: ns since the epoch, bytes. Bound: [`INSTANCES_MAX`] instances, those that are furthest behind.

use crate::append::now_ns;
use crate::completeness::owner_now;
use crate::engine::Engine;
use crate::nodes::State;
use crate::row::Owner;
use crate::stats::{INSTANCES_MAX, InstanceLag};
use martlog_formats::wire::GapReason;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
                late.gap(GapReason::NodeLost, progress.waits());
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
