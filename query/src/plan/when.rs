//! When: `@5m` and `time:` among a query's outermost clauses, and how they meet the range of the request.

use super::{Planned, Planner};
use crate::lang::{Code, Duration, Op, QueryError, Span, Test, Value};
use crate::time::{self, BadTime, DAY, TimeRange};

/// What the query says of the time so far. All clauses hold together.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    low: Option<i64>,
    high: Option<i64>,
    /// An open end was said: up to now.
    open: bool,
    /// Where `@` stands.
    ago: Option<Span>,
    /// Where the first `time:` stands.
    clause: Option<Span>,
}

impl Bounds {
    pub(super) fn ago(&mut self, ago: Duration, now_ns: i64) {
        self.ago = Some(ago.span);
        self.low = Some(now_ns.saturating_sub(ago.nanos));
        self.open = true;
    }

    pub(super) fn is_given(&self) -> bool {
        self.ago.is_some() || self.clause.is_some()
    }

    fn narrow(&mut self, low: Option<i64>, high: Option<i64>) {
        self.low = self.low.max(low);
        self.high = match (self.high, high) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// The range to look in. What the query says goes before what the request says.
    pub(super) fn range(self, planner: &mut Planner<'_>) -> Planned<TimeRange> {
        let setting = planner.setting;
        let Some(span) = self.ago.or(self.clause) else { return Ok(setting.range) };
        if setting.range_given {
            planner.warn("W201", span, "the time in the query was used, not the time range beside it");
        }
        let range = match (self.low, self.high) {
            (Some(from_ns), None) => TimeRange::since(from_ns, setting.now_ns),
            (low, high) => {
                let to_ns = high.unwrap_or(setting.range.to_ns);
                if low.is_none() {
                    planner.warn(
                        "W211",
                        span,
                        "no beginning was given: the 24 hours before the end were searched; write time:lo..hi for another",
                    );
                }
                TimeRange { from_ns: low.unwrap_or_else(|| to_ns.saturating_sub(DAY)), to_ns, open: false }
            }
        };
        if range.from_ns >= range.to_ns {
            let message = format!(
                "the time range is empty: it begins at {} and ends at {}",
                time::rfc3339(range.from_ns),
                time::rfc3339(range.to_ns)
            );
            return Err(QueryError::new(Code::BadTime, span, message).hint("write the earlier time first"));
        }
        Ok(range)
    }
}

impl Planner<'_> {
    /// A `time:` clause.
    pub(super) fn time_clause(&mut self, span: Span, test: &Test) -> Planned<()> {
        if self.time.ago.is_some() {
            return Err(QueryError::new(Code::Twice, span, "the time is given twice, with @ and with time:")
                .hint("keep one of them")
                .replace(self.text, ""));
        }
        let now = self.setting.now_ns;
        let range = |range: Result<TimeRange, BadTime>| range.map(|range| (Some(range.from_ns), (!range.open).then_some(range.to_ns)));
        let bounds = match (&test.value, test.op) {
            (Value::Word(text) | Value::Phrase(text), Op::Has | Op::Equals) => range(time::within(text, now)),
            (Value::Range { low: None, high: Some(high) }, _) => {
                time::range(None, Some(&high.text), now).map(|range| (None, Some(range.to_ns)))
            }
            (Value::Range { low, high }, _) => {
                range(time::range(low.as_ref().map(|b| b.text.as_str()), high.as_ref().map(|b| b.text.as_str()), now))
            }
            (Value::Word(text) | Value::Phrase(text), op) if op.is_comparison() => time::moment(text, now).map(|at| {
                let behind = at.start_ns.saturating_add(at.width_ns.max(1));
                match op {
                    Op::AtLeast => (Some(at.start_ns), None),
                    Op::More => (Some(behind), None),
                    Op::Less => (None, Some(at.start_ns)),
                    _ => (None, Some(behind)),
                }
            }),
            _ => {
                return Err(QueryError::new(Code::BadOperator, span, "the time is asked for as a range")
                    .hint(format!("write time:{day}, time:{day}T10..12 or @5m", day = time::day(now))));
            }
        };
        let (low, high) = bounds.map_err(|BadTime(reason)| {
            QueryError::new(Code::BadTime, span, reason)
                .hint(format!("write time:{day}, time:{day}T10..12, time:{day}T10:30:00Z.. or @5m", day = time::day(now)))
        })?;
        self.time.clause.get_or_insert(span);
        self.time.narrow(low, high);
        Ok(())
    }
}
