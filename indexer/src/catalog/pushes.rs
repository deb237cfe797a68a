//! Pushes under an `Idempotency-Key` that are stored: kept beside the marks, in whose transaction they are written.

use super::numbers::damaged;
use super::{Catalog, CatalogError};
use crate::append::{KeyedPush, PushId};
use sqlx::{Row as _, SqliteConnection};
use std::collections::HashMap;
use std::sync::Arc;

/// These pushes were stored; one of the same id from more than a day ago gives way.
pub(super) async fn put(connection: &mut SqliteConnection, pushes: &[Arc<KeyedPush>]) -> Result<(), sqlx::Error> {
    for push in pushes {
        let statement = "INSERT OR REPLACE INTO pushes (id, token, fingerprint, answer, at_ns) VALUES (?, ?, ?, ?, ?)";
        let query = sqlx::query(statement).bind(&push.id[..]).bind(&*push.token).bind(&push.fingerprint[..]);
        query.bind(&push.answer[..]).bind(push.at_ns).execute(&mut *connection).await?;
    }
    Ok(())
}

impl Catalog {
    /// The push of this id, however old.
    ///
    /// # Errors
    /// When SQLite cannot read it.
    pub(crate) async fn push(&self, id: &PushId) -> Result<Option<KeyedPush>, CatalogError> {
        let found =
            sqlx::query("SELECT token, fingerprint, answer, at_ns FROM pushes WHERE id = ?").bind(&id[..]).fetch_optional(&self.pool);
        let read = async {
            let Some(row) = found.await? else { return Ok(None) };
            let fingerprint: &[u8] = row.try_get("fingerprint")?;
            Ok(Some(KeyedPush {
                id: *id,
                token: row.try_get::<&str, _>("token")?.into(),
                fingerprint: fingerprint.try_into().map_err(|error| damaged("fingerprint", error))?,
                answer: row.try_get::<&[u8], _>("answer")?.into(),
                at_ns: row.try_get("at_ns")?,
            }))
        };
        read.await.map_err(|error| self.failed("cannot look up a pushed key", error))
    }

    /// Forgets the pushes from before this time, and those of tokens that are gone; what is left takes so many bytes by token.
    ///
    /// # Errors
    /// When it was not committed; then nothing is forgotten.
    pub(crate) async fn expire_pushes(&self, before_ns: i64) -> Result<HashMap<Arc<str>, u64>, CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            let statement = "DELETE FROM pushes WHERE at_ns < ? OR token NOT IN (SELECT id FROM tokens)";
            sqlx::query(statement).bind(before_ns).execute(&mut *transaction).await?;
            let statement = "SELECT token, COUNT(*) AS pushes, SUM(LENGTH(answer)) AS bytes FROM pushes GROUP BY token";
            let rows = sqlx::query(statement).fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            let total = |row: &sqlx::sqlite::SqliteRow| {
                let (pushes, bytes): (i64, i64) = (row.try_get("pushes")?, row.try_get("bytes")?);
                let bytes = pushes.unsigned_abs() * KeyedPush::OVERHEAD_BYTES + bytes.unsigned_abs();
                Ok((row.try_get::<&str, _>("token")?.into(), bytes))
            };
            rows.iter().map(total).collect::<Result<_, sqlx::Error>>()
        };
        work.await.map_err(|error| self.failed("cannot forget pushed keys", error))
    }
}
