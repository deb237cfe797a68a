//! Merging splits in the background, when nothing else is to be done.
//!
//! One builder is at work at a time; before each merge the flush is asked whether a buffer is due, and goes first. Appends and searches wait for none of it: the swap
//! is one lock for a moment, and who reads a source has it open. See [`super::publisher`] for what a crash leaves.

use super::Publisher;
use super::built::Built;
use super::merging::{BYTES_MAX, Bounds, ROWS_MAX, choose};
use crate::append::now_ns;
use crate::catalog::hours::Hours;
use crate::engine::Engine;
use crate::folder::Folder;
use crate::overview::hours_of;
use crate::row::ModuleKey;
use crate::shelf::Shelved;
use crate::split::cache::Cache;
use crate::split::{self, SplitMeta};
use crate::stats::add;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What a merge has in memory of each row, about 200 bytes, and of one field's values is within the builders' budget of 128 MiB.
const SOURCE_ROWS_MAX: u64 = 200_000;
/// The same by the files' bytes: one field's values are at most twice as much in memory.
const SOURCE_BYTES_MAX: u64 = 24 << 20;
/// Patterns of the sources that are kept in memory while they are merged, bytes.
const CACHE_BYTES_MAX: u64 = 16 << 20;
/// A module whose merge failed is left alone for so long.
const FAILED_FOR: Duration = Duration::from_secs(600);

/// A merge to be done.
#[derive(Debug)]
struct Plan {
    key: ModuleKey,
    sources: Vec<Arc<Shelved>>,
}

impl Engine {
    /// Merges what the policy finds, until it finds nothing, a flush is due, or the store closes. A module whose merge fails is told of and left alone for a while; the
    /// others go on.
    pub(super) async fn merge(&self, stop: &CancellationToken) {
        loop {
            let plans = self.plans(Some(now_ns()));
            let mut merged = false;
            for plan in plans {
                if stop.is_cancelled() || self.next_step().is_some() {
                    return;
                }
                let key = plan.key.clone();
                match self.publisher.merge(plan, stop).await {
                    Ok(done) => merged |= done,
                    Err(_) if stop.is_cancelled() => return,
                    Err(error) => {
                        tracing::error!(%error, partner = %key.partner, module = %key.module, "could not merge splits; they stay as they are");
                        add(&self.counters.merge_failures, 1);
                        self.publisher.failed_merges.lock().insert(key, Instant::now());
                    }
                }
            }
            if !merged {
                return;
            }
        }
    }

    /// Merges until the policy finds nothing, as if every day, week and month were over; how many merges.
    pub(crate) async fn merge_all(&self) -> io::Result<u64> {
        let mut merges = 0;
        loop {
            let plans = self.plans(None);
            if plans.is_empty() {
                return Ok(merges);
            }
            for plan in plans {
                merges += u64::from(self.publisher.merge(plan, &self.closing).await?);
            }
        }
    }

    /// One merge of each module that has one to do, the most splits first.
    fn plans(&self, now_ns: Option<i64>) -> Vec<Plan> {
        let keeps = self.keeps();
        let bounds = |key: &ModuleKey| Bounds {
            rows_max: ROWS_MAX.min(SOURCE_ROWS_MAX),
            bytes_max: BYTES_MAX.min(SOURCE_BYTES_MAX),
            age_max: keeps.longest(key),
            now_ns,
        };
        let plan = |(key, splits): (ModuleKey, Vec<Arc<Shelved>>)| {
            let metas: Vec<&SplitMeta> = splits.iter().map(|split| &split.meta).collect();
            let sources: Vec<Arc<Shelved>> = choose(&metas, &bounds(&key)).into_iter().filter_map(|at| splits.get(at).cloned()).collect();
            (sources.len() > 1).then_some(Plan { key, sources })
        };
        let mut failed = self.publisher.failed_merges.lock();
        failed.retain(|_, since| since.elapsed() < FAILED_FOR);
        let modules = self.store.with_splits().into_iter().filter(|(key, _)| now_ns.is_none() || !failed.contains_key(key));
        let mut plans: Vec<Plan> = modules.filter_map(plan).collect();
        plans.sort_by_key(|plan| std::cmp::Reverse(plan.sources.len()));
        plans
    }
}

impl Publisher {
    /// Merges the sources into one split; false when one of them is published no longer.
    async fn merge(&self, plan: Plan, stop: &CancellationToken) -> io::Result<bool> {
        let Plan { key, sources } = plan;
        let removed: Vec<String> = sources.iter().map(|split| split.meta.id.clone()).collect();
        let _rewriting = self.rewriting.lock().await;
        if !self.publishes(&key, &removed) {
            return Ok(false);
        }
        let (module, stop) = (key.clone(), stop.clone());
        let build = move |folder: &Folder| {
            let mut hours = Hours::default();
            for split in &sources {
                hours.add_all(&hours_of(split)?);
            }
            Built::with(folder, &module, &hours, |id, path| merge(&module, id, &sources, path, &stop))
        };
        let built = self.build(build).await?;
        let rows = built.listing().meta.rows;
        tracing::debug!(partner = %key.partner, module = %key.module, sources = removed.len(), rows, "merged splits");
        let merged = self.replace(&key, vec![built], &removed).await?;
        if merged {
            add(&self.counters.merges, 1);
            add(&self.counters.merged_rows, rows);
        }
        Ok(merged)
    }
}

/// Builds one split of all rows of the sources. Gives up when it is to stop.
fn merge(key: &ModuleKey, id: &str, sources: &[Arc<Shelved>], path: &Path, stop: &CancellationToken) -> io::Result<SplitMeta> {
    let mut more = || match stop.is_cancelled() {
        true => Err(io::Error::new(io::ErrorKind::Interrupted, "the store is closing")),
        false => Ok(()),
    };
    let cache = Arc::new(Cache::new(CACHE_BYTES_MAX));
    let sources = sources.iter().map(|split| split.open_apart(&cache)).collect::<io::Result<Vec<_>>>()?;
    split::merge(key, id, &sources, path, &mut more)
}
