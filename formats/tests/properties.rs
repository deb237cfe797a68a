//! What holds for every line.

use crate::corpus::{RUNTIME_NS, visible};
use martlog_formats::fields::{self, Scalar};
use martlog_formats::multiline::{Decision, Joiner};
use martlog_formats::{Ending, Profile, Record, Verdict, parse, parse_ending, parse_object, words};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static PROFILE: LazyLock<Profile> = LazyLock::new(Profile::default);

/// Pieces from which lines come out that are nearly something.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "'",
            "\\",
            "\\\"",
            "\\u0061",
            "\\ud83d",
            "\\n",
            "\n",
            " ",
            "=",
            "&",
            "<",
            ">",
            "</",
            "(",
            ")",
            ";",
            "|",
            "%3D",
            "%26",
            "\"timestamp\":",
            "\"level\":",
            "\"message\":",
            "\"msg\":",
            "\"request_id\":",
            "\"extra\":",
            "\"password\":",
            "\"a\":",
            "\"2026-11-22T10:12:50Z\"",
            "\"info\"",
            "1",
            "-0.5e3",
            "1e999",
            "true",
            "null",
            "password",
            "token",
            "Authorization: ",
            "Cookie: ",
            "Bearer ",
            "Digest ",
            "response=",
            "inline:",
            "pin",
            "otp=",
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "eyJhbGciOiJIUzI1NiJ9.",
            "abc123DEF456ghi789",
            "[redacted:token]",
            "[redacted:",
            "--password ",
            "name",
            "value",
            "b'",
            "Basic ",
            "абонент",
            "\u{1f600}",
            "\u{301}",
            "INFO",
            "ERROR:",
            "[2026-11-22 10:12:50,353]",
            "REQ <",
            "Req-ID: ",
            "\u{1b}[31m",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,4}",
        "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// JSON objects of every kind, as text.
fn objects() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "timestamp",
        "time",
        "level",
        "severity",
        "message",
        "msg",
        "request_id",
        "trace_id",
        "traceId",
        "extra",
        "pod",
        "session",
        "a",
        "b",
        "a.b",
        "password",
        "http",
        "x\ty",
        "имя",
    ]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<f64>().prop_filter("JSON has no infinities", |f| f.is_finite()).prop_map(|f| format!("{f:?}")),
        any::<i64>().prop_map(|i| i.to_string()),
        pieces().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just("\"\"".to_owned()),
    ];
    let value = leaf.prop_recursive(6, 40, 6, {
        let key = key.clone();
        move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(|parts| format!("[{}]", parts.join(", "))),
                prop::collection::btree_map(key.clone(), inner, 0..5).prop_map(|parts| object(&parts)),
            ]
        }
    });
    prop::collection::btree_map(key, value, 0..10).prop_map(|parts| object(&parts))
}

fn object(parts: &BTreeMap<&str, String>) -> String {
    let parts: Vec<_> = parts.iter().map(|(key, value)| format!("{}: {value}", serde_json::to_string(key).unwrap())).collect();
    format!("{{{}}}", parts.join(","))
}

fn sound(record: &Record) {
    assert_eq!(record.verdict == Verdict::Ok, record.problems.is_empty(), "{record:?}");
    assert_ne!(record.verdict, Verdict::Rejected);
    assert!(record.redactions.is_sorted_by(|one, other| one.0 < other.0), "{record:?}");
    if !record.attributes.is_empty() {
        let object: serde_json::Value =
            serde_json::from_str(&record.attributes).unwrap_or_else(|error| panic!("{error}: {}", record.attributes));
        assert!(object.as_object().is_some_and(|object| !object.is_empty()), "{}", record.attributes);
    }
}

fn check_line(line: &[u8]) {
    let record = parse(line, RUNTIME_NS, &PROFILE);
    sound(&record);
    assert_eq!(record, parse(line, RUNTIME_NS, &PROFILE));
    let cut = parse_ending(line, Ending::Cut { whole_bytes: line.len() + 1 }, RUNTIME_NS, &PROFILE);
    sound(&cut);
    sound(&parse_ending(line, Ending::Incomplete, RUNTIME_NS, &PROFILE));
    let again = PROFILE.redact(&record.message);
    assert_eq!(again, record.message, "redacted twice");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_become_one_record(line in prop::collection::vec(any::<u8>(), 0..300)) {
        check_line(&line);
    }

    #[test]
    fn anything_nearly_a_line_becomes_one_record(line in pieces()) {
        check_line(line.as_bytes());
    }

    #[test]
    fn any_object_is_read_as_one(line in objects()) {
        check_line(line.as_bytes());
        let record = parse(line.as_bytes(), RUNTIME_NS, &PROFILE);
        prop_assert_ne!(record.verdict, Verdict::Raw);
    }

    #[test]
    fn what_is_json_is_decided_as_serde_decides(line in prop_oneof![pieces(), objects(), objects().prop_map(|o| o[..o.len() - 1].to_owned())]) {
        let line = line.trim_start_matches('\u{feff}');
        let is_object = serde_json::from_str::<BTreeMap<String, Box<serde_json::value::RawValue>>>(line).is_ok();
        let record = parse(line.as_bytes(), RUNTIME_NS, &PROFILE);
        // serde refuses keys with half a surrogate pair; those are mended here.
        if is_object || !line.contains("\\ud83d") {
            prop_assert_eq!(record.verdict != Verdict::Raw, is_object, "{}", line);
        }
    }

    /// A float as it is not stored sends all fields the slow way; without it only those go there that may hold a secret.
    #[test]
    fn fields_that_are_copied_come_out_as_the_slow_way_writes_them(line in objects()) {
        let quick = parse(line.as_bytes(), RUNTIME_NS, &PROFILE);
        let comma = if line == "{}" { "" } else { "," };
        let slow = parse(format!("{}{comma}\"zz\":1e0}}", &line[..line.len() - 1]).as_bytes(), RUNTIME_NS, &PROFILE);
        if slow.problems.iter().any(|problem| problem.code() == "too_many_fields") {
            return Ok(());
        }
        let comma = if quick.attributes.is_empty() { "{" } else { "," };
        let expected = format!("{}{comma}\"zz\":1e0}}", quick.attributes.strip_suffix('}').unwrap_or_default());
        prop_assert_eq!((slow.attributes, slow.message, slow.redactions), (expected, quick.message, quick.redactions));
    }

    #[test]
    fn a_line_that_is_an_object_needs_no_joiner(line in prop_oneof![pieces(), objects(), objects().prop_map(|o| format!(" {o}\r"))]) {
        let quick = parse_object(line.as_bytes(), RUNTIME_NS, &PROFILE);
        let mut joiner = Joiner::new();
        let decision = joiner.push(line.as_bytes());
        if let Some(record) = quick {
            prop_assert_eq!(record, parse(line.as_bytes(), RUNTIME_NS, &PROFILE));
            prop_assert_eq!((decision, joiner.is_idle()), (Decision::Start { waits: false }, true));
        } else {
            prop_assert!(decision == Decision::Start { waits: true } || line.trim().is_empty(), "{}", line);
        }
    }

    #[test]
    fn a_clean_object_keeps_what_was_written(line in objects()) {
        let record = parse(line.as_bytes(), RUNTIME_NS, &PROFILE);
        if !record.redactions.is_empty() || record.problems.iter().any(|p| matches!(p.code(), "too_deep" | "bad_utf8" | "type_conflict")) {
            return Ok(());
        }
        let before: BTreeMap<String, Box<serde_json::value::RawValue>> = serde_json::from_str(&line).unwrap();
        let after: BTreeMap<String, Box<serde_json::value::RawValue>> =
            if record.attributes.is_empty() { BTreeMap::new() } else { serde_json::from_str(&record.attributes).unwrap() };
        for (key, value) in &after {
            prop_assert_eq!(value.get(), before[key].get());
        }
        for (key, value) in &before {
            let taken = ["timestamp", "time", "level", "severity", "message", "msg"].contains(&key.as_str());
            prop_assert!(taken || after.contains_key(key), "{} = {}", key, value);
        }
    }

    #[test]
    fn visiting_one_field_is_finding_it_among_all(attributes in objects(), path in prop_oneof![
        Just("request_id".to_owned()), Just("trace_id".to_owned()), Just("traceId".to_owned()), Just("a".to_owned()), Just("a.b".to_owned()), Just("b.a".to_owned()),
        Just("extra.a".to_owned()), Just("attributes.pod".to_owned()), Just("pod".to_owned()), Just("extra.pod".to_owned()), Just("extra.extra.a".to_owned()), Just("http.a.b".to_owned()), Just("имя".to_owned()),
    ]) {
        let mut among: Vec<Scalar<'_>> = Vec::new();
        fields::for_each(&attributes, |found, scalar| if found == path { among.push(scalar) });
        let mut visited = Vec::new();
        fields::visit(&attributes, &path, |scalar| visited.push(scalar));
        prop_assert_eq!(among, visited, "{} in {}", path, attributes);
    }

    #[test]
    fn folding_and_words_agree(text in prop_oneof![pieces(), "\\PC{0,40}", "[a-zA-Z0-9_ ÄÖÜßςΣÅéİıſﬁ\u{301}\u{345}-]{0,40}"]) {
        let folded = words::fold(&text).into_owned();
        prop_assert_eq!(words::fold(&folded), folded.as_str());
        let found: Vec<_> = words::words(&text).map(std::borrow::Cow::into_owned).collect();
        for word in &found {
            prop_assert!(!word.is_empty() && word.len() <= words::WORD_BYTES_MAX);
            prop_assert_eq!(words::words(word).collect::<Vec<_>>(), vec![word.as_str()]);
            prop_assert!(words::has_word(&text, word));
        }
        prop_assert!(words::has_phrase(&text, &found));
        if found.len() > 2 {
            prop_assert!(words::has_phrase(&text, &found[1..found.len() - 1]));
        }
    }

    #[test]
    fn wildcards_match_as_the_slow_way_does(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        fn slow(pattern: &[u8], text: &[u8]) -> bool {
            match (pattern.split_first(), text.split_first()) {
                (None, None) => true,
                (Some((b'*', rest)), _) => slow(rest, text) || (!text.is_empty() && slow(pattern, &text[1..])),
                (Some((b'?', rest)), Some((_, after))) => slow(rest, after),
                (Some((wanted, rest)), Some((found, after))) => wanted == found && slow(rest, after),
                _ => false,
            }
        }
        prop_assert_eq!(words::matches_wildcard(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
    }

    #[test]
    fn times_are_read_as_chrono_reads_them(seconds in -2_000_000_000_i64..9_000_000_000, nanos in 0_u32..1_000_000_000, offset in -1080_i32..1080) {
        let zone = chrono::FixedOffset::east_opt(offset * 60).unwrap();
        let time = chrono::DateTime::from_timestamp(seconds, nanos).unwrap().with_timezone(&zone);
        let context = martlog_formats::time::Context { zone_minutes: 0, runtime_ns: 0 };
        let moment = martlog_formats::time::timestamp(&time.to_rfc3339(), context).unwrap();
        prop_assert_eq!(moment.ns, time.timestamp_nanos_opt().unwrap());
        prop_assert!(moment.zoned);
        let local = martlog_formats::time::Context { zone_minutes: offset, runtime_ns: 0 };
        let moment = martlog_formats::time::timestamp(&time.format("%Y-%m-%d %H:%M:%S,%9f").to_string(), local).unwrap();
        prop_assert_eq!(moment.ns, time.timestamp_nanos_opt().unwrap());
        prop_assert!(!moment.zoned);
    }
}

/// Forms in which a secret (`§`) is carried.
const CARRIERS: &[&str] = &[
    r#""password":"§""#,
    r#""password": "§""#,
    r#"\"password\":\"§\""#,
    r#"\\\"token\\\": \\\"§\\\""#,
    r#"'password': '§'"#,
    r#"'password': "§""#,
    r#"'passwd': b'§'"#,
    r#"('Authorization', 'Basic §')"#,
    r#"password=§"#,
    r#"password = §"#,
    r#"pwd: §"#,
    r#"?token=§&x=1"#,
    r#"&access_token=§"#,
    r#"refresh_token=§;"#,
    r#"X-Api-Key: §"#,
    "Authorization: Basic §",
    "authorization: Bearer §",
    "Bearer §",
    "Proxy-Authorization: §",
    "Cookie: sid=§; x=§",
    "cookie=sid=§; x=§",
    r#"{"otp": "§"}"#,
    r#"{"pin":"§"}"#,
    r#"{"auth_info": {"key": "§", "l": ["§"]}}"#,
    r#"'auth_info': {'key': '§'}"#,
    r#"h323_password="§""#,
    "<password>§</password>",
    r#"<ns:token type="x">§</ns:token>"#,
    r#"Digest username="1", response="§", uri="x""#,
    r#"Digest username=\"1\", response=\"§\""#,
    "inline:§§§§§§",
    "eyJ§§§.§§§.§§§",
    "--password §",
    "--api-key=§",
    "token: Token §",
    "-----BEGIN RSA PRIVATE KEY-----\n§§§\n§\n-----END RSA PRIVATE KEY-----",
    r"-----BEGIN PRIVATE KEY-----\n§\n§\n-----END PRIVATE KEY-----",
    "clientSecret=§",
    "DB_PASSWORD=§",
    "userPin: §",
    "token%3D§%26",
    "user[password]=§",
    r#"["secret"]="§""#,
    "password:=§",
    "password=>§",
    r#""secret" => "§""#,
    "secret: |§|",
    "(pin=§)",
    "[otp=§]",
    "{token=§}",
    "<token=§>",
];

/// Text without a secret of its own, which may stand around one. What closes a quote or a bracket early is left to the carriers.
fn around() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[ a-zA-Z0-9,.;:=&?/{}\\[\\]()<>|-]{0,30}",
        "[ a-z\"'\\\\,:{}\n]{0,20}",
        "\\PC{0,20}",
        prop::sample::select(vec![
            r#"{"a": 1, "b": ["#,
            "INFO:root:REQ <b7ad6b71> Sending {'to': '380', ",
            "GET /v1?x=1&",
            "user=joe ",
            "Привет, абонент \u{1f600} ",
            "\u{1b}[31m",
            "{\"msg\": \"",
            "pin ",
            "token token ",
            "password password: ",
            "passwords: ",
            "Bearer ",
            "[redacted:token]",
            "response=",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_planted_secret_is_gone_whatever_surrounds_it(
        before in around(),
        after in around(),
        gap in prop::sample::select(vec!["", " ", ", ", "\n", "\t"]),
        carrier in prop::sample::select(CARRIERS),
        secret in "[A-Z][a-z]{2}[0-9]{3}[a-zA-Z0-9]{6,20}",
        depth in 0_usize..4,
    ) {
        // Behind a letter the first word of a carrier is another word.
        let join = if before.ends_with(|c: char| !c.is_ascii_whitespace()) { " " } else { "" };
        let text = format!("{before}{join}{}{gap}{after}", carrier.replace('§', &secret));
        let lines = [
            text.clone(),
            serde_json::json!({"timestamp": "2026-11-22T10:12:50Z", "level": "info", "message": text}).to_string(),
            serde_json::json!({"message": "m", "extra": {"list": [nested(&text, depth)]}}).to_string(),
            serde_json::json!({"message": {"text": text}}).to_string(),
        ];
        for line in lines {
            let record = parse(line.as_bytes(), RUNTIME_NS, &PROFILE);
            sound(&record);
            let seen = visible(&record);
            prop_assert!(!seen.contains(&secret), "{:?} in {:?}\nfrom {:?}", secret, seen, line);
            prop_assert!(!record.redactions.is_empty());
        }
    }

    #[test]
    fn redacting_twice_is_redacting_once(text in pieces()) {
        let once = PROFILE.redact(&text);
        prop_assert_eq!(PROFILE.redact(&once), once.clone(), "{}", text);
    }
}

/// The text inside JSON inside JSON …, as applications log what they were sent.
fn nested(text: &str, depth: usize) -> serde_json::Value {
    (0..depth).fold(serde_json::Value::String(text.to_owned()), |value, _| {
        serde_json::Value::String(serde_json::json!({ "body": value }).to_string())
    })
}
