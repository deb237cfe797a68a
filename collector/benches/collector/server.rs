//! A server that acknowledges everything at once and keeps nothing but counts, and for pods whose namespace begins with `probe`, how late each of
//! their records came: from the runtime's time to here.
//!
//! It says its address, and answers `records` and `delays` (which begins them anew) on its standard input.

use crate::Outcome;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use martlog_formats::wire::{
    AppendAnswer, Extent, PartAnswer, PositionsAnswer, PositionsRequest, Stream, Substream, decode_batch, decode_part,
};
use serde::Deserialize;
use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, Default)]
struct Seen {
    records: u64,
    /// ms.
    delays: Vec<f64>,
    gaps: u64,
    /// As they came over the wire.
    bytes: u64,
}

type Shared = Arc<Mutex<Seen>>;

/// The beginning of a part: what an acknowledgement needs. The records behind it are not read.
#[derive(Deserialize)]
struct Head {
    stream: Stream,
    _labels: Vec<(String, String)>,
    _substream: Substream,
    extents: Vec<Extent>,
    records: u64,
}

/// Serves until standard input ends.
pub(crate) fn run() -> Outcome<()> {
    let seen = Shared::default();
    let app = Router::new()
        .route("/api/v1/append", post(append))
        .route("/api/v1/positions", post(positions))
        .route("/api/v1/heartbeat", post(|| async {}))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(&seen));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    println!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || answer(&seen));
    runtime.block_on(std::future::IntoFuture::into_future(axum::serve(listener, app)))?;
    Ok(())
}

fn answer(seen: &Shared) {
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let said = match line.as_str() {
            "records" => format!("{} {} {}", seen.records, seen.gaps, seen.bytes),
            "delays" => {
                let mut delays = std::mem::take(&mut seen.delays);
                delays.sort_by(f64::total_cmp);
                let at = |percent: usize| delays.get(delays.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0.0);
                format!("{} {:.1} {:.1} {:.1}", delays.len(), at(50), at(99), at(100))
            }
            _ => String::new(),
        };
        let _ = writeln!(out, "{said}");
    }
}

async fn append(State(seen): State<Shared>, body: Bytes) -> impl IntoResponse {
    let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    seen.lock().unwrap_or_else(PoisonError::into_inner).bytes += body.len() as u64;
    let raw = zstd::stream::decode_all(&body[..]).unwrap_or_default();
    let parts = decode_batch(&raw).map(|(_, parts)| parts).unwrap_or_default();
    let answers = parts.into_iter().map(|part| take(&seen, part, i64::try_from(now_ns).unwrap_or(0))).collect();
    let answer = serde_json::to_string(&AppendAnswer { epoch: 1, parts: answers }).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], answer)
}

fn take(seen: &Shared, bytes: &[u8], now_ns: i64) -> PartAnswer {
    let Ok((head, _)) = postcard::take_from_bytes::<Head>(bytes) else { return PartAnswer::Refused { reason: "it is no part".to_owned() } };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.records += head.records;
    if head.records == 0
        && let Ok(part) = decode_part(bytes)
    {
        seen.gaps += u64::from(part.gap.is_some());
    }
    if head.stream.namespace.starts_with("probe")
        && let Ok(part) = decode_part(bytes)
    {
        #[allow(clippy::cast_precision_loss, reason = "figures for a reader")]
        let late = |time_ns: i64| (now_ns - time_ns) as f64 / 1e6;
        seen.delays.extend(part.records.iter().map(|record| late(record.record.runtime_time_ns)));
    }
    PartAnswer::Durable { marks: head.extents.iter().map(|extent| extent.to).collect() }
}

async fn positions(body: Bytes) -> impl IntoResponse {
    let files = serde_json::from_slice::<PositionsRequest>(&body).map(|request| request.files.len()).unwrap_or(0);
    let answer = serde_json::to_string(&PositionsAnswer { epoch: 1, marks: vec![[0, 0]; files] }).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], answer)
}
