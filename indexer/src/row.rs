//! A row: a record with its place in the store: whose it is, where it came from, and its numbers.
//!
//! Invariants: `seq` is dense per module from 0, given at append; `arrived_ns` is strictly increasing from part to part over
//! the whole store and equal within a part: it orders the tail and says what a search could see; the order of
//! rows is (time, module, seq).

use martlog_formats::wire::{FileId, Substream};
use martlog_formats::{Problems, Record, RecordRef, RedactionKind, Severity, Verdict};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The partner name under which records without an owner are kept; the module name is then the pod's UID.
/// It is no legal id, so no partner can be called that.
pub const QUARANTINE: &str = "_quarantine";

/// A module of a partner: the unit in which everything is stored apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModuleKey {
    /// The partner's id, or [`QUARANTINE`].
    pub partner: Arc<str>,
    /// The module's id, unique over all partners, or the pod's UID in the quarantine.
    pub module: Arc<str>,
}

impl ModuleKey {
    /// Whether this is a pod's quarantine.
    #[must_use]
    pub fn is_quarantine(&self) -> bool {
        &*self.partner == QUARANTINE
    }
}

/// Whose a record is, as the registry said when it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// Partner and module.
    pub key: ModuleKey,
    /// The instance; empty in the quarantine.
    pub instance: Arc<str>,
    /// The telco; empty in the quarantine.
    pub csp: Arc<str>,
    /// The environment; empty when none is registered.
    pub environment: Arc<str>,
    /// The module's version by the pod's label `app.kubernetes.io/version`; empty when unknown.
    pub version: Arc<str>,
}

/// Where a record came from, as the node said.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The cluster; `ingest` for pushed lines.
    pub cluster: Arc<str>,
    /// The node; empty for pushed lines, as are the pod's fields.
    pub node: Arc<str>,
    /// The Kubernetes namespace.
    pub namespace: Arc<str>,
    /// The pod's name.
    pub pod: Arc<str>,
    /// The pod's UID.
    pub pod_uid: Arc<str>,
    /// The container.
    pub container: Arc<str>,
    /// The restart count.
    pub restart: u32,
    /// stdout or stderr.
    pub substream: Substream,
    /// The file.
    pub file: FileId,
    /// Its name when it was read.
    pub file_name: Arc<str>,
}

/// A record with its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Dense per module.
    pub seq: u64,
    /// When its part was taken, ns since the epoch; see the module's invariants.
    pub arrived_ns: i64,
    /// Whose it is.
    pub owner: Arc<Owner>,
    /// Where it came from.
    pub origin: Arc<Origin>,
    /// The first byte of its line in the file.
    pub offset: u64,
    /// What the line has become.
    pub record: Record,
}

impl Row {
    /// The row's place in the order of rows.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { time_ns: self.record.time_ns, module: self.owner.key.module.clone(), seq: self.seq }
    }
}

/// A row that is read where it lies: in a live buffer, or in a [`Row`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowRef<'a> {
    /// See [`Row::seq`].
    pub seq: u64,
    /// See [`Row::arrived_ns`].
    pub arrived_ns: i64,
    /// See [`Row::owner`].
    pub owner: &'a Arc<Owner>,
    /// See [`Row::origin`].
    pub origin: &'a Arc<Origin>,
    /// See [`Row::offset`].
    pub offset: u64,
    /// See [`Record::time_ns`].
    pub time_ns: i64,
    /// See [`Record::runtime_time_ns`].
    pub runtime_time_ns: i64,
    /// See [`Record::severity`].
    pub severity: Option<Severity>,
    /// See [`Record::verdict`].
    pub verdict: Verdict,
    /// See [`Record::problems`].
    pub problems: Problems,
    /// See [`Record::redactions`].
    pub redactions: &'a [(RedactionKind, u16)],
    /// See [`Record::message`].
    pub(crate) message: Piece<'a>,
    /// See [`Record::attributes`].
    pub(crate) attributes: Piece<'a>,
}

/// A piece of a text, cut out when it is asked for: cutting looks at the bytes at both ends, which are far from the rest of a row that is one of many in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    of: &'a str,
    from: usize,
    to: usize,
}

impl<'a> Piece<'a> {
    /// These bytes of a text.
    pub(crate) const fn new(of: &'a str, from: usize, to: usize) -> Self {
        Self { of, from, to }
    }

    /// Its text.
    pub(crate) fn text(self) -> &'a str {
        self.of.get(self.from..self.to).unwrap_or_default()
    }
}

impl<'a> From<&'a str> for Piece<'a> {
    fn from(of: &'a str) -> Self {
        Self { of, from: 0, to: of.len() }
    }
}

impl PartialEq for Piece<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl<'a> From<&'a Row> for RowRef<'a> {
    fn from(row: &'a Row) -> Self {
        let record = &row.record;
        Self {
            seq: row.seq,
            arrived_ns: row.arrived_ns,
            owner: &row.owner,
            origin: &row.origin,
            offset: row.offset,
            time_ns: record.time_ns,
            runtime_time_ns: record.runtime_time_ns,
            severity: record.severity,
            verdict: record.verdict,
            problems: record.problems,
            redactions: &record.redactions,
            message: record.message.as_str().into(),
            attributes: record.attributes.as_str().into(),
        }
    }
}

impl<'a> RowRef<'a> {
    /// A record and its place.
    pub(crate) fn new(
        seq: u64,
        arrived_ns: i64,
        owner: &'a Arc<Owner>,
        origin: &'a Arc<Origin>,
        offset: u64,
        record: &'a RecordRef<'a>,
    ) -> Self {
        let RecordRef { time_ns, runtime_time_ns, severity, verdict, problems, ref redactions, message, attributes } = *record;
        Self {
            seq,
            arrived_ns,
            owner,
            origin,
            offset,
            time_ns,
            runtime_time_ns,
            severity,
            verdict,
            problems,
            redactions,
            message: message.into(),
            attributes: attributes.into(),
        }
    }

    /// See [`Record::message`].
    #[must_use]
    pub fn message(self) -> &'a str {
        self.message.text()
    }

    /// See [`Record::attributes`].
    #[must_use]
    pub fn attributes(self) -> &'a str {
        self.attributes.text()
    }

    /// The record, its texts where they are.
    pub(crate) fn record(self) -> RecordRef<'a> {
        RecordRef {
            time_ns: self.time_ns,
            runtime_time_ns: self.runtime_time_ns,
            severity: self.severity,
            verdict: self.verdict,
            problems: self.problems,
            redactions: self.redactions.to_vec(),
            message: self.message(),
            attributes: self.attributes(),
        }
    }

    /// A row of its own.
    #[must_use]
    pub fn to_row(self) -> Row {
        let record = Record {
            time_ns: self.time_ns,
            runtime_time_ns: self.runtime_time_ns,
            severity: self.severity,
            verdict: self.verdict,
            problems: self.problems,
            redactions: self.redactions.to_vec(),
            message: self.message().to_owned(),
            attributes: self.attributes().to_owned(),
        };
        let (owner, origin) = (self.owner.clone(), self.origin.clone());
        Row { seq: self.seq, arrived_ns: self.arrived_ns, owner, origin, offset: self.offset, record }
    }
}

/// A place in the order of rows: (time, module, seq).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// ns since the epoch.
    pub time_ns: i64,
    /// The module's id.
    pub module: Arc<str>,
    /// Dense per module.
    pub seq: u64,
}
