//! `context` and `session`: what is asked of the store for lines that were found, within the same scope.
//!
//! A *stream* is what one container writes to stdout or stderr; its lines came to the store in the order of their positions, so their seqs order them whatever
//! their times say. What was pushed has no container: there the instance is the stream.

use super::run::{Asked, RunError, all};
use super::{Line, Notes, ROWS_MAX};
use crate::plan::steps::Step;
use crate::time::DAY;
use martlog_formats::fields::{self, SESSION_FIELDS};
use martlog_indexer::row::Row;
use martlog_indexer::search::predicate::Stamp;
use martlog_indexer::search::{Field, Order, Predicate, SearchRequest, Test};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Lines whose surroundings are shown.
const FOUND_MAX: usize = 20;
/// Lines that are read beyond those asked for: lines whose times are out of the order of their positions stand among them.
const MARGIN: usize = 64;
/// Different ids that `session` looks for.
const IDS_MAX: usize = 50;

/// Lines of which the ids are looked for.
const LINES_MAX: usize = 1_000;

/// How many lines an expansion looks at; one more tells that there are more.
pub(super) const fn lines_max(expansion: &Step) -> usize {
    if matches!(expansion, Step::Context { .. }) { FOUND_MAX } else { LINES_MAX }
}

/// The lines around each, every line once, stream by stream.
pub(super) async fn context(
    asked: &Asked<'_>,
    lines: Vec<Line>,
    before: usize,
    after: usize,
    notes: &mut Notes,
) -> Result<Vec<Line>, RunError> {
    if lines.len() > FOUND_MAX {
        notes.truncate(format!("context shows what is around the first {FOUND_MAX} lines, and more were found: narrow the query"));
    }
    let mut shown: BTreeMap<(Stream, u64), Line> = BTreeMap::new();
    for line in lines.into_iter().take(FOUND_MAX) {
        for line in around(asked, line, before, after).await? {
            let key = (stream_of(&line.row), line.row.seq);
            // A line that was found says so, wherever else it comes along.
            if line.found || !shown.contains_key(&key) {
                shown.insert(key, line);
            }
        }
    }
    Ok(shown.into_values().collect())
}

type Stream = (Arc<str>, Arc<str>, Arc<str>, Arc<str>, u8);

/// What tells streams apart.
fn stream_of(row: &Row) -> Stream {
    let (owner, origin) = (&row.owner, &row.origin);
    // What was pushed has none of the others.
    let instance = if origin.pod_uid.is_empty() { owner.instance.clone() } else { "".into() };
    (owner.key.module.clone(), instance, origin.pod_uid.clone(), origin.container.clone(), origin.substream as u8)
}

/// A line with those before and behind it in its stream, by position.
pub(crate) async fn around(asked: &Asked<'_>, line: Line, before: usize, after: usize) -> Result<Vec<Line>, RunError> {
    let (stream, seq) = (stream_of(&line.row), line.row.seq);
    let mut lines = BTreeMap::new();
    for (order, wanted) in [(Order::NewestFirst, before), (Order::OldestFirst, after)] {
        if wanted > 0 {
            let (beside, _) = all(asked, beside(asked, &line.row, order, wanted)).await?;
            lines.extend(beside.into_iter().filter(|beside| stream_of(&beside.row) == stream).map(|beside| (beside.row.seq, beside)));
        }
    }
    lines.insert(seq, line);
    let first = lines.range(..seq).rev().take(before).last().map_or(seq, |(seq, _)| *seq);
    let last = lines.range(seq + 1..).take(after).last().map_or(seq, |(seq, _)| *seq);
    Ok(lines.into_iter().filter(|(seq, _)| (first..=last).contains(seq)).map(|(_, line)| line).collect())
}

/// The search for lines on one side of a line: a day is far enough for what stands beside it.
fn beside(asked: &Asked<'_>, row: &Row, order: Order, wanted: usize) -> SearchRequest {
    SearchRequest {
        predicate: Arc::new(of_stream(row)),
        from_ns: row.record.time_ns.saturating_sub(DAY),
        to_ns: row.record.time_ns.saturating_add(DAY),
        order,
        after: Some(row.position()),
        ..asked.newest(wanted + MARGIN)
    }
}

fn of_stream(row: &Row) -> Predicate {
    let stamp = |stamp: Stamp, text: &str| Predicate::Field(Field::Stamp(stamp), Test::Equals(text.to_owned()));
    let (owner, origin) = (&row.owner, &row.origin);
    let mut all = vec![stamp(Stamp::Module, &owner.key.module)];
    if origin.pod.is_empty() {
        all.push(stamp(Stamp::Instance, &owner.instance));
    } else {
        all.push(stamp(Stamp::Pod, &origin.pod));
        all.push(stamp(Stamp::Container, &origin.container));
        all.push(stamp(Stamp::Stream, origin.substream.as_str()));
    }
    Predicate::And(all)
}

/// All lines with one of the ids that these lines have, oldest first.
pub(super) async fn session(asked: &Asked<'_>, lines: Vec<Line>, notes: &mut Notes) -> Result<Vec<Line>, RunError> {
    if lines.len() > LINES_MAX {
        notes.truncate(format!("session takes the ids of the first {LINES_MAX} lines, and more were found: narrow the query"));
    }
    let ids = ids_of(&lines);
    if ids.is_empty() {
        if !lines.is_empty() {
            notes.warn("W218", format!("none of the lines has an id of a session, call or request ({})", SESSION_FIELDS.join(", ")));
        }
        return Ok(lines);
    }
    if ids.len() > IDS_MAX {
        notes.truncate(format!("session looked for the first {IDS_MAX} of {} ids: narrow the query", ids.len()));
    }
    let named = |id: &str, name: &str| Predicate::Field(Field::Attribute(name.to_owned()), Test::Equals(id.to_owned()));
    let any = ids.iter().take(IDS_MAX).flat_map(|id| SESSION_FIELDS.iter().map(move |name| named(id, name))).collect();
    let request = SearchRequest { predicate: Arc::new(Predicate::Or(any)), order: Order::OldestFirst, ..asked.newest(ROWS_MAX) };
    let found: BTreeSet<(Arc<str>, u64)> = lines.iter().map(|line| (line.row.owner.key.module.clone(), line.row.seq)).collect();
    let (mut all, more) = all(asked, request).await?;
    if more {
        notes.truncate(format!("session shows the first {ROWS_MAX} lines of these ids, and there are more: narrow the time"));
    }
    for line in &mut all {
        line.found = found.contains(&(line.row.owner.key.module.clone(), line.row.seq));
    }
    Ok(all)
}

/// The ids of lines, in the order in which they come.
fn ids_of(lines: &[Line]) -> Vec<String> {
    let mut ids = Vec::new();
    let mut known = BTreeSet::new();
    for line in lines {
        for name in SESSION_FIELDS {
            fields::visit(&line.row.record.attributes, name, |scalar| {
                let id = fields::normalise_id(name, scalar.text()).into_owned();
                if scalar.exists() && !id.is_empty() && known.insert(id.clone()) {
                    ids.push(id);
                }
            });
        }
    }
    ids
}
