//! Lines that begin with a letter for the level and a time without a year:
//!
//! ```text
//! I1122 10:12:50.353123   12345 server.go:12] started            klog, glog
//! 11-22 10:12:50.353  1702  2395 D WindowManager: redraw          Android
//! ```

use super::Reading;
use crate::level;
use crate::time::{self, Context};

/// What the line shows, if it has this form.
#[must_use]
pub(super) fn read(line: &str, context: Context) -> Option<Reading> {
    let first = *line.as_bytes().first()?;
    if first.is_ascii_digit() {
        let (moment, length) = time::month_day(line, true, context)?;
        let letter = line[length..].split(' ').filter(|place| !place.is_empty()).nth(2).filter(|place| place.len() == 1)?;
        return Some(Reading { severity: level::from_letter(letter.as_bytes()[0]), moment: Some(moment) });
    }
    let severity = level::from_letter(first)?;
    let (moment, _) = time::month_day(line.get(1..)?, false, context)?;
    Some(Reading { severity: Some(severity), moment: Some(moment) })
}
