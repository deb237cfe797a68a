//! The collector's doors over the real append path.

use super::*;
use martlog_formats::wire::{AppendAnswer, BatchEncoder, BatchHeader, Extent, FileId, Part, PartAnswer, PartRecord, Stream, Substream};
use martlog_formats::{Profile, parse};

/// Lines of a part, as a collector would send it; `from` is where the first begins, each line is ten bytes.
pub(super) fn part(namespace: &str, pod_uid: &str, labels: &[(&str, &str)], from: u64, lines: &[&str]) -> Part {
    let stream = Stream {
        namespace: namespace.to_owned(),
        pod: "pod".to_owned(),
        pod_uid: pod_uid.to_owned(),
        container: "main".to_owned(),
        restart: 0,
    };
    let at = |line: usize| from + 10 * line as u64;
    let record = |(n, line): (usize, &&str)| PartRecord {
        offset: at(n),
        end: at(n + 1),
        record: parse(line.as_bytes(), 1_700_000_000_000_000_000, &Profile::default()),
    };
    let file = FileId(u128::from(xxhash_rust::xxh3::xxh3_64(pod_uid.as_bytes())));
    Part {
        stream,
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        substream: Substream::Stdout,
        extents: vec![Extent { file, name: "0.log".to_owned(), from, to: at(lines.len()) }],
        records: lines.iter().enumerate().map(record).collect(),
        gap: None,
    }
}

pub(super) fn batch(cluster: &str, parts: &[Part]) -> Vec<u8> {
    let mut encoder = BatchEncoder::new(&BatchHeader { cluster: cluster.to_owned(), node: "n1".to_owned() });
    for part in parts {
        encoder.push(part);
    }
    encoder.finish()
}

pub(super) async fn append(server: &Server, body: Vec<u8>) -> Answer {
    let request = Request::builder().method("POST").uri("/api/v1/append").header("authorization", format!("Bearer {}", server.collector));
    let body = zstd::encode_all(body.as_slice(), 3).unwrap();
    server.send(request.header("content-encoding", "zstd").body(Body::from(body)).unwrap()).await
}

fn parts(answer: &Answer) -> Vec<PartAnswer> {
    serde_json::from_str::<AppendAnswer>(&answer.text).unwrap().parts
}

#[tokio::test]
async fn a_batch_is_durable_once_and_a_part_elsewhere_conflicts() {
    let server = Server::new().await;
    let first = batch("eu", &[part("ns-sms", "uid", &[], 0, &["one", "two"])]);
    for _ in 0..2 {
        let answer = append(&server, first.clone()).await;
        assert_eq!((answer.status, parts(&answer)), (200, vec![PartAnswer::Durable { marks: vec![20] }]));
    }
    let ahead = append(&server, batch("eu", &[part("ns-sms", "uid", &[], 30, &["four"])])).await;
    assert_eq!((ahead.status, parts(&ahead)), (409, vec![PartAnswer::Conflict { marks: vec![20] }]));
    let file = part("ns-sms", "uid", &[], 0, &[]).extents[0].file;
    let positions = server.ask(&server.collector, "POST", "positions", json!({ "node": "n1", "files": [file, FileId(7)] })).await;
    assert_eq!(positions.json()["marks"], json!([[20, 0], [0, 0]]));
}

#[tokio::test]
async fn a_collector_writes_for_its_own_cluster_alone() {
    let server = Server::new().await;
    let answer = append(&server, batch("us", &[part("ns-sms", "uid", &[], 0, &["one"])])).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "wrong_cluster"));
}

#[tokio::test]
async fn what_is_no_batch_is_told_so() {
    let server = Server::new().await;
    for body in [b"".to_vec(), b"MLB2....".to_vec(), b"MLB1\xff\xff\xff".to_vec()] {
        assert_eq!(append(&server, body).await.code(), "bad_batch");
    }
    let answer = append(&server, vec![0; 17 << 20]).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    let half = batch("eu", &[part("ns-sms", "uid", &[], 0, &["one"])]);
    assert_eq!(append(&server, half[..half.len() - 3].to_vec()).await.code(), "bad_batch");
}

#[tokio::test]
async fn a_heartbeat_is_taken() {
    let server = Server::new().await;
    let stream = &part("ns-sms", "uid", &[], 0, &[]).stream;
    let file = json!({ "stream": stream, "file": FileId(1), "size": 10, "acknowledged": [10, 0], "oldest_unacknowledged_ns": null, "gone": false });
    let beat = json!({ "node": "n1", "time_ns": 1_700_000_000_000_000_000_i64, "files": [file] });
    let answer = server.ask(&server.collector, "POST", "heartbeat", beat).await;
    let epoch = server.indexer.store().epoch().to_string();
    assert_eq!((answer.status, answer.headers["x-martlog-epoch"].to_str().unwrap()), (204, epoch.as_str()));
    let wrong = server.ask(&server.collector, "POST", "heartbeat", json!({ "node": "n1", "time_ns": "now", "files": [] })).await;
    assert_eq!((wrong.code().as_str(), &wrong.json()["field"]), ("invalid", &json!("time_ns")));
}
