//! A disk that is nearly full: new lines are refused with the reason, everything else goes on, and it recovers by itself.

use crate::harness::api::Api;
use crate::harness::disk::SmallDisk;
use crate::harness::{Scene, Server, until};
use rand::RngExt as _;
use serde_json::json;

const MIB: u64 = 1 << 20;

/// Lines that no compression makes much smaller.
fn lines(from: usize, count: usize) -> String {
    let mut random = rand::rng();
    let line = |n: usize| {
        let filler: String = (0..20).map(|_| format!("{:016x}", random.random::<u64>())).collect();
        format!("{{\"level\":\"info\",\"message\":\"ledger {n}\",\"f\":\"{filler}\"}}\n")
    };
    (from..from + count).map(line).collect()
}

async fn probe(scene: &Scene, at: &str) -> (u16, String) {
    let address = std::fs::read_to_string(scene.data().join("probes-address")).expect("the probes' address");
    let response = crate::harness::api::client(None).get(format!("{}{at}", address.trim())).send().await.expect("a probe");
    (response.status().as_u16(), response.text().await.expect("a body"))
}

async fn metric(scene: &Scene, name: &str) -> u64 {
    let (_, text) = probe(scene, "/metrics").await;
    let value =
        text.lines().find_map(|line| line.strip_prefix(&format!("martlog_store_{name} "))).unwrap_or_else(|| panic!("{name} in {text}"));
    value.parse().expect("a whole number")
}

async fn count(api: &Api) -> u64 {
    let found = api.search_with(json!({"query": "ledger", "from": "-1h", "to": "now", "limit": 1, "count": true})).await;
    found.summary["matched"].as_u64().expect("a count")
}

fn warns_of_the_disk(warnings: &serde_json::Value) -> bool {
    warnings.as_array().expect("warnings").iter().any(|warning| warning["code"] == "W213" && warning.to_string().contains("--disk-reserve"))
}

async fn pushing(server: &Server) -> Api {
    let token = server.token(json!({"kind": "ingest", "partner": "acme", "instances": ["sms-csp-434"]})).await;
    Api::new(&server.address, &token)
}

#[tokio::test(flavor = "multi_thread")]
async fn new_lines_are_refused_before_the_disk_is_full_and_taken_again_when_there_is_room() {
    let scene = Scene::new();
    let disk = SmallDisk::mount(&scene.data(), 64);
    let server = scene.serve_with(&["--wal-segment", "4MiB", "--disk-reserve", "16MiB", "--live-age", "1s"]).await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let door = pushing(&server).await;
    assert_eq!(door.ingest(&lines(0, 2_000)).await.status, 200);
    assert_eq!(metric(&scene, "disk_low").await, 0);

    disk.fill_to(15 * MIB);
    until("the store to see it", async || (metric(&scene, "disk_low").await == 1).then_some(())).await;
    let refused = door.ingest(&lines(2_000, 10)).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    let problem = refused.json();
    assert!(problem["detail"].as_str().is_some_and(|why| why.contains("Free some space") && why.contains("--disk-reserve")), "{problem}");
    assert!(disk.free() > 8 * MIB, "it is refused long before the disk is full");
    // A collector keeps what it reads.
    let token = server.collector_token().await;
    let mut pod = scene.pod("csp-434-sms", "sms-0", "00000000-0000-4000-8000-000000000001", "app");
    (0..500).for_each(|n| pod.print(&format!("{{\"level\":\"info\",\"message\":\"ledger pod {n}\"}}")));
    let _collector = scene.collect(&server.address, &token, &[]);

    // Reading goes on, and staff are told.
    assert_eq!(count(&partner).await, 2_000);
    assert!(warns_of_the_disk(&server.api.search("ledger").await.summary["warnings"]));
    assert!(!warns_of_the_disk(&partner.search("ledger").await.summary["warnings"]), "a partner can do nothing about it");
    let (status, text) = probe(&scene, "/readyz").await;
    assert!(status == 200 && text.contains("new lines are refused"), "{status} {text}");
    assert_eq!((metric(&scene, "disk_low").await, metric(&scene, "disk_reserve_bytes").await), (1, 16 * MIB));
    // So does the flush.
    until("a split that was built on the nearly full disk", async || (metric(&scene, "splits").await >= 1).then_some(())).await;
    assert_eq!((count(&partner).await, metric(&scene, "flush_failures_total").await), (2_000, 0));
    // A little room is not enough: it would be gone at once.
    assert_eq!(door.ingest(&lines(2_000, 10)).await.status, 503);

    disk.lighten();
    assert_eq!(door.ingest(&lines(2_000, 10)).await.status, 200, "at once");
    until("the collector's lines", async || (count(&partner).await >= 2_510).then_some(())).await;
    let mut messages: Vec<String> = partner.search_all("ledger").await.iter().map(|row| row["message"].to_string()).collect();
    messages.sort();
    messages.dedup();
    assert_eq!((messages.len(), count(&partner).await), (2_510, 2_510), "each once");
    assert_eq!(metric(&scene, "disk_low").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_makes_room_on_a_nearly_full_disk() {
    let scene = Scene::new();
    let disk = SmallDisk::mount(&scene.data(), 64);
    let flags = ["--wal-segment", "4MiB", "--disk-reserve", "4MiB", "--live-age", "1s"];
    let mut server = scene.serve_with(&flags).await;
    server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let door = pushing(&server).await;
    for piece in 0..10 {
        assert_eq!(door.ingest(&lines(piece * 2_000, 2_000)).await.status, 200);
    }
    until("everything in splits", async || (metric(&scene, "live_rows").await == 0).then_some(())).await;
    assert!(metric(&scene, "split_bytes").await > 2 * MIB);
    disk.fill_to(7 * MIB / 2);
    until("the store to see it", async || (metric(&scene, "disk_low").await == 1).then_some(())).await;
    assert_eq!(door.ingest(&lines(0, 1)).await.status, 503);
    server.process.kill().await;

    let mut expiring = flags.to_vec();
    expiring.extend_from_slice(&["--retention", "1s"]);
    let server = scene.serve_with(&expiring).await;
    let door = Api::new(&server.address, &door.token);
    until("room", async || (metric(&scene, "disk_low").await == 0).then_some(())).await;
    assert_eq!(door.ingest(&lines(0, 1)).await.status, 200);
}
