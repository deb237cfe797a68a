//! Log queries: streams of lines, the newest or the oldest first.
//!
//! Lines are taken as the store gives them and put into the order of their own times ([`super::entry`]), which differ within a millisecond at most: so the lines of one millisecond are gathered before they
//! count, of more than are wanted the first ones only. Invariant: an answer that is cut, by its limit or its size, has the first lines in its order and no hole, so whoever asks on from its last time misses none.

use super::answer::{self, Cost, Told, failed};
use super::ask::{Asked, Bounds};
use super::entry::{self, Labels};
use super::{Answered, Ask, Refusal, bad, search_place};
use crate::http::record;
use crate::http::stats::run_problem;
use crate::logql::LogQuery;
use crate::logql::translate::{Names, Shown};
use crate::pipes::{self, BYTES_MAX, Flow, READ_MAX, Through};
use martlog_indexer::audit::Action;
use martlog_indexer::row::{Owner, Row};
use martlog_indexer::search::{Order, SearchRequest};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// What a line takes besides its texts, bytes, about.
const ENTRY_BYTES: usize = 200;

/// A line of the answer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) owner: Arc<Owner>,
    pub(super) time_ns: i64,
    pub(super) stream: Labels,
    pub(super) beside: Labels,
    pub(super) text: String,
}

impl Entry {
    /// Of a line.
    pub(super) fn new(row: Row, names: &Names, shown: &Shown) -> Self {
        let time_ns = entry::time_of(row.record.time_ns, row.seq);
        let (stream, beside) = (entry::stream(&row, shown), entry::beside(&row, names, shown));
        Self { owner: row.owner, time_ns, stream, beside, text: row.record.message }
    }

    /// What it takes, bytes, about.
    fn bytes(&self) -> usize {
        let of = |labels: &Labels| labels.iter().map(|(name, value)| name.len() + value.len() + 16).sum::<usize>();
        ENTRY_BYTES + self.text.len() + of(&self.stream) + of(&self.beside)
    }
}

/// What goes before what: its time in the order asked for, then its module and number.
type Rank = (i64, Arc<str>, u64);

/// Gathers lines in their order.
#[derive(Debug)]
pub(super) struct Gather {
    through: Through,
    names: Names,
    shown: Shown,
    bounds: Bounds,
    forward: bool,
    limit: usize,
    millisecond: Option<i64>,
    /// Of the millisecond that is read.
    pending: BTreeMap<Rank, Entry>,
    taken: Vec<Entry>,
    bytes: usize,
    /// Lines that were looked at, and their bytes.
    cost: Cost,
    /// The answer would have been too large.
    cut: bool,
}

impl Gather {
    pub(super) fn new(asked: &Asked, bounds: Bounds, forward: bool, limit: usize) -> Self {
        Self {
            through: Through::new(&asked.plan.steps),
            names: asked.translated.names.clone(),
            shown: asked.translated.shown.clone(),
            bounds,
            forward,
            limit,
            millisecond: None,
            pending: BTreeMap::new(),
            taken: Vec::new(),
            bytes: 0,
            cost: Cost::default(),
            cut: false,
        }
    }

    /// Takes the next line of the store.
    pub(super) fn take(&mut self, row: Row) -> Flow {
        self.cost.lines += 1;
        self.cost.bytes += row.record.message.len() as u64;
        let millisecond = entry::millisecond(row.record.time_ns);
        if self.millisecond.replace(millisecond).is_some_and(|before| before != millisecond) {
            self.settle();
            if self.taken.len() >= self.limit {
                return Flow::Enough;
            }
        }
        let time_ns = entry::time_of(row.record.time_ns, row.seq);
        if !(self.bounds.start_ns..self.bounds.end_ns).contains(&time_ns) {
            return Flow::More;
        }
        let Some(row) = self.through.line(row) else { return Flow::More };
        let rank = (if self.forward { time_ns } else { -time_ns }, row.owner.key.module.clone(), row.seq);
        let full = self.taken.len() + self.pending.len() >= self.limit;
        if full && self.pending.last_key_value().is_some_and(|(last, _)| *last < rank) {
            return Flow::More;
        }
        let entry = Entry::new(row, &self.names, &self.shown);
        self.bytes += entry.bytes();
        self.pending.insert(rank, entry);
        if full {
            self.drop_last();
        }
        while self.bytes > BYTES_MAX && self.taken.len() + self.pending.len() > 1 {
            self.cut = true;
            self.drop_last();
            self.limit = self.taken.len() + self.pending.len();
        }
        Flow::More
    }

    fn drop_last(&mut self) {
        if let Some((_, last)) = self.pending.pop_last() {
            self.bytes -= last.bytes();
        }
    }

    fn settle(&mut self) {
        self.taken.extend(std::mem::take(&mut self.pending).into_values());
    }

    /// The lines, in their order.
    pub(super) fn finish(mut self) -> (Vec<Entry>, Cost, bool) {
        self.settle();
        self.taken.truncate(self.limit);
        self.cost.returned = self.taken.len();
        (self.taken, self.cost, self.cut)
    }
}

/// Lines of a range of time.
pub(super) async fn lines(ask: &Ask, of: &LogQuery) -> Answered {
    let began = Instant::now();
    let (bounds, limit, forward) = (ask.bounds()?, ask.limit()?, is_forward(ask)?);
    let _place = search_place(ask)?;
    let (from_ns, to_ns) = entry::stored(bounds.start_ns, bounds.end_ns);
    let asked = ask.planned(of, None, from_ns, to_ns).await?;
    let mut warnings = answer::warnings(ask, bounds.start_ns, bounds.end_ns).await;
    let mut open = record::begin(&ask.app, &ask.scope, &ask.asker, Action::Search, &asked.translated.query, &asked.plan);
    let gather = Gather::new(&asked, bounds, forward, limit);
    let (gather, more) = gathered(ask, &asked, gather, None, began).await.map_err(|refusal| failed(&mut open, refusal))?;
    let (entries, cost, cut) = gather.finish();
    if more && cost.returned < limit {
        warnings.push(format!("{READ_MAX} lines were read, and there are more: narrow the query or the time"));
    }
    if cut {
        warnings.push(format!(
            "the answer ends after {} lines, since it is large: ask on from its last time, or for fewer lines",
            cost.returned
        ));
    }
    entries.iter().for_each(|entry| open.row(&entry.owner, entry.text.len()));
    let categorized = is_categorized(ask);
    let result = streams(entries, categorized);
    answer::result(open, Told { kind: "streams", result, warnings, cost, began, categorized }, None)
}

/// Reads lines from the store, as they were at a moment or as they are, until there are enough; whether there are more than are read.
pub(super) async fn gathered(
    ask: &Ask,
    asked: &Asked,
    gather: Gather,
    as_of_ns: Option<i64>,
    began: Instant,
) -> Result<(Gather, bool), Refusal> {
    let deadline = began + ask.app.limits.deadline;
    let store = pipes::Asked::new(&ask.app.indexer, &ask.scope, &asked.plan, deadline);
    let order = if gather.forward { Order::OldestFirst } else { Order::NewestFirst };
    let request = SearchRequest { order, as_of_ns, ..store.newest(READ_MAX) };
    let read = pipes::each(&store, request, gather, |gather, row| Ok(gather.take(row))).await;
    read.map_err(|error| run_problem(&error).into())
}

fn is_forward(ask: &Ask) -> Result<bool, Refusal> {
    match ask.get("direction").map(str::to_ascii_lowercase).as_deref() {
        None | Some("backward") => Ok(false),
        Some("forward") => Ok(true),
        Some(other) => Err(bad(format!("invalid direction '{other}'"))),
    }
}

/// Whether the reader wants what stands beside a line apart from the labels of its stream.
pub(super) fn is_categorized(ask: &Ask) -> bool {
    let flags = ask.headers.get("x-loki-response-encoding-flags").and_then(|flags| flags.to_str().ok()).unwrap_or_default();
    flags.split(',').any(|flag| flag.trim() == "categorize-labels")
}

/// Lines as streams, in the order in which each has its first line.
pub(super) fn streams(entries: Vec<Entry>, categorized: bool) -> Value {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut streams: Vec<(Labels, Vec<Value>)> = Vec::new();
    for Entry { time_ns, mut stream, beside, text, .. } in entries {
        let value = if categorized {
            let beside = if beside.is_empty() { json!({}) } else { json!({"structuredMetadata": beside}) };
            json!([time_ns.to_string(), text, beside])
        } else {
            for (name, value) in beside {
                stream.entry(name).or_insert(value);
            }
            json!([time_ns.to_string(), text])
        };
        let next = streams.len();
        let place = *places.entry(stream).or_insert_with_key(|stream| {
            streams.push((stream.clone(), Vec::new()));
            next
        });
        if let Some((_, values)) = streams.get_mut(place) {
            values.push(value);
        }
    }
    let told = |(stream, values): (Labels, Vec<Value>)| {
        Value::Object(Map::from_iter([("stream".to_owned(), json!(stream)), ("values".to_owned(), Value::Array(values))]))
    };
    Value::Array(streams.into_iter().map(told).collect())
}
