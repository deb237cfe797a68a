//! Any bytes become one sound record, the same each time, whether the line is whole, cut or incomplete.

#![no_main]

use libfuzzer_sys::fuzz_target;
use martlog_formats::{Ending, Profile, Verdict, parse_ending};
use std::sync::LazyLock;

static PROFILE: LazyLock<Profile> = LazyLock::new(Profile::default);
const RUNTIME_NS: i64 = 1_795_342_370_400_000_000;

fuzz_target!(|line: &[u8]| {
    for ending in [Ending::Whole, Ending::Cut { whole_bytes: line.len() + 1 }, Ending::Incomplete] {
        let record = parse_ending(line, ending, RUNTIME_NS, &PROFILE);
        assert_eq!(record, parse_ending(line, ending, RUNTIME_NS, &PROFILE));
        assert_eq!(record.verdict == Verdict::Ok, record.problems.is_empty());
        if !record.attributes.is_empty() {
            let object: serde_json::Value = serde_json::from_str(&record.attributes).expect("attributes are JSON");
            assert!(object.is_object());
        }
    }
});
