//! Reading metrics: functions over time, aggregations of series, and what is computed between them.

use super::ast::{Aggregation, BinaryOp, Grouping, Metric, Range, RangeFunction, Unit, Unwrap};
use super::lex::Token;
use super::parse::{Parsed, Parser};
use super::{LogQlError, names};

/// The most series that `topk` keeps.
const COUNT_MAX: f64 = 10_000.0;

impl Parser<'_> {
    /// A metric with the operators of the lowest rank.
    pub(super) fn metric(&mut self) -> Parsed<Metric> {
        self.nested(|parser| parser.binary(0))
    }

    /// Operators of this rank and above; those of one rank are read from the left, but for `^`.
    fn binary(&mut self, rank: u8) -> Parsed<Metric> {
        let mut left = self.operand()?;
        while let Some(op) = self.operator(rank) {
            self.count()?;
            let is_bool = self.keyword("bool");
            if is_bool && !matches!(op, BinaryOp::Compare(_)) {
                return Err(self.error("bool modifier can only be used on comparison operators"));
            }
            if let Some(word) = self.word_of(&["on", "ignoring", "group_left", "group_right"]) {
                return Err(self.error(format!(
                    "{word} is not supported here: series are matched by all of their labels, so group both sides by the same ones"
                )));
            }
            let above = if op == BinaryOp::Power { op.rank() } else { op.rank() + 1 };
            let right = self.nested(|parser| parser.binary(above))?;
            left = Metric::Binary { op, bool: is_bool, left: Box::new(left), right: Box::new(right) };
        }
        if let Some(word) = self.word_of(&["and", "or", "unless"]) {
            return Err(self.error(format!("{word} between series is not supported here: ask for them one by one")));
        }
        Ok(left)
    }

    /// The next token, where it is one of these words.
    fn word_of(&self, words: &[&'static str]) -> Option<&'static str> {
        let Token::Name(name) = self.peek() else { return None };
        words.iter().find(|word| *word == name).copied()
    }

    /// Takes an operator of at least this rank.
    fn operator(&mut self, rank: u8) -> Option<BinaryOp> {
        let before = self.at;
        let op = match self.peek() {
            Token::Sign("+") => BinaryOp::Plus,
            Token::Sign("-") => BinaryOp::Minus,
            Token::Sign("*") => BinaryOp::Times,
            Token::Sign("/") => BinaryOp::Over,
            Token::Sign("%") => BinaryOp::Modulo,
            Token::Sign("^") => BinaryOp::Power,
            _ => match self.compare(false) {
                Some(compare) => BinaryOp::Compare(compare),
                None => return None,
            },
        };
        self.at = if op.rank() >= rank { before + 1 } else { before };
        (op.rank() >= rank).then_some(op)
    }

    fn operand(&mut self) -> Parsed<Metric> {
        match self.peek().clone() {
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.metric()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("-" | "+") | Token::Quantity(_) => {
                let _plus = self.sign("+");
                self.number().map(Metric::Number)
            }
            Token::Name(name) => {
                let from = self.place();
                self.at += 1;
                self.call(&name, from)
            }
            _ => Err(self.unexpected("")),
        }
    }

    fn call(&mut self, name: &str, from: usize) -> Parsed<Metric> {
        if name == "vector" {
            self.expect("(")?;
            let number = self.number()?;
            self.expect(")")?;
            return Ok(Metric::Vector(number));
        }
        if let Some((_, function)) = RangeFunction::NAMED.iter().find(|(known, _)| *known == name) {
            return self.over_time(*function, name, from).map(|range| Metric::Range(Box::new(range)));
        }
        if let Some((_, function)) = Aggregation::NAMED.iter().find(|(known, _)| *known == name) {
            return self.aggregation(*function, name, from);
        }
        let message = names::function(name).unwrap_or_else(|| "syntax error: unexpected IDENTIFIER".to_owned());
        Err(LogQlError::at(self.query, from, message))
    }

    fn aggregation(&mut self, function: Aggregation, name: &str, from: usize) -> Parsed<Metric> {
        let mut grouping = self.grouping()?;
        self.expect("(")?;
        let count = if function.takes_count() { Some(self.how_many(name, from)?) } else { None };
        let of = Box::new(self.metric()?);
        self.expect(")")?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        Ok(Metric::Aggregate { function, count, of, grouping })
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Checked.
    fn how_many(&mut self, name: &str, from: usize) -> Parsed<u64> {
        if !matches!((self.peek(), self.ahead(1)), (Token::Quantity(_), Token::Sign(","))) {
            return Err(LogQlError::at(self.query, from, format!("parameter required for operation {name}")));
        }
        let number = self.number()?;
        self.expect(",")?;
        if number.fract() != 0.0 || !(1.0..=COUNT_MAX).contains(&number) {
            return Err(LogQlError::at(self.query, from, format!("invalid parameter (must be greater than 0) {name}({number}, …")));
        }
        Ok(number as u64)
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = match self.peek() {
            Token::Name(word) if word == "by" => false,
            Token::Name(word) if word == "without" => true,
            _ => return Ok(None),
        };
        self.at += 1;
        self.expect("(")?;
        let mut labels = Vec::new();
        while !self.sign(")") {
            if !labels.is_empty() {
                self.expect(",")?;
            }
            self.count()?;
            labels.push(self.name("IDENTIFIER or )")?);
        }
        Ok(Some(Grouping { without, labels }))
    }

    fn over_time(&mut self, function: RangeFunction, name: &str, from: usize) -> Parsed<Range> {
        self.expect("(")?;
        let share = if function == RangeFunction::Quantile { Some(self.share(from)?) } else { None };
        let opened = usize::from(self.sign("("));
        let (of, mut range) = self.log(true)?;
        let unwrap = if self.sign("|") { Some(self.unwrap()?) } else { None };
        (0..opened).try_for_each(|_| self.expect(")"))?;
        if range.is_none() && self.sign("[") {
            range = Some(self.range()?);
        }
        let range_ns = range.ok_or_else(|| self.unexpected("["))?;
        let offset_ns = if self.keyword("offset") { self.offset()? } else { 0 };
        self.expect(")")?;
        let grouping = self.grouping()?;
        self.check(function, name, from, unwrap.as_ref(), grouping.as_ref())?;
        Ok(Range { function, share, of, unwrap, range_ns, offset_ns, grouping })
    }

    fn offset(&mut self) -> Parsed<i64> {
        let negative = self.sign("-");
        Ok(if negative { -self.duration()? } else { self.duration()? })
    }

    fn check(&self, function: RangeFunction, name: &str, from: usize, unwrap: Option<&Unwrap>, grouping: Option<&Grouping>) -> Parsed<()> {
        let wrong = |message: String| Err(LogQlError::at(self.query, from, message));
        let numbers = function.takes_numbers() || (function == RangeFunction::Rate && unwrap.is_some());
        if function.takes_numbers() && unwrap.is_none() {
            return wrong(format!("invalid aggregation {name} without unwrap"));
        }
        if !numbers && unwrap.is_some() {
            return wrong(format!("invalid aggregation {name} with unwrap"));
        }
        // As Loki: figures of lines and sums are grouped by an aggregation around them.
        if grouping.is_some() && (!numbers || matches!(function, RangeFunction::Rate | RangeFunction::Sum)) {
            return wrong(format!("grouping not allowed for {name} operation: put sum by (…) around it"));
        }
        Ok(())
    }

    fn share(&mut self, from: usize) -> Parsed<f64> {
        let share = self.number()?;
        self.expect(",")?;
        if (0.0..=1.0).contains(&share) {
            Ok(share)
        } else {
            Err(LogQlError::at(self.query, from, format!("the quantile {share} does not lie between 0 and 1")))
        }
    }

    /// What stands behind the bar.
    fn unwrap(&mut self) -> Parsed<Unwrap> {
        if !self.keyword("unwrap") {
            return Err(self.unexpected("unwrap"));
        }
        let word = self.name("IDENTIFIER")?;
        let (name, unit) = if self.sign("(") {
            let unit = match word.as_str() {
                "duration" | "duration_seconds" => Unit::Seconds,
                "bytes" => Unit::Bytes,
                _ => return Err(self.error(format!("unwrap takes duration(…), duration_seconds(…), bytes(…) or a label, not {word}(…)"))),
            };
            let name = self.name("IDENTIFIER")?;
            self.expect(")")?;
            (name, unit)
        } else {
            (word, Unit::Plain)
        };
        let mut filters = Vec::new();
        while self.sign("|") {
            filters.push(self.condition()?);
        }
        Ok(Unwrap { name, unit, filters })
    }
}

impl BinaryOp {
    /// How tightly it binds.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::Compare(_) => 0,
            Self::Plus | Self::Minus => 1,
            Self::Times | Self::Over | Self::Modulo => 2,
            Self::Power => 3,
        }
    }
}
