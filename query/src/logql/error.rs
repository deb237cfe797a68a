//! What is wrong with a query in Loki's language, in the words that Loki uses where it has some.

/// An error with its place; lines and columns are counted from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogQlError {
    /// It does not parse, or means nothing here.
    #[error("parse error at line {line}, col {column}: {message}")]
    At {
        /// Which line.
        line: usize,
        /// Which character of it.
        column: usize,
        /// What is wrong, and what to write.
        message: String,
    },
    /// What is wrong has no place of its own.
    #[error("parse error : {0}")]
    Whole(String),
}

impl LogQlError {
    /// At a byte of the query.
    #[must_use]
    pub fn at(query: &str, byte: usize, message: impl Into<String>) -> Self {
        let before = query.get(..byte).unwrap_or(query);
        let line_from = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        Self::At { line, column: before[line_from..].chars().count() + 1, message: message.into() }
    }

    /// Of the whole query.
    #[must_use]
    pub fn whole(message: impl Into<String>) -> Self {
        Self::Whole(message.into())
    }
}
