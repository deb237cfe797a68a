//! Whether a word of a pattern can match a wildcard whatever its variables are: both are read side by side, so that patterns whose variables cannot matter are told without reading values.

use crate::split::pattern::{Piece, Slot, pieces};

/// A piece of what a word may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// This character.
    One(char),
    /// One character of a kind.
    OneOf(Kind),
    /// Any number of characters of a kind.
    AnyOf(Kind),
}

/// What a variable consists of, folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digits,
    /// Of an id: UUIDs have hyphens.
    Hex,
    Anything,
}

impl Kind {
    fn has(self, letter: char) -> bool {
        match self {
            Self::Digits => letter.is_ascii_digit(),
            Self::Hex => letter.is_ascii_hexdigit() || letter == '-',
            Self::Anything => true,
        }
    }
}

impl Part {
    fn may_be(self, letter: char) -> bool {
        match self {
            Self::One(own) => own == letter,
            Self::OneOf(kind) | Self::AnyOf(kind) => kind.has(letter),
        }
    }
}

/// Whether a word of a pattern can match; `*` is any run, `?` one character.
pub(super) fn may_match(wanted: &str, word: &str) -> bool {
    let mut parts = Vec::new();
    for piece in pieces(word) {
        match piece {
            Piece::Literal(letters) => parts.extend(letters.chars().map(Part::One)),
            Piece::Variable(slot) => {
                let kind = match slot {
                    Slot::Number => Kind::Digits,
                    Slot::Hex { .. } | Slot::Uuid { .. } => Kind::Hex,
                    Slot::Other => Kind::Anything,
                };
                parts.extend([Part::OneOf(kind), Part::AnyOf(kind)]);
            }
        }
    }
    // How far into the word one can be behind what was read of the wildcard: bit by bit, and one more for its end.
    let mut places = vec![false; parts.len() + 1];
    places.iter_mut().take(1).for_each(|place| *place = true);
    pass_over(&parts, &mut places, false);
    for letter in wanted.chars() {
        if letter != '*' {
            places = step(&parts, &places, letter);
        }
        pass_over(&parts, &mut places, letter == '*');
    }
    places.last() == Some(&true)
}

/// The places behind one more character.
fn step(parts: &[Part], places: &[bool], letter: char) -> Vec<bool> {
    let mut next = vec![false; places.len()];
    for (at, part) in parts.iter().enumerate().filter(|(at, _)| places.get(*at) == Some(&true)) {
        if letter == '?' || part.may_be(letter) {
            let to = if matches!(part, Part::AnyOf(_)) { at } else { at + 1 };
            next.iter_mut().skip(to).take(1).for_each(|place| *place = true);
        }
    }
    next
}

/// Adds the places that are reached without a character of the wildcard: behind what may be empty, or behind anything.
fn pass_over(parts: &[Part], places: &mut [bool], anything: bool) {
    for (at, part) in parts.iter().enumerate() {
        if places.get(at) == Some(&true) && (anything || matches!(part, Part::AnyOf(_))) {
            places.iter_mut().skip(at + 1).take(1).for_each(|place| *place = true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::pattern::{Variables, cut};
    use martlog_formats::words;
    use proptest::prelude::*;

    #[test]
    fn variables_decide_nothing_where_no_value_of_them_can_match() {
        for (wanted, word, may) in [
            ("*phyrus", "session0", false),
            ("*phyrus", "2", true),
            ("*phyrus", "2x", false),
            ("*7", "v0", true),
            ("v*", "v0", true),
            ("v?", "v0", true),
            ("v?x", "v0", false),
            ("v", "v0", false),
            ("dead*", "4ai", true),
            ("dear*", "4ai", false),
            ("*-*", "1", true),
            ("*", "0ms", true),
            ("*ms", "0ms", true),
            ("1*s", "0ms", true),
            ("?", "0ms", false),
        ] {
            assert_eq!(may_match(wanted, word), may, "{wanted} and {word}");
        }
    }

    proptest! {
        #[test]
        fn no_word_that_matches_is_left_out(
            word in "[a-f]{0,3}([0-9]{1,6}|[0-9a-f]{6,12}|[a-z0-9]{1,9})[a-z]{0,3}",
            wanted in "[a-f0-9*?]{1,6}",
            at in 0_usize..12,
        ) {
            let mut pattern = String::new();
            cut(&word, &mut pattern, &mut Variables::default());
            // A piece of the word itself with something around it matches more often.
            let near = format!("*{}*", word.chars().skip(at).take(3).collect::<String>());
            for wanted in [wanted, near] {
                prop_assert!(!words::matches_wildcard(&wanted, &word) || may_match(&wanted, &pattern), "{wanted} and {word} of {pattern}");
            }
        }
    }
}
