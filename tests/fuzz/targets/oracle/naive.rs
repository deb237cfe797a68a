//! What a filter finds, said in the simplest way: the tree of the query is asked of one line after the other, as `docs/query.md` and the documents of `formats` say.
//!
//! It shares with the product the parser, which makes the tree, and the rules that the language leaves to the format: what a word is and how it is folded
//! (`formats::words`), what a text is as a number (`formats::numbers`), and in which spelling ids are compared (`formats::ids`). Nothing else: neither the planner, nor how values are found in attributes, nor
//! how words, pieces, patterns and expressions are looked for. The range of time is the planner's, and so is what is refused as no query.

use crate::world::{Line, Text};
use martlog_formats::{Problem, Verdict, fields, words};
use martlog_query::lang::{Bound, Kind, Node, Op, Query, Test, Value};
use regex::{Regex, RegexBuilder};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::rc::Rc;

/// Fields whose values are ids, compared whole, by the last name of their path.
const IDS: [&str; 9] = ["request_id", "unique_id", "call_id", "session_id", "h323_conf_id", "event_id", "account_id", "msisdn", "imsi"];
const SESSION: [&str; 5] = ["session_id", "call_id", "h323_conf_id", "request_id", "unique_id"];

/// Answers for one query; remembers its expressions.
#[derive(Default)]
pub(crate) struct Oracle {
    expressions: RefCell<HashMap<String, Rc<Regex>>>,
}

/// What a field is.
enum Field<'n> {
    Level,
    Verdict,
    Problem,
    Session,
    Message,
    Stamp(&'n str),
    Attribute(&'n str),
    /// `time:` and `in:`, which say where to look.
    Whole,
}

/// What stands in the quarantine is found by whoever asks for it, and by nobody else.
pub(crate) fn asks_quarantine(query: &Query) -> bool {
    query.clauses().iter().any(|node| matches!(&node.kind, Kind::Field { name, .. } if name.text.eq_ignore_ascii_case("in")))
}

impl Oracle {
    /// Whether the line is what the query's filter asks for.
    pub(crate) fn finds(&self, query: &Query, line: &Line) -> bool {
        query.filter.as_ref().is_none_or(|filter| self.node(filter, None, line))
    }

    fn node(&self, node: &Node, group: Option<&str>, line: &Line) -> bool {
        match &node.kind {
            Kind::And { of } => of.iter().all(|node| self.node(node, group, line)),
            Kind::Or { of } => of.iter().any(|node| self.node(node, group, line)),
            Kind::Not { of } => !self.node(of, group, line),
            Kind::Group { name, of } => self.node(of, Some(&name.text), line),
            Kind::Field { name, test } => self.field(&name.text, test, line),
            Kind::Term { test } => match group {
                Some(name) => self.field(name, test, line),
                None => self.term(test, line),
            },
        }
    }

    /// A term about the whole line.
    fn term(&self, test: &Test, line: &Line) -> bool {
        match (&test.value, test.op) {
            (Value::Phrase(text) | Value::Literal(text), Op::Matches) => {
                let expression = self.expression(text);
                line.texts().any(|one| expression.is_match(&one.text))
            }
            (Value::Any, _) => true,
            (Value::Literal(piece), _) => line.texts().any(|one| one.text.contains(piece)) || line.record.attributes.contains(piece),
            (Value::Word(word), _) if word.contains(['*', '?']) => wildcard_term(word, line),
            (Value::Word(text) | Value::Phrase(text), _) => has_phrase_somewhere(&words_of(text), line),
            (Value::Range { .. }, _) => panic!("a range has a field"),
        }
    }

    fn field(&self, name: &str, test: &Test, line: &Line) -> bool {
        let negated = matches!(test.op, Op::NotEquals | Op::NotMatches);
        let op = match test.op {
            Op::NotEquals => Op::Equals,
            Op::NotMatches => Op::Matches,
            op => op,
        };
        let passes = match field_of(name) {
            Field::Whole => return true,
            Field::Level => level(op, &test.value, line),
            Field::Verdict => one_of(&test.value, Verdict::ALL.map(Verdict::as_str), |word| line.record.verdict.as_str() == word),
            Field::Problem => one_of(&test.value, Problem::ALL.iter().map(|problem| problem.code()), |word| {
                line.record.problems.iter().any(|problem| problem.code() == word)
            }),
            Field::Session => SESSION.iter().any(|name| self.attribute(name, op, &test.value, line)),
            Field::Message => self.message(op, &test.value, &line.message),
            Field::Stamp(name) => self.stamp(name, op, &test.value, line),
            Field::Attribute(name) => self.attribute(name, op, &test.value, line),
        };
        passes != negated
    }

    fn attribute(&self, name: &str, op: Op, value: &Value, line: &Line) -> bool {
        line.named(name).any(|text| match (op, value) {
            (_, Value::Any) => text.exists(),
            (Op::Has, Value::Range { low, high }) => in_range(name, text, low.as_ref(), high.as_ref()),
            (Op::Matches, value) => self.expression(value.text().expect("an expression")).is_match(&text.text),
            (Op::Less | Op::AtMost | Op::More | Op::AtLeast, value) => compares(name, text, op, value.text().expect("a number")),
            (Op::Equals, value) => equals(name, text, value.text().expect("a text")),
            (_, Value::Literal(piece)) => text.text.contains(piece),
            (_, Value::Word(word)) if word.contains(['*', '?']) => wildcard(&words::fold(word), &words::fold(&text.text)),
            (_, value) if is_id(name) => equals(name, text, value.text().expect("an id")),
            (_, value) => has_phrase(&words_of(value.text().expect("words")), text),
        })
    }

    fn message(&self, op: Op, value: &Value, message: &Text) -> bool {
        match (op, value) {
            (_, Value::Any) => !message.text.is_empty(),
            (Op::Matches, value) => self.expression(value.text().expect("an expression")).is_match(&message.text),
            (Op::Equals, value) => words::fold(&message.text) == words::fold(value.text().expect("a text")),
            (_, Value::Literal(piece)) => message.text.contains(piece),
            (_, Value::Word(word)) if word.contains(['*', '?']) => self.expression(&piece_of_message(word)).is_match(&message.text),
            (_, value) => has_phrase(&words_of(value.text().expect("words")), message),
        }
    }

    /// What the platform stamps is compared whole, and case counts, but for patterns.
    fn stamp(&self, name: &str, op: Op, value: &Value, line: &Line) -> bool {
        let stamp = line.stamp(name);
        match (op, value) {
            (_, Value::Any) => !stamp.is_empty(),
            (Op::Matches, value) => self.expression(value.text().expect("an expression")).is_match(stamp),
            (Op::Has, Value::Literal(piece)) => stamp.contains(piece.as_str()),
            (Op::Has, Value::Word(word)) if word.contains(['*', '?']) => wildcard(&words::fold(word), &words::fold(stamp)),
            (_, value) => stamp == value.text().expect("a name"),
        }
    }

    fn expression(&self, text: &str) -> Rc<Regex> {
        let mut known = self.expressions.borrow_mut();
        let compiled = || Rc::new(RegexBuilder::new(text).size_limit(8 << 20).build().expect("what was planned compiles"));
        known.entry(text.to_owned()).or_insert_with(compiled).clone()
    }
}

fn field_of(name: &str) -> Field<'_> {
    if name.starts_with("attributes.") {
        return Field::Attribute(name);
    }
    match name.to_ascii_lowercase().as_str() {
        "level" => Field::Level,
        "verdict" => Field::Verdict,
        "problem" | "problems" => Field::Problem,
        "time" | "in" => Field::Whole,
        "session" => Field::Session,
        "message" => Field::Message,
        "id" | "partner" | "module" | "instance" | "csp" | "environment" | "version" | "cluster" | "node" | "namespace" | "pod"
        | "container" | "stream" => Field::Stamp(name),
        _ => Field::Attribute(name),
    }
}

pub(crate) fn is_id(path: &str) -> bool {
    IDS.contains(&path.rsplit('.').next().unwrap_or_default())
}

fn equals(name: &str, text: &Text, wanted: &str) -> bool {
    if !is_id(name) {
        return words::fold(&text.text) == words::fold(wanted);
    }
    let id = fields::normalise_id(name, &text.text);
    text.exists() && !id.is_empty() && id == fields::normalise_id(name, wanted)
}

fn compares(name: &str, text: &Text, op: Op, wanted: &str) -> bool {
    let wanted = fields::field_number(name, wanted).expect("what was planned is a number");
    text.number(name).is_some_and(|number| match op {
        Op::Less => number < wanted,
        Op::AtMost => number <= wanted,
        Op::More => number > wanted,
        _ => number >= wanted,
    })
}

fn in_range(name: &str, text: &Text, low: Option<&Bound>, high: Option<&Bound>) -> bool {
    let above = low.is_none_or(|low| compares(name, text, Op::AtLeast, &low.text));
    above && high.is_none_or(|high| compares(name, text, Op::AtMost, &high.text))
}

/// The severities that a level's word names: a shown level has four, any other one.
fn severities(word: &str) -> RangeInclusive<u8> {
    const SHOWN: [(&[&str], u8); 6] = [
        (&["trace"], 1),
        (&["debug"], 5),
        (&["info", "information"], 9),
        (&["warn", "warning"], 13),
        (&["error", "err"], 17),
        (&["fatal", "emerg", "emergency", "panic"], 21),
    ];
    const SINGLE: [(&[&str], u8); 3] = [(&["notice"], 10), (&["critical", "crit"], 18), (&["alert"], 19)];
    let lower = word.to_ascii_lowercase();
    let among = |table: &[(&[&str], u8)]| table.iter().find(|(names, _)| names.contains(&lower.as_str())).map(|(_, number)| *number);
    match (among(&SHOWN), among(&SINGLE)) {
        (Some(first), _) => first..=first + 3,
        (_, Some(only)) => only..=only,
        _ => {
            let only = word.parse().expect("what was planned is a level");
            only..=only
        }
    }
}

fn level(op: Op, value: &Value, line: &Line) -> bool {
    let severity = line.record.severity.map(|severity| severity.number());
    let word = match value {
        Value::Any => return severity.is_some(),
        Value::Range { low, high } => {
            let above = |number: u8| low.as_ref().is_none_or(|low| number >= *severities(&low.text).start());
            let below = |number: u8| high.as_ref().is_none_or(|high| number <= *severities(&high.text).end());
            return severity.is_some_and(|number| above(number) && below(number));
        }
        Value::Word(word) | Value::Phrase(word) | Value::Literal(word) => word,
    };
    if word.eq_ignore_ascii_case("none") {
        return severity.is_none();
    }
    let named = severities(word);
    severity.is_some_and(|number| match op {
        Op::Less => number < *named.start(),
        Op::AtMost => number <= *named.end(),
        Op::More => number > *named.end(),
        Op::AtLeast => number >= *named.start(),
        _ => named.contains(&number),
    })
}

/// A field with a fixed set of values, asked by a word, in any case, or by a pattern.
fn one_of<'w>(value: &Value, known: impl IntoIterator<Item = &'w str>, is: impl Fn(&str) -> bool) -> bool {
    let named: Box<dyn Fn(&str) -> bool> = match value {
        Value::Word(word) if word.contains(['*', '?']) && word != "*" => Box::new(|one| wildcard(&word.to_lowercase(), one)),
        Value::Any => Box::new(|_| true),
        value => Box::new(|one| value.text().is_some_and(|word| word.to_lowercase() == one)),
    };
    known.into_iter().any(|one| named(one) && is(one))
}

/// `message:conn*` asks for a piece of the message with no word character before or behind it; what is no wildcard is as it is written, but for case.
fn piece_of_message(word: &str) -> String {
    let escaped = regex::escape(word);
    format!("(?i)(?:^|\\W){}(?:\\W|$)", escaped.replace("\\*", "\\w*").replace("\\?", "\\w"))
}

fn words_of(text: &str) -> Vec<String> {
    words::words(text).map(|word| word.into_owned()).collect()
}

fn has_phrase(phrase: &[String], text: &Text) -> bool {
    phrase.is_empty() || text.words.windows(phrase.len()).any(|window| window == phrase)
}

fn has_phrase_somewhere(phrase: &[String], line: &Line) -> bool {
    line.texts().any(|text| has_phrase(phrase, text))
}

/// A piece of a word with wildcards.
enum Piece {
    /// Words without wildcards that stand side by side.
    Phrase(Vec<String>),
    /// A word with wildcards.
    Pattern(String),
}

impl Piece {
    fn is_in(&self, text: &Text) -> bool {
        match self {
            Self::Phrase(words) => has_phrase(words, text),
            Self::Pattern(pattern) => text.words.iter().any(|word| wildcard(pattern, word)),
        }
    }
}

/// `*` and `?` reach within one word: what has several words is read as them, anywhere.
fn wildcard_term(word: &str, line: &Line) -> bool {
    let folded = words::fold(word).into_owned();
    let mut pieces = Vec::new();
    let mut plain: Vec<String> = Vec::new();
    for run in folded.split(|c| !(words::is_word_char(c) || matches!(c, '*' | '?'))).filter(|run| !run.is_empty()) {
        if run.contains(['*', '?']) {
            pieces.extend((!plain.is_empty()).then(|| Piece::Phrase(std::mem::take(&mut plain))));
            pieces.extend(run.contains(|c| c != '*').then(|| Piece::Pattern(run.to_owned())));
        } else {
            plain.extend(words_of(run));
        }
    }
    pieces.extend((!plain.is_empty()).then_some(Piece::Phrase(plain)));
    pieces.iter().all(|piece| line.texts().any(|text| piece.is_in(text)))
}

/// Whether the pattern is the whole text, `*` being any run and `?` one character: a row of the usual table for each character of the pattern.
fn wildcard(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for wanted in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match wanted {
                '*' => reached[at] || (at > 0 && next[at - 1]),
                '?' => at > 0 && reached[at - 1],
                wanted => at > 0 && reached[at - 1] && text[at - 1] == wanted,
            };
        }
        reached = next;
    }
    reached[text.len()]
}
