//! Python's default format, `LEVEL:logger:message`: `INFO:root:REQ <b7ad6b7169203331> Sending message`. It shows no time.

use super::Reading;
use crate::record::Severity;

/// What the line shows, if it has this form.
#[must_use]
pub(super) fn read(line: &str) -> Option<Reading> {
    let (word, rest) = line.split_once(':')?;
    let severity = match word {
        "DEBUG" => Severity::DEBUG,
        "INFO" => Severity::INFO,
        "WARNING" => Severity::WARN,
        "ERROR" => Severity::ERROR,
        "CRITICAL" => Severity::CRITICAL,
        _ => return None,
    };
    let (logger, _) = rest.split_once(':')?;
    let named = !logger.is_empty() && logger.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    named.then_some(Reading { severity: Some(severity), moment: None })
}
