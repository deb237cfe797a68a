//! The JSON encoding: as protobuf's JSON mapping, but ids are hexadecimal and enums are numbers. Members that are not known are passed over.

use super::super::json::{each, is_replaced, read, text};
use super::super::{DecodeError, Take};
use super::log::{ATTRIBUTES_MAX, Attributes, Body, DEPTH_MAX, Log, Shared, VALUE_BYTES_MAX, double};
use crate::json;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow, alias = "resource_logs")]
    resource_logs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceLogs<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, alias = "scope_logs")]
    scope_logs: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Resource<'a> {
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeLogs<'a> {
    #[serde(borrow)]
    scope: Option<Scope<'a>>,
    #[serde(borrow, alias = "log_records")]
    log_records: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Scope<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogRecord<'a> {
    #[serde(borrow, alias = "time_unix_nano")]
    time_unix_nano: Option<&'a RawValue>,
    #[serde(borrow, alias = "observed_time_unix_nano")]
    observed_time_unix_nano: Option<&'a RawValue>,
    #[serde(borrow, alias = "severity_number")]
    severity_number: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "severity_text")]
    severity_text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
    #[serde(borrow, alias = "dropped_attributes_count")]
    dropped_attributes_count: Option<&'a RawValue>,
    #[serde(borrow)]
    flags: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "trace_id")]
    trace_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "span_id")]
    span_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "event_name")]
    event_name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct KeyValue<'a> {
    #[serde(borrow, default)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyValue<'a> {
    #[serde(borrow, alias = "string_value")]
    string_value: Option<&'a RawValue>,
    #[serde(alias = "bool_value")]
    bool_value: Option<bool>,
    #[serde(borrow, alias = "int_value")]
    int_value: Option<&'a RawValue>,
    #[serde(borrow, alias = "double_value")]
    double_value: Option<&'a RawValue>,
    #[serde(borrow, alias = "array_value")]
    array_value: Option<Values<'a>>,
    #[serde(borrow, alias = "kvlist_value")]
    kvlist_value: Option<Values<'a>>,
    #[serde(borrow, alias = "bytes_value")]
    bytes_value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Values<'a> {
    #[serde(borrow)]
    values: Option<&'a RawValue>,
}

/// Walks the log records of an `ExportLogsServiceRequest`.
///
/// # Errors
/// When the body is no such object, or the items are refused.
pub fn decode(body: &[u8], take: Take<'_>) -> Result<(), DecodeError> {
    let body = text(body);
    let replaced = matches!(body, Cow::Owned(_));
    let request: Request<'_> = read(&body, "the body is no ExportLogsServiceRequest")?;
    each(request.resource_logs, "resourceLogs", &mut |element| {
        let logs: ResourceLogs<'_> = read(element.get(), "resourceLogs")?;
        let resource = match logs.resource.filter(|resource| resource.get() != "null") {
            Some(resource) => read::<Resource<'_>>(resource.get(), "resource")?,
            None => Resource::default(),
        };
        let mut shared = Shared::of_resource(attributes(resource.attributes)?);
        each(logs.scope_logs, "scopeLogs", &mut |element| scope_logs(element, &mut shared, replaced, take))
    })
}

fn scope_logs(element: &RawValue, shared: &mut Shared, replaced: bool, take: Take<'_>) -> Result<(), DecodeError> {
    let ScopeLogs { scope, log_records } = read(element.get(), "scopeLogs")?;
    let scope = scope.unwrap_or_default();
    let (name, version) = (scope.name.unwrap_or_default(), scope.version.unwrap_or_default());
    shared.set_scope(&name, &version, &attributes(scope.attributes)?);
    let shared = &*shared;
    each(log_records, "logRecords", &mut |element| {
        let mut log = log(element.get())?;
        log.replaced = replaced && is_replaced(element.get());
        take(log.item(shared))
    })
}

fn log(element: &str) -> Result<Log<'_>, DecodeError> {
    let record: LogRecord<'_> = read(element, "logRecords")?;
    let (attributes, too_many) = attributes(record.attributes)?;
    let id = |id: Option<Cow<'_, str>>| id.filter(|id| id.bytes().any(|byte| byte != b'0')).map(|id| id.to_ascii_lowercase());
    Ok(Log {
        time_ns: number(record.time_unix_nano, "timeUnixNano")?,
        observed_ns: number(record.observed_time_unix_nano, "observedTimeUnixNano")?,
        severity: severity(record.severity_number)?,
        severity_text: record.severity_text.unwrap_or_default(),
        body: body(record.body)?,
        attributes: attributes.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect(),
        trace_id: id(record.trace_id).unwrap_or_default(),
        span_id: id(record.span_id).unwrap_or_default(),
        flags: number(record.flags, "flags")?,
        event_name: record.event_name.unwrap_or_default(),
        dropped: number(record.dropped_attributes_count, "droppedAttributesCount")?.saturating_add(too_many),
        replaced: false,
    })
}

fn body(value: Option<&RawValue>) -> Result<Body<'_>, DecodeError> {
    let Some(value) = value.filter(|value| value.get() != "null") else { return Ok(Body::None) };
    match read::<AnyValue<'_>>(value.get(), "body")?.string_value {
        Some(text) => {
            let quoted = string(text)?;
            Ok(Body::Text(json::unescape(&quoted[1..quoted.len() - 1])))
        }
        None => {
            let mut out = String::new();
            any(&mut out, Some(value), DEPTH_MAX)?;
            Ok(Body::Json(out))
        }
    }
}

/// Names and values, and how many more there are than are looked at.
fn attributes(list: Option<&RawValue>) -> Result<Attributes, DecodeError> {
    let (mut found, mut more) = (Vec::new(), 0);
    each(list, "attributes", &mut |element| {
        if found.len() == ATTRIBUTES_MAX {
            more += 1;
            return Ok(());
        }
        found.push(attribute(element)?);
        Ok(())
    })?;
    Ok((found, more))
}

fn attribute(element: &RawValue) -> Result<(String, String), DecodeError> {
    let KeyValue { key, value } = read(element.get(), "attributes")?;
    let mut out = String::new();
    any(&mut out, value, DEPTH_MAX)?;
    Ok((key.unwrap_or_default().into_owned(), out))
}

/// Appends a value as JSON; `null` and nothing are null.
fn any(out: &mut String, value: Option<&RawValue>, depth: usize) -> Result<(), DecodeError> {
    let Some(value) = value.filter(|value| value.get() != "null") else {
        out.push_str("null");
        return Ok(());
    };
    match read::<AnyValue<'_>>(value.get(), "a value")? {
        AnyValue { string_value: Some(text), .. } | AnyValue { bytes_value: Some(text), .. } => out.push_str(string(text)?),
        AnyValue { bool_value: Some(value), .. } => out.push_str(if value { "true" } else { "false" }),
        AnyValue { int_value: Some(value), .. } => out.push_str(&integer(value)?.to_string()),
        AnyValue { double_value: Some(value), .. } => out.push_str(&double_text(value)?),
        AnyValue { array_value: Some(list), .. } if depth > 0 => {
            parts(out, list, ['[', ']'], &mut |out, element| any(out, Some(element), depth - 1))?;
        }
        AnyValue { kvlist_value: Some(list), .. } if depth > 0 => parts(out, list, ['{', '}'], &mut |out, element| {
            let KeyValue { key, value } = read(element.get(), "kvlistValue")?;
            json::push_string(out, &key.unwrap_or_default());
            out.push(':');
            any(out, value, depth - 1)
        })?,
        _ => out.push_str("null"),
    }
    Ok(())
}

/// Who appends an element to a text.
type Write<'w> = &'w mut dyn FnMut(&mut String, &RawValue) -> Result<(), DecodeError>;

/// The elements of a list or map, as long as their JSON is of a length that could be kept.
fn parts(out: &mut String, list: Values<'_>, brackets: [char; 2], write: Write<'_>) -> Result<(), DecodeError> {
    let begun = out.len() + 1;
    out.push(brackets[0]);
    each(list.values, "values", &mut |element| {
        if out.len() > VALUE_BYTES_MAX {
            return Ok(());
        }
        if out.len() > begun {
            out.push(',');
        }
        write(out, element)
    })?;
    out.push(brackets[1]);
    Ok(())
}

/// A string as written, quotes included.
fn string(value: &RawValue) -> Result<&str, DecodeError> {
    let text = value.get();
    if text.starts_with('"') { Ok(text) } else { Err(DecodeError::malformed("a stringValue or bytesValue is no text")) }
}

/// A number, as such or as text.
fn bare(value: &RawValue) -> &str {
    value.get().trim_matches('"')
}

fn integer(value: &RawValue) -> Result<i64, DecodeError> {
    bare(value).parse().map_err(|_| DecodeError::malformed(format!("an intValue is no 64-bit number: {}", value.get())))
}

fn double_text(value: &RawValue) -> Result<String, DecodeError> {
    bare(value).parse().map(double).map_err(|_| DecodeError::malformed(format!("a doubleValue is no number: {}", value.get())))
}

fn number(value: Option<&RawValue>, what: &str) -> Result<u64, DecodeError> {
    let Some(text) = value.map(bare).filter(|text| !text.is_empty() && *text != "null") else { return Ok(0) };
    text.parse().map_err(|_| DecodeError::malformed(format!("{what} is no whole number: {text}")))
}

/// The number of a severity, or of its name: `SEVERITY_NUMBER_WARN2`.
fn severity(value: Option<&RawValue>) -> Result<u64, DecodeError> {
    const NAMES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let Some(name) = value.map(bare).and_then(|text| text.strip_prefix("SEVERITY_NUMBER_")) else {
        return number(value, "severityNumber");
    };
    let word = name.trim_end_matches(['2', '3', '4']);
    let step = name.get(word.len()..).and_then(|step| step.parse().ok()).unwrap_or(1_u64);
    let place = (0..).zip(NAMES).find(|(_, known)| *known == word).map_or(0, |(place, _)| place * 4 + step);
    Ok(place)
}
