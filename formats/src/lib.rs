//! What a log line is.
//!
//! `parse(bytes, runtime_time, &Profile)` turns one line, as a container printed it, into a [`Record`] with a
//! [`Verdict`] and reason codes ([`Problem`]). The crate is pure: no async, no I/O, no HTTP, no tantivy; the collector,
//! `martlog check` and every ingest door get the same record from the same bytes.

pub mod parse;
pub mod places;
pub mod policy;
pub mod profile;
pub mod record;

pub mod aliases;
pub mod level;
pub mod limits;
pub mod multiline;
pub mod reserved;
pub mod shapes;
pub mod time;

pub mod fields;
pub mod ids;
pub mod numbers;
pub mod words;

pub mod push;
pub mod wire;

mod json;
mod redact;

pub use parse::{Ending, Profile, parse, parse_ending, parse_object};
pub use record::{Problem, Problems, Record, RecordRef, RedactionKind, Severity, Verdict};
