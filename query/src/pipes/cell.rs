//! Values: the cells of a table, and the same of a line by the names of its fields.

use super::{Item, Line};
use crate::plan::steps::Column;
use crate::time::rfc3339;
use martlog_formats::fields::{self, Scalar};
use martlog_indexer::row::Row;
use martlog_indexer::search::Field;
use martlog_indexer::search::predicate::Stamp;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::cmp::Ordering;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// There is none.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
    /// A time, ns since the epoch.
    Time(i64),
}

/// Whole numbers up to here are told apart by floating point.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

impl Cell {
    /// A number, whole where it is.
    #[allow(clippy::cast_possible_truncation)] // Checked.
    pub(crate) fn number(number: f64) -> Self {
        if !number.is_finite() {
            Self::Null
        } else if number.fract() == 0.0 && number.abs() <= EXACT_MAX {
            Self::Int(number as i64)
        } else {
            Self::Float(number)
        }
    }

    /// A count.
    pub(crate) fn count(count: u64) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// A value of a line.
    fn scalar(scalar: &Scalar<'_>) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(is) => Self::Bool(*is),
            Scalar::Str(text) => Self::Text(text.clone().into_owned()),
            // What would not read back as it was written stays a text.
            Scalar::Number(text) => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(whole), _) => Self::Int(whole),
                (_, Ok(number)) if number.is_finite() && text.len() <= 16 => Self::Float(number),
                _ => Self::Text((*text).to_owned()),
            },
        }
    }

    /// For an answer.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(is) => json!(is),
            Self::Int(number) => json!(number),
            Self::Float(number) => json!(number),
            Self::Text(text) => json!(text),
            Self::Time(ns) => json!(rfc3339(*ns)),
        }
    }

    /// As a text; none of nothing.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(is) => Cow::Borrowed(if *is { "true" } else { "false" }),
            Self::Int(number) => number.to_string().into(),
            Self::Float(number) => number.to_string().into(),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Time(ns) => rfc3339(*ns).into(),
        })
    }

    pub(super) fn bytes(&self) -> usize {
        32 + if let Self::Text(text) = self { text.len() } else { 0 }
    }

    /// As a number, in the unit of the field's name.
    #[allow(clippy::cast_precision_loss)] // A figure is as exact as floating point is.
    pub(super) fn as_number(&self, path: &str) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(text) => fields::field_number(path, text).map(|number| number / unit(path)),
            Self::Time(_) | Self::Bool(_) | Self::Null => None,
        }
    }

    /// Numbers before texts, by size; texts that are numbers as such; nothing always at the end.
    pub(super) fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let ordering = match (self, other) {
            (Self::Null, Self::Null) => return Ordering::Equal,
            (Self::Null, _) => return Ordering::Greater,
            (_, Self::Null) => return Ordering::Less,
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (a, b) => match (a.as_number(""), b.as_number("")) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => a.text().cmp(&b.text()),
            },
        };
        if descending { ordering.reverse() } else { ordering }
    }
}

/// What a bare number of this field counts in what comparisons use: milliseconds or bytes. Figures are told in the field's own unit.
pub(super) fn unit(path: &str) -> f64 {
    fields::field_number(path, "1").unwrap_or(1.0)
}

/// The first value of a column.
pub(crate) fn value(item: &Item, column: &Column, epoch: u64) -> Cell {
    match (item, column) {
        (Item::Cells(cells), Column::Cell { at, .. }) => cells.get(*at).cloned().unwrap_or(Cell::Null),
        (Item::Line(line), column) => of_line(line, column, epoch),
        (Item::Cells(_), _) => Cell::Null,
    }
}

fn of_line(line: &Line, column: &Column, epoch: u64) -> Cell {
    let record = &line.row.record;
    match column {
        Column::Id => Cell::Text(id(&line.row, epoch)),
        Column::Level => record.severity.map_or(Cell::Null, |severity| Cell::Text(severity.level().to_owned())),
        Column::Verdict => Cell::Text(record.verdict.as_str().to_owned()),
        Column::Problems => {
            let codes: Vec<&str> = record.problems.iter().map(martlog_formats::Problem::code).collect();
            if codes.is_empty() { Cell::Null } else { Cell::Text(codes.join(" ")) }
        }
        Column::Time => Cell::Time(record.time_ns),
        Column::Found => Cell::Bool(line.found),
        Column::Stored(Field::Message) => Cell::Text(record.message.clone()),
        Column::Stored(Field::Stamp(stamp)) => stamp_of(&line.row, *stamp).map_or(Cell::Null, |text| Cell::Text(text.to_owned())),
        Column::Stored(Field::Attribute(path)) => {
            let mut first = Cell::Null;
            fields::visit(&record.attributes, path, |scalar| {
                if first == Cell::Null && scalar.exists() {
                    first = Cell::scalar(&scalar);
                }
            });
            first
        }
        Column::Cell { .. } => Cell::Null,
    }
}

/// What makes a group of an item: its first value as a text, numbers as they are written, as the store groups them; lines without a level are those of `level:none`.
pub(super) fn key(item: &Item, column: &Column, epoch: u64) -> Option<String> {
    if let (Item::Line(line), Column::Stored(Field::Attribute(path))) = (item, column) {
        let mut first = None;
        fields::visit(&line.row.record.attributes, path, |scalar| {
            if first.is_none() && scalar.exists() {
                first = Some(scalar.text().to_owned());
            }
        });
        return first;
    }
    let cell = value(item, column, epoch);
    match (cell.text(), column) {
        (Some(text), _) if !text.is_empty() => Some(text.into_owned()),
        (None, Column::Level) => Some("none".to_owned()),
        _ => None,
    }
}

/// The numbers of a column, in the unit of its name: each value of a line counts.
pub(super) fn numbers(item: &Item, column: &Column, mut take: impl FnMut(f64)) {
    match (item, column) {
        (Item::Line(line), Column::Stored(Field::Attribute(path))) => {
            let unit = unit(path);
            fields::visit(&line.row.record.attributes, path, |scalar| {
                scalar.number(path).into_iter().for_each(|number| take(number / unit))
            });
        }
        (Item::Cells(cells), Column::Cell { at, name }) => {
            cells.get(*at).and_then(|cell| cell.as_number(name)).into_iter().for_each(take);
        }
        _ => {}
    }
}

/// The values of a column that are told apart, ids in one spelling.
pub(super) fn texts(item: &Item, column: &Column, epoch: u64, mut take: impl FnMut(&str)) {
    if let (Item::Line(line), Column::Stored(Field::Attribute(path))) = (item, column) {
        let is_id = fields::is_exact(path);
        fields::visit(&line.row.record.attributes, path, |scalar| {
            let text = if is_id { fields::normalise_id(path, scalar.text()) } else { Cow::Borrowed(scalar.text()) };
            if scalar.exists() && !text.is_empty() {
                take(&text);
            }
        });
    } else if let Some(text) = value(item, column, epoch).text().filter(|text| !text.is_empty()) {
        take(&text);
    }
}

/// The id of a row, as readers know it: `module/epoch/seq`, the epoch in hex; the quarantine's module is the pod's UID.
pub(crate) fn id(row: &Row, epoch: u64) -> String {
    format!("{}/{epoch:x}/{}", row.owner.key.module, row.seq)
}

/// What is stamped on a row; nothing of its owner in the quarantine.
fn stamp_of(row: &Row, stamp: Stamp) -> Option<&str> {
    let (owner, origin) = (&row.owner, &row.origin);
    let owned = |text| if owner.key.is_quarantine() { "" } else { text };
    let text = match stamp {
        Stamp::Id => "",
        Stamp::Partner => owned(&*owner.key.partner),
        Stamp::Module => owned(&*owner.key.module),
        Stamp::Instance => &owner.instance,
        Stamp::Csp => &owner.csp,
        Stamp::Environment => &owner.environment,
        Stamp::Version => &owner.version,
        Stamp::Cluster => &origin.cluster,
        Stamp::Node => &origin.node,
        Stamp::Namespace => &origin.namespace,
        Stamp::Pod => &origin.pod,
        Stamp::Container => &origin.container,
        Stamp::Stream => origin.substream.as_str(),
    };
    (!text.is_empty()).then_some(text)
}
