//! What the store counts, for `/metrics` and `/readyz`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The upper bounds of a [`Histogram`]'s buckets, ms; one more bucket has what is above.
pub const BUCKETS_MS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/// Durations by bucket.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS_MS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts one.
    pub fn record(&self, duration: Duration) {
        let bucket = BUCKETS_MS.iter().position(|bound| duration <= Duration::from_millis(*bound)).unwrap_or(BUCKETS_MS.len());
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// What it has counted.
    #[must_use]
    pub fn snapshot(&self) -> Durations {
        Durations { buckets: std::array::from_fn(|index| self.buckets[index].load(Relaxed)), sum_us: self.sum_us.load(Relaxed) }
    }
}

/// A histogram's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Durations {
    /// How many by bucket, not cumulative; see [`BUCKETS_MS`].
    pub buckets: [u64; BUCKETS_MS.len() + 1],
    /// All together, µs.
    pub sum_us: u64,
}

impl Durations {
    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// A door of a protocol: through which lines are pushed, or by which others read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// NDJSON.
    Ingest,
    /// OTLP.
    Otlp,
    /// Loki's push.
    Loki,
    /// Elasticsearch's bulk API.
    Elasticsearch,
    /// Syslog.
    Syslog,
    /// Loki's API for readers.
    LokiRead,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Ingest, Self::Otlp, Self::Loki, Self::Elasticsearch, Self::Syslog, Self::LokiRead];

    /// Its name in metrics and in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Otlp => "otlp",
            Self::Loki => "loki",
            Self::Elasticsearch => "elasticsearch",
            Self::Syslog => "syslog",
            Self::LokiRead => "loki-read",
        }
    }
}

/// Counted at one door since the start.
#[derive(Debug, Default)]
pub(crate) struct DoorCounters {
    verdicts: [AtomicU64; 4],
    bytes: AtomicU64,
    refused: AtomicU64,
    later: AtomicU64,
    lost: AtomicU64,
}

impl DoorCounters {
    /// Lines by verdict, in the order of `Verdict::ALL`; all but the rejected ones are stored.
    pub(crate) fn lines(&self, verdicts: [usize; 4]) {
        self.verdicts.iter().zip(verdicts).for_each(|(counter, lines)| add(counter, lines as u64));
    }

    /// Bytes of bodies, decompressed.
    pub(crate) fn bytes(&self, bytes: usize) {
        add(&self.bytes, bytes as u64);
    }

    /// A request was answered with this status.
    pub(crate) fn answered(&self, status: u16) {
        match status {
            429 | 500.. => add(&self.later, 1),
            400.. => add(&self.refused, 1),
            _ => {}
        }
    }

    /// Lines that could neither be stored nor sent back.
    pub(crate) fn lost(&self, lines: u64) {
        add(&self.lost, lines);
    }

    fn snapshot(&self, door: Door) -> DoorStats {
        DoorStats {
            door: door.as_str(),
            verdicts: std::array::from_fn(|index| get(&self.verdicts[index])),
            bytes: get(&self.bytes),
            refused: get(&self.refused),
            later: get(&self.later),
            lost: get(&self.lost),
        }
    }
}

/// A door in numbers, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DoorStats {
    /// Its name.
    pub door: &'static str,
    /// Lines by verdict, in the order of `Verdict::ALL`.
    pub verdicts: [u64; 4],
    /// Bytes of bodies, decompressed.
    pub bytes: u64,
    /// Requests that the client has to change.
    pub refused: u64,
    /// Requests that the client has to send again.
    pub later: u64,
    /// Lines that could neither be stored nor sent back.
    pub lost: u64,
}

/// Counted by the write path since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) parts: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) later: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) gaps: AtomicU64,
    pub(crate) flushes: AtomicU64,
    pub(crate) flush_failures: AtomicU64,
    pub(crate) flushed_rows: AtomicU64,
    pub(crate) carried: AtomicU64,
    pub(crate) merges: AtomicU64,
    pub(crate) merge_failures: AtomicU64,
    pub(crate) merged_rows: AtomicU64,
    doors: [DoorCounters; Door::ALL.len()],
}

impl Counters {
    pub(crate) fn door(&self, door: Door) -> &DoorCounters {
        &self.doors[door as usize]
    }

    pub(crate) fn doors(&self) -> Vec<DoorStats> {
        Door::ALL.into_iter().map(|door| self.door(door).snapshot(door)).collect()
    }
}

/// Instances that are told of one by one.
pub const INSTANCES_MAX: usize = 1_000;

/// What is late or missing of an instance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InstanceLag {
    /// Whose it is.
    pub partner: String,
    /// Its module.
    pub module: String,
    /// Which.
    pub instance: String,
    /// How far its oldest line that waits is behind the clock, seconds; 0 when none waits.
    pub behind_seconds: f64,
    /// Its gaps by reason, as answers name them: how many, and bytes as far as known.
    pub gaps: Vec<(&'static str, u64, u64)>,
}

/// The state of the store in numbers; those that count do so since the start.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Modules and quarantines with rows.
    pub modules: u64,
    /// Rows in live buffers.
    pub live_rows: u64,
    /// Their size in memory, bytes, estimated.
    pub live_bytes: u64,
    /// The most that they ever were.
    pub live_bytes_peak: u64,
    /// Published splits.
    pub splits: u64,
    /// Rows in them.
    pub split_rows: u64,
    /// Bytes of their files.
    pub split_bytes: u64,
    /// Segments of the WAL that are needed.
    pub wal_segments: u64,
    /// Bytes of these.
    pub wal_bytes: u64,
    /// What came through each door.
    pub doors: Vec<DoorStats>,
    /// The newest LSN on disk.
    pub durable_lsn: u64,
    /// The LSN of the newest snapshot of the marks.
    pub marks_lsn: u64,
    /// Records written to the WAL.
    pub wal_records: u64,
    /// Bytes written to the WAL.
    pub wal_bytes_written: u64,
    /// Writing and syncing a group.
    pub wal_sync: Durations,
    /// Parts made durable.
    pub parts: u64,
    /// Parts that had been stored before.
    pub duplicates: u64,
    /// Parts that did not begin at a mark.
    pub conflicts: u64,
    /// Parts that broke the form.
    pub refused: u64,
    /// Parts and pushes sent away for a while.
    pub later: u64,
    /// Rows made durable.
    pub rows: u64,
    /// Gaps made durable.
    pub gaps: u64,
    /// Flushes published.
    pub flushes: u64,
    /// Flushes that could not be.
    pub flush_failures: u64,
    /// Rows published.
    pub flushed_rows: u64,
    /// Buffers of small modules that were written to the end of the log again, instead of being flushed.
    pub carried: u64,
    /// Merges of splits.
    pub merges: u64,
    /// Merges that failed.
    pub merge_failures: u64,
    /// Rows that were merged; one that was merged twice counts twice.
    pub merged_rows: u64,
    /// Nodes whose collectors speak, have been silent for a while, are taken for lost.
    pub nodes: [u64; 3],
    /// Instances of which something is late or missing: those that are furthest behind, at most [`INSTANCES_MAX`].
    pub instances: Vec<InstanceLag>,
    /// Pods in the quarantine: without an instance, with a claim that contradicts the registry, with an instance and waiting for their release.
    pub quarantined: [u64; 3],
    /// Bytes of the data folder's disk that are free.
    pub disk_free_bytes: u64,
    /// Bytes of it that are kept free.
    pub disk_reserve_bytes: u64,
    /// Whether new lines are refused because less is free.
    pub disk_low: bool,
    /// Why the store takes nothing more, when it does not.
    pub failure: Option<String>,
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}

pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}
