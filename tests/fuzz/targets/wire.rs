//! Any bytes are a batch or an error; what decodes is sound and encodes to itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use martlog_formats::wire::{MAGIC, decode_batch, decode_part};

fuzz_target!(|bytes: &[u8]| {
    check_part(bytes);
    let framed = [&MAGIC[..], bytes].concat();
    for batch in [bytes, &framed] {
        if let Ok((_, parts)) = decode_batch(batch) {
            parts.into_iter().for_each(check_part);
        }
    }
});

fn check_part(bytes: &[u8]) {
    if let Ok(part) = decode_part(bytes) {
        assert!(part.is_sound());
        assert_eq!(decode_part(&part.to_bytes()).expect("its own encoding"), part);
    }
}
