//! How the sign-in provider is asked: over the program's own HTTP client, with bounds.
//!
//! Bounds: [`ASK_MAX`] for a question and its answer, [`ANSWER_BYTES_MAX`] for the answer; a redirect is an answer like another, and none that is followed.

use crate::connections::{Connections, root_cause};
use axum::http;
use martlog_collector::tls::{self, Trust};
use martlog_query::openid::{Fetch, NoFetch, Request, Response};
use std::sync::Arc;
use std::time::Duration;

/// A provider that does not even take the connection is down.
const CONNECT: Duration = Duration::from_secs(4);
/// For a question and its whole answer: somebody looks at an empty window meanwhile.
const ASK_MAX: Duration = Duration::from_secs(8);
/// Descriptions, keys and tokens take some kilobytes, bytes.
const ANSWER_BYTES_MAX: usize = 512 << 10;

/// Asks servers that are trusted so.
pub(crate) fn fetch(trust: Trust) -> Result<Fetch, String> {
    let connections = Arc::new(Connections::new(trust, CONNECT, ASK_MAX)?);
    Ok(Arc::new(move |request| {
        let http = connections.get();
        Box::pin(async move {
            let host = request.uri().host().unwrap_or_default().to_owned();
            let late = || NoFetch::Lost(format!("{host} did not answer within {} s", ASK_MAX.as_secs()));
            tokio::time::timeout(ASK_MAX, ask(&http, request, &host)).await.unwrap_or_else(|_| Err(late()))
        })
    }))
}

async fn ask(http: &reqwest::Client, request: Request, host: &str) -> Result<Response, NoFetch> {
    let lost = |error: &reqwest::Error| {
        let why = tls::explain(error).unwrap_or_else(|| root_cause(error));
        NoFetch::Lost(format!("cannot talk to {host}: {why}"))
    };
    let request = reqwest::Request::try_from(request).map_err(|error| lost(&error))?;
    let mut answer = http.execute(request).await.map_err(|error| lost(&error))?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| lost(&error))? {
        if body.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(NoFetch::Unfit(format!("{host} answered with more than {} KiB", ANSWER_BYTES_MAX >> 10)));
        }
        body.extend_from_slice(&piece);
    }
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
