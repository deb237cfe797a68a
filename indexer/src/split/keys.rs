//! What of a value goes into the Bloom filter of its block.
//!
//! * Words with a digit, unless they are so short that most blocks have them: those are looked for in the values themselves.
//! * Exact ids as they are compared, unless that is one such word.
//!
//! Words without a digit are terms of the index, by pattern.

use super::codec::Input;
use super::column::Column;
use super::pattern::{self, Reader};
use super::shape;
use crate::search::scalars::each_scalar;
use martlog_formats::{fields, words};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Words with no more digits than this, and no more bytes than [`SCANNED_BYTES_MAX`], have no key.
const SCANNED_DIGITS_MAX: usize = 5;
/// See [`SCANNED_DIGITS_MAX`].
const SCANNED_BYTES_MAX: usize = 8;
/// Ids and words of the same text are different keys.
const ID_SEED: u64 = 0x6964;

/// Words that begin alike are told by so many characters.
const START_CHARS: usize = 4;
/// Their keys are those of no word.
const START_SEED: u64 = 0x7374;

/// Whether a word is in the filters.
pub(crate) fn has_key(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    digits > 0 && (digits > SCANNED_DIGITS_MAX || word.len() > SCANNED_BYTES_MAX)
}

/// The key of such a word.
pub(crate) fn word_key(word: &str) -> u64 {
    xxh3_64(word.as_bytes())
}

/// The key that words with the same first characters have in common, behind their own ones; a shorter word has none.
pub(crate) fn start_key(word: &str) -> Option<u64> {
    let (at, last) = word.char_indices().nth(START_CHARS - 1)?;
    Some(xxh3_64_with_seed(word.get(..at + last.len_utf8())?.as_bytes(), START_SEED))
}

/// The keys of which one is in the filter where this id is, already normalised, and not empty.
pub(crate) fn id_keys(id: &str) -> (u64, Option<u64>) {
    (xxh3_64_with_seed(id.as_bytes(), ID_SEED), id_word(id).map(|word| word_key(&word)))
}

/// The word that an id is, if it is one and has a key.
fn id_word(id: &str) -> Option<std::borrow::Cow<'_, str>> {
    let mut runs = words::runs(id);
    let run = runs.next().filter(|run| run.text.len() == id.len())?;
    Some(run.word()).filter(|word| has_key(word))
}

/// Makes the keys of the values of one field.
pub(super) struct Keys<'a> {
    /// The field keeps attributes whole.
    whole: bool,
    /// Exact names under which the field can be asked for.
    exact: &'a [String],
    /// The words with variables of each pattern, read when it first comes.
    words: Vec<Option<Box<[Box<str>]>>>,
    text: String,
}

impl<'a> Keys<'a> {
    pub(super) fn new(whole: bool, exact: &'a [String]) -> Self {
        Self { whole, exact, words: Vec::new(), text: String::new() }
    }

    /// Adds the keys of an entry of the field.
    pub(super) fn of_entry(&mut self, column: &Column, at: usize, keys: &mut Vec<u64>) {
        let number = column.pattern_of(at);
        let pattern = column.patterns.get(number);
        let variables = column.variables(at);
        let mut reader = Reader { numbers: variables.numbers, bytes: Input(variables.bytes) };
        if pattern.starts_with('o') || !self.exact.is_empty() {
            self.text.clear();
            let kind = pattern.chars().next().unwrap_or('s');
            if pattern::join(pattern.get(1..).unwrap_or_default(), &mut reader, &mut self.text).is_err() {
                return;
            }
            self.of_text(kind, keys);
            return;
        }
        let number = number as usize;
        if self.words.len() <= number {
            self.words.resize(number + 1, None);
        }
        let Some(slot) = self.words.get_mut(number) else { return };
        for word in slot.get_or_insert_with(|| words_of(pattern)) {
            self.text.clear();
            if pattern::join(word, &mut reader, &mut self.text).is_ok() {
                push_word(&mut self.text, keys);
            }
        }
    }

    fn of_text(&self, kind: char, keys: &mut Vec<u64>) {
        if self.whole {
            each_scalar(&self.text, |path, text| {
                words_with_keys(text, keys);
                if fields::is_exact(path) {
                    push_id(path, text, keys);
                }
            });
            return;
        }
        let scalar = shape::scalar(kind, &self.text);
        words_with_keys(scalar.text(), keys);
        self.exact.iter().for_each(|name| push_id(name, scalar.text(), keys));
    }
}

fn words_with_keys(text: &str, keys: &mut Vec<u64>) {
    keys.extend(words::words(text).filter(|word| has_key(word)).map(|word| word_key(&word)));
}

fn push_id(name: &str, text: &str, keys: &mut Vec<u64>) {
    let id = fields::normalise_id(name, text);
    let is_own_word = id_word(&id).is_some_and(|word| words::words(text).any(|own| own == word));
    if !id.is_empty() && !is_own_word {
        keys.push(id_keys(&id).0);
    }
}

/// The words of a pattern that have a variable.
fn words_of(pattern: &str) -> Box<[Box<str>]> {
    let text = pattern.get(1..).unwrap_or_default();
    words::runs(text).map(|run| run.text).filter(|word| pattern::has_slots(word)).map(Into::into).collect()
}

/// Adds the key of one word, as it stands in a text.
fn push_word(text: &mut str, keys: &mut Vec<u64>) {
    if text.is_ascii() && text.len() <= words::WORD_BYTES_MAX {
        text.make_ascii_lowercase();
        if has_key(text) {
            keys.push(word_key(text));
        }
    } else {
        words_with_keys(text, keys);
    }
}
