//! The texts that name things: their forms are checked here, once, before anything is kept.

use super::RegistryError;
use serde::{Deserialize, Deserializer, Serializer};
use std::sync::Arc;

/// The longest id, characters: a DNS label, so that an id fits wherever Kubernetes has a name.
pub(super) const ID_CHARS_MAX: usize = 63;
/// The longest name or note, bytes.
pub(super) const TEXT_BYTES_MAX: usize = 500;

/// An id: `[a-z0-9][a-z0-9-]{0,62}`.
pub(super) fn id(field: &str, value: &str) -> Result<Arc<str>, RegistryError> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if shaped(value, legal) && !value.starts_with('-') {
        return Ok(value.into());
    }
    Err(RegistryError::invalid(field, "must be 1 to 63 of a-z, 0-9 and -, and not begin with -"))
}

/// A name given by others (a CSP, a cluster, an environment): `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`.
pub(super) fn name(field: &str, value: &str) -> Result<Arc<str>, RegistryError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if shaped(value, legal) && value.as_bytes()[0].is_ascii_alphanumeric() {
        return Ok(value.into());
    }
    Err(RegistryError::invalid(field, "must be 1 to 63 letters, digits, `.`, `_` and `-`, and begin with a letter or digit"))
}

/// Text for a reader.
pub(super) fn text(field: &str, value: &str) -> Result<(), RegistryError> {
    if value.len() > TEXT_BYTES_MAX {
        return Err(RegistryError::invalid(field, format!("is {} bytes long: at most {TEXT_BYTES_MAX} are kept", value.len())));
    }
    if value.chars().any(char::is_control) {
        return Err(RegistryError::invalid(field, "must be one line without control characters"));
    }
    Ok(())
}

fn shaped(value: &str, legal: impl Fn(u8) -> bool) -> bool {
    (1..=ID_CHARS_MAX).contains(&value.len()) && value.bytes().all(legal)
}

/// As much of a caller's text as an id can be long, for an error.
pub(super) fn shown(value: &str) -> String {
    value.chars().take(ID_CHARS_MAX).collect()
}

/// The names of the members that differ.
pub(super) fn differing<'a>(members: &[(&'a str, bool)]) -> Vec<&'a str> {
    members.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
}

/// A time as answers have it.
pub(crate) fn rfc3339<S: Serializer>(time_ns: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time_text(*time_ns))
}

/// A time that may be absent.
pub(super) fn rfc3339_option<S: Serializer>(time_ns: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    match time_ns {
        Some(time_ns) => rfc3339(time_ns, serializer),
        None => serializer.serialize_none(),
    }
}

/// RFC 3339 in UTC.
pub(crate) fn time_text(time_ns: i64) -> String {
    chrono::DateTime::from_timestamp_nanos(time_ns).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// A member that is present, `null` included: `None` where it is absent (by `default`), `Some(None)` for `null`.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_what_interfaces_says() {
        for good in ["a", "0", "sms-gw", "a--", &"x".repeat(63)] {
            assert!(id("id", good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a.b", "ä", "a b", "../x", "_quarantine", &"x".repeat(64)] {
            assert!(id("id", bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_id_is_the_regular_expression(value in ".{0,70}|[a-z0-9-]{0,70}") {
            let pattern = regex::Regex::new("^[a-z0-9][a-z0-9-]{0,62}$").unwrap();
            prop_assert_eq!(id("id", &value).is_ok(), pattern.is_match(&value) && !value.ends_with('\n'));
        }

        #[test]
        fn a_name_is_the_regular_expression(value in ".{0,70}|[A-Za-z0-9._-]{0,70}") {
            let pattern = regex::Regex::new("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$").unwrap();
            prop_assert_eq!(name("csp", &value).is_ok(), pattern.is_match(&value) && !value.ends_with('\n'));
        }
    }
}
