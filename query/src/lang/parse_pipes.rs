//! The parser of pipes: one function per rule of the grammar, over what the lexer says of names, numbers and signs.

use super::error::{nearest, splice};
use super::parse::{Context, Parsed, Parser, parse};
use super::{
    Aggregate, Arithmetic, By, Code, Duration, Expression, Function, LIST_MAX, Name, OPERATORS_MAX, Pipe, QueryError, Quoted, SortKey,
    Span, Stage,
};
use crate::time;

/// The pipes, in the order in which they are explained, and what each looks like.
pub(crate) const PIPES: [(&str, &str); 13] = [
    ("stats", "stats count(), p95(duration_ms) by module"),
    ("timechart", "timechart 5m count() by level"),
    ("top", "top 10 error.type"),
    ("fields", "fields time, module, message"),
    ("sort", "sort -duration_ms"),
    ("limit", "limit 20"),
    ("where", "where status>=500"),
    ("extract", "extract \"status=*code\""),
    ("dedup", "dedup account_id"),
    ("context", "context 10 10"),
    ("session", "session"),
    ("gaps", "gaps 500ms"),
    ("patterns", "patterns"),
];

/// Names of pipes from other languages, and what is written here.
const ELSEWHERE: [(&str, &str); 24] = [
    ("count", "stats count()"),
    ("head", "limit"),
    ("take", "limit"),
    ("tail", "limit"),
    ("order", "sort"),
    ("uniq", "dedup"),
    ("unique", "dedup"),
    ("distinct", "dedup"),
    ("grep", "where"),
    ("search", "where"),
    ("filter", "where"),
    ("rex", "extract"),
    ("parse", "extract"),
    ("pattern", "extract"),
    ("regexp", "extract ~"),
    ("project", "fields"),
    ("select", "fields"),
    ("table", "fields"),
    ("keep", "fields"),
    ("columns", "fields"),
    ("summarize", "stats"),
    ("aggregate", "stats"),
    ("group", "stats"),
    ("chart", "timechart"),
];

/// Names of functions from other languages.
const FUNCTIONS_ELSEWHERE: [(&str, &str); 8] = [
    ("mean", "avg"),
    ("average", "avg"),
    ("total", "sum"),
    ("median", "p50"),
    ("dc", "uniq"),
    ("distinct", "uniq"),
    ("count_distinct", "uniq"),
    ("unique", "uniq"),
];

impl Parser<'_> {
    /// Behind `|` at this place.
    pub(super) fn pipe(&mut self, bar: Span) -> Parsed<Pipe> {
        let Some((name, at)) = self.lexer.name() else {
            return Err(self.no_pipe(bar));
        };
        let stage = match name.to_ascii_lowercase().as_str() {
            "stats" => Stage::Stats { of: self.figures(at)?, by: self.by(Self::by_key)? },
            "timechart" => Stage::Timechart { every: self.length()?, of: self.figures(at)?, by: self.by(Self::by_name)? },
            "top" => self.top(at)?,
            "fields" => Stage::Fields { names: self.list(|parser| parser.required_name(at, "fields time, module, message"))? },
            "dedup" => Stage::Dedup { names: self.list(|parser| parser.required_name(at, "dedup account_id"))? },
            "sort" => Stage::Sort { by: self.list(|parser| parser.sort_key(at))? },
            "limit" => Stage::Limit { rows: self.required_number(at, "limit 20")? },
            "where" => self.where_filter(at)?,
            "extract" => self.extract(at)?,
            "context" => self.context(at)?,
            "session" => Stage::Session,
            "gaps" => Stage::Gaps { over: self.length()? },
            "patterns" => Stage::Patterns,
            unknown => return Err(self.unknown_pipe(unknown, at)),
        };
        let end = self.end_of_pipe(name, at)?;
        Ok(Pipe { span: at.until(end), stage })
    }

    fn no_pipe(&self, bar: Span) -> QueryError {
        let text = self.lexer.text();
        if text[bar.to..].starts_with('|') {
            return QueryError::new(Code::Unexpected, Span::new(bar.from, bar.to + 1), "\"||\" does not join here")
                .hint("write OR")
                .replace(text, "OR");
        }
        let (run, at) = self.lexer.peek_run();
        if run.is_empty() || run == "|" {
            return QueryError::new(Code::Missing, bar, "there is no pipe behind the |")
                .hint(format!("write one of {}", PIPES.map(|(name, _)| name).join(", ")))
                .replace(text, "");
        }
        QueryError::new(Code::UnknownPipe, at, format!("\"{run}\" is no pipe")).hint(format!(
            "write one of {}; a | in the text of a line goes between quotation marks or back-ticks",
            PIPES.map(|(name, _)| name).join(", ")
        ))
    }

    fn unknown_pipe(&self, name: &str, at: Span) -> QueryError {
        let error = QueryError::new(Code::UnknownPipe, at, format!("there is no pipe \"{name}\""));
        let elsewhere = ELSEWHERE.iter().find(|(other, _)| *other == name).map(|(_, meant)| *meant);
        match elsewhere.or_else(|| nearest(name, PIPES.map(|(name, _)| name))) {
            Some(meant) => self.meant(error, meant),
            None => error.hint(format!("the pipes are {}", PIPES.map(|(name, _)| name).join(", "))),
        }
    }

    /// The error with what was probably meant; with a correction where that makes a query.
    fn meant(&self, error: QueryError, meant: &str) -> QueryError {
        let fix = splice(self.lexer.text(), error.span, meant);
        let error = error.hint(format!("Did you mean {meant}?"));
        if parse(&fix).is_ok() { error.fix(fix) } else { error }
    }

    /// Nothing but the next pipe may follow; where the pipe ended.
    fn end_of_pipe(&mut self, name: &str, at: Span) -> Parsed<Span> {
        if let Some((_, next)) = &self.peeked {
            // A filter looked ahead as far as the next pipe.
            let end = self.lexer.text()[..next.from].trim_end().len();
            return Ok(Span::new(at.from, end));
        }
        let (run, span) = self.lexer.peek_run();
        if run.is_empty() || run == "|" {
            let end = self.lexer.text()[..span.from].trim_end().len();
            return Ok(Span::new(at.from, end));
        }
        let lower = name.to_ascii_lowercase();
        let example = PIPES.iter().find(|(known, _)| *known == lower).map_or("", |(_, example)| example);
        Err(QueryError::new(Code::BadPipe, span, format!("\"{lower}\" takes nothing like \"{run}\" here"))
            .hint(format!("it is written like this: | {example}; the next pipe begins with a |")))
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while let Some(comma) = self.lexer.sign(",") {
            if items.len() >= LIST_MAX {
                return Err(QueryError::new(Code::TooLarge, comma, format!("a pipe takes at most {LIST_MAX} of them"))
                    .hint("leave some out, or ask in two queries"));
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A word such as `by`, in any case.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.lexer.peek_name().eq_ignore_ascii_case(keyword) && self.lexer.name().is_some()
    }

    fn by<T>(&mut self, item: fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        if self.keyword("by") { self.list(item) } else { Ok(Vec::new()) }
    }

    fn by_key(&mut self) -> Parsed<By> {
        let name = self.by_name()?;
        if name.text.eq_ignore_ascii_case("time") {
            let Some(open) = self.lexer.sign("(") else {
                return Err(QueryError::new(Code::BadPipe, name.span, "lines are grouped by pieces of time, not by instants")
                    .hint("write how long a piece is, such as time(5m)")
                    .replace(self.lexer.text(), "time(5m)"));
            };
            let every = self.length()?.ok_or_else(|| {
                QueryError::new(Code::BadTime, open, "the length of a piece of time is missing").hint("write it as time(5m)")
            })?;
            self.close(open)?;
            return Ok(By::Time(every));
        }
        Ok(By::Field(name))
    }

    fn by_name(&mut self) -> Parsed<Name> {
        let (_, at) = self.lexer.peek_run();
        self.required_name(at, "stats count() by module")
    }

    /// The name of a field or column; the function that made a column stands for its name.
    fn required_name(&mut self, at: Span, example: &str) -> Parsed<Name> {
        let Some((name, span)) = self.lexer.name() else {
            let (run, here) = self.lexer.peek_run();
            let at = if run.is_empty() { at } else { here };
            return Err(QueryError::new(Code::BadPipe, at, "the name of a field is missing here")
                .hint(format!("it is written like this: | {example}")));
        };
        if !name.eq_ignore_ascii_case("time")
            && let Some(function) = Function::of(name)
            && let Some(open) = self.lexer.sign("(")
        {
            let field = self.lexer.name().map(|(field, span)| Name { span, text: field.to_owned() });
            let close = self.close(open)?;
            let of = Aggregate { span, of: Expression::Call { function, field }, alias: None };
            return Ok(Name { span: span.until(close), text: of.column() });
        }
        Ok(Name { span, text: name.to_owned() })
    }

    fn close(&mut self, open: Span) -> Parsed<Span> {
        self.lexer.sign(")").ok_or_else(|| {
            let (run, at) = self.lexer.peek_run();
            if run.is_empty() || run == "|" {
                return QueryError::new(Code::Unclosed, open, "the parenthesis is not closed")
                    .hint("add the closing parenthesis")
                    .fix(splice(self.lexer.text(), Span::new(at.from, at.from), ")"));
            }
            QueryError::new(Code::BadPipe, at, format!("\"{run}\" cannot stand in these parentheses"))
                .hint("a function takes the name of one field, such as sum(duration_s); numbers stand outside, such as sum(duration_s)/60")
        })
    }

    fn required_number(&mut self, at: Span, example: &str) -> Parsed<u64> {
        if let Some((text, span)) = self.lexer.number(false) {
            return text
                .parse()
                .map_err(|_| QueryError::new(Code::BadPipe, span, "the number is too large").hint(format!("such as | {example}")));
        }
        let (run, here) = self.lexer.peek_run();
        let at = if run.is_empty() || run == "|" { at } else { here };
        Err(QueryError::new(Code::BadPipe, at, "a whole number is missing here").hint(format!("it is written like this: | {example}")))
    }

    /// A length of time, where digits with a letter behind them begin one.
    fn length(&mut self) -> Parsed<Option<Duration>> {
        let (run, _) = self.lexer.peek_run();
        let unit = run.trim_start_matches(|c: char| c.is_ascii_digit());
        if unit.len() == run.len() || !unit.starts_with(char::is_alphabetic) {
            return Ok(None);
        }
        let (text, span) = self.lexer.run();
        match time::duration(text) {
            Ok(nanos) => Ok(Some(Duration { span, nanos })),
            Err(bad) => Err(QueryError::new(Code::BadTime, span, bad.to_string()).hint("units are ms, s, m, h, d and w")),
        }
    }

    fn top(&mut self, at: Span) -> Parsed<Stage> {
        /// Values that are shown where nobody says how many.
        const ROWS: u64 = 10;
        let rows =
            if self.lexer.peek_run().0.starts_with(|c: char| c.is_ascii_digit()) { self.required_number(at, "top 10 csp")? } else { ROWS };
        Ok(Stage::Top { rows, field: self.required_name(at, "top 10 error.type")? })
    }

    fn sort_key(&mut self, at: Span) -> Parsed<SortKey> {
        let minus = self.lexer.sign("-").is_some();
        let name = self.required_name(at, "sort -duration_ms")?;
        let descending = self.keyword("desc");
        let ascending = !descending && self.keyword("asc");
        Ok(SortKey { name, descending: (minus || descending) && !ascending })
    }

    fn context(&mut self, at: Span) -> Parsed<Stage> {
        let before = self.required_number(at, "context 10 10")?;
        let second = self.lexer.peek_run().0.starts_with(|c: char| c.is_ascii_digit());
        let after = if second { self.required_number(at, "context 10 10")? } else { before };
        Ok(Stage::Context { before, after })
    }

    fn where_filter(&mut self, at: Span) -> Parsed<Stage> {
        match self.filter(Context::within_pipe())? {
            Some(of) => Ok(Stage::Where { of }),
            None => Err(QueryError::new(Code::Missing, at, "there is nothing behind \"where\"")
                .hint("write what the rows must be like, as in a search: | where status>=500")),
        }
    }

    fn extract(&mut self, at: Span) -> Parsed<Stage> {
        let regex = self.lexer.sign("~").is_some();
        let Some((value, span)) = self.lexer.text_value()? else {
            return Err(QueryError::new(Code::BadPipe, at, "\"extract\" needs a text in quotation marks or back-ticks")
                .hint("write the text with *name where a value stands, such as | extract \"status=*code\""));
        };
        let from = if self.keyword("from") { Some(self.required_name(at, "extract \"status=*code\" from message")?) } else { None };
        Ok(Stage::Extract { pattern: Quoted { span, value }, regex, from })
    }

    /// The figures of `stats` and `timechart`; none is `count()`.
    fn figures(&mut self, at: Span) -> Parsed<Vec<Aggregate>> {
        let name = self.lexer.peek_name();
        let (run, _) = self.lexer.peek_run();
        if name.eq_ignore_ascii_case("by") || run.is_empty() || run == "|" {
            return Ok(vec![Aggregate { span: at, of: Expression::Call { function: Function::Count, field: None }, alias: None }]);
        }
        self.list(Self::figure)
    }

    fn figure(&mut self) -> Parsed<Aggregate> {
        let from = self.lexer.peek_run().1.from;
        let mut left = OPERATORS_MAX;
        let of = self.sum(&mut left)?;
        let alias = if self.keyword("as") { Some(self.alias()?) } else { None };
        let to = self.lexer.text()[..self.lexer.peek_run().1.from].trim_end().len();
        Ok(Aggregate { span: Span::new(from, to.max(from)), of, alias })
    }

    fn alias(&mut self) -> Parsed<Name> {
        if let Some((name, span)) = self.lexer.name() {
            return Ok(Name { span, text: name.to_owned() });
        }
        let (_, at) = self.lexer.peek_run();
        Err(QueryError::new(Code::BadPipe, at, "a name is missing behind \"as\"")
            .hint("a name begins with a letter and has letters, digits, _, - and points, such as sum(duration_s)/60 as minutes"))
    }

    /// Products that are added and subtracted; `left` counts how many operators may still come.
    fn sum(&mut self, left: &mut usize) -> Parsed<Expression> {
        self.chain([("+", Arithmetic::Plus), ("-", Arithmetic::Minus)], Self::product, left)
    }

    fn product(&mut self, left: &mut usize) -> Parsed<Expression> {
        self.chain([("*", Arithmetic::Times), ("/", Arithmetic::Over)], Self::operand, left)
    }

    fn chain(
        &mut self,
        operators: [(&str, Arithmetic); 2],
        operand: fn(&mut Self, &mut usize) -> Parsed<Expression>,
        left: &mut usize,
    ) -> Parsed<Expression> {
        let mut all = operand(self, left)?;
        while let Some((at, op)) = operators.iter().find_map(|(sign, op)| self.lexer.sign(sign).map(|at| (at, *op))) {
            spend(left, at)?;
            all = Expression::Binary { op, left: Box::new(all), right: Box::new(operand(self, left)?) };
        }
        Ok(all)
    }

    fn operand(&mut self, left: &mut usize) -> Parsed<Expression> {
        if let Some(open) = self.lexer.sign("(") {
            spend(left, open)?;
            let inner = self.sum(left)?;
            self.close(open)?;
            return Ok(inner);
        }
        if let Some((text, _)) = self.lexer.number(true) {
            return Ok(Expression::Number { text: text.to_owned() });
        }
        let Some((name, at)) = self.lexer.name() else {
            let (run, at) = self.lexer.peek_run();
            let message = if run.is_empty() { "a figure is missing here".to_owned() } else { format!("\"{run}\" is no figure") };
            return Err(QueryError::new(Code::BadPipe, at, message).hint(FIGURES));
        };
        self.call(name, at)
    }

    fn call(&mut self, name: &str, at: Span) -> Parsed<Expression> {
        let Some(function) = Function::of(name) else { return Err(self.unknown_function(name, at)) };
        let text = self.lexer.text();
        let Some(open) = self.lexer.sign("(") else {
            return Err(QueryError::new(Code::BadPipe, at, format!("\"{function}\" needs parentheses"))
                .hint(FIGURES)
                .replace(text, &if function == Function::Count { "count()".to_owned() } else { format!("{function}(duration_ms)") }));
        };
        let field = self.lexer.name().map(|(field, span)| Name { span, text: field.to_owned() });
        let close = self.close(open)?;
        match (&field, function) {
            (Some(field), Function::Count) => {
                Err(QueryError::new(Code::BadPipe, at.until(close), "\"count\" counts lines and takes no field")
                    .hint(format!("to count the lines that have the field, put {}:* into the filter before the pipe", field.text))
                    .replace(text, "count()"))
            }
            (None, function) if function != Function::Count => {
                Err(QueryError::new(Code::BadPipe, at.until(close), format!("\"{function}()\" needs the name of a field"))
                    .hint(format!("such as {function}(duration_ms)")))
            }
            _ => Ok(Expression::Call { function, field }),
        }
    }

    fn unknown_function(&self, name: &str, at: Span) -> QueryError {
        let lower = name.to_ascii_lowercase();
        let error = QueryError::new(Code::UnknownPipe, at, format!("there is no function \"{name}\""));
        let elsewhere = FUNCTIONS_ELSEWHERE.iter().find(|(other, _)| *other == lower).map(|(_, meant)| *meant);
        match elsewhere.or_else(|| nearest(&lower, Function::NAMED.map(|(name, _)| name))) {
            Some(meant) => self.meant(error, meant),
            None => error.hint(FIGURES),
        }
    }
}

const FIGURES: &str =
    "figures are count(), sum(field), min(field), max(field), avg(field), uniq(field), p95(field), and what + - * / make of them";

fn spend(left: &mut usize, at: Span) -> Parsed<()> {
    *left = left.checked_sub(1).ok_or_else(|| {
        QueryError::new(Code::TooLarge, at, format!("a figure has at most {OPERATORS_MAX} operators and parentheses"))
            .hint("compute the rest where the figures are read")
    })?;
    Ok(())
}
