//! Erasing for good: one account's rows, or everything of a partner that leaves.
//!
//! ```text
//! begin   the catalog keeps what is to go: a crash from here on is made up for at the next start
//!   │     wiping begins: spares of the log are overwritten, the segment that is written is ended, what is let go of is overwritten
//!   │     what is live is flushed; the rows go from the splits (account), or the splits go (partner)
//!   │     the log lets go of every segment from before; a snapshot for a backup that is under way goes
//!   │     SQLite's file is written anew, its log emptied
//! end     what was to go is named nowhere any more; how many rows went, of whom and which day, by whose token and when, stays
//! ```
//!
//! Invariants: when an erasure has ended, no file of the data folder holds what had arrived before it began and was to go; it is about this folder alone, not about backups.
//! Seqs of erased rows stay empty: nothing is numbered anew. There is one erasure at a time; further ones wait. One that fails (a full disk) is tried again until it is done.

mod account;
mod partner;
mod scrub;

pub use account::AccountErasure;

use crate::Indexer;
use crate::engine::Engine;
use crate::registry::{RegistryError, Scope, time_text};
use crate::row::Owner;
use crate::search::request::SearchError;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long one that failed waits.
const RETRY: Duration = Duration::from_secs(10);

/// What is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ErasureKind")]
pub enum Kind {
    /// The rows of one account.
    Account,
    /// Everything of one partner.
    Partner,
}

impl Kind {
    /// As it is kept and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Partner => "partner",
        }
    }
}

/// How far an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ErasureState")]
pub enum State {
    /// It goes on, or waits for another one.
    Running,
    /// Everything is gone.
    Done,
}

/// An erasure as it is told; what was erased is not in it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Erasure")]
pub struct Report {
    /// Its id.
    pub id: String,
    /// What was erased.
    pub kind: Kind,
    /// How far it is.
    pub state: State,
    /// What whoever asked for it wrote.
    pub reference: Option<String>,
    /// The id of the token that asked.
    pub token: Arc<str>,
    /// When, RFC 3339.
    pub begun_at: String,
    /// When it was done.
    pub ended_at: Option<String>,
    /// Rows that went so far.
    pub rows: u64,
    /// Of an account: rows by instance and day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased: Option<Vec<ErasedRows>>,
    /// Why it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What an erasure would take.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ErasureDryRun")]
pub struct DryRun {
    /// Always true.
    pub dry_run: bool,
    /// Rows that would go.
    pub rows: u64,
    /// Whether texts are searched, too.
    pub texts: bool,
    /// By instance and day.
    pub erased: Vec<ErasedRows>,
}

/// Rows of an instance and a day that went.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ErasedRows {
    /// Whose.
    pub partner: Arc<str>,
    /// The module.
    pub module: Arc<str>,
    /// The instance.
    pub instance: Arc<str>,
    /// The UTC day, `2026-11-25`.
    pub day: String,
    /// How many.
    pub rows: u64,
}

/// An erasure as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Erasure {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// What is to go, as JSON; `None` when it has gone.
    pub(crate) request: Option<String>,
    pub(crate) reference: Option<String>,
    /// The id of the token that asked.
    pub(crate) token: Arc<str>,
    pub(crate) begun_ns: i64,
    pub(crate) ended_ns: Option<i64>,
    /// Rows erased; 0 until it has ended.
    pub(crate) rows: u64,
}

/// A tombstone: how many rows of an instance and a day went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    pub(crate) erasure: String,
    /// Whose they were: partner, module and instance; the rest is empty.
    pub owner: Arc<Owner>,
    /// The beginning of the UTC day on which they were printed, ns since the epoch.
    pub day_ns: i64,
    /// How many.
    pub rows: u64,
}

/// What this process knows of erasures.
#[derive(Debug, Default)]
pub(crate) struct Erasures {
    /// The tombstones, as the catalog has them.
    pub(crate) tombstones: Mutex<Vec<Erased>>,
    /// Partners that are being removed: nothing more of theirs is taken.
    pub(crate) leaving: Mutex<HashSet<Arc<str>>>,
    /// The ids of those that this process works on: what the catalog calls ended may still be in its file.
    running: Mutex<HashSet<String>>,
    /// Why the one under way did not succeed yet.
    failed: Mutex<Option<(String, String)>>,
    /// Held by who erases.
    turn: tokio::sync::Mutex<()>,
}

/// Why nothing is erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The request.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] crate::catalog::CatalogError),
    /// The rows cannot be found.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The disk.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Erasure {
    fn new(kind: Kind, request: String, reference: Option<String>, by: &Scope) -> Self {
        Self {
            id: format!("{:016x}", rand::random::<u64>()),
            kind,
            request: Some(request),
            reference,
            token: by.token_id().into(),
            begun_ns: crate::append::now_ns(),
            ended_ns: None,
            rows: 0,
        }
    }
}

impl Indexer {
    /// Every erasure as a report, oldest first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn erasures(&self) -> Result<Vec<Report>, EraseError> {
        let erased = self.catalog().erased().await?;
        Ok(self.catalog().erasures().await?.iter().map(|erasure| self.report(erasure, &erased)).collect())
    }

    /// The report of one; `None` when there is none with this id.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn erasure(&self, id: &str) -> Result<Option<Report>, EraseError> {
        Ok(self.erasures().await?.into_iter().find(|report| report.id == id))
    }

    fn report(&self, erasure: &Erasure, erased: &[Erased]) -> Report {
        let own: Vec<&Erased> = erased.iter().filter(|erased| erased.erasure == erasure.id).collect();
        let error = self.engine.erasures.failed.lock().clone().filter(|(id, _)| *id == erasure.id).map(|(_, why)| why);
        let done = erasure.ended_ns.is_some() && !self.engine.erasures.running.lock().contains(&erasure.id);
        Report {
            id: erasure.id.clone(),
            kind: erasure.kind,
            state: if done { State::Done } else { State::Running },
            reference: erasure.reference.clone(),
            token: erasure.token.clone(),
            begun_at: time_text(erasure.begun_ns),
            ended_at: erasure.ended_ns.map(time_text),
            rows: if done { erasure.rows } else { own.iter().map(|erased| erased.rows).sum() },
            erased: (erasure.kind == Kind::Account).then(|| own.iter().map(|erased| erased.told()).collect()),
            error,
        }
    }

    /// Goes on with what a crash cut off, and tells what was erased before.
    pub(crate) async fn resume_erasures(&self) -> Result<(), crate::catalog::CatalogError> {
        *self.engine.erasures.tombstones.lock() = self.catalog().erased().await?;
        for erasure in self.catalog().erasures().await?.into_iter().filter(|erasure| erasure.ended_ns.is_none()) {
            tracing::info!(id = erasure.id, kind = erasure.kind.as_str(), "an erasure was cut off and goes on");
            self.start(erasure);
        }
        Ok(())
    }

    /// Erases until it is done or the store closes; nobody need wait for it.
    fn start(&self, erasure: Erasure) {
        // Without the indexer itself: a store that is dropped ends as a crash would, this included.
        let engine = Arc::downgrade(&self.engine);
        let searches = Arc::clone(&self.searches);
        let closing = self.engine.closing.clone();
        self.engine.erasures.running.lock().insert(erasure.id.clone());
        self.registry().work().spawn(async move {
            loop {
                let Some(engine) = engine.upgrade() else { return };
                let indexer = Indexer { store: Arc::clone(&engine.store), searches: Arc::clone(&searches), engine };
                let erased = tokio::select! {
                    erased = indexer.erase(&erasure) => erased,
                    () = closing.cancelled() => return,
                };
                match erased {
                    Ok(rows) => {
                        tracing::info!(id = erasure.id, rows, token = &*erasure.token, "an erasure has ended");
                        return;
                    }
                    Err(error) => {
                        tracing::error!(id = erasure.id, %error, "an erasure did not come to its end; it is tried again");
                        *indexer.engine.erasures.failed.lock() = Some((erasure.id.clone(), error.to_string()));
                    }
                }
                drop(indexer);
                tokio::select! {
                    () = tokio::time::sleep(RETRY) => {}
                    () = closing.cancelled() => return,
                }
            }
        });
    }

    async fn erase(&self, erasure: &Erasure) -> Result<u64, EraseError> {
        let engine = &self.engine;
        let _turn = engine.erasures.turn.lock().await;
        let request = erasure.request.as_deref().unwrap_or_default();
        let rows = match erasure.kind {
            Kind::Account => self.erase_account(&erasure.id, request).await?,
            Kind::Partner => self.erase_partner(request).await?,
        };
        engine.catalog.scrub().await?;
        engine.catalog.end_erasure(&erasure.id, rows).await?;
        // Cut off here, the next start empties SQLite's log, which has the page without the request.
        engine.catalog.scrub().await?;
        *engine.erasures.tombstones.lock() = engine.catalog.erased().await?;
        *engine.erasures.failed.lock() = None;
        engine.erasures.running.lock().remove(&erasure.id);
        Ok(rows)
    }
}

impl Erased {
    /// As reports have it.
    fn told(&self) -> ErasedRows {
        ErasedRows {
            partner: self.owner.key.partner.clone(),
            module: self.owner.key.module.clone(),
            instance: self.owner.instance.clone(),
            day: self.day(),
            rows: self.rows,
        }
    }

    /// The UTC day, `2026-11-25`.
    #[must_use]
    pub fn day(&self) -> String {
        time_text(self.day_ns).chars().take(10).collect()
    }
}

impl Engine {
    /// Whether nothing more of this partner is taken.
    pub(crate) fn is_leaving(&self, partner: &str) -> bool {
        self.erasures.leaving.lock().contains(partner)
    }
}
