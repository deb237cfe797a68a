//! Quantiles and numbers of distinct values: exact while there are few enough different values, then sketches that say how far they may be off.

use datasketches::hll::{HllSketch, HllType, HllUnion};
use hashbrown::{HashMap, HashSet};
use sketches_ddsketch::{Config, DDSketch};

/// What a DDSketch's quantiles may be off, relatively.
const QUANTILE_ERROR: f64 = 0.01;
/// Bins of a DDSketch at most: enough for numbers over 17 decimal orders.
const BINS_MAX: u32 = 2_048;
/// 2^14 registers: a standard error of 0.81 %.
const HLL_LOG_REGISTERS: u8 = 14;
/// Its standard error, relatively.
const DISTINCT_ERROR: f64 = 0.0081;

/// An answer, and how far it may be off (relatively); 0 is exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The answer.
    pub value: f64,
    /// The relative error that it may have: the largest one of a quantile, the standard error of a number of distinct values.
    pub error: f64,
}

/// Whole numbers below have a counter of their own, as far as different values may be kept at all.
const SMALL_MAX: usize = 1 << 16;

/// Numbers, to ask for their quantiles.
#[derive(Clone)]
pub struct Quantiles(Numbers);

#[derive(Clone)]
enum Numbers {
    Exact(Counts),
    Sketch(Box<DDSketch>),
}

/// How often each number came.
#[derive(Clone, Default)]
struct Counts {
    /// Of small whole numbers, by the number.
    small: Vec<u64>,
    /// Different numbers in `small`.
    distinct: usize,
    /// Of others, by their bits.
    others: HashMap<u64, u64>,
}

impl Counts {
    fn insert(&mut self, number: f64, count: u64, exact_max: usize) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Others come back as another number.
        let whole = number as usize;
        #[allow(clippy::cast_precision_loss, clippy::float_cmp)] // Meant exactly.
        let is_small = whole < SMALL_MAX.min(exact_max) && whole as f64 == number;
        if !is_small {
            // Minus zero is zero.
            *self.others.entry((number + 0.0).to_bits()).or_default() += count;
            return;
        }
        if self.small.len() <= whole {
            self.small.resize((whole + 1).next_power_of_two(), 0);
        }
        if let Some(own) = self.small.get_mut(whole) {
            self.distinct += usize::from(*own == 0);
            *own += count;
        }
    }

    /// Counts a number that came before and is small; false when it is no such one.
    fn count(&mut self, number: f64) -> bool {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Others come back as another number.
        let whole = number as usize;
        match self.small.get_mut(whole) {
            #[allow(clippy::cast_precision_loss, clippy::float_cmp)] // Meant exactly.
            Some(count) if *count > 0 && whole as f64 == number => {
                *count += 1;
                true
            }
            _ => false,
        }
    }

    fn len(&self) -> usize {
        self.distinct + self.others.len()
    }

    /// The numbers, in no order.
    fn iter(&self) -> impl Iterator<Item = (f64, u64)> {
        #[allow(clippy::cast_precision_loss)] // They are small.
        let small = self.small.iter().enumerate().filter(|(_, count)| **count > 0).map(|(number, count)| (number as f64, *count));
        small.chain(self.others.iter().map(|(bits, count)| (f64::from_bits(*bits), *count)))
    }
}

impl Default for Quantiles {
    fn default() -> Self {
        Self(Numbers::Exact(Counts::default()))
    }
}

impl std::fmt::Debug for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Numbers::Exact(numbers) => f.debug_tuple("Exact").field(&numbers.len()).finish(),
            Numbers::Sketch(sketch) => f.debug_tuple("Sketch").field(&sketch.count()).finish(),
        }
    }
}

impl Quantiles {
    /// Adds a number that came so often; beyond `exact_max` different ones it becomes a sketch.
    pub fn insert(&mut self, number: f64, count: u64, exact_max: usize) {
        match &mut self.0 {
            Numbers::Exact(numbers) => {
                numbers.insert(number, count, exact_max);
                if numbers.len() > exact_max {
                    self.0 = Numbers::Sketch(Box::new(sketch_of(numbers)));
                }
            }
            Numbers::Sketch(sketch) => sketch.add_with_count(number, count),
        }
    }

    /// The same for several.
    pub(super) fn insert_all(&mut self, numbers: impl Iterator<Item = f64>, exact_max: usize) {
        for number in numbers {
            // One that has a counter needs no more memory.
            let counted = match &mut self.0 {
                Numbers::Exact(counts) => counts.count(number),
                Numbers::Sketch(_) => false,
            };
            if !counted {
                self.insert(number, 1, exact_max);
            }
        }
    }

    pub(super) fn add(&mut self, other: Self, exact_max: usize) {
        match other.0 {
            Numbers::Exact(numbers) => numbers.iter().for_each(|(number, count)| self.insert(number, count, exact_max)),
            Numbers::Sketch(other) => {
                let mut own = match &self.0 {
                    Numbers::Exact(numbers) => sketch_of(numbers),
                    Numbers::Sketch(sketch) => (**sketch).clone(),
                };
                // They have the same configuration.
                let _ = own.merge(&other);
                self.0 = Numbers::Sketch(Box::new(own));
            }
        }
    }

    /// The smallest number that at least this share of all numbers does not exceed, 0 to 1; `None` without numbers.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Estimate> {
        match &self.0 {
            Numbers::Sketch(sketch) => sketch.quantile(share).ok().flatten().map(|value| Estimate { value, error: QUANTILE_ERROR }),
            Numbers::Exact(numbers) => {
                let mut sorted: Vec<(f64, u64)> = numbers.iter().collect();
                sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
                let all: u64 = sorted.iter().map(|(_, count)| count).sum();
                #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                // A place among fewer than 2^52 numbers.
                let wanted = ((all as f64 * share).ceil() as u64).clamp(1, all.max(1));
                let mut seen = 0;
                let found = sorted.into_iter().find(|(_, count)| {
                    seen += count;
                    seen >= wanted
                });
                found.map(|(value, _)| Estimate { value, error: 0.0 })
            }
        }
    }
}

impl Quantiles {
    /// The number at this share of the way through all of them in their order, between two neighbours in proportion, as Prometheus has it; `None` without numbers.
    #[must_use]
    pub fn interpolated(&self, share: f64) -> Option<Estimate> {
        let Numbers::Exact(numbers) = &self.0 else { return self.quantile(share) };
        let mut sorted: Vec<(f64, u64)> = numbers.iter().collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all: u64 = sorted.iter().map(|(_, count)| count).sum();
        #[allow(clippy::cast_precision_loss)] // Fewer than 2^52 numbers.
        let place = share.clamp(0.0, 1.0) * all.checked_sub(1)? as f64;
        let at = |wanted: f64| {
            let mut seen = 0;
            #[allow(clippy::cast_precision_loss)] // As above.
            let reached = |(_, count): &&(f64, u64)| {
                seen += count;
                seen as f64 > wanted
            };
            sorted.iter().find(reached).map(|(value, _)| *value)
        };
        let (low, high) = (at(place.floor())?, at(place.ceil())?);
        Some(Estimate { value: low + (high - low) * place.fract(), error: 0.0 })
    }
}

fn sketch_of(numbers: &Counts) -> DDSketch {
    let mut sketch = DDSketch::new(Config::new(QUANTILE_ERROR, BINS_MAX, 1e-9));
    numbers.iter().for_each(|(number, count)| sketch.add_with_count(number, count));
    sketch
}

/// Distinct values, by their hashes.
#[derive(Clone)]
pub struct Distinct(Hashes);

#[derive(Clone)]
enum Hashes {
    Exact(HashSet<u128>),
    Sketch(Box<HllSketch>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self(Hashes::Exact(HashSet::new()))
    }
}

impl std::fmt::Debug for Distinct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Distinct").field(&self.count()).finish()
    }
}

impl Distinct {
    /// Adds a value; beyond `exact_max` it becomes a sketch.
    pub fn insert(&mut self, hash: u128, exact_max: usize) {
        match &mut self.0 {
            Hashes::Exact(hashes) => {
                hashes.insert(hash);
                if hashes.len() > exact_max
                    && let Some(sketch) = hll_of(hashes.iter())
                {
                    self.0 = Hashes::Sketch(Box::new(sketch));
                }
            }
            Hashes::Sketch(sketch) => sketch.update(hash),
        }
    }

    pub(super) fn add(&mut self, other: Self, exact_max: usize) {
        match other.0 {
            Hashes::Exact(hashes) => hashes.into_iter().for_each(|hash| self.insert(hash, exact_max)),
            Hashes::Sketch(other) => {
                let own = match &self.0 {
                    Hashes::Exact(hashes) => hll_of(hashes.iter()),
                    Hashes::Sketch(sketch) => Some((**sketch).clone()),
                };
                // Of this many registers there always is one.
                if let (Some(own), Ok(mut union)) = (own, HllUnion::new(HLL_LOG_REGISTERS)) {
                    union.update(&own);
                    union.update(&other);
                    self.0 = Hashes::Sketch(Box::new(union.to_sketch(HllType::Hll8)));
                }
            }
        }
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> Estimate {
        match &self.0 {
            #[allow(clippy::cast_precision_loss)] // Far fewer than 2^52.
            Hashes::Exact(hashes) => Estimate { value: hashes.len() as f64, error: 0.0 },
            Hashes::Sketch(sketch) => Estimate { value: sketch.estimate().round(), error: DISTINCT_ERROR },
        }
    }
}

fn hll_of<'h>(hashes: impl Iterator<Item = &'h u128>) -> Option<HllSketch> {
    let mut sketch = HllSketch::new(HLL_LOG_REGISTERS, HllType::Hll8).ok()?;
    hashes.for_each(|hash| sketch.update(hash));
    Some(sketch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn few_numbers_have_exact_quantiles_and_many_have_near_ones(numbers in proptest::collection::vec(0_u32..100_000, 1..400), parts in 1_usize..5) {
            let mut sorted: Vec<f64> = numbers.iter().map(|number| f64::from(*number)).collect();
            let build = |exact_max: usize| {
                let mut all = Quantiles::default();
                for part in sorted.chunks(sorted.len().div_ceil(parts)) {
                    let mut quantiles = Quantiles::default();
                    part.iter().for_each(|number| quantiles.insert(*number, 1, exact_max));
                    all.add(quantiles, exact_max);
                }
                all
            };
            let (exact, sketch) = (build(1_000), build(3));
            sorted.sort_by(f64::total_cmp);
            for percent in [0, 25, 50, 95, 100] {
                let (rank, share) = ((sorted.len() * percent).div_ceil(100).clamp(1, sorted.len()), percent as f64 / 100.0);
                let wanted = sorted[rank - 1];
                prop_assert_eq!(exact.quantile(share), Some(Estimate { value: wanted, error: 0.0 }));
                let place = percent * (sorted.len() - 1);
                let (low, high) = (sorted[place / 100], sorted[place.div_ceil(100)]);
                let between = low + (high - low) * (place % 100) as f64 / 100.0;
                prop_assert!((exact.interpolated(share).unwrap().value - between).abs() < 1e-6);
                let near = sketch.quantile(share).unwrap();
                // A rank beside it: sketches round the rank down.
                let beside = [sorted[rank.saturating_sub(2)], wanted, sorted[rank.min(sorted.len() - 1)]];
                prop_assert!(beside.iter().any(|wanted| (near.value - wanted).abs() <= wanted * 0.0101 + 1e-6), "{near:?} of {wanted} at {share}");
            }
        }
    }

    #[test]
    fn distinct_values_are_counted_once_whatever_is_put_together() {
        let of = |range: std::ops::Range<u128>, exact_max: usize| {
            let mut distinct = Distinct::default();
            range.for_each(|number| distinct.insert(xxhash_rust::xxh3::xxh3_128(&number.to_le_bytes()), exact_max));
            distinct
        };
        let mut exact = of(0..5_000, 100_000);
        exact.add(of(2_500..10_000, 100_000), 100_000);
        assert_eq!(exact.count(), Estimate { value: 10_000.0, error: 0.0 });
        for (left, right) in [(100, 100), (100_000, 100), (100, 100_000)] {
            let mut sketch = of(0..5_000, left);
            sketch.add(of(2_500..10_000, right), left);
            let count = sketch.count();
            assert!((count.value - 10_000.0).abs() < 400.0 && count.error > 0.0, "{count:?}");
        }
    }
}
