//! What both encodings of a log record come to.

use super::super::fields::Fields;
use super::super::{Form, Item};
use crate::record::{Problem, Severity};
use std::borrow::Cow;

/// How deep values are written out; what is deeper is kept as `null`. The limit of a record's own depth is below.
pub(super) const DEPTH_MAX: usize = 32;
/// A list or map is written out up to this length, bytes: beyond it the record could not keep it anyway.
pub(super) const VALUE_BYTES_MAX: usize = 2 * crate::limits::LINE_BYTES_MAX;
/// Attributes of one record, or of one resource, that are looked at; a record keeps fewer.
pub(super) const ATTRIBUTES_MAX: usize = 1_024;

/// Names with their values as JSON, and how many more there are than are looked at.
pub(super) type Attributes = (Vec<(String, String)>, u64);

/// What all records of a resource and scope share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Each attribute of the resource: its name, and its value as JSON.
    pub(super) resource: Vec<(String, String)>,
    /// The same, written.
    resource_fields: Fields,
    /// The scope, written as an attribute.
    pub(super) scope: Fields,
}

/// A log record, its values as JSON.
#[derive(Debug, Default)]
pub(super) struct Log<'a> {
    pub(super) time_ns: u64,
    pub(super) observed_ns: u64,
    pub(super) severity: u64,
    pub(super) severity_text: Cow<'a, str>,
    /// The body.
    pub(super) body: Body<'a>,
    pub(super) attributes: Vec<(Cow<'a, str>, String)>,
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) flags: u64,
    pub(super) event_name: Cow<'a, str>,
    pub(super) dropped: u64,
    /// Bytes of the body were no UTF-8 and are replaced.
    pub(super) replaced: bool,
}

/// A body.
#[derive(Debug, Default)]
pub(super) enum Body<'a> {
    #[default]
    None,
    Text(Cow<'a, str>),
    /// The JSON of anything else.
    Json(String),
}

impl Shared {
    /// Of a resource with these attributes, and so many more that are not looked at.
    pub(super) fn of_resource((resource, more): Attributes) -> Self {
        let mut resource_fields = Fields::default();
        resource.iter().for_each(|(name, value)| resource_fields.raw(name, value));
        if more > 0 {
            resource_fields.leave_out();
        }
        Self { resource, resource_fields, scope: Fields::default() }
    }

    /// The scope of the records that follow.
    pub(super) fn set_scope(&mut self, name: &str, version: &str, (attributes, more): &Attributes) {
        let (mut scope, mut own) = (Fields::default(), Fields::default());
        scope.text_if_any("name", name);
        scope.text_if_any("version", version);
        attributes.iter().for_each(|(name, value)| own.raw(name, value));
        if *more > 0 {
            own.leave_out();
        }
        scope.object("attributes", &own);
        self.scope = Fields::default();
        self.scope.object("scope", &scope);
    }
}

impl<'a> Log<'a> {
    /// The item that it is.
    pub(super) fn item(self, shared: &Shared) -> Item<'a> {
        let fields = self.fields(shared);
        let Self { time_ns, observed_ns, severity, severity_text, body, replaced, .. } = self;
        let mut wrong = fields.wrong();
        if replaced {
            wrong.insert(Problem::BadUtf8);
        }
        let time_ns = [time_ns, observed_ns].into_iter().find(|time| *time > 0).and_then(|time| i64::try_from(time).ok());
        let number = u8::try_from(severity).ok().and_then(Severity::from_number);
        let severity = number.or_else(|| Severity::from_word(severity_text.trim()));
        let line = match body {
            Body::None => Cow::Borrowed(&[][..]),
            Body::Text(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
            Body::Text(Cow::Owned(text)) | Body::Json(text) => Cow::Owned(text.into_bytes()),
        };
        Item { line, form: Form::Message, time_ns, severity, wrong, fields: fields.finish() }
    }

    fn fields(&self, shared: &Shared) -> Fields {
        let mut fields = Fields::default();
        fields.text_if_any("trace_id", &self.trace_id);
        fields.text_if_any("span_id", &self.span_id);
        if self.flags != 0 {
            fields.number("trace_flags", self.flags);
        }
        fields.text_if_any("event_name", &self.event_name);
        fields.text_if_any("severity_text", &self.severity_text);
        if self.dropped > 0 {
            fields.number("dropped_attributes_count", self.dropped);
        }
        self.attributes.iter().for_each(|(name, value)| fields.raw(name, value));
        fields.all(&shared.scope);
        let own = |name: &str| self.attributes.iter().any(|(own, _)| own == name);
        if !shared.resource.iter().any(|(name, _)| own(name)) {
            fields.all(&shared.resource_fields);
            return fields;
        }
        let mut doubled = Fields::default();
        for (name, value) in &shared.resource {
            let into = if own(name) { &mut doubled } else { &mut fields };
            into.raw(name, value);
        }
        fields.object("resource", &doubled);
        fields
    }
}

/// Bytes as hexadecimal digits; nothing for an id of zeros, which is none.
pub(super) fn hex(bytes: &[u8]) -> String {
    if bytes.iter().all(|byte| *byte == 0) {
        return String::new();
    }
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
        text
    })
}

/// A double as JSON: what JSON has no number for is a text.
pub(super) fn double(value: f64) -> String {
    serde_json::Number::from_f64(value).map_or_else(|| format!("\"{value}\""), |number| number.to_string())
}
