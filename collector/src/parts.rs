//! From what a stream has read to the parts of a batch, and from the answers back to the stream's positions.
//!
//! Invariants: the parts of a substream follow one another without a hole, from the server's mark on; a position never moves past the first
//! byte of a record that is still open; a record that crosses two files is a part with both extents, and nothing else is in that part; only an answer
//! moves a mark.

use crate::assemble::Place;
use crate::chain::Source;
use crate::clock::now_ns;
use crate::emit::{Emitted, What};
use crate::follow::{Follower, SUBSTREAMS};
use crate::limits::{LOSS_WAIT, RETRY_AFTER_MAX, TROUBLE_WAIT};
use martlog_formats::wire::{Extent, FileId, Gap, GapReason, Part, PartAnswer, PartRecord, Stream, Substream};
use std::time::{Duration, Instant};

/// What is remembered of a part while it is on its way: everything but the records.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    /// Whose it is.
    pub(crate) stream: Stream,
    /// stdout or stderr.
    pub(crate) substream: Substream,
    /// `(file, from, to)`, one or two.
    pub(crate) extents: Vec<(FileId, u64, u64)>,
    /// How many records it has.
    pub(crate) records: usize,
    /// Whether it names a gap.
    pub(crate) gap: bool,
}

/// What an answer was worth.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gain {
    /// Records acknowledged.
    pub(crate) records: u64,
    /// Bytes of which both substreams are acknowledged.
    pub(crate) bytes: u64,
    /// Gaps acknowledged.
    pub(crate) gaps: u64,
    /// Lines below the level whose bytes are acknowledged.
    pub(crate) below_level: u64,
    /// Whether the stream has to go back to its marks.
    pub(crate) rewind: bool,
}

impl Note {
    /// What is to be remembered of a part.
    pub(crate) fn of(part: &Part) -> Self {
        Self {
            stream: part.stream.clone(),
            substream: part.substream,
            extents: part.extents.iter().map(|extent| (extent.file, extent.from, extent.to)).collect(),
            records: part.records.len(),
            gap: part.gap.is_some(),
        }
    }
}

/// Cuts one substream's records into parts.
struct Cutter<'a> {
    stream: &'a Stream,
    labels: &'a [(String, String)],
    substream: Substream,
    chain: &'a [Source],
    /// How far the parts reach in each file.
    reached: Vec<u64>,
    records: Vec<PartRecord>,
    record_limit: usize,
    parts: &'a mut Vec<Part>,
}

impl Follower {
    /// Takes what was read as parts, to be answered before anything else is read.
    pub(crate) fn take_parts(&mut self, labels: &[(String, String)], now: Instant, once: bool) -> Vec<Part> {
        let mut parts = Vec::new();
        if self.chain.iter().any(|source| source.marks.is_none()) {
            return parts;
        }
        for substream in SUBSTREAMS {
            let at = substream as usize;
            let emitted = std::mem::take(&mut self.emitted[at]);
            let open = self.assemblers[at].open_at().map(|(place, _)| place);
            let cutter = Cutter {
                stream: &self.stream,
                labels,
                substream,
                chain: &self.chain,
                reached: self.chain.iter().map(|source| source.marks.map_or(0, |marks| marks[at])).collect(),
                records: Vec::new(),
                record_limit: self.record_limit.unwrap_or(usize::MAX),
                parts: &mut parts,
            };
            let rest = cutter.cut(emitted, open, now, once);
            // Nothing is kept of a buffer that is empty: there are as many of them as files.
            self.emitted[at] = if rest.is_empty() { Vec::new() } else { rest };
        }
        parts
    }

    /// Takes in the answer to one of its parts.
    pub(crate) fn settle(&mut self, note: &Note, answer: &PartAnswer, now: Instant) -> Gain {
        match answer {
            PartAnswer::Durable { marks } => self.acknowledge(note, marks),
            PartAnswer::Conflict { marks } => {
                self.conflicts = self.conflicts.saturating_add(1);
                tracing::info!(pod = %self.stream.pod, container = %self.stream.container, substream = note.substream.as_str(), "the server is at another position; going back to it");
                if self.conflicts > 3 {
                    self.hold_until = Some(now + TROUBLE_WAIT);
                }
                for ((file, _, _), mark) in note.extents.iter().zip(marks) {
                    self.set_mark(*file, note.substream, *mark);
                }
                Gain { rewind: true, ..Gain::default() }
            }
            PartAnswer::Later { code, after_ms, reason } => {
                tracing::warn!(pod = %self.stream.pod, code, after_ms, reason, "the server takes this stream later");
                self.hold_until = Some(now + Duration::from_millis(*after_ms).min(RETRY_AFTER_MAX));
                Gain { rewind: true, ..Gain::default() }
            }
            PartAnswer::Refused { reason } => {
                self.refuse(note, reason);
                Gain { rewind: true, ..Gain::default() }
            }
        }
    }

    fn acknowledge(&mut self, note: &Note, marks: &[u64]) -> Gain {
        self.conflicts = 0;
        // All parts of the stream were on their way together: the first that is acknowledged counts what lies between the records of all.
        let below_level = std::mem::take(&mut self.below.unsettled);
        let mut gain = Gain { records: note.records as u64, gaps: u64::from(note.gap), below_level, ..Gain::default() };
        for ((file, _, to), mark) in note.extents.iter().zip(marks) {
            let Some(source) = self.chain.iter_mut().find(|source| source.id == *file) else { continue };
            let Some(known) = source.marks.as_mut() else { continue };
            let before = known[0].min(known[1]);
            let mark_known = &mut known[note.substream as usize];
            // A mark that is further on than the part was set by an earlier life of this collector.
            *mark_known = (*mark_known).max(*mark);
            gain.rewind |= *mark != *to;
            gain.bytes += known[0].min(known[1]) - before;
        }
        if note.records > 0 {
            self.record_limit = self.record_limit.map(|limit| limit.saturating_mul(2)).filter(|limit| *limit < 4_096);
        }
        gain
    }

    fn set_mark(&mut self, file: FileId, substream: Substream, mark: u64) {
        if let Some(marks) = self.chain.iter_mut().find(|source| source.id == file).and_then(|source| source.marks.as_mut()) {
            marks[substream as usize] = mark;
        }
    }

    /// A part that will never be taken: it is halved until the record that is at fault is alone, and that one is named as a gap.
    pub(crate) fn refuse(&mut self, note: &Note, reason: &str) {
        if note.records > 1 {
            self.record_limit = Some(note.records / 2);
            return;
        }
        tracing::error!(pod = %self.stream.pod, container = %self.stream.container, reason, "the server refuses a record for ever; its bytes are named as a gap");
        for (file, _, to) in &note.extents {
            if let Some(source) = self.chain.iter_mut().find(|source| source.id == *file) {
                let refused = &mut source.refused[note.substream as usize];
                *refused = (*refused).max(*to);
            }
        }
    }
}

impl Cutter<'_> {
    /// Cuts what was read into parts; what comes back has to wait for their answers. Marks are per file, so the server cannot see that a part of an
    /// earlier file is missing: the records of one file are answered before the next one's leave, unless one record crosses and ties them together.
    fn cut(mut self, emitted: Vec<Emitted>, open: Option<Place>, now: Instant, once: bool) -> Vec<Emitted> {
        let open = open.and_then(|place| Some((self.index_of(place.file)?, place.offset)));
        let mut emitted = emitted.into_iter().peekable();
        let mut sent_to = None;
        for at in 0..self.chain.len() {
            if sent_to.is_some_and(|sent| sent < at) && emitted.peek().is_some() {
                break;
            }
            let source = &self.chain[at];
            self.gap(at, source.refused[self.substream as usize], GapReason::Malformed);
            if let Some((reason, since)) = source.lost {
                // A copy of a file that was cut in place may be found by the next scans.
                if once || now.saturating_duration_since(since) >= LOSS_WAIT {
                    self.gap(at, source.size, reason);
                }
                continue;
            }
            while let Some(next) = emitted.next_if(|next| next.first.file == source.id) {
                sent_to = self.index_of(next.end.file);
                self.take(at, next);
            }
            let reach = match open {
                Some((file, offset)) if file == at => offset,
                // It may have pieces here.
                Some((file, _)) if file < at => self.reached[at],
                _ => source.offset,
            };
            self.close(at, reach);
        }
        emitted.collect()
    }

    fn take(&mut self, at: usize, next: Emitted) {
        match next.what {
            What::Gap(reason) => {
                self.close(at, next.first.offset);
                self.gap(at, next.end.offset, reason);
            }
            What::Record(record) => {
                let crossing = next.end.file != next.first.file;
                let record = PartRecord { offset: next.first.offset, end: next.end.offset, record };
                if crossing {
                    self.close(at, record.offset);
                    self.cross(at, next.end.file, record);
                } else {
                    self.records.push(record);
                    if self.records.len() >= self.record_limit {
                        let reach = next.end.offset;
                        self.close(at, reach);
                    }
                }
            }
        }
    }

    /// A part up to `reach`, with the records that were collected; none when there is nothing to say.
    fn close(&mut self, at: usize, reach: u64) {
        let records = std::mem::take(&mut self.records);
        if reach > self.reached[at] {
            let extent = self.extent(at, reach);
            self.push(vec![extent], records, None);
        }
    }

    fn gap(&mut self, at: usize, to: u64, reason: GapReason) {
        if to > self.reached[at] {
            let extent = self.extent(at, to);
            self.push(vec![extent], Vec::new(), Some(Gap { reason, time_ns: now_ns() }));
        }
    }

    fn cross(&mut self, at: usize, into: FileId, record: PartRecord) {
        let Some(second) = self.index_of(into) else { return };
        let end = record.end;
        let extents = vec![self.extent(at, self.chain[at].offset), self.extent(second, end)];
        self.push(extents, vec![record], None);
    }

    fn extent(&mut self, at: usize, to: u64) -> Extent {
        let from = std::mem::replace(&mut self.reached[at], to);
        Extent { file: self.chain[at].id, name: self.chain[at].name.clone(), from, to }
    }

    fn push(&mut self, extents: Vec<Extent>, records: Vec<PartRecord>, gap: Option<Gap>) {
        let part = Part { stream: self.stream.clone(), labels: self.labels.to_vec(), substream: self.substream, extents, records, gap };
        debug_assert!(part.is_sound(), "{:?}", Note::of(&part));
        self.parts.push(part);
    }

    fn index_of(&self, file: FileId) -> Option<usize> {
        self.chain.iter().position(|source| source.id == file)
    }
}
