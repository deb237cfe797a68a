//! What the faults are made to: a server on a small disk, and nodes, each with a collector, whose state is on a small disk, and containers that print.

use crate::harness::api::Api;
use crate::harness::disk::SmallDisk;
use crate::ledger::Ledger;
use crate::machine::Machine;
use crate::net;
use crate::node::Node;
use crate::writer::{NAMESPACES, Order, Writer};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Nodes.
const NODES: usize = 2;
/// The state folder's disk, MiB.
const STATE_MIB: u64 = 8;
/// How long anything may take to be there.
const PATIENCE: Duration = Duration::from_secs(60);
/// Shifts the clock of a program that is started with it.
const CLOCK_LIBRARY: &str = "faketime/libfaketimeMT.so.1";

type Counts = BTreeMap<&'static str, u64>;

/// A node with its collector.
pub(crate) struct Host {
    pub(crate) shared: Arc<Node>,
    pub(crate) collector: Machine,
    pub(crate) state: SmallDisk,
    pub(crate) state_dir: PathBuf,
    pub(crate) orders: Sender<Order>,
    writer: Option<JoinHandle<Counts>>,
}

/// See the module.
pub(crate) struct World {
    pub(crate) root: PathBuf,
    pub(crate) server: Machine,
    pub(crate) data: SmallDisk,
    pub(crate) nodes: Vec<Host>,
    pub(crate) ledger: Arc<Ledger>,
    began: Instant,
}

impl World {
    /// Builds it and registers whose the namespaces are; nothing prints yet.
    pub(crate) async fn build(root: &Path, seed: u64, data_mib: u64, rate: u32) -> (Self, Api) {
        net::build(NODES);
        let folder = |name: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(&path).expect("a folder of the evidence");
            path
        };
        // Whoever builds meanwhile replaces the binary, and then the processes would not be of one version.
        let program = root.join("martlog");
        std::fs::hard_link(MARTLOG, &program).or_else(|_| std::fs::copy(MARTLOG, &program).map(drop)).expect("the binary");
        let data_dir = folder("data");
        let data = SmallDisk::mount(&data_dir, data_mib);
        let (home, binary) = (root.to_path_buf(), program.clone());
        let mut server = Machine::new("serve", root.join("server.log"), move || {
            let mut command = net::within(net::SERVER, &binary);
            command
                .args(["serve", "--listen", "0.0.0.0:8434", "--insecure", "--probes", "off", "--log-format", "json", "--dir"])
                .arg(&data_dir);
            // Small, so that the log recycles, and splits are built and merged all the time.
            command.args(["--live-age", "10s", "--wal-segment", "4MiB", "--disk-reserve", "16MiB"]).env("HOME", &home);
            command
        });
        server.start();
        let api = introduce(root).await;
        let token = api.create("tokens", json!({"kind": "collector", "cluster": "chaos"})).await;
        std::fs::write(root.join("collector.token"), token["token"].as_str().expect("a token")).expect("the collector's token");
        let ledger = Arc::new(Ledger::create(&root.join("ledger")));
        let nodes = (1..=NODES).map(|number| Host::build(root, &program, number, seed, rate, &ledger)).collect();
        (Self { root: root.to_path_buf(), server, data, nodes, ledger, began: Instant::now() }, api)
    }

    /// Since the beginning, s.
    pub(crate) fn age(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Starts again what has ended by itself.
    pub(crate) fn supervise(&mut self) {
        let age = self.age();
        let machines = std::iter::once(&mut self.server).chain(self.nodes.iter_mut().map(|host| &mut host.collector));
        for machine in machines {
            if machine.supervise() {
                println!("{age:>6.1} s  a process has ended by itself and is started again");
            }
        }
    }

    /// Nobody prints any more; what the writers did.
    pub(crate) fn silence(&mut self) -> Counts {
        self.nodes.iter().for_each(|host| host.shared.over.store(true, Ordering::Relaxed));
        let mut counts = Counts::new();
        for host in &mut self.nodes {
            let told = host.writer.take().expect("a writer").join().expect("the writer ends");
            told.into_iter().for_each(|(what, count)| *counts.entry(what).or_default() += count);
        }
        counts
    }
}

/// The binary under test.
const MARTLOG: &str = env!("CARGO_BIN_EXE_martlog");

impl Host {
    fn build(root: &Path, program: &Path, number: usize, seed: u64, rate: u32, ledger: &Arc<Ledger>) -> Self {
        let name = net::node(number);
        let at = root.join(&name);
        let (pods, state_dir, clock) = (at.join("pods"), at.join("state"), at.join("clock"));
        for dir in [&pods, &state_dir] {
            std::fs::create_dir_all(dir).expect("a node's folder");
        }
        let shared = Arc::new(Node::new(number, pods.clone(), clock.clone()));
        let state = SmallDisk::mount(&state_dir, STATE_MIB);
        let own_state = state_dir.clone();
        let (token, library, binary) = (root.join("collector.token"), clock_library(), program.to_path_buf());
        let mut collector = Machine::new(&name.clone(), root.join(format!("{name}.log")), move || {
            let mut command = net::within(&name, &binary);
            command.args(["collect", "--log-format", "json", "--cluster", "chaos", "--node", &name]);
            command.args(["--server", &format!("http://{}", net::server_address(number))]);
            command.arg("--root").arg(&pods).arg("--state").arg(&own_state).arg("--token-file").arg(&token);
            // Durations are measured by another clock than the one that is stepped, as in a kernel.
            command.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_CACHE_DURATION", "1");
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
            command
        });
        collector.start();
        let (orders, received) = channel();
        let writer = Writer::new(Arc::clone(&shared), Arc::clone(ledger), received, seed, rate / u32::try_from(NODES).expect("few"));
        let writer = Some(std::thread::spawn(move || writer.run()));
        Self { shared, collector, state, state_dir, orders, writer }
    }
}

fn clock_library() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path().join(CLOCK_LIBRARY));
    found.into_iter().find(|path| path.exists()).expect("libfaketime: `tests/run chaos` installs it")
}

/// Waits for the server, and tells it whose the namespaces are.
async fn introduce(root: &Path) -> Api {
    let began = Instant::now();
    let address = net::server_address(0);
    let token = loop {
        let token = std::fs::read_to_string(root.join("data/staff.token"));
        if let Ok(token) = token
            && std::net::TcpStream::connect(&address).is_ok()
        {
            break token.trim().to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "the server is not there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let api = Api::new(&format!("http://{address}"), &token);
    api.create("partners", json!({"id": "acme"})).await;
    api.create("modules", json!({"id": "app", "partner": "acme"})).await;
    for number in 0..NAMESPACES {
        let instance = format!("app-{number}");
        let body = json!({"id": instance, "module": "app", "csp": "434", "selector": {"namespace": format!("ns-{number}")}});
        api.create("instances", body).await;
    }
    api
}
