//! One stream: reads its files in order, joins its lines into records, and cuts them into parts.
//!
//! Invariants: at most one set of parts is unanswered at a time, and nothing is read meanwhile; whatever is not acknowledged is not remembered but read
//! again ([`Follower::rewind`]): the files are the buffer. A position moves only by an answer of the server.

use crate::assemble::{Assembler, Piece, Place, Whole};
use crate::chain::{self, Growth, Look, Opener, Source};
use crate::cri::{self, CriLine};
use crate::discover::Entry;
use crate::emit::{Below, Emitted, Outlet, What};
use crate::limits::{BATCH_BYTES_MIN, EXCESS_INTERVAL, FINISH_QUIET, HOT, PIECE_WAIT, QUANTUM_BYTES, ROTATION_QUIET, TROUBLE_WAIT};
use crate::policies::Applied;
use crate::quota::{Bucket, RateLimit};
use martlog_formats::Record;
use martlog_formats::wire::{FileId, GapReason, Stream, Substream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The two substreams in the order of their numbers.
pub(crate) const SUBSTREAMS: [Substream; 2] = [Substream::Stdout, Substream::Stderr];

/// What a round may still read and send.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Bytes of files.
    pub(crate) read_bytes: usize,
    /// Bytes of records.
    pub(crate) batch_bytes: usize,
    /// Records.
    pub(crate) records: usize,
}

/// What reading needs to know.
#[derive(Debug)]
pub(crate) struct Round<'a> {
    /// Opens files.
    pub(crate) opener: Opener<'a>,
    /// Now.
    pub(crate) now: Instant,
    /// End what is open when the end of the files is reached.
    pub(crate) once: bool,
    /// What a stream may print whose policy says nothing.
    pub(crate) rate_limit: Option<RateLimit>,
    /// What may still be taken.
    pub(crate) budget: Budget,
    /// A buffer to read into.
    pub(crate) buffer: &'a mut Vec<u8>,
}

/// Whether a stream has more to read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Yes.
    More,
    /// Yes, in the next file, once this round is answered.
    Answer,
    /// Not now.
    Idle,
}

/// A stream that is followed.
#[derive(Debug)]
pub(crate) struct Follower {
    /// Whose life this is.
    pub(crate) stream: Arc<Stream>,
    /// Its files, from the oldest.
    pub(crate) chain: Vec<Source>,
    /// Not before then.
    pub(crate) hold_until: Option<Instant>,
    /// When it was first seen.
    pub(crate) born: Instant,
    /// The container has ended: a later life of it exists, or its pod is gone.
    pub(crate) finished: bool,
    /// While set, a part has at most so many records: the server refused more.
    pub(crate) record_limit: Option<usize>,
    /// Answers in a row that conflicted.
    pub(crate) conflicts: u32,
    /// How its lines are read.
    pub(crate) policy: Arc<Applied>,
    /// Lines that were below its level.
    pub(crate) below: Below,
    pub(crate) assemblers: [Assembler; 2],
    pub(crate) emitted: [Vec<Emitted>; 2],
    /// The file of the last line that went into the assemblers.
    reading: Option<FileId>,
    hot_until: Instant,
    ended: bool,
    /// What is at the names of its files is not what the last look said.
    outdated: bool,
    /// Where there is a limit.
    bucket: Option<Box<Bucket>>,
    /// The begun line of a substream is over the limit.
    over: [bool; 2],
    excess_said: Instant,
    below_said: Instant,
}

impl Budget {
    /// Whether the round is over.
    pub(crate) fn is_spent(&self) -> bool {
        self.read_bytes == 0 || self.batch_bytes == 0 || self.records == 0
    }

    /// Takes a record's share.
    pub(crate) fn take(&mut self, record: &Record) {
        self.records = self.records.saturating_sub(1);
        self.batch_bytes = self.batch_bytes.saturating_sub(record.message.len() + record.attributes.len() + 64);
    }
}

impl Follower {
    /// A stream that was just found.
    pub(crate) fn new(stream: Arc<Stream>, policy: Arc<Applied>, now: Instant) -> Self {
        Self {
            stream,
            // Most streams have one file, and there may be many of them.
            chain: Vec::with_capacity(1),
            hold_until: None,
            born: now,
            finished: false,
            record_limit: None,
            conflicts: 0,
            policy,
            below: Below::default(),
            assemblers: Default::default(),
            emitted: Default::default(),
            reading: None,
            hot_until: now + HOT,
            ended: false,
            outdated: false,
            bucket: None,
            over: [false; 2],
            excess_said: now,
            // The first is said at once.
            below_said: now.checked_sub(EXCESS_INTERVAL).unwrap_or(now),
        }
    }

    /// Takes in what a scan saw of it; false when the scan no longer tells what is there.
    pub(crate) fn adopt(&mut self, entries: &[Entry], complete: bool, finished: bool, opener: Opener<'_>, now: Instant) -> bool {
        let adopted = chain::adopt(&mut self.chain, &self.stream, entries, complete, opener);
        if adopted.given_up {
            tracing::warn!(pod = %self.stream.pod, "too many unread files vanished from the disk; the oldest is given up and named as a gap");
        }
        if adopted.given_up || adopted.from_copies || adopted.cut {
            self.rewind();
        }
        self.finished |= finished;
        self.outdated = false;
        if self.has_work() {
            self.hot_until = self.hot_until.max(now + HOT);
        }
        !adopted.outdated
    }

    /// Whether its folder has to be looked at again: a file was cut or is not where it was, and what it lost may lie there under another name.
    pub(crate) fn wants_look(&self) -> bool {
        self.outdated || self.chain.iter().any(|source| source.lost.is_some() && !source.settled())
    }

    /// Whether something is known to be unread, unsaid or not yet at its end. A stream that was not looked at while it was hot, since its lane waited for an answer, lives by this alone.
    fn has_work(&self) -> bool {
        let last = self.chain.len().saturating_sub(1);
        let lost = |source: &Source| source.lost.is_some() && !source.settled();
        let unread = |(at, source): (usize, &Source)| lost(source) || (!source.done && (at < last || source.has_changed()));
        // What is open is let go of when it has waited long enough: by a round, also when the last one was long ago.
        let open = self.assemblers.iter().any(|assembler| assembler.open_at().is_some());
        self.chain.iter().enumerate().any(unread) || open || self.has_unsent() || (self.finished && !self.ended)
    }

    /// Looks how far its files have grown, though they may not be read now.
    pub(crate) fn grow(&mut self, now: Instant) -> Growth {
        let lively = now < self.hot_until || self.has_work();
        if lively { self.chain.iter_mut().map(Source::grow).max().unwrap_or(Growth::None) } else { Growth::None }
    }

    /// Whether it is worth a look in this round.
    pub(crate) fn is_ready(&self, now: Instant, once: bool) -> bool {
        let held = self.hold_until.is_some_and(|until| now < until);
        let asked = self.chain.iter().all(|source| source.marks.is_some());
        !held && asked && !self.chain.is_empty() && (once || now < self.hot_until || self.has_work())
    }

    /// Reads one quantum. After the last one of a round, [`Self::tick`] and [`Self::take_parts`] follow.
    pub(crate) fn read(&mut self, round: &mut Round<'_>) -> Turn {
        for at in 0..self.chain.len() {
            let source = &self.chain[at];
            if source.lost.is_some() && !source.settled() {
                // Its hole, or what a copy of it still holds, comes first.
                return Turn::Idle;
            }
            if source.done {
                continue;
            }
            // One file's records are answered before the next one is read; see `parts`.
            if self.emitted.iter().flatten().any(|emitted| emitted.first.file != source.id) {
                return Turn::Answer;
            }
            match self.read_file(at, round) {
                Ok(Some(turn)) => return turn,
                Ok(None) => {}
                Err(error) => {
                    let file = &self.chain[at].name;
                    tracing::warn!(pod = %self.stream.pod, %file, %error, "a log file cannot be read; it is tried again");
                    self.hold_until = Some(round.now + TROUBLE_WAIT);
                    self.outdated = true;
                    return Turn::Idle;
                }
            }
        }
        self.end_if_over(round);
        Turn::Idle
    }

    /// One file's quantum; `None` when it was left and the next one has its turn.
    fn read_file(&mut self, at: usize, round: &mut Round<'_>) -> std::io::Result<Option<Turn>> {
        self.chain[at].reopen(&self.stream, round.opener, round.now)?;
        let source = &mut self.chain[at];
        if source.done {
            if source.lost.is_some() {
                // It is not where it was: what is open may have begun in it.
                self.outdated = true;
                self.rewind();
                return Ok(Some(Turn::More));
            }
            return Ok(None);
        }
        let quantum = QUANTUM_BYTES.min(round.budget.batch_bytes).max(BATCH_BYTES_MIN);
        let look = match source.look(&self.stream, round.opener, quantum, round.buffer, round.now) {
            Err(error) if source.is_corrupt(&error) => {
                tracing::warn!(pod = %self.stream.pod, file = %source.name, %error, "a compressed log file is corrupt; its rest is named as a gap");
                source.lose(GapReason::Malformed, round.now);
                self.rewind();
                return Ok(Some(Turn::Idle));
            }
            other => other?,
        };
        let ahead = self.reading.is_some_and(|reading| self.chain[at + 1..].iter().any(|later| later.id == reading));
        match look {
            Look::Shrunk => {
                let source = &mut self.chain[at];
                tracing::warn!(pod = %self.stream.pod, file = %source.name, "a log file was cut to less than was read of it, and begins as before; what is written below that cannot be told from what was there");
                source.shrunk = true;
                Ok(Some(Turn::Idle))
            }
            Look::Lines(_) | Look::Overlong(_) if ahead => {
                // A rotated file grew after it was left. Its lines come first.
                self.rewind();
                Ok(Some(Turn::More))
            }
            Look::Lines(_) if self.chain[at].shrunk => {
                let rest = memchr::memchr(b'\n', round.buffer).map_or(0, |end| end + 1);
                self.pass_over(at, rest, GapReason::Copytruncate, round);
                self.chain[at].shrunk = false;
                Ok(Some(Turn::More))
            }
            Look::Lines(length) => {
                self.take_lines(at, length, round);
                Ok(Some(Turn::More))
            }
            Look::Overlong(length) => {
                self.pass_over(at, length, GapReason::Malformed, round);
                Ok(Some(Turn::More))
            }
            Look::Missing(length) => {
                self.pass_over(at, length, GapReason::RotatedAway, round);
                Ok(Some(Turn::More))
            }
            Look::Short => {
                self.chain[at].lose(GapReason::RotatedAway, round.now);
                self.rewind();
                Ok(Some(Turn::Idle))
            }
            Look::End { tail, still } => Ok(self.take_end(at, tail, still, round)),
            Look::Cut => {
                let source = &mut self.chain[at];
                tracing::warn!(pod = %self.stream.pod, file = %source.name, "a log file was truncated in place");
                source.lose(GapReason::Copytruncate, round.now);
                self.outdated = true;
                self.rewind();
                Ok(Some(Turn::Idle))
            }
        }
    }

    fn take_lines(&mut self, at: usize, length: usize, round: &mut Round<'_>) {
        let buffer = std::mem::take(round.buffer);
        let start = self.chain[at].offset;
        self.reading = Some(self.chain[at].id);
        self.hot_until = round.now + HOT;
        round.budget.read_bytes = round.budget.read_bytes.saturating_sub(length);
        for (from, to) in crate::reader::lines(&buffer, length) {
            self.take_line(at, start + from as u64, start + to as u64, &buffer[from..to - 1], false, round);
        }
        self.chain[at].offset = start + length as u64;
        *round.buffer = buffer;
    }

    /// A physical line without its newline.
    fn take_line(&mut self, at: usize, from: u64, to: u64, line: &[u8], torn: bool, round: &mut Round<'_>) {
        let source = &mut self.chain[at];
        let parsed = cri::parse(line);
        let substream = parsed.map_or(Substream::Stdout, |parsed| parsed.substream);
        if let Some(parsed) = parsed {
            source.time_ns = parsed.time_ns;
        }
        if from < source.floor_of(substream) {
            return;
        }
        let (id, time_ns) = (source.id, if source.time_ns == 0 { crate::clock::now_ns() } else { source.time_ns });
        let ends = parsed.is_none_or(|parsed| parsed.full);
        if self.is_over(substream, time_ns, to - from, ends, round) {
            return self.leave_out(id, substream, from, to, round);
        }
        let now = round.now;
        let (assembler, mut outlet) = self.way(substream, &mut round.budget);
        // Most lines are whole objects: they are read once, and nobody has to be asked whether they go on.
        if let Some(CriLine { full: true, text, .. }) = parsed
            && !torn
            && assembler.is_idle()
            && let Some(record) = martlog_formats::parse_object(text, time_ns, &outlet.policy.profile)
        {
            let [first, end] = [from, to].map(|offset| Place { file: id, offset });
            return outlet.record(first, end, record);
        }
        let mut emit = |whole: Whole<'_>| outlet.line(whole);
        match parsed {
            Some(parsed) => {
                let piece = Piece { file: id, from, to, time_ns, full: parsed.full || torn, torn, text: parsed.text };
                assembler.push(piece, now, &mut emit);
            }
            // No CRI line: kept as it is. Which substream it was of is not known; it is stdout's, always, so that a second reading finds the same.
            None => {
                assembler.finish(&mut emit);
                let [first, end] = [from, to].map(|offset| Place { file: id, offset });
                emit(Whole { first, end, time_ns, incomplete: torn, printed: line.len(), text: line });
            }
        }
    }

    /// Whether a physical line is over the stream's limit: the first piece of a printed line decides for all of them.
    fn is_over(&mut self, substream: Substream, time_ns: i64, bytes: u64, ends: bool, round: &Round<'_>) -> bool {
        let (limit, at) = (self.policy.rate_limit.or(round.rate_limit), substream as usize);
        if limit.is_none() && !self.over[at] {
            return false;
        }
        // What began over a limit ends so, also when there is none any more.
        let limit = limit.unwrap_or(RateLimit::of(u64::MAX));
        let bucket = self.bucket.get_or_insert_with(|| Box::new(Bucket::new(limit)));
        bucket.set(limit);
        let begun = self.over[at] || self.assemblers[at].open_bytes() > 0;
        let over = if begun { self.over[at] } else { !bucket.lets_through(time_ns, bytes) };
        self.over[at] = over && !ends;
        if over && round.now.saturating_duration_since(self.excess_said) >= EXCESS_INTERVAL {
            self.excess_said = round.now;
            let (lines, bytes) = bucket.take_excess();
            tracing::warn!(pod = %self.stream.pod, container = %self.stream.container, lines, bytes, "a container prints more than it may; what is over the limit is named as gaps");
        }
        over
    }

    /// A line over the limit becomes a gap, or a part of the one before it.
    fn leave_out(&mut self, file: FileId, substream: Substream, from: u64, to: u64, round: &mut Round<'_>) {
        let (assembler, mut outlet) = self.way(substream, &mut round.budget);
        assembler.finish(&mut |whole| outlet.line(whole));
        let out = outlet.out;
        let [first, end] = [from, to].map(|offset| Place { file, offset });
        match out.last_mut() {
            Some(Emitted { end: last, what: What::Gap(GapReason::OverQuota), .. }) if last.file == file => *last = end,
            _ => out.push(Emitted { first, end, what: What::Gap(GapReason::OverQuota) }),
        }
    }

    /// Bytes that can be no line are named as a gap of stdout, like malformed lines are stdout's.
    fn pass_over(&mut self, at: usize, length: usize, reason: GapReason, round: &mut Round<'_>) {
        round.budget.read_bytes = round.budget.read_bytes.saturating_sub(length);
        let (assembler, mut outlet) = self.way(Substream::Stdout, &mut round.budget);
        assembler.finish(&mut |whole| outlet.line(whole));
        let source = &mut self.chain[at];
        self.reading = Some(source.id);
        let from = source.offset;
        source.offset += length as u64;
        if from >= source.floor_of(Substream::Stdout) {
            let [first, end] = [from, source.offset].map(|offset| Place { file: source.id, offset });
            self.emitted[0].push(Emitted { first, end, what: What::Gap(reason) });
        }
    }

    /// The end of a file, for now: leaves it when a successor has taken over, or the container has ended.
    fn take_end(&mut self, at: usize, tail: usize, still: Duration, round: &mut Round<'_>) -> Option<Turn> {
        let last = at + 1 == self.chain.len();
        let quiet = if last { FINISH_QUIET } else { ROTATION_QUIET };
        // A compressed file never grows.
        let sealed = still == Duration::MAX;
        if sealed || ((!last || self.finished) && (round.once || still >= quiet)) {
            if tail > 0 {
                let buffer = std::mem::take(round.buffer);
                let from = self.chain[at].offset;
                self.reading = Some(self.chain[at].id);
                self.take_line(at, from, from + tail as u64, &buffer[..tail], true, round);
                self.chain[at].offset += tail as u64;
                *round.buffer = buffer;
            }
            self.chain[at].done = true;
            return None;
        }
        if last && round.once {
            self.finish(round);
        } else if last && tail == 0 && self.chain[at].seen_still(round.now) >= PIECE_WAIT {
            self.give_up_lines(round);
        }
        if !last {
            // The successor waits for the quiet; it is seen to in the next rounds.
            self.hot_until = self.hot_until.max(round.now + ROTATION_QUIET * 4);
        }
        Some(Turn::Idle)
    }

    /// All files are read: nothing more will come to what is open, when the container has ended, or nobody waits for it.
    fn end_if_over(&mut self, round: &mut Round<'_>) {
        if (self.finished && !self.ended) || round.once {
            self.finish(round);
            self.ended = self.finished;
        }
    }

    /// Nothing was written for long: what began without an end is shown as it is.
    fn give_up_lines(&mut self, round: &mut Round<'_>) {
        for substream in SUBSTREAMS {
            let (assembler, mut outlet) = self.way(substream, &mut round.budget);
            assembler.give_up_line(&mut |whole| outlet.line(whole));
        }
    }

    fn finish(&mut self, round: &mut Round<'_>) {
        for substream in SUBSTREAMS {
            let (assembler, mut outlet) = self.way(substream, &mut round.budget);
            assembler.finish(&mut |whole| outlet.line(whole));
        }
    }

    /// Lets go of text that has waited long enough.
    pub(crate) fn tick(&mut self, round: &mut Round<'_>) {
        for substream in SUBSTREAMS {
            let now = round.now;
            let (assembler, mut outlet) = self.way(substream, &mut round.budget);
            assembler.tick(now, &mut |whole| outlet.line(whole));
        }
        if self.below.unsaid > 0 && round.now.saturating_duration_since(self.below_said) >= EXCESS_INTERVAL {
            self.below_said = round.now;
            let (lines, level) = (std::mem::take(&mut self.below.unsaid), self.policy.level.map_or("", |level| level.as_str()));
            tracing::info!(pod = %self.stream.pod, container = %self.stream.container, lines, level, reason = "below_level", "lines are left out: they are below the level of their instance's policy");
        }
    }

    /// What joins a substream's lines, and where they go.
    fn way<'a>(&'a mut self, substream: Substream, budget: &'a mut Budget) -> (&'a mut Assembler, Outlet<'a>) {
        let Self { assemblers, emitted, policy, below, .. } = self;
        let at = substream as usize;
        (&mut assemblers[at], Outlet { policy, budget, out: &mut emitted[at], below })
    }

    /// Forgets what is not acknowledged: it is read again from the server's marks.
    pub(crate) fn rewind(&mut self) {
        self.assemblers = Default::default();
        self.emitted = Default::default();
        self.reading = None;
        self.ended = false;
        self.over = [false; 2];
        self.below.unsettled = 0;
        for source in &mut self.chain {
            source.rewind();
        }
        self.hot_until = self.hot_until.max(Instant::now() + HOT);
    }

    /// What is held of pieces that have no end yet and can be read again, bytes. Text that waits for its continuation is let go of soon, and would wait for ever
    /// if it was read again and again.
    pub(crate) fn open_bytes(&self) -> usize {
        if self.assemblers.iter().any(Assembler::has_text) { 0 } else { self.assemblers.iter().map(Assembler::open_bytes).sum() }
    }

    /// Whether records wait for the answer to others.
    pub(crate) fn has_unsent(&self) -> bool {
        self.emitted.iter().any(|emitted| !emitted.is_empty())
    }

    /// Whether all that is there is read, joined and acknowledged.
    pub(crate) fn is_settled(&self) -> bool {
        let open = self.assemblers.iter().any(|assembler| assembler.open_at().is_some());
        let lost = self.chain.iter().any(|source| source.lost.is_some() && !source.settled());
        !open && !lost && !self.has_unsent()
    }
}
