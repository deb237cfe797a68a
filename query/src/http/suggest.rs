//! Suggestions for a place of a query that is being typed: fields and values as the newest matching lines have them, pipes and functions.
//!
//! The lines are those of the filter without what is being typed; where it is no query, those of the range. They are few, so that an editor need not wait; nothing
//! of them comes from beyond the scope.

use super::sample::{OF_PLATFORM, Sample};
use super::told::Spans;
use super::{App, planned};
use crate::lang::error::back_ticked;
use crate::lang::parse_pipes::PIPES;
use crate::lang::place::{Place, Wants, place};
use crate::lang::{Function, Span};
use crate::pipes::Asked;
use crate::plan::{Plan, Setting};
use martlog_formats::{Problem as Reason, Verdict};
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::registry::Scope;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Lines that are looked at: as many as whoever types can wait for. A bound in time instead would tell of others' load, and the same question would have two answers.
const SAMPLE_LINES: usize = 700;
/// How long looking may take; without it the suggestions have no counts.
const SAMPLE_TIME: Duration = Duration::from_millis(500);
/// Suggestions at a time.
const SHOWN: usize = 50;
/// Names of the language beside those of the platform.
const OF_LANGUAGE: [&str; 4] = ["message", "session", "time", "problem"];
/// The levels, lowest first.
const LEVELS: [&str; 7] = ["trace", "debug", "info", "warn", "error", "fatal", "none"];

/// What may be written at a place.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Suggestions {
    /// What a suggestion takes the place of.
    replace: Spans,
    /// The likeliest first, 50 at most.
    items: Vec<Suggestion>,
    /// Lines that were looked at; null where none had to be.
    sampled: Option<u64>,
    /// Whether these are all that match.
    exact: Option<bool>,
}

/// A text that may be written.
#[derive(Debug, Serialize, JsonSchema)]
struct Suggestion {
    /// `field`, `value`, `pipe`, `function`, `column` or `keyword`.
    kind: &'static str,
    text: String,
    /// Lines that have it, of those looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// What is said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What may be written at a byte of the query.
pub(super) async fn suggestions(app: &App, scope: &Scope, query: &str, at: usize, setting: Setting) -> Suggestions {
    let place = place(query, at);
    let typed = query[place.span.from..place.span.to].to_lowercase();
    let mut all = Suggested::default();
    let sampled = match &place.wants {
        Wants::Nothing => None,
        Wants::Pipe => {
            PIPES.iter().for_each(|(name, example)| all.add("pipe", name, 0, &format!("| {example}")));
            None
        }
        Wants::Figure => {
            all.functions();
            None
        }
        Wants::Column => match table(query, &place, setting).await {
            Some(columns) => {
                columns.iter().for_each(|column| all.add("column", column, 0, ""));
                None
            }
            None => all.fields(sample(app, scope, query, &place, setting).await, ""),
        },
        Wants::Clause => all.fields(sample(app, scope, query, &place, setting).await, ":"),
        Wants::Value(field) => all.values(field, sample(app, scope, query, &place, setting).await),
    };
    Suggestions {
        replace: Spans::of(place.span, query),
        items: all.shown(&typed),
        sampled: sampled.map(|(lines, _)| lines),
        exact: sampled.map(|(_, exact)| exact),
    }
}

/// The columns that the pipes before the place leave, where they make a table.
async fn table(query: &str, place: &Place, setting: Setting) -> Option<Vec<String>> {
    let plan = planned(&query[..place.bar?], setting).await.ok()?;
    plan.steps.is_table.then_some(plan.steps.columns)
}

async fn sample(app: &App, scope: &Scope, query: &str, place: &Place, setting: Setting) -> Option<Sample> {
    let plan = match filter(query, place, setting).await {
        Ok(plan) => plan,
        Err(_) => planned("", setting).await.ok()?,
    };
    let asked = Asked::new(&app.indexer, scope, &plan, Instant::now() + SAMPLE_TIME);
    Sample::newest(&asked, SAMPLE_LINES).await.ok()
}

/// The filter without the clause that is being typed.
async fn filter(query: &str, place: &Place, setting: Setting) -> Result<Plan, Problem> {
    let Span { to, .. } = place.filter;
    let before = &query[..to];
    let begin = if place.bar.is_none() { before.rfind(|c: char| c.is_whitespace() || c == '(').map_or(0, |at| at + 1) } else { to };
    planned(before[..begin].trim_end(), setting).await
}

/// Suggestions by text: kind, count and what is said of it.
#[derive(Default)]
struct Suggested(BTreeMap<String, (&'static str, u64, String)>);

impl Suggested {
    fn add(&mut self, kind: &'static str, text: &str, count: u64, detail: &str) {
        let known = self.0.entry(text.to_owned()).or_insert_with(|| (kind, 0, detail.to_owned()));
        known.1 = known.1.max(count);
    }

    fn functions(&mut self) {
        for (name, function) in Function::NAMED {
            let text = if function == Function::Count { format!("{name}()") } else { format!("{name}(") };
            self.add("function", &text, 0, "");
        }
        ["p50(", "p95(", "p99("].iter().for_each(|text| self.add("function", text, 0, "a percentile"));
        self.add("keyword", "by ", 0, "what makes a group");
    }

    /// Names of fields, with this behind them.
    fn fields(&mut self, sample: Option<Sample>, behind: &str) -> Option<(u64, bool)> {
        let known = OF_PLATFORM.iter().chain(&OF_LANGUAGE).filter(|name| !(behind.is_empty() && **name == "session"));
        known.for_each(|name| self.add("field", &format!("{name}{behind}"), 0, "of every line"));
        let sample = sample?;
        for (name, seen) in &sample.fields {
            self.add("field", &format!("{name}{behind}"), seen.lines, "");
        }
        Some((sample.lines, sample.is_all))
    }

    fn values(&mut self, field: &str, sample: Option<Sample>) -> Option<(u64, bool)> {
        match field.to_ascii_lowercase().as_str() {
            "level" => LEVELS.iter().for_each(|level| self.add("value", level, 0, "")),
            "verdict" => Verdict::ALL.iter().for_each(|verdict| self.add("value", verdict.as_str(), 0, "")),
            "problem" | "problems" => Reason::ALL.iter().for_each(|reason| self.add("value", reason.code(), 0, "")),
            _ => {}
        }
        let sample = sample?;
        let seen = sample.fields.get(field).or_else(|| sample.fields.get(&field.to_ascii_lowercase()));
        for (value, count) in seen.into_iter().flat_map(|seen| &seen.values) {
            if let Some(text) = written(value) {
                self.add("value", &text, *count, "");
            }
        }
        Some((sample.lines, sample.is_all))
    }

    /// Those that go on as was typed, the most frequent first; then those that have it within.
    fn shown(self, typed: &str) -> Vec<Suggestion> {
        let bare = |text: &str| text.trim_start_matches(['"', '`']).to_lowercase();
        let rank = |text: &str| if bare(text).starts_with(typed) { Some(0_u8) } else { bare(text).contains(typed).then_some(1) };
        let mut all: Vec<_> = self.0.into_iter().filter_map(|(text, what)| Some((rank(&text)?, text, what))).collect();
        all.sort_by(|(a, text, (_, one, _)), (b, other_text, (_, other, _))| {
            a.cmp(b).then_with(|| other.cmp(one)).then_with(|| text.cmp(other_text))
        });
        let one = |(_, text, (kind, count, detail)): (u8, String, (&'static str, u64, String))| Suggestion {
            kind,
            text,
            count: Some(count).filter(|count| *count > 0),
            detail: Some(detail).filter(|detail| !detail.is_empty()),
        };
        all.into_iter().take(SHOWN).map(one).collect()
    }
}

/// A value as a word, a phrase or a piece between back-ticks; nothing where the language cannot say it.
fn written(value: &str) -> Option<String> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | '@');
    let begins = value.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    if begins && value.chars().all(is_word) && !value.contains("..") && !matches!(value, "AND" | "OR" | "NOT") {
        return Some(value.to_owned());
    }
    if value.trim().is_empty() || value.contains(['\n', '\r']) || value.starts_with('`') || value.ends_with('`') {
        return None;
    }
    Some(if value.contains(['"', '\\']) { back_ticked(value) } else { format!("\"{value}\"") })
}
