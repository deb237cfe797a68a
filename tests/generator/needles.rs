//! Needles: what is planted, where, and how many lines each query must therefore find.

use super::Parts;
use std::collections::BTreeMap;
use std::sync::Arc;

/// In one line of 50,000, and in no other.
pub(crate) const RARE_WORD: &str = "quaternion";
/// The request id of one line in 40,000.
pub(crate) const ID: &str = "feedc0de5ca1ab1e0ddba11c0ffee434";
/// Five words in this order in one line of 10,000; as many lines hold the same words in another order.
pub(crate) const PHRASE: &str = "porting window closed before confirmation";
const DECOY: &str = "confirmation before window closed porting";
/// Words that begin so are in one line of 5,000, each with another end.
pub(crate) const PREFIX: &str = "zephyr";
/// A piece of text across words, in one line of 20,000.
pub(crate) const LITERAL: &str = "{'slot': '77";
/// A word that about one message in 60 holds.
pub(crate) const COMMON_WORD: &str = "timeout";
/// `duration_ms` of this range, both ends included.
pub(crate) const NUMBERS: std::ops::RangeInclusive<u64> = 2000..=2999;

/// Plants what belongs into the line of this number.
pub(super) fn plant(line: &mut Parts) {
    let number = line.number;
    match number % 50_000 {
        12_345 => line.message.push_str(&format!(" {RARE_WORD}")),
        9_999 | 29_999 => line.message.push_str(&format!(" with {LITERAL}', 'n': {number}}}")),
        _ => {}
    }
    match number % 10_000 {
        1_234 => line.message.push_str(&format!(": {PHRASE}")),
        5_678 => line.message.push_str(&format!(": {DECOY}")),
        777 | 5_777 => {
            line.message.push_str(&format!(" {PREFIX}{}", ["ine", "us", "like", "s"][usize::try_from(number / 5_000 % 4).unwrap_or(0)]))
        }
        _ => {}
    }
    if number % 40_000 == 4_321 {
        line.request = Some(ID);
    }
}

/// Counts over the lines made so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) lines: u64,
    pub(crate) rare_word: u64,
    pub(crate) id: u64,
    pub(crate) phrase: u64,
    pub(crate) prefix: u64,
    pub(crate) literal: u64,
    /// Lines whose message holds [`COMMON_WORD`] as a word.
    pub(crate) common_word: u64,
    /// Lines of level error (not fatal) without [`COMMON_WORD`].
    pub(crate) error_without_common_word: u64,
    /// Lines whose `duration_ms` is within [`NUMBERS`].
    pub(crate) numbers: u64,
    /// The instance with the most lines, and how many it has.
    pub(crate) busiest: Option<(Arc<str>, u64)>,
    /// Lines by minute since the epoch.
    pub(crate) by_minute: BTreeMap<i64, u64>,
}

impl Truth {
    pub(super) fn new(busiest: Arc<str>) -> Self {
        Self { busiest: Some((busiest, 0)), ..Self::default() }
    }

    pub(super) fn observe(&mut self, line: &Parts, instance: &Arc<str>, time_ns: i64) {
        let words = || line.message.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let common = words().any(|word| word.eq_ignore_ascii_case(COMMON_WORD));
        self.lines += 1;
        self.rare_word += u64::from(line.message.contains(RARE_WORD));
        self.id += u64::from(line.request == Some(ID));
        self.phrase += u64::from(line.message.contains(PHRASE));
        self.prefix += u64::from(words().any(|word| word.starts_with(PREFIX)));
        self.literal += u64::from(line.message.contains(LITERAL));
        self.common_word += u64::from(common);
        self.error_without_common_word += u64::from(line.level == "error" && !common);
        self.numbers += u64::from(line.duration_ms.is_some_and(|ms| NUMBERS.contains(&ms)));
        if let Some((busiest, lines)) = &mut self.busiest {
            *lines += u64::from(busiest == instance);
        }
        *self.by_minute.entry(time_ns.div_euclid(60_000_000_000)).or_default() += 1;
    }
}
