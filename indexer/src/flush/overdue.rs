//! Rows that are kept for less long than others of their module.
//!
//! A split goes whole when everything of its module has expired ([`super::retention`]); the rows of an instance that keeps less would stay with the others until then. So a split that
//! is old enough to have such rows is looked at, and rewritten without those that have expired. Reading a split again for every row that expires would cost more than the rows are
//! worth: each is looked at once a day, or ten times in the shortest retention where that is more often. Until then an expired row is still found; so a row of an instance is
//! there for at most a day (a tenth of a retention of less than ten days) longer than it is kept. A row's moment is the later of its time and its arrival.

use super::{Built, Publisher};
use crate::engine::Engine;
use crate::registry::Keeps;
use crate::row::{ModuleKey, Row, RowRef};
use crate::shelf::Shelved;
use crate::split::SplitMeta;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How often a split is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(86_400);
/// Looks in the shortest retention of a module, at least.
const LOOKS: u32 = 10;

/// When each split was looked at, by its id, ns. After a start each is looked at anew.
#[derive(Debug, Default)]
pub(crate) struct Looked(parking_lot::Mutex<HashMap<String, i64>>);

impl Engine {
    /// Takes expired rows out of splits that have others, one split after the other, until there are none or a buffer is due.
    pub(super) async fn expire_rows(&self, keeps: &Arc<Keeps>, now_ns: i64) {
        let splits = self.store.splits();
        let there: HashSet<&str> = splits.iter().map(|split| split.meta.id.as_str()).collect();
        self.looked.0.lock().retain(|id, _| there.contains(id.as_str()));
        for split in &splits {
            if self.closing.is_cancelled() || self.next_step().is_some() {
                return;
            }
            if !self.is_overdue(keeps, &split.meta, now_ns) {
                continue;
            }
            self.looked.0.lock().insert(split.meta.id.clone(), now_ns);
            match self.publisher.take_out_expired(keeps, split, now_ns).await {
                Ok(None) => {}
                Ok(Some((rows, left))) => {
                    self.looked.0.lock().extend(left.map(|id| (id, now_ns)));
                    tracing::info!(rows, module = %split.meta.key.module, "removed rows that their instance keeps no longer");
                }
                Err(error) => {
                    tracing::error!(%error, module = %split.meta.key.module, "could not remove expired rows; they are tried again")
                }
            }
        }
    }

    /// Whether a split can have expired rows among others, and was not looked at lately.
    fn is_overdue(&self, keeps: &Keeps, meta: &SplitMeta, now_ns: i64) -> bool {
        let Some(shortest) = keeps.shorter(&meta.key) else { return false };
        let every = nanos(LOOK_EVERY.min(shortest / LOOKS));
        let looked_ns = self.looked.0.lock().get(&meta.id).copied();
        let oldest_ns = meta.time_min_ns.max(meta.arrived_min_ns);
        oldest_ns < now_ns.saturating_sub(nanos(shortest)) && looked_ns.is_none_or(|looked| now_ns.saturating_sub(looked) > every)
    }
}

impl Publisher {
    /// Replaces a split by what has not expired of it: how many rows went, and the id of what is left. `None` when none has expired, or it is published no longer.
    async fn take_out_expired(&self, keeps: &Arc<Keeps>, split: &Arc<Shelved>, now_ns: i64) -> io::Result<Option<(u64, Option<String>)>> {
        let _rewriting = self.rewriting.lock().await;
        let (key, removed) = (split.meta.key.clone(), [split.meta.id.clone()]);
        if !self.publishes(&key, &removed) {
            return Ok(None);
        }
        let (keeps, reading) = (Arc::clone(keeps), Arc::clone(split));
        let built = self.build(move |folder| {
            let (key, split) = (&reading.meta.key, reading.open()?);
            // Most splits have no rows of those who keep less: that is known without reading them.
            let longest = keeps.longest(key).unwrap_or(Duration::MAX);
            let keeps_less = |instance: &str| keeps.of(key, instance).is_some_and(|keep| keep < longest);
            if !split.head()?.owners.iter().any(|owner| keeps_less(&owner.instance)) {
                return Ok(None);
            }
            let rows = split.rows()?;
            let left: Vec<_> = rows.iter().filter(|row| !is_expired(&keeps, key, row, now_ns)).map(RowRef::from).collect();
            let gone = (rows.len() - left.len()) as u64;
            match left.len() {
                _ if gone == 0 => Ok(None),
                0 => Ok(Some((gone, None))),
                _ => Ok(Some((gone, Some(Built::of(folder, key, &left)?)))),
            }
        });
        let Some((gone, left)) = built.await? else { return Ok(None) };
        let id = left.as_ref().map(|left| left.listing().meta.id);
        let replaced = self.replace(&key, left.into_iter().collect(), &removed).await?;
        Ok(replaced.then_some((gone, id)))
    }
}

fn is_expired(keeps: &Keeps, key: &ModuleKey, row: &Row, now_ns: i64) -> bool {
    let moment_ns = row.record.time_ns.max(row.arrived_ns);
    keeps.of(key, &row.owner.instance).is_some_and(|keep| moment_ns < now_ns.saturating_sub(nanos(keep)))
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
