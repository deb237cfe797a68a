//! Which patterns of a split can hold what is asked for.
//!
//! A word without a digit is part of a pattern, so its documents in the index are exactly the patterns that have it. A word with a digit is a variable: patterns with a variable
//! of its form may have it, if the block's filter has its key. Phrases, pieces and expressions need all of their words in one pattern; then the pattern's text says more:
//! a pattern without variables is a text like any other.

use super::alignment::literal_in;
use super::expression::Expression;
use super::first::{ROWS, Work};
use super::hex::HexPiece;
use super::matches::{scalar_passes, text_passes};
use super::node::More;
use super::predicate::{Pattern, Test};
use super::required::{equal_words, inner_words, regex_words};
use super::together::Together;
use super::wildcard::may_match;
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::Decoder;
use crate::split::field::{Field, PatternReader};
use crate::split::keys::{has_key, id_keys, word_key};
use crate::split::pattern::{self, WordPatterns, has_slots, patterns_of_word};
use crate::split::postings::Postings;
use crate::split::shape;
use martlog_formats::{fields, words};
use std::borrow::Cow;
use std::io;

/// What is asked of texts. All but the last two ask it of the message and of every scalar value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question<'a> {
    Word(&'a Pattern),
    Phrase(&'a [String]),
    Literal(&'a str),
    Regex(&'a regex::Regex),
    Message(&'a Test),
    Attribute(&'a str, &'a Test),
}

impl<'a> Question<'a> {
    /// The expression that is asked for, if one is.
    pub(super) fn expression(&self) -> Option<&'a regex::Regex> {
        match self {
            Self::Regex(regex) => Some(regex),
            Self::Message(Test::Regex(regex)) | Self::Attribute(_, Test::Regex(regex)) => Some(regex),
            _ => None,
        }
    }

    /// Whether a value passes.
    pub(super) fn passes(&self, kind: char, text: &str) -> bool {
        let scalar = shape::scalar(kind, text);
        match self {
            Self::Word(pattern) if pattern.is_plain() => words::has_word(scalar.text(), &pattern.0),
            Self::Word(pattern) => words::words(scalar.text()).any(|word| words::matches_wildcard(&pattern.0, &word)),
            Self::Phrase(wanted) => words::has_phrase(scalar.text(), wanted),
            Self::Literal(piece) => scalar.text().contains(piece) || as_written(kind, text, piece).contains(piece),
            Self::Regex(regex) => regex.is_match(scalar.text()),
            Self::Message(test) => text_passes(text, test),
            Self::Attribute(path, test) => scalar_passes(path, &scalar, test),
        }
    }

    /// The words that a text must have, and what else is required of it.
    fn required(&self) -> Required {
        let words = |words: &[String]| Required { words: words.to_vec(), any_of: Vec::new() };
        let test = |test: &Test| match test {
            Test::Words(wanted) => words(wanted),
            Test::Equals(wanted) => words(&equal_words(wanted)),
            Test::Literal(piece) => words(&inner_words(piece)),
            Test::Regex(regex) => words(&regex_words(regex)),
            Test::Exists | Test::Wildcard(_) | Test::Number { .. } => Required::default(),
        };
        match self {
            Self::Word(pattern) => words(std::slice::from_ref(&pattern.0)),
            Self::Phrase(wanted) => words(wanted),
            // What is written with escapes has the same words only where the piece has none.
            Self::Literal(piece) if piece.contains('\\') => Required::default(),
            Self::Literal(piece) => words(&inner_words(piece)),
            Self::Regex(regex) => words(&regex_words(regex)),
            Self::Attribute(path, Test::Equals(wanted)) if fields::is_exact(path) => {
                let (key, own) = id_keys(&fields::normalise_id(path, wanted));
                Required { words: Vec::new(), any_of: vec![std::iter::once(key).chain(own).collect()] }
            }
            Self::Message(of) | Self::Attribute(_, of) => test(of),
        }
    }
}

/// The value as it is written in JSON; nothing where that is no different to who looks for this piece.
fn as_written<'t>(kind: char, text: &'t str, piece: &str) -> Cow<'t, str> {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    match kind {
        's' if !piece.contains('"') && text.bytes().all(plain) => Cow::Borrowed(""),
        's' | 'u' => {
            let mut written = String::new();
            shape::push_value(kind, text, &mut written);
            Cow::Owned(written)
        }
        'm' => Cow::Borrowed(""),
        _ => Cow::Borrowed(text),
    }
}

#[derive(Debug, Default)]
struct Required {
    words: Vec<String>,
    /// Of each of these groups of filter keys one is needed.
    any_of: Vec<Vec<u64>>,
}

/// See the module. Documents are the patterns of all fields.
#[derive(Debug)]
pub(super) struct Candidates<'q> {
    /// Surely match.
    yes: Bits,
    /// May match; `None` is all.
    maybe: Option<Bits>,
    /// Of each of these groups of filter keys a block has one, or no variable in it matters.
    keys: Vec<Vec<u64>>,
    /// When an expression is asked for.
    expression: Option<Expression<'q>>,
}

impl<'q> Candidates<'q> {
    /// Asks the index.
    pub(super) fn find(question: &Question<'q>, split: &Split, more: More<'_>) -> io::Result<Self> {
        let docs = split.head()?.docs;
        let postings = split.postings()?;
        match question {
            Question::Word(pattern) if !pattern.is_plain() => wildcard(&pattern.0, postings, docs, more),
            Question::Word(pattern) => {
                let (yes, maybe) = word(&pattern.0, postings, docs)?;
                Ok(Self { yes, maybe: Some(maybe), keys: keys_of(std::slice::from_ref(&pattern.0)), expression: None })
            }
            _ => {
                let required = question.required();
                let mut all: Option<Bits> = None;
                for wanted in &required.words {
                    let (mut may, others) = word(wanted, postings, docs)?;
                    may.or(&others);
                    match &mut all {
                        Some(all) => all.and(&may),
                        None => all = Some(may),
                    }
                }
                let mut keys = keys_of(&required.words);
                keys.extend(required.any_of);
                Ok(Self { yes: Bits::none(docs), maybe: all, keys, expression: question.expression().and_then(Expression::of) })
            }
        }
    }

    /// Whether a field can have a pattern that matches, or may.
    pub(super) fn may_be_of(&self, field: &Field<'_>) -> bool {
        let docs = field.docs();
        let any = |set: &Bits| set.any_in(docs.clone());
        !docs.is_empty() && (field.opaque().is_some() || any(&self.yes) || self.maybe.as_ref().is_none_or(any))
    }

    /// What it takes to ask such a field, once for the whole split and once for its first rows alone.
    pub(super) fn work(&self, field: &Field<'_>) -> Work {
        let (patterns, chunks) = (field.patterns() as u64, field.chunks() as u64);
        let maybe = self.maybe.as_ref().map_or(patterns, |maybe| maybe.slice(field.docs().start, field.patterns()).count());
        // They may lie in chunks of their own, and a chunk is decompressed whole: its patterns cost as much as reading them.
        let read = |maybe: u64| maybe + maybe.min(chunks) * patterns.div_ceil(chunks.max(1));
        // Filters tell most of the entries that have no such key, without reading them.
        let entries = if self.keys.is_empty() { field.entries_len() as u64 } else { 0 };
        Work { all: read(maybe) + entries, own: read((ROWS as u64 * maybe).div_ceil(patterns.max(1))) }
    }
}

fn keys_of(words: &[String]) -> Vec<Vec<u64>> {
    words.iter().filter(|word| has_key(word)).map(|word| vec![word_key(word)]).collect()
}

/// The patterns that surely have a word, and those that may. Values that are kept as they are written are not among them.
fn word(word: &str, postings: &Postings, docs: usize) -> io::Result<(Bits, Bits)> {
    let (mut yes, mut maybe) = (Bits::none(docs), Bits::none(docs));
    match patterns_of_word(word) {
        WordPatterns::Literal { or_other } => {
            postings.docs_of(word, &mut yes)?;
            if or_other {
                postings.docs_of("2", &mut maybe)?;
            }
        }
        WordPatterns::Variable(patterns) => {
            for pattern in patterns {
                postings.docs_of(&pattern, &mut maybe)?;
            }
        }
    }
    Ok((yes, maybe))
}

/// The patterns with a word that matches, and those with a variable that may.
fn wildcard(wanted: &str, postings: &Postings, docs: usize, more: More<'_>) -> io::Result<Candidates<'static>> {
    let (mut yes, mut maybe) = (Bits::none(docs), Bits::none(docs));
    let literal = wanted.split(['*', '?']).next().unwrap_or_default();
    // Letters before a variable are literal, digits never are.
    let prefix = literal.split(|letter: char| letter.is_ascii_digit()).next().unwrap_or_default();
    let mut look = |prefix: &str| {
        let mut word = |word: &str, add: &dyn Fn(&mut Bits) -> io::Result<()>| {
            if !has_slots(word) {
                return if words::matches_wildcard(wanted, word) { add(&mut yes) } else { Ok(()) };
            }
            if may_match(wanted, word) { add(&mut maybe) } else { Ok(()) }
        };
        postings.for_each_word(prefix, &mut word, more)
    };
    look(prefix)?;
    if !prefix.is_empty() {
        // Words that are variables from their first letter on.
        for first in ["1", "2", "4", "5", "6"] {
            look(first)?;
        }
        // Letters in front may be shorter than the prefix when digits follow them; those are literal up to there.
        if prefix.len() < literal.len() {
            look("0")?;
        }
    }
    Ok(Candidates { yes, maybe: Some(maybe), keys: Vec::new(), expression: None })
}

/// The patterns of one field after their texts were read.
#[derive(Debug)]
pub(super) struct Refined {
    /// Surely match.
    pub(super) yes: Bits,
    /// It depends on the variables.
    pub(super) maybe: Bits,
    /// Are one number and nothing else.
    pub(super) numbers: Bits,
    /// Are digits of an id and nothing else, where such a piece is looked for; or match where an expression matches the digits of an id in them.
    pub(super) ids: Bits,
    keys: Vec<Vec<u64>>,
    /// Those that match or may, ascending, where they are few.
    few: Option<Vec<u32>>,
}

/// So many patterns are few.
const FEW: u64 = 256;

impl Refined {
    pub(super) fn is_empty(&self) -> bool {
        self.yes.is_empty() && self.maybe.is_empty()
    }

    /// The places, among these ascending patterns, of those that match or may.
    pub(super) fn places_in(&self, distinct: &[u32]) -> Vec<usize> {
        let Some(few) = &self.few else { return (0..distinct.len()).collect() };
        few.iter().filter_map(|pattern| distinct.binary_search(pattern).ok()).collect()
    }

    /// Whether variables can matter where a filter answers like this.
    pub(super) fn may(&self, has_one: impl Fn(Vec<u64>) -> io::Result<bool>) -> io::Result<bool> {
        for keys in &self.keys {
            if !has_one(keys.clone())? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Patterns that are read before the search is asked whether it goes on.
const PATTERNS_PER_CHECK: usize = 64;

/// Reads the patterns of a field that may match; of these, if only they are asked.
pub(super) fn refine(
    field: &Field<'_>,
    question: &Question<'_>,
    together: Option<&Together>,
    candidates: &Candidates<'_>,
    asked: Option<&Bits>,
    decoder: &Decoder,
    more: More<'_>,
) -> io::Result<Refined> {
    let (docs, count) = (field.docs(), field.patterns());
    let mut refined = Refined {
        yes: candidates.yes.slice(docs.start, count),
        maybe: Bits::none(count),
        numbers: Bits::none(count),
        ids: Bits::none(count),
        keys: candidates.keys.clone(),
        few: None,
    };
    let mut open = match &candidates.maybe {
        None => Bits::all(count),
        Some(maybe) => maybe.slice(docs.start, count),
    };
    // The index does not know the words of what is kept as it is written.
    field.opaque().into_iter().for_each(|opaque| open.set(opaque as usize));
    open.and_not(&refined.yes);
    asked.into_iter().for_each(|asked| open.and(asked));
    let (mut patterns, wants_hex) = (PatternReader::new(field), HexPiece::of(question).is_some());
    for (nth, number) in open.iter().enumerate() {
        if nth % PATTERNS_PER_CHECK == 0 {
            more()?;
        }
        let text = patterns.pattern(u32::try_from(number).unwrap_or(u32::MAX), decoder)?;
        let kind = text.chars().next().unwrap_or('s');
        let own = text.get(kind.len_utf8()..).unwrap_or_default();
        if !has_slots(own) {
            if together.map_or_else(|| question.passes(kind, own), |together| together.is_in(shape::scalar(kind, own).text())) {
                refined.yes.set(number);
            }
            continue;
        }
        if own == "0" && kind != 'o' {
            refined.numbers.set(number);
        }
        match with_variables(question, candidates.expression.as_ref(), together, kind, own) {
            Some(true) => refined.yes.set(number),
            Some(false) => {}
            None => {
                refined.maybe.set(number);
                let is_for_ids = |expression: &Expression<'_>| together.is_some() && expression.is_for_ids(own);
                if kind != 'o' && (wants_hex && HexPiece::is_for(own) || candidates.expression.as_ref().is_some_and(is_for_ids)) {
                    refined.ids.set(number);
                }
            }
        }
    }
    if refined.yes.count() + refined.maybe.count() <= FEW {
        let mut both = refined.yes.clone();
        both.or(&refined.maybe);
        refined.few = Some(both.iter().filter_map(|number| u32::try_from(number).ok()).collect());
    }
    Ok(refined)
}

/// What a pattern with variables says of all of its values, if it does.
fn with_variables(
    question: &Question<'_>,
    expression: Option<&Expression<'_>>,
    together: Option<&Together>,
    kind: char,
    pattern: &str,
) -> Option<bool> {
    if kind == 'o' {
        return None;
    }
    match question {
        Question::Phrase(words) => phrase_in(words, pattern),
        Question::Message(Test::Words(words)) | Question::Attribute(_, Test::Words(words)) => phrase_in(words, pattern),
        Question::Message(Test::Exists) | Question::Attribute(_, Test::Exists) => Some(true),
        Question::Literal(piece) if kind != 'u' => literal_in(piece, pattern, kind != 's' || as_written(kind, pattern, piece).is_empty()),
        Question::Message(Test::Literal(piece)) | Question::Attribute(_, Test::Literal(piece)) => literal_in(piece, pattern, true),
        Question::Attribute(path, Test::Equals(wanted)) if fields::is_verbatim(path) => id_in(wanted.trim(), pattern),
        _ => expression?.in_pattern(pattern, together),
    }
}

/// Says that no value of a pattern is this id, if so.
fn id_in(id: &str, pattern: &str) -> Option<bool> {
    let mut own = String::new();
    pattern::cut(id, &mut own, &mut pattern::Variables::default());
    (pattern.trim() != own).then_some(false)
}

/// Whether every value of a pattern has these words side by side, or none.
fn phrase_in(wanted: &[String], pattern: &str) -> Option<bool> {
    // Variables are words with a digit, or very long.
    let literal = |word: &String| word.len() <= pattern::LITERAL_BYTES_MAX / 4 && !word.bytes().any(|byte| byte.is_ascii_digit());
    wanted.iter().all(literal).then(|| words::has_phrase(pattern, wanted))
}
