//! Lines that are no JSON object: the text is the message, whole, and known shapes show what is in it.

use super::{Parts, Work};
use crate::json;
use crate::limits::{self, HEAD_BYTES_MAX};
use crate::record::{Problem, Record, Verdict};
use crate::shapes;

impl Work<'_> {
    /// The record of a line that is no JSON object.
    pub(super) fn raw(mut self, text: &str) -> Record {
        let is_value = text.trim_start().starts_with(['[', '"', 't', 'f', 'n', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        self.problems.insert(if is_value && json::is_value(text) { Problem::NotObject } else { Problem::NotJson });
        if text.trim().is_empty() {
            self.problems.insert(Problem::EmptyMessage);
        }
        let redactor = &self.profile.redactor;
        let message = redactor.line(text, &mut self.tally);
        // The secrets are gone from what is looked at here, so none can become an id.
        let head = limits::prefix(&message, HEAD_BYTES_MAX);
        let reading = shapes::read(head, self.context());
        let mut attributes = String::new();
        if let Some((field, id)) = self.profile.request_ids.find(head) {
            attributes.push('{');
            json::push_string(&mut attributes, field);
            attributes.push(':');
            json::push_string(&mut attributes, id);
            attributes.push('}');
        }
        let time_ns = reading.moment.and_then(|moment| self.trusted(moment));
        let message = self.marked_if_cut(message.into_owned());
        self.record(Parts { time_ns, severity: reading.severity, message, attributes }, Verdict::Raw)
    }
}
