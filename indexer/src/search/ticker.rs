//! Whether a search goes on: until its deadline, and as long as somebody waits for it. Asked often, looks seldom.

use super::request::SearchError;
use std::cell::Cell;
use std::io;
use std::time::Instant;

/// Rows that are evaluated between two looks at the clock: well below 100 ms even for long rows.
const ROWS_PER_LOOK: u64 = 256;

/// Why a search ends early.
#[derive(Debug)]
pub(super) enum Halt {
    /// Nobody waits for it.
    Cancelled,
    /// It took too long.
    Deadline,
    /// The answer would be too large.
    TooMuch(&'static str),
    /// The store failed.
    Store(io::Error),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        // Marks what `Ticker::look` said inside code that knows `io::Error` alone.
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Deadline,
            io::ErrorKind::Interrupted => Self::Cancelled,
            _ => Self::Store(error),
        }
    }
}

impl From<Halt> for io::Error {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Cancelled => io::ErrorKind::Interrupted.into(),
            Halt::Deadline => io::ErrorKind::TimedOut.into(),
            Halt::TooMuch(why) => Self::other(why),
            Halt::Store(error) => error,
        }
    }
}

impl Halt {
    /// What the reader is told; nothing when there is no reader any more.
    pub(super) fn into_error(self) -> Option<SearchError> {
        match self {
            Self::Cancelled => None,
            Self::Deadline => Some(SearchError::Deadline),
            Self::TooMuch(why) => Some(SearchError::TooMuch(why)),
            Self::Store(error) => Some(SearchError::Store(error.to_string())),
        }
    }
}

/// See the module.
pub(super) struct Ticker<'a> {
    deadline: Instant,
    /// Whether nobody waits any more.
    cancelled: &'a dyn Fn(&Ticker<'_>) -> bool,
    /// Rows that the predicate was evaluated on.
    pub(super) rows_scanned: Cell<u64>,
    /// Rows that are done, whether they were evaluated or the index decided.
    pub(super) rows_done: Cell<u64>,
}

impl<'a> Ticker<'a> {
    /// `cancelled` is asked at each look, and may tell progress.
    pub(super) fn new(deadline: Instant, cancelled: &'a dyn Fn(&Ticker<'_>) -> bool) -> Self {
        Self { deadline, cancelled, rows_scanned: Cell::new(0), rows_done: Cell::new(0) }
    }

    /// Counts rows that are done.
    pub(super) fn done(&self, rows: usize) {
        self.rows_done.set(self.rows_done.get() + rows as u64);
    }

    /// Counts a row that is evaluated.
    pub(super) fn row(&self) -> Result<(), Halt> {
        let rows = self.rows_scanned.get() + 1;
        self.rows_scanned.set(rows);
        if rows.is_multiple_of(ROWS_PER_LOOK) { self.look() } else { Ok(()) }
    }

    /// Looks whether to go on.
    pub(super) fn look(&self) -> Result<(), Halt> {
        if (self.cancelled)(self) {
            return Err(Halt::Cancelled);
        }
        if Instant::now() >= self.deadline { Err(Halt::Deadline) } else { Ok(()) }
    }
}
