//! The HTTP API as a reader uses it.

use futures_util::StreamExt;
use martlog_collector::tls::{Options, Trust};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

#[derive(Clone)]
pub(crate) struct Api {
    client: reqwest::Client,
    pub(crate) address: String,
    pub(crate) token: String,
}

/// An answer: the status and the body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) rows: Vec<Value>,
    pub(crate) summary: Value,
}

impl Found {
    pub(crate) fn messages(&self) -> Vec<&str> {
        self.rows.iter().filter_map(|row| row["message"].as_str()).collect()
    }
}

impl Api {
    pub(crate) fn new(address: &str, token: &str) -> Self {
        Self { client: client(None), address: address.to_owned(), token: token.to_owned() }
    }

    /// A server whose certificate is from the authority in this file.
    pub(crate) fn trusting(ca: &Path, address: &str, token: &str) -> Self {
        Self { client: client(Some(ca)), address: address.to_owned(), token: token.to_owned() }
    }

    /// A server that is reached in this way.
    pub(crate) fn over(client: reqwest::Client, address: &str, token: &str) -> Self {
        Self { client, address: address.to_owned(), token: token.to_owned() }
    }

    /// The same server with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    pub(crate) async fn post(&self, at: &str, body: &Value) -> Answer {
        answer(self.posting(at, body)).await
    }

    /// The same, not sent yet.
    pub(crate) fn posting(&self, at: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client.post(self.url(at)).bearer_auth(&self.token).json(body)
    }

    pub(crate) async fn get(&self, at: &str) -> Answer {
        answer(self.client.get(self.url(at)).bearer_auth(&self.token)).await
    }

    pub(crate) async fn delete(&self, at: &str) -> Answer {
        answer(self.client.delete(self.url(at)).bearer_auth(&self.token)).await
    }

    /// Pushes lines through the ingest door.
    pub(crate) async fn ingest(&self, lines: &str) -> Answer {
        answer(self.client.post(self.url("ingest")).bearer_auth(&self.token).body(lines.to_owned())).await
    }

    /// The same to a server that may go away.
    pub(crate) async fn try_ingest(&self, lines: &str) -> Option<Answer> {
        try_answer(self.client.post(self.url("ingest")).bearer_auth(&self.token).body(lines.to_owned())).await.ok()
    }

    /// Creates a thing of the registry.
    pub(crate) async fn create(&self, at: &str, body: Value) -> Value {
        let answer = self.post(at, &body).await;
        assert!(matches!(answer.status, 200 | 201), "creating {at} {body}: {} {}", answer.status, answer.text);
        answer.json()
    }

    /// Everything that a query finds at once, oldest first.
    pub(crate) async fn search(&self, query: &str) -> Found {
        self.search_with(json!({"query": query, "from": "-30d", "to": "now", "limit": 10_000, "order": "oldest"})).await
    }

    pub(crate) async fn search_with(&self, body: Value) -> Found {
        let answer = self.post("search", &body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
        found(&answer.text)
    }

    /// Everything that a query finds, by pages.
    pub(crate) async fn search_all(&self, query: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let mut body = json!({"query": query, "from": "-30d", "to": "now", "limit": 10_000, "order": "oldest"});
            if !cursor.is_null() {
                body["cursor"] = cursor;
            }
            let mut page = self.search_with(body).await;
            rows.append(&mut page.rows);
            cursor = page.summary["cursor"].take();
            if cursor.is_null() {
                return rows;
            }
        }
    }

    /// Opens a tail; `None` cursor begins now. Returns once the server has answered.
    pub(crate) async fn tail(&self, query: &str, cursor: Option<&str>) -> Tail {
        self.try_tail(&[("query", query)], cursor).await.expect("a tail")
    }

    /// The same of a server that may go away, with any parameters.
    pub(crate) async fn try_tail(&self, parameters: &[(&str, &str)], cursor: Option<&str>) -> Option<Tail> {
        let mut request = self.client.get(self.url("tail")).bearer_auth(&self.token).query(parameters);
        if let Some(cursor) = cursor {
            request = request.header("Last-Event-ID", cursor);
        }
        let response = request.send().await.ok()?;
        assert_eq!(response.status().as_u16(), 200);
        let stream = Box::pin(response.bytes_stream());
        Some(Tail { stream, pending: Vec::new(), cursor: None, missed: Vec::new(), lag_seconds_max: 0.0, ended: None })
    }

    fn url(&self, at: &str) -> String {
        format!("{}/api/v1/{at}", self.address)
    }
}

/// Connections in clear, or with TLS as the authority in this file says.
pub(crate) fn client(ca: Option<&Path>) -> reqwest::Client {
    builder(ca).build().expect("a client")
}

/// The same, with more to say.
pub(crate) fn builder(ca: Option<&Path>) -> reqwest::ClientBuilder {
    let url = if ca.is_some() { "https:" } else { "http:" };
    let trust = Trust::of(url, &Options { ca_cert: ca.map(Path::to_owned), server_name: None }).expect("the authority");
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured((*trust.config()).clone())
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    try_answer(request).await.expect("an answer")
}

async fn try_answer(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.timeout(super::PATIENCE).send().await?;
    Ok(Answer { status: response.status().as_u16(), text: response.text().await? })
}

/// Reads the NDJSON of a search.
pub(crate) fn found(text: &str) -> Found {
    let mut rows = Vec::new();
    let mut summary = None;
    for line in text.lines() {
        let mut value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        assert!(value.get("error").is_none(), "the search failed: {value}");
        if value.get("row").is_some() {
            rows.push(value["row"].take());
        } else if value.get("summary").is_some() {
            summary = Some(value["summary"].take());
        }
    }
    Found { rows, summary: summary.expect("a summary: without it the answer is incomplete") }
}

type Bytes = std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>;

/// An open tail.
pub(crate) struct Tail {
    stream: Bytes,
    pending: Vec<u8>,
    /// The cursor behind the last row that was read.
    pub(crate) cursor: Option<String>,
    /// What it was told to have missed.
    pub(crate) missed: Vec<Value>,
    /// The most that a status said of how late lines are.
    pub(crate) lag_seconds_max: f64,
    /// Why the server ended it.
    pub(crate) ended: Option<String>,
}

impl Tail {
    /// The next row; `None` when the server ends the tail or nothing comes for this long.
    pub(crate) async fn next_row(&mut self, patience: Duration) -> Option<Value> {
        tokio::time::timeout(patience, self.read_row()).await.ok().flatten()
    }

    async fn read_row(&mut self) -> Option<Value> {
        loop {
            while let Some(end) = memchr::memmem::find(&self.pending, b"\n\n") {
                let event: Vec<u8> = self.pending.drain(..end + 2).collect();
                if let Some(row) = self.event(std::str::from_utf8(&event).expect("an event in UTF-8")) {
                    return Some(row);
                }
            }
            let chunk = self.stream.next().await?.ok()?;
            self.pending.extend_from_slice(&chunk);
        }
    }

    fn event(&mut self, event: &str) -> Option<Value> {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim_start().to_owned());
        if let Some(id) = field("id:") {
            self.cursor = Some(id);
        }
        let data = || serde_json::from_str::<Value>(&field("data:").expect("data")).expect("JSON");
        match field("event:").as_deref() {
            Some("row") => return Some(data()),
            Some("missed") => self.missed.push(data()),
            Some("status") => {
                let status = data();
                self.ended = status["end"].as_str().map(str::to_owned);
                self.lag_seconds_max = self.lag_seconds_max.max(status["lag_seconds"].as_f64().unwrap_or(0.0));
            }
            _ => {}
        }
        None
    }
}
