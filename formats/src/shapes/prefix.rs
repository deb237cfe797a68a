//! Lines that begin with their level: `INFO:root:REQ <…> …` (Python), `INFO:     127.0.0.1:…` (uvicorn), `ERROR: …`, `[WARN] …`, `WARNING …`.

use super::Reading;
use crate::level;

/// What the line shows, if it begins with a level word.
#[must_use]
pub(super) fn read(line: &str) -> Option<Reading> {
    let bracketed = line.starts_with(['[', '<', '(']);
    let text = line.strip_prefix(['[', '<', '(']).unwrap_or(line);
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = text.split_at(length);
    let severity = level::from_text_word(word)?;
    let closed = if bracketed { rest.trim_start().starts_with([']', '>', ')']) } else { rest.starts_with(':') };
    // In a sentence, `Error` may begin it; a level that stands bare is written in capitals.
    let bare = rest.is_empty() || (rest.starts_with([' ', '\t', '|', ',', '[']) && word.bytes().all(|byte| byte.is_ascii_uppercase()));
    (closed || (!bracketed && bare)).then_some(Reading { severity: Some(severity), moment: None })
}
