//! A file that holds every shape that was seen in the field comes out with the right verdicts, levels, times and ids, and no secret of
//! it is in any stored byte, wire byte or own log.

use crate::harness::{Scene, proxy::Proxy, until};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use std::path::Path;

/// What a line must become.
struct Case {
    stream: &'static str,
    text: String,
    verdict: &'static str,
    level: Option<&'static str>,
    /// A query that must find it, and it alone.
    query: &'static str,
    /// The record's time, where the line gives it: offset from the file's time, ms.
    time_ms: Option<i64>,
    problem: Option<&'static str>,
}

fn case(text: impl Into<String>, verdict: &'static str, level: Option<&'static str>, query: &'static str) -> Case {
    Case { stream: "stdout", text: text.into(), verdict, level, query, time_ms: None, problem: None }
}

const SECRETS: [&str; 14] = [
    "hunter2-swordfish",
    "tok-7f3a9b2c41",
    "rt-55aa66bb77",
    "otp-918273",
    "Zm9vOmJhcg-basic",
    "key-a1b2c3d4e5",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "d41d8cd98f00b204e9800998ecf8427e",
    "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj",
    "MIIEowIBAAKCAQEA7",
    "cookie-value-4242",
    "url-secret-9",
    "pin-5521",
    "auth-info-secret-3",
];

fn cases(now: DateTime<Utc>) -> Vec<Case> {
    let at = |ms: i64| (now + chrono::Duration::milliseconds(ms)).to_rfc3339_opts(SecondsFormat::Millis, true);
    let local = |ms: i64, form: &str| (now + chrono::Duration::milliseconds(ms)).format(form).to_string();
    let s = SECRETS;
    vec![
        Case {
            time_ms: Some(-5000),
            ..case(
                format!(
                    r#"{{"timestamp":"{}","level":"INFO","message":"conforming alpha","request_id":"463ac35c9f6413ad48485a3953bb6124","unique_id":"u-1"}}"#,
                    at(-5000)
                ),
                "ok",
                Some("info"),
                "request_id:463ac35c9f6413ad48485a3953bb6124",
            )
        },
        Case {
            time_ms: Some(-4000),
            ..case(
                format!(r#"{{"timestamp":"{}","level":"warning","message":"empty ids bravo","request_id":"","unique_id":""}}"#, at(-4000)),
                "ok",
                Some("warn"),
                "bravo",
            )
        },
        case(
            format!(r#"{{"timestamp":"{}","level":"info","message":"array charlie","msisdn":["79123456789"]}}"#, at(0)),
            "ok",
            Some("info"),
            "charlie",
        ),
        case(
            format!(
                r#"{{"timestamp":"{}","level":"info","message":"nested delta","extra":{{"timestamp":"22/11/2026 10:00","imsi":"250011234567890"}}}}"#,
                at(0)
            ),
            "ok",
            Some("info"),
            "imsi:250011234567890",
        ),
        case(
            format!(r#"{{"timestamp":"{}","level":"info","message":"string today echo","payload":"text"}}"#, at(0)),
            "ok",
            Some("info"),
            "echo",
        ),
        case(
            format!(r#"{{"timestamp":"{}","level":"info","message":"object tomorrow foxtrot","payload":{{"a":1}}}}"#, at(0)),
            "ok",
            Some("info"),
            "payload.a:1",
        ),
        case(
            format!(
                r#"{{"timestamp":"{}","level":"info","message":"conference golf","h323_conf_id":"062BDBD0 7366C3AD 6ED2EA7A 66D2F473"}}"#,
                at(0)
            ),
            "ok",
            Some("info"),
            "h323_conf_id:062BDBD07366C3AD6ED2EA7A66D2F473",
        ),
        case(
            format!(
                r#"{{"timestamp":"{}","level":"info","message":"call hotel","call_id":"655317beb24211e9971f3863bb43493c_00015D3F5BE814B1"}}"#,
                at(0)
            ),
            "ok",
            Some("info"),
            "call_id:655317beb24211e9971f3863bb43493c_00015D3F5BE814B1",
        ),
        case(
            format!(r#"{{"timestamp":"{}","level":"info","message":"account india","account_id":"79123456789@msisdn"}}"#, at(0)),
            "ok",
            Some("info"),
            "account_id:79123456789",
        ),
        Case {
            problem: Some("alias_used"),
            time_ms: Some(-3000),
            ..case(
                format!(r#"{{"time":"{}","severity":"ERROR","msg":"aliases juliett"}}"#, at(-3000)),
                "repaired",
                Some("error"),
                "juliett",
            )
        },
        Case {
            problem: Some("unknown_level"),
            ..case(format!(r#"{{"timestamp":"{}","level":"shouting","message":"unknown kilo"}}"#, at(0)), "repaired", None, "kilo")
        },
        Case {
            problem: Some("missing_timestamp"),
            ..case(r#"{"level":"info","message":"timeless lima"}"#, "repaired", Some("info"), "lima")
        },
        Case {
            problem: Some("clock_skew"),
            ..case(r#"{"timestamp":"2019-01-01T00:00:00Z","level":"info","message":"skewed mike"}"#, "repaired", Some("info"), "mike")
        },
        Case {
            problem: Some("not_json"),
            ..case(r#"INFO:     10.2.3.4:53211 - "POST /v1/november HTTP/1.1" 404"#, "raw", Some("info"), "november")
        },
        case(
            format!(r#"10.2.3.4 - - [{}] "GET /oscar HTTP/1.1" 500 12 "-" "curl/8.0""#, local(0, "%d/%b/%Y:%H:%M:%S +0000")),
            "raw",
            None,
            "oscar",
        ),
        case(
            format!("INFO:root:REQ <b7ad6b7169203331> Sending papa: {{'to': '380501112233', 'password': '{}'}}", s[0]),
            "raw",
            Some("info"),
            "request_id:b7ad6b7169203331",
        ),
        Case {
            time_ms: Some(-2000),
            ..case(
                format!("[{}] ERROR [Req-ID: 9b2c8a4e-11aa]: quebec failed", local(-2000, "%Y-%m-%d %H:%M:%S,%3f")),
                "raw",
                Some("error"),
                "request_id:9b2c8a4e-11aa",
            )
        },
        case("WARNING [Req-ID: 9b2c8a4e-22bb]: romeo without a time", "raw", Some("warn"), "romeo"),
        case("level=error msg=\"sierra lost\" component=db", "raw", Some("error"), "sierra"),
        case("ERROR: tango exploded", "raw", Some("error"), "tango"),
        case("42", "raw", None, "problem:not_object"),
        case("{\"timestamp\":\"broken", "raw", None, "`{\"timestamp\":\"broken`"),
        case(
            format!(
                r#"{{"timestamp":"{}","level":"info","message":"keys uniform","password":"{}","user":{{"access_token":"{}","refresh_token":"{}"}},"otp":"{}","api_key":"{}","cookie":"{}","pin":"{}","auth_info":"{}"}}"#,
                at(0),
                s[0],
                s[1],
                s[2],
                s[3],
                s[5],
                s[10],
                s[12],
                s[13]
            ),
            "repaired",
            Some("info"),
            "uniform",
        ),
        case(
            format!(r#"{{"timestamp":"{}","level":"info","message":"headers victor Authorization: Bearer {} and {}"}}"#, at(0), s[1], s[6]),
            "repaired",
            Some("info"),
            "victor",
        ),
        case(
            format!(
                r#"{{"timestamp":"{}","level":"debug","message":"inside whiskey {{\"password\": \"{}\", \"token\": \"{}\"}}"}}"#,
                at(0),
                s[0],
                s[1]
            ),
            "repaired",
            Some("debug"),
            "whiskey",
        ),
        case(
            format!(r#"{{"timestamp":"{}","level":"debug","message":"GET /xray?token={}&a=1"}}"#, at(0), s[11]),
            "repaired",
            Some("debug"),
            "xray",
        ),
        case(
            format!(
                r#"{{"timestamp":"{}","level":"debug","message":"sip yankee Authorization: Digest username=\"u\", response=\"{}\""}}"#,
                at(0),
                s[7]
            ),
            "repaired",
            Some("debug"),
            "yankee",
        ),
        case(
            format!(
                r#"{{"timestamp":"{}","level":"debug","message":"srtp zulu a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}"}}"#,
                at(0),
                s[8]
            ),
            "repaired",
            Some("debug"),
            "zulu",
        ),
        case(
            format!(
                r#"{{"timestamp":"{}","level":"debug","message":"pem ypsilon -----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----"}}"#,
                at(0),
                s[9]
            ),
            "repaired",
            Some("debug"),
            "ypsilon",
        ),
        case(
            format!(
                r#"{{"timestamp":"{}","level":"info","message":"абонент недоступен","error":{{"type":"Timeout","message":"no answer"}}}}"#,
                at(0)
            ),
            "ok",
            Some("info"),
            "АБОНЕНТ",
        ),
        Case { stream: "stderr", ..case(trace(), "raw", Some("error"), "\"raise Forbidden\"") },
    ]
}

/// A Python traceback of 58 physical lines behind the line that logs it.
fn trace() -> String {
    let mut lines = vec!["ERROR:root:handler failed".to_owned(), "Traceback (most recent call last):".to_owned()];
    for depth in 0..27 {
        lines.push(format!("  File \"/app/handler.py\", line {depth}, in step_{depth}"));
        lines.push(format!("    raise Forbidden({depth})"));
    }
    lines.push("app.errors.Forbidden: 403".to_owned());
    lines.push(String::new());
    lines.truncate(57);
    lines.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_of_the_field_comes_out_right_and_no_secret_is_left() {
    let scene = Scene::new();
    let server = scene.serve_with(&["--log-format", "json", "--live-age", "50ms"]).await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let token = server.collector_token().await;
    let proxy = Proxy::start(&server.address).await;
    let now = Utc::now();
    let cases = cases(now);
    let mut pod = scene.pod("csp-434-sms", "sms-1", "5b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b11", "app");
    for case in &cases {
        for physical in case.text.split('\n') {
            pod.write(case.stream, physical.as_bytes(), now);
        }
    }
    let mut collector = scene.collect(&proxy.address, &token, &["--once"]);
    assert_eq!(collector.wait().await, Some(0), "{}", collector.stderr());

    let all = partner.search("*").await;
    assert_eq!(all.rows.len(), cases.len(), "one record each: {:#?}", all.messages());
    for case in &cases {
        check(case, &partner.search(case.query).await.rows, now);
    }
    assert_eq!(partner.search("problem:secret_redacted").await.rows.len(), 8);
    let answers = serde_json::to_string(&all.rows).expect("rows");

    // The splits are looked at, too: the short life of a live buffer brings one soon.
    until("a split", async || std::fs::read_dir(scene.data().join("splits/acme/sms")).ok()?.flatten().next()).await;
    assert_eq!(partner.search("*").await.rows.len(), cases.len(), "the same from the split");
    for case in &cases {
        check(case, &partner.search(case.query).await.rows, now);
    }
    let own_log = format!("{}{}{}{}", server.process.stderr(), server.process.stdout(), collector.stderr(), collector.stdout());
    let mut server = server;
    server.process.signal(rustix::process::Signal::INT);
    assert_eq!(server.process.wait().await, Some(0), "{}", server.process.stderr());
    let own_log = own_log + &server.process.stderr();
    let (stored, wire) = (stored_bytes(&scene.root), proxy.seen());
    for secret in SECRETS {
        for (place, bytes) in
            [("an answer", answers.as_bytes()), ("the wire", &wire), ("an own log", own_log.as_bytes()), ("the data folder", &stored)]
        {
            assert!(!holds(bytes, secret.as_bytes()), "{secret} is in {place}");
        }
    }
    assert!(holds(&wire, b"conforming alpha") && holds(&stored, b"conforming alpha"), "the search for secrets sees what is there");
}

fn check(case: &Case, rows: &[Value], now: DateTime<Utc>) {
    let shown: Vec<_> = rows.iter().map(|row| &row["message"]).collect();
    assert_eq!(rows.len(), 1, "{} finds {shown:?}", case.query);
    let row = &rows[0];
    assert_eq!(row["verdict"], case.verdict, "{row}");
    assert_eq!(row["level"].as_str(), case.level, "{row}");
    if let Some(problem) = case.problem {
        assert!(row["problems"].as_array().is_some_and(|codes| codes.iter().any(|code| code == problem)), "{problem}: {row}");
    }
    let time = DateTime::parse_from_rfc3339(row["time"].as_str().expect("a time")).expect("RFC 3339").to_utc();
    let wanted = (now + chrono::Duration::milliseconds(case.time_ms.unwrap_or(0))).timestamp_millis();
    let slack = if case.time_ms.is_some() { 0 } else { 1000 };
    assert!((time.timestamp_millis() - wanted).abs() <= slack, "{} is not {wanted}: {row}", time.timestamp_millis());
}

/// Every byte below a folder, as it lies there and with every zstd frame opened, but for the pods' own files.
fn stored_bytes(root: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut folders = vec![root.join("data"), root.join("state")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let file = std::fs::read(entry.path()).unwrap_or_default();
                for start in memchr_all(&file, &[0x28, 0xB5, 0x2F, 0xFD]) {
                    let mut frame = Vec::new();
                    if let Ok(decoder) = zstd::Decoder::new(&file[start..]) {
                        let _ = std::io::copy(&mut decoder.single_frame(), &mut frame);
                    }
                    bytes.extend_from_slice(&frame);
                }
                bytes.extend_from_slice(&file);
            }
        }
    }
    bytes
}

fn holds(bytes: &[u8], piece: &[u8]) -> bool {
    !memchr_all(bytes, piece).is_empty()
}

fn memchr_all(bytes: &[u8], piece: &[u8]) -> Vec<usize> {
    memchr::memmem::find_iter(bytes, piece).collect()
}
