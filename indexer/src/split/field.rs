//! A field of a split: its patterns, and the blocks of its dictionary where it has one.

use super::Split;
use super::block::{Decoder, FieldMeta, ROWS_MAX, stored, unchecked};
use super::cache::Chunk;
use super::codec::{self, Input, damaged};
use super::compared::Compared;
use super::filter;
use super::packed::{Packed, read_set, set_has};
use super::pattern::{self, Slot};
use super::values::Values;
use martlog_formats::words;
use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A pattern and its chunk are never longer than this, bytes; a longer one is damage.
const CHUNK_BYTES_MAX: usize = 64 << 20;

/// More entries than this are not looked for in the blocks of rows: they are in most.
const ENTRIES_LOOKED_FOR: usize = 64;

/// What is known of a field as soon as the split was looked at.
#[derive(Debug)]
pub(crate) struct FieldHead {
    pub(super) meta: FieldMeta,
    layouts: Vec<Layout>,
    /// The first pattern of each chunk.
    chunk_starts: Vec<u32>,
    /// The patterns that are in several blocks; set when the checksum of the infos is right.
    several: OnceLock<Vec<u32>>,
    /// Of the pieces of blocks.
    pub(super) values: Compared,
    /// Of the dictionary.
    entries: Compared,
}

/// The variables of patterns.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) slots: Vec<Slot>,
    /// How many of them are numbers.
    pub(super) numbers: usize,
    /// How many of them are others.
    pub(super) others: usize,
}

impl Layout {
    fn new(text: &str) -> Self {
        let slots: Vec<Slot> = pattern::slots(text).collect();
        let count = |kind: Slot| slots.iter().filter(|slot| **slot == kind).count();
        Self { numbers: count(Slot::Number), others: count(Slot::Other), slots }
    }
}

impl FieldHead {
    pub(super) fn new(meta: FieldMeta) -> io::Result<Self> {
        let layouts = meta.layouts.iter().map(|layout| Layout::new(layout)).collect();
        let mut at = 0_u32;
        let mut start = |(count, _): &(u32, _)| {
            let start = at;
            at = at.saturating_add(*count);
            start
        };
        let chunk_starts = meta.chunks.iter().map(&mut start).collect();
        let blocks = meta.dictionary.as_deref().unwrap_or_default();
        let full = |(at, block): (usize, &super::block::EntryBlock)| at + 1 == blocks.len() || block.entries as usize == ROWS_MAX;
        let entries: u64 = blocks.iter().map(|block| u64::from(block.entries)).sum();
        let spans = meta.dictionary.as_ref().is_none_or(|_| meta.spans.len() == meta.blocks.len());
        if at != meta.patterns || entries != u64::from(meta.entries) || !blocks.iter().enumerate().all(full) || !spans {
            return Err(damaged("a field"));
        }
        let (values, entries) = (Compared::none(meta.blocks.len()), Compared::none(blocks.len()));
        Ok(Self { meta, layouts, chunk_starts, several: OnceLock::new(), values, entries })
    }
}

/// A field being read.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    pub(super) head: &'a FieldHead,
    split: &'a Split,
    layout_of: Packed<'a>,
    first_block: Packed<'a>,
    several: &'a [u32],
    further: Packed<'a>,
}

/// A pattern's text; it begins with the kind letter.
pub(crate) struct PatternText {
    chunk: Arc<Chunk>,
    at: usize,
}

impl std::ops::Deref for PatternText {
    type Target = str;

    fn deref(&self) -> &str {
        self.chunk.get(self.at)
    }
}

/// Reads patterns of a field; those that lie side by side without looking for each anew.
pub(crate) struct PatternReader<'f, 'a> {
    field: &'f Field<'a>,
    /// The numbers of patterns that are at hand.
    range: Range<u32>,
    chunk: Option<Arc<Chunk>>,
}

impl<'f, 'a> PatternReader<'f, 'a> {
    pub(crate) fn new(field: &'f Field<'a>) -> Self {
        Self { field, range: 0..0, chunk: None }
    }

    /// The text of a pattern; it begins with the kind letter.
    pub(crate) fn pattern(&mut self, number: u32, decoder: &Decoder) -> io::Result<&str> {
        if !self.range.contains(&number) {
            let (first, chunk) = self.field.chunk(number, decoder)?;
            self.range = first..first.saturating_add(codec::length(chunk.ends.len())?);
            self.chunk = Some(chunk);
        }
        let at = number.saturating_sub(self.range.start) as usize;
        Ok(self.chunk.as_ref().map_or("", |chunk| chunk.get(at)))
    }
}

/// The texts of the patterns of some values, each looked up once.
#[derive(Default)]
pub(crate) struct PatternTexts {
    texts: Vec<Option<Box<str>>>,
    /// Of each pattern only the words with variables are wanted.
    words: bool,
}

impl PatternTexts {
    /// Texts of values as they are; or, with `words`, only those words of them that have variables, one space between them.
    pub(crate) fn new(words: bool) -> Self {
        Self { texts: Vec::new(), words }
    }

    /// Replaces `out` by the text of one of the values; its kind letter comes back. Always of the same values.
    pub(crate) fn text<'a>(
        &mut self,
        field: &Field<'a>,
        values: &Values<'a>,
        at: usize,
        decoder: &Decoder,
        out: &mut String,
    ) -> io::Result<char> {
        let group = values.group(at);
        if self.texts.len() <= group {
            self.texts.resize(values.patterns.distinct.len().max(group.saturating_add(1).min(ROWS_MAX)), None);
        }
        let slot = self.texts.get_mut(group).ok_or_else(|| damaged("a pattern's place"))?;
        let pattern = match slot {
            Some(pattern) => pattern,
            None => {
                let pattern = field.pattern(values.pattern(at)?, decoder)?;
                slot.insert(if self.words { words_of(&pattern) } else { Box::from(&*pattern) })
            }
        };
        field.join(pattern, values, at, decoder, out)
    }
}

/// A pattern with nothing but its words that have variables. One that is kept as it is written has no words.
fn words_of(pattern: &str) -> Box<str> {
    let Some(kind) = pattern.chars().next().filter(|kind| *kind != 'o') else { return pattern.into() };
    let mut words = String::from(kind);
    for run in words::runs(&pattern[kind.len_utf8()..]).filter(|run| pattern::has_slots(run.text)) {
        words.push_str(run.text);
        words.push(' ');
    }
    words.into()
}

impl<'a> Field<'a> {
    pub(super) fn new(split: &'a Split, number: u32) -> io::Result<Self> {
        let head = split.head()?;
        let columns = &head.columns;
        let head = head.fields.get(number as usize).ok_or_else(|| damaged("no such field"))?;
        let bytes = if head.several.get().is_some() { unchecked(columns, head.meta.infos)? } else { stored(columns, head.meta.infos)? };
        let mut input = Input(bytes);
        let count = head.meta.patterns as usize;
        let (layout_of, first_block) = (Packed::read(&mut input, count)?, Packed::read(&mut input, count)?);
        let several_bytes = input.below(input.0.len())?;
        let mut set = Input(input.bytes(several_bytes)?);
        let several = match head.several.get() {
            Some(several) => several,
            None => {
                let several = read_set(&mut set, count, head.meta.patterns)?;
                head.several.get_or_init(|| several)
            }
        };
        let further = Packed::read(&mut input, several.len())?;
        Ok(Self { number, head, split, layout_of, first_block, several, further })
    }

    /// Its patterns as documents of the index.
    pub(crate) fn docs(&self) -> Range<usize> {
        let from = self.head.meta.docs_from as usize;
        from..from + self.patterns()
    }

    pub(crate) fn patterns(&self) -> usize {
        self.head.meta.patterns as usize
    }

    /// In how many chunks they are kept.
    pub(crate) fn chunks(&self) -> usize {
        self.head.chunk_starts.len()
    }

    /// Whether it has a dictionary.
    pub(crate) fn has_dictionary(&self) -> bool {
        self.head.meta.dictionary.is_some()
    }

    /// Entries of the dictionary.
    pub(crate) fn entries_len(&self) -> usize {
        self.head.meta.entries as usize
    }

    /// Blocks of the dictionary.
    pub(crate) fn entry_blocks(&self) -> usize {
        self.head.meta.dictionary.as_ref().map_or(0, Vec::len)
    }

    /// The variables of a pattern.
    pub(super) fn layout(&self, pattern: u32) -> io::Result<&'a Layout> {
        let layout = usize::try_from(self.layout_of.get(pattern as usize)).ok();
        layout.and_then(|layout| self.head.layouts.get(layout)).ok_or_else(|| damaged("no such layout"))
    }

    /// The pattern of values that are kept as they are written.
    pub(crate) fn opaque(&self) -> Option<u32> {
        self.head.meta.opaque
    }

    /// The first and the last block of values (of the dictionary where there is one, else of rows) with this pattern.
    pub(crate) fn blocks_of(&self, pattern: usize) -> (usize, usize) {
        let first = usize::try_from(self.first_block.get(pattern)).unwrap_or(usize::MAX);
        let several = u32::try_from(pattern).ok().and_then(|pattern| self.several.binary_search(&pattern).ok());
        let further = several.map_or(0, |place| usize::try_from(self.further.get(place)).unwrap_or(usize::MAX));
        (first, first.saturating_add(further))
    }

    /// Whether a block of rows can have one of these entries of the dictionary, ascending: few of them are looked for. Where it cannot be read it can; who reads it is told.
    pub(crate) fn block_may_have(&self, block: usize, entries: &[u32]) -> bool {
        let (Some((first, last)), Some((lowest, highest))) = (self.head.meta.spans.get(block), entries.first().zip(entries.last())) else {
            return false;
        };
        if first > last || lowest > last || highest < first {
            return false;
        }
        entries.len() > ENTRIES_LOOKED_FOR || self.block_has(block, entries).unwrap_or(true)
    }

    fn block_has(&self, block: usize, entries: &[u32]) -> io::Result<bool> {
        let (count, piece) = self.head.meta.blocks.get(block)?;
        set_has(&mut Input(self.head.values.stored(block, &self.split.head()?.columns, piece)?), count, entries)
    }

    /// The text of a pattern.
    pub(crate) fn pattern(&self, number: u32, decoder: &Decoder) -> io::Result<PatternText> {
        let (first, chunk) = self.chunk(number, decoder)?;
        Ok(PatternText { chunk, at: (number - first) as usize })
    }

    /// The chunk with the text of a pattern, and the number of its first one.
    fn chunk(&self, number: u32, decoder: &Decoder) -> io::Result<(u32, Arc<Chunk>)> {
        let at =
            self.head.chunk_starts.partition_point(|start| *start <= number).checked_sub(1).ok_or_else(|| damaged("no such pattern"))?;
        let (count, piece) = *self.head.meta.chunks.get(at).ok_or_else(|| damaged("no such pattern"))?;
        let first = self.head.chunk_starts.get(at).copied().unwrap_or(0);
        if number - first >= count {
            return Err(damaged("no such pattern"));
        }
        let chunk = self.split.cached(piece.from, || {
            if piece.raw as usize > CHUNK_BYTES_MAX {
                return Err(damaged("a pattern is too long"));
            }
            read_chunk(&decoder.piece(&self.split.head()?.patterns, piece)?, count as usize)
        })?;
        Ok((first, chunk))
    }

    /// A block of the dictionary.
    pub(crate) fn entries(&self, block: usize) -> io::Result<Values<'a>> {
        let entries = self.entry_block(block)?;
        let bytes = self.head.entries.stored(block, &self.split.head()?.columns, entries.piece)?;
        Values::read(bytes, entries.entries as usize, self.head.meta.patterns)
    }

    /// Whether a block of the dictionary may have one of these filter keys.
    pub(crate) fn may_have(&self, block: usize, keys: impl IntoIterator<Item = u64>) -> io::Result<bool> {
        let filter = unchecked(self.split.filters()?, self.entry_block(block)?.filter)?;
        Ok(keys.into_iter().any(|key| filter::may_contain(filter, key)))
    }

    fn entry_block(&self, block: usize) -> io::Result<super::block::EntryBlock> {
        self.head.meta.dictionary.as_ref().and_then(|blocks| blocks.get(block)).copied().ok_or_else(|| damaged("no such entries"))
    }

    /// Replaces `out` by the text of one of some values of this field; its kind letter comes back.
    pub(crate) fn text(&self, values: &Values<'a>, at: usize, decoder: &Decoder, out: &mut String) -> io::Result<char> {
        self.join(&self.pattern(values.pattern(at)?, decoder)?, values, at, decoder, out)
    }

    fn join(&self, pattern: &str, values: &Values<'a>, at: usize, decoder: &Decoder, out: &mut String) -> io::Result<char> {
        out.clear();
        let kind = pattern.chars().next().ok_or_else(|| damaged("a pattern without a kind"))?;
        let text = pattern.get(kind.len_utf8()..).unwrap_or_default();
        pattern::join(text, &mut values.variables(self, at, decoder)?, out)?;
        Ok(kind)
    }
}

/// A chunk is, of each pattern, how many bytes it shares with the one before and how many are its own, then the latter.
fn read_chunk(bytes: &[u8], count: usize) -> io::Result<Chunk> {
    let mut lengths = Input(bytes);
    let mut own = Input(bytes);
    for _ in 0..count * 2 {
        own.number()?;
    }
    let (mut text, mut ends) = (Vec::with_capacity(bytes.len() * 2), Vec::with_capacity(count));
    let mut last = 0;
    for _ in 0..count {
        let (shared, length) = (lengths.below(text.len() - last + 1)?, lengths.below(bytes.len() + 1)?);
        if text.len() + shared + length > CHUNK_BYTES_MAX {
            return Err(damaged("a pattern is too long"));
        }
        text.extend_from_within(last..last + shared);
        last = text.len() - shared;
        text.extend_from_slice(own.bytes(length)?);
        ends.push(codec::length(text.len())?);
    }
    own.end()?;
    let text = String::from_utf8(text).map_err(|_| damaged("a pattern is not UTF-8"))?;
    if ends.iter().any(|end| !text.is_char_boundary(*end as usize)) {
        return Err(damaged("a pattern ends within a character"));
    }
    Ok(Chunk { text, ends })
}

/// Appends patterns as [`read_chunk`] reads them.
pub(super) fn put_chunk<'t>(patterns: impl Iterator<Item = &'t str>, out: &mut Vec<u8>) {
    let (mut own, mut last) = (Vec::new(), "");
    for text in patterns {
        let shared = text.bytes().zip(last.bytes()).take_while(|(own, last)| own == last).count();
        codec::put(out, shared as u64);
        codec::put(out, (text.len() - shared) as u64);
        own.extend_from_slice(text.as_bytes().get(shared..).unwrap_or_default());
        last = text;
    }
    out.extend_from_slice(&own);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn patterns_come_back_in_any_order(patterns in proptest::collection::vec("[aé]{0,4}\\PC{0,5}", 0..20)) {
            let mut out = Vec::new();
            put_chunk(patterns.iter().map(String::as_str), &mut out);
            let chunk = read_chunk(&out, patterns.len()).unwrap();
            for (at, pattern) in patterns.iter().enumerate() {
                prop_assert_eq!(chunk.get(at), pattern);
            }
        }

        #[test]
        fn any_bytes_are_patterns_or_an_error(bytes: Vec<u8>, count in 0_usize..20) {
            let _ = read_chunk(&bytes, count);
        }
    }
}
