//! `POST /api/v1/values`: the values of one field, by frequency: `{"field","values":[{"value","count"}],"lines","exact","more_values","warnings"}`.
//!
//! What the platform stamps on every line is counted in all matching lines; of other fields the newest lines are looked at, and `exact` says whether these are all.

use super::errors::search_problem;
use super::fields::ValueTold;
use super::sample::{OF_PLATFORM, Sample};
use super::told::Note;
use super::{App, body, planned_filter, record, setting, warnings};
use crate::pipes::Asked;
use crate::plan::pipes::line_column;
use crate::plan::steps::Column;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use martlog_indexer::audit::{Action, Asker};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::search::request::SearchError;
use martlog_indexer::search::{AggregateRequest, Key};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Lines that are looked at.
const SAMPLE_LINES: usize = 10_000;
/// Values of an answer that does not say how many it wants, and at most.
const LIMIT: usize = 20;
const LIMIT_MAX: usize = 200;

/// The body of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ValuesQuestion")]
pub(super) struct ValuesBody {
    /// Whose values.
    field: String,
    /// In the language; all lines without it.
    #[serde(default)]
    query: String,
    /// The first time: RFC 3339, `-1h`, `now`, a date; 24 hours ago without it.
    from: Option<String>,
    /// The time behind the last one; without it up to now.
    to: Option<String>,
    /// Values at most: 20 without it, at most 200.
    limit: Option<usize>,
    /// Only values that begin so, in any case.
    #[serde(default)]
    prefix: String,
}

/// Values by frequency.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Values")]
pub(super) struct ValuesTold {
    field: String,
    /// The most frequent first.
    values: Vec<ValueTold>,
    /// Lines that were looked at.
    lines: u64,
    /// Whether these are all that match.
    exact: bool,
    /// Whether there are other values.
    more_values: bool,
    warnings: Vec<Note>,
}

/// Values with their counts, the most frequent first.
struct Values {
    values: Vec<(String, u64)>,
    lines: u64,
    exact: bool,
    more: bool,
}

pub(super) async fn values(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: ValuesBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let limit = body.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::new(
            400,
            "bad_limit",
            "The limit is out of range",
            format!("\"limit\" is {limit}; it can be 1 to {LIMIT_MAX}"),
        ));
    }
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let _place = app.search_place(&scope)?;
    let plan = planned_filter(&body.query, setting).await?;
    let asked = Asked::new(&app.indexer, &scope, &plan, Instant::now() + app.limits.deadline);
    let mut open = record::begin(&app, &scope, &asker, Action::Values, &body.query, &plan);
    let is_counted = OF_PLATFORM.contains(&body.field.as_str());
    let values = if is_counted { counted(&asked, &body.field).await } else { seen(&asked, &body.field).await };
    let mut values = record::noted(&mut open, values)?;
    let prefix = body.prefix.to_lowercase();
    values.values.retain(|(value, _)| value.to_lowercase().starts_with(&prefix));
    values.more |= values.values.len() > limit;
    values.values.truncate(limit);
    let told = ValuesTold {
        field: body.field,
        values: values.values.into_iter().map(|(value, count)| ValueTold { value, count }).collect(),
        lines: values.lines,
        exact: values.exact,
        more_values: values.more,
        warnings: warnings(&plan, &body.query),
    };
    record::answered(open, told.values.len(), &told)
}

/// What the store counts in columns that every line has.
async fn counted(asked: &Asked<'_>, field: &str) -> Result<Values, Problem> {
    let key = match line_column(field) {
        Some(Column::Level) => Key::Level,
        Some(Column::Verdict) => Key::Verdict,
        Some(Column::Stored(field)) => Key::Field(field),
        _ => return seen(asked, field).await,
    };
    let request = AggregateRequest {
        predicate: asked.plan.predicate.clone(),
        from_ns: asked.plan.range.from_ns,
        to_ns: asked.plan.range.to_ns,
        by: vec![key],
        of: Vec::new(),
        quarantine: asked.plan.quarantine,
        deadline: asked.deadline,
    };
    let counted = tokio::time::timeout_at(asked.deadline.into(), asked.indexer.aggregate(asked.scope, request)).await;
    let groups = counted.unwrap_or(Err(SearchError::Deadline)).map_err(|error| search_problem(&error))?;
    let lines = groups.iter().map(|group| group.rows).sum();
    let value = |group: martlog_indexer::search::Group| group.key.into_iter().next().flatten().map(|value| (value, group.rows));
    let mut values: Vec<(String, u64)> = groups.into_iter().filter_map(value).collect();
    values.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
    Ok(Values { values, lines, exact: true, more: false })
}

async fn seen(asked: &Asked<'_>, field: &str) -> Result<Values, Problem> {
    let sample = Sample::newest(asked, SAMPLE_LINES).await?;
    let seen = sample.fields.get(field);
    let values = seen.map(super::sample::Seen::by_frequency).unwrap_or_default();
    Ok(Values {
        values: values.into_iter().map(|(value, count)| (value.to_owned(), count)).collect(),
        lines: sample.lines,
        exact: sample.is_all,
        more: seen.is_some_and(|seen| seen.more_values),
    })
}
