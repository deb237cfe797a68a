//! How complete an answer is: up to when everything has arrived, how far that is behind, and which lines are missing for ever.

use super::row::{Object, origin_members};
use crate::time::rfc3339;
use martlog_indexer::erase::Erased;
use martlog_indexer::store::{Completeness, StoredGap};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Gaps that an answer names; of more it tells the number.
const GAPS_MAX: usize = 100;

const DAY_NS: i64 = 86_400_000_000_000;

/// `{"until","gaps":[…],"behind_seconds"}`, with the gaps that were noticed at or after this time; `until` is null where no collector has reported.
/// A hole among older lines is noticed after them, so later gaps than the range's end belong to the answer too.
pub(super) fn complete(completeness: &Completeness, from_ns: i64) -> Value {
    let gaps: Vec<&StoredGap> = completeness.gaps.iter().filter(|gap| gap.time_ns >= from_ns).collect();
    let shown: Vec<Value> = gaps.iter().rev().take(GAPS_MAX).map(|gap| gap_value(gap)).collect();
    let mut complete = json!({
        "until": completeness.until_ns.map(rfc3339),
        "gaps": shown,
        "behind_seconds": (completeness.behind_seconds * 10.0).round() / 10.0,
    });
    if gaps.len() > GAPS_MAX {
        complete["gaps_total"] = gaps.len().into();
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
