//! Every byte of a log's segments flipped: what was acknowledged comes back, or the log names the place; nothing is lost in silence.
//!
//! The log is that of a store that was killed: parts, pushes, a gap and a release, over several segments. Its records are compared, since what
//! a record means is the same whenever its bytes are.

use crate::script::Step;
use crate::{child, harness, script, seconds};
use martlog_indexer::wal::{Recovery, WalError};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

type Records = Vec<(u64, Vec<u8>)>;

/// A segment: its file and what is in it.
struct Segment {
    path: PathBuf,
    image: Vec<u8>,
}

/// Flips so many bytes of a log, or all; a report. Panics when one of them was not noticed.
pub(crate) fn run(count: usize, seed: u64) -> String {
    let began = Instant::now();
    // In memory where that can be had: each opening syncs every segment, and what is tested is not the disk.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let wal = folder.path().join("wal");
    child::runtime().block_on(written(folder.path()));
    let segments = segments(&wal);
    let records = read(&wal).expect("the log is whole");
    assert!(segments.len() >= 3 && records.len() > 50, "{} segments, {} records", segments.len(), records.len());

    let mut bytes: Vec<(usize, usize)> =
        segments.iter().enumerate().flat_map(|(number, segment)| (0..segment.image.len()).map(move |at| (number, at))).collect();
    let all = bytes.len();
    bytes.shuffle(&mut StdRng::seed_from_u64(seed));
    bytes.truncate(count);
    let mut dice = StdRng::seed_from_u64(seed);
    let (mut named, mut whole) = (0, 0);
    for (number, at) in &bytes {
        let segment = &segments[*number];
        let mut flipped = segment.image.clone();
        flipped[*at] ^= dice.random_range(1..=u8::MAX);
        std::fs::write(&segment.path, &flipped).unwrap();
        match read(&wal) {
            Ok(found) => {
                assert_eq!(found, records, "byte {at} of {} (seed {seed})", segment.path.display());
                whole += 1;
            }
            Err(WalError::Corrupt { segment: place, offset, .. }) => {
                let near = place == segment.path && offset <= *at as u64;
                assert!(near, "byte {at} of {} was reported as {offset} of {}", segment.path.display(), place.display());
                named += 1;
            }
            Err(error) => panic!("byte {at} of {}: {error}", segment.path.display()),
        }
        std::fs::write(&segment.path, &segment.image).unwrap();
    }
    assert_eq!(read(&wal).unwrap(), records);
    let mut report = String::new();
    writeln!(
        report,
        "flips: {} of {all} bytes of {} segments, seed {seed}: {named} named, {whole} harmless, in {}: 0 lost",
        bytes.len(),
        segments.len(),
        seconds(began.elapsed())
    )
    .unwrap();
    report
}

/// A store with some segments of log, killed right behind its last acknowledgement.
async fn written(dir: &Path) {
    let options = martlog_indexer::Options { live_bytes_max: 8 << 20, wal_bytes_max: 8 << 20, ..child::options() };
    let mut indexer = harness::open_with(dir, options).await;
    // Without what would let go of the log.
    for step in script::steps().into_iter().filter(|step| !matches!(step, Step::Flush | Step::Retain)) {
        let step = step.append().map_or(step, Step::Append);
        indexer = step.run(indexer, dir).await;
    }
}

/// Every record of the log; a torn tail is cut off on the way.
fn read(wal: &Path) -> Result<Records, WalError> {
    let mut recovery = Recovery::open_real(wal, child::options().wal_segment_bytes)?;
    let mut records = Vec::new();
    while let Some(record) = recovery.next_record()? {
        records.push(record);
    }
    Ok(records)
}

fn segments(wal: &Path) -> Vec<Segment> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(wal).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.file_name().unwrap().to_str().unwrap().starts_with("spare"));
    paths.sort();
    paths.into_iter().map(|path| Segment { image: std::fs::read(&path).unwrap(), path }).collect()
}
