//! The values of one attribute in the blocks of a split, read out of its columns.
//!
//! An attribute is found in different fields by different shapes; attributes that are kept whole are read as a whole.

use super::predicate::Field;
use crate::split::bits::Bits;
use crate::split::block::{Block, Column, Decoder, ROWS_MAX, Stored};
use crate::split::field::PatternTexts;
use crate::split::packed::Coded;
use crate::split::shape;
use crate::split::values::Values;
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

/// The values of one field that count in a block.
pub(super) struct Places<'a> {
    pub(super) column: Rc<Column<'a>>,
    /// Which of a row's values of the field count, by the place of its shape among the block's.
    counted: Vec<Vec<usize>>,
    /// Each row has one value, and it counts.
    one: bool,
    /// Every value counts.
    all: bool,
}

impl<'a> Places<'a> {
    /// Hands out the values of found rows: which of the rows, and the value's place in the column.
    pub(super) fn each(&self, block: &Block<'a>, found: &Bits, mut value: impl FnMut(usize, usize)) -> io::Result<()> {
        if self.one {
            found.iter().enumerate().for_each(|(nth, row)| value(nth, row));
            return Ok(());
        }
        let counted = |place: usize| self.counted.get(place).map(Vec::as_slice).unwrap_or_default();
        if found.is_full() {
            return block
                .each_row_of(&self.column, |row, place, start| counted(place).iter().for_each(|before| value(row, start + before)));
        }
        let shapes = &block.hot()?.shapes;
        for (nth, row) in found.iter().enumerate() {
            let counted = counted(usize::try_from(shapes.places.get(row)).unwrap_or(usize::MAX));
            if !counted.is_empty() {
                let start = block.start(&self.column, row)?;
                counted.iter().for_each(|before| value(nth, start + before));
            }
        }
        Ok(())
    }

    /// The same as a list.
    pub(super) fn of(&self, block: &Block<'a>, found: &Bits) -> io::Result<Vec<(usize, usize)>> {
        let mut of = Vec::new();
        self.each(block, found, |nth, at| of.push((nth, at)))?;
        Ok(of)
    }

    /// Whether every value of the column counts, when all rows are found.
    pub(super) fn all(&self) -> bool {
        self.all
    }
}

impl Wanted {
    /// Looks for an attribute; for another field there is nothing to look for.
    pub(super) fn new(split: &Split, field: &Field) -> io::Result<Self> {
        let Field::Attribute(path) = field else { return Ok(Self::default()) };
        let factor = fields::field_number(path, "1").unwrap_or(1.0);
        Ok(Self { path: path.clone(), values: Some(split.head()?.values_of(path)), factor, ..Self::default() })
    }

    /// The values that count in a block, field by field.
    pub(super) fn places<'a>(&self, block: &Block<'a>) -> io::Result<Vec<Places<'a>>> {
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
        let of_field = |field: u32| {
            let column = block.column(field)?;
            let before =
                |values: &&[(u32, u32)]| values.iter().filter(|(own, _)| *own == field).map(|(_, before)| *before as usize).collect();
            let counted: Vec<Vec<usize>> = values.iter().map(before).collect();
            let counts = block.counts(field)?;
            let all = counts.iter().zip(&counted).all(|(count, counted)| *count as usize == counted.len());
            let one = all && counts.iter().all(|count| *count == 1);
            Ok(Places { column, counted, one, all })
        };
        fields.into_iter().map(of_field).collect()
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
        for places in self.places(block)? {
            for (nth, at) in places.of(block, found)? {
                let kind = places.column.text(at, block.decoder(), &mut text)?;
                value(nth, &shape::scalar(kind, &text));
            }
        }
        self.each_of_whole(block, found, value)
    }

    /// The numbers of all rows, without saying whose they are; `None` where that takes as long as [`Self::numbers`], or some do not count. Those that are no number are NaN.
    pub(super) fn numbers_of_all(&mut self, block: &Block<'_>) -> io::Result<Option<Vec<f64>>> {
        let places = self.places(block)?;
        if block.hot()?.shapes.distinct.contains(&shape::WHOLE) || !places.iter().all(Places::all) {
            return Ok(None);
        }
        let mut all = Vec::new();
        for places in places {
            let numbers = self.numbers_of_column(&places, block.decoder())?;
            if all.is_empty() { all = numbers } else { all.extend(numbers) }
        }
        Ok(Some(all))
    }

    /// A column's values as numbers; not a number (NaN) where they are none.
    fn numbers_of_column<'a>(&mut self, places: &Places<'a>, decoder: &Decoder) -> io::Result<Vec<f64>> {
        match &places.column.stored {
            Stored::None => Ok(Vec::new()),
            Stored::Ordinals(ordinals) => {
                let mut entries = vec![f64::NAN; ordinals.distinct.len()];
                self.numbers_of_entries(places, ordinals, decoder, &mut entries)?;
                let entry = |place: u64| usize::try_from(place).ok().and_then(|place| entries.get(place)).copied().unwrap_or(f64::NAN);
                let mut numbers = Vec::with_capacity(places.column.len());
                ordinals.places.for_each(|place| numbers.push(entry(place)));
                Ok(numbers)
            }
            Stored::Values(values) => self.numbers_of_values(places, values, decoder),
        }
    }

    /// The numbers of found rows, with the number of the row among them.
    pub(super) fn numbers(&mut self, block: &Block<'_>, found: &Bits) -> io::Result<Vec<(usize, f64)>> {
        let mut all = Vec::with_capacity(block.meta.rows);
        for places in self.places(block)? {
            let numbers = self.numbers_of_column(&places, block.decoder())?;
            places.each(block, found, |nth, at| match numbers.get(at) {
                Some(found) if !found.is_nan() => all.push((nth, *found)),
                _ => {}
            })?;
        }
        let path = self.path.clone();
        self.each_of_whole(block, found, |nth, scalar| all.extend(scalar.number(&path).map(|found| (nth, found))))?;
        Ok(all)
    }

    /// What the entries of a block are as numbers; not a number (NaN) where they are none.
    fn numbers_of_entries(&mut self, places: &Places<'_>, ordinals: &Coded<'_>, decoder: &Decoder, numbers: &mut [f64]) -> io::Result<()> {
        let field = &places.column.field;
        let known = self.numbers.entry(field.number).or_insert_with(|| vec![Known::NotYet; field.entries_len()]);
        let mut text = String::new();
        for (entry, number) in ordinals.distinct.iter().zip(numbers) {
            let Some(known) = known.get_mut(*entry as usize) else { continue };
            if matches!(known, Known::NotYet) {
                let kind = places.column.entry(*entry as usize, decoder, &mut text)?;
                *known = shape::scalar(kind, &text).number(&self.path).map_or(Known::No, Known::Number);
            }
            if let Known::Number(known) = known {
                *number = *known;
            }
        }
        Ok(())
    }

    /// What values are as numbers; not a number (NaN) where they are none.
    fn numbers_of_values<'a>(&mut self, places: &Places<'a>, values: &Values<'a>, decoder: &Decoder) -> io::Result<Vec<f64>> {
        let field = &places.column.field;
        let bare = self.bare.entry(field.number).or_default();
        let mut groups: Vec<Option<Vec<f64>>> = Vec::with_capacity(values.patterns.distinct.len());
        for (group, pattern) in values.patterns.distinct.iter().enumerate() {
            let is_bare = match bare.get(pattern) {
                Some(is_bare) => *is_bare,
                None => {
                    let is_bare = matches!(&*field.pattern(*pattern, decoder)?, "n0" | "s0");
                    *bare.entry(*pattern).or_insert(is_bare)
                }
            };
            groups.push(match values.numbers(field, group)? {
                Some(found) if is_bare => {
                    let mut numbers = Vec::with_capacity(values.len());
                    #[allow(clippy::cast_precision_loss)] // As reading its digits does.
                    found.for_each(|number| numbers.push(number as f64 * self.factor));
                    Some(numbers)
                }
                _ => None,
            });
        }
        if let [numbers @ Some(_)] = groups.as_mut_slice() {
            return Ok(numbers.take().unwrap_or_default());
        }
        let mut text = String::new();
        let mut numbers = Vec::with_capacity(values.len());
        for at in 0..values.len() {
            numbers.push(match groups.get(values.group(at)) {
                Some(Some(of_group)) => of_group.get(values.rank(field, at)?).copied().unwrap_or(f64::NAN),
                _ => {
                    let kind = places.column.text(at, decoder, &mut text)?;
                    shape::scalar(kind, &text).number(&self.path).unwrap_or(f64::NAN)
                }
            });
        }
        Ok(numbers)
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
        let mut entries = entries.iter().peekable();
        while let Some(block) = entries.peek().map(|entry| entry / ROWS_MAX) {
            let (values, mut patterns) = (field.entries(block)?, PatternTexts::default());
            while let Some(entry) = entries.next_if(|entry| entry / ROWS_MAX == block) {
                let kind = patterns.text(&field, &values, entry % ROWS_MAX, decoder, &mut text)?;
                value(&shape::scalar(kind, &text));
            }
        }
        Ok(())
    }
}
