//! Whole numbers in as few bits as their range needs, each readable by itself.
//!
//! ```text
//! packed  = u8 width (bits, 0 to 64) | varint smallest | ⌈count × width / 8⌉ bytes: value - smallest, lowest bit first
//! set     = varint count | varint first | packed(value - value before - 1 …)              ascending, no doubles
//! coded   = set of the distinct values | packed(place of each value in the set …)
//! ```
//!
//! The count of a packed run is known from elsewhere. Reading never panics; places behind the end read as the smallest value.

use super::bits::Bits;
use super::codec::{Input, damaged, put};
use std::io;

/// A run of numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Packed<'a> {
    bytes: &'a [u8],
    width: u32,
    min: u64,
    len: usize,
}

/// Appends a run of numbers.
pub(super) fn put_packed(out: &mut Vec<u8>, values: impl Iterator<Item = u64> + Clone) {
    let (mut min, mut max) = (u64::MAX, 0);
    for value in values.clone() {
        (min, max) = (min.min(value), max.max(value));
    }
    let min = min.min(max);
    let width = 64 - (max - min).leading_zeros();
    out.push(width.to_le_bytes()[0]);
    put(out, min);
    let (mut bits, mut filled) = (0_u128, 0);
    for value in values {
        bits |= u128::from(value - min) << filled;
        filled += width;
        while filled >= 8 {
            out.push(bits.to_le_bytes()[0]);
            bits >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(bits.to_le_bytes()[0]);
    }
}

impl<'a> Packed<'a> {
    /// The run of `len` numbers that comes next.
    pub(super) fn read(input: &mut Input<'a>, len: usize) -> io::Result<Self> {
        match Self::read_flagged(input, len)? {
            (packed, 0) => Ok(packed),
            _ => Err(damaged("the width of a number")),
        }
    }

    /// The same, where the top bit of the width says something else: it comes back.
    pub(super) fn read_flagged(input: &mut Input<'a>, len: usize) -> io::Result<(Self, u8)> {
        let byte = *input.bytes(1)?.first().unwrap_or(&0);
        let (width, flags) = (u32::from(byte & 0x7f), byte & 0x80);
        let min = input.number()?;
        if width > 64 {
            return Err(damaged("the width of a number"));
        }
        let bytes = len.checked_mul(width as usize).ok_or_else(|| damaged("a run of numbers is too long"))?.div_ceil(8);
        Ok((Self { bytes: input.bytes(bytes)?, width, min, len }, flags))
    }

    /// How many numbers.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number at a place.
    pub(crate) fn get(&self, at: usize) -> u64 {
        if self.width == 0 || at >= self.len {
            return self.min;
        }
        let bit = at * self.width as usize;
        let (byte, shift) = (bit / 8, bit % 8);
        let low = match self.bytes.get(byte..).and_then(<[u8]>::first_chunk::<8>) {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => {
                let mut chunk = [0; 8];
                let rest = self.bytes.get(byte..).unwrap_or_default();
                chunk.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                u64::from_le_bytes(chunk)
            }
        };
        let mut value = low >> shift;
        if self.width as usize + shift > 64 {
            value |= u64::from(self.bytes.get(byte + 8).copied().unwrap_or(0)) << (64 - shift);
        }
        self.min.wrapping_add(value & (u64::MAX >> (64 - self.width)))
    }

    /// All of them, in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = u64> + Clone + use<'a> {
        (0..self.len).map(move |at| self.get(at))
    }

    /// Hands out all of them, in order: faster than one by one.
    pub(crate) fn for_each(self, mut value: impl FnMut(u64)) {
        // Wider ones may lie in nine bytes.
        const WIDTH_MAX: u32 = 56;
        if self.width == 0 || self.width > WIDTH_MAX {
            return (0..self.len).for_each(|at| value(self.get(at)));
        }
        let (width, mask) = (self.width as usize, u64::MAX >> (64 - self.width));
        let mut bit = 0;
        // Those of which eight bytes can be read.
        let whole = (self.bytes.len().saturating_sub(8) * 8 / width).min(self.len);
        for _ in 0..whole {
            let chunk = self.bytes.get(bit / 8..).and_then(<[u8]>::first_chunk::<8>).copied().unwrap_or_default();
            value(self.min.wrapping_add(u64::from_le_bytes(chunk) >> (bit % 8) & mask));
            bit += width;
        }
        (whole..self.len).for_each(|at| value(self.get(at)));
    }
}

/// Few distinct numbers, and which of them stands at each place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Coded<'a> {
    /// Ascending, no doubles.
    pub(crate) distinct: Vec<u32>,
    /// A place in `distinct` for each number; a damaged one lies behind its end.
    pub(crate) places: Packed<'a>,
}

/// Appends numbers as the set of them and a place in it for each; `distinct` gets the set.
pub(super) fn put_coded(out: &mut Vec<u8>, values: &[u32], distinct: &mut Vec<u32>) {
    distinct.clear();
    distinct.extend_from_slice(values);
    distinct.sort_unstable();
    distinct.dedup();
    put_set(out, distinct);
    let distinct = &*distinct;
    put_packed(out, values.iter().map(|value| distinct.binary_search(value).map_or(0, |place| place as u64)));
}

/// Appends ascending numbers without doubles.
pub(super) fn put_set(out: &mut Vec<u8>, ascending: &[u32]) {
    put(out, ascending.len() as u64);
    if let Some(first) = ascending.first() {
        put(out, u64::from(*first));
        put_packed(out, ascending.windows(2).map(|pair| u64::from(pair[1] - pair[0] - 1)));
    }
}

/// Reads such numbers: so many at most, all below `limit`.
pub(super) fn read_set(input: &mut Input<'_>, count_max: usize, limit: u32) -> io::Result<Vec<u32>> {
    let count = input.below(count_max + 1)?;
    let mut set = Vec::with_capacity(count);
    if count > 0 {
        let mut value = input.number()?;
        let steps = Packed::read(input, count - 1)?;
        // They ascend, so that the last one says whether all are in range.
        let mut push = |value: u64| set.push(u32::try_from(value).unwrap_or(u32::MAX));
        push(value);
        steps.for_each(|step| {
            value = value.saturating_add(step).saturating_add(1);
            push(value);
        });
        if value >= u64::from(limit) {
            return Err(damaged("a number is out of range"));
        }
    }
    Ok(set)
}

/// Whether one of these ascending numbers is in a set that [`put_set`] wrote, told without reading all of it.
pub(super) fn set_has(input: &mut Input<'_>, count_max: usize, wanted: &[u32]) -> io::Result<bool> {
    let count = input.below(count_max + 1)?;
    let mut wanted = wanted.iter().map(|number| u64::from(*number)).peekable();
    if count == 0 {
        return Ok(false);
    }
    let first = input.number()?;
    let steps = Packed::read(input, count - 1)?;
    let mut number = first;
    for at in 0..count {
        while wanted.next_if(|wanted| *wanted < number).is_some() {}
        match wanted.peek() {
            None => return Ok(false),
            Some(wanted) if *wanted == number => return Ok(true),
            Some(_) => number = number.saturating_add(steps.get(at)).saturating_add(1),
        }
    }
    Ok(false)
}

impl<'a> Coded<'a> {
    /// The next `len` numbers, all below `limit`.
    pub(super) fn read(input: &mut Input<'a>, len: usize, limit: u32) -> io::Result<Self> {
        let distinct = read_set(input, len, limit)?;
        Ok(Self { distinct, places: Packed::read(input, len)? })
    }

    /// The number at a place.
    pub(crate) fn get(&self, at: usize) -> Option<u32> {
        self.distinct.get(usize::try_from(self.places.get(at)).ok()?).copied()
    }

    /// Whether each number passes, decided once for each distinct one.
    pub(crate) fn passes(&self, mut pass: impl FnMut(u32) -> bool) -> Passes<'a> {
        let distinct: Vec<bool> = self.distinct.iter().map(|value| pass(*value)).collect();
        let any = distinct.contains(&true);
        let all = !distinct.contains(&false);
        Passes { distinct, places: self.places, any, all }
    }
}

/// Which numbers of a [`Coded`] passed.
pub(crate) struct Passes<'a> {
    distinct: Vec<bool>,
    places: Packed<'a>,
    /// One did.
    pub(crate) any: bool,
    /// All did.
    pub(crate) all: bool,
}

impl Passes<'_> {
    /// Whether the number at a place did.
    pub(crate) fn at(&self, at: usize) -> bool {
        self.all || (self.any && usize::try_from(self.places.get(at)).is_ok_and(|place| self.distinct.get(place) == Some(&true)))
    }

    /// The places that did.
    pub(crate) fn bits(&self) -> Bits {
        let len = self.places.len();
        if self.all || !self.any {
            return if self.all { Bits::all(len) } else { Bits::none(len) };
        }
        let (mut bits, mut at) = (Bits::none(len), 0);
        self.places.for_each(|place| {
            if usize::try_from(place).is_ok_and(|place| self.distinct.get(place) == Some(&true)) {
                bits.set(at);
            }
            at += 1;
        });
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(values: Vec<u64>, shift in 0_u32..64, small in proptest::collection::vec(0_u32..50, 1..200)) {
            let values: Vec<u64> = values.into_iter().map(|value| value >> shift).collect();
            let (mut out, mut distinct) = (Vec::new(), Vec::new());
            put_packed(&mut out, values.iter().copied());
            let before = out.len();
            put_coded(&mut out, &small, &mut distinct);
            let coded_bytes = out.len() - before;
            let mut input = Input(&out);
            let packed = Packed::read(&mut input, values.len()).unwrap();
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), values.clone());
            let mut each = Vec::new();
            packed.for_each(|value| each.push(value));
            prop_assert_eq!(each, values.clone());
            let coded = Coded::read(&mut input, small.len(), 50).unwrap();
            input.end().unwrap();
            for wanted in [&small[..1], &[7, 20], &[60]] {
                let has = set_has(&mut Input(&out[out.len() - coded_bytes..]), small.len(), wanted).unwrap();
                prop_assert_eq!(has, wanted.iter().any(|wanted| small.contains(wanted)), "{:?} in {:?}", wanted, small);
            }
            let odd = coded.passes(|value| value % 2 == 1);
            for (at, value) in small.iter().enumerate() {
                prop_assert_eq!(coded.get(at), Some(*value));
                prop_assert_eq!(odd.at(at), value % 2 == 1);
            }
        }

        #[test]
        fn any_bytes_are_numbers_or_an_error(bytes: Vec<u8>, len in 0_usize..100) {
            let mut input = Input(&bytes);
            if let Ok(packed) = Packed::read(&mut input, len) {
                prop_assert_eq!(packed.iter().count(), len);
            }
            if let Ok(coded) = Coded::read(&mut Input(&bytes), len, 9) {
                prop_assert!((0..len).all(|at| coded.get(at).is_none_or(|number| number < 9)));
            }
        }
    }
}
