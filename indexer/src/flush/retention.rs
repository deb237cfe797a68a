//! Retention: splits that are too old, or too many, are removed whole.
//!
//! A split's *last moment* is the later of its newest row's time and its newest arrival: a line that came late stays its whole time. Only what is published is removed;
//! live rows become a split first. Order, which a crash may cut anywhere: the catalog forgets the splits in one transaction; memory forgets them; the files are
//! removed (one that stays behind is an orphan for the next start). Who reads a split has it open and reads on.

use super::Publisher;
use crate::split::{Split, SplitMeta};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long and how much is kept; `None` is for ever, and all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Retention {
    /// Since a split's last moment.
    pub(crate) age_max: Option<Duration>,
    /// All splits together, bytes: over it the oldest go first.
    pub(crate) bytes_max: Option<u64>,
}

impl Retention {
    /// The splits that have to go at this time, ns since the epoch.
    fn expired(self, mut splits: Vec<Arc<Split>>, now_ns: i64) -> Vec<Arc<Split>> {
        splits.sort_by_key(|split| last_moment_ns(&split.meta));
        let oldest_ns = self.age_max.map(|age| now_ns.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)));
        let mut bytes: u64 = splits.iter().map(|split| split.meta.bytes).sum();
        let goes = |split: &&Arc<Split>| {
            let old = oldest_ns.is_some_and(|oldest| last_moment_ns(&split.meta) < oldest);
            let over = self.bytes_max.is_some_and(|max| bytes > max);
            bytes -= split.meta.bytes;
            old || over
        };
        // Ascending: behind the first one that stays, all stay.
        let count = splits.iter().take_while(goes).count();
        splits.truncate(count);
        splits
    }
}

fn last_moment_ns(meta: &SplitMeta) -> i64 {
    meta.time_max_ns.max(meta.arrived_max_ns)
}

impl Publisher {
    /// Holds up publications, expiry and replacements: as long as the guard lives, the published splits are those that are published now.
    pub(crate) async fn hold(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.one.lock().await
    }

    /// Removes what has expired; how many splits.
    pub(crate) async fn expire(&self, retention: Retention, now_ns: i64) -> io::Result<usize> {
        let _one = self.one.lock().await;
        let expired = retention.expired(self.store.splits(), now_ns);
        if expired.is_empty() {
            return Ok(0);
        }
        let ids: Vec<String> = expired.iter().map(|split| split.meta.id.clone()).collect();
        self.catalog.forget_splits(&ids).await.map_err(io::Error::other)?;
        for split in &expired {
            self.store.forget_split(&split.meta);
            self.remove_file(&split.meta.key, &split.meta.id).await;
        }
        tracing::info!(splits = expired.len(), "removed what is older or more than the retention keeps");
        Ok(expired.len())
    }
}
