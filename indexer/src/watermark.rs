//! The disk's watermark: before the disk of the data folder is full, new lines are refused, while there is still room to free some.
//!
//! A flush, a merge, an erasure and the catalog write before they remove; without a reserve a disk that is full stays full. So the store takes nothing new when
//! less than the reserve is free, and takes again when a quarter more than it is. Reading, flushing, merging and retention go on meanwhile.
//!
//! The disk is looked at by whoever asks, at most every [`LOOK_EVERY`] while there is room, and each time while there is none: so a refused collector finds out
//! at once that there is room again. What can be written between two looks is far below the reserve.

use crate::append::now_ns;
use crate::indexer::Unavailable;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How old a look may be while there is room.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the refused wait: room is made by people, or by a retention that looks every second.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The smallest reserve of a large disk, bytes: the log's next segments, a split that is built, SQLite's own log.
const RESERVE_BYTES_MIN: u64 = 1 << 30;
/// The largest, bytes: what is written before something is removed does not grow with the disk.
const RESERVE_BYTES_MAX: u64 = 16 << 30;

/// See the module.
#[derive(Debug)]
pub(crate) struct Watermark {
    dir: PathBuf,
    /// As it was asked for, bytes; `None` is by the disk's size, 0 is off.
    wanted: Option<u64>,
    reserve: AtomicU64,
    free: AtomicU64,
    low: AtomicBool,
    looked_ns: AtomicI64,
    /// What is in memory did not fit on the disk when it was written last: more is free than the reserve, and less than that.
    stuck: AtomicBool,
}

/// What the disk looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes that this process may still use.
    pub free: u64,
    /// Bytes that are kept free; 0 when that is off.
    pub reserve: u64,
    /// Whether new lines are refused because of it.
    pub low: bool,
}

impl Watermark {
    pub(crate) fn new(dir: &Path, wanted: Option<u64>) -> Self {
        let watermark = Self {
            dir: dir.to_path_buf(),
            wanted,
            reserve: AtomicU64::new(0),
            free: AtomicU64::new(u64::MAX),
            low: AtomicBool::new(false),
            looked_ns: AtomicI64::new(i64::MIN),
            stuck: AtomicBool::new(false),
        };
        watermark.look();
        watermark
    }

    /// The disk as it is now, or was a moment ago.
    pub(crate) fn room(&self) -> Room {
        let age_ns = now_ns().saturating_sub(self.looked_ns.load(Relaxed));
        // A clock that was set back makes the look a future one: then it is looked again.
        let fresh = (0..i64::try_from(LOOK_EVERY.as_nanos()).unwrap_or(i64::MAX)).contains(&age_ns);
        if self.low.load(Relaxed) || !fresh {
            self.look();
        }
        Room { free: self.free.load(Relaxed), reserve: self.reserve.load(Relaxed), low: self.low.load(Relaxed) }
    }

    /// Why nothing new is taken, when nothing is.
    pub(crate) fn refuses(&self) -> Option<Unavailable> {
        let room = self.room();
        let stuck = !room.low && self.stuck.load(Relaxed);
        (room.low || stuck).then(|| Unavailable {
            code: 503,
            after: RETRY_AFTER,
            reason: if stuck { room.too_little() } else { room.reason() },
        })
    }

    /// Whether what is in memory could be written: while it could not, nothing new is taken.
    pub(crate) fn fits(&self, fits: bool) {
        self.stuck.store(!fits, Relaxed);
    }

    fn look(&self) {
        self.looked_ns.store(now_ns(), Relaxed);
        match measure(&self.dir) {
            Ok((free, total)) => self.saw(free, total),
            // A disk that does not tell how full it is says so when it is written to.
            Err(error) => tracing::debug!(%error, dir = %self.dir.display(), "cannot ask how full the disk is"),
        }
    }

    fn saw(&self, free: u64, total: u64) {
        let reserve = self.wanted.unwrap_or_else(|| reserve_of(total));
        self.reserve.store(reserve, Relaxed);
        self.free.store(free, Relaxed);
        let was_low = self.low.load(Relaxed);
        let low = free < if was_low { reserve.saturating_add(reserve / 4) } else { reserve };
        if self.low.swap(low, Relaxed) != low {
            match low {
                true => {
                    tracing::error!(free, reserve, dir = %self.dir.display(), "the disk is nearly full: new lines are refused until there is room")
                }
                false => tracing::info!(free, reserve, "there is room on the disk again: new lines are taken"),
            }
        }
    }
}

impl Room {
    fn too_little(&self) -> String {
        format!(
            "the disk of the data folder has {} MiB free, which is too little for what is to be written next; new lines are refused, and the collectors keep them. \
             Free some space, enlarge the disk, shorten --retention, and keep more in --disk-reserve",
            self.free.div_ceil(1 << 20)
        )
    }

    /// What is wrong and what to do.
    #[must_use]
    pub fn reason(&self) -> String {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        format!(
            "the disk of the data folder is nearly full: {} MiB are free, and {} MiB are kept in reserve; new lines are refused, and the collectors keep them. \
             Free some space, enlarge the disk, shorten --retention, or lower --disk-reserve",
            mib(self.free),
            mib(self.reserve)
        )
    }
}

/// The reserve of a disk of this size: 2 %, within the bounds, and never more than a tenth of it.
fn reserve_of(total: u64) -> u64 {
    (total / 50).clamp(RESERVE_BYTES_MIN, RESERVE_BYTES_MAX).min(total / 10)
}

/// Bytes that are free for this process, and all of the file system's.
fn measure(dir: &Path) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn the_reserve_fits_the_disk() {
        for (total, reserve) in
            [(24 << 20, (24 << 20) / 10), (5 * GIB, GIB / 2), (50 * GIB, GIB), (100 * GIB, 2 * GIB), (16_384 * GIB, 16 * GIB)]
        {
            assert_eq!(reserve_of(total), reserve, "{total}");
        }
    }

    #[test]
    fn it_refuses_below_and_takes_again_well_above() {
        let dir = tempfile::tempdir().unwrap();
        let mark = Watermark::new(dir.path(), Some(1_000));
        let low_at = |free| {
            mark.saw(free, GIB);
            mark.low.load(Relaxed)
        };
        let seen = [1_000, 999, 1_000, 1_249, 1_250, 1_000, 0, 5_000].map(low_at);
        assert_eq!(seen, [false, true, true, true, false, false, true, false]);
    }

    #[test]
    fn a_reserve_of_nothing_is_off_and_one_beyond_the_disk_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Watermark::new(dir.path(), Some(0)).refuses(), None);
        let refused = Watermark::new(dir.path(), Some(u64::MAX)).refuses().unwrap();
        assert_eq!(refused.code, 503);
        assert!(refused.reason.contains("--disk-reserve") && refused.reason.contains("Free some space"), "{}", refused.reason);
    }
}
