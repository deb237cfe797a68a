//! Whether a row is what a predicate asks for: the one evaluation that both tiers and the tail share.
//!
//! A row's attributes are read at most once per evaluation, and only when something asks for them.

use super::predicate::{Field, Predicate, Stamp, Test};
use crate::row::{Origin, Owner, Row};
use martlog_formats::fields::Scalar;
use martlog_formats::{Problems, Severity, Verdict, fields, words};
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
    pub(crate) message: &'a str,
    pub(crate) attributes: &'a str,
}

impl<'a> From<&'a Row> for RowView<'a> {
    fn from(row: &'a Row) -> Self {
        Self {
            seq: row.seq,
            severity: row.record.severity,
            verdict: row.record.verdict,
            problems: row.record.problems,
            owner: &row.owner,
            origin: &row.origin,
            message: &row.record.message,
            attributes: &row.record.attributes,
        }
    }
}

impl Predicate {
    /// Whether the row is what is asked for.
    #[must_use]
    pub fn matches(&self, row: &Row) -> bool {
        self.matches_view(RowView::from(row))
    }

    /// The same for a row that is kept elsewhere.
    pub(crate) fn matches_view(&self, row: RowView<'_>) -> bool {
        evaluate(self, &Seen { row, texts: OnceCell::new() })
    }
}

/// A row with what was already read of it.
struct Seen<'a> {
    row: RowView<'a>,
    /// The scalar values, once.
    texts: OnceCell<Vec<Scalar<'a>>>,
}

impl Seen<'_> {
    /// Whether the message or one attribute value passes.
    fn any_text(&self, mut pass: impl FnMut(&str) -> bool) -> bool {
        pass(self.row.message) || self.any_value_text(pass)
    }

    /// Whether one attribute value passes.
    fn any_value_text(&self, mut pass: impl FnMut(&str) -> bool) -> bool {
        self.texts.get_or_init(|| scalars(self.row.attributes)).iter().any(|scalar| pass(scalar.text()))
    }

    /// Whether a value of the attribute passes.
    fn any_value(&self, path: &str, mut pass: impl FnMut(&Scalar<'_>) -> bool) -> bool {
        let mut passed = false;
        fields::visit(self.row.attributes, path, |scalar| passed = passed || pass(&scalar));
        passed
    }
}

/// Whether attributes, as they are written, can have a value with this word: most that do not are told without reading them.
fn may_have(attributes: &str, word: &str) -> bool {
    !attributes.is_empty() && (attributes.contains('\\') || words::may_have_word(attributes, word))
}

fn scalars(attributes: &str) -> Vec<Scalar<'_>> {
    let mut all = Vec::new();
    fields::for_each(attributes, |_, scalar| all.push(scalar));
    all
}

fn evaluate(predicate: &Predicate, seen: &Seen<'_>) -> bool {
    let row = &seen.row;
    match predicate {
        Predicate::All => true,
        Predicate::None => false,
        Predicate::And(all) => all.iter().all(|part| evaluate(part, seen)),
        Predicate::Or(any) => any.iter().any(|part| evaluate(part, seen)),
        Predicate::Not(inner) => !evaluate(inner, seen),
        Predicate::Word(pattern) if pattern.is_plain() => {
            words::has_word(row.message, &pattern.0)
                || (may_have(row.attributes, &pattern.0) && seen.any_value_text(|text| words::has_word(text, &pattern.0)))
        }
        Predicate::Word(pattern) => {
            let prefix = pattern.0.split(['*', '?']).next().unwrap_or_default();
            let in_text = |text: &str| {
                words::may_have_word(text, prefix) && words::words(text).any(|word| words::matches_wildcard(&pattern.0, &word))
            };
            in_text(row.message) || (may_have(row.attributes, prefix) && seen.any_value_text(in_text))
        }
        Predicate::Phrase(wanted) => {
            words::has_phrase(row.message, wanted)
                || (wanted.iter().all(|word| may_have(row.attributes, word)) && seen.any_value_text(|text| words::has_phrase(text, wanted)))
        }
        Predicate::Literal(piece) => row.attributes.contains(piece.as_str()) || seen.any_text(|text| text.contains(piece.as_str())),
        Predicate::Regex(regex) => seen.any_text(|text| regex.is_match(text)),
        Predicate::Severity(range) => row.severity.is_some_and(|severity| range.contains(&severity.number())),
        Predicate::Verdict(verdict) => row.verdict == *verdict,
        Predicate::Problem(problem) => row.problems.contains(*problem),
        Predicate::Field(Field::Message, test) => text_passes(row.message, test),
        Predicate::Field(Field::Stamp(Stamp::Id), test) => match test {
            Test::Equals(id) => id_names(id, &row.owner.key.module, row.seq),
            Test::Exists => true,
            _ => stamp_passes(&format!("{}/{}", row.owner.key.module, row.seq), test),
        },
        Predicate::Field(Field::Stamp(stamp), test) => {
            owner_stamp(*stamp, row.owner).or_else(|| origin_stamp(*stamp, row.origin)).is_some_and(|value| stamp_passes(value, test))
        }
        Predicate::Field(Field::Attribute(path), test) => seen.any_value(path, |scalar| scalar_passes(path, scalar, test)),
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
    let Test::Number { low, high } = test else { return false };
    #[allow(clippy::float_cmp)] // A bound that is included is meant exactly.
    let at = |bound: f64, included: bool| included && number == bound;
    low.is_none_or(|(bound, included)| number > bound || at(bound, included))
        && high.is_none_or(|(bound, included)| number < bound || at(bound, included))
}
