//! Rewriting JSON: the slow way of a line that may hold secrets, nests too deeply, or has keys or numbers that are not kept as they are.
//! Everything else, spaces included, is copied as it was written.

use super::{Redactor, Tally, is_mark, mark};
use crate::json::{self, Kind, Scanner, Stop, Value};
use crate::limits;
use crate::record::{Problem, Problems, RedactionKind};

/// Writes values to `out` without their secrets and within the limits.
#[derive(Debug)]
pub(crate) struct Rewriter<'r> {
    pub(crate) redactor: &'r Redactor,
    pub(crate) depth_max: usize,
    pub(crate) tally: &'r mut Tally,
    pub(crate) problems: &'r mut Problems,
    pub(crate) out: String,
}

impl Rewriter<'_> {
    /// Writes a key of the line and its value.
    pub(crate) fn entry(&mut self, raw_key: &str, value: Value<'_>) {
        let kind = self.key(raw_key);
        self.out.push(':');
        self.value(value, kind, 1);
    }

    /// Writes a value that stands by itself.
    pub(crate) fn json(&mut self, value: Value<'_>) {
        self.value(value, None, 1);
    }

    /// A text without its secrets.
    fn text(&mut self, text: &str) -> String {
        self.redactor.text(text, self.tally).into_owned()
    }

    /// Writes a key; the kind of secret that it names.
    fn key(&mut self, raw_key: &str) -> Option<RedactionKind> {
        let key = json::unescape(raw_key);
        let kind = self.redactor.key(&key);
        let clean = self.redactor.text(&key, self.tally);
        if clean.len() > limits::KEY_BYTES_MAX {
            self.problems.insert(Problem::KeyTooLong);
            json::push_string(&mut self.out, limits::prefix(&clean, limits::KEY_BYTES_MAX));
        } else {
            json::push_string(&mut self.out, &clean);
        }
        kind
    }

    /// Writes a value that lies in `depth` objects and arrays, under a key that names this kind of secret or personal data.
    fn value(&mut self, value: Value<'_>, named: Option<RedactionKind>, depth: usize) {
        let personal = named.filter(|kind| super::class(*kind).is_some());
        if let Some(kind) = personal {
            // What is in an object or array is looked at one by one, unless it is kept as one text.
            let whole = !matches!(value.kind, Kind::Object | Kind::Array) || depth >= self.depth_max;
            let stands =
                if whole && !matches!(value.kind, Kind::Bool | Kind::Null) { self.redactor.personal(kind, &value.text()) } else { None };
            if let Some(text) = stands {
                self.tally.add(kind);
                return json::push_string(&mut self.out, &text);
            }
        } else if let Some(kind) = named
            && is_secret(value)
        {
            self.tally.add(kind);
            return json::push_string(&mut self.out, &mark(kind));
        }
        match value.kind {
            Kind::Object | Kind::Array if depth >= self.depth_max => {
                self.problems.insert(Problem::TooDeep);
                let text = self.text(value.raw);
                json::push_string(&mut self.out, &text);
            }
            Kind::Object | Kind::Array => self.parts(value, personal, depth),
            Kind::String => self.string(value),
            Kind::Number if !value.raw.parse::<f64>().is_ok_and(f64::is_finite) => {
                self.problems.insert(Problem::TypeConflict);
                json::push_string(&mut self.out, value.raw);
            }
            Kind::Number | Kind::Bool | Kind::Null => self.out.push_str(value.raw),
        }
    }

    fn string(&mut self, value: Value<'_>) {
        let text = value.text();
        let clean = self.redactor.text(&text, self.tally);
        if clean == text && !has_lone_surrogate(&text, value.raw) {
            self.out.push_str(value.raw);
        } else {
            json::push_string(&mut self.out, &clean);
        }
    }

    /// Writes the parts of an object or array; what its key named is named of each of them.
    fn parts(&mut self, value: Value<'_>, inherited: Option<RedactionKind>, depth: usize) {
        let mut scanner = Scanner::new(value.raw);
        // The text was read before, so it is whole; were it not, what is left of it is not copied.
        let _end: Result<(), Stop> = self.copy_parts(&mut scanner, value, inherited, depth);
    }

    fn copy_parts(
        &mut self,
        scanner: &mut Scanner<'_>,
        value: Value<'_>,
        inherited: Option<RedactionKind>,
        depth: usize,
    ) -> Result<(), Stop> {
        let raw = value.raw;
        // `{"name": "Authorization", "value": "…"}`: the name of a pair that is spelled out.
        let mut named = None;
        let mut copied = 0;
        scanner.at = 1;
        loop {
            scanner.skip_whitespace();
            self.out.push_str(&raw[copied..scanner.at]);
            if matches!(scanner.peek()?, b'}' | b']') {
                self.out.push_str(&raw[scanner.at..]);
                return Ok(());
            }
            let mut secret = inherited;
            if value.kind == Kind::Object {
                let start = scanner.at;
                let key = scanner.key()?;
                secret = self.key(key).or(inherited);
                self.out.push_str(&raw[start + key.len() + 2..scanner.at]);
                let part = scanner.value()?;
                match key {
                    "name" | "key" | "header" if part.kind == Kind::String => named = self.redactor.key(&part.text()),
                    "value" => secret = named.or(secret),
                    _ => {}
                }
                self.value(part, secret, depth + 1);
            } else {
                let part = scanner.value()?;
                self.value(part, secret, depth + 1);
            }
            copied = scanner.at;
            scanner.skip_whitespace();
            if scanner.peek()? == b',' {
                scanner.at += 1;
            }
        }
    }
}

/// Whether a value under a secret's key is one: not empty, not absent, not a flag, not removed already.
pub(crate) fn is_secret(value: Value<'_>) -> bool {
    match value.kind {
        Kind::String => !value.text().is_empty() && !is_mark(&value.text()),
        Kind::Number => true,
        Kind::Object | Kind::Array => value.raw.bytes().any(|byte| !byte.is_ascii_whitespace() && !b"{}[]".contains(&byte)),
        Kind::Bool | Kind::Null => false,
    }
}

/// Whether unescaping had to replace half of a surrogate pair.
fn has_lone_surrogate(text: &str, raw: &str) -> bool {
    text.contains(char::REPLACEMENT_CHARACTER) && raw.contains("\\u")
}
