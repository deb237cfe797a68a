//! `/api/v1/partners`: staff make, change and remove them; a partner reads its own.

use super::auth::{Reader, Staff};
use super::body::{Id, Json};
use super::listing::{Page, json};
use super::problem::Problem;
use crate::Indexer;
use crate::registry::{Created, NewPartner, PatchPartner};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

pub(super) async fn create(State(indexer): State<Indexer>, _: Staff, Json(new): Json<NewPartner>) -> Result<Response, Problem> {
    created(&indexer.registry().create_partner(new).await?)
}

pub(super) async fn list(State(indexer): State<Indexer>, Reader(scope): Reader, page: Page) -> Result<Response, Problem> {
    Ok(page.of("partners", indexer.registry().partners(&scope), |partner| &partner.id)?.into_response())
}

pub(super) async fn show(State(indexer): State<Indexer>, Reader(scope): Reader, Id(id): Id) -> Result<Response, Problem> {
    Ok(axum::Json(indexer.registry().partner(&scope, &id)?).into_response())
}

pub(super) async fn patch(
    State(indexer): State<Indexer>,
    _: Staff,
    Id(id): Id,
    Json(patch): Json<PatchPartner>,
) -> Result<Response, Problem> {
    Ok(axum::Json(indexer.registry().patch_partner(&id, patch).await?).into_response())
}

pub(super) async fn remove(State(indexer): State<Indexer>, _: Staff, Id(id): Id) -> Result<StatusCode, Problem> {
    indexer.registry().remove_partner(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// 201 with what was made, 200 with what was there already.
pub(super) fn created<T: Serialize>(created: &Created<T>) -> Result<Response, Problem> {
    let status = if created.new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(json(&created.value)?)).into_response())
}
