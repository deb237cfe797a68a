//! Hints from the kernel (inotify) about folders in which something happened. They are only hints: a look at the folder says what there is, and the
//! survey of everything finds what no hint told.
//!
//! A folder is watched through the descriptor by which it was entered, so no symlink is followed that entering refused. A folder whose files grow all the time
//! is not told of: each write would be an event. See `survey` for when it is.

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

/// A folder's place below the root, by names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The root.
    Root,
    /// A pod's folder.
    Pod(Arc<str>),
    /// A container's folder.
    Container(Arc<str>, Arc<str>),
}

/// What happened since the last time.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    /// Folders to look at; of the root only the pods that came, went or were renamed.
    pub(crate) places: BTreeSet<Place>,
    /// Some hints were lost: look at everything.
    pub(crate) lost: bool,
}

/// The watches of one collector.
#[derive(Debug)]
pub(crate) struct Watch {
    inotify: Inotify,
    places: HashMap<WatchDescriptor, Place>,
    buffer: Vec<u8>,
}

/// Events read at once, bytes.
const BUFFER_BYTES: usize = 16 << 10;

impl Watch {
    /// No folder is watched yet. An error where the node has no more of it to give.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { inotify: Inotify::init()?, places: HashMap::new(), buffer: vec![0; BUFFER_BYTES] })
    }

    /// Waits for a hint; false when none came within the time.
    pub(crate) fn wait(&self, longest: Duration) -> bool {
        let timeout = Timespec::try_from(longest).ok();
        poll(&mut [PollFd::new(&self.inotify, PollFlags::IN)], timeout.as_ref()).is_ok_and(|ready| ready > 0)
    }

    /// Watches a folder for names that come and go, and with `growth` for files that are written to. Said again of the same folder, the last word counts.
    pub(crate) fn place(&mut self, folder: BorrowedFd<'_>, place: Place, growth: bool) -> io::Result<WatchDescriptor> {
        let mut mask = WatchMask::CREATE | WatchMask::MOVE | WatchMask::DELETE | WatchMask::ONLYDIR;
        if growth {
            mask |= WatchMask::MODIFY;
        }
        let descriptor = self.inotify.watches().add(format!("/proc/self/fd/{}", folder.as_raw_fd()), mask)?;
        self.places.insert(descriptor.clone(), place);
        Ok(descriptor)
    }

    /// Watches a folder no longer.
    pub(crate) fn forget(&mut self, descriptor: WatchDescriptor) {
        self.places.remove(&descriptor);
        // A folder that is gone has lost its watch already.
        let _ = self.inotify.watches().remove(descriptor);
    }

    /// Takes what happened; never waits.
    pub(crate) fn hints(&mut self) -> Hints {
        let mut hints = Hints::default();
        loop {
            let events = match self.inotify.read_events(&mut self.buffer) {
                Ok(events) => events,
                Err(error) => {
                    hints.lost |= error.kind() != io::ErrorKind::WouldBlock;
                    return hints;
                }
            };
            for event in events {
                if event.mask.contains(EventMask::Q_OVERFLOW) {
                    hints.lost = true;
                } else if event.mask.contains(EventMask::IGNORED) {
                    self.places.remove(&event.wd);
                } else if let Some(place) = self.places.get(&event.wd) {
                    let name = || event.name.and_then(|name| name.to_str());
                    hints.places.insert(match place {
                        Place::Root => name().map_or(Place::Root, |pod| Place::Pod(pod.into())),
                        known => known.clone(),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::fd::AsFd;

    #[test]
    fn names_are_told_always_and_growth_only_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let opened = File::open(folder.path()).unwrap();
        let (mut watch, place) = (Watch::new().unwrap(), Place::Container("pod".into(), "app".into()));
        fs::write(folder.path().join("0.log"), "before").unwrap();
        for growth in [false, true, false] {
            watch.place(opened.as_fd(), place.clone(), growth).unwrap();
            watch.hints();
            fs::write(folder.path().join("0.log"), "grown").unwrap();
            assert_eq!(watch.hints().places.contains(&place), growth);
        }
        fs::rename(folder.path().join("0.log"), folder.path().join("1.log")).unwrap();
        assert!(watch.hints().places.contains(&place));
        assert!(watch.hints().places.is_empty());
    }

    #[test]
    fn of_the_root_the_pod_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let opened = File::open(folder.path()).unwrap();
        let mut watch = Watch::new().unwrap();
        let descriptor = watch.place(opened.as_fd(), Place::Root, false).unwrap();
        fs::create_dir(folder.path().join("ns_pod_uid")).unwrap();
        assert_eq!(watch.hints().places, BTreeSet::from([Place::Pod("ns_pod_uid".into())]));
        watch.forget(descriptor);
        fs::create_dir(folder.path().join("ns_other_uid")).unwrap();
        assert!(watch.hints().places.is_empty());
    }
}
