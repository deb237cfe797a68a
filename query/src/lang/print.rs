//! Printing: a tree as the text that reads back to it. One form for each tree: one space between clauses, `-` for NOT, parentheses only where needed.

use super::foreign::is_foreign;
use super::lex::{Place, is_bare_bound};
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
        node(f, self, Place::Top)
    }
}

fn node(f: &mut Formatter<'_>, of: &Node, place: Place) -> Result {
    match &of.kind {
        Kind::And { of } => joined(f, of, " ", place, |kind| matches!(kind, Kind::Or { .. })),
        Kind::Or { of } => joined(f, of, " OR ", place, |_| false),
        Kind::Not { of } => {
            let inner = Placed { node: of, place };
            let inner = if matches!(of.kind, Kind::And { .. } | Kind::Or { .. }) { format!("({inner})") } else { inner.to_string() };
            let sign = if inner.starts_with(['-', '=', '<', '>', '!']) { "NOT " } else { "-" };
            write!(f, "{sign}{inner}")
        }
        Kind::Term { test } => match test.op {
            Op::Has => value(f, &test.value, place),
            Op::Matches if matches!(test.value, Value::Phrase(_) | Value::Literal(_)) => write!(f, "~{}", test.value),
            _ => write!(f, "{test}"),
        },
        Kind::Field { name, test } => write!(f, "{}{test}", name.text),
        Kind::Group { name, of } => write!(f, "{}:({})", name.text, Placed { node: of, place: Place::Group }),
    }
}

/// A node where it stands: within a group some ends of ranges would be read as something else.
struct Placed<'n> {
    node: &'n Node,
    place: Place,
}

impl Display for Placed<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        node(f, self.node, self.place)
    }
}

fn joined(f: &mut Formatter<'_>, of: &[Node], between: &str, place: Place, parentheses: fn(&Kind) -> bool) -> Result {
    for (at, node) in of.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        let placed = Placed { node, place };
        if parentheses(&node.kind) { write!(f, "({placed})")? } else { write!(f, "{placed}")? }
    }
    Ok(())
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}{}", self.op.as_str(), self.value)
    }
}

/// A value as a term of its own.
fn value(f: &mut Formatter<'_>, of: &Value, place: Place) -> Result {
    match of {
        Value::Range { low: Some(low), high } if place == Place::Group && !begins_group_range(&low.text, high.as_ref()) => {
            quoted(f, &low.text)?;
            f.write_str("..")?;
            high.iter().try_for_each(|high| write!(f, "{high}"))
        }
        of => write!(f, "{of}"),
    }
}

/// Whether a range can begin bare within a group: not as a negation or a time, and not as what looks like another field.
fn begins_group_range(low: &str, high: Option<&Bound>) -> bool {
    let looks_like_field = |text: &str| text.contains([':', '=', '<', '>']);
    !low.starts_with(['-', '@']) && !looks_like_field(low) && !high.is_some_and(|high| looks_like_field(&high.text))
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Word(text) => f.write_str(text),
            Self::Phrase(text) => quoted(f, text),
            Self::Literal(text) => f.write_str(&back_ticked(text)),
            Self::Any => f.write_str("*"),
            Self::Range { low, high } => {
                // Behind the colon of a field, these would make the whole a word.
                let is_word = |low: &&Bound| low.text.starts_with(':') || low.text.starts_with("//");
                match low.as_ref().filter(is_word) {
                    Some(low) => quoted(f, &low.text)?,
                    None => low.iter().try_for_each(|low| write!(f, "{low}"))?,
                }
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
