//! Out of what was found: one code, one sentence, and where it can be said a request that finds something.
//!
//! The first reason that holds is told, the surest first: what cannot match at all before what could match elsewhere, that before what could match if the query
//! were another.

use super::find::Found;
use super::{ClauseAlone, Code, Fix, Hit, Question, Unknown, Why};
use crate::lang::error::splice;
use crate::time::rfc3339;

/// What is to be done.
struct Advice {
    code: Code,
    message: String,
    fix: Option<Fix>,
}

pub(super) fn advise(question: &Question, found: Found) -> Why {
    let Advice { code, message, fix } = advice(question, &found);
    Why {
        code,
        message,
        fix,
        clauses: found.clauses,
        clauses_left_out: found.clauses_left_out,
        unknown: found.unknown,
        before: found.before,
        after: found.after,
        scope: found.scope,
        newest: found.newest,
        oldest: found.oldest,
        quarantine: found.quarantine,
        unfinished: found.unfinished,
    }
}

fn advice(question: &Question, found: &Found) -> Advice {
    let unfinished = |part: &str| found.unfinished.contains(&part);
    if found.newest.is_none() && !unfinished("newest") {
        return no_lines_at_all(question);
    }
    if let Some(unknown) = found.unknown.iter().find(|unknown| unknown.in_the_way && unknown.value.is_some()) {
        return unknown_value(question, unknown);
    }
    if let Some(hit) = nearest(question, found) {
        return widen_time(question, found, hit);
    }
    if let Some(oldest) = found.oldest.as_ref().filter(|oldest| question.plan.range.to_ns <= oldest.time_ns) {
        let message = format!("the oldest line that is kept is of {}, and the range ends before it: search later times", oldest.time);
        return Advice { code: Code::OutsideRetention, message, fix: None };
    }
    if let Some(count) = found.quarantine.filter(|count| count.lines > 0) {
        return look_in_quarantine(question, &count.words());
    }
    if let Some(newest) = found.newest.as_ref().filter(|_| found.scope.lines.is_none()) {
        let message = format!("nothing at all was logged in the range; the newest line is of {}: search another time", newest.time);
        return Advice { code: Code::NoLinesInRange, message, fix: None };
    }
    if let Some(unknown) = found.unknown.iter().find(|unknown| unknown.in_the_way) {
        return unknown_field(question, unknown);
    }
    let droppable = found.clauses.iter().filter_map(|clause| Some((clause, clause.without?))).filter(|(_, without)| without.lines > 0);
    if let Some((clause, without)) = droppable.max_by_key(|(_, without)| without.lines) {
        let message = format!("without {} there are {}: leave it out, or ask for something else there", clause.text, without.words());
        let query = splice(&question.query, clause.span.bytes, "");
        return Advice { code: Code::DropClause, message, fix: Some(Fix { query: Some(query), ..Fix::default() }) };
    }
    // A name that is none is a mistake, even where an alternative finds something.
    match found.unknown.first() {
        Some(unknown) if unknown.value.is_some() => return unknown_value(question, unknown),
        Some(unknown) => return unknown_field(question, unknown),
        None => {}
    }
    if !found.unfinished.is_empty() {
        let message = "it could not be found out in time why: narrow the range, then ask again".to_owned();
        return Advice { code: Code::TookTooLong, message, fix: None };
    }
    no_such_lines(&found.clauses)
}

fn no_lines_at_all(question: &Question) -> Advice {
    let message = if question.plan.quarantine {
        "the quarantine is empty: every pod that logs has an owner"
    } else if question.scope.is_staff() {
        "the store has no line yet, or what it had is older than it is kept: look at the collectors"
    } else {
        "there is no line of your instances: nothing has arrived yet, or it is older than it is kept; the marketplace's staff can tell whether a pod waits for its registration"
    };
    Advice { code: Code::NoLinesAtAll, message: message.to_owned(), fix: None }
}

/// The same for what is somebody else's and for what is not there.
fn unknown_value(question: &Question, unknown: &Unknown) -> Advice {
    let value = unknown.value.as_deref().unwrap_or_default();
    let mut message = format!("field \"{}\" has no value \"{}\" here", unknown.field, short(value));
    let fix = unknown.near.first().and_then(|nearest| replaced(question, unknown, nearest));
    match unknown.near.as_slice() {
        [] => message.push_str(": see what there is with /api/v1/values, or leave it out"),
        near => message.push_str(&format!("; did you mean {}?", near.join(" or "))),
    }
    Advice { code: Code::UnknownValue, message, fix }
}

fn unknown_field(question: &Question, unknown: &Unknown) -> Advice {
    let mut message = format!("no line has a field \"{}\"", short(&unknown.field));
    let fix = unknown.near.first().and_then(|nearest| replaced(question, unknown, nearest));
    match unknown.near.as_slice() {
        [] => message.push_str(": search for the value as a word, without the field"),
        near => message.push_str(&format!("; did you mean {}?", near.join(" or "))),
    }
    Advice { code: Code::UnknownField, message, fix }
}

/// The query with the nearest name, where that is written without quotation marks.
fn replaced(question: &Question, unknown: &Unknown, nearest: &str) -> Option<Fix> {
    let is_plain = nearest.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) && !nearest.contains("..");
    let query = is_plain.then(|| splice(&question.query, unknown.span.bytes, nearest))?;
    Some(Fix { query: Some(query), ..Fix::default() })
}

/// The nearer of the lines before and behind the range.
fn nearest<'f>(question: &Question, found: &'f Found) -> Option<&'f Hit> {
    let range = question.plan.range;
    let distance = |hit: &Hit| range.from_ns.saturating_sub(hit.time_ns).max(hit.time_ns.saturating_sub(range.to_ns));
    [&found.before, &found.after].into_iter().flatten().min_by_key(|hit| distance(hit))
}

fn widen_time(question: &Question, found: &Found, hit: &Hit) -> Advice {
    let message = match (&found.before, &found.after) {
        (Some(before), Some(after)) => {
            format!(
                "such lines are outside of the range: the last one before it is of {}, the first one behind it of {}",
                before.time, after.time
            )
        }
        (Some(before), None) => format!("such lines are older: the newest one is of {}; begin at that time or before", before.time),
        _ => format!("such lines are newer: the first one is of {}; end behind that time", hit.time),
    };
    let is_before = found.before.as_ref() == Some(hit);
    // A time in the query goes before the range beside it, so that moving the one would do nothing.
    let fix = (!question.plan.says_time).then(|| {
        if is_before {
            Fix { from: Some(hit.time.clone()), ..Fix::default() }
        } else {
            Fix { to: Some(rfc3339(hit.time_ns.saturating_add(1))), ..Fix::default() }
        }
    });
    Advice { code: Code::WidenTime, message, fix }
}

fn look_in_quarantine(question: &Question, lines: &str) -> Advice {
    let query = format!("in:quarantine {}", question.query).trim_end().to_owned();
    let message = format!(
        "the quarantine has {lines} like this, whose pods no instance is registered for: look there with in:quarantine, then register it"
    );
    Advice { code: Code::LookInQuarantine, message, fix: Some(Fix { query: Some(query), ..Fix::default() }) }
}

fn no_such_lines(clauses: &[ClauseAlone]) -> Advice {
    let empty: Vec<&str> = clauses.iter().filter(|clause| clause.alone.is_none()).map(|clause| clause.text.as_str()).collect();
    let message = match (empty.as_slice(), clauses.len()) {
        ([], _) => "each part is there by itself, and no line has all of them: leave some out".to_owned(),
        (_, 1) => "no line that is kept is like this: look at its spelling, or search for a part of it, as in abc*".to_owned(),
        (empty, _) => format!("nothing in the range is like {}: look at the spelling, or leave it out", empty.join(", nor like ")),
    };
    Advice { code: Code::NoSuchLines, message, fix: None }
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}
