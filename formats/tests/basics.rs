//! First things: what becomes of the commonest lines.

use martlog_formats::fields::{self, Scalar};
use martlog_formats::{Problem, Profile, RedactionKind, Severity, Verdict, parse, words};

const RUNTIME_NS: i64 = 1_795_342_370_400_000_000; // 2026-11-22T10:12:50.4Z

fn read(line: &str) -> martlog_formats::Record {
    parse(line.as_bytes(), RUNTIME_NS, &Profile::default())
}

#[test]
fn a_conforming_line_is_ok_and_keeps_what_was_written() {
    let record = read(
        r#"{"timestamp":"2026-11-22T10:12:50.353Z","level":"info","message":"sent","request_id":"463ac35c9f6413ad48485a3953bb6124","unique_id":"","extra":{"n": 1.50, "imsi":"250","none":null,"empty":{}}}"#,
    );
    assert_eq!(record.verdict, Verdict::Ok, "{record:?}");
    assert_eq!(record.time_ns, 1_795_342_370_353_000_000);
    assert_eq!(record.severity, Some(Severity::INFO));
    assert_eq!(record.message, "sent");
    assert_eq!(
        record.attributes,
        r#"{"request_id":"463ac35c9f6413ad48485a3953bb6124","unique_id":"","extra":{"n": 1.50, "imsi":"250","none":null,"empty":{}}}"#
    );
    assert_eq!(fields::get(&record.attributes, "imsi"), Some(Scalar::Str("250".into())));
    assert_eq!(fields::get(&record.attributes, "extra.n"), Some(Scalar::Number("1.50")));
}

#[test]
fn text_shows_its_level_time_and_request_id() {
    let record = read("INFO:root:REQ <b7ad6b7169203331> Sending message: {'to': '38050', 'password': 'hunter2'}");
    assert_eq!((record.verdict, record.severity), (Verdict::Raw, Some(Severity::INFO)));
    assert_eq!(record.attributes, r#"{"request_id":"b7ad6b7169203331"}"#);
    assert_eq!(record.redactions, [(RedactionKind::Password, 1)]);
    assert!(record.message.ends_with("'password': '[redacted:password]'}"), "{}", record.message);

    let record = read("[2026-11-22 10:12:50,353] INFO [Req-ID: 9b2c8a4e-11aa]: done");
    assert_eq!(record.time_ns, 1_795_342_370_353_000_000);
    assert_eq!(record.severity, Some(Severity::INFO));
    assert_eq!(record.attributes, r#"{"request_id":"9b2c8a4e-11aa"}"#);
    assert!(record.problems.contains(Problem::NoZone));
}

#[test]
fn words_of_any_script_are_folded() {
    let found: Vec<_> = words::words("Абонент USER_id=42, Straße e\u{301}").collect();
    assert_eq!(found, ["абонент", "user_id", "42", "strasse", "é"]);
}
