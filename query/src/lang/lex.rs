//! The lexer: it reads one token at a time, because what a character means depends on whether an atom or a value may begin there.

use super::error::{back_ticked, splice};
use super::{Bound, Code, Op, QueryError, Span, Value};

/// What may stand where an atom begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    Or,
    And,
    Not,
    /// `-` that negates.
    Minus,
    /// `|`
    Pipe,
    /// `@` and what stands behind it.
    At(String),
    /// A field's name and the operator behind it; a value or a group must follow.
    Field(String, Op),
    /// An operator without a field, as groups have it; `~` among them.
    Op(Op),
    Value(Value),
    End,
}

/// Where an atom is read: what is a field outside is a value within a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Top,
    Group,
}

/// Reads a query from the front.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

type Lexed<T> = Result<T, QueryError>;

/// Schemes of addresses that stand in telecom logs: what begins with one is text, not a field.
const SCHEMES: [&str; 5] = ["sip", "sips", "tel", "urn", "mailto"];

/// Ends a bare word.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '"' | '`' | '|')
}

/// Begins an operator where a value or an atom was expected.
fn begins_operator(c: char) -> bool {
    matches!(c, '=' | '<' | '>' | '!')
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The whole query.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, token: &str) -> bool {
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn span(&self, from: usize) -> Span {
        Span::new(from, self.at)
    }

    fn error(&self, code: Code, from: usize, message: impl Into<String>) -> QueryError {
        QueryError::new(code, self.span(from), message)
    }

    /// The next token where an atom may begin, and where it stands.
    pub(super) fn atom(&mut self, place: Place) -> Lexed<(Token, Span)> {
        self.skip_spaces();
        let from = self.at;
        let token = match self.peek() {
            None => Token::End,
            Some('(') => self.one(Token::Open),
            Some(')') => self.one(Token::Close),
            Some('|') => self.one(Token::Pipe),
            Some('"') if place == Place::Top => Token::Value(Value::Phrase(self.quoted()?)),
            Some('"' | '`') => Token::Value(self.value(place)?.0),
            Some('@') => {
                self.at += 1;
                Token::At(self.bare().to_owned())
            }
            Some('-') if self.negates() => self.one(Token::Minus),
            Some('~') if self.rest()[1..].starts_with(['"', '`']) => self.one(Token::Op(Op::Matches)),
            Some(c) if begins_operator(c) => match self.operator() {
                Some(op) if place == Place::Group => Token::Op(op),
                _ => return Err(self.stray_operator(from)),
            },
            Some(_) => self.word_or_field(place)?,
        };
        Ok((token, self.span(from)))
    }

    fn one(&mut self, token: Token) -> Token {
        self.at += 1;
        token
    }

    /// Whether the `-` here negates what follows: `-word` does; `-`, `--verbose` and `->` do not.
    fn negates(&self) -> bool {
        self.rest()[1..].chars().next().is_some_and(|c| !c.is_whitespace() && !begins_operator(c) && !matches!(c, '-' | ')' | '|'))
    }

    /// A run up to a character that ends a word.
    fn bare(&mut self) -> &'a str {
        let rest = self.rest();
        let word = &rest[..rest.find(ends_word).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn word_or_field(&mut self, place: Place) -> Lexed<Token> {
        if place == Place::Top
            && let Some(field) = self.field()?
        {
            return Ok(field);
        }
        let mut ahead = self.clone();
        let word = ahead.bare();
        let keyword = match word {
            "OR" => Token::Or,
            "AND" => Token::And,
            "NOT" => Token::Not,
            _ if place == Place::Group => return Ok(Token::Value(self.value(place)?.0)),
            "*" => Token::Value(Value::Any),
            _ => Token::Value(Value::Word(word.to_owned())),
        };
        self.at = ahead.at;
        Ok(keyword)
    }

    /// A field's name with its operator, when there is one here.
    fn field(&mut self) -> Lexed<Option<Token>> {
        let start = self.at;
        let name = field_name(self.rest());
        if name.is_empty() || matches!(name, "AND" | "OR" | "NOT") {
            return Ok(None);
        }
        self.at += name.len();
        if self.rest().starts_with("::") || self.rest().starts_with("://") || (self.rest().starts_with(':') && SCHEMES.contains(&name)) {
            self.at = start;
            return Ok(None);
        }
        if self.eat(":") {
            let op = self.comparison().unwrap_or(Op::Has);
            self.check_value_begins(start, op)?;
            return Ok(Some(Token::Field(name.to_owned(), op)));
        }
        self.skip_spaces();
        if let Some(op) = self.operator() {
            self.skip_spaces();
            self.check_value_begins(start, op)?;
            return Ok(Some(Token::Field(name.to_owned(), op)));
        }
        self.at = start;
        Ok(None)
    }

    /// An operator other than `:`.
    fn operator(&mut self) -> Option<Op> {
        const OPERATORS: [(&str, Op); 4] = [("!=", Op::NotEquals), ("=~", Op::Matches), ("!~", Op::NotMatches), ("=", Op::Equals)];
        self.comparison().or_else(|| OPERATORS.into_iter().find(|(text, _)| self.eat(text)).map(|(_, op)| op))
    }

    fn comparison(&mut self) -> Option<Op> {
        const COMPARISONS: [(&str, Op); 4] = [(">=", Op::AtLeast), ("<=", Op::AtMost), (">", Op::More), ("<", Op::Less)];
        COMPARISONS.into_iter().find(|(text, _)| self.eat(text)).map(|(_, op)| op)
    }

    /// Behind an operator there must be a value, and no second operator.
    fn check_value_begins(&self, start: usize, op: Op) -> Lexed<()> {
        let name = field_name(&self.text[start..]);
        let next = self.peek();
        let tail = self.rest().trim_start();
        if let Some(c) = next
            && (begins_operator(c) || (c == '~' && op != Op::Has))
        {
            let mut ahead = self.clone();
            while ahead.peek().is_some_and(|c| begins_operator(c) || c == '~') {
                ahead.at += 1;
            }
            let span = Span::new(start, ahead.at);
            let text = ahead.bare();
            return Err(QueryError::new(Code::Unexpected, span, format!("two operators stand behind \"{name}\""))
                .hint("write one of : = != =~ !~ > >= < <=; a piece of a line with these characters goes between back-ticks")
                .fix(splice(self.text, Span::new(start, ahead.at), &format!("{name}{}{text}", op.as_str()))));
        }
        if next.is_none_or(|c| c.is_whitespace() || c == ')' || c == '|') {
            let error = self.error(Code::Missing, start, format!("\"{name}{}\" has no value", op.as_str()));
            return Err(match (op, tail.chars().next().is_none_or(|c| matches!(c, ')' | '|'))) {
                (Op::Has, true) => error
                    .hint(format!("{name}:* finds the lines that have the field; without the colon it is a word"))
                    .fix(splice(self.text, Span::new(start, self.at), &format!("{name}:*"))),
                (Op::Has, false) => error
                    .hint("a value follows the colon without a space; to find the text, leave the colon out or put the piece between back-ticks")
                    .fix(splice(self.text, Span::new(start, self.at), name)),
                _ => error.hint("write a value behind the operator"),
            });
        }
        Ok(())
    }

    fn stray_operator(&mut self, from: usize) -> QueryError {
        if self.rest().starts_with('!') && self.rest()[1..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '(' | '_')) {
            self.at += 1;
            let error =
                self.error(Code::Unexpected, from, "\"!\" does not negate here").hint("write - or NOT before what the lines must not have");
            return error.replace(self.text, "-");
        }
        self.operator();
        while self.peek().is_some_and(begins_operator) {
            self.at += 1;
        }
        let end = self.at;
        self.bare();
        let piece = &self.text[from..self.at];
        QueryError::new(Code::Unexpected, Span::new(from, end), "an operator needs the name of a field before it")
            .hint("to find these characters as they are written, put the piece of the line between back-ticks")
            .fix(splice(self.text, Span::new(from, self.at), &back_ticked(piece)))
    }

    /// A value: what stands behind an operator, or a term.
    pub(super) fn value(&mut self, place: Place) -> Lexed<(Value, Span)> {
        let from = self.at;
        let value = match self.peek() {
            Some('"') => {
                let text = self.quoted()?;
                let low = Bound { span: self.span(from), text };
                if self.rest().starts_with("..") && !self.rest().starts_with("...") {
                    self.at += 2;
                    Value::Range { low: Some(low), high: self.bound()? }
                } else {
                    Value::Phrase(low.text)
                }
            }
            Some('`') => Value::Literal(self.literal()?),
            _ => self.bare_value(place)?,
        };
        Ok((value, self.span(from)))
    }

    fn bare_value(&mut self, place: Place) -> Lexed<Value> {
        let from = self.at;
        let word = self.bare();
        if word.is_empty() {
            return Err(self.missing_value(from));
        }
        if word == "*" {
            return Ok(Value::Any);
        }
        if place == Place::Group {
            self.check_group_word(from, word)?;
        }
        let Some(dots) = range_dots(word) else { return Ok(Value::Word(word.to_owned())) };
        self.at = from + dots;
        self.check_bound(from, &word[..dots])?;
        let low = (dots > 0).then(|| Bound { span: self.span(from), text: word[..dots].to_owned() });
        self.at += 2;
        let high = self.bound()?;
        if low.is_none() && high.is_none() {
            return Err(self
                .error(Code::Missing, from, "a range has a lower end, an upper end or both")
                .hint("such as 500..599, 500.. or ..599"));
        }
        Ok(Value::Range { low, high })
    }

    /// Within a group a word that looks like another field is probably meant as one.
    fn check_group_word(&self, from: usize, word: &str) -> Lexed<()> {
        let name = field_name(word);
        let operator = word[name.len()..].starts_with([':', '=', '>', '<']);
        if name.is_empty() || !operator || SCHEMES.contains(&name) {
            return Ok(());
        }
        Err(self
            .error(Code::Misplaced, from, format!("\"{word}\" looks like another field within a field's group"))
            .hint("close the parenthesis before it; if it is a value, put it in quotation marks")
            .fix(splice(self.text, self.span(from), &format!("\"{word}\""))))
    }

    /// Takes the `(` that opens a field's group.
    pub(super) fn opens_group(&mut self) -> bool {
        self.eat("(")
    }

    /// Takes the `~` of a regular expression behind `field:`.
    pub(super) fn regex_mark(&mut self) -> bool {
        let there = self.rest().starts_with("~\"") || self.rest().starts_with("~`");
        self.at += usize::from(there);
        there
    }

    /// Goes on to what stands behind a group's operator, which stands at `at` and has no second one behind it.
    pub(super) fn operand(&mut self, at: Span, op: Op) -> Lexed<()> {
        self.skip_spaces();
        let from = self.at;
        while self.peek().is_some_and(|c| begins_operator(c) || c == '~') {
            self.at += 1;
        }
        if self.at == from {
            return Ok(());
        }
        let both = Span::new(at.from, self.at);
        Err(QueryError::new(Code::Unexpected, both, "two operators stand behind one another")
            .hint("write one of = != =~ !~ > >= < <=; a piece of a line with these characters goes between back-ticks")
            .fix(splice(self.text, both, op.as_str())))
    }

    /// A regular expression: dots are no range in it.
    pub(super) fn pattern(&mut self) -> Lexed<(Value, Span)> {
        let from = self.at;
        let value = match self.peek() {
            Some('"') => Value::Phrase(self.quoted()?),
            Some('`') => Value::Literal(self.literal()?),
            _ => match self.bare() {
                "" => return Err(self.missing_value(from)),
                "*" => Value::Any,
                word => Value::Word(word.to_owned()),
            },
        };
        Ok((value, self.span(from)))
    }

    fn missing_value(&self, from: usize) -> QueryError {
        self.error(Code::Missing, from, "a value is missing here").hint("write a value behind the operator")
    }

    fn bound(&mut self) -> Lexed<Option<Bound>> {
        let from = self.at;
        let is_quoted = self.peek() == Some('"');
        let text = if is_quoted { self.quoted()? } else { self.bare().to_owned() };
        if !is_quoted {
            self.check_bound(from, &text)?;
        }
        Ok((self.at > from).then(|| Bound { span: self.span(from), text }))
    }

    /// A bare end of a range is a number or a time; with a back-slash in it, it could not be written between quotation marks.
    fn check_bound(&self, from: usize, text: &str) -> Lexed<()> {
        if !text.contains('\\') {
            return Ok(());
        }
        Err(self.error(Code::BadNumber, from, format!("\"{text}\" is no end of a range")).hint("such as 500..599, 500.. or ..599"))
    }

    /// Between quotation marks; a back-slash and the character behind it are a pair and stay as they are, but for `\"`.
    fn quoted(&mut self) -> Lexed<String> {
        let from = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = from + at + 1;
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, '"')) => text.push('"'),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => text.push('\\'),
                },
                _ => text.push(c),
            }
        }
        self.at = self.text.len();
        let tail = if text.ends_with('\\') { "\\\"" } else { "\"" };
        Err(self
            .error(Code::Unclosed, from, "the quotation mark is not closed")
            .hint("add the closing mark; a mark inside is written \\\"; text between back-ticks needs no such care")
            .fix(format!("{}{tail}", self.text)))
    }

    /// Between back-ticks: as many at the end as at the start.
    fn literal(&mut self) -> Lexed<String> {
        let from = self.at;
        let fence = self.rest().len() - self.rest().trim_start_matches('`').len();
        let body = &self.rest()[fence..];
        let mut run = 0;
        for (at, c) in body.char_indices().chain([(body.len(), ' ')]) {
            if c == '`' {
                run += 1;
                continue;
            }
            if run == fence {
                self.at = from + fence + at;
                return Ok(body[..at - fence].to_owned());
            }
            run = 0;
        }
        self.at = self.text.len();
        let error = self.error(Code::Unclosed, from, "the back-tick is not closed");
        let closing = "`".repeat(fence);
        Err(match body.is_empty() {
            true => error.hint("write the piece of a line that is to be found between two back-ticks"),
            false => error
                .hint("add the closing back-tick; text that has one itself goes between two and two")
                .fix(format!("{}{closing}", self.text)),
        })
    }
}

/// What pipes are made of. Each of these passes over spaces first, and takes nothing where there is no such thing.
impl<'a> Lexer<'a> {
    /// A sign or punctuation mark.
    pub(super) fn sign(&mut self, sign: &str) -> Option<Span> {
        self.skip_spaces();
        let from = self.at;
        self.eat(sign).then(|| self.span(from))
    }

    /// The name of a field, column, pipe or function.
    pub(super) fn name(&mut self) -> Option<(&'a str, Span)> {
        self.skip_spaces();
        let from = self.at;
        let name = field_name(self.rest());
        self.at += name.len();
        (!name.is_empty()).then(|| (name, self.span(from)))
    }

    /// The name that stands here, left where it is.
    pub(super) fn peek_name(&self) -> &'a str {
        field_name(self.rest().trim_start())
    }

    /// A run of digits, with a point and more digits where `decimal` allows it.
    pub(super) fn number(&mut self, decimal: bool) -> Option<(&'a str, Span)> {
        self.skip_spaces();
        let (from, rest) = (self.at, self.rest());
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let mut length = digits(rest);
        if length == 0 {
            return None;
        }
        if decimal && let Some(fraction) = rest[length..].strip_prefix('.').map(digits).filter(|fraction| *fraction > 0) {
            length += 1 + fraction;
        }
        self.at += length;
        Some((&rest[..length], self.span(from)))
    }

    /// A run up to a space, a comma or what ends a word.
    pub(super) fn run(&mut self) -> (&'a str, Span) {
        self.skip_spaces();
        let (from, rest) = (self.at, self.rest());
        let length = rest.find(|c| ends_word(c) || c == ',').unwrap_or(rest.len());
        self.at += length;
        (&rest[..length], self.span(from))
    }

    /// The same, left where it is, and one character at least where there is any: what an error points at.
    pub(super) fn peek_run(&self) -> (&'a str, Span) {
        let (text, span) = self.clone().run();
        let at = span.from;
        let length = text.len().max(self.text[at..].chars().next().map_or(0, char::len_utf8));
        (&self.text[at..at + length], Span::new(at, at + length))
    }

    /// A text in quotation marks or back-ticks.
    pub(super) fn text_value(&mut self) -> Lexed<Option<(Value, Span)>> {
        self.skip_spaces();
        let from = self.at;
        let value = match self.peek() {
            Some('"') => Value::Phrase(self.quoted()?),
            Some('`') => Value::Literal(self.literal()?),
            _ => return Ok(None),
        };
        Ok(Some((value, self.span(from))))
    }
}

/// The name of a field at the start of the text; empty when there is none.
pub(super) fn field_name(text: &str) -> &str {
    if !text.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return "";
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))).unwrap_or(text.len());
    let name = &text[..end];
    if name.ends_with(['-', '.']) { "" } else { name }
}

/// Where the two dots of a range stand in a bare value: exactly two, once.
pub(super) fn range_dots(word: &str) -> Option<usize> {
    let mut runs = word.match_indices("..");
    let (at, _) = runs.next()?;
    let alone = !word[at + 2..].starts_with('.') && runs.next().is_none();
    alone.then_some(at)
}

/// Whether the text reads back as one bare end of a range.
pub(super) fn is_bare_bound(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(ends_word)
        && !text.contains('\\')
        && !text.contains("..")
        && !text.starts_with(['.', '=', '<', '>', '!', '~'])
        && !text.ends_with('.')
}
