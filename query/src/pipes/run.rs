//! Running the steps of a query: where rows come from, through which operators they go, and what is asked of the store in between.

use super::{BYTES_MAX, Cell, Chain, Flow, Item, Line, Notes, READ_MAX, Taken, TooMuch, expand, fast};
use crate::plan::Plan;
use crate::plan::steps::Step;
use martlog_indexer::Indexer;
use martlog_indexer::registry::Scope;
use martlog_indexer::row::Row;
use martlog_indexer::search::request::SearchError;
use martlog_indexer::search::{Event, Events, Order, SearchRequest};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Who asks what, until when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The store.
    pub(crate) indexer: &'a Indexer,
    /// Within what.
    pub(crate) scope: &'a Scope,
    /// What.
    pub(crate) plan: &'a Plan,
    /// How many lines were read for it so far, for whoever wants to know meanwhile.
    pub(crate) read: Option<&'a Arc<AtomicU64>>,
    /// When to give up.
    pub(crate) deadline: Instant,
}

impl<'a> Asked<'a> {
    /// This, of nobody who wants to know how far it is.
    pub(crate) const fn new(indexer: &'a Indexer, scope: &'a Scope, plan: &'a Plan, deadline: Instant) -> Self {
        Self { indexer, scope, plan, read: None, deadline }
    }

    /// The newest lines of the plan, without its pipes, as they are there now.
    pub(crate) fn newest(&self, limit: usize) -> SearchRequest {
        let plan = self.plan;
        SearchRequest {
            predicate: plan.predicate.clone(),
            from_ns: plan.range.from_ns,
            to_ns: plan.range.to_ns,
            order: Order::NewestFirst,
            limit,
            after: None,
            as_of_ns: None,
            count: false,
            quarantine: plan.quarantine,
            deadline: self.deadline,
        }
    }
}

/// What came out.
#[derive(Debug)]
pub(crate) struct Table {
    /// The names of the columns.
    pub(crate) columns: Vec<String>,
    /// The rows.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What the reader should know.
    pub(crate) notes: Notes,
}

/// Why nothing came out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The store.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// A bound.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
}

/// Runs a query with pipes.
pub(crate) async fn run(asked: Asked<'_>) -> Result<Table, RunError> {
    let mut notes = Notes::default();
    let mut steps = asked.plan.steps.steps.as_slice();
    let mut source = None;
    if let Some((Step::Group(grouping), rest)) = steps.split_first()
        && let Some(groups) = fast::groups(&asked, grouping, &mut notes).await
    {
        source = Some(groups?);
        steps = rest;
    }
    loop {
        let cut = steps.iter().position(|step| matches!(step, Step::Context { .. } | Step::Session)).unwrap_or(steps.len());
        let (now, behind) = steps.split_at(cut);
        let mut chain = Chain::new(now, asked.indexer.store().epoch());
        if let Some(expansion) = behind.first() {
            chain.at_most(expand::lines_max(expansion) + 1);
        }
        let (items, told) = match source.take() {
            Some(items) => pass(chain, items).await?,
            None => read(&asked, chain).await?,
        };
        add(&mut notes, told);
        let Some((expansion, rest)) = behind.split_first() else {
            let cells = |item| if let Item::Cells(cells) = item { Some(cells) } else { None };
            let rows = items.into_iter().filter_map(cells).collect();
            return Ok(Table { columns: asked.plan.steps.columns.clone(), rows, notes });
        };
        let lines = items.into_iter().filter_map(|item| if let Item::Line(line) = item { Some(*line) } else { None }).collect();
        let lines: Vec<Line> = match expansion {
            Step::Context { before, after } => expand::context(&asked, lines, *before, *after, &mut notes).await?,
            _ => expand::session(&asked, lines, &mut notes).await?,
        };
        source = Some(lines.into_iter().map(|line| Item::Line(Box::new(line))).collect());
        steps = rest;
    }
}

fn add(notes: &mut Notes, told: Notes) {
    told.warnings.into_iter().for_each(|(code, sentence)| notes.warn(code, sentence));
    notes.approximate.extend(told.approximate);
    notes.truncated |= told.truncated;
    notes.rows_read += told.rows_read;
}

/// Lets rows that are there through the operators, off the reactor.
async fn pass(mut chain: Chain, items: Vec<Item>) -> Result<(Vec<Item>, Notes), RunError> {
    let work = tokio::task::spawn_blocking(move || {
        for item in items {
            if chain.push(item)? == Flow::Enough {
                break;
            }
        }
        Ok(chain.finish()?)
    });
    work.await.unwrap_or_else(|_| Err(broke_off()))
}

/// Reads rows from the store through the operators, newest first, until they have enough.
async fn read(asked: &Asked<'_>, chain: Chain) -> Result<(Vec<Item>, Notes), RunError> {
    let request = asked.newest(READ_MAX);
    let take = |chain: &mut Chain, row: Row| {
        chain.notes.rows_read += 1;
        chain.push(Item::Line(Box::new(Line { row, found: true })))
    };
    let (mut chain, more) = each(asked, request, chain, take).await?;
    if more {
        chain.notes.truncate(format!("the newest {READ_MAX} lines were read, and more match: narrow the query or the time"));
    }
    tokio::task::spawn_blocking(move || Ok(chain.finish()?)).await.unwrap_or_else(|_| Err(broke_off()))
}

/// Takes the rows of a search one by one, off the reactor, until enough have come; whether the search found more than it sent.
pub(crate) async fn each<T: Send + 'static>(
    asked: &Asked<'_>,
    request: SearchRequest,
    state: T,
    take: impl FnMut(&mut T, Row) -> Taken + Send + 'static,
) -> Result<(T, bool), RunError> {
    let events = asked.indexer.search(asked.scope, request);
    // A reader who goes away drops this future: the guard stops the work, and with it the search.
    let stopped = CancellationToken::new();
    let _guard = stopped.clone().drop_guard();
    let read = asked.read.cloned().unwrap_or_default();
    let work = tokio::task::spawn_blocking(move || blocking(events, state, take, &read, &stopped));
    work.await.unwrap_or_else(|_| Err(broke_off()))
}

fn blocking<T>(
    mut events: Events,
    mut state: T,
    mut take: impl FnMut(&mut T, Row) -> Taken,
    read: &AtomicU64,
    stopped: &CancellationToken,
) -> Result<(T, bool), RunError> {
    while !stopped.is_cancelled() {
        match events.blocking_recv() {
            Some(Event::Row(row)) => {
                read.fetch_add(1, Relaxed);
                if take(&mut state, *row)? == Flow::Enough {
                    return Ok((state, false));
                }
            }
            Some(Event::Progress { .. }) => {}
            Some(Event::Summary(summary)) => return Ok((state, summary.more)),
            Some(Event::Error(error)) => return Err(error.into()),
            None => break,
        }
    }
    Err(broke_off())
}

fn broke_off() -> RunError {
    SearchError::Store("the search broke off: please report it".to_owned()).into()
}

/// The rows of one search, and whether there are more: `limit` of them at most, and no more than [`BYTES_MAX`].
pub(super) async fn all(asked: &Asked<'_>, request: SearchRequest) -> Result<(Vec<Line>, bool), RunError> {
    let take = |(lines, bytes): &mut (Vec<Item>, usize), row: Row| {
        let item = Item::Line(Box::new(Line { row, found: false }));
        *bytes += item.bytes();
        let full = *bytes > BYTES_MAX && !lines.is_empty();
        if !full {
            lines.push(item);
        }
        Ok(if full { Flow::Enough } else { Flow::More })
    };
    let ((items, bytes), more) = each(asked, request, (Vec::new(), 0), take).await?;
    let line = |item| if let Item::Line(line) = item { Some(*line) } else { None };
    Ok((items.into_iter().filter_map(line).collect(), more || bytes > BYTES_MAX))
}
