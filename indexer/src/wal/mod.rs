//! The write-ahead log: one for the process, in `DIR/wal/`. What it has called durable is on disk.
//!
//! ```text
//! <number, 16 hex digits>.wal     a segment;  spare-<random>.wal  a file that will become one
//!
//! segment     0   8  magic "MLWAL", 0, 0, version 1
//!             8   8  number             one more than the segment before it
//!            16   8  base               the LSN of its first record
//!            24   8  salt               random, another one in each life of the file
//!            32   8  bytes of the file
//!            40   4  crc32 of bytes 0..40
//!            44  20  zeros
//!            64      records, each at a multiple of 8
//! record      0   4  len                bytes of payload; 0 is a seal, which carries no payload
//!             4   4  crc32 of salt, len, lsn, durable, payload
//!             8   8  lsn                one more than the record before it
//!            16   8  durable            the largest LSN that was synced when this one was written
//!            24 len  payload, then zeros to a multiple of 8             all numbers little-endian
//! ```
//!
//! Invariants:
//! * LSNs are dense and begin at 1; a seal has one too. An LSN is given when its record is written, by one thread; what could not be synced was never
//!   handed out, so its LSN may be given again.
//! * Segments are allocated, filled with zeros and synced before their first record, so that a commit syncs data and no metadata. A segment
//!   that is not needed any more is renamed to a spare and used again; its old records have another salt and never pass as new ones.
//! * A segment begins only after everything in the one before it is synced; so only the last one can have a torn tail.
//! * Each rename, creation and removal is followed by a sync of the folder.
//! * **Torn or corrupt.** The pages of an unsynced write reach the disk in any order, so a valid record behind an invalid one proves
//!   nothing by itself. But each record says what was durable when it was written: an unreadable record whose LSN a later record calls durable
//!   had been acknowledged, which is corruption, and the log does not open. An unreadable end that nothing behind it calls durable is a torn tail:
//!   unacknowledged, and cut off.
//! * **Sealed before told.** Behind each synced group, and before anything of it is acknowledged, a *seal* is written, so that the last records, too,
//!   are called durable by something; room for it is kept in each segment. It is not synced on the way (that would double the syncs): the next group's
//!   sync covers it, or its own when the log has been idle for 20 ms. After a kill of the process, whose writes survive, any damage to what was
//!   acknowledged is therefore told. After a power cut one thing cannot be: damage to the very last group that was synced, when the power went before its
//!   seal was synced, or when one fault took both the group's end and the seal behind it. That looks like a write that never finished.
//! * A damaged seal loses nothing: behind the last group it is a torn tail, and further ahead what follows calls it durable, so the log does not open.
//! * A failed sync is final: the log takes nothing more ([`Failure::Broken`]) and the process has to end. Lack of space is not: nothing of
//!   the group is kept, and the next group tries again ([`Failure::Full`]).

mod copy;
mod disk;
mod log;
mod reader;
mod record;
mod segment;
mod wipe;
mod writer;

pub(crate) use disk::sync_folder;
pub use disk::{Disk, RealDisk};
pub use reader::{Recovery, WalError};
pub(crate) use wipe::Wiping;
pub use writer::{Payload, Sink, SubmitError, Wal};

use crate::stats::Histogram;
use std::sync::atomic::AtomicU64;

/// Why a group could not be made durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// There is no room now; the log goes on when there is.
    #[error("there is no space for the write-ahead log ({0}): free some on the disk of the data folder")]
    Full(String),
    /// The disk failed; the log takes nothing more.
    #[error("the disk failed under the write-ahead log ({0}): the process has to end and start again")]
    Broken(String),
}

/// What the log counts.
#[derive(Debug, Default)]
pub struct WalCounters {
    /// The largest durable LSN.
    pub durable_lsn: AtomicU64,
    /// Records made durable.
    pub records: AtomicU64,
    /// Bytes of records made durable.
    pub bytes: AtomicU64,
    /// Bytes used of the segment that is written.
    pub segment_used: AtomicU64,
    /// How long a group's sync took.
    pub sync: Histogram,
}

#[cfg(test)]
mod tests;
