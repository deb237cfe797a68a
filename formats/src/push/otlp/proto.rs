//! The protobuf encoding. Numbers of fields: `opentelemetry/proto/{collector/logs/v1,logs/v1,common/v1,resource/v1}` of opentelemetry-proto 1.x.

use super::super::protobuf::{Message, Value};
use super::super::{DecodeError, Take};
use super::log::{ATTRIBUTES_MAX, Attributes, Body, DEPTH_MAX, Log, Shared, VALUE_BYTES_MAX, double, hex};
use crate::json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// Walks the log records of an `ExportLogsServiceRequest`.
///
/// # Errors
/// When the body is no such message, or the items are refused.
pub fn decode(body: &[u8], take: Take<'_>) -> Result<(), DecodeError> {
    let mut request = Message::new(body);
    while let Some((field, value)) = request.next()? {
        if field == 1 {
            resource_logs(value.bytes()?, take)?;
        }
    }
    Ok(())
}

fn resource_logs(bytes: &[u8], take: Take<'_>) -> Result<(), DecodeError> {
    // The resource may stand behind its records.
    let mut resource = Attributes::default();
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        if field == 1 {
            resource = attributes(value.bytes()?, 1)?;
        }
    }
    let mut shared = Shared::of_resource(resource);
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        if field == 2 {
            scope_logs(value.bytes()?, &mut shared, take)?;
        }
    }
    Ok(())
}

fn scope_logs(bytes: &[u8], shared: &mut Shared, take: Take<'_>) -> Result<(), DecodeError> {
    shared.set_scope("", "", &Attributes::default());
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        if field == 1 {
            let scope = value.bytes()?;
            let (mut name, mut version) = (Cow::Borrowed(""), Cow::Borrowed(""));
            let mut parts = Message::new(scope);
            while let Some((field, value)) = parts.next()? {
                match field {
                    1 => name = value.text()?,
                    2 => version = value.text()?,
                    _ => {}
                }
            }
            shared.set_scope(&name, &version, &attributes(scope, 3)?);
        }
    }
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        if field == 2 {
            take(log(value.bytes()?)?.item(shared))?;
        }
    }
    Ok(())
}

fn log(bytes: &[u8]) -> Result<Log<'_>, DecodeError> {
    let mut log = Log::default();
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => log.time_ns = value.number()?,
            2 => log.severity = value.number()?,
            3 => log.severity_text = value.text()?,
            5 => {
                log.body = body(value.bytes()?)?;
                // What is UTF-8 is not copied.
                log.replaced = matches!(log.body, Body::Text(Cow::Owned(_)));
            }
            6 if log.attributes.len() < ATTRIBUTES_MAX => log.attributes.push(attribute(value.bytes()?)?),
            // One more that cannot be kept.
            6 => log.dropped = log.dropped.saturating_add(1),
            7 => log.dropped = log.dropped.saturating_add(value.number()?),
            8 => log.flags = value.number()?,
            9 => log.trace_id = hex(value.bytes()?),
            10 => log.span_id = hex(value.bytes()?),
            11 => log.observed_ns = value.number()?,
            12 => log.event_name = value.text()?,
            _ => {}
        }
    }
    Ok(log)
}

fn body(bytes: &[u8]) -> Result<Body<'_>, DecodeError> {
    let mut found = Body::None;
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        found = match field {
            1 => Body::Text(value.text()?),
            _ => {
                let mut out = String::new();
                any(&mut out, bytes, DEPTH_MAX)?;
                Body::Json(out)
            }
        };
    }
    Ok(found)
}

/// The attributes in a message, in the field of this number.
fn attributes(bytes: &[u8], number: u64) -> Result<Attributes, DecodeError> {
    let (mut found, mut more) = (Vec::new(), 0);
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        if field != number {
            continue;
        }
        if found.len() == ATTRIBUTES_MAX {
            more += 1;
            continue;
        }
        let (name, value) = attribute(value.bytes()?)?;
        found.push((name.into_owned(), value));
    }
    Ok((found, more))
}

/// A `KeyValue`: its name, and its value as JSON.
fn attribute(bytes: &[u8]) -> Result<(Cow<'_, str>, String), DecodeError> {
    let (name, value) = key_value(bytes)?;
    let mut out = String::new();
    any(&mut out, value, DEPTH_MAX)?;
    Ok((name, out))
}

/// Appends an `AnyValue` as JSON.
fn any(out: &mut String, bytes: &[u8], depth: usize) -> Result<(), DecodeError> {
    let begun = out.len();
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        // Of several kinds the last counts.
        out.truncate(begun);
        match (field, value) {
            (1, value) => json::push_string(out, &value.text()?),
            (2, value) => out.push_str(if value.number()? == 0 { "false" } else { "true" }),
            (3, value) => out.push_str(&value.number()?.cast_signed().to_string()),
            (4, Value::Fixed64(bits)) => out.push_str(&double(f64::from_bits(bits))),
            (5, value) if depth > 0 => parts(out, value.bytes()?, ['[', ']'], &mut |out, element| any(out, element, depth - 1))?,
            (6, value) if depth > 0 => parts(out, value.bytes()?, ['{', '}'], &mut |out, element| {
                let (name, value) = key_value(element)?;
                json::push_string(out, &name);
                out.push(':');
                any(out, value, depth - 1)
            })?,
            (7, value) => json::push_string(out, &STANDARD.encode(value.bytes()?)),
            // Too deep, or a kind from a later version.
            _ => {}
        }
    }
    if out.len() == begun {
        out.push_str("null");
    }
    Ok(())
}

/// Who appends an element to a text.
type Write<'w> = &'w mut dyn FnMut(&mut String, &[u8]) -> Result<(), DecodeError>;

/// The elements of a list or map, as long as their JSON is of a length that could be kept.
fn parts(out: &mut String, bytes: &[u8], brackets: [char; 2], element: Write<'_>) -> Result<(), DecodeError> {
    let begun = out.len() + 1;
    out.push(brackets[0]);
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        if field == 1 && out.len() <= VALUE_BYTES_MAX {
            if out.len() > begun {
                out.push(',');
            }
            element(out, value.bytes()?)?;
        }
    }
    out.push(brackets[1]);
    Ok(())
}

/// The name and the value, not read, of a `KeyValue`.
fn key_value(bytes: &[u8]) -> Result<(Cow<'_, str>, &[u8]), DecodeError> {
    let (mut name, mut of_value) = (Cow::Borrowed(""), &[][..]);
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => name = value.text()?,
            2 => of_value = value.bytes()?,
            _ => {}
        }
    }
    Ok((name, of_value))
}
