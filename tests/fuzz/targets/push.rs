//! Any bytes at the door of any protocol: no panic, bounded records, and what is stored is sound. The first byte says which door.

#![no_main]

use libfuzzer_sys::fuzz_target;
use martlog_formats::push::{Batch, DecodeError, bulk, loki, otlp, syslog, unfolded_bytes_max};
use martlog_formats::{Profile, Verdict};
use std::sync::LazyLock;

static PROFILE: LazyLock<Profile> = LazyLock::new(Profile::default);
const NOW_NS: i64 = 1_795_342_370_400_000_000;
/// Enough for a snappy body of the fuzzer's length.
const UNFOLDED_MAX: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((door, body)) = input.split_first() else { return };
    let mut batch = Batch::new(&PROFILE, None, NOW_NS, body.len());
    let decoded = decode(*door, body, &mut batch);
    let (records, told) = batch.finish();
    if let Err(DecodeError::Malformed(why)) = &decoded {
        assert!(!why.is_empty());
    }
    assert_eq!(records.len(), told.accepted);
    assert!(records.iter().map(|record| record.message.len() + record.attributes.len()).sum::<usize>() <= unfolded_bytes_max(body.len()));
    for record in records {
        assert_eq!(record.verdict == Verdict::Ok, record.problems.is_empty());
        assert_eq!(record.runtime_time_ns, NOW_NS);
        if !record.attributes.is_empty() {
            let object: serde_json::Value = serde_json::from_str(&record.attributes).expect("attributes are JSON");
            assert!(object.is_object());
        }
    }
});

fn decode(door: u8, body: &[u8], batch: &mut Batch<'_>) -> Result<(), DecodeError> {
    let mut at = 0;
    let mut take = |item: martlog_formats::push::Item<'_>| {
        at += 1;
        batch.item(at, &item)
    };
    match door % 7 {
        0 => otlp::decode_protobuf(body, &mut take),
        1 => otlp::decode_json(body, &mut take),
        2 => loki::decode_protobuf(body, &mut take),
        3 => loki::decode_json(body, &mut take),
        4 => loki::unfold(body, UNFOLDED_MAX).and_then(|body| loki::decode_protobuf(&body, &mut take)),
        5 => bulk::decode(body, &mut |_, item| item.map_or(Ok(()), &mut take)),
        _ => {
            let mut taken = Ok(());
            let mut frames = syslog::Frames::default();
            let mut keep = |message: &[u8]| {
                assert!(message.len() <= syslog::MESSAGE_BYTES_MAX);
                if taken.is_ok() {
                    taken = take(syslog::item(message, NOW_NS));
                }
            };
            // In two pieces, which must make no difference to what is in them.
            let (head, tail) = body.split_at(body.len() / 2);
            frames.feed(head, &mut keep);
            frames.feed(tail, &mut keep);
            frames.end(&mut keep);
            taken
        }
    }
}
