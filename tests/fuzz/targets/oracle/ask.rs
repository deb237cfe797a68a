//! Queries made of an input's bytes: every operator and form of value, of words, pieces and values that the lines have, whole or nearly.
//!
//! The same bytes always make the same query. Most can be read; what cannot is as good a test of the parser.

use crate::world::{Line, Text, World};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// Nesting of parentheses at most.
const DEPTH_MAX: usize = 3;
const STAMPS: [&str; 13] =
    ["id", "partner", "module", "instance", "csp", "environment", "version", "cluster", "node", "namespace", "pod", "container", "stream"];
const LEVELS: [&str; 16] = [
    "trace", "debug", "info", "INFO", "notice", "warn", "warning", "error", "critical", "alert", "fatal", "panic", "none", "9", "17", "21",
];
const NUMBERS: [&str; 20] = [
    "0",
    "-0",
    "1",
    "5",
    "404",
    "499.5",
    "500",
    "503",
    "599",
    "600",
    "1.5s",
    "1500",
    "-3",
    "1e3",
    "731ms",
    "10MiB",
    "12%",
    "9007199254740993",
    "2m",
    "0.5h",
];
const OPERATORS: [&str; 10] = [":", ":", ":", ":", "=", "!=", ">", ">=", "<", "<="];

/// Makes queries over the lines of a world.
pub(crate) struct Asking<'w, 'u, 'b> {
    pub(crate) world: &'w World,
    pub(crate) from: &'u mut Unstructured<'b>,
}

impl<'w> Asking<'w, '_, '_> {
    /// A whole query without pipes; half of the time at least, over all lines.
    pub(crate) fn query(&mut self) -> Result<String> {
        let filter = self.filter(0)?;
        Ok(match self.from.int_in_range(0..=15)? {
            0 => format!("@{} {filter}", self.one(&["1h", "5h", "20h30m", "2d"])?),
            1 => format!("({filter}) time:-40h..-1h"),
            2 | 3 => format!("time:-3d.. ({filter})"),
            4 => format!("({filter}) in:quarantine"),
            _ => filter,
        })
    }

    fn filter(&mut self, depth: usize) -> Result<String> {
        let deep = depth >= DEPTH_MAX;
        Ok(match self.from.int_in_range(0..=11)? {
            0 | 1 if !deep => format!("{} {}", self.filter(depth + 1)?, self.filter(depth + 1)?),
            2 if !deep => format!("{} OR {}", self.filter(depth + 1)?, self.filter(depth + 1)?),
            3 if !deep => format!("({} OR {})", self.filter(depth + 1)?, self.filter(depth + 1)?),
            4 if !deep => format!("-({})", self.filter(depth + 1)?),
            5 => format!("{}{}", self.one(&["-", "NOT "])?, self.atom()?),
            _ => self.atom()?,
        })
    }

    fn atom(&mut self) -> Result<String> {
        Ok(match self.from.int_in_range(0..=13)? {
            0 | 1 => self.word()?,
            2 => self.phrase()?,
            3 => self.literal()?,
            4 => format!("~{}", self.expression()?),
            5 => format!("level{}{}", self.one(&OPERATORS)?, self.one(&LEVELS)?),
            6 => match self.from.int_in_range(0..=3)? {
                0 => format!("level:{}..{}", self.one(&LEVELS)?, self.one(&LEVELS)?),
                1 => format!("verdict:{}", self.one(&["ok", "repaired", "raw", "r*", "*", "rejected"])?),
                2 => format!(
                    "problem:{}",
                    self.one(&["*", "reserved_key", "missing_*", "not_json", "unknown_level", "alias_used", "empty_message"])?
                ),
                _ => "*".to_owned(),
            },
            7 => self.stamp()?,
            8 => self.about("message")?,
            9 => self.about("session")?,
            10 => {
                let name = self.name()?;
                format!("{name}:({})", self.group(&name, 0)?)
            }
            _ => {
                let name = self.name()?;
                self.about(&name)?
            }
        })
    }

    /// Terms about one field.
    fn group(&mut self, name: &str, depth: usize) -> Result<String> {
        Ok(match self.from.int_in_range(0..=6)? {
            0 if depth < 2 => format!("{} {}", self.group(name, depth + 1)?, self.group(name, depth + 1)?),
            1 | 2 if depth < 2 => format!("{} OR {}", self.group(name, depth + 1)?, self.group(name, depth + 1)?),
            3 if depth < 2 => format!("-({})", self.group(name, depth + 1)?),
            4 => format!("{}{}", self.one(&[">", "<=", "!=", "="])?, self.one(&NUMBERS)?),
            _ => self.value(name)?,
        })
    }

    fn stamp(&mut self) -> Result<String> {
        let name = self.one(&STAMPS)?;
        let own = self.line()?.stamp(name).to_owned();
        let value = if own.is_empty() { "x".to_owned() } else { self.bent(&own)? };
        Ok(match self.from.int_in_range(0..=7)? {
            0 => format!("{name}:*"),
            1 => format!("{name}!={value}"),
            2 => format!("{name}=~{}", self.expression()?),
            3 => format!("{name}:`{}`", value.replace('`', "")),
            4 => format!("{name}:({value} OR {})", self.line()?.stamp(name)),
            _ => format!("{name}:{value}"),
        })
    }

    /// A test of a field.
    fn about(&mut self, name: &str) -> Result<String> {
        Ok(match self.from.int_in_range(0..=11)? {
            0 => format!("{name}{}*", self.one(&[":", "!="])?),
            1 => {
                let (low, high) = (self.one(&NUMBERS)?, self.one(&NUMBERS)?);
                self.one(&[&format!("{name}:{low}..{high}"), &format!("{name}:..{high}"), &format!("{name}:\"{low}\"..")])?.to_owned()
            }
            2 | 3 => format!("{name}{}{}", self.one(&OPERATORS)?, self.one(&NUMBERS)?),
            4 => format!("{name}{}{}", self.one(&["=~", "!~"])?, self.expression()?),
            _ => format!("{name}{}{}", self.one(&OPERATORS)?, self.value(name)?),
        })
    }

    /// A value that some line has in the field, or another one.
    fn value(&mut self, name: &str) -> Result<String> {
        let text = if name == "message" { Some(&self.line()?.message) } else { self.own(name)? };
        let Some(text) = text.map(|text| text.text.clone()).filter(|text| !text.is_empty()) else { return self.word() };
        Ok(match self.from.int_in_range(0..=4)? {
            0 => quoted(&text),
            1 => quoted(&self.piece(&text)?),
            2 => back_ticked(&self.piece(&text)?),
            _ => self.bent(&text)?,
        })
    }

    /// A value that a line has in the field, if one has it.
    fn own(&mut self, name: &str) -> Result<Option<&'w Text>> {
        let name = if name == "session" { "session_id" } else { name };
        let values: Vec<&Text> = self.world.lines.iter().flat_map(|line| line.named(name)).collect();
        Ok(if values.is_empty() { None } else { Some(values[self.from.choose_index(values.len())?]) })
    }

    /// A bare word of a line, perhaps in another case or with wildcards.
    fn word(&mut self) -> Result<String> {
        let line = self.line()?;
        let count = line.texts().map(|text| text.words.len()).sum::<usize>();
        let at = self.from.choose_index(count.max(1))?;
        let Some(word) = line.texts().flat_map(|text| &text.words).nth(at).cloned() else { return Ok("timeout".to_owned()) };
        self.bent(&word)
    }

    /// The same text as one bare word, or nearly the same.
    fn bent(&mut self, text: &str) -> Result<String> {
        let word: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"' | '`' | '|')).take(80).collect();
        let chars: Vec<char> = word.chars().collect();
        let at = self.from.choose_index(chars.len() + 1)?;
        let (head, tail): (String, String) = (chars[..at].iter().collect(), chars[at..].iter().collect());
        let rest: String = chars.iter().skip(at + 1).collect();
        Ok(match self.from.int_in_range(0..=11)? {
            0 => word.to_uppercase(),
            1 => word.to_lowercase(),
            2 => format!("{head}*"),
            3 => format!("*{tail}"),
            4 => format!("{head}?{rest}"),
            5 => format!("{head}*{rest}"),
            6 => format!("*{head}?*"),
            7 => rest,
            _ => word,
        })
    }

    fn phrase(&mut self) -> Result<String> {
        let text = self.text()?;
        Ok(quoted(&self.piece(&text)?))
    }

    fn literal(&mut self) -> Result<String> {
        let text = if self.from.ratio(1, 2)? { self.text()? } else { self.line()?.record.attributes.clone() };
        Ok(back_ticked(&self.piece(&text)?))
    }

    /// A regular expression between back-ticks, made of a piece of a line.
    fn expression(&mut self) -> Result<String> {
        let text = self.text()?;
        let piece = regex::escape(&self.piece(&text)?);
        let other = self.text()?;
        let other = regex::escape(&self.piece(&other)?);
        Ok(back_ticked(&match self.from.int_in_range(0..=9)? {
            0 => format!("^{piece}"),
            1 => format!("{piece}$"),
            2 => format!("(?i){piece}"),
            3 => format!("{piece}.*{other}"),
            4 => format!("{piece}|{other}"),
            5 => format!("(?:{piece})?[0-9]+"),
            6 => format!("\\b{piece}\\b"),
            7 => self
                .one(&["^$", "[0-9]{5}", "(?i)абонент|time", "^\\w+$", "[а-я]+", "(?s).{40}", "\\\\", "\"", "^[^ ]+ [^ ]+$"])?
                .to_owned(),
            8 => format!("{piece}[a-z]*"),
            _ => piece,
        }))
    }

    /// The name of a field: of one that some line has, with a prefix or without, or of none.
    fn name(&mut self) -> Result<String> {
        let name = &self.world.names[self.from.choose_index(self.world.names.len())?];
        Ok(match self.from.int_in_range(0..=9)? {
            0 => format!("attributes.{}", name.strip_prefix("attributes.").unwrap_or(name)),
            1 => format!("extra.{name}"),
            2 => name.to_uppercase(),
            3 => {
                self.one(&["nothing", "status", "duration_s", "account_id", "request_id", "h323_conf_id", "http.status", "a.b"])?.to_owned()
            }
            _ => name.clone(),
        })
    }

    fn line(&mut self) -> Result<&'w Line> {
        Ok(&self.world.lines[self.from.choose_index(self.world.lines.len())?])
    }

    /// The message, or a value, of a line.
    fn text(&mut self) -> Result<String> {
        let line = self.line()?;
        let at = self.from.choose_index(line.values.len() + 2)?;
        Ok(line.values.get(at).map_or(&line.message, |(_, text)| text).text.clone())
    }

    /// A piece of a text, of 40 characters at most.
    fn piece(&mut self, text: &str) -> Result<String> {
        let chars: Vec<char> = text.chars().collect();
        let from = self.from.choose_index(chars.len() + 1)?;
        let length = self.from.int_in_range(0..=40)?;
        Ok(chars[from..].iter().take(length).collect())
    }

    fn one<'a>(&mut self, all: &[&'a str]) -> Result<&'a str> {
        self.from.choose(all).copied()
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\""))
}

/// Between more back-ticks than stand in it side by side.
fn back_ticked(text: &str) -> String {
    let text = text.trim_matches('`');
    format!("``{}``", text.replace("``", "`"))
}
