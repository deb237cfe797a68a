//! `extract`: a text with `*name` where a value stands, as a regular expression.
//!
//! `*name` takes what stands up to the next piece of the text, at the end of the pattern a run without spaces; `**name` at the end takes the rest of the line; `*` alone
//! stands for anything, `\*` for the character.

use super::pipes::Shape;
use super::steps::{Column, Extract};
use super::subject::Subject;
use super::{Planned, Planner};
use crate::lang::{Code, Name, QueryError, Quoted, Span};
use martlog_indexer::search::Field;
use regex::Regex;

/// Fields of one pattern at most.
const NAMES_MAX: usize = 20;

impl Planner<'_> {
    pub(super) fn extract(&mut self, pattern: &Quoted, is_regex: bool, from: Option<&Name>) -> Planned<Extract> {
        let text = pattern.value.text().unwrap_or_default();
        let from = match from.map(|name| (Subject::of(&name.text), name)) {
            None => Column::Stored(Field::Message),
            Some((Subject::Stored(field), _)) => Column::Stored(field),
            Some((_, name)) => {
                return Err(QueryError::new(Code::BadOperator, name.span, format!("\"{}\" is no text to read from", name.text))
                    .hint("leave \"from\" out to read the message, or name a field of the line"));
            }
        };
        let expression = if is_regex { text.to_owned() } else { expression(text) };
        let regex = self.expression(pattern.span, &expression)?;
        let names = self.names(&regex, pattern.span)?;
        Ok(Extract { regex, from, names })
    }

    fn names(&self, regex: &Regex, span: Span) -> Planned<Vec<String>> {
        let names: Vec<String> = regex.capture_names().flatten().map(str::to_owned).collect();
        if names.is_empty() || names.len() > NAMES_MAX {
            return Err(QueryError::new(
                Code::BadPipe,
                span,
                format!("the pattern names {} fields; it can be 1 to {NAMES_MAX}", names.len()),
            )
            .hint("write *name where a value stands, such as \"status=*code\"; a regular expression has (?P<code>[0-9]+)"));
        }
        let around = matches!(&self.shape, Shape::Lines { around: true, .. });
        let taken = |name: &&String| !matches!(Subject::of(name), Subject::Stored(Field::Attribute(_))) || (around && *name == "found");
        if let Some(taken) = names.iter().find(taken) {
            return Err(QueryError::new(Code::BadPipe, span, format!("\"{taken}\" already means something of every line"))
                .hint("give the field another name"));
        }
        Ok(names)
    }
}

/// The regular expression of a pattern.
fn expression(pattern: &str) -> String {
    let mut expression = String::from("(?s)");
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' if rest.starts_with('*') => {
                rest = &rest[1..];
                expression.push_str("\\*");
            }
            '*' => {
                let whole = rest.starts_with('*');
                let name_from = &rest[usize::from(whole)..];
                let name = &name_from[..name_length(name_from)];
                if name.is_empty() {
                    expression.push_str(".*?");
                    continue;
                }
                rest = &name_from[name.len()..];
                let value = match (rest.is_empty(), whole) {
                    (true, true) => ".*",
                    (true, false) => "\\S+",
                    (false, _) => ".*?",
                };
                expression.push_str(&format!("(?P<{name}>{value})"));
            }
            _ => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    expression
}

/// How long the name of a field at the start of a text is, bytes; points stand within only.
fn name_length(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return 0;
    }
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(text.len());
    text[..length].trim_end_matches('.').len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_what_stands_between_its_pieces() {
        let table = [
            ("REQ <*trace> * status=*code", "x REQ <7 a> took 5 ms, status=404 end", "trace=7 a;code=404"),
            ("error: **reason", "error: no route to host", "reason=no route to host"),
            ("error: *reason", "error: no route", "reason=no"),
            ("a\\*b *x.", "a*b c.d.", "x=c"),
            ("[*a] (*b)", "[1] (2)", "a=1;b=2"),
        ];
        for (pattern, text, expected) in table {
            let regex = Regex::new(&expression(pattern)).unwrap();
            let found = regex.captures(text).unwrap_or_else(|| panic!("{pattern} fits {text}"));
            let fields: Vec<_> = regex.capture_names().flatten().map(|name| format!("{name}={}", &found[name])).collect();
            assert_eq!(fields.join(";"), expected, "{pattern}");
        }
        assert!(!Regex::new(&expression("status=*code")).unwrap().is_match("status= "));
    }
}
