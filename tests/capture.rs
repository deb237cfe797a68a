//! A real runtime's files, collected with `--once`, give each record whole, in order per substream, once.
//!
//! The capture lies beside the project (`../shared/data/cri`); its README says what the container printed.

use crate::harness::Scene;
use serde_json::Value;
use std::path::{Path, PathBuf};

const POD: &str = "csp-434-sms_sms-gateway-7d9f8b6c4-x2k9p_5b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b11";

#[tokio::test(flavor = "multi_thread")]
async fn a_real_runtimes_files_come_whole_in_order_and_once() {
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/cri").join(POD);
    if !capture.exists() {
        println!("NOT RUN: there is no capture at {}", capture.display());
        return;
    }
    let scene = Scene::new();
    copy(&capture, &scene.pods().join(POD));
    let server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let token = server.collector_token().await;
    scene.collect_once(&server.address, &token).await;
    scene.collect_once(&server.address, &token).await;
    let rows = partner.search("*").await.rows;
    let lossy = String::from_utf8_lossy(&std::fs::read(capture.join("app/0.log")).expect("the file")).into_owned();

    for substream in ["stdout", "stderr"] {
        let wanted = physical(&lossy, substream);
        let mut got: Vec<&Value> = rows.iter().filter(|row| row["source"]["stream"] == substream).collect();
        got.sort_by_key(|row| row["source"]["offset"].as_u64());
        // Every piece of text that the container printed is in one record, in order; nothing comes twice.
        let stored: usize = got.iter().map(|row| text_length(row)).sum();
        let mut at = 0;
        for text in wanted.iter().filter(|text| !text.trim().is_empty()) {
            let key = needle(text);
            let found = got[at..]
                .iter()
                .position(|row| holds(row, &key))
                .unwrap_or_else(|| panic!("{substream}: {key:?} is not there behind row {at}"));
            at += found;
        }
        println!("{substream}: {} records, {} lines printed, {stored} bytes of text kept", got.len(), wanted.len());
    }
    let json: Vec<_> = rows.iter().filter(|row| row["message"].as_str().is_some_and(|text| text.starts_with("line "))).collect();
    assert_eq!(json.len(), 40, "the forty JSON lines, each once");
    let long = rows.iter().filter(|row| text_length(row) > 200_000).count();
    assert_eq!(long, 1, "the line of 240,067 bytes is one record");
    assert_eq!(rows.iter().filter(|row| (80_000..100_000).contains(&text_length(row))).count(), 2, "the two interleaved lines");
    assert_eq!(rows.iter().filter(|row| row["message"].as_str().is_some_and(|text| text.contains("Traceback"))).count(), 1);
}

/// The logical lines of a substream: pieces joined.
fn physical(file: &str, substream: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in file.split('\n').filter(|line| !line.is_empty()) {
        let mut parts = line.splitn(4, ' ');
        let (_, stream, tag, text) = (parts.next(), parts.next(), parts.next(), parts.next().unwrap_or(""));
        if stream != Some(substream) {
            continue;
        }
        let text = open.take().unwrap_or_default() + text;
        if tag == Some("P") { open = Some(text) } else { lines.push(text) }
    }
    lines.extend(open);
    lines
}

/// What of a line must be in its record: the message of a JSON line, else the text's beginning.
fn needle(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value["message"].is_string() => value["message"].as_str().unwrap_or_default().chars().take(60).collect(),
        _ => text.trim_end_matches('\r').chars().take(40).collect(),
    }
}

fn holds(row: &Value, key: &str) -> bool {
    row["message"].as_str().is_some_and(|message| message.contains(key)) || row["attributes"].to_string().contains(key)
}

fn text_length(row: &Value) -> usize {
    row["message"].as_str().map_or(0, str::len) + row.get("attributes").map_or(0, |attributes| attributes.to_string().len())
}

fn copy(from: &PathBuf, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::write(&target, std::fs::read(entry.path()).expect("a file")).expect("a copy");
        }
    }
}
