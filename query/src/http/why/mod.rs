//! "Why no results": what a search that found nothing says instead of rows.
//!
//! ```text
//! find     what is asked of the store: each clause alone, the others without it, the nearest such lines outside of the range, the newest and oldest line
//! names    names in the query that are none within the scope, and the nearest that are
//! advice   one code and one sentence out of that: what to do
//! ```
//!
//! Invariants: everything is asked within the reader's scope, by the functions that a search uses, and names are compared with those of the scope alone: what
//! is not the reader's is answered as what does not exist. All of it together is bounded in time ([`TIME`]) and each count in rows ([`ROWS_ENOUGH`]); what was
//! not found out by then is named in `unfinished`, and never said to be absent.

mod advice;
mod find;
mod names;

use super::told::Spans;
use crate::lang::Span;
use crate::plan::Plan;
use martlog_indexer::Indexer;
use martlog_indexer::registry::Scope;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// How long all of it may take: the reader waits for it.
const TIME: Duration = Duration::from_secs(2);
/// Beyond so many, a count is "at least".
const ROWS_ENOUGH: u64 = 1_000_000;
/// Clauses that are looked at one by one.
const CLAUSES_MAX: usize = 12;
/// Tests of fields that are looked at for names that are none.
const NAMES_MAX: usize = 24;
/// Instances that are named; of more the number is told.
const INSTANCES_MAX: usize = 50;
/// Nearest names that are shown.
const NEAR_MAX: usize = 3;
/// The longest text of a clause that is repeated, characters.
const TEXT_MAX: usize = 200;

/// Why nothing matched.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Why {
    /// What to do, for programs.
    code: Code,
    /// What to do, for people.
    message: String,
    /// Members of the request that would find something, to be sent instead of those that were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix>,
    /// Each outermost clause of the filter.
    clauses: Vec<ClauseAlone>,
    /// Clauses beyond those.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(default)]
    clauses_left_out: usize,
    /// Names and values that nothing within the scope has.
    unknown: Vec<Unknown>,
    /// The nearest line before the range that the whole filter finds.
    before: Option<Hit>,
    /// The nearest one behind it.
    after: Option<Hit>,
    /// What was searched.
    scope: Searched,
    /// The newest line of the scope, whatever it is.
    newest: Option<Hit>,
    /// The oldest one that is kept.
    oldest: Option<Hit>,
    /// Lines of the quarantine that match; for staff alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<Count>,
    /// Members that were not found out in time: they are as if absent here, and may not be so.
    unfinished: Vec<&'static str>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WhyCode")]
enum Code {
    /// Nothing is stored within the scope.
    NoLinesAtAll,
    /// A partner, module, instance or telco of this name is not there, or a field has no such value.
    UnknownValue,
    /// The range ends before the oldest line that is kept.
    OutsideRetention,
    /// Such lines are there, before or behind the range.
    WidenTime,
    /// Nothing at all was logged in the range.
    NoLinesInRange,
    /// The lines have no owner yet.
    LookInQuarantine,
    /// No line has the field.
    UnknownField,
    /// Without one clause there are lines.
    DropClause,
    /// No line that is kept is like this.
    NoSuchLines,
    /// It took too long to find out.
    TookTooLong,
}

/// A request that finds something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "WhyFix")]
struct Fix {
    /// Another query.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    /// An earlier beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// A later end.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

/// A clause by itself, within scope and range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
struct ClauseAlone {
    /// As it was written, cut where it is long.
    text: String,
    /// Where.
    span: Spans,
    /// Lines that it alone finds.
    alone: Count,
    /// Lines that all others find together; absent where there is no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    without: Option<Count>,
}

/// A number of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "LineCount")]
struct Count {
    /// How many.
    lines: u64,
    /// Whether these are all; else there are at least so many.
    exact: bool,
}

/// A name that is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "UnknownName")]
struct Unknown {
    /// Where it stands.
    span: Spans,
    /// The field.
    field: String,
    /// Absent where the field itself is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// The nearest ones that are.
    near: Vec<String>,
    /// Whether the clause in which it stands finds nothing.
    #[serde(skip)]
    in_the_way: bool,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "LineAt")]
struct Hit {
    /// When it was said.
    time: String,
    /// Its id.
    id: String,
    #[serde(skip)]
    time_ns: i64,
}

/// What was searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
struct Searched {
    /// Whether it was the quarantine instead of what has an owner.
    quarantine: bool,
    /// The partner whose lines the token reaches; absent for staff, who reach all.
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<String>,
    /// The instances within reach that the query leaves, by name.
    instances: Vec<String>,
    /// How many these are.
    instances_total: usize,
    /// Lines within scope and range, whatever they are.
    lines: Count,
}

/// Who asked what.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) indexer: Indexer,
    pub(super) scope: Scope,
    pub(super) plan: Plan,
    pub(super) query: String,
}

/// Looks for the reason.
pub(super) async fn why(question: &Question) -> Why {
    let found = find::find(question).await;
    advice::advise(question, found)
}

impl Question {
    /// A piece of the query, cut where it is long.
    fn piece(&self, span: Span) -> String {
        let text = self.query.get(span.from..span.to).unwrap_or_default();
        let cut: String = text.chars().take(TEXT_MAX).collect();
        if cut.len() < text.len() { format!("{cut}…") } else { cut }
    }

    fn spans(&self, span: Span) -> Spans {
        Spans::of(span, &self.query)
    }
}

impl Count {
    const NONE: Self = Self { lines: 0, exact: true };

    /// Surely nothing.
    fn is_none(self) -> bool {
        self.lines == 0 && self.exact
    }

    /// For a sentence.
    fn words(self) -> String {
        let least = if self.exact { "" } else { "at least " };
        format!("{least}{} line{}", self.lines, if self.lines == 1 { "" } else { "s" })
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks so.
fn is_zero(number: &usize) -> bool {
    *number == 0
}
