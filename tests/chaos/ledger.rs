//! The ledger: what was printed where, kept outside the system and synced; and the book that is read from it at the end.
//!
//! ```text
//! stream NUMBER NODE NAMESPACE POD UID CONTAINER RESTART
//! file NUMBER STREAM NAME
//! name NUMBER NAME                                     a further name of a file
//! gone NUMBER WHY                                      it was removed; bytes that nobody had read are lost unavoidably
//! buried STREAM WHY                                    so were all files of the stream
//! line STREAM o|e ORDINAL KIND LENGTH FILE:FROM-TO[+FILE:FROM-TO]
//! ```
//!
//! A line is noted after it was written; offsets are bytes.

use crate::pods::Extent;
use crate::text::{Id, Kind};
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a line may be in memory alone.
const SYNC_INTERVAL: Duration = Duration::from_millis(500);

/// The ledger while it is written.
pub(crate) struct Ledger(Mutex<Inner>);

struct Inner {
    file: BufWriter<File>,
    synced: Instant,
}

/// A printed line.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) length: usize,
    /// One, or two where it crosses files.
    pub(crate) pieces: Vec<Extent>,
    /// How often it was found.
    pub(crate) found: u32,
}

/// A container's life.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) node: String,
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) uid: String,
    pub(crate) container: String,
    pub(crate) restart: u32,
    pub(crate) lines: [Vec<Line>; 2],
}

/// A log file.
#[derive(Debug, Default)]
pub(crate) struct LogFile {
    pub(crate) stream: usize,
    pub(crate) names: Vec<String>,
    pub(crate) gone: Option<String>,
}

/// All of it, by number.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) streams: Vec<Stream>,
    pub(crate) files: Vec<LogFile>,
}

impl Ledger {
    pub(crate) fn create(path: &Path) -> Self {
        let file = BufWriter::new(File::create(path).expect("the ledger"));
        Self(Mutex::new(Inner { file, synced: Instant::now() }))
    }

    /// Appends lines; they are on the disk within [`SYNC_INTERVAL`] and the next call.
    pub(crate) fn note(&self, text: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.file.write_all(text.as_bytes()).expect("the ledger is written");
        if inner.synced.elapsed() >= SYNC_INTERVAL {
            inner.sync();
        }
    }

    pub(crate) fn sync(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sync();
    }
}

impl Inner {
    fn sync(&mut self) {
        self.file.flush().and_then(|()| self.file.get_ref().sync_data()).expect("the ledger is synced");
        self.synced = Instant::now();
    }
}

/// A line as the ledger has it.
pub(crate) fn line(id: Id, kind: Kind, length: usize, pieces: &[Extent]) -> String {
    let pieces: Vec<String> = pieces.iter().map(|piece| format!("{}:{}-{}", piece.file, piece.from, piece.to)).collect();
    let substream = if id.substream == 0 { 'o' } else { 'e' };
    format!("line {} {substream} {} {} {length} {}\n", id.stream, id.ordinal, kind.letter(), pieces.join("+"))
}

impl Book {
    pub(crate) fn read(path: &Path) -> Self {
        let mut book = Self::default();
        for line in BufReader::new(File::open(path).expect("the ledger")).lines() {
            let line = line.expect("the ledger is text");
            let words: Vec<&str> = line.split(' ').collect();
            book.take(&words).unwrap_or_else(|| panic!("the ledger says {line:?}"));
        }
        book
    }

    fn take(&mut self, words: &[&str]) -> Option<()> {
        match *words {
            // Two nodes write at once: what has a number waits for its place.
            ["stream", number, node, namespace, pod, uid, container, restart] => {
                let (number, restart) = (number.parse().ok()?, restart.parse().ok()?);
                let [node, namespace, pod, uid, container] = [node, namespace, pod, uid, container].map(str::to_owned);
                while self.streams.len() <= number {
                    self.streams.push(Stream::unknown());
                }
                self.streams[number] = Stream { node, namespace, pod, uid, container, restart, lines: Default::default() };
            }
            ["file", number, stream, name] => {
                let file = self.file(number)?;
                file.stream = stream.parse().ok()?;
                file.names.push(name.to_owned());
            }
            ["name", number, name] => self.file(number)?.names.push(name.to_owned()),
            ["buried", stream, why] => {
                let stream: usize = stream.parse().ok()?;
                let files = self.files.iter_mut().filter(|file| file.stream == stream && !file.names.is_empty() && file.gone.is_none());
                files.for_each(|file| file.gone = Some(why.to_owned()));
            }
            ["gone", number, why] => self.file(number)?.gone = Some(why.to_owned()),
            ["line", stream, substream, ordinal, kind, length, pieces] => {
                let lines = &mut self.streams.get_mut(stream.parse::<usize>().ok()?)?.lines[usize::from(substream == "e")];
                let pieces = pieces.split('+').map(extent).collect::<Option<Vec<_>>>()?;
                if lines.len() != ordinal.parse::<usize>().ok()? {
                    return None;
                }
                lines.push(Line { kind: Kind::of(kind), length: length.parse().ok()?, pieces, found: 0 });
            }
            _ => return None,
        }
        Some(())
    }

    fn file(&mut self, number: &str) -> Option<&mut LogFile> {
        let number: usize = number.parse().ok()?;
        if self.files.len() <= number {
            self.files.resize_with(number + 1, LogFile::default);
        }
        self.files.get_mut(number)
    }
}

impl Stream {
    fn unknown() -> Self {
        let nothing = String::new;
        Self {
            node: nothing(),
            namespace: nothing(),
            pod: nothing(),
            uid: nothing(),
            container: nothing(),
            restart: 0,
            lines: Default::default(),
        }
    }
}

fn extent(text: &str) -> Option<Extent> {
    let (file, range) = text.split_once(':')?;
    let (from, to) = range.split_once('-')?;
    Some(Extent { file: file.parse().ok()?, from: from.parse().ok()?, to: to.parse().ok()? })
}
