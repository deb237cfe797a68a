//! Words: the one rule by which text becomes searchable words, used for queries, live records and splits alike.
//!
//! A word is an NFC-normalised, case-folded run of letters, digits, marks and `_`, of any script; everything else separates.
//! So `user_id=42` has the words `user_id` and `42`. A UUID in its usual form, 8-4-4-4-12 hex digits between separators, is one word: its parts are none.
//! A run of more than [`WORD_BYTES_MAX`] bytes after folding is cut to its first bytes, in the text and in the query, so that a long blob is still
//! found by itself.
//!
//! Folding is "lower case of the upper case" per character, which makes `ß` and `ss`, `ς` and `σ`, `ſ` and `s` meet, whatever stands beside them.

use crate::limits;
pub use crate::limits::WORD_BYTES_MAX;
use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// The words of a text, in order. See [`words`].
#[derive(Debug, Clone)]
pub struct Words<'a> {
    runs: Runs<'a>,
}

/// The words of a text, in order. Runs that are already folded are borrowed.
#[must_use]
pub fn words(text: &str) -> Words<'_> {
    Words { runs: runs(text) }
}

impl<'a> Iterator for Words<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        self.runs.next().map(Run::word)
    }
}

/// The runs of a text that are its words, as they stand there.
#[derive(Debug, Clone)]
pub struct Runs<'a> {
    text: &'a str,
    at: usize,
}

/// What [`words`] makes words of, in order.
#[must_use]
pub fn runs(text: &str) -> Runs<'_> {
    Runs { text, at: 0 }
}

impl<'a> Iterator for Runs<'a> {
    type Item = Run<'a>;

    fn next(&mut self) -> Option<Run<'a>> {
        let rest = &self.text[self.at..];
        let start = skip_separators(rest);
        if start == rest.len() {
            self.at = self.text.len();
            return None;
        }
        let mut run = run_at_start(&rest[start..], self.at + start);
        if run.text.len() == 8 && run.digit_or_hex && is_uuid(&rest[start..]) {
            run.text = &rest[start..start + UUID_BYTES];
            run.upper = run.text.bytes().any(|byte| byte.is_ascii_uppercase());
            run.uuid = true;
        }
        self.at = run.from + run.text.len();
        Some(run)
    }
}

/// The length of a UUID as text.
const UUID_BYTES: usize = 36;

/// Whether a UUID stands here that goes on with no word character.
fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(uuid) = bytes.get(..UUID_BYTES) else { return false };
    let shape = |(at, byte): (usize, &u8)| if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
    uuid.iter().enumerate().all(shape) && text[UUID_BYTES..].chars().next().is_none_or(|next| !is_word_char(next))
}

/// A run of word characters and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// As it stands in the text.
    pub text: &'a str,
    /// Where it begins, in bytes.
    pub from: usize,
    /// Whether it is a UUID.
    pub uuid: bool,
    ascii: bool,
    upper: bool,
    /// All ASCII hex digits.
    digit_or_hex: bool,
}

impl<'a> Run<'a> {
    /// The word that it is.
    #[must_use]
    pub fn word(self) -> Cow<'a, str> {
        let text = self.text;
        if self.ascii {
            let text = &text[..text.len().min(WORD_BYTES_MAX)];
            return if self.upper { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
        }
        // Folding can lengthen, so it comes before the cut; what can no longer reach into the cut is left out.
        match fold(limits::prefix(text, WORD_BYTES_MAX * 4)) {
            Cow::Borrowed(folded) => Cow::Borrowed(limits::prefix(folded, WORD_BYTES_MAX)),
            Cow::Owned(mut folded) => {
                folded.truncate(limits::prefix(&folded, WORD_BYTES_MAX).len());
                Cow::Owned(folded)
            }
        }
    }
}

/// Bit 0: a word character; bit 1: an upper-case letter; bit 2: no hex digit. Only ASCII.
const CLASS: [u8; 128] = {
    let mut class = [0; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            class[byte as usize] = if byte.is_ascii_uppercase() { 3 } else { 1 } | if byte.is_ascii_hexdigit() { 0 } else { 4 };
        }
        byte += 1;
    }
    class
};

fn skip_separators(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte < 128 {
            if CLASS[usize::from(byte)] & 1 == 1 {
                break;
            }
            at += 1;
        } else {
            let Some(character) = text[at..].chars().next() else { break };
            if is_word_char(character) {
                break;
            }
            at += character.len_utf8();
        }
    }
    at
}

fn run_at_start(text: &str, from: usize) -> Run<'_> {
    let bytes = text.as_bytes();
    let (mut length, mut ascii, mut seen) = (0, true, 0);
    while let Some(&byte) = bytes.get(length) {
        if byte < 128 {
            let class = CLASS[usize::from(byte)];
            if class == 0 {
                break;
            }
            seen |= class;
            length += 1;
        } else {
            let Some(character) = text[length..].chars().next() else { break };
            if !is_word_char(character) {
                break;
            }
            ascii = false;
            length += character.len_utf8();
        }
    }
    Run { text: &text[..length], from, uuid: false, ascii, upper: seen & 2 != 0, digit_or_hex: ascii && seen & 4 == 0 }
}

/// Whether a character belongs to words: a letter, digit, mark or `_`.
#[must_use]
pub fn is_word_char(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    character.is_alphanumeric() || character.general_category_group() == GeneralCategoryGroup::Mark
}

/// A text NFC-normalised and case-folded, separators kept: two texts are equal without case when their folds are equal.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    let composed = nfc(Cow::Borrowed(text));
    let changes = composed.chars().any(|character| {
        let mut folded = fold_char(character);
        folded.next() != Some(character) || folded.next().is_some()
    });
    if !changes {
        return composed;
    }
    nfc(Cow::Owned(composed.chars().flat_map(fold_char).collect()))
}

fn fold_char(character: char) -> impl Iterator<Item = char> {
    character.to_uppercase().flat_map(char::to_lowercase)
}

fn nfc(text: Cow<'_, str>) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text,
        _ => Cow::Owned(text.nfc().collect()),
    }
}

/// Whether the text has this word; `word` is one that [`words`] gave.
#[must_use]
pub fn has_word(text: &str, word: &str) -> bool {
    Needle::new(word).is_word_of(text)
}

/// A word, or the beginning of one, that is looked for in many texts. It is as [`words`] gives it.
#[derive(Debug, Clone)]
pub struct Needle<'w> {
    word: &'w str,
    is_ascii: bool,
    /// Its rarest byte, which is looked for, in either case, and how many bytes stand before it.
    rarest: (u8, u8),
    before: usize,
}

impl<'w> Needle<'w> {
    /// Looks for this one.
    #[must_use]
    pub fn new(word: &'w str) -> Self {
        let rank = |byte: u8| FREQUENT.iter().position(|frequent| *frequent == byte).unwrap_or(FREQUENT.len());
        let rarest = word.bytes().enumerate().max_by_key(|(_, byte)| rank(*byte));
        let (before, rarest) = rarest.unwrap_or_default();
        Self { word, is_ascii: word.is_ascii(), rarest: (rarest, rarest.to_ascii_uppercase()), before }
    }

    /// Whether the text has this word.
    #[must_use]
    pub fn is_word_of(&self, text: &str) -> bool {
        self.may_be_in(text) && words(text).any(|found| found == self.word)
    }

    /// Whether the text can have it: false says that it has not, quickly.
    #[must_use]
    pub fn may_be_in(&self, text: &str) -> bool {
        // Without its bytes in either case there is nothing to fold.
        !self.is_ascii || self.contained_in(text.as_bytes()) || may_fold_to_ascii(text)
    }

    /// Whether its ASCII bytes are there in any case.
    fn contained_in(&self, haystack: &[u8]) -> bool {
        let needle = self.word.as_bytes();
        let is_here = |at: usize| {
            let found = at.checked_sub(self.before).and_then(|from| haystack.get(from..from + needle.len()));
            found.is_some_and(|found| found.eq_ignore_ascii_case(needle))
        };
        match self.rarest {
            _ if needle.is_empty() => true,
            (lower, upper) if lower == upper => memchr::memchr_iter(lower, haystack).any(is_here),
            (lower, upper) => memchr::memchr2_iter(lower, upper, haystack).any(is_here),
        }
    }
}

/// Whether the text may have a character that is not ASCII and whose fold has ASCII in it, as `ß`, `ſ` or the Kelvin sign. Told by the first bytes of characters: Cyrillic,
/// Chinese, Japanese, Korean and the Latin-1 letters but `ß` have no such fold.
fn may_fold_to_ascii(text: &str) -> bool {
    let may = |byte: u8| matches!(byte, 0xC0..=0xC2 | 0xC4..=0xCF | 0xD5..=0xE2 | 0xEE..=0xFF);
    // To the end, whatever was found: that is done for many bytes at once.
    let bytes = text.as_bytes();
    !text.is_ascii() && (bytes.iter().fold(false, |any, byte| any | may(*byte)) || memchr::memmem::find(bytes, "ß".as_bytes()).is_some())
}

/// Whether the text has these words side by side; they are as [`words`] gave them. No words are found in every text.
#[must_use]
pub fn has_phrase<S: AsRef<str>>(text: &str, phrase: &[S]) -> bool {
    let Some((first, rest)) = phrase.split_first() else {
        return true;
    };
    let mut found = words(text);
    while let Some(word) = found.next() {
        if word == first.as_ref() && rest.iter().map(AsRef::as_ref).eq(found.clone().take(rest.len())) {
            return true;
        }
    }
    false
}

/// Whether a folded text matches a folded pattern from end to end; `*` is any run, `?` one character. Linear in practice, at worst the product of the lengths.
#[must_use]
pub fn matches_wildcard(pattern: &str, folded: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), folded.chars());
    // Where to go on when the last `*` takes one more character.
    let mut retry = None;
    loop {
        let text_here = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = text_here;
                retry = Some((pattern.clone(), text.clone()));
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((from_pattern, mut from_text)) = retry.take() else { return false };
                if from_text.next().is_none() {
                    return false;
                }
                pattern = from_pattern.clone();
                text = from_text.clone();
                retry = Some((from_pattern, from_text));
            }
        }
    }
}

/// Letters, the most frequent ones of texts first; what is not among them is rarer.
const FREQUENT: &[u8] = b"etaoinsrlcdhumpfgbyvwk";
