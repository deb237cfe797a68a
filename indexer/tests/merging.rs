//! Merging, late lines, hourly counts: whatever happens to splits, each row is there once, and counted once.

use crate::harness::*;
use martlog_formats::{Record, Severity};
use martlog_indexer::registry::Scope;
use martlog_indexer::row::{ModuleKey, Owner, Row};
use martlog_indexer::{Indexer, Options};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;
/// 2023-11-14, midnight.
const BEGIN_NS: i64 = 1_699_920_000_000_000_000;

fn owner(module: &str, instance: &str) -> Arc<Owner> {
    Arc::new(Owner {
        key: ModuleKey { partner: "acme".into(), module: module.into() },
        instance: instance.into(),
        csp: "434".into(),
        environment: "".into(),
        version: "".into(),
    })
}

/// Lines at these times, named by their number.
fn lines(name: &str, times: impl IntoIterator<Item = i64>) -> Vec<Record> {
    let severities =
        [None, Some(Severity::DEBUG), Some(Severity::INFO), Some(Severity::WARN), Some(Severity::ERROR), Some(Severity::FATAL)];
    let line =
        |(number, time_ns): (usize, i64)| Record { time_ns, severity: severities[number % 6], ..record(&format!("{name} {number}")) };
    times.into_iter().enumerate().map(line).collect()
}

fn split_files(dir: &Path, module: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("splits/acme").join(module)).map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    entries.into_iter().map(|entry| entry.unwrap().path()).collect()
}

/// All rows in ascending seq; none twice.
async fn all(indexer: &Indexer) -> Vec<Row> {
    let mut rows = rows(indexer, &staff(indexer).await, false);
    rows.sort_by(|a, b| (&a.owner.key, a.seq).cmp(&(&b.owner.key, b.seq)));
    assert_numbered(&rows);
    rows
}

/// The overview against a count over the rows.
async fn assert_overview(indexer: &Indexer, scope: &Scope, from_ns: i64, to_ns: i64) {
    let mut expected: BTreeMap<_, u64> = BTreeMap::new();
    for row in rows(indexer, scope, false) {
        let hour_ns = row.record.time_ns.div_euclid(HOUR_NS) * HOUR_NS;
        if scope.allows(&row.owner) && hour_ns + HOUR_NS > from_ns && hour_ns < to_ns {
            let level = row.record.severity.map(Severity::level);
            *expected.entry((hour_ns, row.owner.key.clone(), row.owner.instance.clone(), level)).or_default() += 1;
        }
    }
    let counted = indexer.overview(scope, from_ns, to_ns).await.unwrap();
    let counted: BTreeMap<_, u64> =
        counted.into_iter().map(|count| ((count.hour_ns, count.key, count.instance, count.level), count.rows)).collect();
    assert_eq!(counted, expected);
    assert_usage(indexer, scope, from_ns, to_ns).await;
}

/// The use by day against the overview of those days, and its bytes against the files.
async fn assert_usage(indexer: &Indexer, scope: &Scope, from_ns: i64, to_ns: i64) {
    let mut expected: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    let overview = indexer.overview(scope, i64::MIN, i64::MAX).await.unwrap();
    // Each share is rounded down: of a split, one for each cell of its hourly counts.
    let cells = u64::try_from(overview.len()).unwrap();
    let (first, last) = (from_ns.div_euclid(DAY_NS), to_ns.saturating_sub(1).div_euclid(DAY_NS));
    for count in overview {
        let day = count.hour_ns.div_euclid(DAY_NS);
        if (first..=last).contains(&day) {
            let sum = expected.entry((day * DAY_NS, count.key, count.instance)).or_default();
            sum.0 += count.rows;
            sum.1 += if matches!(count.level, Some("error" | "fatal")) { count.rows } else { 0 };
        }
    }
    let used = indexer.usage(scope, from_ns, to_ns).await.unwrap();
    let (bytes, published): (u64, u64) = used.iter().fold((0, 0), |sum, day| (sum.0 + day.bytes, sum.1 + day.lines - day.unpublished));
    let counted: BTreeMap<_, _> = used.into_iter().map(|day| ((day.day_ns, day.key, day.instance), (day.lines, day.errors))).collect();
    assert_eq!(counted, expected);
    let stats = indexer.stats();
    assert!(bytes <= stats.split_bytes, "{bytes} bytes of {}", stats.split_bytes);
    if (from_ns, to_ns) == (i64::MIN, i64::MAX) && scope.is_staff() {
        assert_eq!(published, stats.split_rows);
        assert!(bytes + cells * stats.splits >= stats.split_bytes, "{bytes} of {}", stats.split_bytes);
    }
}

/// Flushes five times: a day of one module, split by split, with two instances.
async fn filled(dir: &Path) -> Indexer {
    let indexer = open(dir).await;
    for flush in 0..5 {
        for instance in ["sms-1", "sms-2"] {
            let times = (0..200).map(|at| BEGIN_NS + flush * 4 * HOUR_NS + at * 60_000_000_000 * 7 % (4 * HOUR_NS));
            indexer.push(owner("sms", instance), lines(&format!("{instance} {flush}"), times)).await.unwrap();
        }
        indexer.flush().await.unwrap();
    }
    indexer
}

#[tokio::test]
async fn the_splits_of_a_day_become_one_with_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = filled(dir.path()).await;
    let before = all(&indexer).await;
    assert_eq!((before.len(), indexer.stats().splits, split_files(dir.path(), "sms").len()), (2_000, 5, 5));
    assert_eq!(indexer.merge_all().await.unwrap(), 1);
    let stats = indexer.stats();
    assert_eq!((stats.splits, stats.split_rows, stats.merges, stats.merged_rows), (1, 2_000, 1, 2_000));
    assert_eq!(split_files(dir.path(), "sms").len(), 1);
    assert_eq!(all(&indexer).await, before);
    assert_eq!(indexer.merge_all().await.unwrap(), 0);
    assert_overview(&indexer, &staff(&indexer).await, i64::MIN, i64::MAX).await;

    // Numbers go on, after a kill too, and what comes back from the log is what no split has.
    indexer.push(owner("sms", "sms-1"), lines("more", [BEGIN_NS])).await.unwrap();
    drop(indexer);
    let indexer = open(dir.path()).await;
    let rows = all(&indexer).await;
    assert_eq!((rows.len(), &rows[..2_000]), (2_001, before.as_slice()));
    assert_eq!(rows[2_000].seq, 2_000);
    assert_overview(&indexer, &staff(&indexer).await, i64::MIN, i64::MAX).await;
}

#[tokio::test]
async fn a_crash_at_each_step_of_a_merge_leaves_each_row_once() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = filled(dir.path()).await;
    let before = all(&indexer).await;
    indexer.close().await;
    drop(indexer);
    let sources = split_files(dir.path(), "sms");
    let (unmerged, merged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    copy(dir.path(), unmerged.path());
    let indexer = open(dir.path()).await;
    assert_eq!(indexer.merge_all().await.unwrap(), 1);
    indexer.close().await;
    drop(indexer);
    copy(dir.path(), merged.path());
    let result = split_files(merged.path(), "sms").remove(0);

    // Built, half or whole, and not in the catalog.
    let bytes = std::fs::read(&result).unwrap();
    for piece in [&bytes[..], &bytes[..bytes.len() / 2], &[]] {
        let crashed = tempfile::tempdir().unwrap();
        copy(unmerged.path(), crashed.path());
        std::fs::write(crashed.path().join("splits/acme/sms").join(result.file_name().unwrap()), piece).unwrap();
        let indexer = open(crashed.path()).await;
        assert_eq!((split_files(crashed.path(), "sms").len(), all(&indexer).await), (5, before.clone()));
        assert_eq!(indexer.merge_all().await.unwrap(), 1);
        assert_eq!(all(&indexer).await, before);
    }
    // In the catalog, and some or all of the old files still there.
    for left in 1..=5 {
        let crashed = tempfile::tempdir().unwrap();
        copy(merged.path(), crashed.path());
        for source in &sources[..left] {
            let file = unmerged.path().join("splits/acme/sms").join(source.file_name().unwrap());
            std::fs::copy(file, crashed.path().join("splits/acme/sms").join(source.file_name().unwrap())).unwrap();
        }
        let indexer = open(crashed.path()).await;
        assert_eq!((split_files(crashed.path(), "sms").len(), all(&indexer).await), (1, before.clone()));
        assert_overview(&indexer, &staff(&indexer).await, i64::MIN, i64::MAX).await;
    }
}

#[tokio::test]
async fn who_reads_while_splits_are_merged_reads_on() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = filled(dir.path()).await;
    let view = indexer.store().view(&staff(&indexer).await, false);
    indexer.merge_all().await.unwrap();
    let rows: usize = view.modules[0].splits.iter().map(|split| split.open().unwrap().rows().unwrap().len()).sum();
    assert_eq!((view.modules[0].splits.len(), rows), (5, 2_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_is_over_is_merged_without_being_asked() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    // Young splits of one day are merged by sixteens; the day is long over, but its lines arrived just now.
    for flush in 0..16_i64 {
        indexer.push(owner("sms", "sms-1"), lines("x", (0..20).map(|at| BEGIN_NS + flush * HOUR_NS + at))).await.unwrap();
        indexer.flush().await.unwrap();
    }
    let before = all(&indexer).await;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(40);
    while indexer.stats().splits != 1 {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", indexer.stats());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(all(&indexer).await, before);
}

#[tokio::test]
async fn a_merge_that_cannot_be_written_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = filled(dir.path()).await;
    let before = all(&indexer).await;
    // A damaged source: its middle is wrong, its catalog entry is not.
    let damaged = split_files(dir.path(), "sms").remove(2);
    let image = std::fs::read(&damaged).unwrap();
    drop(indexer);
    let mut broken = image.clone();
    broken[image.len() / 8..image.len() / 4].fill(0x5a);
    std::fs::write(&damaged, broken).unwrap();
    let indexer = open(dir.path()).await;
    indexer.merge_all().await.unwrap_err();
    assert_eq!((indexer.stats().splits, split_files(dir.path(), "sms").len()), (5, 5));
    drop(indexer);
    std::fs::write(&damaged, image).unwrap();
    let indexer = open(dir.path()).await;
    assert_eq!(indexer.merge_all().await.unwrap(), 1);
    assert_eq!(all(&indexer).await, before);
}

#[tokio::test]
async fn late_lines_do_not_stretch_the_splits_of_today() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    let today = BEGIN_NS + 30 * DAY_NS;
    let mut records = lines("today", (0..1_500).map(|at| today + at * 1_000_000_000));
    // A thousand of five days ago, and a broken clock, among them.
    for (at, late) in lines("late", (0..1_000).map(|at| today - 5 * DAY_NS + at)).into_iter().enumerate() {
        records.insert(at * 2, late);
    }
    records.extend(lines("broken", (0..70).map(|at| at * DAY_NS)));
    indexer.push(owner("sms", "sms-1"), records.clone()).await.unwrap();
    let before = all(&indexer).await;
    indexer.flush().await.unwrap();
    let ranges = |indexer: &Indexer, scope: &Scope| {
        let view = indexer.store().view(scope, false);
        let range = |rows: u64, from: i64, to: i64| (rows, from / DAY_NS, to / DAY_NS);
        let mut ranges: Vec<_> =
            view.modules[0].splits.iter().map(|split| range(split.meta.rows, split.meta.time_min_ns, split.meta.time_max_ns)).collect();
        ranges.sort_unstable();
        ranges
    };
    let scope = staff(&indexer).await;
    let day = today / DAY_NS;
    assert_eq!(ranges(&indexer, &scope), [(70, 0, 69), (1_000, day - 5, day - 5), (1_500, day, day)]);
    assert_eq!(all(&indexer).await, before);
    assert_overview(&indexer, &scope, i64::MIN, i64::MAX).await;
    assert_overview(&indexer, &scope, today - 5 * DAY_NS, today).await;

    // Splits that overlap in seq come back as they were; the late ones find their own day, and few rows their month.
    indexer.push(owner("sms", "sms-1"), lines("later", (0..1_000).map(|at| today - 5 * DAY_NS + HOUR_NS + at))).await.unwrap();
    indexer.flush().await.unwrap();
    let before = all(&indexer).await;
    drop(indexer);
    let indexer = open(dir.path()).await;
    assert_eq!(all(&indexer).await, before);
    assert_eq!(indexer.stats().live_rows, 0);
    assert_eq!(indexer.merge_all().await.unwrap(), 2);
    assert_eq!(indexer.stats().merged_rows, 2_000 + 3_500);
    assert_eq!(ranges(&indexer, &scope), [(70, 0, 69), (3_500, day - 5, day)]);
    assert_eq!(all(&indexer).await, before);
}

#[tokio::test]
async fn the_overview_counts_what_the_scope_shows() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = filled(dir.path()).await;
    register(&indexer, "web").await;
    let other = Owner { key: ModuleKey { partner: "rival".into(), module: "crm".into() }, ..(*owner("crm", "crm-1")).clone() };
    indexer.push(Arc::new(other), lines("rival", (0..50).map(|at| BEGIN_NS + at * HOUR_NS))).await.unwrap();
    // Nobody's: in no overview.
    send(&indexer, part("nobody", 1, (0, 10), &[(0, 10, "quarantined")])).await;
    indexer.merge_all().await.unwrap();
    indexer.push(owner("sms", "sms-3"), lines("live", (0..40).map(|at| BEGIN_NS + at * HOUR_NS))).await.unwrap();
    let partner = acme(&indexer).await;
    for scope in [&staff(&indexer).await, &partner] {
        assert_overview(&indexer, scope, i64::MIN, i64::MAX).await;
        assert_overview(&indexer, scope, BEGIN_NS + HOUR_NS + 1, BEGIN_NS + 7 * HOUR_NS).await;
        assert_overview(&indexer, scope, BEGIN_NS, BEGIN_NS).await;
    }
    let counts = indexer.overview(&partner, i64::MIN, i64::MAX).await.unwrap();
    assert!(counts.iter().all(|count| &*count.key.partner == "acme" && count.rows > 0));
    assert_eq!(counts.iter().map(|count| count.rows).sum::<u64>(), 2_040);

    // A split from before there were counts is read.
    indexer.close().await;
    drop(indexer);
    let indexer = open(dir.path()).await;
    sqlx_forget_hours(&indexer).await;
    drop(indexer);
    let indexer = open(dir.path()).await;
    assert_overview(&indexer, &staff(&indexer).await, i64::MIN, i64::MAX).await;
}

async fn sqlx_forget_hours(indexer: &Indexer) {
    let forgotten = sqlx::query("UPDATE splits SET hours = NULL").execute(indexer.catalog().pool()).await.unwrap();
    assert!(forgotten.rows_affected() > 0);
}

#[tokio::test]
async fn a_quarantine_is_released_whole_from_merged_splits() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    for piece in 0..6_u64 {
        for line in 0..10 {
            let at = (piece * 10 + line) * 10;
            assert_eq!(send(&indexer, part("web", 1, (at, at + 10), &[(at, at + 10, &format!("web {at}"))])).await, durable(&[at + 10]));
        }
        indexer.flush().await.unwrap();
    }
    assert_eq!(indexer.merge_all().await.unwrap(), 1);
    let scope = staff(&indexer).await;
    let held = rows(&indexer, &scope, true);
    assert_eq!(held.len(), 60);
    assert_eq!(indexer.release("uid-web", owner("sms", "sms-web")).await.unwrap(), 60);
    assert!(rows(&indexer, &scope, true).is_empty());
    assert_eq!(texts(&all(&indexer).await), texts(&held));
    drop(indexer);
    let indexer = open_with(dir.path(), Options::default()).await;
    assert_eq!(texts(&all(&indexer).await), texts(&held));
}
