//! `/api/v1/tokens`: staff make and revoke them; a partner reads which ones are its own. The text of a token is in the answer that made it, and never again.

use super::auth::{Reader, Staff};
use super::body::{Id, Json};
use super::listing::Page;
use super::problem::Problem;
use crate::Indexer;
use crate::registry::{NewToken, Token};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// A token with its text.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NewTokenText")]
pub(super) struct Given {
    /// The token's text, for its holder alone.
    #[serde(rename = "token")]
    text: String,
    #[serde(flatten)]
    token: Arc<Token>,
}

pub(super) async fn create(State(indexer): State<Indexer>, _: Staff, Json(new): Json<NewToken>) -> Result<Response, Problem> {
    let minted = indexer.registry().mint_token(new).await?;
    let answer = Given { text: minted.text, token: minted.token };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response())
}

pub(super) async fn list(State(indexer): State<Indexer>, Reader(scope): Reader, page: Page) -> Result<Response, Problem> {
    Ok(page.of("tokens", indexer.registry().tokens(&scope), |token| &token.id)?.into_response())
}

pub(super) async fn show(State(indexer): State<Indexer>, Reader(scope): Reader, Id(id): Id) -> Result<Response, Problem> {
    Ok(axum::Json(indexer.registry().token(&scope, &id)?).into_response())
}

pub(super) async fn revoke(State(indexer): State<Indexer>, _: Staff, Id(id): Id) -> Result<StatusCode, Problem> {
    indexer.registry().revoke_token(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
