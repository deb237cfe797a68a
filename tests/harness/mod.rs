//! What the tests share: a scene with a data folder, a server, collectors, and a folder of CRI files.
//!
//! Invariants: every process listens on port 0; what is waited for is polled with a deadline; a process that is dropped is
//! killed; the folder of a failed test is kept and its path printed.

pub(crate) mod api;
pub(crate) mod authority;
pub(crate) mod cri;
pub(crate) mod disk;
pub(crate) mod process;
pub(crate) mod proxy;

use api::Api;
use cri::Pod;
use process::Process;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A data folder, a folder of pods, and what runs on them.
pub(crate) struct Scene {
    folder: Option<tempfile::TempDir>,
    pub(crate) root: PathBuf,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("martlog-test-").tempdir().expect("a temporary folder");
        let root = folder.path().to_path_buf();
        for name in ["data", "pods", "state"] {
            std::fs::create_dir(root.join(name)).expect("a folder of the scene");
        }
        Self { folder: Some(folder), root }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(crate) fn pods(&self) -> PathBuf {
        self.root.join("pods")
    }

    /// A container's folder of log files, made now.
    pub(crate) fn pod(&self, namespace: &str, name: &str, uid: &str, container: &str) -> Pod {
        Pod::create(&self.pods(), namespace, name, uid, container)
    }

    /// A server on the scene's data folder.
    pub(crate) async fn serve(&self) -> Server {
        self.serve_at("127.0.0.1:0", &[]).await
    }

    pub(crate) async fn serve_with(&self, more: &[&str]) -> Server {
        self.serve_at("127.0.0.1:0", more).await
    }

    pub(crate) async fn serve_at(&self, listen: &str, more: &[&str]) -> Server {
        self.serve_under(&[], listen, more).await
    }

    /// A server that another program starts, with these arguments ahead.
    pub(crate) async fn serve_under(&self, wrapper: &[&str], listen: &str, more: &[&str]) -> Server {
        let data = self.data();
        let mut args = vec!["serve", "--dir", path(&data), "--listen", listen, "--probes", "127.0.0.1:0"];
        args.extend_from_slice(more);
        let mut process = Process::start_under(wrapper, "serve", &args, &self.root);
        let first = process.first_line().await;
        let address = first.strip_prefix("listening on ").unwrap_or_else(|| panic!("the first line is {first:?}")).to_owned();
        let token = std::fs::read_to_string(data.join("staff.token")).expect("the staff token").trim().to_owned();
        let ca = self.root.join("ca.pem");
        let api = if ca.is_file() { Api::trusting(&ca, &address, &token) } else { Api::new(&address, &token) };
        Server { process, api, address }
    }

    /// A collector over the scene's pods that ships to this address.
    pub(crate) fn collect(&self, server: &str, token: &str, more: &[&str]) -> Process {
        let (pods, state, file) = (self.pods(), self.root.join("state"), self.root.join("collector.token"));
        std::fs::write(&file, token).expect("the collector's token file");
        let mut args = vec!["collect", "--root", path(&pods), "--server", server, "--token-file", path(&file), "--state", path(&state)];
        args.extend_from_slice(&["--cluster", "test", "--node", "node-1"]);
        args.extend_from_slice(more);
        Process::start("collect", &args, &self.root)
    }

    /// Reads what is there, waits for the acknowledgements.
    pub(crate) async fn collect_once(&self, server: &str, token: &str) {
        let mut collector = self.collect(server, token, &["--once"]);
        let status = collector.wait().await;
        assert_eq!(status, Some(0), "collect --once failed:\n{}", collector.stderr());
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            eprintln!("the scene is kept: {}", folder.keep().display());
        }
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: String,
    /// The API with the staff token.
    pub(crate) api: Api,
}

impl Server {
    /// Registers a partner with one module and one instance in a namespace; the partner's API.
    pub(crate) async fn partner(&self, partner: &str, module: &str, csp: &str, namespace: &str) -> Api {
        let api = &self.api;
        api.create("partners", json!({"id": partner, "name": partner.to_uppercase()})).await;
        api.create("modules", json!({"id": module, "partner": partner})).await;
        api.create("instances", instance(&format!("{module}-{csp}"), module, csp, namespace)).await;
        let token = self.token(json!({"kind": "partner", "partner": partner})).await;
        api.with_token(&token)
    }

    pub(crate) async fn token(&self, body: Value) -> String {
        let answer = self.api.create("tokens", body).await;
        answer["token"].as_str().expect("a token").to_owned()
    }

    pub(crate) async fn collector_token(&self) -> String {
        self.token(json!({"kind": "collector", "cluster": "test"})).await
    }
}

/// The body that registers an instance.
pub(crate) fn instance(id: &str, module: &str, csp: &str, namespace: &str) -> Value {
    json!({"id": id, "module": module, "csp": csp, "environment": "prod", "selector": {"namespace": namespace}})
}

/// Polls until it is there.
pub(crate) async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}
