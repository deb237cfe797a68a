//! Texts that are asked an expression all at once: most of what it costs is beginning anew for each of them.

use super::candidates::Question;
use super::digits::InDigits;
use super::expression::{required_pieces, stays_in_line};
use crate::split::shape;
use regex_automata::{Input, meta};
use std::sync::OnceLock;

/// An expression of which no match reaches beyond a text, or depends on what stands there.
pub(super) struct Together {
    regex: regex::Regex,
    /// The same without looking for literals first, where a match has none that it must have: then that only costs.
    scan: Option<meta::Regex>,
    /// The same for ids as they are kept, when it was asked for.
    digits: OnceLock<Option<InDigits>>,
}

impl Together {
    /// The expression of a question, if it is such a one.
    pub(super) fn of(question: &Question<'_>) -> Option<Self> {
        question.expression().and_then(Self::of_expression)
    }

    /// The same of an expression.
    pub(super) fn of_expression(regex: &regex::Regex) -> Option<Self> {
        if !stays_in_line(regex) {
            return None;
        }
        let build = || meta::Regex::builder().configure(meta::Config::new().auto_prefilter(false)).build(regex.as_str()).ok();
        let scan = if required_pieces(regex).is_empty() { build() } else { None };
        Some(Self { regex: regex.clone(), scan, digits: OnceLock::new() })
    }

    /// The expression for ids as they are kept, if it is not too large for that.
    pub(super) fn in_digits(&self) -> Option<&InDigits> {
        self.digits.get_or_init(|| InDigits::of(self.regex.as_str())).as_ref()
    }

    /// Whether there is a match.
    pub(super) fn is_in(&self, texts: &str) -> bool {
        self.find(texts, 0).is_some()
    }

    /// A byte of the first match from here on.
    fn find(&self, texts: &str, from: usize) -> Option<usize> {
        match &self.scan {
            // A match is not empty, and this is its end.
            Some(scan) => scan.search_half(&Input::new(texts).range(from..).earliest(true)).and_then(|end| end.offset().checked_sub(1)),
            None => self.regex.find_at(texts, from).map(|found| found.start()),
        }
    }
}

/// Texts of a block.
pub(super) struct Batch<'f> {
    of: &'f Together,
    /// With a line feed behind each.
    texts: String,
    /// Where each ends, and its number.
    ends: Vec<(usize, usize)>,
}

impl<'f> Batch<'f> {
    pub(super) fn new(of: &'f Together) -> Self {
        Self { of, texts: String::new(), ends: Vec::new() }
    }

    /// Adds a text; nothing is known of it yet.
    pub(super) fn later(&mut self, number: usize, kind: char, text: &str) -> bool {
        self.texts.push_str(shape::scalar(kind, text).text());
        self.ends.push((self.texts.len(), number));
        self.texts.push('\n');
        false
    }

    /// The numbers of the texts that match.
    pub(super) fn matching(&self, mut matches: impl FnMut(usize)) {
        let mut from = 0;
        while let Some(found) = self.of.find(&self.texts, from) {
            let place = self.ends.partition_point(|(end, _)| *end <= found);
            let Some((end, number)) = self.ends.get(place) else { return };
            matches(*number);
            from = end + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn together_they_match_as_one_by_one(texts in proptest::collection::vec("[a-cé\n ]{0,6}", 0..12), expression in proptest::sample::select(vec!["[a-c]{1,2}", "a|bé", "(ab)+c?", "é", "[^a\\n]b"])) {
            let regex = regex::Regex::new(expression).unwrap();
            let of = Together::of(&Question::Regex(&regex)).unwrap();
            let mut batch = Batch::new(&of);
            texts.iter().enumerate().for_each(|(number, text)| {
                batch.later(number, 'm', text);
            });
            let mut found = Vec::new();
            batch.matching(|number| found.push(number));
            let expected: Vec<usize> = (0..texts.len()).filter(|number| regex.is_match(&texts[*number])).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_looks_around_is_asked_one_by_one() {
        for expression in ["^a", "a$", r"\ba", "a*", "a\n", "[^a]", r"\s"] {
            assert!(Together::of(&Question::Regex(&regex::Regex::new(expression).unwrap())).is_none(), "{expression}");
        }
    }
}
