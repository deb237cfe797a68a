//! What is built comes back byte for byte, and damage is an error.

use super::{FORMAT, Split, build};
use crate::row::{Row, RowRef};
use crate::search::testing::{folder, owner, parts, row};
use proptest::prelude::*;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

fn build_and_open(folder: &Path, rows: &[Row]) -> Split {
    let path = folder.join("partner").join("module").join("1.split");
    let meta = build(&rows[0].owner.key, "1", &rows.iter().map(RowRef::from).collect::<Vec<_>>(), &path).unwrap();
    assert_eq!(meta.bytes, std::fs::metadata(&path).unwrap().len());
    Split::open(&path, meta).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_back_byte_for_byte(parts in parts(), odd: (i64, i64, u64), texts in proptest::collection::vec((".{0,20}", ".{0,20}"), 0..4)) {
        let key = parts[0][0].owner.key.clone();
        let mut rows: Vec<Row> = parts.into_iter().flatten().filter(|row| row.owner.key == key).collect();
        // Extremes, and texts of any kind: a split stores what it is given.
        rows[0].record.time_ns = odd.0;
        rows[0].record.runtime_time_ns = odd.1;
        rows[0].arrived_ns = i64::MIN;
        rows[0].offset = odd.2;
        let last = rows.len() - 1;
        rows[last].record.time_ns = i64::MAX;
        rows[last].arrived_ns = i64::MAX;
        for (row, (message, attributes)) in rows.iter_mut().zip(texts) {
            row.record.message = message;
            row.record.attributes = attributes;
        }
        let folder = folder();
        let split = build_and_open(folder.path(), &rows);
        prop_assert_eq!(split.rows().unwrap(), rows.clone());
        prop_assert_eq!((split.meta.rows, split.meta.seq_from, split.meta.seq_to), (rows.len() as u64, rows[0].seq, rows[last].seq + 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn merged_splits_have_all_rows(parts in parts(), texts in proptest::collection::vec((".{0,20}", ".{0,20}"), 0..4), which: u64) {
        let key = parts[0][0].owner.key.clone();
        let mut rows: Vec<Row> = parts.into_iter().flatten().filter(|row| row.owner.key == key).collect();
        for (row, (message, attributes)) in rows.iter_mut().zip(texts) {
            row.record.message = message;
            row.record.attributes = attributes;
        }
        let folder = folder();
        let mut sources: Vec<Arc<Split>> = Vec::new();
        for part in 0..3 {
            let of = rows.iter().enumerate().filter(|(at, _)| (which >> (at % 60)) % 3 == part);
            let of: Vec<_> = of.map(|(_, row)| RowRef::from(row)).collect();
            if !of.is_empty() {
                let path = folder.path().join(format!("{part}.split"));
                let meta = build(&key, "1", &of, &path).unwrap();
                sources.push(Arc::new(Split::open(&path, meta).unwrap()));
            }
        }
        let path = folder.path().join("merged.split");
        let meta = super::merge(&key, "2", &sources, &path, &mut || Ok(())).unwrap();
        let merged = Split::open(&path, meta).unwrap();
        prop_assert_eq!(merged.rows().unwrap(), rows.clone());
        prop_assert_eq!((merged.meta.rows, merged.meta.seq_from, merged.meta.seq_to), (rows.len() as u64, rows[0].seq, rows[rows.len() - 1].seq + 1));
    }
}

#[test]
fn many_rows_and_long_rows_make_several_blocks() {
    let owner = owner("p1", "m1", "i1");
    let long = "x".repeat(1 << 20);
    let message = |seq: u64| if seq < 12 { long.clone() } else { format!("line {seq}") };
    let rows: Vec<Row> = (0..3_000).map(|seq| row(&owner, seq, 1, (seq as i64 * 7_919) % 3_000, &message(seq), "")).collect();
    let folder = folder();
    let split = build_and_open(folder.path(), &rows);
    assert!(split.head().unwrap().blocks.len() >= 4);
    assert_eq!(split.rows().unwrap(), rows);
}

#[test]
fn every_flipped_bit_and_every_cut_is_an_error_or_changes_nothing() {
    let owner = owner("p1", "m1", "i1");
    let rows: Vec<Row> = (0..20).map(|seq| row(&owner, seq, 1, seq as i64, "timeout 123456 of", r#"{"call_id":"abc"}"#)).collect();
    let folder = folder();
    let good = build_and_open(folder.path(), &rows);
    let path = folder.path().join("partner/module/1.split");
    let bytes = std::fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.split");
    let mut errors = 0;
    let mut check = |bytes: &[u8]| {
        std::fs::write(&damaged, bytes).unwrap();
        let read = Split::open(&damaged, good.meta.clone()).and_then(|split| {
            let mut found = super::bits::Bits::none(split.head()?.docs);
            split.postings()?.docs_of("timeout", &mut found)?;
            Ok((split.rows()?, found.count()))
        });
        match read {
            Ok(read) => assert_eq!(read, (rows.clone(), 1)),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::Unsupported | ErrorKind::InvalidInput), "{error:?}");
                errors += 1;
            }
        }
    };
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        check(&flipped);
        if at % 7 == 0 {
            check(&bytes[..at]);
        }
    }
    // All but the filters, which reading rows and terms does not touch, are covered by a checksum.
    assert!(errors > bytes.len(), "{errors} of {}", bytes.len());
}

#[test]
fn a_split_of_another_form_or_another_module_says_so() {
    let owner = owner("p1", "m1", "i1");
    let folder = folder();
    let split = build_and_open(folder.path(), &[row(&owner, 0, 1, 1, "a", "")]);
    let path = folder.path().join("partner/module/1.split");
    let other = super::SplitMeta { key: crate::search::testing::key("p1", "m2"), ..split.meta.clone() };
    assert!(Split::open(&path, other).unwrap_err().to_string().contains("not the split that the catalog means"));
    let mut bytes = std::fs::read(&path).unwrap();
    let version = bytes.len() - 12;
    bytes[version..version + 4].copy_from_slice(&(FORMAT + 1).to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = Split::open(&path, split.meta.clone()).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("use a newer version"));
}

#[test]
fn rows_that_are_no_split_are_refused_and_nothing_is_left() {
    let owner = owner("p1", "m1", "i1");
    let (first, second) = (row(&owner, 1, 1, 1, "a", ""), row(&owner, 2, 1, 1, "b", ""));
    let folder = folder();
    let path = folder.path().join("1.split");
    let (first, second) = (RowRef::from(&first), RowRef::from(&second));
    for rows in [vec![], vec![second, first], vec![first, first]] {
        assert_eq!(build(&owner.key, "1", &rows, &path).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let taken = folder.path().join("folder.split");
    std::fs::create_dir_all(taken.join("x")).unwrap();
    assert!(build(&owner.key, "1", &[first], &taken).is_err());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["folder.split"]);
}
