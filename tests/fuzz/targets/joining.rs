//! Joining keeps its bounds, and never waits with complete JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use martlog_formats::limits;
use martlog_formats::multiline::{Decision, Joiner};

fuzz_target!(|bytes: &[u8]| {
    let mut joiner = Joiner::new();
    let (mut size, mut lines) = (0, 0);
    for line in bytes.split(|byte| *byte == b'\n') {
        match joiner.push(line) {
            Decision::Start { .. } => (size, lines) = (line.len(), 1),
            Decision::Continue { .. } => (size, lines) = (size + 1 + line.len(), lines + 1),
        }
        assert!(lines == 1 || size <= limits::LINE_BYTES_MAX);
        assert!(lines <= limits::JOINED_LINES_MAX);
    }
});
