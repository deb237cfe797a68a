//! Protobuf's wire form, read field by field without a message in memory.
//!
//! A generated decoder would make a struct of some hundred bytes for each two bytes of an empty message, and with that an eightyfold bomb of any body. Here nothing is
//! kept: the fields of a message are handed out as slices of the body. <https://protobuf.dev/programming-guides/encoding/>

use super::DecodeError;

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    /// A text, bytes, or a message.
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// The fields of a message, in the order in which they were written.
#[derive(Debug, Clone)]
pub(super) struct Message<'a> {
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field's number and value; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(*self.take(8)?.first_chunk().ok_or_else(broken)?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| broken())?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(*self.take(4)?.first_chunk().ok_or_else(broken)?)),
            _ => return Err(broken()),
        };
        match key >> 3 {
            0 => Err(broken()),
            number => Ok(Some((number, value))),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(broken)?;
        self.rest = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0_u64;
        for at in 0..10 {
            let byte = *self.take(1)?.first().ok_or_else(broken)?;
            let bits = u64::from(byte & 0x7f);
            if at == 9 && bits > 1 {
                return Err(broken());
            }
            number |= bits << (7 * at);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(broken())
    }
}

impl<'a> Value<'a> {
    /// A text, bytes or message; of other wire types an error.
    pub(super) fn bytes(self) -> Result<&'a [u8], DecodeError> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(broken()) }
    }

    /// A text; what is not UTF-8 is replaced.
    pub(super) fn text(self) -> Result<std::borrow::Cow<'a, str>, DecodeError> {
        self.bytes().map(String::from_utf8_lossy)
    }

    /// A number of whichever width.
    pub(super) fn number(self) -> Result<u64, DecodeError> {
        match self {
            Self::Varint(number) | Self::Fixed64(number) => Ok(number),
            Self::Fixed32(number) => Ok(u64::from(number)),
            Self::Bytes(_) => Err(broken()),
        }
    }
}

fn broken() -> DecodeError {
    DecodeError::malformed("the body is no protobuf message of this kind: it ends within a field, or a field has another type")
}

/// Writes messages: for tests and benchmarks, and for answers.
#[derive(Debug, Clone, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A varint.
    #[must_use]
    pub fn varint(mut self, field: u32, value: u64) -> Self {
        self.key(field, 0);
        self.push(value);
        self
    }

    /// A fixed64.
    #[must_use]
    pub fn fixed64(mut self, field: u32, value: u64) -> Self {
        self.key(field, 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A text, bytes, or a message.
    #[must_use]
    pub fn bytes(mut self, field: u32, value: impl AsRef<[u8]>) -> Self {
        self.key(field, 2);
        self.push(value.as_ref().len() as u64);
        self.0.extend_from_slice(value.as_ref());
        self
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u32, kind: u64) {
        self.push(u64::from(field) << 3 | kind);
    }

    fn push(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        // Below 0x80.
        self.0.push((value & 0x7f) as u8);
    }
}

impl AsRef<[u8]> for Writer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(varint in any::<u64>(), fixed in any::<u64>(), bytes in proptest::collection::vec(any::<u8>(), 0..300), field in 1_u32..0x1fff_ffff) {
            let message = Writer::default().varint(field, varint).fixed64(1, fixed).bytes(2, &bytes).finish();
            let mut read = Message::new(&message);
            prop_assert_eq!(read.next().unwrap(), Some((u64::from(field), Value::Varint(varint))));
            prop_assert_eq!(read.next().unwrap(), Some((1, Value::Fixed64(fixed))));
            prop_assert_eq!(read.next().unwrap(), Some((2, Value::Bytes(&bytes))));
            prop_assert_eq!(read.next().unwrap(), None);
            for cut in 1..message.len() {
                let mut cut = Message::new(&message[..cut]);
                while let Ok(Some(_)) = cut.next() {}
            }
        }

        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut read = Message::new(&bytes);
            while let Ok(Some(_)) = read.next() {}
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in [&[0x0a, 5, 1][..], &[0x0b], &[0x00, 1], &[0xff; 11], &[0x09, 1, 2]] {
            assert!(Message::new(bytes).next().is_err(), "{bytes:?}");
        }
    }
}
