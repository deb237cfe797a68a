//! `gaps`: the pauses between lines, in the order of their times.

use super::cell::{id, value};
use super::{Cell, Flow, Item, Operator, Out, Taken};
use crate::plan::steps::Column;

/// Lines that are looked at.
const LINES_MAX: usize = 50_000;
/// What is shown of a message, characters.
const SHOWN: usize = 200;

/// A line, as far as a pause shows it.
struct Beside {
    time_ns: i64,
    id: String,
    message: String,
}

/// See the module.
pub(super) struct Gaps {
    over_ns: i64,
    epoch: u64,
    lines: Vec<Beside>,
}

impl Gaps {
    pub(super) fn new(over_ns: i64, epoch: u64) -> Self {
        Self { over_ns, epoch, lines: Vec::new() }
    }
}

impl Operator for Gaps {
    fn take(&mut self, item: Item, out: &mut Out<'_>) -> Taken {
        let (Item::Line(line), Cell::Time(time_ns)) = (&item, value(&item, &Column::Time, self.epoch)) else { return Ok(Flow::More) };
        if self.lines.len() >= LINES_MAX {
            out.notes.truncate(format!("gaps looked at {LINES_MAX} lines, and there are more: narrow the query or the time"));
            return Ok(Flow::Enough);
        }
        let message = line.row.record.message.chars().take(SHOWN).collect();
        self.lines.push(Beside { time_ns, id: id(&line.row, self.epoch), message });
        Ok(Flow::More)
    }

    fn end(&mut self, out: &mut Out<'_>) -> Taken {
        self.lines.sort_by_key(|line| line.time_ns);
        for pair in self.lines.windows(2) {
            let [before, after] = pair else { continue };
            let gap_ns = after.time_ns.saturating_sub(before.time_ns);
            if gap_ns < self.over_ns {
                continue;
            }
            #[allow(clippy::cast_precision_loss)] // Milliseconds with decimals are exact enough for a pause.
            let gap_ms = Cell::number((gap_ns as f64 / 1e6 * 1e3).round() / 1e3);
            let (first, second) = (Cell::Text(before.message.clone()), Cell::Text(after.message.clone()));
            let (first_id, second_id) = (Cell::Text(before.id.clone()), Cell::Text(after.id.clone()));
            let cells = vec![Cell::Time(before.time_ns), Cell::Time(after.time_ns), gap_ms, first, second, first_id, second_id];
            if out.push(Item::Cells(cells))? == Flow::Enough {
                break;
            }
        }
        Ok(Flow::More)
    }
}
