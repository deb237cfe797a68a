//! Small modules that pin the log: their rows are written to its end once more, instead of becoming tiny splits.
//!
//! Order, which a crash may cut anywhere: a record with *all* unpublished rows of a module is queued while none of its rows is on its way (so it has every row before it); when it is
//! durable the buffer needs that record and no older one; only then is the old segment let go of. While both are in the log, a replay takes each row once, by its seq; when the old
//! one is gone, the new one has everything. A row keeps its seq and arrival: nobody sees it twice, no tail gets it again, no mark moves.

use crate::append::payload::encode_carry;
use crate::append::{Answer, Change, Ticket, settled};
use crate::engine::Engine;
use crate::row::ModuleKey;
use crate::stats::add;

/// What is queued at once, bytes: far below what may wait for the log, so that appends find room.
const QUEUED_BYTES_MAX: usize = 8 << 20;
/// A buffer that has grown beyond this meanwhile is not carried, bytes of memory.
const CARRY_BYTES_MAX: usize = 1 << 20;

impl Engine {
    /// Carries the live rows of these modules on; how many modules. What could not be is left as it was.
    pub(super) async fn carry(&self, keys: &[ModuleKey]) -> usize {
        let (mut carried, mut queued_bytes, mut queued) = (0, 0, Vec::new());
        for key in keys {
            match self.queue_carry(key).await {
                Some((answer, bytes)) => {
                    queued.push(answer);
                    queued_bytes += bytes;
                }
                None => continue,
            }
            if queued_bytes > QUEUED_BYTES_MAX {
                carried += all_settled(&mut queued).await;
                queued_bytes = 0;
            }
        }
        carried += all_settled(&mut queued).await;
        add(&self.counters.carried, carried as u64);
        carried
    }

    /// Queues a module's rows; the answer to come and the bytes. `None` when the log takes nothing now, or the module has grown.
    async fn queue_carry(&self, key: &ModuleKey) -> Option<(Answer, usize)> {
        // Once more when rows are on their way: behind a barrier they are applied.
        for _ in 0..2 {
            let live: Vec<_> = self.store.module(key)?.chunks().cloned().collect();
            if live.is_empty() || live.iter().map(|chunk| chunk.bytes).sum::<usize>() > CARRY_BYTES_MAX {
                return None;
            }
            let payload = encode_carry(key, &live);
            let bytes = payload.len();
            if let Some(queued) = self.sequencer.carry(key, live, payload, &self.wal) {
                return queued.ok().map(|answer| (answer, bytes));
            }
            let (barrier, passed) = Ticket::new(Change::default());
            self.wal.submit(None, barrier).ok()?;
            settled(passed).await.ok()?;
        }
        None
    }
}

/// Waits for all; how many are durable.
async fn all_settled(queued: &mut Vec<Answer>) -> usize {
    let mut durable = 0;
    for answer in queued.drain(..) {
        durable += usize::from(settled(answer).await.is_ok());
    }
    durable
}
