//! Whether a field's values are smaller as a dictionary, and that dictionary: its distinct values, and which of them each value is.

use super::block::ROWS_MAX;
use super::column::Column;
use super::pattern;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Values that are looked at to see whether it is worth counting the distinct ones.
const SAMPLE: usize = 4_096;
/// A dictionary has to save this much of the field, per cent: reading through it costs a step more.
const DICTIONARY_SAVES: u64 = 15;

/// The distinct values of a column (the place of one of each, in the order in which they come) and which of them each value is; `None` where that would not be smaller.
pub(super) fn dictionary(column: &Column) -> Option<(Vec<u32>, Vec<u32>)> {
    let sample = column.len().min(SAMPLE);
    let (entries, _) = distinct(column, sample);
    if entries.len() * 10 > sample * 9 {
        return None;
    }
    let (entries, of) = distinct(column, column.len());
    // Bits. What a value takes by itself, without that of its pattern, which both ways have.
    let own = |at: usize| {
        let variables = column.variables(at);
        let number = |number: &u64| u64::from(64 - pattern::plain_number(*number).0.leading_zeros()) + 1;
        variables.numbers.iter().map(number).sum::<u64>() + variables.bytes.len() as u64 * 8
    };
    let all: u64 = (0..sample).map(own).sum::<u64>() * column.len() as u64 / sample.max(1) as u64;
    let each: u64 = entries.iter().map(|at| own(*at as usize)).sum();
    let width = |count: usize| u64::from(usize::BITS - count.leading_zeros());
    // A block's own ordinals are few of all.
    let ordinals = of.len() as u64 * width(entries.len().min(ROWS_MAX / 2));
    let patterns = of.len() as u64 * width(column.patterns.len().saturating_sub(1).min(ROWS_MAX / 2));
    let saves = (each + ordinals) * 100 < (all + patterns) * (100 - DICTIONARY_SAVES);
    (entries.len() > column.patterns.len() && saves).then_some((entries, of))
}

fn distinct(column: &Column, count: usize) -> (Vec<u32>, Vec<u32>) {
    let mut entries: Vec<u32> = Vec::new();
    let mut of = Vec::with_capacity(count);
    let mut numbers: HashTable<u32> = HashTable::new();
    let hash = |at: usize| {
        let variables = column.variables(at);
        let mut hash = xxh3_64_with_seed(variables.bytes, u64::from(column.of.get(at).copied().unwrap_or(0)));
        for number in variables.numbers {
            hash = xxh3_64_with_seed(&number.to_le_bytes(), hash);
        }
        hash
    };
    let same = |a: usize, b: usize| column.of.get(a) == column.of.get(b) && column.variables(a) == column.variables(b);
    let first = |entries: &[u32], number: u32| entries.get(number as usize).map_or(0, |at| *at as usize);
    for at in 0..count {
        let hash_here = hash(at);
        let found = numbers.find(hash_here, |number| same(first(&entries, *number), at)).copied();
        let number = found.unwrap_or_else(|| {
            let number = u32::try_from(entries.len()).unwrap_or(u32::MAX);
            entries.push(u32::try_from(at).unwrap_or(u32::MAX));
            numbers.insert_unique(hash_here, number, |number| hash(first(&entries, *number)));
            number
        });
        of.push(number);
    }
    (entries, of)
}
