//! Bodies: read, decompressed and parsed within bounds of size, memory and time.
//!
//! A body is bounded by itself (its door's limit, compressed and decompressed, so no bomb unfolds) and all bodies together are bounded by one budget
//! of memory; where that is spent the answer is 503, not a queue. A window of zstd is bounded too, for the decoder allocates it at the sender's word.

use super::Doors;
use super::problem::Problem;
use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use futures_util::StreamExt as _;
use martlog_formats::push::{DecodeError, loki};
use serde::de::DeserializeOwned;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::io::StreamReader;

/// All bodies that are being read or worked on, bytes of memory.
const BODIES_BYTES_MAX: usize = 64 << 20;
/// The unit in which that is accounted, bytes.
const UNIT_BYTES: usize = 64 << 10;
/// A body of the registry, bytes: a token with 1,000 instances.
const JSON_BYTES_MAX: usize = 128 << 10;
/// What is passed over of a body that is refused, so that its sender comes to read the answer, bytes.
const PASSED_OVER_BYTES_MAX: usize = 64 << 20;
/// For how long.
const PASSED_OVER_MAX: Duration = Duration::from_secs(5);
/// How long a client may take for its body.
const READ_MAX: Duration = Duration::from_secs(30);
/// The largest zstd window, as a power of two: 16 MiB, the largest body.
const ZSTD_WINDOW_LOG_MAX: u32 = 24;

/// The memory for bodies.
#[derive(Debug, Clone)]
pub(super) struct Bodies {
    units: Arc<Semaphore>,
}

/// A body that was read, with its share of the memory.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    units: Option<OwnedSemaphorePermit>,
}

/// A JSON body of at most 128 KiB; what does not fit its type is a 400 that names the member.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

/// The id in a path.
#[derive(Debug)]
pub(super) struct Id(pub(super) String);

impl Bodies {
    pub(super) fn new() -> Self {
        Self { units: Arc::new(Semaphore::new(BODIES_BYTES_MAX / UNIT_BYTES)) }
    }

    /// Reads a body, decompressed by its `Content-Encoding`.
    ///
    /// # Errors
    /// 413 over the limit, 415 for an unknown encoding, 400 where it is damaged, 408 where it takes too long, 503 where the memory is spent.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body, limit: usize) -> Result<Held, Problem> {
        let mut stream = body.into_data_stream();
        let read = self.read_all(headers, &mut stream, limit).await;
        // Whoever took too long has had its time.
        if matches!(&read, Err(problem) if problem.status != 408) {
            pass_over(&mut stream).await;
        }
        read
    }

    async fn read_all(&self, headers: &HeaderMap, stream: &mut BodyDataStream, limit: usize) -> Result<Held, Problem> {
        let mut encoded = 0_usize;
        let chunks = stream.map(move |chunk| {
            let chunk: Bytes = chunk.map_err(io::Error::other)?;
            encoded = encoded.saturating_add(chunk.len());
            if encoded > limit { Err(io::Error::from(io::ErrorKind::FileTooLarge)) } else { Ok(chunk) }
        });
        let mut reader = decoder(headers, StreamReader::new(chunks))?;
        let mut held = Held { bytes: Vec::new(), units: None };
        let deadline = Instant::now() + READ_MAX;
        loop {
            let read = timeout_at(deadline, self.read_more(&mut reader, &mut held, limit)).await;
            match read.map_err(|_| too_slow())?? {
                0 => return Ok(held),
                _ => continue,
            }
        }
    }

    /// Decompresses a body of snappy's block form, whose length stands at its beginning.
    ///
    /// # Errors
    /// 413 over the limit, 400 where it is damaged, 503 where the memory is spent.
    pub(super) fn unfold_snappy(&self, body: &Held, limit: usize) -> Result<Held, Problem> {
        let refused = |error: DecodeError| match error {
            DecodeError::TooLarge(_) => too_large(limit),
            error => Problem::new(400, "bad_body", "The body cannot be read", error.to_string()),
        };
        let length = loki::unfolded_len(&body.bytes, limit).map_err(refused)?;
        let units = u32::try_from(length.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let units = Arc::clone(&self.units).try_acquire_many_owned(units).map_err(|_| no_memory())?;
        let bytes = loki::unfold(&body.bytes, limit).map_err(refused)?;
        Ok(Held { bytes, units: Some(units) })
    }

    /// Reads a JSON body.
    ///
    /// # Errors
    /// As [`Self::read`]; 415 where it says that it is something else than JSON, 400 where it is not what the door expects.
    pub(super) async fn json<T: DeserializeOwned>(&self, headers: &HeaderMap, body: Body, limit: usize) -> Result<T, Problem> {
        if let Some(kind) = headers.get(CONTENT_TYPE) {
            let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
            if !essence.eq_ignore_ascii_case("application/json") {
                return Err(unsupported(format!("the body is announced as `{essence}`: send JSON with `Content-Type: application/json`")));
            }
        }
        let held = self.read(headers, body, limit).await?;
        parse_json(&held.bytes)
    }

    /// Reads once; 0 at the end.
    async fn read_more(&self, reader: &mut (dyn AsyncRead + Send + Unpin), held: &mut Held, limit: usize) -> Result<usize, Problem> {
        if held.bytes.len() == limit {
            let more = reader.read(&mut [0]).await.map_err(|error| damaged(&error, limit))?;
            return if more == 0 { Ok(0) } else { Err(too_large(limit)) };
        }
        if held.bytes.len() == held.bytes.capacity() {
            self.grow(held, limit)?;
        }
        let room = limit - held.bytes.len();
        reader.take(room as u64).read_buf(&mut held.bytes).await.map_err(|error| damaged(&error, limit))
    }

    /// Doubles the buffer, up to the limit, if the memory is there.
    fn grow(&self, held: &mut Held, limit: usize) -> Result<(), Problem> {
        let capacity = (held.bytes.capacity() * 2).max(UNIT_BYTES).min(limit);
        let owned = held.units.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(capacity.div_ceil(UNIT_BYTES) - owned).unwrap_or(u32::MAX);
        let units = Arc::clone(&self.units).try_acquire_many_owned(missing).map_err(|_| no_memory())?;
        match &mut held.units {
            Some(owned) => owned.merge(units),
            None => held.units = Some(units),
        }
        held.bytes.reserve_exact(capacity - held.bytes.len());
        Ok(())
    }
}

/// Reads on for a while without keeping anything: whoever is still sending when the connection closes sees a broken connection, not why, and tries again for ever.
pub(super) async fn pass_over(stream: &mut BodyDataStream) {
    let mut passed = 0;
    let reading = async {
        while let Some(Ok(chunk)) = stream.next().await {
            passed += chunk.len();
            if passed > PASSED_OVER_BYTES_MAX {
                break;
            }
        }
    };
    // Whatever comes of it, the answer is the same.
    let _ = tokio::time::timeout(PASSED_OVER_MAX, reading).await;
}

/// Decompresses what was compressed; several members or frames are one body.
fn decoder<'a>(headers: &HeaderMap, raw: impl AsyncBufRead + Send + 'a) -> Result<Pin<Box<dyn AsyncRead + Send + 'a>>, Problem> {
    let encoding = headers.get(CONTENT_ENCODING).map_or(Ok("identity"), |value| value.to_str()).unwrap_or_default().trim();
    match encoding.to_ascii_lowercase().as_str() {
        "identity" | "" => Ok(Box::pin(raw)),
        "zstd" => {
            let mut decoder = ZstdDecoder::with_params(raw, &[DParameter::window_log_max(ZSTD_WINDOW_LOG_MAX)]);
            decoder.multiple_members(true);
            Ok(Box::pin(decoder))
        }
        "gzip" | "x-gzip" => {
            let mut decoder = GzipDecoder::new(raw);
            decoder.multiple_members(true);
            Ok(Box::pin(decoder))
        }
        _ => Err(unsupported("the body's `Content-Encoding` is not known: send it plain, or with gzip or zstd".to_owned())),
    }
}

/// Parses JSON and says which member is wrong.
pub(super) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (field, inner) = (error.path().to_string(), error.inner());
        if inner.is_data() && field != "." {
            return Problem::invalid(&field, format!("`{field}`: {inner}"));
        }
        Problem::new(400, "bad_json", "The body is not the JSON that is expected", format!("the body: {inner}"))
    })?;
    let end = reader.end();
    end.map_err(|error| Problem::new(400, "bad_json", "The body is not the JSON that is expected", format!("the body: {error}")))?;
    Ok(value)
}

fn damaged(error: &io::Error, limit: usize) -> Problem {
    match error.kind() {
        io::ErrorKind::FileTooLarge => too_large(limit),
        _ => Problem::new(
            400,
            "bad_body",
            "The body cannot be read",
            format!("the body ends early or is not compressed as announced: {error}"),
        ),
    }
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("the body is over {} KiB, compressed or decompressed: send it in smaller pieces", limit >> 10);
    Problem::new(413, "too_large", "The body is too large", detail).with("limit_bytes", limit)
}

fn too_slow() -> Problem {
    Problem::new(
        408,
        "too_slow",
        "The body did not come in time",
        format!("the body took over {} s: send it again, or in smaller pieces", READ_MAX.as_secs()),
    )
}

fn no_memory() -> Problem {
    let detail = "many large requests are being read: send this one again";
    Problem::new(503, "busy", "The server is busy", detail).retry_after(Duration::from_secs(1))
}

fn unsupported(detail: String) -> Problem {
    Problem::new(415, "unsupported_media", "The body has a form that is not taken", detail)
}

impl<T: DeserializeOwned> FromRequest<Doors> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, doors: &Doors) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        doors.bodies.json(&parts.headers, body, JSON_BYTES_MAX).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(id)).map_err(|_| Problem::not_found("the path holds no readable id"))
    }
}
