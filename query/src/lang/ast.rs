//! The tree of a query. Every node knows where it stands in the text; the JSON form is what `POST /api/v1/parse` answers.
//!
//! Invariant of trees that [`super::parse()`] makes: `And` and `Or` have two children or more, and none of their own kind.

use super::Pipe;
use serde::{Deserialize, Serialize};

/// A piece of the query's text, `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub from: usize,
    /// One past the last byte.
    pub to: usize,
}

/// A whole query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// `@5m`: the last five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ago: Option<Duration>,
    /// What the lines must be like; absent asks for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Node>,
    /// What is done with them, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pipes: Vec<Pipe>,
}

/// `@` and a duration, or a duration alone in a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duration {
    /// Where, the `@` included.
    pub span: Span,
    /// How long, ns; above 0.
    pub nanos: i64,
}

/// A part of a filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Where.
    pub span: Span,
    /// What.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What a node asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// All of these.
    And {
        /// Two or more, none of them an `And`.
        of: Vec<Node>,
    },
    /// One of these.
    Or {
        /// Two or more, none of them an `Or`.
        of: Vec<Node>,
    },
    /// Not this.
    Not {
        /// This.
        of: Box<Node>,
    },
    /// The whole text of the line, or, within a group, the group's field passes the test.
    Term {
        /// The test.
        test: Test,
    },
    /// The field passes the test.
    Field {
        /// Which field.
        name: Name,
        /// The test.
        test: Test,
    },
    /// `field:( … )`: every term inside is about the field.
    Group {
        /// Which field.
        name: Name,
        /// Has no `Field` and no `Group` in it.
        of: Box<Node>,
    },
}

/// A field's name as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// Where.
    pub span: Span,
    /// The name.
    pub text: String,
}

/// What is asked of a text or field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// How the value is meant.
    pub op: Op,
    /// Where the value stands.
    pub span: Span,
    /// The value.
    #[serde(flatten)]
    pub value: Value,
}

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// `:`, and that of a bare term: has the word, is the id, lies in the range.
    Has,
    /// `=`
    Equals,
    /// `!=`
    NotEquals,
    /// `=~`, and `~"…"`.
    Matches,
    /// `!~`
    NotMatches,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Value {
    /// Bare.
    Word(String),
    /// In quotation marks.
    Phrase(String),
    /// In back-ticks.
    Literal(String),
    /// `lo..hi`; at least one of them is there.
    Range {
        /// The lower bound.
        low: Option<Bound>,
        /// The upper bound.
        high: Option<Bound>,
    },
    /// `*`: there is a value.
    Any,
}

/// An end of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// Where.
    pub span: Span,
    /// As it was written, without quotation marks.
    pub text: String,
}

impl Span {
    /// `[from, to)`.
    #[must_use]
    pub const fn new(from: usize, to: usize) -> Self {
        Self { from, to }
    }

    /// From the start of this to the end of the other.
    #[must_use]
    pub fn until(self, end: Self) -> Self {
        Self { from: self.from, to: end.to.max(self.from) }
    }

    /// The same piece in UTF-16 code units, as browsers count. Ends that are no border of a character count as the one before.
    #[must_use]
    pub fn utf16(self, text: &str) -> Self {
        let units = |byte: usize| text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= byte).map(|(_, c)| c.len_utf16()).sum();
        Self { from: units(self.from), to: units(self.to) }
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.from, self.to].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [from, to] = Deserialize::deserialize(deserializer)?;
        Ok(Self { from, to })
    }
}

impl Query {
    /// Replaces every span: to turn bytes into UTF-16 units for an answer, or to compare two trees without them.
    pub fn map_spans(&mut self, map: &mut impl FnMut(Span) -> Span) {
        if let Some(ago) = &mut self.ago {
            ago.span = map(ago.span);
        }
        if let Some(filter) = &mut self.filter {
            filter.map_spans(map);
        }
        self.pipes.iter_mut().for_each(|pipe| pipe.map_spans(map));
    }

    /// The clauses that must all hold, outermost.
    #[must_use]
    pub fn clauses(&self) -> &[Node] {
        match &self.filter {
            None => &[],
            Some(Node { kind: Kind::And { of }, .. }) => of,
            Some(one) => std::slice::from_ref(one),
        }
    }
}

impl Node {
    pub(super) fn map_spans(&mut self, map: &mut impl FnMut(Span) -> Span) {
        self.span = map(self.span);
        match &mut self.kind {
            Kind::And { of } | Kind::Or { of } => of.iter_mut().for_each(|node| node.map_spans(map)),
            Kind::Not { of } => of.map_spans(map),
            Kind::Term { test } => test.map_spans(map),
            Kind::Field { name, test } => {
                name.span = map(name.span);
                test.map_spans(map);
            }
            Kind::Group { name, of } => {
                name.span = map(name.span);
                of.map_spans(map);
            }
        }
    }
}

impl Test {
    fn map_spans(&mut self, map: &mut impl FnMut(Span) -> Span) {
        self.span = map(self.span);
        if let Value::Range { low, high } = &mut self.value {
            for bound in [low, high].into_iter().flatten() {
                bound.span = map(bound.span);
            }
        }
    }
}

impl Op {
    /// As it is written between a field and a value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Has => ":",
            Self::Equals => "=",
            Self::NotEquals => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether it compares sizes.
    #[must_use]
    pub const fn is_comparison(self) -> bool {
        matches!(self, Self::Less | Self::AtMost | Self::More | Self::AtLeast)
    }
}

impl Value {
    /// The text of a word, phrase or literal.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Phrase(text) | Self::Literal(text) => Some(text),
            Self::Range { .. } | Self::Any => None,
        }
    }
}
