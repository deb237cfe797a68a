//! Personal data that are known by their shape, wherever they stand in a text: phone numbers, numbers of SIM cards and devices, e-mail and IP addresses.
//!
//! What is found without a key beside it:
//!
//! * behind a `+`, 7 to 15 digits, the first no 0, also in groups: a phone number;
//! * digits alone: 10 to 14 a phone number, 15 an IMSI or IMEI, 18 to 20 that begin with 89 an ICCID; `00` before a number does not count. Not the last group of a UUID,
//!   nor what follows a decimal point, nor a part of a word of hex digits, nor 10 or 13 digits that begin with 1: no country has such numbers, and times in s and ms look so;
//! * `name@domain` with a dot in the domain: an e-mail address, unless the name is a number and numbers are looked for;
//! * what the standard library parses as an IP address, but no version (`v1.2.3.4`).
//!
//! In doubt more is found. An escape of JSON, a URL or a terminal before a value is no part of it.

use super::Edit;
use crate::record::RedactionKind;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Digits of a phone number behind a `+`.
const PLUS_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// A first group behind a `+` of so many digits is a number by itself.
const WHOLE_DIGITS: usize = 9;
/// The longest address, bytes; an IPv6 address with an IPv4 address in it has 45.
const ADDRESS_BYTES_MAX: usize = 48;
/// The longest e-mail address' name and domain, bytes.
const EMAIL_BYTES_MAX: usize = 320;
/// The length of a UUID, and of its last group, bytes.
const UUID_BYTES: usize = 36;
const UUID_LAST_BYTES: usize = 12;

/// Which kinds are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) phone: bool,
    pub(super) imsi: bool,
    pub(super) email: bool,
    pub(super) ip: bool,
}

/// Adds what is found, in the order of the text.
pub(super) fn find(text: &str, wanted: Wanted, found: &mut Vec<Edit>) {
    let bytes = text.as_bytes();
    let (mut at, mut behind) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let hit = match byte {
            b'0'..=b'9' => digits(text, at, wanted),
            b'+' if wanted.phone => plus(bytes, at).map(|range| (range.end, Some((range, RedactionKind::Phone)))),
            b'@' if wanted.email => email(text, at, wanted).map(|range| (range.end, Some((range, RedactionKind::Email)))),
            b':' if wanted.ip => ipv6(text, at).map(|range| (range.end, Some((range, RedactionKind::Ip)))),
            _ => None,
        };
        let (end, value) = hit.unwrap_or((at + 1, None));
        // What is looked for backwards may have been found already.
        if let Some((range, kind)) = value.filter(|(range, _)| range.start >= behind) {
            behind = range.end;
            found.push(Edit { range, kind, quote: None });
        }
        at = end.max(at + 1);
    }
}

/// Where to go on, and what was found before.
type Hit = Option<(usize, Option<(Range<usize>, RedactionKind)>)>;

/// What a run of digits begins.
fn digits(text: &str, at: usize, wanted: Wanted) -> Hit {
    let bytes = text.as_bytes();
    let end = at + run(bytes, at);
    let start = behind_escape(bytes, at, end);
    if wanted.ip
        && let Some(address) = ipv4(text, start)
    {
        return Some((address.end, Some((address, RedactionKind::Ip))));
    }
    let kind = number_kind(bytes, start, end).filter(|kind| if *kind == RedactionKind::Phone { wanted.phone } else { wanted.imsi });
    Some((end, kind.map(|kind| (start..end, kind))))
}

fn number_kind(bytes: &[u8], start: usize, end: usize) -> Option<RedactionKind> {
    let digits = &bytes[start..end];
    let international = digits.starts_with(b"00");
    let kind = match (digits.len(), digits.first()) {
        (10 | 13, Some(b'1')) => return None,
        (10..=14, _) => RedactionKind::Phone,
        (15..=17, _) if international => RedactionKind::Phone,
        (15, _) => RedactionKind::Imsi,
        (18..=20, _) if digits.starts_with(b"89") => RedactionKind::Imsi,
        _ => return None,
    };
    let fraction = start >= 2 && bytes[start - 1] == b'.' && bytes[start - 2].is_ascii_digit();
    (!fraction && !in_hex_word(bytes, start, end) && !ends_uuid(bytes, start, end)).then_some(kind)
}

/// Whether the word around the digits is of hex digits and has letters. One letter alone before them may be that of an escape.
fn in_hex_word(bytes: &[u8], start: usize, end: usize) -> bool {
    let before = bytes[..start].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let after = bytes[end..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let before = if is_behind_escape(bytes, start) { 0 } else { before };
    before + after > 0 && bytes[start - before..end + after].iter().all(u8::is_ascii_hexdigit)
}

fn ends_uuid(bytes: &[u8], start: usize, end: usize) -> bool {
    let Some(first) = end.checked_sub(UUID_BYTES).filter(|_| end - start == UUID_LAST_BYTES) else { return false };
    let form = |(at, byte): (usize, &u8)| if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
    bytes[first..end].iter().enumerate().all(form)
}

/// A number behind a `+`.
fn plus(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let opens = matches!(bytes.get(at + 1), Some(b'1'..=b'9')) && !at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_digit());
    if !opens {
        return None;
    }
    let (mut end, mut digits) = (at + 1, 0);
    loop {
        let group = run(bytes, end);
        if group == 0 || digits + group > *PLUS_DIGITS.end() {
            break;
        }
        let first = digits == 0;
        (end, digits) = (end + group, digits + group);
        let filler = bytes[end..].iter().take_while(|byte| matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/')).count();
        let goes_on = (1..=2).contains(&filler) && run(bytes, end + filler) > 0 && run(bytes, end + filler) + digits <= *PLUS_DIGITS.end();
        if !goes_on || (first && group >= WHOLE_DIGITS) {
            break;
        }
        end += filler;
    }
    PLUS_DIGITS.contains(&digits).then_some(at..end)
}

fn ipv4(text: &str, start: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if start > 0 && matches!(bytes[start - 1], b'v' | b'V') && !is_behind_escape(bytes, start) {
        return None;
    }
    if start > 1 && bytes[start - 1] == b'.' && bytes[start - 2].is_ascii_digit() {
        return None;
    }
    let length = bytes[start..].iter().take(ADDRESS_BYTES_MAX).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let token = text[start..start + length].trim_end_matches('.');
    token.parse::<Ipv4Addr>().is_ok().then(|| start..start + token.len())
}

/// The IPv6 address around a colon.
fn ipv6(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let part = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let mut start = at - bytes[..at].iter().rev().take(ADDRESS_BYTES_MAX).take_while(part).count();
    let mut end = at + bytes[at..].iter().take(ADDRESS_BYTES_MAX).take_while(part).count();
    let outside = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let bounded = |start: usize| outside(start.checked_sub(1).and_then(|before| bytes.get(before))) || is_behind_escape(bytes, start);
    // `src:2001:db8::1`: of a word before it the end may be hex digits.
    let word = if bounded(start) { 0 } else { bytes[start..at].iter().take_while(|byte| **byte != b':').count() };
    start += word;
    if bytes.get(start) == Some(&b':') && bytes.get(start + 1) != Some(&b':') {
        start += 1;
    }
    while end > start + 1 && (bytes[end - 1] == b'.' || (bytes[end - 1] == b':' && bytes[end - 2] != b':')) {
        end -= 1;
    }
    if start < at {
        start = behind_escape(bytes, start, at);
    }
    let address = text.get(start..end)?;
    // `a::b` is an address, and a name in several languages.
    let groups = address.split(':').filter(|group| !group.is_empty()).count();
    let telling = groups > 2 || address.bytes().any(|byte| byte.is_ascii_digit());
    let is_address = bounded(start) && outside(bytes.get(end)) && telling && address.parse::<Ipv6Addr>().is_ok();
    is_address.then_some(start..end)
}

/// The e-mail address around an `@`.
fn email(text: &str, at: usize, wanted: Wanted) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let in_name = |byte: &&u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"._%+-".contains(byte);
    let in_domain = |byte: &&u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'.' | b'-');
    let name = bytes[..at].iter().rev().take(EMAIL_BYTES_MAX).take_while(in_name).count();
    // Not within a character, where a name is cut at its limit.
    let start = (at - name..=at).find(|start| text.is_char_boundary(*start))?;
    let start = behind_escape(bytes, start, at);
    let mut end = at + 1 + bytes[at + 1..].iter().take(EMAIL_BYTES_MAX).take_while(in_domain).count();
    while !text.is_char_boundary(end) || matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let last_label = text.get(at + 1..end)?.rsplit_once('.')?.1;
    let is_domain = last_label.chars().count() >= 2 && last_label.starts_with(char::is_alphabetic);
    let name = text[start..at].trim_start_matches('+');
    // `sip:380501234567@sip.example.com`: a number is comparable as a number.
    let is_number = wanted.phone && (10..=15).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit());
    (start < at && is_domain && !is_number).then_some(start..end)
}

fn run(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..).map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// The beginning without what belongs to an escape: of `\u0022380…`, `%20380…`, `\njoe@…` what is behind it.
fn behind_escape(bytes: &[u8], start: usize, end: usize) -> usize {
    let before = |back: usize| start.checked_sub(back).and_then(|at| bytes.get(at));
    let start = match (before(2), before(1)) {
        (Some(b'\\'), Some(b'u')) => behind_hex(bytes, start, 4, end),
        (Some(b'\\'), Some(b'x')) | (_, Some(b'%')) => behind_hex(bytes, start, 2, end),
        (_, Some(b'\\')) => match bytes.get(start) {
            Some(b'u') => behind_hex(bytes, start + 1, 4, end),
            Some(b'n' | b'r' | b't' | b'b' | b'f') => start + 1,
            _ => start,
        },
        _ => start,
    };
    // Within a name of an address there may be more of them, and the last one counts.
    let percent = bytes.get(start..end).and_then(|name| name.iter().rposition(|byte| *byte == b'%'));
    percent.map_or(start.min(end), |percent| behind_hex(bytes, start + percent + 1, 2, end))
}

/// Behind so many hex digits, where there are as many before `end`.
fn behind_hex(bytes: &[u8], at: usize, count: usize, end: usize) -> usize {
    let there = at + count <= end && bytes[at..at + count].iter().all(u8::is_ascii_hexdigit);
    if there { at + count } else { at }
}

/// Whether what stands before belongs to an escape: `\n`, `%2B`, `\u000a`, `ESC[31m`.
fn is_behind_escape(bytes: &[u8], start: usize) -> bool {
    let byte = |back: usize| start.checked_sub(back).and_then(|at| bytes.get(at)).copied().unwrap_or(b' ');
    let hex = |from: usize| (1..=from).all(|back| byte(back).is_ascii_hexdigit());
    let letter = matches!(byte(1), b'n' | b'r' | b't' | b'b' | b'f') && byte(2) == b'\\';
    letter
        || (hex(2) && (byte(3) == b'%' || (byte(3) == b'x' && byte(4) == b'\\')))
        || (hex(4) && byte(5) == b'u' && byte(6) == b'\\')
        || ends_colour(bytes, start)
}

/// Whether a terminal's colour ends here: `ESC[31m`.
fn ends_colour(bytes: &[u8], start: usize) -> bool {
    let Some(rest) = bytes[..start].strip_suffix(b"m") else { return false };
    let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
    rest[..rest.len() - digits].ends_with(b"[")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Wanted = Wanted { phone: true, imsi: true, email: true, ip: true };

    fn shown(text: &str) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        find(text, ALL, &mut found);
        found.into_iter().map(|edit| (edit.kind.as_str(), &text[edit.range])).collect()
    }

    #[test]
    fn what_has_the_shape_is_found_whatever_stands_before() {
        for (text, kind, value) in [
            ("to 380501234567.", "phone", "380501234567"),
            ("{'to': '380501234567'}", "phone", "380501234567"),
            ("sip:380501234567@10x", "phone", "380501234567"),
            ("380501234567@sip.example.com", "phone", "380501234567"),
            (r"a\n380501234567", "phone", "380501234567"),
            (r"\u0022380501234567\u0022", "phone", "380501234567"),
            (r"\b380501234567", "phone", "380501234567"),
            ("%22380501234567%22", "phone", "380501234567"),
            ("to=%2B380501234567&x", "phone", "380501234567"),
            ("\u{1b}[31m380501234567", "phone", "380501234567"),
            ("msisdn380501234567", "phone", "380501234567"),
            ("call_380501234567_leg", "phone", "380501234567"),
            ("+380501234567 2 times", "phone", "+380501234567"),
            ("+380 (50) 123-45-67!", "phone", "+380 (50) 123-45-67"),
            ("+1 415 555 0100, 7", "phone", "+1 415 555 0100"),
            ("00380501234567", "phone", "00380501234567"),
            ("imsi 255011234567890", "imsi", "255011234567890"),
            ("89380062300000000001", "imsi", "89380062300000000001"),
            ("mail joe.bloggs+x@mail.example.com.", "email", "joe.bloggs+x@mail.example.com"),
            (r"\njoe@example.com", "email", "joe@example.com"),
            ("?m=%20joe@example.com", "email", "joe@example.com"),
            ("юзер@пример.рф", "email", "юзер@пример.рф"),
            ("from 10.1.2.3:5060", "ip", "10.1.2.3"),
            (r"\n10.1.2.3", "ip", "10.1.2.3"),
            ("%2010.1.2.3", "ip", "10.1.2.3"),
            ("[2001:db8::1]:5060", "ip", "2001:db8::1"),
            ("src:2001:db8::1:", "ip", "2001:db8::1"),
            ("at ::1", "ip", "::1"),
            ("::ffff:10.1.2.3", "ip", "::ffff:10.1.2.3"),
        ] {
            assert_eq!(shown(text), [(kind, value)], "{text}");
        }
    }

    #[test]
    fn what_has_another_meaning_is_not() {
        for text in [
            "2026-11-22T10:12:50.353123456+02:00",
            "1795342370 and 1795342370353",
            "0.12345678901",
            "550e8400-e29b-41d4-a716-446655440000",
            "463ac35c9f6413ad48485a3953bb6124",
            "a1234567890b",
            "62BDBD0712345678",
            "v1.2.3.4",
            "1.2.3.4.5",
            "999.1.2.3",
            "std::fs::File a::b 10:12:50",
            "aa:bb:cc:dd:ee:ff",
            "a@b c@localhost @media",
            "+0200 +12 34",
            "1+23456789",
            "[hash:phone:1234567890123456]",
        ] {
            assert_eq!(shown(text), [], "{text}");
        }
    }
}
