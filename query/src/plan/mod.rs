//! From a tree to what the store is asked: a predicate, a range of time, the quarantine or not, and notes on every reading that could surprise.
//!
//! Pipes become [`steps`], which [`crate::pipes`] takes; those that only leave rows out and come first are part of the predicate.
//!
//! The scope is no part of it. It is ANDed with the predicate in exactly one function, in the indexer, whose `search`, `histogram` and `tail` take a
//! `&Scope` and have no form without one; so nothing that is written in a query can reach past it.
//!
//! Invariants: `time:`, `@` and `in:` hold for the whole query, so they stand among its outermost clauses only; a field with a fixed set of values
//! has no other; a range of time always has both ends. Positions are bytes of the query.

mod extract;
pub mod pipes;
pub mod steps;
mod subject;
mod text;
mod values;
mod when;

use crate::lang::error::splice;
use crate::lang::{Code, Kind, Name, Node, Op, Query, QueryError, Span, Test, Value, parse};
use crate::time::TimeRange;
use martlog_formats::fields::ATTRIBUTES_PREFIX;
use martlog_indexer::search::{Field, Predicate};
use pipes::Shape;
use regex::Regex;
use std::sync::Arc;
use steps::{Step, Steps};
use subject::Subject;

/// What a query asks of the store.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What a row must be like.
    pub predicate: Arc<Predicate>,
    /// Where to look.
    pub range: TimeRange,
    /// Whether the query itself says the time.
    pub says_time: bool,
    /// What is done with the rows.
    pub steps: Steps,
    /// Look into the quarantine instead; only ever set for staff.
    pub quarantine: bool,
    /// What its author should know about how it was read.
    pub warnings: Vec<Warning>,
    /// The query as it was read.
    pub query: Query,
    /// The same as text, in its canonical form.
    pub canonical: String,
    /// Where the clauses of the predicate stand, in its order; `time:` and `in:` are none of them.
    spans: Vec<Span>,
}

/// A clause that must hold, outermost.
#[derive(Debug, Clone)]
pub struct Clause<'a> {
    /// As it was written.
    pub node: &'a Node,
    /// What it asks for.
    pub predicate: &'a Predicate,
}

impl Plan {
    /// The clauses that all have to hold, in their order.
    #[must_use]
    pub fn clauses(&self) -> Vec<Clause<'_>> {
        let predicates = match &*self.predicate {
            Predicate::And(of) if self.spans.len() > 1 => of.as_slice(),
            one => std::slice::from_ref(one),
        };
        let node = |span: &Span| self.query.clauses().iter().find(|node| node.span == *span);
        self.spans.iter().zip(predicates).filter_map(|(span, predicate)| Some(Clause { node: node(span)?, predicate })).collect()
    }
}

/// What is known besides the query.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The clock, ns since the epoch.
    pub now_ns: i64,
    /// The range that the request gives, or the default.
    pub range: TimeRange,
    /// Whether the request gives one.
    pub range_given: bool,
    /// Whether the scope is that of staff.
    pub staff: bool,
    /// The store's epoch, for ids of rows.
    pub epoch: u64,
}

/// A note on a reading that could surprise. The codes are documented for users and are not reused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The stable code.
    pub code: &'static str,
    /// How it was read, and what to write for another reading.
    pub message: String,
    /// Which part of the query, bytes; `None` for all of it.
    pub span: Option<Span>,
}

/// Reads a query and plans it. This can take some milliseconds where the query has regular expressions.
///
/// # Errors
/// When it is no query, or asks for what no row can be asked.
pub fn plan(text: &str, setting: &Setting) -> Result<Plan, QueryError> {
    let query = parse(text)?;
    let mut planner = Planner {
        text,
        setting,
        warnings: Vec::new(),
        quarantine: false,
        time: when::Bounds::default(),
        regexes: Vec::new(),
        shape: Shape::Lines { extracted: Vec::new(), around: false },
    };
    if let Some(ago) = query.ago {
        planner.time.ago(ago, setting.now_ns);
    }
    let (mut clauses, mut spans) = (Vec::new(), Vec::new());
    for clause in query.clauses() {
        match planner.whole_query_clause(clause)? {
            true => {}
            false => {
                clauses.push(planner.node(clause, None)?);
                spans.push(clause.span);
            }
        }
    }
    planner.lower_case_operators(query.clauses());
    let says_time = planner.time.is_given();
    let range = planner.time.clone().range(&mut planner)?;
    let mut steps = planner.pipes(&query.pipes, range)?;
    // The store finds faster what a pipe would leave out.
    while let Some(Step::Lines(predicate)) = steps.steps.first() {
        clauses.push((**predicate).clone());
        steps.steps.remove(0);
    }
    let predicate = match clauses.len() {
        0 => Predicate::All,
        1 => clauses.remove(0),
        _ => Predicate::And(clauses),
    };
    Ok(Plan {
        predicate: Arc::new(predicate),
        steps,
        range,
        says_time,
        quarantine: planner.quarantine,
        warnings: planner.warnings,
        canonical: query.to_string(),
        query,
        spans,
    })
}

type Planned<T> = Result<T, QueryError>;

struct Planner<'a> {
    text: &'a str,
    setting: &'a Setting,
    warnings: Vec<Warning>,
    quarantine: bool,
    time: when::Bounds,
    regexes: Vec<Regex>,
    /// What the pipe that is planned gets.
    shape: Shape,
}

impl Planner<'_> {
    fn warn(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.warnings.push(Warning { code, message: message.into(), span: Some(span) });
    }

    /// Takes a clause that holds for the whole query, `time:` or `in:`; false for any other.
    fn whole_query_clause(&mut self, node: &Node) -> Planned<bool> {
        let Kind::Field { name, test } = &node.kind else { return Ok(false) };
        match Subject::of(&name.text) {
            Subject::Time => self.time_clause(node.span, test)?,
            Subject::In => self.in_clause(node.span, test)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn in_clause(&mut self, span: Span, test: &Test) -> Planned<()> {
        if test.op != Op::Has || test.value.text() != Some("quarantine") {
            return Err(QueryError::new(Code::UnknownValue, span, "\"in:\" knows the quarantine alone")
                .hint("in:quarantine asks for lines that have no owner yet; leave it out to ask for all others")
                .replace(self.text, "in:quarantine"));
        }
        if !self.setting.staff {
            return Err(QueryError::new(Code::Forbidden, span, "the quarantine is open to the marketplace's staff alone")
                .hint("lines of a pod without a registered instance are there: ask the staff to register it, then they are yours")
                .replace(self.text, ""));
        }
        self.quarantine = true;
        Ok(())
    }

    /// A part of the filter; within a group every term is about the group's field.
    fn node(&mut self, node: &Node, group: Option<&Name>) -> Planned<Predicate> {
        match &node.kind {
            Kind::And { of } => {
                if group.is_none() {
                    self.lower_case_operators(of);
                }
                Ok(Predicate::And(self.nodes(of, group)?))
            }
            Kind::Or { of } => Ok(Predicate::Or(self.nodes(of, group)?)),
            Kind::Not { of } => {
                self.negated_number(of, group);
                Ok(Predicate::Not(Box::new(self.node(of, group)?)))
            }
            Kind::Term { test } => match group {
                Some(name) => self.field(node.span, name, test),
                None => self.bare_term(node.span, test),
            },
            Kind::Field { name, test } => self.field(node.span, name, test),
            Kind::Group { name, of } => {
                self.check_name(name);
                self.node(of, Some(name))
            }
        }
    }

    fn nodes(&mut self, nodes: &[Node], group: Option<&Name>) -> Planned<Vec<Predicate>> {
        nodes.iter().map(|node| self.node(node, group)).collect()
    }

    fn field(&mut self, span: Span, name: &Name, test: &Test) -> Planned<Predicate> {
        if let Shape::Table(columns) = &self.shape {
            let columns = columns.clone();
            return self.cell(span, name, test, &columns);
        }
        if matches!(&self.shape, Shape::Lines { around: true, .. }) && name.text == "found" {
            return Err(QueryError::new(Code::BadOperator, span, "\"found\" is no field of the lines but a column of their table")
                .hint("make the table first: | fields time, message, found | where found:true"));
        }
        // Within a group the name was looked at where it stands.
        if span.from <= name.span.from {
            self.check_name(name);
        }
        match Subject::of(&name.text) {
            Subject::Level => self.level(span, test),
            Subject::Verdict => self.verdict(span, test),
            Subject::Problem => self.problem(span, test),
            Subject::Time | Subject::In => Err(self.misplaced(span, &name.text)),
            Subject::Session => self.session(span, test),
            Subject::Stored(field) => self.stored(span, &field, test),
        }
    }

    /// A test of a column of a table: its cells are asked as attributes, names and ids of lines compared whole as ever.
    fn cell(&mut self, span: Span, name: &Name, test: &Test, columns: &[String]) -> Planned<Predicate> {
        if !columns.contains(&name.text) {
            return Err(self.unknown_column(&name.text, name.span, columns));
        }
        match Subject::of(&name.text) {
            Subject::Level => return self.level(span, test),
            Subject::Stored(Field::Stamp(_)) if test.op == Op::Has && test.value.text().is_some_and(|text| !text.contains(['*', '?'])) => {
                let test = Test { op: Op::Equals, ..test.clone() };
                return self.stored(span, &Field::Attribute(format!("{ATTRIBUTES_PREFIX}{}", name.text)), &test);
            }
            _ => {}
        }
        self.stored(span, &Field::Attribute(format!("{ATTRIBUTES_PREFIX}{}", name.text)), test)
    }

    /// `session:X`: any of the ids that name a session, a call or a request.
    fn session(&mut self, span: Span, test: &Test) -> Planned<Predicate> {
        let negated = matches!(test.op, Op::NotEquals | Op::NotMatches);
        let positive = Test {
            op: match test.op {
                Op::NotEquals => Op::Equals,
                Op::NotMatches => Op::Matches,
                op => op,
            },
            ..test.clone()
        };
        let fields = martlog_formats::fields::SESSION_FIELDS;
        let any = fields.iter().map(|name| self.stored(span, &Field::Attribute((*name).to_owned()), &positive)).collect::<Planned<_>>()?;
        let any = Predicate::Or(any);
        Ok(if negated { Predicate::Not(Box::new(any)) } else { any })
    }

    /// `time:` or `in:` within an alternative, a negation or a group.
    fn misplaced(&self, span: Span, name: &str) -> QueryError {
        let clause = &self.text[span.from..span.to];
        let error = QueryError::new(
            Code::Misplaced,
            span,
            format!("\"{name}:\" holds for the whole query, so it can stand in no alternative and behind no negation"),
        )
        .hint("put the alternatives in parentheses and write it behind them");
        let fix = format!("({}) {clause}", splice(self.text, span, ""));
        // Behind a negation no move is right; then what is left does not read as a query.
        match plan(&fix, self.setting) {
            Ok(_) => error.fix(fix),
            Err(_) => error,
        }
    }

    /// `or`, `and`, `not` in lower case between terms are words.
    fn lower_case_operators(&mut self, clauses: &[Node]) {
        for (at, node) in clauses.iter().enumerate() {
            let Kind::Term { test: Test { op: Op::Has, value: Value::Word(word), .. } } = &node.kind else { continue };
            let between = at > 0 && at + 1 < clauses.len();
            if matches!(word.as_str(), "or" | "and") && between || word == "not" && at + 1 < clauses.len() {
                let upper = word.to_uppercase();
                self.warn("W203", node.span, format!("\"{word}\" was searched as a word; in capitals, {upper} is the operator"));
            }
        }
    }

    /// `-5` outside of a value is "not 5".
    fn negated_number(&mut self, of: &Node, group: Option<&Name>) {
        if let (Kind::Term { test: Test { value: Value::Word(word), .. } }, None) = (&of.kind, group)
            && word.starts_with(|c: char| c.is_ascii_digit())
            && self.text[..of.span.from].ends_with('-')
        {
            let message =
                format!("\"-{word}\" asks for lines without {word}; to find a negative number, write \"-{word}\" in quotation marks");
            self.warn("W206", Span::new(of.span.from - 1, of.span.to), message);
        }
    }
}

#[cfg(test)]
mod tests;
