//! Queries in other languages: LogQL and SQL are recognised by their shape, and where it can be said, the answer shows what the query would be here.
//!
//! Invariant: a correction is only offered where all of the query was understood, and it reads as a query.

mod logql;
mod sql;
mod tokens;

use super::error::back_ticked;
use super::{Code, QueryError, Span, parse};

/// An error when the text is LogQL or SQL.
///
/// # Errors
/// See above.
pub(super) fn recognise(text: &str) -> Result<(), QueryError> {
    let start = text.trim_start();
    let span = Span::new(text.len() - start.len(), text.trim_end().len().max(text.len() - start.len()));
    let (error, fix) = if logql::is_it(start) {
        let error = QueryError::new(Code::LogQl, span, "this looks like LogQL")
            .hint("write field:value for a label, a word or \"a phrase\" for |=, - before what must not be there, and | timechart 5m count() to count");
        (error, logql::here(start))
    } else if sql::is_it(start) {
        let error = QueryError::new(Code::Sql, span, "this looks like SQL").hint(
            "write the conditions alone, as field:value, field>5 or \"a phrase\", joined by spaces and OR, then | stats count() by field, | sort and | limit; text that begins so goes in quotation marks",
        );
        (error, sql::here(start))
    } else {
        return Ok(());
    };
    // The correction of a foreign query is never foreign itself: it begins with a clause or a pipe.
    Err(match fix.filter(|fix| !is_foreign(fix) && parse(fix).is_ok()) {
        Some(fix) => error.fix(fix),
        None => error,
    })
}

/// Whether the text has the shape of another language.
pub(super) fn is_foreign(text: &str) -> bool {
    let start = text.trim_start();
    logql::is_it(start) || sql::is_it(start)
}

/// A value as a phrase, or between back-ticks where it has what a phrase cannot.
fn quoted(value: &str) -> String {
    if value.contains(['"', '\\']) || value.is_empty() { back_ticked(value) } else { format!("\"{value}\"") }
}

/// A value as a word where it is one, else quoted.
fn value(text: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let begins = text.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let keyword = matches!(text, "AND" | "OR" | "NOT");
    if begins && text.chars().all(is_word) && !text.contains("..") && !keyword { text.to_owned() } else { quoted(text) }
}
