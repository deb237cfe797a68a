//! `martlog admin audit`: who asked what, as a table of what matters; `--json` has all of it.

use super::admin::{Errand, table};
use super::render::time_ms;
use crate::cli::AuditArgs;
use reqwest::Method;
use serde_json::{Map, Value};

/// The columns of the table, as the records call them.
const COLUMNS: [&str; 10] = ["time", "action", "kind", "partner", "token", "times", "rows", "bytes", "outcome", "query"];

/// What is asked.
pub(super) fn errand(args: AuditArgs) -> Errand {
    let given = [("from", args.from), ("to", args.to), ("action", args.action), ("cursor", args.cursor)];
    let mut query: Vec<(&str, String)> = given.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    query.push(("limit", args.limit.to_string()));
    Errand { method: Method::GET, path: vec!["audit".to_owned()], query, body: None, token_out: None, show: shown }
}

fn shown(answer: &Value) -> String {
    let records = answer["records"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = table(&records.iter().map(short).collect::<Vec<_>>());
    if let Some(cursor) = answer["cursor"].as_str() {
        text.push_str(&format!("there are more: --cursor {}\n", super::render::clean(cursor)));
    }
    text
}

/// What the table shows of a record.
fn short(record: &Value) -> Value {
    let one = |column: &&str| {
        let value = match (*column, &record[*column]) {
            ("time", Value::String(time)) => time_ms(time).into(),
            ("query", Value::Null) if record["query_erased"] == true => "(erased)".into(),
            ("query", Value::Null) => record["subject"].clone(),
            (_, value) => value.clone(),
        };
        ((*column).to_owned(), value)
    };
    Value::Object(COLUMNS.iter().map(one).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_is_a_line_and_an_erased_text_is_told() {
        let answer = json!({"cursor": "7", "records": [
            {"time": "2026-11-22T10:12:50.353123Z", "action": "search", "kind": "partner", "partner": "acme", "token": "t", "times": 2, "rows": 5,
             "bytes": 99, "outcome": "complete", "query": "a\u{1b}[31m b"},
            {"time": "2026-11-22T10:12:50Z", "action": "export", "kind": "staff", "token": "staff", "times": 1, "rows": 0, "bytes": 0,
             "outcome": "begun", "query_erased": true},
        ]});
        let text = shown(&answer);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "2026-11-22T10:12:50.353Z  search  partner  acme     t      2      5     99     complete  a b");
        assert!(lines[2].ends_with("begun     (erased)") && lines[3] == "there are more: --cursor 7", "{text}");
    }
}
