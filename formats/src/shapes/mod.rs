//! Text shapes: what lines that are no JSON show of their level and time. One file per shape; the first that fits decides.
//!
//! A shape reads the beginning of a line and changes nothing: the message is the whole text.

mod access;
mod bracketed;
mod klog;
mod logfmt;
mod prefix;
mod python;
mod request_id;
mod syslog;
mod timed;

pub use request_id::RequestIdFinder;

use crate::record::Severity;
use crate::time::{Context, Moment};

/// What a shape shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// The level.
    pub severity: Option<Severity>,
    /// The time.
    pub moment: Option<Moment>,
}

/// Reads the first line of a text.
#[must_use]
pub fn read(text: &str, context: Context) -> Reading {
    let line = text.lines().next().unwrap_or_default();
    let plain = without_colours(line);
    let line = plain.trim_start();
    bracketed::read(line, context)
        .or_else(|| timed::read(line, context))
        .or_else(|| python::read(line))
        .or_else(|| klog::read(line, context))
        .or_else(|| syslog::read(line, context))
        .or_else(|| access::read(line, context))
        .or_else(|| logfmt::read(line, context))
        .or_else(|| prefix::read(line))
        .unwrap_or_default()
}

/// The line without the escape sequences that colour it on a terminal.
fn without_colours(line: &str) -> std::borrow::Cow<'_, str> {
    if !line.contains('\u{1b}') {
        return line.into();
    }
    let mut plain = String::with_capacity(line.len());
    let mut parts = line.split("\u{1b}[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1);
        plain.push_str(&part[end..]);
    }
    plain.into()
}
