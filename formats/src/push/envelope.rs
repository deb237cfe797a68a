//! A line in its envelope becomes a record.
//!
//! The line counts first: what it says of time, level and message is kept as it would be from a container's file. The envelope fills in what it does not say, and
//! its attributes stand beside the line's. Where both have a key, the line's is found under it and the envelope's under `_envelope.<key>`.

use super::{Form, Item};
use crate::json;
use crate::limits;
use crate::parse::{Added, added};
use crate::record::{Problem, Problems, Record, RedactionKind, Verdict};
use crate::{Profile, parse, parse_object};
use std::borrow::Cow;
use std::collections::HashSet;

/// The object of attributes whose names the line itself has.
const ENVELOPE_KEY: &str = "_envelope";
/// The envelope's time where it is too far from the clock to be the record's.
const TIME_KEY: &str = "_envelope_time";

/// Room for the mark of a cut and the object around a message, bytes.
const MARK_BYTES: usize = 64;

/// The record of a line that arrived now.
#[must_use]
pub fn record(item: &Item<'_>, arrived_ns: i64, profile: &Profile) -> Record {
    let near = item.time_ns.filter(|time_ns| time_ns.abs_diff(arrived_ns) <= limits::SKEW_NS_MAX);
    let mut record = line(item, near.unwrap_or(arrived_ns), profile);
    record.runtime_time_ns = arrived_ns;
    let mut found = Found { wrong: item.wrong, ..Found::default() };
    if near.is_some() {
        found.said.insert(Problem::MissingTimestamp);
    }
    if item.severity.is_some() {
        found.said.insert(Problem::MissingLevel);
        record.severity = record.severity.or(item.severity);
    }
    let far = item.time_ns.filter(|_| near.is_none());
    if far.is_some() {
        found.wrong.insert(Problem::ClockSkew);
    }
    if let Some(Added { attributes, problems, redactions }) = added(&item.fields, profile) {
        found.wrong.0 |= problems.0;
        add_redactions(&mut record.redactions, redactions);
        record.attributes = joined(&record.attributes, &attributes);
    }
    if let Some(time_ns) = far {
        record.attributes = joined(&record.attributes, &format!("{{\"{TIME_KEY}\":{time_ns}}}"));
    }
    settle(&mut record, &found);
    record
}

/// What the envelope changes about the reasons of a verdict.
#[derive(Debug, Default)]
struct Found {
    /// The envelope says what the line does not.
    said: Problems,
    /// Something of the envelope itself is wrong.
    wrong: Problems,
}

fn line(item: &Item<'_>, time_ns: i64, profile: &Profile) -> Record {
    match item.form {
        Form::Line => parse(&item.line, time_ns, profile),
        Form::Message => parse_object(&item.line, time_ns, profile).unwrap_or_else(|| message(&item.line, time_ns, profile)),
    }
}

/// A text that is a message and nothing else.
fn message(text: &[u8], time_ns: i64, profile: &Profile) -> Record {
    let decoded = String::from_utf8_lossy(text);
    // The object around it must not be cut for it.
    let kept = limits::prefix(&decoded, profile.settings().limits.line_bytes.saturating_sub(MARK_BYTES));
    let cut = kept.len() < decoded.len();
    let mut object = String::with_capacity(kept.len() + MARK_BYTES);
    object.push_str("{\"message\":");
    match cut {
        true => json::push_string(&mut object, &format!("{kept}{}", limits::cut_mark(decoded.len()))),
        false => json::push_string(&mut object, kept),
    }
    object.push('}');
    let mut record = parse(object.as_bytes(), time_ns, profile);
    if cut {
        record.problems.insert(Problem::TooLong);
    }
    if matches!(decoded, Cow::Owned(_)) {
        record.problems.insert(Problem::BadUtf8);
    }
    record
}

fn settle(record: &mut Record, found: &Found) {
    record.problems = Problems((record.problems.0 & !found.said.0) | found.wrong.0);
    if matches!(record.verdict, Verdict::Ok | Verdict::Repaired) {
        record.verdict = if record.problems.is_empty() { Verdict::Ok } else { Verdict::Repaired };
    }
}

fn add_redactions(into: &mut Vec<(RedactionKind, u16)>, more: Vec<(RedactionKind, u16)>) {
    for (kind, count) in more {
        match into.binary_search_by_key(&kind, |(known, _)| *known) {
            Ok(at) => into[at].1 = into[at].1.saturating_add(count),
            Err(at) => into.insert(at, (kind, count)),
        }
    }
}

/// The attributes of the line with those of the envelope behind them.
fn joined(line: &str, envelope: &str) -> String {
    if line.is_empty() || envelope.is_empty() {
        return if line.is_empty() { envelope.to_owned() } else { line.to_owned() };
    }
    let mut keys = HashSet::new();
    json::object(line, |entry| {
        keys.insert(entry.key());
    });
    let mut out = String::with_capacity(line.len() + envelope.len() + 16);
    out.push_str(line.trim_end().strip_suffix('}').unwrap_or(line));
    let mut doubled = String::new();
    json::object(envelope, |entry| {
        let into = if keys.contains(&entry.key()) { &mut doubled } else { &mut out };
        into.push_str(",\"");
        into.push_str(entry.raw_key);
        into.push_str("\":");
        into.push_str(entry.value.raw);
    });
    if let Some(first) = doubled.strip_prefix(',') {
        out.push_str(",\"");
        // A line that has this key as well is left with both, and the last one counts.
        out.push_str(ENVELOPE_KEY);
        out.push_str("\":{");
        out.push_str(first);
        out.push('}');
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Severity;

    const NOW: i64 = 1_795_342_370_400_000_000;

    fn item<'a>(line: &'a str, form: Form, fields: &str) -> Item<'a> {
        let line = Cow::Borrowed(line.as_bytes());
        Item { line, form, time_ns: Some(NOW - 5), severity: Some(Severity::WARN), fields: fields.to_owned(), wrong: Problems::default() }
    }

    fn codes(record: &Record) -> Vec<&'static str> {
        record.problems.iter().map(Problem::code).collect()
    }

    #[test]
    fn a_message_with_time_and_severity_conforms() {
        let record = record(&item("paid", Form::Message, r#"{"service.name":"sms"}"#), NOW, &Profile::default());
        assert_eq!((record.verdict, codes(&record)), (Verdict::Ok, vec![]));
        assert_eq!((record.time_ns, record.runtime_time_ns, record.severity), (NOW - 5, NOW, Some(Severity::WARN)));
        assert_eq!((record.message.as_str(), record.attributes.as_str()), ("paid", r#"{"service.name":"sms"}"#));
    }

    #[test]
    fn a_line_counts_before_its_envelope() {
        let line = r#"{"level":"error","message":"x","pod":1,"app":"own"}"#;
        let record = record(&item(line, Form::Message, r#"{"app":"theirs","region":"eu"}"#), NOW, &Profile::default());
        assert_eq!(record.severity, Some(Severity::ERROR));
        assert_eq!(record.attributes, r#"{"pod":1,"app":"own","region":"eu","_envelope":{"app":"theirs"}}"#);
        assert_eq!(codes(&record), ["reserved_key"], "the envelope's time is the line's");
    }

    #[test]
    fn text_as_printed_stays_raw_and_takes_what_the_envelope_says() {
        let record = record(&item("it broke", Form::Line, ""), NOW, &Profile::default());
        assert_eq!((record.verdict, record.severity, record.time_ns), (Verdict::Raw, Some(Severity::WARN), NOW - 5));
        assert_eq!(codes(&record), ["not_json"]);
    }

    #[test]
    fn names_of_the_platform_are_attributes_and_marked() {
        let record = record(&item("x", Form::Message, r#"{"module":"other","instance":"theirs"}"#), NOW, &Profile::default());
        assert_eq!(record.attributes, r#"{"module":"other","instance":"theirs"}"#);
        assert_eq!(codes(&record), ["reserved_key"]);
    }

    #[test]
    fn a_time_far_from_the_clock_is_told_and_kept() {
        let far = Item { time_ns: Some(NOW - 100 * 86_400_000_000_000), ..item("x", Form::Message, "") };
        let record = record(&far, NOW, &Profile::default());
        assert_eq!(record.time_ns, NOW);
        assert_eq!(record.attributes, format!(r#"{{"_envelope_time":{}}}"#, NOW - 100 * 86_400_000_000_000));
        assert_eq!(codes(&record), ["missing_timestamp", "clock_skew"]);
    }

    #[test]
    fn secrets_of_line_and_envelope_are_gone_and_counted_together() {
        let line = r#"{"level":"info","message":"x","password":"line-secret"}"#;
        let record =
            record(&item(line, Form::Line, r#"{"env.password":"a","db":{"password":"envelope-secret"}}"#), NOW, &Profile::default());
        assert!(!record.attributes.contains("line-secret") && !record.attributes.contains("envelope-secret"), "{}", record.attributes);
        assert!(record.redactions.iter().any(|(kind, count)| *kind == RedactionKind::Password && *count >= 2), "{:?}", record.redactions);
        assert!(record.redactions.is_sorted());
        assert!(serde_json::from_str::<serde_json::Value>(&record.attributes).is_ok());
    }

    #[test]
    fn a_message_over_the_limit_is_cut_with_its_mark() {
        let long = "é".repeat(limits::LINE_BYTES_MAX);
        let record = record(&item(&long, Form::Message, r#"{"a":1}"#), NOW, &Profile::default());
        assert!(record.message.len() <= limits::LINE_BYTES_MAX + 64 && record.message.contains("cut from"));
        assert_eq!((record.attributes.as_str(), codes(&record)), (r#"{"a":1}"#, vec!["too_long"]));
    }
}
