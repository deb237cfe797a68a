//! Mistakes that people make: each one is answered with a clear sentence that says what to do.

use crate::harness::process::run;
use crate::harness::{Scene, path};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn bad_configuration_names_every_problem_and_the_nearest_key() {
    let scene = Scene::new();
    let config = scene.root.join("martlog.toml");
    std::fs::write(&config, "[serve]\nlisten = \"127.0.0.1:0\"\nlisen = \"x\"\nlive-max = \"many\"\n").expect("the file");
    let (code, out, err) = run(&["serve", "--config", path(&config), "--dir", path(&scene.data())], &scene.root).await;
    assert_eq!(code, Some(2), "{out}{err}");
    assert!(err.contains("lisen") && err.contains("listen"), "names the key and the nearest one: {err}");
    assert!(err.contains("many"), "names the second problem, too: {err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_occupied_port_is_said() {
    let scene = Scene::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let (code, out, err) =
        run(&["serve", "--dir", path(&scene.data()), "--listen", &address, "--probes", "127.0.0.1:0"], &scene.root).await;
    assert_ne!(code, Some(0), "{out}");
    assert!(err.contains(&address) && err.contains("--listen"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unwritable_or_occupied_data_folder_is_said() {
    let scene = Scene::new();
    let file = scene.root.join("file");
    std::fs::write(&file, "").expect("a file");
    let below = file.join("data");
    let (code, _, err) = run(&["serve", "--dir", path(&below), "--listen", "127.0.0.1:0", "--probes", "127.0.0.1:0"], &scene.root).await;
    assert!(code.is_some_and(|code| code != 0), "{err}");
    assert!(err.contains(path(&below)), "names the folder: {err}");

    let _server = scene.serve().await;
    let (code, _, err) =
        run(&["serve", "--dir", path(&scene.data()), "--listen", "127.0.0.1:0", "--probes", "127.0.0.1:0"], &scene.root).await;
    assert!(code.is_some_and(|code| code != 0), "{err}");
    assert!(err.contains("another") && err.contains(path(&scene.data())), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_address_without_tls_is_refused() {
    let scene = Scene::new();
    let (code, _, err) =
        run(&["serve", "--dir", path(&scene.data()), "--listen", "0.0.0.0:0", "--probes", "127.0.0.1:0"], &scene.root).await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("--insecure"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_said_to_the_terminal_and_to_the_collector() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let file = scene.root.join("wrong.token");
    std::fs::write(&file, "mart_partner_00000000000000000000000000000000_000000").expect("the file");
    let (code, _, err) = run(&["search", "x", "--server", &server.address, "--token-file", path(&file)], &scene.root).await;
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("token"), "{err}");
    let mut collector = scene.collect(&server.address, "mart_collector_0000000000000000000000000000_000000", &["--once"]);
    assert_ne!(collector.wait().await, Some(0));
    assert!(collector.stderr().contains("token"), "{}", collector.stderr());
    let (code, _, err) = run(&["search", "x", "--server", &server.address, "--token-file", "/nonexistent/token"], &scene.root).await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("/nonexistent/token"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unparsable_query_is_drawn_with_its_place_and_a_hint() {
    let scene = Scene::new();
    let server = scene.serve().await;
    for query in ["level:eror", "(a OR", "\"open", "duration_ms>", "a | nonsense", "~\"(\"", "{app=\"x\"} |= \"y\"", "SELECT * FROM logs"] {
        let answer = server.api.post("search", &json!({"query": query})).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text);
        let problem = answer.json();
        assert!(problem["code"].is_string() && problem["detail"].is_string() && problem["span"].is_object(), "{query}: {problem}");
    }
    let staff = scene.data().join("staff.token");
    let (code, _, err) =
        run(&["search", "csp:434 level:eror", "--server", &server.address, "--token-file", path(&staff)], &scene.root).await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("level:eror") && err.contains("error"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_found_is_exit_1_and_a_server_that_is_down_exit_3() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let staff = scene.data().join("staff.token");
    let (code, _, err) = run(&["search", "nothing", "--server", &server.address, "--token-file", path(&staff)], &scene.root).await;
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("why: the store has no line yet") && err.contains("searched"), "{err}");
    let address = server.address.clone();
    drop(server);
    let (code, _, err) = run(&["search", "nothing", "--server", &address, "--token-file", path(&staff)], &scene.root).await;
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains(&address), "{err}");
}

/// A small file system fills up: writes are refused with 503, nothing acknowledged is lost, and all goes on when there is room again.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_nothing_acknowledged_is_lost() {
    let scene = Scene::new();
    let data = scene.data();
    let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs", path(&data)]).status();
    assert!(mounted.is_ok_and(|status| status.success()), "a tmpfs for the full disk: this test needs root");
    let result = full_disk(&scene).await;
    let unmounted = std::process::Command::new("umount").args(["-l", path(&data)]).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    result.unwrap_or_else(|error| panic!("{error}"));
}

async fn full_disk(scene: &Scene) -> Result<(), String> {
    let mut server = scene.serve_with(&["--wal-segment", "4MiB"]).await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let ingest = server.token(json!({"kind": "ingest", "partner": "acme", "instances": ["sms-csp-434"]})).await;
    let door = crate::harness::api::Api::new(&server.address, &ingest);
    // Something else fills the disk, down to its last bytes.
    let ballast = scene.data().join("ballast");
    let (mut accepted, mut refused) = (0_u64, 0_u64);
    let mut filled = false;
    for round in 0..60 {
        if round == 10 {
            fill(&ballast);
            filled = true;
        }
        let lines: String = (0..500)
            .map(|n| format!("{{\"level\":\"info\",\"message\":\"full {}\",\"f\":\"{}\"}}\n", round * 500 + n, "y".repeat(300)))
            .collect();
        let answer = door.ingest(&lines).await;
        match answer.status {
            200 => accepted += 500,
            503 => {
                refused += 1;
                if !answer.text.contains("disk") {
                    return Err(format!("the answer does not name the disk: {}", answer.text));
                }
            }
            other => return Err(format!("{other}: {}", answer.text)),
        }
        if refused == 3 {
            break;
        }
    }
    if !filled || refused == 0 {
        return Err("the disk did not become full".into());
    }
    let matched = count(&partner).await;
    if matched != accepted {
        return Err(format!("{accepted} were acknowledged and {matched} are found on the full disk"));
    }
    std::fs::remove_file(&ballast).map_err(|error| error.to_string())?;
    let answer = door.ingest("{\"level\":\"info\",\"message\":\"full again\"}\n").await;
    if answer.status != 200 {
        return Err(format!("with room again: {} {}", answer.status, answer.text));
    }
    server.process.kill().await;
    let server = scene.serve_with(&["--wal-segment", "4MiB"]).await;
    let partner = crate::harness::api::Api::new(&server.address, &partner.token);
    let matched = count(&partner).await;
    if matched != accepted + 1 {
        return Err(format!("{} were acknowledged and {matched} are found after the restart", accepted + 1));
    }
    println!("{accepted} lines acknowledged, {refused} requests refused on a full disk, none lost");
    Ok(())
}

async fn count(api: &crate::harness::api::Api) -> u64 {
    let found = api.search_with(json!({"query": "full", "from": "-1h", "to": "now", "limit": 1, "count": true})).await;
    found.summary["matched"].as_u64().expect("a count")
}

/// Writes until nothing more fits.
fn fill(file: &std::path::Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(file).expect("the ballast");
    let mut size = 1 << 20;
    while size >= 1 {
        if file.write_all(&vec![7; size]).is_err() {
            size /= 2;
        }
    }
}
