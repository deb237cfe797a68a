//! From the bytes of one line to its record.
//!
//! A JSON object is taken field by field (`object`); anything else is kept as text, of which known shapes show level, time and request id
//! (`text`). What goes into the record's time, severity and message leaves the attributes, everything else stays there as it was
//! written. A time or level that could not be used stays as well. The same bytes always give the same record.

mod object;
mod text;

use crate::limits::{self, cut_mark};
pub use crate::profile::{Limits, Profile, ProfileError, Settings};
use crate::record::{Problem, Problems, Record, Verdict};
use crate::redact::Tally;
use crate::time::{Context, Moment};
pub(crate) use object::is_id;
use std::borrow::Cow;

/// How the bytes of a line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With the line's own end.
    Whole,
    /// Before it: the line has `whole_bytes` bytes, and these are the first of them.
    Cut {
        /// The size of the whole line, bytes.
        whole_bytes: usize,
    },
    /// The rest of the line was never written: the container stopped within it.
    Incomplete,
}

/// What is known of a line while it is being parsed.
#[derive(Debug)]
struct Work<'p> {
    profile: &'p Profile,
    runtime_time_ns: i64,
    ending: Ending,
    problems: Problems,
    tally: Tally,
}

/// Turns one line, without its line end, into a record. A line over the limit is cut.
#[must_use]
pub fn parse(line: &[u8], runtime_time_ns: i64, profile: &Profile) -> Record {
    parse_ending(line, Ending::Whole, runtime_time_ns, profile)
}

/// Like [`parse`], for a line of which only the beginning is there.
#[must_use]
pub fn parse_ending(line: &[u8], ending: Ending, runtime_time_ns: i64, profile: &Profile) -> Record {
    let mut work = Work { profile, runtime_time_ns, ending, problems: Problems::default(), tally: Tally::default() };
    let line = work.within_limit(line);
    let text = work.decode(line);
    let record = if begins_object(&text) { work.object(&text) } else { None };
    record.unwrap_or_else(|| work.raw(&text))
}

/// The record of a line that is one JSON object, whole and within the limits: nothing can continue it, so [`crate::multiline`] need not be asked.
/// `None` for every other line. What it gives is what [`parse`] gives.
#[must_use]
pub fn parse_object(line: &[u8], runtime_time_ns: i64, profile: &Profile) -> Option<Record> {
    let mut work = Work { profile, runtime_time_ns, ending: Ending::Whole, problems: Problems::default(), tally: Tally::default() };
    if line.len() > profile.settings().limits.line_bytes {
        return None;
    }
    let text = work.decode(line);
    if begins_object(&text) { work.object(&text) } else { None }
}

/// Attributes that come beside a line, without secrets and within the limits.
#[derive(Debug)]
pub(crate) struct Added {
    /// As [`Record::attributes`].
    pub(crate) attributes: String,
    pub(crate) problems: Problems,
    pub(crate) redactions: Vec<(crate::record::RedactionKind, u16)>,
}

/// Treats the text of a JSON object as attributes alone: none of its keys is the time, the level or the message. `None` where there is nothing, or no object.
pub(crate) fn added(object: &str, profile: &Profile) -> Option<Added> {
    if object.is_empty() {
        return None;
    }
    let mut work = Work { profile, runtime_time_ns: 0, ending: Ending::Whole, problems: Problems::default(), tally: Tally::default() };
    let attributes = work.attributes_alone(object)?;
    let record = work.record(Parts { attributes, ..Parts::default() }, Verdict::Ok);
    Some(Added { attributes: record.attributes, problems: record.problems, redactions: record.redactions })
}

/// Whether a line is to be read as an object.
fn begins_object(text: &str) -> bool {
    text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('{')
}

impl Work<'_> {
    /// The line, or as much of it as is kept.
    fn within_limit<'l>(&mut self, line: &'l [u8]) -> &'l [u8] {
        let max = self.profile.settings().limits.line_bytes;
        let mut kept = line;
        if line.len() > max {
            // Not within a character: up to three bytes of one may lie before the limit.
            let end = (max.saturating_sub(3)..=max).rev().find(|end| !matches!(line[*end], 0x80..0xC0)).unwrap_or(max);
            kept = &line[..end];
            if self.ending == Ending::Whole {
                self.ending = Ending::Cut { whole_bytes: line.len() };
            }
        }
        match self.ending {
            Ending::Whole => {}
            Ending::Cut { .. } => self.problems.insert(Problem::TooLong),
            Ending::Incomplete => self.problems.insert(Problem::Incomplete),
        }
        kept
    }

    fn decode<'l>(&mut self, line: &'l [u8]) -> Cow<'l, str> {
        // Checking alone is several times as fast as looking for what to replace.
        if let Ok(text) = std::str::from_utf8(line) {
            return Cow::Borrowed(text);
        }
        self.problems.insert(Problem::BadUtf8);
        String::from_utf8_lossy(line)
    }

    fn context(&self) -> Context {
        Context { zone_minutes: self.profile.settings().text_zone_minutes, runtime_ns: self.runtime_time_ns }
    }

    /// The time of the record by what the module said: its own where it is near enough to the runtime's.
    fn trusted(&mut self, moment: Moment) -> Option<i64> {
        if !moment.zoned {
            self.problems.insert(Problem::NoZone);
        }
        if moment.ns.abs_diff(self.runtime_time_ns) > limits::SKEW_NS_MAX {
            self.problems.insert(Problem::ClockSkew);
            return None;
        }
        Some(moment.ns)
    }

    /// The text of a value that ends where the line was cut.
    fn marked_if_cut(&self, mut text: String) -> String {
        if let Ending::Cut { whole_bytes } = self.ending {
            text.push_str(&cut_mark(whole_bytes));
        }
        text
    }

    /// The record with what was found out on the way; `verdict` is that of a line without problems, or `Raw`.
    fn record(mut self, parts: Parts, verdict: Verdict) -> Record {
        let redactions = self.tally.counts();
        // What a policy masks is no fault of the line.
        if redactions.iter().any(|(kind, _)| crate::redact::class(*kind).is_none()) {
            self.problems.insert(Problem::SecretRedacted);
        }
        let verdict = if verdict == Verdict::Ok && !self.problems.is_empty() { Verdict::Repaired } else { verdict };
        Record {
            time_ns: parts.time_ns.unwrap_or(self.runtime_time_ns),
            runtime_time_ns: self.runtime_time_ns,
            severity: parts.severity,
            verdict,
            problems: self.problems,
            redactions,
            message: parts.message,
            attributes: parts.attributes,
        }
    }
}

/// What was taken off a line.
#[derive(Debug, Default)]
struct Parts {
    time_ns: Option<i64>,
    severity: Option<crate::record::Severity>,
    message: String,
    attributes: String,
}
