//! From the tree of pipes to steps: what each name stands for at its place, and whether the pipe can stand there.

use super::steps::{Column, Computed, Figure, Grouping, Key, Kind, Measured, Step, Steps};
use super::subject::Subject;
use super::{Planned, Planner};
use crate::buckets;
use crate::lang::error::nearest;
use crate::lang::{Aggregate, By, Code, Expression, Function, Name, Pipe, QueryError, Span, Stage};
use crate::time::TimeRange;
use martlog_indexer::search::Field;
use martlog_indexer::search::predicate::Stamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows of an answer at most, and so what `limit`, `top` and `sort` can keep.
pub const ROWS_MAX: u64 = 10_000;
/// Lines on either side of one at most.
pub const AROUND_MAX: u64 = 1_000;
/// A pause that is told where nobody says how long one is, ns.
const GAP_NS: i64 = 1_000_000_000;

/// What stands in the columns of lines where nobody says it.
const COLUMNS: [&str; 5] = ["time", "level", "module", "instance", "message"];

/// What the next pipe gets.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// Lines, with these fields besides their own.
    Lines {
        /// Read out of them by `extract`.
        extracted: Vec<String>,
        /// Whether lines came along that were not found themselves.
        around: bool,
    },
    /// Rows with these columns.
    Table(Arc<[String]>),
}

impl Planner<'_> {
    /// The steps of all pipes; `range` is where the query looks.
    pub(super) fn pipes(&mut self, pipes: &[Pipe], range: TimeRange) -> Planned<Steps> {
        let mut steps = Vec::new();
        if pipes.is_empty() {
            return Ok(Steps::default());
        }
        for (at, pipe) in pipes.iter().enumerate() {
            let keep = pipes.get(at + 1).and_then(|next| if let Stage::Limit { rows } = next.stage { Some(rows) } else { None });
            self.pipe(pipe, keep, range, &mut steps)?;
        }
        let shown_as_table = matches!(self.shape, Shape::Table(_));
        if let Shape::Lines { extracted, around } = self.shape.clone() {
            let mut names: Vec<String> = COLUMNS.map(str::to_owned).to_vec();
            names.extend(extracted);
            let mut columns: Vec<Column> = names.iter().map(|name| line_column(name).unwrap_or(Column::Id)).collect();
            names.push("id".to_owned());
            columns.push(Column::Id);
            if around {
                names.push("found".to_owned());
                columns.push(Column::Found);
            }
            steps.push(Step::Fields(columns));
            self.shape = Shape::Table(names.into());
        }
        let columns = if let Shape::Table(columns) = &self.shape { columns.to_vec() } else { Vec::new() };
        Ok(Steps { steps, columns, is_table: shown_as_table })
    }

    fn pipe(&mut self, pipe: &Pipe, keep: Option<u64>, range: TimeRange, steps: &mut Vec<Step>) -> Planned<()> {
        let step = match &pipe.stage {
            Stage::Where { of } => {
                let predicate = Arc::new(self.node(of, None)?);
                match &self.shape {
                    Shape::Lines { .. } => Step::Lines(predicate),
                    Shape::Table(columns) => Step::Rows(predicate, columns.clone()),
                }
            }
            Stage::Stats { of, by } => {
                let keys = by.iter().map(|by| self.key(by)).collect::<Planned<Vec<_>>>()?;
                self.group(pipe.span, keys, of, Kind::Plain)?
            }
            Stage::Timechart { every, of, by } => {
                let shown = buckets::shown(range, self.setting.now_ns);
                let interval = every.map_or_else(|| buckets::choose(shown), |every| every.nanos);
                buckets::check(interval, shown).map_err(|reason| {
                    QueryError::new(Code::BadTime, every.map_or(pipe.span, |every| every.span), reason).hint("such as timechart 1h count()")
                })?;
                let time = ("time".to_owned(), Key::Time(self.column_named("time", pipe.span)?, interval));
                let by = by.iter().map(|name| Ok((name.text.clone(), Key::Of(self.column(name)?)))).collect::<Planned<Vec<_>>>()?;
                let keys = std::iter::once(time).chain(by).collect();
                self.group(pipe.span, keys, of, Kind::Chart { from_ns: shown.from_ns, to_ns: shown.to_ns })?
            }
            Stage::Top { rows, field } => return self.top(pipe.span, *rows, field, steps),
            Stage::Fields { names } => {
                let columns = names.iter().map(|name| self.column(name)).collect::<Planned<_>>()?;
                self.becomes(names.iter().map(|name| (name.text.clone(), name.span)))?;
                Step::Fields(columns)
            }
            Stage::Sort { by } => {
                let by = by.iter().map(|key| Ok((self.column(&key.name)?, key.descending))).collect::<Planned<_>>()?;
                Step::Sort { by, keep: keep.map(|rows| usize::try_from(rows.min(ROWS_MAX)).unwrap_or(0)) }
            }
            Stage::Limit { rows } => Step::Limit(self.rows(*rows, pipe.span)?),
            Stage::Dedup { names } => Step::Dedup(names.iter().map(|name| self.column(name)).collect::<Planned<_>>()?),
            Stage::Extract { pattern, regex, from } => {
                self.lines("extract", pipe.span)?;
                let extract = self.extract(pattern, *regex, from.as_ref())?;
                if let Shape::Lines { extracted, .. } = &mut self.shape {
                    extracted.extend(extract.names.iter().filter(|name| !extracted.contains(name)).cloned().collect::<Vec<_>>());
                }
                Step::Extract(extract)
            }
            Stage::Context { before, after } => {
                self.lines("context", pipe.span)?;
                if (*before).max(*after) > AROUND_MAX {
                    return Err(QueryError::new(
                        Code::TooLarge,
                        pipe.span,
                        format!("context shows at most {AROUND_MAX} lines on either side"),
                    )
                    .hint("for more, search for the pod and a range of time"));
                }
                self.around();
                let number = |lines: u64| usize::try_from(lines).unwrap_or(0);
                Step::Context { before: number(*before), after: number(*after) }
            }
            Stage::Session => {
                self.lines("session", pipe.span)?;
                self.around();
                Step::Session
            }
            Stage::Gaps { over } => {
                self.lines("gaps", pipe.span)?;
                self.table(["from", "to", "gap_ms", "before", "after", "before_id", "after_id"]);
                Step::Gaps(over.map_or(GAP_NS, |over| over.nanos))
            }
            Stage::Patterns => {
                self.lines("patterns", pipe.span)?;
                self.table(["pattern", "count", "share", "first", "last", "example_id"]);
                Step::Patterns
            }
        };
        steps.push(step);
        Ok(())
    }

    fn top(&mut self, span: Span, rows: u64, field: &Name, steps: &mut Vec<Step>) -> Planned<()> {
        let rows = self.rows(rows, span)?;
        let keys = vec![(field.text.clone(), Key::Of(self.column(field)?))];
        let count = Aggregate { span, of: Expression::Call { function: Function::Count, field: None }, alias: None };
        let step = self.group(span, keys, std::slice::from_ref(&count), Kind::Top)?;
        steps.push(step);
        let cell = |at: usize, name: &str| Column::Cell { at, name: name.to_owned() };
        steps.push(Step::Sort { by: vec![(cell(1, "count"), true), (cell(0, &field.text), false)], keep: Some(rows) });
        steps.push(Step::Limit(rows));
        Ok(())
    }

    fn rows(&self, rows: u64, span: Span) -> Planned<usize> {
        if (1..=ROWS_MAX).contains(&rows) {
            return Ok(usize::try_from(rows).unwrap_or(0));
        }
        Err(QueryError::new(Code::BadPipe, span, format!("{rows} rows were asked for; an answer has 1 to {ROWS_MAX}"))
            .hint("narrow the range of time for answers of another one"))
    }

    fn around(&mut self) {
        if let Shape::Lines { around, .. } = &mut self.shape {
            *around = true;
        }
    }

    /// Lines must come in here.
    fn lines(&self, pipe: &str, span: Span) -> Planned<()> {
        match &self.shape {
            Shape::Lines { .. } => Ok(()),
            Shape::Table(_) => {
                Err(QueryError::new(Code::NoLines, span, format!("\"{pipe}\" works on lines, and the pipe before it made a table"))
                    .hint(format!("put \"{pipe}\" before the pipes stats, timechart, top, fields, gaps and patterns")))
            }
        }
    }

    fn table<const N: usize>(&mut self, columns: [&str; N]) {
        self.shape = Shape::Table(columns.map(str::to_owned).to_vec().into());
    }

    /// The table that a pipe makes: no two columns of one name.
    fn becomes(&mut self, names: impl Iterator<Item = (String, Span)>) -> Planned<()> {
        let mut columns = Vec::new();
        let mut known = BTreeSet::new();
        for (name, span) in names {
            if !known.insert(name.clone()) {
                return Err(QueryError::new(Code::Twice, span, format!("two columns are called \"{name}\""))
                    .hint("leave one out, or give a figure another name with \"as\""));
            }
            columns.push(name);
        }
        self.shape = Shape::Table(columns.into());
        Ok(())
    }

    fn key(&mut self, by: &By) -> Planned<(String, Key)> {
        Ok(match by {
            By::Field(name) => (name.text.clone(), Key::Of(self.column(name)?)),
            By::Time(every) => ("time".to_owned(), Key::Time(self.column_named("time", every.span)?, every.nanos)),
        })
    }

    fn group(&mut self, span: Span, keys: Vec<(String, Key)>, of: &[Aggregate], kind: Kind) -> Planned<Step> {
        let mut measures = Vec::new();
        let mut figures = Vec::new();
        for aggregate in of {
            let computed = self.computed(&aggregate.of, aggregate.span, &mut measures)?;
            figures.push(Figure { name: aggregate.column(), of: computed });
        }
        let names = keys.iter().map(|(name, _)| (name.clone(), span));
        let figured = figures.iter().zip(of).map(|(figure, aggregate)| (figure.name.clone(), aggregate.span));
        let share = (kind == Kind::Top).then(|| ("share".to_owned(), span));
        let all: Vec<_> = names.chain(figured).chain(share).collect();
        self.becomes(all.into_iter())?;
        Ok(Step::Group(Arc::new(Grouping { keys: keys.into_iter().map(|(_, key)| key).collect(), measures, figures, kind })))
    }

    fn computed(&mut self, of: &Expression, span: Span, measures: &mut Vec<Measured>) -> Planned<Computed> {
        Ok(match of {
            Expression::Call { function: Function::Count, .. } | Expression::Call { field: None, .. } => Computed::Rows,
            Expression::Call { function, field: Some(field) } => {
                let column = self.column(field)?;
                if *function != Function::Uniq {
                    self.check_numbers(&column, field)?;
                }
                Computed::Of(*function, measured(measures, column, *function))
            }
            Expression::Number { text } => Computed::Number(text.parse().map_err(|_| {
                QueryError::new(Code::BadNumber, span, format!("\"{text}\" is no number")).hint("write it with digits and one point")
            })?),
            Expression::Binary { op, left, right } => {
                let left = Box::new(self.computed(left, span, measures)?);
                Computed::Binary(*op, left, Box::new(self.computed(right, span, measures)?))
            }
        })
    }

    fn check_numbers(&self, column: &Column, name: &Name) -> Planned<()> {
        if matches!(column, Column::Stored(Field::Attribute(_)) | Column::Cell { .. }) {
            return Ok(());
        }
        Err(QueryError::new(Code::BadOperator, name.span, format!("the values of \"{}\" are no numbers", name.text))
            .hint(format!("count() counts lines, uniq({}) counts different values", name.text)))
    }

    /// What a name stands for here.
    fn column(&mut self, name: &Name) -> Planned<Column> {
        self.check_name(name);
        self.column_named(&name.text, name.span)
    }

    fn column_named(&self, name: &str, span: Span) -> Planned<Column> {
        match &self.shape {
            Shape::Table(columns) => {
                let at = columns.iter().position(|column| column == name);
                at.map(|at| Column::Cell { at, name: name.to_owned() }).ok_or_else(|| self.unknown_column(name, span, columns))
            }
            Shape::Lines { around, .. } if *around && name == "found" => Ok(Column::Found),
            Shape::Lines { .. } => line_column(name).ok_or_else(|| {
                QueryError::new(Code::BadOperator, span, format!("\"{name}\" is no field with values of its own"))
                    .hint("write the name of a field, such as session_id or request_id")
            }),
        }
    }

    pub(super) fn unknown_column(&self, name: &str, span: Span, columns: &[String]) -> QueryError {
        let error = QueryError::new(Code::UnknownColumn, span, format!("there is no column \"{name}\" here"));
        match nearest(name, columns.iter().map(String::as_str)) {
            Some(meant) => error.hint(format!("Did you mean {meant}?")).replace(self.text, meant),
            None => error.hint(format!("the pipe before leaves the columns {}", columns.join(", "))),
        }
    }
}

/// What the name of a field stands for, of a line.
pub(crate) fn line_column(name: &str) -> Option<Column> {
    Some(match Subject::of(name) {
        Subject::Level => Column::Level,
        Subject::Verdict => Column::Verdict,
        Subject::Problem => Column::Problems,
        Subject::Time => Column::Time,
        Subject::In | Subject::Session => return None,
        Subject::Stored(Field::Stamp(Stamp::Id)) => Column::Id,
        Subject::Stored(field) => Column::Stored(field),
    })
}

/// The place of what has to be known of a column, for one more function.
fn measured(measures: &mut Vec<Measured>, of: Column, function: Function) -> usize {
    let at = measures.iter().position(|known| known.of == of).unwrap_or_else(|| {
        measures.push(Measured { of, numbers: false, quantiles: false, distinct: false });
        measures.len() - 1
    });
    if let Some(known) = measures.get_mut(at) {
        match function {
            Function::Uniq => known.distinct = true,
            Function::Percentile(_) => known.quantiles = true,
            _ => known.numbers = true,
        }
    }
    at
}
