//! Labels as Prometheus writes them: `{job="sms", path="C:\\x", "a.b"="c"}`. Values are Go's strings, in double quotes or back-ticks.

use super::super::DecodeError;
use super::{LABELS_MAX, Pairs};
use std::borrow::Cow;

/// The names and values.
pub(super) fn read(text: &str) -> Result<Pairs<'_>, DecodeError> {
    let inner = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or_else(|| wrong(text))?;
    let mut rest = inner.trim();
    let mut pairs = Pairs::new();
    while !rest.is_empty() {
        let (name, after) = name(rest).ok_or_else(|| wrong(text))?;
        let after = after.trim_start().strip_prefix('=').ok_or_else(|| wrong(text))?;
        let (value, after) = quoted(after.trim_start()).ok_or_else(|| wrong(text))?;
        if pairs.len() < LABELS_MAX {
            pairs.push((name, value));
        }
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None if rest.is_empty() => {}
            None => return Err(wrong(text)),
        }
    }
    Ok(pairs)
}

fn name(text: &str) -> Option<(Cow<'_, str>, &str)> {
    if text.starts_with(['"', '`']) {
        return quoted(text);
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':' | '.' | '-')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (!name.is_empty()).then_some((Cow::Borrowed(name), rest))
}

/// A string and what stands behind it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    if let Some(raw) = text.strip_prefix('`') {
        return raw.split_once('`').map(|(value, rest)| (Cow::Borrowed(value), rest));
    }
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inner.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    let (value, rest) = (&inner[..end], &inner[end + 1..]);
    let value = if value.contains('\\') { Cow::Owned(unescape(value)?) } else { Cow::Borrowed(value) };
    Some((value, rest))
}

/// Go's escapes; `None` where there is another. Bytes that together are no UTF-8 are replaced.
fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let kind = rest[at + 1..].chars().next()?;
        let after = at + 1 + kind.len_utf8();
        let mut digits = |from: usize, length: usize, radix: u32| {
            let digits = rest.get(from..from + length)?;
            rest = &rest[from + length..];
            u32::from_str_radix(digits, radix).ok()
        };
        let simple = match kind {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' | '\'' | '"' => u8::try_from(kind).ok()?,
            'x' => {
                out.push(u8::try_from(digits(after, 2, 16)?).ok()?);
                continue;
            }
            '0'..='7' => {
                out.push(u8::try_from(digits(at + 1, 3, 8)?).ok()?);
                continue;
            }
            'u' | 'U' => {
                let code = digits(after, if kind == 'u' { 4 } else { 8 }, 16)?;
                out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            _ => return None,
        };
        out.push(simple);
        rest = &rest[after..];
    }
    out.extend_from_slice(rest.as_bytes());
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn wrong(text: &str) -> DecodeError {
    let shown = crate::limits::prefix(text, 200);
    DecodeError::malformed(format!("the labels of a stream cannot be read: write them as {{name=\"value\"}}, not {shown:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        read(text).unwrap().into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
    }

    #[test]
    fn labels_are_read_as_go_writes_them() {
        let found = pairs(r#"{job="sms", path="C:\\x\"\n\u00e9\x41\101", "a.b"=`c\d`,}"#);
        let expected = [("job", "sms"), ("path", "C:\\x\"\néAA"), ("a.b", "c\\d")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(pairs("{}").is_empty() && pairs(" { } ").is_empty());
        assert_eq!(pairs(r#"{a="\xff"}"#)[0].1, "\u{fffd}");
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in
            ["", "{", "{a}", "{a=}", "{a=b}", r#"{a="b}"#, r#"{a="b" c="d"}"#, r#"{a="\q"}"#, r#"{a="\x4"}"#, r#"{="b"}"#, r#"{a="\"}"#]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
