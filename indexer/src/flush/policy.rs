//! Which module is flushed next, if any: a pure function of what each holds back.

use crate::row::ModuleKey;
use crate::store::Pressure;
use std::time::{Duration, Instant};

/// A module with fewer rows is small: a split of its own costs more than it holds, so it stays live for [`SMALL_AGES`] times as long.
const SMALL_ROWS: u64 = 1_000;
/// See [`SMALL_ROWS`].
const SMALL_AGES: u32 = 6;

/// The bounds that make a flush necessary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Live buffers together, bytes.
    pub(crate) live_bytes_max: usize,
    /// The oldest row of a buffer.
    pub(crate) live_age_max: Duration,
    /// Segments of the WAL, bytes.
    pub(crate) wal_bytes_max: u64,
}

/// What the WAL holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WalPressure {
    /// Bytes of its segments.
    pub(crate) bytes: u64,
    /// The first LSN behind the oldest segment, when there are several.
    pub(crate) oldest_ends: Option<u64>,
}

/// The module to flush: the largest while memory is over its bound; else what pins the oldest segment while the WAL is over its own; else one
/// whose oldest row has waited too long, or whose release the catalog does not know of.
pub(crate) fn choose(modules: &[Pressure], live_bytes: usize, wal: WalPressure, limits: &Limits, now: Instant) -> Option<ModuleKey> {
    let chosen = if live_bytes > limits.live_bytes_max {
        modules.iter().filter(|module| module.rows > 0).max_by_key(|module| module.bytes)
    } else if wal.bytes > limits.wal_bytes_max
        && let Some(end) = wal.oldest_ends
        && let Some(pins) = modules.iter().filter(|module| holds(module) < end).min_by_key(|module| holds(module))
    {
        Some(pins)
    } else {
        modules.iter().find(|module| is_old(module, limits, now) || module.unsettled.is_some())
    };
    chosen.map(|module| module.key.clone())
}

/// The first LSN that a module needs.
fn holds(module: &Pressure) -> u64 {
    module.oldest_lsn.into_iter().chain(module.unsettled).min().unwrap_or(u64::MAX)
}

fn is_old(module: &Pressure, limits: &Limits, now: Instant) -> bool {
    let bound = if module.rows < SMALL_ROWS { limits.live_age_max.saturating_mul(SMALL_AGES) } else { limits.live_age_max };
    module.since.is_some_and(|since| now.saturating_duration_since(since) > bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { live_bytes_max: 1_000, live_age_max: Duration::from_secs(600), wal_bytes_max: 100 };

    fn module(name: &str, bytes: usize, rows: u64, age_s: u64, oldest_lsn: u64, now: Instant) -> Pressure {
        let key = ModuleKey { partner: "acme".into(), module: name.into() };
        let since = Some(now.checked_sub(Duration::from_secs(age_s)).unwrap());
        Pressure { key, bytes, rows, since, oldest_lsn: Some(oldest_lsn), unsettled: None }
    }

    fn chosen(modules: &[Pressure], live: usize, wal: WalPressure, now: Instant) -> Option<String> {
        choose(modules, live, wal, &LIMITS, now).map(|key| key.module.to_string())
    }

    #[test]
    fn memory_comes_first_then_the_log_then_age() {
        let now = Instant::now() + Duration::from_secs(100_000);
        let modules = [module("old", 10, 5_000, 601, 50, now), module("pins", 20, 10, 1, 3, now), module("big", 900, 10, 1, 40, now)];
        let full = WalPressure { bytes: 101, oldest_ends: Some(10) };
        assert_eq!(chosen(&modules, 1_001, full, now).as_deref(), Some("big"));
        assert_eq!(chosen(&modules, 1_000, full, now).as_deref(), Some("pins"));
        assert_eq!(chosen(&modules, 1_000, WalPressure { bytes: 100, ..full }, now).as_deref(), Some("old"));
        assert_eq!(chosen(&modules[1..], 1_000, WalPressure { bytes: 101, oldest_ends: Some(3) }, now), None, "nothing pins it");
    }

    #[test]
    fn a_small_module_stays_live_for_longer() {
        let now = Instant::now() + Duration::from_secs(100_000);
        let idle = WalPressure::default();
        assert_eq!(chosen(&[module("small", 10, 999, 3_599, 1, now)], 10, idle, now), None);
        assert_eq!(chosen(&[module("small", 10, 999, 3_601, 1, now)], 10, idle, now).as_deref(), Some("small"));
        assert_eq!(chosen(&[module("full", 10, 1_000, 601, 1, now)], 10, idle, now).as_deref(), Some("full"));
    }
}
