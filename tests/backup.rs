//! Backup and restore: a copy made in the middle of writing, put back elsewhere, after which the collector brings what came later; every line once.

use crate::harness::api::Api;
use crate::harness::process::run;
use crate::harness::{Scene, path, until};
use chrono::{Duration as Span, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

const LINES: usize = 30_000;
const PODS: usize = 3;
/// A tenth of this is written when the backup begins.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_lines_come_is_restored_and_every_line_is_there_once() {
    let scene = Scene::new();
    let flags = ["--wal-segment", "1MiB", "--live-age", "1s"];
    let mut server = scene.serve_with(&flags).await;
    server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let token = server.collector_token().await;
    let listen = server.address.strip_prefix("http://").expect("an address").to_owned();
    let (pods, ledger) = (scene.pods(), scene.root.join("ledger"));
    let writer = std::thread::spawn({
        let ledger = ledger.clone();
        move || write_lines(&pods, &ledger)
    });
    let _collector = scene.collect(&server.address, &token, &[]);
    until("a third of the lines", async || (WRITTEN.load(SeqCst) > LINES / 3 && count(&server.api).await > 2_000).then_some(())).await;

    let backup = scene.root.join("backup");
    let (before, behind) = (count(&server.api).await, WRITTEN.load(SeqCst));
    let (code, out, err) = run(&["backup", path(&scene.data()), path(&backup), "--verify"], &scene.root).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("is whole"), "{out}");
    assert!(behind < LINES, "lines are still being written");
    until("the snapshot to go", async || (!scene.data().join("snapshot").exists()).then_some(())).await;

    writer.join().expect("the writer");
    until("all lines", async || (count(&server.api).await >= LINES as u64).then_some(())).await;
    let whole = rows(&server.api).await;
    let epoch = epoch_of(&whole);
    server.process.kill().await;

    // What was stored after the backup is lost with the folder; the nodes still have it.
    std::fs::rename(scene.data(), scene.root.join("lost")).expect("the folder is lost");
    let copied = std::process::Command::new("cp").arg("-a").arg(&backup).arg(scene.data()).status();
    assert!(copied.is_ok_and(|status| status.success()));
    let alone = scene.root.join("alone");
    assert!(std::process::Command::new("cp").arg("-a").arg(&backup).arg(&alone).status().is_ok_and(|status| status.success()));
    let server = scene.serve_at(&listen, &flags).await;
    assert!(count(&server.api).await >= before, "what was acknowledged before the backup is in it");
    until("all lines again", async || (count(&server.api).await >= LINES as u64).then_some(())).await;
    let restored = rows(&server.api).await;
    assert_ne!(epoch_of(&restored), epoch, "a restored folder has another epoch");
    assert_eq!(restored.len(), whole.len());
    let differing = without_names(&restored).into_iter().zip(without_names(&whole)).find(|(now, before)| now != before);
    assert_eq!(differing, None, "every row is what it was, once");
    let wanted = std::fs::read_to_string(&ledger).expect("the ledger");
    let mut wanted: Vec<&str> = wanted.lines().collect();
    wanted.sort_unstable();
    let mut got: Vec<&str> = restored.iter().filter_map(|row| row["message"].as_str()).collect();
    got.sort_unstable();
    assert!(got == wanted, "{} rows for {} lines", got.len(), wanted.len());

    // The backup by itself, without collectors: exactly what it held, under the same numbers.
    drop(server);
    std::fs::rename(scene.data(), scene.root.join("second")).expect("a name");
    std::fs::rename(&alone, scene.data()).expect("a name");
    let server = scene.serve_with(&flags).await;
    let held = rows(&server.api).await;
    let (by_number, whole) = (by_number(&held), by_number(&whole));
    assert!(held.len() as u64 >= before && held.len() < LINES, "{before} of {} of {LINES}", held.len());
    assert!(by_number.iter().all(|(number, row)| whole.get(number) == Some(row)));
    println!("{} of {LINES} rows were in the backup, the rest came again from the node: 0 lost, 0 doubled, 0 altered", held.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_folder_is_backed_up_and_every_damage_to_a_backup_is_told() {
    let scene = Scene::new();
    let mut server = scene.serve().await;
    server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let ingest = server.token(json!({"kind": "ingest", "partner": "acme", "instances": ["sms-csp-434"]})).await;
    let lines: String = (0..500).fold(String::new(), |mut text, n| {
        writeln!(text, "{{\"level\":\"info\",\"message\":\"ledger {n}\"}}").expect("a string");
        text
    });
    assert_eq!(Api::new(&server.address, &ingest).ingest(&lines).await.status, 200);
    server.process.signal(rustix::process::Signal::INT);
    assert_eq!(server.process.wait().await, Some(0));

    let backup = scene.root.join("backup");
    let (code, out, err) = run(&["backup", path(&scene.data()), path(&backup)], &scene.root).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(verified(&scene, &backup).await.0, Some(0));
    let (code, _, err) = run(&["backup", path(&scene.data()), path(&backup)], &scene.root).await;
    assert!(code == Some(2) && err.contains("not empty"), "{code:?} {err}");
    let (code, _, err) = run(&["backup", path(&scene.pods()), path(&scene.root.join("other"))], &scene.root).await;
    assert!(code == Some(2) && err.contains("no data folder"), "{code:?} {err}");

    let catalog = backup.join("catalog.sqlite");
    let image = std::fs::read(&catalog).expect("the catalog");
    let mut flipped = image.clone();
    flipped[image.len() / 2] ^= 1;
    std::fs::write(&catalog, &flipped).expect("a flipped bit");
    let (code, err) = verified(&scene, &backup).await;
    assert!(code == Some(1) && err.contains("catalog.sqlite has other bytes"), "{code:?} {err}");
    std::fs::write(&catalog, &image[..100]).expect("a cut file");
    assert!(verified(&scene, &backup).await.1.contains("has 100 bytes, not"));
    std::fs::remove_file(&catalog).expect("a lost file");
    assert!(verified(&scene, &backup).await.1.contains("cannot be read"));
    std::fs::write(&catalog, &image).expect("the catalog");
    std::fs::write(backup.join("stranger"), b"x").expect("a file");
    assert!(verified(&scene, &backup).await.1.contains("stranger is not in the manifest"));
    std::fs::remove_file(backup.join("stranger")).expect("gone");
    assert_eq!(verified(&scene, &backup).await.0, Some(0));

    std::fs::rename(scene.data(), scene.root.join("lost")).expect("lost");
    std::fs::rename(&backup, scene.data()).expect("restored");
    let server = scene.serve().await;
    assert_eq!(count(&server.api).await, 500);
    assert!(!scene.data().join("backup.json").exists(), "it is true no longer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_lives_as_long_as_whoever_asked_for_it() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    assert_eq!(partner.post("backup", &json!({})).await.status, 403);
    let client = crate::harness::api::client(None);
    let request = || client.post(format!("{}/api/v1/backup", server.address)).bearer_auth(&server.api.token).send();
    let mut held = request().await.expect("an answer");
    let first = held.chunk().await.expect("a line").expect("a line");
    let line: Value = serde_json::from_slice(&first).expect("JSON");
    assert!(line["snapshot"]["files"].as_array().is_some_and(|files| files.iter().any(|file| file["path"] == "catalog.sqlite")), "{line}");
    let snapshot = scene.data().join("snapshot");
    assert!(snapshot.join("catalog.sqlite").is_file());
    let second = request().await.expect("an answer");
    assert_eq!(second.status().as_u16(), 409);
    drop(held);
    until("the snapshot to go", async || (!snapshot.exists()).then_some(())).await;
    assert_eq!(request().await.expect("an answer").status().as_u16(), 200);
}

async fn verified(scene: &Scene, backup: &Path) -> (Option<i32>, String) {
    let (code, _, err) = run(&["backup", "--verify", path(backup)], &scene.root).await;
    (code, err)
}

async fn count(api: &Api) -> u64 {
    let found = api.search_with(json!({"query": "ledger", "from": "-30d", "to": "now", "limit": 1, "count": true})).await;
    found.summary["matched"].as_u64().expect("a count")
}

async fn rows(api: &Api) -> Vec<Value> {
    api.search_all("ledger").await
}

/// `module/epoch/seq`.
fn parts(row: &Value) -> Vec<&str> {
    row["id"].as_str().expect("an id").split('/').collect()
}

fn epoch_of(rows: &[Value]) -> String {
    let epoch = parts(&rows[0])[1].to_owned();
    assert!(rows.iter().all(|row| parts(row)[1] == epoch));
    epoch
}

fn without_id(row: &Value) -> String {
    let mut row = row.clone();
    row.as_object_mut().expect("a row").remove("id");
    row.to_string()
}

/// A row that comes again arrives anew and has another number, and its file may have been renamed by a rotation since.
fn without_names(rows: &[Value]) -> Vec<String> {
    let nameless = |row: &Value| {
        let mut row = row.clone();
        row["source"].as_object_mut().expect("a source").remove("file");
        row.as_object_mut().expect("a row").remove("arrived");
        without_id(&row)
    };
    let mut all: Vec<String> = rows.iter().map(nameless).collect();
    all.sort_unstable();
    all
}

fn by_number(rows: &[Value]) -> BTreeMap<u64, String> {
    rows.iter().map(|row| (parts(row)[2].parse().expect("a seq"), without_id(row))).collect()
}

/// Writes the lines over some seconds to several pods that rotate, and each of them to the ledger.
fn write_lines(pods: &Path, ledger: &Path) {
    let pod = |n: usize| {
        let uid = format!("00000000-0000-4000-8000-00000000000{n}");
        crate::harness::cri::Pod::create(pods, "csp-434-sms", &format!("sms-{n}"), &uid, "app")
    };
    let mut files: Vec<_> = (0..PODS).map(pod).collect();
    let mut ledger = std::fs::File::create(ledger).expect("the ledger");
    let start = Utc::now();
    for batch in 0..LINES / 300 {
        for number in batch * 300..(batch + 1) * 300 {
            let time = start + Span::microseconds(i64::try_from(number).expect("small"));
            let message = format!("ledger line {number} \\u00e9\\u0000 end");
            let text = format!(r#"{{"level":"info","message":"{message}","n":{number}.50,"filler":"{}"}}"#, "x".repeat(number % 300));
            files[number % PODS].write("stdout", text.as_bytes(), time);
            writeln!(ledger, "ledger line {number} \u{e9}\u{0} end").expect("the ledger");
        }
        if batch % 37 == 36 {
            files.iter_mut().for_each(|file| file.rotate(batch));
        }
        WRITTEN.store((batch + 1) * 300, SeqCst);
        std::thread::sleep(Duration::from_millis(60));
    }
}
