//! How complete an answer is: up to when everything has arrived, how far that is behind, and which lines are missing for ever.

use super::row::{Object, origin_members};
use crate::time::rfc3339;
use martlog_formats::wire::GapReason;
use martlog_indexer::erase::Erased;
use martlog_indexer::store::{Completeness, LostFile, StoredGap};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Gaps that an answer names; of more it tells the number.
const GAPS_MAX: usize = 100;

const DAY_NS: i64 = 86_400_000_000_000;

/// `{"until","gaps":[…],"behind_seconds"}`, with what lost nodes had not sent (`"to": null`: nobody knows) and the gaps that were noticed at or after this time; `until` is null where no collector has reported.
/// A hole among older lines is noticed after them, so later gaps than the range's end belong to the answer too.
pub(super) fn complete(completeness: &Completeness, from_ns: i64) -> Value {
    let gaps: Vec<&StoredGap> = completeness.gaps.iter().filter(|gap| gap.time_ns >= from_ns).collect();
    let all = gaps.len() + completeness.lost.len();
    // What a lost node had not sent concerns every range behind it, and nobody knows how far.
    let lost = completeness.lost.iter().map(lost_value);
    let shown: Vec<Value> = lost.chain(gaps.iter().rev().map(|gap| gap_value(gap))).take(GAPS_MAX).collect();
    let mut complete = json!({
        "until": completeness.until_ns.map(rfc3339),
        "gaps": shown,
        "behind_seconds": (completeness.behind_seconds * 10.0).round() / 10.0,
    });
    if all > GAPS_MAX {
        complete["gaps_total"] = all.into();
    }
    let erased = erased(&completeness.erased, from_ns);
    if !erased.is_empty() {
        complete["erased"] = erased.into();
    }
    complete
}

/// Rows that were erased on purpose, by module, instance and day, the newest days first; days before the range are left out.
fn erased(all: &[Erased], from_ns: i64) -> Vec<Value> {
    let mut days: BTreeMap<(Reverse<i64>, &str, &str), u64> = BTreeMap::new();
    for erased in all.iter().filter(|erased| erased.day_ns.saturating_add(DAY_NS) > from_ns) {
        *days.entry((Reverse(erased.day_ns), &erased.owner.key.module, &erased.owner.instance)).or_default() += erased.rows;
    }
    let day = |day_ns: i64| rfc3339(day_ns).chars().take(10).collect::<String>();
    let one =
        |((Reverse(day_ns), module, instance), rows)| json!({"day": day(day_ns), "module": module, "instance": instance, "rows": rows});
    days.into_iter().take(GAPS_MAX).map(one).collect()
}

/// What a lost node had not sent of a file: a gap whose end is not known.
fn lost_value(lost: &LostFile) -> Value {
    let LostFile { owner, stream, .. } = lost;
    let mut value = json!({
        "time": rfc3339(lost.since_ns),
        "reason": GapReason::NodeLost.as_str(),
        "cluster": &*lost.cluster,
        "node": &*lost.node,
        "namespace": stream.namespace,
        "pod": stream.pod,
        "pod_uid": stream.pod_uid,
        "container": stream.container,
        "restart": stream.restart,
        "from": lost.from,
        "to": null,
        "seen": lost.seen,
    });
    let mut known = |name: &str, text: &str| {
        if !text.is_empty() {
            value[name] = text.into();
        }
    };
    if !owner.key.is_quarantine() {
        known("partner", &owner.key.partner);
        known("module", &owner.key.module);
    }
    known("instance", &owner.instance);
    known("csp", &owner.csp);
    value
}

fn gap_value(gap: &StoredGap) -> Value {
    serde_json::from_str(&gap_json(gap)).unwrap_or_default()
}

/// A gap as one line: whose it is, where, which bytes, why, and when it was noticed.
pub(super) fn gap_json(gap: &StoredGap) -> String {
    let mut out = Vec::new();
    let mut object = Object::begin(&mut out);
    object.text("time", &rfc3339(gap.time_ns));
    object.text("reason", gap.reason.as_str());
    if !gap.owner.key.is_quarantine() {
        object.known("partner", &gap.owner.key.partner);
        object.known("module", &gap.owner.key.module);
    }
    object.known("instance", &gap.owner.instance);
    object.known("csp", &gap.owner.csp);
    origin_members(&mut object, &gap.origin);
    object.known("file", &gap.origin.file_name);
    object.number("from", gap.from);
    object.number("to", gap.to);
    object.number("bytes", gap.to.saturating_sub(gap.from));
    object.end();
    String::from_utf8(out).unwrap_or_default()
}
