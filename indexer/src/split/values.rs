//! Some values of a field as bytes: which pattern each has, then the variables, by pattern and place in it.
//!
//! ```text
//! values  = coded patterns | stream of each variable of each distinct pattern, ascending … | varint length of words | zstd(words)
//! stream  = number: packed; the top bit of the width says plain: without the digit before it, since none has leading zeros
//!         | hex, UUID: bytes of each
//!         | other: packed lengths; the texts are in words
//! ```
//!
//! Every value is readable by itself: its place among the values of its pattern is its place in the streams.

use super::block::Decoder;
use super::codec::{Input, damaged, put};
use super::column::{Column, Slice};
use super::field::Field;
use super::packed::{Coded, Packed, put_coded, put_packed};
use super::pattern::{self, Slot, Source, Variables};
use std::cell::OnceCell;
use std::io;
use std::ops::Range;

/// The top bit of a width: see the module.
const PLAIN: u8 = 0x80;
/// Words of a block are never longer than this together, bytes; a longer length is damage.
const WORDS_BYTES_MAX: usize = 1 << 30;

/// Writes values; keeps its buffers from one block to the next.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    distinct: Vec<u32>,
    /// Values by pattern: where each pattern's begin, then their places.
    order: Vec<usize>,
    cursors: Vec<(usize, usize)>,
    words: Vec<u8>,
    numbers: Vec<u64>,
    lengths: Vec<u64>,
}

impl Encoder {
    /// Appends the values of a column at these places.
    pub(super) fn values(
        &mut self,
        column: &Column,
        places: impl ExactSizeIterator<Item = usize> + Clone,
        zstd: &mut zstd::bulk::Compressor<'static>,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let pattern_of = |place: usize| column.of.get(place).copied().unwrap_or(0);
        let patterns: Vec<u32> = places.clone().map(pattern_of).collect();
        let mut distinct = std::mem::take(&mut self.distinct);
        put_coded(out, &patterns, &mut distinct);
        self.order.clear();
        self.order.extend(places);
        // Stable: values of a pattern stay in their order.
        self.order.sort_by_key(|place| pattern_of(*place));
        self.words.clear();
        let mut from = 0;
        for number in &distinct {
            let count = self.order.get(from..).unwrap_or_default().iter().take_while(|place| pattern_of(**place) == *number).count();
            self.group(column, column.patterns.get(*number), from..from + count, out);
            from += count;
        }
        self.distinct = distinct;
        put(out, self.words.len() as u64);
        if !self.words.is_empty() {
            out.extend_from_slice(&zstd.compress(&self.words)?);
        }
        Ok(())
    }

    /// The streams of a pattern.
    fn group(&mut self, column: &Column, pattern: &str, group: Range<usize>, out: &mut Vec<u8>) {
        if !pattern::has_slots(pattern) {
            return;
        }
        let values = self.order.get(group).unwrap_or_default();
        self.cursors.clear();
        self.cursors.resize(values.len(), (0, 0));
        for slot in pattern::slots(pattern) {
            self.numbers.clear();
            self.lengths.clear();
            for (place, (number_at, byte_at)) in values.iter().zip(&mut self.cursors) {
                let Slice { numbers, bytes } = column.variables(*place);
                let rest = bytes.get(*byte_at..).unwrap_or_default();
                match slot {
                    Slot::Number => {
                        self.numbers.push(numbers.get(*number_at).copied().unwrap_or(1));
                        *number_at += 1;
                    }
                    Slot::Hex { .. } | Slot::Uuid { .. } => {
                        let size = size_of(slot);
                        out.extend_from_slice(rest.get(..size).unwrap_or_default());
                        *byte_at += size;
                    }
                    Slot::Other => {
                        let mut input = Input(rest);
                        let text =
                            input.number().ok().and_then(|length| input.bytes(usize::try_from(length).ok()?).ok()).unwrap_or_default();
                        self.lengths.push(text.len() as u64);
                        self.words.extend_from_slice(text);
                        *byte_at += rest.len() - input.0.len();
                    }
                }
            }
            match slot {
                Slot::Number => put_numbers(out, &mut self.numbers),
                Slot::Other => put_packed(out, self.lengths.iter().copied()),
                Slot::Hex { .. } | Slot::Uuid { .. } => {}
            }
        }
    }
}

fn size_of(slot: Slot) -> usize {
    match slot {
        Slot::Hex { digits, .. } => digits.div_ceil(2),
        Slot::Uuid { .. } => 16,
        Slot::Number | Slot::Other => 0,
    }
}

fn put_numbers(out: &mut Vec<u8>, numbers: &mut [u64]) {
    let plain = numbers.iter().all(|number| pattern::plain_number(*number).1);
    if plain {
        numbers.iter_mut().for_each(|number| *number = pattern::plain_number(*number).0);
    }
    let width = out.len();
    put_packed(out, numbers.iter().copied());
    if plain && let Some(width) = out.get_mut(width) {
        *width |= PLAIN;
    }
}

/// Values being read. Which pattern each has is known at once, the streams are looked for when a variable is asked for.
pub(crate) struct Values<'a> {
    /// The pattern of each value.
    pub(crate) patterns: Coded<'a>,
    len: usize,
    rest: Input<'a>,
    parts: OnceCell<Parts<'a>>,
}

/// Where the variables are.
struct Parts<'a> {
    /// The streams of each distinct pattern.
    groups: Vec<Vec<Stream<'a>>>,
    /// The place of each value among those of its pattern.
    ranks: Vec<u32>,
    words_len: usize,
    words_stored: &'a [u8],
    words: OnceCell<Vec<u8>>,
}

/// One variable of the values of a pattern.
pub(crate) enum Stream<'a> {
    /// Numbers; plain ones are themselves, the others have the digit before them.
    Numbers { plain: bool, packed: Packed<'a> },
    /// So many bytes each.
    Bytes { size: usize, bytes: &'a [u8] },
    /// Texts in the words.
    Others { lengths: Packed<'a>, from: usize, starts: OnceCell<Vec<usize>> },
}

impl<'a> Values<'a> {
    /// Reads `len` values of a field that has so many patterns.
    pub(super) fn read(bytes: &'a [u8], len: usize, patterns: u32) -> io::Result<Self> {
        let mut input = Input(bytes);
        let patterns = Coded::read(&mut input, len, patterns)?;
        Ok(Self { patterns, len, rest: input, parts: OnceCell::new() })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number of a value's pattern.
    pub(crate) fn pattern(&self, at: usize) -> io::Result<u32> {
        self.patterns.get(at).ok_or_else(|| damaged("no such value"))
    }

    /// The place of a value's pattern among the distinct ones.
    pub(crate) fn group(&self, at: usize) -> usize {
        usize::try_from(self.patterns.places.get(at)).unwrap_or(usize::MAX)
    }

    /// The streams of a distinct pattern, by its place among them.
    pub(crate) fn streams(&self, field: &Field<'a>, group: usize) -> io::Result<&[Stream<'a>]> {
        Ok(self.parts(field)?.groups.get(group).map(Vec::as_slice).unwrap_or_default())
    }

    /// The variables of a value, to be joined with its pattern.
    pub(crate) fn variables<'v>(&'v self, field: &Field<'a>, at: usize, zstd: &'v Decoder) -> io::Result<Cursor<'v, 'a>> {
        let parts = self.parts(field)?;
        let streams = parts.groups.get(self.group(at)).map(Vec::as_slice).unwrap_or_default();
        Ok(Cursor { parts, zstd, streams: streams.iter(), rank: self.rank(field, at)? })
    }

    /// Appends the variables of a value.
    pub(super) fn copy(&self, field: &Field<'a>, at: usize, zstd: &Decoder, into: &mut Variables) -> io::Result<()> {
        let mut variables = self.variables(field, at, zstd)?;
        for slot in field.layout(self.pattern(at)?)? {
            match slot {
                Slot::Number => into.numbers.push(variables.number()?),
                Slot::Hex { .. } | Slot::Uuid { .. } => into.bytes.extend_from_slice(variables.bytes(size_of(*slot))?),
                Slot::Other => {
                    let text = variables.other()?;
                    put(&mut into.bytes, text.len() as u64);
                    into.bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        Ok(())
    }

    /// The place of a value among those of its pattern.
    pub(crate) fn rank(&self, field: &Field<'a>, at: usize) -> io::Result<usize> {
        if self.patterns.distinct.len() == 1 {
            return Ok(at);
        }
        Ok(self.parts(field)?.ranks.get(at).copied().unwrap_or(0) as usize)
    }

    fn parts(&self, field: &Field<'a>) -> io::Result<&Parts<'a>> {
        if let Some(parts) = self.parts.get() {
            return Ok(parts);
        }
        let parts = self.read_parts(field)?;
        Ok(self.parts.get_or_init(|| parts))
    }

    fn read_parts(&self, field: &Field<'a>) -> io::Result<Parts<'a>> {
        let mut counts = vec![0_u32; self.patterns.distinct.len()];
        let mut ranks = Vec::with_capacity(self.len);
        for place in self.patterns.places.iter() {
            let count = usize::try_from(place).ok().and_then(|place| counts.get_mut(place)).ok_or_else(|| damaged("a pattern's place"))?;
            ranks.push(*count);
            *count += 1;
        }
        let mut input = self.rest;
        let mut words = 0;
        let mut groups = Vec::with_capacity(counts.len());
        for (number, count) in self.patterns.distinct.iter().zip(counts) {
            let slots = field.layout(*number)?.iter();
            groups.push(slots.map(|slot| read_stream(&mut input, *slot, count as usize, &mut words)).collect::<io::Result<Vec<_>>>()?);
        }
        let words_len = input.below(WORDS_BYTES_MAX)?;
        if words_len != words {
            return Err(damaged("the length of words"));
        }
        Ok(Parts { groups, ranks, words_len, words_stored: input.0, words: OnceCell::new() })
    }
}

impl Parts<'_> {
    fn words(&self, zstd: &Decoder) -> io::Result<&[u8]> {
        if let Some(words) = self.words.get() {
            return Ok(words);
        }
        let words = zstd.decompress(self.words_stored, self.words_len)?;
        Ok(self.words.get_or_init(|| words))
    }
}

fn read_stream<'a>(input: &mut Input<'a>, slot: Slot, count: usize, words: &mut usize) -> io::Result<Stream<'a>> {
    Ok(match slot {
        Slot::Number => {
            let (packed, flags) = Packed::read_flagged(input, count)?;
            Stream::Numbers { plain: flags & PLAIN != 0, packed }
        }
        Slot::Hex { .. } | Slot::Uuid { .. } => {
            let size = size_of(slot);
            Stream::Bytes { size, bytes: input.bytes(size.checked_mul(count).ok_or_else(|| damaged("a run of bytes is too long"))?)? }
        }
        Slot::Other => {
            let (lengths, from) = (Packed::read(input, count)?, *words);
            for length in lengths.iter() {
                let length = usize::try_from(length).ok().filter(|length| *length <= WORDS_BYTES_MAX);
                *words = words.saturating_add(length.ok_or_else(|| damaged("a word is too long"))?);
            }
            Stream::Others { lengths, from, starts: OnceCell::new() }
        }
    })
}

/// The variables of one value, in order.
pub(crate) struct Cursor<'v, 'a> {
    parts: &'v Parts<'a>,
    zstd: &'v Decoder,
    streams: std::slice::Iter<'v, Stream<'a>>,
    rank: usize,
}

fn other_kind() -> io::Error {
    damaged("a variable is of another kind")
}

impl Source for Cursor<'_, '_> {
    fn number(&mut self) -> io::Result<u64> {
        match self.streams.next() {
            Some(Stream::Numbers { plain: true, packed }) => Ok(pattern::prefixed_number(packed.get(self.rank))),
            Some(Stream::Numbers { packed, .. }) => Ok(packed.get(self.rank)),
            _ => Err(other_kind()),
        }
    }

    fn bytes(&mut self, count: usize) -> io::Result<&[u8]> {
        match self.streams.next() {
            Some(Stream::Bytes { size, bytes }) if *size == count => {
                let from = self.rank * size;
                bytes.get(from..from + size).ok_or_else(|| damaged("bytes are cut off"))
            }
            _ => Err(other_kind()),
        }
    }

    fn other(&mut self) -> io::Result<&str> {
        let Some(Stream::Others { lengths, from, starts }) = self.streams.next() else { return Err(other_kind()) };
        let starts = starts.get_or_init(|| {
            let mut at = *from;
            let mut step = |length: u64| {
                let start = at;
                at = at.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
                start
            };
            lengths.iter().map(&mut step).collect()
        });
        let start = starts.get(self.rank).copied().unwrap_or(usize::MAX);
        let length = usize::try_from(lengths.get(self.rank)).unwrap_or(usize::MAX);
        let words = self.parts.words(self.zstd)?;
        let text = words.get(start..start.saturating_add(length)).ok_or_else(|| damaged("a word is cut off"))?;
        std::str::from_utf8(text).map_err(|_| damaged("a word is not UTF-8"))
    }
}
