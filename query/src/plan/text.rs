//! Terms and the fields of the store: words, phrases, wildcards, exact pieces, regular expressions and numbers.

use super::subject::path;
use super::{Planned, Planner};
use crate::lang::error::back_ticked;
use crate::lang::{Bound, Code, Op, QueryError, Span, Test, Value};
use martlog_formats::{fields, words};
use martlog_indexer::search::predicate::{Pattern, Stamp};
use martlog_indexer::search::{Field, Predicate, Test as Asked};
use regex::{Regex, RegexBuilder};

/// The largest compiled regular expression, bytes, and the same for its cache: each search compiles its own.
const REGEX_BYTES_MAX: usize = 2 << 20;
/// Different regular expressions of one query: with the size of one, that bounds the memory and time that a query takes to be planned.
const REGEXES_MAX: usize = 8;
/// The deepest nesting of a regular expression; bounds the stack.
const REGEX_DEPTH_MAX: u32 = 50;

impl Planner<'_> {
    /// A term about the whole text of a line.
    pub(super) fn bare_term(&mut self, span: Span, test: &Test) -> Planned<Predicate> {
        if test.op == Op::Matches {
            return Ok(Predicate::Regex(self.regex(span, test)?));
        }
        match &test.value {
            Value::Any => Ok(Predicate::All),
            Value::Literal(piece) => Ok(Predicate::Literal(piece.clone())),
            Value::Phrase(text) => self.words_of(span, text).map(phrase),
            Value::Word(word) if word.contains(['*', '?']) => Ok(self.wildcard_words(span, word)),
            Value::Word(word) => {
                self.address(span, word);
                self.words_of(span, word).map(phrase)
            }
            Value::Range { .. } => {
                Err(QueryError::new(Code::Unexpected, span, "a range needs the name of a field before it").hint("write field:lo..hi"))
            }
        }
    }

    /// A test of a field that rows have.
    pub(super) fn stored(&mut self, span: Span, field: &Field, test: &Test) -> Planned<Predicate> {
        let asked = match (&test.value, test.op) {
            (Value::Any, _) => return self.presence(span, test, Predicate::Field(field.clone(), Asked::Exists)),
            (Value::Range { low, high }, _) => self.number_range(span, field, low.as_ref(), high.as_ref())?,
            (_, Op::Matches | Op::NotMatches) => Asked::Regex(self.regex(span, test)?),
            (Value::Word(text) | Value::Phrase(text) | Value::Literal(text), op) if op.is_comparison() => {
                self.comparison(span, field, op, text)?
            }
            (Value::Word(text) | Value::Phrase(text) | Value::Literal(text), Op::Equals | Op::NotEquals) => {
                if matches!(test.value, Value::Word(_)) && text.contains('*') {
                    self.warn(
                        "W207",
                        span,
                        format!("with \"{}\" the * is a character; field:{text} finds what begins or ends so", test.op.as_str()),
                    );
                }
                Asked::Equals(text.clone())
            }
            (Value::Literal(piece), _) => Asked::Literal(piece.clone()),
            (Value::Word(text), _) if text.contains(['*', '?']) => self.wildcard(span, field, text)?,
            (Value::Word(text) | Value::Phrase(text), _) if is_exact(field) => Asked::Equals(text.clone()),
            (Value::Word(text) | Value::Phrase(text), _) => Asked::Words(self.words_of(span, text)?),
        };
        let predicate = match &asked {
            // The store knows a row by module and number alone, so a pattern of the whole id would be asked of something else.
            Asked::Wildcard(_) | Asked::Literal(_) | Asked::Regex(_) if *field == Field::Stamp(Stamp::Id) => {
                return Err(QueryError::new(Code::BadOperator, span, "the id of a line is compared whole")
                    .hint("write id:sms/1f/42, or id:(one OR another)"));
            }
            Asked::Equals(id) if *field == Field::Stamp(Stamp::Id) && !self.is_id_of_store(span, id) => Predicate::None,
            _ => Predicate::Field(field.clone(), asked),
        };
        let negated = matches!(test.op, Op::NotEquals | Op::NotMatches);
        Ok(if negated { Predicate::Not(Box::new(predicate)) } else { predicate })
    }

    /// Whether the id of a row is one that this store gave: the store compares module and number, the epoch is compared here.
    fn is_id_of_store(&mut self, span: Span, id: &str) -> bool {
        let mut parts = id.rsplitn(3, '/');
        let number = parts.next().is_some_and(|seq| seq.parse::<u64>().is_ok());
        let epoch = parts.next().and_then(|epoch| u64::from_str_radix(epoch, 16).ok());
        let whole = number && parts.next().is_some_and(|module| !module.is_empty());
        match epoch.filter(|_| whole) {
            Some(epoch) if epoch == self.setting.epoch => return true,
            Some(_) => {
                self.warn("W212", span, format!("{id} was given before the store was restored from a backup; its line has another id now"))
            }
            None => {
                self.warn("W212", span, format!("{id} is no id of a line; ids have three parts, as the member \"id\" of a row has them"))
            }
        }
        false
    }

    /// The words of a text; at least one.
    fn words_of(&self, span: Span, text: &str) -> Planned<Vec<String>> {
        let words: Vec<String> = words::words(text).map(std::borrow::Cow::into_owned).collect();
        if !words.is_empty() {
            return Ok(words);
        }
        let error = QueryError::new(Code::NoWords, span, "there is no letter or digit in it, so no word to search for");
        if text.is_empty() {
            return Err(error.hint("write what is to be found between the quotation marks"));
        }
        let clause = &self.text[span.from..span.to];
        // What belongs to a field stays with it.
        let with = match clause.strip_suffix(text).filter(|head| head.ends_with(':')) {
            Some(head) => format!("{head}{}", back_ticked(text)),
            None => back_ticked(text),
        };
        Err(error.hint("between back-ticks every character counts").replace(self.text, &with))
    }

    /// `conn*`, or several words of which some have wildcards.
    fn wildcard_words(&mut self, span: Span, word: &str) -> Predicate {
        if word.ends_with('?') && !word.contains('*') {
            self.warn(
                "W205",
                span,
                format!("\"?\" stands for one character: {word} finds no word of {} letters", word.chars().count() - 1),
            );
        }
        let folded = words::fold(word);
        let pieces: Vec<&str> =
            folded.split(|c| !(words::is_word_char(c) || matches!(c, '*' | '?'))).filter(|piece| !piece.is_empty()).collect();
        let mut clauses = Vec::new();
        let mut plain = Vec::new();
        for piece in pieces {
            if piece.contains(['*', '?']) {
                clauses.extend((!plain.is_empty()).then(|| phrase(std::mem::take(&mut plain))));
                if !piece.trim_matches('*').is_empty() {
                    clauses.push(Predicate::Word(Pattern(piece.to_owned())));
                }
            } else {
                plain.extend(words::words(piece).map(std::borrow::Cow::into_owned));
            }
        }
        clauses.extend((!plain.is_empty()).then(|| phrase(plain)));
        match clauses.len() {
            0 => Predicate::All,
            1 => clauses.remove(0),
            _ => {
                self.warn("W204", span, format!("{word} was read as its words, anywhere in the line: * and ? reach within one word"));
                Predicate::And(clauses)
            }
        }
    }

    /// A wildcard in a field's value: the whole value of a field, a word of the message.
    fn wildcard(&mut self, span: Span, field: &Field, text: &str) -> Planned<Asked> {
        let pattern = || Asked::Wildcard(Pattern(words::fold(text).into_owned()));
        if *field != Field::Message {
            return Ok(pattern());
        }
        let mut expression = String::from("(?i)(?:^|\\W)");
        for c in text.chars() {
            match c {
                '*' => expression.push_str("\\w*"),
                '?' => expression.push_str("\\w"),
                _ => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            }
        }
        expression.push_str("(?:\\W|$)");
        Ok(self.compiled(span, &expression)?.map_or_else(|_| pattern(), Asked::Regex))
    }

    fn regex(&mut self, span: Span, test: &Test) -> Planned<Regex> {
        self.expression(span, test.value.text().unwrap_or("*"))
    }

    /// An expression that somebody wrote.
    pub(super) fn expression(&mut self, span: Span, text: &str) -> Planned<Regex> {
        self.compiled(span, text)?.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => QueryError::new(Code::BadRegex, span, "the regular expression is too large").hint(
                "use smaller repetitions, and narrower classes: [0-9A-Za-z] takes far less than \\w, which has the letters of all scripts",
            ),
            error => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                QueryError::new(Code::BadRegex, span, format!("this is no regular expression: {reason}")).hint(
                    "a character that is meant as it is takes a back-slash, such as \\(; for text without patterns use back-ticks alone",
                )
            }
        })
    }

    /// An expression that is compiled once, however often the query has it.
    fn compiled(&mut self, span: Span, expression: &str) -> Planned<Result<Regex, regex::Error>> {
        if let Some(known) = self.regexes.iter().find(|known| known.as_str() == expression) {
            return Ok(Ok(known.clone()));
        }
        if self.regexes.len() >= REGEXES_MAX {
            let message = format!("the query has more than {REGEXES_MAX} regular expressions");
            return Err(
                QueryError::new(Code::TooLarge, span, message).hint("join them with | in one, or write words where words are meant")
            );
        }
        let compiled = build(expression);
        self.regexes.extend(compiled.as_ref().ok().cloned());
        Ok(compiled)
    }

    fn comparison(&self, span: Span, field: &Field, op: Op, text: &str) -> Planned<Asked> {
        let number = self.number(span, field, text)?;
        Ok(match op {
            Op::Less => Asked::Number { low: None, high: Some((number, false)) },
            Op::AtMost => Asked::Number { low: None, high: Some((number, true)) },
            Op::More => Asked::Number { low: Some((number, false)), high: None },
            _ => Asked::Number { low: Some((number, true)), high: None },
        })
    }

    fn number_range(&self, span: Span, field: &Field, low: Option<&Bound>, high: Option<&Bound>) -> Planned<Asked> {
        let bound = |bound: Option<&Bound>| bound.map(|bound| self.number(span, field, &bound.text)).transpose();
        let (low, high) = (bound(low)?, bound(high)?);
        if let (Some(low), Some(high)) = (low, high)
            && low > high
        {
            return Err(QueryError::new(Code::BadNumber, span, "the range ends below its start").hint("write the smaller number first"));
        }
        Ok(Asked::Number { low: low.map(|low| (low, true)), high: high.map(|high| (high, true)) })
    }

    fn number(&self, span: Span, field: &Field, text: &str) -> Planned<f64> {
        let name = path(field);
        if let Field::Stamp(_) | Field::Message = field {
            return Err(QueryError::new(Code::BadOperator, span, format!("the values of \"{name}\" are texts: none is larger or smaller"))
                .hint(format!("write {name}:value, or {name}:(one OR another)")));
        }
        fields::field_number(name, text).ok_or_else(|| {
            let clause = &self.text[span.from..span.to];
            QueryError::new(Code::BadNumber, span, format!("\"{text}\" is no number to compare with"))
                .hint("write a number, with a unit or without, such as 500, 1.5s or 10MiB; text that has these characters goes between back-ticks")
                .replace(self.text, &back_ticked(clause))
        })
    }

    /// `sip:alice@host` is text, although it looks like a field.
    fn address(&mut self, span: Span, word: &str) {
        if let Some((scheme, rest)) = word.split_once(':')
            && !rest.starts_with([':', '/'])
            && scheme.starts_with(char::is_alphabetic)
            && scheme.chars().all(char::is_alphanumeric)
        {
            self.warn("W208", span, format!("{word} was searched as text; attributes.{word} asks for a field \"{scheme}\""));
        }
    }
}

/// Whether values of the field are ids and names: compared whole.
fn is_exact(field: &Field) -> bool {
    match field {
        Field::Stamp(_) => true,
        Field::Message => false,
        Field::Attribute(name) => fields::is_exact(name),
    }
}

fn phrase(mut words: Vec<String>) -> Predicate {
    if words.len() == 1 { Predicate::Word(Pattern(words.remove(0))) } else { Predicate::Phrase(words) }
}

fn build(expression: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(expression).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).nest_limit(REGEX_DEPTH_MAX).build()
}
