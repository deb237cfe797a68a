//! The figures as Markdown.

use super::machine::{Usage, processor};
use super::queries::Answer;
use super::{COLLECTOR, Written};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// A stretch of the way.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) wall: Duration,
    pub(crate) cpu: Usage,
}

/// Everything that was measured.
pub(crate) struct Report {
    pub(crate) lines: u64,
    pub(crate) written: Written,
    pub(crate) collected: martlog_collector::Report,
    pub(crate) stages: Vec<Stage>,
    /// Bytes.
    pub(crate) peak_memory: u64,
    /// Bytes by part of the data folder.
    pub(crate) disk: BTreeMap<String, u64>,
    /// By what they are asked for.
    pub(crate) answers: Vec<(&'static str, Vec<Answer>)>,
}

#[allow(clippy::cast_precision_loss, reason = "figures for a reader")]
impl Report {
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "### {} lines, {} files, {:.1} MB as CRI, {:.0} bytes a line; {}\n\nRecords acknowledged: {}{}. Peak resident memory: {:.0} MB (collector and server in one process).\n\n",
            thousands(self.lines),
            self.written.files,
            mb(self.written.bytes),
            self.written.text_bytes as f64 / self.lines as f64,
            processor(),
            thousands(self.collected.records),
            if self.collected.records == self.lines { String::new() } else { format!(" — **not {}**", thousands(self.lines)) },
            mb(self.peak_memory),
        );
        self.stages(&mut text);
        self.disk(&mut text);
        self.answers(&mut text);
        text
    }

    fn stages(&self, text: &mut String) {
        text.push_str("| stage | wall s | CPU s | of it collector | of it server | lines per CPU s | MB per CPU s | lines/s |\n|---|---:|---:|---:|---:|---:|---:|---:|\n");
        let mut whole = Stage { name: "file → published split", wall: Duration::ZERO, cpu: Usage::default() };
        for stage in &self.stages {
            self.stage(text, stage);
            whole.wall += stage.wall;
            whole.cpu.process += stage.cpu.process;
            *whole.cpu.threads.entry(COLLECTOR.to_owned()).or_default() += stage.cpu.of(COLLECTOR);
        }
        self.stage(text, &whole);
        text.push('\n');
    }

    fn stage(&self, text: &mut String, stage: &Stage) {
        let (wall, cpu, collector) = (stage.wall.as_secs_f64(), stage.cpu.process.max(0.01), stage.cpu.of(COLLECTOR));
        let _ = writeln!(
            text,
            "| {} | {wall:.1} | {cpu:.1} | {collector:.1} | {:.1} | {} | {:.1} | {} |",
            stage.name,
            cpu - collector,
            thousands(round(self.lines as f64 / cpu)),
            mb(self.written.bytes) / cpu,
            thousands(round(self.lines as f64 / wall.max(0.001))),
        );
    }

    fn disk(&self, text: &mut String) {
        text.push_str("| on disk | MB | bytes a line |\n|---|---:|---:|\n");
        for (part, bytes) in self.disk.iter().filter(|(_, bytes)| **bytes > 4096) {
            let _ = writeln!(text, "| {part} | {:.1} | {:.1} |", mb(*bytes), *bytes as f64 / self.lines as f64);
        }
        text.push('\n');
    }

    fn answers(&self, text: &mut String) {
        for (kind, answers) in &self.answers {
            let _ = writeln!(
                text,
                "| {kind}, warm, over HTTP | ms, median of 5 | slowest | first row | longest silence | matched or read | rows | |\n|---|---:|---:|---:|---:|---:|---:|---|"
            );
            for answer in answers {
                let _ = writeln!(
                    text,
                    "| {}: `` {} `` | {} | {} | {} | {} | {} | {} | {} |",
                    answer.query.name,
                    answer.query.text.replace('|', "\\|"),
                    ms(answer.median),
                    ms(answer.slowest),
                    answer.first_row.map(ms).unwrap_or_default(),
                    ms(answer.silence),
                    matched(answer),
                    thousands(answer.found.returned),
                    answer.found.warnings.join(", "),
                );
            }
            text.push('\n');
        }
    }
}

/// How many, and whether that is right.
fn matched(answer: &Answer) -> String {
    let found = thousands(answer.found.matched);
    match answer.query.truth {
        None if answer.found.exact => found,
        None => format!("≥ {found}"),
        Some(truth) if truth == answer.found.matched => format!("{found}, right"),
        Some(truth) if answer.found.exact => format!("**{found} instead of {}**", thousands(truth)),
        Some(truth) => format!("≥ {found} of {}", thousands(truth)),
    }
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

#[allow(clippy::cast_precision_loss, reason = "figures for a reader")]
fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures for a reader, positive and small")]
fn round(figure: f64) -> u64 {
    figure.round() as u64
}

/// `1,234,567`
fn thousands(number: u64) -> String {
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
