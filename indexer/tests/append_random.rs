//! Random collectors against the real append path: parts resent, cut anew, reordered, doubled, several in flight, crashes of the store, a disk
//! that is full now and then, flushes in between. The oracle is the files themselves: at the end each line is there once, in order, with dense seqs.

use crate::harness::*;
use martlog_formats::wire::{FileId, Part, PartAnswer, PositionsRequest};
use martlog_indexer::{Indexer, Options};
use proptest::prelude::*;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

const FILES: u128 = 3;

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// A collector sends some lines from where it believes to be, `behind` lines earlier, or leaving `ahead` out.
    Send { file: u128, behind: usize, ahead: usize, lines: usize },
    /// Several at once, in one batch, in this order of (file, first line, lines).
    Batch(Vec<(u128, usize, usize)>),
    /// Two requests at once for the same file, the later lines first.
    Race { file: u128, first: usize, second: usize },
    /// The store ends without a word and starts again.
    Kill,
    /// It is closed and starts again.
    Close,
    /// The disk is full from now on, or has room again.
    Full,
    /// Splits are published.
    Flush,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let file = 0..FILES;
    let step = prop_oneof![
        12 => (file.clone(), 0..4_usize, prop_oneof![4 => Just(0_usize), 1 => 1..3_usize], 1..6_usize)
            .prop_map(|(file, behind, ahead, lines)| Step::Send { file, behind, ahead, lines }),
        3 => prop::collection::vec((file.clone(), 0..40_usize, 1..6_usize), 1..5).prop_map(Step::Batch),
        3 => (file, 1..4_usize, 1..4_usize).prop_map(|(file, first, second)| Step::Race { file, first, second }),
        1 => Just(Step::Kill),
        1 => Just(Step::Close),
        1 => Just(Step::Full),
        1 => Just(Step::Flush),
    ];
    prop::collection::vec(step, 5..40)
}

/// Line `n` of a file: its text and its place. Lengths differ, and some bytes between lines are the other substream's.
fn place(file: u128, line: usize) -> (u64, u64) {
    let length = |line: usize| 10 + (line as u64 * 7 + u64::try_from(file).unwrap()) % 13;
    let start: u64 = (0..line).map(|line| length(line) + u64::from(line.is_multiple_of(3)) * 4).sum();
    (start, start + length(line))
}

fn text(file: u128, line: usize) -> String {
    format!("file {file} line {line}")
}

/// The lines from `first` on, as a part from the end of the line before.
fn lines(file: u128, first: usize, count: usize) -> Part {
    let from = if first == 0 { 0 } else { place(file, first - 1).1 };
    let texts: Vec<String> = (first..first + count).map(|line| text(file, line)).collect();
    let records: Vec<(u64, u64, &str)> =
        texts.iter().zip(first..).map(|(text, line)| (place(file, line).0, place(file, line).1, &**text)).collect();
    part("web", file, (from, place(file, first + count - 1).1), &records)
}

struct World {
    dir: tempfile::TempDir,
    /// Absent only while it is opened again.
    indexer: Option<Indexer>,
    disk: Arc<crate::disk_faults::Faulty>,
    /// Lines acknowledged of each file.
    acked: HashMap<u128, usize>,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(crate::disk_faults::Faulty::default());
        let indexer = open_with(dir.path(), Self::options(&disk)).await;
        register(&indexer, "web").await;
        Self { dir, indexer: Some(indexer), disk, acked: HashMap::new() }
    }

    fn options(disk: &Arc<crate::disk_faults::Faulty>) -> Options {
        Options { disk: disk.clone(), wal_segment_bytes: 4 << 10, ..options() }
    }

    fn store(&self) -> &Indexer {
        self.indexer.as_ref().unwrap()
    }

    async fn reopen(&mut self, close: bool) {
        let indexer = self.indexer.take().unwrap();
        if close {
            indexer.close().await;
        }
        drop(indexer);
        // A start needs room for a segment: the space came back with the operator.
        self.disk.set_full(false);
        self.indexer = Some(open_with(self.dir.path(), Self::options(&self.disk)).await);
    }

    fn acked(&self, file: u128) -> usize {
        self.acked.get(&file).copied().unwrap_or(0)
    }

    /// Learns from an answer what a collector may learn.
    fn learn(&mut self, file: u128, answer: &PartAnswer) {
        match answer {
            PartAnswer::Durable { marks } | PartAnswer::Conflict { marks } => {
                let acked = (0..).take_while(|line| place(file, *line).1 <= marks[0]).count();
                assert!(acked >= self.acked(file), "the mark of file {file} fell from line {} to {acked}", self.acked(file));
                self.acked.insert(file, acked);
            }
            PartAnswer::Later { code, .. } => assert_eq!(*code, 503),
            PartAnswer::Refused { reason } => panic!("{reason}"),
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Send { file, behind, ahead, lines: count } => {
                let first = self.acked(file).saturating_sub(behind) + ahead;
                let answer = send(self.store(), lines(file, first, count)).await;
                self.learn(file, &answer);
            }
            Step::Batch(parts) => {
                let answer =
                    send_all(self.store(), &parts.iter().map(|(file, first, count)| lines(*file, *first, *count)).collect::<Vec<_>>())
                        .await;
                for ((file, ..), answer) in parts.iter().zip(&answer.parts) {
                    self.learn(*file, answer);
                }
            }
            Step::Race { file, first, second } => {
                let at = self.acked(file);
                let (late, early) = (lines(file, at + first, second), lines(file, at, first));
                let (late, early) = tokio::join!(send(self.store(), late), send(self.store(), early));
                // The answers are as old as their requests: learnt in the order of what they say.
                for answer in [early, late] {
                    if !matches!(&answer, PartAnswer::Conflict { marks } if marks[0] < place(file, at + first - 1).1) {
                        self.learn(file, &answer);
                    }
                }
            }
            Step::Kill => self.reopen(false).await,
            Step::Close => self.reopen(true).await,
            Step::Full => self.disk.toggle_full(),
            Step::Flush => self.store().flush().await.unwrap(),
        }
    }

    /// Sends what is missing, and compares.
    async fn settle(mut self) {
        self.disk.set_full(false);
        for file in 0..FILES {
            let request = PositionsRequest { node: NODE.into(), files: vec![FileId(file)] };
            let mark = self.store().positions(CLUSTER, &request).await.marks[0][0];
            let have = (0..).take_while(|line| place(file, *line).1 <= mark).count();
            assert!(have >= self.acked(file), "acknowledged lines of file {file} are gone");
            let answer = send(self.store(), lines(file, have, 3)).await;
            assert!(matches!(answer, PartAnswer::Durable { .. }), "{answer:?}");
            self.learn(file, &answer);
        }
        self.check().await;
        self.reopen(false).await;
        self.check().await;
    }

    async fn check(&self) {
        let rows = rows(self.store(), &staff(self.store()).await, false);
        assert_numbered(&rows);
        for file in 0..FILES {
            let got: Vec<&str> = rows.iter().filter(|row| row.origin.file == FileId(file)).map(|row| &*row.record.message).collect();
            let want: Vec<String> = (0..self.acked(file)).map(|line| text(file, line)).collect();
            assert_eq!(got, want, "file {file}");
            for (line, row) in rows.iter().filter(|row| row.origin.file == FileId(file)).enumerate() {
                assert_eq!(row.offset, place(file, line).0);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_there_once_whatever_happens(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world.step(step).await;
            }
            world.settle().await;
        });
    }
}

#[tokio::test]
async fn a_dropped_store_is_found_by_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    reopened_after_drop(dir.path()).await;
}

async fn reopened_after_drop(dir: &Path) {
    let indexer = open(dir).await;
    register(&indexer, "web").await;
    assert_eq!(send(&indexer, lines(1, 0, 5)).await, durable(&[place(1, 4).1]));
    drop(indexer);
    let indexer = open(dir).await;
    assert_eq!(rows(&indexer, &staff(&indexer).await, false).len(), 5);
    assert_eq!(send(&indexer, lines(1, 0, 5)).await, durable(&[place(1, 4).1]));
    assert_eq!(indexer.stats().duplicates, 1);
}
