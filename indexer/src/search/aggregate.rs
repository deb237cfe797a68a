//! Statistics over matching rows, by groups: counts, sums, extremes, quantiles, numbers of distinct values. The same accumulators over live rows and splits.
//!
//! A field with several values in a row counts each. Numbers are read as in a range (`fields::field_number`); a distinct value is a text, ids in the spelling in which they are compared.
//! Exact as long as the memory suffices: beyond [`EXACT_MAX`] different values over all groups, quantiles come from a DDSketch and distinct values from a HyperLogLog sketch, and both say
//! how far they may be off.

use super::columns::Wanted;
use super::matches::{origin_stamp, owner_stamp};
use super::predicate::{Field, Stamp};
use super::request::SearchError;
use super::scan::{Scan, Sink};
use super::sketches::{Distinct, Quantiles};
use super::ticker::Halt;
use crate::registry::Scope;
use crate::row::RowRef;
use crate::search::Predicate;
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::{Block, Decoder, Stored};
use crate::split::shape;
use crate::store::View;
use martlog_formats::fields::{self, Scalar};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;
use xxhash_rust::xxh3::xxh3_128;

/// Groups of an answer at most.
const GROUPS_MAX: usize = 100_000;
/// Different values that all groups together keep, 16 bytes each and some more: half of what queries may take.
const EXACT_MAX: usize = 1 << 20;
/// What each group may keep whatever the others do.
const EXACT_EACH: usize = 256;

/// Statistics, please.
#[derive(Debug, Clone)]
pub struct AggregateRequest {
    /// Which rows.
    pub predicate: Arc<Predicate>,
    /// First time, ns, included.
    pub from_ns: i64,
    /// Last time, ns, excluded.
    pub to_ns: i64,
    /// What makes a group: the values of these, in this order; none is one group of all rows.
    pub by: Vec<Key>,
    /// Of which fields.
    pub of: Vec<Measure>,
    /// Ask the quarantine.
    pub quarantine: bool,
    /// When to give up.
    pub deadline: Instant,
}

/// What rows are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The shown level; rows without one have no value.
    Level,
    /// The verdict.
    Verdict,
    /// Buckets of so many ns, as the first ns of each; they begin so many ns behind the multiples.
    Time(i64, i64),
    /// A field's first value; empty ones and `null` are no value. Stamps that a row does not have are none either.
    Field(Field),
}

/// What is to be known of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Which.
    pub field: Field,
    /// Count, sum and extremes of its numbers.
    pub numbers: bool,
    /// Quantiles of its numbers.
    pub quantiles: bool,
    /// How many distinct values.
    pub distinct: bool,
}

/// A group of rows.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// The value of each key.
    pub key: Vec<Option<String>>,
    /// How many rows.
    pub rows: u64,
    /// What was asked of each field.
    pub of: Vec<Measured>,
}

/// What is known of a field's values.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// How many numbers.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest one.
    pub min: Option<f64>,
    /// The largest one.
    pub max: Option<f64>,
    /// All of them, to ask for quantiles.
    pub quantiles: Quantiles,
    /// The distinct values.
    pub distinct: Distinct,
}

impl Measured {
    fn numbers(&mut self, numbers: impl Iterator<Item = f64> + Clone, quantiles: bool, exact_max: usize) {
        let (mut min, mut max) = (self.min.unwrap_or(f64::INFINITY), self.max.unwrap_or(f64::NEG_INFINITY));
        let before = self.count;
        for number in numbers.clone() {
            self.count += 1;
            self.sum += number;
            (min, max) = (min.min(number), max.max(number));
        }
        if self.count > before {
            (self.min, self.max) = (Some(min), Some(max));
        }
        if quantiles {
            self.quantiles.insert_all(numbers, exact_max);
        }
    }

    /// Adds what is known of other rows; beyond `exact_max` different values it is estimated.
    pub fn add(&mut self, other: Self, exact_max: usize) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.into_iter().chain(other.min).reduce(f64::min);
        self.max = self.max.into_iter().chain(other.max).reduce(f64::max);
        self.quantiles.add(other.quantiles, exact_max);
        self.distinct.add(other.distinct, exact_max);
    }
}

/// The groups of what a view holds, by key.
pub(super) fn aggregate(
    view: &View,
    scope: &Scope,
    request: &AggregateRequest,
    cancelled: &(dyn Fn() -> bool + Sync),
    threads: usize,
) -> Result<Vec<Group>, SearchError> {
    let (from_ns, to_ns) = (request.from_ns, request.to_ns);
    let scan = Scan { view, scope, predicate: &request.predicate, from_ns, to_ns, deadline: request.deadline, cancelled, threads };
    let groups = scan.run(|| Groups::new(request))?;
    let mut groups = groups.groups;
    groups.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(groups)
}

struct Groups<'r> {
    request: &'r AggregateRequest,
    /// Of each measured field, where it is an attribute.
    names: Vec<Option<fields::Name<'r>>>,
    /// The address of the owner of the live row before, and its group, where groups differ by owner alone.
    last: Option<(usize, usize)>,
    /// The number of each group.
    numbers: HashMap<Vec<Option<String>>, usize>,
    groups: Vec<Group>,
    of_split: OfSplit,
}

/// What is kept from one block of a split to the next.
#[derive(Default)]
struct OfSplit {
    begun: bool,
    /// Where the values of each measured field are; with what is known of dictionaries.
    measures: Vec<Wanted>,
    /// The same of each key that is an attribute.
    keys: Vec<Wanted>,
    /// Entries of dictionaries that were seen: by measure and field, of each group.
    seen: HashMap<(usize, u32), Vec<Option<Bits>>>,
}

impl<'r> Groups<'r> {
    fn new(request: &'r AggregateRequest) -> Self {
        let name = |measure: &'r Measure| match &measure.field {
            Field::Attribute(path) => Some(fields::Name::new(path)),
            _ => None,
        };
        let names = request.of.iter().map(name).collect();
        Self { request, names, last: None, numbers: HashMap::new(), groups: Vec::new(), of_split: OfSplit::default() }
    }

    /// The group of a live row.
    fn group_of(&mut self, row: RowRef<'_>) -> Result<usize, Halt> {
        let owner = Arc::as_ptr(row.owner).addr();
        // The view holds the rows and their owners as long as it is scanned.
        if let Some((last, number)) = self.last
            && last == owner
        {
            return Ok(number);
        }
        let number = self.group(self.request.by.iter().map(|key| key_of(key, row)).collect())?;
        let of_owner = |key: &Key| matches!(key, Key::Field(Field::Stamp(stamp)) if is_of_owner(*stamp));
        self.last = self.request.by.iter().all(of_owner).then_some((owner, number));
        Ok(number)
    }

    fn group(&mut self, key: Vec<Option<String>>) -> Result<usize, Halt> {
        if let Some(number) = self.numbers.get(&key) {
            return Ok(*number);
        }
        if self.groups.len() >= GROUPS_MAX {
            return Err(Halt::TooMuch("the answer has over 100,000 groups: group by something with fewer values, or narrow the search"));
        }
        self.groups.push(Group { key: key.clone(), rows: 0, of: vec![Measured::default(); self.request.of.len()] });
        self.numbers.insert(key, self.groups.len() - 1);
        Ok(self.groups.len() - 1)
    }

    /// How many different values one field of one group may keep.
    fn exact_max(&self) -> usize {
        (EXACT_MAX / self.groups.len().max(1) / self.request.of.len().max(1)).max(EXACT_EACH)
    }
}

impl Sink for Groups<'_> {
    fn live(&mut self, row: RowRef<'_>) -> Result<(), Halt> {
        let number = self.group_of(row)?;
        if let Some(group) = self.groups.get_mut(number) {
            group.rows += 1;
        }
        let exact_max = self.exact_max();
        let measured = self.groups.get_mut(number).into_iter().flat_map(|group| &mut group.of);
        for ((measure, name), measured) in self.request.of.iter().zip(&self.names).zip(measured) {
            let path = path_of(&measure.field);
            let mut take = |scalar: &Scalar<'_>| take(measured, measure, path, scalar, exact_max);
            match name {
                Some(name) => name.visit(row.attributes(), |scalar| take(&scalar)),
                None => each_value(&measure.field, row, |_, scalar| take(&scalar)),
            }
        }
        Ok(())
    }

    fn block(&mut self, split: &Split, block: &Block<'_>, found: &Bits) -> Result<(), Halt> {
        let request = self.request;
        if !self.of_split.begun {
            self.of_split.begun = true;
            self.of_split.measures = request.of.iter().map(|measure| Wanted::new(split, &measure.field)).collect::<io::Result<_>>()?;
            let key = |key: &Key| match key {
                Key::Field(field) => Wanted::new(split, field),
                _ => Ok(Wanted::default()),
            };
            self.of_split.keys = request.by.iter().map(key).collect::<io::Result<_>>()?;
        }
        let groups = self.groups_of_rows(block, found)?;
        for group in &groups {
            if let Some(group) = self.groups.get_mut(*group) {
                group.rows += 1;
            }
        }
        for (at, measure) in request.of.iter().enumerate() {
            self.measure_block(at, measure, block, found, &groups)?;
        }
        Ok(())
    }

    fn end_of_split(&mut self, split: &Split, decoder: &Decoder) -> Result<(), Halt> {
        let exact_max = self.exact_max();
        let OfSplit { measures, seen, .. } = std::mem::take(&mut self.of_split);
        for ((at, field), of_groups) in seen {
            let (Some(wanted), Some(measure)) = (measures.get(at), self.request.of.get(at)) else { continue };
            let path = path_of(&measure.field);
            for (group, entries) in of_groups.iter().enumerate() {
                let measured = self.groups.get_mut(group).and_then(|group| group.of.get_mut(at));
                let (Some(measured), Some(entries)) = (measured, entries) else { continue };
                wanted.each_entry(split, field, entries, decoder, |scalar| distinct(measured, path, scalar, exact_max))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, other: Self) -> Result<(), Halt> {
        for group in other.groups {
            let number = self.group(group.key)?;
            let exact_max = self.exact_max();
            if let Some(own) = self.groups.get_mut(number) {
                own.rows += group.rows;
                own.of.iter_mut().zip(group.of).for_each(|(own, other)| own.add(other, exact_max));
            }
        }
        Ok(())
    }
}

impl Groups<'_> {
    /// The group of each row that was found.
    fn groups_of_rows(&mut self, block: &Block<'_>, found: &Bits) -> Result<Vec<usize>, Halt> {
        let request = self.request;
        let mut columns = Vec::with_capacity(request.by.len());
        for (at, key) in request.by.iter().enumerate() {
            columns.push(labels(key, self.of_split.keys.get(at), block, found)?);
        }
        if columns.iter().all(|column| column.labels.len() <= 1) && !found.is_empty() {
            let key = columns.iter().map(|column| column.labels.first().cloned().flatten()).collect();
            return Ok(vec![self.group(key)?; usize::try_from(found.count()).unwrap_or(0)]);
        }
        let mut known: HashMap<Vec<u32>, usize> = HashMap::new();
        let mut last: Option<(Vec<u32>, usize)> = None;
        let mut groups = Vec::with_capacity(usize::try_from(found.count()).unwrap_or(0));
        let mut numbers = vec![0_u32; columns.len()];
        for at in 0..usize::try_from(found.count()).unwrap_or(0) {
            for (number, column) in numbers.iter_mut().zip(&columns) {
                *number = column.of.get(at).copied().unwrap_or(0);
            }
            if let Some((same, group)) = &last
                && *same == numbers
            {
                groups.push(*group);
                continue;
            }
            let group = match known.get(&numbers) {
                Some(group) => *group,
                None => {
                    let label = |(number, column): (&u32, &Labels)| column.labels.get(*number as usize).cloned().flatten();
                    let group = self.group(numbers.iter().zip(&columns).map(label).collect())?;
                    known.insert(numbers.clone(), group);
                    group
                }
            };
            last = Some((numbers.clone(), group));
            groups.push(group);
        }
        Ok(groups)
    }

    fn measure_block(&mut self, at: usize, measure: &Measure, block: &Block<'_>, found: &Bits, groups: &[usize]) -> Result<(), Halt> {
        let exact_max = self.exact_max();
        let Field::Attribute(path) = &measure.field else {
            for (row, group) in found.iter().zip(groups) {
                let text = text_of(&measure.field, block, row)?;
                if let (Some(text), Some(measured)) = (text, self.groups.get_mut(*group).and_then(|group| group.of.get_mut(at))) {
                    take(measured, measure, "", &Scalar::Str(text.into()), exact_max);
                }
            }
            return Ok(());
        };
        let Groups { groups: all, of_split, .. } = self;
        let OfSplit { measures, seen, .. } = of_split;
        let Some(wanted) = measures.get_mut(at) else { return Ok(()) };
        // Mostly all rows are found, and are of one group.
        let one = groups.first().filter(|first| found.is_full() && groups.iter().all(|group| group == *first));
        let of_all = match one {
            Some(_) if measure.numbers || measure.quantiles => wanted.numbers_of_all(block)?,
            _ => None,
        };
        if let (Some(numbers), Some(group)) = (&of_all, one) {
            if let Some(measured) = all.get_mut(*group).and_then(|group| group.of.get_mut(at)) {
                measured.numbers(numbers.iter().copied().filter(|number| !number.is_nan()), measure.quantiles, exact_max);
            }
        } else if measure.numbers || measure.quantiles {
            let numbers = wanted.numbers(block, found)?;
            // Mostly all of them are of one group.
            for run in numbers.chunk_by(|(one, _), (other, _)| groups.get(*one) == groups.get(*other)) {
                let group = run.first().and_then(|(nth, _)| groups.get(*nth)).and_then(|group| all.get_mut(*group));
                if let Some(measured) = group.and_then(|group| group.of.get_mut(at)) {
                    measured.numbers(run.iter().map(|(_, number)| *number), measure.quantiles, exact_max);
                }
            }
        }
        if !measure.distinct {
            return Ok(());
        }
        let mut text = String::new();
        for places in wanted.places(block)? {
            let field = places.column.field.number;
            if let Stored::Ordinals(ordinals) = &places.column.stored {
                let seen = seen.entry((at, field)).or_default();
                seen.resize_with(all.len().max(seen.len()), || None);
                let count = places.column.field.entries_len();
                let mut see = |group: usize, entry: u32| {
                    let entries = seen.get_mut(group).map(|entries| entries.get_or_insert_with(|| Bits::none(count)));
                    entries.into_iter().for_each(|entries| entries.set(entry as usize));
                };
                match groups {
                    [first, rest @ ..] if found.is_full() && rest.iter().all(|group| group == first) && places.all() => {
                        ordinals.distinct.iter().for_each(|entry| see(*first, *entry));
                    }
                    _ => places.each(block, found, |nth, place| {
                        if let (Some(group), Some(entry)) = (groups.get(nth), ordinals.get(place)) {
                            see(*group, entry);
                        }
                    })?,
                }
                continue;
            }
            for (nth, place) in places.of(block, found)? {
                let kind = places.column.text(place, block.decoder(), &mut text)?;
                let measured = groups.get(nth).and_then(|group| all.get_mut(*group)).and_then(|group| group.of.get_mut(at));
                measured.into_iter().for_each(|measured| distinct(measured, path, &shape::scalar(kind, &text), exact_max));
            }
        }
        wanted.each_of_whole(block, found, |nth, scalar| {
            let measured = groups.get(nth).and_then(|group| all.get_mut(*group)).and_then(|group| group.of.get_mut(at));
            measured.into_iter().for_each(|measured| distinct(measured, path, scalar, exact_max));
        })?;
        Ok(())
    }
}

/// The values of a key in a block: distinct ones, and which each found row has.
struct Labels {
    labels: Vec<Option<String>>,
    of: Vec<u32>,
}

impl Labels {
    fn collect(values: impl Iterator<Item = io::Result<Option<String>>>) -> io::Result<Self> {
        let mut numbers: HashMap<Option<String>, u32> = HashMap::new();
        let (mut labels, mut of) = (Vec::new(), Vec::new());
        for value in values {
            let value = value?;
            let next = u32::try_from(labels.len()).unwrap_or(u32::MAX);
            let number = *numbers.entry(value).or_insert_with_key(|value| {
                labels.push(value.clone());
                next
            });
            of.push(number);
        }
        Ok(Self { labels, of })
    }
}

fn labels(key: &Key, wanted: Option<&Wanted>, block: &Block<'_>, found: &Bits) -> Result<Labels, Halt> {
    let hot = block.hot()?;
    Ok(match key {
        Key::Level => Labels {
            labels: hot.kinds.entries.iter().map(|kind| kind.severity.map(|severity| severity.level().to_owned())).collect(),
            of: found.iter().map(|row| u32::try_from(hot.kinds.number(row)).unwrap_or(u32::MAX)).collect(),
        },
        Key::Verdict => Labels {
            labels: hot.kinds.entries.iter().map(|kind| Some(kind.verdict.as_str().to_owned())).collect(),
            of: found.iter().map(|row| u32::try_from(hot.kinds.number(row)).unwrap_or(u32::MAX)).collect(),
        },
        Key::Time(interval, phase) => of_times(found.iter().map(|row| block.time(row)), *interval, *phase)?,
        Key::Field(Field::Stamp(stamp)) if is_of_owner(*stamp) => {
            let text = |owner: &u32| {
                let owner = block.owner(*owner)?;
                Ok(owner_stamp(*stamp, owner).filter(|text| !text.is_empty()).map(ToOwned::to_owned))
            };
            // Several owners may have the same text.
            let distinct = Labels::collect(hot.owners.distinct.iter().map(text))?;
            let number = |row| usize::try_from(hot.owners.places.get(row)).ok().and_then(|place| distinct.of.get(place)).copied();
            let of = if distinct.labels.len() == 1 { Vec::new() } else { found.iter().map(|row| number(row).unwrap_or(0)).collect() };
            Labels { labels: distinct.labels, of }
        }
        Key::Field(field @ (Field::Stamp(_) | Field::Message)) => {
            Labels::collect(found.iter().map(|row| Ok(text_of(field, block, row)?.filter(|text| !text.is_empty()))))?
        }
        Key::Field(Field::Attribute(_)) => {
            let mut values: Vec<Option<String>> = vec![None; usize::try_from(found.count()).unwrap_or(0)];
            if let Some(wanted) = wanted {
                wanted.each_scalar(block, found, |nth, scalar| {
                    if let Some(value @ None) = values.get_mut(nth)
                        && scalar.exists()
                    {
                        *value = Some(scalar.text().to_owned());
                    }
                })?;
            }
            Labels::collect(values.into_iter().map(Ok))?
        }
    })
}

/// Pieces of time: rows ascend in it, so that neighbours mostly have the same one.
fn of_times(times: impl Iterator<Item = io::Result<i64>>, interval_ns: i64, phase_ns: i64) -> io::Result<Labels> {
    let (mut labels, mut of) = (Vec::new(), Vec::new());
    let mut piece = 0..0;
    for time_ns in times {
        let time_ns = time_ns?;
        if !piece.contains(&time_ns) {
            let start_ns = start_of(time_ns, interval_ns, phase_ns);
            piece = start_ns..start_ns.saturating_add(interval_ns.max(1));
            labels.push(Some(start_ns.to_string()));
        }
        of.push(u32::try_from(labels.len() - 1).unwrap_or(u32::MAX));
    }
    Ok(Labels { labels, of })
}

fn is_of_owner(stamp: Stamp) -> bool {
    matches!(stamp, Stamp::Partner | Stamp::Module | Stamp::Instance | Stamp::Csp | Stamp::Environment | Stamp::Version)
}

/// The text of a field that is no attribute.
fn text_of(field: &Field, block: &Block<'_>, row: usize) -> io::Result<Option<String>> {
    Ok(match field {
        Field::Message => {
            let mut text = String::new();
            block.message(row, &mut text)?;
            Some(text)
        }
        Field::Stamp(stamp) => {
            let (owner, origin, _) = block.whose(row)?;
            owner_stamp(*stamp, owner).or_else(|| origin_stamp(*stamp, origin)).map(ToOwned::to_owned)
        }
        Field::Attribute(_) => None,
    })
}

fn key_of(key: &Key, row: RowRef<'_>) -> Option<String> {
    match key {
        Key::Level => row.severity.map(|severity| severity.level().to_owned()),
        Key::Verdict => Some(row.verdict.as_str().to_owned()),
        Key::Time(interval, phase) => Some(start_of(row.time_ns, *interval, *phase).to_string()),
        Key::Field(field) => {
            let mut first = None;
            each_value(field, row, |_, scalar| {
                if first.is_none() && scalar.exists() {
                    first = Some(scalar.text().to_owned());
                }
            });
            first
        }
    }
}

fn start_of(time_ns: i64, interval_ns: i64, phase_ns: i64) -> i64 {
    time_ns.saturating_sub(time_ns.saturating_sub(phase_ns).rem_euclid(interval_ns.max(1)))
}

fn path_of(field: &Field) -> &str {
    match field {
        Field::Attribute(path) => path,
        _ => "",
    }
}

/// The values of a field of a row in memory.
fn each_value(field: &Field, row: RowRef<'_>, mut value: impl FnMut(&str, Scalar<'_>)) {
    match field {
        Field::Message => value("", Scalar::Str(row.message().into())),
        Field::Stamp(stamp) => {
            if let Some(text) = owner_stamp(*stamp, row.owner).or_else(|| origin_stamp(*stamp, row.origin)) {
                value("", Scalar::Str(text.into()));
            }
        }
        Field::Attribute(path) => fields::visit(row.attributes(), path, |scalar| value(path, scalar)),
    }
}

fn take(measured: &mut Measured, measure: &Measure, path: &str, scalar: &Scalar<'_>, exact_max: usize) {
    if (measure.numbers || measure.quantiles)
        && let Some(number) = scalar.number(path)
    {
        measured.numbers(std::iter::once(number), measure.quantiles, exact_max);
    }
    if measure.distinct {
        distinct(measured, path, scalar, exact_max);
    }
}

fn distinct(measured: &mut Measured, path: &str, scalar: &Scalar<'_>, exact_max: usize) {
    if scalar.exists() {
        let exact = fields::is_exact(path);
        let text = if exact { fields::normalise_id(path, scalar.text()) } else { scalar.text().into() };
        if !text.is_empty() {
            measured.distinct.insert(xxh3_128(text.as_bytes()), exact_max);
        }
    }
}
