//! Exports over a real store: all rows, what proves it, and who is told of it.

use super::*;
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};

impl Server {
    async fn export(&self, token: &str, body: Value) -> Answer {
        self.post("/api/v1/export", token, body).await
    }

    async fn manifest(&self, token: &str, id: &str) -> Answer {
        self.get(&format!("/api/v1/exports/{id}"), &[("authorization", &format!("Bearer {token}"))]).await
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The rows of an NDJSON export, and its manifest.
fn split(text: &str) -> (&str, Value) {
    let at = text[..text.len() - 1].rfind('\n').map_or(0, |at| at + 1);
    let last: Value = serde_json::from_str(&text[at..]).unwrap();
    (&text[..at], last["manifest"].clone())
}

#[tokio::test]
async fn an_export_has_all_rows_and_a_manifest_that_proves_it() {
    let server = Server::start().await;
    let (token, other) = (server.token("acme").await, server.token("zeta").await);
    // More than two pages, some of them in a split.
    server.push("sms-434", lines(0..15_000)).await;
    server.indexer.flush().await.unwrap();
    server.push("sms-434", lines(15_000..21_000)).await;
    server.push("voice-255", lines(0..50)).await;
    let answer = server.export(&token, json!({"query": "*", "from": "-1d", "order": "oldest"})).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["content-type"]),
        (200, &axum::http::HeaderValue::from_static("application/x-ndjson"))
    );
    let (rows, manifest) = split(&answer.text);
    let messages: Vec<String> =
        rows.lines().map(|row| serde_json::from_str::<Value>(row).unwrap()["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(messages.len(), 21_000);
    let unique: std::collections::HashSet<&String> = messages.iter().collect();
    assert_eq!(unique.len(), 21_000, "no row comes twice over pages");
    assert_eq!((&manifest["rows"], &manifest["bytes"]), (&json!(21_000), &json!(rows.len())));
    assert_eq!(manifest["sha256"], sha256(rows.as_bytes()));
    assert_eq!((&manifest["truncated"], &manifest["format"], &manifest["complete"]["gaps"]), (&json!(false), &json!("ndjson"), &json!([])));
    let first: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert_eq!(manifest["first"], json!({"id": first["id"], "time": first["time"]}));
    // The same afterwards, for its token alone.
    let id = answer.headers["x-martlog-export"].to_str().unwrap().to_owned();
    assert_eq!(server.manifest(&token, &id).await.json()["manifest"], manifest);
    assert_eq!(server.manifest(&other, &id).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(server.manifest(&token, "nothing").await.problem(), (404, "not_found".to_owned()));
    // It is the order and the content of searches.
    let (found, _) = server.search(&token, json!({"query": "*", "from": "-1d", "order": "oldest", "limit": 3})).await;
    assert_eq!(found[0], first);
    let limited = server.export(&token, json!({"query": "*", "from": "-1d", "limit": 5})).await;
    let (rows, manifest) = split(&limited.text);
    assert_eq!(
        (rows.lines().count(), &manifest["rows"], &manifest["truncated"], &manifest["limit"]),
        (5, &json!(5), &json!(true), &json!(5))
    );
    let nothing = server.export(&token, json!({"query": "nothing"})).await;
    let (rows, manifest) = split(&nothing.text);
    assert_eq!((rows, &manifest["rows"], &manifest["first"], &manifest["sha256"]), ("", &json!(0), &Value::Null, &json!(sha256(b""))));
}

#[tokio::test]
async fn csv_and_text_are_rows_alone_and_their_manifest_is_elsewhere() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server.push("sms-434", vec![line(2_000, "=cmd()\nfailed, \"twice\"", r#"{"n":-5}"#), line(1_000, "a\u{1b}[31mb\u{202e}c", "")]).await;
    let answer = server.export(&token, json!({"format": "csv", "order": "oldest", "from": "-1h"})).await;
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert!(answer.headers["content-disposition"].to_str().unwrap().ends_with(".csv\""));
    let mut reader = csv::ReaderBuilder::new().from_reader(answer.text.as_bytes());
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>()[..4], ["time", "level", "partner", "module"]);
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(
        (&records[0][1], &records[0][4], &records[0][9], &records[0][10]),
        ("error", "sms-434", "'=cmd()\nfailed, \"twice\"", r#"{"n":-5}"#)
    );
    let id = answer.headers["x-martlog-export"].to_str().unwrap();
    let manifest = server.manifest(&token, id).await.json()["manifest"].clone();
    assert_eq!((&manifest["rows"], &manifest["bytes"]), (&json!(2), &json!(answer.text.len())));
    assert_eq!(manifest["sha256"], sha256(answer.text.as_bytes()));

    let chosen = server.export(&token, json!({"query": "| fields n, message", "format": "csv", "order": "oldest", "from": "-1h"})).await;
    assert!(chosen.text.starts_with("n,message\r\n-5,\"'=cmd()\nfailed"), "{}", chosen.text);
    let chosen = server.export(&token, json!({"query": "| fields n, level", "order": "oldest", "from": "-1h"})).await;
    assert!(chosen.text.starts_with("{\"n\":-5,\"level\":\"error\"}\n{\"n\":null,\"level\":\"info\"}\n{\"manifest\""), "{}", chosen.text);
    let text = server.export(&token, json!({"format": "text", "order": "oldest", "from": "-1h"})).await;
    let told: Vec<&str> = text.text.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(told, ["error sms sms-434 =cmd()\\nfailed, \"twice\"", "info sms sms-434 a\\u{1b}[31mb\\u{202e}c"]);
    for query in ["| stats count()", "| fields n | limit 1"] {
        let refused = server.export(&token, json!({"query": query, "format": "csv"})).await;
        assert_eq!(refused.problem(), (400, "E110".to_owned()), "{query}");
    }
    assert_eq!(server.export(&token, json!({"query": "| fields n", "format": "text"})).await.status, 400);
    assert_eq!(server.export(&token, json!({"limit": 0})).await.problem(), (400, "bad_limit".to_owned()));
    assert_eq!(server.export(&token, json!({"format": "xml"})).await.problem(), (400, "bad_body".to_owned()));
}

#[tokio::test]
async fn an_export_is_recorded_with_what_its_reader_took() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server.push("sms-434", lines(0..12_000)).await;
    let request =
        Request::post("/api/v1/export").header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
    let body = json!({"query": "csp:434", "from": "-1d"}).to_string();
    let response = server.request(request.body(body.into()).unwrap()).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    // A reader that goes away ends it; what it got is counted.
    drop(body);
    let records = loop {
        let answer = server.get("/api/v1/audit?action=export", &[("authorization", &format!("Bearer {token}"))]).await.json();
        if answer["records"][0]["outcome"] != "begun" {
            break answer["records"].clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(records[0]["outcome"], "cancelled");
    assert!(records[0]["rows"].as_u64().unwrap() > 0, "{records}");
    let whole = server.export(&token, json!({"query": "csp:434", "from": "-1d"})).await;
    let records = server.get("/api/v1/audit?action=export", &[("authorization", &format!("Bearer {token}"))]).await.json();
    let record = &records["records"][0];
    assert_eq!(
        (&record["outcome"], &record["rows"], &record["subject"]),
        (&json!("complete"), &json!(12_000), &json!(whole.headers["x-martlog-export"].to_str().unwrap()))
    );
    assert_eq!(record["bytes"], split(&whole.text).1["bytes"]);
}

#[tokio::test]
async fn exports_are_few_at_once_compressed_where_wanted_and_end_with_their_token() {
    let server = Server::start().await;
    let (token, id) = server.minted("acme").await;
    server.push("sms-434", lines(0..30_000)).await;
    let ask = async |encoding: &str| {
        let request =
            Request::post("/api/v1/export").header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
        let request = request.header("accept-encoding", encoding).body(json!({"from": "-1d"}).to_string().into()).unwrap();
        server.request(request).await
    };
    let (first, second) = (ask("identity").await, ask("identity").await);
    let third = read(ask("identity").await).await;
    assert_eq!(third.problem(), (429, "busy".to_owned()));
    assert_eq!(third.headers["retry-after"], "5");
    assert_eq!(server.export(&server.token("zeta").await, json!({})).await.status, 200, "others have places of their own");
    drop(second);
    let packed = loop {
        let packed = ask("zstd").await;
        if packed.status() == 200 {
            break packed;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(packed.headers()["content-encoding"], "zstd");
    assert!(packed.into_body().collect().await.unwrap().to_bytes().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
    server.indexer.registry().revoke_token(&id).await.unwrap();
    let told = read(first).await.text;
    let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "unauthenticated", "{last}");
    assert!(told.lines().count() <= 20_001, "the pages that were under way");
}
