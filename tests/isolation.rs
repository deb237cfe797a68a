//! Another partner's lines are not found, by any endpoint, whatever is asked.

use crate::harness::api::Api;
use crate::harness::{PATIENCE, Scene};
use serde_json::json;
use std::time::Duration;

const SECRET: &str = "xylophone";

#[tokio::test(flavor = "multi_thread")]
async fn no_endpoint_shows_another_partners_line() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let owner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let other = server.partner("globex", "crm", "csp-434", "csp-434-crm").await;
    let mut pod = scene.pod("csp-434-sms", "sms-1", "5b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b11", "app");
    let mut theirs = scene.pod("csp-434-crm", "crm-1", "6b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b12", "app");
    let mut tail = other.tail("*", None).await;
    pod.print(&format!(r#"{{"timestamp":"{}","level":"error","message":"{SECRET} broke","session_id":"s-77"}}"#, now()));
    theirs.print(&format!(r#"{{"timestamp":"{}","level":"info","message":"their own line","session_id":"s-77"}}"#, now()));
    scene.collect_once(&server.address, &server.collector_token().await).await;
    let found = owner.search(SECRET).await;
    assert_eq!(found.rows.len(), 1);
    let id = found.rows[0]["id"].as_str().expect("an id").to_owned();
    let cursor = owner.search_with(json!({"query": "*", "from": "-1h", "to": "now", "limit": 1})).await.summary["cursor"].clone();

    let queries = [
        SECRET.to_owned(),
        format!("{}*", &SECRET[..4]),
        format!("`{SECRET}`"),
        format!("~\"{SECRET}\""),
        format!("id:\"{id}\""),
        "*".into(),
        "module:sms".into(),
        "partner:acme".into(),
        "partner:acme OR partner:globex".into(),
        "NOT partner:globex".into(),
        "csp:csp-434".into(),
        "instance:sms-csp-434".into(),
        "session:s-77".into(),
        "pod:sms-1".into(),
        "level:error".into(),
        "-nothing".into(),
    ];
    for query in &queries {
        let answer = other.post("search", &json!({"query": query, "from": "-1h", "to": "now"})).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        assert_no_trace(query, &answer.text);
        let answer = other.post("histogram", &json!({"query": query, "from": "-1h", "to": "now", "by": "module"})).await;
        assert_no_trace(query, &answer.text);
        let total: u64 = answer.json()["buckets"].as_array().expect("buckets").iter().filter_map(|bucket| bucket["count"].as_u64()).sum();
        let own = other.search_with(json!({"query": query, "from": "-1h", "to": "now", "count": true})).await.summary["matched"].as_u64();
        assert_eq!(Some(total), own, "{query}: counts are of the partner's own lines");
        assert!(total <= 1, "{query}");
    }
    // A cursor of somebody else's search opens nothing.
    if !cursor.is_null() {
        let answer = other.post("search", &json!({"query": "*", "from": "-1h", "to": "now", "cursor": cursor})).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    // The tail saw the partner's own line, and only that.
    assert_eq!(tail.next_row(PATIENCE).await.expect("its own line")["message"], "their own line");
    assert!(tail.next_row(Duration::from_millis(500)).await.is_none());
    // A tail that resumes from the beginning of time shows nothing else either.
    // The registry: absent and not yours are the same answer.
    for (mine, absent) in
        [("partners/acme", "partners/nobody"), ("modules/sms", "modules/nothing"), ("instances/sms-csp-434", "instances/nothing")]
    {
        let (mine, absent) = (other.get(mine).await, other.get(absent).await);
        assert_eq!((mine.status, absent.status), (404, 404));
        assert_no_trace("registry", &mine.text.replace("acme", "").replace("sms", ""));
    }
    for list in ["partners", "modules", "instances", "tokens"] {
        let answer = other.get(list).await;
        assert_eq!(answer.status, 200, "{list}: {}", answer.text);
        assert!(!answer.text.contains("acme") && !answer.text.contains("sms"), "{list}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_instances_sees_no_other_instance() {
    let scene = Scene::new();
    let server = scene.serve().await;
    server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    server.api.create("instances", crate::harness::instance("sms-csp-7", "sms", "csp-7", "csp-7-sms")).await;
    let mut pod = scene.pod("csp-434-sms", "sms-1", "5b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b11", "app");
    let mut other = scene.pod("csp-7-sms", "sms-2", "6b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b12", "app");
    pod.print(&format!(r#"{{"timestamp":"{}","level":"info","message":"{SECRET}"}}"#, now()));
    other.print(&format!(r#"{{"timestamp":"{}","level":"info","message":"plain"}}"#, now()));
    scene.collect_once(&server.address, &server.collector_token().await).await;
    let token = server.token(json!({"kind": "partner", "partner": "acme", "instances": ["sms-csp-7"]})).await;
    let narrow = Api::new(&server.address, &token);
    assert_eq!(narrow.search("*").await.messages(), ["plain"]);
    assert_eq!(narrow.search(SECRET).await.rows.len(), 0);
    let counted = narrow.post("histogram", &json!({"query": "*", "from": "-1h", "to": "now", "by": "instance"})).await;
    assert!(!counted.text.contains("sms-csp-434"), "{}", counted.text);
}

/// A server that holds only this partner's lines, and one that holds others' besides, give the same reasons: names, counts, nearest lines, sentences.
#[tokio::test(flavor = "multi_thread")]
async fn the_reason_for_an_empty_answer_is_that_of_a_server_without_anybody_else() {
    let (alone, shared) = (Scene::new(), Scene::new());
    let (alone_server, shared_server) = (alone.serve().await, shared.serve().await);
    let noon = chrono::Utc::now() - chrono::TimeDelta::hours(3);
    let at = |minutes: i64| (noon + chrono::TimeDelta::minutes(minutes)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let line =
        |minutes: i64, message: &str| format!(r#"{{"timestamp":"{}","level":"info","message":"{message}","colour":"red"}}"#, at(minutes));
    let mut readers = Vec::new();
    for (scene, server) in [(&alone, &alone_server), (&shared, &shared_server)] {
        let owner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
        let mut pod = scene.pod("csp-434-sms", "sms-1", "5b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b11", "app");
        for (minutes, message) in [(-90, "early bird"), (0, "plain"), (1, "plain worm"), (90, "late bird")] {
            pod.print(&line(minutes, message));
        }
        let narrow = server.token(json!({"kind": "partner", "partner": "acme", "instances": ["sms-csp-434"]})).await;
        readers.push([owner, Api::new(&server.address, &narrow)]);
    }
    // What only the shared server has: another partner, whose lines and names lie near, in the range and out of it, and a pod of nobody's.
    shared_server.partner("globex", "smt", "csp-435", "csp-435-smt").await;
    let mut theirs = shared.pod("csp-435-smt", "smt-1", "6b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b12", "app");
    let mut nobodys = shared.pod("csp-9-new", "new-1", "7b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b13", "app");
    for minutes in [-200, -89, 0, 2, 89, 100] {
        theirs.print(&line(minutes, SECRET).replace("colour", "tint"));
        nobodys.print(&line(minutes, SECRET));
    }
    for (scene, server) in [(&alone, &alone_server), (&shared, &shared_server)] {
        scene.collect_once(&server.address, &server.collector_token().await).await;
    }
    let queries = [
        SECRET,
        "bird",
        "bird worm",
        "early OR late",
        "plain bird",
        "plain worm level:error",
        "module:smt",
        "module:smx plain",
        "instance:smt-csp-435",
        "instance:sms-csp-43",
        "csp:csp-435",
        "csp:csp-436",
        "partner:globex",
        "partner:globe bird",
        "tint:red",
        "colour:rod",
        "color:red",
        "namespace:csp-435-smt",
        "pod:new-1",
        "-plain",
        "~\"xylo.*\"",
        "level:error",
        "id:smt/1/0",
        "session:1",
    ];
    let mut compared = 0;
    for query in queries {
        for (from, to) in [(at(-10), at(10)), (at(-300), at(-250)), (at(20), at(30)), (at(95), at(170))] {
            for (one, other) in readers[0].iter().zip(&readers[1]) {
                let mut told = Vec::new();
                for reader in [one, other] {
                    let found = reader.search_with(json!({"query": query, "from": from, "to": to})).await;
                    let epochs: Vec<String> = ids(&found.summary["why"]);
                    let why = epochs.iter().fold(found.summary["why"].to_string(), |why, epoch| why.replace(epoch.as_str(), "EPOCH"));
                    told.push((found.rows.len(), why));
                }
                assert_eq!(told[0], told[1], "{query} from {from} to {to}");
                compared += usize::from(told[0].1 != "null");
            }
        }
    }
    println!("compared {compared} reasons");
    assert!(compared > 100, "most of these find nothing: {compared}");
    // The staff of the shared server see what was hidden, so there was something to hide.
    let why =
        shared_server.api.search_with(json!({"query": format!("module:smt {SECRET} early"), "from": at(-10), "to": at(10)})).await.summary
            ["why"]
            .take();
    assert_eq!(why["clauses"][1]["alone"]["lines"], 2, "{why}");
    let why =
        shared_server.api.search_with(json!({"query": format!("{SECRET} -smt -module:smt"), "from": at(-10), "to": at(10)})).await.summary
            ["why"]
            .take();
    assert_eq!((&why["code"], &why["quarantine"]["lines"]), (&json!("look_in_quarantine"), &json!(2)), "{why}");
}

/// The epochs in the ids of lines.
fn ids(why: &serde_json::Value) -> Vec<String> {
    let hits = ["before", "after", "newest", "oldest"].into_iter().filter_map(|member| why[member]["id"].as_str());
    hits.filter_map(|id| id.split('/').nth(1)).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_token_opens_only_its_own_doors() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let ingest = Api::new(&server.address, &server.token(json!({"kind": "ingest", "partner": "acme", "instances": ["sms-csp-434"]})).await);
    let collector = Api::new(&server.address, &server.collector_token().await);
    let nobody = Api::new(&server.address, "mart_staff_0000000000000000000000000000_000000");
    let search = json!({"query": "*"});
    assert_eq!(nobody.post("search", &search).await.status, 401);
    assert_eq!(ingest.post("search", &search).await.status, 403);
    assert_eq!(collector.post("search", &search).await.status, 403);
    assert_eq!(partner.post("partners", &json!({"id": "evil"})).await.status, 403);
    assert_eq!(partner.post("tokens", &json!({"kind": "staff"})).await.status, 403);
    assert_eq!(partner.ingest("{}\n").await.status, 403);
    assert_eq!(collector.ingest("{}\n").await.status, 403);
    assert_eq!(partner.post("append", &json!({})).await.status, 403);
    assert_eq!(partner.get("quarantine").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_its_tail_and_opens_nothing() {
    let scene = Scene::new();
    let server = scene.serve().await;
    server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let made = server.api.create("tokens", json!({"kind": "partner", "partner": "acme"})).await;
    let partner = Api::new(&server.address, made["token"].as_str().expect("a token"));
    let mut tail = partner.tail("*", None).await;
    let id = made["id"].as_str().expect("an id");
    let removed = server.api.delete(&format!("tokens/{id}")).await;
    assert!(matches!(removed.status, 200 | 204), "{}", removed.text);
    let begin = std::time::Instant::now();
    assert!(tail.next_row(PATIENCE).await.is_none());
    assert!(begin.elapsed() < PATIENCE, "the server ended the tail");
    println!("revoked to closed: {} ms", begin.elapsed().as_millis());
    assert_eq!(partner.post("search", &json!({"query": "*"})).await.status, 401);
}

fn assert_no_trace(query: &str, text: &str) {
    for trace in ["broke", "\"sms\"", "sms-csp-434", "acme\"", "sms-1"] {
        // The query itself may be repeated in a warning.
        assert!(query.contains(trace.trim_matches('"')) || !text.contains(trace), "{query} shows {trace}: {text}");
    }
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}
