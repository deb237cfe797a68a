//! The catalog: what the store consists of, in SQLite (`synchronous=FULL`), changed by transactions only.
//!
//! It knows splits, the next seq and applied LSN of each module, a snapshot of the marks with its LSN, gaps, released quarantines, the epoch, who asked
//! what, excerpts, and (through the registry) partners, modules, instances and tokens.
//!
//! Invariants: a change is one transaction, committed and synced when its call returns, or nothing of it holds; a call that is
//! dropped half-way rolls back. The schema is that of `migrations/`, which are embedded and never edited after a release.
//! Numbers: see [`numbers`].

mod audit;
mod copy;
mod erasures;
mod error;
mod excerpts;
mod gaps;
pub(crate) mod hours;
mod marks;
mod nodes;
pub(crate) mod numbers;
mod pushes;
mod splits;

#[cfg(test)]
mod tests;

pub(crate) use audit::AuditPage;
pub use error::CatalogError;
pub use nodes::SavedNode;

use crate::append::KeyedPush;
use crate::row::ModuleKey;
use crate::split::SplitMeta;
use crate::store::StoredGap;
use martlog_formats::wire::{FileId, Stream};
use numbers::{signed, unsigned};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Row as _, Sqlite, SqliteConnection, Transaction};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The name of its file in the data folder.
const FILE: &str = "catalog.sqlite";
/// Readers beside the one writer; each is a thread of its own.
const CONNECTIONS_MAX: u32 = 4;
/// How long a transaction waits for the one before it. A publication takes milliseconds; a slow disk some seconds.
const BUSY_MAX: Duration = Duration::from_secs(20);

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// See the module.
#[derive(Debug, Clone)]
pub struct Catalog {
    pool: sqlx::SqlitePool,
    path: Arc<PathBuf>,
}

/// What the catalog holds when the store opens.
#[derive(Debug, Default)]
pub struct Contents {
    /// The epoch: random, made when the catalog was made, and anew after a restore.
    pub epoch: u64,
    /// The published splits.
    pub splits: Vec<Listing>,
    /// Per module what is published.
    pub modules: Vec<ModuleState>,
    /// The snapshot of the marks.
    pub marks: Marks,
    /// The gaps.
    pub gaps: Vec<StoredGap>,
    /// What nodes said last.
    pub nodes: Vec<SavedNode>,
}

/// A split as the catalog lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// What is known of it without opening it.
    pub meta: SplitMeta,
    /// Its hourly counts by instance and level, encoded; `None` for a split from before there were any.
    pub hours: Option<Arc<[u8]>>,
    /// The words and ids of a small split's rows, in the form that is kept; `None` for a larger one, or one from before there were any.
    pub filter: Option<Arc<[u8]>>,
}

/// Per module: what is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleState {
    /// Whose.
    pub key: ModuleKey,
    /// One past the largest published seq.
    pub next_seq: u64,
    /// Rows of WAL records up to and including this LSN are in splits (all of the module's).
    pub applied_lsn: u64,
    /// Quarantine only: rows below this seq have been released to their owner.
    pub released_seq: u64,
}

/// A snapshot of the marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// WAL records up to and including this LSN are in it.
    pub lsn: u64,
    /// The marks.
    pub files: Vec<FileMarks>,
}

/// The marks of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMarks {
    /// The cluster whose collectors may move them.
    pub cluster: String,
    /// The node.
    pub node: String,
    /// The container's life.
    pub stream: Stream,
    /// The file.
    pub file: FileId,
    /// `[stdout, stderr]`, bytes.
    pub marks: [u64; 2],
    /// Since when it is gone from its node, ns since the epoch.
    pub gone_ns: Option<i64>,
}

impl Catalog {
    /// Opens or makes `catalog.sqlite` in the folder and brings it to the newest schema.
    ///
    /// # Errors
    /// When the folder cannot be written, or SQLite cannot open, read or migrate the file: damaged, or made by a newer version.
    pub async fn open(dir: &Path) -> Result<Self, CatalogError> {
        let path = dir.join(FILE);
        make(&path).map_err(|error| CatalogError::Unwritable(path.clone(), error))?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_MAX)
            // What is deleted is overwritten, and nothing of it is put into a temporary file elsewhere: see `erasures`.
            .pragma("secure_delete", "ON")
            .pragma("temp_store", "MEMORY")
            // The journal keeps the length that it once had, otherwise.
            .pragma("journal_size_limit", "4194304")
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(BUSY_MAX * 2).connect_with(options).await;
        let pool = pool.map_err(|error| CatalogError::from_sql("cannot be opened", &path, error))?;
        let catalog = Self { pool, path: Arc::new(path) };
        MIGRATOR.run(&catalog.pool).await.map_err(|error| CatalogError::from_migration(&catalog.path, error))?;
        catalog.begin_epoch("INSERT INTO meta (only_row, epoch, created_ns, marks_lsn) VALUES (1, ?, ?, 0) ON CONFLICT DO NOTHING").await?;
        catalog.begin_anew_if_restored().await?;
        // A crash may have left pages in SQLite's log, and older ones of what was erased in the file.
        catalog.empty_log().await.map_err(|error| catalog.failed("cannot empty its log", error))?;
        Ok(catalog)
    }

    /// Everything that the store needs to start, as of one moment.
    ///
    /// # Errors
    /// When SQLite cannot read it.
    pub async fn contents(&self) -> Result<Contents, CatalogError> {
        self.read_contents().await.map_err(|error| self.failed("cannot be read", error))
    }

    /// One transaction: these splits are there, these others are not, the module's state is this.
    ///
    /// # Errors
    /// When it was not committed; then nothing of it holds.
    pub async fn publish(&self, added: &[Listing], removed: &[String], state: &ModuleState) -> Result<(), CatalogError> {
        self.publish_all(added, removed, std::slice::from_ref(state)).await
    }

    /// The same of several modules at once.
    ///
    /// # Errors
    /// When it was not committed; then nothing of it holds.
    pub async fn publish_all(&self, added: &[Listing], removed: &[String], states: &[ModuleState]) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            swap(&mut transaction, added, removed).await?;
            for state in states {
                splits::put_state(&mut transaction, state).await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot publish splits", error))
    }

    /// One transaction: these splits are there, these others are not any more. What their modules have published stays as it is.
    ///
    /// # Errors
    /// When it was not committed; then nothing of it holds.
    pub async fn replace(&self, added: &[Listing], removed: &[String]) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            swap(&mut transaction, added, removed).await?;
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot replace splits", error))
    }

    /// One transaction: these splits are not published any more. What their modules have published, and their next seqs, stay known.
    ///
    /// # Errors
    /// When it was not committed; then all of them still are.
    pub async fn forget_splits(&self, ids: &[String]) -> Result<(), CatalogError> {
        self.replace(&[], ids).await
    }

    /// One transaction: the changed marks, new gaps and pushes under a key since the last snapshot, and the LSN up to which these are complete.
    ///
    /// # Errors
    /// When it was not committed; then nothing of it holds.
    pub(crate) async fn snapshot_marks(
        &self,
        lsn: u64,
        changed: &[FileMarks],
        gaps: &[StoredGap],
        pushes: &[Arc<KeyedPush>],
    ) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            marks::put(&mut transaction, changed).await?;
            for gap in gaps {
                gaps::insert(&mut transaction, gap).await?;
            }
            pushes::put(&mut transaction, pushes).await?;
            sqlx::query("UPDATE meta SET marks_lsn = ?").bind(signed(lsn)).execute(&mut *transaction).await?;
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot take a snapshot of the marks", error))
    }

    /// Gives the store a new epoch, as after a restore: collectors see it, ask for the marks again and send what is missing.
    ///
    /// # Errors
    /// When it was not committed; the epoch is the old one then.
    pub async fn renew_epoch(&self) -> Result<u64, CatalogError> {
        self.begin_epoch("UPDATE meta SET epoch = ?, created_ns = ?").await
    }

    /// The pool, for the registry's tables.
    #[must_use]
    pub fn pool(&self) -> &sqlx::SqlitePool {
        &self.pool
    }

    /// Waits for what is under way and closes the file; calls afterwards fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that writes: it holds SQLite's one write lock from its start, so it never fails half-way for want of it.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    /// The error of a call on this catalog.
    pub(crate) fn failed(&self, what: &'static str, error: sqlx::Error) -> CatalogError {
        CatalogError::from_sql(what, &self.path, error)
    }

    /// Draws an epoch and runs the statement with it and the time; 63 bits, so that it is the same number in SQLite and JSON readers.
    async fn begin_epoch(&self, statement: &'static str) -> Result<u64, CatalogError> {
        let epoch = rand::random::<u64>() >> 1;
        let work = sqlx::query(statement).bind(signed(epoch)).bind(numbers::now_ns()).execute(&self.pool).await;
        work.map_err(|error| self.failed("cannot be given an epoch", error))?;
        Ok(epoch)
    }

    async fn read_contents(&self) -> Result<Contents, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let connection: &mut SqliteConnection = &mut transaction;
        let meta = sqlx::query("SELECT epoch, marks_lsn FROM meta").fetch_one(&mut *connection).await?;
        let contents = Contents {
            epoch: unsigned(meta.try_get("epoch")?),
            splits: splits::all(connection).await?,
            modules: splits::states(connection).await?,
            marks: Marks { lsn: unsigned(meta.try_get("marks_lsn")?), files: marks::all(connection).await? },
            gaps: gaps::all(connection).await?,
            nodes: nodes::all(connection).await?,
        };
        transaction.rollback().await?;
        Ok(contents)
    }
}

/// These splits instead of those.
async fn swap(connection: &mut SqliteConnection, added: &[Listing], removed: &[String]) -> Result<(), sqlx::Error> {
    for id in removed {
        splits::remove(connection, id).await?;
    }
    for split in added {
        splits::insert(connection, split).await?;
    }
    Ok(())
}

/// Makes the file when it is not there, readable by its owner alone: SQLite gives its own files beside it the same rights.
fn make(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}
