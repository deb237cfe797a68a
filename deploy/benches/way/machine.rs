//! What the process has used, read from `/proc`. CPU in seconds, memory and disk in bytes. A figure that the system does not give is 0.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// CPU seconds, user and system together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    pub(crate) process: f64,
    /// By thread name, of the threads that are there.
    pub(crate) threads: BTreeMap<String, f64>,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let mut usage =
            Self { process: cpu_of(Path::new("/proc/self/stat")).map_or(0.0, |(_, seconds)| seconds), threads: BTreeMap::new() };
        for entry in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            if let Some((name, seconds)) = cpu_of(&entry.path().join("stat")) {
                *usage.threads.entry(name).or_default() += seconds;
            }
        }
        usage
    }

    pub(crate) fn since(&self, before: &Self) -> Self {
        let threads = self.threads.iter().map(|(name, seconds)| (name.clone(), seconds - before.threads.get(name).copied().unwrap_or(0.0)));
        Self { process: self.process - before.process, threads: threads.collect() }
    }

    pub(crate) fn of(&self, thread: &str) -> f64 {
        self.threads.get(thread).copied().unwrap_or(0.0)
    }
}

/// Name and CPU seconds of a `stat` file; the name stands in parentheses and may hold anything.
#[allow(clippy::cast_precision_loss, reason = "ticks of a benchmark")]
fn cpu_of(stat: &Path) -> Option<(String, f64)> {
    let text = fs::read_to_string(stat).ok()?;
    let (head, rest) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u64>().ok());
    let ticks = ticks()? + ticks()?;
    Some((name, ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Begins the peak of [`peak_memory`] anew.
pub(crate) fn reset_peak_memory() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The largest resident set, bytes.
pub(crate) fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Bytes below a data folder by its first level; files of the catalog count together.
pub(crate) fn disk(data: &Path) -> io::Result<BTreeMap<String, u64>> {
    let mut parts = BTreeMap::new();
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let part = if name.starts_with("catalog.sqlite") { "catalog".to_owned() } else { name };
        *parts.entry(part).or_default() += bytes(&entry.path())?;
    }
    Ok(parts)
}

fn bytes(path: &Path) -> io::Result<u64> {
    let about = fs::symlink_metadata(path)?;
    if !about.is_dir() {
        return Ok(about.len());
    }
    fs::read_dir(path)?.map(|entry| bytes(&entry?.path())).sum()
}

/// The processor and how many of it.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        text.lines().find_map(|line| line.strip_prefix("model name")).map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {model}")
}
