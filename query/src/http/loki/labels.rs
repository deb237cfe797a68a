//! Names of labels, their values, and the streams that there are: `labels`, `label/{name}/values`, `series`, `detected_labels`.
//!
//! All of it is counted in the lines of the range that the scope reaches; so a partner is told of nothing that it could not read.

use super::answer::success;
use super::ask::Ask;
use super::volume::{counts, selected};
use super::{Answered, Refusal, bad};
use crate::logql::LogQuery;
use crate::logql::labels::{LEVEL, Label, OTHER_NAMES, STREAM, of};
use axum::extract::Path;
use martlog_indexer::audit::Action;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Values and series of an answer at most.
const MANY: usize = 10_000;
/// Selectors of one request at most: each is counted by itself.
const SELECTORS_MAX: usize = 20;
/// Where a range is not said, ns: as Loki has it.
const SINCE: i64 = 6 * 3_600_000_000_000;

/// Those that every line may have.
pub(super) fn all() -> Vec<String> {
    STREAM.iter().chain(&[LEVEL]).map(|label| (*label).to_owned()).collect()
}

/// `labels`: the names of labels that lines of the range have.
pub(super) async fn names(ask: Ask) -> Answered {
    let streams = streams(&ask, &selected(ask.get("query"))?, &all()).await?;
    let mut names: BTreeSet<&str> = streams.iter().flat_map(BTreeMap::keys).map(String::as_str).collect();
    let others =
        OTHER_NAMES.iter().filter(|(_, own)| names.contains(own)).map(|(other, _)| *other).filter(|other| *other == "service_name");
    let others: Vec<&str> = others.collect();
    names.extend(others);
    success(&json!({"status": "success", "data": names}))
}

/// `label/{name}/values`: the values of a label that lines of the range have.
pub(super) async fn values(Path(name): Path<String>, ask: Ask) -> Answered {
    let values: Vec<String> = match of(&name) {
        Label::Nothing | Label::Problem => Vec::new(),
        _ => values_of(&ask, &selected(ask.get("query"))?, &name).await?,
    };
    success(&json!({"status": "success", "data": values}))
}

/// The values of a label, in their order.
pub(super) async fn values_of(ask: &Ask, query: &LogQuery, name: &str) -> Result<Vec<String>, Refusal> {
    let found = streams(ask, query, &[name.to_owned()]).await?;
    let values: BTreeSet<String> = found.into_iter().filter_map(|mut labels| labels.remove(name)).collect();
    Ok(values.into_iter().take(MANY).collect())
}

/// `series`: the streams that lines of the range are of.
pub(super) async fn series(ask: Ask) -> Answered {
    let selectors: Vec<&str> = ask.all("match[]").chain(ask.all("match")).collect();
    if selectors.len() > SELECTORS_MAX {
        return Err(bad(format!("the request has more than {SELECTORS_MAX} selectors: ask for some at a time")));
    }
    let selectors = if selectors.is_empty() { vec!["{}"] } else { selectors };
    let mut found = BTreeSet::new();
    for selector in selectors {
        found.extend(streams(&ask, &selected(Some(selector))?, &all()).await?);
    }
    let mut answer = json!({"status": "success", "data": found.iter().take(MANY).collect::<Vec<_>>()});
    if found.len() > MANY {
        answer["warnings"] = json!([format!("the first {MANY} of {} series are told: narrow the selector", found.len())]);
    }
    success(&answer)
}

/// `detected_labels`: the names of labels, and how many values each has.
pub(super) async fn detected(ask: Ask) -> Answered {
    let streams = streams(&ask, &selected(ask.get("query"))?, &all()).await?;
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in streams.iter().flatten() {
        values.entry(name).or_default().insert(value);
    }
    let told = |(label, values): (&&str, &BTreeSet<&str>)| json!({"label": label, "cardinality": values.len()});
    success(&json!({"detectedLabels": values.iter().map(told).collect::<Vec<Value>>()}))
}

/// The label sets that lines have.
async fn streams(ask: &Ask, query: &LogQuery, labels: &[String]) -> Result<Vec<BTreeMap<String, String>>, Refusal> {
    let bounds = ask.bounds_since(SINCE)?;
    let (series, _) = counts(ask, query, labels, bounds, None, Action::Values).await?;
    Ok(series.into_iter().map(|series| series.labels).collect())
}
