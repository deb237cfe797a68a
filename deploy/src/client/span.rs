//! A piece of a query, underlined for a terminal.

/// The indentation of the drawing, columns.
const INDENT: &str = "    ";

/// The line of the query in which `[from, to)` (bytes) begins, and a rule under it. Any range is drawn: one that is not inside the query, or cuts
/// a character, is moved to what is there; an empty one becomes one column wide.
pub(crate) fn draw(query: &str, from: usize, to: usize) -> String {
    let from = floor(query, from);
    let line_start = query[..from].rfind('\n').map_or(0, |at| at + 1);
    let line_end = query[from..].find('\n').map_or(query.len(), |at| from + at);
    let to = floor(query, to).clamp(from, line_end);
    let shown: String = query[line_start..line_end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let before = columns(&query[line_start..from]);
    let under = columns(&query[from..to]).max(1);
    format!("{INDENT}{shown}\n{INDENT}{}{}", " ".repeat(before), "─".repeat(under))
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Columns that a terminal gives the text: control characters are drawn as one space.
fn columns(text: &str) -> usize {
    text.chars().map(|c| unicode_width::UnicodeWidthChar::width(c).unwrap_or(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rule_stands_under_the_piece() {
        assert_eq!(draw("csp:434 level:eror", 8, 18), "    csp:434 level:eror\n            ──────────");
    }

    #[test]
    fn bytes_are_not_columns() {
        assert_eq!(draw("абонент lvl:x", 15, 20), "    абонент lvl:x\n            ─────");
        assert_eq!(draw("通話 x", 7, 8), "    通話 x\n         ─");
    }

    #[test]
    fn an_empty_range_at_the_end_is_seen() {
        assert_eq!(draw("a AND", 5, 5), "    a AND\n         ─");
    }

    #[test]
    fn of_several_lines_the_one_in_question_is_shown() {
        assert_eq!(draw("one\ntwo three", 8, 13), "    two three\n        ─────");
        assert_eq!(draw("one\ntwo", 1, 6), "    one\n     ──");
    }

    proptest! {
        #[test]
        fn any_range_of_any_query_is_drawn(query in "\\PC{0,20}|.{0,20}", from in 0..40usize, to in 0..40usize) {
            let drawn = draw(&query, from, to);
            prop_assert_eq!(drawn.lines().count(), 2);
            prop_assert!(drawn.ends_with('─'));
        }
    }
}
