//! Rows as bytes of a file.
//!
//! CSV is RFC 4180: lines end with CR LF, and what has a comma, a quotation mark or a line break is between quotation marks. A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a
//! tab or a carriage return (or the full-width forms of the signs) for a formula, and log text is written by anybody: such a cell gets an apostrophe ahead, unless it is a number. So the texts of
//! a CSV are for people; NDJSON has them as they are.
//!
//! Text is for people too: `time level module instance message`, what is not known being `-`, and line breaks and control characters written as `\n`, `\t`, `\u{1b}`.

use super::Format;
use crate::http::row;
use crate::pipes::{self, Cell, Item, Line};
use crate::plan::steps::Column;
use crate::time::rfc3339;
use martlog_indexer::row::Row;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt::Write as _;

/// The columns of a CSV for which the query chooses none.
const COLUMNS: [&str; 12] =
    ["time", "level", "partner", "module", "instance", "csp", "environment", "version", "verdict", "message", "attributes", "id"];

/// What the columns are called, and what they are.
pub(super) type Chosen = (Vec<String>, Vec<Column>);

/// Rows that are written and not yet taken.
pub(super) struct Rows {
    format: Format,
    chosen: Option<Chosen>,
    epoch: u64,
    bytes: Vec<u8>,
}

impl Rows {
    pub(super) fn new(format: Format, chosen: Option<Chosen>, epoch: u64) -> Self {
        Self { format, chosen, epoch, bytes: Vec::new() }
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// What stands before the rows.
    pub(super) fn begin(&mut self) {
        if self.format == Format::Csv {
            let names: Vec<&str> = match &self.chosen {
                Some((names, _)) => names.iter().map(String::as_str).collect(),
                None => COLUMNS.to_vec(),
            };
            write_csv(&mut self.bytes, names.into_iter().map(Cow::Borrowed));
        }
    }

    /// Writes a row; how many bytes it has.
    pub(super) fn row(&mut self, row: Row) -> usize {
        let before = self.bytes.len();
        match (self.format, &self.chosen) {
            (Format::Text, _) => write_text(&mut self.bytes, &row),
            (Format::Csv, None) => write_csv(&mut self.bytes, cells(&row, self.epoch).into_iter()),
            (Format::Ndjson, None) => {
                row::write(&mut self.bytes, &row, self.epoch);
                self.bytes.push(b'\n');
            }
            (format, Some((names, columns))) => {
                let item = Item::Line(Box::new(Line { row, found: true }));
                let cells: Vec<Cell> = columns.iter().map(|column| pipes::value(&item, column, self.epoch)).collect();
                if format == Format::Csv {
                    write_csv(&mut self.bytes, cells.iter().map(|cell| cell.text().unwrap_or_default()));
                } else {
                    let object: Map<String, Value> = names.iter().cloned().zip(cells.iter().map(Cell::json)).collect();
                    self.bytes.extend(Value::Object(object).to_string().as_bytes());
                    self.bytes.push(b'\n');
                }
            }
        }
        self.bytes.len() - before
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// The cells of [`COLUMNS`].
fn cells(row: &Row, epoch: u64) -> [Cow<'_, str>; 12] {
    let (record, owner) = (&row.record, &row.owner);
    let known = !owner.key.is_quarantine();
    [
        rfc3339(record.time_ns).into(),
        record.severity.map_or("", |severity| severity.level()).into(),
        if known { &*owner.key.partner } else { "" }.into(),
        if known { &*owner.key.module } else { "" }.into(),
        (&*owner.instance).into(),
        (&*owner.csp).into(),
        (&*owner.environment).into(),
        (&*owner.version).into(),
        record.verdict.as_str().into(),
        record.message.as_str().into(),
        record.attributes.as_str().into(),
        pipes::id(row, epoch).into(),
    ]
}

/// Writes one line of a CSV.
fn write_csv<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = Cow<'a, str>>) {
    let begin = out.len();
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let harmless = if is_formula(&cell) { Cow::Owned(format!("'{cell}")) } else { cell };
        if harmless.contains([',', '"', '\r', '\n']) {
            out.push(b'"');
            out.extend(harmless.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend(harmless.as_bytes());
        }
    }
    if out.len() == begin {
        // An empty line is no row to many readers.
        out.extend(b"\"\"");
    }
    out.extend(b"\r\n");
}

/// Whether a spreadsheet would compute a cell.
fn is_formula(cell: &str) -> bool {
    match cell.chars().next() {
        Some('=' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠') => true,
        // A number has no function in it.
        Some('+' | '-') => {
            cell.contains(|c: char| !c.is_ascii_digit() && !matches!(c, '+' | '-' | '.' | 'e' | 'E')) || cell.parse::<f64>().is_err()
        }
        _ => false,
    }
}

/// Writes one line of text.
fn write_text(out: &mut Vec<u8>, row: &Row) {
    let known = |text: &'_ str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let module = if row.owner.key.is_quarantine() { "-".to_owned() } else { known(&row.owner.key.module) };
    let level = row.record.severity.map_or("-", |severity| severity.level());
    let mut line = format!("{} {level} {module} {} ", rfc3339(row.record.time_ns), known(&row.owner.instance));
    for c in row.record.message.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            // These break a line, or turn the direction of writing.
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _infallible = write!(line, "{}", c.escape_unicode());
            }
            c if c.is_control() => {
                let _infallible = write!(line, "{}", c.escape_unicode());
            }
            c => line.push(c),
        }
    }
    line.push('\n');
    out.extend(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn csv_line(cells: &[&str]) -> String {
        let mut out = Vec::new();
        write_csv(&mut out, cells.iter().map(|cell| Cow::Borrowed(*cell)));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_cell_that_a_spreadsheet_would_compute_is_none() {
        for (cell, written) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("-", "'-"),
            ("\t=1", "'\t=1"),
            ("＝1", "'＝1"),
            ("-5", "-5"),
            ("+3.5e-3", "+3.5e-3"),
            ("+79123456789", "+79123456789"),
            ("a=1", "a=1"),
            ("", "\"\""),
        ] {
            assert_eq!(csv_line(&[cell]), format!("{written}\r\n"), "{cell:?}");
        }
        assert_eq!(csv_line(&["a,b", "c\"d", "e\nf", "=\"x\""]), "\"a,b\",\"c\"\"d\",\"e\nf\",\"'=\"\"x\"\"\"\r\n");
    }

    proptest! {
        #[test]
        fn another_program_reads_back_what_was_written(rows in prop::collection::vec(prop::collection::vec("(\\PC|[,\"\r\n=+@-]){0,12}", 1..5), 1..6)) {
            let mut out = Vec::new();
            for row in &rows {
                write_csv(&mut out, row.iter().map(|cell| Cow::Borrowed(cell.as_str())));
            }
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).terminator(csv::Terminator::CRLF).from_reader(out.as_slice());
            let back: Vec<Vec<String>> = reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
            prop_assert_eq!(back.len(), rows.len());
            for (cell, was) in back.iter().flatten().zip(rows.iter().flatten()) {
                prop_assert!(cell == was || *cell == format!("'{was}"), "{:?} was {:?}", cell, was);
                let first = cell.chars().next();
                let harmless = !matches!(first, Some('=' | '@' | '\t' | '\r')) && (!matches!(first, Some('+' | '-')) || cell.parse::<f64>().is_ok());
                prop_assert!(harmless, "{:?}", cell);
            }
        }
    }
}
