//! The record: what one line has become, with its verdict and the reasons for it.
//!
//! Invariants: times are nanoseconds since the Unix epoch, UTC; `attributes` is empty or the text of one JSON object with
//! the keys in the order in which they were written and numbers as they were spelled; no secret is left in any field.
//! The numeric values of [`Verdict`], [`Problem`] and [`RedactionKind`] are stored: they are never reused.

use serde::{Deserialize, Serialize};

/// One line after parsing, validation, repair and redaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The time that orders the record, ns since the epoch: the module's own where it can be trusted, else the runtime's.
    pub time_ns: i64,
    /// When the container runtime (or the door, for pushed lines) took the line, ns since the epoch.
    pub runtime_time_ns: i64,
    /// How serious the line says it is; `None` where it does not say.
    pub severity: Option<Severity>,
    /// Whether the line conformed, and if not, what was done.
    pub verdict: Verdict,
    /// Why the verdict is what it is.
    pub problems: Problems,
    /// How many secrets were removed, and personal data masked or hashed by the instance's policy, of which kind, in ascending order of the kind.
    pub redactions: Vec<(RedactionKind, u16)>,
    /// The text of the line: the message field, or all of it where the line is no JSON object.
    pub message: String,
    /// The other fields as the text of a JSON object; empty where there are none.
    pub attributes: String,
}

/// A record whose texts lie in the bytes that it was read from, or in another record. It is encoded as a [`Record`] is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordRef<'a> {
    /// See [`Record::time_ns`].
    pub time_ns: i64,
    /// See [`Record::runtime_time_ns`].
    pub runtime_time_ns: i64,
    /// See [`Record::severity`].
    pub severity: Option<Severity>,
    /// See [`Record::verdict`].
    pub verdict: Verdict,
    /// See [`Record::problems`].
    pub problems: Problems,
    /// See [`Record::redactions`].
    pub redactions: Vec<(RedactionKind, u16)>,
    /// See [`Record::message`].
    pub message: &'a str,
    /// See [`Record::attributes`].
    pub attributes: &'a str,
}

impl<'a> From<&'a Record> for RecordRef<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            time_ns: record.time_ns,
            runtime_time_ns: record.runtime_time_ns,
            severity: record.severity,
            verdict: record.verdict,
            problems: record.problems,
            redactions: record.redactions.clone(),
            message: &record.message,
            attributes: &record.attributes,
        }
    }
}

/// An OpenTelemetry severity number, 1 to 24.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Severity(u8);

impl Severity {
    /// The first number of each of the six shown levels.
    pub const TRACE: Self = Self(1);
    /// See [`Self::TRACE`].
    pub const DEBUG: Self = Self(5);
    /// See [`Self::TRACE`].
    pub const INFO: Self = Self(9);
    /// `notice`, shown as `info`.
    pub const NOTICE: Self = Self(10);
    /// See [`Self::TRACE`].
    pub const WARN: Self = Self(13);
    /// See [`Self::TRACE`].
    pub const ERROR: Self = Self(17);
    /// `critical`, shown as `error`.
    pub const CRITICAL: Self = Self(18);
    /// `alert`, shown as `error`.
    pub const ALERT: Self = Self(19);
    /// `emergency` and `panic`, shown as `fatal`; also the number of `fatal`.
    pub const FATAL: Self = Self(21);

    /// The severity with this OpenTelemetry number; `None` outside 1 to 24.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        if number >= 1 && number <= 24 { Some(Self(number)) } else { None }
    }

    /// The OpenTelemetry number, 1 to 24.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The severity of a level word, whatever its case: `trace`, `debug`, `info`, `information`, `notice`, `warn`, `warning`, `err`, `error`,
    /// `crit`, `critical`, `fatal`, `alert`, `emerg`, `emergency`, `panic`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        const WORDS: [(&str, Severity); 16] = [
            ("trace", Severity::TRACE),
            ("debug", Severity::DEBUG),
            ("info", Severity::INFO),
            ("information", Severity::INFO),
            ("notice", Severity::NOTICE),
            ("warn", Severity::WARN),
            ("warning", Severity::WARN),
            ("err", Severity::ERROR),
            ("error", Severity::ERROR),
            ("crit", Severity::CRITICAL),
            ("critical", Severity::CRITICAL),
            ("fatal", Severity::FATAL),
            ("alert", Severity::ALERT),
            ("emerg", Severity::FATAL),
            ("emergency", Severity::FATAL),
            ("panic", Severity::FATAL),
        ];
        WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, severity)| *severity)
    }

    /// The shown level: one of `trace debug info warn error fatal`.
    #[must_use]
    pub const fn level(self) -> &'static str {
        match self.0 {
            0..=4 => "trace",
            5..=8 => "debug",
            9..=12 => "info",
            13..=16 => "warn",
            17..=20 => "error",
            _ => "fatal",
        }
    }
}

/// What became of a line. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Verdict {
    /// It conforms.
    Ok = 0,
    /// It is a JSON object, and something had to be put right.
    Repaired = 1,
    /// It is no JSON object: its text is the message.
    Raw = 2,
    /// It was over a limit and is not kept: counted, with a sample.
    Rejected = 3,
}

impl Verdict {
    /// All verdicts, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Repaired, Self::Raw, Self::Rejected];

    /// The word in answers and queries.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Repaired => "repaired",
            Self::Raw => "raw",
            Self::Rejected => "rejected",
        }
    }

    /// The verdict of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == word)
    }
}

macro_rules! problems {
    ($($(#[doc = $doc:literal])+ $name:ident = $bit:literal, $code:literal, $fix:literal;)+) => {
        /// A reason code. The bit numbers are stored, the codes are shown and searched.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Problem { $($(#[doc = $doc])+ $name = $bit,)+ }

        impl Problem {
            /// All reason codes, in the order of their bits.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable code, as in `problem:bad_timestamp`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// What the module's author changes so that it does not come again.
            #[must_use]
            pub const fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix,)+ }
            }
        }
    };
}

problems! {
    /// The line is not JSON.
    NotJson = 0, "not_json", "write one JSON object per line; configure the logger, and the web server's access log, to print JSON";
    /// The line is JSON and not an object.
    NotObject = 1, "not_object", "write an object with timestamp, level and message instead of a bare value or array";
    /// No time field.
    MissingTimestamp = 2, "missing_timestamp", "add \"timestamp\" in RFC 3339 with a zone, such as 2026-11-22T10:12:50.353Z";
    /// The time field could not be read.
    BadTimestamp = 3, "bad_timestamp", "write \"timestamp\" in RFC 3339 with a zone, or as a number of epoch s, ms, us or ns";
    /// The module's time is more than 24 h from the runtime's.
    ClockSkew = 4, "clock_skew", "log the time of the event from a synchronised clock; times over 24 h away are kept in the attributes only";
    /// No level field.
    MissingLevel = 5, "missing_level", "add \"level\": trace, debug, info, warn, error or fatal";
    /// The level word is not known.
    UnknownLevel = 6, "unknown_level", "use one of trace, debug, info, notice, warn, error, critical, fatal, alert, emergency, panic";
    /// No message field.
    MissingMessage = 7, "missing_message", "add \"message\" with a sentence for a reader";
    /// The message is empty.
    EmptyMessage = 8, "empty_message", "say in \"message\" what happened";
    /// The line was over the size limit and was cut.
    TooLong = 9, "too_long", "keep lines under 16 KiB; over 256 KiB they are cut";
    /// More keys than are kept.
    TooManyFields = 10, "too_many_fields", "log at most 128 keys a line";
    /// Nested deeper than is kept.
    TooDeep = 11, "too_deep", "nest at most 8 levels deep";
    /// Bytes that are not UTF-8 were replaced.
    BadUtf8 = 12, "bad_utf8", "write UTF-8";
    /// A key has the name of a field that the platform stamps; it is kept under attributes.
    ReservedKey = 13, "reserved_key", "rename the key: the platform sets partner, module, instance, csp and the like itself";
    /// A canonical field has a value of a type that it cannot have.
    TypeConflict = 14, "type_conflict", "give the field the type that the format names: message and level are strings";
    /// A secret was removed.
    SecretRedacted = 15, "secret_redacted", "do not log passwords, tokens, one-time codes or keys";
    /// A known other name was used for a canonical field.
    AliasUsed = 16, "alias_used", "use the canonical names timestamp, level, message, request_id";
    /// A key was written twice; the last one counts.
    DuplicateKey = 17, "duplicate_key", "write each key once";
    /// The time has no zone; it was read in the zone of the instance's profile.
    NoZone = 18, "no_zone", "add the zone to the timestamp: Z or +02:00";
    /// A key is longer than is kept.
    KeyTooLong = 19, "key_too_long", "keep keys under 128 bytes";
    /// The record ended without its last piece: the container stopped within a line.
    Incomplete = 20, "incomplete", "flush the last line, newline included, before the process ends";
    /// An id is longer than 128 bytes or not a string.
    BadId = 21, "bad_id", "send ids as strings of at most 128 bytes";
}

impl Problem {
    /// The problem with this stable code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|problem| problem.code() == code)
    }
}

/// A set of reason codes: bit `n` is the [`Problem`] with number `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Problems(pub u64);

impl Problems {
    /// Adds a reason.
    pub const fn insert(&mut self, problem: Problem) {
        self.0 |= 1 << problem as u8;
    }

    /// Whether the reason is in the set.
    #[must_use]
    pub const fn contains(self, problem: Problem) -> bool {
        self.0 & (1 << problem as u8) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The reasons in the order of their bits.
    pub fn iter(self) -> impl Iterator<Item = Problem> {
        Problem::ALL.iter().copied().filter(move |problem| self.contains(*problem))
    }
}

macro_rules! redaction_kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $word:literal;)+) => {
        /// A kind of secret, or of personal data. The numbers are stored.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum RedactionKind { $($(#[doc = $doc])+ $name = $number,)+ }

        impl RedactionKind {
            /// All kinds, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word in answers, and in the mark that replaces the secret: `[redacted:password]`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

redaction_kinds! {
    /// `password`, `passwd`, `pwd`, `h323_password`.
    Password = 0, "password";
    /// `secret`, `auth_info` and their like.
    Secret = 1, "secret";
    /// `token`, `access_token`, `refresh_token`.
    Token = 2, "token";
    /// `api_key`.
    ApiKey = 3, "api_key";
    /// `authorization` and `Bearer …`.
    Authorization = 4, "authorization";
    /// `cookie`.
    Cookie = 5, "cookie";
    /// `otp`, `pin`.
    Otp = 6, "otp";
    /// A JSON Web Token by its shape.
    Jwt = 7, "jwt";
    /// `response=` of a SIP Digest.
    SipDigest = 8, "sip_digest";
    /// An SRTP `inline:` key.
    SrtpKey = 9, "srtp_key";
    /// A PEM private key.
    PrivateKey = 10, "private_key";
    /// A phone number, as the instance's policy says; so are all that follow.
    Phone = 11, "phone";
    /// An IMSI, IMEI or ICCID.
    Imsi = 12, "imsi";
    /// An e-mail address.
    Email = 13, "email";
    /// An IP address.
    Ip = 14, "ip";
    /// The id of an account or a customer.
    Account = 15, "account";
    /// The text of a message.
    Sms = 16, "sms";
}
