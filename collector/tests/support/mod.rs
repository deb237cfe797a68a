//! The harness: a fake node, a fake server, and a collector between them.

pub(crate) mod kubelet;
pub(crate) mod kubernetes;
pub(crate) mod pods;
pub(crate) mod protocol;
pub(crate) mod server;

use martlog_collector::kubernetes::Kubernetes;
use martlog_collector::{CollectError, Config, RateLimit, Report};
use pods::Pods;
use server::Server;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A node, a server, and where the collector keeps its state.
pub(crate) struct World {
    pub(crate) pods: Pods,
    pub(crate) server: Server,
    pub(crate) state: tempfile::TempDir,
    pub(crate) pod_labels: Option<PathBuf>,
    pub(crate) kubernetes: Option<Kubernetes>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) spool_bytes: u64,
}

/// A collector that runs.
pub(crate) struct Running {
    pub(crate) stop: CancellationToken,
    task: JoinHandle<Result<Report, CollectError>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self {
            pods: Pods::new(),
            server: Server::start().await,
            state: tempfile::tempdir().unwrap(),
            pod_labels: None,
            kubernetes: None,
            rate_limit: None,
            spool_bytes: 1 << 20,
        }
    }

    pub(crate) fn config(&self, once: bool) -> Config {
        Config {
            root: self.pods.root().to_owned(),
            server: self.server.url.clone(),
            tls: martlog_collector::tls::Options::default(),
            token: martlog_collector::token::Token::given("mart_collector_secret"),
            state: self.state.path().to_owned(),
            cluster: "eu-1".to_owned(),
            node: "node-1".to_owned(),
            pod_labels: self.pod_labels.clone(),
            kubernetes: self.kubernetes.clone(),
            pulse: martlog_collector::pulse::Pulse::default(),
            spool_bytes: self.spool_bytes,
            rate_limit: self.rate_limit,
            policy_interval: Duration::from_millis(50),
            once,
        }
    }

    /// Runs with `once`, to the end.
    pub(crate) async fn collect_once(&self) -> Report {
        let run = martlog_collector::run(self.config(true), CancellationToken::new());
        tokio::time::timeout(Duration::from_secs(60), run).await.expect("the collector ends").unwrap()
    }

    pub(crate) fn start(&self) -> Running {
        let stop = CancellationToken::new();
        let task = tokio::spawn(martlog_collector::run(self.config(false), stop.clone()));
        Running { stop, task }
    }

    /// Waits until the server has so many records.
    pub(crate) async fn until_records(&self, count: usize) {
        self.until(&format!("{count} records"), |inner| inner.log.rows.len() >= count).await;
    }

    pub(crate) async fn until(&self, what: &str, mut done: impl FnMut(&mut server::Inner) -> bool) {
        let began = Instant::now();
        while !self.server.with(&mut done) {
            let rows = self.server.with(|inner| inner.log.rows.len());
            assert!(began.elapsed() < Duration::from_secs(30), "waited in vain for {what}; there are {rows} records");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Every line that was printed is there: whole, once, in order per substream; and nothing else.
    pub(crate) fn check_ledger(&self) {
        self.server.with(|inner| {
            let mut total = 0;
            for ((uid, restart, substream), printed) in &self.pods.ledger {
                let stored = inner.log.messages(uid, *restart, *substream);
                let differs = stored.iter().zip(printed).position(|(stored, printed)| stored != printed);
                if let Some(at) = differs {
                    let shown = |text: &str| text.chars().take(60).collect::<String>();
                    panic!("{uid} {restart} {substream:?}: record {at} is {:?}, printed {:?}", shown(&stored[at]), shown(&printed[at]));
                }
                assert_eq!(stored.len(), printed.len(), "{uid} {restart} {substream:?}");
                total += printed.len();
            }
            assert_eq!(inner.log.rows.len(), total, "there are records that nobody printed");
        });
    }
}

impl Running {
    /// Stops it in order.
    pub(crate) async fn stop(self) -> Report {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.task).await.expect("the collector stops").unwrap().unwrap()
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
