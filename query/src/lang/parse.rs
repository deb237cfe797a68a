//! The parser: recursive descent over the lexer's tokens, one function per rule of the grammar.

use super::lex::{Lexer, Place, Token};
use super::{
    Code, DEPTH_MAX, Duration, Kind, NODES_MAX, Name, Node, Op, PIPES_MAX, QUERY_BYTES_MAX, Query, QueryError, Span, Test, Value, foreign,
};
use crate::time;

/// Reads a query; the empty one asks for every line.
///
/// # Errors
/// When the text is no query; the first mistake is told.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        let message = format!("the query has {} bytes; at most {QUERY_BYTES_MAX} are read", text.len());
        return Err(
            QueryError::new(Code::TooLarge, Span::new(QUERY_BYTES_MAX, text.len()), message).hint("search for fewer values at once")
        );
    }
    foreign::recognise(text)?;
    Parser { lexer: Lexer::new(text), peeked: None, ago: None, nodes: 0 }.query()
}

pub(super) type Parsed<T> = Result<T, QueryError>;

pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    /// What was read ahead; nothing within pipes, but for `where`.
    pub(super) peeked: Option<(Token, Span)>,
    ago: Option<Duration>,
    nodes: usize,
}

/// How several nodes become one.
#[derive(Clone, Copy)]
enum Join {
    And,
    Or,
}

/// Where the parser is: in a field's group or not, and how deep.
#[derive(Clone, Copy)]
pub(super) struct Context {
    place: Place,
    depth: usize,
}

impl Context {
    /// In the filter of a pipe: as deep as one in parentheses, since no time can stand there.
    pub(super) const fn within_pipe() -> Self {
        Self { place: Place::Top, depth: 1 }
    }

    fn deeper(self, at: Span) -> Parsed<Self> {
        if self.depth >= DEPTH_MAX {
            let message = format!("the query nests deeper than {DEPTH_MAX} parentheses and negations");
            return Err(QueryError::new(Code::TooLarge, at, message).hint("take out parentheses that are not needed"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl Parser<'_> {
    fn query(mut self) -> Parsed<Query> {
        let top = Context { place: Place::Top, depth: 0 };
        let filter = self.filter(top)?;
        let mut pipes = Vec::new();
        loop {
            match self.take(Place::Top)? {
                (Token::End, _) => return Ok(Query { ago: self.ago, filter, pipes }),
                (Token::Pipe, at) if pipes.len() >= PIPES_MAX => {
                    return Err(QueryError::new(Code::TooLarge, at, format!("the query has more than {PIPES_MAX} pipes"))
                        .hint("take out pipes that are not needed"));
                }
                (Token::Pipe, at) => pipes.push(self.pipe(at)?),
                (_, at) => {
                    return Err(QueryError::new(Code::Unclosed, at, "this parenthesis closes nothing")
                        .hint("open it before, or put the piece between quotation marks or back-ticks")
                        .replace(self.lexer.text(), ""));
                }
            }
        }
    }

    /// `filter`; nothing only where nothing but a time may stand.
    pub(super) fn filter(&mut self, context: Context) -> Parsed<Option<Node>> {
        let mut branches = Vec::new();
        let mut or_at = None;
        loop {
            let branch = self.and(context)?;
            let (token, at) = self.peek(context.place)?;
            match (branch, or_at) {
                (Some(branch), _) => branches.push(branch),
                (None, Some(or)) => return Err(self.lonely(or, "OR", "behind")),
                (None, None) if token == Token::Or => return Err(self.lonely(at, "OR", "before")),
                (None, None) => {}
            }
            if token != Token::Or {
                break;
            }
            self.peeked = None;
            or_at = Some(at);
        }
        match branches.len() {
            0 | 1 => Ok(branches.pop()),
            _ => self.combine(branches, Join::Or).map(Some),
        }
    }

    fn and(&mut self, context: Context) -> Parsed<Option<Node>> {
        let mut factors = Vec::new();
        loop {
            match self.peek(context.place)? {
                (Token::End | Token::Close | Token::Or | Token::Pipe, _) => break,
                (Token::And, at) => {
                    if factors.is_empty() {
                        return Err(self.lonely(at, "AND", "before"));
                    }
                    self.peeked = None;
                    if let (Token::End | Token::Close | Token::Or | Token::And | Token::Pipe, _) = self.peek(context.place)? {
                        return Err(self.lonely(at, "AND", "behind"));
                    }
                }
                (Token::At(text), at) => {
                    self.peeked = None;
                    self.ago(context, &text, at)?;
                }
                _ => factors.push(self.unary(context)?),
            }
        }
        match factors.len() {
            0 | 1 => Ok(factors.pop()),
            _ => self.combine(factors, Join::And).map(Some),
        }
    }

    /// One node of several; children of its own kind are taken apart, so that a tree has one form.
    fn combine(&mut self, nodes: Vec<Node>, join: Join) -> Parsed<Node> {
        let span = match (nodes.first(), nodes.last()) {
            (Some(first), Some(last)) => first.span.until(last.span),
            _ => Span::default(),
        };
        let mut of = Vec::with_capacity(nodes.len());
        for node in nodes {
            match (node.kind, join) {
                (Kind::And { of: children }, Join::And) | (Kind::Or { of: children }, Join::Or) => of.extend(children),
                (kind, _) => of.push(Node { span: node.span, kind }),
            }
        }
        let kind = match join {
            Join::And => Kind::And { of },
            Join::Or => Kind::Or { of },
        };
        self.node(span, kind)
    }

    fn unary(&mut self, context: Context) -> Parsed<Node> {
        let (token, at) = self.take(context.place)?;
        match token {
            Token::Not | Token::Minus => {
                let inner = context.deeper(at)?;
                match self.peek(inner.place)? {
                    (Token::End | Token::Close | Token::Or | Token::And | Token::Pipe, _) => {
                        let sign = if token == Token::Not { "NOT" } else { "-" };
                        return Err(self.lonely(at, sign, "behind"));
                    }
                    (Token::At(_), time) => return Err(misplaced_time(time)),
                    _ => {}
                }
                let of = Box::new(self.unary(inner)?);
                self.node(at.until(of.span), Kind::Not { of })
            }
            Token::Open => self.parentheses(at, context),
            Token::Field(name, op) => self.field(name, op, at, context),
            Token::Op(op) => {
                self.lexer.operand(at, op)?;
                let test = self.test("", op, at, context.place)?;
                self.node(at.until(test.span), Kind::Term { test })
            }
            Token::Value(value) => self.node(at, Kind::Term { test: Test { op: Op::Has, span: at, value } }),
            Token::At(_) => Err(misplaced_time(at)),
            Token::Close | Token::Or | Token::And | Token::Pipe | Token::End => {
                Err(QueryError::new(Code::Unexpected, at, "this cannot stand here"))
            }
        }
    }

    /// Behind `(` at this place.
    fn parentheses(&mut self, open: Span, context: Context) -> Parsed<Node> {
        let filter = self.filter(context.deeper(open)?)?;
        let (token, at) = self.take(context.place)?;
        match (token, filter) {
            (Token::Close, Some(node)) => Ok(Node { span: open.until(at), kind: node.kind }),
            (Token::Close, None) => Err(QueryError::new(Code::Missing, open.until(at), "there is nothing between the parentheses")
                .hint("write what the lines must have, or take the parentheses out")
                .replace(self.lexer.text(), "")),
            _ => {
                let (head, tail) = self.lexer.text().split_at(at.from);
                let joint = if tail.is_empty() { "" } else { " " };
                Err(QueryError::new(Code::Unclosed, open, "the parenthesis is not closed")
                    .hint("add the closing parenthesis")
                    .fix(format!("{}){joint}{tail}", head.trim_end())))
            }
        }
    }

    /// Behind a field's name and operator.
    fn field(&mut self, text: String, op: Op, at: Span, context: Context) -> Parsed<Node> {
        let name = Name { span: Span::new(at.from, at.from + text.len()), text };
        if op == Op::Has && self.lexer.opens_group() {
            let open = Span::new(at.to, at.to + 1);
            let inner = Context { place: Place::Group, ..context.deeper(open)? };
            let of = self.parentheses(open, inner)?;
            return self.node(at.until(of.span), Kind::Group { name, of: Box::new(of) });
        }
        let op = if op == Op::Has && self.lexer.regex_mark() { Op::Matches } else { op };
        let test = self.test(&name.text, op, at, Place::Top)?;
        self.node(at.until(test.span), Kind::Field { name, test })
    }

    /// The value behind an operator that stands at `at`, with the field's name before it or `""`.
    fn test(&mut self, name: &str, op: Op, at: Span, place: Place) -> Parsed<Test> {
        if matches!(op, Op::Matches | Op::NotMatches) {
            let (value, span) = self.lexer.pattern()?;
            return Ok(Test { op, span, value });
        }
        let (value, span) = self.lexer.value(place)?;
        if matches!(value, Value::Range { .. }) && op != Op::Has {
            let range = &self.lexer.text()[span.from..span.to];
            let colon = if name.is_empty() { "" } else { ":" };
            return Err(QueryError::new(Code::BadOperator, at.until(span), "a range goes with no other operator than the colon")
                .hint("write field:lo..hi")
                .replace(self.lexer.text(), &format!("{name}{colon}{range}")));
        }
        Ok(Test { op, span, value })
    }

    fn ago(&mut self, context: Context, text: &str, at: Span) -> Parsed<()> {
        if context.depth > 0 {
            return Err(misplaced_time(at));
        }
        let Ok(nanos) = time::duration(text) else {
            let literal = super::error::back_ticked(&format!("@{text}"));
            return Err(QueryError::new(Code::BadTime, at, format!("\"@{text}\" is no length of time"))
                .hint("@5m asks for the last five minutes; units are s, m, h, d and w; text with an @ goes between back-ticks")
                .replace(self.lexer.text(), &literal));
        };
        if self.ago.is_some() {
            return Err(QueryError::new(Code::Twice, at, "the time is given twice")
                .hint("keep one of them")
                .replace(self.lexer.text(), ""));
        }
        self.ago = Some(Duration { span: at, nanos });
        Ok(())
    }

    fn node(&mut self, span: Span, kind: Kind) -> Parsed<Node> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(QueryError::new(Code::TooLarge, span, format!("the query has more than {NODES_MAX} parts"))
                .hint("search for fewer values at once"));
        }
        Ok(Node { span, kind })
    }

    fn peek(&mut self, place: Place) -> Parsed<(Token, Span)> {
        if self.peeked.is_none() {
            self.peeked = Some(self.lexer.atom(place)?);
        }
        Ok(self.peeked.clone().unwrap_or((Token::End, Span::default())))
    }

    fn take(&mut self, place: Place) -> Parsed<(Token, Span)> {
        match self.peeked.take() {
            Some(token) => Ok(token),
            None => self.lexer.atom(place),
        }
    }

    /// `OR`, `AND`, `NOT` or `-` with nothing on one side.
    fn lonely(&self, at: Span, sign: &str, side: &str) -> QueryError {
        QueryError::new(Code::Missing, at, format!("there is nothing {side} \"{sign}\""))
            .hint(format!("write what it joins or negates; to find the word itself, write \"{sign}\" with the quotation marks"))
            .replace(self.lexer.text(), "")
    }
}

fn misplaced_time(at: Span) -> QueryError {
    QueryError::new(Code::Misplaced, at, "a time cannot stand in parentheses, behind a negation or in a pipe")
        .hint("write it once at the start or the end of the query: it holds for all of it")
}
