//! `POST /api/v1/fields`: which fields the newest matching lines have, how often, and their most frequent values.
//!
//! `{"fields":[{"name","lines","share","numeric","values":[{"value","count"}],"more_values"}],"sampled","exact","more_fields","warnings"}`, by frequency. `exact` says that
//! the sample is all that matches.

use super::sample::Sample;
use super::told::Note;
use super::{App, body, planned_filter, record, setting, warnings};
use crate::pipes::Asked;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use martlog_indexer::audit::{Action, Asker};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Lines that are looked at.
const SAMPLE_LINES: usize = 5_000;
/// Values that are shown of each field.
const VALUES: usize = 5;

/// The body of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FieldsQuestion")]
pub(super) struct FieldsBody {
    /// In the language; all lines without it.
    #[serde(default)]
    query: String,
    /// The first time: RFC 3339, `-1h`, `now`, a date; 24 hours ago without it.
    from: Option<String>,
    /// The time behind the last one; without it up to now.
    to: Option<String>,
}

/// Fields by frequency.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Fields")]
pub(super) struct FieldsTold {
    /// The most frequent first.
    fields: Vec<FieldTold>,
    /// Lines that were looked at.
    sampled: u64,
    /// Whether these are all that match.
    exact: bool,
    /// Whether fields were left out because there are so many.
    more_fields: bool,
    warnings: Vec<Note>,
}

/// A field.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Field")]
struct FieldTold {
    name: String,
    /// Lines that have it.
    lines: u64,
    /// The share of those looked at, 0 to 1.
    share: f64,
    /// Whether each of its values is a number.
    numeric: bool,
    /// The most frequent ones.
    values: Vec<ValueTold>,
    /// Whether it has others.
    more_values: bool,
}

/// A value, and how often it came.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Value")]
pub(super) struct ValueTold {
    pub(super) value: String,
    pub(super) count: u64,
}

pub(super) async fn fields(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: FieldsBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let _place = app.search_place(&scope)?;
    let plan = planned_filter(&body.query, setting).await?;
    let asked = Asked::new(&app.indexer, &scope, &plan, Instant::now() + app.limits.deadline);
    let mut open = record::begin(&app, &scope, &asker, Action::Fields, &body.query, &plan);
    let sample = record::noted(&mut open, Sample::newest(&asked, SAMPLE_LINES).await)?;
    let told = FieldsTold {
        fields: listed(&sample),
        sampled: sample.lines,
        exact: sample.is_all,
        more_fields: sample.more_fields,
        warnings: warnings(&plan, &body.query),
    };
    record::answered(open, told.fields.len(), &told)
}

#[allow(clippy::cast_precision_loss)] // Shares of some thousand lines.
fn listed(sample: &Sample) -> Vec<FieldTold> {
    let mut fields: Vec<_> = sample.fields.iter().collect();
    fields.sort_by(|(a, one), (b, other)| other.lines.cmp(&one.lines).then_with(|| a.cmp(b)));
    let share = |lines: u64| (lines as f64 / sample.lines.max(1) as f64 * 10_000.0).round() / 10_000.0;
    let one = |(name, seen): (&String, &super::sample::Seen)| {
        let values = seen.by_frequency();
        FieldTold {
            name: name.clone(),
            lines: seen.lines,
            share: share(seen.lines),
            numeric: seen.numbers == seen.lines,
            values: values.iter().take(VALUES).map(|(value, count)| ValueTold { value: (*value).to_owned(), count: *count }).collect(),
            more_values: seen.more_values || values.len() > VALUES,
        }
    };
    fields.into_iter().map(one).collect()
}
