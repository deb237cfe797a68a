//! `GET /api/v1/usage?from&to`: how much each instance in the token's reach said, by day: `{"from","to","days":[{"day","partner","module","instance","lines","errors","unpublished","stored_bytes"}],"truncated"}`.
//!
//! Days are UTC and count whole, also where the range begins or ends within them. See [`martlog_indexer::usage`] for what the bytes are. Counts are no lines, so the audit is not told.

use super::{App, answered, now_ns, read};
use crate::time::{BadTime, TimeRange, rfc3339};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::usage::DayUse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The range of a question that names none.
const FROM: &str = "-7d";
const TO: &str = "now";
/// Entries of an answer: a hundred days of five hundred instances.
const ENTRIES_MAX: usize = 50_000;

/// The part of the address behind `?`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    from: Option<String>,
    to: Option<String>,
}

/// How much was said.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Usage")]
pub(super) struct UsageTold {
    /// The range that was asked for.
    from: String,
    /// Its end.
    to: String,
    days: Vec<DayTold>,
    /// Whether there are more entries than an answer has: the last ones are left out.
    truncated: bool,
}

/// One instance's day.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UsageDay")]
struct DayTold {
    /// Such as `2026-11-30`, UTC.
    day: String,
    partner: String,
    module: String,
    instance: String,
    lines: u64,
    /// Lines at `error` or `fatal`.
    errors: u64,
    /// Lines that are in no split yet, so that their bytes are not known.
    unpublished: u64,
    /// What the other lines take on the disk, compressed. Null for a token of some instances: a file has those of others too, and how well they compress is not its own.
    stored_bytes: Option<u64>,
}

pub(super) async fn usage(
    State(app): State<App>,
    headers: HeaderMap,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let parameters = read(parameters)?;
    let from = parameters.from.as_deref().unwrap_or(FROM);
    let to = parameters.to.as_deref().unwrap_or(TO);
    let range = TimeRange::of_request(Some(from), Some(to), now_ns())
        .map_err(|BadTime(reason)| Problem::new(400, "bad_time_range", "The time range cannot be read", reason))?;
    let _place = app.search_place(&scope)?;
    let mut days = app.indexer.usage(&scope, range.from_ns, range.to_ns).await.map_err(|error| {
        tracing::error!(%error, "the counts of the catalog cannot be read");
        let detail = "the counts cannot be read; tell the operator of this server, its log says why";
        Problem::new(500, "store_failed", "The store could not answer", detail)
    })?;
    let truncated = days.len() > ENTRIES_MAX;
    days.truncate(ENTRIES_MAX);
    let whole = scope.instances().is_none();
    let days = days.into_iter().map(|day| DayTold::of(day, whole)).collect();
    answered(&UsageTold { from: rfc3339(range.from_ns), to: rfc3339(range.to_ns), days, truncated })
}

impl DayTold {
    /// With its bytes, where all of the partner's is the reader's own.
    fn of(day: DayUse, whole: bool) -> Self {
        Self {
            day: rfc3339(day.day_ns).chars().take(10).collect(),
            partner: day.key.partner.to_string(),
            module: day.key.module.to_string(),
            instance: day.instance.to_string(),
            lines: day.lines,
            errors: day.errors,
            unpublished: day.unpublished,
            stored_bytes: whole.then_some(day.bytes),
        }
    }
}
