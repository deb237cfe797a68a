//! Fields with a fixed set of values: the level, the verdict and the reason codes. Any other value is an error that names the nearest one.

use super::{Planned, Planner};
use crate::lang::error::nearest;
use crate::lang::{Bound, Code, Op, QueryError, Span, Test, Value};
use martlog_formats::{Problem, Severity, Verdict, words};
use martlog_indexer::search::Predicate;
use std::ops::RangeInclusive;

/// The levels that are shown, and what else a level can be called.
const LEVELS: [&str; 11] = ["trace", "debug", "info", "warn", "error", "fatal", "notice", "critical", "alert", "emergency", "none"];
/// The last severity number.
const LAST: u8 = 24;

/// The severity numbers that a level's word stands for: a shown level all of its own, another one its number alone.
fn band(word: &str) -> Option<RangeInclusive<u8>> {
    let severity = Severity::from_word(word).or_else(|| Severity::from_number(word.parse().ok()?));
    let number = severity?.number();
    // A shown level begins at 1, 5, 9, … and has four numbers.
    let whole = number % 4 == 1 && word.parse::<u8>().is_err();
    Some(number..=if whole { number + 3 } else { number })
}

impl Planner<'_> {
    pub(super) fn level(&mut self, span: Span, test: &Test) -> Planned<Predicate> {
        let word = match &test.value {
            Value::Any => return self.presence(span, test, Predicate::Severity(1..=LAST)),
            Value::Range { low, high } => return self.levels_between(span, low.as_ref(), high.as_ref()),
            Value::Word(word) | Value::Phrase(word) | Value::Literal(word) => word,
        };
        if matches!(test.op, Op::Matches | Op::NotMatches) {
            return Err(no_regex("level", span));
        }
        if word.eq_ignore_ascii_case("none") && !test.op.is_comparison() {
            let none = Predicate::Not(Box::new(Predicate::Severity(1..=LAST)));
            return Ok(if test.op == Op::NotEquals { Predicate::Severity(1..=LAST) } else { none });
        }
        let band = self.known_level(span, test.span, word)?;
        let (first, last) = (*band.start(), *band.end());
        let range = match test.op {
            Op::NotEquals => return Ok(Predicate::Not(Box::new(Predicate::Severity(band)))),
            Op::Less => 1..=first - 1,
            Op::AtMost => 1..=last,
            Op::More => last + 1..=LAST,
            Op::AtLeast => first..=LAST,
            _ => band,
        };
        if range.is_empty() {
            self.warn(
                "W209",
                span,
                format!("no level lies {} {word}, so nothing can match", if test.op == Op::Less { "below" } else { "above" }),
            );
            return Ok(Predicate::None);
        }
        Ok(Predicate::Severity(range))
    }

    fn levels_between(&mut self, span: Span, low: Option<&Bound>, high: Option<&Bound>) -> Planned<Predicate> {
        let first = low.map(|low| self.known_level(span, low.span, &low.text)).transpose()?.map_or(1, |band| *band.start());
        let last = high.map(|high| self.known_level(span, high.span, &high.text)).transpose()?.map_or(LAST, |band| *band.end());
        if first > last {
            return Err(QueryError::new(Code::BadNumber, span, "the range ends below its start").hint("write the lower level first"));
        }
        Ok(Predicate::Severity(first..=last))
    }

    fn known_level(&self, clause: Span, value: Span, word: &str) -> Planned<RangeInclusive<u8>> {
        band(word).ok_or_else(|| self.unknown_value("level", clause, value, word, LEVELS))
    }

    pub(super) fn verdict(&mut self, span: Span, test: &Test) -> Planned<Predicate> {
        let known = Verdict::ALL.map(|verdict| (verdict.as_str(), Predicate::Verdict(verdict)));
        self.one_of("verdict", span, test, &known, Predicate::All)
    }

    pub(super) fn problem(&mut self, span: Span, test: &Test) -> Planned<Predicate> {
        let known: Vec<_> = Problem::ALL.iter().map(|problem| (problem.code(), Predicate::Problem(*problem))).collect();
        let any = Predicate::Or(known.iter().map(|(_, predicate)| predicate.clone()).collect());
        self.one_of("problem", span, test, &known, any)
    }

    /// A test of a field with these values; `any` is what `field:*` means.
    fn one_of(&self, name: &str, span: Span, test: &Test, known: &[(&'static str, Predicate)], any: Predicate) -> Planned<Predicate> {
        let word = match &test.value {
            Value::Any => return self.presence(span, test, any),
            Value::Range { .. } => return Err(no_order(name, span)),
            Value::Word(word) | Value::Phrase(word) | Value::Literal(word) => word,
        };
        if matches!(test.op, Op::Matches | Op::NotMatches) {
            return Err(no_regex(name, span));
        }
        if test.op.is_comparison() {
            return Err(no_order(name, span));
        }
        let lower = word.to_lowercase();
        let wild = matches!(test.value, Value::Word(_)) && lower.contains(['*', '?']);
        let hits = |(value, _): &&(&str, Predicate)| if wild { words::matches_wildcard(&lower, value) } else { *value == lower };
        let mut found: Vec<_> = known.iter().filter(hits).map(|(_, predicate)| predicate.clone()).collect();
        let predicate = match found.len() {
            0 => return Err(self.unknown_value(name, span, test.span, word, known.iter().map(|(value, _)| *value))),
            1 => found.remove(0),
            _ => Predicate::Or(found),
        };
        Ok(if test.op == Op::NotEquals { Predicate::Not(Box::new(predicate)) } else { predicate })
    }

    /// `field:*` and `field!=*`; `present` is what the first means.
    pub(super) fn presence(&self, span: Span, test: &Test, present: Predicate) -> Planned<Predicate> {
        match test.op {
            Op::Has | Op::Equals => Ok(present),
            Op::NotEquals => Ok(Predicate::Not(Box::new(present))),
            _ => {
                Err(QueryError::new(Code::BadOperator, span, "\"*\" goes with a colon").hint("field:* finds the lines that have the field"))
            }
        }
    }

    fn unknown_value<'w>(
        &self,
        name: &str,
        clause: Span,
        value: Span,
        word: &str,
        known: impl IntoIterator<Item = &'w str> + Clone,
    ) -> QueryError {
        let error = QueryError::new(Code::UnknownValue, clause, format!("field \"{name}\" has no value \"{word}\""));
        if let Some(meant) = nearest(word, known.clone()) {
            let mut meant_clause = self.text[clause.from..value.from].to_owned();
            meant_clause.push_str(meant);
            meant_clause.push_str(&self.text[value.to..clause.to]);
            return error.hint(format!("Did you mean {meant_clause}?")).fix(crate::lang::error::splice(self.text, value, meant));
        }
        error.hint(format!("it has one of: {}", known.into_iter().collect::<Vec<_>>().join(", ")))
    }
}

fn no_regex(name: &str, span: Span) -> QueryError {
    QueryError::new(Code::BadOperator, span, format!("field \"{name}\" is not searched by regular expressions"))
        .hint(format!("write {name}:value, or {name}:(one OR another)"))
}

fn no_order(name: &str, span: Span) -> QueryError {
    QueryError::new(Code::BadOperator, span, format!("the values of \"{name}\" have no order"))
        .hint(format!("write {name}:value, or {name}:(one OR another)"))
}
