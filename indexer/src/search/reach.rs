//! Whether a match of an expression can reach out of a piece of text: then what stands beside the piece matters, else it does not.
//!
//! Told by running the expression's automaton over the piece from each of its characters: where none of the runs lives to the end, every match that begins in the piece ends in it.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::{Anchored, Input};
use std::cell::RefCell;

/// Characters that words of hex digits and UUIDs have besides digits.
const HEX_LETTERS: &[u8] = b"abcdefABCDEF-";

/// States that are followed; with more, a match may go on with everything.
const STATES_MAX: usize = 64;

/// An expression that is asked.
pub(super) struct Reach {
    dfa: DFA,
    cache: RefCell<Cache>,
    begins_in_hex: bool,
    /// The bytes that a match which began in hex digits can go on with.
    behind_hex: Box<[bool; 256]>,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reach").field("begins_in_hex", &self.begins_in_hex).finish()
    }
}

impl Reach {
    /// For an expression without assertions about what stands beside a match; `None` where its automaton is too large.
    pub(super) fn of(expression: &str) -> Option<Self> {
        let dfa = DFA::new(expression).ok()?;
        let cache = RefCell::new(dfa.create_cache());
        let mut reach = Self { dfa, cache, begins_in_hex: true, behind_hex: Box::new([true; 256]) };
        reach.begins_in_hex = HEX_LETTERS.iter().any(|letter| reach.lives(&[*letter]));
        if let Some(behind) = reach.find_behind_hex() {
            reach.behind_hex = behind;
        }
        Some(reach)
    }

    /// Whether a match can begin with a letter of hex digits, or with a dash.
    pub(super) fn begins_in_hex(&self) -> bool {
        self.begins_in_hex
    }

    /// Whether a match that begins in hex digits and does not end there can go on into this text.
    pub(super) fn enters(&self, text: &str) -> bool {
        text.bytes().next().is_some_and(|first| self.behind_hex.get(first as usize) != Some(&false))
    }

    fn find_behind_hex(&self) -> Option<Box<[bool; 256]>> {
        let mut cache = self.cache.borrow_mut();
        let mut states = vec![self.dfa.start_state_forward(&mut cache, &Input::new("").anchored(Anchored::Yes)).ok()?];
        let mut behind = Box::new([false; 256]);
        let mut at = 0;
        while let Some(state) = states.get(at).copied() {
            for (byte, lives) in (0..=u8::MAX).zip(behind.iter_mut()) {
                let next = self.dfa.next_state(&mut cache, state, byte).ok()?;
                if next.is_dead() {
                    continue;
                }
                // Nothing of the text is behind the start.
                *lives |= at > 0;
                let ends = self.dfa.next_eoi_state(&mut cache, next).ok()?.is_match();
                if !ends && (byte.is_ascii_digit() || HEX_LETTERS.contains(&byte)) && !states.contains(&next) {
                    states.push(next);
                }
            }
            at += 1;
            if states.len() > STATES_MAX || cache.clear_count() > 0 {
                return None;
            }
        }
        Some(behind)
    }

    /// Whether a match can begin in this text and go on behind it. One that ends with its last or last but one byte counts as well.
    pub(super) fn leaves(&self, text: &str) -> bool {
        text.char_indices().any(|(from, _)| text.as_bytes().get(from..).is_some_and(|rest| self.lives(rest)))
    }

    /// Whether a match can begin with all of this.
    fn lives(&self, text: &[u8]) -> bool {
        let mut cache = self.cache.borrow_mut();
        // Where the automaton cannot say, it can.
        let Ok(mut state) = self.dfa.start_state_forward(&mut cache, &Input::new(text).anchored(Anchored::Yes)) else { return true };
        for byte in text {
            match self.dfa.next_state(&mut cache, state, *byte) {
                Ok(next) if next.is_dead() => return false,
                Ok(next) if next.is_quit() => return true,
                Ok(next) => state = next,
                Err(_) => return true,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_leaves_where_its_rest_may_follow() {
        let reach = Reach::of("giving up: (timeout|no r[a-z]+ to)").unwrap();
        assert!(!reach.begins_in_hex());
        for (text, leaves) in [
            ("is giving up", true),
            ("giving up: no rou", true),
            ("giving up: refused by ", false),
            ("up: timeout", false),
            ("giving up: no route to", true),
            ("giving up: no route to us", false),
            ("to", false),
            ("", false),
        ] {
            assert_eq!(reach.leaves(text), leaves, "{text}");
        }
        assert!(Reach::of("[aeiou]{3}").unwrap().begins_in_hex());
        let enters = |expression: &str, text: &str| Reach::of(expression).unwrap().enters(text);
        assert!(enters("[aeiou]{3}", "ion") && !enters("[aeiou]{3}", " ion") && !enters("[aeiou]{3}", ""));
        assert!(!enters("[aeiou]{3}", "x") && enters("[a-f]+x", "x") && !enters("[a-f]+", "x") && !enters("x[a-f]", "x"));
        assert!(Reach::of("é+x").unwrap().leaves("caf\u{e9}"));
    }
}
