//! Rows for a terminal: `time level module@version instance message`.
//!
//! Invariant: nothing of a row reaches the terminal but printable characters; a terminal obeys escape sequences, and a log line may
//! hold any.

use serde::Deserialize;
use std::fmt::Write as _;

/// What is shown of a row; the rest is for `--json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Row {
    time: String,
    level: Option<String>,
    module: Option<String>,
    version: Option<String>,
    instance: Option<String>,
    message: String,
}

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Escape sequences of our own.
    Colour,
    /// None.
    Plain,
}

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const CYAN: &str = "\x1b[36m";

impl Style {
    /// Colours where a person sees them and has not said no.
    pub(crate) fn of_stdout() -> Self {
        use std::io::IsTerminal as _;
        if std::io::stdout().is_terminal() && !crate::logging::no_color() { Self::Colour } else { Self::Plain }
    }

    /// Of less weight than what is beside it.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(DIM, text)
    }

    fn paint(self, colour: &str, text: &str) -> String {
        match self {
            Self::Colour if !colour.is_empty() => format!("{colour}{text}{RESET}"),
            _ => text.to_owned(),
        }
    }
}

impl Row {
    /// The row as one or, where the message has several lines, more lines; ends with a newline.
    pub(crate) fn render(&self, style: Style) -> String {
        let level = clean(self.level.as_deref().unwrap_or("-"));
        let mut module = clean(self.module.as_deref().unwrap_or("-"));
        if let Some(version) = self.version.as_deref().filter(|version| !version.is_empty()) {
            let _ = write!(module, "@{}", clean(version));
        }
        let instance = clean(self.instance.as_deref().unwrap_or("-"));
        let message = clean(&self.message).trim_end().replace('\n', "\n    ");
        format!(
            "{} {} {} {} {message}\n",
            style.paint(DIM, &time_ms(&self.time)),
            style.paint(level_colour(&level), &format!("{level:<5}")),
            style.paint(CYAN, &module),
            style.paint(DIM, &instance),
        )
    }
}

fn level_colour(level: &str) -> &'static str {
    match level {
        "fatal" => "\x1b[1;31m",
        "error" => "\x1b[31m",
        "warn" => "\x1b[33m",
        "info" => "\x1b[32m",
        _ => DIM,
    }
}

/// The time in UTC with milliseconds, so that columns line up; what is no time is shown as it is.
pub(crate) fn time_ms(time: &str) -> String {
    match chrono::DateTime::parse_from_rfc3339(time) {
        Ok(time) => time.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        Err(_) => clean(time),
    }
}

/// The text without what a terminal would obey: whole escape sequences, control characters, and the marks that turn the direction
/// of writing. Newlines stay; a tab becomes a space.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => out.push('\n'),
            '\t' => out.push(' '),
            '\u{1b}' => skip_escape(&mut chars),
            // The same introducers as single characters of the C1 set.
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Behind an ESC (ECMA-48): a control sequence, a string, or intermediates and one final character.
fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        _ => {
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next_if(|c| ('0'..='~').contains(c));
        }
    }
}

/// Parameters and intermediates, then one final character.
fn skip_control_sequence(chars: &mut Chars<'_>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// Up to BEL or ST; one without an end is skipped to the end of its line only, so that it cannot hide the rest.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' if chars.next_if_eq(&'\\').is_some() => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row() -> Row {
        serde_json::from_str(
            r#"{"id":"sms/1/7","time":"2026-11-22T12:12:50.353123456+02:00","level":"error","message":"failed","module":"sms",
                "version":"2.4.1","instance":"sms-434","verdict":"ok","problems":[]}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_row_is_one_line_of_aligned_columns() {
        assert_eq!(row().render(Style::Plain), "2026-11-22T10:12:50.353Z error sms@2.4.1 sms-434 failed\n");
    }

    #[test]
    fn what_is_unknown_is_a_dash() {
        let row: Row = serde_json::from_str(r#"{"time":"2026-11-22T10:12:50Z","message":"m"}"#).unwrap();
        assert_eq!(row.render(Style::Plain), "2026-11-22T10:12:50.000Z -     - - m\n");
    }

    #[test]
    fn a_stack_trace_is_indented() {
        let row = Row { message: "boom\n  at a\n  at b\n".to_owned(), ..row() };
        assert!(row.render(Style::Plain).ends_with(" boom\n      at a\n      at b\n"));
    }

    #[test]
    fn colours_are_ours_alone() {
        let row = Row { message: "\u{1b}[32mgreen\u{1b}[0m".to_owned(), ..row() };
        assert!(row.render(Style::Colour).contains("\u{1b}[31merror\u{1b}[0m"));
        assert!(row.render(Style::Colour).ends_with(" green\n"));
    }

    #[test]
    fn escape_sequences_vanish_whole() {
        assert_eq!(clean("a\u{1b}[1;31mb\u{1b}[0mc"), "abc");
        assert_eq!(clean("a\u{1b}]0;title\u{7}b\u{1b}]8;;http://x\u{1b}\\c"), "abc");
        assert_eq!(clean("a\u{9b}2Jb\u{1b}cc\u{1b}(Bd"), "abcd");
        assert_eq!(clean("a\rb\u{8}c\u{0}d\te\u{7f}\u{85}"), "abcd e");
        assert_eq!(clean("a\u{202e}b\u{2066}c"), "abc");
        assert_eq!(clean("a\u{1b}]never ends\nseen"), "a\nseen");
        assert_eq!(clean("абонент 通話 é"), "абонент 通話 é");
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_is_left(text in "(\\PC|.|\u{1b}|\\[|\u{9b}|\u{7}){0,60}") {
            prop_assert!(clean(&text).chars().all(|c| c == '\n' || !c.is_control()));
        }

        #[test]
        fn plain_text_stays_as_it_is(text in "[a-zA-Z0-9 .,:{}\"'абв通]{0,60}") {
            prop_assert_eq!(clean(&text), text);
        }
    }
}
