//! Changes: what can happen to the registry, as rows of the catalog and in memory alike.
//!
//! Opening reads every row as the `Put` that made it, so the state after a restart is the state before it.

use super::instances::{self, Instance};
use super::modules::{self, Module};
use super::partners::{self, Partner};
use super::quarantine::{self, Pod};
use super::secret::Digest;
use super::sessions::{self, Session};
use super::state::State;
use super::tokens::{self, Token};
use crate::catalog::Catalog;
use sqlx::SqliteConnection;
use std::sync::Arc;

/// One thing is so now (it was made, or changed), or is no more.
#[derive(Debug, Clone)]
pub(super) enum Change {
    PutPartner(Arc<Partner>),
    RemovePartner(Arc<str>),
    PutModule(Arc<Module>),
    RemoveModule(Arc<str>),
    PutInstance(Arc<Instance>),
    RemoveInstance(Arc<str>),
    PutToken(Arc<Token>),
    RemoveToken(Arc<str>),
    PutSession(Arc<Session>),
    RemoveSession(Digest),
    PutPod(Arc<Pod>),
    RemovePod(Arc<str>),
}

impl Change {
    /// Whether a reader's scope, or what a reader may list, can be another one now.
    pub(super) fn concerns_readers(&self) -> bool {
        !matches!(self, Self::PutSession(_) | Self::RemoveSession(_) | Self::PutPod(_) | Self::RemovePod(_))
    }

    async fn write(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        match self {
            Self::PutPartner(partner) => partners::put(connection, partner).await,
            Self::PutModule(module) => modules::put(connection, module).await,
            Self::PutInstance(instance) => instances::put(connection, instance).await,
            Self::PutToken(token) => tokens::put(connection, token).await,
            Self::PutSession(session) => sessions::put(connection, session).await,
            Self::PutPod(pod) => quarantine::put(connection, pod).await,
            Self::RemovePartner(id) => remove(connection, "DELETE FROM partners WHERE id = ?", id).await,
            Self::RemoveModule(id) => remove(connection, "DELETE FROM modules WHERE id = ?", id).await,
            Self::RemoveInstance(id) => remove(connection, "DELETE FROM instances WHERE id = ?", id).await,
            Self::RemoveToken(id) => remove(connection, "DELETE FROM tokens WHERE id = ?", id).await,
            Self::RemoveSession(digest) => sessions::remove(connection, digest).await,
            Self::RemovePod(id) => remove(connection, "DELETE FROM quarantined_pods WHERE id = ?", id).await,
        }
    }
}

/// Writes the changes in one transaction, in their order.
pub(super) async fn commit(catalog: &Catalog, changes: &[Change]) -> Result<(), sqlx::Error> {
    let mut transaction = catalog.begin().await?;
    for change in changes {
        change.write(&mut transaction).await?;
    }
    transaction.commit().await
}

/// The state of the rows, as of one moment.
pub(super) async fn load(catalog: &Catalog) -> Result<State, sqlx::Error> {
    let mut transaction = catalog.pool().begin().await?;
    let mut state = State::default();
    partners::load(&mut transaction, &mut state).await?;
    modules::load(&mut transaction, &mut state).await?;
    instances::load(&mut transaction, &mut state).await?;
    tokens::load(&mut transaction, &mut state).await?;
    sessions::load(&mut transaction, &mut state).await?;
    quarantine::load(&mut transaction, &mut state).await?;
    transaction.rollback().await?;
    Ok(state)
}

async fn remove(connection: &mut SqliteConnection, statement: &'static str, id: &str) -> Result<(), sqlx::Error> {
    sqlx::query(statement).bind(id).execute(connection).await.map(drop)
}
