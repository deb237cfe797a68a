//! Figures of what a filter finds, computed in the simplest way: one line after the other into sets and lists.

use crate::naive::is_id;
use crate::world::{Line, Text, World};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use martlog_formats::fields;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Nanoseconds of an hour.
const HOUR: i64 = 3_600_000_000_000;

/// Some figures of fields by groups.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Of which field.
    of: String,
    /// By which of: a field, `level`, `time(1h)`; `None` is one group.
    by: Option<String>,
    /// With a pipe before it that changes nothing, so that the store does not count by itself.
    over_rows: bool,
}

impl Figures {
    pub(crate) fn new(world: &World, from: &mut Unstructured<'_>) -> Result<Self> {
        const BY: [&str; 8] = ["level", "module", "instance", "csp", "time(1h)", "status", "verdict", "pod"];
        // A comma or a space in a name would end it in a pipe, and names of the language are columns of lines there.
        let is_plain = |name: &&String| name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let names: Vec<&String> = world.names.iter().filter(is_plain).collect();
        let of = (*from.choose(&names)?).clone();
        let by = match from.int_in_range(0..=3)? {
            0 => None,
            1 => Some((*from.choose(&names)?).clone()),
            _ => Some((*from.choose(&BY)?).to_owned()),
        };
        Ok(Self { of, by, over_rows: from.arbitrary()? })
    }

    /// As pipes.
    pub(crate) fn text(&self) -> String {
        let before = if self.over_rows { "| limit 9000 " } else { "" };
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        format!("{before}| stats count(), uniq({of}), min({of}), max({of}), sum({of}){by}", of = self.of)
    }

    /// What the figures of these lines are: by group, the cells behind it.
    pub(crate) fn expected(&self, lines: &[&Line]) -> BTreeMap<String, [Option<f64>; 5]> {
        let mut groups: BTreeMap<String, Vec<&Line>> = BTreeMap::new();
        for line in lines {
            groups.entry(self.key(line)).or_default().push(line);
        }
        if groups.is_empty() && self.by.is_none() {
            groups.insert(String::new(), Vec::new());
        }
        groups.into_iter().map(|(key, lines)| (key, self.cells(&lines))).collect()
    }

    fn cells(&self, lines: &[&Line]) -> [Option<f64>; 5] {
        // What a bare number of the field counts: figures are in the field's own unit.
        let unit = fields::field_number(&self.of, "1").expect("a number");
        let values = || lines.iter().flat_map(|line| line.named(&self.of));
        let numbers: Vec<f64> = values().filter_map(|value| value.number(&self.of)).map(|number| number / unit).collect();
        let different: BTreeSet<String> = values().filter_map(|value| self.told_apart(value)).collect();
        [
            Some(lines.len() as f64),
            Some(different.len() as f64),
            numbers.iter().copied().reduce(f64::min),
            numbers.iter().copied().reduce(f64::max),
            Some(numbers.iter().sum()),
        ]
    }

    fn told_apart(&self, value: &Text) -> Option<String> {
        let text = if is_id(&self.of) { fields::normalise_id(&self.of, &value.text).into_owned() } else { value.text.clone() };
        (value.exists() && !text.is_empty()).then_some(text)
    }

    /// The first value of the field that makes groups, as a text; nothing where there is none.
    fn key(&self, line: &Line) -> String {
        let Some(by) = &self.by else { return String::new() };
        match by.as_str() {
            "level" => line.record.severity.map_or("none", |severity| severity.level()).to_owned(),
            "verdict" => line.record.verdict.as_str().to_owned(),
            "time(1h)" => martlog_query::time::rfc3339(line.record.time_ns.div_euclid(HOUR) * HOUR),
            "module" | "instance" | "csp" | "pod" => line.stamp(by).to_owned(),
            by => line.named(by).find(|value| value.exists()).map_or_else(String::new, |value| value.text.clone()),
        }
    }

    /// Compares an answer with what was expected; what is wrong, if anything is.
    pub(crate) fn differ(&self, answer: &Value, lines: &[&Line]) -> Option<String> {
        let expected = self.expected(lines);
        let rows = answer["rows"].as_array()?;
        let keys = usize::from(self.by.is_some());
        let mut told = BTreeMap::new();
        for row in rows.iter().filter_map(Value::as_array) {
            let key = row.first().filter(|_| keys > 0).map_or_else(String::new, text_of);
            if told.insert(key.clone(), row[keys..].iter().map(Value::as_f64).collect::<Vec<_>>()).is_some() {
                return Some(format!("the group {key:?} comes twice"));
            }
        }
        let same = |a: &Option<f64>, b: &Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
            (a, b) => a == b,
        };
        for (key, cells) in &expected {
            let Some(told) = told.get(key) else { return Some(format!("the group {key:?} is missing: {answer}")) };
            if told.len() != cells.len() || !told.iter().zip(cells).all(|(a, b)| same(a, b)) {
                return Some(format!("the group {key:?} has {told:?} and should have {cells:?}"));
            }
        }
        let more = told.keys().find(|key| !expected.contains_key(*key));
        more.map(|key| format!("there is a group {key:?} of no line"))
    }
}

fn text_of(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
