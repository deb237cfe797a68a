//! `{"streams":[{"stream":{LABEL:VALUE…},"values":[["NANOSECONDS","LINE",{NAME:VALUE…}]…]}…]}`, the third of each entry may be absent.

use super::super::json::{each, is_replaced, read, text};
use super::super::{DecodeError, Take};
use super::{LABELS_MAX, Pairs, item};
use crate::record::Problem;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    streams: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Stream<'a> {
    #[serde(borrow, default)]
    stream: Labels<'a>,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
}

/// An object of texts; other values as their JSON.
#[derive(Default)]
struct Labels<'a>(Pairs<'a>);

struct Entry<'a> {
    time_ns: Cow<'a, str>,
    line: Cow<'a, str>,
    metadata: Labels<'a>,
}

/// Walks the entries of a push.
///
/// # Errors
/// When the body is no such object, or the items are refused.
pub fn decode(body: &[u8], take: Take<'_>) -> Result<(), DecodeError> {
    let body = text(body);
    let replaced = matches!(body, Cow::Owned(_));
    let request: Request<'_> = read(&body, "the body is no push of streams")?;
    each(request.streams, "streams", &mut |element| {
        let Stream { stream, values } = read(element.get(), "streams")?;
        each(values, "values", &mut |element| {
            let entry: Entry<'_> = read(element.get(), "values")?;
            let time_ns = entry.time_ns.parse().map_err(|_| {
                DecodeError::malformed(format!(
                    "the time of an entry is no number of nanoseconds: {:?}",
                    crate::limits::prefix(&entry.time_ns, 50)
                ))
            })?;
            let mut item = item(Some(time_ns), &entry.line, &stream.0, &entry.metadata.0);
            if replaced && is_replaced(&entry.line) {
                item.wrong.insert(Problem::BadUtf8);
            }
            take(item)
        })
    })
}

/// A text, or the text of another value.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] &'a RawValue);

impl<'a> Text<'a> {
    fn get(self) -> Cow<'a, str> {
        let raw = self.0.get();
        match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(inner) => crate::json::unescape(inner),
            None => Cow::Borrowed(raw),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Labels<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of names and texts")
            }

            fn visit_unit<E>(self) -> Result<Labels<'de>, E> {
                Ok(Labels::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels<'de>, A::Error> {
                let mut labels = Labels::default();
                while let Some((name, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
                    if labels.0.len() < LABELS_MAX {
                        labels.0.push((name.get(), value.get()));
                    }
                }
                Ok(labels)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Entry<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("[\"nanoseconds\", \"line\"] or the same with an object of names and texts behind it")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entry<'de>, A::Error> {
                use serde::de::Error as _;
                let time_ns = list.next_element::<Text<'de>>()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let line = list.next_element::<Text<'de>>()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
                let metadata = list.next_element::<Labels<'de>>()?.unwrap_or_default();
                Ok(Entry { time_ns: time_ns.get(), line: line.get(), metadata })
            }
        }
        deserializer.deserialize_seq(Read)
    }
}
