//! Times: RFC 3339 and its neighbours, epoch numbers, and the forms in which text lines print them, as ns since the epoch, UTC.
//!
//! Parsers here read from the beginning of a text and say how far they came. A form without a zone is read in the profile's zone and marked; one
//! without a year (or a date) takes it from the runtime's time, the nearest that fits.

const SECOND_NS: i128 = 1_000_000_000;
const DAY_S: i64 = 86_400;

/// A time that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// ns since the epoch, UTC.
    pub ns: i64,
    /// Whether the text named a zone.
    pub zoned: bool,
}

/// What a text without all parts of a time is completed with.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The zone of texts that name none, minutes east of UTC.
    pub zone_minutes: i32,
    /// The runtime's time of the line, ns since the epoch.
    pub runtime_ns: i64,
}

/// A date and a time of day as written.
#[derive(Debug, Clone, Copy, Default)]
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
}

/// Reads a whole text as RFC 3339; also with a space for the `T`, a comma for the point, `+0200`, ` UTC`, or no zone.
#[must_use]
pub fn timestamp(text: &str, context: Context) -> Option<Moment> {
    let text = text.trim();
    iso(text, context).filter(|(_, length)| *length == text.len()).map(|(moment, _)| moment)
}

/// Reads the text of a JSON number as s, ms, us or ns since the epoch, by its magnitude. Numbers before 1973 in seconds are no times but durations.
#[must_use]
pub fn epoch(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if text.contains(['e', 'E', '-']) {
        let value: f64 = text.parse().ok()?;
        // Written as a float, so no more exact than that.
        #[allow(clippy::cast_possible_truncation)]
        return (value.is_finite() && value < 1e19).then_some(value as i128).and_then(|whole| scale(whole, 0, 0));
    }
    let digits = fraction.get(..fraction.len().min(9))?;
    let scale_digits = u32::try_from(digits.len()).ok()?;
    scale(whole.parse().ok()?, if digits.is_empty() { 0 } else { digits.parse().ok()? }, scale_digits)
}

fn scale(whole: i128, fraction: i128, fraction_digits: u32) -> Option<i64> {
    let unit_ns = match whole {
        100_000_000..100_000_000_000 => SECOND_NS,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        100_000_000_000_000_000.. => 1,
        _ => return None,
    };
    i64::try_from(whole.checked_mul(unit_ns)? + fraction * unit_ns / 10_i128.pow(fraction_digits)).ok()
}

/// `2026-11-22T10:12:50.353Z` and its neighbours (also `2026/11/22 10:12:50`), and how many bytes it takes.
#[must_use]
pub fn iso(text: &str, context: Context) -> Option<(Moment, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut civil = Civil { year: fixed(bytes, &mut at, 4)?, ..Civil::default() };
    let separator = *bytes.get(at).filter(|byte| matches!(byte, b'-' | b'/'))?;
    at += 1;
    civil.month = fixed(bytes, &mut at, 2)?;
    take(bytes, &mut at, separator)?;
    civil.day = fixed(bytes, &mut at, 2)?;
    bytes.get(at).filter(|byte| matches!(byte, b'T' | b't' | b' '))?;
    at += 1;
    clock(bytes, &mut at, &mut civil)?;
    let offset = zone(bytes, &mut at);
    finish(civil, offset, context).map(|moment| (moment, at))
}

/// `22/Nov/2026:10:12:50 +0000`, as web servers print it.
#[must_use]
pub fn common_log(text: &str, context: Context) -> Option<(Moment, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut civil = Civil { day: fixed(bytes, &mut at, 2)?, ..Civil::default() };
    take(bytes, &mut at, b'/')?;
    civil.month = month(bytes, &mut at)?;
    take(bytes, &mut at, b'/')?;
    civil.year = fixed(bytes, &mut at, 4)?;
    take(bytes, &mut at, b':')?;
    clock(bytes, &mut at, &mut civil)?;
    let offset = zone(bytes, &mut at);
    finish(civil, offset, context).map(|moment| (moment, at))
}

/// `Sun Nov 22 10:12:50.353 2026`, as C's `ctime` prints it.
#[must_use]
pub fn ctime(text: &str, context: Context) -> Option<(Moment, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    if !matches!(bytes.get(..4)?, b"Mon " | b"Tue " | b"Wed " | b"Thu " | b"Fri " | b"Sat " | b"Sun ") {
        return None;
    }
    at += 4;
    let mut civil = Civil::default();
    month_day_clock(bytes, &mut at, &mut civil)?;
    take(bytes, &mut at, b' ')?;
    civil.year = fixed(bytes, &mut at, 4)?;
    finish(civil, None, context).map(|moment| (moment, at))
}

/// `Nov 22 10:12:50`, as syslog prints it: without year and zone.
#[must_use]
pub fn syslog(text: &str, context: Context) -> Option<(Moment, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut civil = Civil::default();
    month_day_clock(bytes, &mut at, &mut civil)?;
    nearest_year(civil, context).map(|moment| (moment, at))
}

/// `1122 10:12:50.353123` (klog) or, with a dash between month and day, `11-22 10:12:50.353` (Android): without year and zone.
#[must_use]
pub fn month_day(text: &str, dash: bool, context: Context) -> Option<(Moment, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut civil = Civil { month: fixed(bytes, &mut at, 2)?, ..Civil::default() };
    if dash {
        take(bytes, &mut at, b'-')?;
    }
    civil.day = fixed(bytes, &mut at, 2)?;
    take(bytes, &mut at, b' ')?;
    clock(bytes, &mut at, &mut civil)?;
    nearest_year(civil, context).map(|moment| (moment, at))
}

fn month_day_clock(bytes: &[u8], at: &mut usize, civil: &mut Civil) -> Option<()> {
    civil.month = month(bytes, at)?;
    take(bytes, at, b' ')?;
    // One digit is padded with a space.
    civil.day = if bytes.get(*at) == Some(&b' ') {
        *at += 1;
        fixed(bytes, at, 1)?
    } else {
        fixed(bytes, at, 2)?
    };
    take(bytes, at, b' ')?;
    clock(bytes, at, civil)
}

/// `10:12:50`, with a fraction behind a point or comma.
fn clock(bytes: &[u8], at: &mut usize, civil: &mut Civil) -> Option<()> {
    civil.hour = fixed(bytes, at, 2)?;
    take(bytes, at, b':')?;
    civil.minute = fixed(bytes, at, 2)?;
    take(bytes, at, b':')?;
    civil.second = fixed(bytes, at, 2)?;
    if matches!(bytes.get(*at), Some(b'.' | b',')) && bytes.get(*at + 1).is_some_and(u8::is_ascii_digit) {
        *at += 1;
        let mut unit = 100_000_000;
        while let Some(digit) = bytes.get(*at).filter(|byte| byte.is_ascii_digit()) {
            civil.nanos += i64::from(digit - b'0') * unit;
            unit /= 10;
            *at += 1;
        }
    }
    Some(())
}

/// The zone at this place, seconds east of UTC: `Z`, `+02:00`, `+0200`, `+02`, with or without a space before it, ` UTC`, ` GMT`.
fn zone(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let mut here = *at;
    let spaced = bytes.get(here) == Some(&b' ');
    if spaced {
        here += 1;
    }
    let rest = bytes.get(here..)?;
    let boundary = |end: usize| !rest.get(end).is_some_and(u8::is_ascii_alphanumeric);
    if matches!(rest.first(), Some(b'Z' | b'z')) && boundary(1) {
        *at = here + 1;
        return Some(0);
    }
    if (rest.starts_with(b"UTC") || rest.starts_with(b"GMT")) && boundary(3) {
        *at = here + 3;
        return Some(0);
    }
    let sign = match rest.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    here += 1;
    let hours = fixed(bytes, &mut here, 2)?;
    let mut minutes = 0;
    let after_hours = here;
    let colon = bytes.get(here) == Some(&b':');
    if colon {
        here += 1;
    }
    match fixed(bytes, &mut here, 2) {
        Some(value) => minutes = value,
        // ` -12 …` behind a time is text, `+02` directly behind it is a zone.
        None if !spaced && !colon => here = after_hours,
        None => return None,
    }
    if hours > 23 || minutes > 59 || bytes.get(here).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    *at = here;
    Some(sign * (hours * 3600 + minutes * 60))
}

fn month(bytes: &[u8], at: &mut usize) -> Option<i64> {
    const NAMES: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let name = bytes.get(*at..*at + 3)?;
    let index = NAMES.chunks(3).position(|known| known == name)?;
    *at += 3;
    i64::try_from(index + 1).ok()
}

fn take(bytes: &[u8], at: &mut usize, byte: u8) -> Option<()> {
    (bytes.get(*at) == Some(&byte)).then(|| *at += 1)
}

/// Exactly `width` digits.
fn fixed(bytes: &[u8], at: &mut usize, width: usize) -> Option<i64> {
    let digits = bytes.get(*at..*at + width)?;
    let value = digits.iter().try_fold(0_i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))?;
    *at += width;
    Some(value)
}

fn finish(civil: Civil, offset_s: Option<i64>, context: Context) -> Option<Moment> {
    let days_in_month = match civil.month {
        2 if civil.year % 4 == 0 && (civil.year % 100 != 0 || civil.year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    // A leap second is the first moment of the next minute.
    if !(1..=days_in_month).contains(&civil.day) || civil.hour > 23 || civil.minute > 59 || civil.second > 60 {
        return None;
    }
    let local = days_since_epoch(civil) * DAY_S + civil.hour * 3600 + civil.minute * 60 + civil.second;
    let utc = local - offset_s.unwrap_or(i64::from(context.zone_minutes) * 60);
    let ns = i64::try_from(i128::from(utc) * SECOND_NS + i128::from(civil.nanos)).ok()?;
    Some(Moment { ns, zoned: offset_s.is_some() })
}

/// Days of the proleptic Gregorian calendar, counted in years that begin in March.
fn days_since_epoch(civil: Civil) -> i64 {
    let year = if civil.month <= 2 { civil.year - 1 } else { civil.year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((civil.month + 9) % 12) + 2) / 5 + civil.day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The moment in the year that brings it nearest to the runtime's time.
fn nearest_year(civil: Civil, context: Context) -> Option<Moment> {
    // Years of mean length are exact enough to tell three candidates apart.
    let year = 1970 + context.runtime_ns.div_euclid(1_000_000_000).div_euclid(31_556_952);
    [year - 1, year, year + 1]
        .into_iter()
        .filter_map(|year| finish(Civil { year, ..civil }, None, context))
        .min_by_key(|moment| moment.ns.abs_diff(context.runtime_ns))
}
