//! The limits of a line, each with its reason. Bytes are bytes of UTF-8 text.
//!
//! Nothing that is over a limit is dropped without a trace: it is cut with a mark, or kept as text, and the record says so.

/// A line that a module should not exceed, bytes: container runtimes hand longer writes on in pieces of this size.
pub const LINE_BYTES_RECOMMENDED: usize = 16 << 10;

/// The longest line that is kept, bytes, after its pieces are joined. A longer one is cut: one line must not fill a batch, and
/// nobody reads a quarter of a megabyte.
pub const LINE_BYTES_MAX: usize = 256 << 10;

/// Keys of a line, counted over all levels. Beyond it the line is a dump of data: what exceeds it is kept as text under [`OVERFLOW_KEY`].
pub const KEYS_MAX: usize = 128;

/// Levels of nesting, the line's own object being the first. Deeper values are kept as text: nobody can name them in a query.
pub const DEPTH_MAX: usize = 8;

/// Levels of nesting that are read at all. Deeper text is a bomb and no record: it is kept raw.
pub const DEPTH_SCANNED_MAX: u32 = 127;

/// The longest key, bytes. A longer one is data in the place of a name, and is cut.
pub const KEY_BYTES_MAX: usize = 128;

/// The longest id, bytes: ids are looked up whole, and the longest in use (SIP Call-IDs) stay below.
pub const ID_BYTES_MAX: usize = 128;

/// The longest word, bytes: longer runs are blobs. They are cut to their first bytes when stored and when asked for, so they still meet.
pub const WORD_BYTES_MAX: usize = 128;

/// Physical lines of one record: a stack overflow in Java prints 1,024 frames.
pub const JOINED_LINES_MAX: usize = 2048;

/// How far a module's time may be from the runtime's, ns: 24 h covers wrong zones, not wrong dates.
pub const SKEW_NS_MAX: u64 = 24 * 3600 * 1_000_000_000;

/// How much of a text line is read for its level, time and request id, bytes: they are at its beginning.
pub const HEAD_BYTES_MAX: usize = 1 << 10;

/// The key that holds, as text, the fields beyond [`KEYS_MAX`].
pub const OVERFLOW_KEY: &str = "_overflow";

/// The longest prefix of `text` of at most `bytes_max` bytes that ends between two characters.
#[must_use]
pub fn prefix(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The mark at the end of a text that was cut, with the size of what it was cut from, bytes.
#[must_use]
pub fn cut_mark(whole_bytes: usize) -> String {
    format!("…[cut from {whole_bytes} bytes]")
}
