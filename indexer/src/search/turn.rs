//! A search's turn on one of the bounded number of threads that search at once.
//!
//! Invariant: a search that waits for its reader has given its turn back, so that a reader who does not read keeps nobody else waiting.

use super::ticker::Halt;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// See the module.
pub(super) struct Turn {
    threads: Arc<Semaphore>,
    permit: RefCell<Option<OwnedSemaphorePermit>>,
    /// Waits; the search's own thread is none of the reactor's.
    reactor: Handle,
}

impl Turn {
    /// The turn that this permit, taken from these threads, gives.
    pub(super) fn new(threads: Arc<Semaphore>, permit: OwnedSemaphorePermit, reactor: Handle) -> Self {
        Self { threads, permit: RefCell::new(Some(permit)), reactor }
    }

    /// The threads that searches share.
    pub(super) fn threads(&self) -> &Arc<Semaphore> {
        &self.threads
    }

    /// Gives the turn back for good: what is left to do is telling.
    pub(super) fn end(&self) {
        drop(self.permit.take());
    }

    /// Gives the turn back, waits, and takes the turn anew.
    pub(super) fn wait<T>(&self, deadline: Instant, awaited: impl Future<Output = T>) -> Result<T, Halt> {
        let had = self.permit.take().is_some();
        let come = self.until(deadline, awaited)?;
        if had {
            let permit = self.until(deadline, self.threads.clone().acquire_owned())?.map_err(|_| Halt::Cancelled)?;
            self.permit.replace(Some(permit));
        }
        Ok(come)
    }

    fn until<T>(&self, deadline: Instant, awaited: impl Future<Output = T>) -> Result<T, Halt> {
        self.reactor.block_on(async { tokio::time::timeout_at(deadline.into(), awaited).await }).map_err(|_| Halt::Deadline)
    }
}
