//! Ids: which fields hold them, and the one spelling in which they are compared, when stored and when asked for.
//!
//! Ids are whole and respect case. Two kinds have several spellings that must meet: the H.323 conference id, printed as four groups
//! of eight hex digits or without the spaces, and phone numbers, written for people, for machines, or as an account `…@msisdn`.

use std::borrow::Cow;

/// Attributes that hold ids: `field:value` means the whole value, and case counts.
pub const EXACT_FIELDS: &[&str] =
    &["request_id", "unique_id", "call_id", "session_id", "h323_conf_id", "event_id", "account_id", "msisdn", "imsi"];

/// The fields that `session:X` stands for: the ids of a session, a call and a request.
pub const SESSION_FIELDS: &[&str] = &["session_id", "call_id", "h323_conf_id", "request_id", "unique_id"];

/// The exact field with H.323 conference ids.
const CONFERENCE_FIELD: &str = "h323_conf_id";
/// Exact fields whose values may be phone numbers.
const PHONE_FIELDS: &[&str] = &["account_id", "msisdn"];

/// Whether a field, by its dotted path, holds ids. The last name of the path decides: `data.call_id` is a call id.
#[must_use]
pub fn is_exact(path: &str) -> bool {
    EXACT_FIELDS.contains(&last_name(path))
}

/// Whether ids of a field, by its dotted path, are compared as they are written, but for space around them.
#[must_use]
pub fn is_verbatim(path: &str) -> bool {
    let name = last_name(path);
    is_exact(path) && name != CONFERENCE_FIELD && !PHONE_FIELDS.contains(&name)
}

/// The spelling of a value in which it is compared, for the field of this dotted path. An empty result means "no id". Idempotent.
#[must_use]
pub fn normalise_id<'a>(path: &str, value: &'a str) -> Cow<'a, str> {
    let value = value.trim();
    let name = last_name(path);
    if name == CONFERENCE_FIELD {
        return h323_conf_id(value);
    }
    if PHONE_FIELDS.contains(&name) {
        return phone(value);
    }
    Cow::Borrowed(value)
}

fn last_name(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, name)| name)
}

/// `062BDBD0 7366C3AD 6ED2EA7A 66D2F473`, its parts also joined by `-` or nothing, in any case: 32 upper-case hex digits. Anything else stays.
fn h323_conf_id(value: &str) -> Cow<'_, str> {
    let digits = value.bytes().filter(u8::is_ascii_hexdigit).count();
    let others = value.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b' ' | b'-'));
    if digits != 32 || !others {
        return Cow::Borrowed(value);
    }
    if value.len() == 32 && !value.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_uppercase()).collect())
}

/// A phone number of 7 to 15 digits (E.164) as its digits, without `+`, spacing and `@msisdn`. Anything else stays.
fn phone(value: &str) -> Cow<'_, str> {
    let number = value.strip_suffix("@msisdn").unwrap_or(value);
    let number = number.strip_prefix('+').unwrap_or(number);
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let spacing = number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'(' | b')' | b'.'));
    if !(7..=15).contains(&digits) || !spacing {
        return Cow::Borrowed(value);
    }
    if digits == number.len() { Cow::Borrowed(number) } else { Cow::Owned(number.chars().filter(char::is_ascii_digit).collect()) }
}
