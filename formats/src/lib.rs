//! What a log line is.
//!
//! `parse(bytes, runtime_time, &Profile)` turns one line, as a container printed it, into a [`Record`] with a
//! [`Verdict`] and reason codes ([`Problem`]). The crate is pure: no async, no I/O, no HTTP, no tantivy; the collector,
//! `martlog check` and every ingest door get the same record from the same bytes.

pub mod fields;
mod ids;
mod numbers;
mod json;
mod aliases;
mod reserved;
pub mod limits;
pub mod parse;
pub mod record;
pub mod wire;
pub mod words;

pub use parse::{Profile, parse};
pub use record::{Problem, Problems, Record, RedactionKind, Severity, Verdict};
