//! What clients push in the protocols that they already speak, as records: OTLP, Loki, Elasticsearch's bulk form, syslog, lines.
//!
//! ```text
//! body ─► decoder (`otlp`, `loki`, `bulk`, `syslog`) ─► Item ─► `envelope` ─► Record ─► Batch
//! ```
//!
//! A protocol wraps a line in an *envelope*: a time, a severity, attributes. The line goes through [`crate::parse()`] as it would anywhere else; the envelope says what the line does
//! not say itself, and its attributes are added to the line's.
//!
//! Invariants: pure, as all of this crate; a decoder walks the body and holds one item at a time, so what it takes is bounded by the body and not by what the body claims; a bad
//! line is an item like any other, only a body that is broken as a whole is refused; nothing that a client says of partner, module or instance means anything: such names are attributes,
//! marked `reserved_key`.

mod batch;
pub mod bulk;
mod envelope;
mod fields;
mod json;
pub mod loki;
pub mod otlp;
mod protobuf;
pub mod syslog;

pub use batch::{BELOW_LEVEL, Batch, LINES_MAX, LineProblem, Told, unfolded_bytes_max};
pub use envelope::record;
pub use protobuf::Writer;

use crate::record::{Problems, Severity};
use std::borrow::Cow;

/// One line in its envelope.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    /// The line, or what the protocol calls the message or body.
    pub line: Cow<'a, [u8]>,
    /// What the protocol says that this is.
    pub form: Form,
    /// When it happened or was written, by the envelope, ns since the epoch.
    pub time_ns: Option<i64>,
    /// How serious it is, by the envelope.
    pub severity: Option<Severity>,
    /// The envelope's attributes as the text of a JSON object; empty where there are none.
    pub fields: String,
    /// What is wrong with the envelope.
    pub wrong: Problems,
}

/// What a protocol says of the text that it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A line as a program printed it: plain text is `raw`.
    Line,
    /// The message of a record whose other fields the envelope has: plain text is what it should be. A JSON object is a line nevertheless, since collectors send those so.
    Message,
}

/// Why a body is refused as a whole. The text says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is not what it should be.
    #[error("{0}")]
    Malformed(String),
    /// More lines than one request may have.
    #[error("the request has over {0} lines")]
    TooMany(usize),
    /// It unfolds to more than one request may, bytes.
    #[error("the lines of the request, each with the attributes that it shares, take over {0} bytes")]
    TooLarge(usize),
}

impl DecodeError {
    fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }
}

/// Who takes the items of a body, one after the other.
pub type Take<'t> = &'t mut dyn FnMut(Item<'_>) -> Result<(), DecodeError>;
