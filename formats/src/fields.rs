//! Fields: how the attributes of a record are reached by name, in queries of both tiers alike.
//!
//! Attributes are stored as they were written. Their scalars are named by dotted paths; the names are made canonical here, on reading:
//!
//! * `{"http":{"status_code":500}}` is `http.status_code`; an array gives each element under its own path: `{"msisdn":["1","2"]}` is `msisdn` twice.
//! * `extra.x` is found as `extra.x` and, where the line has no `x` of its own, as `x`.
//! * An alias (`trace_id`) is found under its own name and, where the canonical one is absent, as that (`request_id`).
//! * A key with the name of something that the platform stamps or the language uses (`pod`, `time`) is `attributes.pod`. For asking, `attributes.` may
//!   stand before every name.
//!
//! A canonical name that could come from several places comes from the first that exists: the line's own key, its alias, `extra`'s key, `extra`'s alias.

use crate::aliases;
pub use crate::ids::{EXACT_FIELDS, SESSION_FIELDS, is_exact, is_verbatim, normalise_id};
use crate::json::{self, Entry, Kind, Scanner, Stop, Value};
pub use crate::numbers::{field_number, number};
use crate::reserved;
use memchr::memmem;
use std::borrow::Cow;

/// The prefix under which every attribute can be asked for.
pub const ATTRIBUTES_PREFIX: &str = "attributes.";

/// The object whose keys are found as if they stood beside it.
const EXTRA: &str = "extra";

/// Nesting that is walked; attributes that [`crate::parse()`] made stay far below.
const WALK_DEPTH_MAX: usize = 64;

/// A value without parts.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// A string, unescaped.
    Str(Cow<'a, str>),
    /// A number as it was spelled.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

impl<'a> Scalar<'a> {
    fn of(value: Value<'a>) -> Self {
        match value.kind {
            Kind::String => Self::Str(value.text()),
            Kind::Number => Self::Number(value.raw),
            Kind::Bool => Self::Bool(value.raw == "true"),
            Kind::Null | Kind::Object | Kind::Array => Self::Null,
        }
    }

    /// The value as text: what words, wildcards and regular expressions are matched against.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Str(text) => text,
            Self::Number(text) => text,
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Null => "null",
        }
    }

    /// The value as a number, units included; `field` is its path. See [`field_number`].
    #[must_use]
    pub fn number(&self, field: &str) -> Option<f64> {
        match self {
            Self::Str(text) => field_number(field, text),
            Self::Number(text) => field_number(field, text),
            Self::Bool(_) | Self::Null => None,
        }
    }

    /// Whether `field:*` finds it: it is there, and neither `null` nor empty.
    #[must_use]
    pub fn exists(&self) -> bool {
        !matches!(self, Self::Null) && !self.text().is_empty()
    }
}

/// Hands out the scalars of attributes as they are written, quotes and escapes included, each with the byte where it begins; in the order of the text.
/// False when the attributes are no JSON object; what was handed out by then means nothing.
pub fn for_each_raw<'a>(attributes: &'a str, mut f: impl FnMut(usize, &'a str)) -> bool {
    json::scalars(attributes, |at, value| f(at, value.raw))
}

/// The content of a string as it is written in JSON, without its quotes, unescaped.
#[must_use]
pub fn unescape(raw: &str) -> Cow<'_, str> {
    json::unescape(raw)
}

/// Appends a text as a JSON string, quotes included, with no more escapes than JSON asks for.
pub fn push_string(out: &mut String, text: &str) {
    json::push_string(out, text);
}

/// Hands out every scalar once under each of its names, in the order of the text: by its own name, then by its canonical one.
/// Attributes that are no JSON object give what stands before the fault.
pub fn for_each<'a>(attributes: &'a str, mut f: impl FnMut(&str, Scalar<'a>)) {
    if attributes.is_empty() {
        return;
    }
    let mut entries = Vec::with_capacity(16);
    json::object(attributes, |entry| entries.push(entry));
    let top = Keys(&entries);
    let mut path = String::with_capacity(64);
    for entry in &entries {
        let key = entry.key();
        path.clear();
        if reserved::is_used(&key) {
            path.push_str(ATTRIBUTES_PREFIX);
        }
        path.push_str(&key);
        walk(entry.value, &mut path, 0, &mut f);
        if let Some(canonical) = aliases::canonical_id(&key)
            && is_scalar(entry.value)
            && top.first_of(canonical) == Some(&*key)
        {
            path.clear();
            path.push_str(canonical);
            walk(entry.value, &mut path, 0, &mut f);
        }
        if key == EXTRA && entry.value.kind == Kind::Object {
            promote_extra(entry.value.raw, &top, &mut path, &mut f);
        }
    }
}

/// Hands out the fields of `extra` under the names that the line itself leaves free.
fn promote_extra<'a>(extra: &'a str, top: &Keys<'_, '_>, path: &mut String, f: &mut impl FnMut(&str, Scalar<'a>)) {
    let mut entries = Vec::with_capacity(8);
    json::object(extra, |entry| entries.push(entry));
    let inner = Keys(&entries);
    for entry in &entries {
        let key = entry.key();
        let free = !top.has(&key) && !reserved::is_used(&key);
        // A canonical id may also come from an alias on the line itself, and that goes first.
        if free && (aliases::of_id(&key).is_empty() || top.first_of(&key).is_none()) {
            path.clear();
            path.push_str(&key);
            walk(entry.value, path, 0, f);
        }
        if let Some(canonical) = aliases::canonical_id(&key)
            && is_scalar(entry.value)
            && top.first_of(canonical).is_none()
            && inner.first_of(canonical) == Some(&*key)
        {
            path.clear();
            path.push_str(canonical);
            walk(entry.value, path, 0, f);
        }
    }
}

/// Aliases stand for ids, and those have no parts.
fn is_scalar(value: Value<'_>) -> bool {
    !matches!(value.kind, Kind::Object | Kind::Array)
}

/// The keys of one object.
struct Keys<'e, 'a>(&'e [Entry<'a>]);

impl Keys<'_, '_> {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|entry| entry.is(name))
    }

    /// The name under which this canonical id is here: its own, or its first alias.
    fn first_of<'n>(&self, canonical: &'n str) -> Option<&'n str> {
        if self.has(canonical) { Some(canonical) } else { aliases::of_id(canonical).iter().copied().find(|alias| self.has(alias)) }
    }
}

/// Hands out the scalars of a value, arrays element by element, objects key by key.
fn walk<'a>(value: Value<'a>, path: &mut String, depth: usize, f: &mut impl FnMut(&str, Scalar<'a>)) {
    match value.kind {
        Kind::Object if depth < WALK_DEPTH_MAX => {
            let length = path.len();
            json::object(value.raw, |entry| {
                path.push('.');
                path.push_str(&entry.key());
                walk(entry.value, path, depth + 1, f);
                path.truncate(length);
            });
        }
        Kind::Array if depth < WALK_DEPTH_MAX => elements(value.raw, |element| walk(element, path, depth + 1, f)),
        Kind::Object | Kind::Array => {}
        _ => f(path, Scalar::of(value)),
    }
}

fn elements<'a>(array: &'a str, mut f: impl FnMut(Value<'a>)) {
    let mut scanner = Scanner::new(array);
    let mut read = || -> Result<(), Stop> {
        scanner.expect(b'[')?;
        loop {
            scanner.skip_whitespace();
            f(scanner.value()?);
            scanner.skip_whitespace();
            scanner.expect(b',')?;
        }
    };
    // It ends with the closing bracket, which is no value and no comma.
    let _end = read();
}

/// Hands out the values of one field; `path` is a name as [`for_each`] gives it, or one with [`ATTRIBUTES_PREFIX`]. Faster than looking
/// for it among all: other values are skipped. See [`Name`] where many attributes are asked.
pub fn visit<'a>(attributes: &'a str, path: &str, f: impl FnMut(Scalar<'a>)) {
    Name::new(path).visit(attributes, f);
}

/// The name of a field that many attributes are asked for.
#[derive(Debug, Clone)]
pub struct Name<'n> {
    path: &'n str,
    /// Finds it where attributes have it as a key of their own; `None` where it may be written in another way.
    finder: Option<memmem::Finder<'n>>,
    aliases: &'static [&'static str],
}

impl<'n> Name<'n> {
    /// Asks for this one; see [`visit`].
    #[must_use]
    pub fn new(path: &'n str) -> Self {
        let is_plain = !path.is_empty() && !path.contains(['.', '"']) && !reserved::is_used(path);
        let aliases = aliases::of_id(path.strip_prefix(ATTRIBUTES_PREFIX).unwrap_or(path));
        Self { path, finder: is_plain.then(|| memmem::Finder::new(path)), aliases }
    }

    /// Hands out its values.
    pub fn visit<'a>(&self, attributes: &'a str, mut f: impl FnMut(Scalar<'a>)) {
        if !attributes.is_empty() && !self.glance(attributes, &mut f) {
            self.look(attributes, &mut f);
        }
    }

    fn look<'a>(&self, attributes: &'a str, f: &mut impl FnMut(Scalar<'a>)) {
        let (path, prefixed) = self.path.strip_prefix(ATTRIBUTES_PREFIX).map_or((self.path, false), |rest| (rest, true));
        let mut own = false;
        let mut extra = None;
        json::object(attributes, |entry| {
            let key = entry.key();
            if let Some(rest) = rest_below(path, &key)
                && (prefixed || !reserved::is_used(&key))
            {
                own |= rest.is_empty();
                descend(entry.value, rest, 0, f);
            }
            if key == EXTRA && entry.value.kind == Kind::Object {
                extra = Some(entry.value.raw);
            }
        });
        if own {
            return;
        }
        if let Some(value) = self.aliases.iter().find_map(|alias| find(attributes, alias)) {
            if is_scalar(value) {
                f(Scalar::of(value));
            }
            return;
        }
        if let Some(extra) = extra {
            self.look_into_extra(attributes, extra, path, f);
        }
    }

    /// The same in the object `extra` of attributes that have the field in no other place.
    fn look_into_extra<'a>(&self, attributes: &'a str, extra: &'a str, path: &str, f: &mut impl FnMut(Scalar<'a>)) {
        let has = |object: &str, name: &str| find(object, name).is_some();
        let mut inner = false;
        json::object(extra, |entry| {
            let key = entry.key();
            if let Some(rest) = rest_below(path, &key)
                && !reserved::is_used(&key)
                && !has(attributes, &key)
            {
                inner |= rest.is_empty();
                descend(entry.value, rest, 0, f);
            }
        });
        if !inner
            && let Some(value) = self.aliases.iter().find_map(|alias| find(extra, alias))
            && is_scalar(value)
        {
            f(Scalar::of(value));
        }
    }

    /// The same for attributes without escapes and without objects in them, where the field is there by its own name or has no other; else it does nothing and returns false. In
    /// such attributes the name in quotes with a colon behind it is a key wherever it stands.
    fn glance<'a>(&self, attributes: &'a str, f: &mut impl FnMut(Scalar<'a>)) -> bool {
        let Some(finder) = &self.finder else { return false };
        let bytes = attributes.as_bytes();
        if bytes.first() != Some(&b'{') || memchr::memchr2(b'\\', b'{', &bytes[1..]).is_some() {
            return false;
        }
        // Nearly always there is one.
        let (mut first, mut more) = (None, Vec::new());
        for at in finder.find_iter(bytes) {
            let rest = attributes.get(at + self.path.len()..).and_then(|rest| rest.strip_prefix('"'));
            let quoted = at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'"');
            let Some(rest) = rest.filter(|_| quoted) else { continue };
            let mut scanner = Scanner::new(rest);
            scanner.skip_whitespace();
            if scanner.expect(b':').is_err() {
                continue;
            }
            scanner.skip_whitespace();
            match scanner.value() {
                Ok(value) if is_scalar(value) && first.is_none() => first = Some(value),
                Ok(value) if is_scalar(value) => more.push(value),
                _ => return false,
            }
        }
        if first.is_none() && !self.aliases.is_empty() {
            return false;
        }
        first.into_iter().chain(more).for_each(|value| f(Scalar::of(value)));
        true
    }
}

/// The first value of one field. See [`visit`].
#[must_use]
pub fn get<'a>(attributes: &'a str, path: &str) -> Option<Scalar<'a>> {
    let mut first = None;
    visit(attributes, path, |scalar| {
        first.get_or_insert(scalar);
    });
    first
}

/// What of the path lies below a key: empty when the key is the whole of it, `None` when it leads elsewhere.
fn rest_below<'p>(path: &'p str, key: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(key)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.').filter(|rest| !rest.is_empty()) }
}

fn descend<'a>(value: Value<'a>, path: &str, depth: usize, f: &mut impl FnMut(Scalar<'a>)) {
    match value.kind {
        Kind::Array if depth < WALK_DEPTH_MAX => elements(value.raw, |element| descend(element, path, depth + 1, f)),
        Kind::Object if depth < WALK_DEPTH_MAX && !path.is_empty() => {
            json::object(value.raw, |entry| {
                if let Some(rest) = rest_below(path, &entry.key()) {
                    descend(entry.value, rest, depth + 1, f);
                }
            });
        }
        Kind::Object | Kind::Array => {}
        _ if path.is_empty() => f(Scalar::of(value)),
        _ => {}
    }
}

fn find<'a>(object: &'a str, name: &str) -> Option<Value<'a>> {
    let mut found = None;
    json::object(object, |entry| {
        if entry.is(name) {
            found = Some(entry.value);
        }
    });
    found
}
