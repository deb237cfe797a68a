//! `/api/v1/tokens`: staff make and revoke them; a partner reads which ones are its own. The text of a token is in the answer that made it, and never again.

use super::auth::{Reader, Staff};
use super::body::{Id, Json};
use super::listing::Page;
use super::problem::Problem;
use crate::Indexer;
use crate::audit::{Action, Asker, Question, Reach};
use crate::registry::{NewToken, Scope, Token};
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

pub(super) async fn create(
    State(indexer): State<Indexer>,
    Staff(scope): Staff,
    asker: Asker,
    Json(new): Json<NewToken>,
) -> Result<Response, Problem> {
    let minted = indexer.registry().mint_token(new).await?;
    recorded(&indexer, &scope, &asker, Action::TokenMade, &minted.token).await;
    let answer = Given { text: minted.text, token: minted.token };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response())
}

pub(super) async fn list(State(indexer): State<Indexer>, Reader(scope): Reader, page: Page) -> Result<Response, Problem> {
    Ok(page.of("tokens", indexer.registry().tokens(&scope), |token| &token.id)?.into_response())
}

pub(super) async fn show(State(indexer): State<Indexer>, Reader(scope): Reader, Id(id): Id) -> Result<Response, Problem> {
    Ok(axum::Json(indexer.registry().token(&scope, &id)?).into_response())
}

pub(super) async fn revoke(State(indexer): State<Indexer>, Staff(scope): Staff, asker: Asker, Id(id): Id) -> Result<StatusCode, Problem> {
    let token = indexer.registry().token(&scope, &id)?;
    indexer.registry().revoke_token(&id).await?;
    recorded(&indexer, &scope, &asker, Action::TokenRevoked, &token).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Records what became of a token. It is done already: a record that cannot be written now is written later.
pub(super) async fn recorded(indexer: &Indexer, scope: &Scope, asker: &Asker, action: Action, token: &Token) {
    if let Err(error) = indexer.audit().happened(scope, asker, about(action, token)).await {
        tracing::error!(%error, token = &*token.id, action = action.as_str(), "not yet recorded");
    }
}

/// What a record says that something became of a token.
pub(super) fn about(action: Action, token: &Token) -> Question {
    let reach = token.partner.clone().map_or_else(Reach::nothing, |partner| Reach::Instances(vec![(partner, "".into())]));
    Question { action, query: None, range: None, subject: Some(token.id.to_string()), reach }
}
