//! The log over real files: what was called durable comes back after any crash, flip or cut, or the log says what is missing.

use super::*;
use parking_lot::Mutex;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::Duration;

const SEGMENT: u64 = 1024;

/// Reports each ticket: its LSN when it is durable, `None` when it failed.
struct Report(mpsc::Sender<(u32, Option<u64>)>);

impl Sink<u32> for Report {
    fn durable(&mut self, done: Vec<(u64, u32)>) {
        for (lsn, ticket) in done {
            self.0.send((ticket, Some(lsn))).unwrap();
        }
    }

    fn failed(&mut self, tickets: Vec<u32>, _failure: &Failure, reopen: &dyn Fn()) {
        reopen();
        for ticket in tickets {
            self.0.send((ticket, None)).unwrap();
        }
    }
}

type Outcomes = mpsc::Receiver<(u32, Option<u64>)>;
type Opened = (Vec<(u64, Vec<u8>)>, Wal<u32>, Outcomes);

/// Everything in the log, and the log.
fn open(dir: &Path, disk: Arc<dyn Disk>) -> Result<Opened, WalError> {
    let mut recovery = Recovery::open(dir, disk, SEGMENT)?;
    let mut records = Vec::new();
    while let Some(record) = recovery.next_record()? {
        records.push(record);
    }
    let (sender, outcomes) = mpsc::channel();
    Ok((records, recovery.start(Report(sender))?, outcomes))
}

fn open_real(dir: &Path) -> Result<Opened, WalError> {
    open(dir, Arc::new(RealDisk))
}

fn payload(number: u32, bytes: usize) -> Payload {
    Payload { head: number.to_le_bytes().to_vec(), body: vec![u8::try_from(number % 251).unwrap(); bytes].into() }
}

fn whole(payload: &Payload) -> Vec<u8> {
    [&payload.head[..], &payload.body[..]].concat()
}

/// Writes one record and waits for it.
fn write(wal: &Wal<u32>, outcomes: &Outcomes, number: u32, bytes: usize) -> Option<u64> {
    wal.submit(Some(payload(number, bytes)), number).unwrap();
    let (ticket, outcome) = outcomes.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(ticket, number);
    outcome
}

fn numbers(records: &[(u64, Vec<u8>)]) -> Vec<u32> {
    records.iter().map(|(_, payload)| u32::from_le_bytes(*payload.first_chunk().unwrap())).collect()
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.file_name().unwrap().to_str().unwrap().starts_with("spare"));
    paths.sort();
    paths
}

#[test]
fn what_is_durable_comes_back_in_order_over_many_segments() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..4 {
        let (records, wal, outcomes) = open_real(dir.path()).unwrap();
        assert_eq!(numbers(&records), expected);
        for number in round * 30..round * 30 + 30 {
            assert!(write(&wal, &outcomes, number, number as usize * 7 % 200).is_some());
            expected.push(number);
        }
        if round % 2 == 0 {
            wal.close();
            assert_eq!(wal.submit(None, 0), Err(SubmitError::Closed));
        }
    }
    assert!(segments(dir.path()).len() > 10);
    let (records, ..) = open_real(dir.path()).unwrap();
    assert_eq!(numbers(&records), expected);
    assert!(records.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(records.iter().zip(&expected).all(|((_, bytes), number)| *bytes == whole(&payload(*number, *number as usize * 7 % 200))));
}

#[test]
fn queued_records_are_one_group_and_a_barrier_waits_for_what_is_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let (_, wal, outcomes) = open(dir.path(), disk.clone()).unwrap();
    {
        let _held = disk.hold.lock();
        for number in 0..50 {
            wal.submit(Some(payload(number, 1)), number).unwrap();
        }
        wal.submit(None, 50).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert!(outcomes.try_recv().is_err(), "nothing is durable while the disk waits");
    }
    let done: Vec<_> = (0..=50).map(|_| outcomes.recv_timeout(Duration::from_secs(10)).unwrap()).collect();
    assert!(done.iter().enumerate().all(|(index, (ticket, _))| index == *ticket as usize));
    assert_eq!(done[50].1, done[49].1);
    assert!(wal.counters().sync.snapshot().count() < 10, "fifty records, a few groups");
}

#[test]
fn a_record_larger_than_a_segment_gets_one_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (_, wal, outcomes) = open_real(dir.path()).unwrap();
    let lsns = [(0, 10), (1, 50_000), (2, 10)].map(|(number, bytes)| write(&wal, &outcomes, number, bytes).unwrap());
    drop(wal);
    let (records, wal, _) = open_real(dir.path()).unwrap();
    assert_eq!(numbers(&records), [0, 1, 2]);
    assert_eq!(wal.release(lsns[2]).unwrap(), 2);
    assert_eq!(wal.submit(Some(payload(0, PAYLOAD_MAX)), 0), Err(SubmitError::TooLarge(PAYLOAD_MAX + 4)));
}

const PAYLOAD_MAX: usize = super::writer::PAYLOAD_BYTES_MAX;

#[test]
fn released_segments_are_used_again_and_their_old_records_stay_dead() {
    let dir = tempfile::tempdir().unwrap();
    let (_, wal, outcomes) = open_real(dir.path()).unwrap();
    let mut last = 0;
    for number in 0..200 {
        last = write(&wal, &outcomes, number, 60).unwrap();
        if number % 10 == 9 {
            wal.release(last - 2).unwrap();
        }
    }
    assert!(fs::read_dir(dir.path()).unwrap().count() <= 5, "a few segments and two spares");
    drop(wal);
    let (records, wal, _) = open_real(dir.path()).unwrap();
    assert!(records.iter().any(|(lsn, _)| *lsn == last) && records.iter().any(|(lsn, _)| *lsn == last - 2));
    let numbers = numbers(&records);
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    // The last segment is never released, whatever is asked.
    wal.release(u64::MAX).unwrap();
    assert_eq!(wal.segments(), 1);
    drop(wal);
    let (_, wal, outcomes) = open_real(dir.path()).unwrap();
    assert!(write(&wal, &outcomes, 1, 1).unwrap() > last);
}

/// A log of one segment whose records are all acknowledged, each in a group of its own; closed, or as a kill right behind the last acknowledgement left it.
fn small_log(dir: &Path, closed: bool) -> Vec<u32> {
    let (_, wal, outcomes) = open_real(dir).unwrap();
    let numbers: Vec<u32> = (0..6).collect();
    for number in &numbers {
        write(&wal, &outcomes, *number, 20 + *number as usize).unwrap();
    }
    if closed {
        wal.close();
    }
    numbers
}

/// Where the records of a segment lie: from, to, and whether it is a seal.
fn places(path: &Path) -> Vec<(usize, usize, bool)> {
    let image = fs::read(path).unwrap();
    let segment = super::segment::Segment::parse(path, image.len() as u64, &image[..super::segment::HEADER]).unwrap();
    let mut at = super::segment::HEADER;
    let mut places = Vec::new();
    while let Some(found) = super::record::read(&image, at, segment.salt) {
        // The zeros behind the payload are nobody's.
        places.push((at, at + super::record::HEADER + found.payload.len(), found.payload.is_empty()));
        at = found.next;
    }
    places
}

#[test]
fn every_acknowledged_record_has_a_seal_or_a_record_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let (_, wal, outcomes) = open_real(dir.path()).unwrap();
    for number in 0..200 {
        // Sizes that end segments with every remainder of room.
        write(&wal, &outcomes, number, 30 + number as usize % 97).unwrap();
        let newest = segments(dir.path()).pop().unwrap();
        assert!(places(&newest).last().unwrap().2, "record {number} is acknowledged and not sealed");
    }
}

#[test]
fn no_flipped_byte_loses_an_acknowledged_record_silently() {
    for closed in [true, false] {
        let origin = tempfile::tempdir().unwrap();
        let written = small_log(origin.path(), closed);
        let segment = segments(origin.path()).remove(0);
        let image = fs::read(&segment).unwrap();
        let places = places(&segment);
        let last_payload = places.iter().rposition(|(.., seal)| !seal).unwrap();
        for at in 0..image.len() {
            let dir = tempfile::tempdir().unwrap();
            let mut flipped = image.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(dir.path().join(segment.file_name().unwrap()), flipped).unwrap();
            // All but the last seal: that one proves, and nothing proves it.
            let record = places.iter().position(|(from, to, _)| (*from..*to).contains(&at)).filter(|record| *record <= last_payload);
            let in_header = at < super::segment::HEADER - 20;
            match open_real(dir.path()) {
                Ok((records, wal, outcomes)) => {
                    assert!(record.is_none() && !in_header, "byte {at} of an acknowledged record is not watched");
                    assert_eq!(numbers(&records), written, "byte {at}");
                    assert!(write(&wal, &outcomes, 99, 5).is_some());
                    drop(wal);
                    let (records, ..) = open_real(dir.path()).unwrap();
                    assert_eq!(numbers(&records), [&written[..], &[99]].concat(), "byte {at}");
                }
                Err(WalError::Corrupt { segment: named, offset, .. }) => {
                    assert_eq!(named.file_name(), segment.file_name());
                    let from = if in_header { 0 } else { places[record.unwrap_or_else(|| panic!("byte {at} is nobody's"))].0 };
                    assert_eq!(offset, from as u64, "byte {at}");
                }
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
    }
}

#[test]
fn a_torn_tail_loses_only_what_nothing_calls_durable() {
    let origin = tempfile::tempdir().unwrap();
    let written = small_log(origin.path(), false);
    let segment = segments(origin.path()).remove(0);
    let image = fs::read(&segment).unwrap();
    let end = image.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for cut in super::segment::HEADER..end {
        let dir = tempfile::tempdir().unwrap();
        let mut torn = image.clone();
        torn[cut..].fill(0);
        let path = dir.path().join(segment.file_name().unwrap());
        fs::write(&path, torn).unwrap();
        let (records, wal, outcomes) = open_real(dir.path()).unwrap();
        let kept = numbers(&records);
        assert_eq!(kept, written[..kept.len()], "a prefix at {cut}");
        assert!(write(&wal, &outcomes, 77, 3).is_some());
        drop(wal);
        let (records, ..) = open_real(dir.path()).unwrap();
        assert_eq!(numbers(&records), [&kept[..], &[77]].concat(), "cut at {cut}");
    }
}

#[test]
fn a_segment_that_lost_its_end_or_is_missing_is_reported() {
    let origin = tempfile::tempdir().unwrap();
    small_log(origin.path(), true);
    let segment = segments(origin.path()).remove(0);
    let image = fs::read(&segment).unwrap();
    for length in 0..image.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(segment.file_name().unwrap()), &image[..length]).unwrap();
        assert!(matches!(open_real(dir.path()), Err(WalError::Corrupt { .. })), "cut to {length}");
    }

    let dir = tempfile::tempdir().unwrap();
    let (_, wal, outcomes) = open_real(dir.path()).unwrap();
    for number in 0..40 {
        write(&wal, &outcomes, number, 100);
    }
    drop(wal);
    let paths = segments(dir.path());
    assert!(paths.len() >= 4);
    fs::remove_file(&paths[1]).unwrap();
    let error = open_real(dir.path()).unwrap_err().to_string();
    assert!(error.contains(paths[0].to_str().unwrap()) && error.contains("begins at"), "{error}");
}

#[test]
fn pages_of_an_unsynced_group_may_survive_in_any_order() {
    let dir = tempfile::tempdir().unwrap();
    let (_, wal, outcomes) = open_real(dir.path()).unwrap();
    write(&wal, &outcomes, 0, 8);
    drop(wal);
    // A group of three whose first record did not reach the disk: both others say that only LSN 1 was durable.
    let path = segments(dir.path()).remove(0);
    let mut image = fs::read(&path).unwrap();
    let segment = super::segment::Segment::parse(&path, SEGMENT, &image[..super::segment::HEADER]).unwrap();
    let first = super::record::read(&image, super::segment::HEADER, segment.salt).unwrap();
    let mut group = Vec::new();
    for lsn in 2..=4 {
        super::record::encode(&mut group, segment.salt, lsn, 1, &payload(u32::try_from(lsn).unwrap(), 8));
    }
    // The power went before the seal was synced.
    let start = first.next;
    image[start..].fill(0);
    image[start..start + group.len()].copy_from_slice(&group);
    image[start + 30] ^= 1;
    fs::write(&path, &image).unwrap();
    let (records, wal, outcomes) = open_real(dir.path()).unwrap();
    assert_eq!(numbers(&records), [0]);
    // The survivors must not line up behind a new record of the same length.
    assert_eq!(write(&wal, &outcomes, 9, 8), Some(3), "behind the seal of the first");
    drop(wal);
    let (records, ..) = open_real(dir.path()).unwrap();
    assert_eq!(numbers(&records), [0, 9]);
}

/// A disk that fails when it is told to.
#[derive(Debug, Default)]
struct Faulty {
    full: AtomicBool,
    full_writes: AtomicBool,
    broken_sync: AtomicBool,
    syncs: AtomicUsize,
    /// The first sync that fails, counted from 1; 0 is none.
    broken_from_sync: AtomicUsize,
    hold: Mutex<()>,
}

impl Disk for Faulty {
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<fs::File> {
        if self.full.load(SeqCst) {
            fs::write(path, b"half")?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.allocate(path, bytes)
    }

    fn write(&self, file: &fs::File, bytes: &[u8], at: u64) -> io::Result<()> {
        if self.full_writes.load(SeqCst) {
            RealDisk.write(file, &bytes[..bytes.len() / 2], at)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.write(file, bytes, at)
    }

    fn sync(&self, file: &fs::File) -> io::Result<()> {
        let _held = self.hold.lock();
        let (number, from) = (self.syncs.fetch_add(1, SeqCst) + 1, self.broken_from_sync.load(SeqCst));
        if self.broken_sync.load(SeqCst) || (from > 0 && number >= from) {
            Err(io::Error::from_raw_os_error(5))
        } else {
            RealDisk.sync(file)
        }
    }
}

#[test]
fn a_full_disk_loses_nothing_and_the_log_goes_on_when_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let (_, wal, outcomes) = open(dir.path(), disk.clone()).unwrap();
    let mut kept = Vec::new();
    let mut number = 0;
    for (full, full_writes) in [(false, false), (true, false), (false, false), (false, true), (false, false)] {
        disk.full.store(full, SeqCst);
        disk.full_writes.store(full_writes, SeqCst);
        let mut failed = 0;
        for _ in 0..20 {
            number += 1;
            match write(&wal, &outcomes, number, 100) {
                Some(_) => kept.push(number),
                None => failed += 1,
            }
        }
        assert_eq!(failed > 0, full || full_writes);
    }
    drop(wal);
    let (records, ..) = open_real(dir.path()).unwrap();
    assert_eq!(numbers(&records), kept);
}

#[test]
fn a_failed_sync_is_final() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let (_, wal, outcomes) = open(dir.path(), disk.clone()).unwrap();
    write(&wal, &outcomes, 1, 10).unwrap();
    disk.broken_sync.store(true, SeqCst);
    assert_eq!(write(&wal, &outcomes, 2, 10), None);
    disk.broken_sync.store(false, SeqCst);
    assert!(matches!(wal.submit(Some(payload(3, 10)), 3), Err(SubmitError::Broken(_))));
    drop(wal);
    let (records, ..) = open_real(dir.path()).unwrap();
    assert!(numbers(&records).starts_with(&[1]));
}

#[test]
fn the_seal_of_an_idle_log_is_synced_and_one_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let (_, wal, outcomes) = open(dir.path(), disk.clone()).unwrap();
    let lsn = write(&wal, &outcomes, 1, 10).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    // One for the group, one for its seal; the header's was before.
    let before = disk.syncs.load(SeqCst);
    while disk.syncs.load(SeqCst) < before.max(3) {
        assert!(std::time::Instant::now() < deadline, "the seal stays unsynced");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(disk.syncs.load(SeqCst), 3, "an idle log rests");
    assert_eq!(write(&wal, &outcomes, 2, 10), Some(lsn + 2));
    wal.close();
    drop(wal);
    for _ in 0..3 {
        drop(open_real(dir.path()).unwrap());
    }
    assert_eq!(places(&segments(dir.path()).remove(0)).len(), 4, "two records, two seals, however often it is opened");
}

#[test]
fn a_failed_sync_of_a_seal_is_final_too() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let (_, wal, outcomes) = open(dir.path(), disk.clone()).unwrap();
    // The header's, the group's, and then the seal's.
    disk.broken_from_sync.store(3, SeqCst);
    assert!(write(&wal, &outcomes, 1, 10).is_some());
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while disk.syncs.load(SeqCst) < 3 || wal.submit(None, 2).is_ok() {
        assert!(std::time::Instant::now() < deadline, "the log goes on over a failed sync");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(matches!(wal.submit(None, 2), Err(SubmitError::Broken(_))));
}
