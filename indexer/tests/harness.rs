//! What the tests share: a store on a temporary folder, a collector's parts, and what a reader sees.

use martlog_formats::wire::{
    AppendAnswer, BatchEncoder, BatchHeader, Extent, FileId, Gap, Part, PartAnswer, PartRecord, Stream, Substream,
};
use martlog_formats::{Problems, Record, Severity, Verdict};
use martlog_indexer::registry::{Kind, NewInstance, NewModule, NewPartner, NewToken, Principal, Scope, Selector};
use martlog_indexer::row::Row;
use martlog_indexer::{Indexer, OpenError, Options};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub(crate) const CLUSTER: &str = "north";
pub(crate) const NODE: &str = "node-1";

/// Small segments, so that a few lines cross them.
pub(crate) fn options() -> Options {
    Options { wal_segment_bytes: 16 << 10, live_bytes_max: 8 << 20, ..Options::default() }
}

/// Opens a folder; one that was just dropped may be locked for a moment longer.
pub(crate) async fn open_with(dir: &Path, options: Options) -> Indexer {
    for _ in 0..500 {
        match Indexer::open(dir, options.clone()).await {
            Err(OpenError::Folder(martlog_indexer::FolderError::Locked { .. })) => tokio::time::sleep(Duration::from_millis(10)).await,
            opened => return opened.unwrap(),
        }
    }
    panic!("the folder stays locked");
}

pub(crate) async fn open(dir: &Path) -> Indexer {
    open_with(dir, options()).await
}

/// The folder as a power cut would find it, were everything written also on disk.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap_or_else(|error| panic!("{}: {error}", entry.path().display()));
        }
    }
}

pub(crate) fn record(text: &str) -> Record {
    Record {
        time_ns: 1_700_000_000_000_000_000,
        runtime_time_ns: 1_700_000_000_000_000_000,
        severity: Some(Severity::INFO),
        verdict: Verdict::Ok,
        problems: Problems::default(),
        redactions: Vec::new(),
        message: text.into(),
        attributes: r#"{"n":1}"#.into(),
    }
}

/// A container's file as a collector reads it: the pod is the name.
pub(crate) fn stream(pod: &str) -> Stream {
    Stream { namespace: "shop".into(), pod: pod.into(), pod_uid: format!("uid-{pod}"), container: "main".into(), restart: 0 }
}

/// A part of whole lines: each record is (first byte, one past its last, text).
pub(crate) fn part(pod: &str, file: u128, range: (u64, u64), records: &[(u64, u64, &str)]) -> Part {
    let records = records.iter().map(|(offset, end, text)| PartRecord { offset: *offset, end: *end, record: record(text) });
    Part {
        stream: stream(pod),
        labels: vec![("app".into(), pod.into())],
        substream: Substream::Stdout,
        extents: vec![Extent { file: FileId(file), name: "0.log".into(), from: range.0, to: range.1 }],
        records: records.collect(),
        gap: None,
    }
}

pub(crate) fn gap_part(pod: &str, file: u128, range: (u64, u64), gap: Gap) -> Part {
    Part { gap: Some(gap), ..part(pod, file, range, &[]) }
}

pub(crate) fn batch(parts: &[Part]) -> Vec<u8> {
    let mut encoder = BatchEncoder::new(&BatchHeader { cluster: CLUSTER.into(), node: NODE.into() });
    for part in parts {
        encoder.push(part);
    }
    encoder.finish()
}

pub(crate) async fn send_all(indexer: &Indexer, parts: &[Part]) -> AppendAnswer {
    indexer.append(CLUSTER, &batch(parts)).await.unwrap()
}

pub(crate) async fn send(indexer: &Indexer, part: Part) -> PartAnswer {
    send_all(indexer, &[part]).await.parts.remove(0)
}

pub(crate) fn durable(marks: &[u64]) -> PartAnswer {
    PartAnswer::Durable { marks: marks.to_vec() }
}

pub(crate) fn conflict(marks: &[u64]) -> PartAnswer {
    PartAnswer::Conflict { marks: marks.to_vec() }
}

/// Registers partner `acme` with module `sms`, whose instance takes the pods that are labelled `app=<app>`.
pub(crate) async fn register(indexer: &Indexer, app: &str) {
    let registry = indexer.registry();
    registry.create_partner(NewPartner { id: "acme".into(), name: None }).await.unwrap();
    registry
        .create_module(NewModule { id: "sms".into(), partner: "acme".into(), name: None, retention: None, policy: None })
        .await
        .unwrap();
    let labels = BTreeMap::from([("app".to_string(), app.to_string())]);
    let instance = NewInstance {
        id: format!("sms-{app}"),
        module: "sms".into(),
        csp: "434".into(),
        environment: None,
        selector: Selector { namespace: "shop".into(), labels },
        retention: None,
        policy: None,
    };
    registry.create_instance(instance).await.unwrap();
}

/// A staff token's scope.
pub(crate) async fn staff(indexer: &Indexer) -> Scope {
    scope(indexer, Kind::Staff, None).await
}

/// A token of `acme`.
pub(crate) async fn acme(indexer: &Indexer) -> Scope {
    scope(indexer, Kind::Partner, Some("acme")).await
}

async fn scope(indexer: &Indexer, kind: Kind, partner: Option<&str>) -> Scope {
    let new = NewToken { kind, partner: partner.map(Into::into), instances: None, cluster: None, expires_at: None, note: None };
    let minted = indexer.registry().mint_token(new).await.unwrap();
    match indexer.registry().authenticate(&minted.text) {
        Some(Principal::Reader(scope)) => scope,
        other => panic!("{other:?}"),
    }
}

/// Every row that a scope sees, by module and seq.
pub(crate) fn rows(indexer: &Indexer, scope: &Scope, quarantine: bool) -> Vec<Row> {
    let view = indexer.store().view(scope, quarantine);
    let mut rows = Vec::new();
    for module in &view.modules {
        let mut own: Vec<Row> = module.splits.iter().flat_map(|split| split.open().unwrap().rows().unwrap()).collect();
        own.extend(module.chunks().flat_map(|chunk| chunk.rows.to_rows()));
        own.retain(|row| row.seq >= module.visible_from_seq);
        // Splits may overlap in seq.
        own.sort_by_key(|row| row.seq);
        assert!(own.iter().all(|row| row.owner.key == module.key && row.arrived_ns <= view.as_of_ns));
        rows.extend(own);
    }
    rows
}

pub(crate) fn texts(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.record.message.as_str()).collect()
}

/// Dense seqs, arrivals that never fall, and equal only within a part.
pub(crate) fn assert_numbered(rows: &[Row]) {
    for pair in rows.windows(2).filter(|pair| pair[0].owner.key == pair[1].owner.key) {
        assert_eq!(pair[0].seq + 1, pair[1].seq);
        assert!(pair[0].arrived_ns <= pair[1].arrived_ns);
    }
}
