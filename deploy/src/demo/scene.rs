//! A scene: one story as it happens, from module to module. Stories move the clock on and let modules speak; the scene collects
//! what they print, where and when.

use super::calendar::{Calendar, Trouble};
use super::dice::Dice;
use super::world::{CSPS, Kind, World};

/// Every secret that the modules leak has this in it, or [`SECRET_HEX`] where only such digits are allowed: so a test can look for what was left.
pub(super) const SECRET: &str = "s3cr3t";
/// See [`SECRET`].
pub(super) const SECRET_HEX: &str = "5ec4e7";

/// What a container does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Prints one write that ends with a newline (not part of the text); the text may hold several physical lines.
    Out(String),
    /// The same on stderr.
    Err(String),
    /// Dies in the middle of a write on stdout.
    Torn(String),
    /// Comes back: a new file with the next restart count.
    Restart,
}

/// An act, where and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// ns since the epoch.
    pub(super) at_ns: i64,
    /// Index into the world's pods.
    pub(super) pod: usize,
    pub(super) act: Act,
}

/// The ids that travel with a request in its headers.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// `x-b3-traceid`: what a module prints as `request_id`.
    pub(super) id: String,
    /// `x-request-id`: what it prints as `unique_id`.
    pub(super) unique: String,
}

/// See the module.
pub(super) struct Scene<'w> {
    world: &'w World,
    calendar: Calendar,
    /// Index of the CSP.
    pub(super) csp: usize,
    /// Now, ns since the epoch.
    pub(super) at_ns: i64,
    pub(super) dice: Dice,
    pub(super) request: Request,
    /// The pod of each kind that the story has met: one request stays with one replica.
    met: Vec<(Kind, Option<usize>)>,
    events: Vec<Event>,
}

impl<'w> Scene<'w> {
    /// A story for this CSP that begins now, with a request of its own.
    pub(super) fn new(world: &'w World, calendar: Calendar, csp: usize, at_ns: i64, mut dice: Dice) -> Self {
        let request = Request { id: dice.hex(32), unique: dice.uuid() };
        Self { world, calendar, csp, at_ns, dice, request, met: Vec::new(), events: Vec::new() }
    }

    /// Everything that was done, in the order of the story.
    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }

    /// Moves the clock on by so many ms (to the µs).
    pub(super) fn pause_ms(&mut self, low: u64, high: u64) {
        let us = self.dice.range(low * 1000, high * 1000) + 1;
        self.at_ns += i64::try_from(us).unwrap_or(1) * 1000 + i64::try_from(self.dice.below(1000)).unwrap_or(0);
    }

    /// Whether the CSP runs the module.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.world.pods_of(kind, self.csp).next().is_some()
    }

    /// Prints on stdout, where the CSP runs the module.
    pub(super) fn out(&mut self, kind: Kind, text: String) {
        self.act(kind, Act::Out(text));
    }

    /// Does something, where the CSP runs the module.
    pub(super) fn act(&mut self, kind: Kind, act: Act) {
        if let Some(pod) = self.pod(kind) {
            self.events.push(Event { at_ns: self.at_ns, pod, act });
        }
    }

    /// The pod that the story talks to.
    fn pod(&mut self, kind: Kind) -> Option<usize> {
        if let Some((_, pod)) = self.met.iter().find(|(met, _)| *met == kind) {
            return *pod;
        }
        let pods: Vec<usize> = self.world.pods_of(kind, self.csp).collect();
        let pod = (!pods.is_empty()).then(|| *self.dice.pick(&pods));
        self.met.push((kind, pod));
        pod
    }

    /// Whether this is going wrong for the CSP now.
    pub(super) fn troubled(&self, trouble: Trouble) -> bool {
        self.calendar.troubled(trouble, self.csp, self.at_ns)
    }

    /// See [`Calendar::voicemail_prints_time`].
    pub(super) fn voicemail_prints_time(&self) -> bool {
        self.calendar.voicemail_prints_time(self.csp, self.at_ns)
    }

    /// A subscriber's number of the CSP. Few are many: the same customers come again.
    pub(super) fn msisdn(&mut self) -> String {
        let prefixes = CSPS[self.csp].prefixes;
        let prefix = *self.dice.pick(prefixes);
        // Two of three calls are from 400 regulars.
        let rest = if self.dice.chance(66.0) { 1_000_000 + self.dice.below(400) * 7919 } else { self.dice.range(1_000_000, 9_999_999) };
        format!("{prefix}{rest}")
    }

    /// A number somewhere else in the world.
    pub(super) fn foreign_msisdn(&mut self) -> String {
        let country = *self.dice.pick(&["49151", "4474", "1212555", "79123", "8613", "33612"]);
        format!("{country}{}", self.dice.digits(7))
    }

    /// A secret of so many characters, at least 8.
    pub(super) fn secret(&mut self, length: usize) -> String {
        format!("{SECRET}{}", self.dice.base64(length.saturating_sub(SECRET.len()).max(2)))
    }

    /// A secret of 32 hexadecimal digits.
    pub(super) fn secret_digest(&mut self) -> String {
        format!("{SECRET_HEX}{}", self.dice.hex(32 - SECRET_HEX.len()))
    }

    /// A JSON Web Token in shape.
    pub(super) fn jwt(&mut self) -> String {
        format!("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJ{}.{}", self.secret(80), self.secret(43))
    }

    /// The address of a pod's peer inside the cluster.
    pub(super) fn peer(&mut self) -> String {
        format!("10.42.{}.{}", self.dice.range(0, 7), self.dice.range(2, 250))
    }
}
