//! The parser of pipes: what texts read as, where errors point, that every tree has a text and a JSON form, and that no text breaks it.

use super::testing::any_query;
use super::*;
use proptest::prelude::*;

fn canonical(text: &str) -> String {
    parse(text).unwrap_or_else(|error| panic!("{}", error.render(text))).to_string()
}

fn without_places(mut query: Query) -> Query {
    query.map_spans(&mut |_| Span::default());
    query
}

#[test]
fn pipes_read_as_they_are_meant() {
    let table = [
        ("level:error|timechart 5m count() by module", "level:error | timechart 5m count() by module"),
        ("csp:434 | top 10 error.type", "csp:434 | top 10 error.type"),
        ("| top csp", "| top 10 csp"),
        (
            "module:sms | stats count(), uniq(account_id), p95(duration_ms) by version",
            "module:sms | stats count(), uniq(account_id), p95(duration_ms) by version",
        ),
        (
            "\"REQ <\" | extract \"REQ <*trace> * status=*code\" | where code!=200 | top code",
            "\"REQ <\" | extract \"REQ <*trace> * status=*code\" | where code!=200 | top 10 code",
        ),
        ("id:a | context 50 50", "id:a | context 50 50"),
        ("id:a | CONTEXT 5", "id:a | context 5 5"),
        ("session:7f3a21 | gaps 500ms", "session:7f3a21 | gaps 500ms"),
        ("a | gaps | session | patterns", "a | gaps | session | patterns"),
        (
            "event_type:call_end | stats sum(duration_s)/60 as minutes, uniq(account_id) as users by csp, time(1h)",
            "event_type:call_end | stats sum(duration_s)/60 as minutes, uniq(account_id) as users by csp, time(1h)",
        ),
        ("@5m | stats", "@5m | stats count()"),
        ("| stats by csp", "| stats count() by csp"),
        ("| Stats COUNT() BY csp", "| stats count() by csp"),
        ("| stats (1+2)*3-(4-5)/sum(a)", "| stats (1+2)*3-(4-5)/sum(a)"),
        ("| stats ((sum(a)/sum(b))*100) as percent", "| stats sum(a)/sum(b)*100 as percent"),
        ("| stats p99.90( d ), p100(d)", "| stats p99.9(d), p100(d)"),
        ("| sort - count(), p95(d) desc, b asc", "| sort -count, -p95_d, b"),
        ("| fields a, b.c | dedup a,b | limit 7", "| fields a, b.c | dedup a, b | limit 7"),
        ("| where a OR b level>=warn | limit 5", "| where a OR b level>=warn | limit 5"),
        ("| extract ~`(?P<code>[0-9]+)` from path", "| extract ~`(?P<code>[0-9]+)` from path"),
        ("a | timechart max(x)", "a | timechart max(x)"),
    ];
    for (text, expected) in table {
        assert_eq!(canonical(text), expected, "{text}");
        assert_eq!(without_places(parse(text).unwrap()), without_places(parse(expected).unwrap()), "{text}");
    }
}

#[test]
fn pipes_know_where_they_stand() {
    let text = "аб | stats sum(x)/60 as m, count() by csp |where a:b  | limit 5";
    let query = parse(text).unwrap();
    let piece = |span: Span| &text[span.from..span.to];
    let places: Vec<_> = query.pipes.iter().map(|pipe| piece(pipe.span)).collect();
    assert_eq!(places, ["stats sum(x)/60 as m, count() by csp", "where a:b", "limit 5"]);
    let Stage::Stats { of, .. } = &query.pipes[0].stage else { panic!() };
    assert_eq!((piece(of[0].span), piece(of[1].span)), ("sum(x)/60 as m", "count()"));
    let json = serde_json::to_value(&query.pipes[2]).unwrap();
    assert_eq!(json, serde_json::json!({"span": [58, 65], "pipe": "limit", "rows": 5}));
}

#[test]
fn errors_in_pipes_point_at_the_place_and_say_what_to_write() {
    // Query, code, the text pointed at, the correction.
    let table = [
        ("a | stat count()", "E117", "stat", Some("a | stats count()")),
        ("a | count", "E117", "count", Some("a | stats count()")),
        ("a | head 5", "E117", "head", Some("a | limit 5")),
        ("a | head", "E117", "head", None),
        ("a | stats average(b)", "E117", "average", Some("a | stats avg(b)")),
        ("a | stats cuont()", "E117", "cuont", Some("a | stats count()")),
        ("a | stats count", "E118", "count", Some("a | stats count()")),
        ("a | stats count(b)", "E118", "count(b)", Some("a | stats count()")),
        ("a | stats sum()", "E118", "sum()", None),
        ("a | stats p101(b)", "E117", "p101", None),
        ("a | stats count() by", "E118", "", None),
        ("a | stats count() by time", "E118", "time", Some("a | stats count() by time(5m)")),
        ("a | stats count() module", "E118", "module", None),
        ("a | stats sum(b", "E103", "(", Some("a | stats sum(b)")),
        ("a | stats sum(b/60)", "E118", "/60", None),
        ("a | timechart 5x count()", "E105", "5x", None),
        ("a | gaps 500", "E118", "500", None),
        ("a | limit", "E118", "limit", None),
        ("a | limit five", "E118", "five", None),
        ("a | limit 99999999999999999999", "E118", "99999999999999999999", None),
        ("a | extract status", "E118", "extract", None),
        ("a | extract \"x", "E103", "\"x", Some("a | extract \"x\"")),
        ("a | where", "E104", "where", None),
        ("a | where b @5m", "E111", "@5m", None),
        ("a | where b)", "E103", ")", Some("a | where b")),
        ("a | fields", "E118", "fields", None),
        ("a | fields b,", "E118", "fields", None),
        ("a |", "E104", "|", Some("a")),
        ("a | | limit 5", "E104", "|", Some("a | limit 5")),
        ("a |= \"x\"", "E117", "=", None),
        ("(a | limit 5", "E103", "(", Some("(a) | limit 5")),
        ("a | session 5", "E118", "5", None),
    ];
    for (text, code, at, fix) in table {
        let error = parse(text).expect_err(text);
        assert_eq!((error.code.as_str(), &text[error.span.from..error.span.to]), (code, at), "{text}: {error}");
        assert_eq!(error.fix.as_deref(), fix, "{text}");
        assert!(error.hint.is_some(), "{text} has a hint");
        if let Some(fix) = fix {
            assert!(parse(fix).is_ok(), "the correction of {text} can be read: {fix}");
        }
    }
}

#[test]
fn pipes_lists_and_figures_are_bounded() {
    let code = |text: &str| parse(text).map_err(|error| error.code);
    assert!(code(&"| session ".repeat(PIPES_MAX)).is_ok());
    assert_eq!(code(&"| session ".repeat(PIPES_MAX + 1)), Err(Code::TooLarge));
    let list = |length: usize| format!("| fields {}", vec!["a"; length].join(","));
    assert!(code(&list(LIST_MAX)).is_ok());
    assert_eq!(code(&list(LIST_MAX + 1)), Err(Code::TooLarge));
    let figure = |operators: usize| format!("| stats 1{}", "+1".repeat(operators));
    assert!(code(&figure(OPERATORS_MAX)).is_ok());
    assert_eq!(code(&figure(OPERATORS_MAX + 1)), Err(Code::TooLarge));
    assert_eq!(code(&format!("| stats {}", "(".repeat(5_000))), Err(Code::TooLarge));
    assert_eq!(code(&format!("| where {}", "(".repeat(5_000))), Err(Code::TooLarge));
}

#[test]
fn functions_have_one_name_each() {
    for name in ["count", "sum", "min", "max", "avg", "uniq", "p0", "p50", "p99.9", "p99.999", "p100"] {
        assert_eq!(Function::of(name).map(|function| function.to_string()).as_deref(), Some(name));
    }
    for name in ["", "p", "p1000", "p100.001", "p5.", "p1.2345", "p-5", "pé", "counts"] {
        assert_eq!(Function::of(name), None, "{name}");
    }
    assert_eq!(Function::Percentile(95_000).share(), Some(0.95));
}

/// Texts made of what pipes are made of, most of them nearly right.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "| stats ",
        "| timechart ",
        "| top ",
        "| fields ",
        "| sort ",
        "| limit ",
        "| where ",
        "| extract ",
        "| dedup ",
        "| context ",
        "| session",
        "| gaps ",
        "| patterns",
        "| ",
        "|",
        "count()",
        "sum(",
        "p95(",
        ")",
        "(",
        "a",
        "b.c",
        " by ",
        " as ",
        " from ",
        ", ",
        "5m",
        "500ms",
        "10",
        "1.5",
        "+",
        "-",
        "*",
        "/",
        "time(",
        "\"x\"",
        "`y`",
        "~",
        "\"",
        " OR ",
        "a:b",
        "@5m",
        " ",
        "é",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_tree_reads_back_from_its_text_and_its_json(query in any_query()) {
        let text = query.to_string();
        let read = parse(&text).map_err(|error| TestCaseError::fail(error.render(&text)))?;
        prop_assert_eq!(read.to_string(), text.clone(), "printing is stable");
        prop_assert_eq!(without_places(read), query.clone(), "{}", text);
        let json = serde_json::to_string(&query).unwrap();
        prop_assert_eq!(serde_json::from_str::<Query>(&json).unwrap(), query, "{}", json);
    }

    #[test]
    fn nearly_right_pipes_never_break_it(text in pieces()) {
        match parse(&text) {
            Ok(query) => {
                let printed = query.to_string();
                prop_assert_eq!(parse(&printed).map(without_places), Ok(without_places(query)), "{} was printed as {}", text, printed);
            }
            Err(error) => {
                prop_assert!(error.span.from <= error.span.to && error.span.to <= text.len(), "{:?}: {:?}", text, error);
                prop_assert!(text.is_char_boundary(error.span.from) && text.is_char_boundary(error.span.to), "{:?}: {:?}", text, error);
                prop_assert!(error.hint.is_some() && !error.render(&text).is_empty(), "{:?}", error);
            }
        }
    }
}
