//! Rows of another door than the collectors': no marks, the rest is the same.

use super::{payload, settled};
use crate::core::Core;
use crate::indexer::Unavailable;
use crate::row::Owner;
use crate::stats::add;
use martlog_formats::Record;
use std::sync::Arc;

/// Appends the records; they are durable and searchable when this returns.
pub(crate) async fn push(core: &Core, owner: Arc<Owner>, records: Vec<Record>) -> Result<(), Unavailable> {
    if records.is_empty() {
        return Ok(());
    }
    let pushed = async {
        if let Some(later) = core.refuses(core.store.live_bytes(), &owner.key, true) {
            return Err(later);
        }
        let body = payload::encode_rows(&records);
        settled(core.sequencer.push(owner, records, body, &core.wal)?).await
    };
    pushed.await.inspect_err(|_| add(&core.counters.later, 1))
}
