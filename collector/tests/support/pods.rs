//! A node's folder of pods: writes log files as a container runtime and the kubelet do, and keeps the ledger of what was printed.

use flate2::{Compression, write::GzEncoder};
use martlog_formats::wire::Substream;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) use Substream::{Stderr, Stdout};

/// What was printed, by pod UID, restart and substream.
pub(crate) type Ledger = BTreeMap<(String, u32, Substream), Vec<String>>;

/// The folder of pods.
pub(crate) struct Pods {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) ledger: Ledger,
    clock: u64,
}

/// One container's life.
pub(crate) struct Container {
    pub(crate) uid: String,
    pub(crate) restart: u32,
    pub(crate) folder: PathBuf,
    file: File,
    rotations: u32,
}

impl Pods {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), ledger: Ledger::new(), clock: 0 }
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn container(&self, uid: &str, restart: u32) -> Container {
        let folder = self.root().join(format!("ns_pod-{uid}_{uid}/app"));
        std::fs::create_dir_all(&folder).unwrap();
        let file = open(&folder.join(format!("{restart}.log")));
        Container { uid: uid.to_owned(), restart, folder, file, rotations: 0 }
    }

    fn time(&mut self) -> String {
        self.clock += 1;
        let (second, nano) = (self.clock / 1_000, self.clock % 1_000);
        format!("2026-11-22T{:02}:{:02}:{:02}.000000{nano:03}Z", 10 + second / 3600, second / 60 % 60, second % 60)
    }

    /// Writes one physical line.
    pub(crate) fn piece(&mut self, container: &mut Container, substream: Substream, tag: &str, text: &[u8]) {
        let mut line = format!("{} {} {tag} ", self.time(), substream.as_str()).into_bytes();
        line.extend_from_slice(text);
        line.push(b'\n');
        container.file.write_all(&line).unwrap();
    }

    /// A printed line, in pieces of 16 KiB, with what its record's message must be in the ledger.
    pub(crate) fn print(&mut self, container: &mut Container, substream: Substream, text: &str) {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(16 << 10).collect();
        for (at, piece) in pieces.iter().enumerate() {
            self.piece(container, substream, if at + 1 == pieces.len() { "F" } else { "P" }, piece);
        }
        self.expect(container, substream, text);
    }

    pub(crate) fn expect(&mut self, container: &Container, substream: Substream, text: &str) {
        self.ledger.entry((container.uid.clone(), container.restart, substream)).or_default().push(text.to_owned());
    }
}

impl Container {
    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.file.write_all(bytes).unwrap();
    }

    pub(crate) fn current(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.restart))
    }

    /// Renames the current file and begins another, as the kubelet and the runtime do; the rotated file's path.
    pub(crate) fn rotate(&mut self) -> PathBuf {
        let rotated = self.rename();
        self.file = open(&self.current());
        rotated
    }

    /// The first half of a rotation: the runtime still writes into the renamed file.
    pub(crate) fn rename(&mut self) -> PathBuf {
        self.rotations += 1;
        let rotated = self.folder.join(format!("{}.log.20261122-{:06}", self.restart, 101_500 + self.rotations));
        std::fs::rename(self.current(), &rotated).unwrap();
        rotated
    }

    /// The second half.
    pub(crate) fn reopen(&mut self) {
        self.file = open(&self.current());
    }
}

/// Compresses a rotated file as the kubelet does: a temporary file, a rename, and the plain one goes.
pub(crate) fn gzip(path: &Path) -> PathBuf {
    let temporary = PathBuf::from(format!("{}.gz.tmp", path.display()));
    let compressed = PathBuf::from(format!("{}.gz", path.display()));
    let mut encoder = GzEncoder::new(File::create(&temporary).unwrap(), Compression::fast());
    encoder.write_all(&std::fs::read(path).unwrap()).unwrap();
    encoder.finish().unwrap();
    std::fs::rename(temporary, &compressed).unwrap();
    std::fs::remove_file(path).unwrap();
    compressed
}

fn open(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}
