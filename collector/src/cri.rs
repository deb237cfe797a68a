//! The log line of the Container Runtime Interface.
//!
//! ```text
//! 2026-11-22T11:14:13.008164051Z stdout F {"level":"info"}\n
//! <RFC 3339, up to ns>           <stream> <tags> <text>
//! ```
//!
//! Specified in "CRI: Log management for container stdout/stderr streams", kubernetes/design-proposals-archive,
//! `node/kubelet-cri-logging.md`: the tags are separated by `:`, the first is `P` (a piece, the line goes on) or `F` (the piece that
//! ends it); further tags are for later versions and are skipped. Runtimes trim the zeros at the end of the fraction.
//!
//! Invariant: any bytes give a line or `None`, never a panic; the text is the bytes of the line, untouched.

use martlog_formats::wire::Substream;

/// One physical line, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CriLine<'a> {
    /// When the runtime took it, ns since the epoch.
    pub(crate) time_ns: i64,
    /// stdout or stderr.
    pub(crate) substream: Substream,
    /// Whether the printed line ends here (`F`), or goes on in the next piece of the substream (`P`).
    pub(crate) full: bool,
    /// What the container printed.
    pub(crate) text: &'a [u8],
}

/// Takes a physical line, without its newline, apart; `None` when it has not the form.
pub(crate) fn parse(line: &[u8]) -> Option<CriLine<'_>> {
    let (time, rest) = split_at_space(line)?;
    let time_ns = parse_time(time)?;
    let (stream, rest) = split_at_space(rest)?;
    let substream = match stream {
        b"stdout" => Substream::Stdout,
        b"stderr" => Substream::Stderr,
        _ => return None,
    };
    // An empty line is `F ` in the runtimes that are known; `F` alone is taken for the same.
    let (tags, text) = split_at_space(rest).unwrap_or((rest, &[]));
    let first = tags.split(|byte| *byte == b':').next()?;
    let full = match first {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    Some(CriLine { time_ns, substream, full, text })
}

fn split_at_space(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    // A field is short: the time is the longest with 35 bytes.
    let at = bytes.iter().take(64).position(|byte| *byte == b' ')?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// An RFC 3339 time in ns since the epoch; `None` outside the years 1678 to 2261, or when it is no time.
pub(crate) fn parse_time(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(19)?;
    for (at, mark) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        if date[at] != mark {
            return None;
        }
    }
    let year = digits(&date[0..4])?;
    let (month, day) = (digits(&date[5..7])?, digits(&date[8..10])?);
    let (hour, minute, second) = (digits(&date[11..13])?, digits(&date[14..16])?, digits(&date[17..19])?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanos, zone) = fraction(rest)?;
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - zone_offset(zone)?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// The fraction of a second in ns, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(tail) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let length = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&length) {
        return None;
    }
    let (number, zone) = tail.split_at(length);
    let scale = [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    Some((digits(number)? * scale[length - 1], zone))
}

/// Seconds east of UTC.
fn zone_offset(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let offset = digits(&[*h1, *h2])? * 3_600 + digits(&[*m1, *m2])? * 60;
            Some(if *sign == b'+' { offset } else { -offset })
        }
        _ => None,
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |number: i64, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years that begin on 1 March.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_full_line_is_taken_apart() {
        let line = parse(b"2026-11-22T11:14:13.008164051Z stdout F {\"a\": 1}").unwrap();
        assert_eq!(line, CriLine { time_ns: 1_795_346_053_008_164_051, substream: Substream::Stdout, full: true, text: b"{\"a\": 1}" });
    }

    #[test]
    fn pieces_tags_zones_and_empty_lines() {
        let piece = parse(b"2026-11-22T13:14:13.00819018+02:00 stderr P:x:y  two  spaces ").unwrap();
        assert_eq!((piece.time_ns, piece.full, piece.text), (1_795_346_053_008_190_180, false, b" two  spaces ".as_slice()));
        assert_eq!(parse(b"2026-11-22T11:14:13Z stdout F ").unwrap().text, b"");
        assert_eq!(parse(b"2026-11-22T11:14:13Z stdout F").unwrap().text, b"");
        assert_eq!(parse_time(b"1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_time(b"2000-02-29T23:59:59.5Z"), Some(951_868_799_500_000_000));
    }

    #[test]
    fn what_has_not_the_form_is_none() {
        for line in [
            &b""[..],
            b"hello",
            b"2026-11-22T11:14:13Z",
            b"2026-11-22T11:14:13Z stdin F x",
            b"2026-11-22T11:14:13Z stdout X x",
            b"2026-13-22T11:14:13Z stdout F x",
            b"2026-11-22 11:14:13Z stdout F x",
            b"9999-11-22T11:14:13Z stdout F x",
            b"2026-11-22T11:14:13.Z stdout F x",
            b"\0\0\0\0 stdout F x",
            b"out F the rest of a torn line",
        ] {
            assert_eq!(parse(line), None, "{:?}", String::from_utf8_lossy(line));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_line_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_is_written_is_read(seconds in 0_i64..4_000_000_000, nanos in 0_i64..1_000_000_000, text in proptest::collection::vec(any::<u8>(), 0..80), full: bool) {
            let mut line = crate::test_support::cri_time(seconds * 1_000_000_000 + nanos).into_bytes();
            line.extend_from_slice(if full { b" stderr F " } else { b" stderr P " });
            line.extend_from_slice(&text);
            let read = parse(&line).unwrap();
            prop_assert_eq!(read, CriLine { time_ns: seconds * 1_000_000_000 + nanos, substream: Substream::Stderr, full, text: &text });
        }
    }
}
