//! The figures beside what the project promises for them, as Markdown. A stage in a process of its own sends them as JSON.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// What is promised: *must*, and the *goal* as the direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    must: f64,
    goal: Option<f64>,
    unit: &'static str,
    more_is_better: bool,
}

/// A line of the table.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Figure {
    name: String,
    must: String,
    goal: String,
    measured: String,
    /// The same with full live buffers besides the splits, where both are measured.
    live: String,
    /// What the worse of both reaches.
    reached: String,
    more: String,
}

/// What a stage has to tell.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) figures: Vec<Figure>,
    /// Markdown below the table.
    pub(crate) details: Vec<String>,
}

impl Bound {
    /// At most so much.
    pub(crate) const fn at_most(must: f64, goal: f64, unit: &'static str) -> Self {
        Self { must, goal: Some(goal), unit, more_is_better: false }
    }

    /// At least so much.
    pub(crate) const fn at_least(must: f64, goal: f64, unit: &'static str) -> Self {
        Self { must, goal: Some(goal), unit, more_is_better: true }
    }

    /// At most so much, without a goal.
    pub(crate) const fn limit(must: f64, unit: &'static str) -> Self {
        Self { must, goal: None, unit, more_is_better: false }
    }

    fn reached(&self, value: f64) -> &'static str {
        let within = |bound: f64| if self.more_is_better { value >= bound } else { value <= bound };
        match self.goal {
            Some(goal) if within(goal) => "goal",
            _ if within(self.must) => "must",
            _ => "**no**",
        }
    }

    fn write(&self, value: f64) -> String {
        format!("{} {}", number(value), self.unit).trim_end().to_owned()
    }
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, bound: Bound, value: f64, more: impl Into<String>) -> Self {
        Self { measured: bound.write(value), reached: bound.reached(value).to_owned(), ..Self::unmeasured(name, bound, more) }
    }

    /// With the value that full live buffers give; less is better.
    pub(crate) fn with_live(name: impl Into<String>, bound: Bound, value: f64, live: f64, more: impl Into<String>) -> Self {
        let reached = bound.reached(value.max(live)).to_owned();
        Self { measured: bound.write(value), live: bound.write(live), reached, ..Self::unmeasured(name, bound, more) }
    }

    /// What cannot be measured yet.
    pub(crate) fn unmeasured(name: impl Into<String>, bound: Bound, more: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            must: bound.write(bound.must),
            goal: bound.goal.map_or_else(String::new, |goal| bound.write(goal)),
            measured: "–".to_owned(),
            more: more.into(),
            ..Self::default()
        }
    }
}

impl Told {
    pub(crate) fn add(&mut self, told: Self) {
        self.figures.extend(told.figures);
        self.details.extend(told.details);
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text =
            String::from("| | must | goal | measured | with full live buffers | reached | more |\n|---|---:|---:|---:|---:|:---:|---|\n");
        for Figure { name, must, goal, measured, live, reached, more } in &self.figures {
            let _ = writeln!(text, "| {name} | {must} | {goal} | {measured} | {live} | {reached} | {more} |");
        }
        for detail in &self.details {
            let _ = write!(text, "\n{}\n", detail.trim_end());
        }
        text
    }
}

/// With three digits at least where there are so many, and commas.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => thousands(round(value)),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures for a reader, positive and small")]
fn round(value: f64) -> u64 {
    value.round() as u64
}

/// `1,234,567`
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[allow(clippy::cast_precision_loss, reason = "figures for a reader")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Bytes as MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    ratio(bytes, 1 << 20)
}
