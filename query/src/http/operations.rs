//! What the endpoints for readers are, for the API's document.

use super::audit::AuditTold;
use super::check::{CheckBody, CheckTold};
use super::context::{ContextBody, ContextTold};
use super::excerpts::{List, Made, NewBody, Opened};
use super::export::{ExportBody, ExportLine, ManifestTold};
use super::fields::{FieldsBody, FieldsTold};
use super::gaps::GapsTold;
use super::histogram::{Counts, HistogramBody};
use super::openid::About;
use super::parse::{ParseBody, ParseTold};
use super::search::{SearchBody, SearchLine};
use super::stats::{StatsBody, StatsLine, TableTold};
use super::usage::UsageTold;
use super::values::{ValuesBody, ValuesTold};
use martlog_indexer::doors::describe::{EXCERPT, Method, NOBODY, Operation, READERS};
use schemars::JsonSchema;
use serde_json::{Value, json};

const SEARCHING: &str = "Searching";

/// A question of readers: it takes a body, a place among the running ones, and the store's time.
fn question<T: JsonSchema>(path: &'static str, id: &'static str, summary: &'static str, example: Value) -> Operation {
    Operation::new(Method::Post, path, id, SEARCHING, READERS, summary).takes::<T>(example).fails(&[429, 500, 503])
}

pub(super) fn search() -> Operation {
    let summary = "Rows as they are found, then a summary; without a summary the answer is incomplete.";
    question::<SearchBody>(
        "/api/v1/search",
        "search",
        summary,
        json!({"query": "csp:434 level>=warn -health", "from": "-1h", "limit": 100}),
    )
    .gives_as::<SearchLine>(200, "application/x-ndjson", "Rows, now and then progress, at the end a summary or an error.")
}

pub(super) fn tail() -> Operation {
    Operation::new(
        Method::Get,
        "/api/v1/tail",
        "tail",
        SEARCHING,
        READERS,
        "Follows what arrives, as server-sent events: row, gap, missed, status.",
    )
    .asked::<String>("query", "In the language, without a time and without pipes; all lines without it.")
    .asked::<String>("cursor", "The `id` of the last event, to go on without a hole.")
    .asked::<String>(
        "lag_max",
        "Such as `30s`: stay so near to the present, and tell what was left out as `missed`. All lines, however late, without it.",
    )
    .header("Last-Event-ID", "The same, as browsers send it; it goes before `cursor`.")
    .gives_as::<String>(200, "text/event-stream", "Events, until the reader goes away, its token is revoked, or the server stops.")
    .fails(&[429, 500])
}

pub(super) fn histogram() -> Operation {
    let example = json!({"query": "level:error", "from": "-6h", "interval": "5m", "by": "module"});
    question::<HistogramBody>("/api/v1/histogram", "histogram", "Counts matching lines over time.", example)
        .gives::<Counts>(200, "All pieces of the range, and later ones that have lines.")
}

pub(super) fn stats() -> Operation {
    let example = json!({"query": "module:sms | stats count(), p95(duration_ms) by version", "from": "-24h"});
    question::<StatsBody>("/api/v1/stats", "stats", "Runs a query with pipes.", example)
        .gives::<TableTold>(200, "A table; in lines for who accepts them: now and then progress, at the end the table or an error.")
        .gives_as::<StatsLine>(200, "application/x-ndjson", "")
}

pub(super) fn fields() -> Operation {
    question::<FieldsBody>(
        "/api/v1/fields",
        "fields",
        "Tells which fields the newest 5,000 matching lines have.",
        json!({"query": "csp:434", "from": "-1h"}),
    )
    .gives::<FieldsTold>(200, "Fields by frequency.")
}

pub(super) fn values() -> Operation {
    question::<ValuesBody>(
        "/api/v1/values",
        "values",
        "Tells the values of a field.",
        json!({"field": "module", "query": "level:error", "limit": 20}),
    )
    .gives::<ValuesTold>(200, "Values by frequency.")
}

pub(super) fn context() -> Operation {
    question::<ContextBody>(
        "/api/v1/context",
        "context",
        "The lines around one, in the same stream, by position.",
        json!({"id": "sms/1f/42", "before": 5, "after": 5}),
    )
    .gives::<ContextTold>(200, "Lines in the order of the stream.")
    .fails(&[404])
}

pub(super) fn parse() -> Operation {
    let example = json!({"query": "csp:434 level:", "position": 14});
    question::<ParseBody>(
        "/api/v1/parse",
        "parse",
        "Tells how a query is read, without running it, and what may be written at a position.",
        example,
    )
    .gives::<ParseTold>(200, "The tree, the canonical form, the range of time, notes.")
}

pub(super) fn export() -> Operation {
    question::<ExportBody>(
        "/api/v1/export",
        "export",
        "All rows of a query as one stream; without a manifest it is incomplete.",
        json!({"query": "csp:434 level>=warn", "from": "-24h", "format": "csv"}),
    )
    .gives_as::<ExportLine>(200, "application/x-ndjson", "The rows, then the manifest; of csv and text the rows alone.")
    .gives_as::<String>(200, "text/csv; charset=utf-8; header=present", "")
    .gives_as::<String>(200, "text/plain; charset=utf-8", "")
    .with_header("X-Martlog-Export", "The id of the export, for its manifest.")
}

pub(super) fn manifest() -> Operation {
    let about = "The manifest of an export of this token that ended well within the last hour.";
    Operation::new(Method::Get, "/api/v1/exports/{id}", "manifest", SEARCHING, READERS, about)
        .named("id", "As `X-Martlog-Export` had it.")
        .gives::<ManifestTold>(200, "What proves that it is whole.")
}

const EXCERPTS: &str = "Excerpts";

pub(super) fn excerpts() -> Operation {
    Operation::new(Method::Get, "/api/v1/excerpts", "listExcerpts", EXCERPTS, READERS, "The excerpts that the token's scope made.")
        .gives::<List>(200, "The newest first.")
        .fails(&[503])
}

pub(super) fn make_excerpt() -> Operation {
    question::<NewBody>(
        "/api/v1/excerpts",
        "makeExcerpt",
        "Copies rows for somebody who has no token, such as for a ticket.",
        json!({"query": "request_id:463ac35c9f6413ad48485a3953bb6124", "from": "-1h", "expires_in": "7d", "note": "ticket 4711"}),
    )
    .gives::<Made>(201, "It is there until it expires, is revoked, or its maker's token is.")
    .fails(&[409])
}

pub(super) fn excerpt() -> Operation {
    let about = "Opens an excerpt with its secret, in the place of a token.";
    Operation::new(Method::Get, "/api/v1/excerpts/{id}", "openExcerpt", EXCERPTS, EXCERPT, about)
        .named("id", "Its id.")
        .gives::<Opened>(200, "Its rows.")
        .fails(&[503])
}

pub(super) fn revoke_excerpt() -> Operation {
    Operation::new(Method::Delete, "/api/v1/excerpts/{id}", "revokeExcerpt", EXCERPTS, READERS, "Revokes an excerpt at once.")
        .named("id", "Its id.")
        .gives_nothing(204, "It is no more.")
        .fails(&[503])
}

pub(super) fn audit() -> Operation {
    let about = "Who asked what: all of it for staff; for a partner what its own tokens asked, and what of its lines others asked for.";
    Operation::new(Method::Get, "/api/v1/audit", "audit", "Access", READERS, about)
        .asked::<String>("from", "The first time.")
        .asked::<String>("to", "The last time, excluded.")
        .asked::<String>("action", "Such as `search` or `export`; all without it.")
        .asked::<u32>("limit", "Records, at most 1,000; 100 without it.")
        .asked::<String>("cursor", "From the answer before.")
        .gives::<AuditTold>(200, "The newest first.")
        .fails(&[503])
}

pub(super) fn usage() -> Operation {
    let about = "How much each instance in reach said, by day.";
    Operation::new(Method::Get, "/api/v1/usage", "usage", "Access", READERS, about)
        .asked::<String>("from", "The first time: RFC 3339, `-7d`, a date; 7 days ago without it. Its day counts whole.")
        .asked::<String>("to", "The last time, excluded; now without it. Its day counts whole.")
        .gives::<UsageTold>(200, "By day, module and instance; days without lines are left out.")
        .fails(&[429, 500, 503])
}

pub(super) fn gaps() -> Operation {
    let about = "All lines that are missing for ever, of those in reach: an answer names the newest 100 alone.";
    Operation::new(Method::Get, "/api/v1/gaps", "gaps", SEARCHING, READERS, about)
        .asked::<String>("from", "Noticed at or after this: RFC 3339, `-7d`, a date; all without it.")
        .asked::<String>("to", "Noticed before this.")
        .asked::<String>("instance", "Of this instance alone.")
        .asked::<u32>("limit", "Gaps, at most 1,000; 100 without it.")
        .asked::<String>("cursor", "From the answer before.")
        .gives::<GapsTold>(200, "The newest first.")
        .fails(&[429, 503])
}

pub(super) fn check() -> Operation {
    question::<CheckBody>(
        "/api/v1/check",
        "check",
        "Tells what would become of lines, without keeping them.",
        json!({"text": "{\"time\": \"2026-11-22 10:12:50\", \"level\": \"eror\", \"msg\": \"password=hunter2\"}"}),
    )
    .gives::<CheckTold>(200, "Each record with its verdict, its problems and where they are.")
}

const SESSIONS: &str = "Sessions of browsers";

pub(super) fn provider() -> Operation {
    let about = "Tells whether one can sign in through a provider (OpenID Connect), and what people call it.";
    Operation::new(Method::Get, "/api/v1/session/openid", "showProvider", SESSIONS, NOBODY, about)
        .gives::<About>(200, "Its name, or nothing.")
}

pub(super) fn begin_sign_in() -> Operation {
    let about = "Sends a browser to the provider; a sign-in that it begins holds for 10 minutes.";
    let operation = Operation::new(Method::Get, "/api/v1/session/openid/begin", "beginSignIn", SESSIONS, NOBODY, about)
        .asked::<String>("to", "The view of the page to go to afterwards: `?…` as it stands in its address.")
        .gives_nothing(303, "To the provider; to the page with `#signin=CODE` where that cannot be asked.")
        .with_header("Location", "Where to.");
    for_browsers(operation)
}

pub(super) fn end_sign_in() -> Operation {
    let about = "Where the provider sends the browser back to.";
    let operation = Operation::new(Method::Get, "/api/v1/session/openid/callback", "endSignIn", SESSIONS, NOBODY, about)
        .asked::<String>("state", "As the browser was sent with.")
        .asked::<String>("code", "What the provider gave.")
        .asked::<String>("error", "Why it gave none.")
        .asked::<String>("iss", "Who it is, where it says so.")
        .gives_nothing(303, "To the page: signed in, or with `#signin=CODE`, which says why not.")
        .with_header("Location", "The page, relative.")
        .with_header("Set-Cookie", "The session, for 12 hours at most.");
    for_browsers(operation)
}

/// What is wrong the page says: the only problem is that there is no provider.
fn for_browsers(operation: Operation) -> Operation {
    Operation { problems: vec![404], ..operation }
}
