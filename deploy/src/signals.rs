//! SIGINT and SIGTERM as one cancellation: both mean "stop in order".

use crate::outcome::Failure;
use std::future::Future;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Runs `work`; the first SIGINT or SIGTERM cancels `stop`, and `work` then ends by itself. A second one is for the impatient:
/// it ends the wait, and with it the process.
pub(crate) async fn until_stopped<T>(stop: &CancellationToken, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::Server(format!("cannot listen for signals: {error}")));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tokio::pin!(work);
    loop {
        tokio::select! {
            ended = &mut work => return ended,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.is_cancelled() {
            return Err(Failure::Server("stopped by a second signal, before everything was closed".to_owned()));
        }
        tracing::info!("stopping");
        stop.cancel();
    }
}
