//! Where is the first byte at which one of the literals may begin? Answered by vector instructions, sixteen or thirty-two bytes at a time.
//!
//! The searcher knows no case, so a lower-case copy of the text is made piece by piece on the stack, which costs less than an automaton that sees both.
//! Invariant: no literal begins before the answer. Whether one begins there is for the automaton to say.

use aho_corasick::packed::{Config, MatchKind, Searcher};

/// How much is made lower case at once, bytes.
const PIECE_BYTES: usize = 1024;

/// Built once per profile.
#[derive(Debug)]
pub(super) struct Prefilter {
    /// `None` where the machine has no such instructions, or there are too many literals.
    searcher: Option<Searcher>,
    /// The longest literal, bytes.
    longest: usize,
}

impl Prefilter {
    /// Looks for these, whatever their case.
    pub(super) fn new<'l>(literals: impl Iterator<Item = &'l str>) -> Self {
        let literals: Vec<String> = literals.map(str::to_ascii_lowercase).collect();
        let longest = literals.iter().map(String::len).max().unwrap_or(0);
        let searcher = Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(&literals).build();
        Self { searcher: searcher.filter(|_| longest < PIECE_BYTES / 2), longest }
    }

    /// Where to look from on: the first place at or behind `from` where a literal begins. `None` where there is none.
    pub(super) fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        let Some(searcher) = &self.searcher else { return Some(from) };
        let mut lower = [0; PIECE_BYTES];
        let mut at = from;
        while at < text.len() {
            let piece = &text[at..text.len().min(at + PIECE_BYTES)];
            let lower = &mut lower[..piece.len()];
            lower.copy_from_slice(piece);
            lower.make_ascii_lowercase();
            if let Some(found) = searcher.find(&*lower) {
                return Some(at + found.start());
            }
            if at + piece.len() == text.len() {
                return None;
            }
            // A literal may lie across two pieces.
            at += PIECE_BYTES - self.longest;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LITERALS: [&str; 5] = ["pin", "eyJ", "password", "\\u00", "secret_access_key"];

    fn slowly(text: &str, from: usize) -> Option<usize> {
        let lower = text.to_ascii_lowercase();
        LITERALS.iter().filter_map(|literal| lower[from..].find(&literal.to_ascii_lowercase()).map(|at| from + at)).min()
    }

    proptest! {
        #[test]
        fn the_first_literal_is_found_wherever_it_lies(before in "[a-z ]{0,1100}", at in 0..5_usize, upper: bool, after in "[a-z ]{0,40}", from in 0..60_usize) {
            let literal = if upper { LITERALS[at].to_ascii_uppercase() } else { LITERALS[at].to_owned() };
            let text = format!("{before}{literal}{after}");
            let from = from.min(text.len());
            let prefilter = Prefilter::new(LITERALS.into_iter());
            let found = prefilter.find(text.as_bytes(), from);
            if prefilter.searcher.is_some() {
                prop_assert_eq!(found, slowly(&text, from));
            } else {
                prop_assert_eq!(found, Some(from));
            }
        }
    }
}
