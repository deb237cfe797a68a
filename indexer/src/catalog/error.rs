//! Why the catalog failed, told by what the reader can do about it.

use sqlx::migrate::MigrateError;
use std::path::{Path, PathBuf};

/// Why the catalog failed; the text says what to do where something can be done.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// SQLite said no.
    #[error("the catalog {0}: {1}")]
    Sql(&'static str, #[source] sqlx::Error),
    /// The file or its folder cannot be written.
    #[error("cannot write {path}: {1}; give this user write access to the folder, or name another data folder", path = .0.display())]
    Unwritable(PathBuf, #[source] std::io::Error),
    /// The disk is full.
    #[error("the disk of {path} is full: free some space; nothing that was acknowledged is lost", path = .0.display())]
    Full(PathBuf),
    /// The file is no database, or a damaged one.
    #[error("{path} is damaged ({1}): keep it for inspection and restore the data folder from a backup", path = .0.display())]
    Damaged(PathBuf, String),
    /// The file was written by a newer version.
    #[error("{path} was written by a newer version (schema {1}): start that version, or restore a backup made before the upgrade", path = .0.display())]
    Newer(PathBuf, i64),
    /// The process closes.
    #[error("the catalog is closed")]
    Closed,
}

/// SQLite's primary result codes that have an answer of their own.
const READ_ONLY: u32 = 8;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANNOT_OPEN: u32 = 14;
const NO_DATABASE: u32 = 26;

impl CatalogError {
    /// Sorts an error of SQLite; `what` completes "the catalog …".
    pub(super) fn from_sql(what: &'static str, path: &Path, error: sqlx::Error) -> Self {
        match primary_code(&error) {
            Some(READ_ONLY | CANNOT_OPEN) => Self::Unwritable(path.to_owned(), std::io::Error::other(error)),
            Some(CORRUPT | NO_DATABASE) => Self::Damaged(path.to_owned(), short(&error)),
            Some(FULL) => Self::Full(path.to_owned()),
            _ => match error {
                sqlx::Error::ColumnDecode { index, source } => Self::Damaged(path.to_owned(), format!("column {index}: {source}")),
                sqlx::Error::PoolClosed => Self::Closed,
                error => Self::Sql(what, error),
            },
        }
    }

    /// Sorts an error of a migration.
    pub(super) fn from_migration(path: &Path, error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) => Self::Newer(path.to_owned(), version),
            MigrateError::VersionMismatch(version) => {
                Self::Damaged(path.to_owned(), format!("schema {version} is not the one that this version makes"))
            }
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => Self::from_sql("cannot be migrated", path, error),
            other => Self::Sql("cannot be migrated", sqlx::Error::Migrate(Box::new(other))),
        }
    }
}

/// SQLite's result code without its extension.
fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// SQLite's own words, without the frame that sqlx puts around them.
fn short(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |inner| inner.message().to_owned())
}
