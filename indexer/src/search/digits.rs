//! An expression that is asked of ids as they are kept, two hex digits a byte: its automaton goes a byte at a time, and nothing is written out.

use crate::split::pattern::Slot;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::{Anchored, Input};
use std::collections::HashMap;

/// Somewhere before here was a match; every digit leads here again.
const MATCHED: u8 = 0;
const START: u8 = 1;
const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";
/// The bytes of a UUID between its dashes.
const UUID_PARTS: [usize; 5] = [4, 2, 2, 2, 6];

/// See the module.
#[derive(Debug)]
pub(super) struct InDigits {
    lower: Table,
    upper: Table,
}

/// The state that follows each state.
#[derive(Debug)]
struct Table {
    /// Behind two digits: 256 of each state.
    bytes: Vec<u8>,
    /// Behind one: 16 of each state.
    digits: Vec<u8>,
    /// Behind a dash.
    dash: Vec<u8>,
}

impl InDigits {
    /// For an expression whose matches have something in them and do not depend on what stands beside them; `None` where its automaton is too large.
    pub(super) fn of(expression: &str) -> Option<Self> {
        let dfa = DFA::new(expression).ok()?;
        let mut cache = dfa.create_cache();
        let tables = Self { lower: Table::of(&dfa, &mut cache, LOWER)?, upper: Table::of(&dfa, &mut cache, UPPER)? };
        // A state that was forgotten may have become another.
        (cache.clear_count() == 0).then_some(tables)
    }

    /// Whether the digits of a variable have a match.
    pub(super) fn is_in(&self, slot: Slot, value: &[u8]) -> bool {
        match slot {
            Slot::Hex { digits, upper } => {
                let table = self.table(upper);
                let state = table.behind(START, value.get(..digits / 2).unwrap_or_default());
                let last = value.get(digits / 2).filter(|_| digits % 2 == 1);
                last.map_or(state, |byte| table.behind_digit(state, byte >> 4)) == MATCHED
            }
            Slot::Uuid { upper } => {
                let (table, mut state, mut from) = (self.table(upper), START, 0);
                for part in UUID_PARTS {
                    if from > 0 {
                        state = table.dash.get(state as usize).copied().unwrap_or(MATCHED);
                    }
                    state = table.behind(state, value.get(from..from + part).unwrap_or_default());
                    from += part;
                }
                state == MATCHED
            }
            Slot::Number | Slot::Other => false,
        }
    }

    fn table(&self, upper: bool) -> &Table {
        if upper { &self.upper } else { &self.lower }
    }
}

impl Table {
    fn of(dfa: &DFA, cache: &mut Cache, letters: &[u8; 16]) -> Option<Self> {
        let start = dfa.start_state_forward(cache, &Input::new("").anchored(Anchored::No)).ok()?;
        let (mut states, mut numbers) = (vec![start], HashMap::from([(start, START)]));
        let mut table = Self { bytes: Vec::new(), digits: vec![MATCHED; 16], dash: vec![MATCHED] };
        let mut next = 0;
        while let Some(state) = states.get(next).copied() {
            let mut follow = |byte: u8, cache: &mut Cache| -> Option<u8> {
                let state = dfa.next_state(cache, state, byte).ok()?;
                if state.is_quit() || state.is_unknown() {
                    return None;
                }
                if matches_at(dfa, cache, state)? {
                    return Some(MATCHED);
                }
                if let Some(number) = numbers.get(&state) {
                    return Some(*number);
                }
                states.push(state);
                let number = u8::try_from(states.len()).ok()?;
                numbers.insert(state, number);
                Some(number)
            };
            for letter in letters {
                table.digits.push(follow(*letter, cache)?);
            }
            table.dash.push(follow(b'-', cache)?);
            next += 1;
        }
        for state in 0..=next {
            for byte in 0..=u8::MAX {
                let middle = table.behind_digit(u8::try_from(state).ok()?, byte >> 4);
                table.bytes.push(table.behind_digit(middle, byte & 15));
            }
        }
        Some(table)
    }

    fn behind_digit(&self, state: u8, digit: u8) -> u8 {
        self.digits.get(state as usize * 16 + digit as usize).copied().unwrap_or(MATCHED)
    }

    fn behind(&self, state: u8, bytes: &[u8]) -> u8 {
        bytes.iter().fold(state, |state, byte| self.bytes.get(state as usize * 256 + *byte as usize).copied().unwrap_or(MATCHED))
    }
}

/// Whether a match ends here; the automaton says so one step later.
fn matches_at(dfa: &DFA, cache: &mut Cache, state: LazyStateID) -> Option<bool> {
    dfa.next_eoi_state(cache, state).ok().map(|end| end.is_match())
}

#[cfg(test)]
mod tests {
    use super::super::expression::stays_in_line;
    use super::*;
    use crate::split::pattern::{self, Variables};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_says_what_the_expression_says_of_the_text(
            text in prop_oneof!["[0-9a-f]{8,40}", "[0-9A-F]{8,33}", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"],
            expression in prop::sample::select(vec![
                "[aeiou]{3}", "[a-f]{4,}", "a|bc|d0", "7a", "(?i)dead|beef", "[0-9]{6}", "a.c", "-[0-3]", "[0-9a-f]-4", "0+[^0]f", "x", r"\w{9}-", "(a[0-9])+b",
            ]),
        ) {
            let regex = regex::Regex::new(expression).unwrap();
            prop_assert!(stays_in_line(&regex) || expression.contains(['.', '^']));
            let (mut own, mut variables) = (String::new(), Variables::default());
            pattern::cut(&text, &mut own, &mut variables);
            let mut slots = pattern::slots(&own);
            let slot = slots.next();
            prop_assume!(matches!(slot, Some(Slot::Hex { .. } | Slot::Uuid { .. })) && slots.next().is_none());
            let digits = InDigits::of(expression).unwrap();
            prop_assert_eq!(digits.is_in(slot.unwrap(), &variables.bytes), regex.is_match(&text), "{} in {}", expression, text);
        }
    }

    #[test]
    fn an_automaton_that_is_too_large_is_none() {
        assert!(InDigits::of("[ab][0-9a-f]{12}c").is_none());
        assert!(InDigits::of("[ab][0-9a-f]{3}c").is_some());
    }
}
