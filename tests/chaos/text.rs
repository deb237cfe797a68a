//! What containers print, and what the store must make of it: both follow from a line's id, so the ledger need not hold texts.
//!
//! An id is `STREAM`, `o` or `e`, `ORDINAL`: the stream's number in the ledger, its substream, and the number of lines of it before this one. Lengths are bytes.

use std::fmt::Write as _;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One JSON object.
    Json,
    /// One line of text.
    Text,
    /// A line of text that says that something failed, and indented ones behind it: one record.
    Trace,
}

impl Kind {
    /// As the ledger has it.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Json => 'j',
            Self::Text => 't',
            Self::Trace => 'm',
        }
    }

    pub(crate) fn of(letter: &str) -> Self {
        match letter {
            "j" => Self::Json,
            "t" => Self::Text,
            "m" => Self::Trace,
            other => panic!("{other} is no kind of line"),
        }
    }
}

/// A line's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) stream: u32,
    /// 0 stdout, 1 stderr.
    pub(crate) substream: usize,
    pub(crate) ordinal: u32,
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{}", self.stream, if self.substream == 0 { 'o' } else { 'e' }, self.ordinal)
    }
}

impl Id {
    /// The id that a message names.
    pub(crate) fn within(message: &str) -> Option<Self> {
        let word = message.split("chaos ").nth(1)?.split([' ', '\n']).next()?;
        let at = word.find(['o', 'e'])?;
        let substream = usize::from(word.as_bytes()[at] == b'e');
        Some(Self { stream: word[..at].parse().ok()?, substream, ordinal: word[at + 1..].parse().ok()? })
    }
}

/// Words that follow from the id, about so many bytes.
pub(crate) fn filler(id: Id, length: usize) -> String {
    let mut state = (u64::from(id.stream) << 33) ^ ((id.substream as u64) << 32) ^ u64::from(id.ordinal) ^ 0x9E37_79B9_7F4A_7C15;
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut bits = state >> 16;
        for _ in 0..3 + bits % 7 {
            text.push(char::from(b'a' + u8::try_from(bits % 26).unwrap()));
            bits = bits / 26 + (bits << 40 >> 1);
        }
        text.push(' ');
    }
    text.pop();
    text
}

/// The lines that the container prints for it, without their ends.
pub(crate) fn printed(kind: Kind, id: Id, length: usize, stamp: &str) -> Vec<String> {
    match kind {
        Kind::Json => {
            let filler = filler(id, length);
            vec![format!(r#"{{"timestamp":"{stamp}","level":"info","message":"chaos {id} done","filler":"{filler}"}}"#)]
        }
        Kind::Text | Kind::Trace => message(kind, id, length).split('\n').map(str::to_owned).collect(),
    }
}

/// The message of its record.
pub(crate) fn message(kind: Kind, id: Id, length: usize) -> String {
    match kind {
        Kind::Json => format!("chaos {id} done"),
        Kind::Text => format!("INFO chaos {id} {}", filler(id, length)),
        Kind::Trace => {
            let mut text = format!("ERROR chaos {id} failed");
            for (depth, word) in filler(id, length).split(' ').enumerate().step_by(3) {
                write!(text, "\n    at {word} in step {depth}").unwrap();
            }
            text
        }
    }
}
