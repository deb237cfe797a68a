//! A server in this process, on a free port, with a filled registry.

use super::generator::Fleet;
use axum::serve::ListenerExt as _;
use martlog_indexer::{Indexer, Options};
use serde_json::{Value, json};
use std::error::Error;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// The cluster of the benchmark's collector.
pub(crate) const CLUSTER: &str = "bench";

pub(crate) struct Server {
    pub(crate) url: String,
    indexer: Indexer,
    staff: String,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Connections in clear.
pub(crate) fn client() -> Result<reqwest::Client, Box<dyn Error>> {
    let nobody = martlog_collector::tls::Trust::of("http:", &martlog_collector::tls::Options::default())?;
    Ok(reqwest::Client::builder().no_proxy().tls_backend_preconfigured((*nobody.config()).clone()).build()?)
}

pub(crate) struct Tokens {
    pub(crate) staff: String,
    pub(crate) collector: String,
}

impl Server {
    pub(crate) async fn start(data: &Path) -> Result<Self, Box<dyn Error>> {
        let indexer = Indexer::open(data, Options::default()).await?;
        let staff = indexer.registry().bootstrap_staff_token().await?.ok_or("the catalog is not new")?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        // As `martlog serve` does; without it an answer's last piece waits 40 ms for the client's acknowledgement.
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap_or_default());
        let app = martlog_indexer::doors::router(indexer.clone()).merge(martlog_query::http::router(indexer.clone()));
        let stop = CancellationToken::new();
        let serving = tokio::spawn(std::future::IntoFuture::into_future(
            axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned()),
        ));
        Ok(Self { url, indexer, staff, stop, serving })
    }

    /// Registers everybody, as staff would.
    pub(crate) async fn register(&self, fleet: &Fleet) -> Result<Tokens, Box<dyn Error>> {
        for partner in fleet.partners() {
            self.post("partners", json!({"id": partner})).await?;
        }
        for (module, partner) in fleet.modules() {
            self.post("modules", json!({"id": module, "partner": partner})).await?;
        }
        for instance in &fleet.instances {
            let body = json!({"id": instance.id, "module": instance.module, "csp": instance.csp, "selector": {"namespace": instance.id}});
            self.post("instances", body).await?;
        }
        let answer = self.post("tokens", json!({"kind": "collector", "cluster": CLUSTER})).await?;
        let collector = answer["token"].as_str().ok_or("the answer holds no token")?.to_owned();
        Ok(Tokens { staff: self.staff.clone(), collector })
    }

    /// Everything that is live becomes splits.
    pub(crate) async fn publish(&self) -> Result<(), Box<dyn Error>> {
        // On the server's own threads, as above.
        let indexer = self.indexer.clone();
        Ok(tokio::spawn(async move { indexer.flush().await }).await??)
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let _ = self.serving.await;
        self.indexer.close().await;
    }

    async fn post(&self, collection: &str, body: Value) -> Result<Value, Box<dyn Error>> {
        let client = client()?;
        let answer = client.post(format!("{}/api/v1/{collection}", self.url)).bearer_auth(&self.staff).json(&body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            return Err(format!("POST {collection} {body}: {status} {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }
}
