//! How much a token may push at a door: bytes a second, decompressed, as the operator has set it.
//!
//! A bucket holds [`BURST`] of the rate. A request is taken while there is something in it, and pays when its body is here: so a body of any size passes, and the next one waits
//! for what it took. Who waits is told for how long.

use super::super::problem::Problem;
use super::settings::DoorSettings;
use crate::stats::Door;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What may come at once: a client that was away sends what has gathered.
const BURST: Duration = Duration::from_secs(10);
/// Tokens whose buckets are kept; full ones are forgotten first, and nothing is lost with them.
const BUCKETS_MAX: usize = 4_096;

/// The buckets.
#[derive(Debug, Default)]
pub(in super::super) struct Rates {
    buckets: Mutex<HashMap<(Door, Arc<str>), Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Seconds of the rate; negative when more was taken than was there.
    level_s: f64,
    at: Instant,
}

impl Bucket {
    fn now(self, now: Instant) -> Self {
        let level_s = self.level_s + now.saturating_duration_since(self.at).as_secs_f64();
        Self { level_s: level_s.min(BURST.as_secs_f64()), at: now }
    }
}

impl Rates {
    /// Whether the token may send now.
    pub(in super::super) fn check(&self, door: Door, token: &Arc<str>, settings: &DoorSettings, now: Instant) -> Result<(), Problem> {
        if settings.rate_bytes.is_none() {
            return Ok(());
        }
        let level_s = self.buckets.lock().get(&(door, Arc::clone(token))).map_or(1.0, |bucket| bucket.now(now).level_s);
        if level_s > 0.0 { Ok(()) } else { Err(over_rate(Duration::try_from_secs_f64(-level_s).unwrap_or(BURST))) }
    }

    /// The token has sent so many bytes.
    pub(in super::super) fn spend(&self, door: Door, token: &Arc<str>, settings: &DoorSettings, bytes: usize, now: Instant) {
        let Some(rate) = settings.rate_bytes else { return };
        let mut buckets = self.buckets.lock();
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, bucket| bucket.now(now).level_s < BURST.as_secs_f64());
        }
        let full = Bucket { level_s: BURST.as_secs_f64(), at: now };
        let bucket = buckets.entry((door, Arc::clone(token))).or_insert(full);
        *bucket = bucket.now(now);
        #[allow(clippy::cast_precision_loss, reason = "bytes of a body over bytes a second")]
        let seconds = bytes as f64 / rate.max(1) as f64;
        bucket.level_s -= seconds;
    }
}

fn over_rate(wait: Duration) -> Problem {
    let detail = "the token sends more than its share of this door: send less, or more slowly";
    Problem::new(429, "over_rate", "Too much at once", detail).retry_after(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let (rates, token, begun) = (Rates::default(), Arc::from("t"), Instant::now());
        let settings = DoorSettings { rate_bytes: Some(100), ..DoorSettings::default() };
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        for _ in 0..7 {
            rates.check(Door::Otlp, &token, &settings, begun).unwrap();
            rates.spend(Door::Otlp, &token, &settings, 150, begun);
        }
        let refused = rates.check(Door::Otlp, &token, &settings, begun).unwrap_err();
        assert_eq!((refused.status, refused.retry_after_s), (429, Some(1)));
        rates.check(Door::Loki, &token, &settings, begun).unwrap();
        rates.check(Door::Otlp, &"other".into(), &settings, begun).unwrap();
        rates.check(Door::Otlp, &token, &settings, at(1)).unwrap();
        rates.spend(Door::Otlp, &token, &settings, 600, at(1));
        assert_eq!(rates.check(Door::Otlp, &token, &settings, at(3)).unwrap_err().retry_after_s, Some(4));
        assert!(rates.check(Door::Otlp, &token, &DoorSettings::default(), begun).is_ok(), "no rate is set");
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let (rates, begun) = (Rates::default(), Instant::now());
        let settings = DoorSettings { rate_bytes: Some(1_000), ..DoorSettings::default() };
        for token in 0..BUCKETS_MAX {
            rates.spend(Door::Loki, &token.to_string().into(), &settings, 10, begun);
        }
        rates.spend(Door::Loki, &"last".into(), &settings, 10, begun + BURST);
        assert_eq!(rates.buckets.lock().len(), 1);
    }
}
