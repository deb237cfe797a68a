//! Personal data: what stands for a phone number, an address, an id or the text of a message, as the instance's policy says.
//!
//! *Masked*, a value keeps a part that tells its sort: `38050***4567`, `***@example.com`, `10.1.2.***`. *Hashed*, it becomes `[hash:phone:9f3a…]`: the first 64 bits of
//! an HMAC-SHA-256 under the partner's key. Before that a value gets one spelling, so that `+380 50 123 45 67` and `380501234567` are equal, and so is the
//! number in `380501234567@msisdn`. Invariant: what stands for a value is never taken for one.

use super::{is_mark, text::is_secret_text};
use crate::policy::{Action, Class, HashKey, Redaction};
use crate::record::RedactionKind;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;
use std::net::IpAddr;

/// How much of the hash is kept, bytes: of a million values the chance that two are taken for one is 1 in 37 million.
const HASH_BYTES: usize = 8;
/// What every hash begins with.
pub(super) const HASH_START: &str = "[hash:";
/// What stands for what a mask hides.
const HIDDEN: &str = "***";
/// Digits of a mask: at most so many at the beginning, which tell country and operator.
const HEAD_DIGITS: usize = 5;
/// And so many at the end, where at least [`HIDDEN_DIGITS`] are hidden.
const TAIL_DIGITS: usize = 4;
const HIDDEN_DIGITS: usize = 3;
/// A value of fewer digits under a phone's key is none: `"phone": "112"`, `"mobile": "android"`.
const DIGITS_MIN: usize = 5;
/// The longest number: an ICCID, bytes.
const DIGITS_MAX: usize = 20;

/// What a profile does with personal data.
#[derive(Clone)]
pub(crate) struct Personal {
    redaction: Redaction,
    hmac: Option<Hmac<Sha256>>,
}

/// Bytes as hex digits.
#[derive(Debug)]
pub(crate) struct Hex<'b>(pub(crate) &'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Personal").field("redaction", &self.redaction).finish_non_exhaustive()
    }
}

/// The kinds of personal data, with their classes.
pub(super) const KINDS: [(RedactionKind, Class); 6] = [
    (RedactionKind::Phone, Class::Phone),
    (RedactionKind::Imsi, Class::Imsi),
    (RedactionKind::Email, Class::Email),
    (RedactionKind::Ip, Class::Ip),
    (RedactionKind::Account, Class::Account),
    (RedactionKind::Sms, Class::Sms),
];

/// The class of a kind of personal data; `None` for a kind of secret.
pub(crate) fn class(kind: RedactionKind) -> Option<Class> {
    KINDS.iter().find(|(known, _)| *known == kind).map(|(_, class)| *class)
}

impl Personal {
    /// `None` where everything is kept. A policy that hashes comes with a key; without one it masks.
    pub(crate) fn new(redaction: &Redaction, key: Option<&HashKey>) -> Option<Self> {
        // A key of any length is taken.
        let hmac = key.and_then(|key| Hmac::<Sha256>::new_from_slice(key.bytes()).ok());
        (!redaction.keeps_all()).then_some(Self { redaction: *redaction, hmac })
    }

    /// Whether values of this kind do not stay. Secrets are none of its business.
    pub(super) fn wants(&self, kind: RedactionKind) -> bool {
        class(kind).is_some_and(|class| self.redaction.of(class) != Action::Keep)
    }

    /// Whether something else stands for a value of this kind.
    pub(super) fn replaces(&self, kind: RedactionKind, value: &str) -> bool {
        self.wants(kind) && is_value(kind, value) && !is_masked(kind, value)
    }

    /// What stands for a value of this kind; `None` where it stays: it is none, or was replaced already.
    pub(super) fn replacement(&self, kind: RedactionKind, value: &str) -> Option<String> {
        let class = class(kind).filter(|_| self.replaces(kind, value))?;
        match (self.redaction.of(class), &self.hmac) {
            (Action::Keep, _) => None,
            (Action::Hash, Some(hmac)) => Some(hash(hmac.clone(), kind, value)),
            (Action::Hash | Action::Mask, _) => Some(mask(kind, value)),
        }
    }
}

/// Whether the text under a key of this kind, or in its shape, is such a value at all.
fn is_value(kind: RedactionKind, value: &str) -> bool {
    match kind {
        RedactionKind::Phone | RedactionKind::Imsi => {
            !is_hash(value) && value.bytes().filter(u8::is_ascii_digit).take(DIGITS_MIN).count() == DIGITS_MIN
        }
        RedactionKind::Email => value.contains('@'),
        _ => !value.trim().is_empty() && !is_mark(value) && is_secret_text(value.trim()),
    }
}

/// Whether the text is a hash and nothing else.
fn is_hash(text: &str) -> bool {
    hash_length(text) == Some(text.len())
}

/// The length of the hash that the text begins with, if it does.
pub(super) fn hash_length(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(HASH_START)?;
    let rest = KINDS.iter().find_map(|(kind, _)| rest.strip_prefix(kind.as_str())?.strip_prefix(':'))?;
    let (digits, rest) = rest.split_at_checked(2 * HASH_BYTES)?;
    let rest = rest.strip_prefix(']').filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    Some(text.len() - rest.len())
}

/// Whether this is what [`mask`] makes.
fn is_masked(kind: RedactionKind, value: &str) -> bool {
    let Some((before, after)) = value.split_once(HIDDEN) else { return false };
    let digits = |text: &str, max: usize| text.len() <= max && text.bytes().all(|byte| byte.is_ascii_digit());
    match kind {
        RedactionKind::Email => before.is_empty() && (after.is_empty() || after.strip_prefix('@').is_some_and(is_domain)),
        RedactionKind::Ip => after.is_empty() && before.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')),
        RedactionKind::Sms => before.is_empty() && after.is_empty(),
        _ => {
            let (tail, suffix) = after.split_once('@').map_or((after, None), |(tail, suffix)| (tail, Some(suffix)));
            digits(before.strip_prefix('+').unwrap_or(before), HEAD_DIGITS)
                && (tail.is_empty() || tail.len() == TAIL_DIGITS)
                && digits(tail, TAIL_DIGITS)
                && suffix.is_none_or(is_domain)
        }
    }
}

fn mask(kind: RedactionKind, value: &str) -> String {
    match kind {
        RedactionKind::Email => {
            let domain = value.trim().rsplit_once('@').map(|(_, domain)| domain).filter(|domain| is_domain(domain));
            domain.map_or_else(|| HIDDEN.to_owned(), |domain| format!("{HIDDEN}@{domain}"))
        }
        RedactionKind::Ip => match value.parse() {
            Ok(IpAddr::V4(address)) => {
                let [a, b, c, _] = address.octets();
                format!("{a}.{b}.{c}.{HIDDEN}")
            }
            Ok(IpAddr::V6(address)) => {
                let [a, b, c, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{HIDDEN}")
            }
            Err(_) => HIDDEN.to_owned(),
        },
        RedactionKind::Phone | RedactionKind::Imsi | RedactionKind::Account => match number(value) {
            Some(Number { digits, suffix }) if digits.len() >= HIDDEN_DIGITS + TAIL_DIGITS => {
                let head = HEAD_DIGITS.min(digits.len() - HIDDEN_DIGITS - TAIL_DIGITS);
                let plus = if value.trim_start().starts_with('+') { "+" } else { "" };
                let suffix = suffix.map(|suffix| format!("@{suffix}")).unwrap_or_default();
                format!("{plus}{}{HIDDEN}{}{suffix}", &digits[..head], &digits[digits.len() - TAIL_DIGITS..])
            }
            _ => HIDDEN.to_owned(),
        },
        _ => HIDDEN.to_owned(),
    }
}

fn hash(mut hmac: Hmac<Sha256>, kind: RedactionKind, value: &str) -> String {
    let numeric = matches!(kind, RedactionKind::Phone | RedactionKind::Imsi | RedactionKind::Account);
    let (space, spelling) = match number(value).filter(|_| numeric) {
        // One space for all: the number of an account is found again as that of a call.
        Some(Number { digits, .. }) => ("number", digits.strip_prefix("00").unwrap_or(&digits).to_owned()),
        None if kind == RedactionKind::Email => ("email", value.trim().to_lowercase()),
        None => (kind.as_str(), value.parse::<IpAddr>().map_or_else(|_| value.trim().to_owned(), |address| address.to_string())),
    };
    for part in [space.as_bytes(), b"\0", spelling.as_bytes()] {
        hmac.update(part);
    }
    let code = hmac.finalize().into_bytes();
    format!("{HASH_START}{}:{}]", kind.as_str(), Hex(&code[..HASH_BYTES]))
}

/// A number, whatever stands between its digits, and what hangs on it behind an `@`.
struct Number<'v> {
    digits: String,
    suffix: Option<&'v str>,
}

fn number(value: &str) -> Option<Number<'_>> {
    let (local, suffix) = value.split_once('@').map_or((value, None), |(local, suffix)| (local, Some(suffix)));
    let filler = |c: char| c.is_whitespace() || "+-.()/[]'\"".contains(c);
    if suffix.is_some_and(|suffix| !is_domain(suffix)) || !local.chars().all(|c| c.is_ascii_digit() || filler(c)) {
        return None;
    }
    let digits: String = local.chars().filter(char::is_ascii_digit).collect();
    (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()).then_some(Number { digits, suffix })
}

/// Whether a text can be the name behind an `@`. Digits that could be a number themselves are none.
fn is_domain(text: &str) -> bool {
    let long_run = text.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() > HEAD_DIGITS);
    (1..=253).contains(&text.len())
        && !long_run
        && text.starts_with(|c: char| c.is_alphanumeric())
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use RedactionKind::{Account, Email, Imsi, Ip, Phone, Sms};

    fn hashing() -> Personal {
        let redaction = KINDS.iter().fold(Redaction::default(), |redaction, (_, class)| redaction.with(*class, Action::Hash).unwrap());
        Personal::new(&redaction, Some(&HashKey::new([7; 32]))).unwrap()
    }

    #[test]
    fn a_mask_tells_the_sort_and_hides_three_digits_at_least() {
        for (kind, value, masked) in [
            (Phone, "380501234567", "38050***4567"),
            (Phone, "+380 50 123 45 67", "+38050***4567"),
            (Phone, "1234567", "***4567"),
            (Phone, "12345", "***"),
            (Phone, "call 380501234567", "***"),
            (Account, "79123456789@msisdn", "7912***6789@msisdn"),
            (Account, "joe", "***"),
            (Imsi, "255011234567890", "25501***7890"),
            (Email, "Joe.Bloggs@example.com", "***@example.com"),
            (Email, "nobody@", "***"),
            (Ip, "10.1.2.3", "10.1.2.***"),
            (Ip, "2001:db8::1", "2001:db8:0:***"),
            (Sms, "Your code is 1234", "***"),
        ] {
            assert_eq!(mask(kind, value), masked, "{value}");
            assert!(is_masked(kind, masked), "{masked}");
        }
        for (kind, value) in
            [(Phone, "380501***4567"), (Phone, "38050***123456"), (Email, "a***@x.y"), (Sms, "*** and more"), (Account, "x***")]
        {
            assert!(!is_masked(kind, value), "{value}");
        }
    }

    #[test]
    fn spellings_of_a_number_have_one_hash_and_keys_have_others() {
        let personal = hashing();
        let code = |kind, value: &str| {
            let hash = personal.replacement(kind, value).unwrap();
            assert!(is_hash(&hash) && personal.replacement(kind, &hash).is_none(), "{hash}");
            hash.rsplit(':').next().unwrap().to_owned()
        };
        let expected = code(Phone, "380501234567");
        for (kind, value) in
            [(Phone, "+380 (50) 123-45-67"), (Phone, "00380501234567"), (Account, "380501234567@msisdn"), (Account, "380501234567")]
        {
            assert_eq!(code(kind, value), expected, "{value}");
        }
        assert_eq!(code(Email, "Joe@Example.com"), code(Email, "joe@example.com "));
        assert_eq!(code(Ip, "2001:DB8:0::1"), code(Ip, "2001:db8::1"));
        assert_ne!(code(Phone, "380501234568"), expected);
        let other = Personal { hmac: Hmac::<Sha256>::new_from_slice(&[8; 32]).ok(), ..personal.clone() };
        assert!(!other.replacement(Phone, "380501234567").unwrap().contains(&expected));
    }

    #[test]
    fn the_hash_is_the_beginning_of_an_hmac_as_others_compute_it() {
        // Python: hmac.new(b'\x07' * 32, b'number\x00380501234567', hashlib.sha256).hexdigest()[:16]
        assert_eq!(hashing().replacement(Phone, "380501234567").unwrap(), "[hash:phone:44e329d0691e9de4]");
    }

    #[test]
    fn without_a_key_it_is_masked() {
        let redaction = Redaction::default().with(Class::Phone, Action::Hash).unwrap();
        let personal = Personal::new(&redaction, None).unwrap();
        assert_eq!(personal.replacement(Phone, "380501234567").unwrap(), "38050***4567");
    }
}
