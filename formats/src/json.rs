//! JSON text, read strictly (RFC 8259) in one pass and without a tree.
//!
//! Values come back as slices of the text that was read, so what is stored is what was written: order of keys, text of numbers, `null`, spaces.
//! Invariants: no recursion; a position never lies inside a character.

use crate::limits::{DEPTH_SCANNED_MAX, KEY_BYTES_MAX};
use std::borrow::Cow;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Number,
    Bool,
    Null,
    Object,
    Array,
}

/// A value as a slice of the text, quotes and brackets included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) kind: Kind,
    pub(crate) raw: &'a str,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    /// The key as written, without quotes.
    pub(crate) raw_key: &'a str,
    pub(crate) value: Value<'a>,
    /// Whether there are escapes in the key.
    pub(crate) escaped: bool,
    /// Keys below this entry.
    pub(crate) keys: usize,
}

/// What was seen on the way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    /// The deepest nesting of the objects and arrays read.
    pub(crate) depth: usize,
    /// Keys at all levels.
    pub(crate) keys: usize,
    /// A key is over [`KEY_BYTES_MAX`].
    pub(crate) long_key: bool,
    /// Half of a surrogate pair stands alone: no Unicode text.
    pub(crate) lone_surrogate: bool,
    /// A number may lie outside what a 64-bit float holds.
    pub(crate) wide_number: bool,
}

/// Why reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Something else stands here.
    Invalid,
    /// The text ends in the middle.
    End,
    /// Nested deeper than is read.
    TooDeep,
}

/// What reading an object came to.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    pub(crate) facts: Facts,
    /// `None` when the text is one object and nothing else.
    pub(crate) stop: Option<Stop>,
    /// The key and the begun value of the entry in which reading stopped.
    pub(crate) begun: Option<(&'a str, &'a str)>,
    /// Where reading ended, byte of the text.
    pub(crate) at: usize,
}

/// Reads a text from front to back.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    pub(crate) at: usize,
    pub(crate) facts: Facts,
}

impl<'a> Value<'a> {
    /// The content of a string, unescaped; of anything else its text.
    pub(crate) fn text(&self) -> Cow<'a, str> {
        match self.kind {
            Kind::String => unescape(self.raw_string()),
            _ => Cow::Borrowed(self.raw),
        }
    }

    /// The content of a string as written, without its quotes.
    pub(crate) fn raw_string(&self) -> &'a str {
        self.raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(self.raw)
    }
}

impl<'a> Entry<'a> {
    /// The key, unescaped.
    pub(crate) fn key(&self) -> Cow<'a, str> {
        if self.escaped { unescape(self.raw_key) } else { Cow::Borrowed(self.raw_key) }
    }

    /// Whether this is the key, escapes resolved.
    pub(crate) fn is(&self, key: &str) -> bool {
        self.raw_key == key || (self.escaped && self.key() == key)
    }
}

/// Reads one object, handing out its entries as they come.
pub(crate) fn object<'a>(text: &'a str, mut entry: impl FnMut(Entry<'a>)) -> Outcome<'a> {
    let mut scanner = Scanner::new(text);
    let mut begun = None;
    let stop = scanner.entries(&mut begun, &mut entry).err();
    Outcome { facts: scanner.facts, stop, begun, at: scanner.at }
}

/// Whether the text is one JSON object, as [`crate::parse()`] takes it: also behind a byte order mark.
pub(crate) fn is_object(text: &str) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.trim_start_matches(WHITESPACE).starts_with('{') && is_value(text)
}

/// Whether the text is one JSON value.
pub(crate) fn is_value(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.skip_whitespace();
    scanner.value().is_ok() && scanner.ends().is_ok()
}

/// Hands out the scalars of a text that is one JSON object, at any depth and in the order of the text, each with the byte where it begins.
/// False when the text is no such object; what was handed out by then means nothing.
pub(crate) fn scalars<'a>(text: &'a str, mut scalar: impl FnMut(usize, Value<'a>)) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.skip_whitespace();
    scanner.peek() == Ok(b'{') && scanner.containers(&mut scalar).is_ok() && scanner.ends().is_ok()
}

const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, facts: Facts::default() }
    }

    fn entries(&mut self, begun: &mut Option<(&'a str, &'a str)>, entry: &mut impl FnMut(Entry<'a>)) -> Result<(), Stop> {
        self.skip_whitespace();
        self.expect(b'{')?;
        self.facts.depth = 1;
        self.skip_whitespace();
        if self.peek()? == b'}' {
            self.at += 1;
            return self.ends();
        }
        loop {
            let keys_before = self.facts.keys;
            let raw_key = self.key()?;
            let start = self.at;
            let value = self.value().inspect_err(|_| *begun = Some((raw_key, &self.text[start..])))?;
            let escaped = raw_key.as_bytes().contains(&b'\\');
            entry(Entry { raw_key, value, escaped, keys: self.facts.keys - keys_before - 1 });
            self.skip_whitespace();
            match self.peek()? {
                b',' => {
                    self.at += 1;
                    self.skip_whitespace();
                }
                b'}' => {
                    self.at += 1;
                    return self.ends();
                }
                _ => return Err(Stop::Invalid),
            }
        }
    }

    /// Reads one value that begins here.
    pub(crate) fn value(&mut self) -> Result<Value<'a>, Stop> {
        let start = self.at;
        let kind = match self.peek()? {
            b'{' => self.containers(&mut |_, _| {}).map(|()| Kind::Object)?,
            b'[' => self.containers(&mut |_, _| {}).map(|()| Kind::Array)?,
            _ => self.scalar()?,
        };
        Ok(Value { kind, raw: &self.text[start..self.at] })
    }

    /// Reads an object or array with all that is in it, handing out its scalars. The kinds of what is open are a stack of bits.
    fn containers(&mut self, scalar: &mut impl FnMut(usize, Value<'a>)) -> Result<(), Stop> {
        let base = self.facts.depth.min(1);
        let mut deepest = 0;
        let (mut objects, mut depth) = (0_u128, 0_u32);
        loop {
            let byte = self.peek()?;
            if byte == b'{' || byte == b'[' {
                if depth == DEPTH_SCANNED_MAX {
                    return Err(Stop::TooDeep);
                }
                depth += 1;
                deepest = deepest.max(depth);
                objects = objects << 1 | u128::from(byte == b'{');
                self.at += 1;
                self.skip_whitespace();
                if self.peek()? != if byte == b'{' { b'}' } else { b']' } {
                    if byte == b'{' {
                        self.key()?;
                    }
                    continue;
                }
            } else {
                let start = self.at;
                let kind = self.scalar()?;
                scalar(start, Value { kind, raw: &self.text[start..self.at] });
                self.skip_whitespace();
            }
            // A value has ended, or an empty container is about to: close what ends here, or go on behind a comma.
            loop {
                let in_object = objects & 1 == 1;
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        self.skip_whitespace();
                        if in_object {
                            self.key()?;
                        }
                        break;
                    }
                    close if close == if in_object { b'}' } else { b']' } => {
                        self.at += 1;
                        depth -= 1;
                        objects >>= 1;
                        if depth == 0 {
                            self.facts.depth = self.facts.depth.max(base + deepest as usize);
                            return Ok(());
                        }
                        self.skip_whitespace();
                    }
                    _ => return Err(Stop::Invalid),
                }
            }
        }
    }

    /// Reads a key with its colon and the spaces behind it; the key as written, without quotes.
    pub(crate) fn key(&mut self) -> Result<&'a str, Stop> {
        self.expect(b'"')?;
        let start = self.at;
        self.string()?;
        let key = &self.text[start..self.at - 1];
        self.facts.keys += 1;
        self.facts.long_key |= key.len() > KEY_BYTES_MAX;
        self.skip_whitespace();
        self.expect(b':')?;
        self.skip_whitespace();
        Ok(key)
    }

    fn scalar(&mut self) -> Result<Kind, Stop> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.string().map(|()| Kind::String)
            }
            b't' => self.literal("true").map(|()| Kind::Bool),
            b'f' => self.literal("false").map(|()| Kind::Bool),
            b'n' => self.literal("null").map(|()| Kind::Null),
            _ => self.number().map(|()| Kind::Number),
        }
    }

    /// Reads to the end of a string, from behind its opening quote to behind its closing one.
    fn string(&mut self) -> Result<(), Stop> {
        loop {
            self.at = plain_run_end(self.text.as_bytes(), self.at);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                _ => return Err(Stop::Invalid),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Stop> {
        self.at += 1;
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let unit = self.hex4()?;
                match unit {
                    0xD800..0xDC00 => {
                        let low = self.text[self.at..].strip_prefix("\\u").and_then(|rest| hex4(rest.as_bytes()));
                        match low {
                            Some(0xDC00..0xE000) => self.at += 6,
                            _ => self.facts.lone_surrogate = true,
                        }
                    }
                    0xDC00..0xE000 => self.facts.lone_surrogate = true,
                    _ => {}
                }
                Ok(())
            }
            _ => {
                self.at -= 1;
                Err(Stop::Invalid)
            }
        }
    }

    fn hex4(&mut self) -> Result<u16, Stop> {
        let rest = &self.text.as_bytes()[self.at..];
        match hex4(rest) {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None if rest.len() < 4 && rest.iter().all(u8::is_ascii_hexdigit) => Err(Stop::End),
            None => Err(Stop::Invalid),
        }
    }

    fn number(&mut self) -> Result<(), Stop> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits()?,
            _ => return Err(Stop::Invalid),
        }
        if self.text.as_bytes().get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.text.as_bytes().get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
            self.facts.wide_number = true;
        }
        self.facts.wide_number |= self.at - start > 300;
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Stop> {
        if !self.peek()?.is_ascii_digit() {
            return Err(Stop::Invalid);
        }
        while self.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Result<(), Stop> {
        let rest = &self.text[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            Ok(())
        } else if word.starts_with(rest) {
            Err(Stop::End)
        } else {
            Err(Stop::Invalid)
        }
    }

    pub(crate) fn skip_whitespace(&mut self) {
        while matches!(self.text.as_bytes().get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    pub(crate) fn peek(&self) -> Result<u8, Stop> {
        self.text.as_bytes().get(self.at).copied().ok_or(Stop::End)
    }

    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        if self.peek()? == byte {
            self.at += 1;
            Ok(())
        } else {
            Err(Stop::Invalid)
        }
    }

    fn ends(&mut self) -> Result<(), Stop> {
        self.skip_whitespace();
        if self.at == self.text.len() { Ok(()) } else { Err(Stop::Invalid) }
    }
}

/// The first byte from `at` on that ends a plain run inside a string: a quote, a backslash or a control character. Eight bytes at a time.
fn plain_run_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * 0x22);
        let backslash = word ^ (ONES * 0x5C);
        let hits =
            (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash) | (word.wrapping_sub(ONES * 0x20) & !word);
        let hits = hits & HIGHS;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
        at += 1;
    }
    at
}

fn hex4(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.first_chunk::<4>()?;
    digits.iter().try_fold(0_u16, |unit, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return None,
        };
        Some(unit << 4 | u16::from(digit))
    })
}

/// The text of a string's content as written. Escapes that are none, as in a string that was cut, stay as they are; half a surrogate pair becomes U+FFFD.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', raw.as_bytes()) else {
        return Cow::Borrowed(raw);
    };
    let mut text = String::with_capacity(raw.len());
    text.push_str(&raw[..first]);
    let mut rest = &raw[first..];
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let (unescaped, length) = unescape_one(&rest.as_bytes()[at..]);
        match unescaped {
            Some(character) => text.push(character),
            None => text.push('\\'),
        }
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character of the escape at the beginning, and its length; `None` where it is no escape.
fn unescape_one(bytes: &[u8]) -> (Option<char>, usize) {
    let simple = match bytes.get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let Some(unit) = hex4(&bytes[2..]) else { return (None, 1) };
            if let 0xD800..0xDC00 = unit
                && let Some(low @ 0xDC00..0xE000) = bytes.get(6..).and_then(|rest| rest.strip_prefix(b"\\u")).and_then(hex4)
            {
                let code = 0x1_0000 + ((u32::from(unit) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
                return (Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)), 12);
            }
            return (Some(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)), 6);
        }
        _ => return (None, 1),
    };
    (Some(simple), 2)
}

/// Appends a text as a JSON string, quotes included.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    loop {
        let end = plain_run_end(rest.as_bytes(), 0);
        out.push_str(&rest[..end]);
        match rest.as_bytes().get(end) {
            None => break,
            Some(b'"') => out.push_str("\\\""),
            Some(b'\\') => out.push_str("\\\\"),
            Some(b'\n') => out.push_str("\\n"),
            Some(b'\r') => out.push_str("\\r"),
            Some(b'\t') => out.push_str("\\t"),
            Some(control) => {
                const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
                out.push_str("\\u00");
                out.push(HEX[usize::from(control >> 4)]);
                out.push(HEX[usize::from(control & 15)]);
            }
        }
        rest = &rest[end + 1..];
    }
    out.push('"');
}
