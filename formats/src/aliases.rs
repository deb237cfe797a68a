//! Aliases: other names for canonical fields. One counts only where the canonical name is absent, the first of the list first.
//!
//! Of a time, a level and a message the aliases are taken off the line; ids stay in the attributes as they were written, and [`crate::fields`]
//! finds them under both names. Aliases that an instance's profile adds for ids are stored under the canonical name, as readers do not know the profile.

use serde::{Deserialize, Serialize};

/// Default aliases of `timestamp`.
pub const TIMESTAMP: &[&str] = &["time", "ts", "@timestamp"];
/// Default aliases of `level`.
pub const LEVEL: &[&str] = &["severity", "lvl", "loglevel"];
/// Default aliases of `message`.
pub const MESSAGE: &[&str] = &["msg", "event", "log", "short_message"];
/// Aliases of `request_id`.
pub const REQUEST_ID: &[&str] = &["trace_id", "traceId"];

/// Further aliases of one instance, tried before the default ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Aliases {
    /// For `timestamp`.
    pub timestamp: Vec<String>,
    /// For `level`.
    pub level: Vec<String>,
    /// For `message`.
    pub message: Vec<String>,
    /// For `request_id`.
    pub request_id: Vec<String>,
    /// For `unique_id`.
    pub unique_id: Vec<String>,
    /// For `session_id`.
    pub session_id: Vec<String>,
    /// For `call_id`.
    pub call_id: Vec<String>,
    /// For `account_id`.
    pub account_id: Vec<String>,
}

/// The canonical id that this name is a default alias of.
#[must_use]
pub fn canonical_id(name: &str) -> Option<&'static str> {
    REQUEST_ID.contains(&name).then_some("request_id")
}

/// The default aliases of a canonical id; none for other names.
#[must_use]
pub fn of_id(canonical: &str) -> &'static [&'static str] {
    if canonical == "request_id" { REQUEST_ID } else { &[] }
}
