//! The config file as it lies there: TOML, read table by table, key by key.
//!
//! Invariants: every problem goes to one list with the line that it is in, and reading goes on; a key that nobody asked for is a
//! problem that names the nearest key that somebody did. The file is at most [`FILE_BYTES_MAX`] bytes.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A config file is written by hand; a larger one is a mistake.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 20;

/// A file's text and where it came from.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

/// One table of it, consumed key by key.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    source: &'a Source,
    /// As it stands in brackets.
    name: Option<String>,
    entries: BTreeMap<String, (usize, Spanned<DeValue<'a>>)>,
    known: Vec<&'static str>,
}

impl Source {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let cannot = |error: &dyn std::fmt::Display| format!("cannot read the config file {}: {error}", path.display());
        let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| cannot(&error))?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(cannot(&"it is larger than 1 MiB"));
        }
        Ok(Self { path: path.to_owned(), text })
    }

    /// A text that stands for a file.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self { path: PathBuf::from("martlog.toml"), text: text.to_owned() }
    }

    /// The top table; broken TOML is reported and leaves what could be read.
    pub(crate) fn root<'a>(&'a self, problems: &mut Vec<String>) -> Table<'a> {
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            problems.push(format!("{}: {}", self.place(at), error.message()));
        }
        Table::of(self, None, table.into_inner())
    }

    /// `file:line` of a byte.
    fn place(&self, at: usize) -> String {
        let line = self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        format!("{}:{line}", self.path.display())
    }
}

impl<'a> Table<'a> {
    fn of(source: &'a Source, name: Option<String>, table: DeTable<'a>) -> Self {
        let entries = table.into_iter().map(|(key, value)| (key.get_ref().to_string(), (key.span().start, value))).collect();
        Self { source, name, entries, known: Vec::new() }
    }

    /// A table within it; an empty one when it is not there.
    pub(crate) fn table(&mut self, name: &'static str, problems: &mut Vec<String>) -> Self {
        let table = match self.take(name) {
            None => DeTable::new(),
            Some((at, value)) => match value.into_inner() {
                DeValue::Table(table) => table,
                other => {
                    problems.push(format!("{}: write [{}] as a table, not as {}", self.source.place(at), self.below(name), kind(&other)));
                    DeTable::new()
                }
            },
        };
        Self::of(self.source, Some(self.below(name)), table)
    }

    /// The tables of a list within it, `[[name]]`; none when it is not there.
    pub(crate) fn tables(&mut self, name: &'static str, problems: &mut Vec<String>) -> Vec<Self> {
        let Some((at, value)) = self.take(name) else { return Vec::new() };
        let title = self.below(name);
        let wrong = |found: &DeValue<'_>| format!("{}: write [[{title}]] for each of them, not {}", self.source.place(at), kind(found));
        let list = match value.into_inner() {
            DeValue::Array(list) => list,
            other => {
                problems.push(wrong(&other));
                return Vec::new();
            }
        };
        let table = |element: Spanned<DeValue<'a>>| match element.into_inner() {
            DeValue::Table(table) => Some(Self::of(self.source, Some(title.clone()), table)),
            other => {
                problems.push(wrong(&other));
                None
            }
        };
        list.into_iter().filter_map(table).collect()
    }

    /// What it is called in a sentence: `[serve.otlp]`.
    pub(crate) fn title(&self) -> String {
        self.name.as_ref().map_or_else(String::new, |name| format!("[{name}]"))
    }

    /// The whole name of a table within it.
    fn below(&self, name: &str) -> String {
        self.name.as_ref().map_or_else(|| name.to_owned(), |own| format!("{own}.{name}"))
    }

    /// A table that belongs to another command: it may be there, and is not read.
    pub(crate) fn ignore(&mut self, name: &'static str) {
        self.take(name);
    }

    /// A text.
    pub(crate) fn text(&mut self, key: &'static str, problems: &mut Vec<String>) -> Option<String> {
        let (at, value) = self.take(key)?;
        match value.into_inner() {
            DeValue::String(text) => Some(text.into_owned()),
            other => self.wrong(at, key, "a text in quotes", &other, problems),
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, key: &'static str, problems: &mut Vec<String>) -> Option<Vec<String>> {
        const WANTED: &str = "a list of texts, as in [\"a\", \"b\"]";
        let (at, value) = self.take(key)?;
        let DeValue::Array(list) = value.into_inner() else {
            problems.push(format!("{}: {key}: write {WANTED}", self.source.place(at)));
            return None;
        };
        let text = |element: Spanned<DeValue<'a>>| match element.into_inner() {
            DeValue::String(text) => Some(text.into_owned()),
            other => self.wrong(at, key, WANTED, &other, problems),
        };
        list.into_iter().map(text).collect()
    }

    /// A text that says a `T`.
    pub(crate) fn parsed<T: FromStr<Err = String>>(&mut self, key: &'static str, problems: &mut Vec<String>) -> Option<T> {
        let at = self.entries.get(key).map_or(0, |(at, _)| *at);
        let text = self.text(key, problems)?;
        text.parse().map_err(|error| problems.push(format!("{}: {key}: {error}", self.source.place(at)))).ok()
    }

    /// A path; a relative one starts at the folder of the config file.
    pub(crate) fn path(&mut self, key: &'static str, problems: &mut Vec<String>) -> Option<PathBuf> {
        let text = self.text(key, problems)?;
        Some(self.source.path.parent().map_or_else(|| PathBuf::from(&text), |folder| folder.join(&text)))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, key: &'static str, problems: &mut Vec<String>) -> Option<bool> {
        let (at, value) = self.take(key)?;
        value.get_ref().as_bool().or_else(|| self.wrong(at, key, "true or false", value.get_ref(), problems))
    }

    /// A small whole number.
    pub(crate) fn number(&mut self, key: &'static str, problems: &mut Vec<String>) -> Option<u16> {
        let (at, value) = self.take(key)?;
        let number = value.get_ref().as_integer().and_then(|n| u16::from_str_radix(n.as_str(), n.radix()).ok());
        number.or_else(|| self.wrong(at, key, "a whole number up to 65535", value.get_ref(), problems))
    }

    /// Reports every key that was not asked for.
    pub(crate) fn finish(self, problems: &mut Vec<String>) {
        for (key, (at, _)) in &self.entries {
            let nearest = self.known.iter().max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)));
            let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean \"{nearest}\"?"));
            let within = self.name.as_ref().map_or_else(String::new, |name| format!(" in [{name}]"));
            problems.push(format!("{}: unknown key \"{key}\"{within}{hint}", self.source.place(*at)));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<(usize, Spanned<DeValue<'a>>)> {
        self.known.push(key);
        self.entries.remove(key)
    }

    fn wrong<T>(&self, at: usize, key: &str, wanted: &str, found: &DeValue<'_>, problems: &mut Vec<String>) -> Option<T> {
        problems.push(format!("{}: {key}: write {wanted}, not {}", self.source.place(at), kind(found)));
        None
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
