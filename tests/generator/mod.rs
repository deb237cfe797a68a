//! A deterministic generator of log lines for tests and benchmarks: the same seed gives the same bytes, on every machine.
//!
//! What it imitates (sizes are those that the project's figures are stated for): 60 modules of 30 partners in 600 instances at 20 CSPs, unevenly busy;
//! about 385 bytes a JSON line; 40,000 sessions per million lines; attributes of 0 to 8 keys; messages mostly in English, also in Ukrainian,
//! Russian, Spanish, Chinese and Japanese; one message in nine written freely, the others from a few hundred templates with numbers, hex, UUIDs,
//! addresses and phone numbers in them. Times run over a day from [`DAY_NS`].
//!
//! *Needles* are planted at known places, and [`Truth`] counts while lines are made, so that queries have an answer to be held against that comes
//! from no store.
//!
//! Include it with `#[path = "…/tests/generator/mod.rs"] mod generator;`.
#![allow(dead_code, unused_imports, reason = "each test and benchmark that includes this uses another part of it")]

#[path = "../../deploy/src/demo/dice.rs"]
mod dice;
mod fleet;
mod layout;
mod needles;
mod sessions;
mod text;

pub(crate) use fleet::{Fleet, Instance};
pub(crate) use layout::{Written, write_pods};
pub(crate) use needles::{COMMON_WORD, FREQUENT_PIECE, GAVE_UP, ID, LITERAL, NUMBERS, PHRASE, PREFIX, RARE_WORD, TWO_WORDS, Truth, VOWELS};

use dice::Dice;
use sessions::Sessions;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use text::Texts;

/// The first moment of the day: 2026-11-24T00:00:00Z, ns since the epoch.
pub(crate) const DAY_NS: i64 = 1_795_478_400_000_000_000;
/// A day, ns.
const DAY_LENGTH_NS: i64 = 86_400_000_000_000;

/// stdout or stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// A line and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GeneratedLine {
    pub(crate) partner: Arc<str>,
    pub(crate) module: Arc<str>,
    pub(crate) instance: Arc<str>,
    pub(crate) csp: Arc<str>,
    /// The Kubernetes namespace: the instance's own.
    pub(crate) namespace: Arc<str>,
    pub(crate) stream: Stream,
    /// ns since the epoch; rises from line to line. The JSON's own timestamp is the same to the µs.
    pub(crate) time_ns: i64,
    /// One JSON object that conforms, without the newline.
    pub(crate) json: String,
}

/// See the module. It never ends: take as many lines as are wanted.
pub(crate) struct Generator {
    dice: Dice,
    fleet: Fleet,
    texts: Texts,
    sessions: Sessions,
    /// The sessions that have printed, for the truth.
    seen: HashSet<String>,
    truth: Truth,
    number: u64,
    time_ns: i64,
    step_ns: i64,
}

impl Generator {
    /// A million lines a day.
    pub(crate) fn new(seed: u64) -> Self {
        Self::over_a_day(seed, 1_000_000)
    }

    /// So many lines a day.
    pub(crate) fn over_a_day(seed: u64, lines: u64) -> Self {
        Self::of_fleet(seed, lines, Fleet::new(), DAY_NS)
    }

    /// So many lines a day of these instances, from this moment on (ns since the epoch).
    pub(crate) fn of_fleet(seed: u64, lines: u64, fleet: Fleet, from_ns: i64) -> Self {
        let sessions = Sessions::new(fleet.instances.len());
        let step_ns = DAY_LENGTH_NS / i64::try_from(lines.max(1)).unwrap_or(i64::MAX);
        let truth = Truth::new(fleet.busiest());
        let seen = HashSet::new();
        Self { dice: Dice::new(seed, 0), texts: Texts::new(seed), fleet, sessions, seen, truth, number: 0, time_ns: from_ns, step_ns }
    }

    /// Who exists, to be registered.
    pub(crate) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// What is true of the lines made so far.
    pub(crate) fn truth(&self) -> &Truth {
        &self.truth
    }

    fn line(&mut self) -> GeneratedLine {
        let number = self.number;
        self.number += 1;
        // Between half a step and one and a half: on average a step, and always later.
        let step = self.step_ns.unsigned_abs();
        self.time_ns += i64::try_from(step / 2 + self.dice.below(step) + 1).unwrap_or(1);

        let at = self.fleet.pick(&mut self.dice);
        let level = ["debug", "info", "notice", "warn", "error", "fatal"][self.dice.weighted(&[130, 730, 15, 85, 39, 1])];
        let mut line = Parts { level, message: String::new(), request: None, duration_ms: None, number };
        self.texts.message(&mut self.dice, self.fleet.instances[at].module_number, level, &mut line.message);
        needles::plant(&mut line);
        let json = self.json(&mut line, at);
        let instance = &self.fleet.instances[at];
        let stream = if self.dice.chance(5.0) { Stream::Stderr } else { Stream::Stdout };
        self.truth.observe(&line, &json, instance, self.time_ns);
        self.truth.sessions = self.seen.len() as u64;
        GeneratedLine {
            partner: instance.partner.clone(),
            module: instance.module.clone(),
            instance: instance.id.clone(),
            csp: instance.csp.clone(),
            namespace: instance.id.clone(),
            stream,
            time_ns: self.time_ns,
            json,
        }
    }

    fn json(&mut self, line: &mut Parts, at: usize) -> String {
        let module = self.fleet.instances[at].module_number;
        let mut json = String::with_capacity(512);
        let time = chrono::DateTime::from_timestamp_nanos(self.time_ns).format("%Y-%m-%dT%H:%M:%S%.6fZ");
        let _ = write!(
            json,
            "{{\"timestamp\":\"{time}\",\"level\":\"{}\",\"logger\":\"{}\",\"message\":",
            line.level,
            self.texts.logger(&mut self.dice, module)
        );
        let message = serde_json::Value::from(line.message.as_str());
        let _ = write!(json, "{message}");
        match self.sessions.next(&mut self.dice, at) {
            Some(session) => {
                let request = line.request.unwrap_or(&session.request);
                if !self.seen.contains(&session.id) {
                    self.seen.insert(session.id.clone());
                }
                let _ = write!(
                    json,
                    ",\"request_id\":\"{request}\",\"unique_id\":\"{}\",\"session_id\":\"{}\",\"account_id\":\"{}@msisdn\"",
                    session.unique, session.id, session.account
                );
            }
            None => {
                let _ = write!(json, ",\"request_id\":\"{}\",\"unique_id\":\"\"", line.request.unwrap_or(""));
            }
        }
        line.duration_ms = self.texts.attributes(&mut self.dice, module, &mut json);
        json.push('}');
        json
    }
}

impl Iterator for Generator {
    type Item = GeneratedLine;

    fn next(&mut self) -> Option<GeneratedLine> {
        Some(self.line())
    }
}

/// What of a line the needles and the truth look at.
pub(crate) struct Parts {
    number: u64,
    level: &'static str,
    message: String,
    /// The request id where it is planted.
    request: Option<&'static str>,
    duration_ms: Option<u64>,
}

#[cfg(test)]
mod tests;
