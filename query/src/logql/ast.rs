//! The tree of a query in Loki's language. Times are ns.
//!
//! Invariants of trees that [`super::parse()`] makes: lists of alternatives, names and conditions are not empty; a range lies above 0; expressions have been compiled once.

/// A whole query.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Lines.
    Log(LogQuery),
    /// Figures.
    Metric(Metric),
}

/// Which lines, and what is read of them.
#[derive(Debug, Clone, PartialEq)]
pub struct LogQuery {
    /// All of them hold.
    pub selector: Vec<Matcher>,
    /// One after the other.
    pub stages: Vec<Stage>,
}

/// A test of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// How.
    pub op: MatchOp,
    /// With what.
    pub value: String,
}

/// How a label or line is compared with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchOp {
    /// `=`, and `|=` of a line that has the text.
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, and `|~`
    Matches,
    /// `!~`
    NotMatches,
}

/// A stage of the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// The line has one of these texts, or matches one of these expressions; negated, has none.
    Line {
        /// How.
        op: MatchOp,
        /// One or more.
        any: Vec<String>,
    },
    /// The whole line is one of these patterns, in which `<_>` stands for any text; negated, is none.
    LinePattern {
        /// `!>`
        negative: bool,
        /// One or more.
        any: Vec<String>,
    },
    /// `json` or `logfmt`; with labels these are read.
    Fields {
        /// `json` or `logfmt`.
        parser: Parser,
        /// `label="expression"`.
        labels: Vec<(String, String)>,
    },
    /// `pattern`
    Pattern(String),
    /// `regexp`
    Regexp(String),
    /// A label filter.
    Filter(Condition),
    /// Labels that are left out.
    Drop(Vec<String>),
    /// Labels of which the others are left out.
    Keep(Vec<String>),
}

/// What reads fields that lines have anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parser {
    /// `json`
    Json,
    /// `logfmt`
    Logfmt,
}

/// A label filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All of these, two or more.
    And(Vec<Condition>),
    /// One of these, two or more.
    Or(Vec<Condition>),
    /// A test of a text.
    Text(Matcher),
    /// A comparison of a number.
    Number {
        /// The label.
        name: String,
        /// How.
        op: Compare,
        /// As it was written: a number, duration or size.
        value: String,
    },
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `<=`
    AtMost,
}

/// Figures over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// A number.
    Number(f64),
    /// `vector(1)`
    Vector(f64),
    /// A function of the lines of a range.
    Range(Box<Range>),
    /// A function of series.
    Aggregate {
        /// Which.
        function: Aggregation,
        /// How many, of `topk` and `bottomk`.
        count: Option<u64>,
        /// Over what.
        of: Box<Metric>,
        /// Absent puts all into one.
        grouping: Option<Grouping>,
    },
    /// `left op right`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// A comparison that gives 0 or 1.
        bool: bool,
        /// Before it.
        left: Box<Metric>,
        /// Behind it.
        right: Box<Metric>,
    },
}

/// A function of the lines of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// Which.
    pub function: RangeFunction,
    /// The share of `quantile_over_time`, 0 to 1.
    pub share: Option<f64>,
    /// Of which lines.
    pub of: LogQuery,
    /// The label whose numbers are taken.
    pub unwrap: Option<Unwrap>,
    /// How long the range is, ns.
    pub range_ns: i64,
    /// How long ago it ends, ns.
    pub offset_ns: i64,
    /// Into which series, where numbers are taken.
    pub grouping: Option<Grouping>,
}

/// Functions of ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeFunction {
    /// Lines, or their numbers' sum, a second.
    Rate,
    /// Lines.
    Count,
    /// Bytes a second.
    BytesRate,
    /// Bytes.
    Bytes,
    /// Of numbers.
    Sum,
    /// Of numbers.
    Avg,
    /// Of numbers.
    Min,
    /// Of numbers.
    Max,
    /// Of numbers.
    Quantile,
}

/// Which numbers of a label are taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Unwrap {
    /// The label.
    pub name: String,
    /// In which unit.
    pub unit: Unit,
    /// Label filters behind it.
    pub filters: Vec<Condition>,
}

/// How numbers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// As they are.
    Plain,
    /// `duration`: seconds.
    Seconds,
    /// `bytes`
    Bytes,
}

/// Functions of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `count`
    Count,
    /// `topk`
    Top,
    /// `bottomk`
    Bottom,
}

/// `by (…)` or `without (…)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// Whether the labels are those that are left out.
    pub without: bool,
    /// May be empty.
    pub labels: Vec<String>,
}

/// Operators between figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Over,
    /// `%`
    Modulo,
    /// `^`
    Power,
    /// A comparison.
    Compare(Compare),
}

impl MatchOp {
    /// Whether it asks for what does not match.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotMatches)
    }

    /// Whether it compares with an expression.
    #[must_use]
    pub const fn is_regex(self) -> bool {
        matches!(self, Self::Matches | Self::NotMatches)
    }
}

impl RangeFunction {
    /// Those that there are, by name.
    pub const NAMED: [(&'static str, Self); 9] = [
        ("rate", Self::Rate),
        ("count_over_time", Self::Count),
        ("bytes_rate", Self::BytesRate),
        ("bytes_over_time", Self::Bytes),
        ("sum_over_time", Self::Sum),
        ("avg_over_time", Self::Avg),
        ("min_over_time", Self::Min),
        ("max_over_time", Self::Max),
        ("quantile_over_time", Self::Quantile),
    ];

    /// Whether it takes numbers, and not lines.
    #[must_use]
    pub const fn takes_numbers(self) -> bool {
        matches!(self, Self::Sum | Self::Avg | Self::Min | Self::Max | Self::Quantile)
    }
}

impl Aggregation {
    /// Those that there are, by name.
    pub const NAMED: [(&'static str, Self); 7] = [
        ("sum", Self::Sum),
        ("avg", Self::Avg),
        ("min", Self::Min),
        ("max", Self::Max),
        ("count", Self::Count),
        ("topk", Self::Top),
        ("bottomk", Self::Bottom),
    ];

    /// Whether it takes a number of series.
    #[must_use]
    pub const fn takes_count(self) -> bool {
        matches!(self, Self::Top | Self::Bottom)
    }
}

impl LogQuery {
    /// Whether fields are read out of the text of lines, so that the store cannot find them by itself.
    #[must_use]
    pub fn reads_text(&self) -> bool {
        self.stages.iter().any(|stage| matches!(stage, Stage::Pattern(_) | Stage::Regexp(_)))
    }

    /// Whether a stage makes labels of what stands in lines.
    #[must_use]
    pub fn has_parser(&self) -> bool {
        self.reads_text() || self.stages.iter().any(|stage| matches!(stage, Stage::Fields { .. }))
    }
}
