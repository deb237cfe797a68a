//! Whether an answer is what it should be: nothing of others in it, the same as the twin's, and what the oracle found.

use crate::ask::Request;
use crate::site::{Site, number};
use crate::world::{Grant, World};
use serde_json::Value;
use std::collections::HashSet;

/// What an endpoint answered, all pages of it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names and values.
    pub(crate) headers: String,
    pub(crate) is_json: bool,
    pub(crate) text: String,
}

/// What was found wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Foreign,
    Different,
    Oracle,
}

pub(crate) struct Judge<'w> {
    pub(crate) world: &'w World,
    pub(crate) grant: &'w Grant,
    pub(crate) foreign: HashSet<String>,
}

impl Judge<'_> {
    /// The first name or line of others in an answer of the big server that the request did not name.
    pub(crate) fn foreign(&self, request: &Request, answer: &Answer, big: &Site) -> Option<String> {
        let asked = request.text();
        let asked: HashSet<&str> = names(&asked).collect();
        // Ids go by their lines: they have the name of a module in them.
        let (text, lines) = big.without_ids(&format!("{}\n{}", answer.headers, without_own_query(request, answer)));
        let name =
            names(&text).find(|name| self.foreign.contains(*name) && !asked.contains(name) && !is_echo(name, &asked)).map(str::to_owned);
        let of_others =
            |n: &usize| !self.world.sees(self.grant, &self.world.lines[*n]) && !request.text().contains(&format!("{{row:{n}}}"));
        name.or_else(|| lines.into_iter().find(of_others).map(|n| format!("the id of line {n}")))
    }

    /// The two answers as they are compared, where they differ.
    pub(crate) fn different(
        &self,
        request: &Request,
        (one, on_big): (&Answer, &Site),
        (other, on_twin): (&Answer, &Site),
    ) -> Option<String> {
        let (one, other) = (comparable(request, one, on_big), comparable(request, other, on_twin));
        (one != other).then(|| {
            let at = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count().saturating_sub(150);
            let piece = |text: &str| String::from_utf8_lossy(&text.as_bytes()[at.min(text.len())..text.len().min(at + 500)]).into_owned();
            format!("big:  …{}\ntwin: …{}", piece(&one), piece(&other))
        })
    }

    /// Which lines the answer should have had.
    pub(crate) fn oracle(&self, request: &Request, answer: &Answer) -> Option<String> {
        let (filter, from, to) = request.plain.as_ref()?;
        let expected = filter.finds(self.world, self.grant, *from, *to);
        let found = numbers(&answer.text);
        (found != expected).then(|| format!("found {found:?}\nexpected {expected:?}"))
    }
}

/// The lines of a search's answer, lowest first.
pub(crate) fn numbers(text: &str) -> Vec<usize> {
    let rows = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut numbers: Vec<usize> = rows.filter_map(|line| number(line["row"]["message"].as_str()?)).collect();
    numbers.sort_unstable();
    numbers
}

/// A manifest repeats the query of an export before, which may name anybody; that it is the token's own one is what the twin is for.
fn without_own_query(request: &Request, answer: &Answer) -> String {
    match serde_json::from_str::<Value>(&answer.text) {
        Ok(mut told) if request.name == "exports" && told["manifest"].is_object() => {
            told["manifest"]["query"] = Value::Null;
            told.to_string()
        }
        _ => answer.text.clone(),
    }
}

/// The names in a text, whole.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')).filter(|name| !name.is_empty())
}

/// Whether a name is a part of one that was asked for: in `module:-x` a message may repeat it without the sign.
fn is_echo(name: &str, asked: &HashSet<&str>) -> bool {
    asked.iter().any(|asked| asked.trim_matches(['-', '_']) == name)
}

/// An answer without what differs from server to server and from moment to moment.
fn comparable(request: &Request, answer: &Answer, site: &Site) -> String {
    let asks_ids = request.text().contains("{row:");
    let line = |line: &str| match serde_json::from_str::<Value>(line) {
        Ok(value) if value.get("progress").is_some() => None,
        Ok(mut value) => {
            if request.name == "loki" {
                of_loki(&mut value);
            }
            steady(&mut value, asks_ids);
            Some(site.without_ids(&value.to_string()).0)
        }
        Err(_) => Some(site.without_ids(line).0),
    };
    let mut lines: Vec<String> =
        if answer.is_json { answer.text.lines().filter_map(line).collect() } else { vec![site.without_ids(&answer.text).0] };
    // In the order of arrival, which is another one where there are more pods.
    if request.name == "tail" {
        lines.sort_unstable();
    }
    format!("{} {}", answer.status, lines.join("\n"))
}

/// An answer in Loki's form without what it took, how complete it is, and the digits of times that say which line of its module one is; in an order of its own.
fn of_loki(value: &mut Value) {
    const MILLISECOND: i64 = 1_000_000;
    value.as_object_mut().into_iter().for_each(|answer| drop(answer.remove("warnings")));
    let Some(data) = value.get_mut("data").and_then(Value::as_object_mut) else { return };
    data.remove("stats");
    let Some(result) = data.get_mut("result").and_then(Value::as_array_mut) else { return };
    for values in result.iter_mut().filter_map(|stream| stream.get_mut("values").and_then(Value::as_array_mut)) {
        for line in values.iter_mut() {
            if let Some(ns) = line[0].as_str().and_then(|ns| ns.parse::<i64>().ok()) {
                line[0] = Value::from(ns / MILLISECOND);
            }
        }
        values.sort_by_key(Value::to_string);
    }
    result.sort_by_key(Value::to_string);
}

/// Times of processing, secrets and costs out of an answer.
fn steady(value: &mut Value, asks_ids: bool) {
    // Of the exports' manifest, `bytes` and `sha256` have ids in them.
    const MOVING: [&str; 24] = [
        "cost",
        "elapsed_ms",
        "request_id",
        "until",
        "behind_seconds",
        "arrived",
        "late_seconds",
        "created_at",
        "expires_at",
        "token",
        "last_opened",
        "opened",
        "as_of",
        "sha256",
        "bytes",
        "export",
        "fingerprint",
        "rows_per_second",
        "last_used_at",
        "first_seen",
        "last_seen",
        "made_at",
        "at_ns",
        "since",
    ];
    match value {
        Value::Object(members) => {
            if members.get("source").is_some_and(|source| source["cluster"] == "ingest") {
                members.remove("read");
            }
            // Excerpts and exports have a random id; lines have one with strokes.
            if members.get("id").and_then(Value::as_str).is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
            {
                members.remove("id");
            }
            // Of a node, when it was heard last.
            if members.contains_key("silent_seconds") {
                ["heard", "silent_seconds", "state"].iter().for_each(|name| drop(members.remove(*name)));
            }
            MOVING.iter().for_each(|name| drop(members.remove(*name)));
            if asks_ids {
                ["span", "replace"].iter().for_each(|name| drop(members.remove(*name)));
                // A long clause is cut where an id of another length leaves it.
                if members.get("text").and_then(Value::as_str).is_some_and(|text| text.ends_with('…')) {
                    members.remove("text");
                }
            }
            if let Some(cursor) = members.get_mut("cursor") {
                *cursor = Value::Bool(!cursor.is_null());
            }
            members.values_mut().for_each(|member| steady(member, asks_ids));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| steady(item, asks_ids)),
        _ => {}
    }
}
