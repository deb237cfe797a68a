//! Elasticsearch's bulk form: a line that says what to do, then, for `index` and `create`, a line with the document.
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>
//!
//! A document is a line. Two of Elasticsearch's own names are the envelope's: `@timestamp`, which is read as `timestamp` where there is none, and `log.level`. The index and the id that a
//! client names are attributes, `_index` and `_id`: where a line is stored is the token's business. A line where an action should be and that is none is taken as a document, so
//! that a client that counts wrongly loses nothing.

use super::fields::Fields;
use super::{DecodeError, Form, Item, LINES_MAX};
use crate::json::{self, Kind};
use crate::limits;
use crate::record::{Problems, Severity};
use std::borrow::Cow;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Store.
    Index,
    /// Store what is not there.
    Create,
    /// Change: not possible here.
    Update,
    /// Remove: not possible here.
    Delete,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What.
    pub op: Op,
    /// The index that the client names, at most 255 bytes of it.
    pub index: Option<String>,
    /// The id that the client names, at most 512 bytes of it.
    pub id: Option<String>,
}

/// Who takes actions, one after the other, each with its document where it stores one.
pub type TakeAction<'t> = &'t mut dyn FnMut(Action, Option<Item<'_>>) -> Result<(), DecodeError>;

/// The longest name of an index, bytes.
const INDEX_BYTES_MAX: usize = 255;
/// The longest id, bytes.
const ID_BYTES_MAX: usize = 512;

impl Op {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// Whether it stores a document.
    #[must_use]
    pub const fn stores(self) -> bool {
        matches!(self, Self::Index | Self::Create)
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Index, Self::Create, Self::Update, Self::Delete].into_iter().find(|op| op.as_str() == word)
    }
}

/// Walks the actions of a body, each with its document where it stores one.
///
/// # Errors
/// When the last action has no document, there are more than a request may have, or one is refused.
pub fn decode(body: &[u8], take: TakeAction<'_>) -> Result<(), DecodeError> {
    let trimmed = |line: &'_ [u8]| line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len);
    let mut lines = body.split(|byte| *byte == b'\n').map(|line| &line[..trimmed(line)]);
    let mut count = 0;
    while let Some(line) = lines.next() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if count == LINES_MAX {
            return Err(DecodeError::TooMany(LINES_MAX));
        }
        count += 1;
        let Some(action) = action(line) else {
            let action = Action { op: Op::Index, index: None, id: None };
            let item = document(line, &action);
            take(action, Some(item))?;
            continue;
        };
        if action.op == Op::Delete {
            take(action, None)?;
            continue;
        }
        let missing = || DecodeError::malformed(format!("the last action, number {count}, has no document: the body is cut off"));
        let document_line = lines.next().filter(|line| !line.trim_ascii().is_empty()).ok_or_else(missing)?;
        let item = action.op.stores().then(|| document(document_line, &action));
        take(action, item)?;
    }
    Ok(())
}

/// The action in a line, if it is one: an object with one member, whose name is an operation and whose value is an object.
fn action(line: &[u8]) -> Option<Action> {
    let text = std::str::from_utf8(line).ok()?;
    let (mut found, mut members) = (None, 0);
    let outcome = json::object(text, |entry| {
        members += 1;
        if let Some(op) = Op::of(&entry.key()).filter(|_| entry.value.kind == Kind::Object) {
            let mut action = Action { op, index: None, id: None };
            json::object(entry.value.raw, |entry| {
                let text = || entry.value.text();
                match &*entry.key() {
                    "_index" if entry.value.kind == Kind::String => {
                        action.index = Some(limits::prefix(&text(), INDEX_BYTES_MAX).to_owned())
                    }
                    "_id" if entry.value.kind != Kind::Null => action.id = Some(limits::prefix(&text(), ID_BYTES_MAX).to_owned()),
                    _ => {}
                }
            });
            found = Some(action);
        }
    });
    found.filter(|_| members == 1 && outcome.stop.is_none())
}

fn document<'a>(line: &'a [u8], action: &Action) -> Item<'a> {
    let mut fields = Fields::default();
    if let Some(index) = &action.index {
        fields.text("_index", index);
    }
    if let Some(id) = &action.id {
        fields.text("_id", id);
    }
    let text = std::str::from_utf8(line).unwrap_or_default();
    let (mut at_timestamp, mut has_timestamp, mut severity) = (None, false, None);
    json::object(text, |entry| match &*entry.key() {
        // A slice of this very text.
        "@timestamp" if !entry.escaped => at_timestamp = Some(entry.raw_key.as_ptr() as usize - text.as_ptr() as usize),
        "timestamp" => has_timestamp = true,
        "log.level" if entry.value.kind == Kind::String => severity = Severity::from_word(entry.value.text().trim()),
        "log" if entry.value.kind == Kind::Object => {
            json::object(entry.value.raw, |entry| {
                if entry.is("level") && entry.value.kind == Kind::String {
                    severity = Severity::from_word(entry.value.text().trim());
                }
            });
        }
        _ => {}
    });
    let line = match at_timestamp.filter(|_| !has_timestamp) {
        // `@` goes.
        Some(at) => Cow::Owned([&line[..at], &line[at + 1..]].concat()),
        None => Cow::Borrowed(line),
    };
    Item { line, form: Form::Line, time_ns: None, severity, fields: fields.finish(), wrong: Problems::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Problem, Verdict};
    use crate::{Profile, Record, push};

    const NOW: i64 = 1_795_342_370_400_000_000;

    fn all(body: &str) -> Result<Vec<(Action, Option<Record>)>, DecodeError> {
        let (profile, mut all) = (Profile::default(), Vec::new());
        decode(body.as_bytes(), &mut |action, item| {
            all.push((action, item.map(|item| push::record(&item, NOW, &profile))));
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn actions_and_documents_pair_up_whatever_they_are() {
        let body = concat!(
            "{\"create\":{\"_index\":\"logs-sms\"}}\n{\"@timestamp\":\"2026-11-22T10:12:50.353Z\",\"message\":\"a\",\"log\":{\"level\":\"warning\"}}\n\n",
            "{\"delete\":{\"_index\":\"x\",\"_id\":\"1\"}}\r\n",
            "{\"update\":{\"_id\":7}}\r\n{\"doc\":{}}\r\n",
            "{\"index\":{\"_id\":\"i\\\"d\"}}\nplain text",
        );
        let all = all(body).unwrap();
        let ops: Vec<_> = all.iter().map(|(action, record)| (action.op.as_str(), record.is_some())).collect();
        assert_eq!(ops, [("create", true), ("delete", false), ("update", false), ("index", true)]);
        let first = all[0].1.as_ref().unwrap();
        assert_eq!((first.verdict, first.severity, first.message.as_str()), (Verdict::Ok, Some(Severity::WARN), "a"));
        assert_eq!(first.attributes, r#"{"log":{"level":"warning"},"_index":"logs-sms"}"#);
        assert_eq!(all[2].0.id.as_deref(), Some("7"));
        let last = all[3].1.as_ref().unwrap();
        assert_eq!((last.verdict, last.message.as_str(), last.attributes.as_str()), (Verdict::Raw, "plain text", r#"{"_id":"i\"d"}"#));
    }

    #[test]
    fn a_line_that_is_no_action_is_a_document() {
        let all = all("{\"message\":\"lost its action\"}\n{\"index\":{}}\n{\"index\":1}\n{\"index\":{}, \"x\":1}\n").unwrap();
        let messages: Vec<_> = all.iter().map(|(_, record)| record.as_ref().unwrap().attributes.as_str()).collect();
        assert_eq!(messages, ["", r#"{"index":1}"#, r#"{"index":{},"x":1}"#]);
        assert_eq!(all[0].1.as_ref().unwrap().message, "lost its action");
    }

    #[test]
    fn its_own_timestamp_stays_beside_the_modules() {
        let body = "{\"index\":{}}\n{\"@timestamp\":\"x\",\"timestamp\":\"2026-11-22T10:12:50Z\",\"message\":\"a\",\"level\":\"info\"}\n";
        let record = all(body).unwrap().remove(0).1.unwrap();
        assert_eq!((record.verdict, record.attributes.as_str()), (Verdict::Ok, r#"{"@timestamp":"x"}"#));
        let bad = all("{\"index\":{}}\n{\"@timestamp\":\"x\",\"message\":\"a\",\"level\":\"info\"}\n").unwrap().remove(0).1.unwrap();
        assert!(bad.problems.contains(Problem::BadTimestamp) && !bad.problems.contains(Problem::AliasUsed));
    }

    #[test]
    fn a_cut_or_endless_body_is_refused() {
        assert!(matches!(all("{\"index\":{}}\n"), Err(DecodeError::Malformed(_))));
        assert!(matches!(all("{\"index\":{}}"), Err(DecodeError::Malformed(_))));
        let deletes = "{\"delete\":{}}\n".repeat(LINES_MAX + 1);
        assert!(matches!(all(&deletes), Err(DecodeError::TooMany(LINES_MAX))));
        assert_eq!(all("").unwrap().len(), 0);
    }
}
