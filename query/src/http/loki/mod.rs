//! Loki's API for readers, as Grafana's data source and `logcli` ask it. <https://grafana.com/docs/loki/latest/reference/loki-http-api/>
//!
//! ```text
//! ask       who asks (a token as Bearer, or as the password of Basic), and with which parameters
//! lines     log queries: streams of lines;  entry: what a line is there
//! metric    figures over time: which series;  windows, pieces: of the lines of each range;  series: what is computed of series
//! labels    names, values and series;  volume: how much there is;  detected: fields and patterns of the newest lines
//! tail      lines as they arrive, over a WebSocket
//! answer    the forms of answers
//! ```
//!
//! A query in Loki's language becomes one of the own language ([`crate::logql`]) and is planned, bounded, counted and recorded as such. Invariants: nothing is asked of the store but with the scope of the
//! token; `X-Scope-OrgID` means nothing, and neither does a browser's cookie; how complete an answer is, and which bound it met, stands in its `warnings`.
//!
//! These routes are described by Loki's authors and not in the API's document, and their errors are texts.

mod answer;
mod ask;
mod detected;
mod entry;
mod labels;
mod lines;
mod metric;
mod pieces;
mod series;
mod tail;
mod volume;
mod windows;

use super::App;
use crate::logql::{Expr, LogQlError, parse};
use answer::success;
use ask::Ask;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::stats::Door;
use serde_json::json;

/// Why there is no answer, told as a text.
#[derive(Debug)]
pub(super) struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<LogQlError> for Refusal {
    fn from(error: LogQlError) -> Self {
        Self(Problem::new(400, "logql", "The query cannot be answered as it is", error.to_string()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let hint = problem.more.get("hint").and_then(|hint| hint.as_str()).map(|hint| format!(": {hint}")).unwrap_or_default();
        problem.as_text(format!("{}{hint}\n", problem.detail))
    }
}

type Answered = Result<Response, Refusal>;

/// A request that Loki would refuse, too.
fn bad(detail: impl Into<String>) -> Refusal {
    Refusal(Problem::new(400, "bad_request", "The request cannot be answered", detail))
}

/// The routes.
pub(super) fn routes(app: &App) -> Router<App> {
    Router::new()
        .route("/loki/api/v1/query", get(query).post(query))
        .route("/loki/api/v1/query_range", get(query_range).post(query_range))
        .route("/loki/api/v1/labels", get(labels::names).post(labels::names))
        .route("/loki/api/v1/label", get(labels::names).post(labels::names))
        .route("/loki/api/v1/label/{name}/values", get(labels::values).post(labels::values))
        .route("/loki/api/v1/series", get(labels::series).post(labels::series))
        .route("/loki/api/v1/detected_labels", get(labels::detected).post(labels::detected))
        .route("/loki/api/v1/detected_fields", get(detected::fields).post(detected::fields))
        .route("/loki/api/v1/detected_field/{name}/values", get(detected::values).post(detected::values))
        .route("/loki/api/v1/patterns", get(detected::patterns).post(detected::patterns))
        .route("/loki/api/v1/index/stats", get(volume::stats).post(volume::stats))
        .route("/loki/api/v1/index/volume", get(volume::volume).post(volume::volume))
        .route("/loki/api/v1/index/volume_range", get(volume::volume_range).post(volume::volume_range))
        .route("/loki/api/v1/tail", get(tail::tail))
        .route("/loki/api/v1/format_query", get(format_query).post(format_query))
        .route("/loki/api/v1/status/buildinfo", get(build_info))
        .route("/loki/api/v1/drilldown-limits", get(limits))
        .route_layer(from_fn_with_state(app.clone(), counted))
        .route("/ready", get(async || "ready\n"))
}

/// Counts how requests are answered; a closed door answers none.
async fn counted(State(app): State<App>, request: Request, next: Next) -> Response {
    let response = if app.limits.loki { next.run(request).await } else { Refusal(closed()).into_response() };
    app.indexer.answered_at(Door::LokiRead, response.status().as_u16());
    response
}

fn closed() -> Problem {
    Problem::new(404, "door_closed", "This door is closed", "this server does not answer as Loki does: its operator has turned that off")
}

/// `query`: figures of one moment.
async fn query(ask: Ask) -> Answered {
    match parse(ask.query()?)? {
        Expr::Metric(of) => metric::instant(&ask, &of).await,
        Expr::Log(_) => Err(bad("log queries are not supported as an instant query type, please change your query to a range query type")),
    }
}

/// `query_range`: lines, or figures over time.
async fn query_range(ask: Ask) -> Answered {
    match parse(ask.query()?)? {
        Expr::Log(of) => lines::lines(&ask, &of).await,
        Expr::Metric(of) => metric::over_time(&ask, &of).await,
    }
}

/// `format_query`: the query as it is read.
async fn format_query(ask: Ask) -> Answered {
    success(&json!({"status": "success", "data": parse(ask.query()?)?.to_string()}))
}

/// `status/buildinfo`: from the version on, Grafana asks for what that version of Loki has.
async fn build_info() -> Answered {
    let version = env!("CARGO_PKG_VERSION");
    success(
        &json!({"version": "3.5.0", "revision": format!("martlog-{version}"), "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}),
    )
}

/// `drilldown-limits`: what Grafana's Logs Drilldown may ask.
async fn limits() -> Answered {
    let limits = json!({"volume_enabled": true, "discover_log_levels": true, "discover_service_name": ["service_name"], "max_entries_limit_per_query": ask::LIMIT_MAX, "retention_period": "0s"});
    success(
        &json!({"limits": limits, "pattern_ingester_enabled": true, "version": "3.5.0", "maxDetectedFields": 1_000, "maxDetectedValues": 1_000, "maxLabelValues": 1_000, "maxLabels": 30}),
    )
}

/// A place among the running searches.
fn search_place(ask: &Ask) -> Result<super::Place, Refusal> {
    Ok(ask.app.search_place(&ask.scope)?)
}
