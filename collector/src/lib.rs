//! The node agent: follows container log files and ships their records exactly once.
//!
//! # The way of a line
//!
//! ```text
//! discover ─ which files are there ─ survey, watch: kept up to date ─ inbox ─┐
//! chain ──── a stream's files, oldest first ─ source, reader: bounded reads of physical lines
//! follow ─── cri: a line taken apart ─ assemble: pieces and lines to records ─ emit: formats::parse, as policies say
//! parts ──── records to parts, from the server's mark on ─ batch: encoded, compressed
//! ship ───── client: sent until answered ─ parts: the answer moves the marks, or the stream goes back to them
//! lane ───── some streams, one batch in flight;   agent: all of it;   board, heartbeat, checkpoint: how far it is
//! ```
//!
//! # Invariants
//!
//! * The server's high-water mark per (file, substream) is the truth. It is asked for when a file is found; only an answer moves it. The position file is a cache.
//! * Nothing is remembered that could be read again: what is not acknowledged, for whatever reason, is read again from the mark. So memory does not grow with an outage.
//! * A file is what its stream and first line say (`identity`), under whatever name, compressed or not. Names, inodes and sizes are hints.
//! * Bytes are never passed over in silence: a physical line that is no CRI line is a record as it stands, and bytes that cannot be a record or cannot be read any
//!   more are a gap with a reason.
//! * No line's content and no token is in the collector's own log.
//! * A look at a folder is the truth; what the kernel tells (`watch`) only says where to look first.
//! * Policies are the server's. A line is read with the one that holds when it is read; the first stored form stays.
//! * Labels are waited for, but not for ever; the Kubernetes API is never needed to go on.
//! * The files are the buffer. Only what vanished from the node before the server had it is copied, into a spool with a bound.
//!
//! # What an end is
//!
//! A physical line ends with its newline; runtimes write whole lines, so bytes behind the last newline are left alone until the file is left for its
//! successor or the container has ended (a later life of it exists, or its files are gone), and are then a record marked `incomplete`. A `P` piece whose
//! `F` never comes is `incomplete` when the container has ended, and with `once` at the end of the files, whether it has ended or not. On a stop, what is complete
//! is sent; a text line that still waits for its continuation is read again at the next start.

mod agent;
mod assemble;
mod batch;
mod board;
mod chain;
mod checkpoint;
mod client;
mod clock;
#[cfg(test)]
mod crash_tests;
mod cri;
mod discover;
mod emit;
mod explain;
mod follow;
pub mod fresh;
mod heartbeat;
mod identity;
mod inbox;
pub mod kubernetes;
mod labels;
mod lane;
mod limits;
mod neighbour;
mod parts;
mod policies;
pub mod pulse;
mod quota;
mod reader;
mod ship;
mod source;
mod spool;
mod survey;
#[cfg(test)]
mod test_support;
pub mod tls;
pub mod token;
mod watch;

pub use explain::{Explainer, Explanation};
pub use neighbour::prepare_process;
pub use quota::RateLimit;

use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the server is asked whether policies have changed; most answers are that they have not.
pub const POLICY_INTERVAL: Duration = Duration::from_secs(30);

/// What the collector is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of pods: `/var/log/pods`.
    pub root: PathBuf,
    /// The server, `https://logs.example:8434`.
    pub server: String,
    /// Whose certificate it must have.
    pub tls: tls::Options,
    /// The collector token.
    pub token: token::Token,
    /// The folder of the position file.
    pub state: PathBuf,
    /// The cluster that the token is bound to.
    pub cluster: String,
    /// This node.
    pub node: String,
    /// Pod labels by pod UID, `{"<uid>": {"key": "value"}}`, re-read when it changes; for nodes without a Kubernetes API.
    pub pod_labels: Option<PathBuf>,
    /// The Kubernetes API that tells the pods' labels and owners, instead of a file.
    pub kubernetes: Option<kubernetes::Kubernetes>,
    /// What copies of files may take that vanished before the server had them, bytes; 0 keeps none.
    pub spool_bytes: u64,
    /// What each stream (a container's life) may print; what is over it is named as gaps (`over_quota`), with a line a second as a sample. `None`: all.
    /// The policy of an instance goes before it.
    pub rate_limit: Option<RateLimit>,
    /// How often the server is asked for policies, a fifth more or less: [`POLICY_INTERVAL`].
    pub policy_interval: Duration,
    /// Where it tells how it is.
    pub pulse: pulse::Pulse,
    /// Read what is there, wait for the acknowledgements, return.
    pub once: bool,
}

/// Why the collector stopped.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The text says what happened and what to do.
    #[error("{0}")]
    Setup(String),
    /// A part of the collector failed in a way that it must not; everything acknowledged is safe, and a restart goes on from there.
    #[error("a task of the collector failed ({0}); start it again: it goes on where the server's positions are")]
    Task(String),
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
    /// Lines left out because they were below the level of their instance's policy.
    pub below_level: u64,
}

/// Runs until `stop` is cancelled (or, with `once`, until everything that is there is acknowledged), then stops in order.
///
/// # Errors
/// When it cannot start: the root or the state folder cannot be used, or the server refuses the token.
pub async fn run(config: Config, stop: CancellationToken) -> Result<Report, CollectError> {
    agent::run(config, stop).await
}
