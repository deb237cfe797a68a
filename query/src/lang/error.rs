//! What is wrong with a query: a stable code, the place, a sentence, a hint, and, where it can be known, the query as it was probably meant.

use super::Span;
use serde_json::{Map, Value, json};

/// An error of a query. `message` says what is wrong, `hint` what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// The kind.
    pub code: Code,
    /// Where, bytes of the query.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The whole query, corrected.
    pub fix: Option<String>,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        /// The kinds of errors. The codes are documented for users and are not reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }
        }
    };
}

codes! {
    /// Something stands where nothing of its kind can.
    Unexpected = "E101";
    /// A field that has a fixed set of values has no such value.
    UnknownValue = "E102";
    /// A quotation mark, back-tick or parenthesis without its partner.
    Unclosed = "E103";
    /// An operator, `-`, `NOT`, `AND`, `OR` or parentheses without what belongs to them.
    Missing = "E104";
    /// No time or duration.
    BadTime = "E105";
    /// No regular expression, or one that is too large.
    BadRegex = "E106";
    /// A comparison or range with something that is no number.
    BadNumber = "E107";
    /// A term without a letter or digit.
    NoWords = "E108";
    /// The query is too long, too large or too deep.
    TooLarge = "E109";
    /// Pipes, where only a filter can be.
    Pipe = "E110";
    /// Time, `@` or `in:` within an alternative, a negation or parentheses; a field within another one's group.
    Misplaced = "E111";
    /// Said twice.
    Twice = "E112";
    /// The query is LogQL.
    LogQl = "E113";
    /// The query is SQL.
    Sql = "E114";
    /// The field cannot be asked in this way.
    BadOperator = "E115";
    /// The token may not ask for this.
    Forbidden = "E116";
    /// No pipe or function has this name.
    UnknownPipe = "E117";
    /// A pipe has not what it needs, or more than it takes.
    BadPipe = "E118";
    /// No column has this name at this pipe.
    UnknownColumn = "E119";
    /// A pipe that needs lines stands behind one that made something else of them.
    NoLines = "E120";
}

impl QueryError {
    /// An error without a hint or correction.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), hint: None, fix: None }
    }

    /// With what to do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// With the corrected query.
    #[must_use]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    /// With a correction that replaces the piece that is wrong.
    #[must_use]
    pub fn replace(self, query: &str, with: &str) -> Self {
        let fix = splice(query, self.span, with);
        self.fix(fix)
    }

    /// The members that a problem answer gets beside its code: `span` in UTF-16 units and bytes, `hint`, `fix`.
    #[must_use]
    pub fn members(&self, query: &str) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("span".into(), json!({ "utf16": self.span.utf16(query), "bytes": self.span }));
        if let Some(hint) = &self.hint {
            members.insert("hint".into(), json!(hint));
        }
        if let Some(fix) = &self.fix {
            members.insert("fix".into(), json!(fix));
        }
        members
    }

    /// For a terminal: the line of the query that is wrong, underlined, and below it everything that is known. Characters are counted from 1.
    #[must_use]
    pub fn render(&self, query: &str) -> String {
        let from = floor(query, self.span.from);
        let to = floor(query, self.span.to).max(from);
        let start = query[..from].rfind('\n').map_or(0, |at| at + 1);
        let end = query[from..].find('\n').map_or(query.len(), |at| from + at);
        let before = query[start..from].chars().count();
        let under = query[from..to.min(end).max(from)].chars().count().max(1);
        let mut text = format!("{}\n{}{}\n", &query[start..end], " ".repeat(before), "─".repeat(under));
        let column = query[..from].chars().count() + 1;
        text.push_str(&format!("{} at {column}–{}: {}.", self.code.as_str(), column + under - 1, self.message));
        if let Some(hint) = &self.hint {
            text.push_str(&format!(" {hint}{}", if hint.ends_with('?') { "" } else { "." }));
        }
        if let Some(fix) = &self.fix {
            text.push_str(&format!("\nTry: {fix}"));
        }
        text
    }
}

/// The query with a piece replaced, and no space left double or at an end by it.
#[must_use]
pub(crate) fn splice(query: &str, span: Span, with: &str) -> String {
    let head = &query[..floor(query, span.from)];
    let tail = &query[floor(query, span.to.max(span.from))..];
    if with.is_empty() {
        let joint = if head.trim_end().is_empty() || tail.trim_start().is_empty() { "" } else { " " };
        let glued = !head.ends_with(char::is_whitespace) && !tail.starts_with(char::is_whitespace);
        let joint = if glued { "" } else { joint };
        return format!("{}{joint}{}", head.trim_end(), tail.trim_start());
    }
    format!("{head}{with}{tail}")
}

/// A text between as many back-ticks as it takes: it is found as it is written.
#[must_use]
pub(crate) fn back_ticked(text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    format!("{fence}{text}{fence}")
}

/// How near a name must be to be meant by another one, 0 to 1.
const NEAR: f64 = 0.58;

/// The nearest of some words, when one is near.
pub(crate) fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_lowercase();
    let near = words.into_iter().map(|known| (strsim::normalized_damerau_levenshtein(&word, known), known));
    near.filter(|(nearness, _)| *nearness >= NEAR).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// The nearest border of characters at or before the byte.
fn floor(text: &str, byte: usize) -> usize {
    let mut at = byte.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
