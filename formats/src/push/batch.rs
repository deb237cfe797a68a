//! The records of one request, and what is told of them.

use super::{DecodeError, Item, envelope};
use crate::policy::Level;
use crate::{Problem, Profile, Record, Verdict, parse};
use serde::{Deserialize, Serialize};

/// Lines of a request: records take more memory than their bytes, and empty objects are short.
pub const LINES_MAX: usize = 50_000;
/// The reason of a line that is left out because the instance's policy keeps more serious ones alone.
pub const BELOW_LEVEL: &str = "below_level";
const BELOW_LEVEL_FIX: &str =
    "do not send lines below the level that the instance's policy keeps, or ask the platform's operator to keep them";
/// Problems that are told one by one.
const PROBLEMS_MAX: usize = 100;
/// A request may always unfold to so much, bytes.
const UNFOLDED_BYTES_MIN: usize = 1 << 20;
/// And to so many times its own size: a resource of a kilobyte with lines of a hundred bytes.
const UNFOLDED_TIMES: usize = 8;
/// But to no more than this, bytes.
const UNFOLDED_BYTES_MAX: usize = 32 << 20;
/// In [`LineProblem::problem`]: below the level of the policy.
const LEFT_OUT: u8 = u8::MAX;

/// The records of one request, in the order in which they came.
#[derive(Debug)]
pub struct Batch<'p> {
    profile: &'p Profile,
    level: Option<Level>,
    arrived_ns: i64,
    /// What the records may take, bytes.
    bytes_max: usize,
    bytes: usize,
    records: Vec<Record>,
    told: Told,
}

/// What became of the lines of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Lines that are stored.
    pub accepted: usize,
    /// How many lines have each verdict, in the order of [`Verdict::ALL`].
    pub verdicts: [usize; 4],
    /// Why, the first of them.
    pub problems: Vec<LineProblem>,
    /// Problems beyond these.
    pub problems_more: usize,
}

/// A reason for a line's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineProblem {
    /// Which line of the request, from 1.
    pub line: usize,
    /// The bit number of the [`Problem`], or [`LEFT_OUT`].
    problem: u8,
}

impl LineProblem {
    fn known(self) -> Option<Problem> {
        Problem::ALL.iter().copied().find(|problem| *problem as u8 == self.problem)
    }

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.known().map_or(BELOW_LEVEL, Problem::code)
    }

    /// What to change so that it does not come again.
    #[must_use]
    pub fn fix(self) -> &'static str {
        self.known().map_or(BELOW_LEVEL_FIX, Problem::fix)
    }
}

impl Told {
    /// The problems in one sentence, for protocols that have room for no more; `None` where there are none.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        let mut codes: Vec<(&'static str, usize, LineProblem)> = Vec::new();
        for problem in &self.problems {
            match codes.iter_mut().find(|(code, ..)| *code == problem.code()) {
                Some((_, count, _)) => *count += 1,
                None => codes.push((problem.code(), 1, *problem)),
            }
        }
        let first = codes.first()?.2;
        let list: Vec<String> = codes.iter().map(|(code, count, _)| format!("{code} ({count})")).collect();
        let more = if self.problems_more > 0 { format!(" and {} more", self.problems_more) } else { String::new() };
        Some(format!("all lines were taken; found {}{more}. Line {}: {}", list.join(", "), first.line, first.fix()))
    }

    fn tell(&mut self, line: usize, problem: u8) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(LineProblem { line, problem });
        } else {
            self.problems_more += 1;
        }
    }
}

/// What the records of a body of so many bytes may take together, bytes.
#[must_use]
pub fn unfolded_bytes_max(body_bytes: usize) -> usize {
    body_bytes.saturating_mul(UNFOLDED_TIMES).saturating_add(UNFOLDED_BYTES_MIN).min(UNFOLDED_BYTES_MAX)
}

impl<'p> Batch<'p> {
    /// For a body of so many bytes that arrived now, of an instance with this profile that keeps lines from `level` on.
    #[must_use]
    pub fn new(profile: &'p Profile, level: Option<Level>, arrived_ns: i64, body_bytes: usize) -> Self {
        let bytes_max = unfolded_bytes_max(body_bytes);
        Self { profile, level, arrived_ns, bytes_max, bytes: 0, records: Vec::new(), told: Told::default() }
    }

    /// Takes the next line in its envelope; `at` is its number, from 1.
    ///
    /// # Errors
    /// When there are more lines or bytes than a request may have.
    pub fn item(&mut self, at: usize, item: &Item<'_>) -> Result<(), DecodeError> {
        self.room()?;
        let record = envelope::record(item, self.arrived_ns, self.profile);
        self.record(at, record)
    }

    /// Takes the next line as it was printed.
    ///
    /// # Errors
    /// When there are more lines or bytes than a request may have.
    pub fn line(&mut self, at: usize, line: &[u8]) -> Result<(), DecodeError> {
        self.room()?;
        let record = parse(line, self.arrived_ns, self.profile);
        self.record(at, record)
    }

    /// The records that are to be stored, and what is told.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Record>, Told) {
        self.told.accepted = self.records.len();
        (self.records, self.told)
    }

    fn room(&self) -> Result<(), DecodeError> {
        if self.told.verdicts.iter().sum::<usize>() == LINES_MAX { Err(DecodeError::TooMany(LINES_MAX)) } else { Ok(()) }
    }

    fn record(&mut self, at: usize, mut record: Record) -> Result<(), DecodeError> {
        self.bytes += record.message.len() + record.attributes.len();
        if self.bytes > self.bytes_max {
            return Err(DecodeError::TooLarge(self.bytes_max));
        }
        if self.level.is_some_and(|level| level.leaves_out(record.severity)) {
            record.verdict = Verdict::Rejected;
            self.told.tell(at, LEFT_OUT);
        }
        self.told.verdicts[record.verdict as usize] += 1;
        record.problems.iter().for_each(|problem| self.told.tell(at, problem as u8));
        if record.verdict != Verdict::Rejected {
            self.records.push(record);
        }
        Ok(())
    }
}
