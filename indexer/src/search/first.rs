//! The block of a split that is read first. To know of all patterns and dictionaries of a split which of them match can take longer than reading a block of it, and the block may be all
//! that the first rows need: then the question is asked of what the block has of them.
//!
//! Invariant: what is compiled for a block is right for its rows, and says nothing of other blocks.

use crate::split::bits::Bits;
use crate::split::block::{Block, Column, ROWS_MAX, Stored};
use crate::split::field::Field;
use std::cell::Cell;
use std::io;
use std::rc::Rc;

/// More patterns and entries of a split than these are asked for its first block alone: about as many as that may have itself.
pub(super) const ASKED_MAX: u64 = 1_024;

/// See the module.
pub(super) struct First<'a> {
    pub(super) block: Block<'a>,
    /// More is asked of the block alone.
    asked_max: u64,
    /// Whether something was asked of it alone.
    alone: Cell<bool>,
}

impl<'a> First<'a> {
    pub(super) fn new(block: Block<'a>, asked_max: u64) -> Self {
        Self { block, asked_max, alone: Cell::new(false) }
    }

    /// Whether something was asked of the block alone.
    pub(super) fn is_alone(&self) -> bool {
        self.alone.get()
    }

    /// Itself, where so much would have to be asked of the whole split that it is asked of the block alone.
    pub(super) fn alone_for(&self, asked: u64) -> Option<&Self> {
        let alone = asked > self.asked_max;
        self.alone.set(self.alone.get() || alone);
        alone.then_some(self)
    }
}

/// What a block has of a field.
pub(super) struct Own<'a> {
    column: Rc<Column<'a>>,
    /// The patterns of its values.
    pub(super) patterns: Bits,
}

impl<'a> Own<'a> {
    /// `None` when it has no value of it.
    pub(super) fn of(block: &Block<'a>, field: &Field<'a>) -> io::Result<Option<Self>> {
        let column = block.column(field.number)?;
        let mut patterns = Bits::none(field.patterns());
        let mut add = |distinct: &[u32]| distinct.iter().for_each(|pattern| patterns.set(*pattern as usize));
        match &column.stored {
            Stored::None => return Ok(None),
            Stored::Values(values) => add(&values.patterns.distinct),
            Stored::Ordinals(ordinals) => {
                let mut numbers: Vec<usize> = ordinals.distinct.iter().map(|entry| *entry as usize / ROWS_MAX).collect();
                numbers.dedup();
                for number in numbers {
                    add(&column.entries(number)?.patterns.distinct);
                }
            }
        }
        Ok(Some(Self { column, patterns }))
    }

    /// The entries of the field's dictionary that the block has, ascending.
    pub(super) fn entries(&self) -> &[u32] {
        match &self.column.stored {
            Stored::Ordinals(ordinals) => &ordinals.distinct,
            _ => &[],
        }
    }
}
