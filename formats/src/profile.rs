//! The profile: how the lines of one instance are read. Versioned and serialisable; checked once, when it is loaded, and never doubted again.

use crate::aliases::{self, Aliases};
use crate::level::NumericLevels;
use crate::limits;
use crate::policy::{HashKey, Redaction};
use crate::redact::{Personal, Redactor};
use crate::shapes::RequestIdFinder;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The version of the form of a profile.
pub const PROFILE_VERSION: u32 = 1;

/// Most further aliases and most further redaction keys.
const NAMES_MAX: usize = 64;

/// What a profile says, as it is stored and sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The version of the form: [`PROFILE_VERSION`].
    pub version: u32,
    /// Further names of canonical fields.
    #[serde(default)]
    pub aliases: Aliases,
    /// The zone of times that name none, minutes east of UTC.
    #[serde(default)]
    pub text_zone_minutes: i32,
    /// How numbers in the level field are read.
    #[serde(default)]
    pub numeric_levels: NumericLevels,
    /// Keys whose values are secrets, besides the built-in ones.
    #[serde(default)]
    pub redact_keys: Vec<String>,
    /// Limits of a line.
    #[serde(default)]
    pub limits: Limits,
}

/// Limits of a line; at most those of [`crate::limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// See [`limits::LINE_BYTES_MAX`].
    pub line_bytes: usize,
    /// See [`limits::KEYS_MAX`].
    pub keys: usize,
    /// See [`limits::DEPTH_MAX`].
    pub depth: usize,
}

/// How an instance's lines are read.
#[derive(Debug, Clone)]
pub struct Profile {
    settings: Settings,
    roles: Arc<Roles>,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) request_ids: Arc<RequestIdFinder>,
}

/// Why a profile cannot be used. The text says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It is no JSON of the right form.
    #[error("the profile cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    /// A value is out of range.
    #[error("the profile's {field} is wrong: {reason}")]
    Value {
        /// The field.
        field: &'static str,
        /// What would be right.
        reason: String,
    },
}

/// What a top-level key of a line is to the parser. For the first three, the rank among the names of the field: 0 is the canonical one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Timestamp(u8),
    Level(u8),
    Message(u8),
    /// A name of an id that only this profile knows, and the canonical one.
    IdAlias(&'static str),
    /// An id under its canonical name or a default alias; whether it is an alias.
    Id(bool),
    /// A field with a type, see [`crate::parse()`].
    Typed(Type),
    /// A name that the platform stamps.
    Reserved,
    /// Anything else.
    Free,
}

/// The type of a canonical field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    String,
    Number,
    NumberOrString,
    StringOrObject,
    Object,
}

/// The roles of names, in buckets by length.
#[derive(Debug)]
struct Roles {
    by_length: Vec<Vec<(Box<str>, Role)>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line_bytes: limits::LINE_BYTES_MAX, keys: limits::KEYS_MAX, depth: limits::DEPTH_MAX }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: PROFILE_VERSION,
            aliases: Aliases::default(),
            text_zone_minutes: 0,
            numeric_levels: NumericLevels::None,
            redact_keys: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Default for Profile {
    fn default() -> Self {
        let settings = Settings::default();
        // The built-in keys always make an automaton: they do not depend on input, and every test holds it.
        #[allow(clippy::expect_used)]
        let redactor = Redactor::new(&settings.redact_keys, None).expect("the built-in redaction keys are few");
        Self::build(settings, redactor)
    }
}

impl Profile {
    /// Reads a profile from JSON.
    ///
    /// # Errors
    /// When it is not of the form, or a value is out of range.
    pub fn from_json(text: &str) -> Result<Self, ProfileError> {
        Self::new(serde_json::from_str(text)?)
    }

    /// Checks settings and prepares them for use.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn new(settings: Settings) -> Result<Self, ProfileError> {
        Self::with_redaction(settings, &Redaction::default(), None)
    }

    /// The same with what a policy says of personal data; what is hashed is hashed with the key, and masked without one.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn with_redaction(settings: Settings, redaction: &Redaction, key: Option<&HashKey>) -> Result<Self, ProfileError> {
        settings.check()?;
        let redactor = Redactor::new(&settings.redact_keys, Personal::new(redaction, key))
            .map_err(|error| ProfileError::Value { field: "redact_keys", reason: error.to_string() })?;
        Ok(Self::build(settings, redactor))
    }

    fn build(settings: Settings, redactor: Redactor) -> Self {
        Self {
            roles: Arc::new(Roles::new(&settings.aliases)),
            redactor: Arc::new(redactor),
            request_ids: Arc::new(RequestIdFinder::new()),
            settings,
        }
    }

    /// What the profile says.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Removes the secrets from a text that leaves the node by another way than [`crate::parse()`], such as a sample.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut tally = crate::redact::Tally::default();
        self.redactor.text(text, &mut tally).into_owned()
    }

    pub(crate) fn role(&self, key: &str) -> Role {
        self.roles.of(key)
    }
}

impl Settings {
    fn check(&self) -> Result<(), ProfileError> {
        let wrong = |field, reason: String| Err(ProfileError::Value { field, reason });
        if self.version != PROFILE_VERSION {
            return wrong("version", format!("this program reads version {PROFILE_VERSION}, not {}", self.version));
        }
        if self.text_zone_minutes.abs() > 18 * 60 {
            return wrong("text_zone_minutes", "use −1080 to 1080 minutes east of UTC".into());
        }
        for (field, value, max) in [
            ("limits.line_bytes", self.limits.line_bytes, limits::LINE_BYTES_MAX),
            ("limits.keys", self.limits.keys, limits::KEYS_MAX),
            ("limits.depth", self.limits.depth, limits::DEPTH_MAX),
        ] {
            if value == 0 || value > max {
                return wrong(field, format!("use 1 to {max}"));
            }
        }
        let lists = self.aliases.lists();
        let names = lists.iter().flat_map(|(_, names)| names.iter()).chain(&self.redact_keys);
        if names.clone().count() > NAMES_MAX {
            return wrong("aliases and redact_keys", format!("use at most {NAMES_MAX} names in all"));
        }
        if names.clone().any(|name| name.is_empty() || name.len() > limits::KEY_BYTES_MAX) {
            return wrong("aliases and redact_keys", format!("use names of 1 to {} bytes", limits::KEY_BYTES_MAX));
        }
        if self.redact_keys.iter().any(|key| !key.bytes().any(|byte| byte.is_ascii_alphanumeric())) {
            return wrong("redact_keys", "use keys with letters or digits".into());
        }
        Ok(())
    }
}

impl Aliases {
    fn lists(&self) -> [(&'static str, &Vec<String>); 8] {
        [
            ("timestamp", &self.timestamp),
            ("level", &self.level),
            ("message", &self.message),
            ("request_id", &self.request_id),
            ("unique_id", &self.unique_id),
            ("session_id", &self.session_id),
            ("call_id", &self.call_id),
            ("account_id", &self.account_id),
        ]
    }
}

impl Roles {
    fn new(aliases: &Aliases) -> Self {
        let mut roles = Self { by_length: Vec::new() };
        roles.add_ranked("timestamp", &aliases.timestamp, aliases::TIMESTAMP, Role::Timestamp);
        roles.add_ranked("level", &aliases.level, aliases::LEVEL, Role::Level);
        roles.add_ranked("message", &aliases.message, aliases::MESSAGE, Role::Message);
        for name in ["request_id", "unique_id", "call_id", "session_id", "h323_conf_id", "event_id"] {
            roles.add(name, Role::Id(false));
        }
        for name in aliases::REQUEST_ID {
            roles.add(name, Role::Id(true));
        }
        for (canonical, names) in &aliases.lists()[3..] {
            for name in *names {
                roles.add(name, Role::IdAlias(canonical));
            }
        }
        for (name, kind) in [
            ("logger", Type::String),
            ("event_type", Type::String),
            ("account_id", Type::NumberOrString),
            ("i_account", Type::NumberOrString),
            ("i_customer", Type::NumberOrString),
            ("i_env", Type::NumberOrString),
            ("error", Type::StringOrObject),
            ("http", Type::Object),
            ("duration_ms", Type::Number),
        ] {
            roles.add(name, Role::Typed(kind));
        }
        for name in crate::reserved::STAMPED {
            roles.add(name, Role::Reserved);
        }
        roles
    }

    /// The names of one field: the canonical one, then the profile's, then the usual ones.
    fn add_ranked(&mut self, canonical: &str, added: &[String], usual: &[&str], role: fn(u8) -> Role) {
        let names = std::iter::once(canonical).chain(added.iter().map(String::as_str)).chain(usual.iter().copied());
        for (rank, name) in (0..).zip(names) {
            self.add(name, role(rank));
        }
    }

    /// The first role that a name is given stays.
    fn add(&mut self, name: &str, role: Role) {
        if self.by_length.len() <= name.len() {
            self.by_length.resize_with(name.len() + 1, Vec::new);
        }
        let bucket = &mut self.by_length[name.len()];
        if !bucket.iter().any(|(known, _)| **known == *name) {
            bucket.push((name.into(), role));
        }
    }

    fn of(&self, key: &str) -> Role {
        let bucket = self.by_length.get(key.len()).map_or(&[][..], Vec::as_slice);
        bucket.iter().find(|(name, _)| **name == *key).map_or(Role::Free, |(_, role)| *role)
    }
}
