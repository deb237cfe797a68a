//! Why a search found nothing, as lines for a terminal: the sentence, what to type instead, and below it what that is drawn from.

use super::render::{clean, time_ms};
use serde::Deserialize;
use std::fmt::Write as _;

/// Instances that are named; of more the number is told.
const INSTANCES_SHOWN: usize = 5;

/// What the server says; what is absent was not said.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Why {
    message: String,
    fix: Option<Fix>,
    clauses: Vec<ClauseAlone>,
    before: Option<Hit>,
    after: Option<Hit>,
    scope: Scope,
    newest: Option<Hit>,
    quarantine: Option<Count>,
    unfinished: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fix {
    query: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ClauseAlone {
    text: String,
    alone: Count,
    without: Option<Count>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Count {
    lines: u64,
    exact: bool,
}

#[derive(Debug, Deserialize)]
struct Hit {
    time: String,
    id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Scope {
    quarantine: bool,
    instances: Vec<String>,
    instances_total: usize,
    lines: Count,
}

impl Why {
    /// Begins with a line end, since it stands below what was found.
    pub(super) fn sentence(&self) -> String {
        let mut text = format!("\nwhy: {}", clean(&self.message));
        if let Some(fix) = &self.fix {
            let query = fix.query.iter().map(|query| format!(" {}", quoted(query)));
            let ends = [("--from", &fix.from), ("--to", &fix.to)];
            let ends = ends.into_iter().filter_map(|(flag, end)| Some(format!(" {flag} {}", clean(end.as_deref()?))));
            text.extend(std::iter::once("\ntry:".to_owned()).chain(query).chain(ends));
        }
        let mut table: Vec<(String, String)> = self.clauses.iter().map(ClauseAlone::line).collect();
        table.push(("searched".to_owned(), self.scope.line()));
        for (name, hit) in [("nearest before", &self.before), ("nearest after", &self.after), ("newest line", &self.newest)] {
            table.extend(hit.as_ref().map(|hit| (name.to_owned(), format!("{}  {}", time_ms(&hit.time), clean(&hit.id)))));
        }
        table.extend(self.quarantine.filter(|count| count.lines > 0).map(|count| ("quarantine".to_owned(), count.words())));
        let width = table.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).min(40);
        for (name, value) in table {
            let _ = write!(text, "\n  {name:<width$}  {value}");
        }
        if !self.unfinished.is_empty() {
            let _ = write!(text, "\n  not found out in time: {}", clean(&self.unfinished.join(", ")));
        }
        text
    }
}

impl ClauseAlone {
    fn line(&self) -> (String, String) {
        let without = self.without.map_or_else(String::new, |count| format!(", the others without it {}", count.words()));
        (clean(&self.text).replace('\n', " "), format!("{} alone{without}", self.alone.words()))
    }
}

impl Scope {
    fn line(&self) -> String {
        if self.quarantine {
            return format!("the quarantine: {} in the range", self.lines.words());
        }
        let named: Vec<String> = self.instances.iter().take(INSTANCES_SHOWN).map(|name| clean(name)).collect();
        let more = if self.instances_total > named.len() { ", …" } else { "" };
        let names = if named.is_empty() { String::new() } else { format!(" ({}{more})", named.join(", ")) };
        format!("{} instance(s){names}: {} in the range", self.instances_total, self.lines.words())
    }
}

impl Count {
    fn words(self) -> String {
        format!("{}{} line(s)", if self.exact { "" } else { "at least " }, self.lines)
    }
}

/// For a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", clean(text).replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_stands_first_and_what_it_is_drawn_from_below() {
        let why: Why = serde_json::from_str(
            r#"{"code":"drop_clause","message":"without level:error there are 20 lines","fix":{"query":"csp:434 it's","from":"2026-11-22T10:00:00Z"},
                "clauses":[{"text":"csp:434","span":{},"alone":{"lines":20,"exact":true},"without":{"lines":0,"exact":true}},
                           {"text":"level:error\u001b[31m","span":{},"alone":{"lines":7,"exact":false}}],
                "before":{"time":"2026-11-22T10:00:00Z","id":"sms/1/7"},"after":null,"newest":null,
                "scope":{"quarantine":false,"instances":["sms-434"],"instances_total":1,"lines":{"lines":20,"exact":true}},"unfinished":["after"]}"#,
        )
        .unwrap();
        let expected = "
why: without level:error there are 20 lines
try: 'csp:434 it'\\''s' --from 2026-11-22T10:00:00Z
  csp:434         20 line(s) alone, the others without it 0 line(s)
  level:error     at least 7 line(s) alone
  searched        1 instance(s) (sms-434): 20 line(s) in the range
  nearest before  2026-11-22T10:00:00.000Z  sms/1/7
  not found out in time: after";
        assert_eq!(why.sentence(), expected);
    }
}
