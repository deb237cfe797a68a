//! How far an answer is, for a person who watches: on a terminal alone, on one line of standard error that goes when it ends.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often it is told.
const EVERY: Duration = Duration::from_millis(250);
/// What is over within this needs no progress.
const SHORT: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Tally {
    watched: bool,
    began: Instant,
    told: Option<Instant>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { watched: std::io::stderr().is_terminal(), began: Instant::now(), told: None }
    }

    /// Tells so much in the time that it took so far.
    pub(super) fn tell(&mut self, so_much: impl FnOnce() -> String) {
        let due = self.told.map_or(self.began.elapsed() > SHORT, |told| told.elapsed() > EVERY);
        if self.watched && due {
            self.told = Some(Instant::now());
            // Whoever watched may be gone.
            let _ = write!(std::io::stderr().lock(), "\r{} in {} s\x1b[K", so_much(), self.began.elapsed().as_secs());
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if self.told.is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// A size for people.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = UNITS.into_iter().find(|(_, unit)| bytes >= *unit);
    unit.map_or_else(|| format!("{bytes} bytes"), |(name, unit)| format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_told_in_the_largest_unit_that_fits() {
        let told: Vec<String> = [0, 1_023, 1_536, 5 << 20, (3 << 30) + (1 << 29)].into_iter().map(size).collect();
        assert_eq!(told, ["0 bytes", "1023 bytes", "1.5 KiB", "5.0 MiB", "3.5 GiB"]);
    }
}
