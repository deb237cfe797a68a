//! What the child does, step by step, as a pure function: the parent, the child and the child's next life agree on every byte of it.
//!
//! Three modules' worth of it: `sms` (pods `web` with both substreams, and `api`), `billing` (pod `bill`, and pushes), and the quarantine of pod `lost`,
//! which is released to `sms` half-way. Buffers and segments are tiny, so that flushes, publications and recycled segments come every few steps.

use crate::harness::record;
use martlog_formats::Record;
use martlog_formats::wire::{Extent, FileId, Gap, GapReason, Part, PartRecord, Substream};

/// One step; the number is that of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Partner, modules, instances.
    Setup,
    /// A part of every source.
    Append(u64),
    /// Records by another door, under a key: what a kill leaves in doubt is pushed again.
    Push(u64),
    /// A hole of a file that nothing else is in.
    Gap,
    /// Everything live becomes splits; the log is let go of.
    Flush,
    /// The same while an append goes on, whose records the log has to keep.
    FlushDuring(u64),
    /// Everything in splits that the policy puts together, as if every period were over, while an append goes on.
    MergeDuring(u64),
    /// The pod in the quarantine gets an instance, and its rows.
    Release,
    /// Everything in splits expires.
    Retain,
}

/// A substream of a pod's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) pod: &'static str,
    pub(crate) substream: Substream,
    /// Lines of one part.
    lines: u64,
}

/// Bytes of the file that a line takes, whatever its text is.
const LINE: u64 = 100;
/// The file that has a hole.
pub(crate) const HOLE: FileId = FileId(99);
/// Its bytes.
pub(crate) const HOLE_BYTES: u64 = 777;

pub(crate) const WEB: Source = Source { pod: "web", substream: Substream::Stdout, lines: 8 };
pub(crate) const WEB_ERRORS: Source = Source { pod: "web", substream: Substream::Stderr, lines: 2 };
pub(crate) const API: Source = Source { pod: "api", substream: Substream::Stdout, lines: 4 };
pub(crate) const LOST: Source = Source { pod: "lost", substream: Substream::Stdout, lines: 3 };
pub(crate) const BILL: Source = Source { pod: "bill", substream: Substream::Stdout, lines: 6 };
/// In the order in which parts of one module are sent.
pub(crate) const SOURCES: [Source; 5] = [WEB, WEB_ERRORS, API, LOST, BILL];

/// The whole scenario.
pub(crate) fn steps() -> Vec<Step> {
    use Step::{Append, Flush, FlushDuring, Gap, MergeDuring, Release, Retain, Setup};
    let (mut appends, mut pushes) = (0.., 0..);
    let mut number = || appends.next().unwrap();
    let mut push = || Step::Push(pushes.next().unwrap());
    let mut steps = vec![Setup];
    for round in 0..6 {
        steps.extend([Append(number()), Append(number()), push(), Append(number()), FlushDuring(number()), Append(number())]);
        match round {
            0 => steps.push(Gap),
            2 => steps.push(Release),
            1 | 3 | 5 => steps.push(MergeDuring(number())),
            _ => {}
        }
    }
    // One append stays live over the retention.
    steps.extend([Append(number()), Flush, Append(number()), Retain, Append(number()), push(), FlushDuring(number())]);
    steps
}

impl Step {
    /// The append of this step, if it has one.
    pub(crate) fn append(self) -> Option<u64> {
        match self {
            Self::Append(number) | Self::FlushDuring(number) | Self::MergeDuring(number) => Some(number),
            _ => None,
        }
    }
}

impl Source {
    pub(crate) fn file(self) -> FileId {
        FileId(match self.pod {
            "web" => 1,
            "api" => 2,
            "lost" => 3,
            _ => 4,
        })
    }

    /// The end of this source's bytes behind so many appends.
    pub(crate) fn end(self, appends: u64) -> u64 {
        appends * self.lines * LINE
    }

    /// Its part of an append.
    pub(crate) fn part(self, append: u64) -> Part {
        let (from, to) = (self.end(append), self.end(append + 1));
        let line = |line: u64| {
            let offset = from + line * LINE;
            PartRecord { offset, end: offset + LINE, record: line_of(self.pod, self.substream as u64, offset) }
        };
        Part {
            substream: self.substream,
            extents: vec![Extent { file: self.file(), name: "0.log".into(), from, to }],
            records: (0..self.lines).map(line).collect(),
            ..crate::harness::part(self.pod, 0, (0, 0), &[])
        }
    }
}

/// The records of a push.
pub(crate) fn pushed(push: u64) -> Vec<Record> {
    (0..3).map(|line| line_of("pushed", 9, push * 3 + line)).collect()
}

/// The part that names the hole.
pub(crate) fn gap() -> Part {
    crate::harness::gap_part("web", HOLE.0, (0, HOLE_BYTES), Gap { reason: GapReason::RotatedAway, time_ns: 7 })
}

/// A line unlike every other: lengths from nothing to some hundred bytes, bytes of every kind, numbers whose text matters.
fn line_of(who: &str, stream: u64, offset: u64) -> Record {
    let seed = (offset + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0x00c2_b2ae_3d27_d4eb);
    let filler = ["x", "é", "абонент ", "\0", "\n", "\"\\", "0.10e+01 ", "session "][(seed >> 20) as usize % 8];
    let message = format!("{who}/{stream} at {offset}: {}", filler.repeat((seed >> 40) as usize % 50));
    let time_ns = 1_700_000_000_000_000_000 + i64::try_from(seed % 1_000_000_000).unwrap();
    let attributes = format!(r#"{{"n":{seed},"price":1.{offset}0,"none":null,"list":[{stream},""]}}"#);
    Record { time_ns, attributes, ..record(&message) }
}
