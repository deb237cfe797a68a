//! Many modules with light traffic over many days: what does a store cost that has many small splits?
//!
//! One process loads it and another one opens it, so that what is measured is a store that has just started.

use super::disk::Disk;
use super::generator::{DAY_NS, Fleet, Generator, ID};
use super::load::{MEMORY, resident};
use super::machine;
use super::queries::{self, Query, Taken, ms};
use super::report::{Bound, Figure, Told, mib, ratio, thousands};
use super::server::{self, Failure, Pusher};
use martlog_indexer::{Indexer, Options};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// ns.
const DAY_LENGTH_NS: i64 = 86_400_000_000_000;
/// Small buffers are flushed once a day. Here several days are at once, and the merges bring the rest to the same: so many times fewer flushes to wait for.
const DAYS_A_FLUSH: u64 = 5;
/// The live buffers while loading, bytes: large enough that a module gets one split in [`DAYS_A_FLUSH`].
const LIVE_BYTES: usize = 2 << 30;

const START: Bound = Bound::limit(10.0, "s");
const FILES: Bound = Bound::limit(1024.0, "");
const SEARCH: Bound = Bound::limit(500.0, "ms");

/// How much traffic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) modules: usize,
    pub(crate) days: u64,
    /// Of a module.
    pub(crate) lines_a_day: u64,
}

/// What the process that opens has to know.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    /// The id of a request in the middle of the time, and how many lines have it.
    id: String,
    lines: u64,
    /// Lines with the id that is planted all over the time, in many modules.
    planted: u64,
}

impl Traffic {
    fn name(self) -> String {
        format!("{} modules × {} days of {} lines", thousands(self.modules as u64), self.days, self.lines_a_day)
    }

    /// The days before [`DAY_NS`], and a little more: the steps between lines are random.
    fn range(self) -> Range<i64> {
        let length = i64::try_from(self.days).unwrap_or(0) * DAY_LENGTH_NS;
        DAY_NS - length..DAY_NS + DAY_LENGTH_NS
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("light")
}

fn known_path(folder: &Path) -> PathBuf {
    folder.join("light.json")
}

/// Fills the store.
pub(crate) async fn load(folder: &Path, seed: u64, traffic: Traffic) -> Result<Told, Failure> {
    let options = Options { live_bytes_max: LIVE_BYTES, live_age_max: Duration::from_secs(86_400), ..Options::default() };
    let indexer = Indexer::open(&data(folder), options).await?;
    let a_day = traffic.lines_a_day * traffic.modules as u64;
    let mut generator = Generator::of_fleet(seed, a_day, Fleet::even(traffic.modules, 1), traffic.range().start);
    let mut pusher = Pusher::new(&indexer);
    let (mut known, mut ids) = (Known::default(), HashMap::new());
    let begun = Instant::now();
    for day in 0..traffic.days {
        for line in generator.by_ref().take(usize::try_from(a_day)?) {
            known.see(&line.json, day == traffic.days / 2, &mut ids);
            pusher.take(&line).await?;
        }
        pusher.finish().await?;
        if (day + 1).is_multiple_of(DAYS_A_FLUSH) || day + 1 == traffic.days {
            indexer.flush().await?;
            super::say(&format!("day {}: {} splits after {:.0} s", day + 1, indexer.stats().splits, begun.elapsed().as_secs_f64()));
        }
    }
    known.planted = generator.truth().id;
    std::fs::write(known_path(folder), serde_json::to_vec(&known)?)?;
    let splits = indexer.stats().splits;
    let merges = server::merge_all(&indexer).await?;
    let merged = indexer.stats();
    let text = format!(
        "{}: {} lines, loaded in {:.0} s; {} splits at the end of the flush became {} by {} merges; bytes on disk per line: {}.",
        traffic.name(),
        thousands(merged.split_rows),
        begun.elapsed().as_secs_f64(),
        thousands(splits),
        thousands(merged.splits),
        thousands(merges),
        Disk::of(&data(folder))?.told(merged.split_rows),
    );
    indexer.close().await;
    Ok(Told { figures: Vec::new(), details: vec![text] })
}

impl Known {
    /// Counts the lines of each request by the hash of its id; the first one of the `middle` is chosen.
    fn see(&mut self, json: &str, middle: bool, lines: &mut HashMap<u64, u64>) {
        let id = json.split_once("\"request_id\":\"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(id, _)| id);
        if id.is_empty() {
            return;
        }
        if middle && self.id.is_empty() && id != ID {
            id.clone_into(&mut self.id);
        }
        let count = lines.entry(hash(id)).or_default();
        *count += 1;
        if id == self.id {
            self.lines = *count;
        }
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// Opens it and asks, with nothing of its files in memory.
pub(crate) async fn open(folder: &Path, traffic: Traffic) -> Result<Told, Failure> {
    let known: Known = serde_json::from_slice(&std::fs::read(known_path(folder))?)?;
    evict(&data(folder))?;
    let begun = Instant::now();
    let indexer = Indexer::open(&data(folder), Options::default()).await?;
    let start = begun.elapsed();
    let splits = format!("{} splits", thousands(indexer.stats().splits));
    let mut figures = vec![
        Figure::new(format!("{}: start", traffic.name()), START, start.as_secs_f64(), splits),
        Figure::new("– memory after the start, peak", MEMORY, mib(machine::peak_memory()), resident()),
    ];
    let (files, maps) = (open_files()?, split_maps()?);
    let scope = server::staff(&indexer).await?;
    let mut most_files = files;
    let searches = [
        ("– staff id search, one request", known.id.as_str(), known.lines),
        ("– staff id search, an id of many modules", ID, known.planted),
    ];
    for (name, id, lines) in searches {
        let query = queries::page(name, SEARCH, queries::id_is(id), lines);
        let taken = query.take(&indexer, &scope, &traffic.range()).await?;
        figures.extend(cold_and_warm(&query, &taken));
        most_files = most_files.max(open_files()?);
    }
    let more =
        format!("{files} after the start; {} maps of splits after it, {} after the searches", thousands(maps), thousands(split_maps()?));
    figures.push(Figure::new("– open files, at most", FILES, ratio(most_files, 1), more));
    figures.push(Figure::new("– memory after the searches, peak", MEMORY, mib(machine::peak_memory()), resident()));
    indexer.close().await;
    Ok(Told { figures, details: Vec::new() })
}

/// Files of the first search are on the disk alone; the second one finds some in memory.
fn cold_and_warm(query: &Query, taken: &Taken) -> [Figure; 2] {
    let cold =
        Figure::new(format!("{}, first time", query.name), SEARCH, ms(taken.first), "the files were on the disk alone before the start");
    [cold, query.figure(taken, None)]
}

fn open_files() -> Result<u64, Failure> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count() as u64)
}

fn split_maps() -> Result<u64, Failure> {
    Ok(std::fs::read_to_string("/proc/self/maps")?.lines().filter(|line| line.contains(".split")).count() as u64)
}

/// Has the system forget what it holds of the files, as after a reboot.
fn evict(folder: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            evict(&path)?;
        } else {
            let file = std::fs::File::open(&path)?;
            file.sync_all()?;
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
    }
    Ok(())
}
