//! A piece of text that is looked for in ids as they are kept: two hex digits a byte. Most texts with digits in them are such ids, and writing them out takes longer than looking.

use super::candidates::Question;
use super::predicate::Test;
use crate::split::pattern::{Piece, Slot, pieces};

/// Digits of a value at most; longer ones are written out.
const DIGITS_MAX: usize = 32;
/// The lowest and the highest bit of each digit.
const LOW: u128 = u128::MAX / 15;
const HIGH: u128 = LOW << 3;

/// Hex digits of one case; see the module.
#[derive(Debug)]
pub(super) struct HexPiece {
    /// Each in every place.
    digits: Vec<u128>,
    /// Whether lower and upper case letters can be it.
    cases: [bool; 2],
}

/// The values of a pattern in which a piece is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct HexValues {
    /// Where the piece may begin: the highest bits of these places.
    begin: u128,
}

impl HexPiece {
    /// The piece that is asked for, if it is one.
    pub(super) fn of(question: &Question<'_>) -> Option<Self> {
        let piece = match question {
            Question::Literal(piece) => piece,
            Question::Message(Test::Literal(piece)) | Question::Attribute(_, Test::Literal(piece)) => piece.as_str(),
            _ => return None,
        };
        let digit = |letter: char| letter.to_digit(16).map(|digit| LOW * u128::from(digit));
        let digits: Vec<u128> = piece.chars().map(digit).collect::<Option<_>>()?;
        let cases = [piece.bytes().all(|byte| !byte.is_ascii_uppercase()), piece.bytes().all(|byte| !byte.is_ascii_lowercase())];
        (!digits.is_empty()).then_some(Self { digits, cases })
    }

    /// Whether values of this pattern are nothing but digits in which it is looked for.
    pub(super) fn is_for(pattern: &str) -> bool {
        let mut pieces = pieces(pattern);
        let first = matches!(pieces.next(), Some(Piece::Variable(Slot::Hex { digits, .. })) if digits <= DIGITS_MAX);
        (first || pattern == "1" || pattern == "6") && pieces.next().is_none()
    }

    /// Where it may lie in the values of a slot.
    pub(super) fn values(&self, slot: Slot) -> HexValues {
        let (count, upper, parts): (usize, bool, &[usize]) = match slot {
            Slot::Hex { digits, upper } => (digits, upper, &[]),
            Slot::Uuid { upper } => (DIGITS_MAX, upper, &[8, 12, 16, 20]),
            _ => (0, false, &[]),
        };
        let crosses = |from: usize| parts.iter().any(|part| from < *part && *part < from + self.digits.len());
        let places = (0..(count + 1).saturating_sub(self.digits.len())).filter(|from| self.cases[usize::from(upper)] && !crosses(*from));
        HexValues { begin: places.filter(|from| *from < DIGITS_MAX).fold(0, |all, from| all | 8 << (4 * (DIGITS_MAX - 1 - from))) }
    }

    /// Whether a value has it.
    pub(super) fn is_in(&self, values: HexValues, bytes: &[u8]) -> bool {
        let mut value = [0; DIGITS_MAX / 2];
        value.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
        let (value, mut begin, mut shift) = (u128::from_be_bytes(value), values.begin, 0);
        for digit in &self.digits {
            if begin == 0 {
                return false;
            }
            // The highest bit of each place with this digit.
            let other = value ^ digit;
            let is_digit = !(((other & !HIGH) + !HIGH) | other) & HIGH;
            begin &= is_digit << shift;
            shift += 4;
        }
        begin != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::pattern::{self, Variables};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_found_where_the_text_has_it(
            text in prop_oneof!["[0-9a-c]{8,40}", "[0-9A-C]{8,32}", "[0-2a]{8}-[0-2a]{4}-[0-2a]{4}-[0-2a]{4}-[0-2a]{12}"],
            piece in prop_oneof!["[0-9a-c]{1,4}", "[0-2a]{1,3}", "[0-9A-C]{1,4}", "[0-9a-c]{20,40}"],
            inside in any::<prop::sample::Index>(), length in 1_usize..40,
        ) {
            let (mut own, mut variables) = (String::new(), Variables::default());
            pattern::cut(&text, &mut own, &mut variables);
            prop_assume!(HexPiece::is_for(&own));
            let slot = pattern::slots(&own).next().unwrap();
            let from = inside.index(text.len());
            let part = text[from..text.len().min(from + length)].to_owned();
            for piece in [piece, part] {
                let Some(hex) = HexPiece::of(&Question::Literal(&piece)) else { continue };
                prop_assert_eq!(hex.is_in(hex.values(slot), &variables.bytes), text.contains(&piece), "{} in {}", piece, text);
            }
        }
    }

    #[test]
    fn only_digits_are_looked_for() {
        assert!(HexPiece::of(&Question::Literal("a-b")).is_none());
        assert!(HexPiece::of(&Question::Literal("")).is_none());
        assert!(!HexPiece::is_for("x4ag") && !HexPiece::is_for("4agx") && !HexPiece::is_for("0") && HexPiece::is_for("4ag"));
    }
}
