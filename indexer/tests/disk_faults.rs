//! A disk that is full or broken under the log: clear answers, nothing lost, and on it goes when there is space.

use crate::harness::*;
use martlog_formats::wire::PartAnswer;
use martlog_indexer::Options;
use martlog_indexer::wal::{Disk, RealDisk};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// A disk that fails when it is told to.
#[derive(Debug, Default)]
pub(crate) struct Faulty {
    full: AtomicBool,
    broken: AtomicBool,
}

impl Faulty {
    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, SeqCst);
    }

    pub(crate) fn toggle_full(&self) {
        self.full.fetch_xor(true, SeqCst);
    }
}

impl Disk for Faulty {
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<File> {
        if self.full.load(SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { RealDisk.allocate(path, bytes) }
    }

    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        RealDisk.write(file, bytes, at)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.broken.load(SeqCst) { Err(io::Error::from_raw_os_error(5)) } else { RealDisk.sync(file) }
    }
}

async fn open_on(dir: &Path, disk: &Arc<Faulty>) -> martlog_indexer::Indexer {
    let indexer = open_with(dir, Options { disk: disk.clone(), wal_segment_bytes: 2 << 10, ..options() }).await;
    register(&indexer, "web").await;
    indexer
}

#[tokio::test]
async fn a_full_disk_is_a_503_that_says_so_and_heals() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let indexer = open_on(dir.path(), &disk).await;
    disk.set_full(true);
    let mut at = 0;
    let refused = loop {
        let text = format!("line {at}");
        match send(&indexer, part("web", 1, (at, at + 10), &[(at, at + 10, &text)])).await {
            PartAnswer::Durable { marks } => at = marks[0],
            refused => break refused,
        }
    };
    assert!(matches!(&refused, PartAnswer::Later { code: 503, reason, .. } if reason.contains("free some")), "{refused:?}");
    assert!(at > 0);
    let retried = send(&indexer, part("web", 1, (at, at + 10), &[(at, at + 10, "again")])).await;
    assert!(matches!(retried, PartAnswer::Later { .. }));
    assert_eq!(
        send(&indexer, part("web", 1, (at + 10, at + 20), &[(at + 10, at + 20, "ahead")])).await,
        conflict(&[at]),
        "the mark went back"
    );
    assert_eq!(send(&indexer, part("web", 1, (0, 10), &[(0, 10, "line 0")])).await, durable(&[at]), "what is durable is still told");
    disk.set_full(false);
    assert_eq!(send(&indexer, part("web", 1, (at, at + 10), &[(at, at + 10, "again")])).await, durable(&[at + 10]));
    let rows = rows(&indexer, &staff(&indexer).await, false);
    assert_eq!(rows.len() as u64, at / 10 + 1);
    assert_numbered(&rows);
    assert!(!indexer.failed().is_cancelled());
}

#[tokio::test]
async fn a_failed_sync_ends_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let indexer = open_on(dir.path(), &disk).await;
    assert_eq!(send(&indexer, part("web", 1, (0, 10), &[(0, 10, "kept")])).await, durable(&[10]));
    disk.broken.store(true, SeqCst);
    let answer = send(&indexer, part("web", 1, (10, 20), &[(10, 20, "in doubt")])).await;
    assert!(matches!(answer, PartAnswer::Later { code: 503, .. }), "{answer:?}");
    tokio::time::timeout(std::time::Duration::from_secs(5), indexer.failed().cancelled()).await.unwrap();
    assert!(indexer.stats().failure.unwrap().contains("disk failed"));
    disk.broken.store(false, SeqCst);
    let answer = send(&indexer, part("web", 1, (10, 20), &[(10, 20, "in doubt")])).await;
    assert!(matches!(answer, PartAnswer::Later { code: 503, .. }), "never again: {answer:?}");
    let scope = staff(&indexer).await;
    assert_eq!(texts(&rows(&indexer, &scope, false)), ["kept"]);
    drop(indexer);
    // After the restart the line is there or not; sent again, it is there once.
    let indexer = open(dir.path()).await;
    assert_eq!(send(&indexer, part("web", 1, (10, 20), &[(10, 20, "in doubt")])).await, durable(&[20]));
    assert_eq!(texts(&rows(&indexer, &scope, false)), ["kept", "in doubt"]);
}
