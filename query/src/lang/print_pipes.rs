//! Printing of pipes: one form for each tree, parentheses in figures only where needed.

use super::{Aggregate, Arithmetic, By, Expression, Name, Pipe, Quoted, SortKey, Stage};
use crate::time;
use std::fmt::{Display, Formatter, Result};

impl Display for Pipe {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.stage {
            Stage::Stats { of, by } => {
                f.write_str("stats ")?;
                list(f, of)?;
                behind(f, " by ", by)
            }
            Stage::Timechart { every, of, by } => {
                f.write_str("timechart ")?;
                every.iter().try_for_each(|every| write!(f, "{} ", time::print_duration(every.nanos)))?;
                list(f, of)?;
                behind(f, " by ", by)
            }
            Stage::Top { rows, field } => write!(f, "top {rows} {field}"),
            Stage::Fields { names } => behind(f, "fields ", names),
            Stage::Sort { by } => behind(f, "sort ", by),
            Stage::Limit { rows } => write!(f, "limit {rows}"),
            Stage::Where { of } => write!(f, "where {of}"),
            Stage::Extract { pattern, regex, from } => {
                write!(f, "extract {}{pattern}", if *regex { "~" } else { "" })?;
                from.iter().try_for_each(|from| write!(f, " from {from}"))
            }
            Stage::Dedup { names } => behind(f, "dedup ", names),
            Stage::Context { before, after } => write!(f, "context {before} {after}"),
            Stage::Session => f.write_str("session"),
            Stage::Gaps { over } => {
                f.write_str("gaps")?;
                over.iter().try_for_each(|over| write!(f, " {}", time::print_duration(over.nanos)))
            }
            Stage::Patterns => f.write_str("patterns"),
        }
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> Result {
    for (at, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if at > 0 { ", " } else { "" })?;
    }
    Ok(())
}

fn behind<T: Display>(f: &mut Formatter<'_>, word: &str, items: &[T]) -> Result {
    if items.is_empty() {
        return Ok(());
    }
    f.write_str(word)?;
    list(f, items)
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.text)
    }
}

impl Display for Quoted {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.value)
    }
}

impl Display for SortKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.name)
    }
}

impl Display for By {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Field(name) => write!(f, "{name}"),
            Self::Time(every) => write!(f, "time({})", time::print_duration(every.nanos)),
        }
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.of)?;
        self.alias.iter().try_for_each(|alias| write!(f, " as {alias}"))
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Call { function, field } => {
                write!(f, "{function}(")?;
                field.iter().try_for_each(|field| write!(f, "{field}"))?;
                f.write_str(")")
            }
            Self::Number { text } => f.write_str(text),
            Self::Binary { op, left, right } => {
                operand(f, left, |inner| op.binds_tighter() && !inner.binds_tighter())?;
                f.write_str(op.as_str())?;
                // Operators of one kind are read from the left.
                operand(f, right, |inner| op.binds_tighter() || !inner.binds_tighter())
            }
        }
    }
}

fn operand(f: &mut Formatter<'_>, of: &Expression, parentheses: impl Fn(Arithmetic) -> bool) -> Result {
    match of {
        Expression::Binary { op, .. } if parentheses(*op) => write!(f, "({of})"),
        _ => write!(f, "{of}"),
    }
}
