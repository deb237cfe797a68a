//! What a block keeps of its rows besides their texts.
//!
//! ```text
//! hot      times | kinds | owners | shapes | seqs | runtimes                         read as it lies there, each row by itself but for the times
//! times    first (zigzag) | common factor | packed((time - last) / factor …)         rows ascend in (time, seq)
//! kinds    entries | (severity verdict problems) … | packed(entry of each row …)
//! owners   coded ordinals; shapes likewise
//! seqs     packed
//! runtimes packed(zigzag(runtime time - time) …)
//! cold     zstd(places | offsets | redactions)                                       in the order of seqs
//! places   runs | (seq - seq of the run before, zigzag(arrived - last), origin) …    rows that came together follow each other
//! offsets  zigzag(offset - last of this origin) …
//! redactions  rows | (row count (kind number) …) …
//! ```
//!
//! Every number is a varint or packed. Differences wrap, so that any value comes back. Decoding never panics.

use super::bits::Bits;
use super::codec::{Input, damaged, put, put_signed};
use super::packed::{Coded, Packed, put_coded, put_packed};
use martlog_formats::{Problems, RedactionKind, Severity, Verdict};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::io;

/// A row without its texts while a split is built.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) time_ns: i64,
    pub(super) place: Place,
    /// In the split's owners.
    pub(super) owner: u32,
    /// In the split's shapes.
    pub(super) shape: u32,
    pub(super) offset: u64,
    pub(super) runtime_time_ns: i64,
    pub(super) kind: Kind,
    /// Bytes of its texts, about.
    pub(super) text_bytes: u32,
    pub(super) redactions: Redactions,
}

/// Secrets removed, by kind.
pub(super) type Redactions = Vec<(RedactionKind, u16)>;

/// When and where a row came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// ns since the epoch.
    pub(crate) arrived_ns: i64,
    /// In the split's origins.
    pub(crate) origin: u32,
}

/// What kind of row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    /// How serious.
    pub(crate) severity: Option<Severity>,
    /// Whether it conformed.
    pub(crate) verdict: Verdict,
    /// Why not.
    pub(crate) problems: Problems,
}

/// Few distinct values, and which of them each row has.
#[derive(Debug)]
pub(crate) struct Few<T, N> {
    /// The distinct values.
    pub(crate) entries: Vec<T>,
    /// The entry of each row.
    pub(crate) rows: N,
}

/// Places in a block: rows that came together have one.
pub(crate) type Places = Few<Place, Vec<u32>>;
/// Kinds in a block.
pub(crate) type Kinds<'a> = Few<Kind, Packed<'a>>;

impl Places {
    /// The place of a row.
    pub(crate) fn get(&self, row: usize) -> Option<&Place> {
        self.entries.get(*self.rows.get(row)? as usize)
    }

    /// Whether each row's place passes, decided once per place.
    pub(crate) fn each(&self, pass: impl FnMut(&Place) -> bool) -> impl Fn(usize) -> bool {
        let passes: Vec<bool> = self.entries.iter().map(pass).collect();
        move |row| self.rows.get(row).and_then(|entry| passes.get(*entry as usize)).copied().unwrap_or(false)
    }
}

impl Kinds<'_> {
    /// The number of a row's kind.
    pub(crate) fn number(&self, row: usize) -> usize {
        usize::try_from(self.rows.get(row)).unwrap_or(usize::MAX)
    }

    /// The kind of a row.
    pub(crate) fn get(&self, row: usize) -> Option<&Kind> {
        self.entries.get(self.number(row))
    }

    /// The rows whose kind passes, decided once per kind.
    pub(crate) fn passing(&self, count: usize, pass: impl FnMut(&Kind) -> bool) -> Bits {
        let passes: Vec<bool> = self.entries.iter().map(pass).collect();
        if !passes.contains(&true) {
            return Bits::none(count);
        }
        let (mut found, mut row) = (Bits::none(count), 0);
        self.rows.for_each(|entry| {
            if usize::try_from(entry).ok().and_then(|entry| passes.get(entry)) == Some(&true) {
                found.set(row);
            }
            row += 1;
        });
        found
    }
}

/// What most searches look at.
pub(crate) struct Hot<'a> {
    steps: Steps<'a>,
    times: OnceCell<Vec<i64>>,
    pub(crate) kinds: Kinds<'a>,
    pub(crate) owners: Coded<'a>,
    pub(crate) shapes: Coded<'a>,
    /// Seqs.
    pub(crate) seqs: Packed<'a>,
    runtimes: Packed<'a>,
}

/// The times of rows: the first one, and how much later each of the others is.
struct Steps<'a> {
    first: i64,
    factor: u64,
    steps: Packed<'a>,
}

impl Hot<'_> {
    /// Times, ns, ascending.
    pub(crate) fn times(&self) -> &[i64] {
        self.times.get_or_init(|| {
            let Steps { first, factor, steps } = &self.steps;
            let mut times = Vec::with_capacity(self.rows());
            let mut time = *first;
            times.push(time);
            steps.for_each(|step| {
                time = time.wrapping_add(step.wrapping_mul(*factor).cast_signed());
                times.push(time);
            });
            times
        })
    }

    /// What the runtime wrote beside a row, ns.
    pub(super) fn runtime_time(&self, row: usize) -> Option<i64> {
        let value = self.runtimes.get(row);
        let later = (value >> 1).cast_signed() ^ -(value & 1).cast_signed();
        self.times().get(row).map(|time| time.wrapping_add(later))
    }

    fn rows(&self) -> usize {
        self.seqs.len()
    }
}

/// What a whole row needs besides.
#[derive(Debug)]
pub(crate) struct Cold {
    pub(crate) places: Places,
    pub(crate) offsets: Vec<u64>,
    pub(crate) redactions: HashMap<usize, Redactions>,
}

pub(super) fn encode_hot(rows: &[Head], out: &mut Vec<u8>, distinct: &mut Vec<u32>) {
    encode_times(rows, out);
    encode_kinds(rows, out);
    for of in [|row: &Head| row.owner, |row: &Head| row.shape] {
        let values: Vec<u32> = rows.iter().map(of).collect();
        put_coded(out, &values, distinct);
    }
    put_packed(out, rows.iter().map(|row| row.seq));
    let zigzag = |value: i64| ((value << 1) ^ (value >> 63)).cast_unsigned();
    put_packed(out, rows.iter().map(|row| zigzag(row.runtime_time_ns.wrapping_sub(row.time_ns))));
}

/// Reads the rows of a block in a split with so many owners and shapes.
pub(super) fn decode_hot(bytes: &[u8], rows: usize, owners: u32, shapes: u32) -> io::Result<Hot<'_>> {
    let mut input = Input(bytes);
    let steps = Steps { first: input.signed()?, factor: input.number()?, steps: Packed::read(&mut input, rows.saturating_sub(1))? };
    let hot = Hot {
        steps,
        times: OnceCell::new(),
        kinds: decode_kinds(&mut input, rows)?,
        owners: Coded::read(&mut input, rows, owners)?,
        shapes: Coded::read(&mut input, rows, shapes)?,
        seqs: Packed::read(&mut input, rows)?,
        runtimes: Packed::read(&mut input, rows)?,
    };
    input.end()?;
    Ok(hot)
}

/// The numbers of rows in the order of their seqs.
fn by_seq(seqs: impl Iterator<Item = u64>) -> Vec<(u64, usize)> {
    let mut order: Vec<(u64, usize)> = seqs.zip(0..).collect();
    // They nearly are.
    order.sort();
    order
}

pub(super) fn encode_cold(rows: &[Head], out: &mut Vec<u8>) {
    let order = by_seq(rows.iter().map(|row| row.seq));
    let ordered = || order.iter().filter_map(|(_, row)| rows.get(*row));
    encode_places(ordered, out);
    encode_offsets(ordered, out);
    encode_redactions(rows, out);
}

pub(super) fn decode_cold(bytes: &[u8], hot: &Hot<'_>, origins: u32) -> io::Result<Cold> {
    let order = by_seq(hot.seqs.iter());
    let mut input = Input(bytes);
    let places = decode_places(&mut input, &order, origins)?;
    let offsets = decode_offsets(&mut input, &order, &places)?;
    let redactions = decode_redactions(&mut input, order.len(), bytes.len())?;
    input.end()?;
    Ok(Cold { places, offsets, redactions })
}

fn encode_times(rows: &[Head], out: &mut Vec<u8>) {
    let Some(first) = rows.first().map(|row| row.time_ns) else { return };
    let steps = rows.windows(2).map(|pair| pair[1].time_ns.wrapping_sub(pair[0].time_ns).cast_unsigned());
    let factor = steps.clone().fold(0, greatest_common_divisor).max(1);
    put_signed(out, first);
    put(out, factor);
    put_packed(out, steps.map(|step| step / factor));
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The distinct values, numbered as they come, and the number of each.
fn numbered<T: Copy + Eq + std::hash::Hash>(values: impl Iterator<Item = T>) -> (Vec<T>, Vec<u32>) {
    let mut numbers: HashMap<T, u32> = HashMap::new();
    let (mut entries, mut rows) = (Vec::new(), Vec::new());
    let mut last = None;
    for value in values {
        let number = match last {
            Some((before, number)) if before == value => number,
            _ => {
                let next = u32::try_from(entries.len()).unwrap_or(u32::MAX);
                *numbers.entry(value).or_insert_with(|| {
                    entries.push(value);
                    next
                })
            }
        };
        last = Some((value, number));
        rows.push(number);
    }
    (entries, rows)
}

fn encode_places<'r, I: Iterator<Item = &'r Head>>(ordered: impl Fn() -> I, out: &mut Vec<u8>) {
    let mut runs: Vec<&Head> = Vec::new();
    ordered().for_each(|row| {
        if runs.last().is_none_or(|last| last.place != row.place) {
            runs.push(row);
        }
    });
    put(out, runs.len() as u64);
    let (mut seq, mut arrived) = (0, 0);
    for row in runs {
        put(out, row.seq.wrapping_sub(seq));
        put_signed(out, row.place.arrived_ns.wrapping_sub(arrived));
        put(out, u64::from(row.place.origin));
        (seq, arrived) = (row.seq, row.place.arrived_ns);
    }
}

fn decode_places(input: &mut Input<'_>, order: &[(u64, usize)], origins: u32) -> io::Result<Places> {
    let count = input.below(order.len() + 1)?;
    let (mut seq, mut arrived_ns) = (0_u64, 0_i64);
    let (mut entries, mut rows) = (Vec::with_capacity(count), vec![0; order.len()]);
    let mut left = order.iter().peekable();
    for number in 0..count {
        seq = seq.wrapping_add(input.number()?);
        arrived_ns = arrived_ns.wrapping_add(input.signed()?);
        // Those before it are of the run before.
        while let Some((_, row)) = left.next_if(|(own, _)| *own < seq) {
            set(&mut rows, *row, number.checked_sub(1).ok_or_else(|| damaged("a row without a place"))?);
        }
        entries.push(Place { arrived_ns, origin: ordinal(input, origins)? });
    }
    let last = count.checked_sub(1).ok_or_else(|| damaged("no places"))?;
    left.for_each(|(_, row)| set(&mut rows, *row, last));
    Ok(Few { entries, rows })
}

fn set(rows: &mut [u32], row: usize, number: usize) {
    // There are no more than rows of a block.
    rows.iter_mut().skip(row).take(1).for_each(|own| *own = u32::try_from(number).unwrap_or(u32::MAX));
}

fn ordinal(input: &mut Input<'_>, limit: u32) -> io::Result<u32> {
    u32::try_from(input.number()?).ok().filter(|number| *number < limit).ok_or_else(|| damaged("an ordinal is out of range"))
}

fn encode_kinds(rows: &[Head], out: &mut Vec<u8>) {
    let (entries, numbers) = numbered(rows.iter().map(|row| row.kind));
    put(out, entries.len() as u64);
    for kind in &entries {
        put(out, kind.severity.map_or(0, |severity| u64::from(severity.number())));
        put(out, kind.verdict as u64);
        put(out, kind.problems.0);
    }
    put_packed(out, numbers.iter().map(|number| u64::from(*number)));
}

fn decode_kinds<'a>(input: &mut Input<'a>, rows: usize) -> io::Result<Kinds<'a>> {
    let count = input.below(rows + 1)?;
    let entries = (0..count).map(|_| decode_kind(input)).collect::<io::Result<Vec<_>>>()?;
    Ok(Few { entries, rows: Packed::read(input, rows)? })
}

fn decode_kind(input: &mut Input<'_>) -> io::Result<Kind> {
    let severity = match input.below(25)? {
        0 => None,
        number => u8::try_from(number).ok().and_then(Severity::from_number),
    };
    let verdict = Verdict::ALL.get(input.below(Verdict::ALL.len())?).copied().ok_or_else(|| damaged("a verdict"))?;
    Ok(Kind { severity, verdict, problems: Problems(input.number()?) })
}

fn encode_offsets<'r, I: Iterator<Item = &'r Head>>(ordered: impl Fn() -> I, out: &mut Vec<u8>) {
    let mut last: HashMap<u32, u64> = HashMap::new();
    for row in ordered() {
        let before = last.insert(row.place.origin, row.offset).unwrap_or(0);
        put_signed(out, row.offset.wrapping_sub(before).cast_signed());
    }
}

fn decode_offsets(input: &mut Input<'_>, order: &[(u64, usize)], places: &Places) -> io::Result<Vec<u64>> {
    let mut last: HashMap<u32, u64> = HashMap::new();
    let mut offsets = vec![0; order.len()];
    for (_, row) in order {
        let origin = places.get(*row).map(|place| place.origin).ok_or_else(|| damaged("a row without a place"))?;
        let before = last.entry(origin).or_insert(0);
        *before = before.wrapping_add(input.signed()?.cast_unsigned());
        offsets.iter_mut().skip(*row).take(1).for_each(|offset| *offset = *before);
    }
    Ok(offsets)
}

fn encode_redactions(rows: &[Head], out: &mut Vec<u8>) {
    let redacted = || rows.iter().enumerate().filter(|(_, row)| !row.redactions.is_empty());
    put(out, redacted().count() as u64);
    for (at, row) in redacted() {
        put(out, at as u64);
        put(out, row.redactions.len() as u64);
        for (kind, count) in &row.redactions {
            put(out, *kind as u64);
            put(out, u64::from(*count));
        }
    }
}

fn decode_redactions(input: &mut Input<'_>, rows: usize, bytes: usize) -> io::Result<HashMap<usize, Redactions>> {
    let mut redactions = HashMap::new();
    for _ in 0..input.below(rows + 1)? {
        let row = input.below(rows)?;
        let count = input.below(bytes + 1)?;
        let list = (0..count).map(|_| decode_redaction(input)).collect::<io::Result<Vec<_>>>()?;
        redactions.insert(row, list);
    }
    Ok(redactions)
}

fn decode_redaction(input: &mut Input<'_>) -> io::Result<(RedactionKind, u16)> {
    let kind = RedactionKind::ALL.get(input.below(RedactionKind::ALL.len())?).copied().ok_or_else(|| damaged("a redaction"))?;
    let count = u16::try_from(input.number()?).map_err(|_| damaged("a count of redactions"))?;
    Ok((kind, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heads(count: usize) -> Vec<Head> {
        let kind = |row: usize| Kind {
            severity: Severity::from_number(row.to_le_bytes()[0] % 5),
            verdict: Verdict::ALL[0],
            problems: Problems::default(),
        };
        let place = Place { arrived_ns: 0, origin: 0 };
        let head = |row| Head {
            seq: row as u64,
            time_ns: 0,
            place,
            owner: 0,
            shape: 0,
            offset: 0,
            runtime_time_ns: 0,
            kind: kind(row),
            text_bytes: 0,
            redactions: Vec::new(),
        };
        (0..count).map(head).collect()
    }

    proptest! {
        #[test]
        fn any_bytes_are_rows_or_an_error(bytes: Vec<u8>, rows in 1_usize..50) {
            if let Ok(hot) = decode_hot(&bytes, rows, 2, 3) {
                let _ = (hot.times(), hot.kinds.get(0), decode_cold(&bytes, &hot, 2));
            }
            let mut out = Vec::new();
            encode_hot(&heads(rows), &mut out, &mut Vec::new());
            let hot = decode_hot(&out, rows, 2, 3).unwrap();
            let _ = decode_cold(&bytes, &hot, 2);
        }

        #[test]
        fn rows_come_back(rows in proptest::collection::vec(any::<(u8, i64, i8, u64, i64)>(), 1..100)) {
            let mut seqs = std::collections::BTreeSet::new();
            let mut heads: Vec<Head> = rows.into_iter().zip(heads(100)).map(|((seq, time_ns, place, offset, runtime), head)| Head {
                seq: u64::from(seq),
                time_ns,
                place: Place { arrived_ns: i64::from(place / 16), origin: u32::from(place.unsigned_abs() % 3) },
                offset,
                runtime_time_ns: runtime,
                ..head
            }).filter(|head| seqs.insert(head.seq)).collect();
            heads.sort_by_key(|head| (head.time_ns, head.seq));
            let (mut hot, mut cold) = (Vec::new(), Vec::new());
            encode_hot(&heads, &mut hot, &mut Vec::new());
            encode_cold(&heads, &mut cold);
            let hot = decode_hot(&hot, heads.len(), 2, 3).unwrap();
            let cold = decode_cold(&cold, &hot, 3).unwrap();
            for (row, head) in heads.iter().enumerate() {
                prop_assert_eq!((hot.seqs.get(row), hot.times()[row], hot.runtime_time(row)), (head.seq, head.time_ns, Some(head.runtime_time_ns)));
                prop_assert_eq!((cold.places.get(row), cold.offsets[row], hot.kinds.get(row)), (Some(&head.place), head.offset, Some(&head.kind)));
            }
        }
    }
}
