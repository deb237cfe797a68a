//! Loki's language, as far as it means something here: text to a tree, and the tree to a query of the own language.
//!
//! ```text
//! expr     = log | metric
//! log      = selector { stage }                          selector = "{" [ matcher { "," matcher } ] "}"
//! stage    = line_op text { "or" text }                  line_op = "|=" | "!=" | "|~" | "!~" | "|>" | "!>"
//!          | "|" ( "json" [ labels ] | "logfmt" { "--strict" | "--keep-empty" } [ labels ] | "pattern" text | "regexp" text )
//!          | "|" ( "drop" | "keep" ) name { "," name }
//!          | "|" condition                               labels = name [ "=" text ] { "," … }
//! condition = all { "or" all } ; all = one { ( "and" | "," ) one } ; one = "(" condition ")" | matcher | name compare quantity
//! matcher  = name ( "=" | "!=" | "=~" | "!~" ) text      compare = "=" | "==" | "!=" | ">" | ">=" | "<" | "<="
//! quantity = number | duration | bytes
//! metric   = product { ( "+" | "-" ) product }, with comparisons below and "^" above, as in Prometheus; between two of them [ "bool" ]
//! operand  = number | "vector" "(" number ")" | "(" metric ")" | aggregation | over_time
//! aggregation = name [ grouping ] "(" [ number "," ] metric ")" [ grouping ]        sum avg min max count topk bottomk
//! over_time = name "(" [ number "," ] log [ "|" "unwrap" unwrapped { "|" condition } ] "[" duration "]" [ "offset" duration ] ")" [ grouping ]
//! grouping = ( "by" | "without" ) "(" [ name { "," name } ] ")"
//! ```
//!
//! The range may stand right behind the selector, too. What else the language has is read far enough to be named: its error says what does the same in the own language.
//!
//! Invariants: parsing looks at a query of at most [`QUERY_BYTES_MAX`] once and nests at most [`DEPTH_MAX`] deep; a tree has at most [`STAGES_MAX`] stages and conditions; what a tree prints is read as
//! the same tree. Nothing here asks a store: [`translate`] makes text of the own language, which is planned as if a reader had written it, with the same bounds.

pub mod ast;
mod error;
pub mod labels;
mod lex;
mod names;
mod parse;
mod parse_metric;
mod parse_stage;
mod pattern;
mod print;
pub mod translate;

pub use ast::{Expr, LogQuery, Metric};
pub use error::LogQlError;
pub(crate) use parse::duration;
pub use parse::parse;

/// The longest query, bytes.
pub const QUERY_BYTES_MAX: usize = 16 << 10;
/// The deepest nesting; bounds the stack.
pub const DEPTH_MAX: usize = 40;
/// Stages, and matchers and conditions in them, at most.
pub const STAGES_MAX: usize = 200;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
