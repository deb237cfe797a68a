//! What a stream's lines have become, on its way into parts; lines below the level of the stream's policy end here, and are counted.

use crate::assemble::{Place, Whole};
use crate::follow::Budget;
use crate::policies::Applied;
use martlog_formats::Record;
use martlog_formats::parse::{Ending, parse_ending};
use martlog_formats::wire::GapReason;

/// What was read and is not yet in a part.
#[derive(Debug)]
pub(crate) struct Emitted {
    /// Its first byte.
    pub(crate) first: Place,
    /// One past its last byte.
    pub(crate) end: Place,
    /// What lies there.
    pub(crate) what: What,
}

/// A record, or bytes that are none.
#[derive(Debug)]
pub(crate) enum What {
    /// A record.
    Record(Record),
    /// Bytes that no record was made of.
    Gap(GapReason),
}

/// Lines below the level.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Below {
    /// Whose bytes are not acknowledged yet.
    pub(crate) unsettled: u64,
    /// Since it was last said.
    pub(crate) unsaid: u64,
}

/// Where a substream's lines go.
#[derive(Debug)]
pub(crate) struct Outlet<'a> {
    /// How they are read.
    pub(crate) policy: &'a Applied,
    /// What may still be taken.
    pub(crate) budget: &'a mut Budget,
    /// What was read before.
    pub(crate) out: &'a mut Vec<Emitted>,
    /// What was left out before.
    pub(crate) below: &'a mut Below,
}

impl Outlet<'_> {
    /// Takes a joined line.
    pub(crate) fn line(&mut self, whole: Whole<'_>) {
        let ending = if whole.incomplete {
            Ending::Incomplete
        } else if whole.printed > whole.text.len() {
            Ending::Cut { whole_bytes: whole.printed }
        } else {
            Ending::Whole
        };
        let record = parse_ending(whole.text, ending, whole.time_ns, &self.policy.profile);
        self.record(whole.first, whole.end, record);
    }

    /// Takes a record. One below the level leaves its bytes without any: the mark moves over them like over those of the other substream.
    pub(crate) fn record(&mut self, first: Place, end: Place, record: Record) {
        if self.policy.level.is_some_and(|level| level.leaves_out(record.severity)) {
            self.below.unsettled += 1;
            self.below.unsaid += 1;
            return;
        }
        self.budget.take(&record);
        self.out.push(Emitted { first, end, what: What::Record(record) });
    }
}
