//! Sizes and durations as people write them: `64MiB`, `15s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u64);

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

const SIZES: [(&str, u64); 5] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
const SPANS_MS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// `<whole number><unit>` as a number of the smallest unit; `None` for anything else and for what does not fit.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let (_, factor) = units.iter().find(|(unit, _)| unit.eq_ignore_ascii_case(text[digits..].trim_start()))?;
    number.checked_mul(*factor)
}

impl FromStr for ByteSize {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = scaled(text.trim(), &SIZES);
        bytes
            .map(Self)
            .ok_or_else(|| format!("\"{text}\" is no size: write a whole number and a unit (B, KiB, MiB, GiB, TiB), such as 64MiB"))
    }
}

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let ms = scaled(text.trim(), &SPANS_MS);
        let error = || format!("\"{text}\" is no duration: write a whole number and a unit (ms, s, m, h, d), such as 15s");
        ms.map(|ms| Self(Duration::from_millis(ms))).ok_or_else(error)
    }
}

impl fmt::Display for ByteSize {
    /// In the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            SIZES.iter().rev().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor)).unwrap_or(&SIZES[0]);
        write!(f, "{}{unit}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_as_written() {
        assert_eq!("64MiB".parse(), Ok(ByteSize(64 << 20)));
        assert_eq!("1 gib".parse(), Ok(ByteSize(1 << 30)));
        assert_eq!("0B".parse(), Ok(ByteSize(0)));
        for bad in ["", "64", "MiB", "-1MiB", "1.5GiB", "64MB", "99999999999TiB", "64 M iB", "６４MiB"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_read_as_written() {
        assert_eq!("15s".parse(), Ok(Span(Duration::from_secs(15))));
        assert_eq!("500ms".parse(), Ok(Span(Duration::from_millis(500))));
        assert_eq!("2m".parse(), Ok(Span(Duration::from_secs(120))));
        assert!("15".parse::<Span>().is_err());
        assert!("15 seconds".parse::<Span>().is_err());
    }

    proptest! {
        #[test]
        fn a_shown_size_reads_back(bytes in any::<u64>()) {
            prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,20}") {
            let _ = text.parse::<ByteSize>();
            let _ = text.parse::<Span>();
        }
    }
}
