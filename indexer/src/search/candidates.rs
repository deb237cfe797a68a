//! Which patterns of a split can hold what is asked for.
//!
//! A word without a digit is part of a pattern, so its documents in the index are exactly the patterns that have it. A word with a digit is a variable: patterns with a variable
//! of its form may have it, if the block's filter has its key. Phrases, pieces and expressions need all of their words in one pattern; then the pattern's text says more:
//! a pattern without variables is a text like any other.

use super::matches::{scalar_passes, text_passes};
use super::node::More;
use super::predicate::{Pattern, Test};
use super::reach::Reach;
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::Decoder;
use crate::split::field::{Field, PatternReader};
use crate::split::keys::{has_key, id_keys, word_key};
use crate::split::pattern::{self, Piece, Slot, WordPatterns, has_slots, patterns_of_word, pieces};
use crate::split::postings::Postings;
use crate::split::shape;
use martlog_formats::{fields, words};
use regex_syntax::hir::{Hir, HirKind};
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

impl Question<'_> {
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
pub(super) struct Candidates {
    /// Surely match.
    yes: Bits,
    /// May match; `None` is all.
    maybe: Option<Bits>,
    /// Of each of these groups of filter keys a block has one, or no variable in it matters.
    keys: Vec<Vec<u64>>,
    /// When an expression is asked for.
    expression: Option<Expression>,
}

/// What is known of an expression without matching.
#[derive(Debug, Default)]
struct Expression {
    /// Pieces that every match has.
    pieces: Vec<String>,
    /// No match has a digit in it or depends on what stands beside it.
    without_digits: bool,
    /// Then, where its matches can begin and end.
    reach: Option<Reach>,
}

impl Expression {
    fn of(question: &Question<'_>) -> Option<Self> {
        let regex = match question {
            Question::Regex(regex) => regex,
            Question::Message(Test::Regex(regex)) | Question::Attribute(_, Test::Regex(regex)) => regex,
            _ => return None,
        };
        let hir = regex_syntax::parse(regex.as_str()).ok()?;
        let without_digits = without_digits(&hir);
        let reach = without_digits.then(|| Reach::of(regex.as_str())).flatten();
        let mut known = Self { pieces: Vec::new(), without_digits, reach };
        required_pieces(&hir, &mut known.pieces);
        Some(known)
    }
}

impl Candidates {
    /// Asks the index.
    pub(super) fn find(question: &Question<'_>, split: &Split, more: More<'_>) -> io::Result<Self> {
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
                Ok(Self { yes: Bits::none(docs), maybe: all, keys, expression: Expression::of(question) })
            }
        }
    }
}

impl Candidates {
    /// Whether a field can have a pattern that matches, or may.
    pub(super) fn may_be_of(&self, field: &Field<'_>) -> bool {
        let docs = field.docs();
        let any = |set: &Bits| set.any_in(docs.clone());
        !docs.is_empty() && (field.opaque().is_some() || any(&self.yes) || self.maybe.as_ref().is_none_or(any))
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
fn wildcard(wanted: &str, postings: &Postings, docs: usize, more: More<'_>) -> io::Result<Candidates> {
    let (mut yes, mut maybe) = (Bits::none(docs), Bits::none(docs));
    let literal = wanted.split(['*', '?']).next().unwrap_or_default();
    // Letters before a variable are literal, digits never are.
    let prefix = literal.split(|letter: char| letter.is_ascii_digit()).next().unwrap_or_default();
    let mut look = |prefix: &str| {
        let mut word = |word: &str, add: &dyn Fn(&mut Bits) -> io::Result<()>| {
            if !has_slots(word) {
                return if words::matches_wildcard(wanted, word) { add(&mut yes) } else { Ok(()) };
            }
            if variable_may_match(word, literal) { add(&mut maybe) } else { Ok(()) }
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

/// Whether a word of a pattern, with a variable in it, can begin like this.
fn variable_may_match(word: &str, literal: &str) -> bool {
    let Some(first) = pieces(word).next() else { return false };
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    match first {
        Piece::Literal(letters) => literal.starts_with(letters) || letters.starts_with(literal),
        Piece::Variable(Slot::Number) => literal.is_empty() || literal.starts_with(|letter: char| letter.is_ascii_digit()),
        Piece::Variable(Slot::Hex { .. } | Slot::Uuid { .. }) => hex(literal),
        Piece::Variable(Slot::Other) => true,
    }
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

/// Reads the patterns of a field that may match.
pub(super) fn refine(
    field: &Field<'_>,
    question: &Question<'_>,
    candidates: &Candidates,
    decoder: &Decoder,
    more: More<'_>,
) -> io::Result<Refined> {
    let (docs, count) = (field.docs(), field.patterns());
    let mut refined = Refined {
        yes: candidates.yes.slice(docs.start, count),
        maybe: Bits::none(count),
        numbers: Bits::none(count),
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
    let mut patterns = PatternReader::new(field);
    for (nth, number) in open.iter().enumerate() {
        if nth % PATTERNS_PER_CHECK == 0 {
            more()?;
        }
        let text = patterns.pattern(u32::try_from(number).unwrap_or(u32::MAX), decoder)?;
        let kind = text.chars().next().unwrap_or('s');
        let own = text.get(kind.len_utf8()..).unwrap_or_default();
        if !has_slots(own) {
            if question.passes(kind, own) {
                refined.yes.set(number);
            }
            continue;
        }
        if own == "0" && kind != 'o' {
            refined.numbers.set(number);
        }
        match with_variables(question, candidates.expression.as_ref(), kind, own) {
            Some(true) => refined.yes.set(number),
            Some(false) => {}
            None => refined.maybe.set(number),
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
fn with_variables(question: &Question<'_>, expression: Option<&Expression>, kind: char, pattern: &str) -> Option<bool> {
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
        Question::Regex(regex) => regex_in(regex, expression?, pattern),
        Question::Message(Test::Regex(regex)) | Question::Attribute(_, Test::Regex(regex)) => regex_in(regex, expression?, pattern),
        _ => None,
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

/// Whether every value of a pattern has this piece, or none; `plain` says that the values have no other form.
fn literal_in(piece: &str, pattern: &str, plain: bool) -> Option<bool> {
    if piece.is_empty() || pieces(pattern).any(|own| matches!(own, Piece::Literal(text) if text.contains(piece))) {
        return Some(true);
    }
    (plain && !Alignment::may_lie_in(piece, pattern)).then_some(false)
}

/// Where a piece of text can lie in the values of a pattern: variables are taken for anything that they can be.
struct Alignment<'p> {
    pattern: Vec<Piece<'p>>,
    /// Steps until it is not looked for any further, and said to be possible.
    left: u32,
}

impl<'p> Alignment<'p> {
    const STEPS_MAX: u32 = 2_000;

    /// Whether a value of the pattern can have the piece.
    fn may_lie_in(piece: &str, pattern: &'p str) -> bool {
        let Some(first) = piece.bytes().next() else { return true };
        let mut of = Self { pattern: pieces(pattern).collect(), left: Self::STEPS_MAX };
        (0..of.pattern.len()).any(|at| match of.pattern.get(at).copied() {
            Some(Piece::Literal(text)) => memchr::memchr_iter(first, text.as_bytes()).any(|from| of.in_literal(piece, &text[from..], at)),
            _ => of.goes_on(piece, at),
        })
    }

    /// Whether the piece can begin where this literal does, which ends before the next part of the pattern.
    fn in_literal(&mut self, piece: &str, literal: &str, at: usize) -> bool {
        match piece.strip_prefix(literal) {
            Some(rest) => self.goes_on(rest, at + 1),
            None => literal.starts_with(piece),
        }
    }

    /// Whether the piece can begin with this part of the pattern, in a variable at any place of it.
    fn goes_on(&mut self, piece: &str, at: usize) -> bool {
        self.left = self.left.saturating_sub(1);
        if piece.is_empty() || self.left == 0 {
            return true;
        }
        let slot = match self.pattern.get(at).copied() {
            None => return false,
            Some(Piece::Literal(text)) => return self.in_literal(piece, text, at),
            Some(Piece::Variable(slot)) => slot,
        };
        let may_be = piece.chars().take_while(|letter| letter_of(slot, *letter)).map(char::len_utf8);
        let mut length = 0;
        may_be.take(longest(slot)).any(|letter| {
            length += letter;
            self.goes_on(&piece[length..], at + 1)
        })
    }
}

/// Whether a variable can have this character.
fn letter_of(slot: Slot, letter: char) -> bool {
    let hex = |upper: bool| letter.is_ascii_digit() || matches!(letter, 'a'..='f' if !upper) || matches!(letter, 'A'..='F' if upper);
    match slot {
        Slot::Number => letter.is_ascii_digit(),
        Slot::Hex { upper, .. } => hex(upper),
        Slot::Uuid { upper } => hex(upper) || letter == '-',
        Slot::Other => true,
    }
}

/// Characters of a variable at most.
fn longest(slot: Slot) -> usize {
    match slot {
        Slot::Number => pattern::NUMBER_DIGITS_MAX,
        Slot::Hex { digits, .. } => digits,
        Slot::Uuid { .. } => 36,
        Slot::Other => usize::MAX,
    }
}

/// Whether every value of a pattern matches an expression, or none.
fn regex_in(regex: &regex::Regex, expression: &Expression, pattern: &str) -> Option<bool> {
    if expression.pieces.iter().any(|piece| literal_in(piece, pattern, true) == Some(false)) {
        return Some(false);
    }
    if !expression.without_digits {
        return None;
    }
    if pieces(pattern).any(|own| matches!(own, Piece::Literal(text) if regex.is_match(text))) {
        return Some(true);
    }
    let stays = |slot: Slot| match slot {
        // They are no part of a match.
        Slot::Number => true,
        Slot::Hex { .. } | Slot::Uuid { .. } => expression.reach.as_ref().is_some_and(|reach| !reach.begins_in_hex()),
        Slot::Other => false,
    };
    let mut before = "";
    for piece in pieces(pattern) {
        match piece {
            Piece::Literal(text) => before = text,
            Piece::Variable(slot) if !stays(slot) => return None,
            Piece::Variable(Slot::Number) => before = "",
            Piece::Variable(_) if expression.reach.as_ref().is_none_or(|reach| reach.leaves(before)) => return None,
            Piece::Variable(_) => before = "",
        }
    }
    Some(false)
}

/// Pieces of text that every match of an expression has.
pub(super) fn required(regex: &regex::Regex) -> Vec<String> {
    let mut pieces = Vec::new();
    if let Ok(hir) = regex_syntax::parse(regex.as_str()) {
        required_pieces(&hir, &mut pieces);
    }
    pieces
}

/// Adds pieces that every match has.
fn required_pieces(hir: &Hir, found: &mut Vec<String>) {
    match hir.kind() {
        HirKind::Literal(literal) => found.extend(std::str::from_utf8(&literal.0).ok().map(ToOwned::to_owned)),
        HirKind::Capture(capture) => required_pieces(&capture.sub, found),
        HirKind::Repetition(repetition) if repetition.min > 0 => required_pieces(&repetition.sub, found),
        HirKind::Concat(parts) => parts.iter().for_each(|part| required_pieces(part, found)),
        _ => {}
    }
}

/// Whether every match has something in it, no line feed, and does not depend on what stands beside it.
pub(super) fn stays_in_line(regex: &regex::Regex) -> bool {
    fn without_line_feed(hir: &Hir) -> bool {
        match hir.kind() {
            HirKind::Empty => true,
            HirKind::Look(_) => false,
            HirKind::Literal(literal) => !literal.0.contains(&b'\n'),
            HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
                class.iter().all(|range| range.end() < '\n' || range.start() > '\n')
            }
            HirKind::Class(regex_syntax::hir::Class::Bytes(class)) => {
                class.iter().all(|range| range.end() < b'\n' || range.start() > b'\n')
            }
            HirKind::Repetition(repetition) => without_line_feed(&repetition.sub),
            HirKind::Capture(capture) => without_line_feed(&capture.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().all(without_line_feed),
        }
    }
    regex_syntax::parse(regex.as_str())
        .is_ok_and(|hir| hir.properties().minimum_len().is_some_and(|least| least > 0) && without_line_feed(&hir))
}

/// Whether a match has no digit in it and does not depend on what stands beside it.
fn without_digits(hir: &Hir) -> bool {
    match hir.kind() {
        // Nothing matches everywhere, beside a digit as well.
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => !literal.0.iter().any(u8::is_ascii_digit),
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => class.iter().all(|range| range.end() < '0' || range.start() > '9'),
        HirKind::Class(regex_syntax::hir::Class::Bytes(class)) => class.iter().all(|range| range.end() < b'0' || range.start() > b'9'),
        HirKind::Repetition(repetition) => repetition.min > 0 && without_digits(&repetition.sub),
        HirKind::Capture(capture) => without_digits(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().all(without_digits),
    }
}

pub(super) fn regex_words(regex: &regex::Regex) -> Vec<String> {
    let mut wanted = Vec::new();
    if let Ok(hir) = regex_syntax::parse(regex.as_str()) {
        required_words(&hir, &mut wanted);
    }
    wanted
}

/// Words that every text has which equals this one without case. Where folding or composing could make other words of it, none.
pub(super) fn equal_words(text: &str) -> Vec<String> {
    if !text.chars().all(|character| character.is_ascii() || words::is_word_char(character)) {
        return Vec::new();
    }
    words::words(text).map(Cow::into_owned).collect()
}

/// Words that every text has which contains this piece: those between its first and its last separator, since the ones at its ends may
/// be parts of longer words.
pub(super) fn inner_words(piece: &str) -> Vec<String> {
    // ASCII, and nothing that a mark behind it could be composed with (`=` and U+0338 are U+2260).
    let separates = |character: char| character.is_ascii() && !words::is_word_char(character) && !matches!(character, '<' | '=' | '>');
    match (piece.find(separates), piece.rfind(separates)) {
        (Some(first), Some(last)) if first < last => {
            let inner = |run: &words::Run<'_>| run.from > first && run.from + run.text.len() <= last;
            words::runs(piece).filter(|run| inner(run) && !may_be_of_uuid(piece, run)).map(|run| run.word().into_owned()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a word may be part of a UUID that reaches beyond the text: that is one word as a whole.
fn may_be_of_uuid(text: &str, run: &words::Run<'_>) -> bool {
    let beside = text[..run.from].ends_with('-') || text[run.from + run.text.len()..].starts_with('-');
    beside && matches!(run.text.len(), 4 | 8 | 12) && run.text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Adds words that every text has which this expression matches.
fn required_words(hir: &Hir, wanted: &mut Vec<String>) {
    match hir.kind() {
        HirKind::Literal(literal) => {
            if let Ok(piece) = std::str::from_utf8(&literal.0) {
                wanted.extend(inner_words(piece));
            }
        }
        HirKind::Capture(capture) => required_words(&capture.sub, wanted),
        HirKind::Repetition(repetition) if repetition.min > 0 => required_words(&repetition.sub, wanted),
        HirKind::Concat(parts) => parts.iter().for_each(|part| required_words(part, wanted)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_of_a_piece_are_required() {
        assert_eq!(inner_words("foo Bar baz"), ["bar"]);
        assert_eq!(inner_words(" foo bar "), ["foo", "bar"]);
        assert_eq!(inner_words("{'to': '38050"), ["to"]);
        assert_eq!(inner_words("abc"), [] as [&str; 0]);
        assert_eq!(inner_words("a=b"), [] as [&str; 0]);
    }

    #[test]
    fn words_that_an_expression_requires() {
        let required = |expression: &str| {
            let mut wanted = Vec::new();
            required_words(&regex_syntax::parse(expression).unwrap(), &mut wanted);
            wanted
        };
        assert_eq!(required(r"^GET /v1/sms/[0-9]+$"), ["v1", "sms"]);
        assert_eq!(required(r"(a b c)+ x y|z"), [] as [&str; 0]);
        assert_eq!(required(r"(a b c)+[xy]( d e f )?"), ["b"]);
        assert_eq!(required(r"(?i)a b c"), [] as [&str; 0]);
    }
}
