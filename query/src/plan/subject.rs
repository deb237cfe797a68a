//! What the name of a field means: something that the platform stamps, something of the language, or an attribute of the line.

use super::pipes::Shape;
use super::{Name, Planner};
use martlog_formats::fields::{ATTRIBUTES_PREFIX, EXACT_FIELDS};
use martlog_indexer::search::Field;
use martlog_indexer::search::predicate::Stamp;

/// What a test is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// The severity.
    Level,
    /// The verdict.
    Verdict,
    /// The reason codes.
    Problem,
    /// The time, for the whole query.
    Time,
    /// The quarantine, for the whole query.
    In,
    /// Any of the session's ids.
    Session,
    /// A field that rows have.
    Stored(Field),
}

const LANGUAGE: [(&str, Subject); 7] = [
    ("level", Subject::Level),
    ("verdict", Subject::Verdict),
    ("problem", Subject::Problem),
    ("problems", Subject::Problem),
    ("time", Subject::Time),
    ("in", Subject::In),
    ("session", Subject::Session),
];

/// The fields that the platform stamps, by name.
pub(super) const STAMPS: [(&str, Stamp); 13] = [
    ("id", Stamp::Id),
    ("partner", Stamp::Partner),
    ("module", Stamp::Module),
    ("instance", Stamp::Instance),
    ("csp", Stamp::Csp),
    ("environment", Stamp::Environment),
    ("version", Stamp::Version),
    ("cluster", Stamp::Cluster),
    ("node", Stamp::Node),
    ("namespace", Stamp::Namespace),
    ("pod", Stamp::Pod),
    ("container", Stamp::Container),
    ("stream", Stamp::Stream),
];

/// Names from other tools and their names here. They may be attributes all the same, so this is a note, not a reading.
const ELSEWHERE: [(&str, &str); 13] = [
    ("severity", "level"),
    ("lvl", "level"),
    ("loglevel", "level"),
    ("levelname", "level"),
    ("msg", "message"),
    ("timestamp", "time"),
    ("ts", "time"),
    ("env", "environment"),
    ("service", "module"),
    ("app", "module"),
    ("customer", "csp"),
    ("tenant", "csp"),
    ("trace", "request_id"),
];

/// Attributes that the format names, besides the exact ones.
const COMMON: [&str; 10] = [
    "logger",
    "event_type",
    "i_account",
    "i_customer",
    "i_env",
    "error.type",
    "error.message",
    "http.method",
    "http.status_code",
    "duration_ms",
];

/// How near two names must be for one to be meant by the other, 0 to 1: one letter of five.
const NEAR: f64 = 0.78;

impl Subject {
    /// The subject of this name. What the platform and the language name ignores case; attributes have the case of the line.
    pub(super) fn of(name: &str) -> Self {
        if name.starts_with(ATTRIBUTES_PREFIX) {
            return Self::Stored(Field::Attribute(name.to_owned()));
        }
        let lower = name.to_ascii_lowercase();
        if let Some((_, subject)) = LANGUAGE.iter().find(|(known, _)| *known == lower) {
            return subject.clone();
        }
        if let Some((_, stamp)) = STAMPS.iter().find(|(known, _)| *known == lower) {
            return Self::Stored(Field::Stamp(*stamp));
        }
        Self::Stored(if lower == "message" { Field::Message } else { Field::Attribute(name.to_owned()) })
    }
}

/// The name of a field as values are read for it.
pub(super) fn path(field: &Field) -> &str {
    match field {
        Field::Attribute(name) => name,
        Field::Message => "message",
        Field::Stamp(stamp) => STAMPS.iter().find(|(_, known)| known == stamp).map_or("", |(name, _)| name),
    }
}

impl Planner<'_> {
    /// Notes a name that is probably another one's: the line may have a field of that name, so it is asked for all the same.
    pub(super) fn check_name(&mut self, name: &Name) {
        let is_known = match &self.shape {
            Shape::Lines { extracted, around } => extracted.contains(&name.text) || (*around && name.text == "found"),
            Shape::Table(_) => true,
        };
        let Subject::Stored(Field::Attribute(attribute)) = Subject::of(&name.text) else { return };
        if is_known {
            return;
        }
        if attribute.starts_with(ATTRIBUTES_PREFIX) || EXACT_FIELDS.contains(&attribute.as_str()) || COMMON.contains(&attribute.as_str()) {
            return;
        }
        let known = LANGUAGE.iter().map(|(name, _)| *name).chain(STAMPS.iter().map(|(name, _)| *name)).chain(["message"]);
        let known = known.chain(EXACT_FIELDS.iter().copied()).chain(COMMON);
        let lower = attribute.to_lowercase();
        let meant = ELSEWHERE.iter().find(|(other, _)| *other == lower).map(|(_, meant)| *meant).or_else(|| {
            let near = known.map(|known| (strsim::normalized_damerau_levenshtein(&lower, known), known));
            near.filter(|(nearness, _)| *nearness >= NEAR).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
        });
        if let Some(meant) = meant {
            let message = format!("\"{attribute}\" was asked for as a field that lines bring along; did you mean \"{meant}\"?");
            self.warn("W202", name.span, message);
        }
    }
}
