//! JSON bodies walked element by element: a list is never a list in memory.

use super::DecodeError;
use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A value of this type.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| DecodeError::malformed(format!("{what}: {error}")))
}

/// The body as text; what is not UTF-8 is replaced, so that one bad line costs no other.
pub(super) fn text(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body)
}

/// Whether a piece of a body that is no UTF-8 is one of those that were replaced.
pub(super) fn is_replaced(piece: &str) -> bool {
    piece.contains(char::REPLACEMENT_CHARACTER)
}

/// Hands out the elements of a list; `null` and nothing are an empty one.
pub(super) fn each<'a>(
    list: Option<&'a RawValue>,
    what: &str,
    take: &mut dyn FnMut(&'a RawValue) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let Some(list) = list.map(RawValue::get).filter(|list| *list != "null") else { return Ok(()) };
    let mut refused = None;
    let mut reader = serde_json::Deserializer::from_str(list);
    let walked = reader.deserialize_seq(Walk { take, refused: &mut refused });
    match (refused, walked) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => Err(DecodeError::malformed(format!("{what}: {error}"))),
    }
}

struct Walk<'t, 'a> {
    take: &'t mut dyn FnMut(&'a RawValue) -> Result<(), DecodeError>,
    refused: &'t mut Option<DecodeError>,
}

impl<'a> Visitor<'a> for Walk<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element::<&'a RawValue>()? {
            if let Err(error) = (self.take)(element) {
                *self.refused = Some(error);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}
