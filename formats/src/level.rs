//! Levels: words and numbers for how serious a line is.

use crate::record::Severity;
use serde::{Deserialize, Serialize};

/// How numbers in the level field are read. Without a setting they are not: 3 is an error to syslog and nothing to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumericLevels {
    /// Not at all.
    #[default]
    None,
    /// bunyan and pino: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal.
    Bunyan,
    /// syslog: 0 emergency to 7 debug.
    Syslog,
}

/// The severity of a number in the level field.
#[must_use]
pub fn from_number(text: &str, numeric: NumericLevels) -> Option<Severity> {
    let number: u8 = text.parse().ok()?;
    match numeric {
        NumericLevels::None => None,
        NumericLevels::Bunyan => Some(match number {
            10 => Severity::TRACE,
            20 => Severity::DEBUG,
            30 => Severity::INFO,
            40 => Severity::WARN,
            50 => Severity::ERROR,
            60 => Severity::FATAL,
            _ => return None,
        }),
        NumericLevels::Syslog => from_syslog(number),
    }
}

/// The severity of a syslog number, 0 to 7.
#[must_use]
pub fn from_syslog(number: u8) -> Option<Severity> {
    Some(match number {
        0 => Severity::FATAL,
        1 => Severity::ALERT,
        2 => Severity::CRITICAL,
        3 => Severity::ERROR,
        4 => Severity::WARN,
        5 => Severity::NOTICE,
        6 => Severity::INFO,
        7 => Severity::DEBUG,
        _ => return None,
    })
}

/// The severity of a word where a text line has its level: the words of the level field and what common loggers print there.
#[must_use]
pub fn from_text_word(word: &str) -> Option<Severity> {
    const SHORT: &[(&str, Severity)] = &[
        ("trc", Severity::TRACE),
        ("finest", Severity::TRACE),
        ("verbose", Severity::TRACE),
        ("dbg", Severity::DEBUG),
        ("fine", Severity::DEBUG),
        ("finer", Severity::DEBUG),
        ("inf", Severity::INFO),
        ("log", Severity::INFO),
        ("wrn", Severity::WARN),
        ("eror", Severity::ERROR),
        ("severe", Severity::ERROR),
        ("ftl", Severity::FATAL),
    ];
    if word.len() > 11 {
        return None;
    }
    Severity::from_word(word).or_else(|| SHORT.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, severity)| *severity))
}

/// The severity of the single letter that glog, klog and Android print.
#[must_use]
pub fn from_letter(letter: u8) -> Option<Severity> {
    Some(match letter {
        b'V' => Severity::TRACE,
        b'D' => Severity::DEBUG,
        b'I' => Severity::INFO,
        b'W' => Severity::WARN,
        b'E' => Severity::ERROR,
        b'F' => Severity::FATAL,
        _ => return None,
    })
}
