//! What of this process is in memory, as the system counts it.

/// Pages of mapped files that are in memory, bytes; `None` where the system does not tell.
pub(super) fn mapped_bytes() -> Option<u64> {
    // In pages: all, in memory, of that mapped from files.
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(2)?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}
