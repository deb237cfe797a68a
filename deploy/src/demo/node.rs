//! A node as the collector sees it: the folder of pods with their log files, written as containerd writes them and rotated as the kubelet rotates them.
//!
//! ```text
//! <root>/<namespace>_<pod>_<uid>/<container>/<restarts>.log                     being written
//!                                            <restarts>.log.20261122-101250     the rotated one before, as it was
//!                                            <restarts>.log.20261122-095107.gz  older ones
//! ```
//!
//! At most [`Limits::files_max`] files of a container's life, as the kubelet keeps them; of earlier lives only the last one stays.
//! Invariant: what is written depends on the events alone, never on the clock.

use super::cri::{RuntimeClock, encode};
use super::scene::{Act, Event};
use super::time::rotation_stamp;
use super::world::World;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// When a log is rotated, and how much of it is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// A log that has reached so many bytes is rotated.
    pub(super) file_bytes_max: u64,
    /// Files of one life of a container, the one being written included.
    pub(super) files_max: usize,
}

impl Default for Limits {
    /// The kubelet has 10 MiB and 5 files; smaller files let a watcher see rotations.
    fn default() -> Self {
        Self { file_bytes_max: 1 << 20, files_max: 5 }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Node {
    containers: Vec<Container>,
}

impl Node {
    /// The node at this folder. Containers that have logs there from before come back with the next restart count, as after a reboot.
    ///
    /// # Errors
    /// When a folder or file cannot be made.
    pub(super) fn new(root: &Path, world: &World, limits: Limits) -> io::Result<Self> {
        let containers = world.pods.iter().map(|pod| Container::start(root.join(pod.folder()), limits)).collect::<io::Result<_>>()?;
        Ok(Self { containers })
    }

    /// Lets an event happen. It is on the disk after the next [`Self::flush`].
    ///
    /// # Errors
    /// When a file cannot be written, renamed or made.
    pub(super) fn play(&mut self, event: &Event) -> io::Result<()> {
        let Some(container) = self.containers.get_mut(event.pod) else { return Ok(()) };
        match &event.act {
            Act::Out(text) => container.write(event.at_ns, false, text, false),
            Act::Err(text) => container.write(event.at_ns, true, text, false),
            Act::Torn(text) => container.write(event.at_ns, false, text, true),
            Act::Restart => container.restart(),
        }
    }

    /// Writes what was played to the files.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.containers.iter_mut().try_for_each(Container::flush)
    }
}

#[derive(Debug)]
struct Container {
    folder: PathBuf,
    limits: Limits,
    restarts: u32,
    file: File,
    /// Bytes in the file and in `pending`.
    bytes: u64,
    pending: Vec<u8>,
    clock: RuntimeClock,
}

impl Container {
    fn start(folder: PathBuf, limits: Limits) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let last = names(&folder)?.iter().filter_map(|name| restarts_of(name)).max();
        let restarts = last.map_or(0, |last| last + 1);
        let file = create(&folder, restarts)?;
        let container = Self { folder, limits, restarts, file, bytes: 0, pending: Vec::new(), clock: RuntimeClock::default() };
        container.forget_old_lives()?;
        Ok(container)
    }

    fn write(&mut self, at_ns: i64, stderr: bool, text: &str, torn: bool) -> io::Result<()> {
        if self.bytes >= self.limits.file_bytes_max {
            self.rotate(at_ns)?;
        }
        let before = self.pending.len();
        encode(&mut self.pending, &mut self.clock, at_ns, stderr, text, torn);
        self.bytes += (self.pending.len() - before) as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }

    /// The kubelet's order: remove the excess, compress what is rotated, rename, make the log anew.
    fn rotate(&mut self, at_ns: i64) -> io::Result<()> {
        let log = format!("{}.log", self.restarts);
        let rotated = self.folder.join(format!("{log}.{}", rotation_stamp(at_ns)));
        if rotated.exists() {
            // Twice in a second: the next write will ask again.
            return Ok(());
        }
        self.flush()?;
        let mut old = self.rotated()?;
        let keep = self.limits.files_max.saturating_sub(2);
        for name in old.drain(..old.len().saturating_sub(keep)) {
            fs::remove_file(self.folder.join(name))?;
        }
        for name in old.iter().filter(|name| !name.ends_with(".gz")) {
            compress(&self.folder, name)?;
        }
        fs::rename(self.folder.join(&log), rotated)?;
        self.file = create(&self.folder, self.restarts)?;
        self.bytes = 0;
        Ok(())
    }

    /// The rotated files of this life, oldest first (the stamps sort so).
    fn rotated(&self) -> io::Result<Vec<String>> {
        let prefix = format!("{}.log.", self.restarts);
        let mut rotated: Vec<String> = names(&self.folder)?.into_iter().filter(|name| name.starts_with(&prefix)).collect();
        rotated.sort_unstable();
        Ok(rotated)
    }

    fn restart(&mut self) -> io::Result<()> {
        self.flush()?;
        self.restarts += 1;
        self.file = create(&self.folder, self.restarts)?;
        self.bytes = 0;
        self.forget_old_lives()
    }

    /// The kubelet keeps one dead container of a kind.
    fn forget_old_lives(&self) -> io::Result<()> {
        for name in names(&self.folder)? {
            if restarts_of(&name).is_some_and(|life| life + 1 < self.restarts) {
                fs::remove_file(self.folder.join(name))?;
            }
        }
        Ok(())
    }
}

fn create(folder: &Path, restarts: u32) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).open(folder.join(format!("{restarts}.log")))
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned())).collect()
}

/// The restart count in `<n>.log` and its rotations.
fn restarts_of(name: &str) -> Option<u32> {
    let (number, rest) = name.split_once(".log")?;
    (rest.is_empty() || rest.starts_with('.')).then(|| number.parse().ok())?
}

/// Writes beside the name, then renames, then removes the original: as the kubelet does, so that a reader never meets half a file under the final name.
fn compress(folder: &Path, name: &str) -> io::Result<()> {
    let (from, beside) = (folder.join(name), folder.join(format!("{name}.tmp")));
    let mut encoder = GzEncoder::new(File::create(&beside)?, Compression::default());
    io::copy(&mut File::open(&from)?, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    fs::rename(beside, folder.join(format!("{name}.gz")))?;
    fs::remove_file(from)
}

#[cfg(test)]
mod tests;
