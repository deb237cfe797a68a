//! What a lane is told of the files: the newest look at each container, from the survey to the lane whose streams they are.
//!
//! Invariant: bounded by the number of containers, however long the lane does not look: a newer look replaces an older one of the same container.

use crate::labels::Labels;
use crate::survey::Look;
use martlog_formats::wire::Stream;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One lane's.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    mail: Mutex<Mail>,
    bell: Notify,
}

/// What came since the last time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mail {
    /// By container.
    pub(crate) looks: BTreeMap<Arc<Stream>, Look>,
    /// Everything was looked at since, so often.
    pub(crate) surveys: u32,
    /// Whether all of it could be read, the last time.
    pub(crate) complete: bool,
    /// The pods' labels, when they changed.
    pub(crate) labels: Option<Arc<Labels>>,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to it.
    pub(crate) fn put(&self, change: impl FnOnce(&mut Mail)) {
        change(&mut self.lock());
        self.bell.notify_one();
    }

    /// Takes all that is in it; `None` when there is nothing.
    pub(crate) fn take(&self) -> Option<Mail> {
        let mail = std::mem::take(&mut *self.lock());
        (!mail.looks.is_empty() || mail.surveys > 0 || mail.labels.is_some()).then_some(mail)
    }

    /// Waits until there is something; may be true too early.
    pub(crate) async fn rings(&self) {
        self.bell.notified().await;
    }
}
