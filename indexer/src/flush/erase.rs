//! Replacing a split by what is left of it, with the count of what is gone in the same transaction.

use super::{Built, Publisher};
use crate::catalog::Listing;
use crate::erase::Erased;
use crate::row::ModuleKey;
use crate::split::SplitMeta;
use std::io;
use tokio::sync::MutexGuard;

impl Publisher {
    /// As [`Publisher::replace`] of one split; false when it is published no longer.
    pub(crate) async fn replace_erased(
        &self,
        key: &ModuleKey,
        left: Option<Built>,
        split: &SplitMeta,
        gone: &[Erased],
    ) -> io::Result<bool> {
        let _one = self.one.lock().await;
        let removed = [split.id.clone()];
        let listings: Vec<Listing> = left.iter().map(Built::listing).collect();
        if !self.publishes(key, &removed) {
            self.remove_built(left.into_iter().collect()).await;
            return Ok(false);
        }
        self.catalog.replace_erased(&listings, &removed, gone).await.map_err(io::Error::other)?;
        let gone = self.store.replace(key, left.into_iter().map(Built::into_split).collect(), &removed);
        self.remove_files(gone).await;
        Ok(true)
    }

    /// Holds up publications, expiry and replacements: as long as the guard lives, the published splits are those that are published now.
    pub(crate) async fn hold(&self) -> MutexGuard<'_, ()> {
        self.one.lock().await
    }

    /// Waits for merges that are under way and holds up further ones. To be taken before [`Self::hold`].
    pub(crate) async fn hold_rewriting(&self) -> MutexGuard<'_, ()> {
        self.rewriting.lock().await
    }
}
