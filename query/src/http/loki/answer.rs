//! The forms of answers: the envelope with its warnings and statistics, times and numbers as Loki writes them.

use super::{Answered, Ask, Refusal};
use crate::http::{private, written};
use crate::time::rfc3339;
use axum::response::IntoResponse as _;
use martlog_indexer::audit::{Ended, Open};
use martlog_indexer::store::Completeness;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// Lines that are behind by more are told, ns.
const BEHIND_TOLD_NS: i64 = 60_000_000_000;

/// What was looked at for an answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// Lines.
    pub(super) lines: u64,
    /// Their bytes, where lines were read.
    pub(super) bytes: u64,
    /// Lines of the answer.
    pub(super) returned: usize,
}

/// What an answer tells.
#[derive(Debug)]
pub(super) struct Told {
    /// Its type.
    pub(super) kind: &'static str,
    pub(super) result: Value,
    pub(super) warnings: Vec<String>,
    pub(super) cost: Cost,
    pub(super) began: Instant,
    /// Whether what stands beside a line is told apart from the labels of its stream.
    pub(super) categorized: bool,
}

/// An answer in JSON.
pub(super) fn success(answer: &Value) -> Answered {
    Ok(private(written(answer)?.into_response(), "application/json"))
}

/// The answer to a query: `resultType`, `result`, statistics and warnings; recorded with so many rows of figures.
pub(super) fn result(mut open: Open, of: Told, figures: Option<usize>) -> Answered {
    let text = written(&envelope(of));
    match (&text, figures) {
        (Ok(text), Some(rows)) => open.figures(rows, text.len()),
        (Ok(_), None) => {}
        (Err(problem), _) => open.finish(Ended::Failed(problem.code)),
    }
    let text = text?;
    open.end(Ended::Complete);
    Ok(private(text.into_response(), "application/json"))
}

/// What an answer to a query tells, in its form.
pub(super) fn envelope(of: Told) -> Value {
    let Told { kind, result, warnings, cost, began, categorized } = of;
    let mut data = Map::from_iter([("resultType".to_owned(), json!(kind)), ("result".to_owned(), result)]);
    if categorized {
        data.insert("encodingFlags".to_owned(), json!(["categorize-labels"]));
    }
    data.insert("stats".to_owned(), statistics(cost, began));
    let mut answer = json!({"status": "success", "data": data});
    if !warnings.is_empty() {
        answer["warnings"] = json!(warnings);
    }
    answer
}

/// What it took, as far as it is known here, in Loki's members.
fn statistics(cost: Cost, began: Instant) -> Value {
    let seconds = began.elapsed().as_secs_f64();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // A rate far below 2^52.
    let per_second = |number: u64| (number as f64 / seconds.max(1e-6)) as u64;
    let store = json!({
        "totalChunksRef": 0, "totalChunksDownloaded": 0, "chunksDownloadTime": 0,
        "chunk": {"headChunkBytes": 0, "headChunkLines": 0, "decompressedBytes": cost.bytes, "decompressedLines": cost.lines, "compressedBytes": 0, "totalDuplicates": 0},
    });
    json!({
        "summary": {
            "bytesProcessedPerSecond": per_second(cost.bytes), "linesProcessedPerSecond": per_second(cost.lines), "totalBytesProcessed": cost.bytes,
            "totalLinesProcessed": cost.lines, "execTime": seconds, "queueTime": 0.0, "subqueries": 0, "totalEntriesReturned": cost.returned,
            "splits": 0, "shards": 0, "totalPostFilterLines": cost.returned,
        },
        "querier": {"store": store},
        "ingester": {"totalReached": 0, "totalChunksMatched": 0, "totalBatches": 0, "totalLinesSent": 0, "store": store},
    })
}

/// How complete the answer for `[from, to)` is, in sentences; none where nothing is missing.
pub(super) fn completeness(of: &Completeness, from_ns: i64, to_ns: i64, now_ns: i64) -> Vec<String> {
    let mut told = Vec::new();
    let end_ns = to_ns.min(now_ns);
    if let Some(until_ns) = of.until_ns.filter(|until| end_ns.saturating_sub(*until) > BEHIND_TOLD_NS) {
        told.push(format!(
            "lines that were printed after {} may not have arrived yet: ask again later for what is missing",
            rfc3339(until_ns)
        ));
    }
    let gaps = of.gaps.iter().filter(|gap| gap.time_ns >= from_ns).count() + of.lost.len();
    if gaps > 0 {
        told.push(format!("in {gaps} places lines are missing for ever: the page of this server and /api/v1/search say which"));
    }
    let erased: u64 =
        of.erased.iter().filter(|erased| erased.day_ns.saturating_add(crate::time::DAY) > from_ns).map(|erased| erased.rows).sum();
    if erased > 0 {
        told.push(format!("{erased} lines were erased on purpose"));
    }
    told
}

/// The same, asked of the store before it is searched: so it never promises more than the answer holds.
pub(super) async fn warnings(ask: &Ask, from_ns: i64, to_ns: i64) -> Vec<String> {
    completeness(&ask.app.indexer.completeness(&ask.scope).await, from_ns, to_ns, ask.now_ns)
}

/// A moment in seconds, as figures have it: a whole number where it is one, else up to milliseconds.
#[allow(clippy::cast_precision_loss)] // Milliseconds of this era lie far below 2^52.
pub(super) fn seconds(ns: i64) -> Value {
    match ns % 1_000_000_000 {
        0 => json!(ns / 1_000_000_000),
        _ => json!((ns / 1_000_000) as f64 / 1_000.0),
    }
}

/// A figure, as Go prints it.
pub(super) fn number(number: f64) -> String {
    match number {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        number if number.is_nan() => "NaN".to_owned(),
        number => number.to_string(),
    }
}

/// Records that there is no answer, and passes on why.
pub(super) fn failed(open: &mut Open, refusal: Refusal) -> Refusal {
    open.finish(Ended::Failed(refusal.0.code));
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_printed_as_go_prints_them() {
        let table =
            [(2.0, "2"), (0.5, "0.5"), (-1.25, "-1.25"), (f64::INFINITY, "+Inf"), (f64::NAN, "NaN"), (1e21, "1000000000000000000000")];
        for (figure, expected) in table {
            assert_eq!(number(figure), expected);
        }
        assert_eq!((seconds(5_000_000_000), seconds(5_123_456_789)), (json!(5), json!(5.123)));
    }
}
