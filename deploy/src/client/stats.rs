//! `martlog stats`: a query with pipes as a table, then one line on how complete it is.

use super::api::{ANSWER_BYTES_MAX, Client, NoAnswer};
use super::lines::Lines;
use super::problem::Problem;
use super::render::{Style, clean, time_ms};
use super::search::{Complete, warning_sentence};
use super::tally::Tally;
use crate::cli::StatsArgs;
use crate::config;
use crate::outcome::{Failure, Outcome};
use futures_util::StreamExt as _;
use reqwest::header::ACCEPT;
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// A wider column does not push the others away, cells.
const WIDTH_MAX: usize = 60;
/// Between two columns.
const BETWEEN: &str = "  ";

/// A line of the answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Progress(Progress),
    Table(Table),
    Error(Problem),
}

/// How far the answer is.
#[derive(Debug, Deserialize)]
struct Progress {
    rows_read: u64,
}

/// The answer.
#[derive(Debug, Deserialize)]
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    #[serde(default)]
    truncated: bool,
    #[serde(default)]
    warnings: Vec<Value>,
    complete: Option<Complete>,
}

/// Runs the command.
pub(crate) async fn run(args: StatsArgs) -> Result<Outcome, Failure> {
    let client = Client::new(config::connect(args.connect.clone())?)?;
    let query = args.limit.map_or_else(|| args.query.clone(), |rows| format!("{} | limit {rows}", args.query));
    let mut body = json!({ "query": query });
    for (key, value) in [("from", args.from.as_deref()), ("to", args.to.as_deref())] {
        if let Some(value) = value {
            body[key] = value.into();
        }
    }
    let request = client.request(Method::POST, &["stats"]).header(ACCEPT, "application/x-ndjson").json(&body);
    let answer = client.send(request).await.map_err(|error| error.about(&query))?;
    let table = table(&client, answer).await?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.json {
        table.write_json(&mut out)?
    } else {
        out.write_all(table.render(Style::of_stdout()).as_bytes())?
    }
    out.flush()?;
    let _ = writeln!(io::stderr().lock(), "{}", table.sentence());
    Ok(if table.rows.is_empty() { Outcome::Findings } else { Outcome::Fine })
}

/// The table at the end of an answer that tells how far it is.
async fn table(client: &Client, answer: Response) -> Result<Table, Failure> {
    let (mut lines, mut tally, mut body) = (Lines::default(), Tally::new(), answer.bytes_stream());
    while let Some(piece) = body.next().await {
        lines.push(&piece.map_err(|error| client.lost(&error))?);
        while let Some(line) = lines.next() {
            match serde_json::from_slice(&line).map_err(|_| client.foreign("with something that is no table"))? {
                Line::Progress(progress) => tally.tell(|| format!("{} lines read", progress.rows_read)),
                Line::Table(table) => return Ok(table),
                Line::Error(problem) => return Err(Failure::Server(problem.sentence())),
            }
        }
        if lines.is_longer_than(ANSWER_BYTES_MAX) {
            return Err(client.foreign("with a table of more than 16 MiB").into());
        }
    }
    Err(NoAnswer::Lost("the answer ended without its table; ask again".to_owned()).into())
}

impl Table {
    fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        for row in &self.rows {
            let object: Map<String, Value> = self.columns.iter().cloned().zip(row.iter().cloned()).collect();
            writeln!(out, "{}", Value::Object(object))?;
        }
        Ok(())
    }

    /// Columns side by side, numbers to the right.
    fn render(&self, style: Style) -> String {
        let rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| self.columns.iter().zip(row).map(|(name, cell)| shown(name, cell)).collect()).collect();
        let heads: Vec<String> = self.columns.iter().map(|name| clean(name)).collect();
        let width = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at)).chain(heads.get(at));
            cells.map(|cell| cell.width()).max().unwrap_or(0).min(WIDTH_MAX)
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        let numeric: Vec<bool> = (0..heads.len())
            .map(|at| self.rows.iter().filter_map(|row| row.get(at)).all(|cell| cell.is_number() || cell.is_null()))
            .collect();
        let line = |cells: &[String]| {
            let mut text = String::new();
            for (at, cell) in cells.iter().enumerate() {
                let room = " ".repeat(widths.get(at).copied().unwrap_or(0).saturating_sub(cell.width()));
                let right = numeric.get(at) == Some(&true);
                text.push_str(if at > 0 { BETWEEN } else { "" });
                text.push_str(&if right { format!("{room}{cell}") } else { format!("{cell}{room}") });
            }
            text.trim_end().to_owned()
        };
        let mut text = if heads.is_empty() { String::new() } else { style.dim(&line(&heads)) + "\n" };
        rows.iter().for_each(|row| text.push_str(&(line(row) + "\n")));
        text
    }

    fn sentence(&self) -> String {
        let mut text = match self.rows.len() {
            0 => "nothing found".to_owned(),
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        };
        if self.truncated {
            text.push_str(", and not all");
        }
        text.push_str(&self.complete.as_ref().map(Complete::sentence).unwrap_or_default());
        for warning in &self.warnings {
            text.push_str(&format!("\nnote: {}", warning_sentence(warning)));
        }
        text
    }
}

/// A cell for people: one line, nothing that a terminal obeys.
fn shown(column: &str, cell: &Value) -> String {
    match cell {
        Value::Null => "-".to_owned(),
        Value::String(text) if matches!(column, "time" | "from" | "to" | "first" | "last") => time_ms(text),
        Value::String(text) => clean(text).trim_end().replace('\n', " "),
        Value::Number(number) => match number.as_f64() {
            Some(fraction) if number.is_f64() => format!("{}", (fraction * 1_000.0).round() / 1_000.0),
            _ => number.to_string(),
        },
        other => clean(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: Value) -> Table {
        serde_json::from_value(json!({"columns": ["module", "count", "p95"], "rows": rows, "truncated": true,
            "warnings": [{"code": "W214", "message": "not exact"}]}))
        .unwrap()
    }

    #[test]
    fn columns_are_aligned_and_numbers_stand_to_the_right() {
        let table = table(json!([["sms", 5, 12.34567], ["абонент\n\u{1b}[31mx", 1200, null]]));
        let expected = "module     count     p95\nsms            5  12.346\nабонент x   1200       -\n";
        assert_eq!(table.render(Style::Plain), expected);
        assert_eq!(table.sentence(), "2 rows, and not all\nnote: not exact");
    }

    #[test]
    fn json_is_an_object_a_row() {
        let mut out = Vec::new();
        table(json!([["sms", 5, null]])).write_json(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"module\":\"sms\",\"count\":5,\"p95\":null}\n");
    }
}
