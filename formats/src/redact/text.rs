//! Secrets beside their keys in text: JSON inside text (also escaped), Python dicts and tuples, `key=value`, `key: value`, URL queries,
//! header lines, XML elements, command-line options.

use super::personal::HASH_START;
use super::value::{self, Separator};
use super::{Edit, MARK_START, Quote, is_mark};
use crate::record::RedactionKind;
use std::ops::Range;

/// How far behind an XML tag's name its `>` is looked for, bytes.
const TAG_BYTES_MAX: usize = 256;

/// The name around a hit: letters, digits, `_`, `-`, `.`.
pub(super) fn identifier(text: &str, hit: &Range<usize>) -> Range<usize> {
    let bytes = text.as_bytes();
    let mut start = hit.start;
    while start > 0 && is_name_byte(bytes[start - 1]) {
        start -= 1;
    }
    let mut end = hit.end;
    while bytes.get(end).copied().is_some_and(is_name_byte) {
        end += 1;
    }
    // What stands before may be the end of an escape: `\n` in JSON, `%3F` in a URL, `ESC[31m` on a terminal.
    let before = start.checked_sub(1).map(|at| bytes[at]);
    match before {
        Some(b'\\') if start < hit.start && matches!(bytes[start], b'n' | b'r' | b't' | b'b' | b'f') => start += 1,
        Some(b'%') if start + 2 <= hit.start && bytes[start..start + 2].iter().all(u8::is_ascii_hexdigit) => start += 2,
        Some(b'[' | b';') => {
            let digits = bytes[start..hit.start].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if start + digits < hit.start && bytes[start + digits] == b'm' {
                start += digits + 1;
            }
        }
        _ => {}
    }
    start..end
}

/// The removal of the value of a key that names a secret; `None` where there is no value, or none that is secret.
pub(super) fn value_of_key(text: &str, name: &Range<usize>, kind: RedactionKind) -> Option<Edit> {
    // The name of a kind inside a mark is no key.
    if [MARK_START, HASH_START].iter().any(|start| text[..name.start].ends_with(start)) {
        return None;
    }
    if let Some(range) = element_content(text, name) {
        return Some(Edit { range, kind, quote: None });
    }
    let (separator, key_quote, at) = separator(text, name)?;
    value::removal(text, at, separator, key_quote, kind)
}

/// The content of `<password>…</password>`, also with attributes, a namespace, CDATA, or escaped as `&lt;password&gt;`.
fn element_content(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let mut before = &text[..name.start];
    if let Some(rest) = before.strip_suffix(':') {
        before = rest.trim_end_matches(|c: char| c.is_ascii() && is_name_byte(c as u8));
    }
    let (open, close) = if before.ends_with('<') {
        ('>', "<")
    } else if before.ends_with("&lt;") {
        (';', "&lt;")
    } else {
        return None;
    };
    let tag = crate::limits::prefix(&text[name.end..], TAG_BYTES_MAX);
    let tag_end = tag.find(open)?;
    let inside = &tag[..tag_end];
    if inside.ends_with('/') || inside.contains('<') || (close == "&lt;" && !inside.ends_with("&gt")) {
        return None;
    }
    if !inside.is_empty() && !inside.starts_with([' ', '&', '\t', '\n']) {
        return None;
    }
    let start = name.end + tag_end + 1;
    let content = &text[start..];
    let range = match content.strip_prefix("<![CDATA[") {
        Some(data) => {
            let start = text.len() - data.len();
            start..start + data.find("]]>").unwrap_or(data.len())
        }
        None => start..start + content.find(close).unwrap_or(content.len()),
    };
    value::worth_removing(&text[range.clone()]).then_some(range)
}

/// What parts a key from its value: the separator, the quote that closes the key, and where the value begins.
fn separator(text: &str, name: &Range<usize>) -> Option<(Separator, Option<Quote>, usize)> {
    let bytes = text.as_bytes();
    let mut at = name.end;
    let key_quote = Quote::at(bytes, at);
    if let Some(quote) = key_quote {
        at += quote.length();
    }
    while bytes.get(at) == Some(&b']') {
        at += 1;
    }
    if let Some(quote) = Quote::at(bytes, at).filter(|_| key_quote.is_none()) {
        // `user["password"]` has the bracket behind the quote, `"user[password]"` before it.
        at += quote.length();
        return separator_behind(text, at, name, Some(quote));
    }
    separator_behind(text, at, name, key_quote)
}

fn separator_behind(text: &str, at: usize, name: &Range<usize>, key_quote: Option<Quote>) -> Option<(Separator, Option<Quote>, usize)> {
    let bytes = text.as_bytes();
    let mut at = skip_spaces(bytes, at, key_quote.is_some());
    let separator = match bytes.get(at)? {
        b':' if bytes.get(at + 1) == Some(&b':') => return None,
        b':' => Separator::Colon,
        b'=' => Separator::Equals,
        b',' if key_quote.is_some() && opens_tuple(bytes, name, key_quote) => Separator::Colon,
        b'%' if bytes.get(at + 1..at + 3).is_some_and(|hex| hex.eq_ignore_ascii_case(b"3d") || hex.eq_ignore_ascii_case(b"3a")) => {
            at += 2;
            Separator::Equals
        }
        _ if text[name.clone()].starts_with("--") && at > name.end && bytes[at] != b'-' => {
            return Some((Separator::Equals, None, at));
        }
        _ => return None,
    };
    at += 1;
    // `=>`, `:=`, `==`.
    if matches!(bytes.get(at), Some(b'=' | b'>')) {
        at += 1;
    }
    Some((separator, key_quote, skip_spaces(bytes, at, key_quote.is_some())))
}

/// Whether the key is the first of a pair in round brackets: `('Authorization', 'Basic …')`.
fn opens_tuple(bytes: &[u8], name: &Range<usize>, key_quote: Option<Quote>) -> bool {
    let before = key_quote.and_then(|quote| name.start.checked_sub(quote.length() + 1));
    before.is_some_and(|at| bytes[at] == b'(' || (bytes[at] == b'b' && at > 0 && bytes[at - 1] == b'('))
}

/// Behind spaces; between a quoted key and its value also behind line ends, written or escaped.
fn skip_spaces(bytes: &[u8], mut at: usize, quoted: bool) -> usize {
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\t') => at += 1,
            Some(b'\n' | b'\r') if quoted => at += 1,
            Some(b'\\') if quoted => {
                let backslashes = bytes[at..].iter().take_while(|byte| **byte == b'\\').count();
                match bytes.get(at + backslashes) {
                    Some(b'n' | b'r' | b't') => at += backslashes + 1,
                    _ => return at,
                }
            }
            _ => return at,
        }
    }
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Whether this is the text of a secret and not of its absence, nor a mark.
pub(super) fn is_secret_text(text: &str) -> bool {
    const ABSENT: [&str; 6] = ["null", "none", "nil", "undefined", "true", "false"];
    !text.is_empty() && !is_mark(text) && !ABSENT.iter().any(|word| word.eq_ignore_ascii_case(text))
}
