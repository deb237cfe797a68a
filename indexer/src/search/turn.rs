//! A search's turn on one of the bounded number of threads that search at once.
//!
//! Invariant: a search that waits for its reader has given its turn back, so that a reader who does not read keeps nobody else waiting.

use super::ticker::Halt;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// How long to wait before it is tried again.
const WAIT: Duration = Duration::from_millis(2);

/// See the module.
pub(super) struct Turn {
    threads: Arc<Semaphore>,
    permit: RefCell<Option<OwnedSemaphorePermit>>,
}

impl Turn {
    /// The turn that this permit, taken from these threads, gives.
    pub(super) fn new(threads: Arc<Semaphore>, permit: OwnedSemaphorePermit) -> Self {
        Self { threads, permit: RefCell::new(Some(permit)) }
    }

    /// The threads that searches share.
    pub(super) fn threads(&self) -> &Arc<Semaphore> {
        &self.threads
    }

    /// Gives the turn back for good: what is left to do is telling.
    pub(super) fn end(&self) {
        drop(self.permit.take());
    }

    /// Gives the turn back, tries again and again until there is something, and takes the turn anew.
    pub(super) fn wait<T>(&self, deadline: Instant, mut attempt: impl FnMut() -> Result<Option<T>, Halt>) -> Result<T, Halt> {
        drop(self.permit.take());
        let found = until(deadline, &mut attempt)?;
        let permit = until(deadline, &mut || match self.threads.clone().try_acquire_owned() {
            Ok(permit) => Ok(Some(permit)),
            Err(TryAcquireError::NoPermits) => Ok(None),
            Err(TryAcquireError::Closed) => Err(Halt::Cancelled),
        })?;
        self.permit.replace(Some(permit));
        Ok(found)
    }
}

fn until<T>(deadline: Instant, attempt: &mut impl FnMut() -> Result<Option<T>, Halt>) -> Result<T, Halt> {
    loop {
        if let Some(found) = attempt()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            return Err(Halt::Deadline);
        }
        std::thread::sleep(WAIT);
    }
}
