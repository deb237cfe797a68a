//! `GET /api/v1/tail?query=…`: matching lines as they arrive, as server-sent events.
//!
//! ```text
//! event: row      id: <cursor>   data: a row                                       every matching line
//! event: gap                     data: a gap                                       lines that are missing for ever, when that becomes known
//! event: missed   id: <cursor>   data: {"from","to",["cursor"],"hint"}                     lines that were left out, and how to get them
//! event: status   [id: <cursor>] data: {"rows_per_second","lag_seconds","until","behind_seconds",…}   at once, then every few seconds
//! ```
//!
//! `id` is the resume cursor: sent back as `Last-Event-ID` (browsers do it by themselves) or `?cursor=`, the tail goes on behind it without a hole. The
//! last `status` of a tail that the server ends has `"end"` with the reason.
//!
//! A reader that is slower than what arrives gets every line, later and later: nothing waits for it but its own tail, which reads from the store what went by. `lag_seconds` says how late the last line was
//! passed on. With `lag_max` a tail stays near the present instead: when it is later than that it leaves out what lies between, and `missed` has the cursor from which another tail gives it. Lines that
//! retention has removed before they were read are told as `missed`, too.

use super::cursor::{decode_tail, encode_tail};
use super::told::Note;
use super::{App, Place, complete, now_ns, planned_filter, private, read, record, row, setting, warnings};
use crate::time::{self, rfc3339};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use martlog_indexer::Indexer;
use martlog_indexer::audit::{Action, Asker, Ended, Open};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::registry::Scope;
use martlog_indexer::search::{TailCursor, TailEvent, TailRequest};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

/// Between two signs of life on a silent connection: below the minute after which proxies close one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The least `lag_max`: below, a busy moment would be a hole.
const LAG_MAX_LEAST_NS: i64 = 1_000_000_000;
/// From here on the status says what to do about it.
const LAG_TOLD_NS: i64 = 10_000_000_000;
const LAG_HINT: &str = "lines arrive faster than they are read here, and all are kept for you: narrow the query, or stay near the present with lag_max=30s and fetch what was left out by its cursor";
const REVOKED: &str = "the token was revoked or has expired: sign in again";
/// Gaps that are told at a time; the next status tells the following ones.
const GAPS: usize = 100;

/// The part of the address behind `?`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TailParameters {
    #[serde(default)]
    query: String,
    cursor: Option<String>,
    lag_max: Option<String>,
}

pub(super) async fn tail(
    State(app): State<App>,
    headers: HeaderMap,
    asker: Asker,
    parameters: Result<Query<TailParameters>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let parameters = read(parameters)?;
    let lag_max_ns = parameters.lag_max.as_deref().map(lag_max).transpose()?;
    let setting = setting(&app, &scope, None, None)?;
    let place = app.tail_place(&scope)?;
    let plan = planned_filter(&parameters.query, setting).await?;
    // A browser that reconnects repeats the address it began with; where it is now stands in the header.
    let resumed = match headers.get("last-event-id").map(|value| value.to_str()) {
        Some(Ok("")) | None => parameters.cursor.as_deref(),
        Some(text) => Some(text.unwrap_or("?")),
    };
    // A tail without a place begins at one all the same: what arrives from here on is in it, however soon the first event is read.
    let now = || TailCursor { arrived_ns: app.indexer.store().view(&scope, plan.quarantine).as_of_ns, seq: u64::MAX };
    let after = resumed.map(decode_tail).transpose()?.unwrap_or_else(now);
    let mut warnings = warnings(&plan, &parameters.query);
    if plan.says_time {
        warnings.push(Note::new("W210", "a tail begins now: the time in the query was left out"));
    }
    let open = record::begin(&app, &scope, &asker, Action::Tail, &parameters.query, &plan);
    open.tell();
    let request = TailRequest { predicate: plan.predicate, after: Some(after), quarantine: plan.quarantine };
    let mut ticks = interval(app.limits.status_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let tail = Tail {
        events: app.indexer.tail(&scope, request.clone()),
        request,
        passed: after,
        lag_ns: 0,
        lag_max_ns,
        epoch: app.indexer.store().epoch(),
        indexer: app.indexer,
        scope,
        ticks,
        rows: 0,
        since: Instant::now(),
        gaps_after_ns: setting.now_ns,
        opening: Some((after, json!({"query": plan.canonical, "warnings": warnings}))),
        ready: VecDeque::new(),
        ended: false,
        open,
        _place: place,
    };
    let events = stream::unfold(tail, |mut tail| async move { tail.next().await.map(|event| (Ok::<_, Infallible>(event), tail)) });
    let answer = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    Ok(private(answer, "text/event-stream"))
}

/// How far a tail may be behind before it leaves lines out, ns.
fn lag_max(text: &str) -> Result<i64, Problem> {
    time::duration(text).ok().filter(|ns| *ns >= LAG_MAX_LEAST_NS).ok_or_else(|| {
        let detail = format!("\"lag_max={text}\" is no length of time of a second or more: write such as lag_max=30s");
        Problem::new(400, "bad_parameters", "The address cannot be read", detail)
    })
}

/// A tail under way.
struct Tail {
    events: mpsc::Receiver<TailEvent>,
    request: TailRequest,
    /// The last place that was passed on.
    passed: TailCursor,
    /// How long after its arrival the last row was passed on, ns; 0 when there was nothing to pass on since.
    lag_ns: i64,
    /// Over this, what lies between is left out.
    lag_max_ns: Option<i64>,
    indexer: Indexer,
    scope: Scope,
    epoch: u64,
    ticks: Interval,
    /// Rows since the last status, and when that was.
    rows: u64,
    since: Instant,
    /// Gaps up to here were told, or noticed before the tail began.
    gaps_after_ns: i64,
    /// What the first status tells besides, and where the tail begins.
    opening: Option<(TailCursor, Value)>,
    ready: VecDeque<Sent>,
    ended: bool,
    open: Open,
    _place: Place,
}

impl Tail {
    /// The next event; `None` behind the last one.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            tokio::select! {
                // Rows first: under load the status waits, never the lines.
                biased;
                event = self.events.recv(), if self.opening.is_none() => self.take(event),
                _ = self.ticks.tick() => self.status().await,
            }
        }
    }

    fn take(&mut self, event: Option<TailEvent>) {
        match event {
            // What waits here was found before: nothing of it goes to a token that was revoked meanwhile.
            Some(TailEvent::Row(..)) if !self.indexer.registry().still_valid(&self.scope) => self.end(REVOKED),
            Some(TailEvent::Row(found, _)) if self.is_late(found.arrived_ns) => self.skip(),
            Some(TailEvent::Row(found, cursor)) => {
                self.passed = cursor;
                let mut data = Vec::new();
                row::write(&mut data, &found, self.epoch);
                self.open.row(&found.owner, data.len());
                self.rows += 1;
                let data = String::from_utf8(data).unwrap_or_default();
                self.ready.push_back(Sent::default().event("row").id(encode_tail(cursor)).data(data));
            }
            Some(TailEvent::Gone { from_ns, to_ns }) => self.gone(from_ns, to_ns),
            Some(TailEvent::Status(cursor)) => {
                (self.passed, self.lag_ns) = (cursor, 0);
                self.ready.push_back(Sent::default().event("status").id(encode_tail(cursor)).data("{}"));
            }
            Some(TailEvent::End(reason)) => self.end(reason),
            None => self.end("the server is stopping"),
        }
    }

    /// Notes how late a row is; whether that is too late.
    fn is_late(&mut self, arrived_ns: i64) -> bool {
        self.lag_ns = now_ns().saturating_sub(arrived_ns).max(0);
        self.lag_max_ns.is_some_and(|max| self.lag_ns > max)
    }

    /// Goes on from now, and tells what was left out.
    fn skip(&mut self) {
        let now = TailCursor { arrived_ns: self.indexer.store().view(&self.scope, self.request.quarantine).as_of_ns, seq: u64::MAX };
        let now = now.max(self.passed);
        self.events = self.indexer.tail(&self.scope, TailRequest { after: Some(now), ..self.request.clone() });
        let data = json!({
            "from": rfc3339(self.passed.arrived_ns),
            "to": rfc3339(now.arrived_ns),
            "cursor": encode_tail(self.passed),
            "hint": "lines arrive faster than they are read here; a tail of the same query with this cursor gives those that arrived up to \"to\"",
        });
        self.ready.push_back(Sent::default().event("missed").id(encode_tail(now)).data(data.to_string()));
        (self.passed, self.lag_ns) = (now, 0);
    }

    /// Tells that retention was faster than the reader.
    fn gone(&mut self, from_ns: i64, to_ns: i64) {
        let data = json!({
            "from": rfc3339(from_ns),
            "to": rfc3339(to_ns),
            "hint": "lines that arrived in between may have been removed before they were read here; they are in no search either",
        });
        self.ready.push_back(Sent::default().event("missed").id(encode_tail(self.passed)).data(data.to_string()));
    }

    fn end(&mut self, reason: &str) {
        self.ended = true;
        self.open.finish(Ended::Complete);
        self.ready.push_back(Sent::default().event("status").data(json!({"end": reason}).to_string()));
    }

    /// Says how fast it goes and how complete it is; new gaps before that.
    async fn status(&mut self) {
        let completeness = self.indexer.completeness(&self.scope).await;
        let mut gaps: Vec<_> = completeness.gaps.iter().filter(|gap| gap.time_ns > self.gaps_after_ns).collect();
        gaps.sort_by_key(|gap| gap.time_ns);
        // Gaps of one moment are told together, so that none falls between two statuses.
        let last_ns = gaps.get(GAPS).or(gaps.last()).map(|gap| gap.time_ns);
        for gap in gaps.into_iter().take_while(|gap| Some(gap.time_ns) <= last_ns) {
            self.ready.push_back(Sent::default().event("gap").data(complete::gap_json(gap)));
        }
        self.gaps_after_ns = last_ns.unwrap_or(self.gaps_after_ns);
        let seconds = self.since.elapsed().as_secs_f64();
        let rate = if self.opening.is_some() || seconds <= 0.0 { 0 } else { per_second(self.rows, seconds) };
        let (sent, mut status) = match self.opening.take() {
            Some((begin, status)) => (Sent::default().id(encode_tail(begin)), status),
            None => (Sent::default(), json!({})),
        };
        status["rows_per_second"] = json!(rate);
        status["lag_seconds"] = json!(seconds_of(self.lag_ns));
        if self.lag_ns >= LAG_TOLD_NS && self.lag_max_ns.is_none() {
            status["hint"] = json!(LAG_HINT);
        }
        status["until"] = json!(completeness.until_ns.map(rfc3339));
        status["behind_seconds"] = json!((completeness.behind_seconds * 10.0).round() / 10.0);
        (self.rows, self.since) = (0, Instant::now());
        self.ready.push_back(sent.event("status").data(status.to_string()));
    }
}

/// With one decimal.
#[allow(clippy::cast_precision_loss)] // Tenths of a second of any lag are far below 2^53.
fn seconds_of(ns: i64) -> f64 {
    (ns / 100_000_000) as f64 / 10.0
}

/// Rounded to whole rows: it is read by people.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // A rate of 2^53 rows a second does not occur.
fn per_second(rows: u64, seconds: f64) -> u64 {
    (rows as f64 / seconds).round() as u64
}
