//! Whether every value of a pattern has a piece of text, or none has, told by the pattern alone.

use crate::split::pattern::{self, Piece, Slot, pieces};
use smallvec::SmallVec;

/// Whether every value of a pattern has this piece, or none; `plain` says that the values have no other form.
pub(super) fn literal_in(piece: &str, pattern: &str, plain: bool) -> Option<bool> {
    // Literal text has no digits; a pattern's letters may be those of a variable.
    let may_be_literal =
        !piece.bytes().any(|byte| byte.is_ascii_digit()) && memchr::memmem::find(pattern.as_bytes(), piece.as_bytes()).is_some();
    if may_be_literal && (piece.is_empty() || pieces(pattern).any(|own| matches!(own, Piece::Literal(text) if text.contains(piece)))) {
        return Some(true);
    }
    (plain && !Alignment::may_lie_in(piece, pattern)).then_some(false)
}

/// Where a piece of text can lie in the values of a pattern: variables are taken for anything that they can be.
struct Alignment<'p> {
    pattern: SmallVec<[Piece<'p>; 12]>,
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
