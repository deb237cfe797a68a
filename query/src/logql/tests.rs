//! What is read of Loki's language, what is not and why, and what it is in the own one.

use super::ast::{Expr, LogQuery, Metric};
use super::testing::{any_expr, any_log};
use super::translate::translate;
use super::{LogQlError, labels, parse};
use crate::plan::{Setting, plan};
use crate::time::TimeRange;
use proptest::prelude::*;

fn log(query: &str) -> LogQuery {
    match parse(query) {
        Ok(Expr::Log(log)) => log,
        other => panic!("{query} is {other:?}"),
    }
}

fn own(query: &str) -> String {
    translate(&log(query), None).unwrap_or_else(|error| panic!("{query}: {error}")).query
}

fn range_of(query: &str) -> String {
    match parse(query).unwrap_or_else(|error| panic!("{query}: {error}")) {
        Expr::Metric(Metric::Range(range)) => translate(&range.of, range.unwrap.as_ref()).unwrap().query,
        other => panic!("{query} is {other:?}"),
    }
}

fn setting() -> Setting {
    let now_ns = 1_795_342_370_400_000_000;
    Setting { now_ns, range: TimeRange { from_ns: 0, to_ns: now_ns, open: false }, range_given: true, staff: false, epoch: 1 }
}

#[test]
fn a_log_query_is_the_same_question_here() {
    let table = [
        ("{}", ""),
        (r#"{module="sms"}"#, "module=`sms` module:`sms`"),
        (r#"{service_name=~"sms|voice", csp!="434"}"#, "module=~`^(?s:sms|voice)$` -(csp=`434` csp:`434`)"),
        (r#"{pod=~".*"}"#, "pod=~`^(?s:.*)$` OR -pod:*"),
        (r#"{environment=""}"#, "-environment:*"),
        (r#"{environment!=""}"#, "environment:*"),
        (r#"{level="error"} |= "a b" != "c`d""#, "level:error `a b` -``c`d``"),
        (r#"{level=~"warn|error"}"#, "level:warn OR level:error"),
        (r#"{level!~"debug|trace"}"#, "-(level:trace OR level:debug)"),
        (r#"{level=~".+"}"#, "level:*"),
        (r#"{level=~".*"}"#, ""),
        (r#"{level=""}"#, "-level:*"),
        (r#"{detected_level="nonsense"}"#, "-*"),
        (r#"{} |~ "time(d)? out" or "`x" !~ """#, "(~`time(d)? out` OR ~`\\x60x`) -*"),
        (r#"{} |= """#, ""),
        (r#"{} |= "`x""#, "~`\\x60x`"),
        (r#"{} | json | __error__="" | status >= 500"#, "status>=500"),
        (r#"{} | logfmt --strict --keep-empty | took > 1.5s or size<=10KB"#, "took>1.5s OR size<=10KB"),
        (r#"{} | json | a_b = "x""#, "a_b=`x` a_b:`x` OR a.b=`x` a.b:`x`"),
        (r#"{} | json code="http.status_code" | code=500 | drop code"#, "http.status_code>=500 http.status_code<=500"),
        (r#"{} | json code="[\"http\"][\"x\"]", y | code!="z" and y="1""#, "-(http.x=`z` http.x:`z`) y=`1` y:`1`"),
        (r#"{} | x != 5"#, "x<5 OR x>5"),
        (r#"{} | (a="b" or c="d"), e="f""#, "(a=`b` a:`b` OR c=`d` c:`d`) e=`f` e:`f`"),
        (r#"{} | verdict=~"raw|ok" | problem="bad_timestamp""#, "(verdict:ok OR verdict:raw) problem:bad_timestamp"),
        (r#"{} | pod_extracted="x""#, "attributes.pod=`x` attributes.pod:`x`"),
        (r#"{} |> "a (<_>) b" or "<_>" !> `x`"#, "(~`(?s)^a \\(.+?\\) b$` OR ~`(?s)^.+?$`) -~`(?s)^x$`"),
        ("{} |= `a` # a comment\n|= `b`", "`a` `b`"),
        (r#"({module="sms"} |= "x")"#, "module=`sms` module:`sms` `x`"),
    ];
    for (query, expected) in table {
        assert_eq!(own(query), expected, "{query}");
    }
    assert_eq!(range_of(r#"sum_over_time({} | json | unwrap duration(took) | __error__="" | x="1" [5m])"#), "x=`1` x:`1`");
}

#[test]
fn patterns_become_extract_and_what_is_behind_them_where() {
    assert_eq!(
        own(r#"{} |= "a" | pattern "<ip> - <_> [<level>] x" | ip="10.0.0.7" | level_extracted!="y""#),
        "`a` | extract ~`(?s)^(?P<ip>.*?)(?: \\- .*?(?: \\[(?P<level_extracted>.*?)(?:\\] x.*?)?)?)?$` \
         | where ip=`10.0.0.7` ip:`10.0.0.7` -(level_extracted=`y` level_extracted:`y`)"
    );
    assert_eq!(own(r#"{} | regexp "(?P<pod>\\w+)`" | pod="a""#), "| extract ~`(?P<pod_extracted>\\w+)\\x60` | where pod=`a` pod:`a`");
}

#[test]
fn a_pattern_takes_what_loki_takes() {
    let table = [
        ("<a> <b>", "x y z", Some("a=x;b=y z")),
        ("<a> <b>", "x", Some("a=x")),
        ("[<a>] <_>:<b>", "[1] k: v", Some("a=1;b= v")),
        ("[<a>] <_>:<b>", "no [1] k", None),
        ("<a>: end", "x: end of it", Some("a=x")),
        ("<<a>>", "<1> 2", Some("a=1")),
    ];
    for (pattern, text, expected) in table {
        let regex = regex::Regex::new(&super::pattern::expression_of_pattern(pattern).unwrap()).unwrap();
        let found = regex.captures(text).map(|found| {
            let of = |name: &str| found.name(name).map(|value| format!("{name}={}", value.as_str()));
            regex.capture_names().flatten().filter_map(of).collect::<Vec<_>>().join(";")
        });
        assert_eq!(found.as_deref(), expected, "{pattern} of {text}");
    }
}

/// Grafana's grammar reads the same file, in a test of the doors.
#[test]
fn what_the_documents_promise_is_read_and_the_rest_is_named() {
    let mut refused = 0;
    for line in include_str!("../../../tests/doors/logql.txt").lines() {
        match line.strip_prefix("! ") {
            None => drop(parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))),
            Some(query) => {
                let error = parse(query).expect_err(query).to_string();
                assert!(error.contains("not supported here: "), "{query}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 10);
}

#[test]
fn the_document_has_every_label_and_its_queries_are_read() {
    let document = include_str!("../../../docs/grafana.md");
    let table = document.split("## Labels").nth(1).and_then(|rest| rest.split("\n\n").nth(1)).expect("the table of labels");
    let others = labels::OTHER_NAMES.iter().map(|(other, _)| other);
    for label in labels::STREAM.iter().chain(others).chain(&[labels::LEVEL, "verdict", "problem"]) {
        assert!(table.contains(&format!("`{label}`")), "{label} is not in the table");
    }
    let queries: Vec<&str> =
        document.split("```logql\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("queries").lines().collect();
    assert!(queries.len() > 8);
    for query in queries {
        parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let table = [
        ("", "parse error at line 1, col 1: syntax error: unexpected $end"),
        ("{", "parse error at line 1, col 2: syntax error: unexpected $end, expecting IDENTIFIER or }"),
        (r#"{a="b""#, "parse error at line 1, col 7: syntax error: unexpected $end, expecting } or ,"),
        (r#"{a=b}"#, "parse error at line 1, col 4: syntax error: unexpected IDENTIFIER, expecting STRING"),
        (r#"{a="b} "#, "parse error at line 1, col 4: literal not terminated"),
        ("{a=\"б\"}\n |= x", "parse error at line 2, col 5: syntax error: unexpected IDENTIFIER, expecting STRING"),
        (r#"{a=~"("}"#, "parse error at line 1, col 5: error parsing regexp: unclosed group"),
        (
            r#"{} | line_format "{{.x}}""#,
            "parse error at line 1, col 6: line_format is not supported here: lines are shown as they were logged",
        ),
        (r#"{} |> "<_><_> x""#, "parse error at line 1, col 7: invalid pattern: found consecutive capture '<_><_>'"),
        (r#"{} | a = ip("10.0.0.0/8")"#, "parse error at line 1, col 8: ip is not supported here"),
        (r#"{} | json x="a[0]""#, "parse error at line 1, col 12: cannot read \"a[0]\""),
        (r#"{} | pattern "<a><b>""#, "parse error at line 1, col 14: invalid pattern: found consecutive capture '<a><b>'"),
        ("rate({}[5m]) by (x)", "parse error at line 1, col 1: grouping not allowed for rate operation"),
        ("sum_over_time({}[5m])", "parse error at line 1, col 1: invalid aggregation sum_over_time without unwrap"),
        ("count_over_time({} | unwrap x [5m])", "parse error at line 1, col 1: invalid aggregation count_over_time with unwrap"),
        ("absent_over_time({}[5m])", "parse error at line 1, col 1: absent_over_time is not supported here"),
        ("topk(rate({}[5m]))", "parse error at line 1, col 1: parameter required for operation topk"),
        ("nonsense({}[5m])", "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER"),
        ("count_over_time({})", "parse error at line 1, col 19: syntax error: unexpected ), expecting ["),
        ("count_over_time({}[5])", "parse error at line 1, col 20: not a valid duration string: \"5\""),
        ("{}[5m]", "parse error at line 1, col 3: syntax error: unexpected ["),
        ("rate({}[5m]) / on (a) rate({}[5m])", "parse error at line 1, col 16: on is not supported here"),
        ("rate({}[5m]) + bool 1", "parse error at line 1, col 21: bool modifier can only be used on comparison operators"),
        (r#"{} | a > "x" | b"#, "parse error at line 1, col 10: syntax error: unexpected STRING"),
    ];
    for (query, expected) in table {
        let error = parse(query).expect_err(query).to_string();
        assert!(error.starts_with(expected), "{query}\n{error}\n{expected}");
    }
    let error = translate(&log(r#"{} | csp > 5"#), None).unwrap_err().to_string();
    assert!(error.starts_with("parse error : the values of csp are texts here"), "{error}");
    assert!(matches!(parse(&format!("{{}}{}", " |= \"x\"".repeat(300))), Err(LogQlError::At { .. })));
    assert!(matches!(parse(&"(".repeat(9_000)), Err(LogQlError::At { .. })));
    assert!(matches!(parse(&"x".repeat(20_000)), Err(LogQlError::Whole(_))));
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(expr in any_expr()) {
        let text = expr.to_string();
        let again = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(&again, &expr, "{}", text);
        prop_assert_eq!(again.to_string(), text);
    }

    #[test]
    fn what_is_asked_here_is_a_query_of_the_own_language(log in any_log()) {
        let Ok(own) = translate(&log, None) else { return Ok(()) };
        match plan(&own.query, &setting()) {
            Ok(plan) => prop_assert_eq!(plan.canonical, own.query),
            // Bounds of the own language, which hold for whoever asks; names that two stages read.
            Err(error) => prop_assert!(["E109", "E118", "E112"].contains(&error.code.as_str()), "{log}\n{}\n{error}", own.query),
        }
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[{}()\\[\\]|=!~\"`a-c0-9.,:<>*+ \\\\#-]{0,40}") {
        if let Ok(expr) = parse(&text) {
            prop_assert_eq!(parse(&expr.to_string()).unwrap(), expr);
        }
    }
}
