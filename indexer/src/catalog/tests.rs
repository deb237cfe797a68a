//! The catalog over real files.

use super::*;
use crate::row::{Origin, Owner};
use martlog_formats::wire::{GapReason, Substream};
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt as _;

fn key(partner: &str, module: &str) -> ModuleKey {
    ModuleKey { partner: partner.into(), module: module.into() }
}

fn split(id: &str, seq_from: u64) -> Listing {
    let meta = SplitMeta {
        id: id.to_owned(),
        key: key("acme", "sms"),
        format: 1,
        rows: 10,
        bytes: 1_000,
        seq_from,
        seq_to: seq_from + 10,
        time_min_ns: -5,
        time_max_ns: 5,
        arrived_min_ns: 1,
        arrived_max_ns: i64::MAX,
    };
    Listing { meta, hours: (seq_from > 0).then(|| Arc::from([1, 2, 3])), filter: (seq_from == 0).then(|| Arc::from([1, 4])) }
}

fn state(next_seq: u64, applied_lsn: u64) -> ModuleState {
    ModuleState { key: key("acme", "sms"), next_seq, applied_lsn, released_seq: 0 }
}

fn file(cluster: &str, id: u128, marks: [u64; 2]) -> FileMarks {
    let stream = Stream {
        namespace: "ns".to_owned(),
        pod: "pod".to_owned(),
        pod_uid: "uid".to_owned(),
        container: "main".to_owned(),
        restart: u32::MAX,
    };
    FileMarks { cluster: cluster.to_owned(), node: "node".to_owned(), stream, file: FileId(id), marks, gone_ns: None }
}

fn gap(from: u64, reason: GapReason) -> StoredGap {
    let owner =
        Owner { key: key("acme", "sms"), instance: "sms-434".into(), csp: "434".into(), environment: "".into(), version: "1.2".into() };
    let origin = Origin {
        cluster: "eu".into(),
        node: "n1".into(),
        namespace: "ns".into(),
        pod: "pod".into(),
        pod_uid: "uid".into(),
        container: "main".into(),
        restart: 3,
        substream: Substream::Stderr,
        file: FileId(u128::MAX),
        file_name: "3.log".into(),
    };
    StoredGap { owner: Arc::new(owner), origin: Arc::new(origin), from, to: u64::MAX, reason, time_ns: 7 }
}

#[tokio::test]
async fn a_new_catalog_is_empty_and_keeps_its_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).await.unwrap();
    let first = catalog.contents().await.unwrap();
    assert!(first.splits.is_empty() && first.modules.is_empty() && first.gaps.is_empty());
    assert_eq!(first.marks, Marks::default());
    catalog.close().await;
    let catalog = Catalog::open(dir.path()).await.unwrap();
    assert_eq!(catalog.contents().await.unwrap().epoch, first.epoch);
    let renewed = catalog.renew_epoch().await.unwrap();
    assert_ne!(renewed, first.epoch);
    assert!(renewed <= i64::MAX as u64);
    assert_eq!(catalog.contents().await.unwrap().epoch, renewed);
}

#[tokio::test]
async fn the_file_is_private_and_every_connection_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).await.unwrap();
    let mode = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("catalog.sqlite"), mode("catalog.sqlite-wal")), (0o600, 0o600));
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut connection = catalog.pool().acquire().await.unwrap();
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *connection).await.unwrap();
        let foreign_keys: i64 = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut *connection).await.unwrap();
        assert_eq!((journal.as_str(), synchronous, foreign_keys), ("wal", 2, 1));
        held.push(connection);
    }
}

#[tokio::test]
async fn a_publication_is_one_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).await.unwrap();
    catalog.publish(&[split("b", 10)], &[], &state(20, 8)).await.unwrap();
    catalog.publish(&[split("a", 0)], &[], &state(20, 9)).await.unwrap();
    let contents = catalog.contents().await.unwrap();
    assert_eq!(contents.splits, [split("a", 0), split("b", 10)]);
    assert_eq!(contents.modules, [state(20, 9)]);

    // The id is taken: the removal and the state beside it do not hold either.
    let refused = catalog.publish(&[split("b", 20)], &["a".to_owned()], &state(30, 99)).await;
    assert!(matches!(refused, Err(CatalogError::Sql(..))), "{refused:?}");
    let contents = catalog.contents().await.unwrap();
    assert_eq!(contents.splits, [split("a", 0), split("b", 10)]);
    assert_eq!(contents.modules, [state(20, 9)]);

    // Replacing leaves the state alone, and is all or nothing too.
    catalog.replace(&[split("d", 0), split("e", 5)], &["a".to_owned()]).await.unwrap();
    catalog.replace(&[split("f", 0), split("b", 0)], &["d".to_owned()]).await.unwrap_err();
    let contents = catalog.contents().await.unwrap();
    assert_eq!(contents.splits, [split("d", 0), split("e", 5), split("b", 10)]);
    assert_eq!(contents.modules, [state(20, 9)]);

    let merged = split("c", 0);
    catalog.publish(std::slice::from_ref(&merged), &["b".to_owned(), "d".to_owned(), "e".to_owned()], &state(20, 9)).await.unwrap();
    assert_eq!(catalog.contents().await.unwrap().splits, [merged]);
}

#[tokio::test]
async fn marks_and_gaps_come_back_and_are_told_twice_without_harm() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).await.unwrap();
    let files: Vec<_> = (0..1_300_u64).map(|id| file("eu", u128::from(id), [id, 0])).collect();
    let gaps = [gap(3, GapReason::RotatedAway), gap(3, GapReason::NodeLost)];
    catalog.snapshot_marks(40, &files, &gaps, &[]).await.unwrap();
    let moved = [file("eu", 7, [u64::MAX, 1 << 63]), file("us", 7, [1, 2])];
    catalog.snapshot_marks(u64::MAX, &moved, &gaps, &[]).await.unwrap();
    catalog.close().await;

    let contents = Catalog::open(dir.path()).await.unwrap().contents().await.unwrap();
    assert_eq!(contents.marks.lsn, u64::MAX);
    assert_eq!(contents.marks.files.len(), 1_301);
    for file in &moved {
        assert!(contents.marks.files.contains(file));
    }
    assert!(contents.marks.files.contains(&files[1_299]));
    assert_eq!(contents.gaps.len(), 2);
    assert!(gaps.iter().all(|gap| contents.gaps.contains(gap)));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let error = Catalog::open(&file).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot write ") && error.contains("name another data folder"), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("catalog.sqlite"), "this is no database, and long enough to be one".repeat(200)).unwrap();
    let error = Catalog::open(dir.path()).await.unwrap_err();
    assert!(matches!(error, CatalogError::Damaged(..)), "{error:?}");
    assert!(error.to_string().contains("restore the data folder from a backup"), "{error}");
}

#[tokio::test]
async fn damage_within_the_file_is_found_when_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).await.unwrap();
    let files: Vec<_> = (0..2_000).map(|id| file("eu", id, [1, 2])).collect();
    catalog.snapshot_marks(1, &files, &[], &[]).await.unwrap();
    catalog.close().await;
    let path = dir.path().join("catalog.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    // The first page holds the schema; the last ones hold marks.
    let half = bytes.len() / 2;
    bytes[half..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&path, bytes).unwrap();
    let error = match Catalog::open(dir.path()).await {
        Err(error) => error,
        Ok(catalog) => catalog.contents().await.unwrap_err(),
    };
    assert!(matches!(error, CatalogError::Damaged(..)), "{error:?}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).await.unwrap();
    let statement =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)";
    sqlx::query(statement).execute(catalog.pool()).await.unwrap();
    catalog.close().await;
    let error = Catalog::open(dir.path()).await.unwrap_err();
    assert!(matches!(error, CatalogError::Newer(_, 9999)), "{error:?}");
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[tokio::test]
async fn a_closed_catalog_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).await.unwrap();
    catalog.close().await;
    assert!(matches!(catalog.contents().await, Err(CatalogError::Closed)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_was_published_comes_back(ids in prop::collection::btree_set("[0-9a-f]{8}", 1..8), numbers in any::<[u64; 6]>(), times in any::<[i64; 4]>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let catalog = Catalog::open(dir.path()).await.unwrap();
            let state = ModuleState { key: key("p", "m"), next_seq: numbers[0], applied_lsn: numbers[1], released_seq: numbers[2] };
            let mut splits = Vec::new();
            for id in &ids {
                let meta = SplitMeta {
                    id: id.clone(), key: key("p", "m"), format: u32::MAX, rows: numbers[3], bytes: numbers[4], seq_from: numbers[5], seq_to: numbers[0],
                    time_min_ns: times[0], time_max_ns: times[1], arrived_min_ns: times[2], arrived_max_ns: times[3],
                };
                let split = Listing { meta, hours: Some(Arc::from(id.as_bytes())), filter: None };
                catalog.publish(std::slice::from_ref(&split), &[], &state).await.unwrap();
                splits.push(split);
            }
            catalog.close().await;
            let contents = Catalog::open(dir.path()).await.unwrap().contents().await.unwrap();
            prop_assert_eq!(contents.splits, splits);
            prop_assert_eq!(contents.modules, vec![state]);
            Ok(())
        })?;
    }
}
