//! Both encodings come to the same records.

use super::{decode_json, decode_protobuf};
use crate::push::{DecodeError, Item, Writer, record};
use crate::record::{Problem, Severity, Verdict};
use crate::{Profile, Record};
use proptest::prelude::*;
use serde_json::json;

const NOW: i64 = 1_795_342_370_400_000_000;
const TIME: u64 = 1_795_342_370_300_000_001;

type Decode = fn(&[u8], crate::push::Take<'_>) -> Result<(), DecodeError>;

fn records(decode: Decode, body: &[u8]) -> Result<Vec<Record>, DecodeError> {
    let (profile, mut records) = (Profile::default(), Vec::new());
    decode(body, &mut |item: Item<'_>| {
        records.push(record(&item, NOW, &profile));
        Ok(())
    })?;
    Ok(records)
}

fn text(value: &str) -> Writer {
    Writer::default().bytes(1, value)
}

fn attribute(name: &str, value: impl AsRef<[u8]>) -> Writer {
    Writer::default().bytes(1, name).bytes(2, value)
}

/// A request of one record, within its resource and scope. The resource stands behind, as it may.
fn request(record: impl AsRef<[u8]>, resource: &[Writer]) -> Vec<u8> {
    let resource = resource.iter().fold(Writer::default(), |message, attribute| message.bytes(1, attribute));
    let scope = Writer::default().bytes(1, "lib").bytes(2, "1.2").bytes(3, attribute("s", text("t")));
    let logs = Writer::default().bytes(2, record).bytes(1, scope);
    Writer::default().bytes(1, Writer::default().bytes(2, logs).bytes(1, resource)).finish()
}

fn json_request(record: &serde_json::Value, resource: &serde_json::Value) -> Vec<u8> {
    let scope = json!({"name": "lib", "version": "1.2", "attributes": [{"key": "s", "value": {"stringValue": "t"}}]});
    let logs = json!([{"logRecords": [record], "scope": scope}]);
    json!({"resourceLogs": [{"scopeLogs": logs, "resource": {"attributes": resource}}]}).to_string().into_bytes()
}

#[test]
fn every_field_has_its_place_in_both_encodings() {
    let list = Writer::default().bytes(1, Writer::default().varint(3, 1)).bytes(1, text("b"));
    let map = Writer::default().bytes(1, attribute("k", Writer::default().varint(2, 1)));
    let proto = Writer::default()
        .fixed64(1, TIME)
        .varint(2, 18)
        .bytes(3, "CRIT")
        .bytes(5, text("it \"broke\"\n"))
        .bytes(6, attribute("http.route", text("/v1")))
        .bytes(6, attribute("n", Writer::default().varint(3, (-5_i64).cast_unsigned())))
        .bytes(6, attribute("d", Writer::default().fixed64(4, 0.5_f64.to_bits())))
        .bytes(6, attribute("l", Writer::default().bytes(5, list)))
        .bytes(6, attribute("m", Writer::default().bytes(6, map)))
        .bytes(6, attribute("raw", Writer::default().bytes(7, [0xff, 0])))
        .bytes(6, attribute("none", Writer::default()))
        .varint(7, 2)
        .bytes(9, [0xab; 16])
        .bytes(10, [0xcd; 8])
        .fixed64(11, TIME + 9)
        .bytes(12, "sim.updated");
    let name = [attribute("service.name", text("sms"))];
    let from_proto = records(decode_protobuf, &request(proto, &name)).unwrap();
    let json = json!({
        "timeUnixNano": TIME.to_string(), "observedTimeUnixNano": TIME + 9, "severityNumber": 18, "severityText": "CRIT",
        "body": {"stringValue": "it \"broke\"\n"}, "traceId": "ABABABABABABABABABABABABABABABAB", "spanId": "cdcdcdcdcdcdcdcd",
        "droppedAttributesCount": 2, "eventName": "sim.updated", "unheard": {"of": []},
        "attributes": [
            {"key": "http.route", "value": {"stringValue": "/v1"}}, {"key": "n", "value": {"intValue": "-5"}}, {"key": "d", "value": {"doubleValue": 0.5}},
            {"key": "l", "value": {"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "b"}]}}},
            {"key": "m", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": true}}]}}},
            {"key": "raw", "value": {"bytesValue": "/wA="}}, {"key": "none", "value": {}},
        ],
    });
    let from_json = records(decode_json, &json_request(&json, &json!([{"key": "service.name", "value": {"stringValue": "sms"}}]))).unwrap();
    assert_eq!(from_proto, from_json);
    let [record] = &from_proto[..] else { panic!("{from_proto:?}") };
    assert_eq!((record.verdict, record.message.as_str()), (Verdict::Ok, "it \"broke\"\n"));
    assert_eq!((record.severity, record.time_ns), (Some(Severity::CRITICAL), TIME.cast_signed()));
    let expected = concat!(
        r#"{"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","event_name":"sim.updated","severity_text":"CRIT","#,
        r#""dropped_attributes_count":2,"http.route":"/v1","n":-5,"d":0.5,"l":[1,"b"],"m":{"k":true},"raw":"/wA=","none":null,"#,
        r#""scope":{"name":"lib","version":"1.2","attributes":{"s":"t"}},"service.name":"sms"}"#,
    );
    assert_eq!(record.attributes, expected);
}

#[test]
fn bodies_of_every_kind() {
    let record =
        |body: Writer| records(decode_protobuf, &request(Writer::default().fixed64(11, TIME).bytes(5, body), &[])).unwrap().remove(0);
    let line = record(text(r#"{"timestamp":"2026-11-22T10:12:50Z","level":"error","message":"a line","request_id":"r-1"}"#));
    assert_eq!((line.verdict, line.severity, line.message.as_str()), (Verdict::Ok, Some(Severity::ERROR), "a line"));
    assert!(line.attributes.starts_with(r#"{"request_id":"r-1","scope""#), "{}", line.attributes);
    let map =
        Writer::default().bytes(6, Writer::default().bytes(1, attribute("message", text("mapped"))).bytes(1, attribute("a", text("b"))));
    let mapped = record(map);
    assert_eq!((mapped.message.as_str(), mapped.attributes.starts_with(r#"{"a":"b","#)), ("mapped", true));
    assert_eq!(record(Writer::default().varint(3, 7)).message, "7");
    assert_eq!(record(Writer::default().bytes(5, Writer::default().bytes(1, text("x")))).message, r#"["x"]"#);
    let none = records(decode_protobuf, &request(Writer::default().fixed64(1, TIME).varint(2, 9), &[])).unwrap().remove(0);
    assert_eq!((none.message.as_str(), none.problems.contains(Problem::EmptyMessage)), ("", true));
    assert_eq!(none.time_ns, TIME.cast_signed());
}

#[test]
fn an_attribute_of_record_and_resource_is_found_twice() {
    let own = Writer::default().bytes(5, text("x")).bytes(6, attribute("host.name", text("record")));
    let resource = [attribute("host.name", text("resource")), attribute("module", text("not-mine"))];
    let record = records(decode_protobuf, &request(own, &resource)).unwrap().remove(0);
    let attributes: serde_json::Value = serde_json::from_str(&record.attributes).unwrap();
    assert_eq!((&attributes["host.name"], &attributes["resource"]["host.name"]), (&json!("record"), &json!("resource")));
    assert_eq!(attributes["module"], "not-mine");
    assert!(record.problems.contains(Problem::ReservedKey));
}

#[test]
fn severities_by_number_name_and_text() {
    let severity = |record: serde_json::Value| {
        records(decode_json, &json_request(&record, &json!([]))).unwrap().remove(0).severity.map(Severity::number)
    };
    assert_eq!(severity(json!({"severityNumber": 14})), Some(14));
    assert_eq!(severity(json!({"severityNumber": "SEVERITY_NUMBER_WARN2"})), Some(14));
    assert_eq!(severity(json!({"severityNumber": "SEVERITY_NUMBER_FATAL"})), Some(21));
    assert_eq!(severity(json!({"severityNumber": 0, "severityText": "Warning"})), Some(13));
    assert_eq!(severity(json!({"severityNumber": 99, "severityText": "odd"})), None);
    assert_eq!(severity(json!({})), None);
}

#[test]
fn what_is_no_request_is_refused_and_says_where() {
    for body in [
        &b"{"[..],
        b"[]",
        b"{\"resourceLogs\":{}}",
        b"{\"resourceLogs\":[1]}",
        b"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"x\"}]}]}]}",
    ] {
        assert!(
            matches!(records(decode_json, body), Err(DecodeError::Malformed(text)) if !text.is_empty()),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
    for body in [&b"{}"[..], b"{\"resourceLogs\":null}", b"{\"resourceLogs\":[{\"scopeLogs\":[{}]},{}]}"] {
        assert_eq!(records(decode_json, body).unwrap(), []);
    }
    assert!(records(decode_protobuf, b"plain text").is_err());
    assert_eq!(records(decode_protobuf, b"").unwrap(), []);
}

#[test]
fn what_is_left_out_or_replaced_is_told() {
    let many: Vec<Writer> = (0..2_000).map(|number| attribute(&format!("a{number}"), text("x"))).collect();
    let found = records(decode_protobuf, &request(Writer::default().bytes(5, text("x")), &many)).unwrap().remove(0);
    assert!(found.problems.contains(Problem::TooLong) && found.problems.contains(Problem::TooManyFields));
    let replaced =
        records(decode_protobuf, &request(Writer::default().bytes(5, Writer::default().bytes(1, b"caf\xe9")), &[])).unwrap().remove(0);
    assert!(replaced.message == "caf\u{fffd}" && replaced.problems.contains(Problem::BadUtf8));
    let json = b"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"caf\xe9\"}},{\"body\":{\"stringValue\":\"whole\"}}]}]}]}";
    let found = records(decode_json, json).unwrap();
    assert_eq!(found.iter().map(|record| record.problems.contains(Problem::BadUtf8)).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_bomb_of_empty_values_stays_small() {
    let element: &[u8] = &[];
    let list = (0..1_000_000).fold(Writer::default(), |list, _| list.bytes(1, element));
    let body = request(Writer::default().bytes(5, Writer::default().bytes(5, list)), &[]);
    let record = records(decode_protobuf, &body).unwrap().remove(0);
    assert!(record.message.len() + record.attributes.len() < 2 * crate::limits::LINE_BYTES_MAX);
    let deep = (0..2_000).fold(text("x"), |inner, _| Writer::default().bytes(5, Writer::default().bytes(1, inner)));
    assert_eq!(records(decode_protobuf, &request(Writer::default().bytes(5, deep), &[])).unwrap().len(), 1);
    let deep = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{}{}}}]}}]}}]}}"#,
        r#"{"arrayValue":{"values":["#.repeat(5_000),
        "]}}".repeat(5_000)
    );
    assert_eq!(records(decode_json, deep.as_bytes()).unwrap().len(), 1);
}

proptest! {
    #[test]
    fn any_bytes_are_records_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = records(decode_protobuf, &bytes);
        let _ = records(decode_json, &bytes);
    }

    #[test]
    fn any_text_comes_back(body in "\\PC{0,60}", name in "[a-z.]{1,12}", value in "\\PC{0,40}") {
        prop_assume!(!body.trim_start().starts_with('{') && !name.contains("pass") && !name.contains("pin") && !name.contains("otp"));
        let record = Writer::default().bytes(5, text(&body)).bytes(6, attribute(&format!("x.{name}"), text(&value)));
        let found = records(decode_protobuf, &request(record, &[])).unwrap().remove(0);
        if found.redactions.is_empty() {
            prop_assert_eq!(&found.message, &body);
            let attributes: serde_json::Value = serde_json::from_str(&found.attributes).unwrap();
            prop_assert_eq!(&attributes[&format!("x.{name}")], &json!(value));
        }
    }
}
