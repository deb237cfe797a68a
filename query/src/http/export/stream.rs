//! An export under way: pages of rows, written into pieces, hashed, and sent as fast as their reader takes them.

use super::cells::Rows;
use super::{Finished, Format, Manifest, ManifestTold, PAGE_MAX, PAGE_ROWS, Place, READER_MAX, RowPlace, SILENCE_MAX, Sender};
use crate::http::errors::{members, search_problem};
use crate::pipes::id;
use crate::plan::Plan;
use crate::time::rfc3339;
use axum::body::Bytes;
use martlog_indexer::Indexer;
use martlog_indexer::audit::{Ended, Open};
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::registry::Scope;
use martlog_indexer::row::{Position, Row};
use martlog_indexer::search::request::SearchError;
use martlog_indexer::search::{Event, Order, SearchRequest, Summary};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::time::Instant;

/// Bytes after which a piece is sent.
const PIECE_BYTES: usize = 64 << 10;

/// See the module.
pub(super) struct Export {
    pub(super) indexer: Indexer,
    pub(super) scope: Scope,
    pub(super) plan: Plan,
    pub(super) order: Order,
    /// Rows that may still come.
    pub(super) left: usize,
    pub(super) rows: Rows,
    /// What is known of it from the beginning.
    pub(super) manifest: Manifest,
    pub(super) open: Open,
    pub(super) sender: Sender,
    pub(super) finished: Finished,
    pub(super) _place: Place,
}

/// What was sent.
#[derive(Default)]
struct Sent {
    hash: Sha256,
    rows: u64,
    bytes: u64,
    first: Option<RowPlace>,
    last: Option<(Position, RowPlace)>,
    as_of_ns: Option<i64>,
}

/// Why an export does not go on.
enum Stop {
    /// Nobody reads.
    Gone(Ended),
    Problem(Problem),
}

impl Export {
    /// Sends everything; at the end the manifest, or what went wrong.
    pub(super) async fn run(mut self) {
        let mut sent = Sent::default();
        match self.send_all(&mut sent).await {
            Ok(more) => self.end_well(sent, more).await,
            Err(Stop::Gone(how)) => self.open.finish(how),
            Err(Stop::Problem(problem)) => {
                self.open.finish(Ended::Failed(problem.code));
                // Rows end with a line that says so; a file that is rows alone is broken off.
                let last = match self.rows.format() {
                    Format::Ndjson => Ok(Bytes::from(format!("{}\n", json!({"error": members(&problem)})))),
                    Format::Csv | Format::Text => Err(std::io::Error::other(problem.detail)),
                };
                let _nobody_reads = tokio::time::timeout(READER_MAX, self.sender.send(last)).await;
            }
        }
    }

    /// Whether there were more than the limit.
    async fn send_all(&mut self, sent: &mut Sent) -> Result<bool, Stop> {
        self.rows.begin();
        loop {
            if !self.indexer.registry().still_valid(&self.scope) {
                let detail = "the token was revoked or has expired";
                return Err(Stop::Problem(Problem::new(401, "unauthenticated", "A valid token is needed", detail)));
            }
            let summary = self.page(sent).await?;
            sent.as_of_ns = Some(summary.as_of_ns);
            if !summary.more || self.left == 0 {
                self.send(sent).await?;
                return Ok(summary.more);
            }
        }
    }

    async fn page(&mut self, sent: &mut Sent) -> Result<Summary, Stop> {
        let request = SearchRequest {
            predicate: self.plan.predicate.clone(),
            from_ns: self.plan.range.from_ns,
            to_ns: self.plan.range.to_ns,
            order: self.order,
            limit: PAGE_ROWS.min(self.left),
            after: sent.last.as_ref().map(|(position, _)| position.clone()),
            as_of_ns: sent.as_of_ns,
            count: false,
            quarantine: self.plan.quarantine,
            deadline: Instant::now() + PAGE_MAX,
        };
        let mut events = self.indexer.search(&self.scope, request);
        loop {
            match tokio::time::timeout(SILENCE_MAX, events.recv()).await {
                Ok(Some(Event::Row(row))) => {
                    self.left -= 1;
                    self.row(*row, sent);
                    if self.rows.len() >= PIECE_BYTES {
                        self.send(sent).await?;
                    }
                }
                Ok(Some(Event::Progress { .. })) => {}
                Ok(Some(Event::Summary(summary))) => return Ok(summary),
                Ok(Some(Event::Error(error))) => return Err(Stop::Problem(search_problem(&error))),
                Ok(None) => return Err(Stop::Problem(search_problem(&SearchError::Store("the search broke off".to_owned())))),
                Err(_) => return Err(Stop::Problem(search_problem(&SearchError::Deadline))),
            }
        }
    }

    fn row(&mut self, row: Row, sent: &mut Sent) {
        let place = RowPlace { id: id(&row, self.indexer.store().epoch()), time: rfc3339(row.record.time_ns) };
        if sent.first.is_none() {
            sent.first = Some(place.clone());
        }
        sent.last = Some((row.position(), place));
        sent.rows += 1;
        let owner = std::sync::Arc::clone(&row.owner);
        let bytes = self.rows.row(row);
        self.open.row(&owner, bytes);
    }

    /// Sends what is written, when its reader takes it.
    async fn send(&mut self, sent: &mut Sent) -> Result<(), Stop> {
        let piece = self.rows.take();
        if piece.is_empty() {
            return Ok(());
        }
        sent.hash.update(&piece);
        sent.bytes += piece.len() as u64;
        match tokio::time::timeout(READER_MAX, self.sender.send(Ok(piece.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Stop::Gone(Ended::Cancelled)),
            Err(_) => Err(Stop::Gone(Ended::Failed("reader_stalled"))),
        }
    }

    async fn end_well(mut self, sent: Sent, more: bool) {
        let digest = sent.hash.finalize();
        let manifest = Manifest {
            rows: sent.rows,
            bytes: sent.bytes,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            first: sent.first,
            last: sent.last.map(|(_, place)| place),
            as_of: sent.as_of_ns.map(rfc3339),
            truncated: more,
            ..std::mem::take(&mut self.manifest)
        };
        // The record first, then the manifest, then the end that the reader waits for.
        self.open.finish(Ended::Complete);
        self.finished.keep(self.scope.token_id().to_owned(), manifest.clone());
        if self.rows.format() == Format::Ndjson {
            let line = Bytes::from(format!("{}\n", json!(ManifestTold { manifest })));
            let _nobody_reads = tokio::time::timeout(READER_MAX, self.sender.send(Ok(line))).await;
        }
    }
}
