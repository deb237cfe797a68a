//! Where rows come from, live buffers or a split, and which of them match. Both give the same answer for the same row.

use super::first::{First, FirstRows};
use super::gate::{Answer, Gate, of_chunk};
use super::matches::{Matcher, RowView};
use super::node::{Node, compile};
use super::ordered::Course;
use super::predicate::Predicate;
use super::ticker::{Halt, Ticker};
use crate::live::{Chunk, Pack};
use crate::row::RowRef;
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::{Block, Decoder};
use std::io;
use std::ops::Range;

/// What is looked for, and with what.
#[derive(Clone, Copy)]
pub(super) struct Seeker<'a, 'w> {
    pub(super) predicate: &'a Predicate,
    /// The same for live rows.
    pub(super) matcher: &'w Matcher<'w>,
    /// Of this thread, as the ticker.
    pub(super) decoder: &'w Decoder,
    pub(super) ticker: &'w Ticker<'w>,
}

/// A split with what its index says of the predicate.
pub(super) struct SplitReader<'a> {
    pub(super) split: &'a Split,
    gate: Gate<'a>,
    node: Node<'a>,
    /// The blocks that can have a matching row.
    blocks: Bits,
    /// The rows that it is for, if it knows nothing of others.
    first: Option<FirstRows>,
    shown: Vec<bool>,
}

impl<'a: 'w, 'w> Seeker<'a, 'w> {
    /// Hands out the rows of a chunk that match, by their place in it.
    pub(super) fn chunk<'c>(
        &self,
        chunk: &'c Chunk,
        gate: &Gate<'_>,
        mut found: impl FnMut(usize, RowRef<'c>) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        self.ticker.done(chunk.rows.len());
        for at in gate.chunk(chunk) {
            let Some(row) = chunk.rows.get(at) else { continue };
            self.ticker.row()?;
            if self.matcher.matches(RowView::from(row)) {
                found(at, row)?;
            }
        }
        Ok(())
    }

    /// Hands out the rows of a pack that match, each with its chunk's place in the pack and its own in that; with `all`, they all match.
    pub(super) fn pack<'p>(
        &self,
        pack: &'p Pack,
        all: bool,
        gate: &Gate<'_>,
        mut found: impl FnMut((usize, usize), RowRef<'p>) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        if all {
            self.ticker.done(pack.rows_len());
            for (number, chunk) in pack.chunks().iter().enumerate() {
                self.ticker.row()?;
                gate.chunk(chunk).try_for_each(|at| chunk.rows.get(at).map_or(Ok(()), |row| found((number, at), row)))?;
            }
            return Ok(());
        }
        let asked = |chunk: &Chunk| of_chunk(self.predicate, chunk) != Answer::No;
        for (number, chunk) in pack.chunks().iter().enumerate().filter(|(_, chunk)| asked(chunk)) {
            self.chunk(chunk, gate, |at, row| found((number, at), row))?;
        }
        Ok(())
    }

    /// Opens a split.
    pub(super) fn open(&self, split: &'a Split, gate: Gate<'a>) -> Result<SplitReader<'a>, Halt> {
        open(self.predicate, split, gate, None, self.decoder, self.ticker)
    }

    /// A block of a split.
    pub(super) fn block<'b>(&'b self, split: &'b Split, at: usize) -> io::Result<Option<Block<'b>>> {
        if at < split.head()?.blocks.len() { Block::new(split, at, self.decoder).map(Some) } else { Ok(None) }
    }
}

/// Opens a split; where that would take long, and the order is told, for the rows that come first and no others.
pub(super) fn open<'a>(
    predicate: &'a Predicate,
    split: &'a Split,
    gate: Gate<'a>,
    course: Option<Course<'_>>,
    decoder: &Decoder,
    ticker: &Ticker<'_>,
) -> Result<SplitReader<'a>, Halt> {
    let shown = gate.shown_owners(split)?;
    let nothing = || SplitReader { split, gate, node: Node::Same(false), blocks: Bits::none(0), first: None, shown: Vec::new() };
    if !shown.contains(&true) {
        return Ok(nothing());
    }
    let first = course.map(|course| First::of(split, gate, &shown, course, decoder));
    let node = compile(predicate, split, first.as_ref(), decoder, &mut || Ok(ticker.look()?))?;
    let blocks = node.blocks(split.head()?.blocks.len());
    let first = first.and_then(|first| first.alone());
    Ok(SplitReader { split, gate, node, blocks, first, shown })
}

impl<'a> SplitReader<'a> {
    /// Whether no row of the split can match.
    pub(super) fn is_void(&self) -> bool {
        self.first.is_none() && self.blocks.is_empty()
    }

    /// Whether a row of this block can match.
    pub(super) fn may_match(&self, block: usize) -> bool {
        self.blocks.has(block)
    }

    /// The rows that it is for, if it is for no others.
    pub(super) fn first(&self) -> Option<&FirstRows> {
        self.first.as_ref()
    }

    /// The rows of a block that match; texts are read only where the index does not decide.
    pub(super) fn matches(&self, block: &Block<'a>, seeker: &Seeker<'_, '_>) -> Result<Bits, Halt> {
        seeker.ticker.look()?;
        seeker.ticker.done(block.meta.rows);
        let inside = self.gate.block(block, &self.shown)?;
        if inside.is_empty() {
            return Ok(inside);
        }
        Ok(self.node.of_block(block, &inside, &mut || Ok(seeker.ticker.row()?))?)
    }

    /// Which of these rows match.
    pub(super) fn matches_among(&self, block: &Block<'a>, rows: &Range<usize>, seeker: &Seeker<'_, '_>) -> Result<Bits, Halt> {
        let mut inside = self.gate.block(block, &self.shown)?;
        inside.and(&Bits::collect(inside.len(), |row| rows.contains(&row)));
        Ok(self.node.of_block(block, &inside, &mut || Ok(seeker.ticker.row()?))?)
    }
}
