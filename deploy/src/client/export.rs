//! `martlog export`: all rows of a query into a file or a pipe, and the proof that it is all of them.
//!
//! Invariant: a file of the name that was given is whole. Rows go to a name beside it (`FILE.part`), which gets the name when their SHA-256 is the one of the server's manifest; then
//! `FILE.manifest.json` is written. Whatever goes wrong before leaves neither. A pipe cannot be taken back: the exit code says whether what went into it was whole.

mod sink;

use super::api::Client;
use super::problem::Problem;
use super::search::{Complete, warning_sentence};
use super::tally::{self, Tally};
use crate::cli::{ExportArgs, ExportFormat, Order};
use crate::config;
use crate::outcome::{Failure, Outcome};
use futures_util::StreamExt as _;
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use sink::Sink;
use std::io::{self, Write as _};

/// A manifest, as far as it is looked at.
#[derive(Debug, Deserialize)]
struct Manifest {
    rows: u64,
    bytes: u64,
    sha256: String,
    #[serde(default)]
    truncated: bool,
    complete: Option<Complete>,
    #[serde(default)]
    warnings: Vec<Value>,
}

/// The last line of an answer.
#[derive(Debug, Deserialize)]
struct Last {
    manifest: Option<Value>,
    error: Option<Problem>,
}

/// Runs the command.
pub(crate) async fn run(args: ExportArgs) -> Result<Outcome, Failure> {
    let work = export(args);
    tokio::select! {
        ended = work => ended,
        // What is dropped here takes its unfinished file with it.
        _ = tokio::signal::ctrl_c() => Err(Failure::Server("interrupted: nothing was kept".to_owned())),
    }
}

async fn export(args: ExportArgs) -> Result<Outcome, Failure> {
    let client = Client::new(config::connect(args.connect.clone())?)?;
    let request = client.request(Method::POST, &["export"]).json(&body(&args));
    let answer = client.send(request).await.map_err(|error| error.about(&args.query))?;
    let id = answer.headers().get("x-martlog-export").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let id = id.ok_or_else(|| client.foreign("with something that is no export"))?;
    let mut sink = Sink::open(args.output.as_deref())?;
    let last = receive(&client, answer, args.format(), &mut sink).await?;
    let manifest = match args.format() {
        ExportFormat::Ndjson => of_last_line(&last)?,
        ExportFormat::Csv | ExportFormat::Text => {
            let answer = client.json(client.request(Method::GET, &["exports", &id])).await;
            answer.map_err(|error| incomplete(error.into()))?["manifest"].take()
        }
    };
    let known: Manifest = serde_json::from_value(manifest.clone()).map_err(|_| client.foreign("with something that is no manifest"))?;
    let (bytes, sha256) = sink.written();
    if (bytes, sha256.as_str()) != (known.bytes, known.sha256.as_str()) {
        return Err(incomplete(Failure::Server(format!("{bytes} bytes came, of {}, or they are not those that were sent", known.bytes))));
    }
    sink.finish(&manifest)?;
    if args.output.is_some() {
        // The sentence must not fail the command when nobody reads it.
        let _ = writeln!(io::stderr().lock(), "{}", known.sentence());
    }
    Ok(if known.rows == 0 { Outcome::Findings } else { Outcome::Fine })
}

fn body(args: &ExportArgs) -> Value {
    let order = match args.order {
        Order::Newest => "newest",
        Order::Oldest => "oldest",
    };
    let mut body = json!({ "query": args.query, "format": args.format().as_str(), "order": order });
    for (key, value) in [("from", args.from.as_deref()), ("to", args.to.as_deref())] {
        if let Some(value) = value {
            body[key] = value.into();
        }
    }
    if let Some(limit) = args.limit {
        body["limit"] = limit.into();
    }
    body
}

/// Writes what comes; of NDJSON the last line is kept back and returned.
async fn receive(client: &Client, answer: Response, format: ExportFormat, sink: &mut Sink) -> Result<Vec<u8>, Failure> {
    let mut tally = Tally::new();
    let mut held = LastLine::default();
    let mut body = answer.bytes_stream();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| incomplete(client.lost(&error).into()))?;
        if format == ExportFormat::Ndjson {
            held.pass(&piece, |rows| sink.write(rows))?
        } else {
            sink.write(&piece)?
        }
        tally.tell(|| tally::size(sink.written_bytes()));
    }
    Ok(held.0)
}

fn of_last_line(line: &[u8]) -> Result<Value, Failure> {
    let broke_off = || incomplete(Failure::Server("the answer ended without its manifest".to_owned()));
    let last: Last = serde_json::from_slice(line).map_err(|_| broke_off())?;
    match (last.manifest, last.error) {
        (Some(manifest), _) => Ok(manifest),
        (None, Some(problem)) => Err(incomplete(Failure::Server(problem.sentence()))),
        (None, None) => Err(broke_off()),
    }
}

fn incomplete(why: Failure) -> Failure {
    match why {
        Failure::Server(text) | Failure::Usage(text) => {
            Failure::Server(format!("the export is incomplete, rows are missing: {text}; export again"))
        }
        Failure::ReaderGone => Failure::ReaderGone,
    }
}

/// Lines on their way, the last one kept back.
#[derive(Default)]
struct LastLine(Vec<u8>);

impl LastLine {
    /// Takes a piece, and passes on what is certainly before the last line.
    fn pass(&mut self, piece: &[u8], mut to: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
        let newline = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n');
        // A line end that something follows ends a line that is not the last.
        let searched = piece.len().saturating_sub(1);
        if !piece.is_empty() && self.0.last() == Some(&b'\n') {
            to(&self.0)?;
            self.0.clear();
        }
        match newline(&piece[..searched]) {
            Some(at) => {
                self.0.extend_from_slice(&piece[..=at]);
                to(&self.0)?;
                self.0.clear();
                self.0.extend_from_slice(&piece[at + 1..]);
            }
            None => self.0.extend_from_slice(piece),
        }
        Ok(())
    }
}

impl Manifest {
    fn sentence(&self) -> String {
        let mut text = match self.rows {
            0 => "nothing found".to_owned(),
            1 => format!("1 row, {}", tally::size(self.bytes)),
            rows => format!("{rows} rows, {}", tally::size(self.bytes)),
        };
        if self.truncated {
            text.push_str(", and there are more: raise --limit");
        }
        text.push_str(&self.complete.as_ref().map(Complete::sentence).unwrap_or_default());
        for warning in &self.warnings {
            text.push_str(&format!("\nnote: {}", warning_sentence(warning)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_last_line_is_kept_back_however_the_bytes_come(lines in prop::collection::vec("[a-z]{0,5}", 1..10), cuts in prop::collection::vec(1..7usize, 1..20)) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let (mut held, mut passed, mut rest, mut cuts) = (LastLine::default(), Vec::new(), text.as_bytes(), cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                rest = tail;
                held.pass(piece, |bytes| { passed.extend_from_slice(bytes); Ok(()) }).unwrap();
            }
            let last = format!("{}\n", lines.last().unwrap());
            prop_assert_eq!(String::from_utf8(held.0).unwrap(), last.clone());
            prop_assert_eq!(String::from_utf8(passed).unwrap(), text[..text.len() - last.len()].to_owned());
        }
    }

    #[test]
    fn an_answer_without_a_manifest_is_incomplete() {
        let told = |line: &str| match of_last_line(line.as_bytes()) {
            Err(Failure::Server(text)) => text,
            other => panic!("{other:?}"),
        };
        assert!(told("{\"id\":\"sms/1/2\"}\n").contains("ended without its manifest"));
        assert!(told("{\"mess").contains("rows are missing"));
        assert!(told("").contains("export again"));
        let error = told("{\"error\":{\"title\":\"t\",\"status\":503,\"code\":\"deadline\",\"detail\":\"it took too long\"}}\n");
        assert!(error.contains("it took too long"), "{error}");
        assert_eq!(of_last_line(b"{\"manifest\":{\"rows\":1}}\n").unwrap()["rows"], 1);
    }
}
