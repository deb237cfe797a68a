//! `martlog search`: rows as they are found, then one line on what was found and how complete it is.
//!
//! An answer without a summary is incomplete, and is said to be: a script must not take half for all.

use super::api::{Client, NoAnswer};
use super::lines::Lines;
use super::problem::Problem;
use super::render::{Row, Style, clean, time_ms};
use super::why::Why;
use crate::cli::{Order, SearchArgs};
use crate::config;
use crate::outcome::{Failure, Outcome};
use futures_util::StreamExt as _;
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::io::{self, Write};

/// The largest that one answer gives, rows; more are asked for page by page.
const PAGE_ROWS_MAX: u64 = 10_000;
/// A line of the answer, bytes: a row of the greatest length with its attributes and escapes stays below.
const LINE_BYTES_MAX: usize = 8 << 20;

/// A line of the answer: one of these.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    row: Option<&'a RawValue>,
    error: Option<Problem>,
    summary: Option<Summary>,
}

/// What the answer says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Summary {
    matched: u64,
    /// Whether `matched` is all of them, or those seen until there were enough.
    exact: bool,
    cursor: Option<String>,
    complete: Option<Complete>,
    warnings: Vec<Value>,
    /// Why nothing was found.
    why: Option<Why>,
}

/// How complete an answer is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Complete {
    until: Option<String>,
    gaps: Vec<Value>,
    behind_seconds: Option<f64>,
}

/// Runs the command.
pub(crate) async fn run(args: SearchArgs) -> Result<Outcome, Failure> {
    let client = Client::new(config::connect(args.connect.clone())?)?;
    let style = Style::of_stdout();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (mut shown, mut cursor) = (0, None::<String>);
    let summary = loop {
        let limit = (args.limit - shown).min(PAGE_ROWS_MAX);
        let request = client.request(Method::POST, &["search"]).json(&body(&args, limit, cursor.as_deref()));
        let answer = client.send(request).await.map_err(|error| error.about(&args.query))?;
        let (rows, summary) = page(&client, answer, &args, style, &mut out).await?;
        shown += rows;
        cursor = summary.cursor.clone().filter(|_| rows > 0 && shown < args.limit);
        if cursor.is_none() {
            break summary;
        }
    };
    out.flush()?;
    // The line about the answer must not end up among the rows, nor fail the command when nobody reads it.
    let _ = writeln!(io::stderr().lock(), "{}", summary.sentence(shown));
    Ok(if shown == 0 { Outcome::Findings } else { Outcome::Fine })
}

fn body(args: &SearchArgs, limit: u64, cursor: Option<&str>) -> Value {
    let order = match args.order {
        Order::Newest => "newest",
        Order::Oldest => "oldest",
    };
    let mut body = json!({ "query": args.query, "limit": limit, "order": order });
    for (key, value) in [("from", args.from.as_deref()), ("to", args.to.as_deref()), ("cursor", cursor)] {
        if let Some(value) = value {
            body[key] = value.into();
        }
    }
    body
}

/// Writes the rows of one answer; how many they were, and the summary behind them.
async fn page(client: &Client, answer: Response, args: &SearchArgs, style: Style, out: &mut impl Write) -> Result<(u64, Summary), Failure> {
    let mut lines = Lines::default();
    let mut body = answer.bytes_stream();
    let mut rows = 0;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| incomplete(client.lost(&error)))?;
        lines.push(&piece);
        while let Some(line) = lines.next() {
            let line: Line<'_> = serde_json::from_slice(&line).map_err(|_| client.foreign("with something that is no search result"))?;
            if let Some(row) = line.row {
                write_row(client, row, args.json, style, out)?;
                rows += 1;
            }
            if let Some(problem) = line.error {
                out.flush()?;
                return Err(Failure::Server(format!("the search did not come to its end: {}", problem.sentence())));
            }
            if let Some(summary) = line.summary {
                return Ok((rows, summary));
            }
        }
        if lines.is_longer_than(LINE_BYTES_MAX) {
            return Err(client.foreign("with a line of more than 8 MiB").into());
        }
        // Whoever watches sees a row when it has come.
        out.flush()?;
    }
    Err(incomplete(NoAnswer::Lost("the answer ended without its summary".to_owned())))
}

fn incomplete(why: NoAnswer) -> Failure {
    match Failure::from(why) {
        Failure::Server(text) => Failure::Server(format!("the answer is incomplete, rows are missing: {text}; search again")),
        other => other,
    }
}

/// One row, as a line for people or as the JSON that came.
pub(super) fn write_row(client: &Client, row: &RawValue, json: bool, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    if json {
        writeln!(out, "{}", row.get())?;
    } else {
        let row: Row = serde_json::from_str(row.get()).map_err(|_| client.foreign("with something that is no row"))?;
        out.write_all(row.render(style).as_bytes())?;
    }
    Ok(())
}

impl Summary {
    fn sentence(&self, shown: u64) -> String {
        let mut text = match shown {
            0 => "nothing found".to_owned(),
            shown if self.exact && self.matched > shown => format!("{shown} of {} lines", self.matched),
            1 => "1 line".to_owned(),
            shown => format!("{shown} lines"),
        };
        if self.cursor.is_some() {
            text.push_str(", and there are more: raise --limit or narrow the query");
        }
        if let Some(complete) = &self.complete {
            text.push_str(&complete.sentence());
        }
        for warning in &self.warnings {
            text.push_str(&format!("\nnote: {}", warning_sentence(warning)));
        }
        text.extend(self.why.as_ref().map(Why::sentence));
        text
    }
}

impl Complete {
    /// What stands behind the number of rows.
    pub(super) fn sentence(&self) -> String {
        let mut text = match (&self.until, self.behind_seconds) {
            (Some(until), Some(behind)) if behind >= 1.0 => format!("; complete to {}, behind by {behind:.0} s", time_ms(until)),
            (Some(until), _) => format!("; complete to {}", time_ms(until)),
            (None, _) => String::new(),
        };
        if !self.gaps.is_empty() {
            text.push_str(&format!("; {} gap(s): lines are missing", self.gaps.len()));
        }
        text
    }
}

/// What a warning says.
pub(super) fn warning_sentence(warning: &Value) -> String {
    warning.get("message").and_then(Value::as_str).map_or_else(|| clean(&warning.to_string()), clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_a_sentence() {
        let of = |text: &str| serde_json::from_str::<Summary>(text).unwrap();
        assert_eq!(of("{}").sentence(0), "nothing found");
        assert_eq!(of(r#"{"matched":1,"exact":true}"#).sentence(1), "1 line");
        assert_eq!(of(r#"{"matched":101,"exact":false}"#).sentence(100), "100 lines");
        let summary = of(
            r#"{"matched":312,"exact":true,"returned":100,"cursor":"c","complete":{"until":"2026-11-22T10:42:07Z","gaps":[{}],"behind_seconds":14.2},
            "warnings":[{"code":"W201","message":"the field \"lvl\" is unknown"}],"cost":{"ms":3}}"#,
        );
        assert_eq!(
            summary.sentence(100),
            "100 of 312 lines, and there are more: raise --limit or narrow the query; complete to 2026-11-22T10:42:07.000Z, behind by 14 s; \
             1 gap(s): lines are missing\nnote: the field \"lvl\" is unknown"
        );
    }
}
