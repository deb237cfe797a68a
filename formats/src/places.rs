//! Where in a line its problems are: for whoever shows the line to its author.
//!
//! Invariants: a place is a range of bytes of the line that begins and ends between two characters, empty where only a point can be shown; what is missing has none. Nothing here
//! decides what a problem is: that is [`crate::parse()`], whose record is asked.

use crate::json::{self, Entry, Kind, Stop};
use crate::limits;
use crate::profile::{Profile, Role};
use crate::record::{Problem, Record, Verdict};
use std::collections::HashSet;
use std::ops::Range;

/// The places of a record's problems in the line that it was made of, in the order of the problems' numbers; of one problem in the order of the line.
#[must_use]
pub fn places(line: &str, record: &Record, profile: &Profile) -> Vec<(Problem, Range<usize>)> {
    let read = Fields::read(line, profile);
    record.problems.iter().flat_map(|problem| read.of(problem, record).into_iter().map(move |range| (problem, range))).collect()
}

/// The line's top-level fields, as far as it could be read.
struct Fields<'a> {
    line: &'a str,
    profile: &'a Profile,
    entries: Vec<(Entry<'a>, Role)>,
    stop: Option<Stop>,
    /// Where reading ended, byte of the line.
    at: usize,
}

impl<'a> Fields<'a> {
    fn read(line: &'a str, profile: &'a Profile) -> Self {
        let text = line.strip_prefix('\u{feff}').unwrap_or(line);
        let mut entries = Vec::new();
        let outcome = json::object(text, |entry| {
            let role = profile.role(&entry.key());
            entries.push((entry, role));
        });
        let at = (line.len() - text.len() + outcome.at).min(line.len());
        Self { line, profile, entries, stop: outcome.stop, at }
    }

    fn of(&self, problem: Problem, record: &Record) -> Vec<Range<usize>> {
        match problem {
            Problem::NotJson if self.begins_object() => vec![self.stopped()],
            Problem::NotJson | Problem::NotObject => vec![self.whole()],
            Problem::BadTimestamp => self.values(|_, role| matches!(role, Role::Timestamp(_))),
            Problem::ClockSkew | Problem::NoZone => self.first_of(|role| if let Role::Timestamp(rank) = role { Some(rank) } else { None }),
            Problem::EmptyMessage => self.first_of(|role| if let Role::Message(rank) = role { Some(rank) } else { None }),
            Problem::UnknownLevel => self.values(|_, role| matches!(role, Role::Level(_))),
            Problem::TypeConflict => self.values(is_of_another_type),
            Problem::BadId => {
                self.values(|entry, role| matches!(role, Role::Id(_) | Role::IdAlias(_)) && !crate::parse::is_id(entry.value))
            }
            Problem::AliasUsed => self.aliases(),
            Problem::ReservedKey => self.keys(|_, role| role == Role::Reserved),
            Problem::KeyTooLong => self.keys(|entry, _| entry.raw_key.len() > limits::KEY_BYTES_MAX),
            Problem::DuplicateKey => self.repeated(),
            Problem::TooLong => vec![self.beyond_length()],
            Problem::TooManyFields => self.beyond_keys(),
            Problem::TooDeep => self.beyond_depth(),
            Problem::SecretRedacted => self.secrets(record),
            Problem::MissingTimestamp | Problem::MissingLevel | Problem::MissingMessage | Problem::BadUtf8 | Problem::Incomplete => {
                Vec::new()
            }
        }
    }

    fn begins_object(&self) -> bool {
        self.line.trim_start_matches('\u{feff}').trim_start().starts_with('{')
    }

    /// The line without the spaces around it.
    fn whole(&self) -> Range<usize> {
        self.range(self.line.trim())
    }

    /// The character at which reading stopped; a point where the line ends too soon.
    fn stopped(&self) -> Range<usize> {
        // Never within a character: the reader goes over whole ones.
        let at = limits::prefix(self.line, self.at).len();
        at..at + self.line[at..].chars().next().map_or(0, char::len_utf8)
    }

    /// Where a slice of the line lies in it.
    fn range(&self, part: &str) -> Range<usize> {
        let start = (part.as_ptr() as usize).saturating_sub(self.line.as_ptr() as usize).min(self.line.len());
        start..(start + part.len()).min(self.line.len())
    }

    /// A key with its quotes.
    fn key(&self, entry: &Entry<'_>) -> Range<usize> {
        let inner = self.range(entry.raw_key);
        inner.start.saturating_sub(1)..(inner.end + 1).min(self.line.len())
    }

    fn keys(&self, wanted: impl Fn(&Entry<'_>, Role) -> bool) -> Vec<Range<usize>> {
        self.entries.iter().filter(|(entry, role)| wanted(entry, *role)).map(|(entry, _)| self.key(entry)).collect()
    }

    fn values(&self, wanted: impl Fn(&Entry<'_>, Role) -> bool) -> Vec<Range<usize>> {
        let found = self.entries.iter().filter(|(entry, role)| entry.value.kind != Kind::Null && wanted(entry, *role));
        found.map(|(entry, _)| self.range(entry.value.raw)).collect()
    }

    /// The value of a field under the best of its names.
    fn first_of(&self, rank: impl Fn(Role) -> Option<u8>) -> Vec<Range<usize>> {
        let ranked = self.entries.iter().filter(|(entry, _)| entry.value.kind != Kind::Null);
        let best = ranked.filter_map(|(entry, role)| Some((rank(*role)?, entry))).min_by_key(|(rank, _)| *rank);
        best.map(|(_, entry)| self.range(entry.value.raw)).into_iter().collect()
    }

    fn aliases(&self) -> Vec<Range<usize>> {
        let has = |wanted: Role| self.entries.iter().any(|(entry, role)| *role == wanted && entry.value.kind != Kind::Null);
        let has_key = |name: &str| self.entries.iter().any(|(entry, _)| entry.is(name));
        self.keys(|_, role| match role {
            Role::Timestamp(rank) => rank > 0 && !has(Role::Timestamp(0)),
            Role::Level(rank) => rank > 0 && !has(Role::Level(0)),
            Role::Message(rank) => rank > 0 && !has(Role::Message(0)),
            Role::Id(alias) => alias && !has_key("request_id"),
            Role::IdAlias(canonical) => !has_key(canonical),
            Role::Typed(_) | Role::Reserved | Role::Free => false,
        })
    }

    /// Keys that were there before.
    fn repeated(&self) -> Vec<Range<usize>> {
        let mut seen = HashSet::new();
        self.entries.iter().filter(|(entry, _)| !seen.insert(entry.key())).map(|(entry, _)| self.key(entry)).collect()
    }

    /// What is cut off.
    fn beyond_length(&self) -> Range<usize> {
        let kept = limits::prefix(self.line, self.profile.settings().limits.line_bytes).len();
        kept..self.line.len()
    }

    /// From the first key over the limit to the last value.
    fn beyond_keys(&self) -> Vec<Range<usize>> {
        let (max, mut keys) = (self.profile.settings().limits.keys, 0);
        let first = self.entries.iter().find(|(entry, _)| {
            keys += entry.keys + 1;
            keys > max
        });
        let last = self.entries.last();
        first.zip(last).map(|((first, _), (last, _))| self.key(first).start..self.range(last.value.raw).end).into_iter().collect()
    }

    /// The first bracket of each value that is one too many.
    fn beyond_depth(&self) -> Vec<Range<usize>> {
        if self.stop == Some(Stop::TooDeep) {
            return vec![self.stopped()];
        }
        let max = self.profile.settings().limits.depth;
        let found = self.entries.iter().filter_map(|(entry, _)| {
            let at = self.range(entry.value.raw).start + bracket_at(entry.value.raw, max)?;
            Some(at..at + 1)
        });
        found.collect()
    }

    /// What was taken away as a secret: of an object the values that hold one, of a text the secrets themselves.
    fn secrets(&self, record: &Record) -> Vec<Range<usize>> {
        if record.verdict == Verdict::Raw {
            return removed(self.line, &record.message);
        }
        let holds = |entry: &Entry<'_>| {
            let alone = format!("{{\"{}\":{}}}", entry.raw_key, entry.value.raw);
            crate::parse(alone.as_bytes(), 0, self.profile).problems.contains(Problem::SecretRedacted)
        };
        self.values(|entry, _| holds(entry))
    }
}

/// Whether a field that has a type, level and message among them, has a value of another one.
fn is_of_another_type(entry: &Entry<'_>, role: Role) -> bool {
    match role {
        Role::Level(0) => !matches!(entry.value.kind, Kind::String | Kind::Number),
        Role::Message(0) => entry.value.kind != Kind::String,
        Role::Typed(wanted) => !wanted.admits(entry.value.kind),
        _ => false,
    }
}

/// Where a value opens the level behind `max`, the line's own object being the first, byte of the value.
fn bracket_at(value: &str, max: usize) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (1, false, false);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > max {
                    return Some(at);
                }
            }
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
    }
    None
}

/// What of a text is not in what was kept of it: the kept pieces between the marks stand in it in their order.
fn removed(text: &str, kept: &str) -> Vec<Range<usize>> {
    const MARK: &str = "[redacted:";
    let mut found = Vec::new();
    let mut pieces = kept.split(MARK);
    let mut at = pieces.next().map_or(0, |first| if text.starts_with(first) { first.len() } else { 0 });
    let mut pieces = pieces.map(|piece| piece.split_once(']').map_or(piece, |(_, rest)| rest)).peekable();
    while let Some(piece) = pieces.next() {
        let is_last = pieces.peek().is_none();
        let end = match text[at..].find(piece) {
            Some(_) if is_last && text.ends_with(piece) && text.len() - piece.len() >= at => text.len() - piece.len(),
            // What follows at once is the next secret: where this one ends is not to be seen.
            Some(_) if piece.is_empty() => continue,
            Some(more) => at + more,
            None => text.len(),
        };
        if end > at {
            found.push(at..end);
        }
        at = (end + piece.len()).min(text.len());
    }
    found
}
