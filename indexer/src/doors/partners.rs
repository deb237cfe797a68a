//! `/api/v1/partners`: staff make, change and remove them; a partner reads its own.
//!
//! `DELETE …/{id}` removes one that has neither modules nor tokens, and is answered 204. `DELETE …/{id}?purge=true` removes any with everything of it, each byte: its tokens are revoked
//! when it is answered 202 with a report as `erasures` have it; the rest goes in the background.

use super::auth::{Reader, Staff};
use super::body::{Id, Json};
use super::erasures::begun;
use super::listing::{Page, json};
use super::problem::Problem;
use crate::Indexer;
use crate::registry::{Created, NewPartner, PatchPartner};
use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

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

pub(super) async fn remove(State(indexer): State<Indexer>, Staff(scope): Staff, Id(id): Id, how: How) -> Result<Response, Problem> {
    if how.purge {
        let erasure = indexer.begin_partner_erasure(&scope, &id, None).await?;
        tracing::info!(id = erasure, partner = id, token = scope.token_id(), "a partner is being removed with everything of it");
        return begun(&indexer, &erasure).await;
    }
    indexer.registry().remove_partner(&id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// How one is removed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct How {
    #[serde(default)]
    purge: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for How {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::<Self>::try_from_uri(&parts.uri);
        query.map(|query| query.0).map_err(|error| Problem::new(400, "bad_query", "The parameters cannot be taken", error.body_text()))
    }
}

/// 201 with what was made, 200 with what was there already.
pub(super) fn created<T: Serialize>(created: &Created<T>) -> Result<Response, Problem> {
    let status = if created.new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(json(&created.value)?)).into_response())
}
