//! `martlog tail`: matching lines as they arrive, without a hole: when the connection breaks, the next one goes on behind the last
//! cursor. Ends when it is stopped, or when the server says that it cannot go on.

use super::api::{Client, NoAnswer};
use super::render::{Style, clean};
use super::search::{warning_sentence, write_row};
use super::sse::{Event, Parser};
use crate::cli::TailArgs;
use crate::config;
use crate::outcome::{Failure, Outcome};
use futures_util::StreamExt as _;
use reqwest::{Method, Response};
use serde_json::Value;
use serde_json::value::RawValue;
use std::io::{self, Write};
use std::time::Duration;

/// The first wait before a new connection; doubled up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(250);
/// A server that comes back is noticed within this.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Where the tail is.
struct Tail<'a> {
    client: &'a Client,
    query: &'a str,
    json: bool,
    style: Style,
    cursor: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(args: TailArgs) -> Result<Outcome, Failure> {
    let client = Client::new(config::connect(args.connect)?)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut tail = Tail { client: &client, query: &args.query, json: args.json, style: Style::of_stdout(), cursor: None };
    // The first connection is not tried again: a wrong address should be told at once.
    let mut answer = tail.connect().await.map_err(|error| error.about(&args.query))?;
    loop {
        let why = tail.follow(answer, &mut out).await?;
        note(&format!("{why}; connecting again"));
        answer = tail.reconnect().await?;
        // Before the first cursor there is no place to go on from.
        note(if tail.cursor.is_some() {
            "connected again, nothing was missed"
        } else {
            "connected again; what came meanwhile is found by a search"
        });
    }
}

impl Tail<'_> {
    async fn connect(&self) -> Result<Response, NoAnswer> {
        let mut request = self.client.request(Method::GET, &["tail"]).query(&[("query", self.query)]).header("accept", "text/event-stream");
        if let Some(cursor) = &self.cursor {
            request = request.header("last-event-id", cursor);
        }
        self.client.send(request).await
    }

    /// Tries until the server answers or says no for good.
    async fn reconnect(&self) -> Result<Response, Failure> {
        let mut pause = PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            let wait = match self.connect().await {
                Ok(answer) => return Ok(answer),
                Err(NoAnswer::Lost(_)) => None,
                Err(NoAnswer::Refused { status: 429 | 500..=599, retry_after, .. }) => retry_after,
                Err(final_answer) => return Err(final_answer.about(self.query)),
            };
            pause = wait.unwrap_or(Duration::ZERO).max((pause * 2).min(PAUSE_MAX));
        }
    }

    /// Shows events until the connection ends; why it did.
    async fn follow(&mut self, answer: Response, out: &mut impl Write) -> Result<String, Failure> {
        let mut parser = Parser::default();
        let mut body = answer.bytes_stream();
        while let Some(piece) = body.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => return Ok(lost(self.client.lost(&error))),
            };
            let events = parser.push(&piece).map_err(|_| self.client.foreign("with an event of more than 8 MiB"))?;
            for (event, id) in events {
                self.show(&event, out)?;
                // Only now: a cursor behind a row that was not written would lose it.
                self.cursor = id.or(self.cursor.take());
            }
            out.flush()?;
        }
        Ok("the server ended the connection".to_owned())
    }

    fn show(&self, event: &Event, out: &mut impl Write) -> Result<(), Failure> {
        match event.name.as_str() {
            "row" => {
                let row: &RawValue = serde_json::from_str(&event.data).map_err(|_| self.client.foreign("with something that is no row"))?;
                write_row(self.client, row, self.json, self.style, out)
            }
            "gap" => {
                out.flush()?;
                note(&gap_sentence(&event.data));
                Ok(())
            }
            "missed" => {
                out.flush()?;
                note(&missed_sentence(&event.data));
                Ok(())
            }
            "status" => {
                out.flush()?;
                status_notes(&event.data).iter().for_each(|text| note(text));
                Ok(())
            }
            // An event of a later version is none of ours.
            _ => Ok(()),
        }
    }
}

/// What a status says that the reader should know: why the tail ends, and what of the query was left out. Rate and lag are for pages.
fn status_notes(data: &str) -> Vec<String> {
    let status: Value = serde_json::from_str(data).unwrap_or_default();
    let warnings = status.get("warnings").and_then(Value::as_array).into_iter().flatten().map(warning_sentence);
    warnings.chain(status.get("end").and_then(Value::as_str).map(clean)).collect()
}

/// A gap for the reader. It goes to standard error, so that rows stay rows.
fn gap_sentence(data: &str) -> String {
    let gap: Value = serde_json::from_str(data).unwrap_or_default();
    let text = |key: &str| gap.get(key).and_then(Value::as_str).map(clean);
    let place: Vec<String> = ["instance", "pod", "container"].into_iter().filter_map(text).collect();
    let bytes = gap.get("bytes").and_then(Value::as_u64).map_or_else(String::new, |bytes| format!("{bytes} bytes of "));
    let place = if place.is_empty() { "a stream".to_owned() } else { place.join(", ") };
    format!("lines are missing here: {bytes}{place} ({})", text("reason").unwrap_or_else(|| "no reason given".to_owned()))
}

/// Lines that were left out, for the reader.
fn missed_sentence(data: &str) -> String {
    let missed: Value = serde_json::from_str(data).unwrap_or_default();
    let text = |key: &str| missed.get(key).and_then(Value::as_str).map_or_else(|| "?".to_owned(), clean);
    format!("lines that arrived from {} to {} are not shown: {}", text("from"), text("to"), text("hint"))
}

fn lost(error: NoAnswer) -> String {
    match error {
        NoAnswer::Lost(text) | NoAnswer::Foreign(text) | NoAnswer::Refused { sentence: text, .. } => text,
    }
}

fn note(text: &str) {
    // Nobody may be reading; the rows matter.
    let _ = writeln!(io::stderr().lock(), "martlog: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::extract::State;
    use axum::http::HeaderMap;
    use axum::routing::get;
    use std::sync::{Arc, Mutex};

    #[test]
    fn what_the_reader_should_know_is_told() {
        let status = r#"{"query":"x","warnings":[{"code":"W210","message":"the time was left out"}],"rows_per_second":3,"end":"the server is stopping"}"#;
        assert_eq!(status_notes(status), ["the time was left out", "the server is stopping"]);
        assert!(status_notes("{}").is_empty() && status_notes("?").is_empty());
        let gap = r#"{"time":"2026-11-22T10:00:00Z","reason":"rotated_away","instance":"sms-434","pod":"sms-1","container":"app","from":5,"to":25,"bytes":20}"#;
        let missed = r#"{"from":"2026-11-22T10:00:00Z","to":"2026-11-22T10:05:00Z","hint":"they are gone"}"#;
        let told = "lines that arrived from 2026-11-22T10:00:00Z to 2026-11-22T10:05:00Z are not shown: they are gone";
        assert_eq!(missed_sentence(missed), told);
        assert_eq!(gap_sentence(gap), "lines are missing here: 20 bytes of sms-434, sms-1, app (rotated_away)");
    }

    /// Answers each connection with the next text and closes; notes the cursors that were sent.
    #[derive(Clone)]
    struct Script {
        answers: Arc<Mutex<Vec<&'static str>>>,
        cursors: Arc<Mutex<Vec<Option<String>>>>,
    }

    async fn answer(State(script): State<Script>, headers: HeaderMap) -> ([(&'static str, &'static str); 1], &'static str) {
        script.cursors.lock().unwrap().push(headers.get("last-event-id").map(|value| value.to_str().unwrap().to_owned()));
        ([("content-type", "text/event-stream")], script.answers.lock().unwrap().remove(0))
    }

    #[tokio::test]
    async fn a_broken_connection_goes_on_behind_the_last_whole_event() {
        let script = Script {
            answers: Arc::new(Mutex::new(vec![
                "id: c1\nevent: row\ndata: {\"time\":\"2026-11-22T10:00:00Z\",\"message\":\"one\"}\n\nid: c2\nevent: row\ndata: {\"mess",
                "id: c2\nevent: row\ndata: {\"time\":\"2026-11-22T10:00:01Z\",\"message\":\"two\"}\n\n",
            ])),
            cursors: Arc::default(),
        };
        let app = Router::new().route("/api/v1/tail", get(answer)).with_state(script.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        let client = crate::client::api::in_clear(&server, "t");
        let mut tail = Tail { client: &client, query: "x", json: true, style: Style::Plain, cursor: None };
        let mut out = Vec::new();
        let first = tail.connect().await.unwrap();
        tail.follow(first, &mut out).await.unwrap();
        let second = tail.reconnect().await.unwrap();
        tail.follow(second, &mut out).await.unwrap();
        serving.abort();
        let messages: Vec<String> = String::from_utf8(out)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(messages, ["one", "two"]);
        assert_eq!(*script.cursors.lock().unwrap(), [None, Some("c1".to_owned())]);
    }
}
