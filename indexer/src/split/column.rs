//! The values of one field while a split is built: each distinct one once, as the number of its pattern and its variables.
//!
//! A pattern begins with the kind letter of [`super::shape`]. Values come in the order of rows; where a text has several values (an array), one behind the other. Values that
//! come again are looked for until it shows that they hardly do.

use super::block::ROWS_MAX;
use super::pattern::{self, Variables};
use hashbrown::HashTable;
use std::borrow::Cow;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Values after which it is decided whether it goes on looking for those that come again.
const SAMPLE: usize = 4_096;
/// A dictionary has to save this much of the field, per cent: reading through it costs a step more.
const DICTIONARY_SAVES: u64 = 15;

/// Distinct texts, numbered in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    text: String,
    ends: Vec<usize>,
    numbers: HashTable<u32>,
}

impl Distinct {
    /// The number of a text.
    pub(super) fn number_of(&mut self, text: &str) -> u32 {
        let hash = xxh3_64(text.as_bytes());
        if let Some(number) = self.numbers.find(hash, |number| get(&self.text, &self.ends, *number) == text) {
            return *number;
        }
        // Rows are fewer than 2^32.
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.text.push_str(text);
        self.ends.push(self.text.len());
        let (all, ends) = (&self.text, &self.ends);
        self.numbers.insert_unique(hash, number, |number| xxh3_64(get(all, ends, *number).as_bytes()));
        number
    }

    /// The number of a text that is known.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.numbers.find(xxh3_64(text.as_bytes()), |number| get(&self.text, &self.ends, *number) == text).copied()
    }

    pub(super) fn get(&self, number: u32) -> &str {
        get(&self.text, &self.ends, number)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|at| slice(&self.text, &self.ends, at))
    }
}

fn get<'t>(text: &'t str, ends: &[usize], number: u32) -> &'t str {
    slice(text, ends, number as usize)
}

fn slice<'t>(text: &'t str, ends: &[usize], at: usize) -> &'t str {
    let from = at.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(at).and_then(|to| text.get(from..*to)).unwrap_or_default()
}

/// The values of a field.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) patterns: Distinct,
    /// The entry of each value.
    values: Vec<u32>,
    /// The pattern of each entry.
    of: Vec<u32>,
    /// Where the variables of each entry end.
    ends: Vec<End>,
    pub(super) variables: Variables,
    /// Entries by their hash, while values that come again are looked for.
    known: Option<HashTable<(u64, u32)>>,
    scratch: String,
}

/// Where variables end.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    numbers: u32,
    bytes: u32,
}

/// The variables of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice<'a> {
    pub(super) numbers: &'a [u64],
    pub(super) bytes: &'a [u8],
}

/// What values take, bits.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// All values, one by one.
    values: u64,
    /// The patterns of all values.
    patterns: u64,
    /// The entries of a dictionary.
    entries: u64,
    /// The entry of each value.
    ordinals: u64,
}

impl Sizes {
    fn dictionary_is_smaller(self) -> bool {
        (self.entries + self.ordinals) * 100 < (self.values + self.patterns) * (100 - DICTIONARY_SAVES)
    }
}

impl Default for Column {
    fn default() -> Self {
        Self {
            patterns: Distinct::default(),
            values: Vec::new(),
            of: Vec::new(),
            ends: Vec::new(),
            variables: Variables::default(),
            known: Some(HashTable::new()),
            scratch: String::new(),
        }
    }
}

impl Column {
    /// Adds a value; `written` is how it was written, which says whether it came before, and `all` those of the entries, which it joins if it is new.
    pub(super) fn push<'t>(&mut self, written: &'t str, all: &mut Vec<&'t str>, value: impl FnOnce() -> (char, Cow<'t, str>)) {
        let hash = xxh3_64(written.as_bytes());
        if let Some(known) = &self.known
            && let Some((_, entry)) = known.find(hash, |(_, entry)| all.get(*entry as usize) == Some(&written))
        {
            return self.push_again(*entry);
        }
        let (kind, text) = value();
        let pattern = self.cut(kind, &text);
        let entry = self.end(pattern);
        if let Some(known) = &mut self.known {
            known.insert_unique(hash, (hash, entry), |(hash, _)| *hash);
            all.push(written);
        }
        self.push_again(entry);
    }

    /// Adds a value by its text.
    pub(super) fn push_text(&mut self, kind: char, text: &str) {
        let number = self.cut(kind, text);
        self.push_copied(number);
    }

    /// The pattern of a text; its variables are added behind the others.
    fn cut(&mut self, kind: char, text: &str) -> u32 {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.push(kind);
        if kind == 'o' {
            pattern::keep(text, &mut scratch, &mut self.variables);
        } else {
            pattern::cut(text, &mut scratch, &mut self.variables);
        }
        let number = self.patterns.number_of(&scratch);
        self.scratch = scratch;
        number
    }

    /// Adds a value whose variables were just added behind the others; its entry comes back.
    pub(super) fn push_copied(&mut self, pattern: u32) -> u32 {
        let entry = self.end(pattern);
        let Some(mut known) = self.known.take() else {
            self.push_again(entry);
            return entry;
        };
        let hash = self.hash(entry);
        let same = |(_, other): &(u64, u32)| {
            self.of.get(*other as usize) == Some(&pattern) && self.variables(*other as usize) == self.variables(entry as usize)
        };
        let found = known.find(hash, same).map(|(_, other)| *other);
        match found {
            Some(_) => self.forget_last(),
            None => {
                known.insert_unique(hash, (hash, entry), |(hash, _)| *hash);
            }
        }
        self.known = Some(known);
        let entry = found.unwrap_or(entry);
        self.push_again(entry);
        entry
    }

    fn hash(&self, entry: u32) -> u64 {
        let variables = self.variables(entry as usize);
        let mut hash = xxh3_64_with_seed(variables.bytes, u64::from(self.of.get(entry as usize).copied().unwrap_or(0)));
        for number in variables.numbers {
            hash = xxh3_64_with_seed(&number.to_le_bytes(), hash);
        }
        hash
    }

    /// Adds a value that is there already.
    pub(super) fn push_again(&mut self, entry: u32) {
        self.values.push(entry);
        if self.values.len() == SAMPLE && self.known.is_some() && !self.repeats() {
            self.known = None;
        }
    }

    /// Whether values come again often enough, and are long enough, to go on looking for those that do.
    fn repeats(&self) -> bool {
        let sizes = self.sizes();
        self.of.len() * 10 <= self.values.len() * 9 && Sizes { entries: 0, ..sizes }.dictionary_is_smaller()
    }

    fn end(&mut self, pattern: u32) -> u32 {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        self.of.push(pattern);
        self.ends.push(End { numbers: count(self.variables.numbers.len()), bytes: count(self.variables.bytes.len()) });
        count(self.of.len() - 1)
    }

    fn forget_last(&mut self) {
        self.of.pop();
        self.ends.pop();
        let end = self.ends.last().copied().unwrap_or_default();
        self.variables.numbers.truncate(end.numbers as usize);
        self.variables.bytes.truncate(end.bytes as usize);
    }

    /// How many values.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// How many entries.
    pub(super) fn entries(&self) -> usize {
        self.of.len()
    }

    /// The entry of each value.
    pub(super) fn values(&self) -> &[u32] {
        &self.values
    }

    /// The pattern of an entry.
    pub(super) fn pattern_of(&self, entry: usize) -> u32 {
        self.of.get(entry).copied().unwrap_or(0)
    }

    /// The variables of an entry.
    pub(super) fn variables(&self, entry: usize) -> Slice<'_> {
        let from = entry.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let to = self.ends.get(entry).copied().unwrap_or_default();
        Slice {
            numbers: self.variables.numbers.get(from.numbers as usize..to.numbers as usize).unwrap_or_default(),
            bytes: self.variables.bytes.get(from.bytes as usize..to.bytes as usize).unwrap_or_default(),
        }
    }

    /// Whether each entry is a distinct value, and keeping them once, with ordinals for the values, is smaller than keeping the values.
    pub(super) fn is_dictionary(&self) -> bool {
        self.known.is_some() && self.of.len() > self.patterns.len() && self.sizes().dictionary_is_smaller()
    }

    /// What the values take in either form, bits.
    fn sizes(&self) -> Sizes {
        // What an entry takes by itself, without that of its pattern, which both ways have.
        let own = |entry: usize| {
            let variables = self.variables(entry);
            let number = |number: &u64| u64::from(64 - pattern::plain_number(*number).0.leading_zeros()) + 1;
            variables.numbers.iter().map(number).sum::<u64>() + variables.bytes.len() as u64 * 8
        };
        let (values, sample) = (self.values.len() as u64, self.values.len().min(SAMPLE));
        let of_sample: u64 = self.values.iter().take(sample).map(|entry| own(*entry as usize)).sum();
        let width = |count: usize| u64::from(usize::BITS - count.leading_zeros());
        Sizes {
            values: of_sample * values / sample.max(1) as u64,
            entries: (0..self.of.len()).map(own).sum(),
            // A block's own ordinals are few of all.
            ordinals: values * width(self.of.len().min(ROWS_MAX / 2)),
            patterns: values * width(self.patterns.len().saturating_sub(1).min(ROWS_MAX / 2)),
        }
    }

    /// Numbers the patterns in the order of their texts: alike ones lie side by side, where their texts and the postings of their words take less.
    pub(super) fn sort_patterns(&mut self) {
        let mut order: Vec<u32> = (0..u32::try_from(self.patterns.len()).unwrap_or(u32::MAX)).collect();
        order.sort_unstable_by_key(|number| self.patterns.get(*number));
        let mut numbers = vec![0; order.len()];
        let mut sorted = Distinct { text: String::with_capacity(self.patterns.bytes()), ..Distinct::default() };
        for (place, number) in (0..).zip(&order) {
            sorted.text.push_str(self.patterns.get(*number));
            sorted.ends.push(sorted.text.len());
            numbers.iter_mut().skip(*number as usize).take(1).for_each(|number| *number = place);
        }
        self.of.iter_mut().for_each(|pattern| *pattern = numbers.get(*pattern as usize).copied().unwrap_or(0));
        self.patterns = sorted;
    }
}
