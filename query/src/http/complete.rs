//! How complete an answer is: up to when everything has arrived, how far that is behind, and which lines are missing for ever.

use super::row::{Object, origin_members};
use crate::time::rfc3339;
use martlog_formats::wire::GapReason;
use martlog_indexer::erase::Erased;
use martlog_indexer::store::{Completeness, LostFile, StoredGap};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Gaps that an answer names; of more it tells the number, and `/api/v1/gaps` has them all.
const GAPS_MAX: usize = 100;

const DAY_NS: i64 = 86_400_000_000_000;

/// How complete an answer is.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(super) struct Complete {
    /// Everything that was printed before this has arrived; null where no collector has reported.
    until: Option<String>,
    /// Lines that are missing for ever, the newest first; 100 at most.
    gaps: Vec<GapTold>,
    /// How far `until` is behind the clock.
    behind_seconds: f64,
    /// How many gaps there are, when that is more: `/api/v1/gaps` lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps_total: Option<usize>,
    /// Rows that were erased on purpose.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    erased: Vec<ErasedTold>,
}

/// Bytes of a file that are missing for ever; what is not known is absent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Gap")]
pub(super) struct GapTold {
    /// When it was noticed.
    time: String,
    /// Why, such as `rotated_away`.
    reason: String,
    /// The first missing byte.
    from: u64,
    /// One past the last one; null for what a lost node had not sent, of which nobody knows how far it goes.
    to: Option<u64>,
    /// How many, where `to` is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Whose, and where: `partner`, `module`, `instance`, `csp`, `cluster`, `node`, `namespace`, `pod`, `pod_uid`, `container`, `restart`, `stream`, `file`; of a lost node `seen`.
    #[serde(flatten)]
    more: BTreeMap<String, serde_json::Value>,
}

/// Rows of an instance and a day that were erased.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ErasedDay")]
struct ErasedTold {
    /// The UTC day.
    day: String,
    /// The module.
    module: String,
    /// The instance.
    instance: String,
    /// How many.
    rows: u64,
}

/// `{"until","gaps":[…],"behind_seconds"}`, with what lost nodes had not sent (`"to": null`: nobody knows) and the gaps that were noticed at or after this time; `until` is null where no collector has reported.
/// A hole among older lines is noticed after them, so later gaps than the range's end belong to the answer too.
pub(super) fn complete(completeness: &Completeness, from_ns: i64) -> Complete {
    let gaps: Vec<&StoredGap> = completeness.gaps.iter().filter(|gap| gap.time_ns >= from_ns).collect();
    let all = gaps.len() + completeness.lost.len();
    // What a lost node had not sent concerns every range behind it, and nobody knows how far.
    let lost = completeness.lost.iter().map(lost_value);
    let told = lost.chain(gaps.iter().rev().map(|gap| gap_value(gap))).take(GAPS_MAX);
    Complete {
        until: completeness.until_ns.map(rfc3339),
        gaps: told.filter_map(|gap| serde_json::from_value(gap).ok()).collect(),
        behind_seconds: (completeness.behind_seconds * 10.0).round() / 10.0,
        gaps_total: Some(all).filter(|all| *all > GAPS_MAX),
        erased: erased(&completeness.erased, from_ns),
    }
}

/// Rows that were erased on purpose, by module, instance and day, the newest days first; days before the range are left out.
fn erased(all: &[Erased], from_ns: i64) -> Vec<ErasedTold> {
    let mut days: BTreeMap<(Reverse<i64>, &str, &str), u64> = BTreeMap::new();
    for erased in all.iter().filter(|erased| erased.day_ns.saturating_add(DAY_NS) > from_ns) {
        *days.entry((Reverse(erased.day_ns), &erased.owner.key.module, &erased.owner.instance)).or_default() += erased.rows;
    }
    let day = |day_ns: i64| rfc3339(day_ns).chars().take(10).collect::<String>();
    let one = |((Reverse(day_ns), module, instance), rows): ((Reverse<i64>, &str, &str), u64)| ErasedTold {
        day: day(day_ns),
        module: module.to_owned(),
        instance: instance.to_owned(),
        rows,
    };
    days.into_iter().take(GAPS_MAX).map(one).collect()
}

/// What a lost node had not sent of a file: a gap whose end is not known.
pub(super) fn lost_value(lost: &LostFile) -> Value {
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

pub(super) fn gap_value(gap: &StoredGap) -> Value {
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
