//! `/api/v1/erasures` (staff): one account's rows are erased, and what was is reported.
//!
//! `POST` takes `{"account","csp"?,"partner"?,"from"?,"to"?,"reference"?,"dry_run"?}` (times in RFC 3339, `from` included, `to` excluded; without them, all of time) and answers 202
//! with the report as it begins: `{"id","kind","state":"running"|"done","reference","token","begun_at","ended_at","rows","erased":[{"partner","module","instance","day","rows"}],"error"?}`.
//! With `"dry_run":true` it answers 200 with what would go, and nothing does. `GET` lists the reports, `GET …/{id}` shows one. The account itself is in no answer.

use super::auth::Staff;
use super::body::{Id, Json};
use super::problem::Problem;
use crate::Indexer;
use crate::erase::{AccountErasure, EraseError};
pub(super) use crate::erase::{DryRun, Report};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest reference, bytes.
const REFERENCE_BYTES_MAX: usize = 200;

/// What is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewErasure")]
pub(super) struct Body {
    /// The account's id, phone number or subscriber's number, in any spelling.
    account: String,
    /// Of this telco alone.
    csp: Option<String>,
    /// Of this partner's modules alone.
    partner: Option<String>,
    /// The first time, RFC 3339.
    from: Option<String>,
    /// The time behind the last one.
    to: Option<String>,
    /// For the report: one line, such as a ticket's number.
    reference: Option<String>,
    /// Counts what would go, and nothing does.
    #[serde(default)]
    dry_run: bool,
}

/// All reports.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Erasures")]
pub(super) struct Reports {
    /// The oldest first.
    erasures: Vec<Report>,
}

pub(super) async fn create(State(indexer): State<Indexer>, Staff(scope): Staff, Json(body): Json<Body>) -> Result<Response, Problem> {
    let reference = reference(body.reference)?;
    let wanted = AccountErasure {
        from_ns: body.from.as_deref().map_or(Ok(i64::MIN), |text| time("from", text))?,
        to_ns: body.to.as_deref().map_or(Ok(i64::MAX), |text| time("to", text))?,
        account: body.account,
        csp: body.csp,
        partner: body.partner,
    };
    if body.dry_run {
        return Ok(axum::Json(indexer.count_account(&scope, &wanted).await?).into_response());
    }
    let id = indexer.begin_account_erasure(&scope, &wanted, reference).await?;
    tracing::info!(id, token = scope.token_id(), "an account's rows are being erased");
    begun(&indexer, &id).await
}

pub(super) async fn list(State(indexer): State<Indexer>, _: Staff) -> Result<axum::Json<Reports>, Problem> {
    Ok(axum::Json(Reports { erasures: indexer.erasures().await? }))
}

pub(super) async fn show(State(indexer): State<Indexer>, _: Staff, Id(id): Id) -> Result<axum::Json<Report>, Problem> {
    let report = indexer.erasure(&id).await?;
    report.map(axum::Json).ok_or_else(|| Problem::not_found("there is no such erasure"))
}

/// 202 with the report.
pub(super) async fn begun(indexer: &Indexer, id: &str) -> Result<Response, Problem> {
    Ok((StatusCode::ACCEPTED, axum::Json(indexer.erasure(id).await?)).into_response())
}

fn reference(text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.len() > REFERENCE_BYTES_MAX || text.chars().any(char::is_control) => {
            Err(Problem::invalid("reference", format!("`reference` must be one line of at most {REFERENCE_BYTES_MAX} bytes")))
        }
        text => Ok(text),
    }
}

fn time(field: &str, text: &str) -> Result<i64, Problem> {
    let parsed = chrono::DateTime::parse_from_rfc3339(text).ok().and_then(|time| time.timestamp_nanos_opt());
    parsed.ok_or_else(|| Problem::invalid(field, format!("`{field}` must be a time in RFC 3339 with a zone, such as 2026-11-25T00:00:00Z")))
}

impl From<EraseError> for Problem {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Registry(error) => error.into(),
            EraseError::Catalog(error) => error.into(),
            EraseError::Search(_) | EraseError::Io(_) => Self::new(503, "not_erased", "Nothing could be erased now", error.to_string()),
        }
    }
}
