//! Printing: a tree as the text that reads back to it, as `format_query` tells it.

use super::ast::{
    Aggregation, BinaryOp, Compare, Condition, Expr, Grouping, LogQuery, MatchOp, Matcher, Metric, Parser, Range, RangeFunction, Stage,
    Unit, Unwrap,
};
use std::fmt::{Display, Formatter, Result};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Log(query) => write!(f, "{query}"),
            Self::Metric(metric) => write!(f, "{metric}"),
        }
    }
}

impl Display for LogQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("{")?;
        list(f, &self.selector, ", ")?;
        f.write_str("}")?;
        self.stages.iter().try_for_each(|stage| write!(f, " {stage}"))
    }
}

impl Display for Matcher {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}{}", self.name, self.op)?;
        quoted(f, &self.value)
    }
}

impl Display for MatchOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        })
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Line { op, any } => {
                f.write_str(match op {
                    MatchOp::Equal => "|= ",
                    MatchOp::NotEqual => "!= ",
                    MatchOp::Matches => "|~ ",
                    MatchOp::NotMatches => "!~ ",
                })?;
                each(f, any, " or ", |f, text| quoted(f, text))
            }
            Self::LinePattern { negative, any } => {
                f.write_str(if *negative { "!> " } else { "|> " })?;
                each(f, any, " or ", |f, text| quoted(f, text))
            }
            Self::Fields { parser, labels } => {
                f.write_str(if *parser == Parser::Json { "| json" } else { "| logfmt" })?;
                f.write_str(if labels.is_empty() { "" } else { " " })?;
                each(f, labels, ", ", |f, (label, expression)| {
                    write!(f, "{label}=")?;
                    quoted(f, expression)
                })
            }
            Self::Pattern(pattern) => {
                f.write_str("| pattern ")?;
                quoted(f, pattern)
            }
            Self::Regexp(expression) => {
                f.write_str("| regexp ")?;
                quoted(f, expression)
            }
            Self::Filter(condition) => write!(f, "| {condition}"),
            Self::Drop(labels) => write!(f, "| drop {}", labels.join(", ")),
            Self::Keep(labels) => write!(f, "| keep {}", labels.join(", ")),
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let inner = |f: &mut Formatter<'_>, part: &Self| match part {
            Self::And(_) | Self::Or(_) => write!(f, "({part})"),
            _ => write!(f, "{part}"),
        };
        match self {
            Self::And(all) => each(f, all, " and ", inner),
            Self::Or(any) => each(f, any, " or ", inner),
            Self::Text(matcher) => write!(f, "{matcher}"),
            Self::Number { name, op, value } => write!(f, "{name}{op}{value}"),
        }
    }
}

impl Display for Compare {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Less => "<",
            Self::AtMost => "<=",
        })
    }
}

impl Display for Metric {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Vector(number) => write!(f, "vector({number})"),
            Self::Range(range) => write!(f, "{range}"),
            Self::Aggregate { function, count, of, grouping } => {
                write!(f, "{}", name_of(&Aggregation::NAMED, *function))?;
                grouping.iter().try_for_each(|grouping| write!(f, " {grouping} "))?;
                f.write_str("(")?;
                count.iter().try_for_each(|count| write!(f, "{count}, "))?;
                write!(f, "{of})")
            }
            Self::Binary { op, bool, left, right } => {
                // As few parentheses as read back the same: more would nest deeper than what was read.
                let side = |f: &mut Formatter<'_>, side: &Self, least: u8| match side {
                    Self::Binary { op, .. } if op.rank() < least => write!(f, "({side})"),
                    _ => write!(f, "{side}"),
                };
                let (rank, right_first) = (op.rank(), *op == BinaryOp::Power);
                side(f, left, rank + u8::from(right_first))?;
                write!(f, " {op} {}", if *bool { "bool " } else { "" })?;
                side(f, right, rank + u8::from(!right_first))
            }
        }
    }
}

impl Display for BinaryOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Plus => f.write_str("+"),
            Self::Minus => f.write_str("-"),
            Self::Times => f.write_str("*"),
            Self::Over => f.write_str("/"),
            Self::Modulo => f.write_str("%"),
            Self::Power => f.write_str("^"),
            Self::Compare(compare) => write!(f, "{compare}"),
        }
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}(", name_of(&RangeFunction::NAMED, self.function))?;
        self.share.iter().try_for_each(|share| write!(f, "{share}, "))?;
        write!(f, "{}", self.of)?;
        self.unwrap.iter().try_for_each(|unwrap| write!(f, " {unwrap}"))?;
        write!(f, " [{}]", duration(self.range_ns))?;
        match self.offset_ns {
            0 => {}
            ns => write!(f, " offset {}{}", if ns < 0 { "-" } else { "" }, duration(ns.saturating_abs()))?,
        }
        f.write_str(")")?;
        self.grouping.iter().try_for_each(|grouping| write!(f, " {grouping}"))
    }
}

impl Display for Unwrap {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.unit {
            Unit::Plain => write!(f, "| unwrap {}", self.name)?,
            Unit::Seconds => write!(f, "| unwrap duration({})", self.name)?,
            Unit::Bytes => write!(f, "| unwrap bytes({})", self.name)?,
        }
        self.filters.iter().try_for_each(|filter| write!(f, " | {filter}"))
    }
}

impl Display for Grouping {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} ({})", if self.without { "without" } else { "by" }, self.labels.join(", "))
    }
}

fn name_of<T: PartialEq>(named: &[(&'static str, T)], wanted: T) -> &'static str {
    named.iter().find(|(_, known)| *known == wanted).map_or("", |(name, _)| name)
}

/// As the own language prints it, and below a millisecond in nanoseconds.
fn duration(ns: i64) -> String {
    if ns % 1_000_000 == 0 { crate::time::print_duration(ns) } else { format!("{ns}ns") }
}

fn list<T: Display>(f: &mut Formatter<'_>, items: &[T], between: &str) -> Result {
    each(f, items, between, |f, item| write!(f, "{item}"))
}

fn each<T>(f: &mut Formatter<'_>, items: &[T], between: &str, write: impl Fn(&mut Formatter<'_>, &T) -> Result) -> Result {
    for (at, item) in items.iter().enumerate() {
        f.write_str(if at > 0 { between } else { "" })?;
        write(f, item)?;
    }
    Ok(())
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
