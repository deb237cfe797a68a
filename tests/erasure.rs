//! Erasing for good: a partner that leaves, and one account's lines. What must be gone is looked for as bytes in every file of the data folder, names included; what must stay is
//! compared with what was there.

use crate::harness::api::Api;
use crate::harness::process::run;
use crate::harness::{Scene, Server, path, until};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FLAGS: [&str; 4] = ["--wal-segment", "1MiB", "--live-age", "1s"];

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_leaves_leaves_no_byte() {
    const PLANTED: &str = "zq7x";
    let scene = Scene::new();
    let mut server = scene.serve_with(&FLAGS).await;
    let leaving = server.partner("acme-zq7x", "sms-zq7x", "csp-zq7x", "ns-zq7x").await;
    let staying = server.partner("zeta", "chat", "csp-434", "ns-chat").await;
    let token = server.collector_token().await;
    let pod = |namespace: &str, name: &str, n: u32| scene.pod(namespace, name, &format!("00000000-0000-4000-8000-00000000000{n}"), "app");
    let (mut own, mut other, mut claims) =
        (pod("ns-zq7x", "pod-zq7x", 1), pod("ns-chat", "pod-chat", 2), pod("elsewhere", "pod-zq7x-b", 3));
    for n in 0..300 {
        own.print(&format!("{{\"level\":\"info\",\"message\":\"mine {n} zq7x\"}}"));
        other.print(&format!("{{\"level\":\"info\",\"message\":\"other {n}\"}}"));
        claims.print(&format!("{{\"level\":\"info\",\"message\":\"claimed {n} zq7x\"}}"));
    }
    let labels = scene.root.join("labels.json");
    std::fs::write(&labels, r#"{"00000000-0000-4000-8000-000000000003": {"vendor_id": "acme-zq7x"}}"#).expect("the labels");
    collect(&scene, &server, &token, &labels).await;
    // Several lives of the log's segments, and splits of both.
    let doors = [push_token(&server, "acme-zq7x", "sms-zq7x-csp-zq7x").await, push_token(&server, "zeta", "chat-csp-434").await];
    for round in 0..12 {
        assert_eq!(doors[0].ingest(&lines(round, 1_500, "mine zq7x")).await.status, 200);
        assert_eq!(doors[1].ingest(&lines(round, 1_500, "other")).await.status, 200);
    }
    let staff = server.api.clone();
    assert_eq!(
        (count(&staff, "mine").await, count(&leaving, "mine").await, count(&staff, "in:quarantine claimed").await),
        (18_300, 18_300, 300)
    );
    // What was asked names it, too.
    assert_eq!(count(&leaving, "module:sms-zq7x mine").await, 18_300);
    assert_eq!(count(&staff, "other OR instance:sms-zq7x-csp-zq7x").await, 36_600);
    for api in [&leaving, &staff] {
        api.create("excerpts", json!({"query": "mine", "note": "of acme-zq7x"})).await;
        assert_eq!(api.post("export", &json!({"query": "mine", "limit": 10})).await.status, 200);
    }
    let before = rows(&staying, "other").await;
    assert_eq!(before.len(), 18_300);
    until("splits", async || scene.data().join("splits/acme-zq7x").is_dir().then_some(())).await;
    let found = places_of(&scene.data(), PLANTED);
    for kind in ["wal/", "catalog.sqlite", "splits/acme-zq7x"] {
        assert!(found.iter().any(|place| place.contains(kind)), "the search itself finds it in {kind}: {found:?}");
    }

    let (code, out, err) = admin(&scene, &server, &["partner", "remove", "acme-zq7x", "--purge"]).await;
    assert!(code == Some(0) && out.contains("state: done") && out.contains("rows: 18600"), "{code:?} {out}{err}");
    assert_eq!(places_of(&scene.data(), PLANTED), Vec::<String>::new());
    assert_eq!(leaving.get("partners").await.status, 401, "its tokens are revoked");
    assert_eq!(rows(&staying, "other").await, before);
    assert_eq!((count(&staff, "mine").await, count(&staff, "in:quarantine claimed").await), (0, 0));

    // A collector that still has the files sends nothing again; a crash brings nothing back.
    collect(&scene, &server, &token, &labels).await;
    assert_eq!(count(&staff, "in:quarantine (mine OR claimed)").await, 0);
    server.process.kill().await;
    let server = scene.serve_with(&FLAGS).await;
    assert_eq!(places_of(&scene.data(), PLANTED), Vec::<String>::new());
    let staying = Api::new(&server.address, &staying.token);
    assert_eq!(rows(&staying, "other").await, before);
    // The name is free, and numbers begin anew.
    let again = server.partner("acme-zq7x", "sms-zq7x", "csp-zq7x", "ns-zq7x").await;
    assert_eq!(count(&again, "mine").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_is_erased_whatever_cuts_it_off_and_the_report_counts_each_line_once() {
    let scene = Scene::new();
    let mut server = scene.serve_with(&FLAGS).await;
    let partner = server.partner("acme", "sms", "csp-434", "ns-sms").await;
    let other = server.partner("zeta", "chat", "csp-435", "ns-chat").await;
    let mut doors = [push_token(&server, "acme", "sms-csp-434").await, push_token(&server, "zeta", "chat-csp-435").await];
    let (mut kept, mut cut_off) = (0, 0);
    for (round, delay_ms) in [0, 3, 10, 25, 60, 120, 250, 600].into_iter().enumerate() {
        // Eleven digits, another each time.
        let account = format!("7912345{:04}", 1_000 + round);
        for door in &doors {
            for piece in 0..4 {
                assert_eq!(door.ingest(&lines(round * 10 + piece, 500, "innocent")).await.status, 200);
                assert_eq!(door.ingest(&of_account(&account)).await.status, 200);
            }
            kept += 4 * (500 + INNOCENT);
        }
        let wanted = json!({"account": account, "dry_run": true});
        let dry = server.api.post("erasures", &wanted).await;
        assert_eq!((dry.status, &dry.json()["rows"]), (200, &json!(2 * 4 * GUILTY)), "{}", dry.text);
        assert!(!places_of(&scene.data(), &account).is_empty(), "the search itself finds it");
        let survivors = (rows(&partner_at(&server, &partner), "innocent").await, rows(&partner_at(&server, &other), "innocent").await);
        assert_eq!(survivors.0.len() + survivors.1.len(), kept);

        // What somebody copied, and that it was asked for.
        let copied = server.api.create("excerpts", json!({"query": account, "limit": 1_000})).await;
        assert!(copied["rows"].as_u64().is_some_and(|rows| rows > 0), "{copied}");
        let begun = server.api.post("erasures", &json!({"account": account, "reference": format!("ticket {round}")})).await;
        assert_eq!(begun.status, 202, "{}", begun.text);
        let id = begun.json()["id"].as_str().expect("an id").to_owned();
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        server.process.kill().await;
        // Until it has ended, what is to go is in the catalog.
        cut_off += usize::from(places_of(&scene.data(), &account).iter().any(|place| place.starts_with("catalog.sqlite")));
        server = scene.serve_with(&FLAGS).await;
        doors = doors.map(|door| Api::new(&server.address, &door.token));
        let report = until("the end of the erasure", async || {
            let report = server.api.get(&format!("erasures/{id}")).await.json();
            (report["state"] == "done").then_some(report)
        })
        .await;
        // What is told as done is done.
        assert_eq!(report["rows"], 2 * 4 * GUILTY, "{report}");
        assert_eq!(report["reference"], format!("ticket {round}"));
        let modules: Vec<&str> = report["erased"].as_array().expect("counts").iter().filter_map(|count| count["module"].as_str()).collect();
        assert_eq!(modules, ["sms", "chat"], "{report}");
        assert_eq!(places_of(&scene.data(), &account), Vec::<String>::new(), "after {delay_ms} ms");
        let now = (rows(&partner_at(&server, &partner), "innocent").await, rows(&partner_at(&server, &other), "innocent").await);
        assert!(now == survivors, "what stays is as it was, ids included");
    }
    assert!(cut_off > 0, "some were cut off");
    println!("{cut_off} of 8 erasures were cut off by a kill");
    // The hole has a name, for whose it is alone.
    let summary = partner_at(&server, &partner).search("innocent").await.summary;
    let erased = summary["complete"]["erased"].as_array().expect("what was erased");
    assert!(erased.iter().all(|count| count["module"] == "sms" && count["instance"] == "sms-csp-434"), "{summary}");
    assert_eq!(erased.iter().filter_map(|count| count["rows"].as_u64()).sum::<u64>(), 8 * 4 * GUILTY as u64);
    assert_eq!(summary["complete"]["gaps"], json!([]), "it is no loss");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_is_narrowed_and_a_short_value_is_looked_for_in_fields_alone() {
    let scene = Scene::new();
    let server = scene.serve_with(&FLAGS).await;
    let partner = server.partner("acme", "sms", "csp-434", "ns-sms").await;
    server.partner("zeta", "chat", "csp-435", "ns-chat").await;
    for (owner, instance) in [("acme", "sms-csp-434"), ("zeta", "chat-csp-435")] {
        let text = "{\"level\":\"info\",\"message\":\"took 42 ms\"}\n{\"level\":\"info\",\"message\":\"a call\",\"account_id\":\"42\"}\n";
        assert_eq!(push_token(&server, owner, instance).await.ingest(text).await.status, 200);
    }
    let erase = async |more: &[&str]| {
        let mut args = vec!["erase", "--account", "42"];
        args.extend_from_slice(more);
        admin(&scene, &server, &args).await
    };
    let (code, out, err) = erase(&["--dry-run"]).await;
    assert!(code == Some(0) && out.contains("rows: 2") && out.contains("texts: false"), "{code:?} {out}{err}");
    let (code, out, err) = erase(&["--csp", "csp-434", "--reference", "T-1"]).await;
    assert!(code == Some(0) && out.contains("rows: 1") && out.contains("reference: T-1"), "{code:?} {out}{err}");
    assert_eq!((count(&server.api, "account_id:42").await, count(&server.api, "\"took 42\"").await), (1, 2));
    let (code, out, err) = erase(&["--from", "2030-01-01T00:00:00Z"]).await;
    assert!(code == Some(0) && out.contains("rows: 0"), "{code:?} {out}{err}");
    let (_, out, _) = admin(&scene, &server, &["erasure", "list"]).await;
    assert!(out.contains("T-1") && out.lines().count() == 3, "{out}");
    for bad in [
        json!({"account": " - "}),
        json!({"account": "x".repeat(300)}),
        json!({"account": "42", "from": "yesterday"}),
        json!({"acount": "42"}),
    ] {
        assert_eq!(server.api.post("erasures", &bad).await.status, 400, "{bad}");
    }
    assert_eq!(partner.post("erasures", &json!({"account": "42"})).await.status, 403);
    assert_eq!(partner.delete("partners/acme?purge=true").await.status, 403);
    assert_eq!(server.api.delete("partners/nobody?purge=true").await.status, 404);
}

/// Lines of one account in [`of_account`], and lines there that only look like it.
const GUILTY: usize = 6;
const INNOCENT: usize = 3;

fn of_account(account: &str) -> String {
    let (head, tail) = account.split_at(4);
    let mut text = String::new();
    for line in [
        json!({"level": "info", "message": "a field", "account_id": account}),
        json!({"level": "info", "message": "an alias of a subscriber", "msisdn": format!("{account}@msisdn")}),
        json!({"level": "info", "message": "for people", "account_id": format!("+{head} {tail}")}),
        json!({"level": "warn", "message": format!("call to sip:{account}@host failed")}),
        json!({"level": "warn", "message": "deep", "data": {"list": [{"who": account}]}}),
        json!({"level": "warn", "message": "a call's id", "call_id": account}),
        json!({"level": "info", "message": "innocent: a longer number", "account_id": format!("9{}", &account[1..].replace('7', "8"))}),
        json!({"level": "info", "message": format!("innocent {head}")}),
        json!({"level": "info", "message": "innocent", "account_id": "70000000000"}),
    ] {
        writeln!(text, "{line}").expect("a string");
    }
    text
}

fn lines(round: usize, count: usize, word: &str) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        writeln!(text, "{{\"level\":\"info\",\"message\":\"{word} {round} {n}\",\"f\":\"{}\"}}", "x".repeat(100)).expect("a string");
        text
    })
}

fn partner_at(server: &Server, partner: &Api) -> Api {
    Api::new(&server.address, &partner.token)
}

async fn push_token(server: &Server, partner: &str, instance: &str) -> Api {
    let token = server.token(json!({"kind": "ingest", "partner": partner, "instances": [instance]})).await;
    Api::new(&server.address, &token)
}

async fn collect(scene: &Scene, server: &Server, token: &str, labels: &Path) {
    let mut collector = scene.collect(&server.address, token, &["--once", "--pod-labels", path(labels)]);
    assert_eq!(collector.wait().await, Some(0), "{}", collector.stderr());
}

async fn admin(scene: &Scene, server: &Server, args: &[&str]) -> (Option<i32>, String, String) {
    let token = scene.data().join("staff.token");
    let mut all = vec!["admin", "--server", &server.address, "--token-file", path(&token)];
    all.extend_from_slice(args);
    run(&all, &scene.root).await
}

async fn count(api: &Api, query: &str) -> u64 {
    let found = api.search_with(json!({"query": query, "from": "-30d", "to": "now", "limit": 1, "count": true})).await;
    found.summary["matched"].as_u64().expect("a count")
}

async fn rows(api: &Api, query: &str) -> Vec<Value> {
    api.search_all(query).await
}

/// Where bytes are, in the names and contents of all files of a folder.
fn places_of(root: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = entry.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            let within =
                entry.is_file() && std::fs::read(&entry).is_ok_and(|bytes| memchr::memmem::find(&bytes, text.as_bytes()).is_some());
            if name.contains(text) || within {
                found.push(name);
            }
            if entry.is_dir() {
                folders.push(entry);
            }
        }
    }
    found
}
