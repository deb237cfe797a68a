//! Exports and the record of them, on the real way of a line: over HTTP and from a terminal, with servers that are killed and readers that go away.

use crate::harness::api::Api;
use crate::harness::process::run;
use crate::harness::{Scene, Server, path, until};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

const LINES: usize = 25_000;

/// A partner with many lines, and the file of its token.
async fn filled(scene: &Scene) -> (Server, Api, std::path::PathBuf) {
    let server = scene.serve().await;
    let acme = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let push = server.token(json!({"kind": "ingest", "partner": "acme", "instances": ["sms-csp-434"]})).await;
    let mut lines = String::new();
    for n in 0..LINES {
        // More than sockets hold, so that the server waits for who does not read.
        writeln!(lines, r#"{{"level":"info","message":"line {n}","n":{n},"filler":"{}"}}"#, "x".repeat(300)).expect("a string");
    }
    assert_eq!(Api::new(&server.address, &push).ingest(&lines).await.status, 200);
    let file = scene.root.join("acme.token");
    std::fs::write(&file, &acme.token).expect("the token");
    (server, acme, file)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_an_export_is_whole_and_its_manifest_proves_it() {
    let scene = Scene::new();
    let (server, _, token) = filled(&scene).await;
    let export = async |more: &[&str]| {
        let mut args = vec!["export", "--server", &server.address, "--token-file", path(&token), "--from", "-1h"];
        args.extend_from_slice(more);
        run(&args, &scene.root).await
    };
    for (format, rows_of) in [("ndjson", LINES), ("csv", LINES + 1), ("text", LINES)] {
        let file = scene.root.join(format!("out.{format}"));
        let (code, out, err) = export(&["line", "--format", format, "--output", path(&file)]).await;
        assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
        assert!(err.starts_with("25000 rows, ") && !err.contains('\u{1b}'), "{err}");
        let bytes = std::fs::read(&file).expect("the file");
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), rows_of, "{format}");
        let manifest = std::fs::read(scene.root.join(format!("out.{format}.manifest.json"))).expect("the manifest");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        assert_eq!((&manifest["rows"], &manifest["sha256"]), (&json!(LINES), &json!(sha256(&bytes))));
    }
    let (code, out, err) = export(&["n:7", "--json"]).await;
    let row: Value = serde_json::from_str(out.trim()).expect("one row");
    let manifest: Value = serde_json::from_str(err.trim()).expect("the manifest on standard error");
    assert_eq!((code, &row["message"], &manifest["sha256"]), (Some(0), &json!("line 7"), &json!(sha256(out.as_bytes()))));
    let nothing = scene.root.join("nothing.ndjson");
    let (code, _, err) = export(&["xylophone", "--output", path(&nothing)]).await;
    assert_eq!((code, err.starts_with("nothing found")), (Some(1), true), "{err}");
    let (code, _, err) = export(&["level:eror", "--output", path(&scene.root.join("x"))]).await;
    assert_eq!((code, err.contains("E102"), scene.root.join("x").exists()), (Some(2), true, false), "{err}");
    let (code, _, err) = export(&["line", "--output", path(&scene.root.join("no/such/folder"))]).await;
    assert_eq!((code, err.contains("--output")), (Some(2), true), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_an_export_leaves_its_record_and_no_file() {
    let scene = Scene::new();
    let (mut server, _, token) = filled(&scene).await;
    // A reader that reads the head and waits: the record is on the disk by now.
    let request = reqwest_export(&server, &token);
    let answer = request.send().await.expect("the head");
    assert_eq!(answer.status(), 200);
    let mut body = answer.bytes_stream();
    body.next().await.expect("a piece").expect("bytes");
    server.process.kill().await;
    let mut last = Vec::new();
    while let Some(Ok(piece)) = body.next().await {
        last = piece.to_vec();
    }
    assert!(memchr::memmem::find(&last, b"manifest").is_none(), "what broke off proves nothing");
    let server = scene.serve().await;
    let records = server.api.get("audit?action=export").await.json();
    let record = &records["records"][0];
    assert_eq!(
        (&record["outcome"], &record["query"], &record["partner"], &record["kind"]),
        (&json!("cut off"), &json!("line"), &json!("acme"), &json!("partner"))
    );
    assert_eq!(record["remote"], "127.0.0.1");

    // The command against a server that is gone.
    let gone = server.address.clone();
    drop(server);
    let file = scene.root.join("out.csv");
    let args = ["export", "line", "--format", "csv", "--server", &gone, "--token-file", path(&token), "--output", path(&file)];
    let (code, _, err) = run(&args, &scene.root).await;
    assert_eq!(code, Some(3), "{err}");
    let left: Vec<_> = std::fs::read_dir(&scene.root).expect("the folder").flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("out.csv")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_ends_an_export_and_the_terminal_shows_who_asked() {
    let scene = Scene::new();
    let (server, acme, token) = filled(&scene).await;
    let mut body = reqwest_export(&server, &token).send().await.expect("the head").bytes_stream();
    body.next().await.expect("a piece").expect("bytes");
    drop(body);
    let ended = until("the end of the export", async || {
        let records = acme.get("audit?action=export").await.json();
        (records["records"][0]["outcome"] != "begun").then(|| records["records"][0].clone())
    })
    .await;
    assert_eq!(ended["outcome"], "cancelled", "{ended}");
    assert!(ended["rows"].as_u64().is_some_and(|rows| rows < LINES as u64), "{ended}");
    // `martlog export | head`.
    let shell = format!(
        "{} export line --from -1h --server {} --token-file {} | head -n 1 | wc -l",
        env!("CARGO_BIN_EXE_martlog"),
        server.address,
        path(&token)
    );
    let piped = tokio::process::Command::new("bash")
        .args(["-c", &format!("set -o pipefail; {shell}")])
        .env("HOME", &scene.root)
        .output()
        .await
        .expect("bash");
    assert_eq!(
        (piped.status.code(), String::from_utf8_lossy(&piped.stdout).trim()),
        (Some(0), "1"),
        "{}",
        String::from_utf8_lossy(&piped.stderr)
    );
    let staff = scene.data().join("staff.token");
    let args = ["admin", "audit", "--action", "export", "--server", &server.address, "--token-file", path(&staff)];
    let (code, out, err) = run(&args, &scene.root).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.lines().count() == 3 && out.contains("partner  acme") && out.contains("cancelled") && out.contains("  line"), "{out}");
    let (code, out, _) = run(&[&args[..], &["--json", "--limit", "1"]].concat(), &scene.root).await;
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, answer["cursor"].is_string()), (Some(0), true), "{out}");
}

/// An export of everything, by the partner in this file.
fn reqwest_export(server: &Server, token: &std::path::Path) -> reqwest::RequestBuilder {
    let client = crate::harness::api::client(None);
    let token = std::fs::read_to_string(token).expect("the token");
    client.post(format!("{}/api/v1/export", server.address)).bearer_auth(token).json(&json!({"query": "line", "from": "-1h"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn bash_completes_what_is_typed() {
    let scene = Scene::new();
    let (code, script, err) = run(&["completions", "bash"], &scene.root).await;
    assert_eq!(code, Some(0), "{err}");
    let file = scene.root.join("martlog.bash");
    std::fs::write(&file, script).expect("the script");
    // As bash calls it behind `martlog exp` and `martlog export --form`.
    let ask = format!(
        ". {}; for words in 'martlog exp' 'martlog export --form'; do COMP_WORDS=($words); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         COMPREPLY=(); _martlog martlog \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; echo \"${{COMPREPLY[@]}}\"; done",
        path(&file)
    );
    let told = tokio::process::Command::new("bash").args(["--norc", "-c", &ask]).output().await.expect("bash");
    assert_eq!(String::from_utf8_lossy(&told.stdout), "export\n--format\n", "{}", String::from_utf8_lossy(&told.stderr));
    let (code, _, err) = run(&["completions", "tcsh"], &scene.root).await;
    assert_eq!((code, err.contains("bash")), (Some(2), true), "{err}");
}
