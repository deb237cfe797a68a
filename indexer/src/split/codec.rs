//! Numbers as bytes: LEB128 varints, signed ones in zigzag. Reading never panics: what does not fit is an error.

use std::io;

/// The error for bytes that cannot be what was written.
pub(crate) fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the split is damaged ({what}): restore it from a backup"))
}

/// Appends an unsigned number.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Appends a signed number.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// A length or count as it is kept.
pub(super) fn length(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}

/// Bytes being read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    /// The next unsigned number.
    #[inline]
    pub(super) fn number(&mut self) -> io::Result<u64> {
        match self.0 {
            [byte @ 0..0x80, rest @ ..] => {
                self.0 = rest;
                Ok(u64::from(*byte))
            }
            [low, high @ 0..0x80, rest @ ..] => {
                self.0 = rest;
                Ok(u64::from(*low & 0x7f) | u64::from(*high) << 7)
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> io::Result<u64> {
        let mut value = 0_u64;
        let mut shift = 0_u32;
        loop {
            let (&byte, rest) = self.0.split_first().ok_or_else(|| damaged("a number is cut off"))?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if shift > 63 || (shift == 63 && bits > 1) {
                return Err(damaged("a number is too long"));
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// The next signed number.
    pub(super) fn signed(&mut self) -> io::Result<i64> {
        let value = self.number()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The next number as a count or index that is below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> io::Result<usize> {
        let value = usize::try_from(self.number()?).map_err(|_| damaged("a number is too large"))?;
        if value < limit { Ok(value) } else { Err(damaged("a number is out of range")) }
    }

    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or_else(|| damaged("bytes are cut off"))?;
        self.0 = rest;
        Ok(bytes)
    }

    /// An error if anything is left.
    pub(super) fn end(self) -> io::Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(damaged("bytes are left over")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(values: Vec<(u64, i64)>) {
            let mut out = Vec::new();
            for (unsigned, signed) in &values {
                put(&mut out, *unsigned);
                put_signed(&mut out, *signed);
            }
            let mut input = Input(&out);
            for (unsigned, signed) in values {
                prop_assert_eq!(input.number().unwrap(), unsigned);
                prop_assert_eq!(input.signed().unwrap(), signed);
            }
            input.end().unwrap();
        }

        #[test]
        fn any_bytes_are_a_number_or_an_error(bytes: Vec<u8>) {
            let mut input = Input(&bytes);
            while input.signed().is_ok() {}
        }
    }
}
