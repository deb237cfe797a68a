//! A copy of the catalog for a backup, and what tells that a catalog is such a copy.
//!
//! The mark is in the copy itself (SQLite's `user_version`, which nothing else uses), so that however a backup is copied back, the store that opens it begins a new epoch:
//! collectors see that, ask for the marks, and send what came after the backup; ids of rows that are numbered anew never pass for older ones.

use super::numbers::{now_ns, signed};
use super::{Catalog, CatalogError, FILE, make};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};
use std::path::Path;

impl Catalog {
    /// Writes the catalog as it is now into a folder, marked as a copy. Not synced.
    ///
    /// # Errors
    /// When it cannot be read, or the copy not be written.
    pub(crate) async fn copy_to(&self, dir: &Path) -> Result<(), CatalogError> {
        let path = dir.join(FILE);
        make(&path).map_err(|error| CatalogError::Unwritable(path.clone(), error))?;
        let copied = async {
            let name = path.to_str().ok_or_else(|| sqlx::Error::Configuration("the folder's name is no UTF-8".into()))?;
            sqlx::query("VACUUM INTO ?").bind(name).execute(&self.pool).await?;
            // One file, without a log beside it.
            let options = SqliteConnectOptions::new().filename(&path).journal_mode(SqliteJournalMode::Delete).disable_statement_logging();
            let mut copy = options.connect().await?;
            sqlx::query("PRAGMA user_version = 1").execute(&mut copy).await?;
            copy.close().await
        };
        copied.await.map_err(|error| self.failed("cannot be copied", error))
    }

    /// Draws a new epoch when this is a copy, in the transaction that takes the mark away.
    pub(super) async fn begin_anew_if_restored(&self) -> Result<(), CatalogError> {
        let work = async {
            let mark: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&self.pool).await?;
            if mark == 0 {
                return Ok(());
            }
            let epoch = rand::random::<u64>() >> 1;
            let mut transaction = self.begin().await?;
            sqlx::query("UPDATE meta SET epoch = ?, created_ns = ?").bind(signed(epoch)).bind(now_ns()).execute(&mut *transaction).await?;
            sqlx::query("PRAGMA user_version = 0").execute(&mut *transaction).await?;
            transaction.commit().await?;
            tracing::info!("the data folder was restored from a backup: a new epoch begins, and the collectors send what came after it");
            Ok(())
        };
        work.await.map_err(|error| self.failed("cannot begin anew after a restore", error))
    }
}
