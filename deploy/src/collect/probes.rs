//! The collector's `/livez`, `/readyz` and `/metrics`: what a kubelet and a scraper ask. They tell counts and times, no line and no name, so they need no TLS.

use crate::outcome::Failure;
use crate::serve::bind::bind;
use crate::serve::limit::{Limited, PROBES_MAX};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use martlog_collector::pulse::{Pulse, Vitals};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;

/// The folder of pods is looked at every few hundred milliseconds; a look takes seconds where there are very many pods.
const SURVEY_MAX: Duration = Duration::from_secs(120);
/// The server is told every two seconds how far the collector is; a request may take thirty.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// The probes, running until they are dropped.
pub(super) struct Probes {
    /// Where they are.
    pub(super) address: SocketAddr,
    task: JoinHandle<std::io::Result<()>>,
}

impl Probes {
    /// Binds and answers.
    pub(super) async fn start(wanted: SocketAddr, pulse: Pulse) -> Result<Self, Failure> {
        let (listener, address) = bind(wanted, "--probes").await?;
        let app = Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).route("/metrics", get(metrics)).with_state(pulse);
        let serving = axum::serve(Limited::new(listener, PROBES_MAX), app);
        Ok(Self { address, task: tokio::spawn(std::future::IntoFuture::into_future(serving)) })
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn livez(State(pulse): State<Pulse>) -> Response {
    answer(alive(&pulse.vitals()))
}

async fn readyz(State(pulse): State<Pulse>) -> Response {
    answer(ready(&pulse.vitals()))
}

async fn metrics(State(pulse): State<Pulse>) -> Response {
    match text(&pulse.vitals()) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics cannot be written: {error}\n")).into_response(),
    }
}

fn answer(state: Result<&'static str, String>) -> Response {
    match state {
        Ok(word) => format!("{word}\n").into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// A restart helps only when it hangs: a server that is away is no reason for one.
fn alive(vitals: &Vitals) -> Result<&'static str, String> {
    if vitals.since_survey <= SURVEY_MAX {
        return Ok("alive");
    }
    Err(format!("the folder of pods was not looked at for {} s", vitals.since_survey.as_secs()))
}

fn ready(vitals: &Vitals) -> Result<&'static str, String> {
    match vitals.since_answer {
        Some(since) if since <= ANSWER_MAX => Ok("ready"),
        Some(since) => Err(format!("the server has not answered for {} s; the collector's log says why", since.as_secs())),
        None => Err("the server has not answered yet; the collector's log says why".to_owned()),
    }
}

fn text(vitals: &Vitals) -> Result<String, std::fmt::Error> {
    let martlog_collector::Report { files, records, bytes, gaps, below_level } = vitals.report;
    let mut registry = Registry::with_prefix("martlog_collector");
    registry.register("files", "Files seen", ConstCounter::new(files));
    registry.register("records", "Records that the server has acknowledged", ConstCounter::new(records));
    registry.register("bytes", "Bytes of files that the server has acknowledged", ConstCounter::new(bytes));
    registry.register("gaps", "Holes that were named", ConstCounter::new(gaps));
    registry.register("below_level", "Lines left out below the level of their instance's policy", ConstCounter::new(below_level));
    let martlog_collector::pulse::Backlog { files, bytes, oldest, spool_bytes } = vitals.backlog;
    registry.register("backlog_files", "Files of which the server does not have everything", ConstGauge::new(files));
    registry.register("backlog_bytes", "What it does not have of them", ConstGauge::new(bytes));
    registry.register("backlog_age_seconds", "How old the oldest line that waits is", ConstGauge::new(oldest.as_secs_f64()));
    registry.register("spool_bytes", "Copies of files that vanished before the server had them", ConstGauge::new(spool_bytes));
    if let Some(since) = vitals.since_answer {
        registry.register("answer_age_seconds", "Since the server last answered", ConstGauge::new(since.as_secs_f64()));
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use martlog_collector::Report;
    use martlog_collector::pulse::Backlog;

    fn vitals(since_survey: u64, since_answer: Option<u64>) -> Vitals {
        Vitals {
            since_survey: Duration::from_secs(since_survey),
            since_answer: since_answer.map(Duration::from_secs),
            report: Report { files: 1, records: 20, bytes: 300, gaps: 0, below_level: 4 },
            backlog: Backlog { files: 2, bytes: 700, oldest: Duration::from_millis(1_500), spool_bytes: 90 },
        }
    }

    #[test]
    fn a_server_that_is_away_makes_it_not_ready_and_a_hang_makes_it_dead() {
        assert!(alive(&vitals(1, None)).is_ok() && ready(&vitals(1, None)).is_err());
        assert!(ready(&vitals(1, Some(3))).is_ok());
        assert!(alive(&vitals(1, Some(3600))).is_ok() && ready(&vitals(1, Some(3600))).unwrap_err().contains("3600 s"));
        assert!(alive(&vitals(600, Some(1))).unwrap_err().contains("600 s"));
    }

    #[tokio::test]
    async fn they_answer_over_http_and_count() {
        let probes = Probes::start(SocketAddr::from(([127, 0, 0, 1], 0)), Pulse::default()).await.unwrap();
        let get = async |path: &str| {
            let answer = crate::client::api::plain().get(format!("http://{}/{path}", probes.address)).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        assert_eq!(get("livez").await, (200, "alive\n".to_owned()));
        assert_eq!(get("readyz").await.0, 503);
        assert!(get("metrics").await.1.ends_with("# EOF\n"));
        let text = text(&vitals(1, Some(2))).unwrap();
        assert!(
            text.contains("martlog_collector_records_total 20\n")
                && text.contains("martlog_collector_below_level_total 4\n")
                && text.contains("martlog_collector_answer_age_seconds 2.0\n")
                && text.contains("martlog_collector_backlog_bytes 700\n")
                && text.contains("martlog_collector_backlog_age_seconds 1.5\n")
                && text.contains("martlog_collector_spool_bytes 90\n"),
            "{text}"
        );
    }
}
