//! One server, one token: requests go out with it, and every way in which no good answer comes back is a sentence.

use super::problem::Problem;
use crate::config::Connect;
use crate::connections::{Connections, root_cause};
use crate::outcome::Failure;
use futures_util::StreamExt as _;
use martlog_collector::tls;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::Value;
use std::time::Duration;

/// A server that does not even take the connection is down.
const CONNECT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer: searches tell their progress and tails their status more often.
const SILENCE: Duration = Duration::from_secs(60);
/// The largest answer that is read whole, bytes.
pub(super) const ANSWER_BYTES_MAX: usize = 16 << 20;

/// See the module.
#[derive(Debug)]
pub(crate) struct Client {
    http: Connections,
    base: Url,
    connect: Connect,
}

/// No good answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The server cannot be reached, or the connection broke.
    Lost(String),
    /// The server said no.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Why.
        problem: Box<Problem>,
        /// When it may say yes.
        retry_after: Option<Duration>,
        /// The sentence.
        sentence: String,
    },
    /// What answers is no martlog.
    Foreign(String),
}

impl Client {
    /// Checks the URL; connects to nothing yet.
    pub(crate) fn new(connect: Connect) -> Result<Self, Failure> {
        let base = base(&connect.server).map_err(Failure::Usage)?;
        let http = Connections::new(connect.trust.clone(), CONNECT, SILENCE).map_err(Failure::Server)?;
        Ok(Self { http, base, connect })
    }

    /// A request below `/api/v1`; each piece of the path is escaped.
    pub(crate) fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        self.http.get().request(method, url).bearer_auth(self.connect.token.get())
    }

    /// Sends it; an answer of 2xx comes back with its body unread.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, NoAnswer> {
        let answer = request.send().await.map_err(|error| self.lost(&error))?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refused(answer).await) }
    }

    /// Sends it and reads the whole answer as JSON; an empty one is `null`.
    pub(crate) async fn json(&self, request: RequestBuilder) -> Result<Value, NoAnswer> {
        let answer = self.send(request).await?;
        let bytes = self.read(answer).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| self.foreign("with something that is no JSON"))
    }

    /// The sentence for a connection that did not come about or broke.
    pub(crate) fn lost(&self, error: &reqwest::Error) -> NoAnswer {
        let server = &self.connect.server;
        let cause = root_cause(error);
        NoAnswer::Lost(if let Some(why) = tls::explain(error) {
            format!("cannot talk to the server at {server}: {why}")
        } else if error.is_connect() {
            format!("cannot reach the server at {server}: {cause}. Is `martlog serve` running there, and is --server right?")
        } else if error.is_timeout() {
            format!("the server at {server} was silent for {} s: try again, or narrow the query", SILENCE.as_secs())
        } else {
            format!("the connection to {server} broke: {cause}")
        })
    }

    /// The sentence for an answer that no martlog gives.
    pub(crate) fn foreign(&self, how: &str) -> NoAnswer {
        NoAnswer::Foreign(format!("{} answered {how}: is --server the address of a martlog server?", self.connect.server))
    }

    async fn read(&self, answer: Response) -> Result<Vec<u8>, NoAnswer> {
        let mut bytes = Vec::new();
        let mut body = answer.bytes_stream();
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece.map_err(|error| self.lost(&error))?);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(self.foreign("with more than 16 MiB"));
            }
        }
        Ok(bytes)
    }

    async fn refused(&self, answer: Response) -> NoAnswer {
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        let is_problem = answer.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"));
        let body = if is_problem { self.read(answer).await.unwrap_or_default() } else { Vec::new() };
        let Ok(problem) = serde_json::from_slice::<Problem>(&body) else {
            return self.foreign(&format!("with status {status} and no explanation"));
        };
        let sentence = match status {
            401 => format!(
                "the server at {} does not accept the token in {}: it is unknown, revoked or expired; ask for a new one",
                self.connect.server,
                self.connect.token_file.display()
            ),
            429 | 503 => {
                format!("the server is busy: {}; try again in {} s", problem.sentence(), retry_after.map_or(1, |wait| wait.as_secs()))
            }
            _ => problem.sentence(),
        };
        NoAnswer::Refused { status, problem: Box::new(problem), retry_after, sentence }
    }
}

impl NoAnswer {
    /// The failure of a command that asked `query`.
    pub(crate) fn about(self, query: &str) -> Failure {
        match self {
            Self::Refused { problem, .. } if problem.span.is_some() => Failure::Usage(problem.about(query)),
            other => other.into(),
        }
    }
}

impl From<NoAnswer> for Failure {
    /// What the client asked for wrongly is usage; a server that is away, busy, broken or does not let us in is the server.
    fn from(answer: NoAnswer) -> Self {
        match answer {
            NoAnswer::Refused { status: 400 | 404 | 409 | 413 | 415 | 422 | 426, sentence, .. } => Self::Usage(sentence),
            NoAnswer::Lost(sentence) | NoAnswer::Foreign(sentence) | NoAnswer::Refused { sentence, .. } => Self::Server(sentence),
        }
    }
}

fn base(server: &str) -> Result<Url, String> {
    let bad = |why: &str| {
        format!("--server \"{server}\" {why}: write it as https://HOST:PORT, or http://HOST:PORT such as http://127.0.0.1:8434")
    };
    let url: Url = server.parse().map_err(|_| bad("is no URL"))?;
    match url.scheme() {
        "http" | "https" => {}
        _ => return Err(bad("is no http address")),
    }
    match &url {
        url if url.host().is_none() => Err(bad("names no host")),
        url if !url.username().is_empty() || url.password().is_some() => Err(bad("holds a password, which belongs in the token file")),
        url if url.query().is_some() || url.fragment().is_some() => Err(bad("holds more than an address")),
        _ => Ok(url),
    }
}

/// A client of a server that speaks in clear.
#[cfg(test)]
pub(crate) fn in_clear(server: &str, token: &str) -> Client {
    let trust = martlog_collector::tls::Trust::of(server, &tls::Options::default()).unwrap();
    let token = martlog_collector::token::Token::given(token);
    Client::new(Connect { server: server.to_owned(), token, token_file: "t".into(), trust }).unwrap()
}

/// Connections in clear.
#[cfg(test)]
pub(crate) fn plain() -> reqwest::Client {
    in_clear("http://127.0.0.1", "t").http.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_url_is_one_sentence_that_shows_a_good_one() {
        for (bad, why) in [
            ("localhost", "is no URL"),
            ("localhost:8434", "is no http address"),
            ("ftp://a", "is no http address"),
            ("http://u:p@a", "holds a password"),
            ("http://a/?q=1", "more than an address"),
        ] {
            let text = base(bad).unwrap_err();
            assert!(text.contains(why) && text.contains("http://127.0.0.1:8434"), "{text}");
        }
        assert!(base("http://127.0.0.1:8434/").is_ok() && base("https://logs.example").is_ok());
    }

    #[test]
    fn a_path_is_escaped_piece_by_piece_and_keeps_the_prefix() {
        let request = in_clear("http://h/logs/", "mart_staff_x").request(Method::GET, &["partners", "a/b c"]).build().unwrap();
        assert_eq!(request.url().as_str(), "http://h/logs/api/v1/partners/a%2Fb%20c");
        assert_eq!(request.headers()["authorization"], "Bearer mart_staff_x");
    }

    #[tokio::test]
    async fn a_server_that_is_down_is_one_sentence() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let client = in_clear(&url, "mart_staff_x");
        let Failure::Server(text) = Failure::from(client.json(client.request(Method::GET, &["x"])).await.unwrap_err()) else {
            panic!("not the server's fault")
        };
        assert!(text.starts_with(&format!("cannot reach the server at {url}: ")), "{text}");
        assert!(text.contains("refused") && !text.contains("error sending request"), "{text}");
    }
}
