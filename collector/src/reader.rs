//! Physical lines from an open file, in bounded reads.
//!
//! Invariants: only lines that end in a newline are lines (runtimes write whole lines; what lies behind the last newline is being written,
//! or was torn); a read loads at most [`PHYSICAL_LINE_BYTES`]; what is longer than that without a newline is no line and is passed over by name.

use crate::limits::PHYSICAL_LINE_BYTES;
use crate::source::Bytes;
use std::io;

/// What a read has found in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// `lines` bytes of whole lines; with `eof`, the file ends `tail` bytes behind them.
    Lines {
        /// Bytes up to and with the last newline.
        lines: usize,
        /// Bytes behind it, when the file ends there.
        tail: usize,
        /// Whether the file ends here, for now.
        eof: bool,
    },
    /// This many bytes without a newline, more than a line can have.
    Overlong(usize),
}

/// Reads from `offset` into `buffer`: `quantum` bytes, or more when the first line needs them.
pub(crate) fn load(bytes: &mut Bytes, offset: u64, quantum: usize, buffer: &mut Vec<u8>) -> io::Result<Loaded> {
    let mut want = quantum.clamp(1, PHYSICAL_LINE_BYTES);
    loop {
        buffer.resize(want, 0);
        let count = bytes.read_at(offset, &mut buffer[..want])?;
        let eof = count < want;
        let found = memchr::memrchr(b'\n', &buffer[..count]);
        buffer.truncate(count);
        return Ok(match found {
            Some(at) => Loaded::Lines { lines: at + 1, tail: if eof { count - at - 1 } else { 0 }, eof },
            None if eof => Loaded::Lines { lines: 0, tail: count, eof },
            None if want >= PHYSICAL_LINE_BYTES => Loaded::Overlong(count),
            None => {
                want = want.saturating_mul(4).min(PHYSICAL_LINE_BYTES);
                continue;
            }
        });
    }
}

/// The lines in the buffer's first `length` bytes with their places in it: `(start, end with the newline)`.
pub(crate) fn lines(buffer: &[u8], length: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut start = 0;
    memchr::memchr_iter(b'\n', &buffer[..length]).map(move |at| {
        let line = (start, at + 1);
        start = at + 1;
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(content: &[u8]) -> Bytes {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Bytes::new(file, false)
    }

    #[test]
    fn only_what_ends_in_a_newline_is_a_line() {
        let mut buffer = Vec::new();
        let loaded = load(&mut file(b"one\ntwo\nthr"), 0, 100, &mut buffer).unwrap();
        assert_eq!(loaded, Loaded::Lines { lines: 8, tail: 3, eof: true });
        assert_eq!(lines(&buffer, 8).collect::<Vec<_>>(), [(0, 4), (4, 8)]);
        assert_eq!(load(&mut file(b"one\n"), 4, 100, &mut buffer).unwrap(), Loaded::Lines { lines: 0, tail: 0, eof: true });
    }

    #[test]
    fn a_line_longer_than_the_quantum_is_read_whole() {
        let mut content = vec![b'x'; 100_000];
        content.push(b'\n');
        let mut buffer = Vec::new();
        let loaded = load(&mut file(&content), 0, 1_000, &mut buffer).unwrap();
        assert_eq!(loaded, Loaded::Lines { lines: 100_001, tail: 0, eof: true });
    }

    #[test]
    fn a_file_without_a_newline_is_passed_over_in_bounded_pieces() {
        let mut buffer = Vec::new();
        let loaded = load(&mut file(&vec![0; 3 << 20]), 0, 64 << 10, &mut buffer).unwrap();
        assert_eq!(loaded, Loaded::Overlong(PHYSICAL_LINE_BYTES));
    }
}
