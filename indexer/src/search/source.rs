//! Where rows come from, a chunk or a split, and which of them match. Both give the same answer for the same row.

use super::gate::{Answer, Gate};
use super::matches::RowView;
use super::narrow::{self, Node};
use super::predicate::Predicate;
use super::ticker::{Halt, Ticker};
use crate::live::Chunk;
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::{Block, Decoder};
use std::io;

/// What is looked for, and with what.
#[derive(Clone, Copy)]
pub(super) struct Seeker<'a> {
    pub(super) predicate: &'a Predicate,
    pub(super) decoder: &'a Decoder,
    pub(super) ticker: &'a Ticker<'a>,
}

/// A split with what its index says of the predicate.
pub(super) struct SplitReader<'a> {
    pub(super) split: &'a Split,
    gate: Gate<'a>,
    node: Node,
    shown: Vec<bool>,
}

impl<'a> Seeker<'a> {
    /// The rows of a chunk that match, by their place in it.
    pub(super) fn chunk(&self, chunk: &Chunk, gate: &Gate<'_>) -> Result<Vec<usize>, Halt> {
        let mut found = Vec::new();
        for at in gate.chunk(chunk) {
            let Some(row) = chunk.rows.get(at) else { continue };
            self.ticker.row()?;
            if self.predicate.matches(row) {
                found.push(at);
            }
        }
        self.ticker.done(chunk.rows.len());
        Ok(found)
    }

    /// Opens a split.
    pub(super) fn open(&self, split: &'a Split, gate: Gate<'a>) -> Result<SplitReader<'a>, Halt> {
        let node = narrow::compile(self.predicate, split, &mut || Ok(self.ticker.look()?))?;
        Ok(SplitReader { split, gate, node, shown: gate.shown_owners(split)? })
    }

    /// A block of a split.
    pub(super) fn block(&self, split: &'a Split, at: usize) -> io::Result<Option<Block<'a>>> {
        Ok(split.head()?.blocks.get(at).map(|meta| Block::new(split, meta, self.decoder)))
    }
}

impl SplitReader<'_> {
    /// Whether no row of it can match.
    pub(super) fn is_void(&self) -> bool {
        matches!(self.node, Node::Same(Answer::No)) || !self.shown.contains(&true)
    }

    /// The rows of a block that match; stored rows are read only where the index does not decide.
    pub(super) fn matches(&self, block: &Block<'_>, seeker: &Seeker<'_>) -> Result<Bits, Halt> {
        seeker.ticker.look()?;
        seeker.ticker.done(block.meta.rows);
        let inside = self.gate.block(block, &self.shown)?;
        if inside.is_empty() {
            return Ok(inside);
        }
        let known = self.node.of_block(block)?;
        let (mut open, mut found) = (known.may, known.must);
        open.and_not(&found);
        open.and(&inside);
        found.and(&inside);
        for row in open.iter() {
            seeker.ticker.row()?;
            if seeker.predicate.matches_view(view(block, row)?) {
                found.set(row);
            }
        }
        Ok(found)
    }
}

/// A row of a block as a predicate sees it.
fn view<'b>(block: &'b Block<'_>, row: usize) -> io::Result<RowView<'b>> {
    let (owner, origin, _) = block.whose(row)?;
    let kind = block.kind(row)?;
    Ok(RowView {
        seq: block.seq(row)?,
        severity: kind.severity,
        verdict: kind.verdict,
        problems: kind.problems,
        owner,
        origin,
        message: block.messages()?.get(row),
        attributes: block.attributes()?.get(row),
    })
}
