//! `/api/v1/instances`: staff make, change and remove them; a partner reads its own.
//!
//! When one is made, or its selector changes, the quarantined pods that it takes are released to it in the same request; the answer says so:
//! `"released":{"pods","rows","waiting"}`. What waits, because the store could not take it now, is released by the same request sent again.

use super::auth::{Reader, Staff};
use super::body::{Id, Json};
use super::listing::Page;
use super::problem::Problem;
use super::quarantine::{Released, release_matching};
use crate::Indexer;
use crate::registry::{Instance, NewInstance, PatchInstance};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// An instance that was made or changed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GivenInstance")]
pub(super) struct Given {
    #[serde(flatten)]
    instance: Arc<Instance>,
    /// What left the quarantine for it.
    released: Released,
}

pub(super) async fn create(State(indexer): State<Indexer>, _: Staff, Json(new): Json<NewInstance>) -> Result<Response, Problem> {
    let created = indexer.registry().create_instance(new).await?;
    let status = if created.new { StatusCode::CREATED } else { StatusCode::OK };
    let released = release_matching(&indexer).await?;
    Ok((status, axum::Json(Given { instance: created.value, released })).into_response())
}

pub(super) async fn list(State(indexer): State<Indexer>, Reader(scope): Reader, page: Page) -> Result<Response, Problem> {
    Ok(page.of("instances", indexer.registry().instances(&scope), |instance| &instance.id)?.into_response())
}

pub(super) async fn show(State(indexer): State<Indexer>, Reader(scope): Reader, Id(id): Id) -> Result<Response, Problem> {
    Ok(axum::Json(indexer.registry().instance_in(&scope, &id)?).into_response())
}

pub(super) async fn patch(
    State(indexer): State<Indexer>,
    _: Staff,
    Id(id): Id,
    Json(patch): Json<PatchInstance>,
) -> Result<Response, Problem> {
    let instance = indexer.registry().patch_instance(&id, patch).await?;
    let released = release_matching(&indexer).await?;
    Ok(axum::Json(Given { instance, released }).into_response())
}

pub(super) async fn remove(State(indexer): State<Indexer>, _: Staff, Id(id): Id) -> Result<StatusCode, Problem> {
    indexer.registry().remove_instance(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
