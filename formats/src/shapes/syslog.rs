//! Syslog lines, with their priority or as a daemon writes them to a file:
//!
//! ```text
//! <165>1 2026-11-22T10:12:50.353Z host app 12 ID47 - text        RFC 5424
//! <34>Nov 22 10:12:50 host su[12]: text                          RFC 3164
//! Nov 22 10:12:50 host sshd[19939]: text
//! ```

use super::Reading;
use crate::level;
use crate::time::{self, Context};

/// What the line shows, if it has this form.
#[must_use]
pub(super) fn read(line: &str, context: Context) -> Option<Reading> {
    let Some(rest) = line.strip_prefix('<') else {
        let (moment, _) = time::syslog(line, context)?;
        return Some(Reading { severity: None, moment: Some(moment) });
    };
    let (priority, rest) = rest.split_once('>')?;
    let priority: u8 = if priority.len() <= 3 { priority.parse().ok()? } else { return None };
    // 24 facilities of 8 severities.
    if priority > 191 {
        return None;
    }
    let time = rest.strip_prefix("1 ").unwrap_or(rest);
    let moment = time::iso(time, context).or_else(|| time::syslog(time, context)).map(|(moment, _)| moment);
    Some(Reading { severity: level::from_syslog(priority % 8), moment })
}
