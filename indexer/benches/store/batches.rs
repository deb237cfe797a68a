//! Lines as a collector ships them, written to files before the clock starts: parsing them is the collector's work, and these files are read with bounded memory.
//!
//! As the collector has it: four lanes, a stream belongs to one of them for good; a batch closes at 1 MiB or 5,000 records; in it each stream that has said something has a
//! part for each substream, one of which may only move the mark. Lines come in the order of time, as from live pods, so a batch has many small parts: the harder case.
//!
//! A file of batches is `(u32 LE length | batch)*`.

use super::generator::{Fleet, GeneratedLine, Stream as Printed};
use martlog_formats::wire::{BatchEncoder, BatchHeader, Extent, FileId, Part, PartRecord, Stream, Substream};
use martlog_formats::{Profile, parse};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Connections of a collector.
pub(crate) const LANES: usize = 4;
/// The collector's cluster.
pub(crate) const CLUSTER: &str = "bench";
/// A batch closes at this size, bytes.
const BATCH_BYTES: usize = 1 << 20;
/// A batch closes at this number of records.
const BATCH_RECORDS: usize = 5_000;
/// What a stream of a batch weighs besides its records, bytes.
const PART_WEIGHT_BYTES: usize = 512;
/// What a record weighs besides its texts, bytes.
const RECORD_WEIGHT_BYTES: usize = 64;
/// `<time> stdout F ` and the newline.
const CRI_BYTES: u64 = 41;

/// Writes batches.
pub(crate) struct Shipper {
    followers: Vec<Follower>,
    by_instance: HashMap<Arc<str>, usize>,
    lanes: Vec<Lane>,
    profile: Profile,
}

/// A pod's stream, and what of it waits for the batch to close.
struct Follower {
    stream: Stream,
    file: FileId,
    lane: usize,
    /// The end of the file, bytes.
    end: u64,
    /// How far the parts reach, by substream.
    reached: [u64; 2],
    records: [Vec<PartRecord>; 2],
}

struct Lane {
    out: BufWriter<File>,
    bytes: usize,
    records: usize,
    /// Followers with records that wait.
    waiting: Vec<usize>,
}

/// The file of a lane's batches.
pub(crate) fn path(folder: &Path, name: &str, lane: usize) -> PathBuf {
    folder.join(format!("{name}-{lane}.batches"))
}

fn lanes(folder: &Path, name: &str) -> io::Result<Vec<Lane>> {
    let lane = |lane| Ok(Lane { out: BufWriter::new(File::create(path(folder, name, lane))?), bytes: 0, records: 0, waiting: Vec::new() });
    (0..LANES).map(lane).collect()
}

impl Shipper {
    /// Writes to files of this name.
    pub(crate) fn new(fleet: &Fleet, folder: &Path, name: &str) -> io::Result<Self> {
        let follower = |(number, instance): (usize, &super::generator::Instance)| Follower {
            stream: Stream {
                namespace: instance.id.to_string(),
                pod: format!("{}-7d9f8b6c4-x2k9p", instance.module),
                pod_uid: format!("5b1c9d0e-8f6a-4c58-9f57-{number:012x}"),
                container: "app".to_owned(),
                restart: 0,
            },
            file: FileId((number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
            lane: number % LANES,
            end: 0,
            reached: [0; 2],
            records: [Vec::new(), Vec::new()],
        };
        Ok(Self {
            followers: fleet.instances.iter().enumerate().map(follower).collect(),
            by_instance: fleet.instances.iter().enumerate().map(|(number, instance)| (instance.id.clone(), number)).collect(),
            lanes: lanes(folder, name)?,
            profile: Profile::default(),
        })
    }

    /// Takes a line.
    pub(crate) fn take(&mut self, line: &GeneratedLine) -> io::Result<()> {
        let number = *self.by_instance.get(&line.instance).ok_or_else(|| io::Error::other("a line of an unknown instance"))?;
        let follower = &mut self.followers[number];
        let lane = &mut self.lanes[follower.lane];
        let record = parse(line.json.as_bytes(), line.time_ns, &self.profile);
        if follower.records.iter().all(Vec::is_empty) {
            lane.waiting.push(number);
            lane.bytes += PART_WEIGHT_BYTES;
        }
        lane.bytes += record.message.len() + record.attributes.len() + RECORD_WEIGHT_BYTES;
        lane.records += 1;
        let offset = follower.end;
        follower.end += line.json.len() as u64 + CRI_BYTES;
        follower.records[substream(line.stream) as usize].push(PartRecord { offset, end: follower.end, record });
        if lane.bytes >= BATCH_BYTES || lane.records >= BATCH_RECORDS { lane.close(&mut self.followers) } else { Ok(()) }
    }

    /// Closes what is open; what comes from now on goes to files of another name.
    pub(crate) fn turn_to(&mut self, folder: &Path, name: &str) -> io::Result<()> {
        self.finish()?;
        self.lanes = lanes(folder, name)?;
        Ok(())
    }

    /// Closes what is open.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        for lane in &mut self.lanes {
            lane.close(&mut self.followers)?;
            lane.out.flush()?;
        }
        Ok(())
    }
}

impl Lane {
    fn close(&mut self, followers: &mut [Follower]) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut encoder = BatchEncoder::new(&BatchHeader { cluster: CLUSTER.to_owned(), node: "node-1".to_owned() });
        for number in self.waiting.drain(..) {
            for part in followers[number].parts() {
                encoder.push(&part);
            }
        }
        let batch = encoder.finish();
        self.out.write_all(&u32::try_from(batch.len()).map_err(io::Error::other)?.to_le_bytes())?;
        self.out.write_all(&batch)?;
        (self.bytes, self.records) = (0, 0);
        Ok(())
    }
}

impl Follower {
    /// What waits, as a part for each substream.
    fn parts(&mut self) -> [Part; 2] {
        [Substream::Stdout, Substream::Stderr].map(|substream| {
            let from = std::mem::replace(&mut self.reached[substream as usize], self.end);
            Part {
                stream: self.stream.clone(),
                labels: Vec::new(),
                substream,
                extents: vec![Extent { file: self.file, name: "0.log".to_owned(), from, to: self.end }],
                records: std::mem::take(&mut self.records[substream as usize]),
                gap: None,
            }
        })
    }
}

fn substream(stream: Printed) -> Substream {
    match stream {
        Printed::Stdout => Substream::Stdout,
        Printed::Stderr => Substream::Stderr,
    }
}

/// The batches of a file, one at a time.
pub(crate) struct Batches(BufReader<File>);

impl Batches {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(BufReader::with_capacity(1 << 20, File::open(path)?)))
    }
}

impl Iterator for Batches {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut length = [0; 4];
        match self.0.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return None,
            Err(error) => return Some(Err(error)),
        }
        let mut batch = vec![0; u32::from_le_bytes(length) as usize];
        Some(self.0.read_exact(&mut batch).map(|()| batch))
    }
}
