//! Queries in other languages: LogQL and SQL are recognised by their shape, and the answer shows what the query would be here.

use super::error::back_ticked;
use super::{Code, QueryError, Span};
use regex::Regex;

/// An error when the text is LogQL or SQL.
///
/// # Errors
/// See above.
pub(super) fn recognise(text: &str) -> Result<(), QueryError> {
    let start = text.trim_start();
    let span = Span::new(text.len() - start.len(), text.trim_end().len().max(text.len() - start.len()));
    if looks_like_logql(start) {
        let error = QueryError::new(Code::LogQl, span, "this looks like LogQL")
            .hint("write field:value for a label, a word or \"a phrase\" for |=, and - before what must not be there");
        return Err(match from_logql(start) {
            Some(fix) => error.fix(fix),
            None => error,
        });
    }
    let mut words = start.split_ascii_whitespace();
    let select = words.next().is_some_and(|word| word.eq_ignore_ascii_case("select"));
    if select && words.any(|word| word.eq_ignore_ascii_case("from")) {
        return Err(QueryError::new(Code::Sql, span, "this looks like SQL")
            .hint("write the conditions alone, as field:value, field>5 or \"a phrase\", joined by spaces and OR; text that begins so goes in quotation marks"));
    }
    Ok(())
}

/// `{label="value"` with any of the four operators. A line of JSON has a quotation mark behind the brace.
fn looks_like_logql(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('{') else { return false };
    let inner = inner.trim_start();
    let behind = inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').trim_start();
    behind.len() < inner.len() && ["=\"", "!=\"", "=~\"", "!~\"", "=`", "= \""].iter().any(|op| behind.starts_with(op))
}

/// The same question here, for a selector and line filters; `None` for anything else.
fn from_logql(text: &str) -> Option<String> {
    let step = Regex::new(r#"^\s*(?:,\s*)?(?:(?P<label>[A-Za-z_][A-Za-z0-9_]*)\s*(?P<op>=~|!~|!=|=)|(?P<line>\|=|!=|\|~|!~))\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|`(?P<raw>[^`]*)`)"#).ok()?;
    let (selector, filters) = text.strip_prefix('{').and_then(|rest| rest.split_once('}'))?;
    let mut clauses = Vec::new();
    for (mut part, in_selector) in [(selector, true), (filters, false)] {
        while !part.trim().is_empty() {
            let found = step.captures(part)?;
            let value = found.name("raw").or_else(|| found.name("quoted"))?.as_str();
            clauses.push(match (found.name("label"), found.name("line"), in_selector) {
                (Some(label), None, true) => {
                    let op = if &found["op"] == "=" { ":" } else { &found["op"] };
                    format!("{}{op}\"{value}\"", label.as_str())
                }
                (None, Some(line), false) => match line.as_str() {
                    "|=" => back_ticked(&value.replace("\\\"", "\"")),
                    "!=" => format!("-{}", back_ticked(&value.replace("\\\"", "\""))),
                    "|~" => format!("~\"{value}\""),
                    _ => format!("-~\"{value}\""),
                },
                _ => return None,
            });
            part = &part[found.get(0)?.end()..];
        }
    }
    (!clauses.is_empty()).then(|| clauses.join(" "))
}
