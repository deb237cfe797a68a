//! `martlog serve`: store, API and page in one process on one data folder.
//!
//! Starting, in this order: bind both addresses (an occupied one is told before the store is touched), answer probes, open the
//! store (a long replay is alive and not ready), write `DIR/staff.token` once and `DIR/address`, serve. Stopping: accept nothing
//! more, end the tails, give the other requests [`DRAIN`], close the store. A store that can no longer write ends the process
//! at once: what was not acknowledged is sent again.

pub(crate) mod bind;
mod files;
pub(crate) mod limit;
mod metrics;
pub(crate) mod openid;
mod probes;
mod store_metrics;
pub(crate) mod syslog;
pub(crate) mod tls;

use crate::outcome::{Failure, Outcome};
use crate::signals;
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::serve::IncomingStream;
use futures_util::StreamExt as _;
use limit::{CONNECTIONS_MAX, Limited};
use martlog_indexer::Indexer;
use martlog_indexer::doors::asker::Remote;
use martlog_query::http::Limits;
use martlog_query::openid::OpenId;
use metrics::Metrics;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tls::{Certificate, Door};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long open requests may go on after the stop; shorter than the 30 s that Kubernetes waits before it kills.
const DRAIN: Duration = Duration::from_secs(10);

/// What the server is told.
#[derive(Debug)]
pub(crate) struct Options {
    /// The data folder.
    pub(crate) dir: PathBuf,
    /// API and page; port 0 takes any.
    pub(crate) listen: SocketAddr,
    /// Probes and metrics; `None` is off.
    pub(crate) probes: Option<SocketAddr>,
    /// For TLS on the API, and on the probes where other machines reach them; `None` is in clear.
    pub(crate) certificate: Option<Certificate>,
    /// The store's budgets.
    pub(crate) store: martlog_indexer::Options,
    /// What is said of the doors through which lines are pushed.
    pub(crate) doors: martlog_indexer::doors::Settings,
    /// Listeners for syslog.
    pub(crate) syslog: Vec<syslog::Listen>,
    /// A provider through which people sign in.
    pub(crate) openid: Option<OpenId>,
}

/// A server whose store is open and whose addresses are bound.
pub(crate) struct Server {
    indexer: Indexer,
    dir: PathBuf,
    listener: TcpListener,
    address: SocketAddr,
    certificate: Option<Certificate>,
    metrics: Arc<Metrics>,
    probes: Option<probes::Probes>,
    doors: martlog_indexer::doors::Settings,
    syslog: syslog::Listeners,
    openid: Option<OpenId>,
}

/// Runs the command.
pub(crate) async fn run(options: Options) -> Result<Outcome, Failure> {
    let stop = CancellationToken::new();
    let work = async {
        let server = Server::start(options).await?;
        // Whoever started us may not read: the address is in the folder as well.
        let mut stdout = std::io::stdout().lock();
        let _ = writeln!(stdout, "listening on {}", server.url()).and_then(|()| stdout.flush());
        drop(stdout);
        server.run(stop.clone()).await
    };
    signals::until_stopped(&stop, work).await?;
    Ok(Outcome::Fine)
}

impl Server {
    /// Binds, opens the store, writes the folder's files.
    pub(crate) async fn start(options: Options) -> Result<Self, Failure> {
        let Options { dir, listen, probes, certificate, store, doors, syslog, openid } = options;
        let (listener, address) = bind::bind(listen, "--listen").await?;
        let syslog = syslog::Listeners::bind(syslog).await?;
        let metrics = Arc::new(Metrics::new());
        let probes = match probes {
            Some(wanted) => Some(probes::Probes::start(wanted, certificate.as_ref(), Arc::clone(&metrics)).await?),
            None => None,
        };
        let indexer = Indexer::open(&dir, store).await.map_err(|error| Failure::Server(error.to_string()))?;
        files::staff_token(&dir, indexer.registry()).await?;
        let server = Self { indexer, dir, listener, address, certificate, metrics, probes, doors, syslog, openid };
        server.tell()?;
        tracing::info!(address = server.url(), dir = %server.dir.display(), "the store is open");
        Ok(server)
    }

    /// Writes where it is into the folder.
    fn tell(&self) -> Result<(), Failure> {
        let dir = &self.dir;
        if let Some(certificate) = &self.certificate {
            certificate.publish(dir)?;
        }
        files::write(dir, files::ADDRESS, format!("{}\n", self.url()).as_bytes(), files::Mode::Readable)?;
        if let Some(probes) = &self.probes {
            files::write(dir, files::PROBES_ADDRESS, format!("{}\n", probes.url).as_bytes(), files::Mode::Readable)?;
            probes.ready(self.indexer.clone());
        }
        Ok(())
    }

    /// Where the page and the API are.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", scheme(self.certificate.is_some()), self.address)
    }

    /// Serves until `stop`, then stops in order.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        let app = app(&self.indexer, self.doors, self.openid, &self.metrics, &stop);
        let mut syslog = self.syslog.start(&self.indexer, self.certificate.as_ref(), &stop);
        let certificate = self.certificate.clone();
        let listener = Door::new(Limited::new(self.listener, CONNECTIONS_MAX), certificate.clone());
        let app = app.into_make_service_with_connect_info::<Peer>();
        let serving = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
        let serving = std::future::IntoFuture::into_future(serving);
        tokio::pin!(serving);
        let failed = self.indexer.failed();
        let publishing = async {
            match &certificate {
                Some(certificate) => certificate.keep_published(&self.dir).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = &mut serving => ended.map_err(|error| Failure::Server(format!("cannot serve any more: {error}")))?,
            () = failed.cancelled() => return Err(store_failed(&self.indexer)),
            () = publishing => {}
            () = stop.cancelled() => {
                if let Some(probes) = &self.probes {
                    probes.closing();
                }
                let draining = async { tokio::join!(&mut serving, async { while syslog.join_next().await.is_some() {} }) };
                tokio::select! {
                    drained = tokio::time::timeout(DRAIN, draining) => if drained.is_err() {
                        tracing::warn!("some requests were still open after {} s and were cut", DRAIN.as_secs());
                    },
                    () = failed.cancelled() => return Err(store_failed(&self.indexer)),
                }
            }
        }
        self.indexer.close().await;
        files::remove(&self.dir, files::ADDRESS);
        files::remove(&self.dir, files::PROBES_ADDRESS);
        files::remove(&self.dir, files::CERTIFICATE);
        if let Some(probes) = self.probes {
            probes.stop().await;
        }
        tracing::info!("the store is closed");
        Ok(())
    }
}

/// The scheme of an address that speaks TLS or not.
fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

/// A failed sync is not tried again: what the disk holds is known only after a new start, by replay.
fn store_failed(indexer: &Indexer) -> Failure {
    let why = indexer.stats().failure.unwrap_or_else(|| "the write-ahead log failed".to_owned());
    Failure::Server(format!(
        "{why}; the server has stopped, since it could not keep what it takes. Nothing that was acknowledged is lost: \
         make room on the disk or replace it, then start again"
    ))
}

/// Every route, counted; streams of events end with `stop`, since they would never end by themselves.
fn app(
    indexer: &Indexer,
    doors: martlog_indexer::doors::Settings,
    openid: Option<OpenId>,
    metrics: &Arc<Metrics>,
    stop: &CancellationToken,
) -> Router {
    let limits = Limits { loki: doors.loki_read.on, ..Limits::default() };
    martlog_indexer::doors::router_with(indexer.clone(), doors)
        .merge(martlog_query::http::router_with(indexer.clone(), limits, openid))
        .layer(middleware::from_fn_with_state(indexer.clone(), martlog_indexer::doors::elastic_front))
        .layer(middleware::from_fn_with_state(stop.clone(), end_event_streams))
        .layer(middleware::from_fn_with_state(Arc::clone(metrics), metrics::count))
        .layer(middleware::from_fn(from_where))
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
struct Peer(SocketAddr);

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Says beside a request where it comes from, for the records of who asked what.
async fn from_where(ConnectInfo(peer): ConnectInfo<Peer>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Remote(peer.0.ip()));
    next.run(request).await
}

async fn end_event_streams(State(stop): State<CancellationToken>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let kind = response.headers().get(axum::http::header::CONTENT_TYPE).map(axum::http::HeaderValue::as_bytes);
    if !kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
        return response;
    }
    response.map(|body| axum::body::Body::from_stream(body.into_data_stream().take_until(stop.cancelled_owned())))
}
