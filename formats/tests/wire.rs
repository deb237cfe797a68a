//! The wire form: what is encoded comes back, and no bytes are trusted.

use martlog_formats::wire::*;
use martlog_formats::{Profile, parse};
use proptest::prelude::*;

fn file(id: u128) -> Extent {
    Extent { file: FileId(id), name: "0.log".into(), from: 100, to: 900 }
}

fn part(lines: &[String]) -> Part {
    let profile = Profile::default();
    let count = u64::try_from(lines.len()).unwrap();
    let records = (0..)
        .zip(lines)
        .map(|(n, line)| PartRecord { offset: 100 + n, end: 101 + n, record: parse(line.as_bytes(), 5, &profile) })
        .collect();
    Part {
        stream: Stream { namespace: "csp-434-sms".into(), pod: "p".into(), pod_uid: "u".into(), container: "app".into(), restart: 3 },
        labels: vec![("app.kubernetes.io/version".into(), "2.4.1".into())],
        substream: Substream::Stderr,
        extents: vec![Extent { to: 100 + count.max(800), ..file(7) }],
        records,
        gap: None,
    }
}

fn header() -> BatchHeader {
    BatchHeader { cluster: "c".into(), node: "n".into() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_comes_back_as_it_was(parts in prop::collection::vec(prop::collection::vec("\\PC{0,60}", 0..5), 0..4)) {
        let parts: Vec<_> = parts.iter().map(|lines| part(lines)).collect();
        let mut encoder = BatchEncoder::new(&header());
        for part in &parts {
            let before = encoder.len();
            let took = encoder.push(part);
            prop_assert_eq!(encoder.len(), before + took);
            prop_assert_eq!(took, part.to_bytes().len() + 4);
        }
        prop_assert_eq!(encoder.is_empty(), parts.is_empty());
        let bytes = encoder.finish();
        let (found, encoded) = decode_batch(&bytes).unwrap();
        prop_assert_eq!(found, header());
        let decoded: Vec<_> = encoded.iter().map(|bytes| decode_part(bytes).unwrap()).collect();
        prop_assert_eq!(decoded, parts);
    }

    #[test]
    fn any_bytes_are_a_batch_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
        let bytes = if magic { [&MAGIC[..], &bytes].concat() } else { bytes };
        if let Ok((_, parts)) = decode_batch(&bytes) {
            for part in parts {
                if let Ok(part) = decode_part(part) {
                    prop_assert!(part.is_sound());
                }
            }
        }
        let _ = decode_part(&bytes);
    }

    #[test]
    fn a_damaged_batch_is_a_batch_or_an_error(at in 0_usize..400, byte in any::<u8>(), cut in 0_usize..400) {
        let mut encoder = BatchEncoder::new(&header());
        encoder.push(&part(&["one".into(), r#"{"message":"two","password":"x"}"#.into()]));
        let mut bytes = encoder.finish();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - cut % length);
        if let Ok((_, parts)) = decode_batch(&bytes) {
            parts.iter().filter_map(|part| decode_part(part).ok()).for_each(|part| assert!(part.is_sound()));
        }
    }
}

#[test]
fn parts_that_break_an_invariant_are_refused() {
    let good = part(&["a".into(), "b".into()]);
    let broken: Vec<(&str, Part)> = vec![
        ("no extent", Part { extents: vec![], ..good.clone() }),
        ("three extents", Part { extents: vec![file(1), file(2), file(3)], ..good.clone() }),
        (
            "an extent that ends before it begins",
            Part { extents: vec![Extent { from: 5, to: 4, ..file(1) }], records: vec![], ..good.clone() },
        ),
        ("records out of order", Part { records: good.records.iter().rev().cloned().collect(), ..good.clone() }),
        ("a record beyond the extent", Part { extents: vec![Extent { from: 100, to: 101, ..file(1) }], ..good.clone() }),
        ("an empty record", Part { records: vec![PartRecord { end: 100, ..good.records[0].clone() }], ..good.clone() }),
        ("a gap with records", Part { gap: Some(Gap { reason: GapReason::NodeLost, time_ns: 1 }), ..good.clone() }),
        ("two extents of one file", Part { extents: vec![file(1), file(1)], records: good.records[..1].to_vec(), ..good.clone() }),
        ("two extents and two records", Part { extents: vec![file(1), file(2)], ..good.clone() }),
    ];
    for (name, part) in broken {
        assert!(!part.is_sound(), "{name}");
        assert!(matches!(decode_part(&part.to_bytes()), Err(DecodeError::Malformed(_))), "{name}");
    }
    let crossing = PartRecord { offset: 899, end: 150, record: good.records[0].record.clone() };
    let crossing = Part { extents: vec![file(1), Extent { from: 100, to: 200, ..file(2) }], records: vec![crossing], ..good };
    assert_eq!(decode_part(&crossing.to_bytes()).unwrap(), crossing);
}

#[test]
fn sizes_are_bounded() {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, b'c', 1, b'n']);
    bytes.extend(u32::MAX.to_le_bytes());
    assert!(matches!(decode_batch(&bytes), Err(DecodeError::TooLarge { what: "a part", .. })));
    assert!(matches!(decode_batch(&vec![0; BATCH_BYTES_MAX + 1]), Err(DecodeError::TooLarge { what: "a batch", .. })));
    assert!(matches!(decode_batch(b"MLB2"), Err(DecodeError::Magic)));
}

/// A batch of the first version, kept for ever: programs of later versions must read what collectors of this one send.
#[test]
fn a_batch_of_version_1_is_read_for_ever() {
    let bytes = include_bytes!("../testdata/batch-v1.bin");
    let (found, parts) = decode_batch(bytes).unwrap();
    assert_eq!(found, header());
    let parts: Vec<_> = parts.iter().map(|part| decode_part(part).unwrap()).collect();
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].records[0].record.message, "started");
    assert_eq!(parts[0].records[1].record.attributes, r#"{"pin":"[redacted:otp]"}"#);
    assert_eq!(parts[1].gap, Some(Gap { reason: GapReason::RotatedAway, time_ns: 9 }));
}

#[test]
fn file_ids_are_32_hex_digits() {
    let id = FileId(0xAB);
    assert_eq!(id.to_string(), "000000000000000000000000000000ab");
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"000000000000000000000000000000ab\"");
    assert_eq!(serde_json::from_str::<FileId>("\"ab\"").unwrap(), id);
    assert_eq!(postcard::from_bytes::<FileId>(&postcard::to_allocvec(&id).unwrap()).unwrap(), id);
}
