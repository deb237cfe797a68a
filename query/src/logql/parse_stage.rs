//! Reading the stages of a pipeline.

use super::ast::{Compare, Condition, MatchOp, Parser as Fields, Stage};
use super::lex::Token;
use super::parse::{Parsed, Parser, duration};
use super::pattern::{expression_of_line, expression_of_pattern};
use super::{LogQlError, names, translate};
use martlog_formats::fields;

impl Parser<'_> {
    /// The next stage; `None` where none begins. `| unwrap` is left to the function that it stands in.
    pub(super) fn stage(&mut self) -> Parsed<Option<Stage>> {
        let op = match self.peek() {
            Token::Sign("|=") => MatchOp::Equal,
            Token::Sign("!=") => MatchOp::NotEqual,
            Token::Sign("|~") => MatchOp::Matches,
            Token::Sign("!~") => MatchOp::NotMatches,
            Token::Sign("|>") => return self.pattern_filter(false).map(Some),
            Token::Sign("!>") => return self.pattern_filter(true).map(Some),
            Token::Sign("|") if matches!(self.ahead(1), Token::Name(name) if name == "unwrap") => return Ok(None),
            Token::Sign("|") => {
                self.at += 1;
                return self.behind_bar().map(Some);
            }
            _ => return Ok(None),
        };
        self.at += 1;
        self.line_filter(op).map(Some)
    }

    fn pattern_filter(&mut self, negative: bool) -> Parsed<Stage> {
        self.at += 1;
        let mut any = Vec::new();
        loop {
            let from = self.place();
            let text = self.text()?;
            let expression = expression_of_line(&text).map_err(|reason| LogQlError::at(self.query, from, reason))?;
            self.check_regex(from, &expression)?;
            self.count()?;
            any.push(text);
            if !self.keyword("or") {
                return Ok(Stage::LinePattern { negative, any });
            }
        }
    }

    fn line_filter(&mut self, op: MatchOp) -> Parsed<Stage> {
        let mut any = Vec::new();
        loop {
            if let (Token::Name(name), Token::Sign("(")) = (self.peek(), self.ahead(1)) {
                return Err(
                    self.error(names::function(name).unwrap_or_else(|| format!("syntax error: unexpected {name}, expecting STRING")))
                );
            }
            let from = self.place();
            let text = self.text()?;
            if op.is_regex() {
                self.check_regex(from, &text)?;
            }
            self.count()?;
            any.push(text);
            if !self.keyword("or") {
                return Ok(Stage::Line { op, any });
            }
        }
    }

    fn behind_bar(&mut self) -> Parsed<Stage> {
        let Token::Name(name) = self.peek().clone() else {
            return if *self.peek() == Token::Sign("(") { self.condition().map(Stage::Filter) } else { Err(self.unexpected("IDENTIFIER")) };
        };
        // A label may be called like a stage.
        let is_label = matches!(self.ahead(1), Token::Sign("=" | "!=" | "=~" | "!~" | "==" | ">" | ">=" | "<" | "<="));
        let next_is_filter = matches!((self.ahead(1), self.ahead(2)), (Token::Sign("!=" | "!~"), Token::Text(_)));
        match name.as_str() {
            "json" | "logfmt" if !is_label || next_is_filter => {
                self.at += 1;
                self.fields(if name == "json" { Fields::Json } else { Fields::Logfmt }).map(Stage::from_fields)
            }
            "pattern" if !is_label => self.pattern(),
            "regexp" if !is_label => self.regexp(),
            "drop" | "keep" if !is_label => {
                self.at += 1;
                let labels = self.names_of(&name)?;
                Ok(if name == "drop" { Stage::Drop(labels) } else { Stage::Keep(labels) })
            }
            _ if !is_label => Err(match names::stage(&name) {
                Some(instead) => self.error(instead),
                None => {
                    self.at += 1;
                    self.unexpected("=, !=, =~, !~, ==, >, >=, < or <=")
                }
            }),
            _ => self.condition().map(Stage::Filter),
        }
    }

    fn fields(&mut self, parser: Fields) -> Parsed<(Fields, Vec<(String, String)>)> {
        while let (Fields::Logfmt, Token::Flag(flag)) = (parser, self.peek()) {
            if flag != "strict" && flag != "keep-empty" {
                return Err(self.unexpected(""));
            }
            self.at += 1;
        }
        let mut labels = Vec::new();
        while let Token::Name(label) = self.peek().clone() {
            self.at += 1;
            let from = self.place();
            let expression = if self.sign("=") { self.text()? } else { label.clone() };
            if translate::path(&expression).is_none() {
                let message = format!(
                    "cannot read {expression:?}: write the names on the way to the field with points between them, such as \"http.status\"; elements of lists have no names of their own here"
                );
                return Err(LogQlError::at(self.query, from, message));
            }
            self.count()?;
            labels.push((label, expression));
            if !self.sign(",") {
                break;
            }
        }
        Ok((parser, labels))
    }

    fn pattern(&mut self) -> Parsed<Stage> {
        self.at += 1;
        let from = self.place();
        let pattern = self.text()?;
        let expression = expression_of_pattern(&pattern).map_err(|reason| LogQlError::at(self.query, from, reason))?;
        self.check_regex(from, &expression)?;
        Ok(Stage::Pattern(pattern))
    }

    fn regexp(&mut self) -> Parsed<Stage> {
        self.at += 1;
        let from = self.place();
        let text = self.text()?;
        let regex = self.check_regex(from, &text)?;
        if regex.capture_names().flatten().next().is_none() {
            return Err(LogQlError::at(self.query, from, "at least one named capture must be supplied"));
        }
        Ok(Stage::Regexp(text))
    }

    fn names_of(&mut self, stage: &str) -> Parsed<Vec<String>> {
        let mut labels = Vec::new();
        loop {
            self.count()?;
            labels.push(self.name("IDENTIFIER")?);
            if self.match_op().is_some() {
                return Err(self.error(format!("{stage} takes names of labels here, without a value: leave the value out")));
            }
            if !self.sign(",") {
                return Ok(labels);
            }
        }
    }

    /// A label filter.
    pub(super) fn condition(&mut self) -> Parsed<Condition> {
        self.nested(|parser| {
            let mut any = vec![parser.all()?];
            while parser.keyword("or") {
                any.push(parser.all()?);
            }
            Ok(if any.len() == 1 { any.remove(0) } else { Condition::Or(any) })
        })
    }

    fn all(&mut self) -> Parsed<Condition> {
        let mut all = vec![self.one()?];
        loop {
            let begins = matches!((self.peek(), self.ahead(1)), (Token::Name(name), next) if name != "or" && name != "and" && !matches!(next, Token::Sign("(")));
            if self.keyword("and") || self.sign(",") || begins {
                all.push(self.one()?);
            } else {
                break;
            }
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Condition::And(all) })
    }

    fn one(&mut self) -> Parsed<Condition> {
        self.count()?;
        if self.sign("(") {
            let inner = self.condition()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let name = self.name("IDENTIFIER")?;
        if let Token::Text(_) = self.ahead(1)
            && let Some(op) = self.match_op()
        {
            return self.matcher(name, op).map(Condition::Text);
        }
        if let (Token::Sign("="), Token::Name(function), Token::Sign("(")) = (self.peek(), self.ahead(1), self.ahead(2)) {
            return Err(self.error(names::function(function).unwrap_or_else(|| format!("syntax error: unexpected {function}"))));
        }
        let op = self.compare(true).ok_or_else(|| self.unexpected("=, !=, =~, !~, ==, >, >=, < or <="))?;
        let from = self.place();
        let sign = if self.sign("-") { "-" } else { "" };
        let Token::Quantity(text) = self.peek().clone() else { return Err(self.unexpected("STRING, NUMBER, DURATION or BYTES")) };
        self.at += 1;
        let known = fields::number(&text).is_some() || duration(&text).is_some();
        if !known {
            return Err(LogQlError::at(
                self.query,
                from,
                format!("{text} is no number, duration or size: write such as 500, 1.5s or 10MiB"),
            ));
        }
        Ok(Condition::Number { name, op, value: format!("{sign}{text}") })
    }

    /// A comparison; `=` is one between a label and a number.
    pub(super) fn compare(&mut self, of_label: bool) -> Option<Compare> {
        let op = match self.peek() {
            Token::Sign("==") => Compare::Equal,
            Token::Sign("=") if of_label => Compare::Equal,
            Token::Sign("!=") => Compare::NotEqual,
            Token::Sign(">") => Compare::More,
            Token::Sign(">=") => Compare::AtLeast,
            Token::Sign("<") => Compare::Less,
            Token::Sign("<=") => Compare::AtMost,
            _ => return None,
        };
        self.at += 1;
        Some(op)
    }
}

impl Stage {
    fn from_fields((parser, labels): (Fields, Vec<(String, String)>)) -> Self {
        Self::Fields { parser, labels }
    }
}
