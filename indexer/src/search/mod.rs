//! Search: one predicate over live buffers and splits alike.
//!
//! ```text
//! predicate, matches   what a row must be like, and whether one is                    a row in memory, wherever it came from
//! node                 the same as a split answers it, block by block                 columns, and for texts:
//! text, answers        which patterns of a field can hold them, which values do; together: many texts asked at once
//! candidates           those patterns: required words, then the pattern by itself (alignment: a piece of text; expression, reach: a regular expression)
//! hex                  a piece of text in ids as they are kept
//! first                the rows of a split that come first, where all of it takes long to ask
//! gate                 what of a module may be looked at: scope, time, arrival        the one place where the scope is asked
//! source               which rows of a chunk or split match
//! ordered              a chunk or split as an ordered run of matching rows
//! run                  rows in order over all of them, with an early stop; ahead: reads on several threads
//! needs, clues         what a matching row surely has, for the filters of small splits; what those of live rows tell
//! lent                 the splits that a search looks into, and how many it holds open
//! scan                 every matching row, on several threads, into accumulators
//! histogram            counts over time; count: a bounded number
//! aggregate, columns   statistics of fields by groups; sketches where exact ones would be too large
//! tail, catchup        rows as they arrive
//! ```

pub mod aggregate;
#[cfg(test)]
mod aggregate_tests;
mod ahead;
mod alignment;
mod answers;
mod candidates;
mod catchup;
mod clues;
mod columns;
pub mod count;
mod digits;
mod entry;
#[cfg(test)]
mod entry_tests;
mod events;
mod expression;
mod first;
mod gate;
mod hex;
mod histogram;
mod lent;
mod matches;
mod needs;
mod node;
#[cfg(test)]
mod node_tests;
mod ordered;
pub mod predicate;
mod progress;
mod reach;
pub mod request;
mod required;
mod run;
pub(crate) mod scalars;
mod scan;
pub mod sketches;
mod source;
mod tail;
#[cfg(test)]
mod tail_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod text;
mod threads;
mod ticker;
mod together;
mod turn;
mod wildcard;

pub(crate) use gate::{asks_for_owners, may_be_of};

pub use aggregate::{AggregateRequest, Group, Key, Measure};
pub use count::{CountRequest, Counted};
pub use events::Events;
pub use predicate::{Field, Predicate, Test};
pub use request::{Bucket, Event, Histogram, HistogramRequest, Order, SearchRequest, Summary, TailCursor, TailEvent, TailRequest};
