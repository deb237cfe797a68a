//! A log that begins behind the records that rows came with.

use super::*;
use crate::append::payload::{Head, PushHead, encode, encode_carry, encode_rows};
use crate::catalog::Catalog;
use crate::flush::testing::row;
use crate::live::Chunk;
use crate::row::RowRef;
use crate::wal::{Failure, Payload, Sink};
use crate::{Indexer, Options};
use std::path::Path;

const SEGMENT: u64 = 4096;

struct Ignore;

impl Sink<()> for Ignore {
    fn durable(&mut self, _: Vec<(u64, ())>) {}

    fn failed(&mut self, _: Vec<()>, failure: &Failure, _: &dyn Fn()) {
        panic!("{failure}");
    }
}

/// A line of a module, with this seq.
fn said(module: &str, seq: u64, text: &str) -> Payload {
    let mut owner = (*row(0, 0).owner).clone();
    owner.key.module = module.into();
    let head = PushHead { owner: Arc::new(owner), first_seq: seq, arrived_ns: 10 + i64::try_from(seq).unwrap() };
    encode(&Head::Push(head), encode_rows(&[martlog_formats::Record { message: text.into(), ..row(seq, 1).record }]))
}

/// A log of these records without its first segment, in a folder whose catalog knows of nothing else.
async fn written(dir: &Path, payloads: Vec<Payload>) {
    let mut recovery = Recovery::open_real(&dir.join("wal"), SEGMENT).unwrap();
    assert_eq!(recovery.next_record().unwrap(), None);
    let wal = recovery.start(Ignore).unwrap();
    for payload in payloads {
        wal.submit(Some(payload), ()).unwrap();
    }
    wal.close();
    let keep_from = wal.oldest_ends().unwrap();
    assert_eq!(wal.release(keep_from).unwrap(), 1);
    let catalog = Catalog::open(dir).await.unwrap();
    catalog.snapshot_marks(keep_from - 1, &[], &[], &[]).await.unwrap();
    catalog.close().await;
}

#[tokio::test]
async fn rows_wait_for_those_before_them_that_a_later_record_carries() {
    let filler = "x".repeat(2_500);
    let (first, second) = (row(0, 1), row(1, 1));
    let key = first.owner.key.clone();
    let carried: Vec<_> = [first, second].into_iter().flat_map(|row| Chunk::of([RowRef::from(&row)], 1)).collect();
    let payloads = vec![
        said("sms", 0, "line 0"),
        said("fill-a", 0, &filler),
        // Here the second segment begins.
        said("fill-b", 0, &filler),
        said("sms", 1, "line 1"),
        encode_carry(&key, &carried),
        said("sms", 2, "line 2"),
    ];
    // With room for all, and with none: then the second line would be published before the first is there.
    for live_bytes_max in [1 << 20, 1] {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path(), payloads.clone()).await;
        for _ in 0..2 {
            let options = Options { live_bytes_max, wal_segment_bytes: SEGMENT, ..Options::default() };
            let indexer = Indexer::open(dir.path(), options).await.unwrap();
            let sms = indexer.store().module(&key).unwrap();
            let live = sms.chunks().flat_map(|chunk| chunk.rows.to_rows());
            let mut rows: Vec<_> = sms.splits.iter().flat_map(|split| split.open().unwrap().rows().unwrap()).chain(live).collect();
            rows.sort_by_key(|row| row.seq);
            let texts: Vec<_> = rows.iter().map(|row| (row.seq, row.record.message.as_str())).collect();
            assert_eq!(texts, [(0, "line 0"), (1, "line 1"), (2, "line 2")]);
            assert_eq!(sms.splits.is_empty(), live_bytes_max > 1);
            indexer.close().await;
        }
    }
}
