//! `POST /api/v1/histogram`: how many lines match over time.
//!
//! All buckets from the first to the last are given, empty ones too;
//! behind the clock only those with lines.

use super::complete::{Complete, complete};
use super::errors::search_problem;
use super::told::Note;
use super::{App, body, planned_filter, record, setting, warnings};
use crate::buckets::{self, shown};
use crate::time::{self, TimeRange, rfc3339};
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use martlog_indexer::audit::{Action, Asker};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::search::request::{GroupBy, SearchError};
use martlog_indexer::search::{Bucket, Histogram, HistogramRequest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Instant;

/// The body of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HistogramQuestion")]
pub(super) struct HistogramBody {
    /// In the language; all lines without it.
    #[serde(default)]
    query: String,
    /// The first time: RFC 3339, `-1h`, `now`, a date; 24 hours ago without it.
    from: Option<String>,
    /// The time behind the last one; without it up to now.
    to: Option<String>,
    /// The width of a piece, such as `5m`; chosen without it.
    interval: Option<String>,
    /// Count by this, too.
    by: Option<GroupBy>,
}

/// Lines over time.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Histogram")]
pub(super) struct Counts {
    /// The width of a piece.
    interval: String,
    /// The range that is shown.
    from: String,
    /// Its end.
    to: String,
    /// From the first to the last, empty ones too.
    buckets: Vec<BucketTold>,
    /// Lines in all of them.
    total: u64,
    complete: Complete,
    warnings: Vec<Note>,
}

/// A piece of time.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Bucket")]
struct BucketTold {
    /// Its beginning.
    start: String,
    /// Lines in it.
    count: u64,
    /// The same by group.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<BTreeMap<String, u64>>,
}

pub(super) async fn histogram(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: HistogramBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let _place = app.search_place(&scope)?;
    let plan = planned_filter(&body.query, setting).await?;
    let warnings = warnings(&plan, &body.query);
    let shown = shown(plan.range, setting.now_ns);
    let interval_ns = interval(body.interval.as_deref(), shown)?;
    let mut open = record::begin(&app, &scope, &asker, Action::Histogram, &body.query, &plan);
    let deadline = Instant::now() + app.limits.deadline;
    let request = HistogramRequest {
        predicate: plan.predicate,
        from_ns: plan.range.from_ns,
        to_ns: plan.range.to_ns,
        interval_ns,
        by: body.by,
        quarantine: plan.quarantine,
        deadline,
    };
    let completeness = app.indexer.completeness(&scope).await;
    let counted = tokio::time::timeout_at(deadline.into(), app.indexer.histogram(&scope, request)).await;
    let histogram = counted.unwrap_or(Err(SearchError::Deadline)).map_err(|error| search_problem(&error));
    let histogram = record::noted(&mut open, histogram)?;
    let total: u64 = histogram.buckets.iter().map(|bucket| bucket.count).sum();
    let buckets = filled(histogram, shown, interval_ns);
    let told = Counts {
        interval: time::print_duration(interval_ns),
        from: rfc3339(shown.from_ns),
        to: rfc3339(shown.to_ns),
        buckets: buckets.into_iter().map(|bucket| bucket_told(bucket, body.by.is_some())).collect(),
        total,
        complete: complete(&completeness, plan.range.from_ns),
        warnings,
    };
    record::answered(open, told.buckets.len(), &told)
}

/// The width of a bucket, ns.
fn interval(asked: Option<&str>, shown: TimeRange) -> Result<i64, Problem> {
    let Some(text) = asked else { return Ok(buckets::choose(shown)) };
    let bad = |detail: String| Problem::new(400, "bad_interval", "The interval cannot be used", detail);
    let interval = time::duration(text).map_err(|error| bad(error.to_string()))?;
    buckets::check(interval, shown).map_err(bad)?;
    Ok(interval)
}

/// The buckets from the first to the last of the range, empty ones too, and those with lines behind it.
fn filled(histogram: Histogram, shown: TimeRange, interval_ns: i64) -> Vec<Bucket> {
    let mut buckets: BTreeMap<i64, Bucket> = histogram.buckets.into_iter().map(|bucket| (bucket.start_ns, bucket)).collect();
    let mut start_ns = shown.from_ns - shown.from_ns.rem_euclid(interval_ns);
    while start_ns < shown.to_ns {
        buckets.entry(start_ns).or_insert_with(|| Bucket { start_ns, ..Bucket::default() });
        start_ns = start_ns.saturating_add(interval_ns);
    }
    buckets.into_values().collect()
}

fn bucket_told(bucket: Bucket, grouped: bool) -> BucketTold {
    BucketTold { start: rfc3339(bucket.start_ns), count: bucket.count, by: grouped.then_some(bucket.by) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY;

    const SECOND: i64 = 1_000_000_000;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    const NOW: i64 = 1_795_342_370 * SECOND;

    fn back(width: i64) -> TimeRange {
        TimeRange { from_ns: NOW - width, to_ns: NOW, open: false }
    }

    #[test]
    fn an_interval_of_the_client_is_bounded() {
        assert_eq!(interval(Some("30s"), back(HOUR)).unwrap(), 30 * SECOND);
        for text in ["1s", "0s", "x"] {
            assert_eq!(interval(Some(text), back(DAY)).unwrap_err().code, "bad_interval", "{text}");
        }
    }

    #[test]
    fn empty_buckets_are_there_and_lines_of_fast_clocks_too() {
        let range = TimeRange { from_ns: NOW - 3 * MINUTE, to_ns: NOW + DAY, open: true };
        let ahead = Bucket { start_ns: NOW - NOW.rem_euclid(MINUTE) + HOUR, count: 2, ..Bucket::default() };
        let buckets = filled(Histogram { buckets: vec![ahead.clone()] }, shown(range, NOW), MINUTE);
        let minutes: Vec<_> = buckets.iter().map(|bucket| (bucket.start_ns - ahead.start_ns) / MINUTE).collect();
        assert_eq!(minutes, [-63, -62, -61, -60, 0]);
    }
}
