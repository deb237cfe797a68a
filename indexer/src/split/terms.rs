//! What of a row goes into which index.
//!
//! * **Terms** (postings per row): words without digits, and short ones with digits (`404`, `v2`). They repeat.
//! * **Filter keys** (a Bloom filter per block): longer words with digits, very long words, and exact ids as they are compared. They
//!   are nearly all different, and as terms they would be most of the index.
//! * **Stems** (postings per row): what stands before the first digit of a word that is no term, so that `timeo*` need not
//!   look at every row because of `timeout12345`.
//! * **Names** (per split): which attributes there are, and the words of their keys.

use crate::search::scalars::each_scalar;
use martlog_formats::{fields, words};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// A longer word is no term, bytes.
const TERM_BYTES_MAX: usize = 64;
/// A longer word with a digit is no term, bytes.
const DIGIT_TERM_BYTES_MAX: usize = 4;
/// A stem is cut here, bytes.
pub(crate) const STEM_BYTES_MAX: usize = 16;
/// A split with more different attribute names or key words keeps no list of them.
const NAMES_MAX: usize = 20_000;
/// Words that JSON text has outside keys and strings.
const JSON_WORDS: [&str; 3] = ["null", "true", "false"];

/// Whether a word is a term; else it is a filter key.
pub(crate) fn is_term(word: &str) -> bool {
    word.len() <= DIGIT_TERM_BYTES_MAX || (word.len() <= TERM_BYTES_MAX && !word.bytes().any(|byte| byte.is_ascii_digit()))
}

/// What stands before the first digit, at most [`STEM_BYTES_MAX`] bytes.
pub(crate) fn stem(word: &str) -> &str {
    let mut end = word.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(word.len()).min(STEM_BYTES_MAX);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    &word[..end]
}

/// The filter key of a word that is no term.
pub(crate) fn word_key(word: &str) -> u64 {
    xxh3_64(word.as_bytes())
}

/// The filter key of an id, already normalised, in the attribute of this path: its last name counts.
pub(crate) fn id_key(path: &str, id: &str) -> u64 {
    let name = path.rsplit_once('.').map_or(path, |(_, name)| name);
    xxh3_64_with_seed(id.as_bytes(), xxh3_64(name.as_bytes()))
}

/// Which attributes a split has.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Names {
    /// False where there were too many to list.
    complete: bool,
    /// Canonical names of attributes that have a value.
    paths: BTreeSet<String>,
    /// Words of keys as they are written, and of JSON itself.
    words: BTreeSet<String>,
}

impl Names {
    /// Whether no row has a value of this attribute.
    pub(crate) fn lacks(&self, path: &str) -> bool {
        let bare = path.strip_prefix(fields::ATTRIBUTES_PREFIX);
        self.complete && !self.paths.contains(path) && !bare.is_some_and(|bare| self.paths.contains(bare))
    }

    /// Whether the JSON text of attributes can have this word outside of values.
    pub(crate) fn may_have_word(&self, word: &str) -> bool {
        !self.complete || self.words.contains(word)
    }
}

/// Collects over the rows of a split.
#[derive(Debug)]
pub(super) struct Collector {
    names: Names,
    keys_seen: HashSet<u64>,
    paths_seen: HashSet<u64>,
    /// Terms of the current row, each followed by a newline.
    pub(super) terms: String,
    /// Stems of the current row, likewise.
    pub(super) stems: String,
    /// Filter keys of the current block.
    pub(super) filter_keys: Vec<u64>,
}

impl Collector {
    pub(super) fn new() -> Self {
        let words = JSON_WORDS.iter().map(|word| (*word).to_owned()).collect();
        Self {
            names: Names { complete: true, paths: BTreeSet::new(), words },
            keys_seen: HashSet::new(),
            paths_seen: HashSet::new(),
            terms: String::new(),
            stems: String::new(),
            filter_keys: Vec::new(),
        }
    }

    /// Takes the next row; its terms and stems replace those of the one before.
    pub(super) fn row(&mut self, message: &str, attributes: &str) {
        self.terms.clear();
        self.stems.clear();
        self.text(message);
        if attributes.is_empty() {
            return;
        }
        each_scalar(attributes, |path, text| {
            if self.names.complete && self.paths_seen.insert(xxh3_64(path.as_bytes())) {
                self.names.paths.insert(path.to_owned());
            }
            self.text(text);
            if fields::is_exact(path) {
                self.filter_keys.push(id_key(path, &fields::normalise_id(path, text)));
            }
        });
        each_key(attributes, |key| {
            if self.names.complete && self.keys_seen.insert(xxh3_64(key.as_bytes())) {
                self.names.words.extend(words::words(key).map(std::borrow::Cow::into_owned));
            }
        });
        if self.names.paths.len() + self.names.words.len() > NAMES_MAX {
            self.names = Names::default();
        }
    }

    fn text(&mut self, text: &str) {
        for word in words::words(text) {
            if is_term(&word) {
                self.terms.push_str(&word);
                self.terms.push('\n');
            } else {
                self.filter_keys.push(word_key(&word));
                let stem = stem(&word);
                if !stem.is_empty() {
                    self.stems.push_str(stem);
                    self.stems.push('\n');
                }
            }
        }
    }

    pub(super) fn names(self) -> Names {
        self.names
    }
}

/// Every key of a JSON text as it is written, at any depth: a string with a colon behind it.
fn each_key(json: &str, mut key: impl FnMut(&str)) {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(open) = memchr::memchr(b'"', bytes.get(at..).unwrap_or_default()) {
        let from = at + open + 1;
        let mut to = from;
        while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(to..).unwrap_or_default()) {
            to += found;
            if bytes.get(to) == Some(&b'"') {
                break;
            }
            to += 2;
        }
        at = to + 1;
        let behind = bytes.get(at..).unwrap_or_default().iter().find(|byte| !byte.is_ascii_whitespace());
        if behind == Some(&b':')
            && let Some(text) = json.get(from..to)
        {
            key(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_at_any_depth_and_values_are_not() {
        let mut keys = Vec::new();
        each_key(r#"{"a":"x:y","b\"c" : {"d":[{"e":1},"f"]},"g\\":"h\":"}"#, |key| keys.push(key.to_owned()));
        assert_eq!(keys, ["a", r#"b\"c"#, "d", "e", r"g\\"]);
        each_key("\"cut off", |_| {});
        each_key("\"cut off\\", |_| {});
    }

    #[test]
    fn a_row_goes_to_terms_keys_and_stems() {
        let mut collector = Collector::new();
        collector.row("Timeout12345 after 404 retries", r#"{"module_state":"open","session_id":"AB-1234567"}"#);
        assert_eq!(collector.terms, "after\n404\nretries\nopen\nab\n");
        assert_eq!(collector.stems, "timeout\n");
        let key = id_key("session_id", "AB-1234567");
        assert_eq!(collector.filter_keys, [word_key("timeout12345"), word_key("1234567"), key]);
        let names = collector.names();
        assert!(names.lacks("session") && !names.lacks("session_id"));
        assert!(names.may_have_word("module_state") && !names.may_have_word("open"));
    }

    #[test]
    fn stems_end_at_a_digit_or_a_character() {
        assert_eq!(stem("abc1d"), "abc");
        assert_eq!(stem("1abc"), "");
        assert_eq!(stem("абонентабонент"), "абонента");
        assert_eq!(stem("xабонентабонент"), "xабонент");
    }
}
