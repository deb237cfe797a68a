//! What is in the folder of pods, kept up to date: looks at containers' folders, and passes on those in which something has changed.
//!
//! The truth is a look: the names and stamps of a folder's files. Everything is looked at every [`SURVEY_INTERVAL`]; in between, a hint of the kernel (`watch`)
//! says where to look at once, so a new pod is seen within milliseconds and 10,000 files at rest cost nothing. A folder that cannot be watched is looked at every [`SCAN_INTERVAL`].
//!
//! A folder whose files have grown lately is watched for names only, since whoever follows its files looks at them in every round anyway; after [`HOT`]
//! it is looked at once more, and if nothing has changed it is watched for growth again: set first, looked at then, so that nothing falls in between.
//! Memory: a digest for each container, not its files.

use crate::discover::{Entry, Root, Scan, names};
use crate::identity::pod_folder;
use crate::limits::{HINT_REST, HOT, SCAN_INTERVAL, SCAN_REST, SURVEY_INTERVAL, SURVEY_REST};
use crate::watch::{Place, Watch};
use inotify::WatchDescriptor;
use martlog_formats::wire::Stream;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::Xxh3;

/// A container's folder by the names of its pod's folder and its own.
pub(crate) type Home = (Arc<str>, Arc<str>);

/// What one look at a container's folder gave.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// The container; its restart count is 0 and says nothing.
    pub(crate) container: Arc<Stream>,
    /// Its files, by stream and from the oldest; none when its folder is gone.
    pub(crate) entries: Vec<Entry>,
    /// Whether absence is a fact.
    pub(crate) complete: bool,
}

/// What a round of the survey found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The containers that have changed.
    pub(crate) looks: Vec<Look>,
    /// Everything was looked at; whether all of it could be.
    pub(crate) everything: Option<bool>,
    /// Where everything was looked at: symlinks and other things that are no regular files, where a log was expected.
    pub(crate) refused: usize,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Survey {
    watch: Option<Watch>,
    root_watched: bool,
    begun: bool,
    /// The survey that is under way.
    walk: Option<Walk>,
    pods: BTreeMap<Arc<str>, Pod>,
    /// Containers that are watched for names only, and when each is to be looked at again.
    hot: BTreeSet<(Instant, Home)>,
    due: Instant,
}

/// A survey under way: what is still to be looked at. Between its slices hints are seen to.
#[derive(Debug)]
struct Walk {
    pods: VecDeque<Arc<str>>,
    complete: bool,
    began: Instant,
    worked: Duration,
}

/// Folders looked at before hints have their turn again.
const SLICE: usize = 200;

#[derive(Debug, Default)]
struct Pod {
    watched: Option<WatchDescriptor>,
    /// By name; few.
    containers: Vec<(Arc<str>, Container)>,
    refused: usize,
}

impl Pod {
    fn get(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|(known, _)| **known == *name).map(|(_, container)| container)
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Container> {
        self.containers.iter_mut().find(|(known, _)| **known == *name).map(|(_, container)| container)
    }

    fn get_or_add(&mut self, name: &Arc<str>) -> &mut Container {
        let at = self.containers.iter().position(|(known, _)| known == name).unwrap_or(self.containers.len());
        if at == self.containers.len() {
            self.containers.reserve_exact(1);
            self.containers.push((Arc::clone(name), Container::default()));
        }
        &mut self.containers[at].1
    }

    fn remove(&mut self, name: &str) -> Option<Container> {
        let at = self.containers.iter().position(|(known, _)| **known == *name)?;
        Some(self.containers.swap_remove(at).1)
    }
}

#[derive(Debug, Default)]
struct Container {
    watched: Option<WatchDescriptor>,
    /// Of the files that were seen last.
    digest: u64,
    /// In [`Survey::hot`] with this time.
    hot: Option<Instant>,
    refused: usize,
}

impl Survey {
    /// Nothing is known yet. Without a watch everything is looked at all the time.
    pub(crate) fn new(watch: Option<Watch>, now: Instant) -> Self {
        Self { watch, root_watched: false, begun: false, walk: None, pods: BTreeMap::new(), hot: BTreeSet::new(), due: now }
    }

    /// Waits until there may be something to look at, at most [`SCAN_INTERVAL`]; the first time not at all.
    pub(crate) fn wait(&self) {
        let more = self.walk.is_some() || self.hot.first().is_some_and(|(at, _)| *at <= Instant::now());
        if !self.begun || more {
            return;
        }
        match &self.watch {
            Some(watch) => {
                if watch.wait(SCAN_INTERVAL) {
                    // Hints come in crowds.
                    std::thread::sleep(HINT_REST);
                }
            }
            None => std::thread::sleep(SCAN_INTERVAL),
        }
    }

    /// Looks where there is something new, and at everything when that is due; `again` are containers that somebody wants to be told of whether or not they changed.
    pub(crate) fn round(&mut self, root: &Root, again: BTreeSet<Home>, now: Instant) -> io::Result<Found> {
        self.begun = true;
        let mut found = Found::default();
        let hints = self.watch.as_mut().map(Watch::hints).unwrap_or_default();
        for home in again {
            self.forget_digest(&home);
            self.container(root, &home, now, &mut found)?;
        }
        for place in &hints.places {
            match place {
                Place::Root => {}
                Place::Pod(pod) => self.pod(root, pod, now, &mut found).map(drop)?,
                Place::Container(pod, container) => {
                    self.container(root, &(Arc::clone(pod), Arc::clone(container)), now, &mut found)?;
                }
            }
        }
        if self.walk.is_none() && (hints.lost || hints.places.contains(&Place::Root) || now >= self.due) {
            self.walk = Some(self.begin_walk(root, now)?);
        }
        self.walk_on(root, now, &mut found)?;
        let mut looks = 0;
        while let Some((at, home)) = self.hot.first().cloned().filter(|(at, _)| *at <= now && looks < SLICE) {
            looks += 1;
            self.hot.remove(&(at, home.clone()));
            self.container(root, &home, now, &mut found)?;
        }
        Ok(found)
    }

    /// Lists the pods that there are, and those that there were.
    fn begin_walk(&mut self, root: &Root, now: Instant) -> io::Result<Walk> {
        let folder = root.dir()?;
        if let Some(watch) = self.watch.as_mut().filter(|_| !self.root_watched) {
            self.root_watched = watch.place(folder.as_fd(), Place::Root, false).is_ok();
        }
        // The names that are known first: there is one copy of each.
        let mut pods: BTreeSet<Arc<str>> = self.pods.keys().cloned().collect();
        for name in names(folder.as_fd())? {
            if !pods.contains(name.as_str()) {
                pods.insert(name.into());
            }
        }
        Ok(Walk { pods: pods.into_iter().collect(), complete: true, began: now, worked: Duration::ZERO })
    }

    /// Looks at the next pods of the survey.
    fn walk_on(&mut self, root: &Root, now: Instant, found: &mut Found) -> io::Result<()> {
        let Some(mut walk) = self.walk.take() else { return Ok(()) };
        let began = Instant::now();
        for _ in 0..SLICE {
            let Some(pod) = walk.pods.pop_front() else { break };
            walk.complete &= self.pod(root, &pod, now, found)?;
        }
        walk.worked += began.elapsed();
        if !walk.pods.is_empty() {
            self.walk = Some(walk);
            return Ok(());
        }
        found.everything = Some(walk.complete);
        found.refused = self.pods.values().map(|pod| pod.refused + pod.containers.iter().map(|(_, one)| one.refused).sum::<usize>()).sum();
        let watched = |pod: &Pod| pod.watched.is_some() && pod.containers.iter().all(|(_, container)| container.watched.is_some());
        let (interval, rest) =
            if self.root_watched && self.pods.values().all(watched) { (SURVEY_INTERVAL, SURVEY_REST) } else { (SCAN_INTERVAL, SCAN_REST) };
        self.due = walk.began + interval.max(walk.worked * rest);
        Ok(())
    }

    /// Looks at a pod's folder; false when not all of it could be read.
    fn pod(&mut self, root: &Root, pod: &Arc<str>, now: Instant, found: &mut Found) -> io::Result<bool> {
        if pod_folder(pod).is_none() {
            return Ok(true);
        }
        let mut scan = Scan::begun();
        let folder = scan.enter(root.dir()?.as_fd(), pod);
        let mut present = Vec::new();
        if let Some(folder) = &folder {
            let known = self.pods.entry(Arc::clone(pod)).or_default();
            if let Some(watch) = self.watch.as_mut().filter(|_| known.watched.is_none()) {
                // Before the look, so that what comes during it is told.
                known.watched = watch.place(folder.as_fd(), Place::Pod(Arc::clone(pod)), false).ok();
            }
            present = scan.keep(names(folder.as_fd())).unwrap_or_default();
        }
        let mut complete = scan.complete;
        let Some(known) = self.pods.get_mut(pod) else { return Ok(complete) };
        known.refused = scan.refused;
        let gone: Vec<Arc<str>> = known
            .containers
            .iter()
            .map(|(name, _)| name)
            .filter(|name| present.binary_search_by(|one| one.as_str().cmp(name)).is_err())
            .cloned()
            .collect();
        for container in gone.into_iter().chain(present.into_iter().map(Arc::from)) {
            complete &= self.container(root, &(Arc::clone(pod), container), now, found)?;
        }
        if complete && folder.is_none() {
            let watched = self.pods.remove(pod).and_then(|pod| pod.watched);
            self.unwatch(watched);
        }
        Ok(complete)
    }

    /// Looks at a container's folder; false when not all of it could be read.
    fn container(&mut self, root: &Root, home: &Home, now: Instant, found: &mut Found) -> io::Result<bool> {
        let Some((namespace, name, uid)) = pod_folder(&home.0) else { return Ok(true) };
        let mut scan = Scan::begun();
        let folder = scan.enter(root.dir()?.as_fd(), &home.0).and_then(|pod| scan.enter(pod.as_fd(), &home.1));
        let stream = Stream {
            namespace: namespace.to_owned(),
            pod: name.to_owned(),
            pod_uid: uid.to_owned(),
            container: (*home.1).to_owned(),
            restart: 0,
        };
        let Some(folder) = folder else {
            let known = self.pods.get_mut(&home.0).and_then(|pod| {
                pod.refused += scan.refused;
                if scan.complete { pod.remove(&home.1) } else { None }
            });
            if let Some(known) = known {
                self.cool(home, known.hot);
                self.unwatch(known.watched);
                found.looks.push(Look { container: Arc::new(stream), entries: Vec::new(), complete: true });
            }
            return Ok(scan.complete);
        };
        let digest = self.known(home).map_or(0, |known| known.digest);
        let is_new = self.known(home).is_none_or(|known| known.watched.is_none());
        if is_new {
            self.watch_container(folder.as_fd(), home, true);
        }
        scan.look(folder.as_fd(), &stream);
        let mut changed = digest_of(&scan.entries) != digest;
        if !changed && self.known(home).is_some_and(|known| known.hot.is_some()) {
            // At rest: from now on growth is told, and what came until now is seen.
            self.watch_container(folder.as_fd(), home, true);
            scan = Scan::begun();
            scan.look(folder.as_fd(), &stream);
            changed = digest_of(&scan.entries) != digest;
        }
        // An empty file is followed by nobody yet.
        if changed && !scan.entries.iter().any(|entry| entry.stamp.size == 0) {
            self.watch_container(folder.as_fd(), home, false);
            self.heat(home, now + HOT);
        }
        let known = self.pods.entry(Arc::clone(&home.0)).or_default().get_or_add(&home.1);
        known.refused = scan.refused;
        known.digest = digest_of(&scan.entries);
        let complete = scan.complete;
        if changed || !complete {
            found.looks.push(Look { container: Arc::new(stream), entries: scan.entries, complete });
        }
        Ok(complete)
    }

    fn known(&self, home: &Home) -> Option<&Container> {
        self.pods.get(&home.0)?.get(&home.1)
    }

    fn forget_digest(&mut self, home: &Home) {
        if let Some(known) = self.pods.get_mut(&home.0).and_then(|pod| pod.get_mut(&home.1)) {
            known.digest = 0;
        }
    }

    fn watch_container(&mut self, folder: BorrowedFd<'_>, home: &Home, growth: bool) {
        let Some(watch) = self.watch.as_mut() else { return };
        let place = Place::Container(Arc::clone(&home.0), Arc::clone(&home.1));
        let watched = watch.place(folder, place, growth).ok();
        let known = self.pods.entry(Arc::clone(&home.0)).or_default().get_or_add(&home.1);
        let (before, hot) = (std::mem::replace(&mut known.watched, watched.clone()), known.hot.take());
        self.cool(home, hot);
        if before != watched {
            // The folder was made anew.
            self.unwatch(before);
        }
    }

    /// It is to be looked at again then.
    fn heat(&mut self, home: &Home, until: Instant) {
        let known = self.pods.get_mut(&home.0).and_then(|pod| pod.get_mut(&home.1));
        if let Some(known) = known.filter(|known| known.watched.is_some()) {
            let before = known.hot.replace(until);
            self.cool(home, before);
            self.hot.insert((until, home.clone()));
        }
    }

    fn cool(&mut self, home: &Home, hot: Option<Instant>) {
        if let Some(until) = hot {
            self.hot.remove(&(until, home.clone()));
        }
    }

    fn unwatch(&mut self, watched: Option<WatchDescriptor>) {
        if let (Some(watch), Some(descriptor)) = (self.watch.as_mut(), watched) {
            watch.forget(descriptor);
        }
    }
}

/// A number that changes with the files' names and stamps; never 0, which stands for a folder that was not looked at.
fn digest_of(entries: &[Entry]) -> u64 {
    let mut hash = Xxh3::new();
    for entry in entries {
        hash.update(entry.name.as_bytes());
        hash.update(&[0]);
        for number in [entry.stamp.dev, entry.stamp.ino, entry.stamp.size] {
            hash.update(&number.to_le_bytes());
        }
        hash.update(&entry.stamp.changed_ns.to_le_bytes());
    }
    hash.digest().max(1)
}
