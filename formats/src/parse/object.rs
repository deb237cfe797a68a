//! Lines that are a JSON object: canonical fields are taken, checked and, where they go into the record itself, removed; the rest becomes the attributes.

use super::{Ending, Parts, Work};
use crate::json::{self, Entry, Facts, Kind, Outcome, Stop, Value};
use crate::level;
use crate::limits::{self, OVERFLOW_KEY};
use crate::profile::{Role, Type};
use crate::record::{Problem, Record, Severity, Verdict};
use crate::redact::Rewriter;
use crate::time;
use std::borrow::Cow;

/// The key under which the end of a line is kept that was cut outside of a string.
const CUT_KEY: &str = "_cut";

/// Fields of a usual line: room for them is made at once.
const FIELDS_USUAL: usize = 24;

/// A field of the line.
#[derive(Debug)]
struct Field<'a> {
    entry: Entry<'a>,
    role: Role,
    /// It does not go into the attributes.
    taken: bool,
}

/// The fields of a line, and how far it could be read.
#[derive(Debug)]
struct Line<'a> {
    text: &'a str,
    /// Where in the text a secret may be, rising.
    suspicions: Vec<usize>,
    fields: Vec<Field<'a>>,
    facts: Facts,
    /// The field in which the line was cut: its key as written and the beginning of its value.
    begun: Option<(&'a str, &'a str)>,
    cut: bool,
}

impl Work<'_> {
    /// The record of a line that begins like an object; `None` where it is none.
    pub(super) fn object(&mut self, text: &str) -> Option<Record> {
        let mut line = self.read(text)?;
        line.suspicions = self.profile.redactor.suspicions(line.text);
        let time_ns = self.take_time(&mut line);
        let severity = self.take_level(&mut line);
        let message = self.take_message(&mut line);
        for field in &line.fields {
            self.check_field(field, &line);
        }
        let attributes = self.attributes(&line);
        let work = std::mem::replace(
            self,
            Self {
                profile: self.profile,
                runtime_time_ns: 0,
                ending: self.ending,
                problems: crate::record::Problems::default(),
                tally: crate::redact::Tally::default(),
            },
        );
        Some(work.record(Parts { time_ns, severity, message, attributes }, Verdict::Ok))
    }

    /// The attributes of an object of which nothing is taken; `None` where it is none. Its names are not the module's, so none of them is an alias that should be another.
    pub(super) fn attributes_alone(&mut self, text: &str) -> Option<String> {
        let mut line = self.read(text)?;
        line.suspicions = self.profile.redactor.suspicions(line.text);
        for field in &line.fields {
            self.check_field(field, &line);
        }
        self.problems.0 &= !(1 << Problem::AliasUsed as u8);
        Some(self.attributes(&line))
    }

    fn read<'a>(&mut self, text: &'a str) -> Option<Line<'a>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut fields: Vec<Field<'a>> = Vec::with_capacity(FIELDS_USUAL);
        let mut doubled = false;
        // One bit for each key seen, by its length and ends: where the bit of a key is not set, none of the others is the same.
        let mut keys_seen = 0_u64;
        let Outcome { facts, stop, begun, .. } = json::object(text, |entry| {
            let role = self.profile.role(&entry.key());
            // Beyond the greatest number of keys only those that mean something are compared: the rest is not kept apart anyway.
            let bit = key_bit(&entry);
            let may_be_double = keys_seen & bit != 0 || entry.escaped;
            keys_seen |= if entry.escaped { u64::MAX } else { bit };
            if may_be_double && (fields.len() < limits::KEYS_MAX || role != Role::Free) {
                let same = |field: &&mut Field<'_>| !field.taken && is_same_key(&field.entry, &entry);
                if let Some(earlier) = fields.iter_mut().find(same) {
                    earlier.taken = true;
                    doubled = true;
                }
            }
            fields.push(Field { entry, role, taken: false });
        });
        let cut = match stop {
            None => false,
            Some(Stop::End) if self.ending != Ending::Whole => true,
            Some(Stop::TooDeep) => {
                self.problems.insert(Problem::TooDeep);
                return None;
            }
            Some(Stop::End | Stop::Invalid) => return None,
        };
        if doubled {
            self.problems.insert(Problem::DuplicateKey);
        }
        if facts.lone_surrogate {
            self.problems.insert(Problem::BadUtf8);
        }
        if facts.keys > self.profile.settings().limits.keys {
            self.problems.insert(Problem::TooManyFields);
        }
        Some(Line { text, suspicions: Vec::new(), fields, facts, begun: begun.filter(|_| cut), cut })
    }

    fn take_time(&mut self, line: &mut Line<'_>) -> Option<i64> {
        let context = self.context();
        let read = |value: Value<'_>| match value.kind {
            Kind::String => time::timestamp(&value.text(), context),
            Kind::Number => time::epoch(value.raw).map(|ns| time::Moment { ns, zoned: true }),
            _ => None,
        };
        let rank = |role| if let Role::Timestamp(rank) = role { Some(rank) } else { None };
        let usable = |value: Value<'_>| matches!(value.kind, Kind::String | Kind::Number);
        match line.choose(rank, usable, read) {
            Choice::Absent => self.missing(line, Problem::MissingTimestamp),
            Choice::Unread => self.problems.insert(Problem::BadTimestamp),
            Choice::Read { field, alias, value: moment } => {
                let time_ns = self.trusted(moment);
                self.note_alias(alias);
                line.fields[field].taken = time_ns.is_some();
                return time_ns;
            }
        }
        None
    }

    fn take_level(&mut self, line: &mut Line<'_>) -> Option<Severity> {
        let numeric = self.profile.settings().numeric_levels;
        let read = |value: Value<'_>| match value.kind {
            Kind::String => Severity::from_word(value.text().trim()),
            Kind::Number => level::from_number(value.raw, numeric),
            _ => None,
        };
        let rank = |role| if let Role::Level(rank) = role { Some(rank) } else { None };
        let usable = |value: Value<'_>| matches!(value.kind, Kind::String | Kind::Number);
        match line.choose(rank, usable, read) {
            Choice::Absent => self.missing(line, Problem::MissingLevel),
            Choice::Unread => {
                let canonical = line.fields.iter().find(|field| !field.taken && field.role == Role::Level(0));
                let conflict = canonical.is_some_and(|field| !usable(field.entry.value));
                self.problems.insert(if conflict { Problem::TypeConflict } else { Problem::UnknownLevel });
            }
            Choice::Read { field, alias, value } => {
                self.note_alias(alias);
                line.fields[field].taken = true;
                return Some(value);
            }
        }
        None
    }

    fn take_message(&mut self, line: &mut Line<'_>) -> String {
        let rank = |role| if let Role::Message(rank) = role { Some(rank) } else { None };
        let usable = |value: Value<'_>| value.kind == Kind::String;
        let message = match line.choose(rank, usable, Some) {
            Choice::Read { field, alias, value } => {
                self.note_alias(alias);
                if value.kind != Kind::String {
                    self.problems.insert(Problem::TypeConflict);
                }
                line.fields[field].taken = true;
                let suspect = line.is_suspect(field);
                self.message_text(value, suspect)
            }
            Choice::Absent | Choice::Unread => match line.take_begun_message(self) {
                Some(begun) => {
                    let text = self.profile.redactor.text(&begun, &mut self.tally).into_owned();
                    return self.marked_if_cut(text);
                }
                None => {
                    self.missing(line, Problem::MissingMessage);
                    return String::new();
                }
            },
        };
        if message.trim().is_empty() {
            self.problems.insert(Problem::EmptyMessage);
        }
        message
    }

    fn message_text(&mut self, value: Value<'_>, suspect: bool) -> String {
        if !suspect {
            return value.text().into_owned();
        }
        if value.kind == Kind::String {
            return self.profile.redactor.text(&value.text(), &mut self.tally).into_owned();
        }
        // As JSON first, so that keys are seen through their escapes; then as the text that it is from now on.
        let mut rewriter = self.rewriter(String::new());
        rewriter.json(value);
        let json = rewriter.out;
        self.profile.redactor.text(&json, &mut self.tally).into_owned()
    }

    /// Notes a missing field, unless it may have stood behind the cut.
    fn missing(&mut self, line: &Line<'_>, problem: Problem) {
        if !line.cut {
            self.problems.insert(problem);
        }
    }

    fn note_alias(&mut self, alias: bool) {
        if alias {
            self.problems.insert(Problem::AliasUsed);
        }
    }

    /// Notes what is wrong with a field that stays.
    fn check_field(&mut self, field: &Field<'_>, line: &Line<'_>) {
        if field.taken {
            return;
        }
        let value = field.entry.value;
        match field.role {
            Role::Reserved => self.problems.insert(Problem::ReservedKey),
            Role::Id(alias) => {
                self.check_id(value);
                self.note_alias(alias && !line.has("request_id"));
            }
            Role::IdAlias(canonical) => {
                self.check_id(value);
                self.note_alias(!line.has(canonical));
            }
            Role::Typed(wanted) if !wanted.admits(value.kind) => self.problems.insert(Problem::TypeConflict),
            _ => {}
        }
    }

    fn check_id(&mut self, value: Value<'_>) {
        if !is_id(value) {
            self.problems.insert(Problem::BadId);
        }
    }

    fn rewriter(&mut self, out: String) -> Rewriter<'_> {
        let depth_max = self.profile.settings().limits.depth;
        Rewriter { redactor: &self.profile.redactor, depth_max, tally: &mut self.tally, problems: &mut self.problems, out }
    }

    /// The fields that stay, as the text of a JSON object; empty where there are none.
    fn attributes(&mut self, line: &Line<'_>) -> String {
        let room: usize =
            line.fields.iter().filter(|field| !field.taken).map(|field| field.entry.raw_key.len() + field.entry.value.raw.len() + 4).sum();
        if room == 0 && line.begun.is_none() && !line.cut {
            return String::new();
        }
        let mut out = String::with_capacity(room + 2);
        out.push('{');
        let limits = self.profile.settings().limits;
        let facts = line.facts;
        let as_written = facts.depth <= limits.depth && !facts.long_key && !facts.lone_surrogate && !facts.wide_number;
        if as_written && facts.keys <= limits.keys && !line.cut {
            for (at, field) in line.fields.iter().enumerate().filter(|(_, field)| !field.taken) {
                begin_entry(&mut out);
                if line.is_suspect(at) {
                    let mut rewriter = self.rewriter(std::mem::take(&mut out));
                    rewriter.entry(line.stored_key(field), field.entry.value);
                    out = rewriter.out;
                    continue;
                }
                out.push('"');
                out.push_str(line.stored_key(field));
                out.push_str("\":");
                out.push_str(field.entry.value.raw);
            }
        } else {
            out = self.rewritten(line, out);
        }
        out.push('}');
        if out == "{}" { String::new() } else { out }
    }

    /// The slow way: without secrets, and what is over a limit as text.
    fn rewritten(&mut self, line: &Line<'_>, out: String) -> String {
        let keys_max = self.profile.settings().limits.keys;
        let mut rewriter = self.rewriter(out);
        let mut overflow = String::new();
        // What was taken off the line counts as well: the limit is the line's.
        let mut keys: usize = line.fields.iter().filter(|field| field.taken).map(|field| field.entry.keys + 1).sum();
        for field in line.fields.iter().filter(|field| !field.taken) {
            keys += field.entry.keys + 1;
            let known = matches!(field.role, Role::Id(_) | Role::IdAlias(_) | Role::Typed(_));
            if keys > keys_max && !(known && field.entry.keys == 0) {
                std::mem::swap(&mut rewriter.out, &mut overflow);
                rewriter.out.push(if rewriter.out.is_empty() { '{' } else { ',' });
                rewriter.entry(field.entry.raw_key, field.entry.value);
                std::mem::swap(&mut rewriter.out, &mut overflow);
            } else {
                begin_entry(&mut rewriter.out);
                rewriter.entry(line.stored_key(field), field.entry.value);
            }
        }
        let mut out = rewriter.out;
        if !overflow.is_empty() {
            overflow.push('}');
            push_text_entry(&mut out, OVERFLOW_KEY, &overflow);
        }
        if line.cut {
            self.push_begun(line, &mut out);
        }
        out
    }

    /// The field in which the line was cut.
    fn push_begun(&mut self, line: &Line<'_>, out: &mut String) {
        let Some((raw_key, begun)) = line.begun else {
            if let Ending::Cut { whole_bytes } = self.ending {
                push_text_entry(out, CUT_KEY, &limits::cut_mark(whole_bytes));
            }
            return;
        };
        let key = json::unescape(raw_key);
        let text = match self.profile.redactor.key(&key) {
            Some(kind) if !begun.trim_start_matches('"').is_empty() && crate::redact::class(kind).is_none() => {
                self.tally.add(kind);
                crate::redact::mark(kind)
            }
            Some(kind) if let Some(text) = self.profile.redactor.personal(kind, &begun_text(begun)) => {
                self.tally.add(kind);
                text
            }
            _ => {
                let text = self.profile.redactor.text(&begun_text(begun), &mut self.tally).into_owned();
                self.marked_if_cut(text)
            }
        };
        push_text_entry(out, limits::prefix(&key, limits::KEY_BYTES_MAX), &text);
    }
}

/// What came of looking for a field under its names.
enum Choice<T> {
    /// Under none of them.
    Absent,
    /// There, and nothing that can be used.
    Unread,
    Read {
        field: usize,
        alias: bool,
        value: T,
    },
}

impl<'a> Line<'a> {
    /// Looks for a field: under its canonical name, and only where that is absent (or `null`) under its aliases in their order, of which the first counts that can be read.
    /// `usable` says of which types an alias may be; one of another type is a field like any other.
    fn choose<T>(
        &self,
        rank: impl Fn(Role) -> Option<u8>,
        usable: impl Fn(Value<'a>) -> bool,
        read: impl Fn(Value<'a>) -> Option<T>,
    ) -> Choice<T> {
        let mut best: Option<(u8, usize, T)> = None;
        let mut unread = false;
        for (index, field) in self.fields.iter().enumerate() {
            let value = field.entry.value;
            let Some(rank) = rank(field.role).filter(|_| !field.taken && value.kind != Kind::Null) else { continue };
            if rank > 0 && !usable(value) {
                continue;
            }
            match read(value) {
                Some(value) if rank == 0 => return Choice::Read { field: index, alias: false, value },
                None if rank == 0 => return Choice::Unread,
                Some(value) if best.as_ref().is_none_or(|(known, ..)| rank < *known) => best = Some((rank, index, value)),
                Some(_) => {}
                None => unread = true,
            }
        }
        match best {
            Some((_, field, value)) => Choice::Read { field, alias: true, value },
            None if unread => Choice::Unread,
            None => Choice::Absent,
        }
    }

    /// The beginning of the message, where the line was cut within it.
    fn take_begun_message(&mut self, work: &Work<'_>) -> Option<String> {
        let (key, begun) = self.begun?;
        let is_message = matches!(work.profile.role(&json::unescape(key)), Role::Message(_)) && begun.starts_with('"');
        is_message.then(|| {
            self.begun = None;
            self.cut = true;
            begun_text(begun).into_owned()
        })
    }

    /// Whether a secret may be in a field's key or value.
    fn is_suspect(&self, field: usize) -> bool {
        if self.suspicions.is_empty() {
            return false;
        }
        let Some(Field { entry, .. }) = self.fields.get(field) else { return false };
        let place = |part: &str| (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let (start, end) = (place(entry.raw_key), place(entry.value.raw) + entry.value.raw.len());
        self.suspicions.iter().any(|at| (start..end).contains(at))
    }

    fn has(&self, key: &str) -> bool {
        self.fields.iter().any(|field| !field.taken && field.entry.is(key))
    }

    /// The key under which a field is stored: an alias that only the profile knows gives way to the canonical name, where that is free.
    fn stored_key(&self, field: &Field<'a>) -> &'a str {
        match field.role {
            Role::IdAlias(canonical) if !self.has(canonical) && self.is_first_alias(field, canonical) => canonical,
            _ => field.entry.raw_key,
        }
    }

    fn is_first_alias(&self, field: &Field<'_>, canonical: &'static str) -> bool {
        let first = self.fields.iter().find(|other| !other.taken && other.role == Role::IdAlias(canonical));
        first.is_some_and(|first| std::ptr::eq(first.entry.raw_key, field.entry.raw_key))
    }
}

/// Whether a value can be an id. `null` says that there is none.
pub(crate) fn is_id(value: Value<'_>) -> bool {
    match value.kind {
        Kind::String => value.raw_string().len() <= limits::ID_BYTES_MAX || value.text().len() <= limits::ID_BYTES_MAX,
        Kind::Null => true,
        _ => false,
    }
}

impl Type {
    /// Whether a value of this kind may stand in a field of this type. `null` may stand everywhere: it says that there is none.
    pub(crate) fn admits(self, kind: Kind) -> bool {
        match kind {
            Kind::Null => true,
            Kind::String => matches!(self, Self::String | Self::NumberOrString | Self::StringOrObject),
            Kind::Number => matches!(self, Self::Number | Self::NumberOrString),
            Kind::Object => matches!(self, Self::Object | Self::StringOrObject),
            Kind::Bool | Kind::Array => false,
        }
    }
}

/// The bit of a key in a set of 64: equal keys, as written, have the same.
fn key_bit(entry: &Entry<'_>) -> u64 {
    let key = entry.raw_key.as_bytes();
    let end = |byte: Option<&u8>| byte.copied().map_or(0, usize::from);
    1 << ((key.len() * 7 + end(key.first()) + end(key.last()) * 3) & 63)
}

fn is_same_key(one: &Entry<'_>, other: &Entry<'_>) -> bool {
    if one.escaped || other.escaped { one.key() == other.key() } else { one.raw_key == other.raw_key }
}

/// The text of a value of which only the beginning is there. An escape that was cut is left out.
fn begun_text(begun: &str) -> Cow<'_, str> {
    let Some(content) = begun.strip_prefix('"') else {
        return Cow::Borrowed(begun);
    };
    let escape = content.len().saturating_sub(6)..content.len();
    let backslash = content.as_bytes()[escape.clone()].iter().rposition(|byte| *byte == b'\\').map(|at| escape.start + at);
    let Some(backslash) = backslash else { return json::unescape(content) };
    let backslashes = content.as_bytes()[..=backslash].iter().rev().take_while(|byte| **byte == b'\\').count();
    let whole =
        backslashes % 2 == 0 || content.len() - backslash >= if content.as_bytes().get(backslash + 1) == Some(&b'u') { 6 } else { 2 };
    json::unescape(if whole { content } else { &content[..backslash] })
}

fn begin_entry(out: &mut String) {
    if out.len() > 1 {
        out.push(',');
    }
}

fn push_text_entry(out: &mut String, key: &str, text: &str) {
    begin_entry(out);
    json::push_string(out, key);
    out.push(':');
    json::push_string(out, text);
}
