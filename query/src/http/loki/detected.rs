//! What the newest lines have, for Grafana's Logs Drilldown: `detected_fields`, `detected_field/{name}/values` and `patterns`.

use super::answer::{self, failed, success};
use super::ask::{Ask, Asked};
use super::volume::selected;
use super::{Answered, Refusal, bad, labels, search_place};
use crate::http::record;
use crate::http::sample::{OF_PLATFORM, Sample, Seen};
use crate::http::stats::run_problem;
use crate::logql::labels::{Label, of, shown};
use crate::pipes::{self, Flow, pattern};
use axum::extract::Path;
use martlog_indexer::audit::{Action, Ended, Open};
use martlog_indexer::row::Row;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// Lines that are looked at, where the request does not say how many, and at most.
const LINES: usize = 1_000;
const LINES_MAX: usize = 10_000;
/// Fields and values of an answer.
const MANY: usize = 1_000;
/// Lines whose patterns are counted, patterns that are told apart, and those that are told.
const PATTERN_LINES: usize = 20_000;
const PATTERNS_MAX: usize = 5_000;
const PATTERNS: usize = 300;

/// What varies in a pattern, and how Loki writes that.
const VARYING: [&str; 4] = ["<num>", "<hex>", "<uuid>", "<*>"];

/// `detected_fields`: fields of the newest lines, their types and how many values each has.
pub(super) async fn fields(ask: Ask) -> Answered {
    let sample = sampled(&ask).await?;
    let limit = many(&ask, "limit", MANY, MANY)?;
    let mut told: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
    for (name, seen) in sample.fields.iter().filter(|(name, _)| !OF_PLATFORM.contains(&name.as_str())) {
        told.entry(shown(name)).or_default().push(seen);
    }
    let field = |(label, seen): (&String, &Vec<&Seen>)| {
        let values: BTreeSet<&String> = seen.iter().flat_map(|seen| seen.values.keys()).collect();
        json!({"label": label, "type": kind(&values), "cardinality": values.len(), "parsers": null})
    };
    success(&json!({"fields": told.iter().take(limit).map(field).collect::<Vec<Value>>(), "limit": limit}))
}

/// `detected_field/{name}/values`: its values in the newest lines; of a label in all lines.
pub(super) async fn values(Path(name): Path<String>, ask: Ask) -> Answered {
    let limit = many(&ask, "limit", MANY, MANY)?;
    let values: Vec<String> = match of(&name) {
        Label::Nothing | Label::Problem => Vec::new(),
        Label::Field(_) => {
            let sample = sampled(&ask).await?;
            let of_it = sample.fields.iter().filter(|(path, _)| shown(path) == name).flat_map(|(_, seen)| seen.values.keys());
            of_it.cloned().collect::<BTreeSet<_>>().into_iter().collect()
        }
        _ => labels::values_of(&ask, &selected(ask.get("query"))?, &name).await?,
    };
    success(&json!({"values": values.into_iter().take(limit).collect::<Vec<_>>(), "limit": limit}))
}

/// The type of some values, as Loki names it.
fn kind(values: &BTreeSet<&String>) -> &'static str {
    let all = |is: fn(&str) -> bool| !values.is_empty() && values.iter().all(|value| is(value));
    let is_size = |text: &str| text.ends_with('B') && martlog_formats::fields::number(text).is_some();
    match () {
        () if all(|text| text.parse::<i64>().is_ok()) => "int",
        () if all(|text| text.parse::<f64>().is_ok_and(f64::is_finite)) => "float",
        () if all(|text| matches!(text, "true" | "false")) => "boolean",
        () if all(is_size) => "bytes",
        () if all(|text| !text.ends_with('%') && martlog_formats::fields::number(text).is_some()) => "duration",
        () => "string",
    }
}

/// A number among the parameters.
fn many(ask: &Ask, name: &str, default: usize, most: usize) -> Result<usize, Refusal> {
    let Some(text) = ask.get(name) else { return Ok(default) };
    text.parse::<usize>().map(|many| many.min(most)).map_err(|_| bad(format!("{name} is no number: {text:?}")))
}

async fn sampled(ask: &Ask) -> Result<Sample, Refusal> {
    let lines = many(ask, "line_limit", LINES, LINES_MAX)?;
    let (asked, mut open, began, _place) = begin(ask, Action::Fields).await?;
    let store = pipes::Asked::new(&ask.app.indexer, &ask.scope, &asked.plan, began + ask.app.limits.deadline);
    let sample = Sample::newest(&store, lines).await.map_err(|problem| failed(&mut open, problem.into()))?;
    open.figures(sample.fields.len(), sample.fields.keys().map(String::len).sum());
    open.end(Ended::Complete);
    Ok(sample)
}

async fn begin(ask: &Ask, action: Action) -> Result<(Asked, Open, Instant, crate::http::Place), Refusal> {
    let began = Instant::now();
    let (query, bounds) = (selected(ask.get("query"))?, ask.bounds()?);
    let place = search_place(ask)?;
    let asked = ask.planned(&query, None, bounds.start_ns, bounds.end_ns).await?;
    let open = record::begin(&ask.app, &ask.scope, &ask.asker, action, &asked.translated.query, &asked.plan);
    Ok((asked, open, began, place))
}

/// A pattern as Loki writes it, so that `|>` with it finds its lines.
fn told_as(own: &str) -> String {
    let mut pattern = VARYING.iter().fold(own.to_owned(), |pattern, varying| pattern.replace(varying, "<_>"));
    if let Some(cut) = pattern.strip_suffix('…') {
        pattern = format!("{cut}<_>");
    }
    while pattern.contains("<_><_>") {
        pattern = pattern.replace("<_><_>", "<_>");
    }
    pattern
}

/// `patterns`: messages of the newest lines without what varies in them, counted in steps.
pub(super) async fn patterns(ask: Ask) -> Answered {
    let bounds = ask.bounds()?;
    let step_ns = ask.step(bounds)?;
    let (asked, mut open, began, _place) = begin(&ask, Action::Stats).await?;
    let store = pipes::Asked::new(&ask.app.indexer, &ask.scope, &asked.plan, began + ask.app.limits.deadline);
    type Found = HashMap<String, BTreeMap<i64, u64>>;
    let take = move |found: &mut Found, row: Row| {
        let pattern = told_as(&pattern(&row.record.message));
        if found.contains_key(&pattern) || found.len() < PATTERNS_MAX {
            let step = row.record.time_ns.saturating_sub(row.record.time_ns.rem_euclid(step_ns));
            *found.entry(pattern).or_default().entry(step).or_default() += 1;
        }
        Ok(Flow::More)
    };
    let read = pipes::each(&store, store.newest(PATTERN_LINES), Found::new(), take).await;
    let (found, more) = read.map_err(|error| failed(&mut open, run_problem(&error).into()))?;
    let mut found: Vec<(String, BTreeMap<i64, u64>)> = found.into_iter().collect();
    let total = |samples: &BTreeMap<i64, u64>| samples.values().sum::<u64>();
    found.sort_by(|(a, one), (b, other)| total(other).cmp(&total(one)).then_with(|| a.cmp(b)));
    let told = |(pattern, samples): (String, BTreeMap<i64, u64>)| {
        let samples: Vec<Value> = samples.into_iter().map(|(ns, count)| json!([ns / 1_000_000_000, count])).collect();
        json!({"pattern": pattern, "samples": samples})
    };
    let data: Vec<Value> = found.into_iter().take(PATTERNS).map(told).collect();
    let mut warnings = answer::warnings(&ask, bounds.start_ns, bounds.end_ns).await;
    if more {
        warnings.push(format!("the newest {PATTERN_LINES} lines were looked at, and there are more"));
    }
    open.figures(data.len(), 0);
    open.end(Ended::Complete);
    let mut answer = json!({"status": "success", "data": data});
    if !warnings.is_empty() {
        answer["warnings"] = json!(warnings);
    }
    success(&answer)
}
