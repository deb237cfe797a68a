//! `/livez`, `/readyz` and `/metrics` on an address of their own: they answer while the store is still replaying, and they are
//! not for readers of logs.

use super::limit::{Limited, PROBES_MAX};
use super::metrics::Metrics;
use super::tls::{Certificate, Door};
use super::{bind, scheme};
use crate::outcome::Failure;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use martlog_indexer::Indexer;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Where the server is in its life.
#[derive(Clone)]
enum Phase {
    /// The store replays.
    Opening,
    /// Requests are answered.
    Ready(Indexer),
    /// No new ones are.
    Closing,
}

/// The probes, running.
pub(crate) struct Probes {
    /// Where they are.
    pub(crate) url: String,
    phase: watch::Sender<Phase>,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

#[derive(Clone)]
struct Seen {
    phase: watch::Receiver<Phase>,
    metrics: Arc<Metrics>,
}

impl Probes {
    /// Binds and answers: alive, not ready. With the certificate where there is one and other machines reach the address.
    pub(crate) async fn start(wanted: SocketAddr, certificate: Option<&Certificate>, metrics: Arc<Metrics>) -> Result<Self, Failure> {
        let (listener, address) = bind::bind(wanted, "--probes").await?;
        let (sender, phase) = watch::channel(Phase::Opening);
        let stop = CancellationToken::new();
        let app = Router::new()
            .route("/livez", get(async || "alive\n"))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics_text))
            .with_state(Seen { phase, metrics });
        let certificate = certificate.filter(|_| !address.ip().is_loopback()).cloned();
        let scheme = scheme(certificate.is_some());
        let listener = Door::new(Limited::new(listener, PROBES_MAX), certificate);
        let serving = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
        let task = tokio::spawn(std::future::IntoFuture::into_future(serving));
        Ok(Self { url: format!("{scheme}://{address}"), phase: sender, stop, task })
    }

    /// The store is open.
    pub(crate) fn ready(&self, indexer: Indexer) {
        self.phase.send_replace(Phase::Ready(indexer));
    }

    /// No new requests, please.
    pub(crate) fn closing(&self) {
        self.phase.send_replace(Phase::Closing);
    }

    /// Ends them; a scraper in the middle is not waited for.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.abort();
        if let Ok(Err(error)) = self.task.await {
            tracing::warn!(%error, "the probes had ended");
        }
    }
}

async fn readyz(State(seen): State<Seen>) -> Response {
    match &*seen.phase.borrow() {
        Phase::Ready(indexer) => match indexer.stats().failure {
            // Reading goes on, so it stays ready.
            None => match indexer.room() {
                room if room.low => format!("ready; {}\n", room.reason()).into_response(),
                _ => "ready\n".into_response(),
            },
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("the store takes nothing more: {why}\n")).into_response(),
        },
        Phase::Opening => (StatusCode::SERVICE_UNAVAILABLE, "the store is being opened\n").into_response(),
        Phase::Closing => (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n").into_response(),
    }
}

async fn metrics_text(State(seen): State<Seen>) -> Response {
    let store = match &*seen.phase.borrow() {
        Phase::Ready(indexer) => Some(indexer.stats()),
        Phase::Opening | Phase::Closing => None,
    };
    match seen.metrics.text(store) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics cannot be written: {error}\n")).into_response(),
    }
}
