//! Who is at the other end: certificates that are right, wrong, expired and replaced while lines travel; tokens that are replaced.

use crate::harness::authority::Authority;
use crate::harness::process::{Process, run};
use crate::harness::{PATIENCE, Scene, Server, path, until};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const UID: &str = "5b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b11";

/// A scene with an authority that its clients know (`ca.pem`), and what it signed for these names.
struct Secured {
    scene: Scene,
    authority: Authority,
}

impl Secured {
    fn new(names: &[&str]) -> Self {
        let (scene, authority) = (Scene::new(), Authority::new("first"));
        std::fs::write(scene.root.join("ca.pem"), &authority.pem).unwrap();
        authority.issue(&scene.root, names);
        Self { scene, authority }
    }

    async fn serve(&self) -> Server {
        let (cert, key) = (self.scene.root.join("cert.pem"), self.scene.root.join("key.pem"));
        self.scene.serve_with(&["--tls-cert", path(&cert), "--tls-key", path(&key)]).await
    }

    fn ca(&self) -> String {
        path(&self.scene.root.join("ca.pem")).to_owned()
    }

    /// `martlog search` at this address with these flags: exit code and what it said.
    async fn search(&self, server: &str, more: &[&str]) -> (Option<i32>, String) {
        let token = self.scene.data().join("staff.token");
        let mut args = vec!["search", "needle", "--server", server, "--token-file", path(&token)];
        args.extend_from_slice(more);
        let (code, stdout, stderr) = run(&args, &self.scene.root).await;
        (code, stdout + &stderr)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_travels_over_tls_and_only_to_whom_is_trusted() {
    let secured = Secured::new(&["127.0.0.1"]);
    let server = secured.serve().await;
    assert!(server.address.starts_with("https://127.0.0.1:"), "{}", server.address);
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let mut pod = secured.scene.pod("csp-434-sms", "sms-1", UID, "app");
    let ca = secured.ca();
    let _collector = secured.scene.collect(&server.address, &server.collector_token().await, &["--ca-cert", &ca]);
    let mut tail = partner.tail("needle", None).await;
    pod.print(r#"{"level":"info","message":"needle"}"#);
    assert_eq!(tail.next_row(PATIENCE).await.expect("the line")["message"], "needle");
    let (code, said) = secured.search(&server.address, &["--ca-cert", &ca]).await;
    assert!(code == Some(0) && said.contains("needle"), "{said}");

    let other = secured.scene.root.join("other.pem");
    std::fs::write(&other, Authority::new("other").pem).unwrap();
    let clear = server.address.replace("https:", "http:");
    for (address, flags, exit, sentence) in [
        (&server.address, &["--ca-cert", path(&other)][..], 3, "not trusted here; name the authority's certificate with --ca-cert"),
        (&clear, &[], 2, "this address speaks TLS: write https:// instead of http://"),
        (&clear, &["--ca-cert", &ca], 2, "speaks in clear, and yet it is said whose certificate it must have"),
        (&server.address, &["--ca-cert", "/absent.pem"], 2, "cannot read the file /absent.pem"),
        (&server.address, &["--ca-cert", path(&secured.scene.root.join("collector.token"))], 2, "holds no certificate: it must be PEM"),
    ] {
        let (code, said) = secured.search(address, flags).await;
        assert!(code == Some(exit) && said.contains(sentence), "exit {code:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_clear_is_told_from_one_with_tls() {
    let secured = Secured::new(&["127.0.0.1"]);
    let server = secured.scene.serve().await;
    let (code, said) = secured.search(&server.address.replace("http:", "https:"), &["--ca-cert", &secured.ca()]).await;
    assert!(code == Some(3) && said.contains("what it speaks is no TLS; write http://"), "exit {code:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_speaks_in_clear_to_tls_loses_nothing_and_says_why() {
    let secured = Secured::new(&["127.0.0.1"]);
    let server = secured.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let mut pod = secured.scene.pod("csp-434-sms", "sms-1", UID, "app");
    pod.print(r#"{"level":"info","message":"needle"}"#);
    let token = server.collector_token().await;
    let mut collector = secured.scene.collect(&server.address.replace("https:", "http:"), &token, &[]);
    until("the reason in the collector's log", async || collector.stderr().contains("write https:// instead of http://").then_some(()))
        .await;
    collector.kill().await;
    let mut collector = secured.scene.collect(&server.address, &token, &["--ca-cert", &secured.ca(), "--once"]);
    assert_eq!(collector.wait().await, Some(0), "{}", collector.stderr());
    assert_eq!(partner.search("*").await.messages(), ["needle"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_and_the_time_of_a_certificate_count() {
    let secured = Secured::new(&["logs.example"]);
    let server = secured.serve().await;
    let ca = secured.ca();
    let (code, said) = secured.search(&server.address, &["--ca-cert", &ca]).await;
    assert!(code == Some(3) && said.contains("of another name") && said.contains("--tls-server-name"), "exit {code:?}: {said}");
    let (code, said) = secured.search(&server.address, &["--ca-cert", &ca, "--tls-server-name", "logs.example"]).await;
    assert!(code == Some(1), "nothing is there to be found; exit {code:?}: {said}");
    let backup = secured.scene.root.join("backup");
    let (code, _, said) = run(&["backup", path(&secured.scene.data()), path(&backup), "--verify"], &secured.scene.root).await;
    assert_eq!(code, Some(0), "a backup knows its own server: {said}");

    secured.authority.issue_until(&secured.scene.root, &["logs.example"], 2021);
    let expired = until("the expired certificate", async || {
        let (code, said) = secured.search(&server.address, &["--ca-cert", &ca, "--tls-server-name", "logs.example"]).await;
        (code == Some(3)).then_some(said)
    });
    let said = expired.await;
    assert!(said.contains("has expired; renew it on the server"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_authorities_and_tokens_are_replaced_while_a_collector_ships() {
    let secured = Secured::new(&["127.0.0.1"]);
    let server = secured.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let mut pod = secured.scene.pod("csp-434-sms", "sms-1", UID, "app");
    let first = server.api.create("tokens", json!({"kind": "collector", "cluster": "test"})).await;
    let ca = secured.scene.root.join("collector-ca.pem");
    std::fs::write(&ca, &secured.authority.pem).unwrap();
    let collector = secured.scene.collect(&server.address, first["token"].as_str().unwrap(), &["--ca-cert", path(&ca)]);
    let mut tail = partner.tail("*", None).await;
    pod.print(r#"{"level":"info","message":"by the first"}"#);
    assert_eq!(tail.next_row(PATIENCE).await.expect("the line")["message"], "by the first");

    // Half a rotation: the certificate is another one, the key is none.
    let second = Authority::new("second");
    let beside = tempfile::tempdir().unwrap();
    let (cert, key) = second.issue(beside.path(), &["127.0.0.1"]);
    std::fs::write(secured.scene.root.join("key.pem"), "half of it").unwrap();
    until("the warning", async || server.process.stderr().contains("what was read before stays in force").then_some(())).await;
    assert_eq!(server.api.search("*").await.rows.len(), 1);
    std::fs::copy(cert, secured.scene.root.join("cert.pem")).unwrap();
    std::fs::copy(key, secured.scene.root.join("key.pem")).unwrap();
    // From now on the collector takes the second alone, and has to connect anew.
    std::fs::write(secured.scene.root.join("second.pem"), &second.pem).unwrap();
    until("the new certificate", async || {
        let (code, _) = secured.search(&server.address, &["--ca-cert", path(&secured.scene.root.join("second.pem"))]).await;
        (code == Some(1)).then_some(())
    })
    .await;
    std::fs::write(&ca, "no certificate").unwrap();
    until("the warning", async || collector.stderr().contains("holds no certificate").then_some(())).await;
    std::fs::write(&ca, &second.pem).unwrap();
    until("the collector's reading", async || collector.stderr().contains("were read again").then_some(())).await;
    pod.print(r#"{"level":"info","message":"by the second"}"#);
    assert_eq!(tail.next_row(PATIENCE).await.expect("the line")["message"], "by the second");

    let token = server.api.create("tokens", json!({"kind": "collector", "cluster": "test"})).await;
    std::fs::write(secured.scene.root.join("collector.token"), token["token"].as_str().unwrap()).unwrap();
    let gone = server.api.delete(&format!("tokens/{}", first["id"].as_str().unwrap())).await;
    assert!(gone.status < 300, "{}", gone.text);
    pod.print(r#"{"level":"info","message":"with the second token"}"#);
    assert_eq!(tail.next_row(PATIENCE).await.expect("the line")["message"], "with the second token");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_an_address_may_be_public_and_probes_there_speak_tls() {
    let secured = Secured::new(&["127.0.0.1"]);
    let (data, config) = (secured.scene.data(), secured.scene.root.join("martlog.toml"));
    std::fs::write(&config, "[serve]\nlisten = \"0.0.0.0:0\"\nprobes = \"0.0.0.0:0\"\ntls-cert = \"cert.pem\"\ntls-key = \"key.pem\"\n")
        .unwrap();
    let args = ["serve", "--dir", path(&data), "--config", path(&config)];
    let mut server = Process::start("serve", &args, &secured.scene.root);
    let first = server.first_line().await;
    let here = |address: &str| address.trim().replace("0.0.0.0", "127.0.0.1");
    let api = here(first.strip_prefix("listening on https://").expect("TLS"));
    let probes = here(&std::fs::read_to_string(data.join("probes-address")).unwrap());
    let client = crate::harness::api::client(Some(&secured.scene.root.join("ca.pem")));
    assert_eq!(client.get(format!("{probes}/readyz")).send().await.unwrap().status(), 200);
    assert_eq!(client.get(format!("https://{api}/api/v1/session")).send().await.unwrap().status(), 401);

    // On a loopback address probes stay in clear: who asks there has no name to check.
    server.kill().await;
    let served = secured.serve().await;
    let probes = std::fs::read_to_string(data.join("probes-address")).unwrap();
    assert!(probes.starts_with("http://127.0.0.1:"), "{probes}");
    drop(served);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_hold_nobody_up_for_long() {
    let secured = Secured::new(&["127.0.0.1"]);
    let server = secured.serve().await;
    let address = server.address.trim_start_matches("https://");
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let began = Instant::now();
    assert_eq!(server.api.get("session").await.status, 200);
    let waited = began.elapsed();
    assert!(waited < Duration::from_secs(30), "{waited:?}");
    // Those that were given up are closed.
    let mut byte = [0];
    let closed = tokio::time::timeout(PATIENCE, silent[0].read(&mut byte)).await.expect("an end");
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    let mut garbage = tokio::net::TcpStream::connect(address).await.unwrap();
    garbage.write_all(&[0, 1, 2, 3]).await.unwrap();
    let closed = tokio::time::timeout(PATIENCE, garbage.read(&mut byte)).await.expect("an end");
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
}
