//! What pipes ask for, once their names are known: steps over lines, or over the rows of a table.
//!
//! Invariants: a [`Column::Cell`] stands only where a table is, the other columns only where lines are; the last step leaves a table, whose columns
//! [`Steps::columns`] names.

use crate::lang::{Arithmetic, Function};
use martlog_indexer::search::{Field, Predicate};
use regex::Regex;
use std::sync::Arc;

/// The pipes of a query.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    /// One after the other.
    pub steps: Vec<Step>,
    /// What the columns of the answer are called.
    pub columns: Vec<String>,
    /// Whether a pipe made a table; else lines are shown as one.
    pub is_table: bool,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Column {
    /// The line's id.
    Id,
    /// Its level.
    Level,
    /// Its verdict.
    Verdict,
    /// Its reason codes.
    Problems,
    /// Its time.
    Time,
    /// Whether it was found itself, or came along by `context` or `session`.
    Found,
    /// Something else of a line.
    Stored(Field),
    /// A cell of a table.
    Cell {
        /// Its place.
        at: usize,
        /// The name of its column.
        name: String,
    },
}

/// One step.
#[derive(Debug, Clone)]
pub enum Step {
    /// Lines like this.
    Lines(Arc<Predicate>),
    /// Rows of a table like this; cells are asked as attributes with the names of their columns.
    Rows(Arc<Predicate>, Arc<[String]>),
    /// Adds attributes to lines.
    Extract(Extract),
    /// A row for each group.
    Group(Arc<Grouping>),
    /// These columns, as a table.
    Fields(Vec<Column>),
    /// In this order; `keep` rows are wanted where a limit follows.
    Sort {
        /// Columns, and whether the largest come first.
        by: Vec<(Column, bool)>,
        /// How many rows will be looked at.
        keep: Option<usize>,
    },
    /// So many rows.
    Limit(usize),
    /// The first row of each combination of values.
    Dedup(Vec<Column>),
    /// Lines around.
    Context {
        /// Before.
        before: usize,
        /// Behind.
        after: usize,
    },
    /// Lines with the same ids.
    Session,
    /// Pauses of at least so many ns.
    Gaps(i64),
    /// Messages without what varies.
    Patterns,
}

/// Reading fields out of a text.
#[derive(Debug, Clone)]
pub struct Extract {
    /// With a named group for each field.
    pub regex: Regex,
    /// What is read.
    pub from: Column,
    /// The names of the fields.
    pub names: Vec<String>,
}

/// Groups and their figures.
#[derive(Debug, Clone)]
pub struct Grouping {
    /// What makes a group.
    pub keys: Vec<Key>,
    /// Of which columns what has to be known.
    pub measures: Vec<Measured>,
    /// The figures of each group.
    pub figures: Vec<Figure>,
    /// Rows of the table that are not there yet.
    pub kind: Kind,
}

/// What makes a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The values of a column.
    Of(Column),
    /// Pieces of time, ns wide.
    Time(Column, i64),
}

/// Of which column what has to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Which.
    pub of: Column,
    /// Sum, number and extremes.
    pub numbers: bool,
    /// Percentiles.
    pub quantiles: bool,
    /// How many different values.
    pub distinct: bool,
}

/// What kind of table groups become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A row a group.
    Plain,
    /// Over time: buckets without lines are there too, in this range of time.
    Chart {
        /// The first ns.
        from_ns: i64,
        /// One past the last ns.
        to_ns: i64,
    },
    /// Values by frequency: lines without the field make no group, and each row has its share of those that have it.
    Top,
}

/// One figure of a group.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The name of its column.
    pub name: String,
    /// What is computed.
    pub of: Computed,
}

/// What is computed of a group.
#[derive(Debug, Clone)]
pub enum Computed {
    /// How many rows it has.
    Rows,
    /// A function of what is known of a column.
    Of(Function, usize),
    /// A number.
    Number(f64),
    /// An operator between two.
    Binary(Arithmetic, Box<Computed>, Box<Computed>),
}

impl Column {
    /// The name by which numbers with units are read.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Stored(Field::Attribute(name)) | Self::Cell { name, .. } => name,
            _ => "",
        }
    }
}
