//! A text as a pattern and variables: every word with a digit in it (and every very long one) is cut out, what is left is its pattern.
//!
//! `worker 17 took 731ms for 7d1f3a52` has the pattern `worker 0 took 0ms for 4ai` and the variables 17, 731 and `7d1f3a52`. Texts that one statement of a program
//! printed share a pattern, so a pattern is kept, indexed and tested once.
//!
//! The literal part of a pattern has no ASCII digit, since such words are cut out; so digits can stand for the variables, and nothing is ever escaped:
//!
//! | in the pattern | stands for |
//! |---|---|
//! | `0` | a decimal number of up to 18 digits, with leading zeros or without; letters beside it may be literal: `0ms`, `v0` |
//! | `4`, `5` and two letters | lower-case, upper-case hex digits; the letters say how many |
//! | `1`, `6` | a lower-case, an upper-case UUID |
//! | `2` | any other word |
//!
//! Invariant: `join(cut(text)) == text` for every text. Words are those of `martlog_formats::words`.

use super::codec::{Input, damaged, put};
use martlog_formats::words::{self, Run, WORD_BYTES_MAX};
use std::io;

/// A longer word without a digit is a variable, bytes.
pub(crate) const LITERAL_BYTES_MAX: usize = 64;
/// Digits of a number: `10^18 + number` fits into 64 bits.
pub(crate) const NUMBER_DIGITS_MAX: usize = 18;
/// Hex digits that are packed; shorter words are too often something else.
const HEX_DIGITS: std::ops::RangeInclusive<usize> = 6..=WORD_BYTES_MAX;
/// Literal bytes before and behind the digits of one word: more of them would make patterns of random ids.
const PREFIX_BYTES_MAX: usize = 24;
/// See [`PREFIX_BYTES_MAX`].
const SUFFIX_BYTES_MAX: usize = 4;

/// What a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// `10^digits + value`.
    Number,
    /// So many hex digits, two a byte.
    Hex { digits: usize, upper: bool },
    /// 16 bytes.
    Uuid { upper: bool },
    /// Text.
    Other,
}

impl Slot {
    /// Bytes of a variable that is kept as so many bytes.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Hex { digits, .. } => digits.div_ceil(2),
            Self::Uuid { .. } => 16,
            Self::Number | Self::Other => 0,
        }
    }
}

/// Variables one behind the other: numbers as `10^digits + value`, the others as bytes, an [`Slot::Other`] with its length before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Variables {
    pub(crate) numbers: Vec<u64>,
    pub(crate) bytes: Vec<u8>,
}

/// Appends the pattern of a text and its variables.
pub(crate) fn cut(text: &str, pattern: &mut String, variables: &mut Variables) {
    let mut done = 0;
    for run in words::runs(text) {
        let slot = slot_of(&run);
        let Some((slot, from, to)) = slot else { continue };
        let (from, to) = (run.from + from, run.from + to);
        pattern.push_str(&text[done..from]);
        let value = &text[from..to];
        match slot {
            Slot::Number => variables.numbers.push(number_of(value)),
            Slot::Hex { .. } => pack_hex(value.bytes(), &mut variables.bytes),
            Slot::Uuid { .. } => pack_hex(value.bytes().filter(|byte| *byte != b'-'), &mut variables.bytes),
            Slot::Other => {
                keep(value, pattern, variables);
                done = to;
                continue;
            }
        }
        push_slot(slot, pattern);
        done = to;
    }
    pattern.push_str(&text[done..]);
}

/// Appends the pattern of a text that is kept as one variable.
pub(super) fn keep(text: &str, pattern: &mut String, variables: &mut Variables) {
    put(&mut variables.bytes, text.len() as u64);
    variables.bytes.extend_from_slice(text.as_bytes());
    push_slot(Slot::Other, pattern);
}

/// What of a word is a variable, and which bytes of it.
fn slot_of(run: &Run<'_>) -> Option<(Slot, usize, usize)> {
    let (text, length) = (run.text, run.text.len());
    let bytes = text.as_bytes();
    if run.uuid {
        return Some((one_case(bytes).map_or(Slot::Other, |upper| Slot::Uuid { upper }), 0, length));
    }
    let Some(first) = bytes.iter().position(u8::is_ascii_digit) else {
        return (length > LITERAL_BYTES_MAX).then_some((Slot::Other, 0, length));
    };
    let behind = bytes[first..].iter().position(|byte| !byte.is_ascii_digit()).map_or(length, |digits| first + digits);
    if first == 0 && behind == length && length <= NUMBER_DIGITS_MAX {
        return Some((Slot::Number, 0, length));
    }
    if HEX_DIGITS.contains(&length)
        && bytes.iter().all(u8::is_ascii_hexdigit)
        && let Some(upper) = one_case(bytes)
    {
        return Some((Slot::Hex { digits: length, upper }, 0, length));
    }
    let one_number = !bytes[behind..].iter().any(u8::is_ascii_digit) && behind - first <= NUMBER_DIGITS_MAX;
    if one_number && first <= PREFIX_BYTES_MAX && length - behind <= SUFFIX_BYTES_MAX {
        return Some((Slot::Number, first, behind));
    }
    Some((Slot::Other, 0, length))
}

/// Whether hex digits are upper-case (true) or lower-case (false), if they are of one case.
fn one_case(bytes: &[u8]) -> Option<bool> {
    let (lower, upper) = (bytes.iter().any(u8::is_ascii_lowercase), bytes.iter().any(u8::is_ascii_uppercase));
    if lower && upper { None } else { Some(upper) }
}

fn number_of(digits: &str) -> u64 {
    digits.bytes().fold(1, |number, digit| number * 10 + u64::from(digit - b'0'))
}

fn pack_hex(digits: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    let value = |digit: u8| if digit.is_ascii_digit() { digit - b'0' } else { (digit | 0x20) - b'a' + 10 };
    let mut high = None;
    for digit in digits {
        match high.take() {
            None => high = Some(value(digit) << 4),
            Some(high) => out.push(high | value(digit)),
        }
    }
    out.extend(high);
}

fn push_slot(slot: Slot, pattern: &mut String) {
    match slot {
        Slot::Number => pattern.push('0'),
        Slot::Uuid { upper } => pattern.push(if upper { '6' } else { '1' }),
        Slot::Other => pattern.push('2'),
        Slot::Hex { digits, upper } => {
            pattern.push(if upper { '5' } else { '4' });
            for letter in [digits / 26, digits % 26] {
                pattern.push(char::from(b'a' + letter.to_le_bytes()[0]));
            }
        }
    }
}

/// Appends the variables of a pattern, without what is literal.
pub(super) fn push_slots(pattern: &str, out: &mut String) {
    slots(pattern).for_each(|slot| push_slot(slot, out));
}

/// The pattern's name of a word of hex digits.
pub(crate) fn hex_pattern(digits: usize, upper: bool) -> String {
    let mut pattern = String::new();
    push_slot(Slot::Hex { digits, upper }, &mut pattern);
    pattern
}

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Literal(&'a str),
    Variable(Slot),
}

/// The pieces of a pattern; one that cannot have been made by [`cut`] reads as some pattern all the same.
pub(crate) fn pieces(pattern: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        let first = *rest.as_bytes().first()?;
        if !first.is_ascii_digit() {
            let end = rest.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(rest.len());
            let (literal, behind) = rest.split_at(end);
            rest = behind;
            return Some(Piece::Literal(literal));
        }
        let letter = |at: usize| rest.as_bytes().get(at).map_or(0, |letter| usize::from(letter.wrapping_sub(b'a') % 26));
        let (slot, length) = match first {
            b'0' => (Slot::Number, 1),
            b'1' | b'6' => (Slot::Uuid { upper: first == b'6' }, 1),
            b'4' | b'5' if rest.is_char_boundary(3.min(rest.len())) => {
                (Slot::Hex { digits: letter(1) * 26 + letter(2), upper: first == b'5' }, 3)
            }
            _ => (Slot::Other, 1),
        };
        rest = &rest[length.min(rest.len())..];
        Some(Piece::Variable(slot))
    })
}

/// The variables of a pattern.
pub(crate) fn slots(pattern: &str) -> impl Iterator<Item = Slot> {
    pieces(pattern).filter_map(|piece| match piece {
        Piece::Literal(_) => None,
        Piece::Variable(slot) => Some(slot),
    })
}

/// Whether a pattern has variables.
pub(crate) fn has_slots(pattern: &str) -> bool {
    pattern.bytes().any(|byte| byte.is_ascii_digit())
}

/// Where the variables of one text come from, in order.
pub(crate) trait Source {
    /// The next number, as `10^digits + value`.
    fn number(&mut self) -> io::Result<u64>;
    /// The next `count` bytes.
    fn bytes(&mut self, count: usize) -> io::Result<&[u8]>;
    /// The next other word.
    fn other(&mut self) -> io::Result<&str>;
}

/// Appends the text of a pattern with these variables.
pub(crate) fn join(pattern: &str, variables: &mut impl Source, out: &mut String) -> io::Result<()> {
    for piece in pieces(pattern) {
        match piece {
            Piece::Literal(literal) => out.push_str(literal),
            Piece::Variable(Slot::Number) => push_number(variables.number()?, out)?,
            Piece::Variable(Slot::Hex { digits, upper }) => push_hex(variables.bytes(digits.div_ceil(2))?, digits, upper, out),
            Piece::Variable(Slot::Uuid { upper }) => push_uuid(variables.bytes(16)?, upper, out),
            Piece::Variable(Slot::Other) => out.push_str(variables.other()?),
        }
    }
    Ok(())
}

fn push_number(number: u64, out: &mut String) -> io::Result<()> {
    // The leading one says how many zeros follow.
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    while rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10).to_le_bytes()[0];
        rest /= 10;
    }
    match std::str::from_utf8(&digits[at..]).ok().and_then(|text| text.strip_prefix('1')) {
        Some(text) if !text.is_empty() => out.push_str(text),
        _ => return Err(damaged("a number")),
    }
    Ok(())
}

/// Two digits for each byte.
const fn digit_pairs(letters: &[u8; 16]) -> [[u8; 2]; 256] {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [letters[byte >> 4], letters[byte & 15]];
        byte += 1;
    }
    pairs
}
const LOWER: [[u8; 2]; 256] = digit_pairs(b"0123456789abcdef");
const UPPER: [[u8; 2]; 256] = digit_pairs(b"0123456789ABCDEF");

fn push_hex(bytes: &[u8], digits: usize, upper: bool, out: &mut String) {
    let pairs = if upper { &UPPER } else { &LOWER };
    let (whole, last) = bytes.split_at(digits.min(bytes.len() * 2) / 2);
    for chunk in whole.chunks(16) {
        let mut text = [0; 32];
        for (to, byte) in text.chunks_exact_mut(2).zip(chunk) {
            to.copy_from_slice(&pairs[usize::from(*byte)]);
        }
        // Digits are ASCII.
        out.push_str(std::str::from_utf8(text.get(..chunk.len() * 2).unwrap_or_default()).unwrap_or_default());
    }
    // The last digit of an odd number of them has a byte of its own, in its upper half.
    last.first().into_iter().for_each(|byte| out.push(char::from(pairs[usize::from(*byte)][0])));
}

fn push_uuid(bytes: &[u8], upper: bool, out: &mut String) {
    let mut from = 0;
    for length in [4, 2, 2, 2, 6] {
        if from > 0 {
            out.push('-');
        }
        push_hex(bytes.get(from..from + length).unwrap_or_default(), length * 2, upper, out);
        from += length;
    }
}

/// What a number is without the digit before it, and whether it was written without leading zeros.
pub(crate) fn plain_number(number: u64) -> (u64, bool) {
    let power = 10_u64.pow(number.checked_ilog10().unwrap_or(0));
    let value = number.wrapping_sub(power);
    (value, power == 10 || value >= power / 10)
}

/// The number with as many digits as it needs.
pub(crate) fn prefixed_number(value: u64) -> u64 {
    value.saturating_add(10_u64.saturating_pow(value.checked_ilog10().unwrap_or(0) + 1))
}

/// [`Variables`] as a source.
pub(crate) struct Reader<'a> {
    pub(crate) numbers: &'a [u64],
    pub(crate) bytes: Input<'a>,
}

impl Source for Reader<'_> {
    fn number(&mut self) -> io::Result<u64> {
        let (first, rest) = self.numbers.split_first().ok_or_else(|| damaged("a number is missing"))?;
        self.numbers = rest;
        Ok(*first)
    }

    fn bytes(&mut self, count: usize) -> io::Result<&[u8]> {
        self.bytes.bytes(count)
    }

    fn other(&mut self) -> io::Result<&str> {
        let length = self.bytes.below(usize::MAX)?;
        std::str::from_utf8(self.bytes.bytes(length)?).map_err(|_| damaged("a word is not UTF-8"))
    }
}

/// The patterns that a text's word may be part of when folding makes this word of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WordPatterns {
    /// The word itself, literally; also as another word where that is set.
    Literal { or_other: bool },
    /// A variable beside literal letters, as a pattern has it.
    Variable(Vec<String>),
}

/// Where a word, as `words` gives it, can come from.
pub(crate) fn patterns_of_word(word: &str) -> WordPatterns {
    const OTHER: &str = "2";
    let mut pattern = String::new();
    cut(word, &mut pattern, &mut Variables::default());
    if !has_slots(&pattern) {
        // Folding changes lengths: a word that was too long to be literal may have become shorter.
        return WordPatterns::Literal { or_other: word.len() > LITERAL_BYTES_MAX / 4 };
    }
    let mut patterns = match slots(&pattern).next() {
        Some(Slot::Hex { digits, .. }) => vec![hex_pattern(digits, true), OTHER.to_owned()],
        Some(Slot::Uuid { .. }) => vec!["6".to_owned(), OTHER.to_owned()],
        // What was cut, and what folding made longer or shorter.
        Some(Slot::Number) if pattern != "0" => vec![OTHER.to_owned()],
        Some(Slot::Other) if !word.is_ascii() => {
            let end = |at: usize| word[at..].find(|letter: char| !letter.is_ascii_digit()).map_or(word.len(), |digits| at + digits);
            word.find(|letter: char| letter.is_ascii_digit())
                .map(|at| format!("{}0{}", &word[..at], &word[end(at)..]))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    };
    if word.len() == WORD_BYTES_MAX {
        patterns.push(OTHER.to_owned());
    }
    patterns.push(pattern);
    WordPatterns::Variable(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(text: &str) -> (String, Variables) {
        let (mut pattern, mut variables) = (String::new(), Variables::default());
        cut(text, &mut pattern, &mut variables);
        (pattern, variables)
    }

    fn back(pattern: &str, variables: &Variables) -> String {
        let mut text = String::new();
        join(pattern, &mut Reader { numbers: &variables.numbers, bytes: Input(&variables.bytes) }, &mut text).unwrap();
        text
    }

    #[test]
    fn words_with_digits_are_cut_out() {
        for (text, pattern) in [
            ("worker 17 took 731ms for 7d1f3a52", "worker 0 took 0ms for 4ai"),
            ("7D1F3A52-x, 7d1F3a52", "5ai-x, 2"),
            ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6 F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", "1 6"),
            ("at 09:05:00.5 in v2 of 10.2.3.4:80", "at 0:0:0.0 in v0 of 0.0.0.0:0"),
            ("1234567890123456789 012345678901234567", "4at 0"),
            ("abc1xef2 x1y 1abcde", "2 x0y 4ag"),
            ("абонент 380501234567 через 5мс", "абонент 0 через 0мс"),
            ("", ""),
        ] {
            let (found, variables) = parts(text);
            assert_eq!(found, pattern);
            assert_eq!(back(&found, &variables), text);
        }
    }

    #[test]
    fn numbers_know_their_zeros() {
        for (text, plain) in [
            ("0", Some(0)),
            ("00", None),
            ("7", Some(7)),
            ("07", None),
            ("10", Some(10)),
            ("100000000000000000", Some(100_000_000_000_000_000)),
        ] {
            let (value, canonical) = plain_number(number_of(text));
            assert_eq!(canonical.then_some(value), plain, "{text}");
            if canonical {
                assert_eq!(prefixed_number(value), number_of(text));
            }
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "([a-fA-F0-9xé_ .:-]{0,12}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\\PC{0,6}|[a-z]{60,70}|[0-9]{17,20}){0,6}") {
            let (pattern, variables) = parts(&text);
            prop_assert_eq!(back(&pattern, &variables), text.clone());
            let literal: String = pieces(&pattern).filter_map(|piece| match piece { Piece::Literal(text) => Some(text), Piece::Variable(_) => None }).collect();
            prop_assert!(!literal.bytes().any(|byte| byte.is_ascii_digit()));
        }

        #[test]
        fn any_pattern_reads(pattern: String, numbers: Vec<u64>, bytes: Vec<u8>) {
            let _ = join(&pattern, &mut Reader { numbers: &numbers, bytes: Input(&bytes) }, &mut String::new());
        }
    }
}
