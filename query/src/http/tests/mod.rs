//! The endpoints over a real store in a folder of its own: what a reader gets, page by page and live, and what nobody gets of another partner's.

mod audit;
mod excerpts;
mod export;
mod gaps;
mod handbook;
mod loki;
mod loki_metrics;
mod loki_tail;
mod openapi;
mod page;
mod pipes;
mod quota;
mod tail;
mod usage;
mod why;

use super::*;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use martlog_formats::{Problems, Record, Severity, Verdict};
use martlog_indexer::registry::{Kind, NewInstance, NewModule, NewPartner, NewToken, Selector};
use martlog_indexer::{Indexer, Options};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tower::ServiceExt as _;

struct Server {
    indexer: Indexer,
    router: Router,
    staff: String,
    _dir: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    text: String,
}

impl Server {
    async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    /// Two partners with a module and an instance each: `acme` with `sms` at CSP 434, `zeta` with `voice` at CSP 255.
    async fn with(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let indexer = Indexer::open(dir.path(), Options::default()).await.unwrap();
        let registry = indexer.registry();
        let staff = registry.bootstrap_staff_token().await.unwrap().unwrap();
        for (partner, module, csp) in [("acme", "sms", "434"), ("zeta", "voice", "255")] {
            registry.create_partner(NewPartner { id: partner.into(), name: None }).await.unwrap();
            registry
                .create_module(NewModule { id: module.into(), partner: partner.into(), name: None, retention: None, policy: None })
                .await
                .unwrap();
            let selector = Selector { namespace: format!("ns-{module}"), labels: Default::default() };
            let instance = NewInstance {
                id: format!("{module}-{csp}"),
                module: module.into(),
                csp: csp.into(),
                environment: None,
                selector,
                retention: None,
                policy: None,
            };
            registry.create_instance(instance).await.unwrap();
        }
        let router = martlog_indexer::doors::router(indexer.clone()).merge(router_with(indexer.clone(), limits, None));
        Self { indexer, router, staff, _dir: dir }
    }

    async fn token(&self, partner: &str) -> String {
        self.minted(partner).await.0
    }

    async fn minted(&self, partner: &str) -> (String, String) {
        let new =
            NewToken { kind: Kind::Partner, partner: Some(partner.into()), instances: None, cluster: None, expires_at: None, note: None };
        let minted = self.indexer.registry().mint_token(new).await.unwrap();
        (minted.text, minted.token.id.to_string())
    }

    async fn push(&self, instance: &str, records: Vec<Record>) {
        let owner = self.indexer.registry().instance(instance).unwrap();
        self.indexer.push(owner, records).await.unwrap();
    }

    async fn request(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        let request = Request::post(path).header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
        read(self.request(request.body(body.to_string().into()).unwrap()).await).await
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        read(self.request(request.body(Body::empty()).unwrap()).await).await
    }

    /// Rows and the summary of a search that must succeed.
    async fn search(&self, token: &str, body: Value) -> (Vec<Value>, Value) {
        let answer = self.post("/api/v1/search", token, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        let mut rows = Vec::new();
        let mut summary = Value::Null;
        for line in answer.text.lines() {
            assert!(summary.is_null(), "nothing follows the summary");
            let mut line: Value = serde_json::from_str(line).unwrap();
            assert!(line.get("error").is_none(), "{line}");
            rows.extend(line.get_mut("row").map(Value::take));
            summary = line.get_mut("summary").map_or(Value::Null, Value::take);
        }
        assert!(!summary.is_null(), "there is a summary");
        (rows, summary)
    }

    async fn tail(&self, token: &str, query: &str, last: Option<&str>) -> Events {
        let request = Request::get(format!("/api/v1/tail?query={query}")).header("authorization", format!("Bearer {token}"));
        let request = last.iter().fold(request, |request, last| request.header("last-event-id", *last));
        let response = self.request(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events { body: response.into_body(), rest: String::new() }
    }
}

async fn read(response: axum::response::Response) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        (self.status.as_u16(), self.json()["code"].as_str().unwrap().to_owned())
    }
}

/// Server-sent events of a tail.
struct Events {
    body: Body,
    rest: String,
}

#[derive(Debug)]
struct Told {
    name: String,
    id: Option<String>,
    data: Value,
}

impl Events {
    /// The next event, in a second at most; `None` at the end.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some((event, rest)) = self.rest.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
                let told = field("event:").map(|name| Told {
                    name,
                    id: field("id:"),
                    data: serde_json::from_str(&field("data:").unwrap()).unwrap(),
                });
                self.rest = rest.to_owned();
                match told {
                    Some(told) => return Some(told),
                    None => continue,
                }
            }
            let frame = tokio::time::timeout(Duration::from_secs(5), self.body.frame()).await.expect("an event comes in time")?;
            let bytes: Bytes = frame.unwrap().into_data().unwrap();
            self.rest.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The next row's message and cursor.
    async fn row(&mut self) -> (String, String) {
        loop {
            let told = self.next().await.expect("the tail goes on");
            if told.name == "row" {
                return (told.data["message"].as_str().unwrap().to_owned(), told.id.unwrap());
            }
        }
    }
}

/// A line of now minus so many milliseconds.
fn line(ms_ago: i64, message: &str, attributes: &str) -> Record {
    let time_ns = now_ns() - ms_ago * 1_000_000;
    Record {
        time_ns,
        runtime_time_ns: time_ns,
        severity: Some(if message.contains("failed") { Severity::ERROR } else { Severity::INFO }),
        verdict: Verdict::Ok,
        problems: Problems::default(),
        redactions: Vec::new(),
        message: message.to_owned(),
        attributes: attributes.to_owned(),
    }
}

fn lines(range: std::ops::Range<i64>) -> Vec<Record> {
    range.map(|n| line(600_000 - n, &format!("line {n}"), &format!("{{\"n\":{n}}}"))).collect()
}

fn numbers(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["attributes"]["n"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn what_was_logged_is_found_as_it_was_logged() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server
        .push("sms-434", vec![line(5_000, "Connection refused by 10.0.0.7", r#"{"status":502,"request_id":"463ac3","duration_ms":1.50}"#)])
        .await;
    server.push("sms-434", vec![line(4_000, "sent", r#"{"status":200}"#), line(3_000, "sending failed", "")]).await;
    let table = [
        ("refused", 1),
        ("\"connection REFUSED\"", 1),
        ("`10.0.0.7`", 1),
        ("conn*", 1),
        ("request_id:463ac3", 1),
        ("status:500..599", 1),
        ("status>=200", 2),
        ("-refused", 2),
        ("level>=error", 1),
        ("csp:434 module:sms instance:sms-434", 3),
        ("refused OR failed", 2),
        ("csp:255", 0),
        ("@1m", 3),
        ("time:..-2h", 0),
        ("verdict:raw", 0),
    ];
    for flushed in [false, true] {
        for (query, expected) in table {
            let (rows, summary) = server.search(&token, json!({"query": query})).await;
            assert_eq!(rows.len(), expected, "{query}, flushed: {flushed}");
            assert_eq!((summary["returned"].as_u64(), &summary["cursor"]), (Some(expected as u64), &Value::Null), "{query}");
        }
        let (rows, _) = server.search(&token, json!({"query": "refused"})).await;
        let row = &rows[0];
        assert_eq!(
            (&row["partner"], &row["csp"], &row["level"], &row["verdict"]),
            (&json!("acme"), &json!("434"), &json!("info"), &json!("ok"))
        );
        let (same, _) = server.search(&token, json!({"query": format!("id:{}", row["id"].as_str().unwrap())})).await;
        assert_eq!(&same[0], row, "a row's id finds it");
        server.indexer.flush().await.unwrap();
    }
}

#[tokio::test]
async fn pages_give_every_row_once_in_order_and_nothing_that_came_later() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server.push("sms-434", lines(0..60)).await;
    server.indexer.flush().await.unwrap();
    server.push("sms-434", lines(60..120)).await;
    for (order, descending) in [("newest", true), ("oldest_first", false)] {
        let (mut found, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
        loop {
            let mut body = json!({"query": "line", "from": "-1h", "limit": 50, "order": order});
            if !cursor.is_null() {
                body["cursor"] = cursor;
            }
            let (rows, summary) = server.search(&token, body).await;
            found.extend(numbers(&rows));
            pages += 1;
            cursor = summary["cursor"].clone();
            if cursor.is_null() {
                break;
            }
            // What comes between two pages is for the next search, wherever in the order it lies.
            server.push("sms-434", vec![line(600_000 - 75, "line too late", r#"{"n":-1}"#)]).await;
            server.indexer.flush().await.unwrap();
        }
        let mut expected: Vec<i64> = (0..120).collect();
        if descending {
            expected.reverse();
        }
        assert_eq!((found.iter().filter(|n| **n >= 0).copied().collect::<Vec<_>>(), pages), (expected, 3), "{order}");
        // The first search put two lines between its pages: the second finds them, and not its own.
        assert_eq!(found.iter().filter(|n| **n < 0).count(), if descending { 0 } else { 2 }, "{order}");
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_query_order_and_reader() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server.push("sms-434", lines(0..5)).await;
    let (_, summary) = server.search(&token, json!({"query": "line  AND  level:info", "limit": 2})).await;
    let cursor = summary["cursor"].as_str().unwrap();
    let (rows, _) = server.search(&token, json!({"query": "line level:info", "limit": 2, "cursor": cursor})).await;
    assert_eq!(numbers(&rows), [2, 1], "the same query in other words");
    let foreign = server.token("zeta").await;
    for (token, query, order) in [
        (&token, "other", "newest"),
        (&token, "line level:info", "oldest"),
        (&foreign, "line level:info", "newest"),
        (&server.staff, "line level:info", "newest"),
    ] {
        let answer = server.post("/api/v1/search", token, json!({"query": query, "order": order, "cursor": cursor})).await;
        assert_eq!(answer.problem(), (400, "cursor_mismatch".into()), "{query} {order}");
    }
    let answer = server.post("/api/v1/search", &token, json!({"query": "line level:info", "cursor": "AAAA"})).await;
    assert_eq!(answer.problem(), (400, "cursor_damaged".into()));
}

#[tokio::test]
async fn every_mistake_gets_a_sentence() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let answer = server.post("/api/v1/search", &token, json!({"query": "аб level:eror"})).await;
    assert_eq!(answer.problem(), (400, "E102".into()));
    let problem = answer.json();
    assert_eq!(problem["span"], json!({"utf16": [3, 13], "bytes": [5, 15]}));
    assert_eq!((&problem["hint"], &problem["fix"]), (&json!("Did you mean level:error?"), &json!("аб level:error")));
    for path in ["/api/v1/search", "/api/v1/histogram"] {
        for (body, code) in [
            (json!({"query": "a | stats count()"}), "E110"),
            (json!({"query": "a", "from": "soon"}), "bad_time_range"),
            (json!({"query": "a", "from": "now", "to": "-1h"}), "bad_time_range"),
            (json!({"query": "a", "limits": 5}), "bad_body"),
            (json!({"query": 5}), "bad_body"),
        ] {
            assert_eq!(server.post(path, &token, body).await.problem(), (400, code.into()), "{path}");
        }
        let bodies = json!({"query": "a".repeat(70_000)});
        assert_eq!(server.post(path, &token, bodies).await.problem(), (413, "body_too_large".into()));
        assert_eq!(server.post(path, "mart_partner_x", json!({})).await.status, 401);
        let form = Request::post(path).header("authorization", format!("Bearer {token}")).body("query=a".into()).unwrap();
        assert_eq!(read(server.request(form).await).await.problem(), (415, "not_json".into()));
        assert_eq!(server.get(path, &[]).await.problem(), (405, "method_not_allowed".into()));
    }
    for limit in [0, 10_001] {
        assert_eq!(server.post("/api/v1/search", &token, json!({"limit": limit})).await.problem(), (400, "bad_limit".into()));
    }
    let answer = server.post("/api/v1/histogram", &token, json!({"interval": "1s"})).await;
    assert_eq!(answer.problem(), (400, "bad_interval".into()));
    assert_eq!(server.get("/api/v1/nothing", &[]).await.problem(), (404, "not_found".into()));
    assert_eq!(server.get("/api/v1/tail?query=(", &[("authorization", &format!("Bearer {token}"))]).await.problem(), (400, "E103".into()));
    assert_eq!(server.get("/api/v1/tail?query=a", &[]).await.status, 401);
}

#[tokio::test]
async fn a_histogram_counts_what_a_search_finds() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server.push("sms-434", lines(0..30)).await;
    server.push("sms-434", vec![line(60_000, "line failed", "")]).await;
    let answer = server.post("/api/v1/histogram", &token, json!({"query": "line", "from": "-1h", "by": "level"})).await.json();
    assert_eq!((&answer["interval"], &answer["total"]), (&json!("1m"), &json!(31)));
    let buckets = answer["buckets"].as_array().unwrap();
    assert!((60..=61).contains(&buckets.len()), "{}", buckets.len());
    let sum = |pointer: &str| buckets.iter().filter_map(|bucket| bucket.pointer(pointer)?.as_u64()).sum::<u64>();
    assert_eq!((sum("/count"), sum("/by/info"), sum("/by/error")), (31, 30, 1));
    let coarse = server.post("/api/v1/histogram", &token, json!({"query": "failed", "from": "-1h", "interval": "1h"})).await.json();
    assert_eq!((&coarse["interval"], &coarse["total"]), (&json!("1h"), &json!(1)));
    assert!(coarse["buckets"][0].get("by").is_none());
}

#[tokio::test]
async fn a_query_is_explained_without_being_run() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let body = json!({"query": "аб AND modul:sms time:2026-11-20", "from": "-1h"});
    let answer = server.post("/api/v1/parse", &token, body).await.json();
    assert_eq!(answer["canonical"], "аб modul:sms time:2026-11-20");
    assert_eq!(answer["time"], json!({"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"}));
    assert_eq!(answer["ast"]["filter"]["of"][1]["name"], json!({"span": [7, 12], "text": "modul"}));
    let codes: Vec<_> = answer["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["W202", "W201"]);
}

#[tokio::test]
async fn no_endpoint_shows_another_partners_lines() {
    let server = Server::start().await;
    let (acme, zeta) = (server.token("acme").await, server.token("zeta").await);
    server.push("sms-434", vec![line(1_000, "plutonium failed", r#"{"request_id":"plutonium"}"#)]).await;
    server.push("voice-255", vec![line(1_000, "granite", "")]).await;
    for flushed in [false, true] {
        for query in [
            "",
            "plutonium",
            "request_id:plutonium",
            "partner:acme",
            "-granite",
            "module:sms OR csp:434",
            "partner:acme OR partner:zeta",
            "level>=error",
            "id:*",
        ] {
            // A reason would repeat the query; what else it says is looked at in `why`.
            let (rows, summary) = server.search(&zeta, json!({"query": query, "count": true, "explain": false})).await;
            let shown = json!([rows, summary]).to_string();
            assert!(!["plutonium", "acme", "sms"].iter().any(|secret| shown.contains(secret)), "{query}: {shown}");
            assert_eq!(summary["matched"].as_u64().unwrap(), rows.len() as u64, "{query}");
            let histogram = server.post("/api/v1/histogram", &zeta, json!({"query": query, "by": "partner"})).await.json();
            assert_eq!(histogram["total"].as_u64().unwrap(), rows.len() as u64, "{query}");
            assert!(!histogram.to_string().contains("acme"), "{query}");
            let (own, _) = server.search(&server.staff, json!({"query": query})).await;
            assert!(own.len() >= rows.len(), "{query}, flushed: {flushed}");
        }
        for path in ["/api/v1/search", "/api/v1/histogram", "/api/v1/parse"] {
            assert_eq!(server.post(path, &zeta, json!({"query": "in:quarantine"})).await.problem(), (403, "E116".into()), "{path}");
        }
        server.indexer.flush().await.unwrap();
    }
    let mut tail = server.tail(&zeta, "plutonium%20OR%20granite", None).await;
    tail.next().await.unwrap();
    server.push("sms-434", vec![line(0, "plutonium", "")]).await;
    server.push("voice-255", vec![line(0, "granite two", "")]).await;
    assert_eq!(tail.row().await.0, "granite two");
    let (rows, _) = server.search(&acme, json!({"query": "plutonium"})).await;
    assert_eq!(rows.len(), 2, "its own partner finds it");
    let (rows, _) = server.search(&server.staff, json!({})).await;
    let partners: BTreeSet<_> = rows.iter().map(|row| row["partner"].as_str().unwrap()).collect();
    assert_eq!(partners, ["acme", "zeta"].into(), "staff see all");
}

#[tokio::test]
async fn searches_at_once_are_bounded_and_one_that_is_left_makes_room() {
    let server = Server::with(Limits { searches_max: 1, tails_max: 1, ..Limits::default() }).await;
    let token = server.token("acme").await;
    server.push("sms-434", lines(0..10)).await;
    let request = || {
        let request =
            Request::post("/api/v1/search").header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
        request.body(Body::from("{}")).unwrap()
    };
    let unread = server.request(request()).await;
    let refused = server.post("/api/v1/search", &token, json!({})).await;
    assert_eq!(refused.problem(), (429, "busy".into()));
    assert_eq!(refused.headers["retry-after"], "1");
    drop(unread);
    assert_eq!(server.search(&token, json!({})).await.0.len(), 10);
    let tail = server.tail(&token, "a", None).await;
    let refused = server.get("/api/v1/tail?query=a", &[("authorization", &format!("Bearer {token}"))]).await;
    assert_eq!(refused.problem(), (429, "busy".into()));
    drop(tail);
    server.tail(&token, "a", None).await;
}
