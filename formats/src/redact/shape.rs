//! Secrets that are known by their shape: Bearer credentials, JSON Web Tokens, SIP Digest responses, SRTP keys, PEM private keys.

use super::value::{self, Separator, some_range};
use super::{Edit, Quote, mark_length};
use crate::record::RedactionKind;
use std::ops::Range;

/// How far before `response=` the word Digest may stand, bytes.
const DIGEST_BYTES_MAX: usize = 4 << 10;
/// The shortest credential behind `Bearer`, bytes.
const BEARER_BYTES_MIN: usize = 6;
/// From this length on, letters alone behind `Bearer` are a credential and no word, bytes.
const BEARER_WORD_BYTES_MAX: usize = 24;
/// The shortest base64 of an SRTP key that is taken for one, bytes; real ones have 40.
const SRTP_BYTES_MIN: usize = 16;
/// The shortest JSON Web Token, bytes.
const JWT_BYTES_MIN: usize = 24;

/// `Bearer mF_9.B5f-4.1JqM`. In telephony bearers are also activated and modified: a plain word behind it stays.
pub(super) fn bearer(text: &str, hit: &Range<usize>) -> Option<Edit> {
    let rest = &text[hit.end..];
    let gap = ["%20", "+", ":", "=", " ", "\t", "\\t"].iter().find(|gap| rest.starts_with(**gap))?;
    let rest = rest[gap.len()..].trim_start_matches([' ', '\t']);
    let start = text.len() - rest.len();
    let length = rest.find(|c: char| c.is_whitespace() || c.is_control() || "\"'`,;<>()[]{}&\\".contains(c)).unwrap_or(rest.len());
    let range = some_range(start..start + length)?;
    let token = &text[range.clone()];
    // `Bearer realm="…"` asks for a credential and is none.
    let is_parameter = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let asks = token.strip_suffix('=').is_some_and(is_parameter) && Quote::at(text.as_bytes(), range.end).is_some();
    let body = token.trim_end_matches(['.', '=']);
    let odd = body.bytes().skip(1).any(|byte| !byte.is_ascii_lowercase());
    let secret = token.len() >= BEARER_BYTES_MIN && (odd || token.len() >= BEARER_WORD_BYTES_MAX);
    (secret && !asks && mark_length(rest).is_none()).then_some(Edit { range, kind: RedactionKind::Authorization, quote: None })
}

/// Three (or, encrypted, five) parts of base64 with dots between them, of which the first is a JSON object.
pub(super) fn jwt(text: &str, hit: &Range<usize>) -> Option<Edit> {
    let rest = &text[hit.start..];
    if !rest.starts_with("eyJ") {
        return None;
    }
    let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')).count();
    let token = rest[..length].trim_end_matches('.');
    let first = token.find('.')?;
    (first >= 10 && token.len() >= JWT_BYTES_MIN).then(|| Edit {
        range: hit.start..hit.start + token.len(),
        kind: RedactionKind::Jwt,
        quote: None,
    })
}

/// `Digest username="1001", …, response="6629fae49393a05397450978507c4ef1"`.
pub(super) fn digest_response(text: &str, hit: &Range<usize>) -> Option<Edit> {
    let mut start = hit.start.saturating_sub(DIGEST_BYTES_MAX);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let before = &text.as_bytes()[start..hit.start];
    if before.last().is_some_and(|byte| byte.is_ascii_alphanumeric() && !before.ends_with(b"\\n") && !before.ends_with(b"\\t")) {
        return None;
    }
    let after = text[hit.end..].trim_start_matches(' ').strip_prefix('=')?;
    if !before.windows(6).any(|window| window.eq_ignore_ascii_case(b"digest")) {
        return None;
    }
    let at = text.len() - after.trim_start_matches(' ').len();
    value::removal(text, at, Separator::Equals, None, RedactionKind::SipDigest)
}

/// `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32`.
pub(super) fn srtp_key(text: &str, hit: &Range<usize>) -> Option<Edit> {
    let bytes = text.as_bytes();
    let mut end = hit.end;
    while let Some(&byte) = bytes.get(end) {
        match byte {
            b'+' | b'/' | b'=' | b'-' | b'_' => end += 1,
            _ if byte.is_ascii_alphanumeric() => end += 1,
            b'\\' if bytes.get(end + 1) == Some(&b'/') => end += 2,
            _ => break,
        }
    }
    (end - hit.end >= SRTP_BYTES_MIN).then_some(Edit { range: hit.end..end, kind: RedactionKind::SrtpKey, quote: None })
}

/// What lies between the first and the last line of a PEM private key; to the end of the text where the last line is missing, and back to the last thing
/// that is no base64 where the first one is.
pub(super) fn private_key(text: &str, hit: &Range<usize>) -> Option<Edit> {
    let after = &text[hit.end..];
    let dashes = after.strip_prefix(" BLOCK").unwrap_or(after).strip_prefix("-----")?;
    let start = text.len() - dashes.len();
    let before = &text[..hit.start];
    let line = before.trim_end_matches(|c: char| c.is_ascii_uppercase() || c == ' ' || c.is_ascii_digit());
    let label = &before[line.len()..];
    let kind = RedactionKind::PrivateKey;
    if line.ends_with("-----") && label.starts_with("BEGIN ") {
        let range = start..start + dashes.find("-----END").unwrap_or(dashes.len());
        return value::worth_removing(&text[range.clone()].replace("\\n", "")).then_some(Edit { range, kind, quote: None });
    }
    if line.ends_with("-----") && label.starts_with("END ") {
        let end = line.len() - "-----".len();
        let is_body = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || matches!(c, '+' | '/' | '=' | '\\');
        let body = &text[..end];
        let range = end - (body.len() - body.trim_end_matches(is_body).len())..end;
        return (range.len() >= SRTP_BYTES_MIN).then_some(Edit { range, kind, quote: None });
    }
    None
}

/// Whether a line is nothing but 64 digits of base64, as PEM breaks them, and no hash in hex.
pub(super) fn is_pem_body_line(line: &str) -> bool {
    let line = line.trim_end();
    line.len() == 64
        && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        && line.bytes().any(|byte| byte.is_ascii_uppercase())
        && line.bytes().any(|byte| byte.is_ascii_lowercase())
        && line.bytes().any(|byte| byte.is_ascii_digit())
        && !line.bytes().all(|byte| byte.is_ascii_hexdigit())
}
