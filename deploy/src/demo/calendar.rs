//! The calendar of the demo: when what goes wrong, relative to the moment at which it was started, and how busy each moment is.
//!
//! Minutes before the start lie in the history that is written at once; live troubles come again and again, so that whoever watches meets them.

use super::time::{MINUTE, SECOND};
use super::world::{CSPS, Kind};

/// The length of the history that is written at the start.
pub(super) const HISTORY_MINUTES: i64 = 120;

/// What can go wrong for one CSP for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The SMS provider does not answer.
    SmsProvider,
    /// The porting broker's connection pool is exhausted.
    PortingPool,
    /// The SIP trunk answers 503.
    SipTrunk,
    /// The card acquirer declines everything.
    Acquirer,
}

struct Window {
    trouble: Trouble,
    csp: &'static str,
    /// `[from, to)`, minutes after the start; negative is history.
    history: (i64, i64),
    /// Live: in each cycle of so many minutes, `[from, to)` of it.
    live: (i64, i64, i64),
}

const WINDOWS: [Window; 4] = [
    Window { trouble: Trouble::SmsProvider, csp: "434", history: (-71, -58), live: (40, 6, 9) },
    Window { trouble: Trouble::PortingPool, csp: "517", history: (-33, -29), live: (60, 20, 23) },
    Window { trouble: Trouble::SipTrunk, csp: "902", history: (-100, -96), live: (50, 12, 15) },
    Window { trouble: Trouble::Acquirer, csp: "517", history: (-88, -85), live: (75, 30, 33) },
];

/// A restart of a container: which, how many minutes after the start in history, and how often live (minutes of the cycle, minute in it).
pub(super) struct Restart {
    pub(super) kind: Kind,
    pub(super) csp: &'static str,
    history: i64,
    live: (i64, i64),
}

/// The voicemail pod comes back with another log setting: see [`Calendar::voicemail_prints_time`].
pub(super) const RESTARTS: [Restart; 3] = [
    Restart { kind: Kind::Voicemail, csp: "434", history: -45, live: (120, 70) },
    Restart { kind: Kind::Fraud, csp: "517", history: -20, live: (45, 17) },
    Restart { kind: Kind::SelfCare, csp: "902", history: -79, live: (90, 35) },
];

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    /// The moment of the start, ns since the epoch.
    pub(super) start_ns: i64,
}

impl Calendar {
    /// The first moment of the history.
    pub(super) fn history_ns(self) -> i64 {
        self.start_ns - HISTORY_MINUTES * MINUTE
    }

    /// Whether this trouble is on for this CSP.
    pub(super) fn troubled(self, trouble: Trouble, csp: usize, at_ns: i64) -> bool {
        let minute = (at_ns - self.start_ns).div_euclid(MINUTE);
        WINDOWS.iter().filter(|window| window.trouble == trouble && CSPS[csp].id == window.csp).any(|window| {
            let (cycle, from, to) = window.live;
            let in_cycle = minute.rem_euclid(cycle);
            (window.history.0..window.history.1).contains(&minute) || minute >= 0 && (from..to).contains(&in_cycle)
        })
    }

    /// Whether anything is wrong for this CSP.
    pub(super) fn any_trouble(self, csp: usize, at_ns: i64) -> bool {
        [Trouble::SmsProvider, Trouble::PortingPool, Trouble::SipTrunk, Trouble::Acquirer]
            .into_iter()
            .any(|trouble| self.troubled(trouble, csp, at_ns))
    }

    /// The containers that restart in the second that begins at `slot_ns`.
    pub(super) fn restarts(self, slot_ns: i64) -> impl Iterator<Item = &'static Restart> {
        let second = (slot_ns - self.start_ns).div_euclid(SECOND);
        RESTARTS.iter().filter(move |restart| {
            let (cycle, minute) = restart.live;
            second == restart.history * 60 || second >= 0 && second.rem_euclid(cycle * 60) == minute * 60
        })
    }

    /// Whether the voicemail module prints times: it loses them with its restart in the history.
    pub(super) fn voicemail_prints_time(self, csp: usize, at_ns: i64) -> bool {
        CSPS[csp].id != "434" || at_ns < self.start_ns - 45 * MINUTE
    }

    /// How busy the moment is, around 1: two slow waves, and a surge while something is wrong (everybody tries again).
    #[allow(clippy::cast_precision_loss, reason = "minutes of an hour, not money")]
    pub(super) fn load(self, at_ns: i64) -> f64 {
        let minutes = (at_ns - self.start_ns) as f64 / MINUTE as f64;
        let waves = 0.30 * (minutes * std::f64::consts::TAU / 53.0).sin() + 0.12 * (minutes * std::f64::consts::TAU / 11.0).cos();
        let surge = if (0..CSPS.len()).any(|csp| self.any_trouble(csp, at_ns)) { 0.35 } else { 0.0 };
        1.0 + waves + surge
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALENDAR: Calendar = Calendar { start_ns: 1_795_342_370 * SECOND };

    #[test]
    fn the_sms_provider_of_434_fails_in_the_history_and_again_live() {
        let failing: Vec<i64> =
            (-120..60).filter(|minute| CALENDAR.troubled(Trouble::SmsProvider, 0, CALENDAR.start_ns + minute * MINUTE)).collect();
        assert_eq!(failing, (-71..-58).chain(6..9).chain(46..49).collect::<Vec<_>>());
        assert!(!CALENDAR.troubled(Trouble::SmsProvider, 1, CALENDAR.start_ns - 60 * MINUTE));
    }

    #[test]
    fn restarts_come_once_in_the_history_and_in_cycles_afterwards() {
        let seconds = |from: i64, to: i64| (from * 60..to * 60).flat_map(|at| CALENDAR.restarts(CALENDAR.start_ns + at * SECOND)).count();
        assert_eq!(seconds(-120, 0), RESTARTS.len());
        assert_eq!(seconds(0, 90), 4);
    }
}
