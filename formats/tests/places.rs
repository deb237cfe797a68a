//! Where the problems of a line are: each kind in lines that have it, and that no line has a place that is none.

use martlog_formats::places::places;
use martlog_formats::{Problem, Profile, parse};
use proptest::prelude::*;

/// 2026-11-22T10:12:50Z.
const NOW_NS: i64 = 1_795_342_370_000_000_000;

/// The pieces of a line where the problem is.
fn pieces(line: &str, code: &str) -> Vec<String> {
    let problem = Problem::from_code(code).unwrap();
    let profile = Profile::default();
    let record = parse(line.as_bytes(), NOW_NS, &profile);
    assert!(record.problems.contains(problem), "{line} has no {code} but {:?}", record.problems.iter().collect::<Vec<_>>());
    places(line, &record, &profile).into_iter().filter(|(of, _)| *of == problem).map(|(_, range)| line[range].to_owned()).collect()
}

fn with(fields: &str) -> String {
    format!(r#"{{"timestamp":"2026-11-22T10:12:50Z","level":"info","message":"a","request_id":"r-1",{fields}}}"#)
}

#[test]
fn each_problem_is_where_its_author_has_to_change_something() {
    let nested = format!("{}1{}", "[".repeat(8), "]".repeat(8));
    let many = (0..200).map(|at| format!(r#""k{at}":{at}"#)).collect::<Vec<_>>().join(",");
    let long_key = "k".repeat(129);
    for (line, code, expected) in [
        ("  no json at all ".to_owned(), "not_json", vec!["no json at all"]),
        (r#"{"level":"info","message":"a",,}"#.to_owned(), "not_json", vec![","]),
        (r#"{"message":"é" "level":1}"#.to_owned(), "not_json", vec!["\""]),
        (r#"{"message":'a'}"#.to_owned(), "not_json", vec!["'"]),
        (r#"{"message":"a""#.to_owned(), "not_json", vec![""]),
        ("[1, 2]".to_owned(), "not_object", vec!["[1, 2]"]),
        (r#"{"timestamp":"gestern","level":"info","message":"a"}"#.to_owned(), "bad_timestamp", vec![r#""gestern""#]),
        (r#"{"time":"2026-11-22 10:12:50","level":"info","message":"a"}"#.to_owned(), "no_zone", vec![r#""2026-11-22 10:12:50""#]),
        (
            r#"{"timestamp":"1999-11-22T10:12:50Z","level":"info","message":"a"}"#.to_owned(),
            "clock_skew",
            vec![r#""1999-11-22T10:12:50Z""#],
        ),
        (r#"{"timestamp":"2026-11-22T10:12:50Z","level":"eror","message":"a"}"#.to_owned(), "unknown_level", vec![r#""eror""#]),
        (r#"{"timestamp":"2026-11-22T10:12:50Z","level":"info","message":" "}"#.to_owned(), "empty_message", vec![r#"" ""#]),
        (r#"{"timestamp":"2026-11-22T10:12:50Z","level":true,"message":{"a":1}}"#.to_owned(), "type_conflict", vec!["true", r#"{"a":1}"#]),
        (with(r#""duration_ms":"fast""#), "type_conflict", vec![r#""fast""#]),
        (r#"{"ts":1795342370,"severity":"info","msg":"a"}"#.to_owned(), "alias_used", vec![r#""ts""#, r#""severity""#, r#""msg""#]),
        (with(r#""partner":"me","pod":"x""#), "reserved_key", vec![r#""partner""#, r#""pod""#]),
        (with(r#""a":1,"b":2,"a":3"#), "duplicate_key", vec![r#""a""#]),
        (with(r#""session_id":17"#), "bad_id", vec!["17"]),
        (with(&format!(r#""{long_key}":1"#)), "key_too_long", vec![&*format!("\"{long_key}\"")]),
        (with(&format!(r#""deep":{nested}"#)), "too_deep", vec!["["]),
        (with(r#""password":"hunter2","note":"x""#), "secret_redacted", vec![r#""hunter2""#]),
        ("login password=hunter2 by bob".to_owned(), "secret_redacted", vec!["hunter2"]),
        (r#"{"level":"info","message":"a"}"#.to_owned(), "missing_timestamp", vec![]),
    ] {
        assert_eq!(pieces(&line, code), expected, "{code} in {line}");
    }
    let over = pieces(&with(&many), "too_many_fields");
    assert!(matches!(&*over, [piece] if piece.starts_with(r#""k124""#) && piece.ends_with("199")), "{over:?}");
    let long = pieces(&"ä".repeat(200_000), "too_long");
    assert_eq!(long[0].len(), 400_000 - (256 << 10));
}

proptest! {
    #[test]
    fn a_place_is_a_part_of_the_line(line in prop_oneof![
        "\\PC{0,80}",
        r#"\{"(time|level|message|msg|pod|id|password|a)":("[a-zé€ =]{0,9}"|[0-9]{0,4}|\{\}|\[\[|null)(,"(time|level|msg|password)":"(x|é|token=abcdef)")?\}?"#,
        r#"\{"a":\[{0,12}"\\u[dD]8[0-9]{2}"\]{0,12}\}"#,
        "(password|token)=[a-z]{0,6}[ ;]{0,2}(password=[a-z]{0,3})?",
    ]) {
        let profile = Profile::default();
        let record = parse(line.as_bytes(), NOW_NS, &profile);
        for (problem, range) in places(&line, &record, &profile) {
            prop_assert!(record.problems.contains(problem));
            prop_assert!(line.get(range.clone()).is_some(), "{range:?} of {line:?}");
        }
    }
}
