//! `/api/v1/modules`: staff make, change and remove them; a partner reads its own.

use super::auth::{Reader, Staff};
use super::body::{Id, Json};
use super::listing::Page;
use super::partners::created;
use super::problem::Problem;
use crate::Indexer;
use crate::registry::{NewModule, PatchModule};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

pub(super) async fn create(State(indexer): State<Indexer>, _: Staff, Json(new): Json<NewModule>) -> Result<Response, Problem> {
    created(&indexer.registry().create_module(new).await?)
}

pub(super) async fn list(State(indexer): State<Indexer>, Reader(scope): Reader, page: Page) -> Result<Response, Problem> {
    Ok(page.of("modules", indexer.registry().modules(&scope), |module| &module.id)?.into_response())
}

pub(super) async fn show(State(indexer): State<Indexer>, Reader(scope): Reader, Id(id): Id) -> Result<Response, Problem> {
    Ok(axum::Json(indexer.registry().module(&scope, &id)?).into_response())
}

pub(super) async fn patch(
    State(indexer): State<Indexer>,
    _: Staff,
    Id(id): Id,
    Json(patch): Json<PatchModule>,
) -> Result<Response, Problem> {
    Ok(axum::Json(indexer.registry().patch_module(&id, patch).await?).into_response())
}

pub(super) async fn remove(State(indexer): State<Indexer>, _: Staff, Id(id): Id) -> Result<StatusCode, Problem> {
    indexer.registry().remove_module(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
