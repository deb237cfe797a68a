//! Numbers as people and programs write them, with units, and how they compare.
//!
//! Times are compared in milliseconds, sizes in bytes: `1.5s` is 1500, `2KiB` is 2048. A number without a unit is itself, so it means milliseconds (or
//! bytes) where it is compared with one that has a unit, unless its field says otherwise: in `duration_s` or `size_kb` a bare number has the
//! unit of the name. `duration_s>5`, `duration_s>5s` and `duration_s>5000ms` therefore mean the same.

const UNITS: &[(&str, f64)] = &[
    ("ns", 1e-6),
    ("us", 1e-3),
    ("µs", 1e-3),
    ("μs", 1e-3),
    ("ms", 1.0),
    ("s", 1e3),
    ("sec", 1e3),
    ("m", 6e4),
    ("min", 6e4),
    ("h", 3.6e6),
    ("d", 8.64e7),
    ("B", 1.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("%", 1.0),
];

/// Ends of field names that say the unit of their bare numbers.
const NAMED_UNITS: &[(&str, f64)] = &[
    ("_ns", 1e-6),
    ("_nanos", 1e-6),
    ("_us", 1e-3),
    ("_micros", 1e-3),
    ("_ms", 1.0),
    ("_millis", 1.0),
    ("_s", 1e3),
    ("_sec", 1e3),
    ("_secs", 1e3),
    ("_seconds", 1e3),
    ("_minutes", 6e4),
    ("_hours", 3.6e6),
    ("_bytes", 1.0),
    ("_kb", 1e3),
    ("_kib", 1024.0),
    ("_mb", 1e6),
    ("_mib", 1_048_576.0),
];

/// Reads a text that is a number, with a unit or without, and nothing else: `42`, `-1.5e3`, `1.5s`, `2m30s`, `10MiB`, `12%`. Times come in
/// milliseconds, sizes in bytes, bare numbers as they are.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    read(text, 1.0)
}

/// Like [`number`], for a value of the field with this path (or one compared with it): a bare number has the unit that the name ends with.
#[must_use]
pub fn field_number(field: &str, text: &str) -> Option<f64> {
    // Most texts are no numbers: seen at the first byte.
    if !text.trim_start().starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) {
        return None;
    }
    let bare = NAMED_UNITS.iter().find(|(end, _)| field.ends_with(end)).map_or(1.0, |(_, factor)| *factor);
    read(text, bare)
}

fn read(text: &str, bare: f64) -> Option<f64> {
    let text = text.trim();
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (value, mut rest) = digits(unsigned)?;
    let mut sum = if rest.is_empty() { value * bare } else { value * unit(&mut rest)? };
    // Several parts, each with its unit, as Go prints durations: 1m30.5s.
    while !rest.is_empty() {
        let (value, after) = digits(rest)?;
        rest = after;
        sum += value * unit(&mut rest)?;
    }
    sum.is_finite().then_some(if negative { -sum } else { sum })
}

/// The number at the beginning, and what stands behind it.
fn digits(text: &str) -> Option<(f64, &str)> {
    let bytes = text.as_bytes();
    let run = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = run(0);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + run(end + 1);
    }
    if !bytes[..end].iter().any(u8::is_ascii_digit) {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = if end + 1 + sign <= bytes.len() { run(end + 1 + sign) } else { 0 };
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// The factor of the unit at the beginning, taken off together with a space before it.
fn unit(text: &mut &str) -> Option<f64> {
    let rest = text.strip_prefix(' ').unwrap_or(text);
    let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == name)?;
    *text = after;
    Some(*factor)
}
