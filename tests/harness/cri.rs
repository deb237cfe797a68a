//! A container's log files as a runtime writes them: CRI lines, partial pieces, rotation by rename and create.

use chrono::{DateTime, SecondsFormat, Utc};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The runtime splits what a container writes at once into pieces of this many bytes.
const PIECE_BYTES: usize = 16 * 1024;

pub(crate) struct Pod {
    folder: PathBuf,
    file: File,
    restart: u32,
}

impl Pod {
    pub(crate) fn create(root: &Path, namespace: &str, name: &str, uid: &str, container: &str) -> Self {
        let folder = root.join(format!("{namespace}_{name}_{uid}")).join(container);
        std::fs::create_dir_all(&folder).expect("the container's folder");
        let file = open(&folder, 0);
        Self { folder, file, restart: 0 }
    }

    /// One line on stdout, now.
    pub(crate) fn print(&mut self, text: &str) {
        self.write("stdout", text.as_bytes(), Utc::now());
    }

    /// One line of a substream, in pieces where it is long, in one write.
    pub(crate) fn write(&mut self, substream: &str, text: &[u8], time: DateTime<Utc>) {
        let stamp = time.to_rfc3339_opts(SecondsFormat::Nanos, true);
        let mut bytes = Vec::new();
        let mut pieces = text.chunks(PIECE_BYTES).peekable();
        if text.is_empty() {
            bytes.extend_from_slice(format!("{stamp} {substream} F \n").as_bytes());
        }
        while let Some(piece) = pieces.next() {
            let tag = if pieces.peek().is_some() { 'P' } else { 'F' };
            bytes.extend_from_slice(format!("{stamp} {substream} {tag} ").as_bytes());
            bytes.extend_from_slice(piece);
            bytes.push(b'\n');
        }
        self.file.write_all(&bytes).expect("a CRI line");
    }

    /// Renames the file as the kubelet does, and begins a new one.
    pub(crate) fn rotate(&mut self, number: usize) {
        let name = format!("{}.log", self.restart);
        let stamp = format!("20261125-{:06}", number);
        std::fs::rename(self.folder.join(&name), self.folder.join(format!("{name}.{stamp}"))).expect("a rotation");
        self.file = open(&self.folder, self.restart);
    }
}

fn open(folder: &Path, restart: u32) -> File {
    OpenOptions::new().create(true).append(true).open(folder.join(format!("{restart}.log"))).expect("a log file")
}
