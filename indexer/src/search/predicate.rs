//! The predicate: what a query asks of a row. One type and one evaluation for live records, the tail and splits.
//!
//! Splits narrow with postings and columns first, and let [`Predicate::matches`] decide on the stored row wherever the index
//! alone does not; so both tiers answer alike.
//!
//! Text is *the message and every scalar value of the attributes*. Words are those of `martlog_formats::words`.

use martlog_formats::{Problem, Verdict};

/// What a row must be like.
#[derive(Debug, Clone)]
pub enum Predicate {
    /// Every row.
    All,
    /// No row.
    None,
    /// All of these.
    And(Vec<Predicate>),
    /// One of these.
    Or(Vec<Predicate>),
    /// Not this.
    Not(Box<Predicate>),
    /// The text has this word (already normalised), or one that matches it where it has `*` or `?`.
    Word(Pattern),
    /// The message, or one attribute value, has these words (already normalised) side by side.
    Phrase(Vec<String>),
    /// The message, or the JSON text of the attributes, has exactly this piece.
    Literal(String),
    /// The message, or one attribute value, matches.
    Regex(regex::Regex),
    /// The severity number lies in the range, both ends included; rows without one do not match.
    Severity(std::ops::RangeInclusive<u8>),
    /// The verdict is this.
    Verdict(Verdict),
    /// The reason code is among the problems.
    Problem(Problem),
    /// A field passes a test.
    Field(Field, Test),
}

/// A word with wildcards: `*` any run, `?` one character. Without either it is a plain word. Normalised like a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pub String);

impl Pattern {
    /// Whether there is no wildcard in it.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.0.contains(['*', '?'])
    }
}

/// A field that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// What the platform stamps: exact, case-sensitive.
    Stamp(Stamp),
    /// The message.
    Message,
    /// An attribute by its canonical dotted name, as `martlog_formats::fields` yields it (aliases and `extra.` resolved).
    Attribute(String),
}

/// A field that the platform stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stamp {
    /// The row's id, `module/epoch/seq`.
    Id,
    /// The partner.
    Partner,
    /// The module.
    Module,
    /// The instance.
    Instance,
    /// The telco.
    Csp,
    /// The environment.
    Environment,
    /// The module's version.
    Version,
    /// The cluster.
    Cluster,
    /// The node.
    Node,
    /// The namespace.
    Namespace,
    /// The pod.
    Pod,
    /// The container.
    Container,
    /// `stdout` or `stderr`.
    Stream,
}

/// What is asked of a field. A field with several values (an array) passes when one of them does.
#[derive(Debug, Clone)]
pub enum Test {
    /// It is there, and not the empty string.
    Exists,
    /// It equals this, ids included: compared after `martlog_formats::fields::normalise_id` for the exact fields, without case otherwise.
    Equals(String),
    /// The text of the value has these words side by side; one word is a word match.
    Words(Vec<String>),
    /// The whole value matches this wildcard pattern, without case.
    Wildcard(Pattern),
    /// The value contains exactly this.
    Literal(String),
    /// The value matches.
    Regex(regex::Regex),
    /// The value read as a number (units such as `1.5s` and `10MiB` included) lies between the bounds.
    Number {
        /// Lower bound and whether it is included.
        low: Option<(f64, bool)>,
        /// Upper bound and whether it is included.
        high: Option<(f64, bool)>,
    },
}
