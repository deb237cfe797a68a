//! The texts of one field while a split is built: each as the number of its pattern and its variables.
//!
//! A pattern begins with the kind letter of [`super::shape`]. Values come in the order of rows; where a text has several values (an array), one behind the other.

use super::pattern::{self, Variables};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

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
#[derive(Debug, Default)]
pub(super) struct Column {
    pub(super) patterns: Distinct,
    /// The pattern of each value.
    pub(super) of: Vec<u32>,
    /// Where the variables of each value end.
    ends: Vec<End>,
    pub(super) variables: Variables,
    scratch: String,
}

/// Where variables end.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    numbers: u32,
    bytes: u32,
}

/// The variables of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice<'a> {
    pub(super) numbers: &'a [u64],
    pub(super) bytes: &'a [u8],
}

impl Column {
    /// Adds a value.
    pub(super) fn push(&mut self, kind: char, text: &str) {
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
        self.push_pattern(number);
    }

    /// Adds a value with this pattern whose variables were just added.
    pub(super) fn push_pattern(&mut self, number: u32) {
        self.of.push(number);
        self.end();
    }

    /// Adds a value that is there already.
    pub(super) fn push_again(&mut self, at: usize) {
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let to = self.ends.get(at).copied().unwrap_or_default();
        self.variables.numbers.extend_from_within(from.numbers as usize..to.numbers as usize);
        self.variables.bytes.extend_from_within(from.bytes as usize..to.bytes as usize);
        self.push_pattern(self.of.get(at).copied().unwrap_or(0));
    }

    fn end(&mut self) {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        self.ends.push(End { numbers: count(self.variables.numbers.len()), bytes: count(self.variables.bytes.len()) });
    }

    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    /// The variables of a value.
    pub(super) fn variables(&self, at: usize) -> Slice<'_> {
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let to = self.ends.get(at).copied().unwrap_or_default();
        Slice {
            numbers: self.variables.numbers.get(from.numbers as usize..to.numbers as usize).unwrap_or_default(),
            bytes: self.variables.bytes.get(from.bytes as usize..to.bytes as usize).unwrap_or_default(),
        }
    }
}
