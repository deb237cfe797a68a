//! What goes wrong, as Problem Details.

use crate::lang::{Code, QueryError};
use axum::http::{Method, Uri};
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::search::request::SearchError;
use serde_json::{Map, Value};

/// An error of a query, with its place in the text, the hint and the correction.
pub(super) fn query_problem(query: &str, error: &QueryError) -> Problem {
    let status = if error.code == Code::Forbidden { 403 } else { 400 };
    let mut problem = Problem::new(status, error.code.as_str(), "The query cannot be answered as it is", error.message.clone());
    problem.more = error.members(query);
    problem
}

/// A search that did not come to its end.
pub(super) fn search_problem(error: &SearchError) -> Problem {
    match error {
        SearchError::Deadline => Problem::new(503, "deadline", "The search took too long", error.to_string()),
        SearchError::TooMuch(why) => Problem::new(400, "too_much", "The answer is too large", *why),
        SearchError::Store(reason) => {
            // What the disk said is for the operator; the reader cannot act on it.
            tracing::error!(reason, "a search failed in the store");
            Problem::new(
                500,
                "store_failed",
                "The store could not answer",
                "the store could not answer; tell the operator of this server, its log says why",
            )
        }
    }
}

/// The members of a problem, for an answer that has already begun.
pub(super) fn members(problem: &Problem) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("type".into(), format!("urn:martlog:problem:{}", problem.code).into());
    members.insert("title".into(), problem.title.into());
    members.insert("status".into(), problem.status.into());
    members.insert("code".into(), problem.code.into());
    members.insert("detail".into(), problem.detail.clone().into());
    members.extend(problem.more.clone());
    members
}

/// There is nothing at this path below `/api`.
pub(super) async fn no_such_endpoint(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}; the API begins at /api/v1", shown(&uri)))
}

/// There is something, and it is not asked in this way.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(405, "method_not_allowed", "Not by this method", format!("{} does not answer {method}", shown(&uri)))
}

/// The path, for a message: no longer than a message should be.
fn shown(uri: &Uri) -> String {
    uri.path().chars().take(100).collect()
}
