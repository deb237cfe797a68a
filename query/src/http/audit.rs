//! `GET /api/v1/audit?from&to&action&limit&cursor`: who asked what, newest first: `{"records":[…],"cursor"}`.
//!
//! Staff see everything; a partner what its own tokens asked, and of what staff asked of its lines: that, when, and how many of its own lines were in the answer. See
//! [`martlog_indexer::audit`].

use super::{App, answered, moment_or, no_cursor, page_limit, read};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use martlog_indexer::audit::{Action, Wanted};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The part of the address behind `?`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    from: Option<String>,
    to: Option<String>,
    action: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Who asked what.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Audit")]
pub(super) struct AuditTold {
    /// The newest first.
    #[schemars(with = "Vec<RecordTold>")]
    records: Vec<Value>,
    /// For the next page; null where there is none.
    cursor: Option<String>,
}

/// A question, or several like it within a minute. What is not the reader's own says less: see the guide for operators.
#[derive(JsonSchema)]
#[schemars(rename = "AuditRecord", deny_unknown_fields)]
#[allow(dead_code, reason = "records are made field by field, by who reads them")]
struct RecordTold {
    id: String,
    time: String,
    /// When it was asked last, of several.
    last: Option<String>,
    times: u64,
    action: String,
    /// `staff`, `partner` or `excerpt`.
    kind: String,
    /// The token's id; of somebody else's the kind alone.
    token: String,
    partner: Option<String>,
    instances: Option<Vec<String>>,
    /// Whether it concerned all that the token reaches.
    everything: Option<bool>,
    duration_ms: Option<u64>,
    remote: Option<String>,
    request_id: Option<String>,
    note: Option<String>,
    query: Option<String>,
    query_erased: Option<bool>,
    /// What it made, opened or revoked.
    subject: Option<String>,
    from: Option<String>,
    to: Option<String>,
    /// `complete`, or how it ended.
    outcome: Option<String>,
    rows: u64,
    bytes: u64,
    concerned: Vec<PartTold>,
}

/// What of an answer was of one instance, or of all of a partner's.
#[derive(JsonSchema)]
#[schemars(rename = "AuditPart", deny_unknown_fields)]
#[allow(dead_code, reason = "as above")]
struct PartTold {
    partner: String,
    instance: Option<String>,
    rows: u64,
    bytes: u64,
}

pub(super) async fn audit(
    State(app): State<App>,
    headers: HeaderMap,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let parameters = read(parameters)?;
    let wanted = wanted(&parameters)?;
    let (records, next) = app.indexer.audit().read(&scope, &wanted).await?;
    answered(&AuditTold { records, cursor: next.map(|id| id.to_string()) })
}

fn wanted(parameters: &Parameters) -> Result<Wanted, Problem> {
    let action = parameters.action.as_deref().map(|word| Action::from_word(word).ok_or_else(|| unknown(word))).transpose()?;
    let limit = page_limit(parameters.limit, "records")?;
    let before = parameters.cursor.as_deref().map(|text| text.parse::<i64>().map_err(|_| no_cursor())).transpose()?;
    Ok(Wanted {
        from_ns: moment_or(parameters.from.as_deref(), i64::MIN)?,
        to_ns: moment_or(parameters.to.as_deref(), i64::MAX)?,
        action,
        limit,
        before,
    })
}

fn unknown(word: &str) -> Problem {
    let known: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    let shown: String = word.chars().take(40).collect();
    Problem::invalid("action", format!("there is no action `{shown}`: it is one of {}", known.join(", ")))
}
