//! logfmt: `time=2026-11-22T10:12:50Z level=info msg="sent" request_id=9b2c8a4e`. Pairs of which the level or the message is one; values with spaces are quoted.

use super::Reading;
use crate::aliases;
use crate::level;
use crate::time::{self, Context, Moment};

/// Pairs that are looked at.
const PAIRS_MAX: usize = 64;

/// What the line shows, if it has this form.
#[must_use]
pub(super) fn read(line: &str, context: Context) -> Option<Reading> {
    let mut reading = Reading::default();
    let mut pairs = 0;
    let mut telling = false;
    let mut rest = line;
    while let Some((key, value, after)) = pair(rest) {
        pairs += 1;
        if pairs > PAIRS_MAX {
            break;
        }
        rest = after.trim_start();
        match key {
            "level" => (reading.severity, telling) = (reading.severity.or_else(|| level::from_text_word(value)), true),
            "msg" | "message" => telling = true,
            _ if aliases::LEVEL.contains(&key) => reading.severity = reading.severity.or_else(|| level::from_text_word(value)),
            "timestamp" | "t" => reading.moment = reading.moment.or_else(|| moment(value, context)),
            _ if aliases::TIMESTAMP.contains(&key) => reading.moment = reading.moment.or_else(|| moment(value, context)),
            _ => {}
        }
    }
    // A single `a=b` at the beginning of a sentence is none.
    (pairs >= 2 && (telling || reading.severity.is_some())).then_some(reading)
}

fn moment(value: &str, context: Context) -> Option<Moment> {
    time::timestamp(value, context).or_else(|| time::epoch(value).map(|ns| Moment { ns, zoned: true }))
}

/// The pair at the beginning: key, value without quotes, and what follows.
fn pair(text: &str) -> Option<(&str, &str, &str)> {
    let length = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@')).count();
    let value = text[length..].strip_prefix('=').filter(|_| length > 0)?;
    let key = &text[..length];
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find(char::is_whitespace).unwrap_or(value.len());
        return Some((key, &value[..end], &value[end..]));
    };
    let mut escaped = false;
    let end = quoted.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some((key, &quoted[..end], &quoted[end + 1..]))
}
