//! Syslog: RFC 5424, and RFC 3164 as it is found. <https://www.rfc-editor.org/rfc/rfc5424>, <https://www.rfc-editor.org/rfc/rfc3164>
//!
//! ```text
//! <165>1 2026-11-22T10:12:50.353Z host app 12 ID47 [origin ip="1.2.3.4"] text     RFC 5424
//! <34>Nov 22 10:12:50 host su[12]: text                                           RFC 3164
//! <34>2026-11-22T10:12:50.353+00:00 host su[12]: text                             as rsyslog forwards by default
//! <34>text                                                                        anything else
//! ```
//!
//! The text is the message, or the line where it is a JSON object (also behind `@cee:`). Severity and time are the envelope's; facility, host name, program, process, message id and
//! structured data are attributes: `facility`, `hostname`, `appname`, `procid`, `msgid`, `structured_data.<id>.<name>`.

mod framing;

pub use framing::{Frames, MESSAGE_BYTES_MAX};

use super::fields::Fields;
use super::{Form, Item};
use crate::level;
use crate::record::{Problem, Problems};
use crate::time::{self, Context};
use std::borrow::Cow;

/// The largest priority: 24 facilities of 8 severities.
const PRIORITY_MAX: u8 = 191;
/// The longest word of a header that is kept, bytes: beyond RFC 5424's longest (a host name, 255).
const WORD_BYTES_MAX: usize = 256;
/// What a program's name may be long in RFC 3164, bytes: beyond it, it is text with a colon.
const TAG_BYTES_MAX: usize = 64;
/// Names of the facilities by their numbers.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
/// What some programs write before a JSON object.
const CEE: &str = "@cee:";

/// The item of a message that arrived now.
#[must_use]
pub fn item(message: &[u8], arrived_ns: i64) -> Item<'_> {
    let text = String::from_utf8_lossy(message);
    let Some((priority, rest)) = priority(&text) else {
        let line = Cow::Borrowed(message);
        return Item { line, form: Form::Line, time_ns: None, severity: None, fields: String::new(), wrong: Problems::default() };
    };
    let context = Context { zone_minutes: 0, runtime_ns: arrived_ns };
    let mut header = Header::default();
    header.fields.text("facility", FACILITIES[usize::from(priority / 8)]);
    let message = match rest.strip_prefix("1 ").and_then(|rest| header.modern(rest, context)) {
        Some(message) => message,
        None => header.old(rest, context),
    };
    let message = message.trim_start_matches('\u{feff}');
    let message = message.strip_prefix(CEE).map_or(message, str::trim_start);
    let mut wrong = header.wrong;
    wrong.0 |= header.fields.wrong().0;
    if matches!(text, Cow::Owned(_)) {
        wrong.insert(Problem::BadUtf8);
    }
    let line = Cow::Owned(message.as_bytes().to_vec());
    let severity = level::from_syslog(priority % 8);
    Item { line, form: Form::Message, time_ns: header.time_ns, severity, fields: header.fields.finish(), wrong }
}

/// The priority and what stands behind it.
fn priority(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    let known = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let priority = digits.parse().ok().filter(|priority| known && *priority <= PRIORITY_MAX)?;
    Some((priority, rest))
}

/// What a header says.
#[derive(Debug, Default)]
struct Header {
    time_ns: Option<i64>,
    fields: Fields,
    wrong: Problems,
}

impl Header {
    /// RFC 5424 behind its version; the message. `None` where the header has another form, then nothing of it was taken.
    fn modern<'a>(&mut self, text: &'a str, context: Context) -> Option<&'a str> {
        let (when, rest) = text.split_once(' ')?;
        let moment = match when {
            "-" => None,
            when => Some(time::timestamp(when, context)?),
        };
        let mut words = [""; 4];
        let mut rest = rest;
        for word in &mut words {
            (*word, rest) = rest.split_once(' ').filter(|(word, _)| !word.is_empty() && word.len() <= WORD_BYTES_MAX)?;
        }
        let (data, rest) = structured(rest)?;
        self.time_ns = moment.map(|moment| moment.ns);
        for (name, word) in ["hostname", "appname", "procid", "msgid"].into_iter().zip(words) {
            if word != "-" {
                self.fields.text(name, word);
            }
        }
        self.fields.object("structured_data", &data);
        Some(rest)
    }

    /// RFC 3164, as much of it as is there; the message.
    fn old<'a>(&mut self, text: &'a str, context: Context) -> &'a str {
        let Some((moment, length)) = time::iso(text, context).or_else(|| time::syslog(text, context)) else { return self.tag(text) };
        self.time_ns = Some(moment.ns);
        if !moment.zoned {
            self.wrong.insert(Problem::NoZone);
        }
        let rest = text[length..].trim_start_matches(' ');
        // A host, unless the program stands there already.
        match rest.split_once(' ') {
            Some((host, behind)) if !host.ends_with(':') && !host.contains('[') && !host.is_empty() && host.len() <= WORD_BYTES_MAX => {
                self.fields.text("hostname", host);
                self.tag(behind)
            }
            _ => self.tag(rest),
        }
    }

    /// `program[pid]: ` or `program: `.
    fn tag<'a>(&mut self, text: &'a str) -> &'a str {
        let Some((tag, message)) = text.split_once(':').filter(|(tag, _)| (1..=TAG_BYTES_MAX).contains(&tag.len())) else { return text };
        let (name, process) = match tag.strip_suffix(']').and_then(|tag| tag.split_once('[')) {
            Some((name, process)) => (name, Some(process)),
            None => (tag, None),
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'[' | b']' | b'{' | b'"')) {
            return text;
        }
        self.fields.text("appname", name);
        if let Some(process) = process {
            self.fields.text("procid", process);
        }
        message.strip_prefix(' ').unwrap_or(message)
    }
}

/// Structured data, and the message behind it; `None` where it is none.
fn structured(text: &str) -> Option<(Fields, &str)> {
    let mut data = Fields::default();
    if let Some(rest) = text.strip_prefix('-') {
        return behind(rest).map(|rest| (data, rest));
    }
    let mut rest = text;
    while let Some(element) = rest.strip_prefix('[') {
        let end = element.find([' ', ']'])?;
        let (id, mut inner) = element.split_at(end);
        let mut parameters = Fields::default();
        while let Some(parameter) =
            inner.strip_prefix(' ').map(|inner| inner.trim_start_matches(' ')).filter(|inner| !inner.starts_with(']'))
        {
            let (name, value) = parameter.split_once("=\"")?;
            let (value, behind) = quoted(value)?;
            parameters.text(name, &value);
            inner = behind;
        }
        rest = inner.trim_start_matches(' ').strip_prefix(']')?;
        if !id.is_empty() {
            data.object(id, &parameters);
        }
    }
    (rest.len() < text.len()).then(|| behind(rest)).flatten().map(|rest| (data, rest))
}

/// The message behind structured data: a space stands between, or there is none.
fn behind(rest: &str) -> Option<&str> {
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(' ') }
}

/// A value up to its quote, and what stands behind that. A backslash escapes `"`, `\` and `]`, and is itself before anything else.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match text[at + 1..].chars().next()? {
                escaped @ ('"' | '\\' | ']') => {
                    value.push(escaped);
                    characters.next();
                }
                _ => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests;
