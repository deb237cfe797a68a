//! A partner counts and shapes what its modules logged: over HTTP and from a terminal, on the real way of a line.

use crate::harness::api::Api;
use crate::harness::process::run;
use crate::harness::{Scene, Server, path};
use serde_json::{Value, json};

const UIDS: [&str; 2] = ["5b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b11", "6b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b12"];

/// Two partners whose pods printed forty lines each, of the same kinds and with the same ids.
async fn two_partners(scene: &Scene) -> (Server, Api, Api) {
    let server = scene.serve().await;
    let acme = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let globex = server.partner("globex", "crm", "csp-7", "csp-7-crm").await;
    for (pod, uid, secret) in [("csp-434-sms", UIDS[0], "xylophone"), ("csp-7-crm", UIDS[1], "bassoon")] {
        let mut pod = scene.pod(pod, &format!("{pod}-1"), uid, "app");
        for n in 0..40_u32 {
            let time = (chrono::Utc::now() - chrono::Duration::seconds(400 - i64::from(n) * 10)).to_rfc3339();
            let level = if n % 4 == 0 { "error" } else { "info" };
            pod.print(&format!(
                r#"{{"timestamp":"{time}","level":"{level}","message":"{secret} call {n} took {} ms","duration_s":{n},"session_id":"s-{}","kind_{secret}":"{secret}"}}"#,
                n * 7,
                n / 10
            ));
        }
    }
    scene.collect_once(&server.address, &server.collector_token().await).await;
    (server, acme, globex)
}

async fn table(api: &Api, query: &str) -> Value {
    let answer = api.post("stats", &json!({"query": query, "from": "-1h"})).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn pipes_fields_values_and_context_answer_over_http() {
    let scene = Scene::new();
    let (server, acme, _) = two_partners(&scene).await;
    for (query, rows) in [
        ("| stats count(), sum(duration_s)/60 as minutes", json!([[40, 13]])),
        (
            "level:error | stats count(), max(duration_s) by session_id",
            json!([["s-0", 3, 8], ["s-1", 2, 16], ["s-2", 3, 28], ["s-3", 2, 36]]),
        ),
        ("| top 2 level", json!([["info", 30, 75], ["error", 10, 25]])),
        ("| extract \"took *ms ms\" | where ms>=252 | fields ms | sort ms", json!([["252"], ["259"], ["266"], ["273"]])),
        ("duration_s:20 | context 1 1 | fields duration_s, found", json!([[19, false], [20, true], [21, false]])),
        ("duration_s:20 | session | stats count()", json!([[10]])),
        ("session:s-1 | gaps 5s | stats count()", json!([[9]])),
        ("| patterns | fields pattern, count", json!([["xylophone call <num> took <num> ms", 40]])),
    ] {
        assert_eq!(table(&acme, query).await["rows"], rows, "{query}");
    }
    let staff = table(&server.api, "| stats count() by partner").await;
    assert_eq!(staff["rows"], json!([["acme", 40], ["globex", 40]]));
    let fields = acme.post("fields", &json!({"from": "-1h"})).await.json();
    assert_eq!((&fields["sampled"], &fields["exact"]), (&json!(40), &json!(true)));
    let values = acme.post("values", &json!({"field": "session_id", "query": "level:error", "from": "-1h"})).await.json();
    assert_eq!(values["values"][0], json!({"value": "s-0", "count": 3}));
    let row = acme.search("duration_s:39").await.rows.remove(0);
    let context = acme.post("context", &json!({"id": row["id"], "before": 2, "after": 5})).await.json();
    let numbers: Vec<_> = context["rows"].as_array().expect("rows").iter().map(|row| row["attributes"]["duration_s"].clone()).collect();
    assert_eq!((json!(numbers), &context["at"]), (json!([37, 38, 39]), &json!(2)));
    assert_eq!(context["rows"][2], row, "the row is as a search shows it");
    let parsed = acme.post("parse", &json!({"query": "session_id:", "from": "-1h", "position": 11})).await.json();
    assert_eq!(parsed["suggestions"]["items"][0], json!({"kind": "value", "text": "s-0", "count": 10}));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pipe_field_value_or_context_tells_of_another_partner() {
    let scene = Scene::new();
    let (_server, acme, globex) = two_partners(&scene).await;
    let foreign = acme.search("duration_s:5").await.rows.remove(0)["id"].as_str().expect("an id").to_owned();
    let mut told = String::new();
    for filter in ["", "session:s-1", "partner:acme OR duration_s>=0", "-bassoon OR bassoon", "xylophone OR *"] {
        for pipe in [
            "stats count(), uniq(session_id), p95(duration_s) by partner, module, instance, csp",
            "timechart 1m count() by module",
            "top message",
            "fields message, id, partner, pod",
            "dedup partner",
            "session",
            "context 100 100",
            "gaps 1s",
            "patterns",
        ] {
            let answer = table(&globex, &format!("{filter} | {pipe}")).await;
            told += &answer["rows"].to_string();
            told += &answer["warnings"].to_string();
        }
        assert_eq!(table(&globex, &format!("{filter} | stats count()")).await["rows"].as_array().map(Vec::len), Some(1));
    }
    assert_eq!(table(&globex, "session:s-1 OR partner:acme | stats count()").await["rows"], json!([[10]]), "its own ten alone");
    told += &globex.post("fields", &json!({"from": "-1h"})).await.text;
    for field in ["partner", "module", "instance", "csp", "message", "kind_xylophone", "pod", "session_id"] {
        told += &globex.post("values", &json!({"field": field, "from": "-1h"})).await.json()["values"].to_string();
    }
    for query in ["", "kind", "partner:", "module:", "kind_xylophone:", "a | top "] {
        let answer = globex.post("parse", &json!({"query": query, "from": "-1h", "position": query.len()})).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        told += &answer.json()["suggestions"].to_string();
    }
    assert!(told.contains("bassoon") && told.contains("kind_bassoon"));
    for secret in ["xylophone", "acme", "sms", "csp-434"] {
        assert!(!told.contains(secret), "{secret} in {}", told.chars().take(5_000).collect::<String>());
    }
    let (theirs, absent) = (
        globex.post("context", &json!({"id": foreign})).await,
        globex.post("context", &json!({"id": foreign.replace("sms/", "none/")})).await,
    );
    assert_eq!((theirs.status, absent.status), (404, 404));
    assert_eq!(theirs.json()["code"], absent.json()["code"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stats_in_lines_end_with_the_same_table_or_the_error() {
    let scene = Scene::new();
    let (server, acme, _) = two_partners(&scene).await;
    let lines = async |query: &str| -> Vec<Value> {
        let request = acme.posting("stats", &json!({"query": query, "from": "-1h"}));
        let answer = request.header("accept", "application/x-ndjson").send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].as_bytes()), (200, b"application/x-ndjson".as_slice()));
        let text = answer.text().await.expect("lines");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    };
    let query = "level:error | sort duration_s | fields duration_s";
    let told = lines(query).await;
    let table = table(&acme, query).await;
    assert_eq!(told.last().map(|last| &last["table"]["rows"]), Some(&table["rows"]));
    assert!(table["rows"].as_array().is_some_and(|rows| rows.len() == 10), "{table}");
    assert!(told[..told.len() - 1].iter().all(|line| line["progress"]["rows_read"].is_u64()), "{told:?}");
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn stats_are_a_table_in_the_terminal() {
    let scene = Scene::new();
    let (server, acme, _) = two_partners(&scene).await;
    let file = scene.root.join("acme.token");
    std::fs::write(&file, &acme.token).expect("the token");
    let stats = async |query: &str, more: &[&str]| {
        let mut args = vec!["stats", query, "--from", "-1h", "--server", &server.address, "--token-file", path(&file)];
        args.extend_from_slice(more);
        run(&args, &scene.root).await
    };
    let (code, out, err) = stats("| stats count(), max(duration_s) as longest by level", &[]).await;
    assert_eq!((code, out.as_str()), (Some(0), "level  count  longest\nerror     10       36\ninfo      30       39\n"), "{err}");
    assert!(err.starts_with("2 rows"), "{err}");
    let (code, out, _) = stats("| stats count() by level", &["--json", "--limit", "1"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "{\"level\":\"error\",\"count\":10}\n"));
    let (code, out, err) = stats("nothing | top level", &[]).await;
    assert_eq!((code, out.as_str()), (Some(1), "level  count  share\n"), "{err}");
    let (code, _, err) = stats("a | stat count()", &[]).await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("E117") && err.contains("try:  a | stats count()"), "{err}");
}
