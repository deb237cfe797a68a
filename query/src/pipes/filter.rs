//! `where`: rows that are like this. Lines are asked as the store asks them, rows of a table as lines whose attributes are their cells.

use super::{Cell, Flow, Item, Operator, Out, Taken};
use martlog_formats::fields::push_string;
use martlog_formats::wire::{FileId, Substream};
use martlog_formats::{Problems, Record, Severity, Verdict};
use martlog_indexer::row::{ModuleKey, Origin, Owner, Row};
use martlog_indexer::search::Predicate;
use std::sync::Arc;

/// Over lines.
pub(super) struct Lines(pub(super) Arc<Predicate>);

impl Operator for Lines {
    fn take(&mut self, item: Item, out: &mut Out<'_>) -> Taken {
        match &item {
            Item::Line(line) if !self.0.matches(&line.row) => Ok(Flow::More),
            _ => out.push(item),
        }
    }
}

/// Over rows of a table.
pub(super) struct Rows {
    predicate: Arc<Predicate>,
    columns: Arc<[String]>,
    row: Row,
}

impl Rows {
    pub(super) fn new(predicate: Arc<Predicate>, columns: Arc<[String]>) -> Self {
        Self { predicate, columns, row: nobody() }
    }
}

impl Operator for Rows {
    fn take(&mut self, item: Item, out: &mut Out<'_>) -> Taken {
        let Item::Cells(cells) = &item else { return Ok(Flow::More) };
        let record = &mut self.row.record;
        record.attributes.clear();
        record.severity = None;
        for (name, cell) in self.columns.iter().zip(cells) {
            if name == "level" {
                record.severity = cell.text().and_then(|level| Severity::from_word(&level));
            }
            write(&mut record.attributes, name, cell);
        }
        record.attributes.push_str(if record.attributes.is_empty() { "{}" } else { "}" });
        if self.predicate.matches(&self.row) { out.push(item) } else { Ok(Flow::More) }
    }
}

fn write(attributes: &mut String, name: &str, cell: &Cell) {
    let Some(text) = cell.text() else { return };
    attributes.push(if attributes.is_empty() { '{' } else { ',' });
    push_string(attributes, name);
    attributes.push(':');
    match cell {
        Cell::Text(_) | Cell::Time(_) => push_string(attributes, &text),
        _ => attributes.push_str(&text),
    }
}

/// A row that belongs to nobody: what a row of a table is asked as.
fn nobody() -> Row {
    let none: Arc<str> = "".into();
    Row {
        seq: 0,
        arrived_ns: 0,
        owner: Arc::new(Owner {
            key: ModuleKey { partner: none.clone(), module: none.clone() },
            instance: none.clone(),
            csp: none.clone(),
            environment: none.clone(),
            version: none.clone(),
        }),
        origin: Arc::new(Origin {
            cluster: none.clone(),
            node: none.clone(),
            namespace: none.clone(),
            pod: none.clone(),
            pod_uid: none.clone(),
            container: none.clone(),
            restart: 0,
            substream: Substream::Stdout,
            file: FileId(0),
            file_name: none,
        }),
        offset: 0,
        record: Record {
            time_ns: 0,
            runtime_time_ns: 0,
            severity: None,
            verdict: Verdict::Ok,
            problems: Problems::default(),
            redactions: Vec::new(),
            message: String::new(),
            attributes: String::new(),
        },
    }
}
