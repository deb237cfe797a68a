//! `martlog collect`: the node agent until it is stopped, or until it has shipped what is there; with `--explain`, what it would do with one file.

mod probes;

use crate::outcome::{Failure, Outcome};
use crate::signals;
use martlog_collector::{Config, Explainer, Explanation};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// What the command is told.
#[derive(Debug)]
pub(crate) struct Options {
    /// The collector's own.
    pub(crate) config: Config,
    /// Probes and metrics; `None` is off.
    pub(crate) probes: Option<SocketAddr>,
}

/// Runs the collector.
pub(crate) async fn run(options: Options) -> Result<Outcome, Failure> {
    martlog_collector::prepare_process();
    let Options { config, probes } = options;
    let _probes = match probes {
        Some(wanted) => {
            let probes = probes::Probes::start(wanted, config.pulse.clone()).await?;
            tracing::info!(address = %probes.address, "probes and metrics are served");
            Some(probes)
        }
        None => None,
    };
    let stop = CancellationToken::new();
    let work = async { martlog_collector::run(config, stop.clone()).await.map_err(|error| Failure::Server(error.to_string())) };
    let report = signals::until_stopped(&stop, work).await?;
    let martlog_collector::Report { files, records, bytes, gaps, below_level } = report;
    tracing::info!(files, records, bytes, gaps, below_level, "the collector has stopped");
    Ok(Outcome::Fine)
}

/// Says what the collector would do with a file; a finding when it would not read it.
pub(crate) fn explain(explainer: &Explainer, path: &Path) -> Result<Outcome, Failure> {
    let Explanation { read, text } = explainer.explain(path);
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if read { Outcome::Fine } else { Outcome::Findings })
}
