//! A stream's life against the append protocol, with crashes: real files that grow, rotate, are cut in place and compressed; answers that are lost, late or wrong.
//! A round is read only when the stream says that there is something to read. The oracle is a join of the pieces by hand.

use crate::chain::Opener;
use crate::discover::Root;
use crate::follow::{Budget, Follower, Round, SUBSTREAMS};
use crate::identity::Site;
use crate::limits::{FINISH_QUIET, HOT, PIECE_WAIT};
use crate::spool::Spool;
use crate::test_support::protocol::Log;
use crate::test_support::{cri_time, stream};
use flate2::{Compression, write::GzEncoder};
use martlog_formats::wire::PartAnswer;
use proptest::prelude::*;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// The container prints pieces: (is it stderr, does it end the line).
    Print(Vec<(bool, bool)>),
    /// The file is rotated.
    Rotate,
    /// The file is copied, and cut in place.
    CopyAndCut,
    /// Nobody looks for longer than a file stays hot: an answer that came late, a server that asked to wait.
    Rest,
    /// The oldest plain rotation is compressed.
    Compress,
    /// The collector reads a round; what becomes of it.
    Read(Fate),
    /// The collector is killed and started again without any state.
    Crash,
}

/// What becomes of a round's parts.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Appended and answered.
    Answered,
    /// Sent twice, the second answer arrives.
    Repeated,
    /// Never sent, the collector dies.
    Unsent,
    /// Appended, the answer is lost, the collector dies.
    Unanswered,
    /// Every other part has to wait.
    Later,
    /// The server claims another position for every other part.
    Contradicted,
}

/// The node, the server and the collector.
struct Life {
    dir: tempfile::TempDir,
    root: Root,
    site: Site,
    spool: Spool,
    log: Log,
    follower: Follower,
    now: Instant,
    printed: Instant,
    file: File,
    rotated: Vec<PathBuf>,
    clock: i64,
    files: u32,
    /// The pieces of the open record of each substream, and the files they lie in.
    open: [Option<(String, Vec<u32>)>; 2],
    expected: [Vec<String>; 2],
}

impl Life {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("ns_pod_uid/app")).unwrap();
        let file = append(&dir.path().join("ns_pod_uid/app/0.log"));
        Self {
            spool: Spool::open(dir.path(), 0).unwrap(),
            root: Root::open(dir.path()).unwrap(),
            dir,
            site: Site { cluster: "c".into(), node: "n".into() },
            log: Log::default(),
            follower: Follower::new(stream(0).into(), std::sync::Arc::default(), Instant::now()),
            now: Instant::now(),
            printed: Instant::now(),
            file,
            rotated: Vec::new(),
            clock: 1_795_346_053_000_000_000,
            files: 0,
            open: [None, None],
            expected: [Vec::new(), Vec::new()],
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("ns_pod_uid/app").join(name)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Print(pieces) => pieces.iter().for_each(|(stderr, full)| self.print(usize::from(*stderr), *full)),
            Step::Rotate => self.rotate(),
            Step::CopyAndCut => self.copy_and_cut(),
            Step::Rest => self.pass(HOT * 2),
            Step::Compress => self.compress(),
            Step::Read(fate) => self.read(*fate, false),
            Step::Crash => self.crash(),
        }
    }

    /// Time passes; but never so much that a line that may go on would be given up.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        if self.open.iter().all(Option::is_none) || until < self.printed + PIECE_WAIT {
            self.now = until;
        }
    }

    fn print(&mut self, substream: usize, full: bool) {
        self.printed = self.now;
        self.clock += 1_000_000_007;
        let text = format!("t{};", self.clock % 1_000_000_000_000);
        let tag = if full { "F" } else { "P" };
        writeln!(self.file, "{} {} {tag} {text}", cri_time(self.clock), SUBSTREAMS[substream].as_str()).unwrap();
        // A record has pieces in two files at most.
        let third = |(_, files): &(String, Vec<u32>)| files.len() == 2 && !files.contains(&self.files);
        if self.open[substream].as_ref().is_some_and(third) {
            self.end(substream);
        }
        let (record, files) = self.open[substream].get_or_insert_default();
        record.push_str(&text);
        if files.last() != Some(&self.files) {
            files.push(self.files);
        }
        if full {
            self.end(substream);
        }
    }

    fn end(&mut self, substream: usize) {
        let ended = self.open[substream].take().map(|(record, _)| record);
        self.expected[substream].extend(ended);
    }

    fn rotate(&mut self) {
        self.rest();
        let rotated = self.next_rotation();
        std::fs::rename(self.path("0.log"), &rotated).unwrap();
        self.rotated.push(rotated);
        self.file = append(&self.path("0.log"));
    }

    fn copy_and_cut(&mut self) {
        self.rest();
        let rotated = self.next_rotation();
        std::fs::copy(self.path("0.log"), &rotated).unwrap();
        let copy = File::options().write(true).open(&rotated).unwrap();
        copy.set_modified(long_ago()).unwrap();
        self.rotated.push(rotated);
        self.file.set_len(0).unwrap();
    }

    fn next_rotation(&mut self) -> PathBuf {
        self.files += 1;
        self.path(&format!("0.log.20261122-{:06}", 100_000 + self.files))
    }

    /// Still for a while, so that the collector need not wait for stragglers.
    fn rest(&self) {
        self.file.set_modified(long_ago()).unwrap();
    }

    fn compress(&mut self) {
        if self.rotated.is_empty() {
            return;
        }
        let plain = self.rotated.remove(0);
        let mut encoder = GzEncoder::new(File::create(format!("{}.gz", plain.display())).unwrap(), Compression::fast());
        encoder.write_all(&std::fs::read(&plain).unwrap()).unwrap();
        encoder.finish().unwrap();
        std::fs::remove_file(plain).unwrap();
    }

    fn crash(&mut self) {
        self.follower = Follower::new(stream(0).into(), std::sync::Arc::default(), self.now);
    }

    fn read(&mut self, fate: Fate, finished: bool) {
        // A quarter: what is open at the end must stay so for all the rounds that reading on takes.
        self.pass(Duration::from_millis(250));
        let opener = Opener { root: &self.root, site: &self.site, spool: &self.spool };
        let scan = self.root.scan().unwrap();
        assert!(scan.complete);
        self.follower.adopt(&scan.entries, true, finished, opener, self.now);
        for source in self.follower.chain.iter_mut().filter(|source| source.marks.is_none()) {
            source.marks = Some(SUBSTREAMS.map(|substream| self.log.mark(source.id, substream)));
            source.rewind();
        }
        if !self.follower.is_ready(self.now, false) {
            return;
        }
        let mut round = Round {
            opener,
            now: self.now,
            once: false,
            rate_limit: None,
            budget: Budget { read_bytes: 1 << 20, batch_bytes: 1 << 20, records: 1_000 },
            buffer: &mut Vec::new(),
        };
        while self.follower.read(&mut round) == crate::follow::Turn::More {}
        self.follower.tick(&mut round);
        let parts = self.follower.take_parts(&[], self.now, false);
        if matches!(fate, Fate::Unsent) {
            return self.crash();
        }
        let mut rewind = false;
        for (at, part) in parts.iter().enumerate() {
            let odd = at % 2 == 1;
            let marks = || part.extents.iter().map(|extent| self.log.mark(extent.file, part.substream)).collect();
            let answer = match fate {
                Fate::Later if odd => PartAnswer::Later { code: 429, after_ms: 1, reason: String::new() },
                Fate::Contradicted if odd => PartAnswer::Conflict { marks: marks() },
                Fate::Repeated => {
                    self.log.append(part);
                    self.log.append(part)
                }
                _ => self.log.append(part),
            };
            rewind |= self.follower.settle(&crate::parts::Note::of(part), &answer, self.now).rewind;
        }
        if matches!(fate, Fate::Unanswered) {
            self.crash();
        } else if rewind {
            self.follower.rewind();
        }
    }

    /// Nobody writes any more: whole records arrive while the container may go on, and what is open when it has ended.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        (self.printed, self.now) = (self.now, self.now + Duration::from_millis(1));
        self.rest();
        self.read_on(false);
        self.check_messages()?;
        (0..2).for_each(|substream| self.end(substream));
        self.read_on(true);
        self.check_messages()
    }

    fn read_on(&mut self, finished: bool) {
        for _ in 0..2 * self.files + 10 {
            self.read(Fate::Answered, finished);
        }
    }

    fn check_messages(&self) -> Result<(), TestCaseError> {
        for (substream, expected) in SUBSTREAMS.into_iter().zip(&self.expected) {
            prop_assert_eq!(&self.log.messages("uid", 0, substream), expected);
        }
        Ok(())
    }
}

/// Long enough for a successor or an end, and not for a line to be given up.
fn long_ago() -> SystemTime {
    SystemTime::now() - FINISH_QUIET * 2
}

fn append(path: &std::path::Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate = prop_oneof![
        4 => Just(Fate::Answered),
        1 => Just(Fate::Repeated),
        1 => Just(Fate::Unsent),
        2 => Just(Fate::Unanswered),
        1 => Just(Fate::Later),
        1 => Just(Fate::Contradicted),
    ];
    let step = prop_oneof![
        4 => proptest::collection::vec((proptest::bool::weighted(0.4), proptest::bool::weighted(0.55)), 1..10).prop_map(Step::Print),
        4 => fate.prop_map(Step::Read),
        2 => Just(Step::Rotate),
        1 => Just(Step::CopyAndCut),
        1 => Just(Step::Rest),
        1 => Just(Step::Compress),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..30)
}

/// Lives a life, and checks what the server has.
fn check(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut life = Life::new();
    steps.iter().for_each(|step| life.step(step));
    life.finish()?;
    prop_assert!(life.log.holes.is_empty());
    // At rest the marks are at the end of every file: seen = stored.
    for source in &life.follower.chain {
        prop_assert_eq!(source.marks, Some([source.size; 2]));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_record_is_torn_lost_doubled_or_moved_by_any_life(steps in steps()) {
        check(&steps)?;
    }
}

/// Only the older file's part has to wait: the newer one's must not overtake it.
#[test]
fn a_part_does_not_overtake_one_of_an_older_file() {
    let print = |pieces: &[(bool, bool)]| Step::Print(pieces.to_vec());
    let (out, err, piece) = ((false, true), (true, true), (false, false));
    for fate in [Fate::Later, Fate::Contradicted] {
        check(&[print(&[err]), Step::Rotate, print(&[out]), Step::Read(Fate::Unanswered), print(&[out, err, err]), Step::Read(fate)])
            .unwrap();
        check(&[print(&[err, piece]), Step::Rotate, print(&[out, piece, out, out, err, err]), Step::Read(fate)]).unwrap();
    }
}

/// A file was cut in place, and what was written since is less than what was read of it, when nobody looked while it was hot.
#[test]
fn a_cut_file_that_is_still_shorter_than_it_was_is_looked_at() {
    let print = |count| Step::Print(vec![(false, true); count]);
    check(&[print(9), Step::Read(Fate::Answered), Step::CopyAndCut, print(1), Step::Rest]).unwrap();
}

/// A container's last words have no end: they are not held back until another one begins. What comes after all is a record of its own.
#[test]
fn a_line_whose_end_does_not_come_is_shown_as_it_is() {
    let mut life = Life::new();
    life.print(0, true);
    life.print(1, false);
    // A node's clock that is stepped is no reason to think so.
    life.file.set_modified(SystemTime::now() - PIECE_WAIT * 100).unwrap();
    life.read(Fate::Answered, false);
    life.read(Fate::Answered, false);
    let before = life.log.messages("uid", 0, SUBSTREAMS[1]);
    assert!(before.is_empty(), "it may go on: {before:?}");
    life.now += HOT * 2;
    life.read(Fate::Answered, false);
    life.end(1);
    assert_eq!(life.log.messages("uid", 0, SUBSTREAMS[1]), life.expected[1]);
    life.print(1, true);
    life.finish().unwrap();
}

/// The newest file is compressed, and the current one is still empty.
#[test]
fn a_piece_at_the_end_of_a_compressed_file_is_not_forgotten() {
    check(&[Step::Print(vec![(false, false)]), Step::Rotate, Step::Compress]).unwrap();
}
