//! How much one stream may print: a bucket of bytes that fills by the runtime's clock.
//!
//! By that clock and not by the collector's: lines that are read late, after an outage, are let through as they would have been when they were printed.

/// A stream's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// What it may print for ever, bytes of the file in a second.
    pub bytes_per_second: u64,
    /// What it may print at once, bytes.
    pub burst_bytes: u64,
}

impl RateLimit {
    /// So many bytes a second, and ten times as much at once.
    #[must_use]
    pub const fn of(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, burst_bytes: bytes_per_second.saturating_mul(10) }
    }
}

/// Of what is over the limit, one line in so long is let through as a sample, ns.
const SAMPLE_NS: i64 = 1_000_000_000;

/// One stream's bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    limit: RateLimit,
    level: u64,
    at_ns: Option<i64>,
    sampled_ns: Option<i64>,
    /// Lines over the limit since it was last said.
    pub(crate) excess_lines: u64,
    /// Their bytes.
    pub(crate) excess_bytes: u64,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, level: limit.burst_bytes, at_ns: None, sampled_ns: None, excess_lines: 0, excess_bytes: 0 }
    }

    /// Changes the limit; what was printed before still counts.
    pub(crate) fn set(&mut self, limit: RateLimit) {
        if self.limit != limit {
            self.limit = limit;
            self.level = self.level.min(limit.burst_bytes);
        }
    }

    /// Whether a line of this time and size is let through: it is within the limit, or a sample of what is not.
    pub(crate) fn lets_through(&mut self, time_ns: i64, bytes: u64) -> bool {
        let elapsed_ns = self.at_ns.map_or(0, |at| time_ns.saturating_sub(at).max(0)).unsigned_abs();
        let refill = u128::from(elapsed_ns) * u128::from(self.limit.bytes_per_second) / 1_000_000_000;
        // So slow a stream that a line adds less than a byte keeps its time, and adds it up.
        if refill > 0 || self.at_ns.is_none_or(|at| time_ns < at) {
            self.at_ns = Some(time_ns);
        }
        self.level = self.level.saturating_add(u64::try_from(refill).unwrap_or(u64::MAX)).min(self.limit.burst_bytes);
        if bytes <= self.level {
            self.level -= bytes;
            return true;
        }
        if self.sampled_ns.is_none_or(|at| time_ns.saturating_sub(at) >= SAMPLE_NS || time_ns < at) {
            self.sampled_ns = Some(time_ns);
            return true;
        }
        self.excess_lines += 1;
        self.excess_bytes += bytes;
        false
    }

    /// What went over the limit since this was last asked: lines and bytes.
    pub(crate) fn take_excess(&mut self) -> (u64, u64) {
        (std::mem::take(&mut self.excess_lines), std::mem::take(&mut self.excess_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_burst_and_then_the_rate_pass_and_one_sample_a_second() {
        let mut bucket = Bucket::new(RateLimit { bytes_per_second: 1_000, burst_bytes: 5_000 });
        let passed = |bucket: &mut Bucket, from_ns: i64, lines: i64, step_ns: i64| {
            (0..lines).filter(|number| bucket.lets_through(from_ns + number * step_ns, 100)).count()
        };
        assert_eq!(passed(&mut bucket, 0, 60, 0), 50 + 1);
        assert_eq!(bucket.take_excess(), (9, 900));
        // 1,000 lines in the ten seconds that follow: ten a second by the rate, and the samples.
        let later = passed(&mut bucket, SECOND, 1_000, SECOND / 100);
        assert!((100..=130).contains(&later), "{later}");
        assert_eq!(bucket.take_excess().0, 1_000 - later as u64);
        // A clock that is set back does not shut it for good.
        assert!(bucket.lets_through(-3600 * SECOND, 100));
        assert!(passed(&mut bucket, -3590 * SECOND, 50, 0) >= 50);
    }

    #[test]
    fn fast_lines_add_up_what_each_alone_is_too_short_for() {
        let mut bucket = Bucket::new(RateLimit { bytes_per_second: 100, burst_bytes: 10 });
        let passed = (0..100_000).filter(|number| bucket.lets_through(number * 100_000, 1)).count();
        // Ten seconds, a hundred bytes in each.
        assert!((1_000..1_040).contains(&passed), "{passed}");
    }
}
