//! Reading a query: what stages and metrics share, selectors and matchers.

use super::ast::{Expr, LogQuery, MatchOp, Matcher};
use super::lex::{Token, tokens};
use super::{DEPTH_MAX, LogQlError, QUERY_BYTES_MAX, STAGES_MAX};
use crate::time;
use martlog_formats::fields;
use regex::RegexBuilder;

/// The largest compiled expression, bytes: as that of the own language.
const REGEX_BYTES_MAX: usize = 2 << 20;
/// Expressions of one query, as the own language bounds them.
const REGEX_DEPTH_MAX: u32 = 50;

pub(super) type Parsed<T> = Result<T, LogQlError>;

/// Reads a query.
///
/// # Errors
/// When it is none, or asks for what does not exist here; the error says what does the same.
pub fn parse(query: &str) -> Result<Expr, LogQlError> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(LogQlError::whole(format!("the query has {} bytes; it can have {QUERY_BYTES_MAX}: leave something out", query.len())));
    }
    let mut parser = Parser { query, tokens: tokens(query)?, at: 0, depth: 0, stages: 0 };
    let expr = parser.expr()?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.unexpected("")),
    }
}

/// Reads tokens from the front.
pub(super) struct Parser<'q> {
    pub(super) query: &'q str,
    pub(super) tokens: Vec<(Token, usize)>,
    pub(super) at: usize,
    depth: usize,
    stages: usize,
}

impl Parser<'_> {
    fn expr(&mut self) -> Parsed<Expr> {
        if self.tokens.len() == 1 {
            return Err(self.error("syntax error: unexpected $end"));
        }
        // Parentheses around a log query are taken, as Loki does.
        let opened = self.tokens.iter().take_while(|(token, _)| *token == Token::Sign("(")).count();
        if matches!(self.tokens.get(opened), Some((Token::Sign("{"), _))) {
            return self.nested(|parser| parser.log_in_parentheses(opened)).map(Expr::Log);
        }
        self.metric().map(Expr::Metric)
    }

    fn log_in_parentheses(&mut self, opened: usize) -> Parsed<LogQuery> {
        self.at += opened;
        let (query, range) = self.log(false)?;
        if range.is_some() {
            return Err(self.error("a range stands in a function over time, such as count_over_time({…}[5m])"));
        }
        (0..opened).try_for_each(|_| self.expect(")"))?;
        Ok(query)
    }

    /// A log query; where it stands in a function over time (`in_range`), the range may stand right behind the selector, and is told.
    pub(super) fn log(&mut self, in_range: bool) -> Parsed<(LogQuery, Option<i64>)> {
        let selector = self.selector()?;
        let range = if in_range && self.sign("[") { Some(self.range()?) } else { None };
        let mut stages = Vec::new();
        while let Some(stage) = self.stage()? {
            self.count()?;
            stages.push(stage);
        }
        Ok((LogQuery { selector, stages }, range))
    }

    /// What stands behind `[`.
    pub(super) fn range(&mut self) -> Parsed<i64> {
        let ns = self.duration()?;
        self.expect("]")?;
        Ok(ns)
    }

    fn selector(&mut self) -> Parsed<Vec<Matcher>> {
        self.expect("{")?;
        let mut matchers = Vec::new();
        while !self.sign("}") {
            if !matchers.is_empty() {
                if !self.sign(",") {
                    return Err(self.unexpected("} or ,"));
                }
                if self.sign("}") {
                    break;
                }
            }
            self.count()?;
            let name = self.name(if matchers.is_empty() { "IDENTIFIER or }" } else { "IDENTIFIER" })?;
            let op = self.match_op().ok_or_else(|| self.unexpected("=, =~, !~ or !="))?;
            matchers.push(self.matcher(name, op)?);
        }
        Ok(matchers)
    }

    pub(super) fn match_op(&mut self) -> Option<MatchOp> {
        let op = match self.peek() {
            Token::Sign("=") => MatchOp::Equal,
            Token::Sign("!=") => MatchOp::NotEqual,
            Token::Sign("=~") => MatchOp::Matches,
            Token::Sign("!~") => MatchOp::NotMatches,
            _ => return None,
        };
        self.at += 1;
        Some(op)
    }

    /// A matcher whose text stands here.
    pub(super) fn matcher(&mut self, name: String, op: MatchOp) -> Parsed<Matcher> {
        let from = self.place();
        let value = self.text()?;
        if op.is_regex() {
            self.check_regex(from, &value)?;
        }
        Ok(Matcher { name, op, value })
    }

    /// Whether it is an expression, of bearable size.
    pub(super) fn check_regex(&self, from: usize, text: &str) -> Parsed<regex::Regex> {
        let built = RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).nest_limit(REGEX_DEPTH_MAX).build();
        built.map_err(|error| {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            LogQlError::at(self.query, from, format!("error parsing regexp: {reason}"))
        })
    }

    /// A length of time, ns.
    pub(super) fn duration(&mut self) -> Parsed<i64> {
        let from = self.place();
        let Token::Quantity(text) = self.peek().clone() else { return Err(self.unexpected("DURATION")) };
        self.at += 1;
        duration(&text).ok_or_else(|| LogQlError::at(self.query, from, format!("not a valid duration string: \"{text}\"")))
    }

    pub(super) fn number(&mut self) -> Parsed<f64> {
        let negative = self.sign("-");
        let Token::Quantity(text) = self.peek().clone() else { return Err(self.unexpected("NUMBER")) };
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| self.unexpected("NUMBER"))?;
        self.at += 1;
        Ok(if negative { -number } else { number })
    }

    pub(super) fn name(&mut self, expected: &str) -> Parsed<String> {
        let Token::Name(name) = self.peek().clone() else { return Err(self.unexpected(expected)) };
        self.at += 1;
        Ok(name)
    }

    pub(super) fn text(&mut self) -> Parsed<String> {
        let Token::Text(text) = self.peek().clone() else { return Err(self.unexpected("STRING")) };
        self.at += 1;
        Ok(text)
    }

    pub(super) fn keyword(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Token::Name(name) if name == word);
        self.at += usize::from(there);
        there
    }

    pub(super) fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected(sign)) }
    }

    pub(super) fn peek(&self) -> &Token {
        self.ahead(0)
    }

    pub(super) fn ahead(&self, by: usize) -> &Token {
        self.tokens.get(self.at + by).map_or(&Token::End, |(token, _)| token)
    }

    /// The byte where the next token stands.
    pub(super) fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.query.len(), |(_, at)| *at)
    }

    pub(super) fn error(&self, message: impl Into<String>) -> LogQlError {
        LogQlError::at(self.query, self.place(), message)
    }

    /// The next token cannot stand here.
    pub(super) fn unexpected(&self, expected: &str) -> LogQlError {
        let expecting = if expected.is_empty() { String::new() } else { format!(", expecting {expected}") };
        self.error(format!("syntax error: unexpected {}{expecting}", self.peek().told()))
    }

    /// One more stage, matcher or condition.
    pub(super) fn count(&mut self) -> Parsed<()> {
        self.stages += 1;
        if self.stages > STAGES_MAX {
            return Err(self.error(format!("the query has more than {STAGES_MAX} matchers, stages and conditions: leave some out")));
        }
        Ok(())
    }

    /// One level deeper.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH_MAX {
            return Err(self.error(format!("the query is nested deeper than {DEPTH_MAX}: ask in smaller pieces")));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }
}

/// A length of time with its unit, ns: as the own language has them, and as Go does.
pub(crate) fn duration(text: &str) -> Option<i64> {
    if let Ok(ns) = time::duration(text) {
        return Some(ns);
    }
    let years = text.strip_suffix('y').and_then(|years| years.parse::<i64>().ok()?.checked_mul(365 * time::DAY));
    let is_duration = !text.ends_with(['B', '%']) && text.ends_with(char::is_alphabetic);
    let ms = || fields::number(text).filter(|_| is_duration);
    years.or_else(|| ms().and_then(whole_ns)).filter(|ns| (1..=36_525 * time::DAY).contains(ns))
}

#[allow(clippy::cast_possible_truncation)] // Checked: far below 2^63.
fn whole_ns(ms: f64) -> Option<i64> {
    let ns = (ms * 1e6).round();
    (0.0..9e18).contains(&ns).then_some(ns as i64)
}
