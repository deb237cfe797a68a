//! What is counted about requests, for `/metrics`.
//!
//! Invariant: labels are route templates, never what a client wrote, so their number is bounded.

use super::store_metrics::StoreMetrics;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::time::Instant;

/// Seconds: from a warm search to the longest that a query may run.
const SECONDS: [f64; 10] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

/// The counters, and the registry that writes them as text.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    first_byte: Family<RouteLabels, Histogram>,
    open: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

impl Metrics {
    /// Everything at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("martlog");
        let requests = Family::default();
        let first_byte = Family::<RouteLabels, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        let open = Gauge::default();
        let build = Family::<[(&'static str, &'static str); 1], Gauge>::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        registry.register("build_info", "Always 1; the version is in the label", build);
        registry.register("http_requests", "Answered requests", requests.clone());
        registry.register_with_unit("http_first_byte", "From the request to the head of the answer", Unit::Seconds, first_byte.clone());
        registry.register("http_requests_open", "Requests whose answer has not begun", open.clone());
        Self { registry, requests, first_byte, open }
    }

    /// All of it, and the store's numbers where it is open, in the OpenMetrics text form.
    pub(crate) fn text(&self, store: Option<martlog_indexer::stats::Stats>) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        if let Some(stats) = store {
            let mut registry = Registry::with_prefix("martlog");
            registry.register_collector(Box::new(StoreMetrics(stats)));
            encode_registry(&mut text, &registry)?;
        }
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// Counts one request.
pub(crate) async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let method = match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    };
    let open = OpenRequest::new(&metrics.open);
    let response = next.run(request).await;
    drop(open);
    metrics.first_byte.get_or_create(&RouteLabels { route: route.clone() }).observe(begun.elapsed().as_secs_f64());
    metrics.requests.get_or_create(&RequestLabels { method, route, status: response.status().as_u16() }).inc();
    response
}

/// One on the gauge while it lives: a client that leaves drops the request in the middle.
struct OpenRequest(Gauge);

impl OpenRequest {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;

    #[tokio::test]
    async fn a_request_is_counted_under_its_route() {
        let metrics = Arc::new(Metrics::new());
        let app = Router::new().route("/things/{id}", get(async || "yes"));
        let app = app.layer(axum::middleware::from_fn_with_state(Arc::clone(&metrics), count));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/things/7", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let answer = crate::client::api::plain().get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        server.abort();
        let text = metrics.text(None).unwrap();
        assert!(text.contains("martlog_http_requests_total{method=\"GET\",route=\"/things/{id}\",status=\"200\"} 1"), "{text}");
        assert!(text.contains("martlog_http_requests_open 0"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
