//! The node agent: follows container log files and ships their records exactly once.

use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// What the collector is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of pods: `/var/log/pods`.
    pub root: PathBuf,
    /// The server, `http://127.0.0.1:8434`.
    pub server: String,
    /// The collector token (not its file: the caller reads it).
    pub token: String,
    /// The folder of the position file.
    pub state: PathBuf,
    /// The cluster that the token is bound to.
    pub cluster: String,
    /// This node.
    pub node: String,
    /// Pod labels by pod UID, `{"<uid>": {"key": "value"}}`, re-read when it changes; for nodes without a Kubernetes API.
    pub pod_labels: Option<PathBuf>,
    /// Read what is there, wait for the acknowledgements, return.
    pub once: bool,
}

/// Why the collector stopped.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The text says what happened and what to do.
    #[error("{0}")]
    Setup(String),
}

/// What it did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files seen.
    pub files: u64,
    /// Records acknowledged.
    pub records: u64,
    /// Bytes of the files acknowledged.
    pub bytes: u64,
    /// Gaps named.
    pub gaps: u64,
}

/// Runs until `stop` is cancelled (or, with `once`, until everything that is there is acknowledged), then stops in order.
///
/// # Errors
/// When it cannot start: the root or the state folder cannot be used, or the server refuses the token.
pub async fn run(_config: Config, _stop: CancellationToken) -> Result<Report, CollectError> {
    unimplemented!()
}
