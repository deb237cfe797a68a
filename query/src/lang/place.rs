//! What may be written at a place of a query that is being typed: found from the text before it, which need not be a query yet.

use super::Span;
use super::lex::field_name;

/// A place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What is there of it already, and would be replaced.
    pub span: Span,
    /// What may stand there.
    pub wants: Wants,
    /// Where the filter ends and the pipes begin; the whole text up to the place where there is none.
    pub filter: Span,
    /// Where the pipe begins that the place is in.
    pub bar: Option<usize>,
}

/// What may stand at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wants {
    /// Nothing that could be known.
    Nothing,
    /// A clause of a filter: the name of a field, or words.
    Clause,
    /// A value of this field.
    Value(String),
    /// The name of a pipe.
    Pipe,
    /// A figure: a function of a field.
    Figure,
    /// The name of a field or column.
    Column,
}

/// What may stand at this byte of a text.
#[must_use]
pub fn place(text: &str, at: usize) -> Place {
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let scanned = scan(&text[..at]);
    let begin = scanned.last_bar.map_or(0, |bar| bar + 1);
    let segment = &text[begin..at];
    let (wants, from) = if scanned.quoted { (Wants::Nothing, segment.len()) } else { within(segment, scanned.last_bar.is_some()) };
    let filter = Span::new(0, scanned.first_bar.unwrap_or(begin + from));
    Place { span: Span::new(begin + from, at), wants, filter, bar: scanned.last_bar }
}

/// Where bars stand outside of quotes, and whether the end of the text is within some.
struct Scanned {
    first_bar: Option<usize>,
    last_bar: Option<usize>,
    quoted: bool,
}

fn scan(text: &str) -> Scanned {
    let mut scanned = Scanned { first_bar: None, last_bar: None, quoted: false };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let at = text.len() - rest.len();
        let length = match c {
            '|' => {
                scanned.first_bar.get_or_insert(at);
                scanned.last_bar = Some(at);
                Some(1)
            }
            '"' => phrase_length(rest),
            '`' => literal_length(rest),
            c => Some(c.len_utf8()),
        };
        let Some(length) = length else {
            scanned.quoted = true;
            return scanned;
        };
        rest = &rest[length..];
    }
    scanned
}

/// How long the phrase at the start of the text is; nothing when it does not end.
fn phrase_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return Some(at + 1),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

/// The same for a text between back-ticks.
fn literal_length(text: &str) -> Option<usize> {
    let fence = text.len() - text.trim_start_matches('`').len();
    let mut run = 0;
    for (at, c) in text.char_indices().skip(fence).chain([(text.len(), ' ')]) {
        if c == '`' {
            run += 1;
        } else if run == fence {
            return Some(at);
        } else {
            run = 0;
        }
    }
    None
}

/// What may stand at the end of a filter or pipe, and where what is there of it begins.
fn within(segment: &str, is_pipe: bool) -> (Wants, usize) {
    let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"' | '`' | '+' | '*' | '/');
    let name = field_name(segment.trim_start()).to_ascii_lowercase();
    if is_pipe && name != "where" {
        let from = segment.rfind(ends).map_or(0, |at| at + segment[at..].chars().next().map_or(0, char::len_utf8));
        return (in_pipe(&name, segment, from), from + leading_minus(&segment[from..]));
    }
    if is_pipe && !segment.trim_start()[name.len()..].starts_with(char::is_whitespace) {
        return (Wants::Pipe, segment.len() - segment.trim_start().len());
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '`');
    let mut from = segment.rfind(ends).map_or(0, |at| at + segment[at..].chars().next().map_or(0, char::len_utf8));
    from += leading_minus(&segment[from..]);
    let piece = &segment[from..];
    let field = field_name(piece);
    let behind = &piece[field.len()..];
    let operator = [":>=", ":<=", ":>", ":<", "!=", ">=", "<=", ":", "=", ">", "<"].iter().find(|operator| behind.starts_with(**operator));
    match operator {
        Some(operator) if !field.is_empty() => (Wants::Value(field.to_owned()), from + field.len() + operator.len()),
        _ => (Wants::Clause, from),
    }
}

fn leading_minus(piece: &str) -> usize {
    usize::from(piece.starts_with('-'))
}

fn in_pipe(name: &str, segment: &str, from: usize) -> Wants {
    let first = segment.trim_start();
    if from <= segment.len() - first.len() {
        return Wants::Pipe;
    }
    let by = segment[..from].split_whitespace().any(|word| word.eq_ignore_ascii_case("by"));
    let before = segment[..from].trim_end();
    match name {
        "stats" | "timechart" if before.ends_with("as") => Wants::Nothing,
        "stats" | "timechart" if by || before.ends_with('(') => Wants::Column,
        "stats" | "timechart" => Wants::Figure,
        "top" | "fields" | "sort" | "dedup" => Wants::Column,
        "extract" if before.ends_with("from") => Wants::Column,
        _ => Wants::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_may_stand_at_a_place_is_found_before_the_query_is_whole() {
        let value = |field: &str| Wants::Value(field.to_owned());
        // The place is the end of the text.
        for (text, there, wants) in [
            ("", "", Wants::Clause),
            ("csp:434 le", "le", Wants::Clause),
            ("csp:434 -le", "le", Wants::Clause),
            ("(le", "le", Wants::Clause),
            ("level:", "", value("level")),
            ("a OR level>=wa", "wa", value("level")),
            ("-module:sm", "sm", value("module")),
            ("\"a | b", "", Wants::Nothing),
            ("`a | ", "", Wants::Nothing),
            ("``a` |``", "", Wants::Clause),
            ("a | ", "", Wants::Pipe),
            ("a | sta", "sta", Wants::Pipe),
            ("a | where", "where", Wants::Pipe),
            ("a | where lev", "lev", Wants::Clause),
            ("a | where level:wa", "wa", value("level")),
            ("\"|\" | stats co", "co", Wants::Figure),
            ("a | stats count(), p95(dur", "dur", Wants::Column),
            ("a | stats count() by mo", "mo", Wants::Column),
            ("a | stats sum(a)/6", "6", Wants::Figure),
            ("a | stats sum(a) as mi", "mi", Wants::Nothing),
            ("a | sort -du", "du", Wants::Column),
            ("a | fields time, mo", "mo", Wants::Column),
            ("a | limit 1", "1", Wants::Nothing),
            ("a | extract \"x\" from pa", "pa", Wants::Column),
        ] {
            let found = place(text, text.len());
            assert_eq!((&text[found.span.from..found.span.to], found.wants), (there, wants), "{text}");
        }
        let found = place("csp:434 level:w | stats count()", 15);
        assert_eq!((found.span, found.bar, found.filter), (Span::new(14, 15), None, Span::new(0, 14)));
        let found = place("a | limit 5 | so", 16);
        assert_eq!((found.bar, found.filter), (Some(12), Span::new(0, 2)));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "([a-z:=<>|\"`() ,\\\\-]|\\PC){0,30}", at in 0_usize..40) {
            let found = place(&text, at);
            prop_assert!(found.span.from <= found.span.to && found.span.to <= text.len() && found.filter.to <= text.len());
            prop_assert!(text.is_char_boundary(found.span.from) && text.is_char_boundary(found.span.to) && text.is_char_boundary(found.filter.to));
        }
    }
}
