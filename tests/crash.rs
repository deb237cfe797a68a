//! kill -9 of either process in the middle of 200,000 lines, and again: every line exactly once, checked against a ledger that was
//! written outside.

use crate::harness::api::Api;
use crate::harness::{Scene, until};
use chrono::{Duration as Span, Utc};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

const LINES: usize = 200_000;
const PODS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn every_line_exactly_once_whatever_is_killed() {
    let scene = Scene::new();
    let mut server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let token = server.collector_token().await;
    let port = server.address.rsplit(':').next().expect("a port").to_owned();
    let listen = format!("127.0.0.1:{port}");

    let ledger = scene.root.join("ledger");
    let (pods, written) = (scene.pods(), ledger.clone());
    let writer = std::thread::spawn(move || write_lines(&pods, &written));

    let mut collector = scene.collect(&server.address, &token, &[]);
    let (mut servers, mut collectors) = (0, 0);
    for round in 0..6 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        if round % 2 == 0 {
            server.process.kill().await;
            servers += 1;
            server = scene.serve_at(&listen, &[]).await;
        } else {
            collector.kill().await;
            collectors += 1;
            collector = scene.collect(&server.address, &token, &[]);
        }
    }
    writer.join().expect("the writer");
    let partner = Api::new(&server.address, &partner.token);
    until("all lines", async || {
        let found =
            partner.search_with(serde_json::json!({"query": "ledger", "from": "-30d", "to": "now", "limit": 1, "count": true})).await;
        (found.summary["matched"].as_u64() >= Some(LINES as u64)).then_some(())
    })
    .await;

    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for line in std::fs::read_to_string(&ledger).expect("the ledger").lines() {
        *wanted.entry(line.to_owned()).or_default() += 1;
    }
    assert_eq!(wanted.len(), LINES);
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let mut got: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows = partner.search_all("ledger").await;
    // Within a substream the order is that of the file: by offset within a file, and files by the time of their lines.
    rows.sort_by_key(|row| row["id"].as_str().and_then(|id| id.rsplit('/').next()?.parse::<u64>().ok()));
    for row in &rows {
        let message = row["message"].as_str().expect("a message");
        *got.entry(message.to_owned()).or_default() += 1;
        let pod = row["source"]["pod"].as_str().expect("a pod").to_owned();
        let number: u64 = message.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a number");
        let before = last.insert(pod.clone(), number);
        assert!(before.is_none_or(|before| before < number), "{pod}: {number} came behind {before:?}");
    }
    let lost: Vec<_> = wanted.keys().filter(|line| !got.contains_key(*line)).take(5).collect();
    let doubled: Vec<_> = got.iter().filter(|(_, count)| **count > 1).take(5).collect();
    let foreign: Vec<_> = got.keys().filter(|line| !wanted.contains_key(*line)).take(5).collect();
    assert!(lost.is_empty() && doubled.is_empty() && foreign.is_empty(), "lost {lost:?}, doubled {doubled:?}, foreign {foreign:?}");
    assert!(servers > 0 && collectors > 0, "both were killed");
    println!("{LINES} lines, {servers} servers and {collectors} collectors killed: 0 lost, 0 doubled, 0 reordered");
}

/// Writes the lines over some seconds to several pods that rotate, and each of them to the ledger, which is synced.
fn write_lines(pods: &std::path::Path, ledger: &std::path::Path) {
    let mut files: Vec<_> = (0..PODS)
        .map(|pod| {
            crate::harness::cri::Pod::create(
                pods,
                "csp-434-sms",
                &format!("sms-{pod}"),
                &format!("00000000-0000-4000-8000-00000000000{pod}"),
                "app",
            )
        })
        .collect();
    let mut ledger = std::fs::File::create(ledger).expect("the ledger");
    let start = Utc::now();
    for batch in 0..LINES / 1000 {
        let mut entries = String::new();
        for number in batch * 1000..(batch + 1) * 1000 {
            let pod = number % PODS;
            let time = start + Span::microseconds(i64::try_from(number).expect("small"));
            let stamp = time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true);
            let message = format!("ledger pod {pod} line {number}");
            let text =
                format!(r#"{{"timestamp":"{stamp}","level":"info","message":"{message}","n":{number},"filler":"{}"}}"#, "x".repeat(200));
            writeln!(entries, "{message}").expect("a string");
            files[pod].write("stdout", text.as_bytes(), time);
        }
        ledger.write_all(entries.as_bytes()).expect("the ledger");
        if batch % 70 == 69 {
            for file in &mut files {
                file.rotate(batch);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    ledger.sync_all().expect("the ledger is synced");
}
