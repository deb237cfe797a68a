//! What the parent knows of a store: which steps were begun and which acknowledged, in a file outside it, and what follows for its rows.

use crate::harness::{self, NODE, assert_numbered};
use crate::script::{self, HOLE, HOLE_BYTES, LOST, SOURCES, Source, Step};
use martlog_formats::Record;
use martlog_formats::wire::{FileId, PositionsRequest, Substream};
use martlog_indexer::Indexer;
use martlog_indexer::row::{QUARANTINE, Row};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// See the module.
pub(crate) struct Ledger {
    file: File,
    steps: Vec<Step>,
    /// Steps below have been acknowledged.
    done: usize,
    /// The step at `done` was begun.
    doubt: bool,
}

/// How much of some rows has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    All,
    /// All of them or none.
    AllOrNone,
    /// Any of them: they are expiring, or on their way to another module.
    Any,
    None,
}

/// A row as the script has it.
#[derive(Debug, PartialEq)]
struct Expected {
    pod: &'static str,
    substream: Substream,
    file: FileId,
    offset: u64,
    record: Record,
}

/// Rows that came together, and the step by which they did.
struct Unit {
    step: usize,
    rows: Vec<Expected>,
}

impl Ledger {
    pub(crate) fn create(path: &Path) -> Self {
        Self { file: File::create(path).unwrap(), steps: script::steps(), done: 0, doubt: false }
    }

    /// Notes what a child said.
    pub(crate) fn note(&mut self, line: &str) {
        writeln!(self.file, "{line}").and_then(|()| self.file.sync_data()).unwrap();
        let number = |rest: &str| rest.parse::<usize>().unwrap();
        if let Some(step) = line.strip_prefix("begun ") {
            assert_eq!(number(step), self.done);
            self.doubt = true;
        } else if let Some(step) = line.strip_prefix("done ") {
            assert_eq!(number(step), self.done);
            (self.done, self.doubt) = (self.done + 1, false);
        }
    }

    /// The step with which the next life begins.
    pub(crate) fn resume(&self) -> usize {
        self.done
    }

    /// Whether every step is acknowledged.
    pub(crate) fn complete(&self) -> bool {
        self.done == self.steps.len()
    }

    /// Everything that is acknowledged is there, once, in order and byte for byte; of the rest, only what may be. Returns the rows.
    pub(crate) async fn check(&self, indexer: &Indexer) -> Vec<Row> {
        let staff = harness::staff(indexer).await;
        let rows = harness::rows(indexer, &staff, false);
        let quarantined = harness::rows(indexer, &staff, true);
        let of = |module: &str| rows.iter().filter(|row| &*row.owner.key.module == module).collect::<Vec<_>>();
        self.check_module("billing", &of("billing"), &self.billing());
        let released = self.check_module("sms", &of("sms"), &self.sms());
        self.check_quarantine(&quarantined, &released);
        assert_eq!(rows.len(), of("billing").len() + of("sms").len(), "rows of unknown modules");
        assert!(rows.iter().all(|row| &*row.owner.key.partner == "acme"));
        if self.need(self.retention()) == Need::AllOrNone {
            assert!(rows.windows(2).all(|pair| pair[0].owner.key != pair[1].owner.key || pair[0].seq < pair[1].seq));
        } else {
            assert_numbered(&rows);
        }
        assert_numbered(&quarantined);
        self.check_positions(indexer).await;
        let holes = indexer.completeness(&staff).await.gaps;
        let need = self.need(self.steps.iter().position(|step| *step == Step::Gap).unwrap());
        // A gap goes with the lines of its time.
        let may_expire = self.need(self.retention()) != Need::None;
        let is_there = need != Need::All || may_expire || holes.len() == 1;
        assert!(holes.len() <= 1 && is_there && (need != Need::None || holes.is_empty()), "{holes:?}");
        assert!(holes.iter().all(|hole| (hole.from, hole.to) == (0, HOLE_BYTES)), "{holes:?}");
        rows
    }

    /// What an earlier check saw is there now, under the same number, or has expired.
    pub(crate) fn check_kept(&self, before: &[Row], now: &[Row]) {
        let expired = |row: &Row| {
            let kept_from = self.steps[..self.retained_below()].iter().filter(|step| step.append().is_some()).count() as u64;
            let source = SOURCES.iter().find(|source| source.pod == &*row.origin.pod && source.substream == row.origin.substream);
            source.is_none_or(|source| row.offset < source.end(kept_from))
        };
        for row in before {
            let found = now.iter().find(|now| now.owner.key == row.owner.key && now.seq == row.seq);
            assert!(found == Some(row) || (found.is_none() && expired(row)), "{row:?} has become {found:?}");
        }
    }

    /// What a step's rows have to be.
    fn need(&self, step: usize) -> Need {
        if step == self.done && self.doubt {
            Need::AllOrNone
        } else if step < self.done {
            Need::All
        } else {
            Need::None
        }
    }

    /// The same, when they may be expiring or moving one by one.
    fn need_of_rows(&self, step: usize) -> Need {
        let need = self.need(step);
        let retained = if step < self.retained_below() { self.need(self.retention()) } else { Need::None };
        match retained {
            Need::All => Need::None,
            Need::AllOrNone | Need::Any => Need::Any,
            Need::None if self.steps[step] == Step::Release && need == Need::AllOrNone => Need::Any,
            Need::None => need,
        }
    }

    fn retention(&self) -> usize {
        self.steps.iter().position(|step| *step == Step::Retain).unwrap()
    }

    /// Rows of steps below this one are in splits when the retention comes.
    fn retained_below(&self) -> usize {
        self.steps[..self.retention()].iter().rposition(|step| *step == Step::Flush).unwrap()
    }

    /// Compares a module's rows with the script's; the rows that came by the release.
    fn check_module<'a>(&self, name: &str, rows: &[&'a Row], units: &[Unit]) -> Vec<&'a Row> {
        let mut rest = rows.iter().copied().peekable();
        let mut released = Vec::new();
        let mut ended = None;
        for unit in units {
            let release = self.steps[unit.step] == Step::Release;
            let need = self.need_of_rows(unit.step);
            let mut came = 0;
            for (index, expected) in unit.rows.iter().enumerate() {
                let there = rest.peek().is_some_and(|row| *expected == **row);
                if there && need != Need::None {
                    let row = rest.next().unwrap();
                    came += 1;
                    if release {
                        released.push(row);
                    }
                }
                let missing = match need {
                    Need::All => !there,
                    Need::AllOrNone => came > 0 && !there,
                    Need::Any | Need::None => false,
                };
                let next = rest.peek();
                assert!(!missing, "{name}, step {}: row {index} is missing: {expected:?}; next is {next:?}", unit.step);
            }
            // Of a step in doubt the parts come in their order: behind one that is missing there is none.
            if need == Need::AllOrNone && unit.step == self.done {
                assert!(came == 0 || ended != Some(unit.step), "{name}, step {}: a part came before the one ahead of it", unit.step);
                ended = (came == 0).then_some(unit.step);
            }
        }
        let foreign = rest.next();
        assert!(foreign.is_none(), "{name}: this row is doubled, out of order, altered or nobody's: {foreign:?}");
        released
    }

    /// The quarantine holds what has come to it and not been released.
    fn check_quarantine(&self, rows: &[Row], released: &[&Row]) {
        assert!(rows.iter().all(|row| &*row.owner.key.partner == QUARANTINE && &*row.origin.pod == LOST.pod));
        let release = self.release();
        let mut rest = rows.iter().peekable();
        for unit in self.of(LOST).into_iter().filter(|unit| unit.step < release) {
            let need = if self.need(release) == Need::All { Need::None } else { self.need(unit.step) };
            let moved = |expected: &Expected| released.iter().any(|row| *expected == **row);
            for expected in unit.rows {
                let there = rest.next_if(|row| expected == **row).is_some();
                assert!(!(there && moved(&expected)), "both in the quarantine and released: {expected:?}");
                assert!(need != Need::All || there || moved(&expected), "lost from the quarantine: {expected:?}");
                assert!(need != Need::None || !there, "still in the quarantine: {expected:?}");
            }
        }
        assert_eq!(rest.next(), None, "foreign or doubled in the quarantine");
    }

    async fn check_positions(&self, indexer: &Indexer) {
        let appends = |steps: &[Step]| steps.iter().filter(|step| step.append().is_some()).count() as u64;
        let sure = appends(&self.steps[..self.done]);
        let possible = appends(&self.steps[..self.steps.len().min(self.done + usize::from(self.doubt))]);
        for source in SOURCES {
            let request = PositionsRequest { node: NODE.into(), files: vec![source.file()] };
            let mark = indexer.positions(harness::CLUSTER, &request).await.marks[0][source.substream as usize];
            assert!(mark == source.end(sure) || mark == source.end(possible), "{source:?} is at {mark} after {sure} to {possible} appends");
        }
        let request = PositionsRequest { node: NODE.into(), files: vec![HOLE] };
        let mark = indexer.positions(harness::CLUSTER, &request).await.marks[0][0];
        let need = self.need(self.steps.iter().position(|step| *step == Step::Gap).unwrap());
        assert!((mark == HOLE_BYTES && need != Need::None) || (mark == 0 && need != Need::All), "the hole's mark is {mark}");
    }

    fn release(&self) -> usize {
        self.steps.iter().position(|step| *step == Step::Release).unwrap()
    }

    /// The units of a source's appends.
    fn of(&self, source: Source) -> Vec<Unit> {
        let unit = |(step, kind): (usize, &Step)| Some(Unit { step, rows: rows_of(source, kind.append()?) });
        self.steps.iter().enumerate().filter_map(unit).collect()
    }

    fn billing(&self) -> Vec<Unit> {
        let pushed = |number| {
            let row = |record| Expected { pod: "", substream: Substream::Stdout, file: FileId(0), offset: 0, record };
            script::pushed(number).into_iter().map(row).collect()
        };
        let unit = |(step, kind): (usize, &Step)| match kind {
            Step::Push(number) => Some(Unit { step, rows: pushed(*number) }),
            other => Some(Unit { step, rows: rows_of(script::BILL, other.append()?) }),
        };
        self.steps.iter().enumerate().filter_map(unit).collect()
    }

    fn sms(&self) -> Vec<Unit> {
        let release = self.release();
        let mut units = Vec::new();
        let mut quarantined = Vec::new();
        for (step, kind) in self.steps.iter().enumerate() {
            if let Some(number) = kind.append() {
                units.extend([script::WEB, script::WEB_ERRORS, script::API].map(|source| Unit { step, rows: rows_of(source, number) }));
                let lost = rows_of(LOST, number);
                if step < release { quarantined.extend(lost) } else { units.push(Unit { step, rows: lost }) }
            } else if *kind == Step::Release {
                units.push(Unit { step, rows: std::mem::take(&mut quarantined) });
            }
        }
        units
    }
}

impl PartialEq<Row> for Expected {
    fn eq(&self, row: &Row) -> bool {
        let origin = &row.origin;
        self.pod == &*origin.pod
            && (self.substream, self.file, self.offset) == (origin.substream, origin.file, row.offset)
            && self.record == row.record
    }
}

fn rows_of(source: Source, append: u64) -> Vec<Expected> {
    let row = |placed: martlog_formats::wire::PartRecord| Expected {
        pod: source.pod,
        substream: source.substream,
        file: source.file(),
        offset: placed.offset,
        record: placed.record,
    };
    source.part(append).records.into_iter().map(row).collect()
}
