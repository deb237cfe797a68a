//! A line travels from a container's file to a partner's search hit and tail.

use crate::harness::{PATIENCE, Scene, instance, until};
use serde_json::json;
use std::time::{Duration, Instant};

const UID: &str = "5b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b11";

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_line_is_found_and_tailed_by_its_partner() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let mut pod = scene.pod("csp-434-sms", "sms-7d9f-x2k9p", UID, "app");
    let _collector = scene.collect(&server.address, &server.collector_token().await, &[]);
    let mut tail = partner.tail("needle", None).await;

    let time = now();
    pod.print(&format!(
        r#"{{"timestamp":"{time}","level":"warn","message":"needle one","request_id":"463ac35c9f6413ad48485a3953bb6124"}}"#
    ));
    let row = tail.next_row(PATIENCE).await.expect("the line on the tail");
    assert_eq!(row["message"], "needle one");
    assert_eq!(row["level"], "warn");
    assert_eq!(row["partner"], "acme");
    assert_eq!(row["module"], "sms");
    assert_eq!(row["instance"], "sms-csp-434");
    assert_eq!(row["csp"], "csp-434");
    assert_eq!(row["source"]["namespace"], "csp-434-sms");
    assert_eq!(row["source"]["pod"], "sms-7d9f-x2k9p");
    assert_eq!(row["source"]["container"], "app");
    assert_eq!(row["source"]["node"], "node-1");
    assert_eq!(row["source"]["stream"], "stdout");

    for query in [
        "needle",
        "\"needle one\"",
        "request_id:463ac35c9f6413ad48485a3953bb6124",
        "level>=warn needle",
        "csp:csp-434 -other",
        "`needle one`",
    ] {
        let found = partner.search(query).await;
        assert_eq!(found.messages(), ["needle one"], "{query}");
    }
    let counted = partner.post("histogram", &json!({"query": "needle", "from": "-30d", "to": "now", "by": "level"})).await.json();
    let total: u64 = counted["buckets"].as_array().expect("buckets").iter().filter_map(|bucket| bucket["count"].as_u64()).sum();
    assert_eq!(total, 1, "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_on_the_tail_soon_after_it_was_printed() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let mut pod = scene.pod("csp-434-sms", "sms-1", UID, "app");
    let _collector = scene.collect(&server.address, &server.collector_token().await, &[]);
    let mut tail = partner.tail("*", None).await;
    // The first line waits for the discovery of the file; what follows is the journey alone.
    pod.print(r#"{"level":"info","message":"first"}"#);
    tail.next_row(PATIENCE).await.expect("the first line");
    let mut waits = Vec::new();
    for number in 0..20 {
        let printed = Instant::now();
        pod.print(&line(number));
        let row = tail.next_row(PATIENCE).await.expect("the line");
        assert_eq!(row["message"], format!("line {number}"));
        waits.push(printed.elapsed());
    }
    waits.sort();
    println!("printed to tail, ms: median {}, largest {}", waits[10].as_millis(), waits[19].as_millis());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_resumes_where_it_broke_off_also_after_a_restart() {
    let scene = Scene::new();
    let mut server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let mut pod = scene.pod("csp-434-sms", "sms-1", UID, "app");
    let token = server.collector_token().await;
    let mut tail = partner.tail("*", None).await;
    for number in 0..50 {
        pod.print(&line(number));
    }
    scene.collect_once(&server.address, &token).await;
    for number in 0..20 {
        assert_eq!(tail.next_row(PATIENCE).await.expect("a row")["message"], format!("line {number}"));
    }
    let cursor = tail.cursor.clone().expect("a cursor");
    drop(tail);
    server.process.kill().await;
    let server = scene.serve().await;
    for number in 50..60 {
        pod.print(&line(number));
    }
    scene.collect_once(&server.address, &token).await;
    let partner = crate::harness::api::Api::new(&server.address, &partner.token);
    let mut tail = partner.tail("*", Some(&cursor)).await;
    for number in 20..60 {
        assert_eq!(tail.next_row(PATIENCE).await.expect("a row")["message"], format!("line {number}"));
    }
    assert!(tail.next_row(Duration::from_millis(300)).await.is_none(), "nothing comes twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_searchable_when_they_are_acknowledged() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let ingest = server.token(json!({"kind": "ingest", "partner": "acme", "instances": ["sms-csp-434"]})).await;
    let door = crate::harness::api::Api::new(&server.address, &ingest);
    for number in 0..100 {
        let answer = door.ingest(&format!("{}\n", line(number))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["accepted"], 1);
        let found = partner.search(&format!("\"line {number}\"")).await;
        assert_eq!(found.rows.len(), 1, "line {number} right after its acknowledgement");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_an_owner_waits_in_the_quarantine_and_is_released() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let other = server.partner("other", "crm", "csp-1", "csp-1-crm").await;
    let mut pod = scene.pod("csp-434-sms", "sms-1", UID, "app");
    let token = server.collector_token().await;
    for number in 0..30 {
        pod.print(&line(number));
    }
    scene.collect_once(&server.address, &token).await;

    assert_eq!(server.api.search("*").await.rows.len(), 0, "no partner's data");
    assert_eq!(server.api.search("in:quarantine").await.rows.len(), 30);
    assert_eq!(other.search("*").await.rows.len(), 0);
    let answer = other.post("search", &json!({"query": "in:quarantine", "from": "-30d", "to": "now"})).await;
    assert!(!answer.text.contains("line 3"), "the quarantine is for staff alone: {}", answer.text);

    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let rows = until("the release", async || {
        let rows = partner.search("*").await.rows;
        (rows.len() == 30).then_some(rows)
    })
    .await;
    let messages: Vec<_> = rows.iter().filter_map(|row| row["message"].as_str()).collect();
    assert_eq!(messages, (0..30).map(|number| format!("line {number}")).collect::<Vec<_>>());
    assert_eq!(server.api.search("in:quarantine").await.rows.len(), 0);
    // Registering the same again changes nothing.
    server.api.create("instances", instance("sms-csp-434", "sms", "csp-434", "csp-434-sms")).await;
    assert_eq!(partner.search("*").await.rows.len(), 30);
    assert_eq!(other.search("*").await.rows.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_back_in_pages_that_neither_repeat_nor_skip_while_more_arrives() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let mut pod = scene.pod("csp-434-sms", "sms-1", UID, "app");
    let token = server.collector_token().await;
    for number in 0..500 {
        pod.print(&line(number));
    }
    scene.collect_once(&server.address, &token).await;
    let mut seen = Vec::new();
    let mut cursor = serde_json::Value::Null;
    for page in 0.. {
        let mut body = json!({"query": "line", "from": "-30d", "to": "now", "limit": 37});
        if page > 0 {
            body["cursor"] = cursor.clone();
        }
        let found = partner.search_with(body).await;
        seen.extend(found.messages().into_iter().map(str::to_owned));
        cursor = found.summary["cursor"].clone();
        if cursor.is_null() {
            break;
        }
        pod.print(&line(1000 + page));
        scene.collect_once(&server.address, &token).await;
    }
    let wanted: Vec<_> = (0..500).rev().map(|number| format!("line {number}")).collect();
    assert_eq!(seen, wanted, "what was there when the search began, newest first");
}

/// A conforming line of this moment.
fn line(number: usize) -> String {
    let time = now();
    format!(r#"{{"timestamp":"{time}","level":"info","message":"line {number}"}}"#)
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}
