//! Tokens of Loki's language: names, texts, numbers with or without a unit, and signs. `#` begins a comment up to the end of its line.

use super::LogQlError;

/// What stands somewhere.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or keyword.
    Name(String),
    /// Between quotation marks or back-ticks, unescaped.
    Text(String),
    /// Digits, with a unit or without.
    Quantity(String),
    /// One of [`SIGNS`].
    Sign(&'static str),
    /// `--strict` and the like, without the dashes.
    Flag(String),
    /// The end of the query.
    End,
}

/// The longest first.
const SIGNS: [&str; 30] = [
    "|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", "<=", ">=", "{", "}", "(", ")", "[", "]", ",", "=", "<", ">", "|", "*", "+", "-", "/",
    "%", "^", ".", ":", ";",
];

/// The tokens of a query, each with the byte where it begins; the last one is the end.
pub(super) fn tokens(query: &str) -> Result<Vec<(Token, usize)>, LogQlError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at = skip(query, at);
        let rest = &query[at..];
        let Some(first) = rest.chars().next() else { break };
        let (token, length) = match first {
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
                (Token::Name(rest[..length].to_owned()), length)
            }
            '0'..='9' | '.' if first != '.' || rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let length = quantity(rest);
                (Token::Quantity(rest[..length].to_owned()), length)
            }
            '"' | '`' => text(query, at)?,
            '-' if rest[1..].starts_with('-') && rest[2..].starts_with(|c: char| c.is_ascii_lowercase()) => {
                let length = 2 + rest[2..].find(|c: char| !(c.is_ascii_lowercase() || c == '-')).unwrap_or(rest.len() - 2);
                (Token::Flag(rest[2..length].to_owned()), length)
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => return Err(LogQlError::at(query, at, format!("syntax error: unexpected {first:?}"))),
            },
        };
        tokens.push((token, at));
        at += length;
    }
    tokens.push((Token::End, query.len()));
    Ok(tokens)
}

/// Behind spaces and comments.
fn skip(query: &str, mut at: usize) -> usize {
    loop {
        at = query.len() - query[at..].trim_start().len();
        if !query[at..].starts_with('#') {
            return at;
        }
        at += query[at..].find('\n').unwrap_or(query.len() - at);
    }
}

/// How long the number at the beginning is, with its units: `1.5e3`, `1h30m`, `10MiB`.
fn quantity(text: &str) -> usize {
    let mut end = 0;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(end) {
        let exponent = matches!(byte, b'+' | b'-') && matches!(bytes.get(end.wrapping_sub(1)), Some(b'e' | b'E'));
        let exponent =
            exponent && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) && bytes[..end - 1].iter().all(|b| !b.is_ascii_alphabetic());
        let is_micro = text[end..].starts_with(['µ', 'μ']);
        if !(byte.is_ascii_alphanumeric() || *byte == b'.' || exponent || is_micro) {
            break;
        }
        end += if is_micro { 2 } else { 1 };
    }
    end
}

/// The text in quotes at a byte, and how long it is with them.
fn text(query: &str, at: usize) -> Result<(Token, usize), LogQlError> {
    let rest = &query[at..];
    if let Some(raw) = rest.strip_prefix('`') {
        let end = raw.find('`').ok_or_else(|| LogQlError::at(query, at, "literal not terminated"))?;
        return Ok((Token::Text(raw[..end].to_owned()), end + 2));
    }
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((offset, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(text), offset + 1)),
            '\n' => break,
            '\\' => {
                let escaped = escape(&rest[offset + 1..]).ok_or_else(|| LogQlError::at(query, at + offset, "invalid char escape"))?;
                text.push(escaped.0);
                chars.nth(escaped.1 - 1);
            }
            c => text.push(c),
        }
    }
    Err(LogQlError::at(query, at, "literal not terminated"))
}

/// The character of an escape, and how many characters it takes behind the back-slash; as Go has them.
fn escape(text: &str) -> Option<(char, usize)> {
    let digits = |from: usize, count: usize, radix: u32| {
        let digits = text.get(from..from + count)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, radix).ok())?.and_then(char::from_u32)
    };
    Some(match text.chars().next()? {
        'a' => ('\u{7}', 1),
        'b' => ('\u{8}', 1),
        'f' => ('\u{c}', 1),
        'n' => ('\n', 1),
        'r' => ('\r', 1),
        't' => ('\t', 1),
        'v' => ('\u{b}', 1),
        same @ ('\\' | '"' | '\'') => (same, 1),
        'x' => (digits(1, 2, 16)?, 3),
        'u' => (digits(1, 4, 16)?, 5),
        'U' => (digits(1, 8, 16)?, 9),
        '0'..='7' => (digits(0, 3, 8)?, 3),
        _ => return None,
    })
}

impl Token {
    /// As Loki's messages name it.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Name(name) if super::names::is_keyword(name) => name.clone(),
            Self::Name(_) => "IDENTIFIER".to_owned(),
            Self::Text(_) => "STRING".to_owned(),
            Self::Quantity(text) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => "NUMBER".to_owned(),
            Self::Quantity(_) => "DURATION".to_owned(),
            Self::Sign(sign) => (*sign).to_owned(),
            Self::Flag(_) => "PARSER_FLAG".to_owned(),
            Self::End => "$end".to_owned(),
        }
    }
}
