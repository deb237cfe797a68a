//! What is open, what is let go of, and what readers keep.

use super::*;
use crate::row::{Row, RowRef};
use crate::search::testing::{folder, owner, row};
use crate::split::build;
use std::path::Path;

const LIMITS: Limits = Limits { open: 8, open_bytes: u64::MAX, mapped_bytes: u64::MAX, filter_bytes: 10 };

/// Splits of a hundred rows, each of a number that is their message.
fn shelved(folder: &Path, shelf: &Arc<Shelf>, count: u64) -> Vec<Arc<Shelved>> {
    let one = |number: u64| {
        let (owner, text, id) = (owner("p1", "m1", "i1"), format!("split number {number}"), format!("{number:032x}"));
        let rows: Vec<Row> = (0..100).map(|seq| row(&owner, number * 100 + seq, 1, 1, &text, "")).collect();
        let path = folder.join(format!("{id}.split"));
        let meta = build(&owner.key, &id, &rows.iter().map(RowRef::from).collect::<Vec<_>>(), &path).unwrap();
        Arc::new(Shelved::new(shelf, path, meta, None, None))
    };
    (0..count).map(one).collect()
}

fn first_message(split: &Split) -> String {
    split.rows().unwrap().remove(0).record.message
}

fn maps(of: &Path) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains(of.to_str().unwrap())).count()
}

#[test]
fn splits_are_opened_when_they_are_read_and_the_least_recently_used_are_closed() {
    let folder = folder();
    let shelf = Arc::new(Shelf::with(LIMITS));
    let splits = shelved(folder.path(), &shelf, 20);
    assert_eq!((shelf.opened(), maps(folder.path())), (0, 0));
    let first = splits[0].open().unwrap();
    for (number, split) in splits.iter().enumerate() {
        assert_eq!(first_message(&split.open().unwrap()), format!("split number {number}"));
        // Used again and again, it stays.
        assert!(Arc::ptr_eq(&splits[0].open().unwrap(), &first));
        assert!(shelf.opened() <= 8);
    }
    assert_eq!(maps(folder.path()), shelf.opened());
    drop(splits);
    assert_eq!((shelf.opened(), maps(folder.path())), (0, 1), "the one that is still read");
    assert_eq!(first_message(&first), "split number 0");
}

#[test]
fn what_open_splits_have_in_memory_is_bounded_but_for_the_newest() {
    let folder = folder();
    let shelf = Arc::new(Shelf::with(Limits { open: usize::MAX, open_bytes: 100_000, ..LIMITS }));
    let splits = shelved(folder.path(), &shelf, 20);
    for split in &splits {
        split.open().unwrap();
        assert!(shelf.open.lock().bytes <= 100_000);
    }
    assert!((2..=6).contains(&shelf.opened()), "{}", shelf.opened());
    let tiny = Arc::new(Shelf::with(Limits { open_bytes: 1, ..LIMITS }));
    shelved(folder.path(), &tiny, 3).iter().for_each(|split| assert_eq!(split.open().unwrap().meta.rows, 100));
}

#[test]
fn who_saw_a_split_before_it_was_removed_reads_it() {
    let folder = folder();
    let shelf = Arc::new(Shelf::with(LIMITS));
    let splits = shelved(folder.path(), &shelf, 3);
    let seen: Vec<Arc<Shelved>> = splits.iter().take(2).cloned().collect();
    splits[0].open().unwrap();
    for split in &splits {
        split.keep_for_readers();
        std::fs::remove_file(split.path()).unwrap();
    }
    drop(splits);
    assert_eq!(maps(folder.path()), 2, "nobody can ask for the third");
    for (number, split) in seen.iter().enumerate() {
        assert_eq!(first_message(&split.open().unwrap()), format!("split number {number}"));
    }
    drop(seen);
    assert_eq!(maps(folder.path()), 0);
}

#[test]
fn removal_while_others_open_loses_nobody_a_split() {
    let folder = folder();
    let shelf = Arc::new(Shelf::with(Limits { open: 4, ..LIMITS }));
    for _ in 0..20 {
        let splits = shelved(folder.path(), &shelf, 10);
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    let seen = splits.clone();
                    scope.spawn(move || seen.iter().for_each(|split| assert_eq!(split.open().unwrap().rows().unwrap().len(), 100)))
                })
                .collect();
            for split in splits {
                split.keep_for_readers();
                std::fs::remove_file(split.path()).unwrap();
            }
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
        assert_eq!(shelf.opened(), 0);
    }
}

#[test]
fn pages_that_were_let_go_of_read_the_same() {
    let folder = folder();
    // So little that every look lets go of something.
    let shelf = Arc::new(Shelf::with(Limits { mapped_bytes: 0, ..LIMITS }));
    let splits = shelved(folder.path(), &shelf, 4);
    let read = || splits.iter().map(|split| split.open().unwrap().rows().unwrap()).collect::<Vec<_>>();
    let before = read();
    let resident = |split: &Split| {
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let path = folder.path().join(format!("{}.split", split.meta.id));
        let of = smaps.split_once(path.to_str().unwrap()).unwrap().1;
        of.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap().trim().to_owned()
    };
    let open: Vec<_> = splits.iter().map(|split| split.open().unwrap()).collect();
    std::thread::sleep(LOOK_EVERY * 2);
    shelf.trim();
    assert!(open.iter().all(|split| resident(split) == "0 kB"), "{:?}", open.iter().map(|split| resident(split)).collect::<Vec<_>>());
    assert_eq!(read(), before);
}

#[test]
fn a_missing_file_is_told_of_when_the_split_is_read() {
    let folder = folder();
    let shelf = Arc::new(Shelf::with(LIMITS));
    let splits = shelved(folder.path(), &shelf, 1);
    std::fs::remove_file(splits[0].path()).unwrap();
    let error = splits[0].open().unwrap_err().to_string();
    assert!(error.contains(&splits[0].meta.id) && error.contains("missing: restore it from a backup"), "{error}");
}

#[test]
fn filters_have_a_bound_and_what_has_none_is_opened() {
    let folder = folder();
    let shelf = Arc::new(Shelf::with(LIMITS));
    let meta = shelved(folder.path(), &shelf, 1)[0].meta.clone();
    let with = |kept: &[u8]| Shelved::new(&shelf, folder.path().join("none"), meta.clone(), None, Some(kept.into()));
    let nothing_in_it = [1; 1];
    let first = with(&nothing_in_it);
    assert!(!first.may_have(&[vec![5]]) && first.may_have(&[]));
    assert!(with(&[9; 1]).may_have(&[vec![5]]), "of a later version");
    let full = with(&[1; 9]);
    assert!(with(&nothing_in_it).may_have(&[vec![5]]), "no room");
    drop(full);
    assert!(!with(&nothing_in_it).may_have(&[vec![5]]));
}
