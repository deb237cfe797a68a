//! `/api/v1/excerpts`: rows that are copied for somebody who has no token, such as for a ticket. See [`martlog_indexer::excerpts`].
//!
//! `POST {"query","from","to","order","limit","expires_in","note"}` answers 201 `{"id","secret","rows","bytes","truncated","created_at","expires_at"}`; the secret is told now and never again. `GET /{id}` with
//! `Authorization: Bearer <secret>` answers `{"id","note","query","from","to","created_at","expires_at","erased","complete","rows":[…]}`, rows as a search has them. `GET` lists what the
//! token's scope made: `{"excerpts":[…]}`; `DELETE /{id}` revokes at once, with 204. Whoever opens one is in the audit.

use super::errors::search_problem;
use super::search::OrderWord;
use super::{App, answered, body, complete, now_ns, planned_filter, private, record, row, setting, written};
use crate::plan::Plan;
use crate::time::{self, rfc3339};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use martlog_indexer::audit::{Action, Asker, Ended, Open, Question, Reach};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::excerpts::{self, AGE_MAX, BYTES_MAX, Excerpt, ExcerptError, NewExcerpt, ROWS_MAX};
use martlog_indexer::registry::{Link, Scope};
use martlog_indexer::row::Row;
use martlog_indexer::search::request::SearchError;
use martlog_indexer::search::{Event, Order, SearchRequest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;

/// Rows of one that does not say how many it wants, and how long it lasts.
const LIMIT: usize = 100;
const EXPIRES_IN: &str = "7d";
/// The longest note, bytes.
const NOTE_BYTES_MAX: usize = 500;

/// The body of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ExcerptBody")]
pub(super) struct NewBody {
    #[serde(default)]
    query: String,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    order: OrderWord,
    limit: Option<usize>,
    expires_in: Option<String>,
    note: Option<String>,
}

/// A new excerpt.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NewExcerpt")]
pub(super) struct Made {
    id: String,
    /// Opens it; it is told now and never again.
    secret: String,
    rows: u64,
    bytes: u64,
    /// Whether there are more rows than were asked for.
    truncated: bool,
    created_at: String,
    expires_at: String,
}

/// What an excerpt is of.
#[derive(Debug, Serialize, JsonSchema)]
struct Described {
    id: String,
    note: Option<String>,
    /// Null where an erasure took it away.
    query: Option<String>,
    from: String,
    to: String,
    created_at: String,
    expires_at: String,
    /// Rows that were erased since.
    erased: u64,
}

/// An excerpt as its maker sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Excerpt")]
struct Listed {
    #[serde(flatten)]
    of: Described,
    /// The token that made it.
    token: Arc<str>,
    /// Null of what staff made.
    partner: Option<Arc<str>>,
    rows: u64,
    bytes: u64,
    /// How often it was opened.
    opened: u64,
    last_opened: Option<String>,
}

/// Excerpts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Excerpts")]
pub(super) struct List {
    excerpts: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Head {
    #[serde(flatten)]
    of: Described,
    complete: Value,
}

/// An excerpt with its rows.
#[derive(JsonSchema)]
#[schemars(rename = "OpenExcerpt")]
#[allow(dead_code, reason = "the document alone reads it; rows are written as they are kept")]
pub(super) struct Opened {
    #[serde(flatten)]
    of: Described,
    /// How complete the store was when it was made.
    complete: complete::Complete,
    rows: Vec<row::RowTold>,
}

pub(super) async fn make(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: NewBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    let (limit, age_ns) = checked(&body)?;
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let _place = app.search_place(&scope)?;
    let plan = planned_filter(&body.query, setting).await?;
    let id = excerpts::new_id();
    let mut open = record::begin_with(&app, &scope, &asker, Action::ExcerptMade, &body.query, &plan, Some(id.clone()));
    if let Err(error) = open.keep().await {
        open.finish(Ended::Failed("not_recorded"));
        return Err(error.into());
    }
    let complete = complete::complete(&app.indexer.completeness(&scope).await, plan.range.from_ns);
    // From here on no erasure ends that does not see what is kept.
    let turn = app.indexer.excerpt_turn().await;
    let (rows, truncated) = record::noted(&mut open, rows(&app, &scope, &plan, body.order.order(), limit).await)?;
    count(&mut open, &rows);
    let new = NewExcerpt {
        id,
        note: body.note,
        query: body.query,
        range: (plan.range.from_ns, plan.range.to_ns),
        expires_ns: now_ns().saturating_add(age_ns),
        complete: serde_json::to_string(&complete).unwrap_or_default(),
        rows,
    };
    let made = app.indexer.make_excerpt(&scope, turn, new).await.map_err(problem);
    let (excerpt, secret) = record::noted(&mut open, made)?;
    open.end(Ended::Complete);
    let made = Made {
        secret,
        truncated,
        rows: excerpt.rows,
        bytes: excerpt.bytes,
        created_at: rfc3339(excerpt.created_ns),
        expires_at: rfc3339(excerpt.expires_ns),
        id: excerpt.id,
    };
    Ok(private((StatusCode::CREATED, written(&made)?).into_response(), "application/json"))
}

pub(super) async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let made = app.indexer.excerpts(&scope).await?;
    let opened = app.indexer.audit().times_opened(&made.iter().map(|excerpt| excerpt.id.clone()).collect::<Vec<_>>()).await?;
    let one = |excerpt: &Excerpt| {
        let (opened, last_ns) = opened.get(&excerpt.id).copied().unwrap_or((0, None));
        Listed {
            of: Described::of(excerpt),
            token: Arc::clone(&excerpt.token),
            partner: excerpt.partner.clone(),
            rows: excerpt.rows,
            bytes: excerpt.bytes,
            opened,
            last_opened: last_ns.map(rfc3339),
        }
    };
    answered(&List { excerpts: made.iter().map(one).collect() })
}

pub(super) async fn show(State(app): State<App>, headers: HeaderMap, asker: Asker, Path(id): Path<String>) -> Result<Response, Problem> {
    let link = auth::bearer(&headers).and_then(Link::parse).ok_or_else(no_secret)?;
    let (excerpt, rows) = app.indexer.open_excerpt(&id, &link).await?.ok_or_else(absent)?;
    let mut open = app.indexer.audit().begin_excerpt(&excerpt, &asker);
    let head = Head { of: Described::of(&excerpt), complete: serde_json::from_str(&excerpt.complete).unwrap_or_default() };
    let mut bytes = written(&head)?;
    // The rows are text already.
    bytes.pop();
    bytes.extend(b",\"rows\":[");
    for (place, found) in rows.iter().enumerate() {
        if place > 0 {
            bytes.push(b',');
        }
        let before = bytes.len();
        row::write(&mut bytes, found, excerpt.epoch);
        open.row(&found.owner, bytes.len() - before);
    }
    bytes.extend(b"]}");
    // Known before it is shown.
    open.keep().await?;
    open.end(Ended::Complete);
    Ok(private(bytes.into_response(), "application/json"))
}

pub(super) async fn revoke(
    State(app): State<App>,
    headers: HeaderMap,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    if !app.indexer.revoke_excerpt(&scope, &id).await? {
        return Err(absent());
    }
    let question = Question { action: Action::ExcerptRevoked, query: None, range: None, subject: Some(id), reach: Reach::nothing() };
    if let Err(error) = app.indexer.audit().happened(&scope, &asker, question).await {
        tracing::error!(%error, "that an excerpt was revoked is not yet recorded");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The limit and the age of an excerpt, ns.
fn checked(body: &NewBody) -> Result<(usize, i64), Problem> {
    let limit = body.limit.unwrap_or(LIMIT);
    if !(1..=ROWS_MAX).contains(&limit) {
        let detail = format!("\"limit\" is {limit}; an excerpt has 1 to {ROWS_MAX} rows; more are exported");
        return Err(Problem::new(400, "bad_limit", "The limit is out of range", detail));
    }
    let age_ns = time::duration(body.expires_in.as_deref().unwrap_or(EXPIRES_IN))
        .map_err(|error| Problem::invalid("expires_in", format!("`expires_in` is no length of time such as 7d: {error}")))?;
    let days = AGE_MAX.as_secs() / 86_400;
    if age_ns <= 0 || u128::try_from(age_ns).unwrap_or(u128::MAX) > AGE_MAX.as_nanos() {
        return Err(Problem::invalid("expires_in", format!("`expires_in` must be more than nothing and at most {days}d")));
    }
    match &body.note {
        Some(note) if note.len() > NOTE_BYTES_MAX || note.chars().any(char::is_control) => {
            Err(Problem::invalid("note", format!("`note` must be one line of at most {NOTE_BYTES_MAX} bytes")))
        }
        _ => Ok((limit, age_ns)),
    }
}

/// The rows that are copied, and whether there are more.
async fn rows(app: &App, scope: &Scope, plan: &Plan, order: Order, limit: usize) -> Result<(Vec<Row>, bool), Problem> {
    let request = SearchRequest {
        predicate: plan.predicate.clone(),
        from_ns: plan.range.from_ns,
        to_ns: plan.range.to_ns,
        order,
        limit,
        after: None,
        as_of_ns: None,
        count: false,
        quarantine: plan.quarantine,
        deadline: Instant::now() + app.limits.deadline,
    };
    let mut events = app.indexer.search(scope, request);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    loop {
        match events.recv().await {
            Some(Event::Row(row)) => {
                bytes += excerpts::bytes_of(&row);
                if bytes > BYTES_MAX {
                    let detail =
                        format!("these rows take more than the {} MiB of an excerpt: ask for fewer, or export them", BYTES_MAX >> 20);
                    return Err(Problem::new(400, "too_much", "The answer is too large", detail));
                }
                rows.push(*row);
            }
            Some(Event::Progress { .. }) => {}
            Some(Event::Summary(summary)) => return Ok((rows, summary.more)),
            Some(Event::Error(error)) => return Err(search_problem(&error)),
            None => return Err(search_problem(&SearchError::Store("the search broke off".to_owned()))),
        }
    }
}

fn count(open: &mut Open, rows: &[Row]) {
    rows.iter().for_each(|row| open.row(&row.owner, excerpts::bytes_of(row)));
}

impl Described {
    fn of(excerpt: &Excerpt) -> Self {
        Self {
            id: excerpt.id.clone(),
            note: excerpt.note.clone(),
            query: excerpt.query.clone(),
            from: rfc3339(excerpt.range.0),
            to: rfc3339(excerpt.range.1),
            created_at: rfc3339(excerpt.created_ns),
            expires_at: rfc3339(excerpt.expires_ns),
            erased: excerpt.erased,
        }
    }
}

fn problem(error: ExcerptError) -> Problem {
    match error {
        ExcerptError::Full(reason) => Problem::new(409, "too_many_excerpts", "No more excerpts are kept", reason),
        ExcerptError::Catalog(error) => error.into(),
    }
}

/// One answer for absent, revoked, expired, and opened with another secret.
fn absent() -> Problem {
    Problem::not_found("there is no such excerpt, or not any more")
}

fn no_secret() -> Problem {
    let detail = "an excerpt is opened by its secret: send it as `Authorization: Bearer mart_excerpt_…`";
    Problem::new(401, "unauthenticated", "The secret of the excerpt is needed", detail)
}
