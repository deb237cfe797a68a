//! `martlog collect`: the node agent until it is stopped, or until it has shipped what is there.

use crate::outcome::{Failure, Outcome};
use crate::signals;
use martlog_collector::Config;
use tokio_util::sync::CancellationToken;

/// Runs the collector.
pub(crate) async fn run(config: Config) -> Result<Outcome, Failure> {
    martlog_collector::prepare_process();
    let stop = CancellationToken::new();
    let work = async { martlog_collector::run(config, stop.clone()).await.map_err(|error| Failure::Server(error.to_string())) };
    let report = signals::until_stopped(&stop, work).await?;
    let martlog_collector::Report { files, records, bytes, gaps } = report;
    tracing::info!(files, records, bytes, gaps, "the collector has stopped");
    Ok(Outcome::Fine)
}
