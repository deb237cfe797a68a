//! How far a scope is complete: the gaps that have names, and how far the collectors say they are.

use crate::append::now_ns;
use crate::engine::Engine;
use crate::nodes::{Followed, Key, Node, State};
use crate::registry::Scope;
use crate::row::Owner;
use crate::store::{Completeness, LostFile};
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
pub(crate) fn owner_now(engine: &Engine, file: &Followed) -> Arc<Owner> {
    if file.owner.key.is_quarantine() { engine.registry.owner_of(&file.progress.stream, &[]) } else { Arc::clone(&file.owner) }
}

fn lost_file((cluster, node): &Key, said: &Node, file: &Followed, owner: Arc<Owner>) -> LostFile {
    LostFile {
        owner,
        cluster: Arc::clone(cluster),
        node: Arc::clone(node),
        stream: file.progress.stream.clone(),
        from: file.progress.arrived(),
        seen: file.progress.size,
        since_ns: file.progress.oldest_unacknowledged_ns.unwrap_or(said.time_ns),
    }
}
