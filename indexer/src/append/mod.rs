//! The append protocol: each part meets the high-water marks, is numbered, and is answered when it is durable.
//!
//! ```text
//! batch ─► prepare (decode, owner; no lock) ─► Sequencer (marks, seq, arrival; one lock) ─► WAL ─► Applier (live buffers, tails) ─► answer
//! ```
//!
//! Two marks per (cluster, file, substream): *appended*, which decides what the next part may be, and *durable*, the only one that is ever told. A part is
//! taken only where it begins at the appended mark; every answer waits until what it tells is on disk, a conflict's included. When the log fails for lack of space,
//! everything behind the failure fails with it, and marks and numbers go back to what is durable.

mod applier;
mod keyed;
mod marks;
pub(crate) mod payload;
mod prepare;
mod push;
mod sequencer;

pub(crate) use applier::Applier;
pub(crate) use keyed::{KeyedPush, PushId, known_since};
pub use marks::{Decision, Place, decide};
pub(crate) use prepare::append;
pub(crate) use push::{Pushed, has_room, push, pushed};
pub(crate) use sequencer::{Answer, Release, Sequencer};

use crate::indexer::Unavailable;
use crate::live::{Chunk, Rows};
use crate::row::{ModuleKey, Owner, RowRef};
use crate::store::StoredGap;
use martlog_formats::wire::{FileId, Stream, Substream};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What a WAL record does to the store. It is the same when it is written and when it is replayed.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// The marks that it moves.
    pub(crate) moves: Vec<Move>,
    /// The hole that it names.
    pub(crate) gap: Option<StoredGap>,
    /// The rows that it adds, all of one module, ascending.
    pub(crate) rows: Vec<Rows>,
    /// The quarantine that they come from.
    pub(crate) released: Option<Released>,
    /// The key that they came under.
    pub(crate) keyed: Option<Arc<KeyedPush>>,
    /// The rows that a module had live, once more: older records are not needed for them from here on. They keep their seqs and arrivals, move no mark and
    /// are not new to anybody.
    pub(crate) carried: Vec<Arc<Chunk>>,
}

impl Change {
    /// The first row that it adds.
    pub(crate) fn first(&self) -> Option<RowRef<'_>> {
        self.rows.iter().find_map(Rows::first)
    }

    /// The last row that it adds.
    pub(crate) fn last(&self) -> Option<RowRef<'_>> {
        self.rows.iter().rev().find_map(Rows::last)
    }
}

/// A mark moves.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    pub(crate) key: FileKey,
    pub(crate) substream: Substream,
    pub(crate) to: u64,
    /// Who holds the file, for the snapshot and the completeness of a scope.
    pub(crate) holder: Arc<Holder>,
}

/// Rows of a quarantine below `upto` are their owner's.
#[derive(Debug, Clone)]
pub(crate) struct Released {
    pub(crate) from: ModuleKey,
    pub(crate) upto: u64,
}

/// A file of a cluster: the unit that marks are kept for. Two clusters cannot move each other's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FileKey {
    pub(crate) cluster: Arc<str>,
    pub(crate) file: FileId,
}

/// Where a file is, and whose its lines were when the last ones came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) node: Arc<str>,
    pub(crate) stream: Stream,
    /// Not known of files that only the catalog's snapshot tells of.
    pub(crate) owner: Option<Arc<Owner>>,
}

impl Holder {
    /// Of a file whose partner has left: the marks stay, and nothing is said of where it is.
    pub(crate) fn nameless() -> Self {
        let none = String::new;
        let stream = Stream { namespace: none(), pod: none(), pod_uid: none(), container: none(), restart: 0 };
        Self { node: "".into(), stream, owner: None }
    }
}

/// What waits for a WAL record: it is applied and answered when that is durable. A barrier has an empty change.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) change: Change,
    pub(crate) answer: oneshot::Sender<Result<(), Unavailable>>,
}

impl Ticket {
    pub(crate) fn new(change: Change) -> (Self, oneshot::Receiver<Result<(), Unavailable>>) {
        let (answer, receiver) = oneshot::channel();
        (Self { change, answer }, receiver)
    }
}

/// Waits for a ticket.
pub(crate) async fn settled(receiver: oneshot::Receiver<Result<(), Unavailable>>) -> Result<(), Unavailable> {
    receiver.await.unwrap_or_else(|_| Err(Unavailable::closing()))
}

/// Now, ns since the epoch.
pub(crate) fn now_ns() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
