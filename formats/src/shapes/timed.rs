//! Lines that begin with their time, bare or in square brackets, and have the level in one of the next places:
//!
//! ```text
//! 2026-11-22 10:12:50,353 - sms.worker - ERROR - failed          Python
//! 2026-11-22 10:12:50,353 ERROR [main] com.example.Sms - failed  log4j, logback
//! 2026-11-22 10:12:50.353  INFO 1 --- [main] c.e.App : started   Spring Boot
//! 2026-11-22T10:12:50.353Z  WARN sms::worker: slow               Rust, zap and others
//! 2026/11/22 10:12:50 [error] 7#7: *1 open() failed              nginx
//! [2026-11-22 10:12:50,353] INFO [Req-ID: 9b2c8a4e-11aa]: sent   the bracketed form
//! [Sun Nov 22 10:12:50 2026] [error] child in error state        Apache
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
    let text = line.strip_prefix('[').unwrap_or(line);
    let (moment, length) = time::iso(text, context).or_else(|| time::ctime(text, context)).or_else(|| time::common_log(text, context))?;
    Some(Reading { severity: level_in(&text[length..]), moment: Some(moment) })
}

/// The first level word among the first places. A lower-case word counts only where it stands alone or in brackets, not in a sentence.
pub(super) fn level_in(rest: &str) -> Option<Severity> {
    rest.split([' ', '\t', '|']).filter(|place| !place.is_empty() && *place != "-").take(PLACES_MAX).enumerate().find_map(
        |(index, place)| {
            let word = place.trim_matches(['[', ']', '(', ')', '<', '>', ':', ',', '-', '/']);
            let sure = index == 0 || place.starts_with(['[', '<', '(']) || !word.bytes().any(|byte| byte.is_ascii_lowercase());
            if sure { level::from_text_word(word) } else { None }
        },
    )
}
