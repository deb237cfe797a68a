//! `patterns`: messages without what varies in them, counted: which statements of a program printed the lines.
//!
//! A word with a digit in it varies: `<num>` stands for a number, `<hex>` and `<uuid>` for ids, `<*>` for any other.

use super::cell::id;
use super::{Cell, Flow, Item, Operator, Out, Taken};
use martlog_formats::words;
use std::collections::HashMap;

/// Patterns that are told apart.
const PATTERNS_MAX: usize = 5_000;
/// A longer pattern is cut, characters.
const PATTERN_CHARS_MAX: usize = 400;
/// Digits that make a word of hex digits an id and not a number with letters.
const HEX_DIGITS: usize = 6;

struct Seen {
    count: u64,
    first_ns: i64,
    last_ns: i64,
    example: String,
}

/// See the module.
pub(super) struct Patterns {
    epoch: u64,
    seen: HashMap<String, Seen>,
    lines: u64,
    others: u64,
}

impl Patterns {
    pub(super) fn new(epoch: u64) -> Self {
        Self { epoch, seen: HashMap::new(), lines: 0, others: 0 }
    }
}

impl Operator for Patterns {
    fn take(&mut self, item: Item, _: &mut Out<'_>) -> Taken {
        let Item::Line(line) = item else { return Ok(Flow::More) };
        let (row, time_ns) = (&line.row, line.row.record.time_ns);
        self.lines += 1;
        let pattern = pattern(&row.record.message);
        if let Some(seen) = self.seen.get_mut(&pattern) {
            seen.count += 1;
            (seen.first_ns, seen.last_ns) = (seen.first_ns.min(time_ns), seen.last_ns.max(time_ns));
        } else if self.seen.len() < PATTERNS_MAX {
            let seen = Seen { count: 1, first_ns: time_ns, last_ns: time_ns, example: id(row, self.epoch) };
            self.seen.insert(pattern, seen);
        } else {
            self.others += 1;
        }
        Ok(Flow::More)
    }

    fn end(&mut self, out: &mut Out<'_>) -> Taken {
        if self.others > 0 {
            out.notes.truncate(format!(
                "{PATTERNS_MAX} patterns were told apart; {} of {} lines have others and are in no row: narrow the query",
                self.others, self.lines
            ));
        }
        let mut all: Vec<(String, Seen)> = self.seen.drain().collect();
        all.sort_by(|(a, one), (b, other)| other.count.cmp(&one.count).then_with(|| a.cmp(b)));
        for (pattern, seen) in all {
            let share = super::group::share(seen.count, self.lines);
            let (first, last) = (Cell::Time(seen.first_ns), Cell::Time(seen.last_ns));
            let cells = vec![Cell::Text(pattern), Cell::count(seen.count), share, first, last, Cell::Text(seen.example)];
            if out.push(Item::Cells(cells))? == Flow::Enough {
                break;
            }
        }
        Ok(Flow::More)
    }
}

/// The text without what varies.
pub(crate) fn pattern(text: &str) -> String {
    let mut pattern = String::new();
    let mut done = 0;
    for run in words::runs(text) {
        let Some((from, to, stands)) = varies(run.text, run.uuid) else { continue };
        pattern.push_str(&text[done..run.from + from]);
        pattern.push_str(stands);
        done = run.from + to;
    }
    pattern.push_str(&text[done..]);
    if let Some((cut, _)) = pattern.char_indices().nth(PATTERN_CHARS_MAX) {
        pattern.truncate(cut);
        pattern.push('…');
    }
    pattern
}

/// What of a word varies, and what stands for it.
fn varies(word: &str, uuid: bool) -> Option<(usize, usize, &'static str)> {
    if uuid {
        return Some((0, word.len(), "<uuid>"));
    }
    let first = word.find(|c: char| c.is_ascii_digit())?;
    let digits = word[first..].find(|c: char| !c.is_ascii_digit()).map_or(word.len(), |length| first + length);
    if word.len() >= HEX_DIGITS && word.bytes().all(|byte| byte.is_ascii_hexdigit()) && digits - first < word.len() {
        return Some((0, word.len(), "<hex>"));
    }
    // Letters before or behind one number belong to the text: 731ms, v2.
    let one_number = !word[digits..].contains(|c: char| c.is_ascii_digit());
    Some(if one_number { (first, digits, "<num>") } else { (0, word.len(), "<*>") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_cut_out() {
        for (text, expected) in [
            ("worker 17 took 731ms for 7d1f3a52", "worker <num> took <num>ms for <hex>"),
            ("REQ <f81d4fae-7dec-11d0-a765-00a0c91e6bf6> done", "REQ <<uuid>> done"),
            ("10.0.0.7:5060 sent x1y2z3", "<num>.<num>.<num>.<num>:<num> sent <*>"),
            ("абонент 79123456789 недоступен", "абонент <num> недоступен"),
            ("nothing varies", "nothing varies"),
        ] {
            assert_eq!(pattern(text), expected);
        }
        assert_eq!(pattern(&"é".repeat(1_000)).chars().count(), PATTERN_CHARS_MAX + 1);
    }
}
