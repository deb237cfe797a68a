//! A field of a split: its patterns, and the blocks of its dictionary where it has one.

use super::Split;
use super::block::{Decoder, FieldMeta, ROWS_MAX, stored, unchecked};
use super::cache::Chunk;
use super::codec::{Input, damaged};
use super::filter;
use super::packed::Packed;
use super::pattern::{self, Slot};
use super::values::Values;
use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A pattern and its chunk are never longer than this, bytes; a longer one is damage.
const CHUNK_BYTES_MAX: usize = 64 << 20;

/// What is known of a field as soon as the split was looked at.
#[derive(Debug)]
pub(crate) struct FieldHead {
    pub(super) meta: FieldMeta,
    layouts: Vec<Vec<Slot>>,
    /// The first pattern of each chunk.
    chunk_starts: Vec<u32>,
    /// Set when the checksum of the infos is right.
    checked: OnceLock<()>,
}

impl FieldHead {
    pub(super) fn new(meta: FieldMeta) -> io::Result<Self> {
        let layouts = meta.layouts.iter().map(|layout| pattern::slots(layout).collect()).collect();
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
        if at != meta.patterns || entries != u64::from(meta.entries) || !blocks.iter().enumerate().all(full) {
            return Err(damaged("a field"));
        }
        Ok(Self { meta, layouts, chunk_starts, checked: OnceLock::new() })
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
    blocks_further: Packed<'a>,
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

/// The texts of the patterns of some values, each looked up once.
#[derive(Default)]
pub(crate) struct PatternTexts(Vec<Option<PatternText>>);

impl PatternTexts {
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
        if self.0.len() <= group {
            self.0.resize_with(values.patterns.distinct.len().max(group.saturating_add(1).min(ROWS_MAX)), || None);
        }
        let slot = self.0.get_mut(group).ok_or_else(|| damaged("a pattern's place"))?;
        let pattern = match slot {
            Some(pattern) => pattern,
            None => slot.insert(field.pattern(values.pattern(at)?, decoder)?),
        };
        field.join(pattern, values, at, decoder, out)
    }
}

impl<'a> Field<'a> {
    pub(super) fn new(split: &'a Split, number: u32) -> io::Result<Self> {
        let head = split.head()?;
        let columns = &head.columns;
        let head = head.fields.get(number as usize).ok_or_else(|| damaged("no such field"))?;
        let bytes = if head.checked.get().is_some() { unchecked(columns, head.meta.infos)? } else { stored(columns, head.meta.infos)? };
        head.checked.get_or_init(|| ());
        let mut input = Input(bytes);
        let mut next = || Packed::read(&mut input, head.meta.patterns as usize);
        Ok(Self { number, head, split, layout_of: next()?, first_block: next()?, blocks_further: next()? })
    }

    /// Its patterns as documents of the index.
    pub(crate) fn docs(&self) -> Range<usize> {
        let from = self.head.meta.docs_from as usize;
        from..from + self.patterns()
    }

    pub(crate) fn patterns(&self) -> usize {
        self.head.meta.patterns as usize
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
    pub(super) fn layout(&self, pattern: u32) -> io::Result<&'a [Slot]> {
        let layout = usize::try_from(self.layout_of.get(pattern as usize)).ok();
        layout.and_then(|layout| self.head.layouts.get(layout)).map(Vec::as_slice).ok_or_else(|| damaged("no such layout"))
    }

    /// The pattern of values that are kept as they are written.
    pub(crate) fn opaque(&self) -> Option<u32> {
        self.head.meta.opaque
    }

    /// The first and the last block of values (of the dictionary where there is one, else of rows) with this pattern.
    pub(crate) fn blocks_of(&self, pattern: usize) -> (usize, usize) {
        let first = usize::try_from(self.first_block.get(pattern)).unwrap_or(usize::MAX);
        (first, first.saturating_add(usize::try_from(self.blocks_further.get(pattern)).unwrap_or(usize::MAX)))
    }

    /// The text of a pattern.
    pub(crate) fn pattern(&self, number: u32, decoder: &Decoder) -> io::Result<PatternText> {
        let at =
            self.head.chunk_starts.partition_point(|start| *start <= number).checked_sub(1).ok_or_else(|| damaged("no such pattern"))?;
        let (count, piece) = *self.head.meta.chunks.get(at).ok_or_else(|| damaged("no such pattern"))?;
        let in_chunk = (number - self.head.chunk_starts.get(at).copied().unwrap_or(0)) as usize;
        if in_chunk >= count as usize {
            return Err(damaged("no such pattern"));
        }
        let chunk = self.split.cached(piece.from, || {
            if piece.raw as usize > CHUNK_BYTES_MAX {
                return Err(damaged("a pattern is too long"));
            }
            read_chunk(decoder.piece(&self.split.head()?.patterns, piece)?, count as usize)
        })?;
        Ok(PatternText { chunk, at: in_chunk })
    }

    /// A block of the dictionary.
    pub(crate) fn entries(&self, block: usize) -> io::Result<Values<'a>> {
        let entries = self.entry_block(block)?;
        let bytes = stored(&self.split.head()?.columns, entries.piece)?;
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

fn read_chunk(bytes: Vec<u8>, count: usize) -> io::Result<Chunk> {
    let mut input = Input(&bytes);
    let mut end = 0_usize;
    let mut ends = Vec::with_capacity(count);
    for _ in 0..count {
        end = end.saturating_add(input.below(bytes.len() + 1)?);
        ends.push(end);
    }
    let text = std::str::from_utf8(input.bytes(end)?).map_err(|_| damaged("a pattern is not UTF-8"))?.to_owned();
    input.end()?;
    if ends.iter().any(|end| !text.is_char_boundary(*end)) {
        return Err(damaged("a pattern ends within a character"));
    }
    Ok(Chunk { text, ends })
}
