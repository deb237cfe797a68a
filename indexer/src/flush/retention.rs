//! Retention: splits that are too old, or too many, are removed whole.
//!
//! How long is said by the store's setting, and by the registry for a module or an instance; a split goes when the longest of its module has passed. Rows of those who keep less go
//! before it: see [`super::overdue`].
//!
//! A split's *last moment* is the later of its newest row's time and its newest arrival: a line that came late stays its whole time. Only what is published is removed;
//! live rows become a split first. Order, which a crash may cut anywhere: the catalog forgets the splits in one transaction; memory forgets them; the files are
//! removed (one that stays behind is an orphan for the next start). Who may still read a split gets it open.

use super::Publisher;
use crate::registry::Keeps;
use crate::shelf::Shelved;
use crate::split::SplitMeta;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How much is kept; how long, the registry says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Retention {
    /// What holds where the registry says nothing: since a split's last moment; `None` is for ever.
    pub(crate) age_max: Option<Duration>,
    /// All splits together, bytes: over it the oldest go first; `None` is all.
    pub(crate) bytes_max: Option<u64>,
}

impl Retention {
    /// The splits that have to go at this time, ns since the epoch: those of which no row is kept any more, and then the oldest while the rest is too much.
    fn expired(self, keeps: &Keeps, splits: Vec<Arc<Shelved>>, now_ns: i64) -> Vec<Arc<Shelved>> {
        let is_old = |split: &Arc<Shelved>| {
            let kept_from = |keep: Duration| now_ns.saturating_sub(i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX));
            keeps.longest(&split.meta.key).is_some_and(|keep| last_moment_ns(&split.meta) < kept_from(keep))
        };
        let (mut expired, mut rest): (Vec<_>, Vec<_>) = splits.into_iter().partition(is_old);
        rest.sort_by_key(|split| last_moment_ns(&split.meta));
        let mut bytes: u64 = rest.iter().map(|split| split.meta.bytes).sum();
        let too_much = |split: &Arc<Shelved>| {
            let over = self.bytes_max.is_some_and(|max| bytes > max);
            bytes -= split.meta.bytes;
            over
        };
        let count = rest.iter().map(too_much).take_while(|over| *over).count();
        expired.extend(rest.drain(..count));
        expired
    }
}

fn last_moment_ns(meta: &SplitMeta) -> i64 {
    meta.time_max_ns.max(meta.arrived_max_ns)
}

impl Publisher {
    /// Removes what has expired; how many splits.
    pub(crate) async fn expire(&self, retention: Retention, keeps: &Keeps, now_ns: i64) -> io::Result<usize> {
        let _one = self.one.lock().await;
        let expired = retention.expired(keeps, self.store.splits(), now_ns);
        if expired.is_empty() {
            return Ok(0);
        }
        let ids: Vec<String> = expired.iter().map(|split| split.meta.id.clone()).collect();
        self.catalog.forget_splits(&ids).await.map_err(io::Error::other)?;
        for split in &expired {
            self.store.forget_splits(&split.meta.key, |known| known.meta.id == split.meta.id);
        }
        self.remove_files(expired).await;
        tracing::info!(splits = ids.len(), "removed what is older or more than the retention keeps");
        Ok(ids.len())
    }
}
