//! The files of one stream, from the oldest rotation to the current file, each with its positions.
//!
//! Invariants: a file is known by its id, wherever it is renamed to and whether it is compressed; while it is open, its inode is its own (an open inode is not
//! given away), so device and inode find it again after a rename; closed, only an unchanged stamp does, and anything else is identified anew by its first
//! line. A file with unread bytes stays open when it vanishes, and is read to its end; one that stays unread for a while is copied to the spool.

use crate::discover::{Entry, Root};
use crate::identity::{HEAD_BYTES, Rotation, Site};
use crate::limits::{CORRUPT_QUIET, HELD_FILES, SPOOL_WAIT};
use crate::reader::{Loaded, load};
use crate::source::{Bytes, Stamp};
use crate::spool::{Kept, Put, Spool};
use martlog_formats::wire::{FileId, GapReason, Stream, Substream};
use std::io;
use std::time::{Duration, Instant};

/// Opens files and tells which they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opener<'a> {
    /// The folder of pods.
    pub(crate) root: &'a Root,
    /// Where this is.
    pub(crate) site: &'a Site,
    /// What was kept of files that are gone.
    pub(crate) spool: &'a Spool,
}

/// One file of a stream.
#[derive(Debug)]
pub(crate) struct Source {
    /// Which file it is.
    pub(crate) id: FileId,
    /// Its last known name.
    pub(crate) name: String,
    /// Its place among the rotations, by that name.
    pub(crate) rotation: Rotation,
    /// The next byte to read.
    pub(crate) offset: u64,
    /// The decompressed size as far as known, bytes.
    pub(crate) size: u64,
    /// The server's high-water marks, `[stdout, stderr]`; `None` until the server was asked.
    pub(crate) marks: Option<[u64; 2]>,
    /// Bytes that the server will never take, up to here; named as gaps.
    pub(crate) refused: [u64; 2],
    /// Read to the end, and left for its successor (or the container ended).
    pub(crate) done: bool,
    /// No longer on the node's disk under any name.
    pub(crate) gone: bool,
    /// Why and since when its unread bytes cannot be read any more.
    pub(crate) lost: Option<(GapReason, Instant)>,
    /// Since when it is gone; not kept for those that were gone at the start.
    gone_since: Option<Instant>,
    copied: Copied,
    /// Of its copy among those of the stream, see [`Kept::place`]; 0 without one.
    place: u64,
    /// It was cut below what was read of it: what lies at the offset is no beginning of a line.
    pub(crate) shrunk: bool,
    /// The runtime's time of the last line read, ns since the epoch; 0 before the first.
    pub(crate) time_ns: i64,
    bytes: Option<Bytes>,
    /// Device and inode of the open descriptor.
    inode: Option<(u64, u64)>,
    /// What the last scan saw at its name.
    stamp: Option<Stamp>,
    /// The size that the last reading found, and since when it has been that.
    unchanged: Option<(u64, Instant)>,
}

/// Whether a file that is gone is in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copied {
    No,
    /// Up to here.
    To(u64),
    /// There was no room.
    Full,
}

/// What became of a file's size since it was looked at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Growth {
    None,
    Some,
    /// It was cut in place.
    Negative,
}

/// What a look at a file gave.
#[derive(Debug)]
pub(crate) enum Look {
    /// Whole lines at the start of the buffer: this many bytes.
    Lines(usize),
    /// Too many bytes without a newline: this many.
    Overlong(usize),
    /// The end, for now: `tail` bytes without a newline are in the buffer, and nothing was written for `still`.
    End {
        /// Bytes behind the last newline.
        tail: usize,
        /// Time since the last write.
        still: Duration,
    },
    /// The file under the descriptor is another one by now: it was cut in place.
    Cut,
    /// It begins as before and ends before what was read of it: it was cut and written anew.
    Shrunk,
    /// The copy of a file that is gone begins so many bytes further on.
    Missing(usize),
    /// The copy of a file that is gone ends before the file did.
    Short,
}

impl Opener<'_> {
    /// Opens the file of a scan; `None` while its first line is incomplete.
    fn open(&self, stream: &Stream, name: &str, gzip: bool) -> io::Result<Option<(FileId, Bytes)>> {
        let mut bytes = Bytes::new(self.root.open_log(stream, name)?, gzip);
        Ok(self.identify(stream, &mut bytes)?.map(|id| (id, bytes)))
    }

    fn identify(&self, stream: &Stream, bytes: &mut Bytes) -> io::Result<Option<FileId>> {
        let mut head = [0; HEAD_BYTES];
        let count = bytes.read_at(0, &mut head)?;
        Ok(self.site.file_id(stream, &head[..count]))
    }
}

impl Source {
    fn new(id: FileId, entry: &Entry, bytes: Bytes) -> Self {
        let mut source = Self::remembered(id, entry.name.clone(), 0);
        source.rotation = entry.rotation.clone();
        source.gone = false;
        source.lost = None;
        source.attach(bytes);
        source.stamp = Some(entry.stamp);
        source
    }

    /// A file that the position file names and the disk has no more.
    pub(crate) fn remembered(id: FileId, name: String, size: u64) -> Self {
        let rotation = crate::identity::log_name(&name).map_or(Rotation::Current, |parsed| parsed.rotation);
        Self {
            id,
            name,
            rotation,
            offset: size,
            size,
            marks: None,
            refused: [0; 2],
            gone_since: None,
            copied: Copied::No,
            place: 0,
            shrunk: false,
            done: true,
            gone: true,
            lost: Some((GapReason::RotatedAway, Instant::now())),
            time_ns: 0,
            bytes: None,
            inode: None,
            stamp: None,
            unchanged: None,
        }
    }

    /// A file that the disk has no more, of which a copy was kept.
    pub(crate) fn kept(kept: &Kept, size: u64) -> Self {
        let mut source = Self::remembered(kept.file, kept.name.clone(), size.max(kept.to));
        (source.lost, source.done, source.offset) = (None, false, 0);
        (source.copied, source.place) = (Copied::To(kept.to), kept.place);
        source
    }

    /// Takes over an open descriptor of this file.
    fn attach(&mut self, bytes: Bytes) {
        self.inode = bytes.stat().ok().map(|(stamp, _)| (stamp.dev, stamp.ino));
        self.size = self.size.max(bytes.size().unwrap_or(0));
        self.bytes = Some(bytes);
        self.lost = None;
        self.done = false;
        self.offset = self.marks.map_or(0, |marks| self.floor(marks));
    }

    fn floor(&self, marks: [u64; 2]) -> u64 {
        marks[0].max(self.refused[0]).min(marks[1].max(self.refused[1]))
    }

    /// The first byte of a substream that is neither acknowledged nor refused.
    pub(crate) fn floor_of(&self, substream: Substream) -> u64 {
        let at = substream as usize;
        self.marks.map_or(0, |marks| marks[at].max(self.refused[at]))
    }

    /// Goes back to what the server has.
    pub(crate) fn rewind(&mut self) {
        let Some(marks) = self.marks else { return };
        if self.lost.is_none() {
            self.offset = self.floor(marks);
            self.done = self.bytes.is_none() && self.offset >= self.size;
        }
    }

    /// Whether the server has all of it, on both substreams.
    pub(crate) fn settled(&self) -> bool {
        self.marks.is_some_and(|marks| marks.iter().all(|mark| *mark >= self.size))
    }

    /// Whether it holds a descriptor.
    pub(crate) fn is_open(&self) -> bool {
        self.bytes.is_some()
    }

    /// The size as far as anybody has seen it, bytes, read or not.
    pub(crate) fn known_size(&self) -> u64 {
        let plain = self.lost.is_none() && !self.name.ends_with(".gz");
        self.stamp.filter(|_| plain).map_or(self.size, |stamp| stamp.size.max(self.size))
    }

    /// Looks how far it has grown, whether or not it can be read now. A hole is named up to here.
    pub(crate) fn grow(&mut self) -> Growth {
        let open = self.bytes.as_ref().filter(|bytes| !bytes.is_sealed() && self.lost.is_none());
        let Some(Ok((stamp, _))) = open.map(Bytes::stat) else { return Growth::None };
        if stamp.size > self.size {
            (self.size, self.done) = (stamp.size, false);
            return Growth::Some;
        }
        if stamp.size < self.size && !self.shrunk { Growth::Negative } else { Growth::None }
    }

    /// Whether what a scan saw under its descriptor is another file by now: it was cut in place, and perhaps written anew.
    fn is_cut(&mut self, entry: &Entry, stream: &Stream, opener: Opener<'_>) -> bool {
        let changed = !self.shrunk && self.stamp.is_none_or(|stamp| stamp.size != entry.stamp.size);
        let id = self.id;
        let open = self.bytes.as_mut().filter(|bytes| changed && !bytes.is_sealed());
        open.is_some_and(|bytes| opener.identify(stream, bytes).is_ok_and(|found| found != Some(id)))
    }

    /// How long nothing was written, as far as it was seen here: no clock that is set tells it.
    pub(crate) fn seen_still(&self, now: Instant) -> Duration {
        self.unchanged.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(since))
    }

    /// How long nothing was written: by the node's clock, or, should it have been set back, by what was seen here.
    fn stillness(&self, stamp: &Stamp, by_clock: Duration) -> Duration {
        self.unchanged.filter(|(size, _)| *size == stamp.size).map_or(by_clock, |(_, since)| by_clock.max(since.elapsed()))
    }

    /// Gives its bytes up: what is unread becomes a gap.
    pub(crate) fn lose(&mut self, reason: GapReason, now: Instant) {
        if matches!(reason, GapReason::RotatedAway | GapReason::SpoolFull) {
            self.size = self.known_size();
        }
        self.bytes = None;
        self.inode = None;
        if reason == GapReason::Copytruncate {
            // What is at its name now is another file.
            self.stamp = None;
        }
        self.lost = Some((reason, now));
        self.offset = self.size;
        self.done = true;
    }

    fn is_at(&self, stamp: &Stamp) -> bool {
        self.inode == Some((stamp.dev, stamp.ino)) || self.stamp.as_ref() == Some(stamp)
    }

    /// Notes where a scan saw it.
    fn seen(&mut self, entry: &Entry) {
        self.name.clone_from(&entry.name);
        self.rotation = entry.rotation.clone();
        self.stamp = Some(entry.stamp);
        (self.gone, self.gone_since) = (false, None);
        let grown = !entry.gzip && entry.stamp.size > self.size;
        if grown && self.is_open() {
            self.done = false;
        }
    }

    /// Whether the last look at its folder saw more of it than was read, or less than there was: it was cut in place.
    pub(crate) fn has_changed(&self) -> bool {
        let Some(bytes) = &self.bytes else { return self.stamp.is_none_or(|stamp| stamp.size > self.offset) };
        let cut = |stamp: &Stamp| stamp.size < self.size && !self.shrunk;
        bytes.is_sealed() || self.stamp.is_none_or(|stamp| stamp.size > self.offset || cut(&stamp))
    }

    /// Whether an error of reading says that a compressed file can never be decoded further. One that was just written may be unfinished.
    pub(crate) fn is_corrupt(&self, error: &io::Error) -> bool {
        let Some(bytes) = self.bytes.as_ref().filter(|bytes| bytes.is_gzip()) else { return false };
        let settled = bytes.stat().is_ok_and(|(stamp, still)| self.stillness(&stamp, still) >= CORRUPT_QUIET);
        settled && matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
    }

    /// Opens it again when it was closed and has bytes to read; loses it when that cannot be.
    pub(crate) fn reopen(&mut self, stream: &Stream, opener: Opener<'_>, now: Instant) -> io::Result<()> {
        if self.bytes.is_some() || self.lost.is_some() || self.offset >= self.size {
            return Ok(());
        }
        if matches!(self.copied, Copied::To(_)) {
            match opener.spool.copy(self.id) {
                Ok(copy) => self.attach(Bytes::Copy(copy)),
                Err(error) => {
                    tracing::warn!(pod = %stream.pod, file = %self.name, %error, "the copy of a vanished log file cannot be read; what the server does not have of it is named as a gap");
                    self.lose(GapReason::RotatedAway, now);
                }
            }
            return Ok(());
        }
        let gzip = self.name.ends_with(".gz");
        match opener.open(stream, &self.name, gzip) {
            Ok(Some((id, bytes))) if id == self.id => self.attach(bytes),
            Ok(_) => self.lose(GapReason::RotatedAway, now),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.lose(GapReason::RotatedAway, now),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads from the offset into the buffer. What is read was checked to be of this file *after* it was read, so that a file cut
    /// in place and filled again is never read from the middle.
    pub(crate) fn look(
        &mut self,
        stream: &Stream,
        opener: Opener<'_>,
        quantum: usize,
        buffer: &mut Vec<u8>,
        now: Instant,
    ) -> io::Result<Look> {
        buffer.clear();
        let Some(bytes) = self.bytes.as_ref() else { return Ok(Look::End { tail: 0, still: Duration::MAX }) };
        let (stamp, still) = bytes.stat()?;
        if let Bytes::Copy(copy) = bytes {
            if self.offset < copy.from {
                return Ok(Look::Missing(usize::try_from(copy.from - self.offset).unwrap_or(usize::MAX)));
            }
            if self.offset >= copy.to && self.offset < self.size {
                return Ok(Look::Short);
            }
        }
        if self.unchanged.is_none_or(|(size, _)| size != stamp.size) {
            self.unchanged = Some((stamp.size, now));
        }
        let still = self.stillness(&stamp, still);
        let Some(bytes) = self.bytes.as_mut() else { return Ok(Look::End { tail: 0, still: Duration::MAX }) };
        let gzip = bytes.is_sealed();
        let shrunk = !gzip && stamp.size < self.size;
        if !gzip && self.shrunk && stamp.size <= self.offset {
            return Ok(Look::End { tail: 0, still });
        }
        if !gzip && stamp.size == self.offset && !shrunk {
            return Ok(Look::End { tail: 0, still });
        }
        let loaded = load(bytes, self.offset, quantum, buffer)?;
        if !gzip && opener.identify(stream, bytes)? != Some(self.id) {
            return Ok(Look::Cut);
        }
        if !gzip && stamp.size < self.offset {
            return Ok(Look::Shrunk);
        }
        if !buffer.is_empty() {
            self.size = self.size.max(self.offset + buffer.len() as u64);
        }
        Ok(match loaded {
            Loaded::Overlong(count) => Look::Overlong(count),
            Loaded::Lines { lines: 0, tail, .. } => Look::End { tail, still: if gzip { Duration::MAX } else { still } },
            Loaded::Lines { lines, .. } => Look::Lines(lines),
        })
    }

    /// The runtime's time of the line at the offset, ns since the epoch; `None` when there is none.
    pub(crate) fn next_time(&mut self) -> Option<i64> {
        let mut head = [0; 64];
        let at = self.marks.map_or(self.offset, |marks| self.floor(marks));
        let (Some(Bytes::Plain(_)) | Some(Bytes::Copy(_))) = &self.bytes else { return None };
        let count = self.bytes.as_mut()?.read_at(at, &mut head).ok()?;
        let end = memchr::memchr(b' ', &head[..count])?;
        crate::cri::parse_time(&head[..end])
    }
}

impl Source {
    /// Whether it is to be kept: gone for a while, unread, and not in the spool as it is.
    pub(crate) fn wants_copy(&self, now: Instant) -> bool {
        let gone = self.gone_since.is_some_and(|since| now.saturating_duration_since(since) >= SPOOL_WAIT);
        let Some(bytes) = self.bytes.as_ref().filter(|_| gone && !self.settled() && self.lost.is_none()) else { return false };
        match self.copied {
            Copied::No => true,
            Copied::To(to) => !bytes.is_sealed() && bytes.size().is_ok_and(|size| size > to),
            Copied::Full => false,
        }
    }

    /// Keeps what the server does not have of it, at this place.
    fn copy_to(&mut self, spool: &Spool, stream: &Stream, place: u64) -> io::Result<Put> {
        let from = self.marks.map_or(0, |marks| self.floor(marks));
        let Some(bytes) = self.bytes.as_mut() else { return Ok(Put::Full) };
        self.size = self.size.max(bytes.size()?);
        let put = spool.put(stream, self.id, &self.name, place, from..self.size, |offset, buffer| bytes.read_at(offset, buffer))?;
        (self.copied, self.place) = if put == Put::Kept { (Copied::To(self.size), place) } else { (Copied::Full, 0) };
        Ok(put)
    }

    /// Lets go of its copy when the server has all of it.
    pub(crate) fn let_go_of_copy(&mut self, spool: &Spool) {
        if matches!(self.copied, Copied::To(_)) && self.settled() {
            spool.remove(self.id);
            self.copied = Copied::No;
        }
    }
}

/// Between the places of two copies that lie next to one another in a chain; 2^32 files may vanish behind one another, and 32 between two.
const PLACES_APART: u64 = 1 << 32;

/// Keeps what the server does not have of the file at this index of a chain; its copy has its place among the others'.
pub(crate) fn copy_at(chain: &mut [Source], at: usize, spool: &Spool, stream: &Stream) -> io::Result<Put> {
    let (before, rest) = chain.split_at_mut(at);
    let Some((source, behind)) = rest.split_first_mut() else { return Ok(Put::Full) };
    let before = before.iter().map(|source| source.place).max().unwrap_or(0);
    let behind = behind.iter().map(|source| source.place).find(|place| *place > before);
    let place =
        if source.place > 0 { source.place } else { behind.map_or(before.saturating_add(PLACES_APART), |behind| before.midpoint(behind)) };
    source.copy_to(spool, stream, place)
}

/// What came of taking in a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Adopted {
    /// Unread bytes of vanished files were given up.
    pub(crate) given_up: bool,
    /// Files that are gone are read on from their copies: from where the server is.
    pub(crate) from_copies: bool,
    /// A file was cut in place: it is read on from a copy, or its rest is a hole.
    pub(crate) cut: bool,
    /// The scan no longer tells what is there: the next one does.
    pub(crate) outdated: bool,
}

/// Brings the chain in line with a scan. `complete` says that what the scan did not see is not there.
pub(crate) fn adopt(chain: &mut Vec<Source>, stream: &Stream, entries: &[Entry], complete: bool, opener: Opener<'_>) -> Adopted {
    let cut = lose_cut(chain, stream, entries, opener);
    // A current file that is at no name any more was rotated and then removed, or cut: what is new now is younger.
    let displaced: Vec<FileId> = chain
        .iter()
        .filter(|source| source.rotation == Rotation::Current && !entries.iter().any(|entry| source.is_at(&entry.stamp)))
        .map(|source| source.id)
        .collect();
    let mut seen: Vec<FileId> = Vec::with_capacity(entries.len());
    let mut outdated = false;
    for entry in entries {
        if let Some(source) = chain.iter_mut().find(|source| source.is_at(&entry.stamp)) {
            source.seen(entry);
            seen.push(source.id);
            continue;
        }
        if outdated || entry.stamp.size == 0 {
            continue;
        }
        let (id, bytes) = match opener.open(stream, &entry.name, entry.gzip) {
            Ok(Some((id, bytes))) if is_same(&bytes, &entry.stamp) => (id, bytes),
            Ok(None) => continue,
            // Renamed, compressed or removed since the scan. A younger file must not be read before this one: both wait for the next scan.
            Ok(Some(_)) => {
                outdated = true;
                continue;
            }
            Err(error) => {
                outdated = is_passing(&error);
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(file = %entry.name, pod = %stream.pod, %error, "a log file cannot be opened; it is tried again at the next scan");
                }
                continue;
            }
        };
        match chain.iter_mut().find(|source| source.id == id) {
            Some(source) => rejoin(source, entry, bytes, seen.contains(&id)),
            None => insert(chain, Source::new(id, entry, bytes), &displaced),
        }
        seen.push(id);
    }
    if complete && !outdated {
        for source in chain.iter_mut().filter(|source| !seen.contains(&source.id)) {
            source.gone = true;
            source.gone_since.get_or_insert_with(Instant::now);
        }
    }
    close_settled(chain);
    let (given_up, from_copies) = bound_held(chain);
    Adopted { given_up, from_copies, cut, outdated }
}

/// Loses the files that were cut in place, as a scan shows, before anything is made of what it saw: what they were may lie beside them, as a copy. Whether there were any.
fn lose_cut(chain: &mut [Source], stream: &Stream, entries: &[Entry], opener: Opener<'_>) -> bool {
    let mut cut = false;
    for entry in entries {
        let source = chain.iter_mut().find(|source| source.is_at(&entry.stamp));
        if let Some(source) = source
            && source.is_cut(entry, stream, opener)
        {
            tracing::warn!(pod = %stream.pod, file = %source.name, "a log file was truncated in place");
            source.lose(GapReason::Copytruncate, Instant::now());
            cut = true;
        }
    }
    cut
}

/// Whether an open descriptor is what the scan saw.
fn is_same(bytes: &Bytes, seen: &Stamp) -> bool {
    bytes.stat().is_ok_and(|(stamp, _)| (stamp.dev, stamp.ino) == (seen.dev, seen.ino))
}

/// Whether an error of opening says nothing of the file itself: it vanished since the scan, or there are too many open files.
fn is_passing(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(errno, Some(rustix::io::Errno::NOENT | rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
}

/// A known file under another inode: compressed, copied before it was cut, or seen again.
fn rejoin(source: &mut Source, entry: &Entry, bytes: Bytes, already_seen: bool) {
    let size = bytes.size().unwrap_or(0);
    if !bytes.is_gzip() {
        // Also of a copy whose original is still open: that one may have been cut before it was read to its end.
        source.size = source.size.max(size);
    }
    let wanted = source.bytes.is_none() && (source.lost.is_some() || size > source.size || !source.settled());
    if wanted {
        source.attach(bytes);
    }
    if wanted || !already_seen {
        source.seen(entry);
    }
}

fn insert(chain: &mut Vec<Source>, source: Source, displaced: &[FileId]) {
    let before = |known: &Source| displaced.contains(&known.id) || known.rotation < source.rotation;
    let at = chain.iter().rposition(before).map_or(0, |at| at + 1);
    chain.insert(at, source);
}

/// Closes what is read and acknowledged.
pub(crate) fn close_settled(chain: &mut [Source]) {
    for source in chain.iter_mut().filter(|source| source.done && source.settled()) {
        source.bytes = None;
        source.inode = None;
    }
}

/// Bounds the descriptors that are held of files that vanished. Of those with a copy, the youngest are closed, which are read last; of the others the oldest are given up. Whether some
/// were given up, and whether some were closed.
fn bound_held(chain: &mut [Source]) -> (bool, bool) {
    let is_held = |source: &&mut Source| source.gone && source.bytes.is_some();
    let mut over = chain.iter_mut().filter(|source| is_held(source)).count().saturating_sub(HELD_FILES);
    let (mut given_up, mut closed) = (false, false);
    for source in chain.iter_mut().rev().filter(is_held).filter(|source| matches!(source.copied, Copied::To(_))) {
        if over == 0 {
            return (given_up, closed);
        }
        (source.bytes, source.inode, closed) = (None, None, true);
        over -= 1;
    }
    for source in chain.iter_mut().filter(is_held) {
        if over == 0 {
            break;
        }
        source.lose(if source.copied == Copied::Full { GapReason::SpoolFull } else { GapReason::RotatedAway }, Instant::now());
        given_up = true;
        over -= 1;
    }
    (given_up, closed)
}
