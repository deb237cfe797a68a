//! What the unit tests share.

use martlog_formats::wire::Stream;

/// A stream of some pod.
pub(crate) fn stream(restart: u32) -> Stream {
    Stream { namespace: "ns".into(), pod: "pod".into(), pod_uid: "uid".into(), container: "app".into(), restart }
}

/// A time as a runtime writes it, zeros trimmed.
pub(crate) fn cri_time(ns: i64) -> String {
    let (days, in_day) = (ns.div_euclid(86_400_000_000_000), ns.rem_euclid(86_400_000_000_000));
    let (seconds, nanos) = (in_day / 1_000_000_000, in_day % 1_000_000_000);
    // Days to a civil date, year by year: slow and plainly right, unlike what it tests.
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let (mut year, mut left) = (1970, days);
    while left >= 365 + i64::from(leap(year)) {
        left -= 365 + i64::from(leap(year));
        year += 1;
    }
    let months = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= months[month] {
        left -= months[month];
        month += 1;
    }
    let fraction = if nanos == 0 { String::new() } else { format!(".{nanos:09}").trim_end_matches('0').to_owned() };
    format!("{year:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}Z", month + 1, left + 1, seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[path = "../tests/support/protocol.rs"]
#[allow(dead_code, unreachable_pub, missing_docs)]
pub(crate) mod protocol;
