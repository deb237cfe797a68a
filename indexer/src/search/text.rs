//! What is asked of texts, answered by a split: the index gives candidates among the patterns, the patterns' texts decide where they can, and
//! only values of a pattern that does not decide are read.
//!
//! ```text
//! question ─► candidates   patterns that surely match, and those that may      index, or all
//!          ─► refined      the same after reading the patterns that may
//!          ─► entries      for a dictionary: exactly which of its values match
//!          ─► of_block     rows whose value is of such a pattern, or such an entry
//! ```
//!
//! Attributes that are kept whole are asked as whole rows.

use super::answers::{Answer, Answers};
use super::candidates::{Candidates, Question, Refined, refine};
use super::digits::InDigits;
use super::first::First;
use super::hex::HexPiece;
use super::matches::{Matcher, bounds};
use super::node::{COST_OF_TEXTS, More, rows_one_by_one};
use super::predicate::{Predicate, Test};
use super::together::{Batch, Together};
use crate::split::Split;
use crate::split::ValuesOfShapes;
use crate::split::bits::{Bits, Gathered};
use crate::split::block::{Block, Column, Decoder, ROWS_MAX, Stored};
use crate::split::field::{Field, PatternTexts};
use crate::split::pattern::{self, Slot, Variables};
use crate::split::shape;
use crate::split::shapes::{MESSAGE, WHOLE};
use crate::split::values::Values;
use martlog_formats::fields;
use std::io;
use std::sync::Arc;

/// Entries of a dictionary that are asked before the search is asked whether it goes on.
const ENTRIES_PER_CHECK: usize = 64;
/// Patterns that are looked up one by one for the blocks they are in; of more, every block may have one.
const SPANS_MAX: u64 = 50_000;

/// See the module.
pub(super) struct Leaf<'a> {
    predicate: &'a Predicate,
    question: Question<'a>,
    fields: Vec<FieldLeaf<'a>>,
    /// Which values count, by shape.
    values: Counted<'a>,
    /// Shapes whose own text has what is asked for: every row matches.
    all: Vec<bool>,
    /// Shapes whose rows have to be read whole.
    read: Vec<bool>,
    /// Blocks with attributes that are kept whole.
    whole: Bits,
    /// An expression that texts are asked all at once.
    together: Option<Together>,
}

/// Which values of each shape count.
enum Counted<'a> {
    None,
    All(&'a [shape::Shape]),
    Of(Arc<ValuesOfShapes>),
}

impl Counted<'_> {
    fn of(&self, shape: u32) -> &[(u32, u32)] {
        let shape = shape as usize;
        match self {
            Self::None => &[],
            _ if shape == shape::WHOLE as usize => &[],
            Self::All(shapes) => shapes.get(shape).map(|shape| shape.all.as_slice()).unwrap_or_default(),
            Self::Of(values) => values.get(shape).map(Vec::as_slice).unwrap_or_default(),
        }
    }
}

/// What a question is to a field.
struct FieldLeaf<'a> {
    field: Field<'a>,
    refined: Refined,
    /// Exactly the entries that match.
    entries: Option<Bits>,
    /// What a number is multiplied with before it is compared.
    factor: Option<f64>,
    /// The bytes of an id that is nothing but hex digits, or a UUID.
    id: Option<Vec<u8>>,
    /// A piece of an id that is looked for.
    hex: Option<HexPiece>,
}

impl<'a> Leaf<'a> {
    /// `None` when no row of the split, or of its first rows where only these are asked, can match.
    pub(super) fn new<'f>(
        predicate: &'a Predicate,
        question: Question<'a>,
        split: &'a Split,
        first: Option<&First<'f>>,
        decoder: &Decoder,
        more: More<'_>,
    ) -> io::Result<Option<Self>>
    where
        'a: 'f,
    {
        let head = split.head()?;
        let of_message = matches!(question, Question::Message(_));
        let whole = if of_message { Bits::none(head.blocks.len()) } else { whole_blocks(split)? };
        let values = match question {
            Question::Message(_) => Counted::None,
            Question::Attribute(path, _) => Counted::Of(head.values_of(path)),
            _ => Counted::All(&head.shapes),
        };
        let together = Together::of(&question);
        let mut leaf = Self { predicate, question, fields: Vec::new(), values, all: Vec::new(), read: Vec::new(), whole, together };
        leaf.ask_shapes(&head.shapes);
        let candidates = Candidates::find(&question, split, more)?;
        let fields: io::Result<Vec<Field<'a>>> = leaf.wanted(split)?.into_iter().map(|number| split.field(number)).collect();
        let fields: Vec<Field<'a>> = fields?.into_iter().filter(|field| candidates.may_be_of(field)).collect();
        let work = || fields.iter().map(|field| candidates.work(field)).sum();
        let first = first.map(|first| first.alone_for(work())).transpose()?.flatten();
        for field in fields {
            if let Some(of_field) = FieldLeaf::new(field, &leaf.question, leaf.together.as_ref(), &candidates, first, decoder, more)? {
                leaf.fields.push(of_field);
            }
        }
        Ok((!leaf.fields.is_empty() || leaf.by_shape() || !leaf.whole.is_empty()).then_some(leaf))
    }

    /// A piece of text may lie in the keys of attributes, or over the edge of a value.
    fn ask_shapes(&mut self, shapes: &[shape::Shape]) {
        let Question::Literal(piece) = self.question else { return };
        for (number, shape) in shapes.iter().enumerate() {
            let own = number != shape::WHOLE as usize;
            let all = own && shape.text.split(shape::SLOT).any(|segment| segment.contains(piece));
            // Values that no search of all texts looks at are still part of the attributes' text.
            let read = own && !all && (reaches_over(piece, &shape.text) || shape.seen.contains(&false));
            self.all.push(all);
            self.read.push(read);
        }
    }

    fn by_shape(&self) -> bool {
        self.all.contains(&true) || self.read.contains(&true)
    }

    /// The fields that have values which count.
    fn wanted(&self, split: &Split) -> io::Result<Vec<u32>> {
        let count = u32::try_from(split.head()?.fields.len()).unwrap_or(u32::MAX);
        Ok(match &self.values {
            Counted::None => vec![MESSAGE],
            Counted::All(_) => (0..count).filter(|field| *field != WHOLE).collect(),
            Counted::Of(values) => {
                let mut fields: Vec<u32> = values.iter().skip(1).flatten().map(|(field, _)| *field).collect();
                fields.sort_unstable();
                fields.dedup();
                fields
            }
        })
    }

    pub(super) fn cost(&self) -> u32 {
        let maybe = self.fields.iter().any(|field| field.entries.is_none() && !field.refined.maybe.is_empty());
        let fields = u32::try_from(self.fields.len()).unwrap_or(u32::MAX);
        if maybe { COST_OF_TEXTS } else { 2 + fields }
    }

    /// The blocks, of so many, that can have a matching row.
    pub(super) fn blocks(&self, count: usize) -> Bits {
        let mut any = self.whole.clone();
        for field in &self.fields {
            if any.is_full() {
                break;
            }
            field.add_blocks(&mut any);
        }
        if self.by_shape() { Bits::all(count) } else { any }
    }

    /// Which of these rows match.
    pub(super) fn of_block(&self, block: &Block<'a>, within: &Bits, row: More<'_>) -> io::Result<Bits> {
        let mut found = Bits::none(block.meta.rows);
        if self.whole.has(block.number()) || self.by_shape() {
            self.rows_by_shape(block, within, &mut found, row)?;
        }
        for field in &self.fields {
            // The text of a value is read only where its row is not found yet.
            field.of_block(block, self, within, &mut found, row)?;
        }
        found.and(within);
        Ok(found)
    }

    fn rows_by_shape(&self, block: &Block<'_>, within: &Bits, found: &mut Bits, row: More<'_>) -> io::Result<()> {
        let shapes = &block.hot()?.shapes;
        let all = shapes.passes(|shape| self.all.get(shape as usize) == Some(&true));
        if all.any {
            *found = Bits::collect(block.meta.rows, |row| all.at(row));
        }
        let is_whole = |shape: u32| shape == shape::WHOLE && !matches!(self.question, Question::Message(_));
        let read = shapes.passes(|shape| is_whole(shape) || self.read.get(shape as usize) == Some(&true));
        if read.any {
            let mut open = Bits::collect(block.meta.rows, |row| read.at(row));
            open.and(within);
            open.and_not(found);
            found.or(&rows_one_by_one(&Matcher::of_few(self.predicate), block, &open, row)?);
        }
        Ok(())
    }
}

/// Whether a piece of text can lie over the edge of a value of this shape.
fn reaches_over(piece: &str, shape: &str) -> bool {
    let segments: Vec<&str> = shape.split(shape::SLOT).collect();
    let begins_value = |text: &str| text.starts_with(|first: char| matches!(first, '"' | '-' | '0'..='9' | 't' | 'f' | 'n'));
    let ends_value = |text: &str| text.ends_with(|last: char| matches!(last, '"' | '0'..='9' | 'e' | 'l'));
    piece.char_indices().skip(1).any(|(at, _)| {
        let (left, right) = piece.split_at(at);
        segments.iter().enumerate().any(|(number, segment)| {
            let into = number + 1 < segments.len() && begins_value(right) && (segment.ends_with(left) || left.ends_with(segment));
            let out = number > 0 && ends_value(left) && (segment.starts_with(right) || right.starts_with(segment));
            into || out
        })
    })
}

fn whole_blocks(split: &Split) -> io::Result<Bits> {
    let mut blocks = Bits::none(split.head()?.blocks.len());
    let whole = split.field(WHOLE)?;
    for pattern in 0..whole.patterns() {
        let (first, last) = whole.blocks_of(pattern);
        if whole.has_dictionary() {
            return Ok(Bits::all(blocks.len()));
        }
        (first..=last.min(blocks.len())).for_each(|block| blocks.set(block));
    }
    Ok(blocks)
}

impl<'a> FieldLeaf<'a> {
    fn new<'f>(
        field: Field<'a>,
        question: &Question<'_>,
        together: Option<&Together>,
        candidates: &Candidates<'_>,
        first: Option<&First<'f>>,
        decoder: &Decoder,
        more: More<'_>,
    ) -> io::Result<Option<Self>>
    where
        'a: 'f,
    {
        let own = match first.map(|first| first.own(&field)).transpose()? {
            Some(None) => return Ok(None),
            own => own.flatten(),
        };
        let refined = refine(&field, question, together, candidates, own.as_ref().map(|own| &own.patterns), decoder, more)?;
        let factor = match question {
            Question::Attribute(path, Test::Number { .. }) => fields::field_number(path, "1"),
            Question::Message(Test::Number { .. }) => Some(1.0),
            _ => None,
        };
        let mut leaf = Self { field, refined, entries: None, factor, id: bytes_of_id(question), hex: HexPiece::of(question) };
        if leaf.refined.is_empty() {
            return Ok(None);
        }
        if leaf.field.has_dictionary() {
            let entries = leaf.find_entries(question, together, own.as_ref().map(|own| own.entries.as_slice()), decoder, more)?;
            if entries.is_empty() {
                return Ok(None);
            }
            leaf.entries = Some(entries);
        }
        Ok(Some(leaf))
    }

    /// Exactly the entries of the dictionary that match; of these, ascending, if only they are asked.
    fn find_entries(
        &self,
        question: &Question<'_>,
        together: Option<&Together>,
        asked: Option<&[u32]>,
        decoder: &Decoder,
        more: More<'_>,
    ) -> io::Result<Bits> {
        let mut found = Bits::none(self.field.entries_len());
        let mut blocks = Bits::none(self.field.entry_blocks());
        self.add_spans(&mut blocks);
        if let Some(asked) = asked {
            let mut own = Bits::none(blocks.len());
            asked.iter().for_each(|entry| own.set(*entry as usize / ROWS_MAX));
            blocks.and(&own);
        }
        let is_asked = |entry: usize| asked.is_none_or(|asked| u32::try_from(entry).is_ok_and(|entry| asked.binary_search(&entry).is_ok()));
        let mut text = String::new();
        for number in blocks.iter() {
            let may = self.refined.may(|keys| self.field.may_have(number, keys))?;
            if !may && self.refined.yes.is_empty() {
                continue;
            }
            let values = self.field.entries(number)?;
            let answers = self.answers(question, together, &values, may)?;
            if answers.none() {
                continue;
            }
            let mut patterns = PatternTexts::new(matches!(question, Question::Word(_)));
            let mut batch = together.map(Batch::new);
            for at in 0..values.len() {
                if at % ENTRIES_PER_CHECK == 0 {
                    more()?;
                }
                let entry = number * ROWS_MAX + at;
                if !is_asked(entry) {
                    continue;
                }
                let matches = match answers.of(&values, &self.field, at)? {
                    Some(matches) => matches,
                    None => {
                        let kind = patterns.text(&self.field, &values, at, decoder, &mut text)?;
                        batch.as_mut().map_or_else(|| question.passes(kind, &text), |batch| batch.later(entry, kind, &text))
                    }
                };
                if matches {
                    found.set(entry);
                }
            }
            batch.into_iter().for_each(|batch| batch.matching(|entry| found.set(entry)));
        }
        Ok(found)
    }

    /// Adds the blocks of rows that can have a value that matches.
    fn add_blocks(&self, blocks: &mut Bits) {
        let Some(entries) = &self.entries else { return self.add_spans(blocks) };
        let entries: Vec<u32> = entries.iter().filter_map(|entry| u32::try_from(entry).ok()).collect();
        for block in 0..blocks.len() {
            if !blocks.has(block) && self.field.block_may_have(block, &entries) {
                blocks.set(block);
            }
        }
    }

    /// Adds the blocks of values that have a pattern which matches or may.
    fn add_spans(&self, blocks: &mut Bits) {
        if self.refined.yes.count() + self.refined.maybe.count() > SPANS_MAX {
            *blocks = Bits::all(blocks.len());
            return;
        }
        for pattern in self.refined.yes.iter().chain(self.refined.maybe.iter()) {
            let (first, last) = self.field.blocks_of(pattern);
            (first..=last.min(blocks.len())).for_each(|block| blocks.set(block));
        }
    }

    fn of_block(&self, block: &Block<'a>, leaf: &Leaf<'a>, within: &Bits, found: &mut Bits, row: More<'_>) -> io::Result<()> {
        // What variables a block has is told by its filter, without reading them.
        let may = self.entries.is_some() || self.refined.may(|keys| block.may_have(keys))?;
        if !may && self.refined.yes.is_empty() {
            return Ok(());
        }
        let column = block.column(self.field.number)?;
        match &column.stored {
            Stored::None => Ok(()),
            Stored::Ordinals(ordinals) => {
                let Some(entries) = &self.entries else { return Ok(()) };
                let passes = ordinals.passes(|entry| entries.has(entry as usize));
                if passes.any {
                    self.spread(block, &column, leaf, &passes.bits(), found)?;
                }
                Ok(())
            }
            Stored::Values(values) => {
                let answers = self.answers(&leaf.question, leaf.together.as_ref(), values, may)?;
                if answers.none() {
                    return Ok(());
                }
                if !answers.read {
                    return self.spread(block, &column, leaf, &answers.bits(values, &self.field)?, found);
                }
                let (mut text, mut patterns) = (String::new(), PatternTexts::new(matches!(leaf.question, Question::Word(_))));
                let decoder = block.decoder();
                let mut batch = leaf.together.as_ref().map(Batch::new);
                self.each_value(block, &column, leaf, within, found, |number, at| {
                    Ok(match answers.of(values, &self.field, at)? {
                        Some(passes) => passes,
                        None => {
                            row()?;
                            let kind = patterns.text(&self.field, values, at, decoder, &mut text)?;
                            batch.as_mut().map_or_else(|| leaf.question.passes(kind, &text), |batch| batch.later(number, kind, &text))
                        }
                    })
                })?;
                batch.into_iter().for_each(|batch| batch.matching(|row| found.set(row)));
                Ok(())
            }
        }
    }

    /// Adds the rows of which one of these values counts.
    fn spread(&self, block: &Block<'a>, column: &Column<'a>, leaf: &Leaf<'a>, values: &Bits, found: &mut Bits) -> io::Result<()> {
        if self.field.number == MESSAGE {
            found.or(values);
            return Ok(());
        }
        let counted = self.counted(block, leaf)?;
        if column.is_one(block)? && counted.iter().all(|of| of == &[0]) {
            found.or(values);
            return Ok(());
        }
        // Mostly a row has one value of a field, or none.
        if counted.iter().all(|of| of.is_empty() || of == &[0]) {
            let has: Vec<bool> = counted.iter().map(|of| !of.is_empty()).collect();
            let mut rows = Gathered::new();
            block.each_row_of(column, |_, place, start| rows.push(has.get(place) == Some(&true) && values.has(start)))?;
            found.or(&rows.bits());
            return Ok(());
        }
        block.each_row_of(column, |row, place, start| {
            if counted.get(place).is_some_and(|of| of.iter().any(|nth| values.has(start + nth))) {
                found.set(row);
            }
        })
    }

    /// Which of a row's values of the field count, by the place of its shape among the block's.
    fn counted(&self, block: &Block<'a>, leaf: &Leaf<'a>) -> io::Result<Vec<Vec<usize>>> {
        let of = |shape: &u32| {
            let own = leaf.values.of(*shape).iter().filter(|(field, _)| *field == self.field.number);
            own.map(|(_, nth)| *nth as usize).collect()
        };
        Ok(block.hot()?.shapes.distinct.iter().map(of).collect())
    }

    /// Finds the rows of which a value passes.
    fn each_value(
        &self,
        block: &Block<'a>,
        column: &Column<'a>,
        leaf: &Leaf<'a>,
        within: &Bits,
        found: &mut Bits,
        mut passes: impl FnMut(usize, usize) -> io::Result<bool>,
    ) -> io::Result<()> {
        if self.field.number == MESSAGE {
            for row in within.iter() {
                if !found.has(row) && passes(row, row)? {
                    found.set(row);
                }
            }
            return Ok(());
        }
        let (shapes, counted) = (&block.hot()?.shapes, self.counted(block, leaf)?);
        if counted.iter().all(Vec::is_empty) {
            return Ok(());
        }
        for row in within.iter() {
            let places = usize::try_from(shapes.places.get(row)).ok().and_then(|place| counted.get(place));
            let Some(places) = places.filter(|places| !places.is_empty() && !found.has(row)) else { continue };
            let start = block.start(column, row)?;
            for nth in places {
                if passes(row, start + nth)? {
                    found.set(row);
                    break;
                }
            }
        }
        Ok(())
    }

    /// What is to be done with the values of each distinct pattern; `may` says whether variables can matter at all.
    fn answers(&self, question: &Question<'_>, together: Option<&Together>, values: &Values<'a>, may: bool) -> io::Result<Answers> {
        let distinct = &values.patterns.distinct;
        let mut answers = Answers::new(distinct.len());
        for group in self.refined.places_in(distinct) {
            let pattern = distinct.get(group).map_or(usize::MAX, |pattern| *pattern as usize);
            let answer = match () {
                () if self.refined.yes.has(pattern) => Answer::Yes,
                () if may && self.refined.maybe.has(pattern) => match self.variables(question, together, values, group, pattern)? {
                    Some(each) if each.is_empty() => Answer::No,
                    Some(each) => answers.each(each),
                    None => Answer::Read,
                },
                () => Answer::No,
            };
            answers.any |= answer != Answer::No;
            answers.read |= answer == Answer::Read;
            answers.of.iter_mut().skip(group).take(1).for_each(|own| *own = answer);
        }
        Ok(answers)
    }

    /// Which values of a pattern match, by their place among them, where that depends on their variables; `None` where they have to be read.
    fn variables(
        &self,
        question: &Question<'_>,
        together: Option<&Together>,
        values: &Values<'a>,
        group: usize,
        pattern: usize,
    ) -> io::Result<Option<Bits>> {
        if let Some(digits) = together.filter(|_| self.refined.ids.has(pattern)).and_then(Together::in_digits) {
            return in_ids(digits, &values.ids(&self.field, group)?).map(Some);
        }
        if let Some(hex) = &self.hex
            && self.refined.ids.has(pattern)
            && let Some((slot, bytes)) = values.bytes(&self.field, group)?
        {
            let (size, of_slot) = (slot.bytes().max(1), hex.values(slot));
            let is_in = |rank: usize| bytes.get(rank * size..(rank + 1) * size).is_some_and(|bytes| hex.is_in(of_slot, bytes));
            return Ok(Some(Bits::collect(bytes.len() / size, is_in)));
        }
        let test = match question {
            Question::Attribute(_, test) | Question::Message(test) => test,
            _ => return Ok(None),
        };
        if let Some(factor) = self.factor
            && self.refined.numbers.has(pattern)
            && let Some(numbers) = values.numbers(&self.field, group)?
        {
            let (low, high) = bounds(test);
            #[allow(clippy::cast_precision_loss)] // As reading its digits does.
            let pass = |number: u64| (number as f64 * factor >= low) & (number as f64 * factor <= high);
            let mut passing = Gathered::new();
            numbers.for_each(|number| passing.push(pass(number)));
            return Ok(Some(passing.bits()));
        }
        if let Some(id) = &self.id
            && let Some((slot, bytes)) = values.bytes(&self.field, group)?
        {
            let (size, count) = (slot.bytes(), bytes.len() / slot.bytes().max(1));
            return Ok(Some(Bits::collect(count, |rank| bytes.get(rank * size..(rank + 1) * size) == Some(id))));
        }
        Ok(None)
    }
}

/// Which values have a match in the digits of one of their ids.
fn in_ids(digits: &InDigits, ids: &[(Slot, &[u8])]) -> io::Result<Bits> {
    let mut found: Option<Bits> = None;
    for (slot, bytes) in ids {
        let mut matching = Gathered::new();
        bytes.chunks_exact(slot.bytes().max(1)).for_each(|value| matching.push(digits.is_in(*slot, value)));
        match &mut found {
            Some(found) => found.or(&matching.bits()),
            None => found = Some(matching.bits()),
        }
    }
    found.ok_or_else(|| io::Error::other("a pattern that has ids has none"))
}

/// The bytes of an id that is asked for where a value is a variable and nothing else: only patterns that can be it are asked.
fn bytes_of_id(question: &Question<'_>) -> Option<Vec<u8>> {
    let Question::Attribute(path, Test::Equals(wanted)) = question else { return None };
    let (mut pattern, mut variables) = (String::new(), Variables::default());
    pattern::cut(wanted.trim(), &mut pattern, &mut variables);
    let mut slots = pattern::slots(&pattern);
    let is_bytes = matches!((slots.next(), slots.next()), (Some(Slot::Hex { .. } | Slot::Uuid { .. }), None));
    (is_bytes && fields::is_verbatim(path)).then_some(variables.bytes)
}
