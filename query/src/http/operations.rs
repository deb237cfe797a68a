//! What the endpoints for readers are, for the API's document.

use super::context::{ContextBody, ContextTold};
use super::fields::{FieldsBody, FieldsTold};
use super::histogram::{Counts, HistogramBody};
use super::parse::{ParseBody, ParseTold};
use super::search::{SearchBody, SearchLine};
use super::stats::{StatsBody, TableTold};
use super::values::{ValuesBody, ValuesTold};
use martlog_indexer::doors::describe::{Method, Operation, READERS};
use schemars::JsonSchema;
use serde_json::{Value, json};

const SEARCHING: &str = "Searching";

/// A question of readers: it takes a body, a place among the running ones, and the store's time.
fn question<T: JsonSchema>(path: &'static str, id: &'static str, summary: &'static str, example: Value) -> Operation {
    Operation::new(Method::Post, path, id, SEARCHING, READERS, summary).takes::<T>(example).fails(&[429, 500, 503])
}

pub(super) fn search() -> Operation {
    let summary = "Rows as they are found, then a summary; without a summary the answer is incomplete.";
    question::<SearchBody>(
        "/api/v1/search",
        "search",
        summary,
        json!({"query": "csp:434 level>=warn -health", "from": "-1h", "limit": 100}),
    )
    .gives_as::<SearchLine>(200, "application/x-ndjson", "Rows, now and then progress, at the end a summary or an error.")
}

pub(super) fn tail() -> Operation {
    Operation::new(
        Method::Get,
        "/api/v1/tail",
        "tail",
        SEARCHING,
        READERS,
        "Follows what arrives, as server-sent events: row, gap, status.",
    )
    .asked::<String>("query", "In the language, without a time and without pipes; all lines without it.")
    .asked::<String>("cursor", "The `id` of the last event, to go on without a hole.")
    .header("Last-Event-ID", "The same, as browsers send it; it goes before `cursor`.")
    .gives_as::<String>(200, "text/event-stream", "Events, until the reader goes away, its token is revoked, or the server stops.")
    .fails(&[429, 500])
}

pub(super) fn histogram() -> Operation {
    let example = json!({"query": "level:error", "from": "-6h", "interval": "5m", "by": "module"});
    question::<HistogramBody>("/api/v1/histogram", "histogram", "Counts matching lines over time.", example)
        .gives::<Counts>(200, "All pieces of the range, and later ones that have lines.")
}

pub(super) fn stats() -> Operation {
    let example = json!({"query": "module:sms | stats count(), p95(duration_ms) by version", "from": "-24h"});
    question::<StatsBody>("/api/v1/stats", "stats", "Runs a query with pipes.", example).gives::<TableTold>(200, "A table.")
}

pub(super) fn fields() -> Operation {
    question::<FieldsBody>(
        "/api/v1/fields",
        "fields",
        "Tells which fields the newest 5,000 matching lines have.",
        json!({"query": "csp:434", "from": "-1h"}),
    )
    .gives::<FieldsTold>(200, "Fields by frequency.")
}

pub(super) fn values() -> Operation {
    question::<ValuesBody>(
        "/api/v1/values",
        "values",
        "Tells the values of a field.",
        json!({"field": "module", "query": "level:error", "limit": 20}),
    )
    .gives::<ValuesTold>(200, "Values by frequency.")
}

pub(super) fn context() -> Operation {
    question::<ContextBody>(
        "/api/v1/context",
        "context",
        "The lines around one, in the same stream, by position.",
        json!({"id": "sms/1f/42", "before": 5, "after": 5}),
    )
    .gives::<ContextTold>(200, "Lines in the order of the stream.")
    .fails(&[404])
}

pub(super) fn parse() -> Operation {
    let example = json!({"query": "csp:434 level:", "position": 14});
    question::<ParseBody>(
        "/api/v1/parse",
        "parse",
        "Tells how a query is read, without running it, and what may be written at a position.",
        example,
    )
    .gives::<ParseTold>(200, "The tree, the canonical form, the range of time, notes.")
}
