//! The values of one attribute in the blocks of a split, read out of its columns.
//!
//! An attribute is found in different fields by different shapes; attributes that are kept whole are read as a whole.

use super::predicate::Field;
use crate::split::bits::Bits;
use crate::split::block::{Block, Column, Decoder, ROWS_MAX, Stored};
use crate::split::packed::Coded;
use crate::split::pattern::plain_number;
use crate::split::shape;
use crate::split::values::{Stream, Values};
use crate::split::{Split, ValuesOfShapes};
use martlog_formats::fields::{self, Scalar};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

/// Where the values of an attribute are in a split.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    path: String,
    /// By shape.
    values: Option<Arc<ValuesOfShapes>>,
    /// What entries of dictionaries are as numbers, by field.
    numbers: HashMap<u32, Vec<Known>>,
    /// What a value that is nothing but a number is multiplied with.
    factor: f64,
    /// Patterns of a field that are one number and nothing else, as far as they were looked at.
    bare: HashMap<u32, HashMap<u32, bool>>,
}

/// What an entry is as a number.
#[derive(Debug, Clone, Copy, Default)]
enum Known {
    #[default]
    NotYet,
    No,
    Number(f64),
}

/// The values of one field that found rows have: (which of the rows, place in the column).
pub(super) struct Places<'a> {
    pub(super) column: Rc<Column<'a>>,
    pub(super) of: Vec<(usize, usize)>,
}

impl Wanted {
    /// Looks for an attribute; for another field there is nothing to look for.
    pub(super) fn new(split: &Split, field: &Field) -> io::Result<Self> {
        let Field::Attribute(path) = field else { return Ok(Self::default()) };
        let factor = fields::field_number(path, "1").unwrap_or(1.0);
        Ok(Self { path: path.clone(), values: Some(split.head()?.values_of(path)), factor, ..Self::default() })
    }

    /// The values of found rows, field by field.
    pub(super) fn places<'a>(&self, block: &Block<'a>, found: &Bits) -> io::Result<Vec<Places<'a>>> {
        let shapes = &block.hot()?.shapes;
        let none: &[(u32, u32)] = &[];
        let of = |shape: &u32| match &self.values {
            Some(values) if *shape != shape::WHOLE => values.get(*shape as usize).map_or(none, Vec::as_slice),
            _ => none,
        };
        let values: Vec<&[(u32, u32)]> = shapes.distinct.iter().map(of).collect();
        let mut fields: Vec<u32> = values.iter().flat_map(|values| values.iter().map(|(field, _)| *field)).collect();
        fields.sort_unstable();
        fields.dedup();
        let mut all = Vec::with_capacity(fields.len());
        for field in fields {
            let column = block.column(field)?;
            let mut places = Vec::with_capacity(block.meta.rows);
            for (nth, row) in found.iter().enumerate() {
                let values = usize::try_from(shapes.places.get(row)).ok().and_then(|place| values.get(place)).copied().unwrap_or_default();
                for (_, before) in values.iter().filter(|(own, _)| *own == field) {
                    places.push((nth, block.start(&column, row)? + *before as usize));
                }
            }
            all.push(Places { column, of: places });
        }
        Ok(all)
    }

    /// The values of found rows whose attributes are kept whole.
    pub(super) fn each_of_whole(&self, block: &Block<'_>, found: &Bits, mut value: impl FnMut(usize, &Scalar<'_>)) -> io::Result<()> {
        let shapes = &block.hot()?.shapes;
        if self.values.is_none() || !shapes.distinct.contains(&shape::WHOLE) {
            return Ok(());
        }
        let mut attributes = String::new();
        for (nth, row) in found.iter().enumerate() {
            if shapes.get(row) == Some(shape::WHOLE) {
                block.attributes(row, &mut attributes)?;
                fields::visit(&attributes, &self.path, |scalar| value(nth, &scalar));
            }
        }
        Ok(())
    }

    /// The values of found rows, each read, with the number of its row among them.
    pub(super) fn each_scalar(&self, block: &Block<'_>, found: &Bits, mut value: impl FnMut(usize, &Scalar<'_>)) -> io::Result<()> {
        let mut text = String::new();
        for places in self.places(block, found)? {
            for (nth, at) in &places.of {
                let kind = places.column.text(*at, block.decoder(), &mut text)?;
                value(*nth, &shape::scalar(kind, &text));
            }
        }
        self.each_of_whole(block, found, value)
    }

    /// The numbers of found rows.
    pub(super) fn each_number(&mut self, block: &Block<'_>, found: &Bits, mut number: impl FnMut(usize, f64)) -> io::Result<()> {
        for places in self.places(block, found)? {
            match &places.column.stored {
                Stored::None => {}
                Stored::Ordinals(ordinals) => self.numbers_of_entries(&places, ordinals, block.decoder(), &mut number)?,
                Stored::Values(values) => self.numbers_of_values(&places, values, block.decoder(), &mut number)?,
            }
        }
        let path = self.path.clone();
        self.each_of_whole(block, found, |nth, scalar| scalar.number(&path).into_iter().for_each(|found| number(nth, found)))
    }

    fn numbers_of_entries(
        &mut self,
        places: &Places<'_>,
        ordinals: &Coded<'_>,
        decoder: &Decoder,
        number: &mut impl FnMut(usize, f64),
    ) -> io::Result<()> {
        let field = &places.column.field;
        let known = self.numbers.entry(field.number).or_insert_with(|| vec![Known::NotYet; field.entries_len()]);
        let mut text = String::new();
        for (nth, at) in &places.of {
            let Some(entry) = ordinals.get(*at).and_then(|entry| known.get_mut(entry as usize)) else { continue };
            if matches!(entry, Known::NotYet) {
                let kind = places.column.text(*at, decoder, &mut text)?;
                *entry = shape::scalar(kind, &text).number(&self.path).map_or(Known::No, Known::Number);
            }
            if let Known::Number(found) = entry {
                number(*nth, *found);
            }
        }
        Ok(())
    }

    fn numbers_of_values<'a>(
        &mut self,
        places: &Places<'a>,
        values: &Values<'a>,
        decoder: &Decoder,
        number: &mut impl FnMut(usize, f64),
    ) -> io::Result<()> {
        let field = &places.column.field;
        let bare = self.bare.entry(field.number).or_default();
        let mut groups = Vec::with_capacity(values.patterns.distinct.len());
        for (group, pattern) in values.patterns.distinct.iter().enumerate() {
            let is_bare = match bare.get(pattern) {
                Some(is_bare) => *is_bare,
                None => {
                    let is_bare = matches!(&*field.pattern(*pattern, decoder)?, "n0" | "s0");
                    *bare.entry(*pattern).or_insert(is_bare)
                }
            };
            groups.push(match values.streams(field, group)? {
                [Stream::Numbers { plain, packed }] if is_bare => Some((*plain, *packed)),
                _ => None,
            });
        }
        let mut text = String::new();
        for (nth, at) in &places.of {
            if let Some(Some((plain, packed))) = groups.get(values.group(*at)) {
                let found = packed.get(values.rank(field, *at)?);
                #[allow(clippy::cast_precision_loss)] // As reading its digits does.
                let found = if *plain { found } else { plain_number(found).0 } as f64;
                number(*nth, found * self.factor);
            } else {
                let kind = places.column.text(*at, decoder, &mut text)?;
                shape::scalar(kind, &text).number(&self.path).into_iter().for_each(|found| number(*nth, found));
            }
        }
        Ok(())
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
