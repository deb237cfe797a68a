//! The node's clock, for what is stamped and shown. Durations are measured with `Instant`.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, ns since the epoch; 0 when the clock is before it.
pub(crate) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
