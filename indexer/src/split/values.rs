//! Some values of a field as bytes: which pattern each has, then the variables, by pattern and place in it.
//!
//! ```text
//! values  = coded patterns | varint bytes of loose | loose … | packed(lengths of others …) | streams … | varint length of words | zstd(words)
//! loose   = the numbers of patterns that few of the values have, as varints: by pattern, place in it, value
//! streams = of each distinct pattern, ascending, and each place in it:
//!           number, unless loose: packed; the top bit of the width says plain: without the digit before it, since none has leading zeros
//!         | hex, UUID: bytes of each
//! words   = the texts of others, by pattern, place in it, value
//! ```
//!
//! Every value is readable by itself: its place among the values of its pattern is its place in the streams.

use super::block::Decoder;
use super::codec::{Input, damaged, length, put};
use super::column::{Column, Slice};
use super::field::Field;
use super::packed::{Coded, Packed, put_packed, put_set};
use super::pattern::{self, Slot, Source, Variables};
use std::cell::OnceCell;
use std::io;
use std::ops::Range;

/// The top bit of a width: see the module.
const PLAIN: u8 = 0x80;
/// Numbers of patterns that no more of the values have are loose: a head of their own would be longer than they are.
const LOOSE_MAX: usize = 3;
/// Words of a block are never longer than this together, bytes; a longer length is damage.
const WORDS_BYTES_MAX: usize = 1 << 30;

/// Writes values; keeps its buffers from one block to the next.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    /// The pattern of each value and its place, sorted.
    order: Vec<(u32, u32)>,
    entries: Vec<u32>,
    distinct: Vec<u32>,
    places: Vec<u32>,
    /// Where the next variable of each value of a pattern is.
    cursors: Vec<(usize, usize)>,
    loose: Vec<u8>,
    lengths: Vec<u64>,
    streams: Vec<u8>,
    words: Vec<u8>,
    numbers: Vec<u64>,
}

impl Encoder {
    /// Appends these entries of a column as values.
    pub(super) fn values(
        &mut self,
        column: &Column,
        entries: &[u32],
        zstd: &mut zstd::bulk::Compressor<'static>,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        self.order.clear();
        self.order.extend((0..).zip(entries).map(|(at, entry)| (column.pattern_of(*entry as usize), at)));
        self.order.sort_unstable();
        self.places.clear();
        self.places.resize(entries.len(), 0);
        self.distinct.clear();
        [&mut self.loose, &mut self.streams, &mut self.words].into_iter().for_each(Vec::clear);
        self.lengths.clear();
        let mut from = 0;
        while let Some((pattern, _)) = self.order.get(from).copied() {
            let count = self.order.get(from..).unwrap_or_default().iter().take_while(|(other, _)| *other == pattern).count();
            self.group(column, column.patterns.get(pattern), from..from + count, entries);
            self.distinct.push(pattern);
            from += count;
        }
        put_set(out, &self.distinct);
        put_packed(out, self.places.iter().map(|place| u64::from(*place)));
        put(out, self.loose.len() as u64);
        out.extend_from_slice(&self.loose);
        if !self.lengths.is_empty() {
            put_packed(out, self.lengths.iter().copied());
        }
        out.extend_from_slice(&self.streams);
        put(out, self.words.len() as u64);
        if !self.words.is_empty() {
            out.extend_from_slice(&zstd.compress(&self.words)?);
        }
        Ok(())
    }

    /// The streams of a pattern.
    fn group(&mut self, column: &Column, pattern: &str, group: Range<usize>, entries: &[u32]) {
        let place = u32::try_from(self.distinct.len()).unwrap_or(u32::MAX);
        self.entries.clear();
        for (_, at) in self.order.get(group).unwrap_or_default() {
            self.places.iter_mut().skip(*at as usize).take(1).for_each(|own| *own = place);
            self.entries.extend(entries.get(*at as usize));
        }
        if !pattern::has_slots(pattern) {
            return;
        }
        self.cursors.clear();
        self.cursors.resize(self.entries.len(), (0, 0));
        for slot in pattern::slots(pattern) {
            self.numbers.clear();
            for (entry, (number_at, byte_at)) in self.entries.iter().zip(&mut self.cursors) {
                let Slice { numbers, bytes } = column.variables(*entry as usize);
                let rest = bytes.get(*byte_at..).unwrap_or_default();
                match slot {
                    Slot::Number => {
                        self.numbers.push(numbers.get(*number_at).copied().unwrap_or(1));
                        *number_at += 1;
                    }
                    Slot::Hex { .. } | Slot::Uuid { .. } => {
                        let size = slot.bytes();
                        self.streams.extend_from_slice(rest.get(..size).unwrap_or_default());
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
            if slot == Slot::Number && self.entries.len() <= LOOSE_MAX {
                self.numbers.iter().for_each(|number| put(&mut self.loose, *number));
            } else if slot == Slot::Number {
                put_numbers(&mut self.streams, &mut self.numbers);
            }
        }
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

/// Values being read. Which pattern each has is known at once, the variables are looked for when one is asked for.
pub(crate) struct Values<'a> {
    /// The pattern of each value.
    pub(crate) patterns: Coded<'a>,
    len: usize,
    rest: Input<'a>,
    parts: OnceCell<Parts<'a>>,
}

/// Where the variables are.
struct Parts<'a> {
    /// Of each distinct pattern.
    groups: Vec<Group>,
    /// The place of each value among those of its pattern.
    ranks: Vec<u32>,
    loose_stored: Input<'a>,
    loose_count: usize,
    loose: OnceCell<Vec<u64>>,
    streams: Input<'a>,
    lengths: Packed<'a>,
    /// Where the others end, in the words.
    ends: OnceCell<Vec<u32>>,
    words_len: usize,
    words_stored: &'a [u8],
    words: OnceCell<Vec<u8>>,
}

/// Where the variables of a pattern begin, and how many values have it.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    count: u32,
    stream: u32,
    loose: u32,
    other: u32,
}

impl Group {
    fn is_loose(self) -> bool {
        self.count as usize <= LOOSE_MAX
    }
}

/// The numbers of the values of a pattern that is one number and nothing else.
pub(crate) enum Numbers<'v, 'a> {
    /// Plain ones are themselves, the others have the digit before them.
    Packed {
        /// See [`Numbers`].
        plain: bool,
        /// One of each value.
        packed: Packed<'a>,
    },
    /// With the digit before them.
    Loose(&'v [u64]),
}

impl Numbers<'_, '_> {
    /// All of them, in the order of values.
    pub(crate) fn for_each(&self, mut number: impl FnMut(u64)) {
        match self {
            Self::Packed { plain: true, packed } => packed.for_each(number),
            Self::Packed { packed, .. } => packed.for_each(|own| number(pattern::plain_number(own).0)),
            Self::Loose(numbers) => numbers.iter().for_each(|own| number(pattern::plain_number(*own).0)),
        }
    }
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

    /// The numbers of a distinct pattern, by its place among them, that is one number and nothing else.
    pub(crate) fn numbers<'v>(&'v self, field: &Field<'a>, group: usize) -> io::Result<Option<Numbers<'v, 'a>>> {
        let pattern = self.patterns.distinct.get(group).ok_or_else(|| damaged("no such pattern"))?;
        if field.layout(*pattern)?.slots != [Slot::Number] {
            return Ok(None);
        }
        let parts = self.parts(field)?;
        let group = parts.groups.get(group).copied().unwrap_or_default();
        if group.is_loose() {
            let from = group.loose as usize;
            return Ok(parts.loose()?.get(from..from + group.count as usize).map(Numbers::Loose));
        }
        let (packed, plain) = read_numbers(&mut parts.stream_of(group), group.count as usize)?;
        Ok(Some(Numbers::Packed { plain, packed }))
    }

    /// The bytes of a distinct pattern, by its place among them, that is one word of hex digits or one UUID and nothing else: the same number of each value.
    pub(crate) fn bytes(&self, field: &Field<'a>, group: usize) -> io::Result<Option<(Slot, &'a [u8])>> {
        let pattern = self.patterns.distinct.get(group).ok_or_else(|| damaged("no such pattern"))?;
        let [slot @ (Slot::Hex { .. } | Slot::Uuid { .. })] = *field.layout(*pattern)?.slots else { return Ok(None) };
        let parts = self.parts(field)?;
        let group = parts.groups.get(group).copied().unwrap_or_default();
        Ok(Some((slot, parts.stream_of(group).bytes(slot.bytes().saturating_mul(group.count as usize))?)))
    }

    /// The bytes of the words of hex digits and of the UUIDs of a distinct pattern, by its place among them: of each of these in turn, those of all values.
    pub(crate) fn ids(&self, field: &Field<'a>, group: usize) -> io::Result<Vec<(Slot, &'a [u8])>> {
        let pattern = self.patterns.distinct.get(group).ok_or_else(|| damaged("no such pattern"))?;
        let (layout, parts) = (field.layout(*pattern)?, self.parts(field)?);
        let group = parts.groups.get(group).copied().unwrap_or_default();
        let (mut input, mut ids) = (parts.stream_of(group), Vec::new());
        for slot in &layout.slots {
            match slot {
                Slot::Hex { .. } | Slot::Uuid { .. } => ids.push((*slot, input.bytes(slot.bytes().saturating_mul(group.count as usize))?)),
                Slot::Number | Slot::Other => skip_stream(&mut input, *slot, group)?,
            }
        }
        Ok(ids)
    }

    /// The variables of a value, to be joined with its pattern.
    pub(crate) fn variables<'v>(&'v self, field: &Field<'a>, at: usize, zstd: &'v Decoder) -> io::Result<Cursor<'v, 'a>> {
        let parts = self.parts(field)?;
        let group = parts.groups.get(self.group(at)).copied().unwrap_or_default();
        Ok(Cursor { parts, zstd, group, stream: parts.stream_of(group), rank: self.rank(field, at)? })
    }

    /// Appends the variables of a value.
    pub(super) fn copy(&self, field: &Field<'a>, at: usize, zstd: &Decoder, into: &mut Variables) -> io::Result<()> {
        let slots = &field.layout(self.pattern(at)?)?.slots;
        if slots.is_empty() {
            return Ok(());
        }
        let mut variables = self.variables(field, at, zstd)?;
        for slot in slots {
            match slot {
                Slot::Number => into.numbers.push(variables.number()?),
                Slot::Hex { .. } | Slot::Uuid { .. } => into.bytes.extend_from_slice(variables.bytes(slot.bytes())?),
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
        let mut groups = vec![Group::default(); self.patterns.distinct.len()];
        let mut ranks = Vec::with_capacity(self.len);
        let mut outside = false;
        self.patterns.places.for_each(|place| {
            let group = usize::try_from(place).ok().and_then(|place| groups.get_mut(place));
            outside |= group.is_none();
            if let Some(group) = group {
                ranks.push(group.count);
                group.count += 1;
            }
        });
        if outside {
            return Err(damaged("a pattern's place"));
        }
        let mut input = self.rest;
        let loose_bytes = input.below(input.0.len())?;
        let loose_stored = Input(input.bytes(loose_bytes)?);
        let (mut others, mut loose_count) = (0_usize, 0_usize);
        let layouts = self.patterns.distinct.iter().map(|number| field.layout(*number)).collect::<io::Result<Vec<_>>>()?;
        for (layout, group) in layouts.iter().zip(&mut groups) {
            (group.other, group.loose) = (length(others)?, length(loose_count)?);
            others = others.saturating_add(layout.others * group.count as usize);
            if group.is_loose() {
                loose_count += layout.numbers * group.count as usize;
            }
        }
        let lengths = if others > 0 { Packed::read(&mut input, others)? } else { Packed::default() };
        let streams = input;
        for (layout, group) in layouts.iter().zip(&mut groups) {
            group.stream = length(streams.0.len() - input.0.len())?;
            for slot in &layout.slots {
                skip_stream(&mut input, *slot, *group)?;
            }
        }
        let words_len = input.below(WORDS_BYTES_MAX)?;
        Ok(Parts {
            groups,
            ranks,
            loose_stored,
            loose_count,
            loose: OnceCell::new(),
            streams,
            lengths,
            ends: OnceCell::new(),
            words_len,
            words_stored: input.0,
            words: OnceCell::new(),
        })
    }
}

impl<'a> Parts<'a> {
    fn stream_of(&self, group: Group) -> Input<'a> {
        Input(self.streams.0.get(group.stream as usize..).unwrap_or_default())
    }

    /// The loose numbers of all values.
    fn loose(&self) -> io::Result<&[u64]> {
        if let Some(loose) = self.loose.get() {
            return Ok(loose);
        }
        let mut input = self.loose_stored;
        // Each has a byte or more.
        let mut loose = Vec::with_capacity(self.loose_count.min(input.0.len()));
        for _ in 0..self.loose_count {
            loose.push(input.number()?);
        }
        input.end()?;
        Ok(self.loose.get_or_init(|| loose))
    }

    /// An other of all of them.
    fn other(&self, at: usize, zstd: &Decoder) -> io::Result<&str> {
        let ends = match self.ends.get() {
            Some(ends) => ends,
            None => {
                let ends = self.read_ends()?;
                self.ends.get_or_init(|| ends)
            }
        };
        let words = match self.words.get() {
            Some(words) => words,
            None => {
                let words = zstd.decompress(self.words_stored, self.words_len)?;
                self.words.get_or_init(|| words)
            }
        };
        let from = at.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| *end as usize);
        let to = ends.get(at).map_or(usize::MAX, |end| *end as usize);
        let text = words.get(from..to).ok_or_else(|| damaged("a word is cut off"))?;
        std::str::from_utf8(text).map_err(|_| damaged("a word is not UTF-8"))
    }

    fn read_ends(&self) -> io::Result<Vec<u32>> {
        let (mut ends, mut end) = (Vec::new(), 0_u64);
        self.lengths.for_each(|length| {
            end = end.saturating_add(length);
            ends.push(u32::try_from(end).unwrap_or(u32::MAX));
        });
        if end == self.words_len as u64 { Ok(ends) } else { Err(damaged("the length of words")) }
    }
}

fn read_numbers<'a>(input: &mut Input<'a>, count: usize) -> io::Result<(Packed<'a>, bool)> {
    let (packed, flags) = Packed::read_flagged(input, count)?;
    Ok((packed, flags & PLAIN != 0))
}

fn skip_stream(input: &mut Input<'_>, slot: Slot, group: Group) -> io::Result<()> {
    let count = group.count as usize;
    match slot {
        Slot::Number if !group.is_loose() => read_numbers(input, count).map(drop),
        Slot::Number | Slot::Other => Ok(()),
        Slot::Hex { .. } | Slot::Uuid { .. } => input.bytes(slot.bytes().saturating_mul(count)).map(drop),
    }
}

/// The variables of one value, in order.
pub(crate) struct Cursor<'v, 'a> {
    parts: &'v Parts<'a>,
    zstd: &'v Decoder,
    /// Where the next variable of each kind is, of all values of the pattern.
    group: Group,
    stream: Input<'a>,
    rank: usize,
}

impl Source for Cursor<'_, '_> {
    fn number(&mut self) -> io::Result<u64> {
        if self.group.is_loose() {
            let number = self.parts.loose()?.get(self.group.loose as usize + self.rank).copied();
            self.group.loose = self.group.loose.saturating_add(self.group.count);
            return number.ok_or_else(|| damaged("a number is missing"));
        }
        let (packed, plain) = read_numbers(&mut self.stream, self.group.count as usize)?;
        let number = packed.get(self.rank);
        Ok(if plain { pattern::prefixed_number(number) } else { number })
    }

    fn bytes(&mut self, size: usize) -> io::Result<&[u8]> {
        let bytes = self.stream.bytes(size.saturating_mul(self.group.count as usize))?;
        bytes.get(self.rank * size..(self.rank + 1) * size).ok_or_else(|| damaged("bytes are cut off"))
    }

    fn other(&mut self) -> io::Result<&str> {
        let at = self.group.other as usize + self.rank;
        self.group.other = self.group.other.saturating_add(self.group.count);
        self.parts.other(at, self.zstd)
    }
}
