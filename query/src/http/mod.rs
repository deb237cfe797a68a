//! The HTTP edge for readers: one file for each endpoint, and what they share.
//!
//! ```text
//! token or cookie ─► Scope ─► body (64 KiB) ─► a place among the running searches and the token's share of them, or 429 ─► plan ─► the store ─► answer, row by row
//! ```
//!
//! Invariants: every endpoint but the page asks for the scope first, and hands it to the store unread; nothing of an answer comes from beyond it. A query
//! stops when its reader goes away: the answer's stream owns the store's receiver, and dropping the one drops the other. Nothing runs detached.
//! Every body, query, search and answer has a bound: see [`Limits`].

mod audit;
mod body;
mod check;
mod complete;
mod context;
mod cursor;
mod docs;
mod errors;
mod excerpts;
mod export;
mod fields;
mod gaps;
mod histogram;
mod loki;
mod openapi;
mod openid;
mod operations;
mod page;
mod parse;
mod quota;
mod record;
mod row;
mod sample;
mod search;
mod stats;
mod suggest;
mod tail;
mod told;
mod usage;
mod values;
mod why;

use crate::lang::{Code, QueryError, Span};
use crate::openid::OpenId;
use crate::plan::{Plan, Setting, plan};
use crate::time::{BadTime, TimeRange, moment};
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::any;
use axum::{Router, handler};
use martlog_indexer::Indexer;
use martlog_indexer::doors::describe::Api;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::registry::Scope;
pub use quota::Quota;
use quota::{Kind, Quotas, Running};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use told::warnings;
use tower_http::compression::CompressionLayer;

/// The bounds of the reading side.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A request's body, bytes: a query of the greatest length with room around it.
    pub body_bytes_max: usize,
    /// Searches and histograms at once, waiting for the store's threads included; more are told to come back.
    pub searches_max: usize,
    /// Tails at once: each holds a connection for long.
    pub tails_max: usize,
    /// How long a search or histogram may take.
    pub deadline: Duration,
    /// How often a tail says where it is.
    pub status_every: Duration,
    /// What each token may take of that.
    pub quota: Quota,
    /// Whether questions in Loki's form are answered.
    pub loki: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 10,
            searches_max: 32,
            tails_max: 256,
            deadline: Duration::from_secs(30),
            status_every: Duration::from_secs(5),
            quota: Quota::default(),
            loki: true,
        }
    }
}

/// Search, tail, histogram, parse, the audit and the page.
pub fn router(indexer: Indexer) -> Router {
    router_with(indexer, Limits::default(), None)
}

/// The same with other bounds, and with a provider through which people may sign in.
pub fn router_with(indexer: Indexer, limits: Limits, openid: Option<OpenId>) -> Router {
    let app = App {
        indexer,
        searches: Arc::new(Semaphore::new(limits.searches_max)),
        tails: Arc::new(Semaphore::new(limits.tails_max)),
        quotas: Arc::new(Quotas::new(limits.quota)),
        exports: export::Exports::default(),
        limits: Arc::new(limits),
        openid,
    };
    let loki = loki::routes(&app).with_state(app.clone());
    let api = api().router.method_not_allowed_fallback(errors::method_not_allowed).with_state(app);
    api.route("/api/{*path}", any(errors::no_such_endpoint)).merge(loki).merge(docs::router()).merge(page::router())
}

/// Each endpoint with what is said of it.
fn api() -> Api<App> {
    Api::default()
        .at(operations::search(), search::search)
        .at(operations::tail(), tail::tail)
        .at(operations::histogram(), histogram::histogram)
        .at(operations::stats(), stats::stats)
        .at(operations::fields(), fields::fields)
        .at(operations::values(), values::values)
        .at(operations::context(), context::context)
        .at(operations::parse(), parse::parse)
        .at(operations::export(), handler::Handler::layer(export::export, CompressionLayer::new()))
        .at(operations::manifest(), export::show)
        .at(operations::excerpts(), excerpts::list)
        .at(operations::make_excerpt(), excerpts::make)
        .at(operations::excerpt(), excerpts::show)
        .at(operations::revoke_excerpt(), excerpts::revoke)
        .at(operations::audit(), audit::audit)
        .at(operations::usage(), usage::usage)
        .at(operations::gaps(), gaps::gaps)
        .at(operations::check(), check::check)
        .at(operations::provider(), openid::about)
        .at(operations::begin_sign_in(), openid::begin)
        .at(operations::end_sign_in(), openid::callback)
        .at(openapi::operation(), openapi::openapi)
}

/// What the endpoints share.
#[derive(Debug, Clone)]
struct App {
    indexer: Indexer,
    limits: Arc<Limits>,
    searches: Arc<Semaphore>,
    tails: Arc<Semaphore>,
    exports: export::Exports,
    quotas: Arc<Quotas>,
    openid: Option<OpenId>,
}

/// A place among what runs, of all and of the token's.
#[derive(Debug)]
struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_token: Running,
}

impl App {
    /// A place among the running searches.
    fn search_place(&self, scope: &Scope) -> Result<Place, Problem> {
        let own = self.quotas.take(scope, Kind::Search, Instant::now())?;
        Ok(Place { _of_all: place(&self.searches, "searches", self.limits.searches_max)?, _of_token: own })
    }

    /// A place among the tails.
    fn tail_place(&self, scope: &Scope) -> Result<Place, Problem> {
        let own = self.quotas.take(scope, Kind::Tail, Instant::now())?;
        Ok(Place { _of_all: place(&self.tails, "tails", self.limits.tails_max)?, _of_token: own })
    }
}

fn place(places: &Arc<Semaphore>, what: &str, most: usize) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(places).try_acquire_owned().map_err(|_| {
        let detail = format!("{most} {what} are running, and no more run at once; ask again in a second");
        Problem { retry_after_s: Some(1), ..Problem::new(429, "busy", "Too many at once", detail) }
    })
}

/// The setting in which a query of this request is planned.
fn setting(app: &App, scope: &Scope, from: Option<&str>, to: Option<&str>) -> Result<Setting, Problem> {
    let now_ns = now_ns();
    let range = TimeRange::of_request(from, to, now_ns)
        .map_err(|BadTime(reason)| Problem::new(400, "bad_time_range", "The time range cannot be read", reason))?;
    Ok(Setting { now_ns, range, range_given: from.is_some() || to.is_some(), staff: scope.is_staff(), epoch: app.indexer.store().epoch() })
}

/// Entries of a page whose address does not say how many it wants, and at most.
const PAGE: u32 = 100;
const PAGE_MAX: u32 = 1_000;

/// The part of an address behind `?`.
fn read<T>(parameters: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let Query(parameters) =
        parameters.map_err(|error| Problem::new(400, "bad_parameters", "The address cannot be read", error.body_text()))?;
    Ok(parameters)
}

/// How many of these a page has.
fn page_limit(given: Option<u32>, what: &str) -> Result<u32, Problem> {
    let limit = given.unwrap_or(PAGE);
    if (1..=PAGE_MAX).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("`limit` is {limit}; it can be 1 to {PAGE_MAX}; further {what} are asked for with the cursor");
    Err(Problem::new(400, "bad_limit", "The limit is out of range", detail))
}

/// What stands where the cursor of a page should.
fn no_cursor() -> Problem {
    Problem::new(400, "cursor_damaged", "The cursor cannot be read", "this is no cursor that the server gave; ask again without it")
}

/// The beginning of what an address names as a time, ns; without it the default.
fn moment_or(text: Option<&str>, default_ns: i64) -> Result<i64, Problem> {
    let moment = text.map(|text| moment(text, now_ns())).transpose();
    let moment = moment.map_err(|BadTime(reason)| Problem::new(400, "bad_time_range", "The time range cannot be read", reason))?;
    Ok(moment.map_or(default_ns, |moment| moment.start_ns))
}

/// Plans a query, off the reactor: regular expressions are compiled.
async fn planned(query: &str, setting: Setting) -> Result<Plan, Problem> {
    let text = query.to_owned();
    let planned = tokio::task::spawn_blocking(move || plan(&text, &setting)).await;
    let planned = planned
        .map_err(|_| Problem::new(500, "plan_failed", "The query broke the server", "this query cannot be planned: please report it"))?;
    planned.map_err(|error| errors::query_problem(query, &error))
}

/// Plans a query that is a filter alone: what it is for shows lines, and pipes make something else of them.
async fn planned_filter(query: &str, setting: Setting) -> Result<Plan, Problem> {
    let plan = planned(query, setting).await?;
    let (Some(first), Some(last)) = (plan.query.pipes.first(), plan.query.pipes.last()) else { return Ok(plan) };
    let bar = query[..first.span.from].rfind('|').unwrap_or(first.span.from);
    let error = QueryError::new(Code::Pipe, Span::new(bar, last.span.to), "pipes make a table, and here lines are shown")
        .hint("ask for the table at /api/v1/stats, or with martlog stats; or leave the pipes out")
        .fix(query[..bar].trim_end());
    Err(errors::query_problem(query, &error))
}

/// Whether the client has the version of this tag.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|tags| tags.to_str().ok()).flat_map(|tags| tags.split(','));
    known.map(str::trim).any(|known| known == tag || known == "*")
}

/// The clock, ns since the epoch.
fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// An answer in JSON.
fn answered(answer: &impl serde::Serialize) -> Result<Response, Problem> {
    written(answer).map(|text| private(axum::response::IntoResponse::into_response(text), "application/json"))
}

/// An answer's text.
fn written(answer: &impl serde::Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(answer).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written");
        Problem::new(500, "internal", "The server failed", "the answer cannot be written: tell the operator of this server")
    })
}

/// Marks an answer as what it is: of this moment and this reader, and read as no other type.
fn private(mut response: Response, content_type: &'static str) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
