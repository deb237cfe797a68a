//! `extract`: reads fields out of a text and puts them among the line's attributes, where everything behind finds them. A line that does not fit stays as it is.

use super::cell::value;
use super::{Item, Operator, Out, Taken};
use crate::plan::steps::Extract;
use martlog_formats::fields::push_string;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// See the module.
pub(super) struct Reads {
    extract: Extract,
    lines: u64,
    fitted: u64,
}

impl Reads {
    pub(super) fn new(extract: Extract) -> Self {
        Self { extract, lines: 0, fitted: 0 }
    }
}

/// The fields that the text has, by name.
fn read<'e>(extract: &'e Extract, text: &str) -> Option<Vec<(&'e str, String)>> {
    let found = extract.regex.captures(text)?;
    let value = |name: &String| found.name(name).map(|value| value.as_str().to_owned());
    Some(extract.names.iter().filter_map(|name| Some((name.as_str(), value(name)?))).collect())
}

/// Puts the fields that its text has into a line; whether it has any.
pub(super) fn put(extract: &Extract, item: &mut Item) -> bool {
    let text = value(item, &extract.from, 0);
    let read = text.text().and_then(|text| read(extract, &text));
    let (Some(read), Item::Line(line)) = (read, item) else { return false };
    line.row.record.attributes = with(&line.row.record.attributes, &read);
    true
}

impl Operator for Reads {
    fn take(&mut self, mut item: Item, out: &mut Out<'_>) -> Taken {
        self.lines += 1;
        self.fitted += u64::from(put(&self.extract, &mut item));
        out.push(item)
    }

    fn end(&mut self, out: &mut Out<'_>) -> Taken {
        if self.fitted < self.lines {
            let sentence =
                format!("the pattern of extract fits {} of {} lines; the others have none of its fields", self.fitted, self.lines);
            out.notes.warn("W216", sentence);
        }
        Ok(super::Flow::More)
    }
}

/// Attributes with these fields; one that a line has itself gives way.
fn with(attributes: &str, read: &[(&str, String)]) -> String {
    let mut text = without(attributes, read);
    for (name, value) in read {
        text.push(if text.is_empty() { '{' } else { ',' });
        push_string(&mut text, name);
        text.push(':');
        push_string(&mut text, value);
    }
    text.push('}');
    text
}

/// The attributes without these fields and without their closing brace; empty where nothing is left.
fn without(attributes: &str, read: &[(&str, String)]) -> String {
    let clashes = read.iter().any(|(name, _)| attributes.contains(name)) || attributes.contains('\\');
    let body = attributes.trim_end();
    if !clashes && let Some(open) = body.strip_suffix('}') {
        let open = open.trim_end();
        return if open == "{" { String::new() } else { open.to_owned() };
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(attributes).unwrap_or_default();
    let mut text = String::new();
    for (name, value) in members.iter().filter(|(name, _)| !read.iter().any(|(other, _)| name == other)) {
        text.push(if text.is_empty() { '{' } else { ',' });
        push_string(&mut text, name);
        text.push(':');
        text.push_str(value.get());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use martlog_formats::fields;

    #[test]
    fn fields_that_were_read_are_found_and_go_before_those_of_the_line() {
        let read = [("code", "404".to_owned()), ("trace", "a\"b".to_owned())];
        for (attributes, other) in [
            ("", None),
            ("{}", None),
            (r#"{"user":"x"}"#, Some("x")),
            (r#"{"code":200,"user":"x"}"#, Some("x")),
            (r#"{"c\u006fde":200,"user":"x"}"#, Some("x")),
            (r#"{"note":"code","user":"x" } "#, Some("x")),
        ] {
            let attributes = with(attributes, &read);
            let get = |name: &str| fields::get(&attributes, name).map(|scalar| scalar.text().to_owned());
            assert_eq!((get("code").as_deref(), get("trace").as_deref()), (Some("404"), Some("a\"b")), "{attributes}");
            assert_eq!(get("user").as_deref(), other, "{attributes}");
            let mut codes = 0;
            fields::visit(&attributes, "code", |_| codes += 1);
            assert_eq!(codes, 1, "{attributes}");
        }
    }
}
