//! Lines that begin with their time and have the level in one of the next places:
//!
//! ```text
//! 2026-11-22 10:12:50,353 - sms.worker - ERROR - failed          Python
//! 2026-11-22 10:12:50,353 ERROR [main] com.example.Sms - failed  log4j, logback
//! 2026-11-22 10:12:50.353  INFO 1 --- [main] c.e.App : started   Spring Boot
//! 2026-11-22T10:12:50.353Z  WARN sms::worker: slow               Rust, zap and others
//! 2026/11/22 10:12:50 [error] 7#7: *1 open() failed              nginx
//! 2026-11-22 10:12:50.353 UTC [123] LOG:  checkpoint complete    PostgreSQL
//! 10:12:50.353 [main] WARN  com.example.App - slow               logback, without a date
//! api.log.1 2026-11-22 10:12:50.353 25746 INFO api [req-38…] …    a file's name before it
//! ```

use super::Reading;
use crate::level;
use crate::record::Severity;
use crate::time::{self, Context};

/// Places behind the time in which the level is looked for: logger, process and thread may come first.
const PLACES_MAX: usize = 7;

/// What the line shows, if it begins with a time.
#[must_use]
pub(super) fn read(line: &str, context: Context) -> Option<Reading> {
    if let Some((clock, rest)) = line.split_once(' ')
        && is_time_of_day(clock)
    {
        return Some(Reading { severity: level_in(rest), moment: None });
    }
    let named =
        || line.split_once(' ').filter(|(name, _)| name.contains(".log")).and_then(|(_, rest)| Some((time::iso(rest, context)?, rest)));
    let ((moment, length), text) = time::iso(line, context).map(|read| (read, line)).or_else(named)?;
    Some(Reading { severity: level_in(&text[length..]), moment: Some(moment) })
}

/// The first level word among the first places. A lower-case word counts only where it stands alone or in brackets, not in a sentence.
pub(super) fn level_in(rest: &str) -> Option<Severity> {
    let places = rest.split([' ', '\t', '|']).filter_map(|place| {
        let word = place.trim_matches(['[', ']', '(', ')', '<', '>', ':', ',', '-', '/']);
        (!word.is_empty()).then_some((place, word))
    });
    places.take(PLACES_MAX).enumerate().find_map(|(index, (place, word))| {
        let sure = index == 0 || place.starts_with(['[', '<', '(']) || !word.bytes().any(|byte| byte.is_ascii_lowercase());
        if sure { level::from_text_word(word) } else { None }
    })
}

/// `10:12:50.353`: without a date it is no time, but the level stands behind it.
pub(super) fn is_time_of_day(text: &str) -> bool {
    text.len() >= 8
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b','))
        && text.bytes().filter(|byte| *byte == b':').count() == 2
}
