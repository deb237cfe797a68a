//! `POST /api/v1/export {"query","from","to","format","order","limit"}`: all rows of a query as one stream, and what proves that it is whole.
//!
//! ```text
//! ndjson   one row a line, as a search shows them; last {"manifest":{…}}, or {"error":{…}}
//! csv      RFC 4180 with a line of names; text: one line a record. The file is rows alone: its manifest is at GET /api/v1/exports/{id}
//! ```
//!
//! The head `X-Martlog-Export` has the id. An answer without a manifest is incomplete: the connection of a CSV or text that cannot go on is broken off. The manifest has the number of
//! rows, their bytes and SHA-256 (before compression, the line of names included, the manifest's own line not), the first and last position, and how complete the store was.
//!
//! Invariants: the audit has the question, durably, before the first byte. Rows are read in pages of [`PAGE_ROWS`], all of which see what was there at the beginning, and the
//! token is looked at before each. A piece of the answer waits for its reader, and the search for the piece; a reader that takes none for [`READER_MAX`] has gone. There is no time
//! limit for all of it, only for what goes without progress ([`SILENCE_MAX`]) and for a page ([`PAGE_MAX`]).

mod cells;
mod finished;
mod stream;

pub(super) use finished::{Finished, show};

use super::complete::{Complete, complete};
use super::errors::query_problem;
use super::search::OrderWord;
use super::told::Note;
use super::{App, body, planned, private, record, setting, warnings};
use crate::plan::Plan;
use crate::plan::steps::Step;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use cells::{Chosen, Rows};
use futures_util::StreamExt as _;
use martlog_indexer::audit::{Action, Asker, Ended};
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::{Problem, ProblemBody, REQUEST_ID};
use martlog_indexer::registry::Scope;
use martlog_indexer::search::Order;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use stream::Export;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Rows that are asked of the store at a time: between two pages others get their turn.
const PAGE_ROWS: usize = 10_000;
/// How long a page may take, its reader included.
const PAGE_MAX: Duration = Duration::from_secs(600);
/// How long the store may be silent: it tells its progress four times a second.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long a reader may take nothing.
const READER_MAX: Duration = Duration::from_secs(60);
/// Exports at once, and those of one partner, or of staff.
const EXPORTS_MAX: usize = 6;
const OF_ONE_MAX: usize = 2;
/// Pieces that wait for the reader.
const PIECES: usize = 4;
/// The head with the id of an export.
const EXPORT_ID: HeaderName = HeaderName::from_static("x-martlog-export");

/// The body of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportBody {
    #[serde(default)]
    query: String,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    order: OrderWord,
    limit: Option<usize>,
}

/// What the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "ExportFormat")]
pub(super) enum Format {
    #[default]
    Ndjson,
    Csv,
    Text,
}

impl Format {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Text => "text/plain; charset=utf-8",
        }
    }

    const fn ending(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Text => "txt",
        }
    }
}

/// What proves that an export is whole, and tells what it is of.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[schemars(rename = "ExportManifest")]
pub(super) struct Manifest {
    id: String,
    query: String,
    format: Format,
    /// `newest` or `oldest`.
    order: &'static str,
    limit: Option<usize>,
    from: String,
    to: String,
    complete: Complete,
    warnings: Vec<Note>,
    rows: u64,
    /// Of the rows before compression, the line of names included.
    bytes: u64,
    /// Of these bytes, hexadecimal.
    sha256: String,
    first: Option<RowPlace>,
    last: Option<RowPlace>,
    /// What had arrived until then is in it.
    as_of: Option<String>,
    /// Whether there are more rows than the limit.
    truncated: bool,
}

/// A row by id and time.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ExportPlace")]
struct RowPlace {
    id: String,
    time: String,
}

/// The exports that run, by whose they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<String, usize>>>);

/// A place among them.
#[derive(Debug)]
pub(super) struct Place {
    running: Running,
    whose: String,
}

impl Running {
    fn place(&self, scope: &Scope) -> Result<Place, Problem> {
        let whose = scope.partner().unwrap_or_default().to_owned();
        let mut running = self.0.lock();
        let (all, own) = (running.values().sum::<usize>(), running.get(&whose).copied().unwrap_or(0));
        if all >= EXPORTS_MAX || own >= OF_ONE_MAX {
            let detail =
                format!("{OF_ONE_MAX} exports of one partner and {EXPORTS_MAX} of all run at once, and they do; ask again in some seconds");
            return Err(Problem { retry_after_s: Some(5), ..Problem::new(429, "busy", "Too many at once", detail) });
        }
        *running.entry(whose.clone()).or_default() += 1;
        drop(running);
        Ok(Place { running: self.clone(), whose })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.running.0.lock();
        if let Some(own) = running.get_mut(&self.whose) {
            *own -= 1;
            if *own == 0 {
                running.remove(&self.whose);
            }
        }
    }
}

pub(super) async fn export(State(app): State<App>, headers: HeaderMap, asker: Asker, body: Body) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let body: ExportBody = body::json(&headers, body, app.limits.body_bytes_max).await?;
    if body.limit == Some(0) {
        return Err(Problem::new(400, "bad_limit", "The limit is out of range", "\"limit\" is 0; leave it out for all rows"));
    }
    let setting = setting(&app, &scope, body.from.as_deref(), body.to.as_deref())?;
    let place = app.exports.running.place(&scope)?;
    let plan = planned(&body.query, setting).await?;
    let columns = columns(&plan, body.format, &body.query)?;
    let id = format!("{:032x}", rand::random::<u128>());
    // Asked before the rows, so that it never promises more than they hold.
    let complete = complete(&app.indexer.completeness(&scope).await, plan.range.from_ns);
    let mut open = record::begin_with(&app, &scope, &asker, Action::Export, &body.query, &plan, Some(id.clone()));
    if let Err(error) = open.keep().await {
        open.finish(Ended::Failed("not_recorded"));
        return Err(error.into());
    }
    let manifest = Manifest {
        id: id.clone(),
        format: body.format,
        order: if body.order.order() == Order::NewestFirst { "newest" } else { "oldest" },
        limit: body.limit,
        from: crate::time::rfc3339(plan.range.from_ns),
        to: crate::time::rfc3339(plan.range.to_ns),
        complete,
        warnings: warnings(&plan, &body.query),
        query: body.query,
        ..Manifest::default()
    };
    let (sender, pieces) = mpsc::channel(PIECES);
    let rows = Rows::new(body.format, columns, app.indexer.store().epoch());
    let export = Export {
        finished: app.exports.finished.clone(),
        indexer: app.indexer,
        scope,
        plan,
        order: body.order.order(),
        left: body.limit.unwrap_or(usize::MAX),
        rows,
        manifest,
        open,
        sender,
        _place: place,
    };
    Ok(response(export, pieces, body.format, &id, &asker))
}

/// The head, and the pieces as they come. The work ends with the body that owns it.
fn response(export: Export, pieces: mpsc::Receiver<std::io::Result<Bytes>>, format: Format, id: &str, asker: &Asker) -> Response {
    let work = AbortOnDropHandle::new(tokio::spawn(export.run()));
    let pieces = futures_util::stream::unfold((pieces, work), |(mut pieces, work)| async move {
        let piece = pieces.recv().await?;
        Some((piece, (pieces, work)))
    });
    // The compression asks once more behind the end.
    let pieces = pieces.fuse();
    let mut response = private(Response::new(Body::from_stream(pieces)), format.content_type());
    let name = format!("attachment; filename=\"martlog-{id}.{}\"", format.ending());
    for (head, value) in [(EXPORT_ID, id), (REQUEST_ID, asker.request_id.as_str()), (header::CONTENT_DISPOSITION, name.as_str())] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(head, value);
        }
    }
    response
}

/// The columns that the query's only pipe chooses; `None` where it has no pipe.
fn columns(plan: &Plan, format: Format, query: &str) -> Result<Option<Chosen>, Problem> {
    use crate::lang::{Code, QueryError};
    let Some(first) = plan.query.pipes.first() else { return Ok(None) };
    match plan.steps.steps.as_slice() {
        [Step::Fields(columns)] if plan.query.pipes.len() == 1 && format != Format::Text => {
            Ok(Some((plan.steps.columns.clone(), columns.clone())))
        }
        _ => {
            let error = QueryError::new(Code::Pipe, first.span, "an export has lines as they are")
                .hint("of the pipes, | fields a, b alone chooses columns, of csv and ndjson; tables are asked for at /api/v1/stats");
            Err(query_problem(query, &error))
        }
    }
}

/// What exports share.
#[derive(Debug, Clone, Default)]
pub(super) struct Exports {
    running: Running,
    finished: Finished,
}

/// The answer of a value that is there.
/// An export's manifest.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExportEnd")]
pub(super) struct ManifestTold {
    manifest: Manifest,
}

/// A line of an export in NDJSON: one of these.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "the document alone reads it; rows are written by hand")]
pub(super) enum ExportLine {
    /// A row, or the fields of it that were chosen.
    Row(serde_json::Map<String, serde_json::Value>),
    /// The last line: it is whole.
    Manifest(ManifestTold),
    /// The last line: it is not.
    Error {
        /// Why.
        error: ProblemBody,
    },
}

type Sender = mpsc::Sender<std::io::Result<Bytes>>;
