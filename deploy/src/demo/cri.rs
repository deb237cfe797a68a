//! The container runtime's log format (CRI): what containerd makes of a container's writes.
//!
//! ```text
//! line = time " " ("stdout" | "stderr") " " ("F" | "P") " " text "\n"
//! ```
//!
//! A physical line longer than [`PIECE_BYTES_MAX`] is written as `P` pieces and a last `F`. Times are to the ns and rise strictly within a file.

use super::time::runtime;

/// containerd splits longer lines, bytes.
pub(super) const PIECE_BYTES_MAX: usize = 16 << 10;

/// The clock of one container's runtime: the next time is later than the last.
#[derive(Debug, Default)]
pub(super) struct RuntimeClock {
    last_ns: i64,
}

impl RuntimeClock {
    /// The time at which the runtime took a write that was made at `at_ns`; the way through the pipe takes 40 to 300 µs.
    fn take(&mut self, at_ns: i64) -> i64 {
        let way_ns = 40_000 + (at_ns / 7).rem_euclid(260_000);
        self.last_ns = (at_ns + way_ns).max(self.last_ns + 1_783);
        self.last_ns
    }
}

/// Appends a write of a container: each physical line of the text, in pieces. A torn write is left without its `F`.
pub(super) fn encode(into: &mut Vec<u8>, clock: &mut RuntimeClock, at_ns: i64, stderr: bool, text: &str, torn: bool) {
    let stream = if stderr { "stderr" } else { "stdout" };
    for line in text.split('\n') {
        let mut rest = line.as_bytes();
        loop {
            let piece;
            (piece, rest) = rest.split_at(rest.len().min(PIECE_BYTES_MAX));
            let tag = if rest.is_empty() && !torn { 'F' } else { 'P' };
            into.extend_from_slice(format!("{} {stream} {tag} ", runtime(clock.take(at_ns))).as_bytes());
            into.extend_from_slice(piece);
            into.push(b'\n');
            if rest.is_empty() {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str, torn: bool) -> Vec<String> {
        let mut bytes = Vec::new();
        encode(&mut bytes, &mut RuntimeClock::default(), 1_795_342_370_000_000_000, true, text, torn);
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_physical_line_has_its_own_rising_time() {
        let lines = encoded("one\ntwo\n\nfour", false);
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.contains("Z stderr F ")));
        assert!(lines.is_sorted());
        assert!(lines[2].ends_with(" F "));
    }

    #[test]
    fn a_long_line_comes_in_pieces_of_16_kib_that_join_to_it() {
        let text = "ж".repeat(20_000);
        let mut bytes = Vec::new();
        encode(&mut bytes, &mut RuntimeClock::default(), 5, false, &text, false);
        let mut joined = Vec::new();
        let mut tags = Vec::new();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut parts = line.splitn(4, |byte| *byte == b' ');
            tags.push(parts.nth(2).unwrap()[0]);
            let piece = parts.next().unwrap();
            assert!(piece.len() <= PIECE_BYTES_MAX);
            joined.extend_from_slice(piece);
        }
        assert_eq!(joined, text.as_bytes());
        assert_eq!(tags, b"PPF");
    }

    #[test]
    fn a_torn_write_never_gets_its_end() {
        assert!(encoded("last words", true)[0].contains(" P last words"));
    }
}
