//! Rows as JSON: one object on one line.
//!
//! ```text
//! {"id","time","level","severity","message","partner","module","instance","csp","environment","version","verdict","problems":[…],
//!  "redactions":{kind: count},"attributes":{…},"arrived","read","late_seconds","source":{"cluster","node","namespace","pod","pod_uid","container","restart","stream","file","offset"}}
//! ```
//!
//! What is not known is absent; `late_seconds` says by how much a line arrived after its time, when that is more than an hour; `problems` and `attributes` are always there. Times are RFC 3339 to the nanosecond. The attributes are the text that
//! was stored, number spelling and key order included: it is not read again, only its line breaks (which are no part of a value) become spaces.

use crate::pipes;
use crate::time::rfc3339;
use martlog_indexer::row::{Origin, Row};
use schemars::JsonSchema;

/// A row as it is written below, for the API's document; a test holds both together.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[schemars(rename = "Row", deny_unknown_fields)]
#[cfg_attr(test, serde(deny_unknown_fields))]
#[allow(dead_code, reason = "rows are written by hand, field by field")]
pub(super) struct RowTold {
    /// Its id, within this store's epoch.
    id: String,
    /// When it was said.
    time: String,
    /// `trace` to `fatal`.
    level: Option<String>,
    /// The severity number, 1 to 24.
    severity: Option<u8>,
    /// The text.
    message: String,
    /// Whose it is; absent in the quarantine.
    partner: Option<String>,
    /// See `partner`.
    module: Option<String>,
    /// The deployment of the module.
    instance: Option<String>,
    /// The telco.
    csp: Option<String>,
    /// Such as `production`.
    environment: Option<String>,
    /// The module's.
    version: Option<String>,
    /// `ok`, `repaired`, `raw` or `rejected`.
    verdict: String,
    /// Reason codes of the verdict.
    problems: Vec<String>,
    /// What was taken out, by kind.
    redactions: Option<std::collections::BTreeMap<String, u64>>,
    /// Everything else that the line had.
    attributes: serde_json::Map<String, serde_json::Value>,
    /// When it was stored.
    arrived: String,
    /// When the container's runtime, or whoever pushed it, had it.
    read: String,
    /// By how much it was stored after its time, when that is more than an hour.
    late_seconds: Option<u64>,
    /// Where it came from.
    source: SourceTold,
}

/// Where a line came from.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[schemars(rename = "Source", deny_unknown_fields)]
#[cfg_attr(test, serde(deny_unknown_fields))]
#[allow(dead_code, reason = "see RowTold")]
struct SourceTold {
    /// `ingest` for what was pushed.
    cluster: Option<String>,
    node: Option<String>,
    namespace: Option<String>,
    pod: Option<String>,
    pod_uid: Option<String>,
    container: Option<String>,
    /// How often the container had begun anew.
    restart: Option<u32>,
    /// `stdout` or `stderr`.
    stream: Option<String>,
    file: Option<String>,
    /// Where the line begins in the file, bytes.
    offset: Option<u64>,
}

/// What arrives within an hour of its time is not marked: queues and restarts take minutes.
const LATE_NS: i128 = 3_600_000_000_000;

/// Writes a row, without a line end. `epoch` is the store's: it is part of the id.
pub(super) fn write(out: &mut Vec<u8>, row: &Row, epoch: u64) {
    let record = &row.record;
    let mut object = Object::begin(out);
    object.text("id", &pipes::id(row, epoch));
    object.text("time", &rfc3339(record.time_ns));
    if let Some(severity) = record.severity {
        object.text("level", severity.level());
        object.number("severity", u64::from(severity.number()));
    }
    object.text("message", &record.message);
    if !row.owner.key.is_quarantine() {
        object.known("partner", &row.owner.key.partner);
        object.known("module", &row.owner.key.module);
    }
    object.known("instance", &row.owner.instance);
    object.known("csp", &row.owner.csp);
    object.known("environment", &row.owner.environment);
    object.known("version", &row.owner.version);
    object.text("verdict", record.verdict.as_str());
    object.key("problems");
    list(object.out, record.problems.iter().map(martlog_formats::Problem::code));
    if !record.redactions.is_empty() {
        object.key("redactions");
        let mut redactions = Object::begin(object.out);
        for (kind, count) in &record.redactions {
            redactions.number(kind.as_str(), u64::from(*count));
        }
        redactions.end();
    }
    object.key("attributes");
    attributes(object.out, &record.attributes);
    object.text("arrived", &rfc3339(row.arrived_ns));
    object.text("read", &rfc3339(record.runtime_time_ns));
    if let Some(late) = late_seconds(row) {
        object.number("late_seconds", late);
    }
    object.key("source");
    source(object.out, &row.origin, row.offset);
    object.end();
}

/// By how much a row came after its time, when that is more than [`LATE_NS`]: its node was cut off, or its clock is wrong.
fn late_seconds(row: &Row) -> Option<u64> {
    let late_ns = i128::from(row.arrived_ns) - i128::from(row.record.time_ns);
    (late_ns > LATE_NS).then(|| u64::try_from(late_ns / 1_000_000_000).unwrap_or(u64::MAX))
}

/// Where the line came from. What has no pod was pushed, and has neither file nor offset.
pub(super) fn source(out: &mut Vec<u8>, origin: &Origin, offset: u64) {
    let mut object = Object::begin(out);
    origin_members(&mut object, origin);
    if !origin.pod.is_empty() {
        object.known("file", &origin.file_name);
        object.number("offset", offset);
    }
    object.end();
}

/// The members of an origin.
pub(super) fn origin_members(object: &mut Object<'_>, origin: &Origin) {
    object.known("cluster", &origin.cluster);
    object.known("node", &origin.node);
    object.known("namespace", &origin.namespace);
    if !origin.pod.is_empty() {
        object.text("pod", &origin.pod);
        object.known("pod_uid", &origin.pod_uid);
        object.known("container", &origin.container);
        object.number("restart", u64::from(origin.restart));
        object.text("stream", origin.substream.as_str());
    }
}

fn attributes(out: &mut Vec<u8>, text: &str) {
    if text.is_empty() {
        return out.extend(b"{}");
    }
    let start = out.len();
    out.extend(text.as_bytes());
    // In JSON a raw line break stands between tokens only.
    out[start..].iter_mut().filter(|byte| matches!(**byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}

fn list<'a>(out: &mut Vec<u8>, items: impl Iterator<Item = &'a str>) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        string(out, item);
    }
    out.push(b']');
}

fn string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    let _infallible = serde_json::to_writer(out, text);
}

/// An object that is written member by member.
pub(super) struct Object<'a> {
    pub(super) out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Object<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    pub(super) fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        string(self.out, key);
        self.out.push(b':');
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        string(self.out, value);
    }

    /// Nothing where the value is empty: it is not known.
    pub(super) fn known(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.text(key, value);
        }
    }

    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        self.out.extend(value.to_string().as_bytes());
    }

    pub(super) fn end(self) {
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use martlog_formats::wire::{FileId, Substream};
    use martlog_formats::{Problem, Problems, Record, RedactionKind, Severity, Verdict};
    use martlog_indexer::row::{ModuleKey, Owner};
    use std::sync::Arc;

    fn row() -> Row {
        let mut problems = Problems::default();
        problems.insert(Problem::AliasUsed);
        problems.insert(Problem::SecretRedacted);
        let owner = Owner {
            key: ModuleKey { partner: "acme".into(), module: "sms".into() },
            instance: "sms-434".into(),
            csp: "434".into(),
            environment: "".into(),
            version: "2.4.1".into(),
        };
        let origin = Origin {
            cluster: "eu".into(),
            node: "n1".into(),
            namespace: "ns".into(),
            pod: "sms-0".into(),
            pod_uid: "u".into(),
            container: "main".into(),
            restart: 0,
            substream: Substream::Stderr,
            file: FileId(7),
            file_name: "0.log".into(),
        };
        let record = Record {
            time_ns: 1_795_342_370_353_000_001,
            runtime_time_ns: 1_795_342_370_354_000_000,
            severity: Some(Severity::CRITICAL),
            verdict: Verdict::Repaired,
            problems,
            redactions: vec![(RedactionKind::Password, 2)],
            message: "a \"b\"\n\u{2028}\u{1}".into(),
            attributes: "{\"n\": 1.50,\n\"z\":null, \"a\":\"x\\n\"}".into(),
        };
        Row { seq: 12, arrived_ns: 1_795_342_370_400_000_000, owner: Arc::new(owner), origin: Arc::new(origin), offset: 99, record }
    }

    fn written(row: &Row) -> String {
        let mut out = Vec::new();
        write(&mut out, row, 0xab);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_is_one_line_with_its_attributes_as_they_were_stored() {
        let text = written(&row());
        assert!(text.contains("{\"n\": 1.50, \"z\":null, \"a\":\"x\\n\"}") && !text.contains('\n'), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "id": "sms/ab/12", "time": "2026-11-22T10:12:50.353000001Z", "level": "error", "severity": 18, "message": "a \"b\"\n\u{2028}\u{1}",
            "partner": "acme", "module": "sms", "instance": "sms-434", "csp": "434", "version": "2.4.1", "verdict": "repaired",
            "problems": ["secret_redacted", "alias_used"], "redactions": {"password": 2}, "attributes": {"n": 1.5, "z": null, "a": "x\n"},
            "arrived": "2026-11-22T10:12:50.400Z", "read": "2026-11-22T10:12:50.354Z",
            "source": {"cluster": "eu", "node": "n1", "namespace": "ns", "pod": "sms-0", "pod_uid": "u", "container": "main", "restart": 0,
                "stream": "stderr", "file": "0.log", "offset": 99},
        });
        assert_eq!(value, expected);
        serde_json::from_value::<RowTold>(value).expect("what the document says of rows");
    }

    #[test]
    fn a_line_that_came_late_says_so() {
        let mut row = row();
        let late = |row: &Row| serde_json::from_str::<serde_json::Value>(&written(row)).unwrap().get("late_seconds").cloned();
        row.arrived_ns = row.record.time_ns + 3_600_000_000_000;
        assert_eq!(late(&row), None);
        row.arrived_ns += 1;
        assert_eq!(late(&row), Some(3_600.into()));
        row.record.time_ns = i64::MIN;
        assert_eq!(late(&row), Some(11_018_718_007_u64.into()));
        row.record.time_ns = i64::MAX;
        assert_eq!(late(&row), None, "a clock that runs ahead is not late");
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let mut row = row();
        row.record.severity = None;
        row.record.attributes.clear();
        row.record.problems = Problems::default();
        row.record.redactions.clear();
        row.origin =
            Arc::new(Origin { cluster: "ingest".into(), node: "".into(), namespace: "".into(), pod: "".into(), ..(*row.origin).clone() });
        let value: serde_json::Value = serde_json::from_str(&written(&row)).unwrap();
        let has = |key: &str| value.get(key).is_some();
        assert!(!has("level") && !has("severity") && !has("redactions") && !has("environment"));
        assert_eq!((&value["attributes"], &value["problems"]), (&serde_json::json!({}), &serde_json::json!([])));
        assert_eq!(value["source"], serde_json::json!({"cluster": "ingest"}));
    }
}
