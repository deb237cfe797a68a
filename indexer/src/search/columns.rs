//! The values of one attribute in the blocks of a split, read out of its columns.
//!
//! An attribute is found in different fields by different shapes; attributes that are kept whole are read as a whole.

use super::predicate::Field;
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::{Block, Decoder, ROWS_MAX, Stored};
use crate::split::pattern::plain_number;
use crate::split::shape;
use crate::split::values::Stream;
use martlog_formats::fields::{self, Scalar};
use std::collections::HashMap;
use std::io;

/// Where the values of an attribute are in a split.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    path: String,
    /// For each shape: (field, how many values of it come before in the shape).
    shapes: Vec<Vec<(u32, usize)>>,
    /// What entries of dictionaries are as numbers, by field.
    numbers: HashMap<u32, HashMap<u32, Option<f64>>>,
    /// What a value that is nothing but a number is multiplied with.
    factor: f64,
    /// Which patterns of a field are one number and nothing else.
    bare: HashMap<u32, HashMap<u32, bool>>,
}

/// A value, or the entry of a dictionary that it is.
pub(super) enum Entries<'v> {
    Entry { field: u32, entry: usize, of: usize },
    Value(Scalar<'v>),
}

impl Wanted {
    /// Looks for an attribute; for another field there is nothing to look for.
    pub(super) fn new(split: &Split, field: &Field) -> io::Result<Self> {
        let Field::Attribute(path) = field else { return Ok(Self::default()) };
        let of = |shape: &shape::Shape| {
            let mut found: Vec<(u32, usize)> = Vec::new();
            for slot in shape.slots_of(path) {
                if let Some(field) = shape.fields.get(slot) {
                    found.push((*field, shape.fields.iter().take(slot).filter(|other| *other == field).count()));
                }
            }
            found
        };
        let mut shapes: Vec<_> = split.head()?.shapes.iter().map(of).collect();
        shapes.iter_mut().take(1).for_each(Vec::clear);
        let factor = fields::field_number(path, "1").unwrap_or(1.0);
        Ok(Self { path: path.clone(), shapes, factor, ..Self::default() })
    }

    /// Gives (which of the found rows, field, place in its column) of each value, and the rows whose attributes are kept whole.
    fn each_place(
        &self,
        block: &Block<'_>,
        found: &Bits,
        mut place: impl FnMut(usize, u32, usize) -> io::Result<()>,
        mut whole: impl FnMut(usize, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let shapes = &block.hot()?.shapes;
        for (nth, row) in found.iter().enumerate() {
            let shape = shapes.get(row).unwrap_or(shape::WHOLE);
            if shape == shape::WHOLE {
                whole(nth, row)?;
                continue;
            }
            for (field, before) in self.shapes.get(shape as usize).into_iter().flatten() {
                let column = block.column(*field)?;
                place(nth, *field, block.start(&column, row)? + before)?;
            }
        }
        Ok(())
    }

    /// The values of found rows; each with the number of its row among them.
    pub(super) fn each_value(&self, block: &Block<'_>, found: &Bits, value: impl FnMut(usize, Entries<'_>)) -> io::Result<()> {
        let value = std::cell::RefCell::new(value);
        let mut text = String::new();
        let place = |nth: usize, field: u32, at: usize| {
            let column = block.column(field)?;
            if let Stored::Ordinals(ordinals) = &column.stored {
                if let Some(entry) = ordinals.get(at) {
                    value.borrow_mut()(nth, Entries::Entry { field, entry: entry as usize, of: column.field.entries_len() });
                }
                return Ok(());
            }
            let kind = column.text(at, block.decoder(), &mut text)?;
            value.borrow_mut()(nth, Entries::Value(shape::scalar(kind, &text)));
            Ok(())
        };
        self.each_place(block, found, place, |nth, row| {
            let mut attributes = String::new();
            block.attributes(row, &mut attributes)?;
            fields::visit(&attributes, &self.path, |scalar| value.borrow_mut()(nth, Entries::Value(scalar)));
            Ok(())
        })
    }

    /// The same, each value read.
    pub(super) fn each_scalar(&self, block: &Block<'_>, found: &Bits, value: impl FnMut(usize, &Scalar<'_>)) -> io::Result<()> {
        let value = std::cell::RefCell::new(value);
        let mut text = String::new();
        let place = |nth: usize, field: u32, at: usize| {
            let kind = block.column(field)?.text(at, block.decoder(), &mut text)?;
            value.borrow_mut()(nth, &shape::scalar(kind, &text));
            Ok(())
        };
        self.each_place(block, found, place, |nth, row| {
            let mut attributes = String::new();
            block.attributes(row, &mut attributes)?;
            fields::visit(&attributes, &self.path, |scalar| value.borrow_mut()(nth, &scalar));
            Ok(())
        })
    }

    /// The numbers of found rows.
    pub(super) fn each_number(&mut self, path: &str, block: &Block<'_>, found: &Bits, number: impl FnMut(usize, f64)) -> io::Result<()> {
        let number = std::cell::RefCell::new(number);
        let (mut numbers, mut bare) = (std::mem::take(&mut self.numbers), std::mem::take(&mut self.bare));
        let factor = self.factor;
        let mut text = String::new();
        let place = |nth: usize, field: u32, at: usize| {
            let column = block.column(field)?;
            let found = match &column.stored {
                Stored::None => None,
                Stored::Ordinals(ordinals) => {
                    let entry = ordinals.get(at).unwrap_or(u32::MAX);
                    let known = numbers.entry(field).or_default();
                    match known.get(&entry) {
                        Some(number) => *number,
                        None => {
                            let kind = column.text(at, block.decoder(), &mut text)?;
                            *known.entry(entry).or_insert(shape::scalar(kind, &text).number(path))
                        }
                    }
                }
                Stored::Values(values) => {
                    let pattern = values.pattern(at)?;
                    let known = bare.entry(field).or_default();
                    let is_bare = match known.get(&pattern) {
                        Some(bare) => *bare,
                        None => {
                            let text = column.field.pattern(pattern, block.decoder())?;
                            *known.entry(pattern).or_insert(matches!(&*text, "n0" | "s0"))
                        }
                    };
                    match values.streams(&column.field, values.group(at))? {
                        [Stream::Numbers { plain, packed }] if is_bare => {
                            let number = packed.get(values.rank(&column.field, at)?);
                            #[allow(clippy::cast_precision_loss)] // As reading its digits does.
                            let number = if *plain { number } else { plain_number(number).0 } as f64;
                            Some(number * factor)
                        }
                        _ => {
                            let kind = column.text(at, block.decoder(), &mut text)?;
                            shape::scalar(kind, &text).number(path)
                        }
                    }
                }
            };
            found.into_iter().for_each(|found| number.borrow_mut()(nth, found));
            Ok(())
        };
        let done = self.each_place(block, found, place, |nth, row| {
            let mut attributes = String::new();
            block.attributes(row, &mut attributes)?;
            fields::visit(&attributes, path, |scalar| scalar.number(path).into_iter().for_each(|found| number.borrow_mut()(nth, found)));
            Ok(())
        });
        (self.numbers, self.bare) = (numbers, bare);
        done
    }

    /// The entries of a field's dictionary that are in the set.
    pub(super) fn each_entry(
        &self,
        split: &Split,
        field: u32,
        entries: &Bits,
        decoder: &Decoder,
        mut value: impl FnMut(&Scalar<'_>),
    ) -> io::Result<()> {
        let field = split.field(field)?;
        let mut text = String::new();
        let mut open = None;
        for entry in entries.iter() {
            let (block, at) = (entry / ROWS_MAX, entry % ROWS_MAX);
            let values = match open.take() {
                Some((number, values)) if number == block => values,
                _ => field.entries(block)?,
            };
            let kind = field.text(&values, at, decoder, &mut text)?;
            value(&shape::scalar(kind, &text));
            open = Some((block, values));
        }
        Ok(())
    }
}
