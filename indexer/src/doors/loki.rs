//! `POST /loki/api/v1/push` (ingest token): Loki's push, JSON (plain, gzip or zstd) or protobuf in snappy. <https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>
//!
//! What an entry comes to says [`martlog_formats::push::loki`]. Durable is 204, and a bad line is none of the protocol's business. An error is a text. Clients drop what is answered with 4xx other
//! than 429, and try again on the rest. `X-Scope-OrgID` means nothing: the token says whose the lines are.

use super::Doors;
use super::problem::Problem;
use super::push;
use crate::stats::Door;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use martlog_formats::push::loki::{decode_json, decode_protobuf};
use martlog_formats::push::{Batch, DecodeError};

pub(super) async fn push(State(doors): State<Doors>, request: Request) -> Response {
    let response = match take(&doors, request).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(problem) => error(&problem),
    };
    doors.indexer.count_door(Door::Loki, |counters| counters.answered(response.status().as_u16()));
    response
}

async fn take(doors: &Doors, request: Request) -> Result<(), Problem> {
    let (mut parts, body) = request.into_parts();
    // Without a type it is protobuf, as Loki has it.
    let json = is(&parts, CONTENT_TYPE, "application/json");
    if !json && is(&parts, CONTENT_ENCODING, "snappy") {
        // Its block form is not decompressed piece by piece.
        parts.headers.remove(CONTENT_ENCODING);
    }
    let mut received = push::receive(doors, Door::Loki, &parts, body, false).await?;
    if !json {
        let limit = doors.settings.of(Door::Loki).body_bytes_max;
        let unfolded = doors.bodies.unfold_snappy(&received.body, limit)?;
        push::unfolded(doors, &mut received, unfolded);
    }
    let decode: fn(&[u8], &mut Batch<'_>) -> Result<(), DecodeError> = match json {
        true => |body, batch| walk(batch, |take| decode_json(body, take)),
        false => |body, batch| walk(batch, |take| decode_protobuf(body, take)),
    };
    push::store(doors, received, decode).await.map(drop)
}

fn walk(batch: &mut Batch<'_>, decode: impl FnOnce(martlog_formats::push::Take<'_>) -> Result<(), DecodeError>) -> Result<(), DecodeError> {
    let mut at = 0;
    decode(&mut |item| {
        at += 1;
        batch.item(at, &item)
    })
}

fn is(parts: &Parts, header: axum::http::HeaderName, wanted: &str) -> bool {
    let value = parts.headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

fn error(problem: &Problem) -> Response {
    problem.as_text(format!("{}: {}\n", problem.code, problem.detail))
}
