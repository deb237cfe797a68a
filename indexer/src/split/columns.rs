//! The columns of a block as bytes, before compression.
//!
//! ```text
//! time        first (zigzag) | common factor | (time - last) / factor …            rows ascend in (time, seq)
//! seq         zigzag(seq - last - 1) …
//! place       entries | (zigzag(arrived - last) owner origin) … | entry of each row …
//! kind        entries | (severity verdict problems) … | entry of each row …
//! message     byte length of each row … | text
//! attributes  as message
//! rest        zigzag(runtime time - time) … | zigzag(offset - last of this origin) … | rows | (row count (kind number) …) …
//! ```
//!
//! Every number is a varint. Differences wrap, so that any value comes back. Decoding never panics.

use super::codec::{Input, damaged, put, put_signed};
use crate::row::Row;
use martlog_formats::{Problems, RedactionKind, Severity, Verdict};
use std::collections::HashMap;
use std::io;

/// Where a row came from: its arrival and the ordinals of owner and origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// ns since the epoch.
    pub(crate) arrived_ns: i64,
    /// In the split's owners.
    pub(crate) owner: usize,
    /// In the split's origins.
    pub(crate) origin: usize,
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
pub(crate) struct Coded<T> {
    /// The distinct values.
    pub(crate) entries: Vec<T>,
    /// The entry of each row, always in range.
    pub(crate) rows: Vec<u32>,
}

/// A text of each row.
#[derive(Debug)]
pub(crate) struct Texts {
    text: String,
    /// Where each row's text ends.
    ends: Vec<usize>,
}

/// What only a whole row needs.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) runtime_times_ns: Vec<i64>,
    pub(crate) offsets: Vec<u64>,
    pub(crate) redactions: HashMap<usize, Vec<(RedactionKind, u16)>>,
}

impl<T> Coded<T> {
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

impl Texts {
    /// The text of a row; empty where there is no such row.
    pub(crate) fn get(&self, row: usize) -> &str {
        let from = if row == 0 { 0 } else { self.ends.get(row - 1).copied().unwrap_or(0) };
        self.ends.get(row).and_then(|to| self.text.get(from..*to)).unwrap_or_default()
    }
}

pub(super) fn encode_times(rows: &[&Row], out: &mut Vec<u8>) {
    let Some(first) = rows.first().map(|row| row.record.time_ns) else { return };
    let steps: Vec<u64> = rows.windows(2).map(|pair| pair[1].record.time_ns.wrapping_sub(pair[0].record.time_ns).cast_unsigned()).collect();
    let factor = steps.iter().fold(0, |factor, step| greatest_common_divisor(factor, *step)).max(1);
    put_signed(out, first);
    put(out, factor);
    steps.iter().for_each(|step| put(out, step / factor));
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

pub(super) fn decode_times(bytes: &[u8], rows: usize) -> io::Result<Vec<i64>> {
    let mut input = Input(bytes);
    let mut time = input.signed()?;
    let factor = input.number()?;
    let mut times = Vec::with_capacity(rows);
    times.push(time);
    for _ in 1..rows {
        time = time.wrapping_add(input.number()?.wrapping_mul(factor).cast_signed());
        times.push(time);
    }
    input.end()?;
    Ok(times)
}

pub(super) fn encode_seqs(rows: &[&Row], out: &mut Vec<u8>) {
    let mut next = 0_u64;
    for row in rows {
        put_signed(out, row.seq.wrapping_sub(next).cast_signed());
        next = row.seq.wrapping_add(1);
    }
}

pub(super) fn decode_seqs(bytes: &[u8], rows: usize) -> io::Result<Vec<u64>> {
    let mut input = Input(bytes);
    let mut next = 0_u64;
    let mut seqs = Vec::with_capacity(rows);
    for _ in 0..rows {
        let seq = next.wrapping_add(input.signed()?.cast_unsigned());
        seqs.push(seq);
        next = seq.wrapping_add(1);
    }
    input.end()?;
    Ok(seqs)
}

fn encode_coded<T: Copy + Eq + std::hash::Hash>(values: &[T], out: &mut Vec<u8>, mut entry: impl FnMut(&T, &mut Vec<u8>)) {
    let mut ordinals: HashMap<T, u64> = HashMap::new();
    let mut entries = Vec::new();
    let mut rows = Vec::with_capacity(values.len());
    let mut last = None;
    for value in values {
        let ordinal = match last {
            Some((before, ordinal)) if before == *value => ordinal,
            _ => {
                let next = ordinals.len() as u64;
                *ordinals.entry(*value).or_insert_with(|| {
                    entry(value, &mut entries);
                    next
                })
            }
        };
        last = Some((*value, ordinal));
        put(&mut rows, ordinal);
    }
    put(out, ordinals.len() as u64);
    out.extend_from_slice(&entries);
    out.extend_from_slice(&rows);
}

fn decode_coded<T>(bytes: &[u8], rows: usize, mut entry: impl FnMut(&mut Input<'_>) -> io::Result<T>) -> io::Result<Coded<T>> {
    let mut input = Input(bytes);
    let count = input.below(rows + 1)?;
    let entries = (0..count).map(|_| entry(&mut input)).collect::<io::Result<Vec<_>>>()?;
    let ordinal = |input: &mut Input<'_>| u32::try_from(input.below(count)?).map_err(|_| damaged("an ordinal is too large"));
    let coded = Coded { entries, rows: (0..rows).map(|_| ordinal(&mut input)).collect::<io::Result<Vec<_>>>()? };
    input.end()?;
    Ok(coded)
}

pub(super) fn encode_places(places: &[Place], out: &mut Vec<u8>) {
    let mut last = 0_i64;
    encode_coded(places, out, |place, out| {
        put_signed(out, place.arrived_ns.wrapping_sub(last));
        put(out, place.owner as u64);
        put(out, place.origin as u64);
        last = place.arrived_ns;
    });
}

pub(super) fn decode_places(bytes: &[u8], rows: usize, owners: usize, origins: usize) -> io::Result<Coded<Place>> {
    let mut last = 0_i64;
    decode_coded(bytes, rows, |input| {
        last = last.wrapping_add(input.signed()?);
        Ok(Place { arrived_ns: last, owner: input.below(owners)?, origin: input.below(origins)? })
    })
}

pub(super) fn encode_kinds(rows: &[&Row], out: &mut Vec<u8>) {
    let kinds: Vec<Kind> =
        rows.iter().map(|row| Kind { severity: row.record.severity, verdict: row.record.verdict, problems: row.record.problems }).collect();
    encode_coded(&kinds, out, |kind, out| {
        put(out, kind.severity.map_or(0, |severity| u64::from(severity.number())));
        put(out, kind.verdict as u64);
        put(out, kind.problems.0);
    });
}

pub(super) fn decode_kinds(bytes: &[u8], rows: usize) -> io::Result<Coded<Kind>> {
    decode_coded(bytes, rows, |input| {
        let severity = match input.below(25)? {
            0 => None,
            number => u8::try_from(number).ok().and_then(Severity::from_number),
        };
        let verdict = Verdict::ALL.get(input.below(Verdict::ALL.len())?).copied().ok_or_else(|| damaged("a verdict"))?;
        Ok(Kind { severity, verdict, problems: Problems(input.number()?) })
    })
}

pub(super) fn encode_texts<'a>(texts: impl Iterator<Item = &'a str> + Clone, out: &mut Vec<u8>) {
    texts.clone().for_each(|text| put(out, text.len() as u64));
    texts.for_each(|text| out.extend_from_slice(text.as_bytes()));
}

pub(super) fn decode_texts(bytes: &[u8], rows: usize) -> io::Result<Texts> {
    let mut input = Input(bytes);
    let mut end = 0_usize;
    let mut ends = Vec::with_capacity(rows);
    for _ in 0..rows {
        end = end.saturating_add(input.below(bytes.len() + 1)?);
        ends.push(end);
    }
    let text = std::str::from_utf8(input.bytes(end)?).map_err(|_| damaged("a text is not UTF-8"))?.to_owned();
    input.end()?;
    if ends.iter().any(|end| !text.is_char_boundary(*end)) {
        return Err(damaged("a text ends within a character"));
    }
    Ok(Texts { text, ends })
}

pub(super) fn encode_rest(rows: &[&Row], places: &[Place], out: &mut Vec<u8>) {
    for row in rows {
        put_signed(out, row.record.runtime_time_ns.wrapping_sub(row.record.time_ns));
    }
    let mut last: HashMap<usize, u64> = HashMap::new();
    for (row, place) in rows.iter().zip(places) {
        let before = last.insert(place.origin, row.offset).unwrap_or(0);
        put_signed(out, row.offset.wrapping_sub(before).cast_signed());
    }
    let redacted = || rows.iter().enumerate().filter(|(_, row)| !row.record.redactions.is_empty());
    put(out, redacted().count() as u64);
    for (at, row) in redacted() {
        put(out, at as u64);
        put(out, row.record.redactions.len() as u64);
        for (kind, count) in &row.record.redactions {
            put(out, *kind as u64);
            put(out, u64::from(*count));
        }
    }
}

pub(super) fn decode_rest(bytes: &[u8], times: &[i64], places: &Coded<Place>) -> io::Result<Rest> {
    let mut input = Input(bytes);
    let rows = times.len();
    let runtime_times_ns = times.iter().map(|time| Ok(time.wrapping_add(input.signed()?))).collect::<io::Result<Vec<_>>>()?;
    let mut last: HashMap<usize, u64> = HashMap::new();
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
        let count = input.below(bytes.len() + 1)?;
        let list = (0..count).map(|_| decode_redaction(&mut input)).collect::<io::Result<Vec<_>>>()?;
        redactions.insert(row, list);
    }
    input.end()?;
    Ok(Rest { runtime_times_ns, offsets, redactions })
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
        fn any_bytes_are_a_column_or_an_error(bytes: Vec<u8>, rows in 1_usize..50) {
            let _ = decode_times(&bytes, rows);
            let _ = decode_seqs(&bytes, rows);
            let _ = decode_kinds(&bytes, rows);
            let _ = decode_texts(&bytes, rows);
            if let Ok(places) = decode_places(&bytes, rows, 2, 2) {
                let _ = decode_rest(&bytes, &vec![0; rows], &places);
            }
        }
    }
}
