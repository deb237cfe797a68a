//! A set of rows: one bit a row, dense.
//!
//! Invariant: bits at and behind `len` are zero.

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// No row of `len`.
    pub(crate) fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// Every row of `len`.
    pub(crate) fn all(len: usize) -> Self {
        let mut bits = Self { words: vec![u64::MAX; len.div_ceil(64)], len };
        bits.trim();
        bits
    }

    /// Those of `len` rows that pass.
    pub(crate) fn collect(len: usize, mut pass: impl FnMut(usize) -> bool) -> Self {
        let mut words = Vec::with_capacity(len.div_ceil(64));
        for from in (0..len).step_by(64) {
            let word = (from..len.min(from + 64)).fold(0, |word, row| word | u64::from(pass(row)) << (row - from));
            words.push(word);
        }
        Self { words, len }
    }

    fn trim(&mut self) {
        let tail = self.len % 64;
        if tail != 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << tail) - 1;
        }
    }

    /// Adds a row; one that is out of range is ignored.
    pub(crate) fn set(&mut self, row: usize) {
        if row < self.len
            && let Some(word) = self.words.get_mut(row / 64)
        {
            *word |= 1 << (row % 64);
        }
    }

    /// Whether a row is in it.
    pub(crate) fn has(&self, row: usize) -> bool {
        row < self.len && self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Whether one of these rows is in it.
    pub(crate) fn any_in(&self, rows: std::ops::Range<usize>) -> bool {
        let (first, last) = (rows.start / 64, rows.end / 64);
        let words = self.words.get(first..(last + 1).min(self.words.len())).unwrap_or_default();
        words.iter().enumerate().any(|(at, word)| {
            let mut word = *word;
            if at == 0 {
                word &= u64::MAX << (rows.start % 64);
            }
            if first + at == last {
                word &= (1 << (rows.end % 64)) - 1;
            }
            word != 0
        })
    }

    /// How many there are, in it or not.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many rows are in it.
    pub(crate) fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether no row is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Whether every row is in it.
    pub(crate) fn is_full(&self) -> bool {
        self.count() == self.len as u64
    }

    /// Keeps what is in both.
    pub(crate) fn and(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// Adds what is in the other.
    pub(crate) fn or(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    /// Removes what is in the other.
    pub(crate) fn and_not(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    /// The `len` rows from `from` on, renumbered from 0.
    pub(crate) fn slice(&self, from: usize, len: usize) -> Self {
        let (first, shift) = (from / 64, from % 64);
        let word = |at: usize| self.words.get(at).copied().unwrap_or(0);
        let words = (0..len.div_ceil(64))
            .map(|at| if shift == 0 { word(first + at) } else { word(first + at) >> shift | word(first + at + 1) << (64 - shift) })
            .collect();
        let mut bits = Self { words, len };
        bits.trim();
        bits
    }

    /// The rows in it, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                (word != 0).then(|| {
                    word &= word - 1;
                    at * 64 + bit as usize
                })
            })
        })
    }
}

/// A set whose rows are told one after the other, in or not.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    words: Vec<u64>,
    word: u64,
    len: usize,
}

impl Gathered {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The next row.
    pub(crate) fn push(&mut self, is_in: bool) {
        self.word |= u64::from(is_in) << (self.len % 64);
        self.len += 1;
        if self.len.is_multiple_of(64) {
            self.words.push(std::mem::take(&mut self.word));
        }
    }

    /// All of them.
    pub(crate) fn bits(mut self) -> Bits {
        if !self.len.is_multiple_of(64) {
            self.words.push(self.word);
        }
        Bits { words: self.words, len: self.len }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_set_of_bits_is_a_set(rows in proptest::collection::vec(any::<bool>(), 0..300), from in 0_usize..300, len in 0_usize..300) {
            let bits = Bits::collect(rows.len(), |row| rows[row]);
            let mut gathered = Gathered::new();
            rows.iter().for_each(|is_in| gathered.push(*is_in));
            prop_assert_eq!(&gathered.bits(), &bits);
            let expected: Vec<usize> = (0..rows.len()).filter(|row| rows[*row]).collect();
            prop_assert_eq!(bits.iter().collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!(bits.count(), expected.len() as u64);
            prop_assert!((0..rows.len() + 70).all(|row| bits.has(row) == rows.get(row).copied().unwrap_or(false)));
            let (from, len) = (from.min(rows.len()), len.min(rows.len() - from.min(rows.len())));
            let slice: Vec<usize> = (0..len).filter(|row| rows[from + row]).collect();
            prop_assert_eq!(bits.slice(from, len).iter().collect::<Vec<_>>(), slice);
            prop_assert_eq!(bits.any_in(from..from + len), rows[from..from + len].contains(&true));
            let mut both = bits.clone();
            both.and_not(&bits);
            prop_assert!(both.is_empty());
            both.or(&bits);
            prop_assert_eq!(&both, &bits);
            both.and(&Bits::all(rows.len()));
            prop_assert_eq!(&both, &bits);
        }
    }
}
