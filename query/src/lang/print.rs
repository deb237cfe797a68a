//! Printing: a tree as the text that reads back to it. One form for each tree: one space between clauses, `-` for NOT, parentheses only where needed.

use super::foreign::is_foreign;
use super::lex::is_bare_bound;
use super::{Bound, Kind, Node, Op, Query, Test, Value, error::back_ticked};
use crate::time;
use std::fmt::{Display, Formatter, Result};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let text = self.text(false);
        // In parentheses, nothing is taken for another language.
        f.write_str(&if is_foreign(&text) { self.text(true) } else { text })
    }
}

impl Query {
    fn text(&self, parenthesised: bool) -> String {
        let ago = self.ago.map(|ago| format!("@{}", time::print_duration(ago.nanos)));
        // A top-level OR would take the time for its first branch's; it is one for the whole query, and the parser knows that.
        let filter = self.filter.as_ref().map(|filter| if parenthesised { format!("({filter})") } else { filter.to_string() });
        let pipes = self.pipes.iter().map(|pipe| format!("| {pipe}"));
        ago.into_iter().chain(filter).chain(pipes).collect::<Vec<_>>().join(" ")
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            Kind::And { of } => joined(f, of, " ", |kind| matches!(kind, Kind::Or { .. })),
            Kind::Or { of } => joined(f, of, " OR ", |_| false),
            Kind::Not { of } => {
                let inner = if matches!(of.kind, Kind::And { .. } | Kind::Or { .. }) { format!("({of})") } else { of.to_string() };
                let sign = if inner.starts_with(['-', '=', '<', '>', '!']) { "NOT " } else { "-" };
                write!(f, "{sign}{inner}")
            }
            Kind::Term { test } => match test.op {
                Op::Has => write!(f, "{}", test.value),
                Op::Matches if matches!(test.value, Value::Phrase(_) | Value::Literal(_)) => write!(f, "~{}", test.value),
                _ => write!(f, "{test}"),
            },
            Kind::Field { name, test } => write!(f, "{}{test}", name.text),
            Kind::Group { name, of } => write!(f, "{}:({of})", name.text),
        }
    }
}

fn joined(f: &mut Formatter<'_>, of: &[Node], between: &str, parentheses: fn(&Kind) -> bool) -> Result {
    for (at, node) in of.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        if parentheses(&node.kind) { write!(f, "({node})")? } else { write!(f, "{node}")? }
    }
    Ok(())
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}{}", self.op.as_str(), self.value)
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Word(text) => f.write_str(text),
            Self::Phrase(text) => quoted(f, text),
            Self::Literal(text) => f.write_str(&back_ticked(text)),
            Self::Any => f.write_str("*"),
            Self::Range { low, high } => {
                low.iter().try_for_each(|low| write!(f, "{low}"))?;
                f.write_str("..")?;
                high.iter().try_for_each(|high| write!(f, "{high}"))
            }
        }
    }
}

impl Display for Bound {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if is_bare_bound(&self.text) { f.write_str(&self.text) } else { quoted(f, &self.text) }
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    write!(f, "\"{}\"", text.replace('"', "\\\""))
}
