//! Behind the log: what is durable is applied, tailed and answered, in the order of the LSNs; what failed is taken back and answered.

use super::{Sequencer, Ticket};
use crate::indexer::Unavailable;
use crate::stats::{Counters, add};
use crate::store::Store;
use crate::wal::{Failure, Sink};
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// The log's sink; runs on its thread.
#[derive(Debug)]
pub(crate) struct Applier {
    pub(crate) sequencer: Arc<Sequencer>,
    pub(crate) store: Arc<Store>,
    pub(crate) counters: Arc<Counters>,
    /// Live buffers beyond this wake the flush, bytes.
    pub(crate) live_bytes_max: usize,
    pub(crate) flush: Arc<Notify>,
    /// Cancelled when the store can take nothing more.
    pub(crate) failed: CancellationToken,
    /// Why.
    pub(crate) failure: watch::Sender<Option<String>>,
}

impl Sink<Ticket> for Applier {
    fn durable(&mut self, done: Vec<(u64, Ticket)>) {
        self.sequencer.durable(done.iter().map(|(lsn, ticket)| (*lsn, &ticket.change)));
        let mut answers = Vec::with_capacity(done.len());
        let mut changes = Vec::with_capacity(done.len());
        for (lsn, Ticket { change, answer }) in done {
            add(&self.counters.rows, change.rows.iter().map(|rows| rows.len() as u64).sum());
            add(&self.counters.gaps, u64::from(change.gap.is_some()));
            changes.push((lsn, change));
            answers.push(answer);
        }
        self.store.apply(changes);
        // Answered last: what is acknowledged is searchable. Who has gone away needs no answer.
        for answer in answers {
            let _ = answer.send(Ok(()));
        }
        if self.store.live_bytes() > self.live_bytes_max {
            self.flush.notify_one();
        }
    }

    fn failed(&mut self, tickets: Vec<Ticket>, failure: &Failure, reopen: &dyn Fn()) {
        tracing::error!(%failure, parts = tickets.len(), "the write-ahead log takes nothing");
        self.sequencer.failed(tickets.iter().map(|ticket| &ticket.change), reopen);
        if let Failure::Broken(_) = failure {
            self.failure.send_replace(Some(failure.to_string()));
            self.failed.cancel();
        }
        for ticket in tickets {
            let _ = ticket.answer.send(Err(Unavailable::from(failure)));
        }
    }
}
