//! Time as people write it: moments, lengths of time, and ranges of moments.
//!
//! Units: nanoseconds since the Unix epoch, and nanoseconds. A text without a zone is read in UTC. Ranges include their start and exclude their end.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// A day, ns.
pub const DAY: i64 = 24 * HOUR;

/// How far a module's clock may run ahead of the server's and its lines still count as "until now": as much as the format allows.
pub const AHEAD_MAX: i64 = DAY;

/// Units of lengths, largest first.
const UNITS: [(&str, i64); 6] = [("w", 7 * DAY), ("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1_000_000)];

/// A range of time, `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First ns.
    pub from_ns: i64,
    /// One past the last ns.
    pub to_ns: i64,
    /// The end is "until now": lines of clocks that run ahead are in it, so `to_ns` lies [`AHEAD_MAX`] in the future.
    pub open: bool,
}

/// A moment as precise as it was written: a day, an hour, …; 0 wide where it is one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Its first ns.
    pub start_ns: i64,
    /// How wide it is, ns.
    pub width_ns: i64,
}

/// Why a text is no time. The message says what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadTime(pub String);

impl TimeRange {
    /// From this moment on, whatever has come by now.
    #[must_use]
    pub const fn since(from_ns: i64, now_ns: i64) -> Self {
        Self { from_ns, to_ns: now_ns.saturating_add(AHEAD_MAX), open: true }
    }

    /// The range of a request: `from` included, `to` excluded; the last 24 hours by default.
    ///
    /// # Errors
    /// When one is no time, or `to` does not lie behind `from`.
    pub fn of_request(from: Option<&str>, to: Option<&str>, now_ns: i64) -> Result<Self, BadTime> {
        let to = to.map(|text| moment(text, now_ns)).transpose()?.map(|to| to.start_ns);
        let end = to.unwrap_or(now_ns);
        let from_ns = from.map(|text| moment(text, now_ns)).transpose()?.map_or(end.saturating_sub(DAY), |from| from.start_ns);
        let range = to.map_or(Self::since(from_ns, now_ns), |to_ns| Self { from_ns, to_ns, open: false });
        range.checked()
    }

    /// # Errors
    /// When it is empty.
    fn checked(self) -> Result<Self, BadTime> {
        if self.from_ns < self.to_ns {
            return Ok(self);
        }
        Err(BadTime(format!("the time range is empty: it begins at {} and ends at {}", rfc3339(self.from_ns), rfc3339(self.to_ns))))
    }
}

/// The range of `time:lo..hi`: from the start of `lo` to the start of `hi`; a day as the end is included whole.
///
/// # Errors
/// When one is no time, or the range is empty.
pub fn range(low: Option<&str>, high: Option<&str>, now_ns: i64) -> Result<TimeRange, BadTime> {
    let from = low.map(|text| moment(text, now_ns)).transpose()?;
    let Some(high) = high else {
        return TimeRange::since(from.map_or(now_ns - DAY, |from| from.start_ns), now_ns).checked();
    };
    let to =
        moment(high, now_ns).or_else(|error| low.and_then(|low| completed(low, high)).map_or(Err(error), |text| moment(&text, now_ns)))?;
    let to_ns = to.start_ns + if to.width_ns == DAY { DAY } else { 0 };
    let from_ns = from.map_or(to_ns.saturating_sub(DAY), |from| from.start_ns);
    TimeRange { from_ns, to_ns, open: false }.checked()
}

/// The range of `time:2026-11-20T10`: as wide as it was written.
///
/// # Errors
/// When it is no time, or one instant.
pub fn within(text: &str, now_ns: i64) -> Result<TimeRange, BadTime> {
    let at = moment(text, now_ns)?;
    if at.width_ns == 0 {
        return Err(BadTime(format!("\"{text}\" is one instant; write {text}.. for the time from then on")));
    }
    Ok(TimeRange { from_ns: at.start_ns, to_ns: at.start_ns + at.width_ns, open: false })
}

/// A moment: RFC 3339 and its front parts (`2026-11-20`, `2026-11-20T10`, `2026-11-20T10:30`), `now`, `today`, `yesterday`, `-1h`, `now-1h`,
/// or a number of s, ms, us or ns since the epoch.
///
/// # Errors
/// When it is none of these, or lies outside of the years 1678 to 2261.
pub fn moment(text: &str, now_ns: i64) -> Result<Moment, BadTime> {
    let text = text.trim();
    let day = now_ns.div_euclid(DAY) * DAY;
    match text {
        "now" => return Ok(Moment { start_ns: now_ns, width_ns: 0 }),
        "today" => return Ok(Moment { start_ns: day, width_ns: DAY }),
        "yesterday" => return Ok(Moment { start_ns: day - DAY, width_ns: DAY }),
        _ => {}
    }
    if let Some(ago) = text.strip_prefix("now").unwrap_or(text).strip_prefix('-') {
        return Ok(Moment { start_ns: now_ns.saturating_sub(duration(ago)?), width_ns: 0 });
    }
    if text.len() >= 9 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return epoch(text).ok_or_else(|| no_time(text));
    }
    written(text).ok_or_else(|| no_time(text))
}

fn no_time(text: &str) -> BadTime {
    BadTime(format!("\"{text}\" is no time; write 2026-11-20, 2026-11-20T10:30, 2026-11-20T10:30:00Z, -1h, today or now"))
}

/// By magnitude, as the format reads numbers: s, ms, us or ns.
fn epoch(digits: &str) -> Option<Moment> {
    let number: i64 = digits.parse().ok()?;
    // Seconds until the year 5138, milliseconds and so on as far.
    let width_ns = match digits.trim_start_matches('0').len() {
        0..=11 => SECOND,
        12..=14 => 1_000_000,
        15..=17 => 1_000,
        _ => 1,
    };
    Some(Moment { start_ns: number.checked_mul(width_ns)?, width_ns })
}

/// A date with as much of the time as is given, and a zone where there is one.
fn written(text: &str) -> Option<Moment> {
    let date = text.get(..10)?;
    let (year, rest) = date.split_once('-')?;
    if year.len() != 4 || rest.len() != 5 {
        return None;
    }
    let date: NaiveDate = date.parse().ok()?;
    let time = &text[10..];
    if time.is_empty() {
        return at(date.and_time(NaiveTime::MIN), 0, DAY);
    }
    let time = time.strip_prefix(['T', 't', ' '])?;
    let zone_at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let (clock, width_ns) = clock_time(clock)?;
    at(date.and_time(clock), offset(zone)?, width_ns)
}

fn at(local: NaiveDateTime, offset_ns: i64, width_ns: i64) -> Option<Moment> {
    let start_ns = local.and_utc().timestamp_nanos_opt()?.checked_sub(offset_ns)?;
    start_ns.checked_add(DAY)?;
    Some(Moment { start_ns, width_ns })
}

/// `10`, `10:30`, `10:30:15`, `10:30:15.353`, and how wide that is.
fn clock_time(text: &str) -> Option<(NaiveTime, i64)> {
    let mut parts = text.splitn(3, ':');
    let hour = two_digits(parts.next()?)?;
    let Some(minute) = parts.next() else { return Some((NaiveTime::from_hms_opt(hour, 0, 0)?, HOUR)) };
    let minute = two_digits(minute)?;
    let Some(seconds) = parts.next() else { return Some((NaiveTime::from_hms_opt(hour, minute, 0)?, MINUTE)) };
    let (seconds, fraction) = seconds.split_once(['.', ',']).map_or((seconds, None), |(seconds, fraction)| (seconds, Some(fraction)));
    let seconds = two_digits(seconds)?;
    let Some(fraction) = fraction else { return Some((NaiveTime::from_hms_opt(hour, minute, seconds)?, SECOND)) };
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let width = 10_u32.pow(u32::try_from(9 - fraction.len()).ok()?);
    let nanos = fraction.parse::<u32>().ok()? * width;
    Some((NaiveTime::from_hms_nano_opt(hour, minute, seconds, nanos)?, i64::from(width)))
}

fn two_digits(text: &str) -> Option<u32> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The offset of a zone from UTC, ns; none is UTC.
fn offset(zone: &str) -> Option<i64> {
    let Some(clock) = zone.strip_prefix(['+', '-']) else {
        return matches!(zone, "" | "Z" | "z").then_some(0);
    };
    let (hours, minutes) = match clock.split_once(':') {
        Some(parts) => parts,
        None if clock.len() == 4 && clock.is_ascii() => clock.split_at(2),
        None => (clock, "00"),
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let ns = i64::from(hours) * HOUR + i64::from(minutes) * MINUTE;
    Some(if zone.starts_with('-') { -ns } else { ns })
}

/// `12` behind `2026-11-20T10`, `10:30` behind `2026-11-20T10:00`, `22` behind `2026-11-20`: the front of the lower end is understood.
fn completed(low: &str, high: &str) -> Option<String> {
    let day = low.get(..10)?;
    if !high.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if low.len() == 10 && high.len() == 2 {
        return Some(format!("{}{high}", low.get(..8)?));
    }
    let zone = low.get(10..)?.find(['Z', 'z', '+', '-']).map_or("", |at| &low[10 + at..]);
    (low.len() > 10).then(|| format!("{day}T{high}{}", if high.contains(['Z', 'z', '+', '-']) { "" } else { zone }))
}

/// A length of time, ns: `5m`, `1h30m`, `250ms`.
///
/// # Errors
/// When it is none, 0, or over 100 years.
pub fn duration(text: &str) -> Result<i64, BadTime> {
    let bad = || BadTime(format!("\"{text}\" is no length of time; write it as 30s, 5m, 1h30m, 7d or 2w"));
    let mut total: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let number: i64 = rest[..digits].parse().map_err(|_| bad())?;
        let tail = &rest[digits..];
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let unit = UNITS.iter().find(|(unit, _)| *unit == &tail[..letters]).ok_or_else(bad)?.1;
        total = number.checked_mul(unit).and_then(|ns| total.checked_add(ns)).ok_or_else(bad)?;
        rest = &tail[letters..];
    }
    if total == 0 || total > 36_525 * DAY {
        return Err(bad());
    }
    Ok(total)
}

/// The length as it is written: `1h30m`. Below a millisecond nothing is shown.
#[must_use]
pub fn print_duration(nanos: i64) -> String {
    let mut rest = nanos;
    let mut text = String::new();
    for (unit, size) in UNITS {
        let number = rest / size;
        if number > 0 {
            text.push_str(&format!("{number}{unit}"));
            rest -= number * size;
        }
    }
    text
}

/// RFC 3339 in UTC, with as many of 0, 3, 6 or 9 decimals as it takes.
#[must_use]
pub fn rfc3339(ns: i64) -> String {
    DateTime::from_timestamp_nanos(ns).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The day before, for examples in messages: `2026-11-20`.
#[must_use]
pub fn day(ns: i64) -> String {
    let date = DateTime::from_timestamp_nanos(ns).date_naive();
    date.checked_sub_days(Days::new(1)).unwrap_or(date).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-22T10:12:50Z.
    const NOW: i64 = 1_795_342_370 * SECOND;

    fn shown(range: Result<TimeRange, BadTime>) -> String {
        range.map_or_else(
            |error| error.to_string(),
            |r| format!("{} {}{}", rfc3339(r.from_ns), rfc3339(r.to_ns), if r.open { " open" } else { "" }),
        )
    }

    #[test]
    fn requests_default_to_the_last_24_hours_and_lines_of_fast_clocks() {
        assert_eq!(shown(TimeRange::of_request(None, None, NOW)), "2026-11-21T10:12:50Z 2026-11-23T10:12:50Z open");
        assert_eq!(shown(TimeRange::of_request(Some("-1h"), Some("now"), NOW)), "2026-11-22T09:12:50Z 2026-11-22T10:12:50Z");
        assert_eq!(shown(TimeRange::of_request(None, Some("2026-11-20"), NOW)), "2026-11-19T00:00:00Z 2026-11-20T00:00:00Z");
        assert_eq!(
            shown(TimeRange::of_request(Some("2026-11-20T10:00:00+02:00"), Some("2026-11-20T08:00:00.5Z"), NOW)),
            "2026-11-20T08:00:00Z 2026-11-20T08:00:00.500Z"
        );
        assert!(shown(TimeRange::of_request(Some("now"), Some("-1h"), NOW)).starts_with("the time range is empty"));
        assert!(shown(TimeRange::of_request(Some("soon"), None, NOW)).starts_with("\"soon\" is no time"));
    }

    #[test]
    fn ranges_of_a_query_are_read_as_they_are_said() {
        let between = |low: &str, high: &str| shown(range(Some(low), Some(high), NOW));
        assert_eq!(between("2026-11-20T10", "12"), "2026-11-20T10:00:00Z 2026-11-20T12:00:00Z");
        assert_eq!(between("2026-11-20T10:30", "11:15"), "2026-11-20T10:30:00Z 2026-11-20T11:15:00Z");
        assert_eq!(between("2026-11-20T10:30+02:00", "11:15"), "2026-11-20T08:30:00Z 2026-11-20T09:15:00Z");
        assert_eq!(between("2026-11-20", "22"), "2026-11-20T00:00:00Z 2026-11-23T00:00:00Z");
        assert_eq!(between("yesterday", "today"), "2026-11-21T00:00:00Z 2026-11-23T00:00:00Z");
        assert_eq!(between("-2h", "-1h"), "2026-11-22T08:12:50Z 2026-11-22T09:12:50Z");
        assert_eq!(shown(within("2026-11-20T10", NOW)), "2026-11-20T10:00:00Z 2026-11-20T11:00:00Z");
        assert_eq!(shown(within("2026-11-20 10:12:50.353", NOW)), "2026-11-20T10:12:50.353Z 2026-11-20T10:12:50.354Z");
        assert_eq!(shown(within("1763633570", NOW)), "2025-11-20T10:12:50Z 2025-11-20T10:12:51Z");
        assert!(shown(within("-1h", NOW)).contains("one instant"));
    }

    #[test]
    fn lengths_read_back() {
        for (text, nanos) in [("5m", 5 * MINUTE), ("1h30m", 90 * MINUTE), ("250ms", 250_000_000), ("2w", 14 * DAY)] {
            assert_eq!(duration(text), Ok(nanos));
            assert_eq!(print_duration(nanos), text);
        }
        for text in ["", "m", "5", "5 m", "5x", "0s", "-5m", "99999999999999999999s", "9000w"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", now in any::<i64>()) {
            let _ = moment(&text, now);
            let _ = range(Some(&text), Some(&text), NOW);
            let _ = duration(&text);
        }

        #[test]
        fn what_is_printed_is_read(ns in -9_000_000_000_000_000_000_i64..9_000_000_000_000_000_000, length in 1_i64..1_000_000_000_000) {
            prop_assert_eq!(moment(&rfc3339(ns), NOW).map(|m| m.start_ns), Ok(ns));
            let whole = length * 1_000_000;
            prop_assert_eq!(duration(&print_duration(whole)), Ok(whole));
        }
    }
}
