//! Records that are not yet written, and those that the same question would be added to.

use super::{Action, MEMORY_MAX, Record, TOGETHER, Who};
use crate::catalog::numbers::now_ns;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Who asked what: the same again soon is one record.
type Key = (Arc<str>, Action, Option<String>);

/// See the module.
#[derive(Debug)]
pub(super) struct Memory {
    /// The newest id that was given.
    last_id: i64,
    /// Records by id, and whether they have changed since they were written.
    records: BTreeMap<i64, (Record, bool)>,
    /// The ordinary ones again.
    by_key: HashMap<Key, i64>,
    /// Records for which there was no room.
    lost: u64,
    /// Records that began before come without their texts.
    texts_from: i64,
}

impl Memory {
    pub(super) fn new(last_id: i64) -> Self {
        Self { last_id, records: BTreeMap::new(), by_key: HashMap::new(), lost: 0, texts_from: i64::MIN }
    }

    /// An id: the time, and greater than every one before.
    pub(super) fn next_id(&mut self) -> i64 {
        self.last_id = now_ns().max(self.last_id.saturating_add(1));
        self.last_id
    }

    /// Takes a record, or adds it to that of the same question.
    pub(super) fn take(&mut self, mut record: Record) {
        if record.id < self.texts_from && (record.query.is_some() || record.note.is_some()) {
            (record.query, record.note, record.erased) = (None, None, true);
        }
        let key = record.action.is_ordinary().then(|| (Arc::clone(&record.token), record.action, record.query.clone()));
        let known = key.as_ref().and_then(|key| self.by_key.get(key)).and_then(|id| self.records.get_mut(id));
        if let Some((there, changed)) = known.filter(|(there, _)| record.last_ns.saturating_sub(there.id) < together_ns()) {
            there.add(record);
            *changed = true;
            return;
        }
        if self.records.len() >= MEMORY_MAX && !self.records.contains_key(&record.id) {
            self.lost += 1;
            return;
        }
        if let Some(key) = key {
            self.by_key.insert(key, record.id);
        }
        self.records.insert(record.id, (record, true));
    }

    /// What has changed, to be written; what nothing more is added to is let go of.
    pub(super) fn take_changed(&mut self) -> Vec<Record> {
        if self.lost > 0 && self.records.len() < MEMORY_MAX {
            let lost = Record::lost(self.next_id(), std::mem::take(&mut self.lost));
            self.records.insert(lost.id, (lost, true));
        }
        let changed = self.records.values_mut().filter(|(_, changed)| *changed);
        let changed = changed.map(|(record, changed)| {
            *changed = false;
            record.clone()
        });
        let changed: Vec<Record> = changed.collect();
        let over_ns = now_ns().saturating_sub(together_ns());
        self.records.retain(|id, (record, _)| record.action.is_ordinary() && *id > over_ns);
        self.by_key.retain(|_, id| self.records.contains_key(id));
        changed
    }

    /// These could not be written.
    pub(super) fn put_back(&mut self, records: &[Record]) {
        for record in records {
            let full = self.records.len() >= MEMORY_MAX;
            match self.records.get_mut(&record.id) {
                Some((_, changed)) => *changed = true,
                None if full => self.lost += 1,
                None => drop(self.records.insert(record.id, (record.clone(), true))),
            }
        }
    }

    /// Lets go of everything, which is written: an erasure takes texts out of the catalog, and what began before brings none back.
    pub(super) fn forget(&mut self) {
        self.records.clear();
        self.by_key.clear();
        self.texts_from = self.next_id();
    }
}

fn together_ns() -> i64 {
    i64::try_from(TOGETHER.as_nanos()).unwrap_or(i64::MAX)
}

impl Record {
    /// The same question once more.
    fn add(&mut self, other: Self) {
        self.last_ns = self.last_ns.max(other.last_ns);
        self.times = self.times.saturating_add(other.times);
        self.rows = self.rows.saturating_add(other.rows);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.duration_ms = self.duration_ms.saturating_add(other.duration_ms);
        self.outcome = other.outcome;
        self.range = match (self.range, other.range) {
            (Some((from, to)), Some((other_from, other_to))) => Some((from.min(other_from), to.max(other_to))),
            (range, other) => range.or(other),
        };
        self.everything |= other.everything;
        // Told to nobody else than both would be.
        self.quotable_to = self.quotable_to.take().filter(|partner| other.quotable_to.as_ref() == Some(partner));
        for (whose, (rows, bytes)) in other.concerned {
            let counts = self.concerned.entry(whose).or_default();
            *counts = (counts.0.saturating_add(rows), counts.1.saturating_add(bytes));
        }
    }

    /// So many could not be kept.
    fn lost(id: i64, records: u64) -> Self {
        Self {
            id,
            last_ns: id,
            times: 1,
            action: Action::Lost,
            who: Who::Staff,
            token: Arc::default(),
            note: None,
            partner: None,
            instances: None,
            query: None,
            erased: false,
            subject: None,
            range: None,
            rows: records,
            bytes: 0,
            duration_ms: 0,
            outcome: "lost".to_owned(),
            remote: None,
            request_id: None,
            everything: false,
            quotable_to: None,
            concerned: BTreeMap::new(),
        }
    }
}
