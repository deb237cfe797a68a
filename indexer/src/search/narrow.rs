//! What a split's index can say of a predicate, before any stored row is read.
//!
//! The answer is three-valued and per row: a row *must* match, *may* match, or does not. Postings, owners, origins and kinds decide; filters and
//! the words inside phrases, literals and regular expressions only exclude. AND, OR and NOT combine both sets, so that a row whose
//! fate is known is never read: `timeout NOT level:debug` is counted from the index alone.
//!
//! Soundness: `must` ⊆ matching rows ⊆ `may`, which the property tests hold against [`Predicate::matches`].

use super::gate::Answer;
use super::matches::{origin_stamp, owner_stamp, parse_id, stamp_passes};
use super::predicate::{Field, Pattern, Predicate, Stamp, Test};
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::Block;
use crate::split::columns::Kind;
use crate::split::terms::{STEM_BYTES_MAX, id_key, is_term, word_key};
use martlog_formats::{Problem, Verdict, fields, words};
use regex_syntax::hir::{Hir, HirKind};
use std::borrow::Cow;
use std::io;

/// A predicate as a split's index sees it.
#[derive(Debug)]
pub(super) enum Node {
    /// The same of all rows.
    Same(Answer),
    /// These rows, exactly.
    Rows(Bits),
    /// Rows in blocks whose filter has the key may; others do not.
    Key(u64),
    /// Rows of such a kind, exactly.
    Kind(KindTest),
    /// Rows of these owners, exactly.
    Owners(Vec<bool>),
    /// Rows of these origins, exactly.
    Origins(Vec<bool>),
    /// The row with this seq, exactly.
    Seq(u64),
    /// All of these.
    And(Vec<Node>),
    /// One of these.
    Or(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
}

/// See the variants of [`Predicate`] with the same names.
#[derive(Debug)]
pub(super) enum KindTest {
    Severity(std::ops::RangeInclusive<u8>),
    Verdict(Verdict),
    Problem(Problem),
}

/// Rows of a block.
#[derive(Debug)]
pub(super) struct Known {
    /// What is not in here does not match.
    pub(super) may: Bits,
    /// What is in here matches; a part of `may`.
    pub(super) must: Bits,
}

/// What the index of the split says of the predicate; `more` is asked now and then and may stop it with an error.
pub(super) fn compile(predicate: &Predicate, split: &Split, more: &mut dyn FnMut() -> io::Result<()>) -> io::Result<Node> {
    Compiler { split, rows: usize::try_from(split.meta.rows).map_err(io::Error::other)?, more }.predicate(predicate)
}

struct Compiler<'a> {
    split: &'a Split,
    rows: usize,
    more: &'a mut dyn FnMut() -> io::Result<()>,
}

impl Compiler<'_> {
    fn predicate(&mut self, predicate: &Predicate) -> io::Result<Node> {
        (self.more)()?;
        Ok(match predicate {
            Predicate::All => Node::Same(Answer::Yes),
            Predicate::None => Node::Same(Answer::No),
            Predicate::And(all) => and(all.iter().map(|part| self.predicate(part)).collect::<io::Result<_>>()?),
            Predicate::Or(any) => or(any.iter().map(|part| self.predicate(part)).collect::<io::Result<_>>()?),
            Predicate::Not(inner) => not(self.predicate(inner)?),
            Predicate::Word(pattern) if pattern.is_plain() => self.word(&pattern.0)?,
            Predicate::Word(pattern) => self.pattern(pattern)?,
            Predicate::Phrase(wanted) => match wanted.as_slice() {
                [] => Node::Same(Answer::Yes),
                [word] => self.word(word)?,
                words => self.words(words)?,
            },
            Predicate::Literal(piece) => self.literal(piece)?,
            Predicate::Regex(regex) => self.regex(regex)?,
            Predicate::Severity(range) => Node::Kind(KindTest::Severity(range.clone())),
            Predicate::Verdict(verdict) => Node::Kind(KindTest::Verdict(*verdict)),
            Predicate::Problem(problem) => Node::Kind(KindTest::Problem(*problem)),
            Predicate::Field(Field::Message, test) => self.text(test)?,
            Predicate::Field(Field::Stamp(stamp), test) => self.stamp(*stamp, test)?,
            Predicate::Field(Field::Attribute(path), _) if self.split.head()?.names.lacks(path) => Node::Same(Answer::No),
            Predicate::Field(Field::Attribute(path), Test::Equals(id)) if fields::is_exact(path) => {
                and(vec![Node::Key(id_key(path, &fields::normalise_id(path, id))), Node::Same(Answer::Maybe)])
            }
            Predicate::Field(Field::Attribute(_), test) => self.text(test)?,
        })
    }

    /// A test of one text: its words must be there, and the text decides.
    fn text(&mut self, test: &Test) -> io::Result<Node> {
        match test {
            Test::Words(wanted) => self.words(wanted),
            Test::Equals(wanted) => self.words(&equal_words(wanted)),
            Test::Literal(piece) => self.words(&inner_words(piece)),
            Test::Regex(regex) => self.regex(regex),
            Test::Exists | Test::Wildcard(_) | Test::Number { .. } => Ok(Node::Same(Answer::Maybe)),
        }
    }

    /// A word as term or key.
    fn word(&mut self, word: &str) -> io::Result<Node> {
        if !is_term(word) {
            return Ok(Node::Key(word_key(word)));
        }
        let mut rows = Bits::none(self.rows);
        self.split.postings()?.rows_of(word, &mut rows)?;
        Ok(exactly(rows))
    }

    /// Rows that have all these words may match.
    fn words(&mut self, wanted: &[String]) -> io::Result<Node> {
        let mut nodes = vec![Node::Same(Answer::Maybe)];
        for word in wanted {
            nodes.push(self.word(word)?);
        }
        Ok(and(nodes))
    }

    /// A piece of the message or of the attributes' JSON text, where it may also reach over keys and escapes.
    fn literal(&mut self, piece: &str) -> io::Result<Node> {
        if piece.contains('\\') {
            return Ok(Node::Same(Answer::Maybe));
        }
        let names = &self.split.head()?.names;
        let wanted: Vec<String> = inner_words(piece).into_iter().filter(|word| !names.may_have_word(word)).collect();
        self.words(&wanted)
    }

    fn regex(&mut self, regex: &regex::Regex) -> io::Result<Node> {
        let mut wanted = Vec::new();
        if let Ok(hir) = regex_syntax::parse(regex.as_str()) {
            required_words(&hir, &mut wanted);
        }
        self.words(&wanted)
    }

    /// A word with wildcards: matching terms surely; words that are no terms maybe, where their stem goes with the pattern.
    fn pattern(&mut self, pattern: &Pattern) -> io::Result<Node> {
        let postings = self.split.postings()?;
        let prefix = pattern.0.split(['*', '?']).next().unwrap_or_default();
        let mut terms = Bits::none(self.rows);
        postings.rows_of_terms(prefix, |term| words::matches_wildcard(&pattern.0, term), &mut terms, self.more)?;
        if prefix.is_empty() || prefix.starts_with(|first: char| first.is_ascii_digit()) {
            // Such words may have an empty stem, which is not indexed.
            return Ok(or(vec![exactly(terms), Node::Same(Answer::Maybe)]));
        }
        let mut stems = Bits::none(self.rows);
        postings.rows_of_stems(prefix, &mut stems, self.more)?;
        for (end, next) in prefix.char_indices().skip(1) {
            // A shorter stem ends before a digit, or it was cut.
            if next.is_ascii_digit() || end + 4 > STEM_BYTES_MAX {
                postings.rows_of_stem(&prefix[..end], &mut stems)?;
            }
        }
        Ok(or(vec![exactly(terms), and(vec![exactly(stems), Node::Same(Answer::Maybe)])]))
    }

    fn stamp(&mut self, stamp: Stamp, test: &Test) -> io::Result<Node> {
        let head = self.split.head()?;
        match (stamp, test) {
            (Stamp::Id, Test::Exists) => return Ok(Node::Same(Answer::Yes)),
            (Stamp::Id, Test::Equals(id)) => match parse_id(id) {
                Some((module, seq)) if module == &*self.split.meta.key.module => return Ok(Node::Seq(seq)),
                _ => return Ok(Node::Same(Answer::No)),
            },
            _ => {}
        }
        let passes = |value: &str| stamp_passes(value, test);
        let owners: Option<Vec<bool>> = head.owners.iter().map(|owner| owner_stamp(stamp, owner).map(passes)).collect();
        let origins: Option<Vec<bool>> = head.origins.iter().map(|origin| origin_stamp(stamp, origin).map(passes)).collect();
        Ok(match (owners, origins) {
            (Some(owners), _) => Node::Owners(owners),
            (_, Some(origins)) => Node::Origins(origins),
            _ => Node::Same(Answer::Maybe),
        })
    }
}

/// Exactly these rows.
fn exactly(rows: Bits) -> Node {
    if rows.is_empty() {
        Node::Same(Answer::No)
    } else if rows.is_full() {
        Node::Same(Answer::Yes)
    } else {
        Node::Rows(rows)
    }
}

fn and(mut nodes: Vec<Node>) -> Node {
    if nodes.iter().any(|node| matches!(node, Node::Same(Answer::No))) {
        return Node::Same(Answer::No);
    }
    nodes.retain(|node| !matches!(node, Node::Same(Answer::Yes)));
    match nodes.len() {
        0 => Node::Same(Answer::Yes),
        1 => nodes.remove(0),
        _ => Node::And(nodes),
    }
}

fn or(mut nodes: Vec<Node>) -> Node {
    if nodes.iter().any(|node| matches!(node, Node::Same(Answer::Yes))) {
        return Node::Same(Answer::Yes);
    }
    nodes.retain(|node| !matches!(node, Node::Same(Answer::No)));
    match nodes.len() {
        0 => Node::Same(Answer::No),
        1 => nodes.remove(0),
        _ => Node::Or(nodes),
    }
}

fn not(node: Node) -> Node {
    match node {
        Node::Same(Answer::No) => Node::Same(Answer::Yes),
        Node::Same(Answer::Yes) => Node::Same(Answer::No),
        node => Node::Not(Box::new(node)),
    }
}

impl Node {
    /// What is known of the rows of a block.
    pub(super) fn of_block(&self, block: &Block<'_>) -> io::Result<Known> {
        let rows = block.meta.rows;
        let same = |answer: Answer| match answer {
            Answer::No => Known { may: Bits::none(rows), must: Bits::none(rows) },
            Answer::Maybe => Known { may: Bits::all(rows), must: Bits::none(rows) },
            Answer::Yes => Known { may: Bits::all(rows), must: Bits::all(rows) },
        };
        let exact = |bits: Bits| Known { must: bits.clone(), may: bits };
        Ok(match self {
            Self::Same(answer) => same(*answer),
            Self::Rows(all) => exact(all.slice(block.meta.row_from, rows)),
            Self::Key(key) => same(if block.filter()?(*key) { Answer::Maybe } else { Answer::No }),
            Self::Kind(test) => exact(Bits::collect(rows, block.kinds()?.each(|kind| test.passes(kind)))),
            Self::Owners(pass) => exact(Bits::collect(rows, block.places()?.each(|place| pass.get(place.owner) == Some(&true)))),
            Self::Origins(pass) => exact(Bits::collect(rows, block.places()?.each(|place| pass.get(place.origin) == Some(&true)))),
            Self::Seq(seq) if *seq < block.meta.seq_min || *seq > block.meta.seq_max => same(Answer::No),
            Self::Seq(seq) => {
                let seqs = block.seqs()?;
                exact(Bits::collect(rows, |row| seqs.get(row) == Some(seq)))
            }
            Self::And(all) => {
                let mut known = same(Answer::Yes);
                for node in all {
                    let next = node.of_block(block)?;
                    known.may.and(&next.may);
                    known.must.and(&next.must);
                    if known.may.is_empty() {
                        break;
                    }
                }
                known
            }
            Self::Or(any) => {
                let mut known = same(Answer::No);
                for node in any {
                    let next = node.of_block(block)?;
                    known.may.or(&next.may);
                    known.must.or(&next.must);
                    if known.must.is_full() {
                        break;
                    }
                }
                known
            }
            Self::Not(node) => {
                let known = node.of_block(block)?;
                Known { may: known.must.not(), must: known.may.not() }
            }
        })
    }
}

impl KindTest {
    fn passes(&self, kind: &Kind) -> bool {
        match self {
            Self::Severity(range) => kind.severity.is_some_and(|severity| range.contains(&severity.number())),
            Self::Verdict(verdict) => kind.verdict == *verdict,
            Self::Problem(problem) => kind.problems.contains(*problem),
        }
    }
}

/// Words that every text has which equals this one without case. Where folding or composing could make other words of it, none.
fn equal_words(text: &str) -> Vec<String> {
    if !text.chars().all(|character| character.is_ascii() || words::is_word_char(character)) {
        return Vec::new();
    }
    words::words(text).map(Cow::into_owned).collect()
}

/// Words that every text has which contains this piece: those between its first and its last separator, since the ones at its ends may
/// be parts of longer words.
fn inner_words(piece: &str) -> Vec<String> {
    // ASCII, and nothing that a mark behind it could be composed with (`=` and U+0338 are U+2260).
    let separates = |character: char| character.is_ascii() && !words::is_word_char(character) && !matches!(character, '<' | '=' | '>');
    match (piece.find(separates), piece.rfind(separates)) {
        (Some(first), Some(last)) if first < last => words::words(&piece[first..last]).map(Cow::into_owned).collect(),
        _ => Vec::new(),
    }
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
