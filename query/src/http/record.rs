//! What endpoints say to the audit: which question is asked, within which scope, and how its answer ended.

use super::{App, private, written};
use crate::plan::Plan;
use axum::response::{IntoResponse as _, Response};
use martlog_indexer::audit::{Action, Asker, Ended, Open, Question};
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::registry::Scope;
use serde::Serialize;

/// Begins to record a question.
pub(super) fn begin(app: &App, scope: &Scope, asker: &Asker, action: Action, query: &str, plan: &Plan) -> Open {
    begin_with(app, scope, asker, action, query, plan, None)
}

/// The same of a question that makes something with an id.
pub(super) fn begin_with(
    app: &App,
    scope: &Scope,
    asker: &Asker,
    action: Action,
    query: &str,
    plan: &Plan,
    subject: Option<String>,
) -> Open {
    let audit = app.indexer.audit();
    let question = Question {
        action,
        query: Some(query.to_owned()),
        range: Some((plan.range.from_ns, plan.range.to_ns)),
        subject,
        reach: audit.reach(scope, &plan.predicate, plan.quarantine),
    };
    audit.begin(scope, asker, question)
}

/// Records a failure, and passes it on.
pub(super) fn noted<T>(open: &mut Open, result: Result<T, Problem>) -> Result<T, Problem> {
    if let Err(problem) = &result {
        open.finish(Ended::Failed(problem.code));
    }
    result
}

/// A whole answer of figures, with so many rows, once it is recorded.
pub(super) fn answered(open: Open, rows: usize, answer: &impl Serialize) -> Result<Response, Problem> {
    Ok(private(figures(open, rows, answer)?.into_response(), "application/json"))
}

/// The same as its text.
pub(super) fn figures(mut open: Open, rows: usize, answer: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let text = noted(&mut open, written(answer))?;
    open.figures(rows, text.len());
    open.end(Ended::Complete);
    Ok(text)
}
