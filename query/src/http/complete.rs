//! How complete an answer is: up to when everything has arrived, how far that is behind, and which lines are missing for ever.

use super::row::{Object, origin_members};
use crate::time::rfc3339;
use martlog_indexer::store::{Completeness, StoredGap};
use serde_json::{Value, json};

/// Gaps that an answer names; of more it tells the number.
const GAPS_MAX: usize = 100;

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
    complete
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
