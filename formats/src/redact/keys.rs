//! Keys that name secrets, in any case and with `_`, `-`, `.`, spaces or capitals between their words.
//!
//! The end of a key decides: `db_password`, `x-api-key` and `idToken` name secrets; `token_type` and `password_changed_at` do not. Digits at the
//! end do not count: `password2`. Keys that name personal data follow the same rules, where the policy asks for them.

use crate::record::RedactionKind;

/// Whether a name may begin inside a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// The key ends with it, wherever its words part: `accesstoken`.
    Anyhow,
    /// It is the key's last word or last two: `pin`, not `shipping`.
    WithWords,
}

/// Names with the words joined, and the words apart where they are several.
const NAMES: &[(&str, Ends, RedactionKind)] = &[
    ("password", Ends::Anyhow, RedactionKind::Password),
    ("passwords", Ends::Anyhow, RedactionKind::Password),
    ("passwd", Ends::Anyhow, RedactionKind::Password),
    ("passphrase", Ends::Anyhow, RedactionKind::Password),
    ("passcode", Ends::Anyhow, RedactionKind::Password),
    ("pwd", Ends::WithWords, RedactionKind::Password),
    ("secret", Ends::Anyhow, RedactionKind::Secret),
    ("secrets", Ends::Anyhow, RedactionKind::Secret),
    ("secret key", Ends::Anyhow, RedactionKind::Secret),
    ("secret access key", Ends::Anyhow, RedactionKind::Secret),
    ("auth info", Ends::Anyhow, RedactionKind::Secret),
    ("token", Ends::Anyhow, RedactionKind::Token),
    ("api key", Ends::Anyhow, RedactionKind::ApiKey),
    ("api keys", Ends::Anyhow, RedactionKind::ApiKey),
    ("authorization", Ends::Anyhow, RedactionKind::Authorization),
    ("cookie", Ends::Anyhow, RedactionKind::Cookie),
    ("cookies", Ends::Anyhow, RedactionKind::Cookie),
    ("otp", Ends::WithWords, RedactionKind::Otp),
    ("otp code", Ends::WithWords, RedactionKind::Otp),
    ("pin", Ends::WithWords, RedactionKind::Otp),
    ("pin code", Ends::WithWords, RedactionKind::Otp),
    ("private key", Ends::Anyhow, RedactionKind::PrivateKey),
];

/// Names of personal data. A value counts only where it looks like one, so names with other meanings may be among them.
const PERSONAL: &[(&str, Ends, RedactionKind)] = &[
    ("msisdn", Ends::Anyhow, RedactionKind::Phone),
    ("msisdns", Ends::Anyhow, RedactionKind::Phone),
    ("phone", Ends::Anyhow, RedactionKind::Phone),
    ("phones", Ends::Anyhow, RedactionKind::Phone),
    ("phone number", Ends::Anyhow, RedactionKind::Phone),
    ("mobile", Ends::WithWords, RedactionKind::Phone),
    ("mobile number", Ends::WithWords, RedactionKind::Phone),
    ("cell", Ends::WithWords, RedactionKind::Phone),
    ("tel", Ends::WithWords, RedactionKind::Phone),
    ("fax", Ends::WithWords, RedactionKind::Phone),
    ("caller", Ends::WithWords, RedactionKind::Phone),
    ("callee", Ends::WithWords, RedactionKind::Phone),
    ("caller id", Ends::WithWords, RedactionKind::Phone),
    ("calling number", Ends::WithWords, RedactionKind::Phone),
    ("called number", Ends::WithWords, RedactionKind::Phone),
    ("calling party", Ends::WithWords, RedactionKind::Phone),
    ("called party", Ends::WithWords, RedactionKind::Phone),
    ("a number", Ends::WithWords, RedactionKind::Phone),
    ("b number", Ends::WithWords, RedactionKind::Phone),
    ("subscriber number", Ends::WithWords, RedactionKind::Phone),
    ("cli", Ends::WithWords, RedactionKind::Phone),
    ("cld", Ends::WithWords, RedactionKind::Phone),
    ("ani", Ends::WithWords, RedactionKind::Phone),
    ("dnis", Ends::WithWords, RedactionKind::Phone),
    ("imsi", Ends::Anyhow, RedactionKind::Imsi),
    ("imei", Ends::Anyhow, RedactionKind::Imsi),
    ("iccid", Ends::Anyhow, RedactionKind::Imsi),
    ("supi", Ends::WithWords, RedactionKind::Imsi),
    ("email", Ends::Anyhow, RedactionKind::Email),
    ("mail", Ends::WithWords, RedactionKind::Email),
    ("email address", Ends::Anyhow, RedactionKind::Email),
    ("account", Ends::WithWords, RedactionKind::Account),
    ("account id", Ends::WithWords, RedactionKind::Account),
    ("i account", Ends::WithWords, RedactionKind::Account),
    ("i customer", Ends::WithWords, RedactionKind::Account),
    ("customer id", Ends::WithWords, RedactionKind::Account),
    ("subscriber id", Ends::WithWords, RedactionKind::Account),
    ("text", Ends::WithWords, RedactionKind::Sms),
    ("body", Ends::WithWords, RedactionKind::Sms),
    ("content", Ends::WithWords, RedactionKind::Sms),
    ("sms", Ends::WithWords, RedactionKind::Sms),
    ("sms message", Ends::WithWords, RedactionKind::Sms),
    ("short message", Ends::WithWords, RedactionKind::Sms),
];

/// How words of a key are joined.
const JOINTS: [&str; 5] = ["", "_", "-", ".", " "];

/// The keys of one profile.
#[derive(Debug)]
pub(super) struct Keys {
    /// Those of [`PERSONAL`] that the policy asks for.
    personal: Vec<&'static (&'static str, Ends, RedactionKind)>,
    /// Words joined, lower case.
    more: Vec<String>,
    literals: Vec<String>,
}

/// A key in lower case without separators, and where its last word and its last two begin.
#[derive(Debug)]
struct Words {
    joined: String,
    last: usize,
    last_two: usize,
}

impl Keys {
    pub(super) fn new(more: &[String], wants: impl Fn(RedactionKind) -> bool) -> Self {
        let personal: Vec<_> = PERSONAL.iter().filter(|(_, _, kind)| wants(*kind)).collect();
        let mut literals: Vec<String> = NAMES.iter().chain(personal.iter().copied()).flat_map(|(name, _, _)| spellings(name)).collect();
        for key in more {
            literals.push(key.to_ascii_lowercase());
            literals.extend(spellings(&spaced(key)));
        }
        literals.sort_unstable();
        literals.dedup();
        // A literal that holds another one is found by it.
        let all = literals.clone();
        literals.retain(|literal| !all.iter().any(|other| other != literal && literal.contains(other.as_str())));
        Self { personal, more: more.iter().map(|key| Words::of(key).joined).collect(), literals }
    }

    /// Literals of which every key that names a secret has one.
    pub(super) fn literals(&self) -> Vec<String> {
        self.literals.clone()
    }

    /// The kind of secret, or else of personal data, that a key names.
    pub(super) fn kind(&self, key: &str) -> Option<RedactionKind> {
        // What was removed from a key does not name its value.
        let words = Words::of(key.split(super::MARK_START).next().unwrap_or_default());
        let (whole, last, last_two) = (words.joined.as_str(), &words.joined[words.last..], &words.joined[words.last_two..]);
        // Whatever the rule, the last letters are the same: most names are ruled out by that.
        let end = whole.as_bytes().last();
        let ends = |(name, ends, _): &&(&str, Ends, RedactionKind)| {
            name.as_bytes().last() == end
                && match ends {
                    Ends::Anyhow => ends_with_joined(whole, name),
                    Ends::WithWords => last == *name || equals_joined(last, name) || equals_joined(last_two, name),
                }
        };
        if let Some((_, _, kind)) = NAMES.iter().find(ends) {
            return Some(*kind);
        }
        if self.more.iter().any(|name| name == whole || name == last || name == last_two) {
            return Some(RedactionKind::Secret);
        }
        self.personal.iter().copied().find(ends).map(|(_, _, kind)| *kind)
    }
}

fn spellings(name: &str) -> Vec<String> {
    JOINTS.iter().map(|joint| name.replace(' ', joint)).collect()
}

/// Whether `whole` ends with the words of `name`, joined.
fn ends_with_joined(whole: &str, name: &str) -> bool {
    let mut rest = whole;
    name.rsplit(' ').all(|word| match rest.strip_suffix(word) {
        Some(before) => {
            rest = before;
            true
        }
        None => false,
    })
}

fn equals_joined(words: &str, name: &str) -> bool {
    ends_with_joined(words, name) && words.len() == name.bytes().filter(|byte| *byte != b' ').count()
}

/// The letters and digits of a key in lower case, and whether a word begins there: behind a separator, or at a capital.
fn letters(key: &[u8]) -> impl Iterator<Item = (char, bool)> {
    let mut previous = b' ';
    key.iter().enumerate().filter_map(move |(at, &byte)| {
        let before = std::mem::replace(&mut previous, byte);
        let next_is_small = key.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        let camel = byte.is_ascii_uppercase()
            && (before.is_ascii_lowercase() || before.is_ascii_digit() || (before.is_ascii_uppercase() && next_is_small));
        byte.is_ascii_alphanumeric().then(|| (char::from(byte.to_ascii_lowercase()), camel || !before.is_ascii_alphanumeric()))
    })
}

/// The words of a key, with spaces between them.
fn spaced(key: &str) -> String {
    let mut spaced = String::new();
    for (letter, begins) in letters(key.as_bytes()) {
        if begins && !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.push(letter);
    }
    spaced
}

impl Words {
    fn of(key: &str) -> Self {
        let bytes = key.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '_' | '-' | '.' | ' ' | '[' | ']')).as_bytes();
        let bytes = if bytes.is_empty() { key.as_bytes() } else { bytes };
        let mut words = Self { joined: String::with_capacity(bytes.len()), last: 0, last_two: 0 };
        for (letter, begins) in letters(bytes) {
            if begins {
                words.last_two = words.last;
                words.last = words.joined.len();
            }
            words.joined.push(letter);
        }
        words
    }
}
