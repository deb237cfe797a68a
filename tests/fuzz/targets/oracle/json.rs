//! Attributes as values under their dotted paths: a reader for text that is known to be JSON, as plain as can be, and sharing nothing with the product's.
//!
//! Numbers keep their spelling, since that is what words and pieces are looked for in.

use std::iter::Peekable;
use std::str::Chars;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    /// A string, unescaped.
    Text(String),
    /// A number, `true`, `false` or `null`, as it is written.
    Bare(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

/// The members of an object; none of an empty text.
pub(crate) fn members(text: &str) -> Vec<(String, Json)> {
    if text.is_empty() {
        return Vec::new();
    }
    match value(&mut text.chars().peekable()) {
        Json::Object(members) => members,
        other => panic!("attributes are an object, and not {other:?}"),
    }
}

fn value(chars: &mut Peekable<Chars<'_>>) -> Json {
    skip_spaces(chars);
    match chars.peek() {
        Some('"') => Json::Text(string(chars)),
        Some('[') => {
            chars.next();
            Json::List(std::iter::from_fn(|| next_item(chars, ']').then(|| value(chars))).collect())
        }
        Some('{') => {
            chars.next();
            let member = |chars: &mut Peekable<Chars<'_>>| {
                let key = string(chars);
                skip_spaces(chars);
                assert_eq!(chars.next(), Some(':'));
                (key, value(chars))
            };
            Json::Object(std::iter::from_fn(|| next_item(chars, '}').then(|| member(chars))).collect())
        }
        _ => {
            let mut bare = String::new();
            while let Some(c) = chars.next_if(|c| !matches!(c, ',' | ']' | '}') && !c.is_whitespace()) {
                bare.push(c);
            }
            Json::Bare(bare)
        }
    }
}

/// Whether another item follows: passes over the comma before it, or takes the end.
fn next_item(chars: &mut Peekable<Chars<'_>>, end: char) -> bool {
    skip_spaces(chars);
    chars.next_if_eq(&',');
    skip_spaces(chars);
    chars.next_if_eq(&end).is_none()
}

fn skip_spaces(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
}

fn string(chars: &mut Peekable<Chars<'_>>) -> String {
    assert_eq!(chars.next(), Some('"'));
    let mut units: Vec<u16> = Vec::new();
    loop {
        match chars.next().expect("a string ends") {
            '"' => return String::from_utf16_lossy(&units),
            '\\' => match chars.next().expect("an escape ends") {
                'u' => {
                    let hex: String = (0..4).filter_map(|_| chars.next()).collect();
                    units.push(u16::from_str_radix(&hex, 16).expect("four hex digits"));
                }
                'n' => units.push(10),
                't' => units.push(9),
                'r' => units.push(13),
                'b' => units.push(8),
                'f' => units.push(12),
                other => units.extend(other.encode_utf16(&mut [0; 2]).iter()),
            },
            other => units.extend(other.encode_utf16(&mut [0; 2]).iter()),
        }
    }
}

/// The values without parts in a value, each with its path below `path`: arrays element by element, objects key by key.
pub(crate) fn scalars(path: &str, value: &Json, take: &mut impl FnMut(&str, &Json)) {
    match value {
        Json::Text(_) | Json::Bare(_) => take(path, value),
        Json::List(items) => items.iter().for_each(|item| scalars(path, item, take)),
        Json::Object(members) => members.iter().for_each(|(key, value)| scalars(&format!("{path}.{key}"), value, take)),
    }
}
