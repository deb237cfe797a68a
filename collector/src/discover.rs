//! Which log files are there: a scan of the folder of pods, which is the truth, repeated.
//!
//! ```text
//! <root>/<namespace>_<pod>_<uid>/<container>/<n>.log[.<rotation>[.gz]]
//! ```
//!
//! Security: a pod can write into its own folders on some set-ups, so a name is never followed out of the root. Every step is one name, opened
//! relative to the descriptor of the step before with `O_NOFOLLOW`: no symlink is followed, at any depth, and no `..` is ever asked for. Only
//! regular files are opened (a FIFO would block; `O_NONBLOCK` sees to that, too).

use crate::identity::{LogName, Rotation, folder_of, log_name};
use crate::source::Stamp;
use martlog_formats::wire::Stream;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Looks at a folder that changes meanwhile, before it is left to the next scan.
const LOOKS: usize = 5;

/// The folder of pods. It is opened anew each time, for it may be made anew.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
}

/// A log file that a scan saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Whose it is.
    pub(crate) stream: Stream,
    /// Which of the stream's files.
    pub(crate) rotation: Rotation,
    /// Whether it is compressed.
    pub(crate) gzip: bool,
    /// Its name in the container's folder.
    pub(crate) name: String,
    /// What the file system says of it.
    pub(crate) stamp: Stamp,
}

/// What one scan saw.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The files, by stream and from the oldest.
    pub(crate) entries: Vec<Entry>,
    /// Whether all folders could be read: only then is absence a fact.
    pub(crate) complete: bool,
    /// Symlinks and other things that are no regular files, where a log was expected.
    pub(crate) refused: usize,
}

impl Root {
    /// The folder at a path; an error when it cannot be listed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let root = Self { path: path.to_owned() };
        names(root.dir()?.as_fd())?;
        Ok(root)
    }

    /// The root itself is the operator's word, and may be a symlink.
    pub(crate) fn dir(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::open(&self.path, flags, Mode::empty())?)
    }

    /// Looks at all pods, containers and log files, once.
    #[cfg(test)]
    pub(crate) fn scan(&self) -> io::Result<Scan> {
        let mut scan = Scan::begun();
        let root = self.dir()?;
        for pod in names(root.as_fd())? {
            let Some((namespace, name, uid)) = crate::identity::pod_folder(&pod) else { continue };
            let Some(pod_dir) = scan.enter(root.as_fd(), &pod) else { continue };
            let Some(containers) = scan.keep(names(pod_dir.as_fd())) else { continue };
            for container in containers {
                let Some(dir) = scan.enter(pod_dir.as_fd(), &container) else { continue };
                let stream =
                    Stream { namespace: namespace.to_owned(), pod: name.to_owned(), pod_uid: uid.to_owned(), container, restart: 0 };
                scan.look(dir.as_fd(), &stream);
            }
        }
        scan.entries.sort_by(by_age);
        Ok(scan)
    }

    /// Opens a file of a stream; an error for anything but a regular file.
    pub(crate) fn open_log(&self, stream: &Stream, name: &str) -> io::Result<File> {
        let pod = enter(self.dir()?.as_fd(), &folder_of(stream))?;
        let container = enter(pod.as_fd(), &stream.container)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = File::from(rustix::fs::openat(container, name, flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")) }
    }
}

/// By stream and from the oldest.
fn by_age(a: &Entry, b: &Entry) -> std::cmp::Ordering {
    (&a.stream, &a.rotation, a.gzip).cmp(&(&b.stream, &b.rotation, b.gzip))
}

impl Scan {
    /// Nothing is seen yet, and nothing could not be.
    pub(crate) fn begun() -> Self {
        Self { complete: true, ..Self::default() }
    }

    /// Looks at one container's files. A rotation in the middle of it would show a new file and hide the one before it, and their order would be
    /// lost; so the look counts only if the folder's names are the same after it as before.
    pub(crate) fn look(&mut self, dir: BorrowedFd<'_>, stream: &Stream) {
        for _ in 0..LOOKS {
            let (entries, refused) = (self.entries.len(), self.refused);
            let Some(before) = self.keep(names(dir)) else { return };
            self.files(dir, stream, &before);
            let Some(after) = self.keep(names(dir)) else { return };
            if before == after {
                self.entries[entries..].sort_by(by_age);
                return;
            }
            self.entries.truncate(entries);
            self.refused = refused;
        }
        // It changes faster than it can be looked at: the next scan may see it.
        self.complete = false;
    }

    fn files(&mut self, dir: BorrowedFd<'_>, stream: &Stream, names: &[String]) {
        for name in names {
            let Some(LogName { restart, rotation, gzip }) = log_name(name) else { continue };
            let stat = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(rustix::io::Errno::NOENT) => continue,
                Err(_) => {
                    self.complete = false;
                    continue;
                }
            };
            if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                let stream = Stream { restart, ..stream.clone() };
                self.entries.push(Entry { stream, rotation, gzip, name: name.clone(), stamp: stamp(&stat) });
            } else {
                self.refused += 1;
            }
        }
    }

    /// Opens a folder below `dir`; what is no folder is passed over, and a symlink refused.
    pub(crate) fn enter(&mut self, dir: BorrowedFd<'_>, name: &str) -> Option<OwnedFd> {
        match enter(dir, name) {
            Ok(found) => Some(found),
            Err(error) => {
                match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
                    Some(rustix::io::Errno::NOENT) => {}
                    // ELOOP and ENOTDIR: a symlink or a file where a folder should be.
                    Some(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => self.refused += 1,
                    _ => self.complete = false,
                }
                None
            }
        }
    }

    /// A result, noting when it is an error that hides something.
    pub(crate) fn keep<T>(&mut self, result: io::Result<T>) -> Option<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::NotFound
        {
            self.complete = false;
        }
        result.ok()
    }
}

fn enter(dir: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    if name.is_empty() || name.contains('/') || name == "." || name == ".." {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a folder"));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, name, flags, Mode::empty())?)
}

/// The names in a folder that are UTF-8; Kubernetes makes no others.
pub(crate) fn names(dir: BorrowedFd<'_>) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        match entry?.file_name().to_str() {
            Ok(name) if name != "." && name != ".." => names.push(name.to_owned()),
            _ => {}
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The fields' types differ between platforms; on all of them they fit.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, clippy::cast_sign_loss)]
fn stamp(stat: &Stat) -> Stamp {
    Stamp {
        dev: stat.st_dev as u64,
        ino: stat.st_ino as u64,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        changed_ns: i128::from(stat.st_ctime as i64) * 1_000_000_000 + stat.st_ctime_nsec as i128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Bytes;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn pods() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("ns_pod_uid/app")).unwrap();
        root
    }

    #[test]
    fn a_scan_gives_the_files_in_order() {
        let root = pods();
        let app = root.path().join("ns_pod_uid/app");
        for name in ["1.log", "0.log", "0.log.20261122-101500", "0.log.20261121-101500.gz", "0.log.20261121-101500.gz.tmp", "notes.txt"] {
            fs::write(app.join(name), "x").unwrap();
        }
        fs::create_dir_all(root.path().join("not-a-pod/app")).unwrap();
        let scan = Root::open(root.path()).unwrap().scan().unwrap();
        let names: Vec<_> = scan.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["0.log.20261121-101500.gz", "0.log.20261122-101500", "0.log", "1.log"]);
        assert!(scan.complete);
        assert_eq!(scan.entries[3].stream.restart, 1);
    }

    #[test]
    fn a_stamp_is_the_same_by_path_and_by_descriptor() {
        let root = pods();
        fs::write(root.path().join("ns_pod_uid/app/0.log"), "hello\n").unwrap();
        let root = Root::open(root.path()).unwrap();
        let entry = root.scan().unwrap().entries.remove(0);
        let (stamp, _) = Bytes::new(root.open_log(&entry.stream, &entry.name).unwrap(), false).stat().unwrap();
        assert_eq!(stamp, entry.stamp);
    }

    #[test]
    fn symlinks_are_refused_at_every_depth() {
        let root = pods();
        let secret = tempfile::tempdir().unwrap();
        fs::create_dir_all(secret.path().join("app")).unwrap();
        fs::write(secret.path().join("app/0.log"), "secret\n").unwrap();
        symlink(secret.path().join("app/0.log"), root.path().join("ns_pod_uid/app/0.log")).unwrap();
        symlink(secret.path().join("app"), root.path().join("ns_pod_uid/linked")).unwrap();
        symlink(secret.path(), root.path().join("ns_linked_uid")).unwrap();
        let opened = Root::open(root.path()).unwrap();
        let scan = opened.scan().unwrap();
        assert_eq!((scan.entries.len(), scan.refused, scan.complete), (0, 3, true));
        // A file that is replaced by a symlink after the scan is refused when it is opened.
        for (pod, container) in [("pod", "app"), ("pod", "linked"), ("linked", "app"), ("pod", "..")] {
            let stream = Stream { namespace: "ns".into(), pod: pod.into(), pod_uid: "uid".into(), container: container.into(), restart: 0 };
            assert!(opened.open_log(&stream, "0.log").is_err(), "{pod} {container}");
        }
    }

    #[test]
    fn a_pipe_is_refused_without_waiting() {
        let root = pods();
        rustix::fs::mkfifoat(rustix::fs::CWD, root.path().join("ns_pod_uid/app/0.log"), Mode::RUSR | Mode::WUSR).unwrap();
        let opened = Root::open(root.path()).unwrap();
        assert_eq!(opened.scan().unwrap().refused, 1);
        let stream = Stream { namespace: "ns".into(), pod: "pod".into(), pod_uid: "uid".into(), container: "app".into(), restart: 0 };
        assert!(opened.open_log(&stream, "0.log").is_err());
    }
}
