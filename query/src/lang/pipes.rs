//! The tree of the pipes: what is done with the lines that a filter finds. The JSON form is part of that of [`super::Query`].
//!
//! Invariants of trees that [`super::parse()`] makes: no list is empty or longer than [`super::LIST_MAX`]; an expression has at most
//! [`super::OPERATORS_MAX`] operators; a length of time lies above 0.

use super::{Duration, Name, Node, Span, Value};
use serde::{Deserialize, Serialize};

/// One pipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pipe {
    /// Where, the name of the pipe included.
    pub span: Span,
    /// What it does.
    #[serde(flatten)]
    pub stage: Stage,
}

/// What a pipe does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "pipe", rename_all = "snake_case")]
pub enum Stage {
    /// Figures of all lines, or of groups of them.
    Stats {
        /// The figures.
        of: Vec<Aggregate>,
        /// What makes a group.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by: Vec<By>,
    },
    /// Figures over time.
    Timechart {
        /// The width of a bucket; absent lets the range of time decide.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        every: Option<Duration>,
        /// The figures.
        of: Vec<Aggregate>,
        /// What else makes a group.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by: Vec<Name>,
    },
    /// The most frequent values of a field.
    Top {
        /// How many.
        rows: u64,
        /// The field.
        field: Name,
    },
    /// These columns alone.
    Fields {
        /// Their names.
        names: Vec<Name>,
    },
    /// In the order of these.
    Sort {
        /// The most important first.
        by: Vec<SortKey>,
    },
    /// So many rows at most.
    Limit {
        /// How many.
        rows: u64,
    },
    /// Rows that are like this.
    Where {
        /// What they must be like.
        of: Node,
    },
    /// Reads fields out of a text.
    Extract {
        /// Text with `*name` where a value stands, or a regular expression with named groups.
        pattern: Quoted,
        /// Whether it is a regular expression.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        regex: bool,
        /// The field that is read; absent reads the message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Name>,
    },
    /// The first row of each value.
    Dedup {
        /// Of which fields.
        names: Vec<Name>,
    },
    /// The lines around each, in the same stream.
    Context {
        /// How many before.
        before: u64,
        /// How many behind.
        after: u64,
    },
    /// All lines with one of the ids of a session, call or request that the lines have.
    Session,
    /// The pauses between lines.
    Gaps {
        /// As long at least; absent is a second.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over: Option<Duration>,
    },
    /// The messages without what varies in them, counted.
    Patterns,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// Where.
    pub span: Span,
    /// What is computed.
    pub of: Expression,
    /// What it is called.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Name>,
}

/// Functions of fields, numbers, and what is computed of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "expression", rename_all = "snake_case")]
pub enum Expression {
    /// `sum(duration_s)`
    Call {
        /// Which function.
        function: Function,
        /// Of which field; `count` has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<Name>,
    },
    /// `60`, as it was written.
    Number {
        /// Digits, and at most one point between them.
        text: String,
    },
    /// `left op right`
    Binary {
        /// The operator.
        op: Arithmetic,
        /// Before it.
        left: Box<Expression>,
        /// Behind it.
        right: Box<Expression>,
    },
}

/// An operator between numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Over,
}

/// A function of the lines of a group. Its JSON form is its name, such as `"p95"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Function {
    /// How many lines.
    Count,
    /// The sum of the field's numbers.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// Their mean.
    Avg,
    /// How many different values.
    Uniq,
    /// A percentile, in thousandths of a percent: `p99.9` is 99,900.
    Percentile(u32),
}

/// What makes a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The values of a field.
    Field(Name),
    /// `time(5m)`: pieces of time so long.
    Time(Duration),
}

/// A column to sort by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SortKey {
    /// Which.
    pub name: Name,
    /// The largest first.
    pub descending: bool,
}

/// A text in quotation marks or back-ticks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quoted {
    /// Where.
    pub span: Span,
    /// A phrase or a literal.
    #[serde(flatten)]
    pub value: Value,
}

/// The largest percentile.
const PERCENTILE_MAX: u32 = 100_000;

impl Function {
    /// The functions with a fixed name.
    pub const NAMED: [(&'static str, Self); 6] =
        [("count", Self::Count), ("sum", Self::Sum), ("min", Self::Min), ("max", Self::Max), ("avg", Self::Avg), ("uniq", Self::Uniq)];

    /// The function of this name, in any case.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if let Some((_, function)) = Self::NAMED.iter().find(|(known, _)| *known == name) {
            return Some(*function);
        }
        let (whole, fraction) = name.strip_prefix('p')?.split_once('.').map_or((name.get(1..)?, ""), |parts| parts);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || fraction.len() > 3 || !digits(whole) || !digits(fraction) {
            return None;
        }
        let thousandths = format!("{fraction:0<3}").parse::<u32>().ok()?;
        let percentile = whole.parse::<u32>().ok()? * 1_000 + thousandths;
        (percentile <= PERCENTILE_MAX && !name.ends_with('.')).then_some(Self::Percentile(percentile))
    }

    /// The share that a percentile asks for, 0 to 1.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        match self {
            Self::Percentile(thousandths) => Some(f64::from(thousandths) / f64::from(PERCENTILE_MAX)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Percentile(thousandths) => {
                write!(f, "p{}", thousandths / 1_000)?;
                let fraction = format!("{:03}", thousandths % 1_000);
                let fraction = fraction.trim_end_matches('0');
                if fraction.is_empty() { Ok(()) } else { write!(f, ".{fraction}") }
            }
            named => f.write_str(Self::NAMED.iter().find(|(_, function)| function == named).map_or("", |(name, _)| name)),
        }
    }
}

impl TryFrom<String> for Function {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::of(&name).ok_or_else(|| format!("there is no function \"{name}\""))
    }
}

impl From<Function> for String {
    fn from(function: Function) -> Self {
        function.to_string()
    }
}

impl Arithmetic {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Over => "/",
        }
    }

    /// Whether it binds tighter than `+` and `-`.
    #[must_use]
    pub const fn binds_tighter(self) -> bool {
        matches!(self, Self::Times | Self::Over)
    }
}

impl Aggregate {
    /// The name of its column: the alias; `count`, `p95_duration_ms` of a function alone; else the expression as it is written.
    #[must_use]
    pub fn column(&self) -> String {
        match (&self.alias, &self.of) {
            (Some(alias), _) => alias.text.clone(),
            (None, Expression::Call { function, field: None }) => function.to_string(),
            (None, Expression::Call { function, field: Some(field) }) => format!("{function}_{}", field.text),
            (None, of) => of.to_string(),
        }
    }
}

impl Pipe {
    pub(super) fn map_spans(&mut self, map: &mut impl FnMut(Span) -> Span) {
        self.span = map(self.span);
        match &mut self.stage {
            Stage::Stats { of, by } => {
                of.iter_mut().for_each(|aggregate| aggregate.map_spans(map));
                by.iter_mut().for_each(|by| match by {
                    By::Field(name) => name.span = map(name.span),
                    By::Time(every) => every.span = map(every.span),
                });
            }
            Stage::Timechart { every, of, by } => {
                every.iter_mut().for_each(|every| every.span = map(every.span));
                of.iter_mut().for_each(|aggregate| aggregate.map_spans(map));
                by.iter_mut().for_each(|name| name.span = map(name.span));
            }
            Stage::Top { field, .. } => field.span = map(field.span),
            Stage::Fields { names } | Stage::Dedup { names } => names.iter_mut().for_each(|name| name.span = map(name.span)),
            Stage::Sort { by } => by.iter_mut().for_each(|key| key.name.span = map(key.name.span)),
            Stage::Where { of } => of.map_spans(map),
            Stage::Extract { pattern, from, .. } => {
                pattern.span = map(pattern.span);
                from.iter_mut().for_each(|name| name.span = map(name.span));
            }
            Stage::Gaps { over } => over.iter_mut().for_each(|over| over.span = map(over.span)),
            Stage::Limit { .. } | Stage::Context { .. } | Stage::Session | Stage::Patterns => {}
        }
    }
}

impl Aggregate {
    fn map_spans(&mut self, map: &mut impl FnMut(Span) -> Span) {
        self.span = map(self.span);
        self.of.map_spans(map);
        self.alias.iter_mut().for_each(|alias| alias.span = map(alias.span));
    }
}

impl Expression {
    fn map_spans(&mut self, map: &mut impl FnMut(Span) -> Span) {
        match self {
            Self::Call { field, .. } => field.iter_mut().for_each(|field| field.span = map(field.span)),
            Self::Number { .. } => {}
            Self::Binary { left, right, .. } => {
                left.map_spans(map);
                right.map_spans(map);
            }
        }
    }
}
