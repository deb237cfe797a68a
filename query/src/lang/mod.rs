//! The query language: text to a tree with a place on every node, or to an error that says where, why and what to write instead.
//!
//! ```text
//! query   = { time | filter } { "|" pipe }         time = "@" duration, anywhere before the pipes outside of parentheses, once
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
//!
//! pipe    = "stats" [figures] ["by" by { "," by }]              figures = figure { "," figure }; without any, count()
//!         | "timechart" [duration] [figures] ["by" names]       names = name { "," name }
//!         | "top" [number] name                                 ten, where no number says how many
//!         | "fields" names | "dedup" names
//!         | "sort" key { "," key }                              key = ["-"] name ["asc" | "desc"]
//!         | "limit" number
//!         | "where" filter
//!         | "extract" ["~"] ( phrase | literal ) ["from" name]  with ~ a regular expression
//!         | "context" number [number]                           one number counts on both sides
//!         | "session" | "patterns" | "gaps" [duration]
//! by      = name | "time" "(" duration ")"
//! figure  = sum ["as" name]
//! sum     = product { ( "+" | "-" ) product } ; product = operand { ( "*" | "/" ) operand }
//! operand = function "(" [name] ")" | decimal | "(" sum ")"
//! function = "count" | "sum" | "min" | "max" | "avg" | "uniq" | "p" percent
//! name    = field ; where a column is meant, also the function that made it: `sort -count()` is `sort -count`
//! ```
//!
//! Inside `field:( … )` every term is a value of the field, comparisons included (`status:(404 OR >=500)`), and no other field can be asked for.
//! No space may stand before or after `:`; the other operators allow it (`level >= warn`).
//!
//! What is pasted from a log is a word where it could be mistaken for a field: `https://host/path`, `sip:alice@host`, `std::io`, `10:12:50`.
//!
//! The words of pipes are read in any case and printed in lower case; they are no keywords in the filter.
//!
//! Invariants: parsing looks at a query of at most [`QUERY_BYTES_MAX`] once, makes at most [`NODES_MAX`] nodes, and nests at most
//! [`DEPTH_MAX`] deep; there are at most [`PIPES_MAX`] pipes with lists of at most [`LIST_MAX`] and [`OPERATORS_MAX`] operators in a figure; `parse(print(ast))` is the same tree but for the spans. Spans are bytes of the query; [`Span::utf16`] turns them into
//! what a browser counts.

pub mod ast;
pub mod error;
mod foreign;
mod lex;
mod parse;
pub(crate) mod parse_pipes;
pub mod pipes;
pub mod place;
mod print;
mod print_pipes;

pub use ast::{Bound, Duration, Kind, Name, Node, Op, Query, Span, Test, Value};
pub use error::{Code, QueryError};
pub use parse::parse;
pub use pipes::{Aggregate, Arithmetic, By, Expression, Function, Pipe, Quoted, SortKey, Stage};

/// The longest query, bytes: far more than a person writes, and little enough to parse for everyone who asks.
pub const QUERY_BYTES_MAX: usize = 16 << 10;
/// The most nodes of a tree: each is evaluated on every row that is looked at.
pub const NODES_MAX: usize = 1_000;
/// The deepest nesting of parentheses and negations; bounds the stack.
pub const DEPTH_MAX: usize = 50;
/// The most pipes of a query.
pub const PIPES_MAX: usize = 20;
/// The longest list in a pipe: figures, names, keys.
pub const LIST_MAX: usize = 32;
/// The most operators of one figure; bounds the stack.
pub const OPERATORS_MAX: usize = 32;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_pipes;
