//! How much there is: `index/stats`, `index/volume` and `index/volume_range`.
//!
//! Lines are counted exactly. Bytes are an estimate, the number of lines times the mean length of the newest [`SAMPLE_LINES`]: the store keeps texts in another form than they are read in.

use super::answer::{success, warnings};
use super::ask::{Ask, Asked, Bounds};
use super::entry::Labels;
use super::metric::moments;
use super::series::{self, Series};
use super::windows::{self, Beside, Moments, extent};
use super::{Answered, Refusal, bad, labels, search_place};
use crate::http::record;
use crate::http::stats::run_problem;
use crate::logql::ast::{Range, RangeFunction};
use crate::logql::{Expr, LogQuery, parse};
use crate::pipes::{self, Flow};
use martlog_indexer::audit::{Action, Ended};
use martlog_indexer::row::Row;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// Lines whose length is looked at.
const SAMPLE_LINES: usize = 1_000;
/// Volumes of an answer that does not say how many it wants.
const LIMIT: usize = 100;

/// The log query that a parameter has; without it that of all lines.
pub(super) fn selected(text: Option<&str>) -> Result<LogQuery, Refusal> {
    match parse(text.unwrap_or("{}"))? {
        Expr::Log(query) => Ok(query),
        Expr::Metric(_) => Err(bad("parse error : only label matchers are supported: write a selector, such as {module=\"sms\"}")),
    }
}

/// How many lines there are of each series with these labels: in `[start, end)`, or in each step up to its moment. With the mean length of the newest ones, bytes.
pub(super) async fn counts(
    ask: &Ask,
    query: &LogQuery,
    labels: &[String],
    bounds: Bounds,
    step_ns: Option<i64>,
    action: Action,
) -> Result<(Vec<Series>, f64), Refusal> {
    let began = Instant::now();
    let _place = search_place(ask)?;
    let whole_ns = bounds.end_ns.saturating_sub(bounds.start_ns).max(1);
    let moments =
        step_ns.map_or(Moments { first_ns: bounds.end_ns.saturating_sub(1), step_ns: 1, count: 1 }, |step_ns| moments(bounds, step_ns));
    let range = Range {
        function: RangeFunction::Count,
        share: None,
        of: query.clone(),
        unwrap: None,
        range_ns: step_ns.unwrap_or(whole_ns),
        offset_ns: 0,
        grouping: None,
    };
    let (from_ns, to_ns, _) = extent(&range, moments)?;
    let asked = ask.planned(query, None, from_ns, to_ns).await?;
    let mut open = record::begin(&ask.app, &ask.scope, &ask.asker, action, &asked.translated.query, &asked.plan);
    let mut beside = Beside::default();
    let series = windows::series(ask, &range, &asked, labels, moments, began, &mut beside).await;
    let series = series.map_err(|refusal| super::answer::failed(&mut open, refusal))?;
    let mean = if action == Action::Stats {
        mean_bytes(ask, &asked, began).await.map_err(|refusal| super::answer::failed(&mut open, refusal))?
    } else {
        0.0
    };
    let told = |(name, value): (&String, &String)| name.len() + value.len();
    open.figures(series.len(), series.iter().flat_map(|series| &series.labels).map(told).sum());
    open.end(Ended::Complete);
    Ok((series, mean))
}

/// The mean length of the newest lines, bytes.
#[allow(clippy::cast_precision_loss)] // Of some lines.
async fn mean_bytes(ask: &Ask, asked: &Asked, began: Instant) -> Result<f64, Refusal> {
    let store = pipes::Asked::new(&ask.app.indexer, &ask.scope, &asked.plan, began + ask.app.limits.deadline);
    let take = |(lines, bytes): &mut (usize, usize), row: Row| {
        *lines += 1;
        *bytes += row.record.message.len();
        Ok(Flow::More)
    };
    let ((lines, bytes), _) = pipes::each(&store, store.newest(SAMPLE_LINES), (0, 0), take).await.map_err(|error| run_problem(&error))?;
    Ok(if lines == 0 { 0.0 } else { bytes as f64 / lines as f64 })
}

/// `index/stats`
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Counts.
pub(super) async fn stats(ask: Ask) -> Answered {
    let query = selected(Some(ask.query()?))?;
    let (series, mean) = counts(&ask, &query, &labels::all(), ask.bounds()?, None, Action::Stats).await?;
    let entries: f64 = series.iter().flat_map(|series| &series.values).flatten().sum();
    success(&json!({"streams": series.len(), "chunks": series.len(), "entries": entries as u64, "bytes": (entries * mean).round() as u64}))
}

/// `index/volume`: bytes by labels.
pub(super) async fn volume(ask: Ask) -> Answered {
    let bounds = ask.bounds()?;
    let (series, told) = volumes(&ask, bounds, None).await?;
    answered("vector", series::vector(series, bounds.end_ns), told)
}

/// `index/volume_range`: the same in each step.
pub(super) async fn volume_range(ask: Ask) -> Answered {
    let bounds = ask.bounds()?;
    let step_ns = ask.step(bounds)?;
    let (series, told) = volumes(&ask, bounds, Some(step_ns)).await?;
    answered("matrix", series::matrix(series, &moments(bounds, step_ns).all()), told)
}

fn answered(kind: &str, result: Value, warnings: Vec<String>) -> Answered {
    let mut answer = json!({"status": "success", "data": {"resultType": kind, "result": result}});
    if !warnings.is_empty() {
        answer["warnings"] = json!(warnings);
    }
    success(&answer)
}

/// The largest volumes, by the labels asked for, else by those of the selector; or one for each name of a label.
async fn volumes(ask: &Ask, bounds: Bounds, step_ns: Option<i64>) -> Result<(Vec<Series>, Vec<String>), Refusal> {
    let query = selected(Some(ask.query()?))?;
    let told = warnings(ask, bounds.start_ns, bounds.end_ns).await;
    let targets: Vec<String> = ask
        .all("targetLabels")
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    let by_name = match ask.get("aggregateBy") {
        None | Some("series") => false,
        Some("labels") => true,
        Some(_) => return Err(bad("invalid aggregation option: aggregateBy is series or labels")),
    };
    let of_selector = || query.selector.iter().map(|matcher| matcher.name.clone()).collect::<Vec<_>>();
    let grouped = match (targets.is_empty(), by_name) {
        (false, _) => targets,
        (true, true) => labels::all(),
        (true, false) if query.selector.is_empty() => labels::all(),
        (true, false) => of_selector(),
    };
    let (series, mean) = counts(ask, &query, &grouped, bounds, step_ns, Action::Stats).await?;
    let mut series = if by_name { named(series) } else { series };
    for value in series.iter_mut().flat_map(|series| &mut series.values) {
        *value = value.map(|lines| (lines * mean).round());
    }
    let total = |series: &Series| series.values.iter().flatten().sum::<f64>();
    series.sort_by(|a, b| total(b).total_cmp(&total(a)).then_with(|| a.labels.cmp(&b.labels)));
    let limit = ask
        .get("limit")
        .map_or(Ok(LIMIT), |text| text.parse().map_err(|_| bad(format!("strconv.Atoi: parsing {text:?}: invalid syntax"))))?;
    series.truncate(limit);
    Ok((series, told))
}

/// The volume of each name of a label, whatever its value.
fn named(series: Vec<Series>) -> Vec<Series> {
    let mut names: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
    for series in series {
        for name in series.labels.keys() {
            let sums = names.entry(name.clone()).or_insert_with(|| vec![None; series.values.len()]);
            for (sum, value) in sums.iter_mut().zip(&series.values) {
                *sum = sum.iter().chain(value).copied().reduce(|a, b| a + b);
            }
        }
    }
    names.into_iter().map(|(name, values)| Series { labels: Labels::from([(name, String::new())]), values }).collect()
}
