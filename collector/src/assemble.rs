//! From physical lines to whole records, for one substream.
//!
//! First the pieces: `P`, `P`, …, `F` are one printed line. Then the lines: a stack trace is one record. A record knows where its first
//! piece begins and where its last one ends, and these may lie in two files of the stream.
//!
//! Invariants: what comes out is a pure function of the lines that go in, of how far they lie apart by the runtime's clock, and of when
//! [`Assembler::tick`] finds that nothing came for [`JOIN_WAIT`]; [`Assembler::open_at`] is the first byte of what is still open, and a position
//! never moves past it; memory is at most two records of [`RECORD_BYTES`]; a record has pieces in two files at most, the one that would reach a third is
//! ended as incomplete.

use crate::limits::{JOIN_SPAN_NS, JOIN_WAIT, RECORD_BYTES, RECORD_SPAN_BYTES};
use martlog_formats::multiline::{Decision, Joiner};
use martlog_formats::wire::FileId;
use std::time::Instant;

/// A byte of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: FileId,
    /// The offset, bytes.
    pub(crate) offset: u64,
}

/// A physical line of the substream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// Its file.
    pub(crate) file: FileId,
    /// Its first byte.
    pub(crate) from: u64,
    /// One past its newline.
    pub(crate) to: u64,
    /// The runtime's time, ns since the epoch.
    pub(crate) time_ns: i64,
    /// Whether the printed line ends with it.
    pub(crate) full: bool,
    /// Whether its end is missing.
    pub(crate) torn: bool,
    /// What was printed.
    pub(crate) text: &'a [u8],
}

/// A whole record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole<'a> {
    /// Its first byte.
    pub(crate) first: Place,
    /// One past its last byte.
    pub(crate) end: Place,
    /// The runtime's time of the first piece, ns since the epoch.
    pub(crate) time_ns: i64,
    /// Its end never came.
    pub(crate) incomplete: bool,
    /// How much was printed, bytes: more than `text` where the record is too long to be kept whole.
    pub(crate) printed: usize,
    /// What was printed, lines joined by `\n`; at most [`RECORD_BYTES`].
    pub(crate) text: &'a [u8],
}

/// Joins the pieces and lines of one substream. There are two for each stream, so what is seldom there is not a part of it.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    /// Tells which lines are one record.
    joiner: Joiner,
    /// Text that may go on in the next line.
    text: Option<Box<Open>>,
    /// A line whose `F` has not come.
    line: Option<Box<Open>>,
    /// When the last line was read.
    arrived: Option<Instant>,
}

/// Something begun.
#[derive(Debug)]
struct Open {
    first: Place,
    end: Place,
    time_ns: i64,
    last_time_ns: i64,
    /// Bytes of the file.
    span: u64,
    printed: usize,
    bytes: Vec<u8>,
}

impl Assembler {
    /// Takes the next physical line; `out` gets the records that it completes, in order.
    pub(crate) fn push(&mut self, piece: Piece<'_>, now: Instant, out: &mut dyn FnMut(Whole<'_>)) {
        self.arrived = Some(now);
        if self.line.as_ref().is_some_and(|open| !open.reaches(piece.file)) {
            self.end_line(true, out);
        }
        match self.line.as_mut() {
            Some(open) => open.extend(&piece),
            None if piece.full => {
                let whole = Whole {
                    first: Place { file: piece.file, offset: piece.from },
                    end: Place { file: piece.file, offset: piece.to },
                    time_ns: piece.time_ns,
                    incomplete: piece.torn,
                    printed: piece.text.len(),
                    text: piece.text,
                };
                return self.take_line(whole, piece.time_ns, out);
            }
            None => self.line = Some(Box::new(Open::begin(&piece))),
        }
        let too_long = self.line.as_ref().is_some_and(|open| open.span > RECORD_SPAN_BYTES);
        if piece.full || too_long {
            self.end_line(piece.torn || !piece.full, out);
        }
    }

    /// What is held of a line whose `F` has not come, bytes.
    pub(crate) fn open_bytes(&self) -> usize {
        self.line.as_ref().map_or(0, |open| open.bytes.capacity())
    }

    /// Whether text waits for its continuation.
    pub(crate) fn has_text(&self) -> bool {
        self.text.is_some()
    }

    /// Whether nothing is open: a line that is a whole record need not come through here.
    pub(crate) fn is_idle(&self) -> bool {
        self.line.is_none() && self.text.is_none() && self.joiner.is_idle()
    }

    /// Lets go of text that has waited long enough.
    pub(crate) fn tick(&mut self, now: Instant, out: &mut dyn FnMut(Whole<'_>)) {
        let still = self.arrived.is_none_or(|at| now.saturating_duration_since(at) >= JOIN_WAIT);
        // While a line's pieces are coming in, they may turn out to continue the text; then the pieces decide.
        if still {
            self.end_text(out);
        }
    }

    /// Lets go of a line whose end has not come.
    pub(crate) fn give_up_line(&mut self, out: &mut dyn FnMut(Whole<'_>)) {
        self.end_line(true, out);
    }

    /// Ends what is open: nothing more will come.
    pub(crate) fn finish(&mut self, out: &mut dyn FnMut(Whole<'_>)) {
        self.end_line(true, out);
        self.end_text(out);
    }

    /// The first byte of what is open, and the runtime's time of it.
    pub(crate) fn open_at(&self) -> Option<(Place, i64)> {
        self.text.as_ref().or(self.line.as_ref()).map(|open| (open.first, open.time_ns))
    }

    fn end_line(&mut self, incomplete: bool, out: &mut dyn FnMut(Whole<'_>)) {
        if let Some(open) = self.line.take() {
            self.take_line(open.whole(incomplete), open.last_time_ns, out);
        }
    }

    fn end_text(&mut self, out: &mut dyn FnMut(Whole<'_>)) {
        if let Some(open) = self.text.take() {
            self.joiner.flushed();
            out(open.whole(false));
        }
    }

    /// A printed line is complete: it continues the open text, or opens text, or is a record at once.
    fn take_line(&mut self, line: Whole<'_>, last_time_ns: i64, out: &mut dyn FnMut(Whole<'_>)) {
        if line.incomplete || self.text.as_ref().is_some_and(|open| !open.can_join(&line)) {
            self.end_text(out);
        }
        if line.incomplete {
            return out(line);
        }
        let waits = match (self.joiner.push(line.text), self.text.as_mut()) {
            (Decision::Continue { waits }, Some(open)) => {
                open.join(&line, last_time_ns);
                if !waits {
                    self.end_text(out);
                }
                return;
            }
            (Decision::Start { waits } | Decision::Continue { waits }, _) => waits,
        };
        if let Some(open) = self.text.take() {
            out(open.whole(false));
        }
        if waits {
            self.text = Some(Box::new(Open::of(&line, last_time_ns)));
        } else {
            out(line);
        }
    }
}

impl Open {
    fn begin(piece: &Piece<'_>) -> Self {
        let mut open = Self {
            first: Place { file: piece.file, offset: piece.from },
            end: Place { file: piece.file, offset: piece.from },
            time_ns: piece.time_ns,
            last_time_ns: piece.time_ns,
            span: 0,
            printed: 0,
            bytes: Vec::new(),
        };
        open.extend(piece);
        open
    }

    fn of(line: &Whole<'_>, last_time_ns: i64) -> Self {
        Self {
            first: line.first,
            end: line.end,
            time_ns: line.time_ns,
            last_time_ns,
            span: 0,
            printed: line.printed,
            bytes: line.text.to_vec(),
        }
    }

    fn extend(&mut self, piece: &Piece<'_>) {
        self.end = Place { file: piece.file, offset: piece.to };
        self.last_time_ns = piece.time_ns;
        self.span += piece.to - piece.from;
        self.printed += piece.text.len();
        let room = RECORD_BYTES - self.bytes.len().min(RECORD_BYTES);
        self.bytes.extend_from_slice(&piece.text[..piece.text.len().min(room)]);
    }

    /// Whether a piece of `file` can belong to it: its own file, or one more.
    fn reaches(&self, file: FileId) -> bool {
        self.end.file == file || self.end.file == self.first.file
    }

    /// Whether a line lies where it can be joined to this record; whether it belongs to it is for the joiner to say.
    fn can_join(&self, line: &Whole<'_>) -> bool {
        // A line that itself crosses files can only be joined to what begins in its first file.
        let files = self.reaches(line.end.file) && (line.first.file == line.end.file || line.first.file == self.first.file);
        files && line.time_ns.saturating_sub(self.last_time_ns).abs() <= JOIN_SPAN_NS
    }

    fn join(&mut self, line: &Whole<'_>, last_time_ns: i64) {
        self.end = line.end;
        self.last_time_ns = last_time_ns;
        self.printed += 1 + line.printed;
        self.bytes.push(b'\n');
        self.bytes.extend_from_slice(line.text);
    }

    fn whole(&self, incomplete: bool) -> Whole<'_> {
        Whole { first: self.first, end: self.end, time_ns: self.time_ns, incomplete, printed: self.printed, text: &self.bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const FILE: FileId = FileId(1);

    /// A physical line: its substream, and whether it is an `F`.
    type Line = (usize, bool);
    /// A record: its substream, its first byte, its end, its text.
    type Found = (usize, u64, u64, String);

    /// Which marks a collector keeps.
    #[derive(Clone, Copy, PartialEq)]
    enum Marks {
        PerSubstream,
        PerFile,
    }

    fn piece(at: usize, full: bool, text: &str) -> Piece<'_> {
        Piece { file: FILE, from: at as u64, to: at as u64 + 1, time_ns: 0, full, torn: false, text: text.as_bytes() }
    }

    /// Reads the lines from the marks on, `budgets` lines at a time with a crash after each, and then to the end.
    fn read(lines: &[Line], budgets: &[usize], marks: Marks) -> Vec<Found> {
        let mut found = Vec::new();
        let (mut reached, mut single) = ([0_u64; 2], 0);
        let now = Instant::now();
        for budget in budgets.iter().copied().chain([usize::MAX]) {
            let mut assemblers = [Assembler::default(), Assembler::default()];
            let start = if marks == Marks::PerFile { single } else { reached[0].min(reached[1]) };
            let mut left = budget;
            let mut at = usize::try_from(start).unwrap();
            while at < lines.len() && left > 0 {
                let (substream, full) = lines[at];
                let fresh = marks == Marks::PerFile || at as u64 >= reached[substream];
                if fresh {
                    let text = format!("{at};");
                    let mut out = |whole: Whole<'_>| {
                        single = single.max(whole.end.offset);
                        found.push(of(substream, whole));
                    };
                    assemblers[substream].push(piece(at, full, &text), now, &mut out);
                    assemblers[substream].tick(now + Duration::from_secs(1), &mut out);
                }
                (at, left) = (at + 1, left - 1);
                for (assembler, mark) in assemblers.iter().zip(&mut reached) {
                    *mark = assembler.open_at().map_or((at as u64).max(*mark), |(place, _)| place.offset);
                }
            }
            if budget == usize::MAX {
                for (substream, assembler) in assemblers.iter_mut().enumerate() {
                    assembler.finish(&mut |whole| found.push(of(substream, whole)));
                }
            }
        }
        found.sort();
        found
    }

    fn of(substream: usize, whole: Whole<'_>) -> Found {
        (substream, whole.first.offset, whole.end.offset, String::from_utf8_lossy(whole.text).into_owned())
    }

    /// The same by hand: the pieces of each substream up to their `F`.
    fn expected(lines: &[Line]) -> Vec<Found> {
        let mut found = Vec::new();
        for substream in 0..2 {
            let mut open: Option<Found> = None;
            for (at, (_, full)) in lines.iter().enumerate().filter(|(_, line)| line.0 == substream) {
                let record = open.get_or_insert((substream, at as u64, 0, String::new()));
                record.2 = at as u64 + 1;
                record.3.push_str(&format!("{at};"));
                if *full {
                    found.extend(open.take());
                }
            }
            found.extend(open);
        }
        found.sort();
        found
    }

    fn lines() -> impl Strategy<Value = Vec<Line>> {
        proptest::collection::vec((0..2_usize, proptest::bool::weighted(0.55)), 5..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn with_a_mark_per_substream_no_record_is_torn_lost_or_doubled(lines in lines(), budgets in proptest::collection::vec(1..12_usize, 0..8)) {
            prop_assert_eq!(read(&lines, &budgets, Marks::PerSubstream), expected(&lines));
        }
    }

    #[test]
    fn with_one_mark_per_file_records_are_torn() {
        // stdout's piece, a whole stderr line, a crash: the mark is past the piece.
        let lines = [(0, false), (1, true), (0, true)];
        assert_eq!(read(&lines, &[2], Marks::PerSubstream), expected(&lines));
        assert_ne!(read(&lines, &[2], Marks::PerFile), expected(&lines));
    }

    #[test]
    fn text_waits_and_json_does_not() {
        let (mut assembler, now) = (Assembler::default(), Instant::now());
        let mut found = Vec::new();
        assembler.push(piece(0, true, r#"{"a":1}"#), now, &mut |whole| found.push(of(0, whole)));
        assert_eq!(found.len(), 1);
        assembler.push(piece(1, true, "ERROR it failed"), now, &mut |whole| found.push(of(0, whole)));
        assembler.push(piece(2, true, "  at frame"), now, &mut |whole| found.push(of(0, whole)));
        assembler.tick(now + JOIN_WAIT / 2, &mut |whole| found.push(of(0, whole)));
        assert_eq!((found.len(), assembler.open_at().unwrap().0.offset), (1, 1));
        assembler.tick(now + JOIN_WAIT, &mut |whole| found.push(of(0, whole)));
        assert_eq!(found[1], (0, 1, 3, "ERROR it failed\n  at frame".to_owned()));
        assert_eq!(assembler.open_at(), None);
    }

    #[test]
    fn what_never_ends_is_bounded() {
        let (mut assembler, now) = (Assembler::default(), Instant::now());
        let text = "x".repeat(1 << 20);
        let mut ends = Vec::new();
        for at in 0..10_u64 {
            let piece =
                Piece { file: FILE, from: at << 20, to: (at + 1) << 20, time_ns: 0, full: false, torn: false, text: text.as_bytes() };
            assembler.push(piece, now, &mut |whole| ends.push((whole.end.offset >> 20, whole.printed, whole.text.len(), whole.incomplete)));
        }
        assert_eq!(ends, [(5, 5 << 20, RECORD_BYTES, true), (10, 5 << 20, RECORD_BYTES, true)]);
    }
}
