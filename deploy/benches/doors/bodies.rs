//! Generated lines as each protocol's clients send them: a request, or a piece of a stream, for so many lines.

use super::generator::GeneratedLine;
use flate2::{Compression, write::GzEncoder};
use martlog_formats::push::Writer;
use serde_json::{Value, json};
use std::io::Write as _;

/// A protocol.
pub(crate) struct Door {
    pub(crate) name: &'static str,
    /// `None` for a stream.
    pub(crate) path: Option<&'static str>,
    pub(crate) content: &'static str,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) body: fn(&[GeneratedLine]) -> Vec<u8>,
}

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

const fn door(name: &'static str, path: &'static str, content: &'static str, body: fn(&[GeneratedLine]) -> Vec<u8>) -> Door {
    Door { name, path: Some(path), content, encoding: None, body }
}

pub(crate) const DOORS: &[Door] = &[
    door("NDJSON", "/api/v1/ingest", LINES, ndjson),
    door("OTLP, protobuf", "/v1/logs", PROTOBUF, otlp_protobuf),
    Door { encoding: Some("gzip"), ..door("OTLP, protobuf, gzip", "/v1/logs", PROTOBUF, otlp_gzip) },
    door("OTLP, JSON", "/v1/logs", JSON, otlp_json),
    door("Loki, protobuf, snappy", "/loki/api/v1/push", PROTOBUF, loki_protobuf),
    door("Loki, JSON", "/loki/api/v1/push", JSON, loki_json),
    door("Elasticsearch, bulk", "/_bulk", LINES, bulk),
    Door { name: "syslog over TCP", path: None, content: "", encoding: None, body: syslog },
];

fn ndjson(lines: &[GeneratedLine]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.json.as_bytes(), b"\n"].concat()).collect()
}

fn otlp_protobuf(lines: &[GeneratedLine]) -> Vec<u8> {
    let value = |text: &str| Writer::default().bytes(1, text).finish();
    let attribute = |key: &str, text: &str| Writer::default().bytes(1, key).bytes(2, value(text)).finish();
    let record = |line: &GeneratedLine| Writer::default().fixed64(1, line.time_ns.unsigned_abs()).bytes(5, value(&line.json)).finish();
    let scope = lines.iter().fold(Writer::default(), |scope, line| scope.bytes(2, record(line))).finish();
    let resource = Writer::default().bytes(1, attribute("service.name", "sms")).finish();
    Writer::default().bytes(1, Writer::default().bytes(1, resource).bytes(2, scope).finish()).finish()
}

fn otlp_gzip(lines: &[GeneratedLine]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&otlp_protobuf(lines)).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn otlp_json(lines: &[GeneratedLine]) -> Vec<u8> {
    let record = |line: &GeneratedLine| json!({"timeUnixNano": line.time_ns.to_string(), "body": {"stringValue": line.json}});
    let records: Vec<Value> = lines.iter().map(record).collect();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "sms"}}]});
    json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}).to_string().into_bytes()
}

fn loki_protobuf(lines: &[GeneratedLine]) -> Vec<u8> {
    let time = |time_ns: i64| {
        let (seconds, nanos) = (time_ns.unsigned_abs() / 1_000_000_000, time_ns.unsigned_abs() % 1_000_000_000);
        Writer::default().varint(1, seconds).varint(2, nanos).finish()
    };
    let entry = |line: &GeneratedLine| Writer::default().bytes(1, time(line.time_ns)).bytes(2, &line.json).finish();
    let stream = lines.iter().fold(Writer::default().bytes(1, "{app=\"sms\"}"), |stream, line| stream.bytes(2, entry(line)));
    let push = Writer::default().bytes(1, stream.finish()).finish();
    snap::raw::Encoder::new().compress_vec(&push).unwrap_or_default()
}

fn loki_json(lines: &[GeneratedLine]) -> Vec<u8> {
    let values: Vec<Value> = lines.iter().map(|line| json!([line.time_ns.to_string(), line.json])).collect();
    json!({"streams": [{"stream": {"app": "sms"}, "values": values}]}).to_string().into_bytes()
}

fn bulk(lines: &[GeneratedLine]) -> Vec<u8> {
    let action = b"{\"create\":{\"_index\":\"logs\"}}\n";
    lines.iter().flat_map(|line| [action, line.json.as_bytes(), b"\n"].concat()).collect()
}

/// With octet counting.
fn syslog(lines: &[GeneratedLine]) -> Vec<u8> {
    let framed = lines.iter().flat_map(|line| {
        let time = chrono::DateTime::from_timestamp_nanos(line.time_ns).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let message = format!("<134>1 {time} node-1 sms - - - {}", line.json);
        format!("{} {message}", message.len()).into_bytes()
    });
    framed.collect()
}
