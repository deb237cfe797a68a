//! Bodies: bombs, cuts, encodings, and the memory for all of them.

use super::*;
use crate::doors::body::Bodies;
use axum::http::HeaderValue;
use std::io::Write as _;

const LIMIT: usize = 1 << 20;

fn encoded(encoding: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-encoding", HeaderValue::from_static(encoding));
    headers
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

async fn read(headers: &HeaderMap, body: Vec<u8>) -> Result<Vec<u8>, (u16, &'static str)> {
    // In pieces, as from a network.
    let pieces = body.chunks(777).map(|piece| Ok::<_, std::io::Error>(axum::body::Bytes::copy_from_slice(piece))).collect::<Vec<_>>();
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    Bodies::new().read(headers, body, LIMIT).await.map(|held| held.bytes).map_err(|problem| (problem.status, problem.code))
}

#[tokio::test]
async fn a_body_is_what_was_sent_however_it_was_encoded() {
    for size in [0, 1, 65_535, 65_536, 65_537, LIMIT - 1, LIMIT] {
        let bytes: Vec<u8> = (0..size).map(|at| (at * 31 % 251) as u8).collect();
        assert!(read(&HeaderMap::new(), bytes.clone()).await.unwrap() == bytes, "plain {size}");
        assert!(read(&encoded("gzip"), gzip(&bytes)).await.unwrap() == bytes, "gzip {size}");
        assert!(read(&encoded("zstd"), zstd(&bytes)).await.unwrap() == bytes, "zstd {size}");
        let (head, tail) = bytes.split_at(size / 2);
        assert!(read(&encoded("gzip"), [gzip(head), gzip(tail)].concat()).await.unwrap() == bytes, "two gzip members {size}");
        assert!(read(&encoded("zstd"), [zstd(head), zstd(tail)].concat()).await.unwrap() == bytes, "two zstd frames {size}");
    }
}

#[tokio::test]
async fn a_bomb_is_stopped_at_the_limit() {
    let zeros = vec![0; 256 << 20];
    let (gzip, zstd) = (gzip(&zeros), zstd(&zeros));
    assert!(gzip.len() < 4 << 20 && zstd.len() < LIMIT);
    assert_eq!(read(&encoded("gzip"), gzip).await, Err((413, "too_large")));
    assert_eq!(read(&encoded("zstd"), zstd).await, Err((413, "too_large")));
    assert_eq!(read(&HeaderMap::new(), vec![0; LIMIT + 1]).await, Err((413, "too_large")));
    // Frames that hold nothing do not unfold, and are too many all the same.
    let nothing = zstd::encode_all(&b""[..], 3).unwrap().repeat(200_000);
    assert!(nothing.len() > LIMIT);
    assert_eq!(read(&encoded("zstd"), nothing).await, Err((413, "too_large")));
}

#[tokio::test]
async fn a_window_that_would_take_the_memory_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(27).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(&[7; 1_000]).unwrap();
    assert_eq!(read(&encoded("zstd"), encoder.finish().unwrap()).await, Err((400, "bad_body")));
}

#[tokio::test]
async fn a_cut_or_false_body_is_refused() {
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    for (encoding, whole) in [("gzip", gzip(&bytes)), ("zstd", zstd(&bytes))] {
        for cut in [1, 10, whole.len() / 2, whole.len() - 1] {
            assert_eq!(read(&encoded(encoding), whole[..cut].to_vec()).await, Err((400, "bad_body")), "{encoding} cut at {cut}");
        }
        assert_eq!(read(&encoded(encoding), b"plain text".to_vec()).await, Err((400, "bad_body")));
    }
    assert_eq!(read(&encoded("br"), b"x".to_vec()).await, Err((415, "unsupported_media")));
}

#[tokio::test]
async fn all_bodies_together_are_bounded_and_their_memory_comes_back() {
    let (bodies, size) = (Bodies::new(), 16 << 20);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(bodies.read(&HeaderMap::new(), Body::from(vec![1; size]), size).await.unwrap());
    }
    let refused = bodies.read(&HeaderMap::new(), Body::from("x"), size).await.unwrap_err();
    assert_eq!((refused.status, refused.code, refused.retry_after_s), (503, "busy", Some(1)));
    held.pop();
    assert_eq!(bodies.read(&HeaderMap::new(), Body::from(vec![1; size]), size).await.unwrap().bytes.len(), size);
}

#[tokio::test]
async fn a_form_is_no_json() {
    let server = Server::new().await;
    let request = Request::builder().method("POST").uri("/api/v1/partners").header("authorization", format!("Bearer {}", server.staff));
    let request = request.header("content-type", "text/plain").body(Body::from(r#"{"id":"x"}"#)).unwrap();
    let answer = server.send(request).await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "unsupported_media"));
    let long = format!(r#"{{"id":"x","name":"{}"}}"#, "x".repeat(128 << 10));
    let request = Request::builder().method("POST").uri("/api/v1/partners").header("authorization", format!("Bearer {}", server.staff));
    assert_eq!(server.send(request.body(Body::from(long)).unwrap()).await.code(), "too_large");
}
