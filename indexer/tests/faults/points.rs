//! Where a child is killed: at the Kth call of a system call, before the kernel carries it out.
//!
//! `strace` counts calls for each thread, and the first thread that reaches K dies with the whole process. The store writes from several threads
//! (the log's, SQLite's, those that build splits), so there are two families of points: over all files, and over the catalog's alone, whose calls the
//! busier threads would hide. What there is to be killed at is counted in a run without a fault.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// The calls by which the store changes a file system, or opens it.
const SYSCALLS: [&str; 14] = [
    "pwrite64",
    "write",
    "fdatasync",
    "fsync",
    "rename",
    "renameat2",
    "unlink",
    "unlinkat",
    "fallocate",
    "openat",
    "ftruncate",
    "mkdir",
    "mkdirat",
    "msync",
];

/// Whose calls count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    All,
    Catalog,
}

/// A place in a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) family: Family,
    pub(crate) syscall: String,
    /// From 1.
    pub(crate) call: u64,
}

/// What came of a child.
pub(crate) struct Run {
    pub(crate) lines: Vec<String>,
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl Family {
    /// The files whose calls are looked at; all when there are none.
    fn paths(self, dir: &Path) -> Vec<PathBuf> {
        match self {
            Self::All => Vec::new(),
            Self::Catalog => ["", "-wal", "-shm", "-journal"].map(|end| dir.join(format!("catalog.sqlite{end}"))).into(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Catalog => "catalog",
        }
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.family.name(), self.syscall, self.call)
    }
}

impl Point {
    /// As it is displayed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let [family, syscall, call] = text.split(':').collect::<Vec<_>>().try_into().ok()?;
        let family = [Family::All, Family::Catalog].into_iter().find(|known| known.name() == family)?;
        Some(Self { family, syscall: syscall.to_owned(), call: call.parse().ok()? })
    }
}

/// Every point of the script, as a run without a fault has them.
pub(crate) fn all(dir: &Path, trace: &Path) -> Vec<Point> {
    let mut points = Vec::new();
    for family in [Family::All, Family::Catalog] {
        let folder = dir.join(family.name());
        let run = run(&folder, 0, family, None, trace);
        assert!(run.status.success(), "the script does not run under strace: {} {}", run.status, run.stderr);
        let merges = run.lines.iter().find_map(|line| line.strip_prefix("merges ")).and_then(|count| count.parse::<u64>().ok());
        assert!(merges >= Some(3), "too little is merged: {merges:?}");
        for (syscall, calls) in most_calls(&std::fs::read_to_string(trace).unwrap()) {
            points.extend((1..=calls).map(|call| Point { family, syscall: syscall.clone(), call }));
        }
    }
    points
}

/// For each call, how often the thread made it that made it most often.
fn most_calls(trace: &str) -> BTreeMap<String, u64> {
    let mut calls: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((name, _)) = rest.trim_start().split_once('(') else { continue };
        if SYSCALLS.contains(&name) {
            *calls.entry((name, thread)).or_default() += 1;
        }
    }
    let mut most: BTreeMap<String, u64> = BTreeMap::new();
    for ((name, _), count) in calls {
        let known = most.entry(name.to_owned()).or_default();
        *known = count.max(*known);
    }
    most
}

/// A child on the folder, from a step on; killed at a point when there is one.
pub(crate) fn run(dir: &Path, from: usize, family: Family, kill: Option<&Point>, trace: &Path) -> Run {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-s", "0", "-o"]).arg(trace);
    for path in family.paths(dir) {
        command.arg("-P").arg(path);
    }
    let watched = kill.map_or_else(|| SYSCALLS.join(","), |point| point.syscall.clone());
    command.args(["-e", &format!("trace={watched}")]);
    if let Some(point) = kill {
        command.args(["-e", &format!("inject={}:signal=SIGKILL:when={}", point.syscall, point.call)]);
    }
    command.arg("--").arg(std::env::current_exe().unwrap()).arg("child").arg(dir).arg(from.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("strace starts: it is in the package `strace`");
    let mut stderr = child.stderr.take().unwrap();
    let complaints = std::thread::spawn(move || std::io::read_to_string(&mut stderr).unwrap_or_default());
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    let status = child.wait().unwrap();
    Run { lines, status, stderr: complaints.join().unwrap() }
}
