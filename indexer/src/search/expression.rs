//! What is known of a regular expression without matching it against values.

use super::alignment::literal_in;
use super::reach::Reach;
use super::together::Together;
use crate::split::pattern::{Piece, Slot, pieces};
use regex_syntax::hir::{Class, Hir, HirKind};

/// See the module.
#[derive(Debug)]
pub(super) struct Expression<'q> {
    regex: &'q regex::Regex,
    /// Pieces that every match has.
    pieces: Vec<String>,
    /// No match has a digit in it or depends on what stands beside it.
    without_digits: bool,
    /// Then, where its matches can begin and end.
    reach: Option<Reach>,
}

impl<'q> Expression<'q> {
    pub(super) fn of(regex: &'q regex::Regex) -> Option<Self> {
        let hir = regex_syntax::parse(regex.as_str()).ok()?;
        let without_digits = without_digits(&hir);
        let reach = without_digits.then(|| Reach::of(regex.as_str())).flatten();
        Some(Self { regex, pieces: required_pieces(regex), without_digits, reach })
    }

    /// Whether every value of a pattern matches, or none.
    pub(super) fn in_pattern(&self, pattern: &str, together: Option<&Together>) -> Option<bool> {
        if self.pieces.iter().any(|piece| literal_in(piece, pattern, true) == Some(false)) {
            return Some(false);
        }
        if !self.without_digits {
            return None;
        }
        let is_match = |text: &str| together.map_or_else(|| self.regex.is_match(text), |together| together.is_in(text));
        if pieces(pattern).any(|own| matches!(own, Piece::Literal(text) if is_match(text))) {
            return Some(true);
        }
        let stays = |slot: Slot| match slot {
            // They are no part of a match.
            Slot::Number => true,
            Slot::Hex { .. } | Slot::Uuid { .. } => self.reach.as_ref().is_some_and(|reach| !reach.begins_in_hex()),
            Slot::Other => false,
        };
        let mut before = "";
        for piece in pieces(pattern) {
            match piece {
                Piece::Literal(text) => before = text,
                Piece::Variable(slot) if !stays(slot) => return None,
                Piece::Variable(Slot::Number) => before = "",
                Piece::Variable(_) if self.reach.as_ref().is_none_or(|reach| reach.leaves(before)) => return None,
                Piece::Variable(_) => before = "",
            }
        }
        Some(false)
    }
}

impl Expression<'_> {
    /// Whether a value of this pattern, of which [`Self::in_pattern`] says nothing, matches exactly when the digits of one of its ids do.
    pub(super) fn is_for_ids(&self, pattern: &str) -> bool {
        let (mut before, mut behind_id, mut ids) = ("", false, 0);
        let mut parts = pieces(pattern).peekable();
        let alone = matches!(parts.peek(), Some(Piece::Variable(Slot::Hex { .. } | Slot::Uuid { .. }))) && pieces(pattern).count() == 1;
        for piece in parts {
            match piece {
                Piece::Literal(text) => {
                    if behind_id && self.reach.as_ref().is_none_or(|reach| reach.enters(text)) {
                        return false;
                    }
                    (before, behind_id) = (text, false);
                }
                // They are no part of a match where it has no digits.
                Piece::Variable(Slot::Number) => (before, behind_id) = ("", false),
                Piece::Variable(Slot::Other) => return false,
                Piece::Variable(_) => {
                    if behind_id || (!before.is_empty() && self.reach.as_ref().is_none_or(|reach| reach.leaves(before))) {
                        return false;
                    }
                    (before, behind_id, ids) = ("", true, ids + 1);
                }
            }
        }
        ids > 0 && (alone || self.without_digits)
    }
}

/// Pieces of text that every match of an expression has.
pub(super) fn required_pieces(regex: &regex::Regex) -> Vec<String> {
    fn add(hir: &Hir, found: &mut Vec<String>) {
        match hir.kind() {
            HirKind::Literal(literal) => found.extend(std::str::from_utf8(&literal.0).ok().map(ToOwned::to_owned)),
            HirKind::Capture(capture) => add(&capture.sub, found),
            HirKind::Repetition(repetition) if repetition.min > 0 => add(&repetition.sub, found),
            HirKind::Concat(parts) => parts.iter().for_each(|part| add(part, found)),
            _ => {}
        }
    }
    let mut pieces = Vec::new();
    if let Ok(hir) = regex_syntax::parse(regex.as_str()) {
        add(&hir, &mut pieces);
    }
    pieces
}

/// Whether every match has something in it, no line feed, and does not depend on what stands beside it.
pub(super) fn stays_in_line(regex: &regex::Regex) -> bool {
    fn without_line_feed(hir: &Hir) -> bool {
        match hir.kind() {
            HirKind::Empty => true,
            HirKind::Look(_) => false,
            HirKind::Literal(literal) => !literal.0.contains(&b'\n'),
            HirKind::Class(Class::Unicode(class)) => class.iter().all(|range| range.end() < '\n' || range.start() > '\n'),
            HirKind::Class(Class::Bytes(class)) => class.iter().all(|range| range.end() < b'\n' || range.start() > b'\n'),
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
        HirKind::Class(Class::Unicode(class)) => class.iter().all(|range| range.end() < '0' || range.start() > '9'),
        HirKind::Class(Class::Bytes(class)) => class.iter().all(|range| range.end() < b'0' || range.start() > b'9'),
        HirKind::Repetition(repetition) => repetition.min > 0 && without_digits(&repetition.sub),
        HirKind::Capture(capture) => without_digits(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().all(without_digits),
    }
}
