//! Rows of another door than the collectors': no marks, the rest is the same.

use super::{payload, settled};
use crate::engine::Engine;
use crate::indexer::Unavailable;
use crate::row::Owner;
use crate::stats::add;
use martlog_formats::Record;
use std::sync::Arc;

/// Appends the records; they are durable and searchable when this returns.
pub(crate) async fn push(engine: &Engine, owner: Arc<Owner>, records: Vec<Record>) -> Result<(), Unavailable> {
    if records.is_empty() {
        return Ok(());
    }
    let pushed = async {
        if let Some(later) = engine.refuses(engine.store.live_bytes(), &owner.key, true) {
            return Err(later);
        }
        let body = payload::encode_rows(&records);
        settled(engine.sequencer.push(owner, &records, body, &engine.wal)?).await
    };
    pushed.await.inspect_err(|_| add(&engine.counters.later, 1))
}
