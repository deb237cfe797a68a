//! `POST /v1/logs` (ingest token): OTLP over HTTP, protobuf and JSON, plain, gzip or zstd. <https://opentelemetry.io/docs/specs/otlp/#otlphttp>
//!
//! What a record comes to says [`martlog_formats::push::otlp`]. Answered means durable. Bad lines are no errors: they are told in `partial_success`, with 0 rejected records and a
//! sentence, which the specification calls a warning. An error is a `google.rpc.Status`, in the encoding of the request.
//!
//! Clients try again on 429, 502, 503 and 504 alone, so what has to be sent once more later is answered so, also where another door would say 408 or 409.

use super::Doors;
use super::problem::{Problem, headers_of};
use super::push;
use crate::stats::Door;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use martlog_formats::push::otlp::{decode_json, decode_protobuf};
use martlog_formats::push::{Batch, DecodeError, Item, Told, Writer};
use serde_json::json;

/// How a request is written, and so its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    const fn media_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        })
    }

    /// `None` for another one.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/x-protobuf" | "application/protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }
}

pub(super) async fn logs(State(doors): State<Doors>, request: Request) -> Response {
    let encoding = Encoding::of(request.headers());
    let answered = take(&doors, request, encoding).await;
    let encoding = encoding.unwrap_or(Encoding::Json);
    let response = match answered {
        Ok(told) => (StatusCode::OK, [(CONTENT_TYPE, encoding.media_type())], success(&told, encoding)).into_response(),
        Err(problem) => error(problem, encoding),
    };
    doors.indexer.count_door(Door::Otlp, |counters| counters.answered(response.status().as_u16()));
    response
}

async fn take(doors: &Doors, request: Request, encoding: Option<Encoding>) -> Result<Told, Problem> {
    let (parts, body) = request.into_parts();
    let decode: fn(&[u8], &mut Batch<'_>) -> Result<(), DecodeError> = match encoding {
        Some(Encoding::Protobuf) => |body, batch| decode_protobuf(body, &mut numbered(batch)),
        Some(Encoding::Json) => |body, batch| decode_json(body, &mut numbered(batch)),
        None => {
            let detail = "send `Content-Type: application/x-protobuf` or `application/json`";
            return Err(Problem::new(415, "unsupported_media", "The body has a form that is not taken", detail));
        }
    };
    let received = push::receive(doors, Door::Otlp, &parts, body, false).await?;
    push::store(doors, received, decode).await.map(|(told, ())| told)
}

/// Takes items one after the other.
fn numbered<'b>(batch: &'b mut Batch<'_>) -> impl FnMut(Item<'_>) -> Result<(), DecodeError> + 'b {
    let mut at = 0;
    move |item| {
        at += 1;
        batch.item(at, &item)
    }
}

/// An `ExportLogsServiceResponse`.
fn success(told: &Told, encoding: Encoding) -> Vec<u8> {
    match (told.sentence(), encoding) {
        (None, Encoding::Protobuf) => Vec::new(),
        (None, Encoding::Json) => b"{}".to_vec(),
        // Rejected is 0, which protobuf does not write.
        (Some(sentence), Encoding::Protobuf) => Writer::default().bytes(1, Writer::default().bytes(2, sentence)).finish(),
        (Some(sentence), Encoding::Json) => {
            json!({"partialSuccess": {"rejectedLogRecords": "0", "errorMessage": sentence}}).to_string().into_bytes()
        }
    }
}

/// A `google.rpc.Status`.
fn error(mut problem: Problem, encoding: Encoding) -> Response {
    if matches!(problem.status, 408 | 409) {
        problem = Problem { status: 503, retry_after_s: problem.retry_after_s.or(Some(1)), ..problem };
    }
    let (status, headers, _) = headers_of(&problem);
    let (code, message) = (rpc_code(problem.status), format!("{}: {}", problem.code, problem.detail));
    let body = match encoding {
        Encoding::Protobuf => Writer::default().varint(1, code).bytes(2, message).finish(),
        Encoding::Json => json!({"code": code, "message": message, "details": []}).to_string().into_bytes(),
    };
    (status, headers, [(CONTENT_TYPE, encoding.media_type())], body).into_response()
}

/// The number of `google.rpc.Code`.
const fn rpc_code(status: u16) -> u64 {
    match status {
        401 => 16,
        403 => 7,
        404 => 5,
        422 => 9,
        429 => 8,
        500 => 13,
        501.. => 14,
        _ => 3,
    }
}
