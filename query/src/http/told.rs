//! What several answers tell alike: notes on how a query was read, and places in it.

use crate::lang::Span;
use crate::plan::Plan;
use schemars::JsonSchema;
use serde::Serialize;

/// A piece of the query, `[from, to)`, counted in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Spans {
    /// In UTF-16 units, as browsers count.
    #[schemars(with = "[usize; 2]")]
    utf16: Span,
    /// In bytes of UTF-8.
    #[schemars(with = "[usize; 2]")]
    pub(super) bytes: Span,
}

/// A note on an answer: how a query was read, what is not exact, which bound was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Note {
    /// Stable: `W` and a number.
    code: &'static str,
    /// How it was read, and what to write for another reading.
    message: String,
    /// Which part of the query; absent for all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<Spans>,
}

impl Spans {
    pub(super) fn of(span: Span, query: &str) -> Self {
        Self { utf16: span.utf16(query), bytes: span }
    }
}

impl Note {
    /// About the whole answer.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span: None }
    }
}

/// The notes on how a query was read.
pub(super) fn warnings(plan: &Plan, query: &str) -> Vec<Note> {
    let note = |warning: &crate::plan::Warning| Note {
        code: warning.code,
        message: warning.message.clone(),
        span: warning.span.map(|span| Spans::of(span, query)),
    };
    plan.warnings.iter().map(note).collect()
}
