//! Needles: what is planted, where, and how many lines each query must therefore find.

use super::{Instance, Parts};
use serde::{Deserialize, Serialize};
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
/// Two words that stand in one message of some 300, and apart from each other in more.
pub(crate) const TWO_WORDS: [&str; 2] = ["giving", COMMON_WORD];
/// A regular expression with literals; one message of some 160 matches.
pub(crate) const GAVE_UP: &str = "giving up: (timeout|no r[a-z]+ to)";
/// A regular expression without a literal: nothing but each text itself says whether it matches.
pub(crate) const VOWELS: &str = "[aeiou]{3}";
/// A piece of text that is too short to be looked up and stands in every fourth line, within hexadecimal digits.
pub(crate) const FREQUENT_PIECE: &str = "7a";

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Its partner, and how many lines of this one hold both of [`TWO_WORDS`].
    pub(crate) two_words: Option<(Arc<str>, u64)>,
    /// Lines of which the message matches [`GAVE_UP`].
    pub(crate) gave_up: u64,
    /// Lines of which the message, or the value of an attribute, matches [`VOWELS`].
    pub(crate) vowels: u64,
    /// Lines with [`FREQUENT_PIECE`] anywhere.
    pub(crate) frequent_piece: u64,
    /// Different sessions.
    pub(crate) sessions: u64,
    /// Lines by instance.
    pub(crate) by_instance: BTreeMap<Arc<str>, u64>,
    /// Lines of level error (not fatal) by module.
    pub(crate) errors_by_module: BTreeMap<Arc<str>, u64>,
    /// For each module the values of `duration_ms`, each with the number of its lines.
    pub(crate) durations_by_module: BTreeMap<Arc<str>, BTreeMap<u64, u64>>,
    /// Lines by minute since the epoch.
    pub(crate) by_minute: BTreeMap<i64, u64>,
}

impl Truth {
    pub(super) fn new(busiest: &Instance) -> Self {
        Self { busiest: Some((busiest.id.clone(), 0)), two_words: Some((busiest.partner.clone(), 0)), ..Self::default() }
    }

    /// Takes note of a line; `json` is all of it.
    pub(super) fn observe(&mut self, line: &Parts, json: &str, instance: &Instance, time_ns: i64) {
        let words = || line.message.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let has = |wanted: &str| words().any(|word| word.eq_ignore_ascii_case(wanted));
        let common = has(COMMON_WORD);
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
            *lines += u64::from(*busiest == instance.id);
        }
        if let Some((partner, lines)) = &mut self.two_words {
            *lines += u64::from(*partner == instance.partner && TWO_WORDS.into_iter().all(has));
        }
        self.gave_up += u64::from(["giving up: timeout", "giving up: no route to"].iter().any(|text| line.message.contains(text)));
        self.vowels += u64::from(three_vowels(&line.message) || values(json).iter().any(|value| three_vowels(value)));
        self.frequent_piece += u64::from(json.contains(FREQUENT_PIECE));
        self.count_groups(line, instance, time_ns);
    }

    fn count_groups(&mut self, line: &Parts, instance: &Instance, time_ns: i64) {
        *self.by_instance.entry(instance.id.clone()).or_default() += 1;
        if line.level == "error" {
            *self.errors_by_module.entry(instance.module.clone()).or_default() += 1;
        }
        if let Some(ms) = line.duration_ms {
            *self.durations_by_module.entry(instance.module.clone()).or_default().entry(ms).or_default() += 1;
        }
        *self.by_minute.entry(time_ns.div_euclid(60_000_000_000)).or_default() += 1;
    }
}

/// Whether the text matches [`VOWELS`].
fn three_vowels(text: &str) -> bool {
    text.as_bytes().windows(3).any(|three| three.iter().all(|letter| b"aeiou".contains(letter)))
}

/// The texts behind the keys of a line whose values need no escapes, the message left out.
fn values(json: &str) -> Vec<&str> {
    let behind = json.rsplit_once("\"request_id\":").map_or("", |(_, rest)| rest);
    let logger = json.split_once("\"logger\":\"").and_then(|(_, rest)| rest.split_once('"')).map(|(logger, _)| logger);
    // `"a","key":"b",…`: what stands in quotation marks is by turns a value or a key, and a key is followed by a colon.
    let pieces: Vec<&str> = behind.split('"').collect();
    let quoted = pieces.windows(2).skip(1).step_by(2).filter(|two| !two[1].starts_with(':')).map(|two| two[0]);
    quoted.chain(logger).collect()
}
