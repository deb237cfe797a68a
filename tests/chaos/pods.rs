//! One life of a container: its log files as the runtime writes them and the kubelet or logrotate moves them, each move noted for the ledger.
//!
//! Invariants: offsets are bytes of the uncompressed file; a file keeps its number in the ledger whatever it is called.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Copies that a truncation in place keeps.
const COPIES: usize = 4;

/// Bytes `[from, to)` of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) file: u32,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// See the module.
pub(crate) struct Container {
    pub(crate) folder: PathBuf,
    pub(crate) restart: u32,
    /// Lines for the ledger.
    pub(crate) notes: Vec<String>,
    stream: u32,
    file: File,
    number: u32,
    size: u64,
    rotations: u32,
    /// From the oldest.
    rotated: Vec<Rotated>,
}

/// A file that is written no more.
struct Rotated {
    number: u32,
    /// Without `.gz`; of a copy nothing, its name changes.
    name: String,
    packed: bool,
}

/// Files are numbered over all nodes.
static FILES: AtomicU32 = AtomicU32::new(0);

impl Container {
    pub(crate) fn create(stream: u32, folder: PathBuf, restart: u32) -> Self {
        fs::create_dir_all(&folder).expect("a container's folder");
        let file = open(&folder.join(format!("{restart}.log")));
        let mut container =
            Self { folder, restart, notes: Vec::new(), stream, file, number: 0, size: 0, rotations: 0, rotated: Vec::new() };
        container.begin_file();
        container
    }

    fn begin_file(&mut self) {
        self.number = FILES.fetch_add(1, Ordering::Relaxed);
        self.size = 0;
        self.notes.push(format!("file {} {} {}.log", self.number, self.stream, self.restart));
    }

    /// Of the file that is written now.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Writes physical lines in one write.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Extent {
        self.file.write_all(bytes).expect("a CRI line");
        let from = self.size;
        self.size += bytes.len() as u64;
        Extent { file: self.number, from, to: self.size }
    }

    pub(crate) fn current(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.restart))
    }

    /// The first half of a rotation: the runtime still writes into the renamed file.
    pub(crate) fn rename(&mut self) -> PathBuf {
        self.rotations += 1;
        let name = format!("{}.log.20261122-{:06}", self.restart, 100_000 + self.rotations);
        let to = self.folder.join(&name);
        fs::rename(self.current(), &to).expect("a rotation");
        self.notes.push(format!("name {} {name}", self.number));
        self.rotated.push(Rotated { number: self.number, name, packed: false });
        to
    }

    /// The second half.
    pub(crate) fn reopen(&mut self) {
        self.file = open(&self.current());
        self.begin_file();
    }

    /// Notes what the kubelet compressed and removed.
    pub(crate) fn swept(&mut self) -> usize {
        let Self { folder, notes, rotated, .. } = self;
        let mut compressed = 0;
        rotated.retain_mut(|Rotated { number, name, packed }| {
            let there = folder.join(format!("{name}.gz")).exists();
            if there && !*packed {
                notes.push(format!("name {number} {name}.gz"));
                (*packed, compressed) = (true, compressed + 1);
            }
            if there || folder.join(&*name).exists() {
                return true;
            }
            notes.push(format!("gone {number} kubelet"));
            false
        });
        compressed
    }

    /// A rotated file that is still plain, removed by whoever gets its path; the youngest one.
    pub(crate) fn youngest_rotated(&self) -> Option<(u32, PathBuf)> {
        self.rotated.last().map(|youngest| (youngest.number, self.folder.join(&youngest.name)))
    }

    /// No longer there, whoever removed it.
    pub(crate) fn forget(&mut self, number: u32) {
        self.rotated.retain(|known| known.number != number);
    }

    /// Copied and cut in place, as logrotate does with `copytruncate`.
    pub(crate) fn copytruncate(&mut self) {
        let name = |copy: usize| format!("{}.log.{copy}", self.restart);
        if self.rotated.len() == COPIES {
            let oldest = self.rotated.remove(0).number;
            fs::remove_file(self.folder.join(name(COPIES))).expect("the oldest copy");
            self.notes.push(format!("gone {oldest} logrotate"));
        }
        for copy in (1..=self.rotated.len()).rev() {
            fs::rename(self.folder.join(name(copy)), self.folder.join(name(copy + 1))).expect("a copy moves");
        }
        fs::copy(self.current(), self.folder.join(name(1))).expect("a copy");
        self.file.set_len(0).expect("a cut");
        self.rotated.push(Rotated { number: self.number, name: String::new(), packed: false });
        let count = self.rotated.len();
        let numbered = self.rotated.iter().enumerate();
        let named: Vec<String> = numbered.map(|(at, known)| format!("name {} {}", known.number, name(count - at))).collect();
        self.notes.extend(named);
        self.begin_file();
    }
}

fn open(path: &std::path::Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("a log file")
}
