//! `POST /api/v1/search`: rows as they are found, one JSON object a line, then one summary or one error.
//!
//! Without a summary the answer is incomplete: a client that sees none must not take the rows for all. The answer's stream owns the store's receiver
//! and the search's place; a reader that goes away drops both.

use super::complete::Complete;
use super::cursor::{SearchCursor, binding};
use super::errors::{members, search_problem};
use super::told::Note;
use super::why::{self, Question, Why};
use super::{App, Place, body, complete, planned_filter, private, record, row, setting, warnings};
use crate::time::rfc3339;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::stream;
use martlog_indexer::audit::{Action, Asker, Ended, Open};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::{Problem, ProblemBody};
use martlog_indexer::registry::Scope;
use martlog_indexer::row::Position;
use martlog_indexer::search::request::SearchError;
use martlog_indexer::search::{Event, Events, Order, SearchRequest, Summary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::{Duration, Instant};

/// Rows of an answer that does not say how many it wants.
const LIMIT: usize = 100;
/// Rows of an answer at most; more are asked for page by page.
const LIMIT_MAX: usize = 10_000;
/// A piece of the answer is sent when it has so many bytes: many small ones cost more than they bring.
const PIECE_BYTES: usize = 64 << 10;
/// How long after its deadline a search may still tell that it met it.
const GRACE: Duration = Duration::from_secs(5);

/// The body of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Search")]
pub(super) struct SearchBody {
    /// In the language; all lines without it.
    #[serde(default)]
    query: String,
    /// The first time: RFC 3339, `-1h`, `now`, a date; 24 hours ago without it.
    from: Option<String>,
    /// The time behind the last one; without it up to now.
    to: Option<String>,
    /// Rows at most: 100 without it, at most 10,000.
    limit: Option<usize>,
    /// The newest or the oldest first.
    #[serde(default)]
    order: OrderWord,
    /// Of the summary before, for the next page.
    cursor: Option<String>,
    /// Count every match, also beyond the limit.
    #[serde(default)]
    count: bool,
    /// Say why, when nothing matches.
    #[serde(default = "yes")]
    explain: bool,
}

const fn yes() -> bool {
    true
}

/// The order as clients write it.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Order")]
pub(super) enum OrderWord {
    #[default]
    #[serde(alias = "newest_first")]
    Newest,
    #[serde(alias = "oldest_first")]
    Oldest,
}

impl OrderWord {
    pub(super) const fn order(self) -> Order {
        match self {
            Self::Newest => Order::NewestFirst,
            Self::Oldest => Order::OldestFirst,
        }
    }
}

/// A line of the answer: one of these.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "the document alone reads it; lines are written as they come")]
pub(super) enum SearchLine {
    /// A row that matches.
    Row(row::RowTold),
    /// How far the search is.
    Progress {
        /// Rows looked at so far.
        scanned: u64,
        /// The share of what is to be looked at, 0 to 1.
        share: f64,
    },
    /// It did not come to its end; the last line.
    Error(ProblemBody),
    /// The end; without it the answer is incomplete.
    Summary(SearchSummary),
}

/// What was found, and how complete that is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SearchSummary {
    /// Rows that match, as far as they were looked for.
    matched: u64,
    /// Whether these are all.
    exact: bool,
    /// Rows in this answer.
    returned: u64,
    /// For the next page; null where there is none.
    cursor: Option<String>,
    /// The range that was searched.
    from: String,
    /// Its end.
    to: String,
    complete: Complete,
    warnings: Vec<Note>,
    cost: SearchCost,
    /// Why nothing was found; only then, and only on a first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
}

/// What a search took.
#[derive(Debug, Serialize, JsonSchema)]
struct SearchCost {
    /// Wall time.
    elapsed_ms: u64,
    /// Rows that the filter was evaluated on.
    rows_scanned: u64,
    /// Splits that were opened.
    splits: u64,
    /// Splits that were left out.
    splits_pruned: u64,
}

/// What is known before the first row is found.
struct Prepared {
    request: SearchRequest,
    binding: u64,
    warnings: Vec<Note>,
    open: Open,
    /// What is asked when nothing matches.
    question: Option<Box<Question>>,
}

pub(super) async fn search(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: SearchBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let place = app.search_place(&scope)?;
    let prepared = prepare(&app, &scope, &asker, &body).await?;
    // Asked before the search, so that it never promises more than the rows hold.
    let complete = complete::complete(&app.indexer.completeness(&scope).await, prepared.request.from_ns);
    let answer = Answer {
        epoch: app.indexer.store().epoch(),
        deadline: prepared.request.deadline + GRACE,
        from_ns: prepared.request.from_ns,
        to_ns: prepared.request.to_ns,
        binding: prepared.binding,
        warnings: prepared.warnings,
        complete,
        open: prepared.open,
        last: None,
        question: prepared.question,
        unexplained: None,
        events: app.indexer.search(&scope, prepared.request),
        done: false,
        _place: place,
    };
    let pieces = stream::unfold(answer, |mut answer| async move {
        answer.next_piece().await.map(|piece| (Ok::<_, std::convert::Infallible>(piece), answer))
    });
    Ok(private(Response::new(Body::from_stream(pieces)), "application/x-ndjson"))
}

async fn prepare(app: &App, scope: &Scope, asker: &Asker, body: &SearchBody) -> Result<Prepared, Problem> {
    let limit = body.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("\"limit\" is {limit}; it can be 1 to {LIMIT_MAX}; further rows are asked for with the cursor of the summary");
        return Err(Problem::new(400, "bad_limit", "The limit is out of range", detail));
    }
    let setting = setting(app, scope, body.from.as_deref(), body.to.as_deref())?;
    let plan = planned_filter(&body.query, setting).await?;
    let mut warnings = warnings(&plan, &body.query);
    warnings.extend(disk_warning(app, scope));
    let order = body.order.order();
    let binding = binding(&plan.canonical, order, scope);
    let cursor = body.cursor.as_deref().map(|text| SearchCursor::decode(text, binding)).transpose()?;
    let range = cursor.as_ref().map_or(plan.range, SearchCursor::range);
    let open = record::begin(app, scope, asker, Action::Search, &body.query, &plan);
    let request = SearchRequest {
        predicate: plan.predicate.clone(),
        from_ns: range.from_ns,
        to_ns: range.to_ns,
        order,
        limit,
        as_of_ns: cursor.as_ref().map(|cursor| cursor.as_of_ns),
        after: cursor.map(|cursor| cursor.after),
        count: body.count,
        quarantine: plan.quarantine,
        deadline: Instant::now() + app.limits.deadline,
    };
    // A further page is there because the first one found something.
    let asked = || Question { indexer: app.indexer.clone(), scope: scope.clone(), plan, query: body.query.clone() };
    let question = (body.explain && body.cursor.is_none()).then(|| Box::new(asked()));
    Ok(Prepared { request, binding, warnings, open, question })
}

/// For staff alone, who can do something about it: the newest lines are still on their nodes. Everybody else reads in `complete` how far behind that is.
fn disk_warning(app: &App, scope: &Scope) -> Option<Note> {
    let room = app.indexer.room();
    (scope.is_staff() && room.low).then(|| Note::new("W213", room.reason()))
}

/// An answer under way.
struct Answer {
    events: Events,
    epoch: u64,
    deadline: Instant,
    from_ns: i64,
    to_ns: i64,
    binding: u64,
    warnings: Vec<Note>,
    complete: Complete,
    open: Open,
    last: Option<Position>,
    question: Option<Box<Question>>,
    /// The summary of a search that found nothing, until the reason is found.
    unexplained: Option<Summary>,
    done: bool,
    _place: Place,
}

impl Answer {
    /// The next lines; `None` behind the last one.
    async fn next_piece(&mut self) -> Option<Bytes> {
        if self.done {
            return None;
        }
        let mut piece = Vec::new();
        while piece.is_empty() {
            self.take_events(&mut piece).await;
        }
        Some(piece.into())
    }

    async fn take_events(&mut self, piece: &mut Vec<u8>) {
        let first = match tokio::time::timeout_at(self.deadline.into(), self.events.recv()).await {
            Ok(Some(event)) => event,
            Ok(None) => Event::Error(SearchError::Store("the search ended without a summary".to_owned())),
            Err(_) => Event::Error(SearchError::Deadline),
        };
        self.line(piece, first);
        // Others that are here already go with it.
        while !self.done
            && piece.len() < PIECE_BYTES
            && let Some(event) = self.events.try_recv()
        {
            self.line(piece, event);
        }
        if let (Some(summary), Some(question)) = (self.unexplained.take(), self.question.take()) {
            let why = why::why(&question).await;
            self.end(piece, &summary, Some(why));
        }
    }

    /// Writes the summary, the last line.
    fn end(&mut self, piece: &mut Vec<u8>, summary: &Summary, why: Option<Why>) {
        self.done = true;
        self.open.finish(Ended::Complete);
        let told = self.summary(summary, why);
        piece.extend(json!({"summary": told}).to_string().as_bytes());
        piece.push(b'\n');
    }

    fn line(&mut self, piece: &mut Vec<u8>, event: Event) {
        match event {
            Event::Row(found) => {
                let before = piece.len();
                piece.extend(b"{\"row\":");
                row::write(piece, &found, self.epoch);
                piece.extend(b"}");
                self.open.row(&found.owner, piece.len() - before);
                self.last = Some(found.position());
            }
            Event::Progress { scanned, share } => {
                piece.extend(json!({"progress": {"scanned": scanned, "share": share}}).to_string().as_bytes())
            }
            Event::Summary(summary) => {
                let is_nothing = summary.returned == 0 && !summary.more;
                match is_nothing && self.question.is_some() {
                    true => self.unexplained = Some(summary),
                    false => self.end(piece, &summary, None),
                }
                return;
            }
            Event::Error(error) => {
                self.done = true;
                let problem = search_problem(&error);
                self.open.finish(Ended::Failed(problem.code));
                piece.extend(json!({"error": members(&problem)}).to_string().as_bytes());
            }
        }
        piece.push(b'\n');
    }

    fn summary(&mut self, summary: &Summary, why: Option<Why>) -> SearchSummary {
        let cursor =
            self.last.take().filter(|_| summary.more).map(|after| {
                SearchCursor { as_of_ns: summary.as_of_ns, from_ns: self.from_ns, to_ns: self.to_ns, after }.encode(self.binding)
            });
        SearchSummary {
            matched: summary.matched,
            exact: summary.exact,
            returned: summary.returned,
            cursor,
            from: rfc3339(self.from_ns),
            to: rfc3339(self.to_ns),
            complete: std::mem::take(&mut self.complete),
            warnings: std::mem::take(&mut self.warnings),
            cost: SearchCost {
                elapsed_ms: summary.elapsed_ms,
                rows_scanned: summary.rows_scanned,
                splits: summary.splits,
                splits_pruned: summary.splits_pruned,
            },
            why,
        }
    }
}
