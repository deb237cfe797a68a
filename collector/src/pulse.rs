//! Whether a collector goes on and is heard, for whoever runs it: probes and metrics.

use crate::Report;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shared by a collector and who asks after it.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    surveyed: Instant,
    answered: Option<Instant>,
    report: Report,
    backlog: Backlog,
}

/// What the server does not have yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Files of which something waits.
    pub files: u64,
    /// Bytes of them that wait.
    pub bytes: u64,
    /// How old the oldest line that waits is, by the node's clock; zero when none does.
    pub oldest: Duration,
    /// Bytes in the spool.
    pub spool_bytes: u64,
}

/// How it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vitals {
    /// Since the folder of pods was last looked at, or since the beginning.
    pub since_survey: Duration,
    /// Since the server last answered.
    pub since_answer: Option<Duration>,
    /// What was done so far.
    pub report: Report,
    /// What is still to do.
    pub backlog: Backlog,
}

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            surveyed: Instant::now(),
            answered: None,
            report: Report::default(),
            backlog: Backlog::default(),
        })))
    }
}

impl Pulse {
    /// How the collector is.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        let inner = self.lock();
        let since_answer = inner.answered.map(|at| at.elapsed());
        Vitals { since_survey: inner.surveyed.elapsed(), since_answer, report: inner.report.clone(), backlog: inner.backlog }
    }

    pub(crate) fn surveyed(&self) {
        self.lock().surveyed = Instant::now();
    }

    pub(crate) fn answered(&self) {
        self.lock().answered = Some(Instant::now());
    }

    pub(crate) fn done(&self, report: Report, backlog: Backlog) {
        let mut inner = self.lock();
        (inner.report, inner.backlog) = (report, backlog);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
