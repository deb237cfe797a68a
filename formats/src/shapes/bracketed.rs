//! The bracketed form, with its time or, under another setting of the same logger, without:
//!
//! ```text
//! [2026-11-22 10:12:50,353] INFO [Req-ID: 9b2c8a4e-11aa]: sent
//! INFO [Req-ID: 9b2c8a4e-11aa]: sent
//! [2026-11-22 10:12:50,353] [INFO] [worker] sent
//! [Sun Nov 22 10:12:50 2026] [error] child in error state        Apache
//! [10:12:50.353] [info] sent
//! [INFO] sent
//! ```

use super::Reading;
use super::timed::{is_time_of_day, level_in};
use crate::level;
use crate::time::{self, Context};

/// What the line shows, if it has this form.
#[must_use]
pub(super) fn read(line: &str, context: Context) -> Option<Reading> {
    let Some(text) = line.strip_prefix('[') else {
        // Without a time: the level, and the request in brackets.
        let (word, rest) = line.split_once(' ')?;
        let severity = level::from_text_word(word).filter(|_| word.bytes().all(|byte| byte.is_ascii_uppercase()))?;
        return rest.trim_start().starts_with('[').then_some(Reading { severity: Some(severity), moment: None });
    };
    let (inside, rest) = text.split_once(']')?;
    if let Some(severity) = level::from_text_word(inside.trim()) {
        let place = rest.trim_start().trim_start_matches('[');
        let moment = time::iso(place, context).map(|(moment, _)| moment);
        return Some(Reading { severity: Some(severity), moment });
    }
    let time = time::iso(inside, context).or_else(|| time::ctime(inside, context)).or_else(|| time::common_log(inside, context));
    match time {
        // A web server may print more behind the time in the same brackets.
        Some((moment, length)) => {
            let severity = level_in(rest).or_else(|| level_in(&inside[length..]));
            Some(Reading { severity, moment: Some(moment) })
        }
        None if is_time_of_day(inside) => Some(Reading { severity: level_in(rest), moment: None }),
        None => None,
    }
}
