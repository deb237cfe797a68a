//! How many rows of a split lie in each hour, by instance and level: what an overview needs, without opening the split.
//!
//! ```text
//! blob     form 1 | zstd of postcard(instances, cells)         kept in the catalog's column `splits.hours`, and in memory as it is
//! cell     instance, level, hours since the cell before it, rows        in the order (instance, level, hour): most are four bytes before compression
//! ```
//!
//! A module's day of 80,000 lines and ten instances has about a thousand cells, 2 KB: 0.03 bytes a line.

use crate::row::{Owner, RowRef};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

/// The first byte of a blob.
const FORM: u8 = 1;
/// A blob is never longer than this before compression, bytes.
const BYTES_MAX: usize = 64 << 20;
const ZSTD_LEVEL: i32 = 3;
/// An hour, ns.
pub(crate) const HOUR_NS: i64 = 3_600_000_000_000;
/// The levels, by their number in a cell; 0 is none.
const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

/// Rows by instance, level and hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hours {
    cells: BTreeMap<(Arc<str>, u8, i64), u64>,
}

#[derive(Serialize, Deserialize)]
struct Blob {
    instances: Vec<Arc<str>>,
    cells: Vec<(u32, u8, i64, u64)>,
}

impl Hours {
    /// Counts rows.
    pub(crate) fn of<'a>(rows: impl IntoIterator<Item = RowRef<'a>>) -> Self {
        // Rows of a part share their owner: names are compared once for each of them, not for each row. The owners live as long as the rows do.
        let mut counts: HashMap<(*const Owner, u8, i64), (&Arc<str>, u64)> = HashMap::new();
        for row in rows {
            let level = row.severity.map_or(0, |severity| number(severity.level()));
            let cell = (Arc::as_ptr(row.owner), level, row.time_ns.div_euclid(HOUR_NS));
            counts.entry(cell).or_insert((&row.owner.instance, 0)).1 += 1;
        }
        let mut hours = Self::default();
        for ((_, level, hour), (instance, rows)) in counts {
            hours.add(instance, level, hour, rows);
        }
        hours
    }

    /// Adds what others have counted.
    pub(crate) fn add_all(&mut self, other: &Self) {
        for ((instance, level, hour), rows) in &other.cells {
            self.add(instance, *level, *hour, *rows);
        }
    }

    /// Instance, level (`None` for a row without one), hours since the epoch, rows.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (&Arc<str>, Option<&'static str>, i64, u64)> {
        self.cells.iter().map(|((instance, level, hour), rows)| (instance, name(*level), *hour, *rows))
    }

    /// As it is kept.
    pub(crate) fn encode(&self) -> io::Result<Vec<u8>> {
        let mut blob = Blob { instances: Vec::new(), cells: Vec::with_capacity(self.cells.len()) };
        let mut before = 0;
        for ((instance, level, hour), rows) in &self.cells {
            if blob.instances.last() != Some(instance) {
                blob.instances.push(instance.clone());
            }
            let ordinal = u32::try_from(blob.instances.len() - 1).map_err(io::Error::other)?;
            blob.cells.push((ordinal, *level, hour.wrapping_sub(before), *rows));
            before = *hour;
        }
        let bytes = postcard::to_allocvec(&blob).map_err(io::Error::other)?;
        let mut kept = vec![FORM];
        kept.extend(zstd::bulk::compress(&bytes, ZSTD_LEVEL)?);
        Ok(kept)
    }

    /// Reads what was kept.
    pub(crate) fn decode(kept: &[u8]) -> io::Result<Self> {
        let damaged = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the hourly counts of a split in the catalog are damaged: restore the catalog from a backup",
            )
        };
        let Some((&FORM, compressed)) = kept.split_first() else { return Err(damaged()) };
        let length = zstd::bulk::Decompressor::upper_bound(compressed).filter(|length| *length <= BYTES_MAX).ok_or_else(damaged)?;
        let bytes = zstd::bulk::decompress(compressed, length).map_err(|_| damaged())?;
        let blob: Blob = postcard::from_bytes(&bytes).map_err(|_| damaged())?;
        let mut hours = Self::default();
        let mut hour = 0_i64;
        for (ordinal, level, step, rows) in blob.cells {
            hour = hour.wrapping_add(step);
            let instance = usize::try_from(ordinal).ok().and_then(|ordinal| blob.instances.get(ordinal)).ok_or_else(damaged)?;
            hours.add(instance, level, hour, rows);
        }
        Ok(hours)
    }

    fn add(&mut self, instance: &Arc<str>, level: u8, hour: i64, rows: u64) {
        let cell = self.cells.entry((instance.clone(), level, hour)).or_default();
        *cell = cell.saturating_add(rows);
    }
}

fn number(level: &str) -> u8 {
    (1..).zip(LEVELS).find(|(_, known)| *known == level).map_or(0, |(number, _)| number)
}

fn name(number: u8) -> Option<&'static str> {
    usize::from(number).checked_sub(1).and_then(|at| LEVELS.get(at).copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use martlog_formats::Severity;
    use proptest::prelude::*;

    #[test]
    fn every_level_has_a_number() {
        for severity in [Severity::TRACE, Severity::DEBUG, Severity::INFO, Severity::WARN, Severity::ERROR, Severity::FATAL] {
            assert_eq!(name(number(severity.level())), Some(severity.level()));
        }
        assert_eq!((number("?"), name(0), name(7)), (0, None, None));
    }

    #[test]
    fn a_days_counts_cost_a_small_part_of_a_byte_a_line() {
        let mut hours = Hours::default();
        let instances: Vec<Arc<str>> = (0..10).map(|at| format!("csp-{at}-sms-gateway").into()).collect();
        for cell in 0..960_u64 {
            let (instance, rest) = (usize::try_from(cell % 10).unwrap(), i64::try_from(cell / 10).unwrap());
            hours.add(&instances[instance], u8::try_from(rest % 4).unwrap() + 2, 480_000 + rest / 4, 20 + cell * 7919 % 130);
        }
        let bytes = hours.encode().unwrap().len();
        assert!(bytes < 4_000, "{bytes} bytes of 80,000 lines");
    }

    proptest! {
        #[test]
        fn what_is_kept_comes_back(cells in prop::collection::btree_map(("[a-c]{0,2}", 0..8_u8, any::<i64>()), any::<u64>(), 0..40), flipped in any::<u8>()) {
            let cells = cells.into_iter().map(|((instance, level, hour), rows)| ((instance.into(), level, hour), rows));
            let hours = Hours { cells: cells.collect() };
            let mut kept = hours.encode().unwrap();
            prop_assert_eq!(Hours::decode(&kept).unwrap(), hours);
            // Damage is an error or another count, never a panic.
            let at = usize::from(flipped) % kept.len();
            kept[at] ^= 0x10;
            let _ = Hours::decode(&kept);
        }
    }
}
