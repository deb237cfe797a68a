//! Pushed lines.

use super::*;

async fn push(server: &Server, query: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = Request::builder().method("POST").uri(format!("/api/v1/ingest{query}"));
    request = request.header("authorization", format!("Bearer {}", server.ingest));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(body.into()).unwrap()).await
}

pub(super) fn stored(server: &Server, module: &str) -> Vec<String> {
    let Some(crate::registry::Principal::Reader(scope)) = server.indexer.registry().authenticate(&server.acme) else { panic!("no reader") };
    let view = server.indexer.store.view(&scope, false);
    let modules = view.modules.iter().filter(|view| &*view.key.module == module);
    modules.flat_map(|view| view.chunks().flat_map(|chunk| chunk.rows.iter().map(|row| row.message.to_owned()))).collect()
}

const GOOD: &str = r#"{"level":"info","message":"sent"}"#;

/// A line that conforms: its time is the clock's.
fn conforming() -> String {
    json!({ "timestamp": chrono::Utc::now().to_rfc3339(), "level": "info", "message": "sent" }).to_string()
}

#[tokio::test]
async fn each_line_is_told_its_verdict_and_no_bad_line_fails_the_rest() {
    let server = Server::new().await;
    let good = conforming();
    let body = format!("{good}\n\nplain text\r\n{{\"message\":\"no time\",\"level\":\"info\"}}\n{good}");
    let answer = push(&server, "?instance=sms-434", &[], body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let told = answer.json();
    assert_eq!((&told["accepted"], &told["verdicts"]), (&json!(4), &json!({ "ok": 2, "repaired": 1, "raw": 1, "rejected": 0 })));
    let problems: Vec<_> = told["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["line"].as_u64().unwrap(), problem["code"].as_str().unwrap()))
        .collect();
    assert!(problems.contains(&(3, "not_json")) && problems.contains(&(4, "missing_timestamp")), "{problems:?}");
    assert!(told["problems"].as_array().unwrap().iter().all(|problem| !problem["fix"].as_str().unwrap().is_empty()));
    assert_eq!(stored(&server, "sms"), ["sent", "plain text", "no time", "sent"]);
    assert!(stored(&server, "voice").is_empty());
}

#[tokio::test]
async fn a_secret_is_gone_before_it_is_stored() {
    let server = Server::new().await;
    push(&server, "?instance=sms-434", &[], "login password=hunter2secret ok").await;
    let stored = stored(&server, "sms").remove(0);
    assert!(!stored.contains("hunter2secret") && stored.contains("login"), "{stored}");
}

#[tokio::test]
async fn the_instance_must_be_the_tokens() {
    let server = Server::new().await;
    let several = push(&server, "", &[], GOOD).await;
    assert_eq!((several.status, &several.json()["field"]), (400, &json!("instance")));
    let foreign = push(&server, "?instance=chat-434", &[], GOOD).await.json();
    let absent = push(&server, "?instance=none", &[], GOOD).await.json();
    assert_eq!((&foreign["status"], &foreign["detail"]), (&json!(404), &absent["detail"]));
    assert_eq!(push(&server, "?instances=sms-434", &[], GOOD).await.code(), "bad_query");
    let only = server.token(json!({ "kind": "ingest", "instances": ["voice-434"] })).await;
    assert_eq!(server.ask(&only, "POST", "ingest", json!({ "level": "info" })).await.json()["accepted"], 1);
    assert_eq!(stored(&server, "voice").len(), 1);
}

#[tokio::test]
async fn compressed_lines_are_taken() {
    let server = Server::new().await;
    let body = zstd::encode_all(format!("{GOOD}\n").repeat(1_000).as_bytes(), 3).unwrap();
    let answer = push(&server, "?instance=sms-434", &[("content-encoding", "zstd")], body).await;
    assert_eq!(answer.json()["accepted"], 1_000);
    assert_eq!(stored(&server, "sms").len(), 1_000);
}

#[tokio::test]
async fn problems_and_lines_are_bounded() {
    let server = Server::new().await;
    let told = push(&server, "?instance=sms-434", &[], "text\n".repeat(500)).await.json();
    assert_eq!(told["problems"].as_array().unwrap().len(), 100);
    assert!(told["problems_more"].as_u64().unwrap() >= 400);
    let many = push(&server, "?instance=sms-434", &[], "{}\n".repeat(50_001)).await;
    assert_eq!((many.status, many.code().as_str()), (413, "too_many_lines"));
    assert_eq!(stored(&server, "sms").len(), 500);
}

#[tokio::test]
async fn the_same_key_stores_once() {
    let server = Server::new().await;
    let key = [("idempotency-key", "k-1")];
    let first = push(&server, "?instance=sms-434", &key, GOOD).await;
    let second = push(&server, "?instance=sms-434", &key, GOOD).await;
    assert_eq!((first.status, &first.text), (200, &second.text));
    assert_eq!(stored(&server, "sms").len(), 1);
    let other = push(&server, "?instance=voice-434", &key, GOOD).await;
    assert_eq!((other.status, other.code().as_str()), (422, "key_reused"));
    push(&server, "?instance=sms-434", &[("idempotency-key", "k-2")], GOOD).await;
    assert_eq!(stored(&server, "sms").len(), 2);
    let long = "x".repeat(256);
    assert_eq!(push(&server, "?instance=sms-434", &[("idempotency-key", &long)], GOOD).await.json()["field"], "Idempotency-Key");
}

#[tokio::test]
async fn many_with_one_key_at_once_store_once() {
    let server = Server::new().await;
    let pushes = (0..8).map(|_| push(&server, "?instance=sms-434", &[("idempotency-key", "k")], GOOD));
    let answers = futures_util::future::join_all(pushes).await;
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.code() == "key_in_use"));
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert_eq!(stored(&server, "sms").len(), 1);
}
