//! Request ids inside text: `REQ <b7ad6b7169203331>`, `[Req-ID: 9b2c8a4e-11aa]`, `[req-38101a0b-… …]`, `request_id=…`, `trace_id: …`,
//! `"traceId":"…"`. An `x-request-id` is the unique id, as the format names it.

use crate::limits::ID_BYTES_MAX;
use aho_corasick::{AhoCorasick, Input, MatchKind};

/// Labels, the field they stand for, and whether the label may stand without a separator before its value.
const LABELS: &[(&str, &str)] = &[
    ("req <", "request_id"),
    ("[req-", "request_id"),
    ("req-id", "request_id"),
    ("req_id", "request_id"),
    ("reqid", "request_id"),
    ("request_id", "request_id"),
    ("request-id", "request_id"),
    ("requestid", "request_id"),
    ("request id", "request_id"),
    ("trace_id", "request_id"),
    ("trace-id", "request_id"),
    ("traceid", "request_id"),
    ("x-request-id", "unique_id"),
    ("unique_id", "unique_id"),
];

/// Words in the place of an id that say there is none.
const NONE: [&str; 6] = ["none", "null", "nil", "undefined", "unknown", "n/a"];

/// Finds request ids. Built once per profile.
#[derive(Debug)]
pub struct RequestIdFinder {
    automaton: Option<AhoCorasick>,
}

impl Default for RequestIdFinder {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestIdFinder {
    /// Prepares the search.
    #[must_use]
    pub fn new() -> Self {
        let mut builder = AhoCorasick::builder();
        let automaton = builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest);
        Self { automaton: automaton.build(LABELS.iter().map(|(label, _)| label)).ok() }
    }

    /// The first id in a text, with the field that it belongs to. A request id goes before a unique id.
    #[must_use]
    pub fn find<'t>(&self, text: &'t str) -> Option<(&'static str, &'t str)> {
        let mut unique = None;
        let mut from = 0;
        while let Some(found) = self.automaton.as_ref()?.find(Input::new(text).range(from..)) {
            // Not behind it: `[Req-ID` begins like `[req-38101a0b…`.
            from = found.start() + 1;
            let (label, field) = LABELS.get(found.pattern().as_usize())?;
            let Some(id) = id_behind(text, found.start(), found.end(), label) else { continue };
            if *field == "request_id" {
                return Some((field, id));
            }
            unique.get_or_insert((*field, id));
        }
        unique
    }
}

/// The id behind a label that lies at `start..end`.
fn id_behind<'t>(text: &'t str, start: usize, end: usize, label: &str) -> Option<&'t str> {
    let bytes = text.as_bytes();
    // `x_request_id` and `parent_trace_id` are other names.
    if start > 0
        && label.as_bytes()[0].is_ascii_alphanumeric()
        && matches!(bytes[start - 1], b'_' | b'-' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
    {
        let b3 = text[..start].to_ascii_lowercase().ends_with("x-b3-");
        if !b3 {
            return None;
        }
    }
    if label == "[req-" {
        // The id keeps its `req-`: `[Req-ID: …]` is another label.
        return whole_id(&text[start + 1..])
            .filter(|id| id.len() >= 12 && bytes.get(start + 1 + id.len()).is_some_and(|byte| matches!(byte, b' ' | b']')));
    }
    let mut rest = &text[end..];
    if !label.ends_with('<') {
        rest = rest.trim_start_matches(['\\', '"', '\'', ' ', ']']);
        rest = rest.strip_prefix([':', '=']).or_else(|| rest.strip_prefix(['<', '(']))?;
        rest = rest.trim_start_matches(['\\', '"', '\'', ' ', '<', '>']);
    }
    whole_id(rest)
}

/// The id at the beginning of a text; `None` where something else stands there.
fn whole_id(text: &str) -> Option<&str> {
    let length = text
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'@' | b'/' | b'+' | b'='))
        .count();
    let id = text[..length].trim_end_matches(['.', ':', '=', '-', '/']);
    let absent = NONE.iter().any(|word| word.eq_ignore_ascii_case(id));
    (!id.is_empty() && id.len() <= ID_BYTES_MAX && !absent && id.bytes().any(|byte| byte.is_ascii_alphanumeric())).then_some(id)
}
