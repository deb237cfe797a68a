//! Numbers, ids, profiles and endings, by example.

use crate::corpus::RUNTIME_NS;
use martlog_formats::fields::{self, field_number, normalise_id, number};
use martlog_formats::{Ending, Problem, Profile, Severity, Verdict, parse, parse_ending};

#[test]
fn numbers_with_units_meet() {
    for (text, value) in [
        ("42", 42.0),
        ("-1.5e3", -1500.0),
        (" +7 ", 7.0),
        (".5", 0.5),
        ("1.5s", 1500.0),
        ("1500ms", 1500.0),
        ("250us", 0.25),
        ("250µs", 0.25),
        ("1m30s", 90_000.0),
        ("1h", 3_600_000.0),
        ("2 KiB", 2048.0),
        ("10MB", 1e7),
        ("12%", 12.0),
    ] {
        let read = number(text).unwrap_or_else(|| panic!("{text:?} is a number"));
        assert!((read - value).abs() < 1e-9, "{text:?} is {read}");
    }
    for text in ["", "x", "1.2.3.4", "2026-11-22", "12 apples", "0x1f", "1e999", "-", "s", "1,000", "inf", "NaN", "5e"] {
        assert_eq!(number(text), None, "{text:?}");
    }
}

#[test]
fn a_bare_number_has_the_unit_of_its_field() {
    assert_eq!(field_number("duration_ms", "500"), number("500ms"));
    assert_eq!(field_number("call.duration_s", "5"), number("5s"));
    assert_eq!(field_number("size_kb", "2"), number("2KB"));
    assert_eq!(field_number("duration_s", "5ms"), number("5ms"));
    assert_eq!(field_number("status", "500"), Some(500.0));
    assert_eq!(field_number("status", "text"), None);
}

#[test]
fn spellings_of_one_id_meet() {
    let conference = "062BDBD07366C3AD6ED2EA7A66D2F473";
    for spelling in
        [conference, "062BDBD0 7366C3AD 6ED2EA7A 66D2F473", "062bdbd0 7366c3ad 6ed2ea7a 66d2f473", " 062BDBD0-7366C3AD-6ED2EA7A-66D2F473"]
    {
        assert_eq!(normalise_id("h323_conf_id", spelling), conference);
    }
    for spelling in ["79123456789", "79123456789@msisdn", "+7 912 345-67-89", "+7 (912) 345-67-89"] {
        assert_eq!(normalise_id("account_id", spelling), "79123456789");
        assert_eq!(normalise_id("extra.msisdn", spelling), "79123456789");
    }
    for (field, value) in [
        ("call_id", "655317beb24211e9971f3863bb43493c_00015D3F5BE814B1"),
        ("call_id", "AbC@10.0.0.7:5060"),
        ("request_id", "463ac35c9f6413ad48485a3953bb6124"),
        ("account_id", "joe@example.com"),
        ("account_id", "42"),
        ("h323_conf_id", "not one"),
        ("session_id", "+7 912 345-67-89"),
    ] {
        assert_eq!(normalise_id(field, value), value, "{field}");
    }
    assert_eq!(normalise_id("request_id", " "), "");
    assert!(fields::is_exact("data.call_id") && !fields::is_exact("call_id.x") && !fields::is_exact("logger"));
}

#[test]
fn a_profile_is_checked_when_it_is_loaded() {
    let profile = Profile::from_json(
        r#"{"version":1,"aliases":{"message":["text"],"request_id":["rid"]},"text_zone_minutes":120,"numeric_levels":"bunyan","redact_keys":["sms_text"],"limits":{"keys":4}}"#,
    )
    .unwrap();
    let line = r#"{"timestamp":"2026-11-22T12:12:50","level":40,"text":"m","rid":"r1","smsText":"private"}"#;
    let record = parse(line.as_bytes(), RUNTIME_NS, &profile);
    assert_eq!(record.time_ns, 1_795_342_370_000_000_000);
    assert_eq!(record.severity, Some(Severity::WARN));
    assert_eq!(record.message, "m");
    assert_eq!(record.attributes, r#"{"request_id":"r1","_overflow":"{\"smsText\":\"[redacted:secret]\"}"}"#, "{record:?}");
    assert_eq!(profile.redact("SMS-Text: private"), "SMS-Text: [redacted:secret]");

    for (json, says) in [
        ("{}", "version"),
        (r#"{"version":2}"#, "version 1, not 2"),
        (r#"{"version":1,"alias":{}}"#, "unknown field"),
        (r#"{"version":1,"text_zone_minutes":2000}"#, "1080"),
        (r#"{"version":1,"limits":{"keys":0}}"#, "1 to 128"),
        (r#"{"version":1,"limits":{"line_bytes":999999999}}"#, "limits.line_bytes"),
        (r#"{"version":1,"redact_keys":[""]}"#, "1 to 128 bytes"),
        (r#"{"version":1,"redact_keys":["_-"]}"#, "letters or digits"),
    ] {
        let error = Profile::from_json(json).unwrap_err().to_string();
        assert!(error.contains(says), "{json}: {error}");
    }
    let settings = Profile::default().settings().clone();
    let again = Profile::from_json(&serde_json::to_string(&settings).unwrap()).unwrap();
    assert_eq!(*again.settings(), settings);
}

#[test]
fn numeric_levels_are_read_as_configured() {
    let level = |numeric: &str, number: u8| {
        let profile = Profile::from_json(&format!(r#"{{"version":1,"numeric_levels":"{numeric}"}}"#)).unwrap();
        parse(format!(r#"{{"level":{number},"message":"m"}}"#).as_bytes(), RUNTIME_NS, &profile).severity
    };
    assert_eq!(level("bunyan", 50), Some(Severity::ERROR));
    assert_eq!(level("bunyan", 3), None);
    assert_eq!(level("syslog", 3), Some(Severity::ERROR));
    assert_eq!(level("syslog", 5), Some(Severity::NOTICE));
    assert_eq!(level("none", 30), None);
}

#[test]
fn a_line_without_its_end_keeps_what_is_there() {
    let profile = Profile::default();
    let line = br#"{"timestamp":"2026-11-22T10:12:50.353Z","level":"error","request_id":"r1","message":"going do"#;
    let record = parse_ending(line, Ending::Incomplete, RUNTIME_NS, &profile);
    assert_eq!((record.verdict, record.message.as_str()), (Verdict::Repaired, "going do"));
    assert_eq!(record.attributes, r#"{"request_id":"r1"}"#);
    assert_eq!(record.problems.iter().collect::<Vec<_>>(), [Problem::Incomplete]);

    let record = parse_ending(b"last wor", Ending::Incomplete, RUNTIME_NS, &profile);
    assert_eq!((record.verdict, record.message.as_str()), (Verdict::Raw, "last wor"));
    assert!(record.problems.contains(Problem::Incomplete));

    // A line that happens to be whole is no less a record.
    let record = parse_ending(br#"{"level":"info","message":"m"}"#, Ending::Incomplete, RUNTIME_NS, &profile);
    assert_eq!(record.message, "m");
}

#[test]
fn a_cut_line_says_how_long_it_was() {
    let profile = Profile::default();
    let line = "абв".repeat(100_000);
    let record = parse(line.as_bytes(), RUNTIME_NS, &profile);
    assert!(record.message.ends_with("…[cut from 600000 bytes]"), "{}", &record.message[record.message.len() - 40..]);
    assert_eq!(record.problems.iter().collect::<Vec<_>>(), [Problem::NotJson, Problem::TooLong]);
    assert!(record.message.len() <= martlog_formats::limits::LINE_BYTES_MAX + 40);
    let record = parse_ending(br#"{"message":"m","a":{"b":[1,2"#, Ending::Cut { whole_bytes: 900 }, RUNTIME_NS, &profile);
    assert_eq!(record.attributes, r#"{"a":"{\"b\":[1,2…[cut from 900 bytes]"}"#);
    let record = parse_ending(br#"{"message":"m","n":1,"ke"#, Ending::Cut { whole_bytes: 900 }, RUNTIME_NS, &profile);
    assert_eq!(record.attributes, r#"{"n":1,"_cut":"…[cut from 900 bytes]"}"#);
}

#[test]
fn a_month_and_day_is_of_the_year_that_is_nearest() {
    let january_2027_ns = 1_798_761_600_000_000_000; // 2027-01-01T00:00:00Z
    let record = parse(b"Dec 31 23:59:59 host app[1]: x", january_2027_ns, &Profile::default());
    assert_eq!(record.time_ns, january_2027_ns - 1_000_000_000);
    let record = parse(b"I0101 00:00:01.000000 1 a.go:1] x", january_2027_ns - 2_000_000_000, &Profile::default());
    assert_eq!(record.time_ns, january_2027_ns + 1_000_000_000);
}
