//! `POST /api/v1/check {"text"}`: what would become of lines, without keeping them: for the author of a module.
//!
//! Lines are joined and parsed as the collector does it, by the usual settings: the policy of an instance is not asked. Each record comes with its verdict, its problems with their
//! places in the text and what to change, what was removed, and what would be kept. Nothing is stored, and the audit is not told: the text is the asker's own.

use super::{App, answered, body, now_ns};
use crate::time::rfc3339;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use martlog_formats::multiline::{Decision, Joiner};
use martlog_formats::places::places;
use martlog_formats::{Profile, Record, Severity, Verdict, parse};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::Range;

/// The body, bytes: a line of the greatest length that is kept, escaped, and one that is too long.
const BODY_BYTES_MAX: usize = 768 << 10;
/// Records that are told one by one; of the others the verdicts are counted.
const RECORDS_MAX: usize = 100;
/// Places that are told of one record.
const PLACES_MAX: usize = 200;

/// The body of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CheckQuestion")]
pub(super) struct CheckBody {
    /// What a module prints: one line or several.
    text: String,
}

/// What would become of it.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Checked")]
pub(super) struct CheckTold {
    /// The first hundred.
    records: Vec<RecordTold>,
    verdicts: VerdictsTold,
    /// Records beyond those.
    more: usize,
}

/// Records by verdict.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "CheckedVerdicts")]
struct VerdictsTold {
    ok: usize,
    repaired: usize,
    raw: usize,
    rejected: usize,
}

/// One record.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CheckedRecord")]
struct RecordTold {
    /// The number of its first line, from 1.
    line: usize,
    /// Lines that it has.
    lines: usize,
    /// `ok`, `repaired`, `raw` or `rejected`.
    verdict: &'static str,
    problems: Vec<ProblemTold>,
    /// How many secrets of each kind are removed.
    redactions: BTreeMap<&'static str, u16>,
    /// What is kept.
    kept: KeptTold,
}

/// Why the verdict is what it is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CheckedProblem")]
struct ProblemTold {
    code: &'static str,
    /// What the module's author changes.
    fix: &'static str,
    /// Where in the text it is; none where something is missing.
    spans: Vec<SpanTold>,
}

/// A part of the text.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CheckedSpan")]
struct SpanTold {
    /// From and to in UTF-16 units, as an editor in a browser counts.
    utf16: [usize; 2],
    /// From and to in bytes.
    bytes: [usize; 2],
}

/// A record as it would be kept.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CheckedKept")]
struct KeptTold {
    time: String,
    level: Option<&'static str>,
    message: String,
    /// The other fields; null where there are none.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    attributes: Option<Box<RawValue>>,
}

pub(super) async fn check(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: CheckBody = body::json(&headers, body, BODY_BYTES_MAX).await?;
    let _place = app.search_place(&scope)?;
    let checked = tokio::task::spawn_blocking(move || checked(&body.text, now_ns())).await;
    answered(&checked.map_err(|_| Problem::new(500, "internal", "The server failed", "the text could not be checked: please report it"))?)
}

/// Parses the text and tells of it.
fn checked(text: &str, now_ns: i64) -> CheckTold {
    let profile = Profile::default();
    let units = units(text);
    let mut told = CheckTold::default();
    for piece in pieces(text) {
        let joined = piece.text(text);
        let record = parse(joined.as_bytes(), now_ns, &profile);
        told.verdicts.count(record.verdict);
        if told.records.len() == RECORDS_MAX {
            told.more += 1;
            continue;
        }
        let problems = problems(&piece, &joined, &record, &profile, &units);
        told.records.push(RecordTold::of(&piece, record, problems));
    }
    told
}

/// The lines of one record in the text.
struct Piece {
    /// The number of the first one, from 1.
    first: usize,
    /// Each one without its end, bytes of the text.
    lines: Vec<Range<usize>>,
}

impl Piece {
    /// The lines as one, as a collector joins them.
    fn text(&self, text: &str) -> String {
        self.lines.iter().map(|line| &text[line.clone()]).collect::<Vec<_>>().join("\n")
    }

    /// The place in the text of a byte of the joined lines.
    fn place(&self, mut at: usize) -> usize {
        for line in &self.lines {
            if at <= line.len() {
                return line.start + at;
            }
            at -= line.len() + 1;
        }
        self.lines.last().map_or(0, |line| line.end)
    }
}

/// The records of a text, by their lines.
fn pieces(text: &str) -> Vec<Piece> {
    let (mut joiner, mut found, mut start) = (Joiner::new(), Vec::<Piece>::new(), 0);
    for (at, raw) in text.split('\n').enumerate() {
        let line = raw.strip_suffix('\r').unwrap_or(raw);
        let range = start..start + line.len();
        start += raw.len() + 1;
        // An empty end is no line, and an empty line outside of a record is none.
        if line.is_empty() && (joiner.is_idle() || start > text.len()) {
            continue;
        }
        match (joiner.push(line.as_bytes()), found.last_mut()) {
            (Decision::Continue { .. }, Some(piece)) => piece.lines.push(range),
            _ => found.push(Piece { first: at + 1, lines: vec![range] }),
        }
    }
    found
}

/// The UTF-16 units before each byte of a text.
fn units(text: &str) -> Vec<u32> {
    let mut units = Vec::with_capacity(text.len() + 1);
    let mut seen = 0_u32;
    for c in text.chars() {
        units.extend(std::iter::repeat_n(seen, c.len_utf8()));
        seen = seen.saturating_add(if c.len_utf16() == 2 { 2 } else { 1 });
    }
    units.push(seen);
    units
}

fn problems(piece: &Piece, joined: &str, record: &Record, profile: &Profile, units: &[u32]) -> Vec<ProblemTold> {
    let mut told: Vec<ProblemTold> =
        record.problems.iter().map(|problem| ProblemTold { code: problem.code(), fix: problem.fix(), spans: Vec::new() }).collect();
    for (problem, range) in places(joined, record, profile).into_iter().take(PLACES_MAX) {
        let bytes = [piece.place(range.start), piece.place(range.end)];
        let utf16 = bytes.map(|byte| units.get(byte).map_or(0, |units| *units as usize));
        if let Some(told) = told.iter_mut().find(|told| told.code == problem.code()) {
            told.spans.push(SpanTold { utf16, bytes });
        }
    }
    told
}

impl VerdictsTold {
    fn count(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Ok => &mut self.ok,
            Verdict::Repaired => &mut self.repaired,
            Verdict::Raw => &mut self.raw,
            Verdict::Rejected => &mut self.rejected,
        } += 1;
    }
}

impl RecordTold {
    fn of(piece: &Piece, record: Record, problems: Vec<ProblemTold>) -> Self {
        Self {
            line: piece.first,
            lines: piece.lines.len(),
            verdict: record.verdict.as_str(),
            problems,
            redactions: record.redactions.iter().map(|(kind, count)| (kind.as_str(), *count)).collect(),
            kept: KeptTold {
                time: rfc3339(record.time_ns),
                level: record.severity.map(Severity::level),
                message: record.message,
                attributes: RawValue::from_string(record.attributes).ok(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_NS: i64 = 1_795_342_370_000_000_000;

    #[test]
    fn lines_are_joined_counted_and_marked_where_the_text_has_them() {
        let text = "plain one\r\nTraceback (most recent call last):\r\n  File \"a.py\", line 1\r\nValueError: é\n\n{\"é\":1,\"level\":\"eror\",\"message\":\"m\"}\n";
        let told = checked(text, NOW_NS);
        let lines: Vec<_> = told.records.iter().map(|record| (record.line, record.lines, record.verdict)).collect();
        assert_eq!(lines, [(1, 1, "raw"), (2, 4, "raw"), (6, 1, "repaired")], "an empty line behind a trace may be a part of it");
        let level = told.records[2].problems.iter().find(|problem| problem.code == "unknown_level").unwrap();
        let [SpanTold { utf16, bytes }] = &*level.spans else { panic!("{level:?}") };
        assert_eq!(&text[bytes[0]..bytes[1]], "\"eror\"");
        let seen: Vec<u16> = text.encode_utf16().collect();
        assert_eq!(String::from_utf16_lossy(&seen[utf16[0]..utf16[1]]), "\"eror\"");
        let trace = &told.records[1].problems[0].spans[0].bytes;
        assert!(text[trace[0]..trace[1]].starts_with("Traceback") && text[trace[0]..trace[1]].ends_with("ValueError: é"));
    }

    #[test]
    fn what_is_kept_and_removed_is_told_and_the_answer_is_bounded() {
        let told = checked(
            "{\"timestamp\":\"2026-11-22T10:12:50Z\",\"level\":\"info\",\"message\":\"in\",\"password\":\"hunter2\",\"n\":1.50}",
            NOW_NS,
        );
        let [record] = &*told.records else { panic!("{told:?}") };
        assert_eq!((record.verdict, record.redactions.get("password")), ("repaired", Some(&1)));
        assert_eq!(record.kept.attributes.as_ref().unwrap().get(), "{\"password\":\"[redacted:password]\",\"n\":1.50}");
        let answer = serde_json::to_string(&told).unwrap();
        assert!(!answer.contains("hunter2"), "{answer}");
        let many = checked(&"{\"level\":\"info\"}\n".repeat(150), NOW_NS);
        assert_eq!((many.records.len(), many.more, many.verdicts.repaired), (100, 50, 150));
        assert!(checked("\n\r\n", NOW_NS).records.is_empty());
    }
}
