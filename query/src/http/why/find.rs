//! What is asked of the store to find out why nothing matched.
//!
//! Each question gets an even share of the time that is left, so that one slow clause does not take it all from the others.

use super::names::{self, Names};
use super::{CLAUSES_MAX, ClauseAlone, Count, Hit, INSTANCES_MAX, Question, ROWS_ENOUGH, Searched, TIME, Unknown};
use crate::time::{DAY, TimeRange, rfc3339};
use martlog_indexer::row::Row;
use martlog_indexer::search::{CountRequest, Event, Order, Predicate, SearchRequest};
use std::sync::Arc;
use std::time::Instant;

/// Whenever it was.
const EVER: TimeRange = TimeRange { from_ns: i64::MIN + DAY, to_ns: i64::MAX - DAY, open: false };

/// What was found out.
pub(super) struct Found {
    pub(super) clauses: Vec<ClauseAlone>,
    pub(super) clauses_left_out: usize,
    pub(super) unknown: Vec<Unknown>,
    pub(super) before: Option<Hit>,
    pub(super) after: Option<Hit>,
    pub(super) newest: Option<Hit>,
    pub(super) oldest: Option<Hit>,
    pub(super) quarantine: Option<Count>,
    pub(super) scope: Searched,
    pub(super) unfinished: Vec<&'static str>,
}

/// Asks, within its time.
pub(super) struct Asker<'a> {
    pub(super) question: &'a Question,
    deadline: Instant,
    /// Questions that are still to be asked.
    left: u32,
    unfinished: Vec<&'static str>,
}

pub(super) async fn find(question: &Question) -> Found {
    let plan = &question.plan;
    let clauses = plan.clauses();
    let asked = clauses.len().min(CLAUSES_MAX);
    // Lines, newest, oldest, before, after, the quarantine, the sample; each clause alone and without it; the names.
    let left = u32::try_from(7 + 2 * asked + names::questions(plan)).unwrap_or(u32::MAX);
    let mut asker = Asker { question, deadline: Instant::now() + TIME, left, unfinished: Vec::new() };
    let all = Arc::new(Predicate::All);
    let newest = asker.first("newest", &all, EVER, Order::NewestFirst).await;
    let oldest = asker.first("oldest", &all, EVER, Order::OldestFirst).await;
    let lines = asker.count("scope", &all, plan.range, plan.quarantine).await;
    let (past, future) = (TimeRange { to_ns: plan.range.from_ns, ..EVER }, TimeRange { from_ns: plan.range.to_ns, ..EVER });
    let before = asker.first("before", &plan.predicate, past, Order::NewestFirst).await;
    let after = asker.first("after", &plan.predicate, future, Order::OldestFirst).await;
    let quarantine = if question.scope.is_staff() && !plan.quarantine {
        Some(asker.count("quarantine", &plan.predicate, plan.range, true).await)
    } else {
        None
    };
    let alone = asker.each_clause(asked).await;
    let names = Names::of(question);
    let unknown = names::unknown(&mut asker, &names, &alone).await;
    let mut instances = names.left_by(&plan.clauses());
    let instances_total = instances.len();
    instances.truncate(INSTANCES_MAX);
    let partner = question.scope.partner().map(str::to_owned);
    Found {
        clauses: alone,
        clauses_left_out: clauses.len() - asked,
        unknown,
        before,
        after,
        newest,
        oldest,
        quarantine,
        scope: Searched { quarantine: plan.quarantine, partner, instances, instances_total, lines },
        unfinished: asker.unfinished,
    }
}

impl Asker<'_> {
    /// Until when the next question may take.
    fn share(&mut self) -> Instant {
        let now = Instant::now();
        let share = self.deadline.saturating_duration_since(now) / self.left.max(1);
        self.left = self.left.saturating_sub(1);
        now + share
    }

    /// The part was not found out.
    pub(super) fn unfinished(&mut self, part: &'static str) {
        if !self.unfinished.contains(&part) {
            self.unfinished.push(part);
        }
    }

    /// How many lines match.
    pub(super) async fn count(&mut self, part: &'static str, predicate: &Arc<Predicate>, range: TimeRange, quarantine: bool) -> Count {
        let request = CountRequest {
            predicate: predicate.clone(),
            from_ns: range.from_ns,
            to_ns: range.to_ns,
            rows_enough: ROWS_ENOUGH,
            quarantine,
            deadline: self.share(),
        };
        let Question { indexer, scope, .. } = self.question;
        // What the disk said was logged by the search itself, or is next time.
        let counted = indexer.count(scope, request).await.unwrap_or_default();
        if !counted.whole && counted.rows <= ROWS_ENOUGH {
            self.unfinished(part);
        }
        Count { lines: counted.rows, exact: counted.whole }
    }

    /// The same within the query's range, or in the quarantine where it asks for that.
    pub(super) async fn count_here(&mut self, part: &'static str, predicate: Predicate) -> Count {
        let plan = &self.question.plan;
        self.count(part, &Arc::new(predicate), plan.range, plan.quarantine).await
    }

    /// Whether a line matches, whenever it was.
    pub(super) async fn ever(&mut self, predicate: &Predicate) -> Option<bool> {
        let request = self.request(&Arc::new(predicate.clone()), EVER, Order::NewestFirst, 1);
        self.rows(request).await.map(|rows| !rows.is_empty())
    }

    /// The newest lines of the scope.
    pub(super) async fn sample(&mut self, lines: usize) -> Vec<Row> {
        let request = self.request(&Arc::new(Predicate::All), EVER, Order::NewestFirst, lines);
        self.rows(request).await.unwrap_or_default()
    }

    async fn first(&mut self, part: &'static str, predicate: &Arc<Predicate>, range: TimeRange, order: Order) -> Option<Hit> {
        if range.from_ns >= range.to_ns {
            return None;
        }
        let request = self.request(predicate, range, order, 1);
        let Some(rows) = self.rows(request).await else {
            self.unfinished(part);
            return None;
        };
        let epoch = self.question.indexer.store().epoch();
        rows.first().map(|row| Hit { time: rfc3339(row.record.time_ns), id: crate::pipes::id(row, epoch), time_ns: row.record.time_ns })
    }

    fn request(&mut self, predicate: &Arc<Predicate>, range: TimeRange, order: Order, limit: usize) -> SearchRequest {
        SearchRequest {
            predicate: predicate.clone(),
            from_ns: range.from_ns,
            to_ns: range.to_ns,
            order,
            limit,
            after: None,
            as_of_ns: None,
            count: false,
            quarantine: self.question.plan.quarantine,
            deadline: self.share(),
        }
    }

    /// The rows of a search; `None` when it did not come to its end. One that is no longer waited for ends by itself.
    async fn rows(&mut self, request: SearchRequest) -> Option<Vec<Row>> {
        let mut rows = Vec::new();
        let mut events = self.question.indexer.search(&self.question.scope, request);
        while let Some(event) = events.recv().await {
            match event {
                Event::Row(row) => rows.push(*row),
                Event::Progress { .. } => {}
                Event::Summary(_) => return Some(rows),
                Event::Error(_) => return None,
            }
        }
        None
    }

    /// What each clause finds by itself, and what the others find without it.
    async fn each_clause(&mut self, asked: usize) -> Vec<ClauseAlone> {
        let question = self.question;
        let clauses = question.plan.clauses();
        let mut alone = Vec::new();
        for clause in clauses.iter().take(asked) {
            let count = self.count_here("clauses", clause.predicate.clone()).await;
            let span = clause.node.span;
            alone.push(ClauseAlone { text: question.piece(span), span: question.spans(span), alone: count, without: None });
        }
        if clauses.len() < 2 {
            return alone;
        }
        for at in 0..alone.len() {
            let none = alone.iter().enumerate().any(|(other, clause)| other != at && clause.alone.is_none());
            let others = || clauses.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, clause)| clause.predicate.clone());
            let without = if none { Count::NONE } else { self.count_here("clauses", Predicate::And(others().collect())).await };
            if let Some(clause) = alone.get_mut(at) {
                clause.without = Some(without);
            }
        }
        alone
    }
}
