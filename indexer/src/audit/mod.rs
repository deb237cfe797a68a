//! Who asked what: one record for each search, export, excerpt and token, readable by staff and by the partner whose lines were concerned.
//!
//! ```text
//! begin (scope, asker, question) ─► Open: counts rows and bytes, by instance ─► end ─► memory ─► the catalog, once a second
//!                                     └─ kept: an export is in the catalog before its answer begins
//! ```
//!
//! Invariants: what an answer gave is counted by the owner that each row has, so a partner is told of its own rows alone. What a partner reads of a question that staff asked
//! names nothing of another partner's (`quotable`): else its text is not shown. Whatever happened is recorded once: the same question of the same token within [`TOGETHER`] is one
//! record that says how often. Nothing of a partner that has left is written any more.
//!
//! Bounds: records by age and number ([`KEPT`], [`OF_ONE_MAX`], [`ALL_MAX`]), per partner, so that whoever asks much pushes out its own records; texts of [`QUERY_BYTES_MAX`]. Ordinary
//! questions wait in memory for a second at most, and a crash loses that second; where the catalog cannot be written for long, the number of those that were lost is a record.

mod forget;
mod memory;
mod open;
mod reach;
mod view;

#[cfg(test)]
mod tests;

pub(crate) use forget::{Account, names_any};
pub use open::{Asker, Ended, Open, Question};
pub use reach::Reach;
pub(crate) use view::Eye;
pub use view::Wanted;

use crate::catalog::{Catalog, CatalogError};
use crate::registry::{Registry, RegistryError};
use memory::Memory;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long records are kept: a year, and a month in which somebody looks at it.
pub(crate) const KEPT: Duration = Duration::from_secs(400 * 86_400);
/// Ordinary records of one partner, or of staff; as many again of the weighty ones.
pub(crate) const OF_ONE_MAX: u32 = 50_000;
/// Records of all together: backups and erasures write the whole catalog anew, and must not take long for them.
pub(crate) const ALL_MAX: u32 = 500_000;
/// The same question within this time is one record: a page that is left open asks every few seconds.
const TOGETHER: Duration = Duration::from_secs(60);
/// Records in memory: some thousands a second are more than this server answers.
const MEMORY_MAX: usize = 4_096;
/// The longest text of a query that is kept, bytes; the beginning of a longer one is.
const QUERY_BYTES_MAX: usize = 4 << 10;
/// Instances that are told apart in a record; the rows of further ones are counted for their partner.
const CONCERNED_MAX: usize = 1_000;
/// How often memory is written out.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether there are too many.
const PRUNE_EVERY: Duration = Duration::from_secs(600);

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Lines were searched.
    Search,
    /// A table was made of lines.
    Stats,
    /// Lines were counted over time.
    Histogram,
    /// The fields of lines were listed.
    Fields,
    /// The values of a field were listed.
    Values,
    /// Fields and values were offered while somebody typed.
    Suggest,
    /// The lines around one were read.
    Context,
    /// Lines were followed.
    Tail,
    /// Lines were exported.
    Export,
    /// Lines were copied into an excerpt.
    ExcerptMade,
    /// Somebody read an excerpt.
    ExcerptOpened,
    /// An excerpt was taken back.
    ExcerptRevoked,
    /// A token was made.
    TokenMade,
    /// A token was revoked.
    TokenRevoked,
    /// So many records (`rows`) could not be kept.
    Lost,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Search,
        Self::Stats,
        Self::Histogram,
        Self::Fields,
        Self::Values,
        Self::Suggest,
        Self::Context,
        Self::Tail,
        Self::Export,
        Self::ExcerptMade,
        Self::ExcerptOpened,
        Self::ExcerptRevoked,
        Self::TokenMade,
        Self::TokenRevoked,
        Self::Lost,
    ];

    /// The word in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Stats => "stats",
            Self::Histogram => "histogram",
            Self::Fields => "fields",
            Self::Values => "values",
            Self::Suggest => "suggest",
            Self::Context => "context",
            Self::Tail => "tail",
            Self::Export => "export",
            Self::ExcerptMade => "excerpt_made",
            Self::ExcerptOpened => "excerpt_opened",
            Self::ExcerptRevoked => "excerpt_revoked",
            Self::TokenMade => "token_made",
            Self::TokenRevoked => "token_revoked",
            Self::Lost => "lost",
        }
    }

    /// The action of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }

    /// Whether the same again soon is the same record.
    pub(crate) const fn is_ordinary(self) -> bool {
        matches!(self, Self::Search | Self::Stats | Self::Histogram | Self::Fields | Self::Values | Self::Suggest | Self::Context)
    }
}

/// Of what kind of reader a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Staff,
    Partner,
    Excerpt,
}

impl Who {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Partner => "partner",
            Self::Excerpt => "excerpt",
        }
    }

    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "staff" => Self::Staff,
            "excerpt" => Self::Excerpt,
            _ => Self::Partner,
        }
    }
}

/// Partner and instance (empty: all of the partner's), with the rows and bytes of it.
pub(crate) type Concerned = BTreeMap<(Arc<str>, Arc<str>), (u64, u64)>;

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// When it was asked, ns since the epoch; unique.
    pub(crate) id: i64,
    pub(crate) last_ns: i64,
    pub(crate) times: u64,
    pub(crate) action: Action,
    pub(crate) who: Who,
    pub(crate) token: Arc<str>,
    pub(crate) note: Option<String>,
    pub(crate) partner: Option<Arc<str>>,
    /// As JSON.
    pub(crate) instances: Option<String>,
    pub(crate) query: Option<String>,
    pub(crate) erased: bool,
    pub(crate) subject: Option<String>,
    pub(crate) range: Option<(i64, i64)>,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) duration_ms: u64,
    pub(crate) outcome: String,
    pub(crate) remote: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) everything: bool,
    pub(crate) quotable_to: Option<Arc<str>>,
    pub(crate) concerned: Concerned,
}

/// See the module. Clones share it.
#[derive(Debug, Clone)]
pub struct Audit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    catalog: Catalog,
    registry: Registry,
    memory: Mutex<Memory>,
    /// Held by who writes or erases records.
    writing: tokio::sync::Mutex<()>,
    writer: Mutex<Option<JoinHandle<()>>>,
    closing: CancellationToken,
}

impl Audit {
    /// Begins to keep records; what a crash cut off is told as that.
    pub(crate) async fn open(catalog: Catalog, registry: Registry, closing: CancellationToken) -> Result<Self, CatalogError> {
        let last_id = catalog.open_audit().await?;
        let memory = Mutex::new(Memory::new(last_id));
        let (writing, writer) = (tokio::sync::Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { catalog, registry, memory, writing, writer, closing: closing.clone() });
        // Without the records themselves: a store that is dropped ends as a crash would, this included.
        *shared.writer.lock() = Some(tokio::spawn(run(Arc::downgrade(&shared), closing)));
        Ok(Self { shared })
    }

    /// Writes out what is in memory.
    pub(crate) async fn write(&self) -> Result<(), CatalogError> {
        let _one = self.shared.writing.lock().await;
        self.write_all().await
    }

    async fn write_all(&self) -> Result<(), CatalogError> {
        let mut unwritten = Unwritten { memory: &self.shared.memory, records: self.shared.memory.lock().take_changed() };
        if !unwritten.records.is_empty() {
            self.shared.catalog.put_audit(&unwritten.records).await?;
            unwritten.records.clear();
        }
        Ok(())
    }

    /// Removes what is too old or too much, and excerpts and sign-ins that have expired.
    async fn tidy(&self) -> Result<(), CatalogError> {
        self.shared.catalog.expire_excerpts().await?;
        if let Err(RegistryError::Catalog(error)) = self.shared.registry.remove_ended_people().await {
            return Err(error);
        }
        self.shared.catalog.prune_audit().await
    }

    /// Writes the last records; what ends later is not recorded any more.
    pub(crate) async fn close(&self) {
        self.shared.closing.cancel();
        let writer = self.shared.writer.lock().take();
        if let Some(writer) = writer
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "the writer of records ended badly");
        }
        if let Err(error) = self.write().await {
            tracing::error!(%error, "the last records of who asked what could not be written");
        }
    }
}

/// Records on their way to the catalog: whatever cuts that off, a request that is dropped too, they go back into memory.
struct Unwritten<'a> {
    memory: &'a Mutex<Memory>,
    records: Vec<Record>,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        if !self.records.is_empty() {
            self.memory.lock().put_back(&self.records);
        }
    }
}

/// Writes and tidies up until the store closes.
async fn run(shared: Weak<Shared>, closing: CancellationToken) {
    let mut tidied: Option<Instant> = None;
    let mut failing = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(WRITE_EVERY) => {}
            () = closing.cancelled() => return,
        }
        let Some(shared) = shared.upgrade() else { return };
        let audit = Audit { shared };
        let mut done = audit.write().await;
        if done.is_ok() && tidied.is_none_or(|at| at.elapsed() > PRUNE_EVERY) {
            tidied = Some(Instant::now());
            done = audit.tidy().await;
        }
        // Told once, not every second.
        match &done {
            Err(error) if !failing => tracing::error!(%error, "records of who asked what cannot be kept; tried again every second"),
            Ok(()) if failing => tracing::info!("records of who asked what are kept again"),
            _ => {}
        }
        failing = done.is_err();
    }
}
