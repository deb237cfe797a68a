//! Replacing a split by what is left of it, with the count of what is gone in the same transaction.

use super::{Built, Publisher};
use crate::erase::Erased;
use crate::row::ModuleKey;
use crate::split::SplitMeta;
use std::io;

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
        let published = self.store.module(key).is_some_and(|module| module.splits.iter().any(|known| known.meta.id == split.id));
        if !published {
            if let Some(left) = left {
                self.remove_file(key, &left.meta().id).await;
            }
            return Ok(false);
        }
        let removed = [split.id.clone()];
        let metas: Vec<SplitMeta> = left.iter().map(|left| left.meta().clone()).collect();
        self.catalog.replace_erased(&metas, &removed, gone).await.map_err(io::Error::other)?;
        self.store.replace(key, left.into_iter().map(Built::into_split).collect(), &removed);
        self.remove_file(key, &split.id).await;
        Ok(true)
    }
}
