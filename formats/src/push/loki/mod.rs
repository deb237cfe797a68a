//! Loki's push, in JSON and in protobuf (snappy's block form around it). <https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>
//!
//! Each entry is a line as it was printed; its time is the entry's where the line says none. Labels of the stream and the entry's structured metadata are attributes by their names;
//! the metadata's counts where both have one. `level`, `severity` or `detected_level` among them says how serious a line is that does not say so itself.

mod json;
mod labels;
mod proto;

pub use json::decode as decode_json;
pub use proto::{decode as decode_protobuf, unfold, unfolded_len};

use super::fields::Fields;
use super::{Form, Item};
use crate::record::Severity;
use std::borrow::Cow;

/// Names under which clients say how serious a line is, the first that is there counts.
const LEVELS: [&str; 3] = ["level", "severity", "detected_level"];
/// Labels of a stream, or of an entry, that are looked at.
const LABELS_MAX: usize = 256;

/// Names and values.
type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The item of an entry.
fn item<'a>(time_ns: Option<i64>, line: &'a str, labels: &Pairs<'_>, metadata: &Pairs<'_>) -> Item<'a> {
    let mut fields = Fields::default();
    let own = |name: &str| metadata.iter().any(|(known, _)| known == name);
    let all = metadata.iter().chain(labels.iter().filter(|(name, _)| !own(name)));
    let mut severity = [None; LEVELS.len()];
    for (name, value) in all {
        if let Some(place) = LEVELS.iter().position(|known| known == name) {
            severity[place] = Severity::from_word(value.trim());
        }
        fields.text(name, value);
    }
    let severity = severity.into_iter().flatten().next();
    let line = Cow::Borrowed(line.as_bytes());
    Item { line, form: Form::Line, time_ns, severity, wrong: fields.wrong(), fields: fields.finish() }
}

#[cfg(test)]
mod tests;
