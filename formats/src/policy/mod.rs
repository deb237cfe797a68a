//! Policies: what the operator says of an instance's lines: which personal data are kept, masked or hashed, from which level on lines are kept, and how much
//! a container may print.
//!
//! A policy is said in the registry, of a module or of an instance, and a collector applies it. Both read it by this module, so what is refused here is
//! refused when it is said. Invariants: a secret is never kept; what is not said is as if there was no policy ([`Action::Keep`], all levels, no limit); an
//! unknown key is an error that names the nearest known one.

mod schema;
mod set;

pub use set::{Group, HashKey, POLICY_VERSION, PolicySet, Target};

use crate::record::Severity;
use schemars::JsonSchema;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A class of data that is treated alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Phone numbers (MSISDN).
    Phone,
    /// Numbers of SIM cards and devices: IMSI, IMEI, ICCID.
    Imsi,
    /// E-mail addresses.
    Email,
    /// IP addresses.
    Ip,
    /// The ids of accounts and customers.
    Account,
    /// The texts of messages.
    Sms,
    /// Passwords, tokens and the like.
    Secret,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Action {
    /// It stays.
    #[default]
    Keep,
    /// A part of it stays that tells the sort of value: `38050***4567`.
    Mask,
    /// A keyed hash stands for it: equal values have equal hashes, and only who has the key can tell which.
    Hash,
}

/// What becomes of each class; nothing is said of a class that is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Redaction([Option<Action>; Class::ALL.len()]);

/// The least level that is kept; shown by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Level(Severity);

/// Bytes a second, as written: `5MiB`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Rate {
    text: String,
    bytes_per_second: u64,
}

/// What is said of an instance's lines, as it is said, kept and sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Policy {
    /// What becomes of personal data.
    #[serde(skip_serializing_if = "Redaction::is_empty")]
    #[schemars(default)]
    pub redaction: Redaction,
    /// Lines below it are left out and counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// What each of its containers may print.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Rate>,
}

impl Class {
    /// All classes, in their order.
    pub const ALL: [Self; 7] = [Self::Phone, Self::Imsi, Self::Email, Self::Ip, Self::Account, Self::Sms, Self::Secret];

    /// The word in a policy and in marks.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Imsi => "imsi",
            Self::Email => "email",
            Self::Ip => "ip",
            Self::Account => "account",
            Self::Sms => "sms",
            Self::Secret => "secret",
        }
    }
}

impl Action {
    /// The word in a policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Mask => "mask",
            Self::Hash => "hash",
        }
    }
}

impl Redaction {
    /// What becomes of a class. Secrets are always masked.
    #[must_use]
    pub fn of(&self, class: Class) -> Action {
        if class == Class::Secret { Action::Mask } else { self.0.get(class as usize).copied().flatten().unwrap_or_default() }
    }

    /// The same with this said of a class.
    ///
    /// # Errors
    /// A sentence, when it is said of secrets that they are not masked.
    pub fn with(mut self, class: Class, action: Action) -> Result<Self, String> {
        if class == Class::Secret && action != Action::Mask {
            return Err("secrets are never kept or hashed: say `mask` of `secret`, or nothing".to_owned());
        }
        self.0[class as usize] = Some(action);
        Ok(self)
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Whether a class is hashed.
    #[must_use]
    pub fn hashes(&self) -> bool {
        self.0.contains(&Some(Action::Hash))
    }

    /// Whether every class is kept that can be.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        Class::ALL.into_iter().all(|class| class == Class::Secret || self.of(class) == Action::Keep)
    }

    /// What is masked where either says so. What either hashes is masked: whose key it was is not known.
    #[must_use]
    pub fn masked_with(self, other: &Self) -> Self {
        let mut both = Self::default();
        for class in Class::ALL {
            if self.of(class) != Action::Keep || other.of(class) != Action::Keep {
                both.0[class as usize] = Some(Action::Mask);
            }
        }
        both
    }
}

impl Level {
    /// Whether a line of this severity is below it. One without a severity is not.
    #[must_use]
    pub fn leaves_out(self, severity: Option<Severity>) -> bool {
        severity.is_some_and(|severity| severity < self.0)
    }

    /// The level's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0.level()
    }
}

impl Rate {
    /// Bytes of the file in a second.
    #[must_use]
    pub const fn bytes_per_second(&self) -> u64 {
        self.bytes_per_second
    }
}

impl Policy {
    /// What holds for an instance of which this is said, and `default` of its module: each thing as said nearest to it.
    #[must_use]
    pub fn over(&self, default: &Self) -> Self {
        let mut redaction = default.redaction;
        for (own, inherited) in self.redaction.0.iter().zip(&mut redaction.0) {
            *inherited = own.or(*inherited);
        }
        Self { redaction, level: self.level.or(default.level), rate_limit: self.rate_limit.clone().or_else(|| default.rate_limit.clone()) }
    }

    /// Whether it changes anything.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        self.redaction.keeps_all() && self.level.is_none() && self.rate_limit.is_none()
    }
}

/// The longest part of a caller's text in an error, characters.
const SHOWN_CHARS: usize = 40;

/// Says what is not known, and what is nearest to it.
fn unknown(what: &str, given: &str, known: &[&str]) -> String {
    let near = known.iter().max_by(|one, other| strsim::jaro_winkler(one, given).total_cmp(&strsim::jaro_winkler(other, given)));
    let given: String = given.chars().take(SHOWN_CHARS).collect();
    format!("unknown {what} `{given}`: did you mean `{}`? known are {}", near.unwrap_or(&""), known.join(", "))
}

impl std::str::FromStr for Class {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|class| class.as_str() == text);
        found.ok_or_else(|| unknown("class", text, &Self::ALL.map(Self::as_str)))
    }
}

impl std::str::FromStr for Action {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Keep, Self::Mask, Self::Hash];
        all.into_iter().find(|action| action.as_str() == text).ok_or_else(|| unknown("action", text, &all.map(Self::as_str)))
    }
}

impl std::str::FromStr for Level {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        const ALL: [Severity; 6] = [Severity::TRACE, Severity::DEBUG, Severity::INFO, Severity::WARN, Severity::ERROR, Severity::FATAL];
        let found = ALL.into_iter().find(|severity| severity.level() == text).map(Self);
        found.ok_or_else(|| unknown("level", text, &ALL.map(Severity::level)))
    }
}

impl TryFrom<String> for Rate {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        const UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let factor = UNITS.iter().find(|(unit, _)| *unit == &text[number.len()..]).map(|(_, factor)| *factor);
        let bytes = number.parse::<u64>().ok().filter(|_| digits).zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        match bytes.filter(|bytes| *bytes > 0) {
            Some(bytes_per_second) => Ok(Self { text, bytes_per_second }),
            None => Err("a rate limit is a whole number above 0 and a unit (B, KiB, MiB, GiB), bytes a second, such as 5MiB".to_owned()),
        }
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.text
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Redaction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = Class::ALL.iter().zip(&self.0).filter_map(|(class, action)| Some((class.as_str(), action.as_ref()?.as_str())));
        serializer.collect_map(said)
    }
}

impl<'de> Deserialize<'de> for Redaction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RedactionVisitor)
    }
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PolicyVisitor)
    }
}

struct RedactionVisitor;

impl<'de> Visitor<'de> for RedactionVisitor {
    type Value = Redaction;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of classes and actions, such as {\"phone\":\"mask\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Redaction, A::Error> {
        let mut redaction = Redaction::default();
        while let Some(class) = map.next_key::<String>()? {
            let class: Class = class.parse().map_err(de::Error::custom)?;
            let action: Action = map.next_value::<String>()?.parse().map_err(de::Error::custom)?;
            redaction = redaction.with(class, action).map_err(de::Error::custom)?;
        }
        Ok(redaction)
    }
}

struct PolicyVisitor;

impl<'de> Visitor<'de> for PolicyVisitor {
    type Value = Policy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy: an object with redaction, level, rate_limit")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Policy, A::Error> {
        let mut policy = Policy::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "redaction" => policy.redaction = map.next_value::<Option<Redaction>>()?.unwrap_or_default(),
                "level" => policy.level = map.next_value()?,
                "rate_limit" => policy.rate_limit = map.next_value()?,
                _ => return Err(de::Error::custom(unknown("key", &key, &["redaction", "level", "rate_limit"]))),
            }
        }
        Ok(policy)
    }
}
