//! The registry: partners, modules, instances and tokens; it authenticates, says who owns a stream, and alone makes a [`Scope`].
//!
//! ```text
//! request ─► decide (rules over the state) ─► changes ─► one catalog transaction ─► the same changes in memory ─► changes() is told
//! ```
//!
//! Invariants: reads are from memory and see committed changes only; a change that was begun is finished even when nobody waits for
//! its answer any more; no secret is kept, only its SHA-256. What a partner is told of something that is not its own is what it is told of something
//! that is not there.

mod changes;
mod error;
mod ids;
mod instances;
mod keep;
mod modules;
mod owners;
mod partners;
mod people;
mod policies;
mod quarantine;
mod scope;
mod secret;
mod sessions;
mod state;
mod tokens;

#[cfg(test)]
mod tests;

pub use error::RegistryError;
pub(crate) use ids::{rfc3339, time_text};
pub use instances::{Instance, NewInstance, PatchInstance, Selector};
pub use keep::Keep;
pub(crate) use keep::Keeps;
pub use modules::{Module, NewModule, PatchModule};
pub use partners::{NewPartner, Partner, PatchPartner};
pub use people::Person;
pub use quarantine::{Pod, PodHead, Reason};
#[cfg(test)]
pub(crate) use scope::Reach;
pub use scope::{Principal, Scope};
pub use secret::{Kind, Link};
pub use sessions::{SESSION_AGE_MAX, SignedIn};
pub use tokens::{Minted, NewToken, Token};

use crate::catalog::{Catalog, CatalogError};
use changes::Change;
use state::State;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Partners, modules, instances, tokens. Clones share it; reads are from memory, writes go through the catalog.
#[derive(Debug, Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    catalog: Catalog,
    /// What is committed. Locked for moments only: never over an await.
    state: parking_lot::RwLock<State>,
    /// Whoever changes something holds this from its decision to the end of its commit.
    writing: Arc<tokio::sync::Mutex<()>>,
    changes: watch::Sender<u64>,
    /// What collectors are told of policies, as it was last asked for.
    policies: parking_lot::Mutex<Option<Arc<policies::PolicyDocument>>>,
    /// Work that runs on when the request behind it has gone; [`Registry::close`] waits for it.
    work: TaskTracker,
}

/// What creating something came to.
#[derive(Debug, Clone)]
pub struct Created<T> {
    /// What is there now.
    pub value: Arc<T>,
    /// Whether it was made just now; else the same was there already.
    pub new: bool,
}

impl Registry {
    /// Reads the registry from the catalog.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn open(catalog: Catalog) -> Result<Self, CatalogError> {
        policies::draw_missing(&catalog).await.map_err(|error| catalog.failed("cannot keep the partners' keys", error))?;
        let state = changes::load(&catalog).await.map_err(|error| catalog.failed("cannot read the registry", error))?;
        let shared = Shared {
            catalog,
            state: parking_lot::RwLock::new(state),
            writing: Arc::default(),
            changes: watch::Sender::new(0),
            policies: parking_lot::Mutex::default(),
            work: TaskTracker::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Told each time a token is revoked or the registry changes, so that tails can check whether they may go on.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Where work is spawned that must end even when its request is dropped.
    pub(crate) fn work(&self) -> &TaskTracker {
        &self.shared.work
    }

    /// Takes no change more and waits for those under way. The catalog stays open: it is the store's.
    pub async fn close(&self) {
        self.shared.work.close();
        let last = self.shared.writing.lock().await;
        self.shared.work.wait().await;
        drop(last);
    }

    /// Decides on the committed state, commits what was decided, then shows it: the one way in which the registry changes.
    async fn change<T>(&self, decide: impl FnOnce(&State) -> Result<(Vec<Change>, T), RegistryError>) -> Result<T, RegistryError> {
        let turn = Arc::clone(&self.shared.writing).lock_owned().await;
        if self.shared.work.is_closed() {
            return Err(RegistryError::Catalog(CatalogError::Closed));
        }
        let (changes, answer) = decide(&self.shared.state.read())?;
        if changes.is_empty() {
            return Ok(answer);
        }
        let shared = Arc::clone(&self.shared);
        // On its own: a request whose client goes away is dropped at its next await, and the state must not fall behind the catalog.
        let commit = self.shared.work.spawn(async move {
            let committed = changes::commit(&shared.catalog, &changes).await;
            committed.map_err(|error| shared.catalog.failed("cannot keep the change", error))?;
            shared.show(changes);
            drop(turn);
            Ok(())
        });
        commit.await.map_err(|_| CatalogError::Closed)?.map_err(RegistryError::Catalog)?;
        Ok(answer)
    }
}

impl Shared {
    fn show(&self, changes: Vec<Change>) {
        let concerns_readers = changes.iter().any(Change::concerns_readers);
        let mut state = self.state.write();
        changes.into_iter().for_each(|change| state.apply(change));
        drop(state);
        if concerns_readers {
            self.changes.send_modify(|version| *version += 1);
        }
    }
}
