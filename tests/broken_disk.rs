//! The disk under a server is full or breaks: a small file system that fills up, and system calls that `strace` lets fail. Nothing acknowledged is lost,
//! and the server says what is wrong.

use crate::harness::api::Api;
use crate::harness::disk::SmallDisk;
use crate::harness::{Scene, Server, path, until};
use serde_json::json;
use std::path::PathBuf;

/// Small segments, so that a few requests fill one; and no watermark, which would refuse before the disk is full.
const SEGMENTS: [&str; 4] = ["--wal-segment", "4MiB", "--disk-reserve", "0B"];
/// Lines of one request; with their filler about 350 bytes each.
const LINES: u64 = 500;

/// A server with a partner's module, its door, and what has been acknowledged.
struct Store {
    server: Server,
    partner: Api,
    door: Api,
    accepted: u64,
    running: Running,
}

/// The server's process itself, by the lock of this folder: `strace` lets it go on when it is killed, and ends with it. Killed when dropped.
struct Running(PathBuf);

impl Running {
    fn kill(&self) {
        let pid = std::fs::read_to_string(self.0.join("lock")).unwrap_or_default();
        let command = std::fs::read_to_string(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
        // One that has ended is fine, and somebody else may have its number.
        if command.contains(path(&self.0)) {
            let pid = pid.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a process");
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Store {
    async fn new(scene: &Scene) -> Self {
        let server = scene.serve_with(&SEGMENTS).await;
        let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
        let ingest = server.token(json!({"kind": "ingest", "partner": "acme", "instances": ["sms-csp-434"]})).await;
        let door = Api::new(&server.address, &ingest);
        Self { server, partner, door, accepted: 0, running: Running(scene.data()) }
    }

    /// The same store with another process, as `strace` starts it with these arguments; by itself when there are none.
    async fn again(mut self, scene: &Scene, strace: &[&str]) -> Self {
        self.kill().await;
        let trace = scene.root.join("trace");
        let wrapper: Vec<&str> =
            ["strace", "-f", "-qq", "-o", path(&trace)].into_iter().chain(strace.iter().copied()).chain(["--"]).collect();
        let server = scene.serve_under(if strace.is_empty() { &[] } else { &wrapper }, "127.0.0.1:0", &SEGMENTS).await;
        let api = |old: &Api| Api::new(&server.address, &old.token);
        Self { partner: api(&self.partner), door: api(&self.door), accepted: self.accepted, running: self.running, server }
    }

    async fn kill(&mut self) {
        self.running.kill();
        self.server.process.wait().await;
    }

    /// Sends a request's lines; the status and the text of the answer.
    async fn send(&mut self) -> (u16, String) {
        self.try_send().await.expect("an answer")
    }

    /// The same; `None` when the server went away without an answer.
    async fn try_send(&mut self) -> Option<(u16, String)> {
        let line = |n| format!("{{\"level\":\"info\",\"message\":\"disk {}\",\"f\":\"{}\"}}\n", self.accepted + n, "y".repeat(300));
        let lines: String = (0..LINES).map(line).collect();
        let answer = self.door.try_ingest(&lines).await?;
        if answer.status == 200 {
            self.accepted += LINES;
        }
        Some((answer.status, answer.text))
    }

    /// How many lines are found.
    async fn found(&self) -> u64 {
        let body = json!({"query": "disk", "from": "-1h", "to": "now", "limit": 1, "count": true});
        self.partner.search_with(body).await.summary["matched"].as_u64().expect("a count")
    }

    async fn assert_all(&self) {
        assert_eq!(self.found().await, self.accepted, "acknowledged and found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_starts_on_a_full_disk_and_goes_on_when_there_is_room() {
    let scene = Scene::new();
    let small = SmallDisk::mount(&scene.data(), 24);
    let mut store = Store::new(&scene).await;
    for _ in 0..6 {
        assert_eq!(store.send().await.0, 200);
    }
    let reserve = scene.data().join("reserve");
    assert!(reserve.exists());
    // A clean end first: then SQLite's files are gone and have to be made anew. After that a kill.
    store.server.process.signal(rustix::process::Signal::TERM);
    assert_eq!(store.server.process.wait().await, Some(0));
    small.fill_to(0);
    for clean in [false, true, false] {
        store = store.again(&scene, &[]).await;
        assert!(!reserve.exists(), "the reserve is what it starts with");
        store.assert_all().await;
        let (status, text) = store.send().await;
        assert!(status == 503 && text.contains("the disk of the data folder is full"), "{status} {text}");
        if clean {
            store.server.process.signal(rustix::process::Signal::TERM);
            assert_eq!(store.server.process.wait().await, Some(0));
            assert!(!store.server.process.stderr().contains("could not snapshot"), "{}", store.server.process.stderr());
        } else {
            store.kill().await;
        }
    }
    store = store.again(&scene, &[]).await;
    small.lighten();
    until("the store takes lines again", async || (store.send().await.0 == 200).then_some(())).await;
    assert!(reserve.exists(), "the reserve is taken again first");
    store.assert_all().await;
    store = store.again(&scene, &[]).await;
    store.assert_all().await;
}

/// The disk fails at this call on the segment that is written: the process ends and says so, and what it had acknowledged is there.
async fn breaks_at(fault: &str) {
    let scene = Scene::new();
    let mut store = Store::new(&scene).await;
    assert_eq!(store.send().await.0, 200);
    let segment = scene.data().join("wal/0000000000000001.wal");
    let (call, _) = fault.split_once(':').expect("CALL:…");
    store = store.again(&scene, &["-P", path(&segment), "-e", &format!("trace={call}"), "-e", &format!("inject={fault}")]).await;
    store.assert_all().await;
    // The server ends at once: whether its last answer arrives is chance.
    while let Some((status, text)) = store.try_send().await {
        if status != 200 {
            assert!(status == 503 && text.contains("the disk failed"), "{status} {text}");
            break;
        }
        assert!(store.accepted < 100 * LINES, "the fault never came");
    }
    assert_eq!(store.server.process.wait().await, Some(3));
    let complaint = store.server.process.stderr();
    assert!(complaint.contains("the disk failed under the write-ahead log (Input/output error"), "{complaint}");
    assert!(complaint.contains("Nothing that was acknowledged is lost"), "{complaint}");
    store = store.again(&scene, &[]).await;
    // The lines in doubt are there or not, all of them together.
    let found = store.found().await;
    assert!(found == store.accepted || found == store.accepted + LINES, "{} acknowledged, {found} found", store.accepted);
    store.accepted = found;
    assert_eq!(store.send().await.0, 200);
    store.assert_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_ends_the_server_and_nothing_acknowledged_is_lost() {
    breaks_at("fdatasync:error=EIO:when=7").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_write_ends_the_server_and_nothing_acknowledged_is_lost() {
    breaks_at("pwrite64:error=EIO:when=7").await;
}

/// There is no room for this call for a while, on the first segment alone or on every file: 503, nothing lost, and on it goes by itself.
async fn is_full_at(fault: &str, segment_alone: bool) {
    let scene = Scene::new();
    let mut store = Store::new(&scene).await;
    assert_eq!(store.send().await.0, 200);
    let segment = scene.data().join("wal/0000000000000001.wal");
    let (call, _) = fault.split_once(':').expect("CALL:…");
    let (trace, inject) = (format!("trace={call}"), format!("inject={fault}"));
    let strace = ["-P", path(&segment), "-e", &trace, "-e", &inject];
    store = store.again(&scene, if segment_alone { &strace } else { &strace[2..] }).await;
    let (mut refused, mut after) = (0, 0);
    while after < 3 {
        let (status, text) = store.send().await;
        match status {
            200 => after += u64::from(refused > 0),
            503 => {
                assert!(text.contains("there is no space for the write-ahead log"), "{text}");
                refused += 1;
            }
            other => panic!("{other} {text}"),
        }
        assert!(store.accepted + refused * LINES < 400 * LINES, "{refused} were refused");
    }
    store.assert_all().await;
    store = store.again(&scene, &[]).await;
    store.assert_all().await;
    println!("{refused} requests refused, {} lines acknowledged, none lost", store.accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_finds_no_room_for_a_segment_refuses_until_there_is() {
    is_full_at("fallocate:error=ENOSPC:when=1..3", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_finds_no_room_in_a_segment_refuses_until_there_is() {
    is_full_at("pwrite64:error=ENOSPC:when=5..9", true).await;
}
