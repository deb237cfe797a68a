//! What queries ask of the store, what they warn of, and where their errors point.

use super::*;
use crate::time::{DAY, TimeRange, rfc3339};
use proptest::prelude::*;

/// 2026-11-22T10:12:50Z.
const NOW: i64 = 1_795_342_370_000_000_000;

fn setting(staff: bool) -> Setting {
    Setting { now_ns: NOW, range: TimeRange::since(NOW - DAY, NOW), range_given: false, staff, epoch: 0xab }
}

fn planned(text: &str) -> Plan {
    plan(text, &setting(true)).unwrap_or_else(|error| panic!("{}", error.render(text)))
}

fn asked(text: &str) -> String {
    format!("{:?}", planned(text).predicate).replace("\"", "'")
}

#[test]
fn queries_become_predicates() {
    let table = [
        ("", "All"),
        ("*", "All"),
        ("Timeout", "Word(Pattern('timeout'))"),
        ("АБОНЕНТ", "Word(Pattern('абонент'))"),
        ("\"Connection refused\"", "Phrase(['connection', 'refused'])"),
        ("timed-out", "Phrase(['timed', 'out'])"),
        ("conn*", "Word(Pattern('conn*'))"),
        ("2.4.*x", "And([Phrase(['2', '4']), Word(Pattern('*x'))])"),
        ("2.4.*", "Phrase(['2', '4'])"),
        ("`{'to': '38`", "Literal('{'to': '38')"),
        ("~\"^a\"", "Regex(Regex('^a'))"),
        ("-a b", "And([Not(Word(Pattern('a'))), Word(Pattern('b'))])"),
        ("a OR b", "Or([Word(Pattern('a')), Word(Pattern('b'))])"),
        ("level>=warn", "Severity(13..=24)"),
        ("level>warn", "Severity(17..=24)"),
        ("level<warn", "Severity(1..=12)"),
        ("level<=warn", "Severity(1..=16)"),
        ("level:ERROR", "Severity(17..=20)"),
        ("level:warning", "Severity(13..=16)"),
        ("level:critical", "Severity(18..=18)"),
        ("level:panic", "Severity(21..=24)"),
        ("level:10", "Severity(10..=10)"),
        ("level:17", "Severity(17..=17)"),
        ("level!=info", "Not(Severity(9..=12))"),
        ("level:info..error", "Severity(9..=20)"),
        ("level:none", "Not(Severity(1..=24))"),
        ("level:*", "Severity(1..=24)"),
        ("level:(warn OR error)", "Or([Severity(13..=16), Severity(17..=20)])"),
        ("level>fatal", "None"),
        ("verdict:raw", "Verdict(Raw)"),
        ("verdict:r*", "Or([Verdict(Repaired), Verdict(Raw), Verdict(Rejected)])"),
        ("-problem:bad_timestamp", "Not(Problem(BadTimestamp))"),
        ("csp:434", "Field(Stamp(Csp), Equals('434'))"),
        ("CSP=434", "Field(Stamp(Csp), Equals('434'))"),
        ("version:2.4.*", "Field(Stamp(Version), Wildcard(Pattern('2.4.*')))"),
        ("message:Timed-Out", "Field(Message, Words(['timed', 'out']))"),
        ("message:time*", "Field(Message, Regex(Regex('(?i)(?:^|\\\\W)time\\\\w*(?:\\\\W|$)')))"),
        ("error.type:Timeout", "Field(Attribute('error.type'), Words(['timeout']))"),
        ("error.type=Timeout", "Field(Attribute('error.type'), Equals('Timeout'))"),
        ("request_id:Ab", "Field(Attribute('request_id'), Equals('Ab'))"),
        ("h323_conf_id:\"062BDBD0 7366C3AD\"", "Field(Attribute('h323_conf_id'), Equals('062BDBD0 7366C3AD'))"),
        ("attributes.pod:x", "Field(Attribute('attributes.pod'), Words(['x']))"),
        ("user:* a!=*", "And([Field(Attribute('user'), Exists), Not(Field(Attribute('a'), Exists))])"),
        (
            "path=~\"^/v1\" path!~x",
            "And([Field(Attribute('path'), Regex(Regex('^/v1'))), Not(Field(Attribute('path'), Regex(Regex('x'))))])",
        ),
        ("x:`a b`", "Field(Attribute('x'), Literal('a b'))"),
        ("status:500..599", "Field(Attribute('status'), Number { low: Some((500.0, true)), high: Some((599.0, true)) })"),
        (
            "status:(404 OR >500)",
            "Or([Field(Attribute('status'), Words(['404'])), Field(Attribute('status'), Number { low: Some((500.0, false)), high: None })])",
        ),
        ("duration_ms<=1.5s", "Field(Attribute('duration_ms'), Number { low: None, high: Some((1500.0, true)) })"),
        ("sip:alice@host", "Phrase(['sip', 'alice', 'host'])"),
        ("id:sms/ab/12", "Field(Stamp(Id), Equals('sms/ab/12'))"),
        ("id:sms/ac/12", "None"),
        ("id!=sms", "Not(None)"),
    ];
    for (text, expected) in table {
        assert_eq!(asked(text), expected, "{text}");
    }
    let session = asked("session:7f3a21");
    assert!(session.starts_with("Or([Field(Attribute('session_id'), Equals('7f3a21')), Field(Attribute('call_id')"), "{session}");
}

#[test]
fn time_and_quarantine_hold_for_the_whole_query() {
    let table = [
        ("a", "2026-11-21T10:12:50Z", "2026-11-23T10:12:50Z"),
        ("a @5m", "2026-11-22T10:07:50Z", "2026-11-23T10:12:50Z"),
        ("time:2026-11-20T10..12 a", "2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z"),
        ("time:2026-11-20", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
        ("time:..2026-11-20", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
        ("time>=2026-11-20T10 time<2026-11-20T11:30", "2026-11-20T10:00:00Z", "2026-11-20T11:30:00Z"),
        ("time:yesterday..", "2026-11-21T00:00:00Z", "2026-11-23T10:12:50Z"),
        ("time:\"2026-11-20 10:00\"..\"2026-11-20 10:30\"", "2026-11-20T10:00:00Z", "2026-11-20T10:30:00Z"),
    ];
    for (text, from, to) in table {
        let range = planned(text).range;
        assert_eq!((rfc3339(range.from_ns).as_str(), rfc3339(range.to_ns).as_str()), (from, to), "{text}");
    }
    assert_eq!(asked("time:2026-11-20 a"), "Word(Pattern('a'))");
    let plan = planned("in:quarantine a");
    assert!(plan.quarantine && !planned("a").quarantine);
    assert_eq!(format!("{:?}", plan.predicate), "Word(Pattern(\"a\"))");
}

#[test]
fn errors_point_at_the_clause_and_offer_a_correction() {
    // Query, code, the text pointed at, the correction.
    let table = [
        ("csp:434 level:eror", "E102", "level:eror", Some("csp:434 level:error")),
        ("level>=wrn x", "E102", "level>=wrn", Some("level>=warn x")),
        ("level:zzzzzz", "E102", "level:zzzzzz", None),
        ("level:(warn OR erorr)", "E102", "erorr", Some("level:(warn OR error)")),
        ("verdict:repared", "E102", "verdict:repared", Some("verdict:repaired")),
        ("problem:bad_timestmp", "E102", "problem:bad_timestmp", Some("problem:bad_timestamp")),
        ("in:qurantine", "E102", "in:qurantine", Some("in:quarantine")),
        ("level=~\"e.*\"", "E115", "level=~\"e.*\"", None),
        ("verdict>raw", "E115", "verdict>raw", None),
        ("module>5", "E115", "module>5", None),
        ("id:sms/*", "E115", "id:sms/*", None),
        ("id!~\"sms/.*/12\"", "E115", "id!~\"sms/.*/12\"", None),
        ("id:`sms/`", "E115", "id:`sms/`", None),
        ("level:error..info", "E107", "level:error..info", None),
        ("status:599..500", "E107", "status:599..500", None),
        ("REQ <b7ad> sent", "E107", "REQ <b7ad>", Some("`REQ <b7ad>` sent")),
        ("a -> b", "E108", "->", Some("a `->` b")),
        ("path:/ x", "E108", "path:/", Some("path:`/` x")),
        ("\"\"", "E108", "\"\"", None),
        ("~\"a(\"", "E106", "~\"a(\"", None),
        ("x=~\"\\w{100}\"", "E106", "x=~\"\\w{100}\"", None),
        ("~\"a\" ~\"b\" ~\"c\" ~\"d\" ~\"e\" ~\"f\" session:~\"g\" ~\"a\" message:h* ~\"i\"", "E109", "~\"i\"", None),
        ("time:soon", "E105", "time:soon", None),
        ("time:-1h", "E105", "time:-1h", None),
        ("time:2026-11-20..2026-11-19", "E105", "time:2026-11-20..2026-11-19", None),
        ("a OR b time:2026-11-20", "E111", "time:2026-11-20", Some("(a OR b) time:2026-11-20")),
        ("-in:quarantine", "E111", "in:quarantine", None),
        ("@5m time:2026-11-20 a", "E112", "time:2026-11-20", Some("@5m a")),
    ];
    for (text, code, at, fix) in table {
        let error = plan(text, &setting(true)).expect_err(text);
        assert_eq!((error.code.as_str(), &text[error.span.from..error.span.to]), (code, at), "{text}: {error}");
        assert_eq!(error.fix.as_deref(), fix, "{text}");
        assert!(error.hint.is_some(), "{text} has a hint");
        if let Some(fix) = fix {
            assert!(plan(fix, &setting(true)).is_ok(), "the correction of {text} is right: {fix}");
        }
    }
    let error = plan("in:quarantine a", &setting(false)).unwrap_err();
    assert_eq!((error.code, error.fix.as_deref()), (Code::Forbidden, Some("a")));
    let text = "csp:434 level:eror";
    assert_eq!(
        plan(text, &setting(true)).unwrap_err().render(text),
        "csp:434 level:eror\n        ──────────\nE102 at 9–18: field \"level\" has no value \"eror\". Did you mean level:error?\nTry: csp:434 level:error"
    );
}

#[test]
fn readings_that_could_surprise_are_said() {
    let table = [
        ("modul:sms", "W202"),
        ("severity:error", "W202"),
        ("reqest_id:(a OR b)", "W202"),
        ("a or b", "W203"),
        ("not b", "W203"),
        ("foo-ba*", "W204"),
        ("what?", "W205"),
        ("-5 x", "W206"),
        ("version=2.4.*", "W207"),
        ("sip:alice@host", "W208"),
        ("level>fatal", "W209"),
        ("time<2026-11-20", "W211"),
        ("id:sms/ac/12", "W212"),
        ("id:12", "W212"),
    ];
    for (text, code) in table {
        let warnings: Vec<_> = planned(text).warnings.iter().map(|warning| warning.code).collect();
        assert_eq!(warnings, [code], "{text}");
    }
    for text in
        ["user:x", "request_id:x http.method:GET csp:1 -a", "std::io http://x/y 10:12:50", "a \"or\" b", "x:-5", "attributes.modul:x"]
    {
        assert_eq!(planned(text).warnings, [], "{text}");
    }
    let plan = super::plan("a @5m", &Setting { range_given: true, ..setting(true) }).unwrap();
    assert_eq!(plan.warnings[0].span, Some(Span::new(2, 5)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_breaks_it(text in "(level|time|in|x|\\PC)[:=<>~!.]{0,2}[a-z0-9*?\"`( )-]{0,8}( OR |\\PC{0,12})") {
        if let Err(error) = plan(&text, &setting(false)) {
            prop_assert!(error.span.from <= error.span.to && error.span.to <= text.len());
            prop_assert!(!error.render(&text).is_empty());
        }
    }
}
