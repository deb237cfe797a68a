//! Messages on a stream: each with its length before it (RFC 6587, octet counting, as RFC 5425 wants it on TLS), or up to a newline. Both may come on one connection: a message with a length
//! begins with a digit, one without with `<`.
//!
//! Invariants: no more than one message and a bit is kept; what is longer than [`MESSAGE_BYTES_MAX`] is cut there, and its rest passed over.

use memchr::memchr;

/// The longest message that is kept, bytes: [`crate::limits::LINE_BYTES_MAX`] and its header.
pub const MESSAGE_BYTES_MAX: usize = crate::limits::LINE_BYTES_MAX + 4096;
/// The most digits of a length.
const DIGITS_MAX: usize = 10;

/// Cuts a stream into messages.
#[derive(Debug, Default)]
pub struct Frames {
    kept: Vec<u8>,
    state: State,
}

/// Where in the stream it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Before a message.
    #[default]
    Between,
    /// In one that has so many bytes more.
    Counted(u64),
    /// In one that ends with its line.
    Line,
}

impl Frames {
    /// Takes the next bytes of the stream and hands out the messages that end in them. An empty one is none.
    pub fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Between => self.begin(bytes),
                State::Counted(left) => self.counted(bytes, left, &mut take),
                State::Line => self.line(bytes, &mut take),
            };
        }
    }

    /// The stream has ended: what there is of a last message.
    pub fn end(&mut self, take: impl FnMut(&[u8])) {
        if self.state != State::Between || !self.kept.is_empty() {
            self.finish(take);
        }
    }

    /// Finds out how the next message is framed; digits that end in a space are a length.
    fn begin<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let first = bytes.first().copied().unwrap_or_default();
        let digits = self.kept.len();
        match first {
            // Some senders put a newline, or a NUL, behind a counted message.
            b'\n' | b'\r' | 0 if digits == 0 => return &bytes[1..],
            b'0'..=b'9' if digits < DIGITS_MAX && (digits > 0 || first != b'0') => {
                self.kept.push(first);
                return &bytes[1..];
            }
            b' ' if digits > 0 => {
                let length = std::str::from_utf8(&self.kept).ok().and_then(|digits| digits.parse().ok());
                if let Some(length) = length {
                    self.kept.clear();
                    self.state = State::Counted(length);
                    return &bytes[1..];
                }
            }
            _ => {}
        }
        self.state = State::Line;
        bytes
    }

    fn counted<'a>(&mut self, bytes: &'a [u8], left: u64, take: &mut impl FnMut(&[u8])) -> &'a [u8] {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (own, rest) = bytes.split_at(length);
        self.keep(own);
        match left - length as u64 {
            0 => self.finish(take),
            left => self.state = State::Counted(left),
        }
        rest
    }

    fn line<'a>(&mut self, bytes: &'a [u8], take: &mut impl FnMut(&[u8])) -> &'a [u8] {
        let Some(end) = memchr(b'\n', bytes) else {
            self.keep(bytes);
            return &[];
        };
        self.keep(&bytes[..end]);
        self.finish(take);
        &bytes[end + 1..]
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MESSAGE_BYTES_MAX - self.kept.len();
        self.kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    fn finish(&mut self, mut take: impl FnMut(&[u8])) {
        self.state = State::Between;
        let message = self.kept.strip_suffix(b"\0").unwrap_or(&self.kept);
        let message = message.strip_suffix(b"\n").unwrap_or(message);
        let message = message.strip_suffix(b"\r").unwrap_or(message);
        if !message.is_empty() {
            take(message);
        }
        self.kept.clear();
        // A long message must not hold its memory for as long as the connection lives.
        self.kept.shrink_to(8 << 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(pieces: &[&[u8]]) -> Vec<String> {
        let (mut frames, mut all) = (Frames::default(), Vec::new());
        pieces.iter().for_each(|piece| frames.feed(piece, |message| all.push(String::from_utf8_lossy(message).into_owned())));
        frames.end(|message| all.push(String::from_utf8_lossy(message).into_owned()));
        all
    }

    #[test]
    fn lengths_and_newlines_may_be_mixed() {
        assert_eq!(all(&[b"5 <1>ab<2>c\r\n6 <3>d\ne\n3 xyz<4>f"]), ["<1>ab", "<2>c", "<3>d\ne", "xyz", "<4>f"]);
        assert_eq!(all(&[b"\n\n<1>a\n\n", b"12", b"", b" 0123456789", b"ab<1>z\n"]), ["<1>a", "0123456789ab", "<1>z"]);
    }

    #[test]
    fn what_only_looks_like_a_length_is_a_line() {
        assert_eq!(all(&[b"2026-11-22 text\n12:30 x\n99999999999 y\n0 z\n"]), ["2026-11-22 text", "12:30 x", "99999999999 y", "0 z"]);
        assert_eq!(all(&[b"12"]), ["12"]);
    }

    #[test]
    fn what_is_too_long_is_cut_and_its_rest_passed_over() {
        let long = "x".repeat(MESSAGE_BYTES_MAX + 100);
        let cut = &long[..MESSAGE_BYTES_MAX];
        assert_eq!(all(&[b"<1>", long.as_bytes(), b"\n<2>b\n"])[1], "<2>b");
        assert_eq!(all(&[format!("{} {long}", long.len()).as_bytes(), b"1 y"]), [cut, "y"]);
        assert_eq!(all(&[b"4000000000 <1>never whole"]), ["<1>never whole"]);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), Just(b'3'), any::<u8>()], 0..80), at in 0_usize..80) {
            let at = at.min(bytes.len());
            prop_assert_eq!(all(&[&bytes]), all(&[&bytes[..at], &bytes[at..]]));
        }

        #[test]
        fn what_is_counted_comes_back(messages in proptest::collection::vec("[^\\r\\n\\x00]{1,40}", 0..6)) {
            let stream: String = messages.iter().map(|message| format!("{} {message}", message.len())).collect();
            prop_assert_eq!(all(&[stream.as_bytes()]), messages);
        }
    }
}
