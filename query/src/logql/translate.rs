//! A log query as a query of the own language: the same lines, asked as if a reader had written it there.
//!
//! * A label that a line does not have is the empty text, so `x!=""` asks for those that have it, and `x=~".*"` for all.
//! * A label's expression matches the whole value, that of a line filter any part of the line.
//! * Labels are compared as they are written, letters in their case; the own language's `=` ignores that, so a second test stands beside it.
//! * The line is what is kept of it: its message, and its fields as they were written.
//! * `json` and `logfmt` do nothing: fields were read when the line came in. With labels they give a field another name. `pattern` and `regexp` become `extract`, and what is behind them `where`.

use super::LogQlError;
use super::ast::{Compare, Condition, LogQuery, MatchOp, Matcher, Stage, Unwrap};
use super::labels::{self, Label};
use super::parse::duration;
use super::pattern::{expression_of_line, expression_of_pattern, renamed};
use crate::lang::{self, Kind, Name, Node, Op, Pipe, Query, Quoted, Span, Stage as OwnStage, Test, Value};
use martlog_formats::{Problem, Verdict, fields};
use regex::Regex;
use std::collections::HashMap;

/// The levels that are shown.
pub const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

/// What a log query comes to.
#[derive(Debug, Clone)]
pub struct Translated {
    /// The query, in the own language.
    pub query: String,
    /// What labels stand for behind its stages.
    pub names: Names,
    /// Which labels are shown.
    pub shown: Shown,
}

/// What labels stand for.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Fields that a stage gave a label, or read out of lines under it.
    given: HashMap<String, String>,
}

/// Which labels are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    drop: Vec<String>,
    keep: Option<Vec<String>>,
}

impl Names {
    /// What a label stands for.
    #[must_use]
    pub fn label(&self, name: &str) -> Label {
        self.given.get(name).map_or_else(|| labels::of(name), |path| Label::Field(vec![path.clone()]))
    }

    /// The labels that stages gave to fields, and the paths of these.
    pub fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().map(|(label, path)| (label.as_str(), path.as_str()))
    }
}

impl Shown {
    /// Whether a label is shown.
    #[must_use]
    pub fn has(&self, label: &str) -> bool {
        !self.drop.iter().any(|dropped| dropped == label) && self.keep.as_ref().is_none_or(|kept| kept.iter().any(|kept| kept == label))
    }
}

/// The own query for the lines of a log query, and for those whose numbers are taken.
///
/// # Errors
/// What no line can be asked.
pub fn translate(of: &LogQuery, unwrap: Option<&Unwrap>) -> Result<Translated, LogQlError> {
    let mut builder = Builder::default();
    for matcher in &of.selector {
        let node = text_test(&builder.names.label(&matcher.name), matcher)?;
        builder.ask(node);
    }
    of.stages.iter().try_for_each(|stage| builder.stage(stage))?;
    for filter in unwrap.into_iter().flat_map(|unwrap| &unwrap.filters) {
        let node = condition(filter, &builder.names)?;
        builder.ask(node);
    }
    builder.close();
    let query = Query { ago: None, filter: builder.filter, pipes: builder.pipes }.to_string();
    Ok(Translated { query, names: builder.names, shown: builder.shown })
}

#[derive(Default)]
struct Builder {
    /// What is asked before the first stage that reads fields out of lines.
    filter: Option<Node>,
    /// What is asked since the last one.
    asked: Vec<Node>,
    pipes: Vec<Pipe>,
    names: Names,
    shown: Shown,
}

impl Builder {
    fn ask(&mut self, node: Node) {
        self.asked.push(node);
    }

    /// Puts what was asked where it belongs.
    fn close(&mut self) {
        let asked = all_of(std::mem::take(&mut self.asked));
        if is_everything(&asked) {
            return;
        }
        match self.pipes.is_empty() {
            true => self.filter = Some(asked),
            false => self.pipes.push(pipe(OwnStage::Where { of: asked })),
        }
    }

    fn stage(&mut self, stage: &Stage) -> Result<(), LogQlError> {
        match stage {
            Stage::Line { op, any } => self.ask(line(*op, any)),
            Stage::LinePattern { negative, any } => {
                let expressions =
                    any.iter().map(|pattern| expression_of_line(pattern)).collect::<Result<Vec<_>, _>>().map_err(LogQlError::whole)?;
                self.ask(line(if *negative { MatchOp::NotMatches } else { MatchOp::Matches }, &expressions));
            }
            Stage::Filter(filter) => {
                let node = condition(filter, &self.names)?;
                self.ask(node);
            }
            Stage::Fields { labels, .. } => {
                let given = labels.iter().filter_map(|(label, expression)| Some((label.clone(), path(expression)?)));
                self.names.given.extend(given);
            }
            Stage::Pattern(pattern) => {
                let expression = expression_of_pattern(pattern).map_err(LogQlError::whole)?;
                self.extract(&expression);
            }
            Stage::Regexp(expression) => self.extract(&renamed(expression)),
            Stage::Drop(labels) => {
                self.shown.drop.extend(labels.iter().cloned());
            }
            Stage::Keep(labels) => {
                let kept = self.shown.keep.get_or_insert_with(|| labels.clone());
                kept.retain(|label| labels.contains(label));
            }
        }
        Ok(())
    }

    /// Reads the named groups of an expression out of the message.
    fn extract(&mut self, expression: &str) {
        self.close();
        if let Ok(regex) = Regex::new(expression) {
            let names = regex.capture_names().flatten();
            self.names.given.extend(names.map(|name| (name.to_owned(), name.to_owned())));
        }
        let pattern = Quoted { span: NOWHERE, value: Value::Literal(ticked(expression)) };
        self.pipes.push(pipe(OwnStage::Extract { pattern, regex: true, from: None }));
    }
}

const NOWHERE: Span = Span::new(0, 0);

fn node(kind: Kind) -> Node {
    Node { span: NOWHERE, kind }
}

fn pipe(stage: OwnStage) -> Pipe {
    Pipe { span: NOWHERE, stage }
}

fn test(op: Op, value: Value) -> Test {
    Test { op, span: NOWHERE, value }
}

fn field(name: &str, op: Op, value: Value) -> Node {
    node(Kind::Field { name: Name { span: NOWHERE, text: name.to_owned() }, test: test(op, value) })
}

fn everything() -> Node {
    node(Kind::Term { test: test(Op::Has, Value::Any) })
}

fn is_everything(of: &Node) -> bool {
    matches!(&of.kind, Kind::Term { test: Test { value: Value::Any, .. } })
}

fn nothing() -> Node {
    not(everything())
}

fn constant(is: bool) -> Node {
    if is { everything() } else { nothing() }
}

fn not(of: Node) -> Node {
    match of.kind {
        Kind::Not { of } => *of,
        _ => node(Kind::Not { of: Box::new(of) }),
    }
}

fn all_of(nodes: Vec<Node>) -> Node {
    let mut all = Vec::with_capacity(nodes.len());
    for part in nodes.into_iter().filter(|part| !is_everything(part)) {
        match part.kind {
            Kind::And { of } => all.extend(of),
            _ => all.push(part),
        }
    }
    match all.len() {
        0 => everything(),
        1 => all.remove(0),
        _ => node(Kind::And { of: all }),
    }
}

fn any_of(nodes: Vec<Node>) -> Node {
    if nodes.iter().any(is_everything) {
        return everything();
    }
    let mut any = Vec::with_capacity(nodes.len());
    for part in nodes {
        match part.kind {
            Kind::Or { of } => any.extend(of),
            _ => any.push(part),
        }
    }
    match any.len() {
        0 => nothing(),
        1 => any.remove(0),
        _ => node(Kind::Or { of: any }),
    }
}

/// A line filter.
fn line(op: MatchOp, any: &[String]) -> Node {
    let contains = |text: &String| match (op.is_regex(), text.is_empty()) {
        (_, true) => everything(),
        (true, _) => node(Kind::Term { test: test(Op::Matches, Value::Literal(ticked(text))) }),
        (false, _) if has_tick_at_end(text) => node(Kind::Term { test: test(Op::Matches, Value::Literal(ticked(&regex::escape(text)))) }),
        (false, _) => node(Kind::Term { test: test(Op::Has, Value::Literal(text.clone())) }),
    };
    let any = any_of(any.iter().map(contains).collect());
    if op.is_negative() { not(any) } else { any }
}

fn condition(of: &Condition, names: &Names) -> Result<Node, LogQlError> {
    let parts = |parts: &[Condition]| parts.iter().map(|part| condition(part, names)).collect::<Result<Vec<_>, _>>();
    Ok(match of {
        Condition::And(all) => all_of(parts(all)?),
        Condition::Or(any) => any_of(parts(any)?),
        Condition::Text(matcher) => text_test(&names.label(&matcher.name), matcher)?,
        Condition::Number { name, op, value } => number_test(&names.label(name), name, *op, value)?,
    })
}

/// Whether a label is, or matches, a text.
fn text_test(label: &Label, matcher: &Matcher) -> Result<Node, LogQlError> {
    let value = matcher.value.as_str();
    let wanted = if matcher.op.is_regex() { Wanted::Match(whole(value)?) } else { Wanted::Text(value) };
    let positive = match label {
        Label::Nothing => constant(wanted.is("")),
        Label::Level => of_set("level", &LEVELS, Some("none"), &wanted),
        Label::Verdict => of_set("verdict", &Verdict::ALL.map(Verdict::as_str), None, &wanted),
        Label::Problem => of_set("problem", &Problem::ALL.iter().map(|problem| problem.code()).collect::<Vec<_>>(), Some(""), &wanted),
        Label::Stamp(name) => of_text(&[(*name).to_owned()], &wanted),
        Label::Field(paths) => of_text(paths, &wanted),
    };
    Ok(if matcher.op.is_negative() { not(positive) } else { positive })
}

/// What a value is compared with.
enum Wanted<'a> {
    Text(&'a str),
    /// The whole value matches.
    Match(Regex),
}

impl Wanted<'_> {
    fn is(&self, value: &str) -> bool {
        match self {
            Self::Text(text) => value == *text,
            Self::Match(regex) => regex.is_match(value),
        }
    }
}

/// The expression that a whole value matches.
fn whole(expression: &str) -> Result<Regex, LogQlError> {
    Regex::new(&format!("^(?s:{expression})$")).map_err(|error| LogQlError::whole(format!("error parsing regexp: {error}")))
}

/// A field with a fixed set of values; `none` is how the own language asks for lines that have none of them, where it is not by the field's absence.
fn of_set(name: &str, values: &[&str], none: Option<&str>, wanted: &Wanted<'_>) -> Node {
    let mut any: Vec<Node> = Vec::new();
    let hits: Vec<&&str> = values.iter().filter(|value| wanted.is(value)).collect();
    match hits.len() == values.len() {
        true if none.is_none() => return everything(),
        true => any.push(field(name, Op::Has, Value::Any)),
        false => any.extend(hits.iter().map(|value| field(name, Op::Has, Value::Word((**value).to_owned())))),
    }
    if wanted.is("") && none.is_some() {
        any.push(not(field(name, Op::Has, Value::Any)));
    }
    match any.as_slice() {
        [Node { kind: Kind::Field { .. }, .. }, Node { kind: Kind::Not { .. }, .. }] if hits.len() == values.len() => everything(),
        _ => any_of(any),
    }
}

/// A field with any text, under one of some names.
fn of_text(names: &[String], wanted: &Wanted<'_>) -> Node {
    let there = || any_of(names.iter().map(|name| field(name, Op::Has, Value::Any)).collect());
    let one = |name: &String| match wanted {
        Wanted::Text(text) if has_tick_at_end(text) => {
            field(name, Op::Matches, Value::Literal(ticked(&format!("^{}$", regex::escape(text)))))
        }
        Wanted::Text(text) => {
            let same = field(name, Op::Equals, Value::Literal((*text).to_owned()));
            all_of(vec![same, field(name, Op::Has, Value::Literal((*text).to_owned()))])
        }
        Wanted::Match(regex) => field(name, Op::Matches, Value::Literal(ticked(regex.as_str()))),
    };
    let empty = wanted.is("");
    if let (Wanted::Text(_), true) = (wanted, empty) {
        return not(there());
    }
    let mut any: Vec<Node> = names.iter().map(one).collect();
    if empty {
        any.push(not(there()));
    }
    any_of(any)
}

/// A comparison of a label's number. What is no number passes none.
fn number_test(label: &Label, name: &str, op: Compare, value: &str) -> Result<Node, LogQlError> {
    let paths = match label {
        Label::Field(paths) => paths,
        Label::Nothing => return Ok(nothing()),
        _ => {
            return Err(LogQlError::whole(format!(
                "the values of {name} are texts here: compare it by =, !=, =~ or !~, with the value in quotation marks"
            )));
        }
    };
    // Lengths of time that the own language writes otherwise.
    let value = if fields::number(value).is_some() {
        value.to_owned()
    } else {
        duration(value).map_or_else(|| value.to_owned(), |ns| format!("{}ms", ns / 1_000_000))
    };
    let compare = |path: &str, op: Op| field(path, op, Value::Word(value.clone()));
    let one = |path: &String| match op {
        Compare::Equal => all_of(vec![compare(path, Op::AtLeast), compare(path, Op::AtMost)]),
        Compare::NotEqual => any_of(vec![compare(path, Op::Less), compare(path, Op::More)]),
        Compare::More => compare(path, Op::More),
        Compare::AtLeast => compare(path, Op::AtLeast),
        Compare::Less => compare(path, Op::Less),
        Compare::AtMost => compare(path, Op::AtMost),
    };
    Ok(any_of(paths.iter().map(one).collect()))
}

/// Between back-ticks a text can have back-ticks, but neither at its beginning nor at its end.
fn has_tick_at_end(text: &str) -> bool {
    text.starts_with('`') || text.ends_with('`')
}

/// An expression without back-ticks: the own language has expressions between them.
fn ticked(expression: &str) -> String {
    expression.replace("\\\\", "\\x5c").replace("\\`", "`").replace('`', "\\x60")
}

/// The path that an expression of `json` or `logfmt` names: `a.b`, `["a"]["b"]`; `None` where it goes through lists, or the own language cannot write it.
pub(super) fn path(expression: &str) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let mut rest = expression;
    while !rest.is_empty() {
        if let Some(bracketed) = rest.strip_prefix("[\"") {
            let (name, after) = bracketed.split_once("\"]")?;
            names.push(name);
            rest = after;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let length = rest.find(['.', '[']).unwrap_or(rest.len());
            names.push(rest.get(..length).filter(|name| !name.is_empty())?);
            rest = &rest[length..];
        }
    }
    let path = labels::of_field(names.join("."));
    let query = lang::parse(&format!("{path}:*")).ok()?;
    matches!(&query.filter?.kind, Kind::Field { name, .. } if name.text == path).then_some(path)
}
