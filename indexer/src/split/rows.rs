//! What a block keeps of its rows besides their texts.
//!
//! ```text
//! hot     times | kinds | owners | shapes                                            what most searches look at: read as it lies there
//! times   first (zigzag) | common factor | packed((time - last) / factor …)          rows ascend in (time, seq)
//! kinds   entries | (severity verdict problems) … | packed(entry of each row …)
//! owners  coded ordinals; shapes likewise
//! cold    zstd(seqs | places | rest)
//! seqs    zigzag(seq - last - 1) …
//! places  entries | (zigzag(arrived - last) origin) … | entry of each row …
//! rest    zigzag(runtime time - time) … | zigzag(offset - last of this origin) … | rows | (row count (kind number) …) …
//! ```
//!
//! Every number is a varint or packed. Differences wrap, so that any value comes back. Decoding never panics.

use super::codec::{Input, damaged, put, put_signed};
use super::packed::{Coded, Packed, put_coded, put_packed};
use martlog_formats::{Problems, RedactionKind, Severity, Verdict};
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
pub(crate) struct Few<T> {
    /// The distinct values.
    pub(crate) entries: Vec<T>,
    /// The entry of each row, always in range.
    pub(crate) rows: Vec<u32>,
}

impl<T> Few<T> {
    /// The value of a row.
    pub(crate) fn get(&self, row: usize) -> Option<&T> {
        self.entries.get(*self.rows.get(row)? as usize)
    }

    /// Whether each row's value passes, decided once per value.
    pub(crate) fn each(&self, pass: impl FnMut(&T) -> bool) -> impl Fn(usize) -> bool {
        let passes: Vec<bool> = self.entries.iter().map(pass).collect();
        move |row| self.rows.get(row).and_then(|entry| passes.get(*entry as usize)).copied().unwrap_or(false)
    }
}

/// What most searches look at.
pub(crate) struct Hot<'a> {
    pub(crate) times: Vec<i64>,
    pub(crate) kinds: Few<Kind>,
    pub(crate) owners: Coded<'a>,
    pub(crate) shapes: Coded<'a>,
}

/// What a whole row needs besides.
#[derive(Debug)]
pub(crate) struct Cold {
    pub(crate) seqs: Vec<u64>,
    pub(crate) places: Few<Place>,
    pub(crate) runtime_times_ns: Vec<i64>,
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
}

/// Reads the rows of a block in a split with so many owners and shapes.
pub(super) fn decode_hot(bytes: &[u8], rows: usize, owners: u32, shapes: u32) -> io::Result<Hot<'_>> {
    let mut input = Input(bytes);
    let hot = Hot {
        times: decode_times(&mut input, rows)?,
        kinds: decode_kinds(&mut input, rows)?,
        owners: Coded::read(&mut input, rows, owners)?,
        shapes: Coded::read(&mut input, rows, shapes)?,
    };
    input.end()?;
    Ok(hot)
}

pub(super) fn encode_cold(rows: &[Head], out: &mut Vec<u8>) {
    encode_seqs(rows, out);
    encode_places(rows, out);
    encode_rest(rows, out);
}

pub(super) fn decode_cold(bytes: &[u8], times: &[i64], origins: u32) -> io::Result<Cold> {
    let mut input = Input(bytes);
    let seqs = decode_seqs(&mut input, times.len())?;
    let places = decode_places(&mut input, times.len(), origins)?;
    decode_rest(input, bytes.len(), times, seqs, places)
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

fn decode_times(input: &mut Input<'_>, rows: usize) -> io::Result<Vec<i64>> {
    let mut time = input.signed()?;
    let factor = input.number()?;
    let steps = Packed::read(input, rows.saturating_sub(1))?;
    let mut times = Vec::with_capacity(rows);
    times.push(time);
    for step in steps.iter() {
        time = time.wrapping_add(step.wrapping_mul(factor).cast_signed());
        times.push(time);
    }
    Ok(times)
}

fn encode_seqs(rows: &[Head], out: &mut Vec<u8>) {
    let mut next = 0_u64;
    for row in rows {
        put_signed(out, row.seq.wrapping_sub(next).cast_signed());
        next = row.seq.wrapping_add(1);
    }
}

fn decode_seqs(input: &mut Input<'_>, rows: usize) -> io::Result<Vec<u64>> {
    let mut next = 0_u64;
    let mut seqs = Vec::with_capacity(rows);
    for _ in 0..rows {
        let seq = next.wrapping_add(input.signed()?.cast_unsigned());
        seqs.push(seq);
        next = seq.wrapping_add(1);
    }
    Ok(seqs)
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

fn encode_places(rows: &[Head], out: &mut Vec<u8>) {
    let (entries, numbers) = numbered(rows.iter().map(|row| row.place));
    let mut last = 0_i64;
    put(out, entries.len() as u64);
    for place in &entries {
        put_signed(out, place.arrived_ns.wrapping_sub(last));
        put(out, u64::from(place.origin));
        last = place.arrived_ns;
    }
    numbers.iter().for_each(|number| put(out, u64::from(*number)));
}

fn decode_places(input: &mut Input<'_>, rows: usize, origins: u32) -> io::Result<Few<Place>> {
    let mut last = 0_i64;
    let count = input.below(rows + 1)?;
    let mut place = |input: &mut Input<'_>| {
        last = last.wrapping_add(input.signed()?);
        Ok(Place { arrived_ns: last, origin: ordinal(input, origins)? })
    };
    let entries = (0..count).map(|_| place(input)).collect::<io::Result<Vec<_>>>()?;
    let limit = u32::try_from(count).unwrap_or(u32::MAX);
    Ok(Few { entries, rows: (0..rows).map(|_| ordinal(input, limit)).collect::<io::Result<Vec<_>>>()? })
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

fn decode_kinds(input: &mut Input<'_>, rows: usize) -> io::Result<Few<Kind>> {
    let count = input.below(rows + 1)?;
    let entries = (0..count).map(|_| decode_kind(input)).collect::<io::Result<Vec<_>>>()?;
    let number = |number: u64| u32::try_from(number).ok().filter(|number| (*number as usize) < count);
    let numbers =
        Packed::read(input, rows)?.iter().map(|packed| number(packed).ok_or_else(|| damaged("a kind"))).collect::<io::Result<_>>()?;
    Ok(Few { entries, rows: numbers })
}

fn decode_kind(input: &mut Input<'_>) -> io::Result<Kind> {
    let severity = match input.below(25)? {
        0 => None,
        number => u8::try_from(number).ok().and_then(Severity::from_number),
    };
    let verdict = Verdict::ALL.get(input.below(Verdict::ALL.len())?).copied().ok_or_else(|| damaged("a verdict"))?;
    Ok(Kind { severity, verdict, problems: Problems(input.number()?) })
}

fn encode_rest(rows: &[Head], out: &mut Vec<u8>) {
    for row in rows {
        put_signed(out, row.runtime_time_ns.wrapping_sub(row.time_ns));
    }
    let mut last: HashMap<u32, u64> = HashMap::new();
    for row in rows {
        let before = last.insert(row.place.origin, row.offset).unwrap_or(0);
        put_signed(out, row.offset.wrapping_sub(before).cast_signed());
    }
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

fn decode_rest(mut input: Input<'_>, bytes: usize, times: &[i64], seqs: Vec<u64>, places: Few<Place>) -> io::Result<Cold> {
    let rows = times.len();
    let runtime_times_ns = times.iter().map(|time| Ok(time.wrapping_add(input.signed()?))).collect::<io::Result<Vec<_>>>()?;
    let mut last: HashMap<u32, u64> = HashMap::new();
    let mut offsets = Vec::with_capacity(rows);
    for row in 0..rows {
        let origin = places.get(row).map(|place| place.origin).ok_or_else(|| damaged("a row without a place"))?;
        let before = last.entry(origin).or_insert(0);
        *before = before.wrapping_add(input.signed()?.cast_unsigned());
        offsets.push(*before);
    }
    let mut redactions = HashMap::new();
    for _ in 0..input.below(rows + 1)? {
        let row = input.below(rows)?;
        let count = input.below(bytes + 1)?;
        let list = (0..count).map(|_| decode_redaction(&mut input)).collect::<io::Result<Vec<_>>>()?;
        redactions.insert(row, list);
    }
    input.end()?;
    Ok(Cold { seqs, places, runtime_times_ns, offsets, redactions })
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

    proptest! {
        #[test]
        fn any_bytes_are_rows_or_an_error(bytes: Vec<u8>, rows in 1_usize..50) {
            let _ = decode_hot(&bytes, rows, 2, 3);
            let _ = decode_cold(&bytes, &vec![0; rows], 2);
        }
    }
}
