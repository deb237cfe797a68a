//! Rows of another door than the collectors': no marks, the rest is the same.

use super::keyed::{KeyedPush, PushId};
use super::{known_since, now_ns, payload, settled};
use crate::catalog::CatalogError;
use crate::engine::Engine;
use crate::indexer::Unavailable;
use crate::row::Owner;
use crate::stats::add;
use martlog_formats::Record;
use std::sync::Arc;

/// What a door pushes at once: all of it is durable, or nothing.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) owner: Arc<Owner>,
    pub(crate) records: Vec<Record>,
    /// With the key that it came under, it is kept even without records.
    pub(crate) keyed: Option<KeyedPush>,
}

/// Appends the records; they are durable and searchable when this returns.
pub(crate) async fn push(engine: &Engine, pushed: Pushed) -> Result<(), Unavailable> {
    if pushed.records.is_empty() && pushed.keyed.is_none() {
        return Ok(());
    }
    let push = async {
        if let Some(later) = engine.refuses(engine.store.live_bytes(), &pushed.owner.key, !pushed.records.is_empty()) {
            return Err(later);
        }
        let body = payload::encode_rows(&pushed.records);
        settled(engine.sequencer.push(pushed, body, &engine.wal)?).await
    };
    push.await.inspect_err(|_| add(&engine.counters.later, 1))
}

/// The push of this id, when it was stored within a day.
pub(crate) async fn pushed(engine: &Engine, id: &PushId) -> Result<Option<Arc<KeyedPush>>, CatalogError> {
    // The catalog second: what is not here any more is there.
    let found = match engine.sequencer.pushed(id) {
        Some(pending) => Some(pending),
        None => engine.catalog.push(id).await?.map(Arc::new),
    };
    Ok(found.filter(|push| push.is_known(now_ns())))
}

/// Whether another push under a key of this token can be kept.
pub(crate) fn has_room(engine: &Engine, token: &str) -> bool {
    engine.sequencer.has_room_for_key(token)
}

impl Engine {
    /// Forgets pushed keys that are over age, and counts the rest.
    pub(crate) async fn expire_pushes(&self) -> Result<(), CatalogError> {
        // No snapshot in between, or what is kept would be counted wrongly.
        let _one = self.checkpointing.lock().await;
        let left = self.catalog.expire_pushes(known_since(now_ns())).await?;
        self.sequencer.recount_keys(left);
        Ok(())
    }
}
