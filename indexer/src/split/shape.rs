//! Attributes as a shape and values: the JSON text with its scalars cut out, and the scalars.
//!
//! `{"status":404, "route":"/v1"}` has the shape `{"status":␁, "route":␁}` (U+0001, which no JSON text has) and the values `404` and `"/v1"`. A program writes few shapes.
//! A value is kept as a kind letter and a text:
//!
//! | letter | value | text |
//! |---|---|---|
//! | `s` | a string with no more escapes than JSON asks for | unescaped |
//! | `u` | a string whose non-ASCII characters are all escaped, as some libraries do | unescaped |
//! | `o` | a string with other escapes, or attributes that are no JSON object | as it is written |
//! | `n` | a number, `true`, `false` or `null` | as it is written |
//! | `m` | the message, which is no JSON | itself |
//!
//! Shape 0 of every split is one slot and nothing else: attributes that are no JSON object, or came when there were too many shapes, are its value. Whoever searches reads those as a whole.

use super::codec::damaged;
use martlog_formats::fields::{self, Scalar};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

/// Where a value stood.
pub(crate) const SLOT: char = '\u{1}';
/// The shape of attributes that are kept whole.
pub(crate) const WHOLE: u32 = 0;

/// Cuts attributes into a shape, which is replaced, and values as they are written. False when they are no JSON object: then neither means anything.
pub(super) fn cut<'a>(attributes: &'a str, shape: &mut String, values: &mut Vec<&'a str>) -> bool {
    shape.clear();
    values.clear();
    if attributes.is_empty() {
        return true;
    }
    let mut done = 0;
    let is_object = fields::for_each_raw(attributes, |at, raw| {
        shape.push_str(attributes.get(done..at).unwrap_or_default());
        shape.push(SLOT);
        values.push(raw);
        done = at + raw.len();
    });
    shape.push_str(attributes.get(done..).unwrap_or_default());
    is_object
}

/// The kind letter and the text of a value as it is written.
pub(super) fn value(raw: &str) -> (char, Cow<'_, str>) {
    let Some(inner) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return ('n', Cow::Borrowed(raw)) };
    if !inner.as_bytes().contains(&b'\\') {
        return ('s', Cow::Borrowed(inner));
    }
    let text = fields::unescape(inner);
    let mut written = String::with_capacity(raw.len());
    fields::push_string(&mut written, &text);
    if written == raw {
        return ('s', Cow::Owned(text.into_owned()));
    }
    push_ascii(&mut written, &text);
    if written == raw { ('u', Cow::Owned(text.into_owned())) } else { ('o', Cow::Borrowed(raw)) }
}

/// Appends a value as it was written.
pub(crate) fn push_value(kind: char, text: &str, out: &mut String) {
    match kind {
        's' => fields::push_string(out, text),
        'u' => {
            let mut written = String::new();
            push_ascii(&mut written, text);
            out.push_str(&written);
        }
        _ => out.push_str(text),
    }
}

/// What a value is to a search.
pub(crate) fn scalar(kind: char, text: &str) -> Scalar<'_> {
    match (kind, text) {
        ('o', raw) => Scalar::Str(fields::unescape(raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw))),
        ('n', "true" | "false") => Scalar::Bool(text == "true"),
        ('n', "null") => Scalar::Null,
        ('n', number) => Scalar::Number(number),
        (_, text) => Scalar::Str(Cow::Borrowed(text)),
    }
}

/// Replaces `out` by a text as a JSON string in ASCII: what is not, and control characters, as `\uXXXX` in lower-case hex.
fn push_ascii(out: &mut String, text: &str) {
    out.clear();
    fields::push_string(out, text);
    if out.is_ascii() {
        return;
    }
    let escaped = std::mem::take(out);
    let mut units = [0; 2];
    for character in escaped.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

/// A shape as a split knows it.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) text: String,
    /// The field of each value.
    pub(crate) fields: Vec<u32>,
    /// Which values a search of all texts looks at.
    pub(crate) seen: Vec<bool>,
    /// The same as places.
    pub(crate) all: Vec<(u32, u32)>,
    /// The text with each value replaced by its number.
    numbered: String,
}

impl Shape {
    /// A shape whose values belong to these fields.
    pub(super) fn new(text: String, fields: Vec<u32>) -> io::Result<Self> {
        let numbered = numbered(&text);
        let slots = text.matches(SLOT).count();
        if slots != fields.len() {
            return Err(damaged("a shape"));
        }
        let mut seen = vec![false; slots];
        for_each_slot(&numbered, |slot, _| seen.iter_mut().skip(slot).take(1).for_each(|seen| *seen = true));
        let mut shape = Self { text, fields, seen, all: Vec::new(), numbered };
        let seen: Vec<usize> = (0..slots).filter(|slot| shape.seen.get(*slot) == Some(&true)).collect();
        shape.all = shape.places_of(&seen);
        Ok(shape)
    }

    /// The field of each of these values, and how many values of the same field come before it.
    pub(crate) fn places_of(&self, slots: &[usize]) -> Vec<(u32, u32)> {
        let place = |slot: &usize| {
            let field = *self.fields.get(*slot)?;
            let before = self.fields.iter().take(*slot).filter(|other| **other == field).count();
            Some((field, u32::try_from(before).unwrap_or(u32::MAX)))
        };
        slots.iter().filter_map(place).collect()
    }

    /// The values that a field of this name, as a query has it, stands for.
    pub(crate) fn slots_of(&self, path: &str) -> Vec<usize> {
        let mut slots = Vec::new();
        fields::visit(&self.numbered, path, |scalar| slots.extend(scalar.text().parse::<usize>()));
        slots
    }
}

/// The name of each value's field: the first that a search finds it by; empty where none does.
pub(super) fn names(shape: &str) -> Vec<String> {
    let mut names = vec![String::new(); shape.matches(SLOT).count()];
    for_each_slot(&numbered(shape), |slot, path| {
        if let Some(name) = names.get_mut(slot)
            && name.is_empty()
        {
            path.clone_into(name);
        }
    });
    names
}

/// Every name of each value.
pub(super) fn for_each_name(shape: &str, mut name: impl FnMut(usize, &str)) {
    for_each_slot(&numbered(shape), &mut name);
}

fn numbered(shape: &str) -> String {
    let mut numbered = String::with_capacity(shape.len() + 16);
    for (number, piece) in shape.split(SLOT).enumerate() {
        if number > 0 {
            let _ = write!(numbered, "{}", number - 1);
        }
        numbered.push_str(piece);
    }
    numbered
}

fn for_each_slot(numbered: &str, mut slot: impl FnMut(usize, &str)) {
    fields::for_each(numbered, |path, scalar| {
        if let Ok(number) = scalar.text().parse() {
            slot(number, path);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back(shape: &str, values: &[&str]) -> String {
        let mut out = String::new();
        for (number, piece) in shape.split(SLOT).enumerate() {
            if let Some(raw) = number.checked_sub(1).and_then(|number| values.get(number)) {
                let (kind, text) = value(raw);
                push_value(kind, &text, &mut out);
            }
            out.push_str(piece);
        }
        out
    }

    #[test]
    fn a_shape_keeps_what_is_written() {
        let attributes = r#" {"a" : 1.50,"b":{"c":["x\ny","\u0430б", "абв","\u0430\ud83d\ude00", null]},"d":[],"trace_id":"7"} "#;
        let (mut shape, mut values) = (String::new(), Vec::new());
        assert!(cut(attributes, &mut shape, &mut values));
        assert_eq!(shape, " {\"a\" : \u{1},\"b\":{\"c\":[\u{1},\u{1}, \u{1},\u{1}, \u{1}]},\"d\":[],\"trace_id\":\u{1}} ");
        let kinds: String = values.iter().map(|raw| value(raw).0).collect();
        assert_eq!(kinds, "nsosuns");
        assert_eq!(back(&shape, &values), attributes);
        assert_eq!(names(&shape), ["a", "b.c", "b.c", "b.c", "b.c", "b.c", "trace_id"]);
        let shape = Shape::new(shape, vec![0; 7]).unwrap();
        assert_eq!(shape.slots_of("request_id"), [6]);
        assert_eq!(shape.slots_of("b.c"), [1, 2, 3, 4, 5]);
        assert!(shape.seen.iter().all(|seen| *seen));
        assert!(!cut("{\"a\":", &mut String::new(), &mut Vec::new()));
    }

    proptest! {
        #[test]
        fn strings_come_back(raw in "\"([a-zа-я0-9 ]|\\\\[nrt\"/\\\\]|\\\\u04[34][0-9a-fA-F]){0,12}\"") {
            let (kind, text) = value(&raw);
            let mut out = String::new();
            push_value(kind, &text, &mut out);
            prop_assert_eq!(&out, &raw);
            let seen = scalar(kind, &text);
            prop_assert_eq!(seen.text(), fields::unescape(&raw[1..raw.len() - 1]));
        }
    }
}
