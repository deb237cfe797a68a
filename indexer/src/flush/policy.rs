//! What is done next to the live buffers, if anything: a pure function of what each holds back.

use crate::row::ModuleKey;
use crate::store::Pressure;
use std::time::{Duration, Instant};

/// A module is small when its buffer has fewer rows than this and fewer bytes than [`SMALL_BYTES`]. A split of its own costs 5 ms and 10 KB, however few rows it has, and
/// each search opens it; at 1,000 rows that is 5 µs and 10 bytes a row, as much as their indexing itself. So it stays live for [`SMALL_AGES`] times as long as others.
const SMALL_ROWS: u64 = 1_000;
/// See [`SMALL_ROWS`]; bytes of memory. Carried once, such a buffer takes about half as much of the log.
const SMALL_BYTES: usize = 256 << 10;
/// See [`SMALL_ROWS`]: a day, when a buffer of ordinary size is flushed after ten minutes. One split a day is what a module of any size has in the end.
const SMALL_AGES: u32 = 144;
/// Small buffers are carried on as long as all of them together take less than this share of the log. A carried row has gone through the whole log since it was written
/// last, so with a quarter the log has three quarters for what is new, and carrying adds at most a third to what is written.
const CARRY_SHARE: u64 = 4;
/// Whose and from where are written with each carried buffer, however few rows it has; bytes.
const CARRY_HEAD_BYTES: usize = 512;

/// So many small modules are flushed together: in memory they are at most half of what one flush takes.
pub(super) const TOGETHER_MAX: usize = 64;

/// The bounds that make a flush necessary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Live buffers together, bytes.
    pub(crate) live_bytes_max: usize,
    /// The oldest row of a buffer.
    pub(crate) live_age_max: Duration,
    /// The oldest row of a small one.
    pub(crate) small_age_max: Duration,
    /// Segments of the WAL, bytes.
    pub(crate) wal_bytes_max: u64,
}

impl Limits {
    /// With `kept` as the age up to which splits are kept: live rows are not removed, so a small buffer may not wait for longer than a tenth of it.
    pub(crate) fn new(live_bytes_max: usize, live_age_max: Duration, wal_bytes_max: u64, kept: Option<Duration>) -> Self {
        let small = live_age_max.saturating_mul(SMALL_AGES);
        let small_age_max = kept.map_or(small, |kept| small.min(kept / 10)).max(live_age_max);
        Self { live_bytes_max, live_age_max, small_age_max, wal_bytes_max }
    }
}

/// What the WAL holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WalPressure {
    /// Bytes of its segments.
    pub(crate) bytes: u64,
    /// The first LSN behind the oldest segment, when there are several.
    pub(crate) oldest_ends: Option<u64>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Publish the oldest rows of this module, or of these small ones together.
    Flush(Vec<ModuleKey>),
    /// Write the rows of these small modules to the end of the log, so that they need its beginning no more.
    Carry(Vec<ModuleKey>),
}

/// The next step. While memory is over its bound, the largest buffer is flushed. Else, while the log is over its own: what pins its oldest segment, the large buffers by being
/// flushed, then the small ones by being carried, unless all the small ones together are too much to carry: then the largest of them is flushed. Else a buffer is flushed
/// whose oldest row has waited too long, or whose release the catalog does not know of.
pub(crate) fn choose(modules: &[Pressure], live_bytes: usize, wal: WalPressure, limits: &Limits, now: Instant) -> Option<Step> {
    if live_bytes > limits.live_bytes_max {
        let largest = modules.iter().filter(|module| module.rows > 0).max_by_key(|module| module.bytes);
        return largest.map(|module| Step::Flush(vec![module.key.clone()]));
    }
    if wal.bytes > limits.wal_bytes_max
        && let Some(step) = wal.oldest_ends.and_then(|end| unpin(modules, end, limits))
    {
        return Some(step);
    }
    let is_due = |module: &&Pressure| is_old(module, limits, now) || module.unsettled.is_some();
    let due = modules.iter().find(is_due)?;
    // Others that are due as well share its syncs when all of them are small.
    let others = modules.iter().filter(is_due).filter(|module| is_small(module) && is_small(due) && module.key != due.key);
    Some(Step::Flush(std::iter::once(due).chain(others.take(TOGETHER_MAX - 1)).map(|module| module.key.clone()).collect()))
}

/// What frees the log below this LSN; `None` when nothing pins it.
fn unpin(modules: &[Pressure], end: u64, limits: &Limits) -> Option<Step> {
    let pins = modules.iter().filter(|module| holds(module) < end);
    let (small, large): (Vec<&Pressure>, Vec<&Pressure>) = pins.partition(|module| is_small(module) && module.unsettled.is_none());
    if let Some(module) = large.iter().min_by_key(|module| holds(module)) {
        return Some(Step::Flush(vec![module.key.clone()]));
    }
    let carried: usize = modules.iter().filter(|module| is_small(module)).map(|module| module.bytes + CARRY_HEAD_BYTES).sum();
    if carried as u64 > limits.wal_bytes_max / CARRY_SHARE {
        return small.iter().max_by_key(|module| module.bytes).map(|module| Step::Flush(vec![module.key.clone()]));
    }
    let keys: Vec<ModuleKey> = small.iter().map(|module| module.key.clone()).collect();
    (!keys.is_empty()).then_some(Step::Carry(keys))
}

/// The first LSN that a module needs.
fn holds(module: &Pressure) -> u64 {
    module.oldest_lsn.into_iter().chain(module.unsettled).min().unwrap_or(u64::MAX)
}

fn is_old(module: &Pressure, limits: &Limits, now: Instant) -> bool {
    let bound = if is_small(module) { limits.small_age_max } else { limits.live_age_max };
    module.since.is_some_and(|since| now.saturating_duration_since(since) > bound)
}

pub(super) fn is_small(module: &Pressure) -> bool {
    module.rows < SMALL_ROWS && module.bytes < SMALL_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(600);

    fn limits() -> Limits {
        Limits::new(1_000, AGE, 100, None)
    }

    #[test]
    fn a_small_module_waits_for_no_more_than_a_tenth_of_what_is_kept() {
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        let small = |kept| Limits::new(1, AGE, 1, kept).small_age_max.as_secs();
        assert_eq!([small(None), small(days(30)), small(days(1)), small(days(0))], [86_400, 86_400, 8_640, 600]);
    }

    fn module(name: &str, bytes: usize, rows: u64, age_s: u64, oldest_lsn: u64, now: Instant) -> Pressure {
        let key = ModuleKey { partner: "acme".into(), module: name.into() };
        let since = Some(now.checked_sub(Duration::from_secs(age_s)).unwrap());
        Pressure { key, bytes, rows, since, oldest_lsn: Some(oldest_lsn), unsettled: None }
    }

    fn chosen(modules: &[Pressure], live: usize, wal: WalPressure, now: Instant) -> Option<String> {
        chosen_within(modules, live, wal, &limits(), now)
    }

    fn chosen_within(modules: &[Pressure], live: usize, wal: WalPressure, limits: &Limits, now: Instant) -> Option<String> {
        choose(modules, live, wal, limits, now).map(|step| match step {
            Step::Flush(keys) => keys.iter().map(|key| &*key.module).collect::<Vec<_>>().join(" "),
            Step::Carry(keys) => keys.iter().fold("carry".to_string(), |text, key| format!("{text} {}", key.module)),
        })
    }

    #[test]
    fn memory_comes_first_then_the_log_then_age() {
        let now = Instant::now() + Duration::from_secs(100_000);
        let modules = [module("old", 10, 5_000, 601, 50, now), module("pins", 20, 1_000, 1, 3, now), module("big", 900, 10, 1, 40, now)];
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
        assert_eq!(chosen(&[module("small", 10, 999, 86_399, 1, now)], 10, idle, now), None);
        assert_eq!(chosen(&[module("small", 10, 999, 86_401, 1, now)], 10, idle, now).as_deref(), Some("small"));
        assert_eq!(chosen(&[module("rows", 10, 1_000, 601, 1, now)], 10, idle, now).as_deref(), Some("rows"));
        assert_eq!(chosen(&[module("bytes", 256 << 10, 9, 601, 1, now)], 10, idle, now).as_deref(), Some("bytes"));
    }

    #[test]
    fn small_modules_that_are_due_are_flushed_together() {
        let now = Instant::now() + Duration::from_secs(200_000);
        let idle = WalPressure::default();
        let (a, b, young) = (module("a", 10, 9, 86_401, 1, now), module("b", 10, 9, 86_402, 1, now), module("young", 10, 9, 5, 1, now));
        let large = module("large", 10, 5_000, 601, 1, now);
        assert_eq!(chosen(&[a.clone(), large.clone(), young.clone(), b.clone()], 10, idle, now).as_deref(), Some("a b"));
        assert_eq!(chosen(&[large, a.clone(), young, b], 10, idle, now).as_deref(), Some("large"));
        let many = vec![a; 3 * TOGETHER_MAX];
        let named: Vec<Pressure> =
            (0..).zip(many).map(|(at, of)| Pressure { key: module(&format!("m{at}"), 1, 1, 1, 1, now).key, ..of }).collect();
        assert_eq!(chosen(&named, 10, idle, now).unwrap().split(' ').count(), TOGETHER_MAX);
    }

    #[test]
    fn what_pins_the_log_is_carried_when_it_is_small_and_little_together() {
        let now = Instant::now() + Duration::from_secs(100_000);
        let full = WalPressure { bytes: 20_001, oldest_ends: Some(10) };
        let few = Limits { live_bytes_max: 1 << 30, wal_bytes_max: 20_000, ..limits() };
        let chosen = |modules: &[Pressure]| chosen_within(modules, 0, full, &few, now);
        let (a, b, new) = (module("a", 900, 10, 1, 3, now), module("b", 901, 10, 1, 9, now), module("new", 100, 10, 1, 10, now));
        let large = module("large", 9_000, 1_000, 1, 5, now);
        assert_eq!(chosen(&[a.clone(), large, b.clone()]).as_deref(), Some("large"), "first what has to be flushed anyway");
        assert_eq!(chosen(&[a.clone(), new.clone(), b.clone()]).as_deref(), Some("carry a b"));
        let more = module("more", 2_000, 10, 1, 90, now);
        assert_eq!(chosen(&[a.clone(), new.clone(), b.clone(), more]).as_deref(), Some("b"), "over a quarter of the log");
        let releasing = Pressure { unsettled: Some(3), ..a };
        assert_eq!(chosen(&[releasing, b]).as_deref(), Some("a"), "the catalog has to be told");
        assert_eq!(chosen(&[new]), None);
    }
}
