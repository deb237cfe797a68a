//! What the filter of a pack of live rows tells of a predicate: a word that no row has answers also what is negated.

use super::gate::Answer;
use super::needs::needs;
use super::predicate::Predicate;
use crate::filter::{Words, may_have};
use crate::live::Pack;

/// A predicate as filters answer it.
#[derive(Debug)]
pub(super) enum Clues {
    All(Vec<Clues>),
    Any(Vec<Clues>),
    Not(Box<Clues>),
    /// Each of these has to be met by one of its keys; there is one at least.
    Keys(Vec<Vec<u64>>),
    /// Filters say nothing of it.
    Nothing,
}

impl Clues {
    pub(super) fn of(predicate: &Predicate) -> Self {
        let parts = |parts: &[Predicate]| parts.iter().map(Self::of).collect();
        match predicate {
            Predicate::And(all) => Self::All(parts(all)),
            Predicate::Or(any) => Self::Any(parts(any)),
            Predicate::Not(inner) => Self::Not(Box::new(Self::of(inner))),
            leaf => match needs(leaf, Words::All) {
                keys if keys.is_empty() => Self::Nothing,
                keys => Self::Keys(keys),
            },
        }
    }

    /// What can be said of all rows of a pack.
    pub(super) fn answer(&self, pack: &Pack) -> Answer {
        if !self.tells() {
            return Answer::Maybe;
        }
        pack.filter().map_or(Answer::Maybe, |filter| self.of_filter(filter))
    }

    fn tells(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::tells),
            Self::Not(inner) => inner.tells(),
            Self::Keys(_) => true,
            Self::Nothing => false,
        }
    }

    fn of_filter(&self, filter: &[u8]) -> Answer {
        match self {
            Self::All(parts) => parts.iter().map(|part| part.of_filter(filter)).min().unwrap_or(Answer::Yes),
            Self::Any(parts) => parts.iter().map(|part| part.of_filter(filter)).max().unwrap_or(Answer::No),
            Self::Not(inner) => inner.of_filter(filter).not(),
            Self::Keys(keys) if !may_have(filter, keys) => Answer::No,
            Self::Keys(_) | Self::Nothing => Answer::Maybe,
        }
    }
}
