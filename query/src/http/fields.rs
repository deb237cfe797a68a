//! `POST /api/v1/fields`: which fields the newest matching lines have, how often, and their most frequent values.
//!
//! `{"fields":[{"name","lines","share","numeric","values":[{"value","count"}],"more_values"}],"sampled","exact","more_fields","warnings"}`, by frequency. `exact` says that
//! the sample is all that matches.

use super::sample::Sample;
use super::{App, body, planned_filter, private, record, setting, warnings};
use crate::pipes::Asked;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use martlog_indexer::audit::{Action, Asker};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;

/// Lines that are looked at.
const SAMPLE_LINES: usize = 5_000;
/// Values that are shown of each field.
const VALUES: usize = 5;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldsBody {
    #[serde(default)]
    query: String,
    from: Option<String>,
    to: Option<String>,
}

pub(super) async fn fields(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: FieldsBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let _place = app.search_place()?;
    let plan = planned_filter(&body.query, setting).await?;
    let asked = Asked { indexer: &app.indexer, scope: &scope, plan: &plan, deadline: Instant::now() + app.limits.deadline };
    let mut open = record::begin(&app, &scope, &asker, Action::Fields, &body.query, &plan);
    let sample = record::noted(&mut open, Sample::newest(&asked, SAMPLE_LINES).await)?;
    let answer = json!({
        "fields": listed(&sample),
        "sampled": sample.lines,
        "exact": sample.is_all,
        "more_fields": sample.more_fields,
        "warnings": warnings(&plan, &body.query),
    });
    let text = answer.to_string();
    record::answered(open, sample.fields.len(), &text);
    Ok(private(text.into_response(), "application/json"))
}

#[allow(clippy::cast_precision_loss)] // Shares of some thousand lines.
fn listed(sample: &Sample) -> Vec<Value> {
    let mut fields: Vec<_> = sample.fields.iter().collect();
    fields.sort_by(|(a, one), (b, other)| other.lines.cmp(&one.lines).then_with(|| a.cmp(b)));
    let share = |lines: u64| (lines as f64 / sample.lines.max(1) as f64 * 10_000.0).round() / 10_000.0;
    let one = |(name, seen): (&String, &super::sample::Seen)| {
        let values = seen.by_frequency();
        json!({
            "name": name,
            "lines": seen.lines,
            "share": share(seen.lines),
            "numeric": seen.numbers == seen.lines,
            "values": values.iter().take(VALUES).map(|(value, count)| json!({"value": value, "count": count})).collect::<Vec<_>>(),
            "more_values": seen.more_values || values.len() > VALUES,
        })
    };
    fields.into_iter().map(one).collect()
}
