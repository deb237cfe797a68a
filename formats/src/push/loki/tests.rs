//! Both encodings come to the same records.

use super::{decode_json, decode_protobuf, unfold};
use crate::push::{DecodeError, Item, Writer, record};
use crate::record::{Problem, Severity, Verdict};
use crate::{Profile, Record};
use proptest::prelude::*;
use serde_json::json;

const NOW: i64 = 1_795_342_370_400_000_000;
const SECONDS: u64 = 1_795_342_370;

type Decode = fn(&[u8], crate::push::Take<'_>) -> Result<(), DecodeError>;

fn records(decode: Decode, body: &[u8]) -> Result<Vec<Record>, DecodeError> {
    let (profile, mut records) = (Profile::default(), Vec::new());
    decode(body, &mut |item: Item<'_>| {
        records.push(record(&item, NOW, &profile));
        Ok(())
    })?;
    Ok(records)
}

fn entry(nanos: u64, line: &str, metadata: &[(&str, &str)]) -> Writer {
    let entry = Writer::default().bytes(1, Writer::default().varint(1, SECONDS).varint(2, nanos)).bytes(2, line);
    metadata.iter().fold(entry, |entry, (name, value)| entry.bytes(3, Writer::default().bytes(1, name).bytes(2, value)))
}

#[test]
fn labels_and_metadata_stand_beside_the_line_in_both_encodings() {
    let line = r#"{"level":"info","message":"paid","app":"own"}"#;
    let stream = Writer::default()
        .bytes(2, entry(7, "it broke", &[("trace_id", "t-1"), ("level", "warn")]))
        .bytes(2, entry(8, line, &[]))
        .bytes(1, r#"{app="sms", level="error", module="theirs"}"#);
    let from_proto = records(decode_protobuf, &Writer::default().bytes(1, stream).finish()).unwrap();
    let json = json!({"streams": [{
        "stream": {"app": "sms", "level": "error", "module": "theirs"},
        "values": [[format!("{SECONDS}000000007"), "it broke", {"trace_id": "t-1", "level": "warn"}], [format!("{SECONDS}000000008"), line]],
    }]});
    let from_json = records(decode_json, json.to_string().as_bytes()).unwrap();
    assert_eq!(from_proto, from_json);
    let [text, object] = &from_proto[..] else { panic!("{from_proto:?}") };
    assert_eq!((text.verdict, text.message.as_str(), text.severity), (Verdict::Raw, "it broke", Some(Severity::WARN)));
    assert_eq!(text.time_ns, (SECONDS * 1_000_000_000 + 7).cast_signed());
    assert_eq!(text.attributes, r#"{"trace_id":"t-1","level":"warn","app":"sms","module":"theirs"}"#);
    assert!(text.problems.contains(Problem::ReservedKey) && text.problems.contains(Problem::NotJson));
    assert_eq!((object.message.as_str(), object.severity), ("paid", Some(Severity::INFO)));
    assert_eq!(object.attributes, r#"{"app":"own","level":"error","module":"theirs","_envelope":{"app":"sms"}}"#);
}

#[test]
fn odd_entries_are_taken_and_broken_bodies_are_refused() {
    let odd =
        json!({"streams": [{"stream": {"n": 1, "none": null}, "values": [["1795342370000000000", 5]]}, {"values": []}, {"stream": null}]});
    let found = records(decode_json, odd.to_string().as_bytes()).unwrap();
    assert_eq!((found[0].message.as_str(), found[0].attributes.as_str()), ("5", r#"{"n":"1","none":"null"}"#));
    for body in [
        "",
        "[]",
        r#"{"streams":1}"#,
        r#"{"streams":[{"values":[["x","y"]]}]}"#,
        r#"{"streams":[{"values":[["1"]]}]}"#,
        r#"{"streams":[{"values":["1"]}]}"#,
    ] {
        assert!(matches!(records(decode_json, body.as_bytes()), Err(DecodeError::Malformed(text)) if !text.is_empty()), "{body}");
    }
    let stream = Writer::default().bytes(1, "no labels").bytes(2, entry(1, "x", &[]));
    assert!(records(decode_protobuf, &Writer::default().bytes(1, stream).finish()).is_err());
}

#[test]
fn bytes_that_are_no_text_are_replaced_and_told_where_they_are() {
    let stream = Writer::default().bytes(1, "{}").bytes(2, Writer::default().bytes(2, b"caf\xe9")).bytes(2, entry(1, "whole", &[]));
    let json = b"{\"streams\":[{\"values\":[[\"1795342370000000000\",\"caf\xe9\"],[\"1795342370000000000\",\"whole\"]]}]}";
    for found in [records(decode_protobuf, &Writer::default().bytes(1, stream).finish()).unwrap(), records(decode_json, json).unwrap()] {
        assert_eq!(found[0].message, "caf\u{fffd}");
        assert_eq!(found.iter().map(|record| record.problems.contains(Problem::BadUtf8)).collect::<Vec<_>>(), [true, false]);
    }
}

#[test]
fn a_snappy_bomb_is_seen_before_it_unfolds() {
    let zeros = snap::raw::Encoder::new().compress_vec(&vec![0; 64 << 20]).unwrap();
    assert!(zeros.len() < 4 << 20);
    assert_eq!(unfold(&zeros, 1 << 20), Err(DecodeError::TooLarge(1 << 20)));
    let body = snap::raw::Encoder::new().compress_vec(b"text").unwrap();
    assert_eq!(unfold(&body, 4).unwrap(), b"text");
    assert!(matches!(unfold(b"no snappy at all", 1 << 20), Err(DecodeError::Malformed(_))));
    assert!(unfold(b"", 10).is_err() && unfold(&body[..3], 10).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_records_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = records(decode_protobuf, &bytes);
        let _ = records(decode_json, &bytes);
        let _ = unfold(&bytes, 1 << 10);
    }

    #[test]
    fn lines_come_back(lines in proptest::collection::vec("[a-z ]{1,30}", 1..8)) {
        let stream = lines.iter().fold(Writer::default().bytes(1, "{}"), |stream, line| stream.bytes(2, entry(1, line, &[])));
        let found = records(decode_protobuf, &Writer::default().bytes(1, stream).finish()).unwrap();
        prop_assert!(found.iter().map(|record| &record.message).eq(lines.iter()));
    }
}
