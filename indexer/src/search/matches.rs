//! Whether a row is what a predicate asks for: the one evaluation that both tiers and the tail share.
//!
//! A row's attributes are read at most once per evaluation, and only when something asks for them.

use super::expression::required_pieces;
use super::predicate::{Field, Predicate, Stamp, Test};
use super::together::Together;
use crate::row::{Origin, Owner, Piece, Row, RowRef};
use martlog_formats::fields::Scalar;
use martlog_formats::words::Needle;
use martlog_formats::{Problems, Severity, Verdict, fields, words};
use memchr::memmem;
use std::cell::OnceCell;

/// What a predicate can see of a row, wherever it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowView<'a> {
    pub(crate) seq: u64,
    pub(crate) severity: Option<Severity>,
    pub(crate) verdict: Verdict,
    pub(crate) problems: Problems,
    pub(crate) owner: &'a Owner,
    pub(crate) origin: &'a Origin,
    pub(crate) message: Piece<'a>,
    pub(crate) attributes: Piece<'a>,
}

impl<'a> From<RowRef<'a>> for RowView<'a> {
    fn from(row: RowRef<'a>) -> Self {
        let RowRef { seq, severity, verdict, problems, owner, origin, message, attributes, .. } = row;
        Self { seq, severity, verdict, problems, owner, origin, message, attributes }
    }
}

impl Predicate {
    /// Whether the row is what is asked for.
    #[must_use]
    pub fn matches(&self, row: &Row) -> bool {
        Matcher::of_few(self).matches(RowRef::from(row).into())
    }
}

/// A predicate that is made ready for being asked of rows.
pub(crate) struct Matcher<'p> {
    part: Part<'p>,
}

enum Part<'p> {
    And(Vec<Part<'p>>),
    Or(Vec<Part<'p>>),
    Not(Box<Part<'p>>),
    Word(Needle<'p>),
    Wildcard {
        pattern: &'p str,
        prefix: Needle<'p>,
    },
    Phrase {
        words: &'p [String],
        needles: Vec<Needle<'p>>,
    },
    Literal {
        piece: &'p str,
        finder: memmem::Finder<'p>,
    },
    Regex(Box<Expression<'p>>),
    Attribute {
        path: &'p str,
        name: fields::Name<'p>,
        test: &'p Test,
    },
    /// What is asked of no text, or of a short one.
    Row(&'p Predicate),
}

/// An expression with what tells quickly that a text does not match.
struct Expression<'p> {
    regex: &'p regex::Regex,
    /// The longest piece that every match has.
    piece: Option<memmem::Finder<'static>>,
    /// The same expression for several texts at once, where they can be asked so.
    together: Option<Together>,
}

impl<'p> Matcher<'p> {
    /// For many rows.
    pub(crate) fn new(predicate: &'p Predicate) -> Self {
        Self::with(predicate, &Expression::new)
    }

    /// For so few rows that getting more ready would take longer than asking them.
    pub(crate) fn of_few(predicate: &'p Predicate) -> Self {
        Self::with(predicate, &|regex| Expression { regex, piece: None, together: None })
    }

    fn with(predicate: &'p Predicate, expression: &dyn Fn(&'p regex::Regex) -> Expression<'p>) -> Self {
        Self { part: Part::new(predicate, expression) }
    }

    /// Whether the row is what is asked for.
    pub(crate) fn matches(&self, row: RowView<'_>) -> bool {
        self.part.matches(&Seen { row, texts: OnceCell::new() })
    }
}

/// A row with what was already read of it.
struct Seen<'a> {
    row: RowView<'a>,
    /// The scalar values, once.
    texts: OnceCell<Vec<Scalar<'a>>>,
}

impl Seen<'_> {
    /// Whether one attribute value passes.
    fn any_value_text(&self, mut pass: impl FnMut(&str) -> bool) -> bool {
        self.texts.get_or_init(|| scalars(self.row.attributes.text())).iter().any(|scalar| pass(scalar.text()))
    }

    /// Whether a value can have what `may` tells of a text: asked of the attributes as they are written, which have it too unless it is escaped. Most that have
    /// no such value are told without reading them.
    fn values_may(&self, may: impl FnOnce(&str) -> bool) -> bool {
        let attributes = self.row.attributes.text();
        !attributes.is_empty() && (memchr::memchr(b'\\', attributes.as_bytes()).is_some() || may(attributes))
    }
}

fn scalars(attributes: &str) -> Vec<Scalar<'_>> {
    let mut all = Vec::new();
    fields::for_each(attributes, |_, scalar| all.push(scalar));
    all
}

impl<'p> Part<'p> {
    fn new(predicate: &'p Predicate, expression: &dyn Fn(&'p regex::Regex) -> Expression<'p>) -> Self {
        let parts = |parts: &'p [Predicate]| parts.iter().map(|part| Self::new(part, expression)).collect();
        match predicate {
            Predicate::And(all) => Self::And(parts(all)),
            Predicate::Or(any) => Self::Or(parts(any)),
            Predicate::Not(inner) => Self::Not(Box::new(Self::new(inner, expression))),
            Predicate::Word(pattern) if pattern.is_plain() => Self::Word(Needle::new(&pattern.0)),
            Predicate::Word(pattern) => {
                let prefix = pattern.0.split(['*', '?']).next().unwrap_or_default();
                Self::Wildcard { pattern: &pattern.0, prefix: Needle::new(prefix) }
            }
            Predicate::Phrase(words) => Self::Phrase { words, needles: words.iter().map(|word| Needle::new(word)).collect() },
            Predicate::Literal(piece) => Self::Literal { piece, finder: memmem::Finder::new(piece) },
            Predicate::Regex(regex) => Self::Regex(Box::new(expression(regex))),
            Predicate::Field(Field::Attribute(path), test) => Self::Attribute { path, name: fields::Name::new(path), test },
            _ => Self::Row(predicate),
        }
    }

    fn matches(&self, seen: &Seen<'_>) -> bool {
        let row = &seen.row;
        match self {
            Self::And(all) => all.iter().all(|part| part.matches(seen)),
            Self::Or(any) => any.iter().any(|part| part.matches(seen)),
            Self::Not(inner) => !inner.matches(seen),
            Self::Word(word) => {
                word.is_word_of(row.message.text())
                    || (seen.values_may(|text| word.may_be_in(text)) && seen.any_value_text(|text| word.is_word_of(text)))
            }
            Self::Wildcard { pattern, prefix } => {
                let in_text = |text: &str| prefix.may_be_in(text) && words::words(text).any(|word| words::matches_wildcard(pattern, &word));
                in_text(row.message.text()) || (seen.values_may(|text| prefix.may_be_in(text)) && seen.any_value_text(in_text))
            }
            Self::Phrase { words, needles } => {
                let may = |text: &str| needles.iter().all(|word| word.may_be_in(text));
                (may(row.message.text()) && words::has_phrase(row.message.text(), words))
                    || (seen.values_may(may) && seen.any_value_text(|text| words::has_phrase(text, words)))
            }
            Self::Literal { piece, finder } => {
                let in_text = |text: &str| finder.find(text.as_bytes()).is_some();
                in_text(row.message.text())
                    || in_text(row.attributes.text())
                    // What is written with escapes has other text.
                    || (seen.values_may(|_| false) && seen.any_value_text(|text| text.contains(piece)))
            }
            Self::Regex(expression) => {
                expression.matches(row.message.text())
                    || (seen.values_may(|text| expression.may_match_in(text)) && seen.any_value_text(|text| expression.matches(text)))
            }
            Self::Attribute { path, name, test } => {
                let mut passed = false;
                name.visit(row.attributes.text(), |scalar| passed = passed || scalar_passes(path, &scalar, test));
                passed
            }
            Self::Row(predicate) => row_passes(predicate, row),
        }
    }
}

impl<'p> Expression<'p> {
    fn new(regex: &'p regex::Regex) -> Self {
        let piece = required_pieces(regex).into_iter().max_by_key(String::len).filter(|piece| !piece.is_empty());
        let piece = piece.map(|piece| memmem::Finder::new(&piece).into_owned());
        Self { regex, piece, together: Together::of_expression(regex) }
    }

    /// Whether the text matches.
    fn matches(&self, text: &str) -> bool {
        self.has_piece(text) && self.together.as_ref().map_or_else(|| self.regex.is_match(text), |together| together.is_in(text))
    }

    /// Whether a part of the text can match, the text being several.
    fn may_match_in(&self, text: &str) -> bool {
        self.has_piece(text) && self.together.as_ref().is_none_or(|together| together.is_in(text))
    }

    fn has_piece(&self, text: &str) -> bool {
        self.piece.as_ref().is_none_or(|piece| piece.find(text.as_bytes()).is_some())
    }
}

/// What is asked of no text, or of a short one.
fn row_passes(predicate: &Predicate, row: &RowView<'_>) -> bool {
    match predicate {
        Predicate::All => true,
        Predicate::Severity(range) => row.severity.is_some_and(|severity| range.contains(&severity.number())),
        Predicate::Verdict(verdict) => row.verdict == *verdict,
        Predicate::Problem(problem) => row.problems.contains(*problem),
        Predicate::Field(Field::Message, test) => text_passes(row.message.text(), test),
        Predicate::Field(Field::Stamp(Stamp::Id), test) => match test {
            Test::Equals(id) => id_names(id, &row.owner.key.module, row.seq),
            Test::Exists => true,
            _ => stamp_passes(&format!("{}/{}", row.owner.key.module, row.seq), test),
        },
        Predicate::Field(Field::Stamp(stamp), test) => {
            owner_stamp(*stamp, row.owner).or_else(|| origin_stamp(*stamp, row.origin)).is_some_and(|value| stamp_passes(value, test))
        }
        // The others are parts of their own, but for this one.
        _ => false,
    }
}

/// The text of a field that is stamped with the owner.
pub(super) fn owner_stamp(stamp: Stamp, owner: &Owner) -> Option<&str> {
    Some(match stamp {
        Stamp::Partner => &owner.key.partner,
        Stamp::Module => &owner.key.module,
        Stamp::Instance => &owner.instance,
        Stamp::Csp => &owner.csp,
        Stamp::Environment => &owner.environment,
        Stamp::Version => &owner.version,
        _ => return None,
    })
}

/// The text of a field that is stamped with the origin.
pub(super) fn origin_stamp(stamp: Stamp, origin: &Origin) -> Option<&str> {
    Some(match stamp {
        Stamp::Cluster => &origin.cluster,
        Stamp::Node => &origin.node,
        Stamp::Namespace => &origin.namespace,
        Stamp::Pod => &origin.pod,
        Stamp::Container => &origin.container,
        Stamp::Stream => origin.substream.as_str(),
        _ => return None,
    })
}

/// The module and seq in `module/epoch/seq`. The epoch is the store's, and whoever takes the id from a reader compares it.
pub(super) fn parse_id(id: &str) -> Option<(&str, u64)> {
    let (rest, seq) = id.rsplit_once('/')?;
    let (module, _epoch) = rest.rsplit_once('/')?;
    Some((module, seq.parse().ok()?))
}

fn id_names(id: &str, module: &str, seq: u64) -> bool {
    parse_id(id) == Some((module, seq))
}

/// Whether a stamped field passes: exact where it is compared whole.
pub(super) fn stamp_passes(value: &str, test: &Test) -> bool {
    match test {
        Test::Equals(wanted) => value == wanted,
        _ => text_passes(value, test),
    }
}

/// Whether an attribute's value passes.
pub(super) fn scalar_passes(path: &str, scalar: &Scalar<'_>, test: &Test) -> bool {
    match test {
        Test::Exists => scalar.exists(),
        Test::Equals(wanted) if fields::is_exact(path) => {
            let id = fields::normalise_id(path, scalar.text());
            scalar.exists() && !id.is_empty() && id == fields::normalise_id(path, wanted)
        }
        Test::Number { .. } => scalar.number(path).is_some_and(|number| number_passes(number, test)),
        _ => text_passes(scalar.text(), test),
    }
}

/// Whether a text passes.
pub(super) fn text_passes(text: &str, test: &Test) -> bool {
    match test {
        Test::Exists => !text.is_empty(),
        Test::Equals(wanted) => text == wanted || words::fold(text) == words::fold(wanted),
        Test::Words(wanted) => words::has_phrase(text, wanted),
        Test::Wildcard(pattern) => words::matches_wildcard(&words::fold(&pattern.0), &words::fold(text)),
        Test::Literal(piece) => text.contains(piece.as_str()),
        Test::Regex(regex) => regex.is_match(text),
        Test::Number { .. } => fields::number(text).is_some_and(|number| number_passes(number, test)),
    }
}

pub(super) fn number_passes(number: f64, test: &Test) -> bool {
    let (low, high) = bounds(test);
    number >= low && number <= high
}

/// The smallest and the largest number that pass.
pub(super) fn bounds(test: &Test) -> (f64, f64) {
    let Test::Number { low, high } = test else { return (f64::INFINITY, f64::NEG_INFINITY) };
    let low = low.map_or(f64::NEG_INFINITY, |(bound, included)| if included { bound } else { bound.next_up() });
    let high = high.map_or(f64::INFINITY, |(bound, included)| if included { bound } else { bound.next_down() });
    (low, high)
}
