//! The parser: what texts read as, where errors point, and that no text breaks it.

use super::*;
use proptest::prelude::*;

fn canonical(text: &str) -> String {
    parse(text).unwrap_or_else(|error| panic!("{}", error.render(text))).to_string()
}

/// A tree without its places.
fn bare(text: &str) -> Result<Query, QueryError> {
    parse(text).map(|mut query| {
        query.map_spans(&mut |_| Span::default());
        query
    })
}

#[test]
fn queries_of_the_handbook_read_as_they_are_meant() {
    let table = [
        ("", ""),
        ("  ", ""),
        ("timeout", "timeout"),
        ("\"connection  refused\"", "\"connection  refused\""),
        ("csp:434 level>=warn -health", "csp:434 level>=warn -health"),
        ("level >= warn", "level>=warn"),
        ("level:>=warn", "level>=warn"),
        ("a AND b", "a b"),
        ("(a b) c", "a b c"),
        ("a OR b c OR d", "a OR b c OR d"),
        ("(a OR b) c", "(a OR b) c"),
        ("a OR (b OR c)", "a OR b OR c"),
        ("NOT a", "-a"),
        ("NOT (a OR b) c", "-(a OR b) c"),
        ("NOT NOT a", "NOT -a"),
        ("NOT --verbose", "NOT --verbose"),
        ("module:vonage-sms version:2.4.* (failed OR \"timed out\")", "module:vonage-sms version:2.4.* (failed OR \"timed out\")"),
        ("status:500..599 OR duration_ms>2000", "status:500..599 OR duration_ms>2000"),
        ("status:500.. status:..599", "status:500.. status:..599"),
        ("time:2026-11-20T10..12", "time:2026-11-20T10..12"),
        ("time:\"2026-11-20 10:00\"..\"2026-11-20 12:00\"", "time:\"2026-11-20 10:00\"..\"2026-11-20 12:00\""),
        ("a @90m b", "@1h30m a b"),
        ("a OR b @5m", "@5m a OR b"),
        ("@24h", "@1d"),
        ("path=~\"^/v1/sms/[0-9]+$\" ~\"a\\\"b\"", "path=~\"^/v1/sms/[0-9]+$\" ~\"a\\\"b\""),
        ("path:~\"x\" path!~`y`", "path=~\"x\" path!~`y`"),
        ("request_id:* a.b-c!=1 d=2", "request_id:* a.b-c!=1 d=2"),
        ("path:(=~a..b OR !~c)", "path:(=~a..b OR !~c)"),
        ("module:(a OR \"b c\" -d*)", "module:(a OR \"b c\" -d*)"),
        ("status:(404 OR >= 500 OR 201..299) x", "status:(404 OR >=500 OR 201..299) x"),
        ("h323_conf_id:\"062BDBD0 7366C3AD\"", "h323_conf_id:\"062BDBD0 7366C3AD\""),
        ("`{'to': '38050`", "`{'to': '38050`"),
        ("``a`b``", "``a`b``"),
        ("абонент уровень:ошибка", "абонент уровень:ошибка"),
        ("https://host/path?x=1 sip:a@host std::io 10:12:50 C:\\x", "https://host/path?x=1 sip:a@host std::io 10:12:50 C:\\x"),
        ("call_id:a:b=c", "call_id:a:b=c"),
        ("+7 912 345-67-89", "+7 912 345-67-89"),
        ("wait...", "wait..."),
        ("not or and", "not or and"),
    ];
    for (text, expected) in table {
        assert_eq!(canonical(text), expected, "{text}");
        assert_eq!(bare(text), bare(expected), "{text}");
    }
}

#[test]
fn nodes_know_where_they_stand() {
    let text = "csp:434 (аб OR -b) @5m level >= warn";
    let query = parse(text).unwrap();
    let places: Vec<_> = query.clauses().iter().map(|node| &text[node.span.from..node.span.to]).collect();
    assert_eq!(places, ["csp:434", "(аб OR -b)", "level >= warn"]);
    assert_eq!(&text[query.ago.unwrap().span.from..query.ago.unwrap().span.to], "@5m");
    let Kind::Field { name, test } = &query.clauses()[2].kind else { panic!() };
    assert_eq!((&text[name.span.from..name.span.to], &text[test.span.from..test.span.to]), ("level", "warn"));
    assert_eq!(query.clauses()[1].span.utf16(text), Span::new(8, 18), "Cyrillic letters are two bytes and one unit");
    let json = serde_json::to_value(parse("-a:b").unwrap()).unwrap();
    let field = serde_json::json!({"span": [1, 4], "kind": "field", "name": {"span": [1, 2], "text": "a"},
        "test": {"op": "has", "span": [3, 4], "type": "word", "value": "b"}});
    assert_eq!(json, serde_json::json!({"filter": {"span": [0, 4], "kind": "not", "of": field}}));
}

#[test]
fn errors_point_at_the_place_and_say_what_to_write() {
    // Query, code, the text pointed at, the correction.
    let table = [
        ("a )", "E103", ")", Some("a")),
        ("(a b", "E103", "(", Some("(a b)")),
        ("\"a b", "E103", "\"a b", Some("\"a b\"")),
        ("x `a b", "E103", "`a b", Some("x `a b`")),
        ("a OR", "E104", "OR", Some("a")),
        ("OR a", "E104", "OR", Some("a")),
        ("a OR @5m", "E104", "OR", Some("a @5m")),
        ("a OR OR b", "E104", "OR", Some("a OR b")),
        ("a AND", "E104", "AND", Some("a")),
        ("NOT", "E104", "NOT", Some("")),
        ("a ()", "E104", "()", Some("a")),
        ("a request_id:", "E104", "request_id:", Some("a request_id:*")),
        ("Error: timeout", "E104", "Error:", Some("Error timeout")),
        ("a >", "E104", "a >", None),
        ("code==5", "E101", "code==", Some("code=5")),
        ("a => 5", "E101", "a =>", Some("a= 5")),
        ("!health", "E101", "!", Some("-health")),
        ("> 5", "E101", ">", Some("`>` 5")),
        ("a || b", "E101", "||", Some("a OR b")),
        ("a @soon", "E105", "@soon", Some("a `@soon`")),
        ("a @5m @6m", "E112", "@6m", Some("a @5m")),
        ("(a @5m)", "E111", "@5m", None),
        ("NOT @5m", "E111", "@5m", None),
        ("module:(a level:error)", "E111", "level:error", Some("module:(a \"level:error\")")),
        ("a=1..2", "E115", "a=1..2", Some("a:1..2")),
        ("level>=(a)", "E104", "", None),
        (
            "{app=\"sms\", ns=~\"x.*\"} |= \"a b\" != \"c\"",
            "E113",
            "{app=\"sms\", ns=~\"x.*\"} |= \"a b\" != \"c\"",
            Some("app:sms ns=~\"x.*\" `a b` -`c`"),
        ),
        ("SELECT * FROM logs WHERE a = 5", "E114", "SELECT * FROM logs WHERE a = 5", Some("a:5")),
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
fn queries_of_other_languages_are_converted_where_all_of_them_is_understood() {
    let table = [
        ("{app=\"sms\"} |= \"a b\" | json | status >= 500 and level=\"error\"", Some("app:sms `a b` status>=500 level:error")),
        ("{app=\"sms\"} |~ \"a\\\\d\" !~ \"b\"", Some("app:sms ~`a\\d` -~\"b\"")),
        ("{a=\"b\"} | pattern \"<ip> - <_> <code>\" | code != \"200\"", Some("a:b | extract \"*ip - * *code\" | where code!=200")),
        ("count_over_time({a=\"b\"} |= \"x\" [5m])", Some("a:b `x` | timechart 5m count()")),
        ("sum by (csp) (rate({a=\"b c\"}[1m]))", Some("a:\"b c\" | timechart 1m count()/60 as rate by csp")),
        ("sum(count_over_time({a=\"b\"}[1h])) by (csp, module)", Some("a:b | timechart 1h count() by csp, module")),
        ("topk(5, sum by (csp) (count_over_time({a=\"b\"}[1h])))", Some("a:b | top 5 csp")),
        ("quantile_over_time(0.99, {a=\"b\"} | json | unwrap duration_ms [5m])", Some("a:b | timechart 5m p99(duration_ms)")),
        ("avg(rate({a=\"b\"}[1m]))", None),
        ("{a=\"b\"} | line_format \"x\"", None),
        (
            "SELECT csp, count(*) AS n FROM logs WHERE status >= 500 AND (module = 'sms' OR module <> 'a b') GROUP BY csp ORDER BY n DESC LIMIT 10;",
            Some("status>=500 (module:sms OR module!=\"a b\") | stats count() as n by csp | sort -n | limit 10"),
        ),
        (
            "select time, message from logs where message like '%timed out%' order by time",
            Some("`timed out` | sort time | fields time, message"),
        ),
        ("select count(distinct a), sum(b) from t", Some("| stats uniq(a), sum(b)")),
        (
            "select * from t where a in ('x','y z') and b between 1 and 5 and c is not null and not d is null and e not like 'f%'",
            Some("a:(x OR \"y z\") b:1..5 c:* NOT -d:* -e:f*"),
        ),
        ("select a.b from t order by count(*) desc", Some("| sort -count() | fields a.b")),
        ("select a, count(*) from t", None),
        ("select a from t join u on x = y", None),
        ("select a from t where f(x) = 5", None),
    ];
    for (text, fix) in table {
        let error = parse(text).expect_err(text);
        assert!(matches!(error.code, Code::LogQl | Code::Sql), "{text}: {error}");
        assert_eq!(error.fix.as_deref(), fix, "{text}");
    }
    for text in ["{\"a\": \"b\"}", "selected from", "rate {x}", "sum of {a=5}", "select"] {
        assert!(!parse(text).is_err_and(|error| matches!(error.code, Code::LogQl | Code::Sql)), "{text}");
    }
}

proptest! {
    #[test]
    fn a_correction_of_a_foreign_query_always_reads(text in "(\\{a=\"|select |from t |where |a|=|'|\"|\\}|\\||\\(|\\)|,|\\[5m\\]|count\\(| and | or |\\PC){0,20}") {
        for text in [text.clone(), format!("select * from t where {text}"), format!("{{a=\"b\"}} {text}"), format!("sum(rate({{a=\"{text}")] {
            if let Err(QueryError { fix: Some(fix), code: Code::LogQl | Code::Sql, .. }) = parse(&text) {
                prop_assert!(parse(&fix).is_ok(), "{} became {}", text, fix);
            }
        }
    }
}

#[test]
fn an_error_reads_well_in_a_terminal() {
    let text = "csp:434 request_id:";
    let expected = "csp:434 request_id:\n        ───────────\nE104 at 9–19: \"request_id:\" has no value. \
        request_id:* finds the lines that have the field; without the colon it is a word.\nTry: csp:434 request_id:*";
    assert_eq!(parse(text).unwrap_err().render(text), expected);
}

#[test]
fn size_depth_and_number_of_parts_are_bounded() {
    let code = |text: &str| parse(text).map_err(|error| error.code);
    assert_eq!(code(&"a".repeat(QUERY_BYTES_MAX + 1)), Err(Code::TooLarge));
    assert!(code(&"a".repeat(QUERY_BYTES_MAX)).is_ok());
    assert_eq!(code(&"a ".repeat(NODES_MAX + 1)), Err(Code::TooLarge));
    assert!(code(&"a ".repeat(NODES_MAX - 1)).is_ok());
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(code(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(code(&nested(DEPTH_MAX + 1)), Err(Code::TooLarge));
    assert_eq!(code(&"NOT ".repeat(2000)), Err(Code::TooLarge));
    assert_eq!(code(&"(".repeat(QUERY_BYTES_MAX)), Err(Code::TooLarge));
}

#[test]
fn codes_are_stable_and_different() {
    let codes: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes.len(), Code::ALL.len());
    assert_eq!(Code::UnknownValue.as_str(), "E102");
}

/// Texts made of what queries are made of, most of them nearly right.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("("),
        Just(")"),
        Just(" "),
        Just(" "),
        Just(" OR "),
        Just(" AND "),
        Just("NOT "),
        Just("-"),
        Just("--"),
        Just("a"),
        Just("Bc"),
        Just("level"),
        Just(":"),
        Just("="),
        Just("!="),
        Just("=~"),
        Just("!~"),
        Just(">="),
        Just("<"),
        Just(".."),
        Just("..."),
        Just("*"),
        Just("?"),
        Just("\""),
        Just("`"),
        Just("``"),
        Just("\\"),
        Just("~"),
        Just("@5m"),
        Just("@"),
        Just("|"),
        Just("f:("),
        Just("sip:"),
        Just("://"),
        Just("::"),
        Just("500"),
        Just("é"),
        Just("абв"),
        Just("\"x y\""),
        Just("`l i`"),
        Just("~\"r\""),
        Just("\n"),
        Just("."),
        Just("{"),
        Just("}"),
        Just("/"),
        Just("!"),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn prints_back(text: &str) {
    match parse(text) {
        Ok(query) => {
            let printed = query.to_string();
            assert_eq!(bare(&printed), bare(text), "{text:?} was printed as {printed:?}");
            assert_eq!(canonical(&printed), printed, "printing is stable");
        }
        Err(error) => {
            assert!(error.span.from <= error.span.to && error.span.to <= text.len(), "{text:?}: {error:?}");
            assert!(text.is_char_boundary(error.span.from) && text.is_char_boundary(error.span.to), "{text:?}: {error:?}");
            assert!(!error.render(text).is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn nearly_right_texts_never_break_it(text in pieces()) {
        prints_back(&text);
    }

    #[test]
    fn no_text_breaks_it(text in "\\PC{0,60}") {
        prints_back(&text);
    }
}

#[test]
fn what_is_printed_is_not_taken_for_another_language() {
    for text in [r#"{B7=("x" "y")"#, "(select a from b)", r#"{a=("x" OR y) | stats count()"#] {
        let query = parse(text).unwrap();
        let printed = query.to_string();
        let again = parse(&printed).unwrap_or_else(|error| panic!("{}", error.render(&printed)));
        assert_eq!(again.to_string(), printed);
    }
}

#[test]
fn an_end_of_a_range_has_no_back_slash() {
    for text in [r"h:..5\", r"h:l5..!?\", r"h:\..5"] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.code, Code::BadNumber, "{text}");
    }
}

#[test]
fn ends_of_ranges_that_would_be_something_else_are_quoted() {
    for text in [
        r#"f:("-5"..5)"#,
        r#"f:("@x"..)"#,
        r#"f:("a:b"..c)"#,
        r#"f:("a".."b=c")"#,
        r#"f:":a"..2"#,
        r#"f:"//a".."#,
        r#"f:"a\\"..5"#,
        "f:-5..5",
    ] {
        prints_back(text);
        assert!(parse(text).is_ok(), "{text}");
    }
    assert_eq!(canonical(r#"f:("5"..7)"#), "f:(5..7)");
    assert_eq!(canonical(r#"f:("-5"..7)"#), r#"f:("-5"..7)"#);
}

#[test]
fn a_group_takes_one_operator_at_once() {
    for (text, fix) in [("f:(= ~x)", "f:(=x)"), ("f:(> =5)", "f:(>5)"), ("f:(!= !=x)", "f:(!=x)")] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.code, error.fix.as_deref()), (Code::Unexpected, Some(fix)), "{text}");
    }
}
