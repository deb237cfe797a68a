//! The query language: text to a tree with a place on every node, or to an error that says where, why and what to write instead.
//!
//! ```text
//! query   = { time | filter }                     time = "@" duration, anywhere outside of parentheses, once
//! filter  = and { "OR" and }
//! and     = unary { ["AND"] unary }                words side by side mean AND; AND binds tighter than OR
//! unary   = ( "NOT" | "-" ) unary | atom           "-" negates only at the start of an atom, and never before a space or another "-"
//! atom    = "(" filter ")" | field ":" "(" filter ")" | field op value | term
//! term    = word | phrase | literal | "~" ( phrase | literal )
//! op      = ":" | "=" | "!=" | "=~" | "!~" | [":"] ( ">" | ">=" | "<" | "<=" )
//! value   = term | bound ".." [bound] | ".." bound | "*"          bound = word | phrase
//!
//! word    = any run without a space and without ( ) " ` |          `*` any run, `?` one character
//! phrase  = '"' … '"'                              only \" is special in it: a quotation mark
//! literal = "`" … "`", or between two runs of more back-ticks     nothing is special in it
//! field   = a letter or "_", then letters, digits, "_", "-", "." ; ends in neither "-" nor "."
//! duration = { number ( "ms" | "s" | "m" | "h" | "d" | "w" ) }
//! ```
//!
//! Inside `field:( … )` every term is a value of the field, comparisons included (`status:(404 OR >=500)`), and no other field can be asked for.
//! No space may stand before or after `:`; the other operators allow it (`level >= warn`).
//!
//! What is pasted from a log is a word where it could be mistaken for a field: `https://host/path`, `sip:alice@host`, `std::io`, `10:12:50`.
//!
//! Invariants: parsing looks at a query of at most [`QUERY_BYTES_MAX`] once, makes at most [`NODES_MAX`] nodes, and nests at most
//! [`DEPTH_MAX`] deep; `parse(print(ast))` is the same tree but for the spans. Spans are bytes of the query; [`Span::utf16`] turns them into
//! what a browser counts.

pub mod ast;
pub mod error;
mod foreign;
mod lex;
mod parse;
mod print;

pub use ast::{Bound, Duration, Kind, Name, Node, Op, Query, Span, Test, Value};
pub use error::{Code, QueryError};
pub use parse::parse;

/// The longest query, bytes: far more than a person writes, and little enough to parse for everyone who asks.
pub const QUERY_BYTES_MAX: usize = 16 << 10;
/// The most nodes of a tree: each is evaluated on every row that is looked at.
pub const NODES_MAX: usize = 1_000;
/// The deepest nesting of parentheses and negations; bounds the stack.
pub const DEPTH_MAX: usize = 50;

#[cfg(test)]
mod tests;
