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
    modules.flat_map(|view| view.chunks().flat_map(|chunk| chunk.rows.iter().map(|row| row.message().to_owned()))).collect()
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

/// A second server on the folder of the first, as after a kill: nothing was closed.
async fn restarted(server: Server) -> Server {
    let Server { indexer, app, staff, acme, acme_voice, zeta, ingest, collector, _dir } = server;
    drop((indexer, app));
    let options = || Options { wal_segment_bytes: 4 << 20, ..Options::default() };
    for _ in 0..500 {
        if let Ok(indexer) = Indexer::open(_dir.path(), options()).await {
            let app = router(indexer.clone());
            return Server { indexer, app, staff, acme, acme_voice, zeta, ingest, collector, _dir };
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the folder stays locked");
}

#[tokio::test]
async fn a_key_is_known_after_a_kill_from_the_log_and_from_the_catalog() {
    let mut server = Server::new().await;
    let key = [("idempotency-key", "k-1")];
    let body = "text\n{\"message\":\"two\"}";
    let first = push(&server, "?instance=sms-434", &key, body).await;
    assert_eq!(first.status, 200, "{}", first.text);
    for round in 0..4 {
        if round == 1 {
            // The catalog takes the key over, and the log lets go of it.
            server.indexer.flush().await.unwrap();
            assert!(server.indexer.engine.sequencer.pushed(&[0; 32]).is_none());
        }
        let again = push(&server, "?instance=sms-434", &key, body).await;
        assert_eq!((again.status, &again.text), (200, &first.text), "round {round}");
        assert_eq!(server.indexer.stats().live_rows + server.indexer.stats().split_rows, 2, "round {round}");
        let other = push(&server, "?instance=sms-434", &key, "another body").await;
        assert_eq!(other.code(), "key_reused", "round {round}");
        server = restarted(server).await;
    }
    let revoked = server.token(json!({ "kind": "ingest", "instances": ["sms-434"] })).await;
    server.ingest = revoked;
    push(&server, "", &key, body).await;
    assert_eq!(server.indexer.stats().live_rows + server.indexer.stats().split_rows, 4, "another token's key is another key");
}

#[tokio::test]
async fn a_key_without_lines_is_known_too_and_keys_end() {
    let server = Server::new().await;
    let key = [("idempotency-key", "empty")];
    let first = push(&server, "?instance=sms-434", &key, "\n").await;
    assert_eq!((first.status, &first.json()["accepted"]), (200, &json!(0)));
    assert_eq!(push(&server, "?instance=sms-434", &key, "text").await.code(), "key_reused");
    server.indexer.flush().await.unwrap();
    let kept = server.indexer.engine.catalog.expire_pushes(0).await.unwrap();
    assert_eq!(kept.len(), 1);
    let kept = server.indexer.engine.catalog.expire_pushes(i64::MAX).await.unwrap();
    assert!(kept.is_empty());
    assert_eq!(push(&server, "?instance=sms-434", &key, "text").await.status, 200, "after a day the key is free");
}

#[tokio::test]
async fn keys_of_a_token_that_is_gone_go_with_it() {
    let server = Server::new().await;
    let made = server.make("tokens", json!({ "kind": "ingest", "instances": ["sms-434"] })).await;
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let request = Request::builder().method("POST").uri("/api/v1/ingest").header("authorization", format!("Bearer {token}"));
    assert_eq!(server.send(request.header("idempotency-key", "k").body(Body::from("text")).unwrap()).await.status, 200);
    server.indexer.flush().await.unwrap();
    assert_eq!(server.indexer.engine.catalog.expire_pushes(0).await.unwrap().len(), 1);
    assert_eq!(server.ask(&server.staff, "DELETE", &format!("tokens/{id}"), Value::Null).await.status, 204);
    assert!(server.indexer.engine.catalog.expire_pushes(0).await.unwrap().is_empty());
}
