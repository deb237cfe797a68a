//! Times as the simulated modules print them. Every function takes ns since the epoch and prints UTC unless its name says otherwise.

use chrono::{DateTime, FixedOffset, Utc};

/// Nanoseconds in a second.
pub(crate) const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;

fn utc(ns: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(ns)
}

/// `2026-11-22T10:12:50.353Z`
pub(crate) fn rfc3339_ms(ns: i64) -> String {
    utc(ns).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `2026-11-22T10:12:50.353127Z`
pub(crate) fn rfc3339_us(ns: i64) -> String {
    utc(ns).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// `2026-11-22T12:12:50.353+02:00`
pub(crate) fn rfc3339_east(ns: i64, hours: i32) -> String {
    FixedOffset::east_opt(hours * 3600)
        .map_or_else(|| rfc3339_ms(ns), |zone| utc(ns).with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string())
}

/// `2026-11-22 10:12:50,353`, without a zone, as Python's and Java's loggers write it.
pub(crate) fn comma_ms(ns: i64) -> String {
    utc(ns).format("%Y-%m-%d %H:%M:%S,%3f").to_string()
}

/// `22/Nov/2026:10:12:50 +0000`, as web servers write it.
pub(crate) fn access_log(ns: i64) -> String {
    utc(ns).format("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

/// `20261122-101250`: what the kubelet appends to the name of a rotated log.
pub(crate) fn rotation_stamp(ns: i64) -> String {
    utc(ns).format("%Y%m%d-%H%M%S").to_string()
}

/// The container runtime's time: RFC 3339 to the nanosecond without zeros at the end, as Go prints it.
pub(crate) fn runtime(ns: i64) -> String {
    let whole = utc(ns).format("%Y-%m-%dT%H:%M:%S").to_string();
    let fraction = ns.rem_euclid(SECOND);
    if fraction == 0 {
        return format!("{whole}Z");
    }
    let digits = format!("{fraction:09}");
    format!("{whole}.{}Z", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_795_342_370_353_127_040;

    #[test]
    fn each_shape_is_what_its_source_writes() {
        assert_eq!(rfc3339_ms(AT), "2026-11-22T10:12:50.353Z");
        assert_eq!(rfc3339_us(AT), "2026-11-22T10:12:50.353127Z");
        assert_eq!(rfc3339_east(AT, 2), "2026-11-22T12:12:50.353+02:00");
        assert_eq!(comma_ms(AT), "2026-11-22 10:12:50,353");
        assert_eq!(access_log(AT), "22/Nov/2026:10:12:50 +0000");
        assert_eq!(rotation_stamp(AT), "20261122-101250");
        assert_eq!(runtime(AT), "2026-11-22T10:12:50.35312704Z");
        assert_eq!(runtime(AT - AT.rem_euclid(SECOND)), "2026-11-22T10:12:50Z");
    }
}
