//! What is asked of the store and what it answers.
//!
//! Invariant: every request is answered within a [`Scope`](crate::registry::Scope), which only the registry can make.

use super::predicate::Predicate;
use crate::row::{Position, Row};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Rows, please.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// Which rows.
    pub predicate: Arc<Predicate>,
    /// First time, ns, included.
    pub from_ns: i64,
    /// Last time, ns, excluded.
    pub to_ns: i64,
    /// Newest or oldest first.
    pub order: Order,
    /// How many rows at most.
    pub limit: usize,
    /// Only rows behind this place, in the order asked for.
    pub after: Option<Position>,
    /// Only rows that had arrived by then; `None` is now. The summary says what it was.
    pub as_of_ns: Option<i64>,
    /// Count every match, also beyond `limit`; else the search stops when it has its rows.
    pub count: bool,
    /// Ask the quarantine (staff scopes alone can).
    pub quarantine: bool,
    /// When to give up.
    pub deadline: Instant,
}

/// The order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Descending (time, module, seq).
    NewestFirst,
    /// Ascending.
    OldestFirst,
}

/// What a search sends, in this order: rows (in their order) and progress between them, then one summary or one error.
#[derive(Debug)]
pub enum Event {
    /// A row.
    Row(Box<Row>),
    /// How far it is.
    Progress {
        /// Rows looked at so far.
        scanned: u64,
        /// The share of splits and buffers that is done, 0 to 1.
        share: f64,
    },
    /// The end.
    Summary(Summary),
    /// It did not come to its end.
    Error(SearchError),
}

/// What was found and what it cost.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Rows that match: all of them when counting was asked for, else those seen.
    pub matched: u64,
    /// Whether `matched` is all of them.
    pub exact: bool,
    /// Rows sent.
    pub returned: u64,
    /// Whether there are more rows behind the last one.
    pub more: bool,
    /// What the search could see: rows that had arrived by then, ns.
    pub as_of_ns: i64,
    /// Splits opened.
    pub splits: u64,
    /// Splits left out by owner, time or statistics.
    pub splits_pruned: u64,
    /// Rows that the predicate was evaluated on.
    pub rows_scanned: u64,
    /// Wall time, ms.
    pub elapsed_ms: u64,
}

/// Why a search did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// It took too long.
    #[error("the search did not finish within its time limit: narrow the time range or add a word")]
    Deadline,
    /// The answer would be larger than answers may be; the sentence says what to do.
    #[error("{0}")]
    TooMuch(&'static str),
    /// The store failed.
    #[error("the store could not answer: {0}")]
    Store(String),
}

/// Counts over time, please.
#[derive(Debug, Clone)]
pub struct HistogramRequest {
    /// Which rows.
    pub predicate: Arc<Predicate>,
    /// First time, ns, included.
    pub from_ns: i64,
    /// Last time, ns, excluded.
    pub to_ns: i64,
    /// Width of a bucket, ns; buckets begin at multiples of it.
    pub interval_ns: i64,
    /// Count by this, too.
    pub by: Option<GroupBy>,
    /// Ask the quarantine.
    pub quarantine: bool,
    /// When to give up.
    pub deadline: Instant,
}

/// What a histogram can be counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// The shown level; `none` where there is none.
    Level,
    /// The verdict.
    Verdict,
    /// The partner.
    Partner,
    /// The module.
    Module,
    /// The instance.
    Instance,
    /// The telco.
    Csp,
}

/// Counts over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// Only buckets with rows, ascending.
    pub buckets: Vec<Bucket>,
}

/// One bucket.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bucket {
    /// Its first nanosecond.
    pub start_ns: i64,
    /// Rows in it.
    pub count: u64,
    /// Rows by group.
    pub by: BTreeMap<String, u64>,
}

/// Rows as they arrive, please.
#[derive(Debug, Clone)]
pub struct TailRequest {
    /// Which rows.
    pub predicate: Arc<Predicate>,
    /// Go on behind this one; `None` begins now.
    pub after: Option<TailCursor>,
    /// Watch the quarantine.
    pub quarantine: bool,
}

/// A place in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TailCursor {
    /// The arrival of the last row's part, ns.
    pub arrived_ns: i64,
    /// The last row's seq.
    pub seq: u64,
}

/// What a tail sends.
#[derive(Debug)]
pub enum TailEvent {
    /// A row and the cursor behind it.
    Row(Box<Row>, TailCursor),
    /// Rows that arrived in between may be gone: retention has removed rows before this tail came to them.
    Gone {
        /// How far the tail had come, ns.
        from_ns: i64,
        /// The first arrival of what is kept of the module, ns.
        to_ns: i64,
    },
    /// The tail has seen everything up to here; sent when nothing matched for a while.
    Status(TailCursor),
    /// The tail cannot go on: the scope was revoked or the store is closing.
    End(&'static str),
}
