//! Where a secret value ends: quoted, in brackets, or bare. In doubt it ends later.

use super::text::{is_name_byte, is_secret_text};
use super::{Edit, Quote, mark_length};
use crate::record::RedactionKind;
use std::ops::Range;

/// What parts a key from its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    /// `:`, and the comma of a pair.
    Colon,
    /// `=`, and the space behind an option.
    Equals,
}

/// Words before a credential that belong to it.
const SCHEMES: [&str; 8] = ["basic", "bearer", "digest", "token", "negotiate", "ntlm", "apikey", "hoba"];

impl Quote {
    /// The quote that begins at this place, with its backslashes.
    pub(super) fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let backslashes = bytes.get(at..)?.iter().take_while(|byte| **byte == b'\\').count();
        let character = *bytes.get(at + backslashes).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
        Some(Self { character, backslashes })
    }

    pub(super) fn length(self) -> usize {
        self.backslashes + 1
    }

    /// Where the content of the string ends whose content begins at `from`; `None` where it is not closed. A quote with more backslashes is part
    /// of the content when JSON would read it so; one with fewer closes a string around this one.
    fn close(self, bytes: &[u8], from: usize) -> Option<usize> {
        memchr::memchr_iter(self.character, bytes.get(from..)?).find_map(|found| {
            let at = from + found;
            let before = bytes[from..at].iter().rev().take_while(|byte| **byte == b'\\').count();
            if before < self.backslashes {
                return Some(at - before);
            }
            (before - self.backslashes).is_multiple_of(2 * (self.backslashes + 1)).then_some(at - self.backslashes)
        })
    }
}

/// The removal of the value that begins at `at`.
pub(super) fn removal(text: &str, at: usize, separator: Separator, key_quote: Option<Quote>, kind: RedactionKind) -> Option<Edit> {
    let bytes = text.as_bytes();
    // Python marks strings of bytes and the like with a letter.
    let prefix = usize::from(matches!(bytes.get(at)?, b'b' | b'u' | b'r') && Quote::at(bytes, at + 1).is_some());
    if let Some(quote) = Quote::at(bytes, at + prefix) {
        let start = at + prefix + quote.length();
        let range = start..quote.close(bytes, start).unwrap_or(text.len());
        return worth_removing(&text[range.clone()]).then_some(Edit { range, kind, quote: None });
    }
    let marked = mark_length(&text[at..]).unwrap_or(0);
    if marked == 0 && matches!(bytes[at], b'{' | b'[' | b'(') {
        let end = bracket_end(bytes, at).unwrap_or(text.len());
        let empty = bytes[at + 1..end].iter().all(|byte| byte.is_ascii_whitespace() || matches!(byte, b'}' | b']' | b')'));
        return (!empty).then_some(Edit { range: at..end, kind, quote: key_quote });
    }
    let range = at..bare_end(text, at, marked, separator, kind)?;
    let quote = key_quote.filter(|_| marked == 0);
    is_secret_text(&text[range.clone()]).then_some(Edit { range, kind, quote })
}

/// Whether the content of a quoted value or an element is to be removed.
pub(super) fn worth_removing(content: &str) -> bool {
    !content.trim().is_empty() && mark_length(content) != Some(content.len())
}

/// The end of the bracketed value that begins at `at`; quoted strings in it are skipped. `None` where it is not closed.
fn bracket_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut here = at;
    while let Some(&byte) = bytes.get(here) {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(here + 1);
                }
            }
            b'\\' | b'"' | b'\'' => {
                if let Some(quote) = Quote::at(bytes, here) {
                    here = quote.close(bytes, here + quote.length())? + quote.length();
                    continue;
                }
            }
            _ => {}
        }
        here += 1;
    }
    None
}

/// The end of a bare value; `marked` bytes of it are a mark already. `None` where another rule removes what is secret in it.
fn bare_end(text: &str, at: usize, marked: usize, separator: Separator, kind: RedactionKind) -> Option<usize> {
    if marked > 0 {
        // What hangs on a mark is part of the value, unless a line end parts them.
        return Some(token_end(text, at + marked).min(header_end(text, at + marked)));
    }
    match (kind, separator) {
        (RedactionKind::Authorization, _) if scheme(&text[at..]).is_some_and(|word| word.eq_ignore_ascii_case("digest")) => {
            // The user, realm and nonce of a Digest help to find faults and are no secrets; its response goes by its own rule.
            let line = text[at..].lines().next().unwrap_or_default();
            if line.to_ascii_lowercase().contains("response=") { None } else { Some(at + line.len()) }
        }
        (RedactionKind::Authorization, Separator::Colon) if scheme(&text[at..]).is_none() => Some(header_end(text, at)),
        (RedactionKind::Cookie, Separator::Colon) => Some(header_end(text, at)),
        (RedactionKind::Cookie, Separator::Equals) => Some(cookie_end(text, at)),
        // A sentence has no other end.
        (RedactionKind::Sms, _) => Some(header_end(text, at)),
        (RedactionKind::Phone | RedactionKind::Imsi, _) => Some(number_end(text, at)),
        _ => {
            let end = token_end(text, at);
            // `token: Bearer abc`: the scheme alone is not the secret.
            let next = text[end..].strip_prefix(' ').filter(|_| scheme(&text[at..]).is_some_and(|word| word.len() == end - at));
            Some(next.map_or(end, |rest| token_end(text, text.len() - rest.len())))
        }
    }
}

/// The end of a number that is written in groups, or of the token where it is none.
fn number_end(text: &str, at: usize) -> usize {
    let length = text[at..].bytes().take_while(|byte| byte.is_ascii_digit() || b" +-.()/".contains(byte)).count();
    let digits = text[at..at + length].trim_end_matches(|c: char| !c.is_ascii_digit());
    (at + digits.len()).max(token_end(text, at))
}

/// The authentication scheme that the text begins with, where something follows it.
fn scheme(text: &str) -> Option<&str> {
    let word = &text[..text.bytes().take_while(u8::is_ascii_alphabetic).count()];
    (SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(word)) && text[word.len()..].starts_with(' ')).then_some(word)
}

/// `a=b; c=d`: pairs go on behind `; `.
fn cookie_end(text: &str, at: usize) -> usize {
    let mut end = token_end(text, at);
    while let Some(rest) = text[end..].strip_prefix("; ") {
        let next = token_end(text, text.len() - rest.len());
        if !text[end + 2..next].contains('=') {
            break;
        }
        end = next;
    }
    end
}

/// The end of a header's value: of its line, written or escaped, or the quote around it.
fn header_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut here = at;
    while let Some(&byte) = bytes.get(here) {
        match byte {
            b'\n' | b'\r' => break,
            b'\\' if matches!(bytes.get(here + 1), Some(b'n' | b'r')) => break,
            b'\\' | b'"' | b'\'' | b'`' if closes_outer_string(bytes, here) => break,
            _ => here += 1,
        }
    }
    at + text[at..here].trim_end().len()
}

/// The end of a bare token: a space, `&`, or a quote or bracket around it.
fn token_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut here = at;
    while let Some(&byte) = bytes.get(here) {
        let ends = match byte {
            0..=b' ' | b'&' => true,
            b'%' => bytes.get(here + 1..here + 3) == Some(b"26"),
            b'<' => bytes.get(here + 1) == Some(&b'/'),
            b'\\' | b'"' | b'\'' | b'`' => closes_outer_string(bytes, here),
            b',' | b';' | b')' | b']' | b'}' | b'>' | b'|' => closes_outer_bracket(bytes, here),
            _ => false,
        };
        if ends {
            break;
        }
        here += 1;
    }
    // White space beyond ASCII parts tokens as well.
    at + text[at..here].find(char::is_whitespace).unwrap_or(here - at)
}

/// Whether the quote here (with its backslashes) closes a string around the value: what follows it could not follow inside one.
fn closes_outer_string(bytes: &[u8], at: usize) -> bool {
    Quote::at(bytes, at).is_some_and(|quote| match bytes.get(at + quote.length()) {
        None => true,
        Some(byte) => {
            byte.is_ascii_whitespace() || matches!(byte, b',' | b'}' | b']' | b')' | b':' | b';' | b'>' | b'.' | b'&' | b'|' | b'\\')
        }
    })
}

/// Whether the bracket, comma or the like here ends the value: at its end, before a space or another of its kind, or before the next `key=`.
fn closes_outer_bracket(bytes: &[u8], at: usize) -> bool {
    let Some(&next) = bytes.get(at + 1) else { return true };
    if next.is_ascii_whitespace() || matches!(next, b',' | b';' | b')' | b']' | b'}' | b'>' | b'|' | b'"' | b'\'' | b'\\') {
        return true;
    }
    let name = bytes[at + 1..].iter().take_while(|byte| is_name_byte(**byte)).count();
    name > 0 && matches!(bytes.get(at + 1 + name), Some(b'=' | b':'))
}

/// A range that is not empty.
pub(super) fn some_range(range: Range<usize>) -> Option<Range<usize>> {
    (!range.is_empty()).then_some(range)
}
